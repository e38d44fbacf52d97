/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's front: events and ticks move time, time releases waiting events and fires deadlines.
 *
 *     W = newest min(event time, stamp) - out_of_order; it never goes back
 *     a waiting event applies once W has reached it; before it, deadlines before its time fire
 *     a deadline fires when W > deadline: exactly at the deadline is in time
 */
#include "engine/engine.h"

#include "base/assert.h"
#include "base/hash.h"
#include "engine/dark.h"
#include "engine/state.h"
#include "engine/ties.h"

enum { WAITING_MAX = 1 << 17, TABLE_BYTES_MIN = 4 << 20, ALIGN = 64 };

/* All but a megabyte of scratch, whose pages a new engine need not touch. */
static void engine_clear(snag_engine *engine)
{
    memset(engine, 0, offsetof(snag_engine, cell));
    memset(&engine->with_facts, 0, sizeof *engine - offsetof(snag_engine, with_facts));
}

static void arrive(snag_engine *engine)
{
    engine->w_ms = engine->target_ms;
    engine->cursor_ms = engine->w_ms;
    engine->cursor_offset = INT64_MAX;
}

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* The order buffer's bound: none is needed where events apply on arrival. */
static uint32_t waiting_max(const snag_pipeline *pipeline)
{
    bool waits = pipeline->source_count && pipeline->sources[0].out_of_order_ms > 0;
    return waits || snag_pipeline_flows(pipeline) > 1 ? WAITING_MAX : 0;
}

static size_t learn_bytes(const snag_pipeline *pipeline)
{
    if (pipeline->sketch_count == 0)
        return 0;
    return align_up(pipeline->sketch_count * sizeof(uint32_t)) + align_up(sizeof(snag_sketch));
}

static size_t segment_bytes(const snag_pipeline *pipeline)
{
    return align_up(pipeline->segment_count * sizeof(uint32_t));
}

static size_t fixed_bytes(const snag_pipeline *pipeline)
{
    return align_up(sizeof(snag_engine)) + align_up(snag_dispatch_bytes(pipeline)) +
           align_up(snag_order_bytes(waiting_max(pipeline))) + learn_bytes(pipeline) +
           segment_bytes(pipeline) + align_up(snag_quiet_bytes(pipeline)) +
           align_up(snag_ties_bytes(pipeline));
}

size_t snag_engine_bytes_min(const snag_pipeline *pipeline)
{
    return fixed_bytes(pipeline) + TABLE_BYTES_MIN;
}

bool snag_engine_fits(const snag_pipeline *pipeline, uint32_t *which)
{
    for (uint32_t scope = 0; scope < pipeline->scope_count; scope++) {
        uint32_t items = 0;
        for (uint32_t i = 0; i < pipeline->fact_count; i++)
            items += pipeline->facts[i].scope == scope;
        size_t bytes = items * (size_t)SNAG_FACT_STATE_MAX;
        for (uint32_t r = 0; r < pipeline->rule_count; r++) {
            if (pipeline->rules[r].scope == scope) {
                bytes += pipeline->rules[r].kind->state_bytes_max;
                items++;
            }
        }
        *which = scope;
        if (bytes + items * 64 > SNAG_ITEMS_BYTES_MAX || items > UINT8_MAX)
            return false;
    }
    return true;
}

static void flows_init(snag_engine *engine)
{
    const snag_pipeline *pipeline = engine->pipeline;
    SNAG_ASSERT(pipeline->source_count <= SNAG_SOURCES_MAX);
    engine->flow_count = snag_pipeline_flows(pipeline);
    SNAG_ASSERT(engine->flow_count <= SNAG_FLOWS_MAX);
    uint32_t flow = 0;
    for (uint32_t s = 0; s < SNAG_SOURCES_MAX; s++) {
        bool there = s < pipeline->source_count;
        engine->flow_first[s] = (uint8_t)flow;
        engine->laned |= (uint8_t)((there && pipeline->sources[s].lanes > 0) << s);
        flow += there ? snag_source_flows(&pipeline->sources[s]) : 1;
    }
    for (uint32_t i = 0; i < engine->flow_count; i++)
        engine->flows[i] = (snag_flow){SNAG_TIME_NONE, SNAG_TIME_NONE, INT64_MIN};
}

