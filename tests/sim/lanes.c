/* SPDX-License-Identifier: Apache-2.0
 *
 * Worlds of one rekeyed source, and perhaps a keyed one: the workers read the lanes of its topic's
 * partitions, as a first hop writes them (runtime/lane.h). The hop itself is not simulated but played: it
 * is never late and never fails (tests/unit/test_rekey.c lets it do both). It moves a partition's time by its
 * records, by the clock now and then, and tells the others so by marks, and what it finds of its source's
 * silence. What it was given stays, as the topic does, and so do the ticks that a hop would have recorded: a
 * replay has nothing else.
 */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/planted.h"
#include "lanes.h"
#include "runtime/lane.h"
#include "runtime/tick.h"

struct sim_lanes {
    sim_dice dice;
    snag_pipeline pipeline; /* with the lanes of its source */
    snag_source_spec sources[SIM_SOURCES];
    snag_decoder *decoder;
    int64_t next[SIM_SOURCES], low[SIM_SOURCES], own[SIM_SOURCES], told[SIM_SOURCES];
    int64_t last[SIM_SOURCES]; /* it told of a silence since then; 0 = of none yet … */
    bool silent[SIM_SOURCES];  /* … which lasts */
    int64_t newest_ms;         /* the last record's stamp, in any partition; 0 = there was none */
    sim_origin *topic[SIM_SOURCES]; /* by partition, offset */
    sim_origin_tick *ticks;         /* in the order of time */
    uint32_t tick_count;
};

enum { ARENA_BYTES = 1 << 16, MARK_MS = 400, END_MS = 20000, TICKS = 4 * SIM_RECORDS_MOST };

static snag_header *headers_make(sim_world *world, const snag_lane_note *note, snag_str key, uint32_t *count)
{
    char text[SNAG_LANE_NOTE_MAX];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_header *list = sim_take(world, 2 * sizeof *list);
    snag_lane_note_print(&buf, note);
    list[0] = (snag_header){SNAG_STR(SNAG_LANE_HEADER), sim_copy_of(world, snag_buf_str(&buf))};
    list[1] = (snag_header){SNAG_STR(SNAG_LANE_KEY_HEADER), key};
    *count = key.data ? 2 : 1;
    return list;
}

static void put(sim_world *world, uint32_t lane, uint32_t p, snag_message *message)
{
    sim_log_add(world, &world->logs[SIM_INPUT + lane][p], message, -1, SIM_EPOCH_MS + world->now_ms);
    sim_input_arrived(world, lane, p);
}

const sim_origin *sim_lane_origin(const sim_world *world, uint32_t lane, int64_t offset)
{
    return offset < world->hop->next[lane] ? &world->hop->topic[lane][offset] : NULL;
}

const sim_origin_tick *sim_lane_tick(const sim_world *world, uint32_t lane, int64_t *at, int64_t offset)
{
    for (; *at < world->hop->tick_count; (*at)++) {
        const sim_origin_tick *tick = &world->hop->ticks[*at];
        if (tick->lane == lane && tick->offset > offset)
            return NULL;
        if (tick->lane == lane)
            return (*at)++, tick;
    }
    return NULL;
}

static void tick_add(sim_world *world, sim_origin_tick tick)
{
    struct sim_lanes *hop = world->hop;
    if (snag_planted(TICKS_UNTOLD))
        return;
    SNAG_ASSERT(hop->tick_count < TICKS);
    tick.low_ms = hop->told[tick.lane] = hop->low[tick.lane];
    hop->ticks[hop->tick_count++] = tick;
}

/* As the hop does it. */
static void tick_tell(sim_world *world, uint32_t lane, int64_t offset, const snag_event *event)
{
    struct sim_lanes *hop = world->hop;
    if (hop->low[lane] > hop->told[lane] && snag_tick_matters(hop->low[lane], hop->own[lane], event, 1))
        tick_add(world, (sim_origin_tick){.lane = lane, .offset = offset});
}

/* last_ms 0: only how far the lane has come. */
static void mark(sim_world *world, uint32_t lane, int64_t last_ms, int64_t back_ms)
{
    const snag_lane_note note = {.offset = world->hop->next[lane], .stamp_ms = SNAG_TIME_NONE,
                                 .low_ms = world->hop->low[lane], .partition = lane, .last_ms = last_ms,
                                 .back_ms = back_ms};
    snag_message message = {.key = {NULL, 0}};
    message.headers = headers_make(world, &note, (snag_str){NULL, 0}, &message.header_count);
    for (uint32_t p = 0; p < world->parts; p++)
        put(world, lane, p, &message);
}

/* As rekey.c says it, and tick.c records it. */
static void silence_say(sim_world *world, uint32_t lane, int64_t offset, int64_t back_ms)
{
    struct sim_lanes *hop = world->hop;
    hop->silent[lane] = back_ms == 0;
    if (hop->low[lane] > hop->told[lane])
        tick_add(world, (sim_origin_tick){.lane = lane, .offset = offset});
    tick_add(world, (sim_origin_tick){.lane = lane, .offset = offset, .last_ms = hop->last[lane],
                                      .back_ms = back_ms,
                                      .kind = back_ms ? SNAG_TICK_BACK : SNAG_TICK_SILENT});
    mark(world, lane, hop->last[lane], back_ms);
}

