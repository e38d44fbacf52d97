/* SPDX-License-Identifier: Apache-2.0
 *
 * The undisturbed run: one partition's committed input through its decoders and one engine, in one thread,
 * with nothing in between but the ticks that were committed, each at its place in the log. What it says and
 * the state it ends in are what the world must have said and ended in.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "local/memory.h"
#include "runtime/lane.h"
#include "runtime/tick.h"
#include "again.h"
#include "lanes.h"

enum { ARENA_BYTES = 1 << 20, TEXT_BYTES = 1 << 16 };

struct sim_reference {
    sim_world *world;
    uint32_t partition;
    snag_decoder *decoders[SIM_SOURCES];
    snag_engine *engine;
    snag_memory memory;
    snag_encode_context context;
    snag_str topics[SIM_SOURCES];
    snag_arena arena;
    void *arena_block;
    char *text;
    sim_saids said[SNAG_TOPIC_COUNT];
    uint32_t tick[SIM_SOURCES]; /* the next one of each source */
    uint32_t tick_in[SIM_SOURCES];
    sim_again *again; /* NULL: what came again is not asked of it */
    bool told; /* no ticks but those that the workers recorded, and where time stands at the end */
    int64_t told_at[SIM_SOURCES];
    int64_t end_ms[SIM_SOURCES];
    int64_t at[SIM_SOURCES];  /* to be taken next */
    int64_t end[SIM_SOURCES]; /* told: what comes from there on was not taken by the run */
    bool ended[SIM_SOURCES];
};

static void add(sim_reference *self, snag_topic topic, snag_str key, snag_str value, snag_str reason)
{
    sim_saids *said = &self->said[topic];
    if (said->count == said->room) {
        said->room = said->room ? said->room * 2 : 64;
        said->list = realloc(said->list, said->room * sizeof *said->list);
        SNAG_ASSERT(said->list != NULL);
    }
    said->list[said->count++] = (sim_said){sim_copy_of(self->world, key), sim_copy_of(self->world, value),
                                           sim_copy_of(self->world, reason)};
}

static void said(sim_reference *self, snag_topic topic, snag_str key, const snag_record *record)
{
    snag_buf buf = snag_buf_on(self->text, TEXT_BYTES);
    snag_encode_json(&buf, &self->context, record);
    SNAG_ASSERT(!buf.full);
    add(self, topic, key, snag_buf_str(&buf), (snag_str){NULL, 0});
}

static void emit(void *context, const snag_record *record)
{
    sim_reference *self = context;
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        said(self, record->as.alert.shadow ? SNAG_TOPIC_SHADOW : SNAG_TOPIC_ALERTS, record->as.alert.key,
             record);
        return;
    case SNAG_RECORD_CHANGE: said(self, SNAG_TOPIC_JOURNEYS, record->as.change.key, record); return;
    case SNAG_RECORD_DECISION: said(self, SNAG_TOPIC_DECISIONS, record->as.decision.key, record); return;
    case SNAG_RECORD_LATE: {
        snag_str reason = record->as.late.future ? snag_str_from(snag_err_name(SNAG_BAD_FUTURE))
                                                 : SNAG_STR("late");
        snag_topic topic = record->as.late.future ? SNAG_TOPIC_DEAD_LETTER : SNAG_TOPIC_LATE;
        const snag_position *at = &record->as.late.position;
        uint32_t source = sim_stream_of(self->world, at);
        bool keyed = source >= self->world->lanes;
        if (self->told && !keyed) {
            const sim_origin *origin = sim_lane_origin(self->world, source, at->offset);
            add(self, topic, origin->key, origin->value, reason);
            return;
        }
        const sim_entry *entry =
            &self->world->logs[SIM_INPUT + source][self->partition].entries[at->offset];
        add(self, topic, keyed ? entry->key : entry->headers[1].value, entry->value, reason);
        return;
    }
    case SNAG_RECORD_KIND_COUNT: break;
    }
    SNAG_ASSERT(false);
}

/* The next committed tick of this source; NULL: there is none. */
static const sim_tick *tick_next(sim_reference *self, uint32_t source)
{
    const sim_world *world = self->world;
    for (; self->tick[source] < world->tick_count[self->partition]; self->tick[source]++) {
        const sim_ticks *ticks = &world->ticks[self->partition][self->tick[source]];
        for (; self->tick_in[source] < ticks->count; self->tick_in[source]++)
            if (ticks->list[self->tick_in[source]].source == source)
                return &ticks->list[self->tick_in[source]];
        self->tick_in[source] = 0;
    }
    return NULL;
}