snag_err snag_engine_init(snag_engine **out, const snag_pipeline *pipeline, void *block,
                          size_t block_bytes, snag_emit *emit, void *emit_context)
{
    SNAG_ASSERT(((uintptr_t)block & 15) == 0);
    SNAG_ASSERT(emit != NULL);
    uint32_t scope;
    if (block_bytes < snag_engine_bytes_min(pipeline) || !snag_engine_fits(pipeline, &scope))
        return SNAG_FULL;
    char *at = block;
    snag_engine *engine = block;
    engine_clear(engine);
    at += align_up(sizeof *engine);
    snag_arena arena;
    snag_arena_init(&arena, at, snag_dispatch_bytes(pipeline));
    snag_dispatch_init(&engine->dispatch, pipeline, &arena);
    at += align_up(snag_dispatch_bytes(pipeline));
    snag_order_init(&engine->order, at, waiting_max(pipeline));
    at += align_up(snag_order_bytes(engine->order.max));
    if (pipeline->sketch_count) {
        engine->learn.first = (uint32_t *)(void *)at;
        at += align_up(pipeline->sketch_count * sizeof(uint32_t));
        engine->learn.sum = (snag_sketch *)(void *)at;
        at += align_up(sizeof(snag_sketch));
    }
    engine->segments.index = (uint32_t *)(void *)at;
    at += segment_bytes(pipeline);
    engine->segments.ready = pipeline->segment_count == 0;
    engine->learn.ready = pipeline->sketch_count == 0;
    engine->learn.since_ms = SNAG_TIME_NONE;
    char *quiets = at;
    at += align_up(snag_quiet_bytes(pipeline));
    char *ties = at;
    at += align_up(snag_ties_bytes(pipeline));
    snag_table_init(&engine->table, at, block_bytes - (size_t)(at - (char *)block));
    snag_outbox_init(&engine->outbox, emit, emit_context);
    snag_arena_init(&engine->eval, engine->eval_bytes, sizeof engine->eval_bytes);
    engine->pipeline = pipeline;
    engine->sha_quick = snag_sha256_quick();
    engine->out_of_order_ms = pipeline->source_count ? pipeline->sources[0].out_of_order_ms : 0;
    engine->w_ms = engine->target_ms = engine->newest_ms = SNAG_TIME_NONE;
    engine->cursor_ms = SNAG_TIME_NONE;
    engine->cursor_offset = INT64_MIN;
    engine->next_offset = INT64_MIN;
    engine->refused.offset = -1;
    flows_init(engine);
    snag_dark_init(engine);
    snag_quiet_init(engine, quiets);
    snag_ties_init(engine, ties);
    *out = engine;
    return SNAG_OK;
}

/* Whoever restored state of another version had the chance to say more. */
static void let_strange_go(snag_engine *engine)
{
    uint64_t cursor = 0;
    uint64_t lost = 0;
    snag_engine_retire(engine, (snag_str){"", 0}, &cursor, UINT32_MAX, &lost);
}

static bool begins(const snag_engine *engine)
{
    return engine->strange || engine->loosen || !engine->learn.ready || !engine->segments.ready;
}

/* Before the first event or tick, where there is something to do before it. */
static void begin(snag_engine *engine)
{
    if (engine->strange)
        let_strange_go(engine);
    if (engine->loosen)
        snag_dark_loosen(engine);
    if (!engine->learn.ready && !engine->full)
        snag_learn_begin(engine);
    if (!engine->segments.ready)
        snag_segments_begin(engine);
}

