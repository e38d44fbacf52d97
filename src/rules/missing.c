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
 * a time >= question - D, is not armed (real logs hold such stamps); without it, with the question's own
 * time. `found:` is another product's word that nothing came (a dead click): it opens at once, or belongs to
 * what is open.
 *
 *     |-------------|warn|--------|        after: [3s, 7s]; each later level is an escalation of the episode
 *     question      :    deadline second
 *
 * `promise: NAME` takes the deadline from a time on the question. A question that brings another time moves
 * the promise: the newest counts, the first is told beside it. Between `pause:` and `resume:` it is the other
 * side's turn and the clock stands: deadlines move on by as long as it stood (rules/silence.h).
 *
 * State, either of two:
 *     armed or open: the deadline (8 bytes) and the question's time (8 bytes)
 *     overtake only: SNAG_TIME_NONE and the newest answer's time, forgotten some time after D has passed
 * Rules with warn, levels, promise or pause add four: since when the clock stands, the first deadline, the
 * second level's, and how far the episode has come (8 bytes each). Where `after:` is learned, also
 * from how many, and which share of them (4 bytes each).
 */
#include "base/assert.h"
#include "base/time.h"
#include "rules/silence.h"

/* deadline_ms SNAG_TIME_NONE: not armed, not open; at_ms is then the newest answer's. */
typedef snag_silence state;

enum { SHORT_BYTES = 16, LONG_BYTES = offsetof(snag_silence, learned), MILLION = 1000000 };

_Static_assert(LONG_BYTES == 48 && sizeof(state) == LONG_BYTES + 8, "packed without gaps");

static const snag_field fields[] = {
    SNAG_FIELD_MATCHER("missing", missing, true, SNAG_ROLE_ANSWER,
                       "the awaited event: a name, a list, a trailing *"),
    {.name = "after", .type = SNAG_FIELD_LEVELS, .offset = offsetof(snag_rule_params, wait.after),
     .required = true, .instead = "promise", .min = 1, .max = INT64_MAX / 4, .otherwise = -1,
     .summary = "how long after the event it is awaited; exactly at the deadline is in time; [3s, 7s]: the "
                "alert escalates at the second"},
    SNAG_FIELD_MATCHER("until", until, false, SNAG_ROLE_UNTIL,
                       "an event that makes waiting pointless: disarms, or resolves with reason until"),
    SNAG_FIELD("overtake", DURATION, overtake_ms, false, 0, INT64_MAX / 4, 0,
               "an answer stamped at most so long before its question still counts (one with its own time "
               "always does); with it (also 1ms) answers are remembered, so that a question which comes "
               "late, up to five minutes of their time, finds the one that came before it"),
    SNAG_FIELD_MATCHER_ADDED("found", found, SNAG_ROLE_FOUND,
                             "an event by which another product says that it found the same; it is one "
                             "signal with ours"),
    SNAG_FIELD_ADDED("warn", SHARE, wait.warn, 1, MILLION - 1, -1,
                     "how much of the time before it is due the alert comes, as a warning; it escalates "
                     "when due"),
    SNAG_FIELD_ADDED("promise", NAME, wait.promise, 0, 0, -1,
                     "instead of after: the kept time by which it was promised; a later event may move it"),
    {.name = "waits_on", .type = SNAG_FIELD_WORD, .offset = offsetof(snag_rule_params, wait.waits_on),
     .added = true, .otherwise = -1, .words = snag_silence_sides,
     .summary = "whose silence it is: told in the alert"},
    SNAG_FIELD_MATCHER_ADDED("pause", pause, SNAG_ROLE_PAUSE,
                             "from this event on it is the other side's turn, and the clock stands: what is "
                             "due moves on by as long as it stood, in business hours or days by the open "
                             "time of it"),
    SNAG_FIELD_MATCHER_ADDED("resume", resume, SNAG_ROLE_RESUME, "from this event on it runs again"),
};

/* Fields that rules got later stand behind those that the first ones had. */
static bool is_long(const snag_rule *rule)
{
    const snag_rule_params *params = &rule->params;
    return params->wait.warn >= 0 || params->wait.after.then_ms >= 0 || params->wait.promise >= 0 ||
           params->pause.count > 0;
}

static size_t state_size(const snag_rule *rule)
{
    return rule->params.wait.after.learned ? sizeof(state) : is_long(rule) ? LONG_BYTES : SHORT_BYTES;
}

