/* SPDX-License-Identifier: Apache-2.0
 *
 * ratio: failures / attempts over a sliding `within` reach `enter`, with at least `min` attempts.
 *
 *     |--64 panes of within / 64, aligned to the epoch--|
 *     | 1/3 |     | 0/2 |  ...                    | 2/2 |   failed/tried; only panes with something are kept
 *                                                   ^ the newest; a pane leaves the window as a whole
 *
 * Counts are whole numbers and shares are compared as fractions: nothing drifts, the value is what a recount
 * over the same panes gives. With `enter: 2x` the share is held against what is usual in the customer's
 * segment, which the engine knows (engine/segment.c): every attempt is told to it. It comes true at an event;
 * it ends when the value has been under `leave` for `hold`, to which the passing of time (panes that leave)
 * counts as well.
 *
 * State: | newest pane's number 8 | since when it is under leave 8 | pane 12 each, oldest first |
 */
#include "base/assert.h"
#include "rules/rule.h"

enum { MILLION = 1000000, SHARE_MAX = 10 * MILLION, HEAD_BYTES = 16 };

typedef struct pane {
    uint32_t number; /* its low 32 bits: panes in a window differ by less than 64 */
    uint32_t failed;
    uint32_t tried;
} pane;

typedef struct state {
    int64_t newest;
    int64_t below_ms; /* SNAG_TIME_NONE: it is not under leave, or no episode is open */
    pane panes[SNAG_PANES_MAX];
} state;

_Static_assert(offsetof(state, panes) == HEAD_BYTES && sizeof(pane) == 12, "packed without gaps");

typedef struct sums {
    uint64_t failed;
    uint64_t tried;
} sums;

static const snag_field fields[] = {
    SNAG_FIELD_MATCHER("ratio", failed, true, SNAG_ROLE_EVENT, "the event that is a failure"),
    SNAG_FIELD_MATCHER("of", of, true, SNAG_ROLE_OF,
                       "the event that is an attempt; one that matches both counts as both"),
    SNAG_FIELD("within", DURATION, within_ms, true, SNAG_PANES_MAX, INT64_MAX / 4, 0,
               "the sliding window; it slides in 64 steps"),
    SNAG_FIELD("enter", TIMES, enter, true, 1, SHARE_MAX, 0,
               "from which share on it is true, with at least min attempts: as 30%, or as 2x: against what "
               "is usual in the customer's segment, shrunk by its size"),
    SNAG_FIELD("leave", TIMES, leave, false, 1, SHARE_MAX, -1,
               "under which share the episode ends; default: enter"),
    SNAG_FIELD("hold", DURATION, hold_ms, false, 0, INT64_MAX / 4, 0,
               "how long it must stay under leave to end"),
    SNAG_FIELD("min", COUNT, min, false, 1, MILLION, 1, "how many attempts there must be"),
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that starts the counts anew and ends the episode"),
};