/* Moves towards the target: waiting events and deadlines in their common order. True: W is there. */
static bool advance(snag_engine *engine, uint32_t *budget)
{
    int64_t time_ms;
    int64_t offset;
    while (snag_order_peek(engine, &time_ms, &offset) && time_ms <= engine->target_ms) {
        if (engine->full || !snag_engine_fire(engine, time_ms, budget))
            return false;
        snag_order_apply_first(engine);
        engine->cursor_ms = time_ms;
        engine->cursor_offset = offset;
    }
    if (engine->full || !snag_engine_fire(engine, engine->target_ms, budget))
        return false;
    arrive(engine);
    return true;
}

/* False: the budget is used up before W is there. */
static bool advance_to(snag_engine *engine, int64_t target_ms, uint32_t *budget)
{
    if (target_ms > engine->target_ms)
        engine->target_ms = target_ms;
    if (engine->target_ms <= engine->w_ms)
        return true;
    /* At most events nothing waits and nothing is due. */
    bool idle = engine->order.soon_count == 0 && engine->pending == 0 && !engine->full &&
                engine->instant_ms >= engine->target_ms;
    if (idle && snag_wheel_pass(&engine->table.wheel, engine->target_ms - 1))
        arrive(engine);
    else
        return advance(engine, budget);
    return true;
}

bool snag_engine_tick(snag_engine *engine, int64_t target_w_ms, uint32_t budget)
{
    if (engine->flow_count > 1)
        return snag_merge_tick(engine, target_w_ms, budget);
    if (target_w_ms > engine->target_ms)
        engine->target_ms = target_w_ms;
    return snag_engine_drain(engine, budget);
}

bool snag_engine_at_rest(const snag_engine *engine)
{
    bool there = engine->target_ms == engine->w_ms &&
                 (engine->flow_count == 1 || engine->target_source == engine->w_source);
    return there && engine->pending == 0 && engine->instant_ms >= engine->w_ms;
}

bool snag_engine_drain(snag_engine *engine, uint32_t budget)
{
    if (begins(engine))
        begin(engine);
    if (engine->flow_count > 1)
        return snag_merge_drain(engine, budget);
    if (snag_engine_at_rest(engine))
        return true;
    return advance(engine, &budget);
}

/* Read before the last restart, and applied then. */
static bool applied_before(const snag_engine *engine, const snag_event *event)
{
    SNAG_ASSERT(event->position.offset < engine->next_offset);
    bool on_arrival = engine->out_of_order_ms == 0 && !engine->merged_before;
    if (on_arrival || event->time_ms < engine->cursor_ms)
        return true;
    return event->time_ms == engine->cursor_ms && event->position.offset <= engine->cursor_offset;
}

/* The buffer is full: time moves on to the oldest waiting event, which makes its place free. */
static void make_room(snag_engine *engine)
{
    int64_t time_ms;
    int64_t offset;
    bool waits = snag_order_peek(engine, &time_ms, &offset);
    uint32_t budget = UINT32_MAX;
    SNAG_ASSERT(waits);
    engine->counters.overflow++;
    advance_to(engine, time_ms, &budget);
}

static bool is_behind(const snag_engine *engine, const snag_event *event)
{
    return engine->w_ms != SNAG_TIME_NONE && event->time_ms <= engine->w_ms;
}

/* False: it need not wait. A full buffer lets time go on, perhaps past this very event. */
static bool made_wait(snag_engine *engine, const snag_event *event)
{
    while (!is_behind(engine, event)) {
        if (snag_order_add(engine, event, event->time_ms))
            return true;
        if (snag_order_count(&engine->order) == 0)
            return false;
        make_room(engine);
    }
    return false;
}

/* Time comes to where the event moves it, before the event itself. False: the budget is used up first; it is
 * to be given again. */
static bool make_way(snag_engine *engine, const snag_event *event, uint32_t *budget)
{
    int64_t time_ms = snag_event_borne_ms(event);
    if (time_ms > engine->newest_ms)
        engine->newest_ms = time_ms;
    return advance_to(engine, engine->newest_ms - engine->out_of_order_ms, budget);
}

