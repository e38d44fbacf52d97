/* SPDX-License-Identifier: Apache-2.0
 *
 * count: the n-th match inside a true sliding `within`, with no `until` in between.
 *
 *     match   match   match (n = 3)                       newest + within
 *       |-------|-------|--> signal ...... match ......  --|  W passes: window_empty
 *       |<--- at most within --->|
 *
 * A match at t counts up to and including t + within. `count: 1` is a plain failed interaction. The
 * episode ends by `until` (then `within` may be absent), or when the window empties.
 *
 * A burst (`burst: true`) is one hurried thing: n matches whose whole span is at most `within` open it,
 * further ones belong to it while no gap is longer than `quiet`, and when it closes its total, first and
 * last are told. (Rage clicks; PostHog, Mixpanel, Amplitude, Splunk, Datadog use such definitions.)
 *
 * Matches that did not suffice are cleared once they have left the window, but not on the dot: at the next
 * match, or SNAG_TIDY_MS later.
 *
 * State: total, first time, then a ring of the newest n times, oldest first:
 *     | total 8 | first_ms 8 | t1 8 | t2 8 | … up to n |
 */
#include "base/assert.h"
#include "rules/rule.h"

typedef struct state {
    int64_t total; /* matches of this burst or episode */
    int64_t first_ms;
    int64_t times[SNAG_COUNT_MAX];
} state;

static const snag_field fields[] = {
    SNAG_FIELD("count", COUNT, count, true, 1, SNAG_COUNT_MAX, 0, "how many matches make it true"),
    SNAG_FIELD("within", DURATION, within_ms, false, 1, INT64_MAX / 4, -1,
               "the sliding window they must lie in"),
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that starts the count anew and ends the episode"),
    SNAG_FIELD("burst", BOOL, burst, false, 0, 1, 0,
               "one hurried thing: closed by quiet, then told with total, first and last"),
    SNAG_FIELD("quiet", DURATION, quiet_ms, false, 1, INT64_MAX / 4, -1,
               "the gap that closes a burst; default: within"),
};

static bool starts(const snag_rule *rule, uint32_t roles)
{
    (void)rule;
    return (roles & SNAG_ROLE_EVENT) != 0;
}

static size_t ring_count(const snag_rule_step *step)
{
    size_t bytes = snag_rule_state_bytes(step);
    SNAG_ASSERT(bytes == 0 || bytes >= offsetof(state, times));
    return bytes ? (bytes - offsetof(state, times)) / sizeof(int64_t) : 0;
}

static void ring_keep(snag_rule_step *step, size_t count)
{
    snag_rule_keep(step, offsetof(state, times) + count * sizeof(int64_t));
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

/* Puts a time in its place (late ones come out of order); past n the oldest goes. */
static size_t ring_insert(state *kept, size_t count, size_t n, int64_t time_ms)
{
    SNAG_ASSERT(count <= n && n <= SNAG_COUNT_MAX);
    if (count == n) {
        if (time_ms < kept->times[0])
            return count;
        memmove(kept->times, kept->times + 1, (n - 1) * sizeof(int64_t));
        count--;
    }
    size_t at = count;
    while (at > 0 && kept->times[at - 1] > time_ms) {
        kept->times[at] = kept->times[at - 1];
        at--;
    }
    kept->times[at] = time_ms;
    return count + 1;
}

static int64_t quiet_ms(const snag_rule_params *params)
{
    if (!params->burst)
        return params->within_ms;
    return params->quiet_ms >= 0 ? params->quiet_ms : params->within_ms;
}

static snag_rule_facts facts_of(const snag_rule *rule, const state *kept, size_t count)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.observed = rule->params.count;
    facts.threshold = rule->params.count;
    facts.within_ms = rule->params.within_ms;
    (void)kept;
    (void)count;
    return facts;
}

static void close_episode(const snag_rule *rule, snag_rule_step *step, snag_reason reason)
{
    const state *kept = snag_rule_state(step);
    size_t count = ring_count(step);
    snag_rule_facts facts = facts_of(rule, kept, count);
    facts.observed = kept->total;
    if (rule->params.burst && count > 0) {
        facts.total = kept->total;
        facts.first_ms = kept->first_ms;
        facts.last_ms = kept->times[count - 1];
    }
    snag_rule_close(step, reason, &facts);
}

