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
 * last are told. (Rage clicks; PostHog, Mixpanel, Amplitude, Splunk, Datadog use such definitions: see
 * pipelines/presets.) `gap` bounds each step instead of the span; `radius` asks that the n newest lie close
 * together, in whole pixels:
 *     circle    dx^2 + dy^2 <= radius^2   \  to the first of them, or
 *     taxicab   |dx| + |dy| <= radius     /  each to the one before (from: previous)
 *     box       all of them inside a square of radius pixels
 *
 * `found:` is another product's word that it saw the same. While ours is open it is the same burst; else it
 * opens one.
 *
 * Matches that did not suffice are cleared once they have left the window, but not on the dot: at the next
 * match, or SNAG_TIDY_MS later.
 *
 * State: total, first time, then a ring of the newest n times, oldest first:
 *     | total 8 | first_ms 8 | t1 8 | t2 8 | … up to n |
 * With `radius` the places of the matches follow in the same order: | x 4 | y 4 | …
 */
#include <math.h>

#include "base/assert.h"
#include "rules/rule.h"

enum { CIRCLE, TAXICAB, BOX };    /* measure: */
enum { FROM_FIRST, FROM_PREVIOUS }; /* from: */

/* A click meets these at every step: as functions of their own they cost half as much again. */
#define HOT __attribute__((always_inline)) inline

typedef struct place {
    int32_t x;
    int32_t y;
} place;

typedef struct state {
    int64_t total; /* matches of this burst or episode */
    int64_t first_ms;
    int64_t times[SNAG_COUNT_MAX];
} state;

/* The ring while a step works on it; places only where the rule has a radius. */
typedef struct ring {
    state *kept;
    size_t count;
    bool placed;
    place places[SNAG_NEAR_MAX];
} ring;

static const char *const measures[] = {"circle", "taxicab", "box", NULL};
static const char *const froms[] = {"first", "previous", NULL};

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
    SNAG_FIELD_ADDED("gap", DURATION, gap_ms, 1, INT64_MAX / 4, -1,
                     "the longest gap from one match to the next; within may then be absent"),
    SNAG_FIELD_ADDED("radius", COUNT, radius, 0, 100000, -1,
                     "how close together they must lie, in pixels; the kept names x and y say where"),
    SNAG_FIELD_CHOICE("measure", measure, measures,
                      "what radius bounds: the distance, |dx| + |dy|, or the box around all of them"),
    SNAG_FIELD_CHOICE("from", from, froms,
                      "whether radius is from the first of them, or from each to the one before"),
    SNAG_FIELD_MATCHER_ADDED("found", found, SNAG_ROLE_FOUND,
                             "an event by which another product says that it found the same; it is one "
                             "signal with ours"),
};

static bool starts(const snag_rule *rule, uint32_t roles)
{
    (void)rule;
    return (roles & (SNAG_ROLE_EVENT | SNAG_ROLE_FOUND)) != 0;
}

HOT static size_t entry_bytes(const snag_rule *rule)
{
    return rule->params.radius < 0 ? sizeof(int64_t) : sizeof(int64_t) + sizeof(place);
}

HOT static void ring_of(const snag_rule *rule, snag_rule_step *step, ring *of)
{
    size_t bytes = snag_rule_state_bytes(step);
    SNAG_ASSERT(bytes == 0 || bytes >= offsetof(state, times));
    of->kept = snag_rule_state(step);
    of->count = bytes ? (bytes - offsetof(state, times)) / entry_bytes(rule) : 0;
    of->placed = rule->params.radius >= 0;
    SNAG_ASSERT(!of->placed || of->count <= SNAG_NEAR_MAX);
    if (of->placed && of->count)
        memcpy(of->places, of->kept->times + of->count, of->count * sizeof(place));
}

