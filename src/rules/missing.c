/* SPDX-License-Identifier: Apache-2.0
 *
 * missing: after `event:`, the awaited `missing:` did not come within `after`.
 *
 *     question           deadline = question + after
 *        |------------------|······ W passes: signal ······ the answer comes: moved_on
 *           ^answer or until in time (also exactly at the deadline): disarmed, nothing said
 *
 * The first question arms; further ones while armed or open change nothing. An event that both answers
 * and asks first answers, then asks. `overtake: D`: a question whose answer was applied before it, with
 * a time >= question - D, is not armed (real logs hold such stamps). `found:` is another product's word that
 * nothing came (a dead click): it opens at once, or belongs to what is open.
 *
 * State, either of two:
 *     armed or open: the deadline (8 bytes) and the question's time (8 bytes)
 *     overtake only: SNAG_TIME_NONE and the newest answer's time, forgotten some time after D has passed
 */
#include "base/assert.h"
#include "rules/rule.h"

typedef struct state {
    int64_t deadline_ms; /* SNAG_TIME_NONE: not armed, not open */
    int64_t at_ms;       /* the question's time; where not armed, the newest answer's */
} state;

static const snag_field fields[] = {
    SNAG_FIELD_MATCHER("missing", missing, true, SNAG_ROLE_ANSWER,
                       "the awaited event: a name, a list, a trailing *"),
    SNAG_FIELD("after", DURATION, after_ms, true, 1, INT64_MAX / 4, 0,
               "how long after the event it is awaited; exactly at the deadline is in time"),
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that makes waiting pointless: disarms, or resolves with reason until"),
    SNAG_FIELD("overtake", DURATION, overtake_ms, false, 0, INT64_MAX / 4, 0,
               "an answer stamped at most so long before its question still counts"),
    SNAG_FIELD_MATCHER_ADDED("found", found, SNAG_ROLE_FOUND,
                             "an event by which another product says that it found the same; it is one "
                             "signal with ours"),
};

static bool starts(const snag_rule *rule, uint32_t roles)
{
    return (roles & (SNAG_ROLE_EVENT | SNAG_ROLE_FOUND)) ||
           ((roles & SNAG_ROLE_ANSWER) && rule->params.overtake_ms > 0);
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

/* Remembers an answer for as long as it may overtake a question. */
static void remember_answer(const snag_rule *rule, snag_rule_step *step, int64_t time_ms)
{
    state *kept = snag_rule_state(step);
    bool had = snag_rule_state_bytes(step) > 0;
    if (rule->params.overtake_ms <= 0 || (had && kept->at_ms >= time_ms))
        return;
    *kept = (state){SNAG_TIME_NONE, time_ms};
    int64_t gap_ms = rule->params.overtake_ms > SNAG_TIDY_MS ? rule->params.overtake_ms : SNAG_TIDY_MS;
    snag_rule_arm(step, time_ms + gap_ms);
    snag_rule_keep(step, sizeof *kept);
}

/* An episode that another product's word opened has no deadline of ours: both times are that word's. */
static snag_rule_facts facts_of(const snag_rule *rule, const state *kept)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.within_ms = rule->params.after_ms;
    if (kept->deadline_ms > kept->at_ms)
        facts.deadline_ms = kept->deadline_ms;
    return facts;
}

/* Ends waiting, in one of three ways: in time (silent), late but seen to be in time, or too late. */
static void end(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                snag_reason reason)
{
    const state *kept = snag_rule_state(step);
    SNAG_ASSERT(kept->deadline_ms != SNAG_TIME_NONE);
    if (snag_rule_is_open(step)) {
        snag_rule_facts facts = facts_of(rule, kept);
        if (event->time_ms <= kept->deadline_ms)
            reason = SNAG_REASON_LATE_EVIDENCE;
        snag_rule_note(step);
        snag_rule_close(step, reason, &facts);
    }
    forget(step);
}