/* A record of the source that was stamped just then, in some partition. */
static bool is_stamp(const sim_world *world, uint32_t source, int64_t stamp_ms)
{
    bool found = false;
    for (uint32_t p = 0; p < world->parts; p++) {
        const sim_log *log = &world->logs[SIM_INPUT + source][p];
        for (int64_t at = 0; at < log->end; at++)
            found = found || (log->entries[at].kind == SIM_RECORD && log->entries[at].stamp_ms == stamp_ms);
    }
    return found;
}

/* What the tick says of the source's silence, as the broker answered then. */
static void silence_take(sim_reference *self, uint32_t stream, const sim_tick *tick)
{
    uint32_t source = sim_source_of(self->world, stream);
    const snag_source_watch *watches = self->world->config.pipeline.watches;
    int64_t gap_ms = watches ? watches[source].after_ms : 0;
    if (gap_ms == 0)
        return;
    bool silent = snag_engine_silence_of(self->engine, source).silent;
    if (silent && tick->loud)
        snag_engine_back(self->engine, source, SNAG_TIME_NONE, tick->target_ms);
    bool never = tick->quiet_ms == 1; /* it never spoke */
    if (silent || never || tick->quiet_ms == SNAG_NEVER || tick->target_ms <= tick->quiet_ms - 1 + gap_ms)
        return;
    if (!is_stamp(self->world, stream, tick->quiet_ms - 1))
        sim_fail(self->world, "source %u is taken for silent since %" PRId64 ", when nothing came", source,
                 tick->quiet_ms - 1 - SIM_EPOCH_MS);
    snag_engine_silent(self->engine, source, tick->quiet_ms - 1);
}

/* A committed tick of this source whose place lies at or before this offset. False: there is none. */
static bool tick_take(sim_reference *self, uint32_t source, int64_t offset)
{
    const sim_tick *tick = tick_next(self, source);
    if (!tick || tick->position > offset)
        return false;
    self->tick_in[source]++;
    silence_take(self, source, tick);
    bool there = snag_engine_tick_source(self->engine, source, tick->target_ms, UINT32_MAX);
    SNAG_ASSERT(there);
    return true;
}

/* The next recorded tick of this source, of the partition's last state, at or before this offset. */
static bool told_take(sim_reference *self, uint32_t source, int64_t offset)
{
    const uint32_t of = sim_source_of(self->world, source);
    const sim_log *log = &self->world->logs[SNAG_TOPIC_TICKS][self->partition];
    const sim_entry *entry;
    snag_tick tick;
    for (; (entry = sim_log_next(log, &self->told_at[source])) != NULL; self->told_at[source]++) {
        bool ours = snag_tick_read(&tick, entry->value);
        SNAG_ASSERT(ours && tick.partition == self->partition);
        if (tick.offset < 0 || tick.source != of)
            continue;
        if (tick.offset > offset)
            return false;
        self->told_at[source]++;
        if (tick.kind == SNAG_TICK_SILENT)
            snag_engine_silent(self->engine, of, tick.last_ms);
        else if (tick.kind == SNAG_TICK_BACK)
            snag_engine_back(self->engine, of, SNAG_TIME_NONE, tick.time_ms);
        return snag_engine_tick_source(self->engine, source, tick.time_ms, UINT32_MAX);
    }
    if (offset < INT64_MAX || self->ended[source])
        return false;
    self->ended[source] = true;
    if (self->end_ms[source] == SNAG_TIME_NONE)
        return false; /* nothing ever came */
    return snag_engine_tick_source(self->engine, source, self->end_ms[source], UINT32_MAX);
}

static void moved(sim_reference *self)
{
    if (self->again)
        sim_again_reach(self->again, self->engine);
}

static void engine_take(sim_reference *self, const snag_event *event, uint32_t flow)
{
    size_t taken;
    if (self->again)
        sim_again_take(self->again, event, flow, snag_engine_low(self->engine, flow));
    snag_err err = snag_engine_take(self->engine, event, 1, &taken);
    SNAG_ASSERT(err == SNAG_OK && taken == 1);
    moved(self);
}

