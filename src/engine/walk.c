/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks: one customer's (order's, call's) way through a journey's stages (language.md, "Walks, exactly").
 *
 *     stage event:  no walk -> opens (at any stage) | same stage -> nothing | other stage -> left, entered
 *     end stage:    the walk closes; its `per` value walks again only with `again: true` or once forgotten
 *     due:          armed on entering; W passes it: stalled, alert <journey>.<stage>.late; moving on
 *                   resolves it
 *
 *     expire:       so long in one stage: the walk closes as abandoned
 *     settle:       for so long after its end the outcome may be amended: by friction that came late, by late
 *                   evidence that there was none, by a stage event (the walk goes on)
 *
 * Friction is every episode that began in the walk's cell on the way.
 *
 * State of an item:  | entered_ms 8 | seq 4 | stage 1 | ended 1 | walk 16 |
 *   where outcomes are judged or may be amended, also | friction 2 | closed_ms 8 | closed_seq 4 | outcome 1 |
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "engine/state.h"

enum { WALK_OPEN, WALK_ENDED, WALK_EXPIRED };

typedef struct walk_state {
    int64_t entered_ms;
    uint32_t seq;
    uint8_t stage;
    uint8_t ended; /* WALK_* */
    uint8_t walk[16];
    uint16_t friction; /* of the way so far; past what it can hold it stays */
    int64_t closed_ms;
    uint32_t closed_seq; /* of the newest closing change */
    uint8_t outcome;     /* SNAG_OUTCOME_* */
    uint8_t padding[3];
} walk_state;

_Static_assert(sizeof(walk_state) == 48 && offsetof(walk_state, friction) == 30 &&
                   offsetof(walk_state, outcome) == 44,
               "packed without gaps");
enum { STATE_BYTES = 30, JUDGED_BYTES = 45 };

static bool state_get(const snag_item *item, const snag_journey *journey, walk_state *state)
{
    if (item->state_bytes != STATE_BYTES && item->state_bytes != JUDGED_BYTES)
        return false;
    memset(state, 0, sizeof *state);
    if (item->state_bytes == STATE_BYTES) /* of known sizes, because every walk's event comes here */
        memcpy(state, item->state, STATE_BYTES);
    else
        memcpy(state, item->state, JUDGED_BYTES);
    return state->stage < journey->stage_count;
}

static void state_put(snag_item *item, const snag_journey *journey, const walk_state *state)
{
    item->state_bytes = journey->judged ? JUDGED_BYTES : STATE_BYTES;
    if (journey->judged)
        memcpy(item->state, state, JUDGED_BYTES);
    else
        memcpy(item->state, state, STATE_BYTES);
    item->hold = !state->ended;
}

static int64_t expires_ms(const snag_journey *journey, const walk_state *state)
{
    return journey->expire_ms > 0 ? state->entered_ms + journey->expire_ms : SNAG_NEVER;
}

/* Whether what comes at this time may still amend a walk that ended. */
static bool is_settling(const snag_journey *journey, const walk_state *state, int64_t time_ms)
{
    return state->ended && journey->settle_ms > 0 && time_ms <= state->closed_ms + journey->settle_ms;
}

/* The outcome of a closed walk; OWN where its stage has its own word. */
static snag_outcome outcome_of(const snag_journey *journey, const walk_state *state)
{
    if (state->ended == WALK_EXPIRED)
        return state->friction ? SNAG_OUTCOME_ABANDONED_AFTER_FRICTION : SNAG_OUTCOME_ABANDONED;
    if (!journey->stages[state->stage].judged)
        return SNAG_OUTCOME_OWN;
    return state->friction ? SNAG_OUTCOME_WITH_FRICTION : SNAG_OUTCOME_SMOOTH;
}

static snag_str outcome_text(const snag_journey *journey, const walk_state *state)
{
    if (state->outcome == SNAG_OUTCOME_OWN)
        return journey->stages[state->stage].end;
    return snag_str_from(snag_outcome_word((snag_outcome)state->outcome));
}

/* The walk is closed by this change. */
static void walk_close(const snag_journey *journey, walk_state *state, snag_change *change, uint8_t how)
{
    state->ended = how;
    state->closed_ms = change->effective_ms;
    state->closed_seq = change->seq;
    state->outcome = (uint8_t)outcome_of(journey, state);
    change->outcome = outcome_text(journey, state);
}

