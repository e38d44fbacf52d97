/* SPDX-License-Identifier: Apache-2.0
 *
 * change: use per day differs from the mean of the same weekday of the four weeks before, or per week from
 * the mean of those weeks, by more than `by`; judged when the day or week is over.
 *
 *     each: week     W-4    W-3    W-2    W-1  |  W   |
 *                   |-- the mean of these four --|      ^ the end of W in the customer's zone, and up to half
 *                                                         an hour: there it is judged, by timer
 *
 * Days and weeks (from Monday) are those of the clocks of the zone that the customer's events name; an event
 * counts in the day that its own zone has. Judging needs no event: who stays away altogether is judged as
 * well, until nothing is left to compare with; then all is forgotten. So that not all customers are judged in
 * one moment, each has its own delay, by a hash of its name.
 *
 * The first day or week is not a whole one: it is not counted, and judging begins when four whole weeks came
 * after it. A late event counts where it belongs and is judged with what comes next; where it shows that what
 * was alerted last is not so, the alert ends.
 *
 * State: | judged next 4 | first 4 | newest 4 | alerted for 4 | uses 4 each: of the one after the next after
 *          `next`, the next after it, `next`, the one before, ..., to the oldest that has any |
 * Periods are days since 1970-01-01, or weeks of which that day's is number 0.
 */
#include "base/assert.h"
#include "base/time.h"
#include "rules/rule.h"

enum {
    MILLION = 1000000,
    WEEKS = 4,     /* that are compared with */
    AHEAD = 2,     /* periods after `next` that may have begun: the delay, and a flight to the east */
    BACK_MAX = 7 * WEEKS,
    USES_MAX = AHEAD + 1 + BACK_MAX + 1, /* the oldest: for one more look at what was judged last */
    HEAD_BYTES = 16,
    SPREAD_S = 1800,
    THURSDAY = 3, /* 1970-01-01, from Monday on */
    PERIOD_MAX = 1 << 22 /* days; the year 13000 */
};

typedef struct state {
    int32_t next;    /* the period that is judged next */
    int32_t first;   /* of the first event: not a whole one */
    int32_t newest;  /* in which there was an event */
    int32_t alerted; /* of an open episode: what it was about */
    uint32_t uses[USES_MAX];
} state;

_Static_assert(offsetof(state, uses) == HEAD_BYTES && sizeof(state) == HEAD_BYTES + 4 * USES_MAX,
               "packed without gaps");

static const snag_field fields[] = {
    SNAG_FIELD_MATCHER("change", change, true, SNAG_ROLE_EVENT,
                       "the event that is a use; nothing is judged before four whole weeks after the first"),
    {.name = "each", .type = SNAG_FIELD_EACH, .offset = offsetof(snag_rule_params, each), .required = true,
     .summary = "what is judged, up to half an hour after its end: a day against the same weekday of the "
                "four weeks before, a week (from Monday) against these weeks; in the zone of the only "
                "calendar, or \"week of NAME\""},
    {.name = "by", .type = SNAG_FIELD_MARGIN, .offset = offsetof(snag_rule_params, by), .required = true,
     .min = 1, .max = 10 * (int64_t)MILLION,
     .summary = "by more than which share of the mean: -30% fewer, +50% more, 30% either; it ends when a day "
                "or week is back inside half of it"},
    SNAG_FIELD("min", COUNT, min, false, 1, MILLION, 1,
               "how many uses the mean, or the day or week that is judged, must have"),
};

/* --- days and weeks --------------------------------------------------------------------------------- */

static int32_t days_of(const snag_rule *rule)
{
    return (int32_t)rule->params.each->amount.amount;
}

