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
 * Friction is every episode that began in the walk's cell on the way. How a walk is stored: walk_stored.c.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "engine/dark.h"
#include "engine/walk.h"

typedef snag_walk walk_state;

/* Whether what comes at this time may still amend a walk that ended. */
static bool is_settling(const snag_pipeline *pipeline, const snag_journey *journey, const snag_item *item,
                        const walk_state *state, int64_t time_ms)
{
    int64_t settle_ms = snag_stage_of(pipeline, &journey->stages[state->stage], item)->settle_ms;
    return state->ended && settle_ms > 0 && time_ms <= state->closed_ms + settle_ms;
}

/* The outcome of a closed walk; OWN where its stage has its own word. */
static snag_outcome outcome_of(const snag_journey *journey, const walk_state *state)
{
    if (state->ended == SNAG_WALK_EXPIRED)
        return state->friction ? SNAG_OUTCOME_ABANDONED_AFTER_FRICTION : SNAG_OUTCOME_ABANDONED;
    if (!journey->stages[state->stage].judged)
        return SNAG_OUTCOME_OWN;
    return state->friction ? SNAG_OUTCOME_WITH_FRICTION : SNAG_OUTCOME_SMOOTH;
}

/* The walk is closed by this change. */
static void walk_close(const snag_journey *journey, walk_state *state, snag_change *change, uint8_t how)
{
    state->ended = how;
    state->closed_ms = change->effective_ms;
    state->closed_seq = change->seq;
    state->outcome = (uint8_t)outcome_of(journey, state);
    change->outcome = snag_walk_outcome(journey, state);
}

/* What led to where it is; its shape stays, for what may amend it. */
static void forget_way(const snag_engine *engine, const snag_journey *journey, const snag_stage *stage,
                       snag_item *item)
{
    bool amends = engine->pipeline->shape_count && (journey->shaped || stage->settle_ms > 0);
    snag_str shape = amends ? snag_shape_of(engine->pipeline, item) : (snag_str){"", 0};
    snag_item_forget_all(item);
    if (shape.size)
        snag_item_shape(item, shape);
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
snag_change *snag_walk_change(snag_engine *engine, const snag_journey *journey, const snag_item *item,
                              walk_state *state, snag_move move)
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

/* within_ms: the whole wait, as it was armed, perhaps by another version of the journey. */
static void late_facts(snag_rule_facts *facts, const snag_stage *stage, const walk_state *state)
{
    if (facts->deadline_ms != SNAG_TIME_NONE && stage->pause.count == 0)
        facts->within_ms = facts->deadline_ms - state->entered_ms;
}

static void walk_leave(snag_engine *engine, const snag_journey *journey, snag_item *item,
                       walk_state *state)
{
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state->stage], item);
    if (item->frozen || item->held)
        snag_dark_look(engine, &stage->late, item, SNAG_NEVER);
    if (!item->open)
        return;
    int64_t at_ms = engine->work.at_ms;
    snag_silence silence = snag_walk_silence(state);
    snag_rule_facts facts = snag_silence_facts(&stage->wait, &silence);
    snag_reason reason = snag_silence_ends(&silence, at_ms, SNAG_REASON_MOVED_ON);
    late_facts(&facts, stage, state);
    snag_item_note(&engine->cell, item, engine->work.event);
    if (state->level >= SNAG_TOLD_OVERDUE) {
        snag_change *change = snag_walk_change(engine, journey, item, state, SNAG_MOVE_RESUMED);
        change->from = stage->name;
        change->dwell_ms = at_ms - state->entered_ms;
    }
    snag_fold_closed(engine, &stage->late, item, reason, &facts);
    if (reason == SNAG_REASON_LATE_EVIDENCE && state->friction > 0)
        state->friction--;
    snag_cell_put(&engine->cell, item); /* the change that follows lists the open ones left */
}

/* The clock of the stage that the walk is at stops. */
static void walk_measured(snag_engine *engine, const snag_journey *journey, const snag_item *item,
                          const walk_state *state, bool ended)
{
    uint16_t base = journey->stages[state->stage].sketch;
    if (base && !state->ended)
        snag_learn_over(engine, snag_learn_sketch(engine->pipeline, base, item), state->entered_ms,
                        engine->work.at_ms, ended);
}