/* Names a walk for ever, from what opened it; fast, because every walk needs one. */
static void walk_name(const snag_engine *engine, const snag_journey *journey, uint8_t walk[16])
{
    snag_str parts[5] = {engine->pipeline->name, journey->name, engine->work.owner,
                         engine->work.per, engine->work.event->id};
    uint64_t low = 1 + ((uint64_t)engine->work.event->position.source << 32); /* an id is its source's own */
    uint64_t high = 2;
    for (uint32_t i = 0; i < 5; i++) {
        low = snag_hash64(parts[i], low);
        high = snag_hash64(parts[i], high);
    }
    low = __builtin_bswap64(low);
    high = __builtin_bswap64(high);
    memcpy(walk, &high, sizeof high);
    memcpy(walk + sizeof high, &low, sizeof low);
}

static snag_str shape_now(const snag_engine *engine, const snag_item *item)
{
    if (engine->work.event && engine->shape < engine->pipeline->shape_count)
        return engine->pipeline->shapes[engine->shape].name;
    return snag_shape_of(engine->pipeline, item);
}

/* A change with everything but from, to, dwell and outcome. */
static snag_change *change_new(snag_engine *engine, const snag_journey *journey,
                               const snag_item *item, walk_state *state, snag_move move)
{
    const snag_work *work = &engine->work;
    snag_record *record = snag_outbox_add(&engine->outbox, SNAG_CLASS_CHANGE, work->order,
                                          SNAG_RECORD_CHANGE);
    snag_change *change = &record->as.change;
    memset(change, 0, sizeof *change);
    change->move = move;
    change->effective_ms = work->at_ms;
    change->customer = snag_fold_keep(engine, work->customer);
    change->key = snag_fold_keep(engine, work->owner);
    change->account = snag_fold_copy(engine, work->account);
    change->channel = snag_fold_copy(engine, work->channel);
    if (engine->pipeline->shape_count)
        change->shape = shape_now(engine, item);
    change->journey = journey->name;
    change->instance = snag_fold_keep(engine, work->per);
    memcpy(change->walk, state->walk, sizeof change->walk);
    change->seq = ++state->seq;
    change->cause = work->event ? SNAG_CAUSE_EVENT : SNAG_CAUSE_TIMER;
    change->dwell_ms = -1;
    change->evidence_count = snag_fold_evidence(engine, item, &change->evidence);
    if (snag_cell_needs_of(&engine->cell).open)
        change->open_alert_count = snag_fold_open_alerts(engine, &change->open_alerts);
    return change;
}

static snag_rule_facts late_facts(const snag_stage *stage, const walk_state *state, int64_t deadline_ms)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.within_ms = deadline_ms - state->entered_ms;
    facts.deadline_ms = deadline_ms;
    facts.span = stage->due;
    facts.from_ms = state->entered_ms;
    return facts;
}

static void walk_leave(snag_engine *engine, const snag_journey *journey, snag_item *item,
                       walk_state *state)
{
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state->stage], item);
    if (!item->open)
        return;
    int64_t deadline_ms = item->opened_ms; /* as it was armed, perhaps by another version of the journey */
    int64_t at_ms = engine->work.at_ms;
    snag_reason reason = at_ms <= deadline_ms ? SNAG_REASON_LATE_EVIDENCE : SNAG_REASON_MOVED_ON;
    snag_rule_facts facts = late_facts(stage, state, deadline_ms);
    snag_item_note(&engine->cell, item, engine->work.event);
    snag_change *change = change_new(engine, journey, item, state, SNAG_MOVE_RESUMED);
    change->from = stage->name;
    change->dwell_ms = at_ms - state->entered_ms;
    snag_fold_closed(engine, &stage->late, item, reason, &facts);
    if (reason == SNAG_REASON_LATE_EVIDENCE && state->friction > 0)
        state->friction--;
    snag_cell_put(&engine->cell, item); /* the change that follows lists the open ones left */
}

static void walk_enter(snag_engine *engine, const snag_journey *journey, snag_item *item,
                       walk_state *state, uint8_t to, bool opens)
{
    if (engine->pipeline->shape_count)
        snag_shape_begin(engine, item);
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[to], item);
    const snag_event *event = engine->work.event;
    bool ends = stage->end.size > 0;
    snag_item_forget_all(item);
    snag_item_note(&engine->cell, item, event);
    if (stage->due_ms >= 0)
        snag_item_capture(item, &stage->late, event);
    snag_change *change =
        change_new(engine, journey, item, state, ends ? SNAG_MOVE_ENDED : SNAG_MOVE_ENTERED);
    if (!opens && state->ended) { /* amended: it goes on from where it ended */
        change->corrects = state->closed_seq;
        change->amended = outcome_text(journey, state);
        change->cause = SNAG_CAUSE_CORRECTION;
        engine->counters.walks_ended--;
    }
    if (!opens) {
        change->from = journey->stages[state->stage].name;
        change->dwell_ms = event->time_ms - state->entered_ms;
    }
    change->to = stage->name;
    change->milestone = stage->milestone;
    state->stage = to;
    state->entered_ms = event->time_ms;
    state->ended = WALK_OPEN;
    item->due_ms = ends ? SNAG_NEVER : expires_ms(journey, state);
    if (stage->due_ms >= 0 && !ends) {
        bool unzoned = false;
        int64_t due_ms = snag_wait_end(stage->due_ms, stage->due, event, &unzoned);
        item->due_ms = due_ms < item->due_ms ? due_ms : item->due_ms;
        engine->counters.zone_default += unzoned;
    }
    if (ends) {
        walk_close(journey, state, change, WALK_ENDED);
        snag_item_forget_all(item);
        engine->counters.walks_ended++;
    }
}

