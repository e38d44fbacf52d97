/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine with what it said, as JSON Lines.
 */
#ifndef SNAG_TESTS_LIFE_H
#define SNAG_TESTS_LIFE_H

#include <stdlib.h>

#include <cmocka.h>

#include "codec/output.h"
#include "config/config.h"
#include "engine/engine.h"
#include "local/memory.h"

enum { LIFE_BLOCK_BYTES = 16 << 20, LIFE_SAID_BYTES = 1 << 20 };

typedef struct life {
    const snag_config *config;
    snag_memory memory;
    snag_engine *engine;
    snag_buf said;
    int64_t offset;
} life;

static inline void life_say(life *l, const snag_record *record)
{
    snag_str topic = SNAG_STR("s");
    snag_encode_context encode = {.pipeline = l->config->pipeline.name, .version = 1, .topics = &topic,
                                  .config = l->config->pipeline.config, .topic_count = 1,
                                  .detected_at_ms = SNAG_TIME_NONE};
    snag_encode_json(&l->said, &encode, record);
    snag_buf_byte(&l->said, '\n');
    assert_false(l->said.full);
}

/* on_record: its context is the life. */
static inline life *life_of(const snag_config *config, snag_emit *on_record)
{
    life *l = calloc(1, sizeof *l);
    char *said = malloc(LIFE_SAID_BYTES);
    assert_true(l && said);
    l->config = config;
    l->said = snag_buf_on(said, LIFE_SAID_BYTES);
    assert_int_equal(snag_memory_init(&l->memory, LIFE_BLOCK_BYTES, NULL), SNAG_OK);
    assert_int_equal(snag_engine_init(&l->engine, &config->pipeline, l->memory.block, l->memory.size,
                                      on_record, l), SNAG_OK);
    return l;
}

static inline void life_free(life *l)
{
    snag_memory_finish(&l->memory);
    free(l->said.data);
    free(l);
}

#endif
