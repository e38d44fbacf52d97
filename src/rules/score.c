/* SPDX-License-Identifier: Apache-2.0
 *
 * score: the sum of weight x 2^(-age / half_life) over episodes of other rules of the same customer.
 *
 *     score  |        /\___            each episode that begins adds its rule's weight; all decay alike
 *     enter -|-------/-----\__
 *            |  /\__/         \___
 *     leave -|------------------- \---> below: resolve, by timer, at the first millisecond under leave
 *
 * Weights are fractions of 2^-44, decayed by base/decay.h: whole numbers, the same on every machine, within
 * 1e-9 of the exact value. Every rule's part is kept apart, so that the alert lists what it is made of.
 *
 * An episode that was none (late evidence, or its source was silent) is taken back: as much as is left of its
 * weight. Of rounding, less than a billionth may stay; it is nothing. `until` and `expire` set the score to
 * nothing: what began before that counts no more, and is not taken back.
 *
 * State: | as of which time 8 | part of each rule that is weighed 8 | … | since when it counts 8 |
 * Older states count since ever.
 */
#include "base/assert.h"
#include "base/decay.h"
#include "rules/rule.h"

enum { FRACTION = 44, MILLION = 1000000, TINY_BITS = 13, HEAD_BYTES = 8 };

#define PART_MAX (UINT64_C(1) << 58) /* sixteen of them still fit an int64_t */

typedef struct state {
    int64_t at_ms;
    uint64_t parts[SNAG_WEIGHTS_MAX + 1]; /* behind the last one: since_ms */
} state;

static const snag_field fields[] = {
    SNAG_FIELD("score", WEIGHTS, score, true, 1, 1000 * (int64_t)MILLION, 0,
               "rules further up, or stalls as journey.stage.late, and what an episode of each weighs"),
    SNAG_FIELD("half_life", DURATION, half_life_ms, true, 1000, INT64_MAX / 4, 0,
               "after which time an episode weighs half"),
    SNAG_FIELD("enter", DECIMAL, enter, true, 1, 100000 * (int64_t)MILLION, 0,
               "from which score on it is true"),
    SNAG_FIELD("leave", DECIMAL, leave, false, 1, 100000 * (int64_t)MILLION, -1,
               "under which score the episode ends; default: half of enter, so that it lasts a half-life at "
               "least"),
    SNAG_FIELD("kinds", COUNT, kinds, false, 1, SNAG_WEIGHTS_MAX, 1,
               "of how many different rules there must be something left, at least a thousandth"),
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that sets the score to nothing and ends the episode"),
};

static uint64_t fixed(int64_t millionths)
{
    uint64_t whole = (uint64_t)millionths / MILLION;
    uint64_t part = (uint64_t)millionths % MILLION;
    return (whole << FRACTION) + (part << FRACTION) / MILLION;
}

static bool starts(const snag_rule *rule, uint32_t roles)
{
    (void)rule;
    (void)roles;
    return false;
}

static size_t state_size(const snag_rule *rule)
{
    return HEAD_BYTES + (rule->params.score.count + 1) * sizeof(uint64_t);
}

/* What began before it does not count; SNAG_TIME_NONE: all does. */
static int64_t since_of(const snag_rule *rule, const state *kept)
{
    return (int64_t)kept->parts[rule->params.score.count];
}

static void since_put(const snag_rule *rule, state *kept, int64_t since_ms)
{
    kept->parts[rule->params.score.count] = (uint64_t)since_ms;
}

static state *state_of(const snag_rule *rule, snag_rule_step *step)
{
    state *kept = snag_rule_state(step); /* zeroed past what is kept */
    size_t bytes = snag_rule_state_bytes(step);
    if (bytes < state_size(rule))
        since_put(rule, kept, SNAG_TIME_NONE);
    return kept;
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

static uint64_t total_of(const snag_rule *rule, const state *kept)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < rule->params.score.count; i++)
        total += kept->parts[i];
    return total;
}

/* Lets all parts decay up to a time. */
static void move_on(const snag_rule *rule, state *kept, int64_t time_ms)
{
    if (time_ms <= kept->at_ms)
        return;
    for (uint32_t i = 0; i < rule->params.score.count; i++)
        kept->parts[i] = snag_decay(kept->parts[i], time_ms - kept->at_ms, rule->params.half_life_ms);
    kept->at_ms = time_ms;
}

static uint32_t kinds_of(const snag_rule *rule, const state *kept)
{
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < rule->params.score.count; i++)
        kinds += kept->parts[i] >= fixed(MILLION / 1000);
    return kinds;
}

