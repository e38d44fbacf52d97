/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/slab.h"

#include "base/assert.h"

enum { SMALL_UNITS = 32 }; /* classes of one unit each up to 512 bytes */

/* The class of a size in units, and the class's own size. */
static uint32_t class_of(uint64_t units, uint64_t *room)
{
    SNAG_ASSERT(units > 0);
    if (units <= SMALL_UNITS) {
        *room = units;
        return (uint32_t)units - 1;
    }
    uint32_t top = (uint32_t)(63 - __builtin_clzll(units - 1)); /* units in (2^top, 2^(top+1)] */
    uint64_t quarter = UINT64_C(1) << (top - 2);
    uint64_t step = (units - 1 - (UINT64_C(1) << top)) / quarter;
    *room = (UINT64_C(1) << top) + (step + 1) * quarter;
    uint32_t class = SMALL_UNITS + (top - 5) * 4 + (uint32_t)step;
    SNAG_ASSERT(class < SNAG_SLAB_CLASSES);
    return class;
}

static uint64_t units_of(size_t bytes)
{
    return (bytes + SNAG_SLAB_UNIT - 1) / SNAG_SLAB_UNIT;
}

void snag_slab_init(snag_slab *slab, void *region, uint64_t bytes)
{
    memset(slab, 0, sizeof *slab);
    slab->region = region;
    slab->units = bytes / SNAG_SLAB_UNIT;
    if (slab->units > UINT32_MAX)
        slab->units = UINT32_MAX;
    slab->top = 1;
}

uint32_t snag_slab_take(snag_slab *slab, size_t bytes)
{
    uint64_t room;
    uint32_t class = class_of(units_of(bytes), &room);
    uint32_t handle = slab->lists[class];
    if (handle) {
        memcpy(&slab->lists[class], snag_slab_at(slab, handle), sizeof slab->lists[class]);
        slab->free_units -= room;
        return handle;
    }
    if (slab->top + room > slab->units)
        return 0;
    handle = (uint32_t)slab->top;
    slab->top += room;
    return handle;
}

void snag_slab_give(snag_slab *slab, uint32_t handle, size_t bytes)
{
    uint64_t room;
    uint32_t class = class_of(units_of(bytes), &room);
    SNAG_ASSERT(handle != 0);
    SNAG_ASSERT(handle + room <= slab->top);
    memcpy(snag_slab_at(slab, handle), &slab->lists[class], sizeof slab->lists[class]);
    slab->lists[class] = handle;
    slab->free_units += room;
}

uint32_t snag_slab_class(size_t bytes)
{
    uint64_t room;
    return class_of(units_of(bytes), &room);
}

size_t snag_slab_class_bytes(uint32_t class)
{
    if (class < SMALL_UNITS)
        return ((size_t)class + 1) * SNAG_SLAB_UNIT;
    size_t base = (size_t)SMALL_UNITS << (class - SMALL_UNITS) / 4;
    return (base + ((class - SMALL_UNITS) % 4 + 1) * (base / 4)) * SNAG_SLAB_UNIT;
}

uint64_t snag_slab_left(const snag_slab *slab)
{
    return (slab->units - slab->top) * SNAG_SLAB_UNIT;
}

uint64_t snag_slab_used(const snag_slab *slab)
{
    return (slab->top - slab->free_units) * SNAG_SLAB_UNIT;
}