static void on_until(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = snag_rule_state(step);
    size_t count = ring_count(step);
    if (count == 0)
        return;
    if (event->time_ms < kept->times[count - 1])
        return; /* late: newer matches stand; those before it cannot be told from one another */
    if (snag_rule_is_open(step)) {
        snag_rule_note(step);
        close_episode(rule, step, SNAG_REASON_UNTIL);
    }
    forget(step);
}

/* Drops what has left the window, so that evidence and total say only what counts. */
static size_t slide(const snag_rule *rule, snag_rule_step *step, state *kept, size_t count)
{
    int64_t within_ms = rule->params.within_ms;
    if (within_ms < 0 || count == 0 || snag_rule_is_open(step))
        return count;
    size_t gone = 0;
    while (gone < count && kept->times[gone] < kept->times[count - 1] - within_ms)
        gone++;
    if (gone == 0)
        return count;
    memmove(kept->times, kept->times + gone, (count - gone) * sizeof(int64_t));
    kept->total = (int64_t)(count - gone);
    kept->first_ms = kept->times[0];
    snag_rule_forget_before(step, kept->times[0]);
    return count - gone;
}

static void on_match(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    state *kept = snag_rule_state(step);
    size_t n = (size_t)rule->params.count;
    size_t had = ring_count(step);
    if (had > 0 && rule->params.within_ms >= 0 &&
        event->time_ms < kept->times[had - 1] - rule->params.within_ms)
        return; /* late, and outside of every window that is still open */
    if (had == 0 || event->time_ms < kept->first_ms)
        kept->first_ms = event->time_ms;
    size_t count = ring_insert(kept, had, n, event->time_ms);
    kept->total++;
    ring_keep(step, count);
    snag_rule_note(step);
    count = slide(rule, step, kept, count);
    ring_keep(step, count);
    if (!snag_rule_is_open(step) && count == n) {
        snag_rule_facts facts = facts_of(rule, kept, count);
        snag_rule_open(step, &facts);
    }
    int64_t gap_ms = quiet_ms(&rule->params);
    if (!snag_rule_is_open(step) && gap_ms >= 0)
        gap_ms = rule->params.within_ms > SNAG_TIDY_MS ? rule->params.within_ms : SNAG_TIDY_MS;
    snag_rule_arm(step, gap_ms < 0 ? SNAG_NEVER : kept->times[count - 1] + gap_ms);
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                     uint32_t roles)
{
    if (roles & SNAG_ROLE_UNTIL)
        on_until(rule, step, event);
    if (roles & SNAG_ROLE_EVENT)
        on_match(rule, step, event);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    (void)deadline_ms;
    if (snag_rule_is_open(step))
        close_episode(rule, step, SNAG_REASON_WINDOW_EMPTY);
    forget(step);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size > sizeof kept || size < offsetof(state, times) || size % sizeof(int64_t))
        return false;
    memcpy(&kept, bytes, size);
    size_t count = (size - offsetof(state, times)) / sizeof(int64_t);
    if (count == 0 || count > (size_t)rule->params.count || kept.total < 1 || !snag_time_sane(kept.total) ||
        !snag_time_sane(kept.first_ms))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!snag_time_sane(kept.times[i]) || (i > 0 && kept.times[i] < kept.times[i - 1]))
            return false;
    return true;
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    const snag_rule_params *params = &rule->params;
    if (params->within_ms < 0 && params->until.count == 0)
        return snag_fail(diag, SNAG_CONFIG, "count needs within or until: its episode would never end");
    if (params->within_ms < 0 && params->burst)
        return snag_fail(diag, SNAG_CONFIG, "a burst needs within");
    if (params->quiet_ms >= 0 && !params->burst)
        return snag_fail(diag, SNAG_CONFIG, "quiet belongs to burst: true");
    return SNAG_OK;
}

extern const snag_rule_kind snag_rule_count;
const snag_rule_kind snag_rule_count = {
    .name = "count",
    .summary = "The n-th match inside a sliding window; count: 1 is a plain failed interaction.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .tells = SNAG_TELLS_OBSERVED,
    .state_bytes_max = sizeof(state),
    .check = check,
    .starts = starts,
    .event = on_event,
    .timer = on_timer,
    .sound = sound,
};