/* The wait of the stage that the walk has entered. */
static void wait_begin(snag_engine *engine, const snag_stage *stage, snag_item *item, walk_state *state)
{
    const snag_event *event = engine->work.event;
    const snag_levels *after = &stage->wait.after;
    bool unzoned = false;
    int64_t deadline_ms = SNAG_TIME_NONE;
    int64_t learned_ms = -1;
    snag_learned learned = {0, 0};
    if (stage->sketch && !state->ended)
        learned_ms = snag_learn_began(engine, snag_learn_sketch(engine->pipeline, stage->sketch, item),
                                      event->time_ms, &learned);
    if (learned_ms >= 0)
        deadline_ms = event->time_ms + learned_ms;
    else if (after->ms >= 0 && !state->ended)
        deadline_ms = snag_wait_end(after->ms, after->span, event, &unzoned);
    snag_silence silence = snag_silence_begin(deadline_ms, snag_levels_end(after, event, deadline_ms),
                                              state->entered_ms);
    silence.learned = learned;
    snag_walk_wait(state, &silence);
    engine->counters.zone_default += unzoned;
    item->due_ms = state->ended ? SNAG_NEVER : snag_walk_due(stage, state, event->time_ms);
}

static void walk_enter(snag_engine *engine, const snag_journey *journey, snag_item *item,
                       walk_state *state, uint8_t to, bool opens)
{
    snag_item_forget_all(item);
    if (engine->pipeline->shape_count)
        snag_shape_begin(engine, item);
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[to], item);
    const snag_event *event = engine->work.event;
    bool ends = stage->end.size > 0;
    snag_item_note(&engine->cell, item, event);
    if (stage->wait.after.ms >= 0)
        snag_item_capture(item, &stage->late, event);
    snag_change *change =
        snag_walk_change(engine, journey, item, state, ends ? SNAG_MOVE_ENDED : SNAG_MOVE_ENTERED);
    if (!opens && state->ended) { /* amended: it goes on from where it ended */
        change->corrects = state->closed_seq;
        change->amended = snag_walk_outcome(journey, state);
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
    state->ended = ends ? SNAG_WALK_ENDED : SNAG_WALK_OPEN;
    wait_begin(engine, stage, item, state);
    if (ends) {
        walk_close(journey, state, change, SNAG_WALK_ENDED);
        forget_way(engine, journey, stage, item);
        engine->counters.walks_ended++;
    }
}

static void walk_store(snag_engine *engine, const snag_journey *journey, const walk_state *state)
{
    snag_walk_put(&engine->item, journey, state);
    if (!snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
}

/* What was promised of the stage is kept, and the walk in the cell may have changed by that. */
static bool promise_enter(snag_engine *engine, const snag_journey *journey, uint8_t stage)
{
    snag_promise_enter(engine, journey, stage);
    return snag_cell_get(&engine->cell, journey->fingerprint, &engine->item);
}

void snag_walk_event(snag_engine *engine, const snag_journey *journey, uint8_t stage)
{
    snag_item *item = &engine->item;
    const snag_event *event = engine->work.event;
    walk_state state = {0};
    snag_cell_get(&engine->cell, journey->fingerprint, item);
    bool walking = snag_walk_get(item, journey, &state);
    bool amends = walking && is_settling(engine->pipeline, journey, item, &state, event->time_ms) &&
                  (!journey->again || event->time_ms < state.closed_ms);
    if (walking && state.ended && !journey->again && !amends)
        return;
    bool opens = !walking || (state.ended && !amends);
    if (!opens && (state.stage == stage || event->time_ms < state.entered_ms))
        return; /* the same stage again, or late news of a stage already left behind */
    bool polled = journey->survey.event.count > 0;
    if (opens) {
        uint32_t seq = walking ? state.seq : 0; /* rises per instance, also across walks */
        if (polled && walking)
            snag_poll_again(item, journey, &state);
        state = (walk_state){.seq = seq};
        walk_name(engine, journey, state.walk);
        engine->counters.walks_opened++;
        if (journey->promised)
            snag_promise_begin(engine, journey, stage);
    } else {
        if (journey->promised && promise_enter(engine, journey, stage))
            snag_walk_get(item, journey, &state);
        if (polled)
            snag_poll_ready(item, journey, &state);
        walk_measured(engine, journey, item, &state, true);
        walk_leave(engine, journey, item, &state);
    }
    walk_enter(engine, journey, item, &state, stage, opens);
    if (polled)
        snag_poll_moved(engine, item, journey, &state);
    walk_store(engine, journey, &state);
    for (uint32_t i = 0; journey->promised && i < journey->stage_count; i++)
        if (journey->stages[i].wait.promise >= 0)
            snag_promise_look(engine, journey, (uint8_t)i);
}

/* Nothing came for so long: the walk is abandoned, and so is its stall. */
static void walk_expire(snag_engine *engine, const snag_journey *journey, walk_state *state)
{
    snag_item *item = &engine->item;
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state->stage], item);
    bool polled = journey->survey.event.count > 0;
    if (polled)
        snag_poll_ready(item, journey, state);
    item->due_ms = SNAG_NEVER;
    walk_measured(engine, journey, item, state, false);
    snag_change *change = snag_walk_change(engine, journey, item, state, SNAG_MOVE_ENDED);
    change->from = stage->name;
    change->dwell_ms = engine->work.at_ms - state->entered_ms;
    walk_close(journey, state, change, SNAG_WALK_EXPIRED);
    if (polled)
        snag_poll_moved(engine, item, journey, state);
    engine->counters.walks_ended++;
    if (item->open) {
        snag_silence silence = snag_walk_silence(state);
        snag_rule_facts facts = snag_silence_facts(&stage->wait, &silence);
        late_facts(&facts, stage, state);
        snag_fold_closed(engine, &stage->late, item, SNAG_REASON_EXPIRED, &facts);
    }
    forget_way(engine, journey, stage, item);
}