static void take(sim_reference *self, uint32_t stream, const sim_entry *entry, int64_t offset)
{
    const uint32_t source = sim_source_of(self->world, stream);
    snag_event event;
    snag_diag why;
    snag_raw raw = {.position = {.offset = offset, .partition = self->partition, .source = (uint16_t)source},
                    .stamp_ms = entry->stamp_ms, .key = entry->key, .value = entry->value};
    snag_arena_reset(&self->arena);
    snag_err err = snag_decode(self->decoders[source], &raw, &self->arena, &event, &why);
    if (err == SNAG_OK && !snag_str_equal(event.customer, raw.key))
        err = SNAG_BAD_KEY;
    if (err != SNAG_OK) {
        add(self, SNAG_TOPIC_DEAD_LETTER, entry->key, entry->value, snag_str_from(snag_err_name(err)));
        return;
    }
    engine_take(self, &event, stream);
}

/* What the hop found is said where its lane stands, once. */
static void lane_silence(sim_reference *self, uint32_t lane, const snag_lane_note *note)
{
    if (note->back_ms)
        snag_engine_back(self->engine, 0, note->last_ms, note->back_ms);
    else
        snag_engine_silent(self->engine, 0, note->last_ms);
    bool there = snag_engine_tick_source(self->engine, lane, note->low_ms, UINT32_MAX);
    SNAG_ASSERT(there);
    moved(self);
}

/* Of a lane. False: its partition had come further before it, and now another may be behind. */
static bool lane_take(sim_reference *self, uint32_t lane, const sim_entry *entry, int64_t offset)
{
    snag_event event;
    snag_diag why;
    snag_lane_note note;
    bool read = snag_lane_note_read(&note, entry->headers[0].value);
    SNAG_ASSERT(read && note.partition == lane);
    if (note.low_ms > snag_engine_low(self->engine, lane)) {
        bool there = snag_engine_tick_source(self->engine, lane, note.low_ms, UINT32_MAX);
        SNAG_ASSERT(there);
        moved(self);
        return snag_engine_turn(self->engine) == lane && lane_take(self, lane, entry, offset);
    }
    if (note.last_ms)
        lane_silence(self, lane, &note);
    if (note.count == 0)
        return true;
    const snag_raw raw = {.position = {.offset = offset, .partition = lane}, .stamp_ms = note.stamp_ms,
                          .key = entry->headers[1].value, .value = entry->value};
    snag_arena_reset(&self->arena);
    snag_err err = snag_decode(self->decoders[0], &raw, &self->arena, &event, &why);
    SNAG_ASSERT(err == SNAG_OK);
    event.shift = note.offset - offset;
    engine_take(self, &event, lane);
    return true;
}