static state *state_of(snag_rule_step *step)
{
    state *kept = snag_rule_state(step);
    if (snag_rule_state_bytes(step) <= SHORT_BYTES) {
        kept->paused_ms = kept->first_ms = kept->second_ms = SNAG_TIME_NONE;
        kept->level = SNAG_TOLD_NOTHING;
    }
    return kept;
}

static void state_keep(const snag_rule *rule, snag_rule_step *step)
{
    snag_rule_keep(step, state_size(rule));
}

static bool starts(const snag_rule *rule, uint32_t roles)
{
    return (roles & (SNAG_ROLE_EVENT | SNAG_ROLE_FOUND)) ||
           ((roles & SNAG_ROLE_ANSWER) && rule->params.overtake_ms > 0);
}

/* A promise is no answer's matter, and an answer that counts for longer is remembered in the state. */
static bool ties(const snag_rule *rule)
{
    return rule->params.wait.promise < 0 && (rule->params.overtake_ms == 0 || rule->by_shape);
}

/* An answer counts for as long as it may overtake a question. */
static int64_t counts_until(const snag_rule *rule, const void *bytes, size_t size)
{
    const state *kept = bytes;
    (void)size;
    return kept->deadline_ms == SNAG_TIME_NONE ? kept->at_ms + rule->params.overtake_ms : SNAG_NEVER;
}

