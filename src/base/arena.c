/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/assert.h"
#include "base/poison.h"

enum { ALIGN = 16 };

void snag_arena_init(snag_arena *arena, void *block, size_t size)
{
    SNAG_ASSERT(block != NULL || size == 0);
    *arena = (snag_arena){.block = block, .size = size};
    SNAG_POISON(block, size);
}

static unsigned char *arena_piece(snag_arena *arena, size_t from, size_t size)
{
    if (from > arena->size || size > arena->size - from)
        return NULL;
    arena->used = from + size;
    if (arena->used > arena->used_max)
        arena->used_max = arena->used;
    SNAG_UNPOISON(arena->block + from, size);
    return arena->block + from;
}

void *snag_arena_take(snag_arena *arena, size_t size)
{
    size_t from = (arena->used + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    unsigned char *piece = arena_piece(arena, from, size);
    if (piece)
        memset(piece, 0, size);
    return piece;
}

char *snag_arena_bytes(snag_arena *arena, size_t size)
{
    return (char *)arena_piece(arena, arena->used, size);
}

snag_str snag_arena_copy(snag_arena *arena, snag_str text)
{
    char *bytes = snag_arena_bytes(arena, text.size);
    if (bytes && text.size)
        memcpy(bytes, text.data, text.size);
    return (snag_str){.data = bytes, .size = bytes ? text.size : 0};
}

void snag_arena_reset(snag_arena *arena)
{
    SNAG_ASSERT(arena->used <= arena->size);
    arena->used = 0;
    SNAG_POISON(arena->block, arena->size);
}
