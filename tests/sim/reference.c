/* SPDX-License-Identifier: Apache-2.0
 *
 * The undisturbed run: one partition's committed input through one decoder and one engine, in one thread,
 * with nothing in between but the ticks that were committed, each at its place in the log. What it says and
 * the state it ends in are what the world must have said and ended in.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "local/memory.h"
#include "world.h"

enum { ARENA_BYTES = 1 << 20, TEXT_BYTES = 1 << 16 };

struct sim_reference {
    sim_world *world;
    uint32_t partition;
    snag_decoder *decoder;
    snag_engine *engine;
    snag_memory memory;
    snag_encode_context context;
    snag_str topic;
    snag_arena arena;
    void *arena_block;
    char *text;
    sim_saids said[SNAG_TOPIC_COUNT];
    uint32_t tick; /* the next one */
    uint32_t tick_in;
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
        const sim_entry *entry =
            &self->world->logs[SIM_INPUT][self->partition].entries[record->as.late.position.offset];
        add(self, SNAG_TOPIC_LATE, entry->key, entry->value, SNAG_STR("late"));
        return;
    }
    case SNAG_RECORD_KIND_COUNT: break;
    }
    SNAG_ASSERT(false);
}

/* Every committed tick whose place lies at or before this offset. */
static void ticks_until(sim_reference *self, int64_t offset)
{
    const sim_world *world = self->world;
    while (self->tick < world->tick_count[self->partition]) {
        const sim_ticks *ticks = &world->ticks[self->partition][self->tick];
        if (self->tick_in == ticks->count) {
            self->tick++;
            self->tick_in = 0;
            continue;
        }
        if (ticks->list[self->tick_in].position > offset)
            return;
        bool there = snag_engine_tick(self->engine, ticks->list[self->tick_in++].target_ms, UINT32_MAX);
        SNAG_ASSERT(there);
    }
}

static void take(sim_reference *self, const sim_entry *entry, int64_t offset)
{
    snag_event event;
    snag_diag why;
    size_t taken;
    snag_raw raw = {.position = {.offset = offset, .partition = self->partition},
                    .stamp_ms = entry->stamp_ms, .key = entry->key, .value = entry->value};
    snag_arena_reset(&self->arena);
    snag_err err = snag_decode(self->decoder, &raw, &self->arena, &event, &why);
    if (err == SNAG_OK && !snag_str_equal(event.customer, raw.key))
        err = SNAG_BAD_KEY;
    if (err != SNAG_OK) {
        add(self, SNAG_TOPIC_DEAD_LETTER, entry->key, entry->value, snag_str_from(snag_err_name(err)));
        return;
    }
    err = snag_engine_take(self->engine, &event, 1, &taken);
    SNAG_ASSERT(err == SNAG_OK && taken == 1);
}

static void reference_init(sim_reference *self)
{
    const snag_pipeline *pipeline = &self->world->config.pipeline;
    snag_decoder_options decoding = {.now_ms = SNAG_NEVER};
    snag_err err =
        snag_decoder_new(&self->decoder, &pipeline->sources[0], (snag_str){"", 0}, &decoding, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    err = snag_memory_init(&self->memory, (size_t)pipeline->budget_bytes, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    err = snag_engine_init(&self->engine, pipeline, self->memory.block, self->memory.size, emit, self);
    SNAG_ASSERT(err == SNAG_OK);
    self->topic = pipeline->sources[0].topic;
    self->context = (snag_encode_context){.pipeline = pipeline->name, .version = pipeline->version,
                                          .config = pipeline->config, .topics = &self->topic,
                                          .topic_count = 1, .detected_at_ms = SNAG_TIME_NONE};
    self->arena_block = malloc(ARENA_BYTES);
    self->text = malloc(TEXT_BYTES);
    SNAG_ASSERT(self->arena_block && self->text);
    snag_arena_init(&self->arena, self->arena_block, ARENA_BYTES);
}

sim_reference *sim_reference_run(sim_world *world, uint32_t partition)
{
    sim_reference *self = calloc(1, sizeof *self);
    SNAG_ASSERT(self != NULL);
    self->world = world;
    self->partition = partition;
    reference_init(self);
    const sim_log *log = &world->logs[SIM_INPUT][partition];
    const sim_entry *entry;
    for (int64_t at = 0; (entry = sim_log_next(log, &at)) != NULL; at++) {
        ticks_until(self, at);
        take(self, entry, at);
    }
    ticks_until(self, INT64_MAX);
    return self;
}

const sim_saids *sim_reference_said(const sim_reference *self, snag_topic topic)
{
    return &self->said[topic];
}

snag_engine *sim_reference_engine(const sim_reference *self)
{
    return self->engine;
}

void sim_reference_free(sim_reference *self)
{
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        free(self->said[i].list);
    snag_decoder_free(self->decoder);
    snag_memory_finish(&self->memory);
    free(self->arena_block);
    free(self->text);
    free(self);
}
