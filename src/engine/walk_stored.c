/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks as they are stored: taken out of their item, put back, looked at when they come from outside, moved
 * to another version of the journey, shown.
 *
 * State of an item:  | entered_ms 8 | seq 4 | stage 1 | ended 1 | walk 16 |
 *   where outcomes are judged or may be amended, also | friction 2 | closed_ms 8 | closed_seq 4 | outcome 1 |
 *   where a stage warns, has two levels or a clock that stands, that and | level 1 | 0 2 | deadline_ms 8 |
 *   paused_ms 8 | second_ms 8 |
 *   where deadlines are learned, all of that and | learned from 4 | learned share 4 |
 *   where a stage that warns counts by a calendar whose clock may stand, all of that and | first_ms 8 |
 *   where there is a survey, all of that and what answers may be about (poll.h)
 */
#include "base/time.h"
#include "engine/walk.h"

typedef snag_walk walk_state;

_Static_assert(sizeof(walk_state) == 88 && offsetof(walk_state, friction) == 30 &&
                   offsetof(walk_state, level) == 45 && offsetof(walk_state, deadline_ms) == 48 &&
                   offsetof(walk_state, learned) == 72 && offsetof(walk_state, first_ms) == 80,
               "packed without gaps");
enum { STATE_BYTES = 30, JUDGED_BYTES = 45, PATIENT_BYTES = offsetof(walk_state, learned) };
enum { LEARNED_BYTES = offsetof(walk_state, first_ms), STOOD_BYTES = sizeof(walk_state), MILLION = 1000000 };

/* A shorter state says no more of its stage's wait than the item does: one deadline, told or not. */
static void wait_of_item(const snag_item *item, walk_state *state)
{
    state->level = item->open ? SNAG_TOLD_OVERDUE : SNAG_TOLD_NOTHING;
    state->deadline_ms = item->open ? item->opened_ms : item->due_ms;
    state->paused_ms = state->second_ms = SNAG_TIME_NONE;
}

bool snag_walk_get(const snag_item *item, const snag_journey *journey, walk_state *state)
{
    memset(state, 0, sizeof *state);
    if (item->state_bytes == STATE_BYTES) /* of known sizes, because every walk's event comes here */
        memcpy(state, item->state, STATE_BYTES);
    else if (item->state_bytes == JUDGED_BYTES)
        memcpy(state, item->state, JUDGED_BYTES);
    else if (item->state_bytes == PATIENT_BYTES)
        memcpy(state, item->state, PATIENT_BYTES);
    else if (item->state_bytes == LEARNED_BYTES)
        memcpy(state, item->state, LEARNED_BYTES);
    else if (item->state_bytes >= STOOD_BYTES)
        memcpy(state, item->state, STOOD_BYTES);
    else
        return false;
    if (item->state_bytes < STOOD_BYTES)
        state->first_ms = SNAG_TIME_NONE;
    if (item->state_bytes < PATIENT_BYTES)
        wait_of_item(item, state);
    return state->stage < journey->stage_count;
}

/* All of it. Of a shorter state whose stage waits for nothing, the deadline said when the walk expires. */
static void stood_put(snag_item *item, const snag_journey *journey, const walk_state *state)
{
    walk_state whole = *state;
    if (journey->stages[state->stage].wait.after.ms < 0 || state->deadline_ms == SNAG_NEVER) {
        whole.deadline_ms = SNAG_TIME_NONE;
        whole.level = SNAG_TOLD_NOTHING;
    }
    memcpy(item->state, &whole, STOOD_BYTES);
}

void snag_walk_put(snag_item *item, const snag_journey *journey, const walk_state *state)
{
    size_t bytes = journey->patient ? PATIENT_BYTES : journey->judged ? JUDGED_BYTES : STATE_BYTES;
    if (journey->learns)
        bytes = LEARNED_BYTES;
    if (journey->stands)
        bytes = journey->survey.event.count && item->state_bytes > STOOD_BYTES ? item->state_bytes
                                                                               : STOOD_BYTES;
    item->state_bytes = (uint16_t)bytes;
    if (bytes == STATE_BYTES)
        memcpy(item->state, state, STATE_BYTES);
    else if (bytes == JUDGED_BYTES)
        memcpy(item->state, state, JUDGED_BYTES);
    else if (bytes == PATIENT_BYTES)
        memcpy(item->state, state, PATIENT_BYTES);
    else if (bytes == LEARNED_BYTES)
        memcpy(item->state, state, LEARNED_BYTES);
    else
        stood_put(item, journey, state);
    item->hold = !state->ended;
}