static bool starts(const snag_rule *rule, uint32_t roles)
{
    (void)rule;
    return (roles & (SNAG_ROLE_EVENT | SNAG_ROLE_OF)) != 0;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* floor(64 t / within), without overflow. */
static int64_t pane_of(int64_t time_ms, int64_t within_ms)
{
    if (time_ms >= 0 && time_ms < INT64_MAX / SNAG_PANES_MAX)
        return time_ms * SNAG_PANES_MAX / within_ms;
    int64_t whole = floor_div(time_ms, within_ms);
    return whole * SNAG_PANES_MAX + (time_ms - whole * within_ms) * SNAG_PANES_MAX / within_ms;
}

/* The first millisecond of a pane. */
static int64_t pane_start(int64_t number, int64_t within_ms)
{
    int64_t whole = floor_div(number, SNAG_PANES_MAX);
    int64_t part = (number - whole * SNAG_PANES_MAX) * within_ms;
    return whole * within_ms + (part + SNAG_PANES_MAX - 1) / SNAG_PANES_MAX;
}

static int64_t counts_until(const snag_rule *rule, const void *bytes, size_t size)
{
    const state *kept = bytes;
    (void)size;
    return pane_start(kept->newest + SNAG_PANES_MAX, rule->params.within_ms) - 1;
}

static size_t pane_count(const snag_rule_step *step)
{
    size_t bytes = snag_rule_state_bytes(step);
    SNAG_ASSERT(bytes == 0 || bytes >= HEAD_BYTES);
    return bytes ? (bytes - HEAD_BYTES) / sizeof(pane) : 0;
}

static void panes_keep(snag_rule_step *step, size_t count)
{
    snag_rule_keep(step, HEAD_BYTES + count * sizeof(pane));
}

static uint32_t age_of(const state *kept, const pane *at)
{
    return (uint32_t)kept->newest - at->number;
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

/* The window moves on to a pane; what it leaves behind goes. */
static size_t slide(const snag_rule *rule, snag_rule_step *step, state *kept, size_t count, int64_t number)
{
    if (number <= kept->newest)
        return count;
    int64_t moved = number - kept->newest;
    size_t gone = 0;
    while (gone < count && (int64_t)age_of(kept, &kept->panes[gone]) + moved >= SNAG_PANES_MAX)
        gone++;
    kept->newest = number;
    if (gone == 0)
        return count;
    memmove(kept->panes, kept->panes + gone, (count - gone) * sizeof(pane));
    if (!snag_rule_is_open(step))
        snag_rule_forget_before(step, pane_start(number - SNAG_PANES_MAX + 1, rule->params.within_ms));
    return count - gone;
}

/* The pane of an age, put in its place where it is not there yet. */
static pane *pane_at(state *kept, size_t *count, uint32_t age)
{
    size_t at = *count;
    while (at > 0 && age_of(kept, &kept->panes[at - 1]) < age)
        at--;
    if (at > 0 && age_of(kept, &kept->panes[at - 1]) == age)
        return &kept->panes[at - 1];
    SNAG_ASSERT(*count < SNAG_PANES_MAX);
    if (at < *count)
        memmove(kept->panes + at + 1, kept->panes + at, (*count - at) * sizeof(pane));
    kept->panes[at] = (pane){.number = (uint32_t)kept->newest - age};
    (*count)++;
    return &kept->panes[at];
}

static sums sums_of(const state *kept, size_t count)
{
    sums total = {0, 0};
    for (size_t i = 0; i < count; i++) {
        total.failed += kept->panes[i].failed;
        total.tried += kept->panes[i].tried;
    }
    return total;
}

/* A share in millionths, or times what is usual: num / den. False: too little is known. */
typedef struct level {
    uint64_t num; /* under 2^53 */
    uint64_t den;
    uint64_t usual; /* 0 = it is a share */
} level;

static bool level_of(const snag_rule_step *step, int64_t share, int64_t now_ms, level *out)
{
    *out = (level){(uint64_t)share, MILLION, 0};
    if (!snag_is_times(share))
        return true;
    bool known = snag_rule_usual(step, now_ms, &out->usual);
    out->num = (uint64_t)-share * out->usual;
    out->den = (uint64_t)MILLION << SNAG_USUAL_BITS;
    return known;
}

static bool reaches(const snag_rule_step *step, const sums *total, int64_t share, int64_t now_ms)
{
    __extension__ typedef unsigned __int128 wide;
    level held;
    return total->tried > 0 && level_of(step, share, now_ms, &held) &&
           (wide)total->failed * held.den >= (wide)held.num * total->tried;
}

static int64_t leave_of(const snag_rule *rule)
{
    return rule->params.leave == -1 ? rule->params.enter : rule->params.leave;
}

static snag_rule_facts facts_of(const snag_rule *rule, const snag_rule_step *step, const sums *total,
                                int64_t now_ms)
{
    level held;
    bool known = level_of(step, rule->params.enter, now_ms, &held);
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.observed = (int64_t)total->failed;
    facts.attempts = (int64_t)total->tried;
    facts.value_num = (int64_t)total->failed;
    facts.value_den = (int64_t)total->tried;
    facts.limit = (int64_t)(held.usual ? held.num >> SNAG_USUAL_BITS : held.num);
    if (held.usual && known) {
        facts.usual_num = (int64_t)held.usual;
        facts.usual_den = INT64_C(1) << SNAG_USUAL_BITS;
    }
    facts.within_ms = rule->params.within_ms;
    return facts;
}

/* While it is open, the next moment at which it may be under leave or end; else when to tidy up. */
static void arm(const snag_rule *rule, snag_rule_step *step, const state *kept, size_t count, int64_t now_ms)
{
    int64_t within_ms = rule->params.within_ms;
    if (!snag_rule_is_open(step)) {
        snag_rule_arm(step, now_ms + (within_ms > SNAG_TIDY_MS ? within_ms : SNAG_TIDY_MS));
        return;
    }
    int64_t due_ms = SNAG_NEVER;
    if (count > 0)
        due_ms = pane_start(kept->newest - age_of(kept, &kept->panes[0]) + SNAG_PANES_MAX, within_ms);
    if (kept->below_ms != SNAG_TIME_NONE && kept->below_ms + rule->params.hold_ms < due_ms)
        due_ms = kept->below_ms + rule->params.hold_ms;
    SNAG_ASSERT(due_ms != SNAG_NEVER);
    snag_rule_arm(step, due_ms);
}

static void judge(const snag_rule *rule, snag_rule_step *step, state *kept, size_t count, int64_t now_ms)
{
    sums total = sums_of(kept, count);
    if (!snag_rule_is_open(step)) {
        if (total.tried >= (uint64_t)rule->params.min && reaches(step, &total, rule->params.enter, now_ms)) {
            snag_rule_facts facts = facts_of(rule, step, &total, now_ms);
            kept->below_ms = SNAG_TIME_NONE;
            snag_rule_open(step, &facts);
        }
    } else if (reaches(step, &total, leave_of(rule), now_ms)) {
        kept->below_ms = SNAG_TIME_NONE;
    } else {
        if (kept->below_ms == SNAG_TIME_NONE)
            kept->below_ms = now_ms;
        if (now_ms - kept->below_ms >= rule->params.hold_ms) {
            snag_rule_facts facts = facts_of(rule, step, &total, now_ms);
            snag_rule_close(step, SNAG_REASON_BELOW, &facts);
            kept->below_ms = SNAG_TIME_NONE;
            snag_rule_forget_before(step, pane_start(kept->newest - SNAG_PANES_MAX + 1,
                                                     rule->params.within_ms));
        }
    }
    panes_keep(step, count);
    arm(rule, step, kept, count, now_ms);
}

static void on_until(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = snag_rule_state(step);
    size_t count = pane_count(step);
    if (snag_rule_state_bytes(step) == 0 || pane_of(event->time_ms, rule->params.within_ms) < kept->newest)
        return; /* late: what is in newer panes stands */
    if (snag_rule_is_open(step)) {
        sums total = sums_of(kept, count);
        snag_rule_facts facts = facts_of(rule, step, &total, event->time_ms);
        snag_rule_note(step);
        snag_rule_close(step, SNAG_REASON_UNTIL, &facts);
    }
    forget(step);
}

static void count_up(uint32_t *counter)
{
    *counter += *counter < UINT32_MAX;
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event, uint32_t roles)
{
    if (roles & (SNAG_ROLE_EVENT | SNAG_ROLE_OF)) /* while the item knows its shape */
        snag_rule_tell(step, (roles & SNAG_ROLE_EVENT) != 0, (roles & SNAG_ROLE_OF) != 0);
    if (roles & SNAG_ROLE_UNTIL)
        on_until(rule, step, event);
    if ((roles & (SNAG_ROLE_EVENT | SNAG_ROLE_OF)) == 0)
        return;
    state *kept = snag_rule_state(step);
    int64_t number = pane_of(event->time_ms, rule->params.within_ms);
    if (snag_rule_state_bytes(step) == 0) {
        kept->newest = number;
        kept->below_ms = SNAG_TIME_NONE;
    }
    if (number <= kept->newest - SNAG_PANES_MAX)
        return; /* late, and outside of the window */
    size_t count = slide(rule, step, kept, pane_count(step), number);
    pane *at = pane_at(kept, &count, (uint32_t)(kept->newest - number));
    if (roles & SNAG_ROLE_OF)
        count_up(&at->tried);
    if (roles & SNAG_ROLE_EVENT) {
        count_up(&at->failed);
        snag_rule_note(step);
    }
    int64_t now_ms = pane_start(kept->newest, rule->params.within_ms);
    judge(rule, step, kept, count, event->time_ms > now_ms ? event->time_ms : now_ms);
}

static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    state *kept = snag_rule_state(step);
    size_t count = slide(rule, step, kept, pane_count(step), pane_of(at_ms, rule->params.within_ms));
    sums total = sums_of(kept, count);
    snag_rule_facts facts = facts_of(rule, step, &total, at_ms);
    snag_rule_close(step, reason, &facts);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    if (!snag_rule_is_open(step)) {
        forget(step);
        return;
    }
    state *kept = snag_rule_state(step);
    size_t count = slide(rule, step, kept, pane_count(step), pane_of(deadline_ms, rule->params.within_ms));
    judge(rule, step, kept, count, deadline_ms);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size > sizeof kept || size < HEAD_BYTES || (size - HEAD_BYTES) % sizeof(pane))
        return false;
    memcpy(&kept, bytes, size);
    size_t count = (size - HEAD_BYTES) / sizeof(pane);
    int64_t most = SNAG_TIME_SANE / rule->params.within_ms;
    int64_t whole = floor_div(kept.newest, SNAG_PANES_MAX);
    if (whole <= -most || whole >= most || due_ms == SNAG_NEVER ||
        !snag_time_sane_or_none(kept.below_ms))
        return false;
    if (open && count == 0 && kept.below_ms == SNAG_TIME_NONE)
        return false;
    for (size_t i = 0; i < count; i++)
        if (age_of(&kept, &kept.panes[i]) >= SNAG_PANES_MAX ||
            (i > 0 && age_of(&kept, &kept.panes[i]) >= age_of(&kept, &kept.panes[i - 1])))
            return false;
    return true;
}