static void take_one(snag_engine *engine, const snag_event *event, snag_ahead *ahead)
{
    engine->counters.where_erred += event->exclude_erred;
    if (event->excluded) { /* it says how late it is, and nothing else */
        SNAG_ASSERT(event->excluded <= engine->pipeline->exclusion_count);
        engine->excluded[event->excluded - 1]++;
        return;
    }
    if (engine->out_of_order_ms != 0) {
        if (made_wait(engine, event))
            return;
        ahead = &engine->ahead_now; /* looked at only now: most events wait */
        snag_ahead_look(engine, event, ahead);
    }
    snag_engine_apply(engine, event, ahead);
}

/* One that was read before the last restart: what waited then waits again, and until all of these are back
 * time stands still, or it would pass them. */
static void take_again(snag_engine *engine, const snag_event *event, snag_ahead *ahead)
{
    if (event->excluded || applied_before(engine, event))
        return;
    if (engine->out_of_order_ms != 0)
        (void)made_wait(engine, event);
    else
        snag_engine_apply(engine, event, ahead); /* it waited for a source that there is no more */
}

/* How many events ahead each step of ahead.c is taken. */
enum { KEYS = SNAG_AHEAD - 1, FIRST = 26, SECOND = 21, THIRD = 16, CELLS = 11, TAILS = 6 };

/* At a batch's start the steps are made up for. */
static void look_first(snag_engine *engine, const snag_event *events, size_t count)
{
    snag_ahead *ahead = engine->ahead;
    for (size_t i = 0; i < count && i <= KEYS; i++)
        snag_ahead_look(engine, &events[i], &ahead[i]);
    for (size_t i = 0; i < count && i <= FIRST; i++)
        snag_ahead_nodes(engine, &ahead[i]);
    for (size_t i = 0; i < count && i <= SECOND; i++)
        snag_ahead_chains(engine, &ahead[i]);
    for (size_t i = 0; i < count && i <= THIRD; i++)
        snag_ahead_chains(engine, &ahead[i]);
    for (size_t i = 0; i < count && i <= CELLS; i++)
        snag_ahead_cells(engine, &ahead[i]);
}

/* Keeps the ring of looked-at events full. */
static void look_ahead(snag_engine *engine, const snag_event *events, size_t count, size_t at)
{
    snag_ahead *ahead = engine->ahead;
    if (engine->out_of_order_ms != 0)
        return;
    if (at == 0) {
        look_first(engine, events, count);
        return;
    }
    if (at + KEYS < count)
        snag_ahead_look(engine, &events[at + KEYS], &ahead[(at + KEYS) % SNAG_AHEAD]);
    if (at + FIRST < count)
        snag_ahead_nodes(engine, &ahead[(at + FIRST) % SNAG_AHEAD]);
    if (at + SECOND < count)
        snag_ahead_chains(engine, &ahead[(at + SECOND) % SNAG_AHEAD]);
    if (at + THIRD < count)
        snag_ahead_chains(engine, &ahead[(at + THIRD) % SNAG_AHEAD]);
    if (at + CELLS < count)
        snag_ahead_cells(engine, &ahead[(at + CELLS) % SNAG_AHEAD]);
    if (at + TAILS < count)
        snag_ahead_tails(engine, &ahead[(at + TAILS) % SNAG_AHEAD]);
}

/* Whether it may be given again: no item of its record was taken, no device's clock learned from it. */
static bool is_new(const snag_event *events, size_t at)
{
    return !events[at].device && (at == 0 || events[at].position.offset != events[at - 1].position.offset);
}

