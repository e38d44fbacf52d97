/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the cell's files: how entries and items lie in the packed bytes (see cell.h).
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

/* --- items --- */

/* A few bytes, in pieces of known size: a call of memcpy costs more. What lies up to 15 bytes behind
 * must be there on either side, and is overwritten. */
static inline void snag_bytes_over(unsigned char *to, const unsigned char *from, size_t size)
{
    for (size_t at = 0; at < size; at += 16)
        memcpy(to + at, from + at, 16);
}

enum {
    ITEM_ARMED = 1,
    ITEM_OPEN = 2,
    ITEM_TOTAL = 4,
    ITEM_COOLDOWN = 8,
    ITEM_CAPTURE = 16,
    ITEM_SUPPRESSED = 32,
    ITEM_HOLD = 64,
    /* One bit, two words: what a table's row said (keep) is never armed, what is still always is. */
    ITEM_KEEP = 128,  /* without ITEM_ARMED */
    ITEM_STILL = 128, /* with it: behind the deadline stands what a silent source makes of it */
    ITEM_KNOWN = 255,
    ITEM_HEAD_BYTES = 8,
    EPISODE_BYTES = 16,
    STILL_FROZEN = 1,
    STILL_HELD = 2
};

typedef struct snag_item_head {
    uint32_t fingerprint;
    uint16_t bytes;
    uint8_t flags;
    uint8_t refs;
} snag_item_head;

_Static_assert(sizeof(snag_item_head) == ITEM_HEAD_BYTES, "an item's head has no gaps");

static inline bool snag_item_is_still(int flags)
{
    return (flags & (ITEM_STILL | ITEM_ARMED)) == (ITEM_STILL | ITEM_ARMED);
}

/* The deadline of an item that is armed. */
static inline int64_t snag_item_due(const unsigned char *at, const snag_item_head *head)
{
    int64_t due_ms;
    memcpy(&due_ms, at + sizeof *head + head->refs, sizeof due_ms);
    return due_ms;
}

/* … which does not count. */
static inline bool snag_item_is_frozen(const unsigned char *at, const snag_item_head *head)
{
    return snag_item_is_still(head->flags) &&
           (at[sizeof *head + head->refs + sizeof(int64_t)] & STILL_FROZEN);
}

/* An item that nothing was put into yet. */
void snag_item_blank(snag_item *item, uint32_t fingerprint);
/* Everything behind the head; the state is the rest. False: it is not whole (then it was read into the bytes
 * behind it, which the cell has for that). */
bool snag_item_read(const unsigned char *bytes, const snag_item_head *head, snag_item *item);
/* Which parts an item has, and the bytes of all. */
int snag_item_parts(const snag_item *item, size_t *size);
/* Writes an item of these parts and size into its place. */
void snag_item_write(unsigned char *bytes, const snag_item *item, int flags, size_t size);

/* Whether each item is well formed, and all together are as long as the cell says. */
bool snag_items_check(const snag_cell *cell);
/* What the items need, and the set of pool slots that they refer to. */
snag_cell_needs snag_items_look(const snag_cell *cell, uint64_t used[4]);
/* Whether there are gaps between items; their order is known to the list only, then. */
static inline bool snag_items_scattered(const snag_cell *cell)
{
    return cell->items_end != cell->items_bytes;
}
/* A scattered cell's items, one behind the other. */
void snag_items_pack(const snag_cell *cell, snag_buf *buf);

#endif