void snag_walk_event(snag_engine *engine, const snag_journey *journey, uint8_t stage)
{
    snag_item *item = &engine->item;
    const snag_event *event = engine->work.event;
    walk_state state = {0};
    snag_cell_get(&engine->cell, journey->fingerprint, item);
    bool walking = state_get(item, journey, &state);
    bool amends = walking && is_settling(journey, &state, event->time_ms) &&
                  (!journey->again || event->time_ms < state.closed_ms);
    if (walking && state.ended && !journey->again && !amends)
        return;
    bool opens = !walking || (state.ended && !amends);
    if (!opens && (state.stage == stage || event->time_ms < state.entered_ms))
        return; /* the same stage again, or late news of a stage already left behind */
    if (opens) {
        uint32_t seq = walking ? state.seq : 0; /* rises per instance, also across walks */
        state = (walk_state){.seq = seq};
        walk_name(engine, journey, state.walk);
        engine->counters.walks_opened++;
    } else {
        walk_leave(engine, journey, item, &state);
    }
    walk_enter(engine, journey, item, &state, stage, opens);
    state_put(item, journey, &state);
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
}

/* Nothing came for so long: the walk is abandoned, and so is its stall. */
static void walk_expire(snag_engine *engine, const snag_journey *journey, walk_state *state)
{
    snag_item *item = &engine->item;
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state->stage], item);
    item->due_ms = SNAG_NEVER;
    snag_change *change = change_new(engine, journey, item, state, SNAG_MOVE_ENDED);
    change->from = stage->name;
    change->dwell_ms = engine->work.at_ms - state->entered_ms;
    walk_close(journey, state, change, WALK_EXPIRED);
    engine->counters.walks_ended++;
    if (item->open) {
        snag_rule_facts facts = late_facts(stage, state, item->opened_ms);
        snag_fold_closed(engine, &stage->late, item, SNAG_REASON_EXPIRED, &facts);
    }
    snag_item_forget_all(item);
}

void snag_walk_timer(snag_engine *engine, const snag_journey *journey, int64_t deadline_ms)
{
    snag_item *item = &engine->item;
    walk_state state;
    bool walking = state_get(item, journey, &state);
    SNAG_ASSERT(walking);
    if (item->open || deadline_ms >= expires_ms(journey, &state)) {
        walk_expire(engine, journey, &state);
        state_put(item, journey, &state);
        if (!snag_cell_put(&engine->cell, item))
            engine->counters.bound++;
        return;
    }
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state.stage], item);
    snag_rule_facts facts = late_facts(stage, &state, deadline_ms);
    item->due_ms = expires_ms(journey, &state);
    snag_change *change = change_new(engine, journey, item, &state, SNAG_MOVE_STALLED);
    change->from = stage->name;
    change->dwell_ms = deadline_ms - state.entered_ms;
    snag_fold_opened(engine, &stage->late, item, &facts);
    if (state.friction < UINT16_MAX)
        state.friction++;
    state_put(item, journey, &state);
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
}

/* A walk that ended has another outcome than was said. */
static void walk_amend(snag_engine *engine, const snag_journey *journey, const snag_item *item,
                       walk_state *state)
{
    snag_str before = outcome_text(journey, state);
    if (outcome_of(journey, state) == (snag_outcome)state->outcome)
        return;
    snag_change *change = change_new(engine, journey, item, state, SNAG_MOVE_ENDED);
    change->corrects = state->closed_seq;
    change->amended = before;
    change->cause = SNAG_CAUSE_CORRECTION;
    if (state->ended == WALK_EXPIRED)
        change->from = journey->stages[state->stage].name;
    else
        change->to = journey->stages[state->stage].name;
    int64_t closed_ms = state->closed_ms;
    walk_close(journey, state, change, state->ended);
    state->closed_ms = closed_ms; /* it settles from its end, not from what amended it */
}