snag_err snag_engine_take_some(snag_engine *engine, const snag_event *events, size_t count,
                               uint32_t budget, size_t *taken)
{
    if (begins(engine))
        begin(engine);
    if (engine->flow_count > 1)
        return snag_merge_take(engine, events, count, budget, taken);
    for (*taken = 0; *taken < count; (*taken)++) {
        const snag_event *event = &events[*taken];
        uint32_t all = UINT32_MAX;
        look_ahead(engine, events, count, *taken);
        if (engine->full || !snag_table_has_room(&engine->table))
            return SNAG_FULL;
        bool again = event->position.offset < engine->next_offset;
        if (!again &&
            (engine->target_ms != engine->w_ms || engine->pending || engine->instant_ms < engine->w_ms) &&
            !advance(engine, &budget))
            break;
        bool fresh = is_new(events, *taken);
        if (event->device && (event = snag_device_correct(engine, event, again)) == NULL)
            continue;
        if (again)
            take_again(engine, event, &engine->ahead[*taken % SNAG_AHEAD]);
        else if (make_way(engine, event, fresh ? &budget : &all))
            take_one(engine, event, &engine->ahead[*taken % SNAG_AHEAD]);
        else
            break;
    }
    return engine->full ? SNAG_FULL : SNAG_OK;
}

snag_err snag_engine_take(snag_engine *engine, const snag_event *events, size_t count, size_t *taken)
{
    return snag_engine_take_some(engine, events, count, UINT32_MAX, taken);
}

int64_t snag_engine_w(const snag_engine *engine)
{
    return engine->w_ms;
}

int64_t snag_engine_target_w(const snag_engine *engine)
{
    return engine->target_ms;
}

int64_t snag_engine_newest(const snag_engine *engine)
{
    int64_t newest_ms = engine->newest_ms;
    for (uint32_t i = 0; i < engine->flow_count; i++)
        if (engine->flows[i].newest_ms > newest_ms)
            newest_ms = engine->flows[i].newest_ms;
    return newest_ms;
}

int64_t snag_engine_next_due(const snag_engine *engine)
{
    int64_t time_ms;
    int64_t offset;
    int64_t next_ms = snag_wheel_next(&engine->table.wheel);
    if (engine->pending)
        next_ms = snag_table_node(&engine->table, engine->pending)->timer.due_ms;
    if (engine->instant_ms < next_ms)
        next_ms = engine->instant_ms;
    if (snag_order_peek(engine, &time_ms, &offset) && time_ms < next_ms)
        next_ms = time_ms;
    return next_ms;
}

int64_t snag_engine_oldest_waiting(const snag_engine *engine, uint32_t source)
{
    return snag_order_oldest(&engine->order, source);
}

void snag_engine_counters(const snag_engine *engine, snag_counters *out)
{
    *out = engine->counters;
}

void snag_engine_usage_get(const snag_engine *engine, snag_engine_usage *out)
{
    const snag_table *table = &engine->table;
    uint64_t untouched = align_up(snag_order_bytes(engine->order.max)) - snag_order_used(&engine->order);
    *out = (snag_engine_usage){
        .cells = table->live,
        .customers = table->customers - engine->learn.cells - engine->segments.cells,
        .bytes_used = fixed_bytes(engine->pipeline) - untouched +
                      (uint64_t)table->node_top * sizeof(snag_node) +
                      (uint64_t)table->bucket_count * sizeof(uint32_t) + snag_slab_used(&table->slab),
        .bytes_capacity = fixed_bytes(engine->pipeline) +
                          (uint64_t)table->node_max * sizeof(snag_node) +
                          (uint64_t)table->bucket_max * sizeof(uint32_t) +
                          table->slab.units * SNAG_SLAB_UNIT,
        .waiting = snag_order_count(&engine->order),
        .open_episodes = engine->open_episodes,
        .armed = engine->armed,
        .open_walks = engine->open_walks,
    };
}

void snag_engine_resume(snag_engine *engine, uint32_t source, int64_t next_offset)
{
    SNAG_ASSERT(source < engine->flow_count);
    engine->flows[source].next_offset = next_offset;
    engine->next_offset = engine->flows[0].next_offset;
}