HOT static void ring_keep(const snag_rule *rule, snag_rule_step *step, ring *of)
{
    if (of->placed && of->count)
        memcpy(of->kept->times + of->count, of->places, of->count * sizeof(place));
    snag_rule_keep(step, offsetof(state, times) + of->count * entry_bytes(rule));
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

static void ring_drop(ring *of, size_t gone)
{
    of->count -= gone;
    memmove(of->kept->times, of->kept->times + gone, of->count * sizeof(int64_t));
    if (of->placed)
        memmove(of->places, of->places + gone, of->count * sizeof(place));
}

/* Puts a match in its place (late ones come out of order); past n the oldest go. There may be more than n
 * where stored state began under another shape. */
static void ring_insert(ring *of, size_t n, int64_t time_ms, place where)
{
    int64_t *times = of->kept->times;
    SNAG_ASSERT(of->count <= SNAG_COUNT_MAX && n <= SNAG_COUNT_MAX);
    if (of->count >= n) {
        if (time_ms < times[0])
            return;
        ring_drop(of, of->count - n + 1);
    }
    size_t at = of->count++;
    for (; at > 0 && times[at - 1] > time_ms; at--) {
        times[at] = times[at - 1];
        if (of->placed)
            of->places[at] = of->places[at - 1];
    }
    times[at] = time_ms;
    if (of->placed)
        of->places[at] = where;
}

/* The whole span they may have; -1: any. */
HOT static int64_t span_ms(const snag_rule_params *params)
{
    if (params->within_ms >= 0 || params->gap_ms < 0)
        return params->within_ms;
    return params->gap_ms * (params->count - 1);
}

static int64_t counts_until(const snag_rule *rule, const void *bytes, size_t size)
{
    const state *kept = bytes;
    int64_t within_ms = span_ms(&rule->params);
    size_t count = (size - offsetof(state, times)) / entry_bytes(rule);
    return within_ms < 0 ? SNAG_NEVER : kept->times[count - 1] + within_ms;
}

HOT static int64_t quiet_ms(const snag_rule_params *params)
{
    if (!params->burst)
        return span_ms(params);
    if (params->quiet_ms >= 0)
        return params->quiet_ms;
    return params->within_ms >= 0 ? params->within_ms : params->gap_ms;
}

static snag_rule_facts facts_of(const snag_rule *rule)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.observed = rule->params.count;
    facts.threshold = rule->params.count;
    facts.within_ms = span_ms(&rule->params);
    return facts;
}

static void close_episode(const snag_rule *rule, snag_rule_step *step, const ring *of, snag_reason reason)
{
    snag_rule_facts facts = facts_of(rule);
    facts.observed = of->kept->total;
    facts.ran_ms = of->count > 0 ? of->kept->times[of->count - 1] - of->kept->first_ms : -1;
    if (rule->params.burst && of->count > 0) {
        facts.total = of->kept->total;
        facts.first_ms = of->kept->first_ms;
        facts.last_ms = of->kept->times[of->count - 1];
    }
    snag_rule_close(step, reason, &facts);
}

static void on_until(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    ring of;
    ring_of(rule, step, &of);
    if (of.count == 0)
        return;
    if (event->time_ms < of.kept->times[of.count - 1])
        return; /* late: newer matches stand; those before it cannot be told from one another */
    if (snag_rule_is_open(step)) {
        snag_rule_note(step);
        close_episode(rule, step, &of, SNAG_REASON_UNTIL);
    }
    forget(step);
}

/* Drops what has left the window, so that evidence and total say only what counts. */
HOT static void slide(const snag_rule *rule, snag_rule_step *step, ring *of, int64_t newest_ms)
{
    int64_t within_ms = span_ms(&rule->params);
    const int64_t *times = of->kept->times;
    if (within_ms < 0 || of->count == 0 || snag_rule_is_open(step))
        return;
    size_t gone = 0;
    while (gone < of->count && times[gone] < newest_ms - within_ms)
        gone++;
    if (gone == 0)
        return;
    ring_drop(of, gone);
    of->kept->total = (int64_t)of->count;
    of->kept->first_ms = of->count ? times[0] : newest_ms;
    snag_rule_forget_before(step, of->kept->first_ms);
}