static void on_answer(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = snag_rule_state(step);
    bool waiting = snag_rule_state_bytes(step) > 0 && kept->deadline_ms != SNAG_TIME_NONE;
    /* A late answer from before the question answers nothing, but for what overtake allows. */
    if (waiting && event->time_ms >= kept->at_ms - rule->params.overtake_ms)
        end(rule, step, event, SNAG_REASON_MOVED_ON);
    if (snag_rule_state_bytes(step) == 0 || kept->deadline_ms == SNAG_TIME_NONE)
        remember_answer(rule, step, event->time_ms);
}

static void on_until(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = snag_rule_state(step);
    if (snag_rule_state_bytes(step) == 0 || kept->deadline_ms == SNAG_TIME_NONE)
        return;
    if (event->time_ms >= kept->at_ms)
        end(rule, step, event, SNAG_REASON_UNTIL);
}

static void on_question(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                        bool answers_itself)
{
    state *kept = snag_rule_state(step);
    if (snag_rule_state_bytes(step) > 0) {
        if (kept->deadline_ms != SNAG_TIME_NONE)
            return;
        if (!answers_itself && kept->at_ms >= event->time_ms - rule->params.overtake_ms)
            return;
    }
    snag_rule_forget_all(step);
    *kept = (state){event->time_ms + rule->params.after_ms, event->time_ms};
    snag_rule_keep(step, sizeof *kept);
    snag_rule_note(step);
    snag_rule_arm(step, kept->deadline_ms);
}

/* What another product found: the silence that we are waiting for, or one that we did not see begin. */
static void on_found(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    state *kept = snag_rule_state(step);
    bool waiting = snag_rule_state_bytes(step) > 0 && kept->deadline_ms != SNAG_TIME_NONE;
    if (waiting && event->time_ms < kept->at_ms)
        return; /* late: of an earlier question */
    if (!waiting)
        snag_rule_forget_all(step);
    snag_rule_note(step);
    if (snag_rule_is_open(step))
        return;
    *kept = (state){event->time_ms, event->time_ms};
    snag_rule_keep(step, sizeof *kept);
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_facts facts = facts_of(rule, kept);
    snag_rule_open(step, &facts);
}

static void on_event(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                     uint32_t roles)
{
    if (roles & SNAG_ROLE_ANSWER)
        on_answer(rule, step, event);
    if (roles & SNAG_ROLE_UNTIL)
        on_until(rule, step, event);
    if (roles & SNAG_ROLE_EVENT)
        on_question(rule, step, event, (roles & SNAG_ROLE_ANSWER) != 0);
    if (roles & SNAG_ROLE_FOUND)
        on_found(rule, step, event);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    const state *kept = snag_rule_state(step);
    snag_rule_arm(step, SNAG_NEVER);
    if (kept->deadline_ms == SNAG_TIME_NONE) {
        forget(step);
        return;
    }
    SNAG_ASSERT(kept->deadline_ms == deadline_ms);
    SNAG_ASSERT(!snag_rule_is_open(step));
    snag_rule_facts facts = facts_of(rule, kept);
    snag_rule_open(step, &facts);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    (void)rule;
    state kept;
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size != sizeof kept)
        return false;
    memcpy(&kept, bytes, sizeof kept);
    if (!snag_time_sane(kept.at_ms))
        return false;
    if (kept.deadline_ms == SNAG_TIME_NONE)
        return !open;
    return snag_time_sane(kept.deadline_ms) && due_ms == (open ? SNAG_NEVER : kept.deadline_ms);
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    if (rule->params.overtake_ms > rule->params.after_ms)
        return snag_fail(diag, SNAG_CONFIG, "overtake must not be longer than after");
    return SNAG_OK;
}

extern const snag_rule_kind snag_rule_missing;
const snag_rule_kind snag_rule_missing = {
    .name = "missing",
    .summary = "An awaited event did not come by its deadline; needs no later event to be noticed.",
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .state_bytes_max = sizeof(state),
    .check = check,
    .starts = starts,
    .event = on_event,
    .timer = on_timer,
    .sound = sound,
};