static double number(uint64_t part)
{
    return (double)part / (double)(UINT64_C(1) << FRACTION);
}

/* list: as long as the facts are used. */
static snag_rule_facts facts_of(const snag_rule *rule, const state *kept, snag_contribution *list)
{
    const snag_weights *weights = &rule->params.score;
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    for (uint32_t i = 0; i < weights->count; i++)
        if (kept->parts[i] > 0)
            list[facts.contribution_count++] =
                (snag_contribution){weights->list[i].signal->name, number(kept->parts[i])};
    facts.contributions = list;
    facts.value_num = (int64_t)total_of(rule, kept);
    facts.value_den = INT64_C(1) << FRACTION;
    facts.limit = rule->params.enter;
    return facts;
}

int64_t snag_score_leave(const snag_rule *rule)
{
    return rule->params.leave >= 0 ? rule->params.leave : (rule->params.enter + 1) / 2;
}

/* How long until the score is under `level`: the first such millisecond, found by halving. */
static int64_t gap_until_under(const snag_rule *rule, uint64_t total, uint64_t level)
{
    int64_t half_life_ms = rule->params.half_life_ms;
    int64_t low = 0;
    int64_t high = 64 * half_life_ms;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (snag_decay(total, middle, half_life_ms) < level)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* How long until nothing to speak of is left. */
static int64_t gap_until_nothing(const snag_rule *rule, uint64_t total)
{
    int64_t gap_ms = 0;
    for (; total >> TINY_BITS; total >>= 1)
        gap_ms += rule->params.half_life_ms;
    return gap_ms;
}

/* While it is open, when it ends; else when it can be forgotten. */
static void arm(const snag_rule *rule, snag_rule_step *step, const state *kept)
{
    uint64_t total = total_of(rule, kept);
    int64_t gap_ms = snag_rule_is_open(step) ? gap_until_under(rule, total, fixed(snag_score_leave(rule)))
                                             : gap_until_nothing(rule, total);
    snag_rule_arm(step, kept->at_ms + gap_ms);
}

/* Nothing that began before counts any more; remembered as long as it could matter. */
static void begin_anew(const snag_rule *rule, snag_rule_step *step, state *kept)
{
    int64_t gap_ms = gap_until_nothing(rule, total_of(rule, kept));
    memset(kept->parts, 0, sizeof kept->parts);
    since_put(rule, kept, kept->at_ms);
    snag_rule_forget_all(step);
    snag_rule_keep(step, state_size(rule));
    snag_rule_arm(step, kept->at_ms + gap_ms);
}

static void put_part(const snag_rule *rule, state *kept, uint32_t k, const snag_fed *fed)
{
    uint64_t *part = &kept->parts[k];
    *part += snag_decay(fixed(rule->params.score.list[k].millionths), kept->at_ms - fed->at_ms,
                        rule->params.half_life_ms);
    *part = *part < PART_MAX ? *part : PART_MAX;
}

static void take_part(const snag_rule *rule, state *kept, uint32_t k, const snag_fed *fed)
{
    uint64_t *part = &kept->parts[k];
    uint64_t left = snag_decay(fixed(rule->params.score.list[k].millionths), kept->at_ms - fed->at_ms,
                               rule->params.half_life_ms);
    *part = *part > left ? *part - left : 0;
    if (*part >> TINY_BITS == 0)
        *part = 0;
}

/* False: it is no news for this score. */
static bool take_in(const snag_rule *rule, state *kept, const snag_fed *fed, bool *fresh)
{
    const snag_weights *weights = &rule->params.score;
    bool any = false;
    for (uint32_t k = 0; k < weights->count; k++) {
        if (weights->list[k].signal->fingerprint != fed->fingerprint || fed->at_ms < since_of(rule, kept) ||
            (fed->back && (*fresh || fed->at_ms > kept->at_ms)))
            continue;
        if (*fresh)
            kept->at_ms = fed->at_ms;
        *fresh = false;
        any = true;
        move_on(rule, kept, fed->now_ms);
        if (fed->back)
            take_part(rule, kept, k, fed);
        else
            put_part(rule, kept, k, fed);
    }
    return any;
}

static void close_episode(const snag_rule *rule, snag_rule_step *step, const state *kept, snag_reason reason)
{
    snag_contribution parts[SNAG_WEIGHTS_MAX];
    snag_rule_facts facts = facts_of(rule, kept, parts);
    snag_rule_close(step, reason, &facts);
}

static void on_fed(const snag_rule *rule, snag_rule_step *step, const snag_fed *list, uint32_t count)
{
    state *kept = state_of(rule, step);
    bool fresh = snag_rule_state_bytes(step) == 0;
    bool any = false;
    snag_reason back = SNAG_REASON_NONE;
    for (uint32_t i = 0; i < count; i++)
        if (take_in(rule, kept, &list[i], &fresh)) {
            any = true;
            back = list[i].back ? list[i].back : back;
        }
    if (!any)
        return;
    snag_rule_keep(step, state_size(rule));
    if (snag_rule_has_event(step))
        snag_rule_note(step);
    uint64_t total = total_of(rule, kept);
    if (snag_rule_is_open(step) && back && total < fixed(snag_score_leave(rule))) {
        close_episode(rule, step, kept, back);
        snag_rule_forget_all(step);
    } else if (!snag_rule_is_open(step) && total >= fixed(rule->params.enter) &&
               kinds_of(rule, kept) >= (uint32_t)rule->params.kinds) {
        snag_contribution parts[SNAG_WEIGHTS_MAX];
        snag_rule_facts facts = facts_of(rule, kept, parts);
        snag_rule_open(step, &facts);
    }
    arm(rule, step, kept);
}

static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    state *kept = state_of(rule, step);
    move_on(rule, kept, at_ms);
    close_episode(rule, step, kept, reason);
    begin_anew(rule, step, kept);
}