static int64_t apart(int32_t a, int32_t b)
{
    int64_t d = (int64_t)a - b;
    return d < 0 ? -d : d;
}

static bool is_near(const snag_rule_params *params, place a, place b)
{
    int64_t dx = apart(a.x, b.x);
    int64_t dy = apart(a.y, b.y);
    if (params->measure == TAXICAB)
        return dx + dy <= params->radius;
    if (params->measure == BOX) /* of two, each at a corner */
        return dx <= params->radius && dy <= params->radius;
    return dx <= params->radius && dy <= params->radius &&
           dx * dx + dy * dy <= params->radius * params->radius;
}

/* Whether the n newest lie close enough, in time and on the screen. */
static bool is_close(const snag_rule_params *params, const ring *of)
{
    for (size_t i = 1; i < of->count; i++) {
        if (params->gap_ms >= 0 && of->kept->times[i] - of->kept->times[i - 1] > params->gap_ms)
            return false;
        if (!of->placed)
            continue;
        if (params->measure != BOX) {
            size_t from = params->from == FROM_PREVIOUS ? i - 1 : 0;
            if (!is_near(params, of->places[from], of->places[i]))
                return false;
            continue;
        }
        for (size_t k = 0; k < i; k++)
            if (!is_near(params, of->places[k], of->places[i]))
                return false;
    }
    return true;
}

HOT static void arm(const snag_rule *rule, snag_rule_step *step, const ring *of)
{
    int64_t gap_ms = quiet_ms(&rule->params);
    if (!snag_rule_is_open(step) && gap_ms >= 0) {
        gap_ms = span_ms(&rule->params);
        gap_ms = gap_ms > SNAG_TIDY_MS ? gap_ms : SNAG_TIDY_MS;
    }
    snag_rule_arm(step, gap_ms < 0 ? SNAG_NEVER : of->kept->times[of->count - 1] + gap_ms);
}

/* Late, and outside of every window that is still open. */
static bool is_outside(const snag_rule *rule, const ring *of, int64_t time_ms)
{
    int64_t within_ms = span_ms(&rule->params);
    return of->count > 0 && within_ms >= 0 && time_ms < of->kept->times[of->count - 1] - within_ms;
}

/* Whole pixels; false where the event does not say where it was. */
static bool pixel_of(const snag_event *event, int64_t slot, int32_t *pixel)
{
    const snag_value *value = slot >= 0 && slot < event->var_count ? &event->vars[slot] : NULL;
    double at = 0;
    if (value && value->kind == SNAG_KIND_INT)
        at = (double)value->as.integer;
    else if (value && value->kind == SNAG_KIND_DOUBLE)
        at = floor(value->as.number);
    else
        return false;
    if (!(at > INT32_MIN && at < INT32_MAX))
        return false;
    *pixel = (int32_t)at;
    return true;
}

static void on_match(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    ring of;
    ring_of(rule, step, &of);
    place where = {0, 0};
    if (of.placed &&
        (!pixel_of(event, rule->params.x, &where.x) || !pixel_of(event, rule->params.y, &where.y)))
        return;
    if (is_outside(rule, &of, event->time_ms))
        return;
    if (of.count == 0 || event->time_ms < of.kept->first_ms)
        of.kept->first_ms = event->time_ms;
    ring_insert(&of, (size_t)rule->params.count, event->time_ms, where);
    of.kept->total++;
    ring_keep(rule, step, &of);
    snag_rule_note(step);
    slide(rule, step, &of, of.kept->times[of.count - 1]);
    if (!snag_rule_is_open(step)) { /* those that were too far apart are not of the burst that comes */
        of.kept->total = (int64_t)of.count;
        of.kept->first_ms = of.kept->times[0];
    }
    ring_keep(rule, step, &of);
    if (!snag_rule_is_open(step) && of.count == (size_t)rule->params.count && is_close(&rule->params, &of)) {
        snag_rule_facts facts = facts_of(rule);
        snag_rule_open(step, &facts);
    }
    arm(rule, step, &of);
}

