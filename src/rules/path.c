/* SPDX-License-Identifier: Apache-2.0
 *
 * path: the steps come in this order. What lies between is skipped (skip-till-next-match, as SASE+ has it:
 * Agrawal, Diao, Gyllstrom, Immerman, "Efficient Pattern Matching over Event Streams", 2008).
 *
 *     A ..... B .. A          path: [A, B, A]; dwell bounds each stay between the first step and the last
 *     |<- within ->|
 *             |<-->| dwell
 *
 * An event has a role bit for each different step it matches: the table [steps done][bits] says where a run
 * goes. Of several runs that are equally far, the one that began last is kept: whatever can complete an
 * older one completes it too. One event carries a run on by one step only. `not:` in between kills a run.
 *
 * While an episode is open, a path that comes again only makes it last longer. It ends by `until`, at a
 * milestone, or when `within` has passed since the newest time the path was complete. `within: journey`: the
 * end of the walk ends both the runs and the episode.
 *
 * State: | newest completion 8 | run with one step done: began 8, newest step 8 | … two … | up to steps - 1 |
 */
#include "base/assert.h"
#include "rules/rule.h"

typedef struct run {
    int64_t began_ms; /* SNAG_TIME_NONE: there is none */
    int64_t step_ms;
} run;

typedef struct state {
    int64_t done_ms; /* SNAG_TIME_NONE where no episode is open */
    run runs[SNAG_STEPS_MAX - 1];
} state;

static const snag_field fields[] = {
    SNAG_FIELD("path", STEPS, path, true, 2, SNAG_STEPS_MAX, 0,
               "the steps in their order, each a name, a list or {event, where}; with within: journey also "
               "names of its stages"),
    SNAG_FIELD("within", SPAN, within_ms, false, 1, INT64_MAX / 4, -1,
               "from the first step to the last; journey: all in one walk of the journey with the same per"),
    SNAG_FIELD("dwell", DURATION, dwell_ms, false, 0, INT64_MAX / 4, -1,
               "the longest stay at each step between the first and the last"),
    SNAG_FIELD_MATCHER("not", never, false, SNAG_ROLE_NEVER,
                       "an event that must not come in between: a forbidden or a skipped step"),
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that makes the steps forgotten and ends the episode"),
};

static bool starts(const snag_rule *rule, uint32_t roles)
{
    return (roles & rule->params.path.roles[0]) != 0;
}

static bool is_live(const run *one)
{
    return one->began_ms != SNAG_TIME_NONE;
}

static state *state_of(snag_rule_step *step)
{
    state *kept = snag_rule_state(step);
    size_t bytes = snag_rule_state_bytes(step);
    size_t count = bytes ? (bytes - offsetof(state, runs)) / sizeof(run) : 0;
    if (bytes == 0)
        kept->done_ms = SNAG_TIME_NONE;
    for (size_t i = count; i < SNAG_STEPS_MAX - 1; i++)
        kept->runs[i] = (run){SNAG_TIME_NONE, SNAG_TIME_NONE};
    return kept;
}

/* Keeps what is live, arms what it waits for, and lets evidence go that belongs to no run any more. */
static void keep(const snag_rule *rule, snag_rule_step *step, const state *kept)
{
    int64_t within_ms = rule->params.within_ms;
    int64_t first_ms = SNAG_NEVER;
    int64_t last_ms = SNAG_TIME_NONE;
    size_t count = 0;
    for (size_t i = 0; i < SNAG_STEPS_MAX - 1; i++) {
        if (!is_live(&kept->runs[i]))
            continue;
        count = i + 1;
        first_ms = kept->runs[i].began_ms < first_ms ? kept->runs[i].began_ms : first_ms;
        last_ms = kept->runs[i].began_ms > last_ms ? kept->runs[i].began_ms : last_ms;
    }
    bool open = snag_rule_is_open(step);
    if (count == 0 && !open) {
        snag_rule_arm(step, SNAG_NEVER);
        snag_rule_forget_all(step);
        snag_rule_keep(step, 0);
        return;
    }
    snag_rule_keep(step, offsetof(state, runs) + count * sizeof(run));
    if (!open)
        snag_rule_forget_before(step, first_ms);
    int64_t due_ms = SNAG_NEVER;
    if (within_ms >= 0)
        due_ms = open ? kept->done_ms + within_ms
                      : last_ms + (within_ms > SNAG_TIDY_MS ? within_ms : SNAG_TIDY_MS);
    snag_rule_arm(step, due_ms);
}