/* As silence.c finds it, before the clock moves the lane to to_ms. */
static void silence_look(sim_world *world, uint32_t lane, int64_t to_ms)
{
    struct sim_lanes *hop = world->hop;
    const snag_source_watch *watches = world->config.pipeline.watches;
    int64_t after_ms = watches ? watches[0].after_ms : 0, low_ms = hop->low[lane];
    if (after_ms == 0 || hop->newest_ms <= hop->last[lane])
        return;
    if (hop->silent[lane]) {
        silence_say(world, lane, hop->next[lane], to_ms > low_ms ? to_ms : low_ms + 1);
    } else if (to_ms > hop->newest_ms + after_ms) {
        hop->last[lane] = hop->newest_ms;
        if (low_ms < hop->newest_ms + after_ms)
            hop->low[lane] = hop->newest_ms + after_ms;
        silence_say(world, lane, hop->next[lane], 0);
    }
}

static void raise_to(int64_t *time_ms, int64_t to_ms)
{
    if (to_ms > *time_ms)
        *time_ms = to_ms;
}

/* What cannot be read is not carried. */
void sim_lane_give(sim_world *world, const sim_record *record)
{
    const snag_source_spec *source = &world->config.pipeline.sources[0];
    const uint32_t lane = record->source;
    const snag_raw raw = {.position = {.offset = world->hop->next[lane]++, .partition = lane},
                          .stamp_ms = SIM_EPOCH_MS + world->now_ms, .key = record->key,
                          .value = record->value};
    snag_arena arena;
    snag_event event;
    snag_diag why;
    world->hop->topic[lane][raw.position.offset] = (sim_origin){record->key, record->value, raw.stamp_ms};
    snag_arena_init(&arena, sim_take(world, ARENA_BYTES), ARENA_BYTES);
    world->hop->newest_ms = raw.stamp_ms;
    if (snag_decode(world->hop->decoder, &raw, &arena, &event, &why) != SNAG_OK)
        return;
    int64_t own_ms = (event.time_ms < raw.stamp_ms ? event.time_ms : raw.stamp_ms) - source->out_of_order_ms;
    raise_to(&own_ms, world->hop->own[lane]);
    if (world->hop->silent[lane])
        silence_say(world, lane, raw.position.offset,
                    own_ms > world->hop->low[lane] ? own_ms : world->hop->low[lane] + 1);
    tick_tell(world, lane, raw.position.offset, &event);
    const snag_lane_note note = {.offset = raw.position.offset, .stamp_ms = raw.stamp_ms,
                                 .low_ms = world->hop->low[lane], .partition = lane, .count = 1};
    snag_message message = {.key = sim_copy_of(world, event.customer), .value = record->value};
    message.headers = headers_make(world, &note, record->key, &message.header_count);
    put(world, lane, snag_murmur2(event.customer) % world->parts, &message);
    world->hop->own[lane] = own_ms;
    raise_to(&world->hop->low[lane], own_ms);
}

/* In the end all lanes have come equally far, so that all of them are read to their ends. */
static void marks(sim_world *world, void *what, uint64_t number)
{
    const snag_source_spec *source = &world->config.pipeline.sources[0];
    bool last = world->now_ms >= world->horizon_ms + END_MS;
    int64_t now_ms = SIM_EPOCH_MS + world->now_ms - source->out_of_order_ms - source->delay_ms;
    for (uint32_t lane = 0; lane < world->lanes; lane++) {
        bool tells = last || sim_chance(&world->hop->dice, 60);
        if (last || sim_chance(&world->hop->dice, 50)) {
            silence_look(world, lane, now_ms);
            raise_to(&world->hop->low[lane], now_ms);
        }
        if (last)
            raise_to(&world->hop->low[lane], world->hop->low[0]);
        if (tells && world->hop->low[lane] != SNAG_TIME_NONE)
            mark(world, lane, 0, 0);
    }
    if (!last)
        sim_at(world, world->now_ms + 1 + sim_below(&world->hop->dice, MARK_MS), marks, what, number);
}

void sim_lanes_make(sim_world *world)
{
    const snag_decoder_options options = {.now_ms = SNAG_NEVER};
    world->hop = sim_take(world, sizeof *world->hop);
    world->hop->dice.state = world->setup.seed * 16 + 11;
    world->hop->pipeline = world->config.pipeline;
    world->hop->pipeline.sources = world->hop->sources;
    for (uint32_t s = 0; s < world->config.pipeline.source_count; s++)
        world->hop->sources[s] = world->config.pipeline.sources[s];
    world->hop->sources[0].lanes = world->lanes;
    world->running = &world->hop->pipeline;
    for (uint32_t lane = 0; lane < SIM_SOURCES; lane++) {
        world->hop->low[lane] = world->hop->own[lane] = world->hop->told[lane] = SNAG_TIME_NONE;
        world->hop->topic[lane] = sim_take(world, SIM_RECORDS_MOST * sizeof(sim_origin));
    }
    world->hop->ticks = sim_take(world, TICKS * sizeof(sim_origin_tick));
    snag_err err =
        snag_decoder_new(&world->hop->decoder, &world->hop->sources[0], (snag_str){"", 0}, &options, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    sim_at(world, sim_below(&world->hop->dice, MARK_MS), marks, NULL, 0);
}

void sim_lanes_free(sim_world *world)
{
    if (world->hop)
        snag_decoder_free(world->hop->decoder);
}
