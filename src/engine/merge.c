/* SPDX-License-Identifier: Apache-2.0
 *
 * Several sources: one order of events, (time, source, offset), whatever the speed at which each is read.
 *
 *     low of a source    newest min(event time, stamp) - out_of_order, or where the clock put it: nothing
 *                        before it is expected from that source any more
 *     W                  the least (low, source): what lies at or before it in the order applies, for no
 *                        source can bring anything that goes before
 *
 *     web       ....x....x..x.|          low            waiting: x of web behind W
 *     payments  ..x...|                  low = W        the next event is taken from here: its turn
 *
 * An event that came too late for its own source's bound goes where that source's low is. Taken in turn,
 * that is W itself, so that it applies at once: what waits, waits at its own time, and what is read again
 * after a restart is told apart by its time alone. And since a place in the order depends on the event's
 * own source only, the order is the same at every speed.
 */
#include "base/assert.h"
#include "engine/state.h"

enum { EVERY_SOURCE = SNAG_FLOWS_MAX }; /* behind every source's place at the same time */

/* Whether (time, source) lies at or before (at, at_source). */
static bool reached(int64_t at_ms, uint32_t at_source, int64_t time_ms, uint32_t source)
{
    return time_ms < at_ms || (time_ms == at_ms && source <= at_source);
}

static void target_raise(snag_engine *engine, int64_t time_ms, uint32_t source)
{
    if (time_ms == SNAG_TIME_NONE || time_ms == SNAG_NEVER || /* nothing came yet; or all have ended */
        reached(engine->target_ms, engine->target_source, time_ms, source))
        return;
    engine->target_ms = time_ms;
    engine->target_source = source;
}

static void low_raise(snag_flow *flow, int64_t low_ms)
{
    if (low_ms > flow->low_ms)
        flow->low_ms = low_ms;
}

uint32_t snag_engine_turn(const snag_engine *engine)
{
    uint32_t turn = 0;
    for (uint32_t i = 1; i < engine->flow_count; i++)
        if (engine->flows[i].low_ms < engine->flows[turn].low_ms)
            turn = i;
    return turn;
}

int64_t snag_engine_low(const snag_engine *engine, uint32_t source)
{
    SNAG_ASSERT(source < engine->flow_count);
    return engine->flow_count == 1 ? engine->target_ms : engine->flows[source].low_ms;
}

int64_t snag_engine_newest_of(const snag_engine *engine, uint32_t source)
{
    SNAG_ASSERT(source < engine->flow_count);
    return engine->flow_count == 1 ? engine->newest_ms : engine->flows[source].newest_ms;
}

/* W* where the source that has come least far is. */
static void target_look(snag_engine *engine)
{
    uint32_t turn = snag_engine_turn(engine);
    target_raise(engine, engine->flows[turn].low_ms, turn);
}

static void cursor_set(snag_engine *engine, int64_t time_ms, uint32_t source, int64_t offset)
{
    engine->cursor_ms = time_ms;
    engine->cursor_source = source;
    engine->cursor_offset = offset;
}

static bool is_there(const snag_engine *engine)
{
    return engine->w_ms == engine->target_ms && engine->w_source == engine->target_source;
}

/* Moves towards W*: waiting events and deadlines in their common order. True: W is there. */
static bool advance(snag_engine *engine, uint32_t *budget)
{
    int64_t time_ms;
    int64_t offset;
    uint32_t source;
    while (snag_order_peek_source(engine, &time_ms, &source, &offset)) {
        if (!reached(engine->target_ms, engine->target_source, time_ms, source))
            break;
        if (engine->full || !snag_engine_fire(engine, time_ms, budget))
            return false;
        snag_order_apply_first(engine);
        cursor_set(engine, time_ms, source, offset);
    }
    if (engine->full || !snag_engine_fire(engine, engine->target_ms, budget))
        return false;
    engine->w_ms = engine->target_ms;
    engine->w_source = engine->target_source;
    cursor_set(engine, engine->w_ms, engine->w_source, INT64_MAX);
    return true;
}

/* To where all sources have come by now. */
static void advance_on(snag_engine *engine, uint32_t *budget)
{
    target_look(engine);
    if (!is_there(engine))
        advance(engine, budget);
}

bool snag_merge_drain(snag_engine *engine, uint32_t budget)
{
    if (snag_engine_at_rest(engine))
        return true;
    return advance(engine, &budget);
}

bool snag_merge_tick(snag_engine *engine, int64_t target_w_ms, uint32_t budget)
{
    for (uint32_t i = 0; i < engine->flow_count; i++)
        low_raise(&engine->flows[i], target_w_ms);
    target_raise(engine, target_w_ms, EVERY_SOURCE);
    return snag_engine_drain(engine, budget);
}

bool snag_engine_tick_source(snag_engine *engine, uint32_t source, int64_t low_ms, uint32_t budget)
{
    SNAG_ASSERT(source < engine->flow_count);
    if (engine->flow_count == 1)
        return snag_engine_tick(engine, low_ms, budget);
    low_raise(&engine->flows[source], low_ms);
    target_look(engine);
    return snag_engine_drain(engine, budget);
}

static void apply(snag_engine *engine, const snag_event *event)
{
    snag_ahead_look(engine, event, &engine->ahead_now);
    snag_engine_apply(engine, event, &engine->ahead_now);
}

/* The buffer is full: every source counts as having come as far as the oldest waiting event. */
static void make_room(snag_engine *engine)
{
    int64_t time_ms;
    int64_t offset;
    uint32_t source;
    uint32_t budget = UINT32_MAX;
    bool waits = snag_order_peek_source(engine, &time_ms, &source, &offset);
    SNAG_ASSERT(waits);
    engine->counters.overflow++;
    for (uint32_t i = 0; i < engine->flow_count; i++)
        low_raise(&engine->flows[i], time_ms + (i < source));
    advance_on(engine, &budget);
}

