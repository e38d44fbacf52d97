/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to learn.c and learn_cell.c: a sketch's cells as they are stored.
 *
 *     key   | SNAG_SCOPE_TAG_LEARNED 2 | owner length 2 | owner | of others: kind 1, number 4, block 2 |
 *     first | format 1 | since 8 | stamp 4 | at 8 | value 8 | ended 4 | waiting 4 |
 *     other | counts as base/sketch.h packs them |      kinds: E ended, L lost (number: the generation),
 *                                                              W waiting (number: the day; places: hours)
 */
#ifndef SNAG_ENGINE_LEARN_CELL_H
#define SNAG_ENGINE_LEARN_CELL_H

#include "engine/learn.h"
#include "journey/cell.h"

enum { SNAG_LEARN_ENDED = 'E', SNAG_LEARN_LOST = 'L', SNAG_LEARN_WAITING = 'W', SNAG_LEARN_DAY_HOURS = 24 };
enum { SNAG_LEARN_KEY_BYTES_MAX = 4 + SNAG_CUSTOMER_BYTES_MAX + 7, SNAG_LEARN_FIRST_BYTES = 64 };

#define SNAG_LEARN_DAY_MS (SNAG_LEARN_PANE_MS * SNAG_LEARN_DAY_HOURS)

/* A sketch's first cell. */
typedef struct snag_learn_first {
    int64_t since_ms;
    uint32_t stamp;
    snag_learned_now now;
} snag_learn_first;

/* Which of a sketch's other cells. */
typedef struct snag_learn_other {
    uint8_t kind;
    int32_t number;
    uint16_t block;
} snag_learn_other;

void snag_learn_first_pack(const snag_learn_first *first, snag_buf *buf);
/* False: the bytes are no such cell. */
bool snag_learn_first_unpack(snag_str bytes, snag_learn_first *first);
/* other NULL: of the first cell. */
void snag_learn_key_put(snag_buf *buf, snag_str owner, const snag_learn_other *other);
/* *is_first: the key is of a sketch's first cell. False: it is of no sketch's. */
bool snag_learn_key_get(snag_str key, snag_str *owner, bool *is_first, snag_learn_other *other);
/* Place among the pipeline's sketches; sketch_count where there is no such owner. */
uint32_t snag_learn_find(const snag_pipeline *pipeline, snag_str owner);

int64_t snag_learn_hour(int64_t time_ms);
int32_t snag_learn_generation(int64_t time_ms);
/* Whether what began in a generation still counts at a time (SNAG_TIME_NONE: all does). */
bool snag_learn_counts(int32_t generation, int64_t at_ms);
/* The same for a cell. */
bool snag_learn_other_new(const snag_learn_other *other, int64_t at_ms);
/* The cell of those who wait since then, and their place in it. */
snag_learn_other snag_learn_waiting(int64_t since_ms, uint32_t *place);
/* How long who came in that hour has waited at at_ms; below 0 where that is not over yet. */
int64_t snag_learn_waited_ms(const snag_learn_other *other, uint32_t hour, int64_t at_ms);
/* Adds a cell's counts to a sum, as of at_ms. False: the bytes are no such cell. */
bool snag_learn_add_cell(const snag_learn_other *other, snag_str bytes, int64_t at_ms, snag_sketch *sum);

#endif