int64_t snag_walk_expires(const snag_stage *stage, const walk_state *state)
{
    return stage->expire_ms > 0 ? state->entered_ms + stage->expire_ms : SNAG_NEVER;
}

snag_str snag_walk_outcome(const snag_journey *journey, const walk_state *state)
{
    if (state->outcome == SNAG_OUTCOME_OWN)
        return journey->stages[state->stage].end;
    return snag_str_from(snag_outcome_word((snag_outcome)state->outcome));
}

snag_silence snag_walk_silence(const walk_state *state)
{
    return (snag_silence){.deadline_ms = state->deadline_ms,
                          .at_ms = state->entered_ms,
                          .paused_ms = state->paused_ms,
                          .first_ms = state->first_ms,
                          .second_ms = state->second_ms,
                          .level = state->level,
                          .learned = state->learned};
}

void snag_walk_wait(walk_state *state, const snag_silence *silence)
{
    state->deadline_ms = silence->deadline_ms;
    state->paused_ms = silence->paused_ms;
    state->second_ms = silence->second_ms;
    state->first_ms = silence->first_ms;
    state->level = (uint8_t)silence->level;
    state->learned = silence->learned;
}

int64_t snag_walk_due(const snag_stage *stage, const walk_state *state, int64_t now_ms)
{
    snag_silence silence = snag_walk_silence(state);
    int64_t expire_ms = snag_walk_expires(stage, state);
    int64_t due_ms = SNAG_NEVER;
    if (stage->wait.after.ms >= 0 && state->deadline_ms != SNAG_TIME_NONE && !state->ended)
        due_ms = snag_silence_due(&stage->wait, &silence);
    due_ms = due_ms > now_ms ? due_ms : now_ms;
    return due_ms < expire_ms ? due_ms : expire_ms;
}

/* Of an open walk. What was told may have been closed by a change of the pipeline. */
static bool wait_sound(const snag_item *item, const snag_stage *stage, const walk_state *state)
{
    snag_silence silence = snag_walk_silence(state);
    if (item->state_bytes < PATIENT_BYTES)
        return true;
    bool none = state->deadline_ms == SNAG_TIME_NONE;
    return (none ? !item->open : stage->wait.after.ms >= 0 && snag_time_sane(state->deadline_ms)) &&
           state->level <= SNAG_TOLD_SECOND && state->learned.millionths < MILLION &&
           (!item->open || state->level > SNAG_TOLD_NOTHING) &&
           snag_time_sane_or_none(silence.paused_ms) && snag_time_sane_or_none(silence.second_ms) &&
           snag_time_sane_or_none(silence.first_ms);
}

bool snag_walk_sound(const snag_journey *journey, const snag_item *item)
{
    walk_state state;
    if (item->state_bytes == 0)
        return !item->open && !item->hold && item->due_ms == SNAG_NEVER;
    if (item->state_bytes > STOOD_BYTES && !snag_poll_sound(journey, item))
        return false;
    if (!snag_walk_get(item, journey, &state) || !snag_time_sane(state.entered_ms) ||
        state.ended > SNAG_WALK_EXPIRED || item->hold != !state.ended || !snag_time_sane(state.closed_ms) ||
        state.outcome >= SNAG_OUTCOME_COUNT)
        return false;
    if (state.ended)
        return !item->open && item->due_ms == SNAG_NEVER;
    const snag_stage *stage = &journey->stages[state.stage];
    bool waits = stage->wait.after.ms >= 0;
    if ((item->open && !waits) || !wait_sound(item, stage, &state))
        return false;
    if (item->due_ms == SNAG_NEVER)
        return true;
    bool patient = item->state_bytes >= PATIENT_BYTES;
    if (!journey->expires && (!waits || (item->open && !patient)))
        return false;
    return item->due_ms >= state.entered_ms; /* armed by this version of the journey or an earlier one */
}

