/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks: one customer's (order's, call's) way through a journey's stages (language.md, "Walks, exactly").
 *
 *     stage event:  no walk -> opens (at any stage) | same stage -> nothing | other stage -> left, entered
 *     end stage:    the walk closes; its `per` value walks again only with `again: true` or once forgotten
 *     due:          armed on entering; W passes it: stalled, alert <journey>.<stage>.late; moving on
 *                   resolves it
 *
 * State of an item:  | entered_ms 8 | seq 4 | stage 1 | ended 1 | walk 16 |
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "engine/state.h"

typedef struct walk_state {
    int64_t entered_ms;
    uint32_t seq;
    uint8_t stage;
    uint8_t ended;
    uint8_t walk[16];
    uint8_t padding[2];
} walk_state;

_Static_assert(sizeof(walk_state) == 32, "packed without gaps");
enum { STATE_BYTES = 30 };

static bool state_get(const snag_item *item, const snag_journey *journey, walk_state *state)
{
    if (item->state_bytes != STATE_BYTES)
        return false;
    memset(state, 0, sizeof *state);
    memcpy(state, item->state, STATE_BYTES);
    return state->stage < journey->stage_count;
}

static void state_put(snag_item *item, const walk_state *state)
{
    memcpy(item->state, state, STATE_BYTES);
    item->state_bytes = STATE_BYTES;
    item->hold = !state->ended;
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
    if (work->event && engine->shape < engine->pipeline->shape_count)
        change->shape = engine->pipeline->shapes[engine->shape].name;
    else
        change->shape = snag_shape_of(engine->pipeline, item);
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

static snag_rule_facts late_facts(const walk_state *state, int64_t deadline_ms)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.within_ms = deadline_ms - state->entered_ms;
    facts.deadline_ms = deadline_ms;
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
    snag_rule_facts facts = late_facts(state, deadline_ms);
    snag_item_note(&engine->cell, item, engine->work.event);
    snag_change *change = change_new(engine, journey, item, state, SNAG_MOVE_RESUMED);
    change->from = stage->name;
    change->dwell_ms = at_ms - state->entered_ms;
    snag_fold_closed(engine, &stage->late, item, reason, &facts);
    snag_cell_put(&engine->cell, item); /* the change that follows lists the open ones left */
}

static void walk_enter(snag_engine *engine, const snag_journey *journey, snag_item *item,
                       walk_state *state, uint8_t to, bool opens)
{
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
    if (!opens) {
        change->from = journey->stages[state->stage].name;
        change->dwell_ms = event->time_ms - state->entered_ms;
    }
    change->to = stage->name;
    change->milestone = stage->milestone;
    change->outcome = stage->end;
    state->stage = to;
    state->entered_ms = event->time_ms;
    state->ended = ends;
    item->due_ms = stage->due_ms >= 0 && !ends ? event->time_ms + stage->due_ms : SNAG_NEVER;
    if (ends) {
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
    if (walking && state.ended && !journey->again)
        return;
    bool opens = !walking || state.ended;
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
    state_put(item, &state);
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
}

void snag_walk_timer(snag_engine *engine, const snag_journey *journey, int64_t deadline_ms)
{
    snag_item *item = &engine->item;
    walk_state state;
    bool walking = state_get(item, journey, &state);
    SNAG_ASSERT(walking);
    SNAG_ASSERT(!item->open);
    const snag_stage *stage = snag_stage_of(engine->pipeline, &journey->stages[state.stage], item);
    snag_rule_facts facts = late_facts(&state, deadline_ms);
    item->due_ms = SNAG_NEVER;
    snag_change *change = change_new(engine, journey, item, &state, SNAG_MOVE_STALLED);
    change->from = stage->name;
    change->dwell_ms = deadline_ms - state.entered_ms;
    snag_fold_opened(engine, &stage->late, item, &facts);
    state_put(item, &state);
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
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
    if (!state_get(item, journey, &state) || !snag_time_sane(state.entered_ms) || state.ended > 1 ||
        item->hold != !state.ended)
        return false;
    int64_t due_ms = journey->stages[state.stage].due_ms;
    if (due_ms < 0 || state.ended)
        return !item->open && item->due_ms == SNAG_NEVER;
    if (item->open || item->due_ms == SNAG_NEVER)
        return item->due_ms == SNAG_NEVER;
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
    if (item->state_bytes == STATE_BYTES)
        memcpy(&state, item->state, STATE_BYTES);
    return state.stage < SNAG_STAGES_MAX ? state.stage : SNAG_STAGES_MAX;
}

void snag_walk_move(snag_item *item, const snag_journey *journey, uint8_t stage)
{
    walk_state state = {0};
    memcpy(&state, item->state, STATE_BYTES);
    state.stage = stage;
    state_put(item, &state);
    if (journey->stages[stage].due_ms < 0)
        item->due_ms = SNAG_NEVER;
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
        snag_buf_json(buf, stage->end);
    }
}
