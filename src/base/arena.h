/* SPDX-License-Identifier: Apache-2.0
 *
 * Arena: memory that is given out piece by piece and taken back all at once.
 *
 *     block ------------------------------------------------+
 *     | piece | piece | piece |           free               |
 *     +-------------------------^used-------------------^size+
 *
 * It works in memory of the caller and never grows by itself. Used for a batch's events (reset after
 * each batch) and for the compiled pipeline (given back at the end).
 */
#ifndef SNAG_BASE_ARENA_H
#define SNAG_BASE_ARENA_H

#include "base/str.h"

typedef struct snag_arena {
    unsigned char *block;
    size_t size;
    size_t used;
    size_t used_max; /* the high-water mark, for the memory report */
} snag_arena;

/* The arena borrows `block` until the caller drops the arena. */
void snag_arena_init(snag_arena *arena, void *block, size_t size);
/* A zeroed piece aligned for any type, or NULL where the arena is full. */
void *snag_arena_take(snag_arena *arena, size_t size);
/* The same without zeroing or alignment, for bytes. */
char *snag_arena_bytes(snag_arena *arena, size_t size);
/* A copy that lives as long as the arena; data is NULL where the arena is full. */
snag_str snag_arena_copy(snag_arena *arena, snag_str text);
/* Everything given out becomes invalid (and is poisoned under AddressSanitizer). */
void snag_arena_reset(snag_arena *arena);

#endif