static int64_t counts_until(const snag_rule *rule, const void *bytes, size_t size)
{
    const state *kept = bytes;
    int64_t last_ms = SNAG_TIME_NONE;
    for (size_t i = 0; i < (size - offsetof(state, runs)) / sizeof(run); i++)
        if (is_live(&kept->runs[i]) && kept->runs[i].began_ms > last_ms)
            last_ms = kept->runs[i].began_ms;
    bool bounded = rule->params.within_ms >= 0 && last_ms != SNAG_TIME_NONE;
    return bounded ? last_ms + rule->params.within_ms : SNAG_NEVER;
}

static snag_rule_facts facts_of(const snag_rule *rule)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    if (rule->params.within_ms >= 0)
        facts.within_ms = rule->params.within_ms;
    return facts;
}

static void close_episode(const snag_rule *rule, snag_rule_step *step, state *kept, snag_reason reason)
{
    snag_rule_facts facts = facts_of(rule);
    snag_rule_close(step, reason, &facts);
    kept->done_ms = SNAG_TIME_NONE;
}

/* until, a milestone, the walk's end: the episode is over unless newer steps made it true again. */
static void on_end(const snag_rule *rule, snag_rule_step *step, state *kept, int64_t time_ms,
                   snag_reason reason)
{
    if (!snag_rule_is_open(step) || time_ms < kept->done_ms)
        return;
    snag_rule_note(step);
    close_episode(rule, step, kept, reason);
}

/* Runs that began before the event are over; for until also those that began with it. */
static void kill(state *kept, int64_t time_ms)
{
    for (size_t i = 0; i < SNAG_STEPS_MAX - 1; i++)
        if (is_live(&kept->runs[i]) && kept->runs[i].began_ms <= time_ms)
            kept->runs[i].began_ms = SNAG_TIME_NONE;
}

static bool may_go_on(const snag_rule *rule, const run *one, size_t done, int64_t time_ms)
{
    const snag_rule_params *params = &rule->params;
    bool in_span = params->within_ms < 0 || time_ms - one->began_ms <= params->within_ms;
    bool in_dwell = params->dwell_ms < 0 || done < 2 || time_ms - one->step_ms <= params->dwell_ms;
    return in_span && in_dwell;
}

/* The path is complete. */
static void complete(const snag_rule *rule, snag_rule_step *step, state *kept, int64_t began_ms,
                     int64_t time_ms)
{
    kept->done_ms = time_ms;
    if (snag_rule_is_open(step))
        return;
    snag_rule_facts facts = facts_of(rule);
    snag_rule_forget_before(step, began_ms);
    snag_rule_open(step, &facts);
}

