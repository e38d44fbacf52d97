/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the cell's three files: how entries and items lie in the packed bytes (see cell.h).
 */
#ifndef SNAG_JOURNEY_LAYOUT_H
#define SNAG_JOURNEY_LAYOUT_H

#include "base/pack.h"
#include "journey/cell.h"

typedef struct snag_pool_entry {
    uint8_t slot;
    snag_evidence evidence;
} snag_pool_entry;

static inline void snag_pool_entry_read(snag_unpack *unpack, snag_pool_entry *entry)
{
    entry->slot = snag_unpack_u8(unpack);
    entry->evidence.position.source = snag_unpack_u8(unpack);
    entry->evidence.position.partition = snag_unpack_u16(unpack);
    entry->evidence.time_ms = snag_unpack_i64(unpack);
    entry->evidence.position.offset = snag_unpack_i64(unpack);
    entry->evidence.id = snag_unpack_text(unpack);
    entry->evidence.type = snag_unpack_text(unpack);
}

enum { SNAG_ENTRY_TIME_AT = 4, SNAG_ENTRY_FIXED = 20 }; /* slot, source, partition, time, offset */

/* Steps over one entry of a pool that was checked, looking at its slot only. */
static inline const unsigned char *snag_pool_entry_skip(const unsigned char *at, uint8_t *slot)
{
    uint16_t size;
    *slot = at[0];
    at += SNAG_ENTRY_FIXED;
    memcpy(&size, at, sizeof size);
    at += sizeof size + size;
    memcpy(&size, at, sizeof size);
    return at + sizeof size + size;
}

/* The time of an entry. */
static inline int64_t snag_pool_entry_time(const unsigned char *at)
{
    int64_t time_ms;
    memcpy(&time_ms, at + SNAG_ENTRY_TIME_AT, sizeof time_ms);
    return time_ms;
}

/* Bytes of the item at `at` if it is well formed within `bytes`, else 0. */
size_t snag_item_check(const snag_cell *cell, size_t at, size_t bytes);
/* The set of pool slots that items refer to. */
void snag_items_refs(const snag_cell *cell, uint64_t used[4]);

#endif