/* How many periods four weeks are. */
static int32_t back_of(const snag_rule *rule)
{
    return WEEKS * 7 / days_of(rule);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t period_of(const snag_rule *rule, const snag_zone *zone, int64_t time_ms)
{
    int64_t day = floor_div(snag_zone_local(zone, time_ms), SNAG_DAY_MS);
    return days_of(rule) == 1 ? day : floor_div(day + THURSDAY, 7);
}

static int64_t first_day(const snag_rule *rule, int64_t period)
{
    return days_of(rule) == 1 ? period : period * 7 - THURSDAY;
}

/* --- state ------------------------------------------------------------------------------------------ */

static bool starts(const snag_rule *rule, uint32_t roles)
{
    (void)rule;
    return (roles & SNAG_ROLE_EVENT) != 0;
}

/* The place of the oldest period that `next` is compared with. */
static int32_t oldest_of(const snag_rule *rule)
{
    return AHEAD + back_of(rule);
}

/* Keeps uses down to the oldest that are needed, one period more than is compared with. */
static void uses_keep(const snag_rule *rule, snag_rule_step *step, state *kept)
{
    int32_t count = oldest_of(rule) + 2;
    memset(kept->uses + count, 0, (size_t)(USES_MAX - count) * sizeof kept->uses[0]);
    while (count > 0 && kept->uses[count - 1] == 0)
        count--;
    snag_rule_keep(step, HEAD_BYTES + (size_t)count * sizeof kept->uses[0]);
}

static bool nothing_left(const snag_rule *rule, const state *kept)
{
    uint32_t any = 0;
    for (int32_t i = 0; i <= oldest_of(rule); i++)
        any |= kept->uses[i];
    return any == 0;
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

/* For when the next period is over and is judged: not before now, where the zone is another one. */
static void arm(const snag_rule *rule, snag_rule_step *step, const state *kept, const snag_zone *zone,
                int64_t now_ms)
{
    int64_t delay_s = (int64_t)(snag_rule_owner_hash(step) % SPREAD_S);
    int64_t end_ms = snag_zone_instant(zone, first_day(rule, (int64_t)kept->next + 1) * SNAG_DAY_MS);
    int64_t due_ms = end_ms + delay_s * SNAG_SECOND_MS;
    snag_rule_arm(step, due_ms > now_ms ? due_ms : now_ms);
}

/* --- comparing -------------------------------------------------------------------------------------- */

/* One period and four times the mean that it is held against. */
typedef struct pair {
    int64_t uses;
    int64_t sum;
} pair;

/* at: its place among the uses. */
static pair pair_of(const snag_rule *rule, const state *kept, int32_t at)
{
    pair found = {kept->uses[at], 0};
    int32_t week = back_of(rule) / WEEKS;
    for (int32_t i = 1; i <= WEEKS && at + i * week < USES_MAX; i++)
        found.sum += kept->uses[at + i * week];
    return found;
}

/* By more than `by` / parts; in whole numbers, all of them under 2^59. */
static bool differs(const snag_margin *by, const pair *held, int64_t parts)
{
    int64_t uses = held->uses * WEEKS * MILLION * parts;
    bool fewer = uses < held->sum * (parts * MILLION - by->millionths);
    bool more = uses > held->sum * (parts * MILLION + by->millionths);
    return (fewer && by->way <= 0) || (more && by->way >= 0);
}

static bool comes_true(const snag_rule *rule, const pair *held)
{
    int64_t least = rule->params.min * WEEKS;
    return (held->sum >= least || held->uses * WEEKS >= least) && differs(&rule->params.by, held, 1);
}

static snag_rule_facts facts_of(const snag_rule *rule, const pair *held)
{
    const snag_margin *by = &rule->params.by;
    bool fewer = by->way < 0 || (by->way == 0 && held->uses * WEEKS < held->sum);
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.observed = held->uses;
    facts.usual_num = held->sum;
    facts.usual_den = WEEKS;
    facts.value_num = held->uses * WEEKS;
    facts.value_den = held->sum;
    facts.limit = fewer ? MILLION - by->millionths : MILLION + by->millionths;
    facts.within_ms = days_of(rule) * (int64_t)SNAG_DAY_MS;
    facts.span = rule->params.each;
    return facts;
}

/* --- events and timers ------------------------------------------------------------------------------ */

/* Evidence: the uses of the newest period in which there were any. */
static void note(snag_rule_step *step, state *kept, const snag_event *event, int32_t period)
{
    if (period > kept->newest && !snag_rule_is_open(step))
        snag_rule_forget_before(step, event->time_ms);
    kept->newest = period > kept->newest ? period : kept->newest;
    snag_rule_note(step);
    snag_rule_capture(step);
}

/* A late event of the period that was alerted, before another one was judged: is it still so? */
static void look_again(const snag_rule *rule, snag_rule_step *step, const state *kept, int32_t period)
{
    if (!snag_rule_is_open(step) || period != kept->next - 1 || period != kept->alerted)
        return;
    pair held = pair_of(rule, kept, AHEAD + 1);
    if (differs(&rule->params.by, &held, 1))
        return;
    snag_rule_facts facts = facts_of(rule, &held);
    snag_rule_note(step);
    snag_rule_close(step, SNAG_REASON_LATE_EVIDENCE, &facts);
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event, uint32_t roles)
{
    const snag_zone *zone = snag_rule_zone(step, rule->params.each->calendar);
    int64_t period = period_of(rule, zone, event->time_ms);
    state *kept = snag_rule_state(step);
    bool first = snag_rule_state_bytes(step) == 0;
    (void)roles;
    if (period <= -PERIOD_MAX || period >= PERIOD_MAX)
        return;
    if (first)
        *kept = (state){.next = (int32_t)period + 1 + back_of(rule), .first = (int32_t)period,
                        .newest = (int32_t)period};
    int64_t at = kept->next + AHEAD - period;
    if (at < 0)
        return; /* cannot be: `next` was judged before */
    if (at <= oldest_of(rule) + 1) /* the first, which is not whole, is never compared */
        kept->uses[at] += kept->uses[at] < UINT32_MAX;
    if (first || !snag_rule_late(step)) {
        note(step, kept, event, (int32_t)period);
        if (first || rule->params.each->calendar->zone_slot >= 0)
            arm(rule, step, kept, zone, event->time_ms);
    } else {
        look_again(rule, step, kept, (int32_t)period);
    }
    uses_keep(rule, step, kept);
}

/* What was judged last is what it says. */
static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    pair held = pair_of(rule, snag_rule_state(step), AHEAD + 1);
    snag_rule_facts facts = facts_of(rule, &held);
    (void)at_ms;
    snag_rule_close(step, reason, &facts);
}

static void judge(const snag_rule *rule, snag_rule_step *step, state *kept, int64_t now_ms)
{
    pair held = pair_of(rule, kept, AHEAD);
    snag_rule_facts facts = facts_of(rule, &held);
    if (!snag_rule_is_open(step)) {
        if (!comes_true(rule, &held))
            return;
        facts.deadline_ms = now_ms;
        kept->alerted = kept->next;
        snag_rule_open(step, &facts);
    } else if (!differs(&rule->params.by, &held, 2)) {
        bool nothing = nothing_left(rule, kept);
        snag_rule_close(step, nothing ? SNAG_REASON_WINDOW_EMPTY : SNAG_REASON_BELOW, &facts);
    }
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    state *kept = snag_rule_state(step);
    const snag_zone *zone = snag_rule_zone(step, rule->params.each->calendar);
    judge(rule, step, kept, deadline_ms);
    memmove(kept->uses + 1, kept->uses, sizeof kept->uses - sizeof kept->uses[0]);
    kept->uses[0] = 0;
    kept->next++;
    if (nothing_left(rule, kept) && !snag_rule_is_open(step)) {
        forget(step);
        return;
    }
    arm(rule, step, kept, zone, deadline_ms);
    uses_keep(rule, step, kept);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    size_t most = HEAD_BYTES + (size_t)(oldest_of(rule) + 2) * sizeof kept.uses[0];
    if (size < HEAD_BYTES || size > most || (size - HEAD_BYTES) % sizeof kept.uses[0])
        return false;
    memcpy(&kept, bytes, size);
    return kept.first > -PERIOD_MAX && kept.next < PERIOD_MAX + 2 * BACK_MAX &&
           kept.next > kept.first + back_of(rule) && kept.newest >= kept.first &&
           kept.newest <= kept.next + AHEAD && due_ms != SNAG_NEVER;
}

static void put_day(snag_buf *buf, const char *name, int64_t day)
{
    int64_t year;
    int month;
    int of_month;
    snag_civil_from_days(day, &year, &month, &of_month);
    snag_buf_printf(buf, ",\"%s\":\"%04lld-%02d-%02d\"", name, (long long)year, month, of_month);
}

/* Below and above which the running period would be alerted, if it were over now. */
static void put_bounds(const snag_rule *rule, const pair *held, snag_buf *buf)
{
    const snag_margin *by = &rule->params.by;
    double mean = (double)held->sum / WEEKS;
    if (by->way <= 0) {
        snag_buf_str_put(buf, SNAG_STR(",\"too_few_below\":"));
        snag_buf_double(buf, mean * (double)(MILLION - by->millionths) / MILLION);
    }
    if (by->way >= 0) {
        snag_buf_str_put(buf, SNAG_STR(",\"too_many_above\":"));
        snag_buf_double(buf, mean * (double)(MILLION + by->millionths) / MILLION);
    }
    snag_buf_str_put(buf, SNAG_STR(",\"min\":"));
    snag_buf_int(buf, rule->params.min);
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    state kept = {0};
    (void)usual;
    if (size == 0)
        return;
    memcpy(&kept, bytes, size);
    pair held = pair_of(rule, &kept, AHEAD);
    snag_buf_str_put(buf, SNAG_STR(",\"observed\":"));
    snag_buf_int(buf, held.uses);
    snag_buf_str_put(buf, SNAG_STR(",\"usual\":"));
    snag_buf_double(buf, (double)held.sum / WEEKS);
    put_bounds(rule, &held, buf);
    put_day(buf, "judged_next", first_day(rule, kept.next));
    put_day(buf, "counted_from", first_day(rule, (int64_t)kept.first + 1));
}

extern const snag_rule_kind snag_rule_change;
const snag_rule_kind snag_rule_change = {
    .name = "change",
    .summary = "Use in a day or week is not what is usual; judged when it is over, also where there is none.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .tells = SNAG_TELLS_OBSERVED | SNAG_TELLS_VALUE | SNAG_TELLS_USUAL,
    .own_events = true,
    .state_bytes_max = sizeof(state),
    .starts = starts,
    .event = on_event,
    .close = on_close,
    .timer = on_timer,
    .sound = sound,
    .explain = explain,
};