static void reference_init(sim_reference *self)
{
    const snag_pipeline *pipeline = self->world->running;
    snag_decoder_options decoding = {.now_ms = SNAG_NEVER};
    snag_err err = SNAG_OK;
    for (uint32_t s = 0; s < pipeline->source_count; s++) {
        err = snag_decoder_new(&self->decoders[s], &pipeline->sources[s], (snag_str){"", 0}, &decoding, NULL);
        SNAG_ASSERT(err == SNAG_OK);
        self->topics[s] = pipeline->sources[s].topic;
    }
    err = snag_memory_init(&self->memory, (size_t)pipeline->budget_bytes, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    err = snag_engine_init(&self->engine, pipeline, self->memory.block, self->memory.size, emit, self);
    SNAG_ASSERT(err == SNAG_OK);
    if (self->partition > 0)
        snag_engine_mute(self->engine);
    self->context = (snag_encode_context){.pipeline = pipeline->name, .version = pipeline->version,
                                          .config = pipeline->config, .topics = self->topics,
                                          .topic_count = pipeline->source_count,
                                          .detected_at_ms = SNAG_TIME_NONE};
    self->arena_block = malloc(ARENA_BYTES);
    self->text = malloc(TEXT_BYTES);
    SNAG_ASSERT(self->arena_block && self->text);
    snag_arena_init(&self->arena, self->arena_block, ARENA_BYTES);
}

static sim_reference *reference_new(sim_world *world, uint32_t partition)
{
    sim_reference *self = calloc(1, sizeof *self);
    SNAG_ASSERT(self != NULL);
    self->world = world;
    self->partition = partition;
    reference_init(self);
    return self;
}

/* Nothing more comes of this partition of the rekeyed topic. False: that was known. */
static bool origin_end(sim_reference *self, uint32_t lane)
{
    if (self->ended[lane] || self->end_ms[lane] == SNAG_TIME_NONE)
        return false;
    self->ended[lane] = true;
    return snag_engine_tick_source(self->engine, lane, self->end_ms[lane], UINT32_MAX);
}

/* The topic's own record instead of what was carried of it; of other partitions' customers just the time. */
static bool origin_take(sim_reference *self, uint32_t lane)
{
    const sim_world *world = self->world;
    const int64_t offset = self->at[lane];
    const sim_origin *origin = sim_lane_origin(world, lane, offset);
    int64_t low_ms;
    snag_event event;
    snag_diag why;
    size_t taken;
    const sim_origin_tick *tick =
        sim_lane_tick(world, lane, &self->told_at[lane], origin ? offset : INT64_MAX);
    if (tick && tick->kind == SNAG_TICK_SILENT)
        snag_engine_silent(self->engine, 0, tick->last_ms);
    else if (tick && tick->kind == SNAG_TICK_BACK)
        snag_engine_back(self->engine, 0, tick->last_ms, tick->back_ms);
    if (tick)
        return snag_engine_tick_source(self->engine, lane, tick->low_ms, UINT32_MAX);
    if (!origin)
        return origin_end(self, lane);
    const snag_raw raw = {.position = {.offset = offset, .partition = lane}, .stamp_ms = origin->stamp_ms,
                          .key = origin->key, .value = origin->value};
    self->at[lane]++;
    snag_arena_reset(&self->arena);
    if (snag_decode(self->decoders[0], &raw, &self->arena, &event, &why) != SNAG_OK)
        return true; /* the hop's own dead letter */
    if (snag_murmur2(event.customer) % world->parts == self->partition)
        return snag_engine_take(self->engine, &event, 1, &taken) == SNAG_OK;
    low_ms = event.time_ms < raw.stamp_ms ? event.time_ms : raw.stamp_ms;
    low_ms -= world->config.pipeline.sources[0].out_of_order_ms;
    return snag_engine_tick_source(self->engine, lane, low_ms, UINT32_MAX);
}

/* A record or a tick of the source whose turn it is, until it has neither. */
static sim_reference *reference_run(sim_reference *self)
{
    const sim_world *world = self->world;
    for (;;) {
        uint32_t source = snag_engine_turn(self->engine);
        if (self->told && source < world->lanes) {
            if (origin_take(self, source))
                continue;
            return self;
        }
        int64_t *at = &self->at[source];
        moved(self);
        const sim_entry *entry = sim_log_next(&world->logs[SIM_INPUT + source][self->partition], at);
        if (self->told && *at >= self->end[source])
            entry = NULL;
        int64_t offset = entry ? *at : INT64_MAX;
        if (self->told ? told_take(self, source, offset) : tick_take(self, source, offset))
            continue;
        if (!entry)
            return self;
        if (source >= world->lanes)
            take(self, source, entry, (*at)++);
        else if (lane_take(self, source, entry, *at))
            (*at)++;
    }
}

sim_reference *sim_reference_run(sim_world *world, uint32_t partition)
{
    sim_reference *self = reference_new(world, partition);
    self->again = sim_again_new(world);
    return reference_run(self);
}

sim_reference *sim_reference_told(const sim_reference *run)
{
    sim_reference *self = reference_new(run->world, run->partition);
    self->told = true;
    memcpy(self->end, run->at, sizeof self->end);
    for (uint32_t s = 0; s < run->world->sources; s++)
        self->end_ms[s] = snag_engine_low(run->engine, s);
    return reference_run(self);
}

const sim_saids *sim_reference_said(const sim_reference *self, snag_topic topic)
{
    return &self->said[topic];
}

snag_engine *sim_reference_engine(const sim_reference *self)
{
    return self->engine;
}

bool sim_reference_forgot(const sim_reference *self, snag_str customer)
{
    return sim_again_forgotten(self->again, customer);
}

void sim_reference_free(sim_reference *self)
{
    sim_again_free(self->again);
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        free(self->said[i].list);
    for (int s = 0; s < SIM_SOURCES; s++)
        snag_decoder_free(self->decoders[s]);
    snag_memory_finish(&self->memory);
    free(self->arena_block);
    free(self->text);
    free(self);
}