/* A share, or times what is usual; nothing where that is not known. */
static void put_level(snag_buf *buf, const char *name, int64_t share, const uint64_t *usual)
{
    double bound = (double)share / MILLION;
    if (snag_is_times(share) && !usual)
        return;
    if (snag_is_times(share))
        bound = -bound * (double)*usual / (double)(INT64_C(1) << SNAG_USUAL_BITS);
    snag_buf_printf(buf, ",\"%s\":", name);
    snag_buf_double(buf, bound);
}

static void put_usual(snag_buf *buf, const uint64_t *usual)
{
    snag_buf_str_put(buf, SNAG_STR(",\"usual\":"));
    if (usual)
        snag_buf_double(buf, (double)*usual / (double)(INT64_C(1) << SNAG_USUAL_BITS));
    else
        snag_buf_str_put(buf, SNAG_STR("\"not known: under 100 attempts in the seven days before\""));
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    const snag_rule_params *params = &rule->params;
    state kept = {0};
    memcpy(&kept, bytes, size);
    sums total = sums_of(&kept, size ? (size - HEAD_BYTES) / sizeof(pane) : 0);
    snag_buf_str_put(buf, SNAG_STR(",\"failed\":"));
    snag_buf_int(buf, (int64_t)total.failed);
    snag_buf_str_put(buf, SNAG_STR(",\"attempts\":"));
    snag_buf_int(buf, (int64_t)total.tried);
    if (total.tried > 0) {
        snag_buf_str_put(buf, SNAG_STR(",\"value\":"));
        snag_buf_double(buf, (double)total.failed / (double)total.tried);
    }
    if (snag_is_times(params->enter))
        put_usual(buf, usual);
    put_level(buf, "threshold", params->enter, usual);
    put_level(buf, "ends_below", leave_of(rule), usual);
    snag_buf_str_put(buf, SNAG_STR(",\"min_attempts\":"));
    snag_buf_int(buf, params->min);
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    if (rule->params.leave != -1 && snag_is_times(rule->params.leave) != snag_is_times(rule->params.enter))
        return snag_fail(diag, SNAG_CONFIG, "leave must be a share where enter is one, else times, as 2x");
    if (snag_is_times(rule->params.enter) ? rule->params.leave < rule->params.enter
                                          : rule->params.leave > rule->params.enter)
        return snag_fail(diag, SNAG_CONFIG, "leave must not be above enter");
    return SNAG_OK;
}

extern const snag_rule_kind snag_rule_ratio;
const snag_rule_kind snag_rule_ratio = {
    .name = "ratio",
    .summary = "Failures among attempts reach a share inside a sliding window.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .tells = SNAG_TELLS_OBSERVED | SNAG_TELLS_ATTEMPTS | SNAG_TELLS_VALUE | SNAG_TELLS_USUAL,
    .own_events = true,
    .state_bytes_max = sizeof(state),
    .state_grows = HEAD_BYTES + sizeof(pane),
    .check = check,
    .starts = starts,
    .counts_until = counts_until,
    .event = on_event,
    .close = on_close,
    .timer = on_timer,
    .sound = sound,
    .explain = explain,
};