/* The stage's wait goes one level further. */
static void walk_tell(snag_engine *engine, const snag_journey *journey, walk_state *state,
                      int64_t deadline_ms)
{
    snag_item *item = &engine->item;
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state->stage], item);
    snag_silence silence = snag_walk_silence(state);
    snag_silence_tell(&silence, deadline_ms);
    snag_walk_wait(state, &silence);
    snag_rule_facts facts = snag_silence_facts_told(&stage->wait, &silence);
    late_facts(&facts, stage, state);
    item->due_ms = snag_walk_due(stage, state, deadline_ms);
    if (state->level == SNAG_TOLD_OVERDUE) {
        snag_change *change = snag_walk_change(engine, journey, item, state, SNAG_MOVE_STALLED);
        change->from = stage->name;
        change->dwell_ms = deadline_ms - state->entered_ms;
    }
    if (item->open) {
        snag_fold_escalated(engine, &stage->late, item, &facts);
        return;
    }
    snag_fold_opened(engine, &stage->late, item, &facts);
    if (state->friction < UINT16_MAX)
        state->friction++;
}

/* The same where the walk expires. */
static bool promise_expire(snag_engine *engine, const snag_journey *journey)
{
    snag_promise_expire(engine, journey);
    return snag_cell_get(&engine->cell, journey->fingerprint, &engine->item);
}

/* What it would say, or its end, waits until the silent source is back. */
static void walk_freeze(snag_engine *engine, const snag_journey *journey, const walk_state *state,
                        int64_t deadline_ms)
{
    snag_item *item = &engine->item;
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state->stage], item);
    bool opens = !item->open && deadline_ms < snag_walk_expires(stage, state);
    snag_dark_freeze(engine, opens ? &stage->late : NULL, item, state->deadline_ms);
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
}

bool snag_walk_take_back(snag_engine *engine, const snag_journey *journey, int64_t last_ms,
                         int64_t *deadline_ms)
{
    snag_item *item = &engine->item;
    walk_state state;
    if (!item->open || item->suppressed || item->opened_ms <= last_ms ||
        !snag_walk_get(item, journey, &state) || state.paused_ms != SNAG_TIME_NONE)
        return false;
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state.stage], item);
    snag_silence silence = snag_walk_silence(&state);
    snag_rule_facts facts = snag_silence_facts(&stage->wait, &silence);
    late_facts(&facts, stage, &state);
    if (state.level >= SNAG_TOLD_OVERDUE) {
        snag_change *change = snag_walk_change(engine, journey, item, &state, SNAG_MOVE_RESUMED);
        change->from = stage->name;
        change->dwell_ms = engine->work.at_ms - state.entered_ms;
    }
    item->due_ms = item->opened_ms;
    snag_fold_closed(engine, &stage->late, item, SNAG_REASON_SOURCE_SILENT, &facts);
    state.level = SNAG_TOLD_NOTHING;
    if (state.friction > 0)
        state.friction--;
    *deadline_ms = state.deadline_ms;
    snag_walk_put(item, journey, &state);
    return true;
}

void snag_walk_timer(snag_engine *engine, const snag_journey *journey, int64_t deadline_ms)
{
    walk_state state;
    bool walking = snag_walk_get(&engine->item, journey, &state);
    SNAG_ASSERT(walking);
    engine->item.frozen = false;
    if (engine->dark && snag_dark_waits(engine, journey->waits, deadline_ms)) {
        walk_freeze(engine, journey, &state, deadline_ms);
        return;
    }
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state.stage], &engine->item);
    bool expires = deadline_ms >= snag_walk_expires(stage, &state);
    if (expires && journey->promised && promise_expire(engine, journey))
        snag_walk_get(&engine->item, journey, &state);
    if (expires)
        walk_expire(engine, journey, &state);
    else
        walk_tell(engine, journey, &state, deadline_ms);
    walk_store(engine, journey, &state);
}

