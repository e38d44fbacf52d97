/* SPDX-License-Identifier: Apache-2.0
 *
 * Slab: blocks of many sizes out of one region, named by 32-bit handles (units of 16 bytes).
 *
 *     region | block | block | free | block | ........ untouched ........ |
 *                                            ^top
 * Sizes are rounded up to a class (steps of 16 bytes to 512, then quarters of a power of two). A freed block
 * goes to the list of its class and is used again for that class only. Handle 0 is no block.
 */
#ifndef SNAG_ENGINE_SLAB_H
#define SNAG_ENGINE_SLAB_H

#include "base/limits.h"
#include "base/str.h"

enum { SNAG_SLAB_UNIT = 16, SNAG_SLAB_CLASSES = 72 };

typedef struct snag_slab {
    unsigned char *region;
    uint64_t units;     /* of the region */
    uint64_t top;       /* the first unit never used */
    uint64_t free_units; /* in all lists */
    uint32_t lists[SNAG_SLAB_CLASSES];
} snag_slab;

void snag_slab_init(snag_slab *slab, void *region, uint64_t bytes);
/* A block of at least `bytes` (<= 2 * SNAG_CELL_BYTES_MAX); 0 where the region is used up. */
uint32_t snag_slab_take(snag_slab *slab, size_t bytes);
/* `bytes` as it was asked for. */
void snag_slab_give(snag_slab *slab, uint32_t handle, size_t bytes);
/* The class of a block asked for with `bytes`, and the bytes that a block of a class has. */
uint32_t snag_slab_class(size_t bytes);
size_t snag_slab_class_bytes(uint32_t class);
/* Untouched bytes left: what can be taken for sure, whatever the sizes. */
uint64_t snag_slab_left(const snag_slab *slab);
uint64_t snag_slab_used(const snag_slab *slab);

static inline void *snag_slab_at(const snag_slab *slab, uint32_t handle)
{
    return slab->region + (uint64_t)handle * SNAG_SLAB_UNIT;
}

#endif