static void forget(snag_rule_step *step)
{
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_hold(step, false);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

/* Remembers an answer for as long as it may overtake a question. */
static void remember_answer(const snag_rule *rule, snag_rule_step *step, int64_t time_ms)
{
    state *kept = state_of(step);
    bool had = snag_rule_state_bytes(step) > 0;
    if (rule->params.overtake_ms <= 0 || (had && kept->at_ms >= time_ms))
        return;
    *kept = snag_silence_begin(SNAG_TIME_NONE, SNAG_TIME_NONE, time_ms);
    int64_t gap_ms = rule->params.overtake_ms > SNAG_TIDY_MS ? rule->params.overtake_ms : SNAG_TIDY_MS;
    snag_rule_arm(step, time_ms + gap_ms);
    state_keep(rule, step);
}

/* When there is more to tell, and not before now. */
static void arm(const snag_rule *rule, snag_rule_step *step, const state *kept, int64_t now_ms)
{
    int64_t due_ms = snag_silence_due(&rule->params.wait, kept);
    snag_rule_hold(step, kept->paused_ms != SNAG_TIME_NONE);
    snag_rule_arm(step, due_ms > now_ms ? due_ms : now_ms);
}

/* Ends waiting, in one of three ways: in time (silent), late but seen to be in time, or too late. */
static void end(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                snag_reason reason)
{
    const state *kept = state_of(step);
    SNAG_ASSERT(kept->deadline_ms != SNAG_TIME_NONE);
    if (kept->deadline_ms > kept->at_ms) /* else another product found it: nobody saw it begin */
        snag_rule_waited(step, kept->at_ms, reason == SNAG_REASON_MOVED_ON);
    if (snag_rule_is_open(step)) {
        snag_rule_facts facts = snag_silence_facts(&rule->params.wait, kept);
        snag_rule_note(step);
        snag_rule_close(step, snag_silence_ends(kept, event->time_ms, reason), &facts);
    }
    forget(step);
}

static void on_answer(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = state_of(step);
    bool waiting = snag_rule_state_bytes(step) > 0 && kept->deadline_ms != SNAG_TIME_NONE;
    /* A late answer from before the question answers nothing, but for what overtake allows. */
    if (waiting && event->time_ms >= kept->at_ms - rule->params.overtake_ms)
        end(rule, step, event, SNAG_REASON_MOVED_ON);
    if (snag_rule_state_bytes(step) == 0 || kept->deadline_ms == SNAG_TIME_NONE)
        remember_answer(rule, step, event->time_ms);
}

static void on_until(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    const state *kept = state_of(step);
    if (snag_rule_state_bytes(step) == 0 || kept->deadline_ms == SNAG_TIME_NONE)
        return;
    if (event->time_ms >= kept->at_ms)
        end(rule, step, event, SNAG_REASON_UNTIL);
}

/* The time by which it is due; false: the event brings no promise. */
static bool deadline_of(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                        int64_t *deadline_ms, snag_learned *learned)
{
    *learned = (snag_learned){0, 0};
    if (rule->params.wait.promise >= 0)
        return snag_silence_promise(rule->params.wait.promise, event, deadline_ms);
    *deadline_ms = snag_rule_due(step, &rule->params.wait.after, learned);
    return true;
}

/* A question while one is waited for already: only a promise can be moved by it. */
static void on_question_again(const snag_rule *rule, snag_rule_step *step, state *kept,
                              const snag_event *event)
{
    int64_t deadline_ms;
    snag_learned learned;
    if (rule->params.wait.promise < 0 || event->time_ms < kept->at_ms ||
        !deadline_of(rule, step, event, &deadline_ms, &learned) || deadline_ms == kept->deadline_ms)
        return;
    snag_rule_facts facts = snag_silence_facts(&rule->params.wait, kept);
    snag_rule_note(step);
    bool anew = snag_silence_move(kept, deadline_ms, event->time_ms);
    facts.first_promise_ms = kept->first_ms;
    if (anew && snag_rule_is_open(step)) { /* promised anew: overdue no more */
        snag_rule_close(step, SNAG_REASON_MOVED_ON, &facts);
        snag_rule_forget_all(step); /* the next episode begins with the new promise, and is named by it */
        snag_rule_note(step);
        kept->level = SNAG_TOLD_NOTHING;
    }
    state_keep(rule, step);
    arm(rule, step, kept, event->time_ms);
}

static void on_question(const snag_rule *rule, snag_rule_step *step, const snag_event *event,
                        bool answers_itself)
{
    state *kept = state_of(step);
    int64_t deadline_ms;
    snag_learned learned;
    if (snag_rule_state_bytes(step) > 0) {
        if (kept->deadline_ms != SNAG_TIME_NONE) {
            on_question_again(rule, step, kept, event);
            return;
        }
        if (!answers_itself && kept->at_ms >= event->time_ms - rule->params.overtake_ms)
            return;
    }
    if (!answers_itself && snag_rule_answered(step))
        return;
    if (!deadline_of(rule, step, event, &deadline_ms, &learned))
        return;
    snag_rule_forget_all(step);
    *kept = snag_silence_begin(deadline_ms, snag_levels_end(&rule->params.wait.after, event, deadline_ms),
                               event->time_ms);
    kept->learned = learned;
    state_keep(rule, step);
    snag_rule_note(step);
    arm(rule, step, kept, event->time_ms);
}

/* The other side's turn begins or ends. */
static void on_turn(const snag_rule *rule, snag_rule_step *step, const snag_event *event, bool stands)
{
    state *kept = state_of(step);
    bool waiting = snag_rule_state_bytes(step) > 0 && kept->deadline_ms != SNAG_TIME_NONE;
    if (!waiting || !snag_silence_turn(&rule->params.wait, kept, snag_rule_wait_zone(step),
                                       event->time_ms, stands))
        return;
    state_keep(rule, step);
    arm(rule, step, kept, event->time_ms);
}

/* What another product found: the silence that we are waiting for, or one that we did not see begin. */
static void on_found(const snag_rule *rule, snag_rule_step *step, const snag_event *event)
{
    state *kept = state_of(step);
    bool waiting = snag_rule_state_bytes(step) > 0 && kept->deadline_ms != SNAG_TIME_NONE;
    if (waiting && event->time_ms < kept->at_ms)
        return; /* late: of an earlier question */
    if (!waiting)
        snag_rule_forget_all(step);
    snag_rule_note(step);
    if (snag_rule_is_open(step))
        return;
    *kept = snag_silence_begin(event->time_ms,
                               snag_levels_end(&rule->params.wait.after, event, event->time_ms),
                               event->time_ms);
    kept->level = SNAG_TOLD_OVERDUE;
    state_keep(rule, step);
    arm(rule, step, kept, event->time_ms);
    snag_rule_facts facts = snag_silence_facts(&rule->params.wait, kept);
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
    if (roles & (SNAG_ROLE_PAUSE | SNAG_ROLE_RESUME))
        on_turn(rule, step, event, (roles & SNAG_ROLE_PAUSE) != 0);
}

static void on_timer(const snag_rule *rule, snag_rule_step *step, int64_t deadline_ms)
{
    state *kept = state_of(step);
    snag_rule_arm(step, SNAG_NEVER);
    if (kept->deadline_ms == SNAG_TIME_NONE) {
        forget(step);
        return;
    }
    snag_silence_tell(kept, deadline_ms);
    state_keep(rule, step);
    snag_rule_facts facts = snag_silence_facts_told(&rule->params.wait, kept);
    if (snag_rule_is_open(step))
        snag_rule_escalate(step, &facts);
    else
        snag_rule_open(step, &facts);
    arm(rule, step, kept, deadline_ms);
}

static void on_close(const snag_rule *rule, snag_rule_step *step, int64_t at_ms, snag_reason reason)
{
    snag_rule_facts facts = snag_silence_facts(&rule->params.wait, state_of(step));
    (void)at_ms;
    snag_rule_close(step, reason, &facts);
}

static bool take_back(const snag_rule *rule, snag_rule_step *step)
{
    state *kept = state_of(step);
    int64_t opened_ms = snag_rule_opened_ms(step);
    bool timed = kept->deadline_ms > kept->at_ms || rule->params.wait.promise >= 0;
    if (!timed || kept->paused_ms != SNAG_TIME_NONE)
        return false;
    snag_rule_facts facts = snag_silence_facts(&rule->params.wait, kept);
    snag_rule_close(step, SNAG_REASON_SOURCE_SILENT, &facts);
    kept->level = SNAG_TOLD_NOTHING;
    state_keep(rule, step);
    snag_rule_arm(step, opened_ms);
    return true;
}

static bool long_sound(const snag_rule *rule, const state *kept, bool open)
{
    return snag_silence_sound(&rule->params.wait, kept) && open == (kept->level > SNAG_TOLD_NOTHING);
}

static bool sound(const snag_rule *rule, const void *bytes, size_t size, bool open, int64_t due_ms)
{
    state kept = {0};
    if (size == 0)
        return !open && due_ms == SNAG_NEVER;
    if (size != state_size(rule))
        return false;
    memcpy(&kept, bytes, size);
    if (!snag_time_sane(kept.at_ms) || kept.learned.millionths >= MILLION)
        return false;
    if (kept.deadline_ms == SNAG_TIME_NONE)
        return !open;
    if (!snag_time_sane(kept.deadline_ms) || (is_long(rule) && !long_sound(rule, &kept, open)))
        return false;
    if (is_long(rule))
        return due_ms == SNAG_NEVER || kept.paused_ms == SNAG_TIME_NONE;
    return due_ms == (open ? SNAG_NEVER : kept.deadline_ms);
}

static void explain(const snag_rule *rule, const void *bytes, size_t size, const uint64_t *usual,
                    snag_buf *buf)
{
    state kept = {0};
    (void)usual;
    if (size <= SHORT_BYTES)
        return;
    memcpy(&kept, bytes, size);
    if (kept.learned.n)
        snag_buf_printf(buf, ",\"learned_from\":%u", kept.learned.n);
    if (is_long(rule))
        snag_silence_explain(&kept, buf);
}

static int64_t waits_since(const void *bytes, size_t size)
{
    state kept = {0};
    memcpy(&kept, bytes, size < sizeof kept ? size : sizeof kept);
    bool waits = size > 0 && kept.deadline_ms != SNAG_TIME_NONE && kept.deadline_ms > kept.at_ms;
    return waits ? kept.at_ms : SNAG_TIME_NONE;
}

static snag_err check(const snag_rule *rule, snag_diag *diag)
{
    const snag_rule_params *params = &rule->params;
    if (params->wait.after.ms >= 0 && params->wait.promise >= 0)
        return snag_fail(diag, SNAG_CONFIG, "promise stands instead of after");
    if (params->wait.after.ms >= 0 && params->overtake_ms > params->wait.after.ms)
        return snag_fail(diag, SNAG_CONFIG, "overtake must not be longer than after");
    if (params->wait.after.learned && params->pause.count > 0)
        return snag_fail(diag, SNAG_CONFIG,
                         "pause goes with elapsed time: a learned time cannot tell whose turn it was");
    if (params->wait.promise >= 0 && params->overtake_ms > 0)
        return snag_fail(diag, SNAG_CONFIG, "overtake does not go with promise");
    if ((params->pause.count > 0) != (params->resume.count > 0))
        return snag_fail(diag, SNAG_CONFIG, "%s needs the other: the clock stands from pause: to resume:",
                         params->pause.count ? "pause" : "resume");
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
    .ties = ties,
    .counts_until = counts_until,
    .event = on_event,
    .close = on_close,
    .timer = on_timer,
    .take_back = take_back,
    .sound = sound,
    .waits_since = waits_since,
    .explain = explain,
};