/* What another product found: the burst that is open, or a new one. */
static void on_found(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    ring of;
    ring_of(rule, step, &of);
    if (is_outside(rule, &of, event->time_ms))
        return;
    slide(rule, step, &of, event->time_ms);
    if (of.count == 0) {
        of.kept->first_ms = event->time_ms;
        of.kept->total = 1;
        ring_insert(&of, (size_t)rule->params.count, event->time_ms, (place){0, 0});
    }
    ring_keep(rule, step, &of);
    snag_rule_note(step);
    if (!snag_rule_is_open(step)) {
        snag_rule_facts facts = facts_of(rule);
        facts.observed = of.kept->total;
        snag_rule_open(step, &facts);
    }
    arm(rule, step, &of);
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                     uint32_t roles)
{
    if (roles & SNAG_ROLE_UNTIL)
        on_until(rule, step, event);
    if (roles & SNAG_ROLE_EVENT)
        on_match(rule, step, event);
    if (roles & SNAG_ROLE_FOUND)
        on_found(rule, step, event);
}

static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    ring of;
    ring_of(rule, step, &of);
    (void)at_ms;
    close_episode(rule, step, &of, reason);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    if (snag_rule_is_open(step))
        on_close(rule, step, deadline_ms, SNAG_REASON_WINDOW_EMPTY);
    forget(step);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    size_t entry = entry_bytes(rule);
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size > sizeof kept || size < offsetof(state, times) || (size - offsetof(state, times)) % entry)
        return false;
    memcpy(&kept, bytes, size);
    size_t count = (size - offsetof(state, times)) / entry;
    if (count == 0 || count > (size_t)rule->params.count || kept.total < 1 || !snag_time_sane(kept.total) ||
        !snag_time_sane(kept.first_ms))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!snag_time_sane(kept.times[i]) || (i > 0 && kept.times[i] < kept.times[i - 1]))
            return false;
    return true;
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    (void)bytes;
    (void)usual;
    size_t count = size < offsetof(state, times) ? 0 : (size - offsetof(state, times)) / entry_bytes(rule);
    snag_buf_str_put(buf, SNAG_STR(",\"observed\":"));
    snag_buf_int(buf, (int64_t)count);
    snag_buf_str_put(buf, SNAG_STR(",\"threshold\":"));
    snag_buf_int(buf, rule->params.count);
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    const snag_rule_params *params = &rule->params;
    if (span_ms(params) < 0 && params->until.count == 0)
        return snag_fail(diag, SNAG_CONFIG, "count needs within or until: its episode would never end");
    if (span_ms(params) < 0 && params->burst)
        return snag_fail(diag, SNAG_CONFIG, "a burst needs within");
    if (params->gap_ms >= 0 && params->count < 2)
        return snag_fail(diag, SNAG_CONFIG, "gap needs a count of 2 or more");
    if (params->radius >= 0 && params->count > SNAG_NEAR_MAX)
        return snag_fail(diag, SNAG_CONFIG, "radius is known to a count of at most %u", SNAG_NEAR_MAX);
    if (params->radius < 0 && params->measure > 0)
        return snag_fail(diag, SNAG_CONFIG, "measure belongs to radius");
    if (params->radius < 0 && params->from > 0)
        return snag_fail(diag, SNAG_CONFIG, "from belongs to radius");
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
    .state_grows = offsetof(state, times) + sizeof(int64_t) + sizeof(place),
    .check = check,
    .starts = starts,
    .counts_until = counts_until,
    .event = on_event,
    .close = on_close,
    .timer = on_timer,
    .sound = sound,
    .explain = explain,
};