void snag_walk_friction(snag_engine *engine, const snag_item *at_work, int by)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_item item;
    walk_state state;
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        if (!journey->judged || journey->scope != engine->work.scope ||
            journey->fingerprint == at_work->fingerprint ||
            !snag_cell_get(&engine->cell, journey->fingerprint, &item) || !state_get(&item, journey, &state))
            continue;
        /* What began after its end is no friction of it. */
        int64_t began_ms = by > 0 ? engine->work.at_ms : at_work->opened_ms;
        bool on_the_way = !state.ended || (is_settling(journey, &state, engine->work.at_ms) &&
                                           began_ms <= state.closed_ms);
        if (!on_the_way || (by < 0 ? state.friction == 0 : state.friction == UINT16_MAX))
            continue;
        state.friction = (uint16_t)(state.friction + by);
        if (state.ended)
            walk_amend(engine, journey, &item, &state);
        state_put(&item, journey, &state);
        if (!snag_cell_put(&engine->cell, &item))
            engine->counters.bound++;
    }
}

bool snag_walk_where(const snag_cell *cell, const snag_journey *journey, snag_str *stage,
                     int64_t *since_ms)
{
    snag_item item;
    walk_state state;
    if (!snag_cell_get(cell, journey->fingerprint, &item) || !state_get(&item, journey, &state))
        return false;
    if (state.ended)
        return false;
    *stage = journey->stages[state.stage].name;
    *since_ms = state.entered_ms;
    return true;
}

bool snag_walk_sound(const snag_journey *journey, const snag_item *item)
{
    walk_state state;
    if (item->state_bytes == 0)
        return !item->open && !item->hold && item->due_ms == SNAG_NEVER;
    if (!state_get(item, journey, &state) || !snag_time_sane(state.entered_ms) ||
        state.ended > WALK_EXPIRED || item->hold != !state.ended || !snag_time_sane(state.closed_ms) ||
        state.outcome >= SNAG_OUTCOME_COUNT)
        return false;
    int64_t due_ms = journey->stages[state.stage].due_ms;
    if (state.ended)
        return !item->open && item->due_ms == SNAG_NEVER;
    if (item->open && due_ms < 0)
        return false;
    if (item->due_ms == SNAG_NEVER)
        return true;
    if (journey->expire_ms <= 0 && (item->open || due_ms < 0))
        return false;
    return item->due_ms >= state.entered_ms; /* armed by this version of the journey or an earlier one */
}

const snag_signal_spec *snag_walk_spec(const snag_journey *journey, const snag_item *item)
{
    walk_state state;
    if (!state_get(item, journey, &state) || journey->stages[state.stage].due_ms < 0)
        return NULL;
    return &journey->stages[state.stage].late;
}

uint8_t snag_walk_stage(const snag_item *item)
{
    walk_state state = {.stage = SNAG_STAGES_MAX};
    if (item->state_bytes == STATE_BYTES || item->state_bytes == JUDGED_BYTES)
        memcpy(&state, item->state, STATE_BYTES);
    return state.stage < SNAG_STAGES_MAX ? state.stage : SNAG_STAGES_MAX;
}

void snag_walk_move(snag_item *item, const snag_journey *journey, uint8_t stage)
{
    walk_state state = {0};
    memcpy(&state, item->state, item->state_bytes == JUDGED_BYTES ? JUDGED_BYTES : STATE_BYTES);
    state.stage = stage;
    state_put(item, journey, &state);
    if (journey->stages[stage].due_ms < 0 || item->open)
        item->due_ms = SNAG_NEVER;
    if (!state.ended && snag_time_sane(state.entered_ms) && expires_ms(journey, &state) < item->due_ms)
        item->due_ms = expires_ms(journey, &state);
}

void snag_walk_explain(const snag_journey *journey, const snag_item *item, snag_buf *buf)
{
    walk_state state;
    if (!state_get(item, journey, &state))
        return;
    const snag_stage *stage = &journey->stages[state.stage];
    snag_buf_printf(buf, ",\"walk\":\"");
    snag_buf_hex(buf, state.walk, sizeof state.walk);
    snag_buf_printf(buf, "\",\"stage\":");
    snag_buf_json(buf, stage->name);
    snag_buf_printf(buf, ",\"since\":\"");
    snag_time_print(buf, state.entered_ms);
    snag_buf_printf(buf, "\",\"changes\":%u", state.seq);
    if (state.ended) {
        snag_buf_printf(buf, ",\"outcome\":");
        snag_buf_json(buf, outcome_text(journey, &state));
    } else if (journey->expire_ms > 0) {
        snag_buf_printf(buf, ",\"expires\":\"");
        snag_time_print(buf, expires_ms(journey, &state));
        snag_buf_byte(buf, '"');
    }
    if (journey->judged)
        snag_buf_printf(buf, ",\"friction\":%u", state.friction);
}