static void on_step(const snag_rule *rule, snag_rule_step *step, state *kept, int64_t time_ms, uint32_t roles)
{
    const snag_steps *path = &rule->params.path;
    bool noted = false;
    for (size_t done = path->count - 1; done > 0; done--) {
        run *one = &kept->runs[done - 1];
        if (!is_live(one) || (roles & path->roles[done]) == 0)
            continue;
        run moved = {one->began_ms, time_ms};
        bool good = may_go_on(rule, one, done, time_ms);
        one->began_ms = SNAG_TIME_NONE;
        if (!good)
            continue;
        if (!noted)
            snag_rule_note(step);
        noted = true;
        if (done + 1 == path->count)
            complete(rule, step, kept, moved.began_ms, time_ms);
        else
            kept->runs[done] = moved;
    }
    if (roles & path->roles[0]) {
        if (!noted)
            snag_rule_note(step);
        kept->runs[0] = (run){time_ms, time_ms};
    }
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event, uint32_t roles)
{
    state *kept = state_of(step);
    bool whole = rule->params.within_ms == SNAG_WITHIN_JOURNEY;
    int64_t time_ms = event->time_ms;
    if (roles & SNAG_ROLE_UNTIL)
        on_end(rule, step, kept, time_ms, SNAG_REASON_UNTIL);
    if (roles & (SNAG_ROLE_MILESTONE | SNAG_ROLE_END))
        on_end(rule, step, kept, time_ms, SNAG_REASON_MOVED_ON);
    if ((roles & (SNAG_ROLE_UNTIL | SNAG_ROLE_NEVER)) || (whole && (roles & SNAG_ROLE_END)))
        kill(kept, time_ms);
    if (roles >= SNAG_ROLE_STEP && !snag_rule_late(step)) /* where a late one stood cannot be told */
        on_step(rule, step, kept, time_ms, roles);
    keep(rule, step, kept);
}

static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    (void)at_ms;
    close_episode(rule, step, state_of(step), reason);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    state *kept = state_of(step);
    SNAG_ASSERT(rule->params.within_ms >= 0);
    if (snag_rule_is_open(step))
        close_episode(rule, step, kept, SNAG_REASON_WINDOW_EMPTY);
    for (size_t i = 0; i < SNAG_STEPS_MAX - 1; i++)
        if (is_live(&kept->runs[i]) && kept->runs[i].began_ms <= deadline_ms - rule->params.within_ms)
            kept->runs[i].began_ms = SNAG_TIME_NONE;
    keep(rule, step, kept);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    size_t count = size >= offsetof(state, runs) ? (size - offsetof(state, runs)) / sizeof(run) : 0;
    if (size != offsetof(state, runs) + count * sizeof(run) || count > rule->params.path.count - 1)
        return false;
    memcpy(&kept, bytes, size);
    if (open != (kept.done_ms != SNAG_TIME_NONE) || (open && !snag_time_sane(kept.done_ms)) ||
        (rule->params.within_ms < 0 && due_ms != SNAG_NEVER))
        return false;
    for (size_t i = 0; i < count; i++)
        if (is_live(&kept.runs[i]) &&
            (!snag_time_sane(kept.runs[i].began_ms) || !snag_time_sane(kept.runs[i].step_ms)))
            return false;
    return true;
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    state kept = {0};
    (void)usual;
    size_t done = size > offsetof(state, runs) ? (size - offsetof(state, runs)) / sizeof(run) : 0;
    memcpy(&kept, bytes, size);
    while (done > 0 && !is_live(&kept.runs[done - 1]))
        done--;
    snag_buf_str_put(buf, SNAG_STR(",\"steps_done\":"));
    snag_buf_int(buf, (int64_t)done);
    snag_buf_str_put(buf, SNAG_STR(",\"steps\":"));
    snag_buf_int(buf, rule->params.path.count);
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    const snag_rule_params *params = &rule->params;
    bool milestone = false;
    for (uint32_t i = 0; i < params->stages.count; i++)
        milestone = milestone || params->stages.roles[i] == SNAG_ROLE_MILESTONE;
    if (params->within_ms == -1 && params->until.count == 0 && !milestone)
        return snag_fail(diag, SNAG_CONFIG, "path needs within or until: its episode would never end");
    if (params->dwell_ms >= 0 && params->path.count < 3)
        return snag_fail(diag, SNAG_CONFIG, "dwell needs a step between the first and the last");
    return SNAG_OK;
}

extern const snag_rule_kind snag_rule_path;
const snag_rule_kind snag_rule_path = {
    .name = "path",
    .summary = "The steps come in this order; what lies between them is skipped.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .own_events = true,
    .state_bytes_max = sizeof(state),
    .state_grows = offsetof(state, runs) + sizeof(run),
    .check = check,
    .starts = starts,
    .counts_until = counts_until,
    .event = on_event,
    .close = on_close,
    .timer = on_timer,
    .sound = sound,
    .explain = explain,
};