/* Lets it wait at this time. False: there is no room at all, or room was made by time that went past it. */
static bool hold(snag_engine *engine, const snag_event *event, int64_t time_ms)
{
    while (!snag_order_add(engine, event, time_ms)) {
        if (snag_order_count(&engine->order) == 0 || engine->full)
            return false;
        make_room(engine);
        if (reached(engine->w_ms, engine->w_source, time_ms, snag_flow_of(engine, &event->position)))
            return false;
    }
    return true;
}

/* Where its source comes to be by this event; *time_ms: its time as far as its stamp bears it out. */
static int64_t low_of(const snag_engine *engine, const snag_event *event, int64_t *time_ms)
{
    *time_ms = snag_event_borne_ms(event);
    return *time_ms - engine->pipeline->sources[event->position.source].out_of_order_ms;
}

/* Time comes to where the event will move it, but no further than the event's own place, before the event
 * itself. Its source's low stays: the turn is still its own, and nothing of another source comes in between.
 * False: the budget is used up first; it is to be given again. */
static bool make_way(snag_engine *engine, const snag_event *event, int64_t low_ms, uint32_t *budget)
{
    uint32_t own = snag_flow_of(engine, &event->position);
    uint32_t source = own;
    int64_t at_ms = low_ms;
    if (event->excluded || low_ms <= engine->flows[own].low_ms)
        return true;
    for (uint32_t i = 0; i < engine->flow_count; i++)
        if (i != own && !reached(engine->flows[i].low_ms, i, at_ms, source)) {
            at_ms = engine->flows[i].low_ms;
            source = i;
        }
    bool at_own = reached(at_ms, source, event->time_ms, own);
    target_raise(engine, at_own ? event->time_ms : at_ms, at_own ? own : source);
    return is_there(engine) || advance(engine, budget);
}

/* W is as far as it may be before this event. low_ms: where its source comes to be; SNAG_TIME_NONE = it
 * stays. */
static void take_one(snag_engine *engine, const snag_event *event, int64_t low_ms, uint32_t *budget)
{
    uint32_t source = snag_flow_of(engine, &event->position);
    snag_flow *flow = &engine->flows[source];
    int64_t place_ms = event->time_ms > flow->low_ms ? event->time_ms : flow->low_ms;
    low_raise(flow, low_ms);
    engine->counters.where_erred += event->exclude_erred;
    if (event->excluded) { /* it says how late it is, and nothing else */
        engine->excluded[event->excluded - 1]++;
    } else if (reached(engine->w_ms, engine->w_source, place_ms, source) ||
               !hold(engine, event, place_ms)) {
        uint32_t all = UINT32_MAX; /* what an event before it, as late, made overdue */
        if (snag_engine_fire(engine, engine->w_ms, &all))
            apply(engine, event); /* no need to copy it */
    }
    advance_on(engine, budget);
}

/* Read before the last restart, and applied then. */
static bool applied_before(const snag_engine *engine, const snag_event *event)
{
    uint32_t source = snag_flow_of(engine, &event->position);
    if (event->time_ms != engine->cursor_ms)
        return event->time_ms < engine->cursor_ms;
    if (source != engine->cursor_source)
        return source < engine->cursor_source;
    return event->position.offset <= engine->cursor_offset;
}

static bool of_one_record(const snag_event *a, const snag_event *b)
{
    return a->position.offset == b->position.offset && a->position.source == b->position.source &&
           a->position.partition == b->position.partition;
}

/* Items of one record are taken at its place: an item that lies before another of them is not late by it, for
 * what waits must wait at its own time. */
snag_err snag_merge_take(snag_engine *engine, const snag_event *events, size_t count, uint32_t budget,
                         size_t *taken)
{
    int64_t whole_ms = SNAG_TIME_NONE;
    for (*taken = 0; *taken < count; (*taken)++) {
        const snag_event *read = &events[*taken];
        const snag_event *event = read; /* NULL: its device stamped it too far in the future */
        uint32_t source = snag_flow_of(engine, &read->position);
        uint32_t all = UINT32_MAX;
        SNAG_ASSERT(source < engine->flow_count);
        snag_flow *flow = &engine->flows[source];
        if (engine->full || !snag_table_has_room(&engine->table))
            return SNAG_FULL;
        bool again = read->position.offset < flow->next_offset;
        if (!again && !snag_engine_at_rest(engine) && !advance(engine, &budget))
            break;
        if (read->device)
            event = snag_device_correct(engine, read, again);
        if (again) {
            if (event && event->excluded == 0 && !applied_before(engine, event))
                (void)hold(engine, event, event->time_ms);
            continue;
        }
        bool goes_on = *taken + 1 < count && of_one_record(read, read + 1);
        bool went_on = *taken > 0 && of_one_record(read - 1, read);
        bool alone = !goes_on && !went_on;
        int64_t time_ms = SNAG_TIME_NONE;
        int64_t low_ms = event ? low_of(engine, event, &time_ms) : SNAG_TIME_NONE;
        if (event && alone && !make_way(engine, event, low_ms, read->device ? &all : &budget))
            break;
        flow->newest_ms = time_ms > flow->newest_ms ? time_ms : flow->newest_ms;
        whole_ms = went_on && whole_ms > low_ms ? whole_ms : low_ms;
        if (event)
            take_one(engine, event, alone ? low_ms : SNAG_TIME_NONE, &budget);
        if (went_on && !goes_on) {
            low_raise(flow, whole_ms);
            advance_on(engine, &budget);
        }
    }
    return engine->full ? SNAG_FULL : SNAG_OK;
}