void snag_walk_turn(snag_engine *engine, const snag_journey *journey, uint8_t stage, bool stands)
{
    snag_item *item = &engine->item;
    const snag_event *event = engine->work.event;
    walk_state state;
    if (!snag_cell_get(&engine->cell, journey->fingerprint, item) ||
        !snag_walk_get(item, journey, &state) || state.ended || state.stage != stage)
        return;
    const snag_stage *at = snag_stage_of(engine->pipeline, &journey->stages[stage], item);
    snag_silence silence = snag_walk_silence(&state);
    int64_t due_ms = item->due_ms;
    if (silence.deadline_ms == SNAG_TIME_NONE ||
        !snag_silence_turn(&at->wait, &silence, snag_item_wait_zone(item, &at->wait.after), event->time_ms,
                           stands))
        return;
    snag_walk_wait(&state, &silence);
    item->due_ms = snag_walk_due(at, &state, event->time_ms);
    if (item->frozen || item->held)
        snag_dark_look(engine, &at->late, item, due_ms);
    walk_store(engine, journey, &state);
}

/* A walk that ended has another outcome than was said. */
static void walk_amend(snag_engine *engine, const snag_journey *journey, snag_item *item, walk_state *state)
{
    snag_str before = snag_walk_outcome(journey, state);
    if (outcome_of(journey, state) == (snag_outcome)state->outcome)
        return;
    if (journey->survey.event.count)
        snag_poll_ready(item, journey, state);
    snag_change *change = snag_walk_change(engine, journey, item, state, SNAG_MOVE_ENDED);
    change->corrects = state->closed_seq;
    change->amended = before;
    change->cause = SNAG_CAUSE_CORRECTION;
    if (state->ended == SNAG_WALK_EXPIRED)
        change->from = journey->stages[state->stage].name;
    else
        change->to = journey->stages[state->stage].name;
    int64_t closed_ms = state->closed_ms;
    walk_close(journey, state, change, state->ended);
    state->closed_ms = closed_ms; /* it settles from its end, not from what amended it */
    if (journey->survey.event.count)
        snag_poll_moved(engine, item, journey, state);
}

const snag_journey *snag_walk_stalled(const snag_pipeline *pipeline, uint32_t fingerprint)
{
    uint32_t stage;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        if (pipeline->journeys[i].fingerprint == fingerprint)
            return &pipeline->journeys[i];
    return snag_promise_find(pipeline, fingerprint, &stage);
}

void snag_walk_friction(snag_engine *engine, const snag_item *at_work, int by)
{
    const snag_pipeline *pipeline = engine->pipeline;
    const snag_journey *own = snag_walk_stalled(pipeline, at_work->fingerprint);
    snag_item item;
    walk_state state;
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        if (!journey->judged || journey->scope != engine->work.scope || (own && own != journey) ||
            journey->fingerprint == at_work->fingerprint ||
            !snag_cell_get(&engine->cell, journey->fingerprint, &item) ||
            !snag_walk_get(&item, journey, &state))
            continue;
        /* What began after its end is no friction of it. */
        int64_t began_ms = by > 0 ? engine->work.at_ms : at_work->opened_ms;
        bool on_the_way =
            !state.ended || (is_settling(pipeline, journey, &item, &state, engine->work.at_ms) &&
                             began_ms <= state.closed_ms);
        if (!on_the_way || (by < 0 ? state.friction == 0 : state.friction == UINT16_MAX))
            continue;
        state.friction = (uint16_t)(state.friction + by);
        if (state.ended)
            walk_amend(engine, journey, &item, &state);
        snag_walk_put(&item, journey, &state);
        if (!snag_cell_put(&engine->cell, &item))
            engine->counters.bound++;
    }
}

bool snag_walk_where(snag_cell *cell, const snag_journey *journey, snag_str *stage,
                     int64_t *since_ms)
{
    snag_item item;
    walk_state state;
    if (!snag_cell_get(cell, journey->fingerprint, &item) || !snag_walk_get(&item, journey, &state))
        return false;
    if (state.ended)
        return false;
    *stage = journey->stages[state.stage].name;
    *since_ms = state.entered_ms;
    return true;
}