int64_t snag_walk_since(const snag_journey *journey, const snag_item *item, uint16_t *base)
{
    walk_state state;
    if (!snag_walk_get(item, journey, &state) || state.ended)
        return SNAG_TIME_NONE;
    *base = journey->stages[state.stage].sketch;
    return *base ? state.entered_ms : SNAG_TIME_NONE;
}

const snag_signal_spec *snag_walk_spec(const snag_journey *journey, const snag_item *item)
{
    walk_state state;
    if (!snag_walk_get(item, journey, &state) || journey->stages[state.stage].wait.after.ms < 0)
        return NULL;
    return &journey->stages[state.stage].late;
}

uint8_t snag_walk_stage(const snag_item *item)
{
    walk_state state = {.stage = SNAG_STAGES_MAX};
    if (item->state_bytes == STATE_BYTES || item->state_bytes == JUDGED_BYTES ||
        item->state_bytes == PATIENT_BYTES || item->state_bytes == LEARNED_BYTES ||
        item->state_bytes >= STOOD_BYTES)
        memcpy(&state, item->state, STATE_BYTES);
    return state.stage < SNAG_STAGES_MAX ? state.stage : SNAG_STAGES_MAX;
}

void snag_walk_move(const snag_pipeline *pipeline, snag_item *item, const snag_journey *journey,
                    uint8_t stage)
{
    const snag_stage *at = snag_stage_of(pipeline, &journey->stages[stage], item);
    snag_journey any = {.stage_count = SNAG_STAGES_MAX}; /* the one it was stored by is not known any more */
    walk_state state = {0};
    bool walking = snag_walk_get(item, &any, &state);
    state.stage = stage;
    if (!walking || at->wait.after.ms < 0 || state.deadline_ms == SNAG_NEVER) {
        state.deadline_ms = SNAG_TIME_NONE;
        state.level = SNAG_TOLD_NOTHING;
    }
    if (at->wait.after.then_ms < 0 && state.level > SNAG_TOLD_OVERDUE)
        state.level = SNAG_TOLD_OVERDUE;
    snag_walk_put(item, journey, &state);
    item->due_ms = SNAG_NEVER;
    if (!state.ended && snag_time_sane(state.entered_ms))
        item->due_ms = snag_walk_due(at, &state, state.entered_ms);
}

void snag_walk_explain(const snag_pipeline *pipeline, const snag_journey *journey, const snag_item *item,
                       snag_buf *buf)
{
    walk_state state;
    if (!snag_walk_get(item, journey, &state))
        return;
    const snag_stage *stage = snag_stage_of(pipeline, &journey->stages[state.stage], item);
    snag_buf_printf(buf, ",\"walk\":\"");
    snag_buf_hex(buf, state.walk, sizeof state.walk);
    snag_buf_printf(buf, "\",\"stage\":");
    snag_buf_json(buf, stage->name);
    snag_buf_printf(buf, ",\"since\":\"");
    snag_time_print(buf, state.entered_ms);
    snag_buf_printf(buf, "\",\"changes\":%u", state.seq);
    if (!state.ended && item->state_bytes >= PATIENT_BYTES) {
        snag_silence silence = snag_walk_silence(&state);
        snag_silence_explain(&silence, buf);
    }
    if (!state.ended && state.learned.n)
        snag_buf_printf(buf, ",\"learned_from\":%u", state.learned.n);
    if (state.ended) {
        snag_buf_printf(buf, ",\"outcome\":");
        snag_buf_json(buf, snag_walk_outcome(journey, &state));
    } else if (stage->expire_ms > 0) {
        snag_buf_printf(buf, ",\"expires\":\"");
        snag_time_print(buf, snag_walk_expires(stage, &state));
        snag_buf_byte(buf, '"');
    }
    if (journey->judged)
        snag_buf_printf(buf, ",\"friction\":%u", state.friction);
    snag_poll_explain(journey, item, buf);
}