/* Only `until` comes as an event. */
static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event, uint32_t roles)
{
    state *kept = state_of(rule, step);
    (void)roles;
    if (snag_rule_state_bytes(step) == 0 || event->time_ms < kept->at_ms)
        return;
    move_on(rule, kept, event->time_ms);
    if (snag_rule_is_open(step)) {
        snag_rule_note(step);
        close_episode(rule, step, kept, SNAG_REASON_UNTIL);
    }
    begin_anew(rule, step, kept);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    state *kept = state_of(rule, step);
    if (!snag_rule_is_open(step)) {
        forget(step);
        return;
    }
    move_on(rule, kept, deadline_ms);
    close_episode(rule, step, kept, SNAG_REASON_BELOW);
    snag_rule_forget_all(step);
    snag_rule_keep(step, state_size(rule));
    arm(rule, step, kept);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size != state_size(rule) && size != state_size(rule) - sizeof kept.parts[0])
        return false;
    memcpy(&kept, bytes, size);
    if (size == state_size(rule) && !snag_time_sane(since_of(rule, &kept)) &&
        since_of(rule, &kept) != SNAG_TIME_NONE)
        return false;
    for (uint32_t i = 0; i < rule->params.score.count; i++)
        if (kept.parts[i] > PART_MAX)
            return false;
    return snag_time_sane(kept.at_ms) && due_ms != SNAG_NEVER;
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    state kept = {0};
    (void)usual;
    memcpy(&kept, bytes, size);
    snag_buf_str_put(buf, SNAG_STR(",\"score\":"));
    snag_buf_double(buf, number(total_of(rule, &kept)));
    snag_buf_str_put(buf, SNAG_STR(",\"threshold\":"));
    snag_buf_double(buf, (double)rule->params.enter / MILLION);
    snag_buf_str_put(buf, SNAG_STR(",\"contributions\":{"));
    for (uint32_t i = 0; size && i < rule->params.score.count; i++) {
        if (i)
            snag_buf_byte(buf, ',');
        snag_buf_json(buf, rule->params.score.list[i].signal->name);
        snag_buf_byte(buf, ':');
        snag_buf_double(buf, number(kept.parts[i]));
    }
    snag_buf_byte(buf, '}');
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    if (rule->params.leave > rule->params.enter)
        return snag_fail(diag, SNAG_CONFIG, "leave must not be above enter");
    if (rule->params.kinds > (int64_t)rule->params.score.count)
        return snag_fail(diag, SNAG_CONFIG, "kinds must not be more than the rules that score weighs");
    return SNAG_OK;
}

extern const snag_rule_kind snag_rule_score;
const snag_rule_kind snag_rule_score = {
    .name = "score",
    .summary = "Episodes of other rules, weighed and decaying, add up for one customer.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .tells = SNAG_TELLS_VALUE,
    .own_events = true,
    .state_bytes_max = sizeof(state),
    .check = check,
    .starts = starts,
    .event = on_event,
    .fed = on_fed,
    .close = on_close,
    .timer = on_timer,
    .sound = sound,
    .explain = explain,
};
