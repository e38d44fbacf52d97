/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells taken apart and packed again; keys; the ring. Items are in item.c, evidence in evidence.c.
 */
#include "journey/cell.h"

#include "base/assert.h"
#include "base/pack.h"
#include "journey/layout.h"

enum { HAS_ACCOUNT = 1, HAS_CUSTOMER = 2, HAS_CHANNEL = 4, FLAGS_KNOWN = 7, HEAD_BYTES = 13 };

typedef struct cell_head {
    uint8_t version;
    uint8_t flags;
    uint16_t item_count;
    uint8_t judged[8]; /* as bytes, so that ring_count follows without a gap */
    uint8_t ring_count;
} cell_head;

_Static_assert(offsetof(cell_head, judged) == SNAG_PACKED_JUDGED_AT &&
                   offsetof(cell_head, ring_count) == SNAG_PACKED_RING_COUNT_AT &&
                   (int)HEAD_BYTES == (int)SNAG_PACKED_RING_AT,
               "the struct lies like the packed bytes");

void snag_cell_clear(snag_cell *cell)
{
    cell->version = SNAG_CELL_VERSION;
    cell->judged_ms = SNAG_TIME_NONE;
    cell->ring_count = 0;
    cell->account = cell->customer = cell->channel = (snag_str){"", 0};
    cell->item_count = 0;
    cell->items_bytes = cell->items_end = 0;
    cell->pool_bytes = 0;
    cell->changed = false;
    cell->unreferred = false;
    cell->noted = -1;
    cell->noted_kept = false;
    cell->open_delta = cell->armed_delta = cell->hold_delta = 0;
    cell->found_at = cell->found_index = 0;
    cell->indexed = false;
    cell->pool_known = false;
}

static bool pool_unpack(snag_cell *cell, snag_unpack *unpack)
{
    snag_str pool = snag_unpack_text(unpack);
    if (pool.size > SNAG_POOL_BYTES_MAX)
        return false;
    memcpy(cell->pool, pool.data, pool.size);
    cell->pool_bytes = (uint32_t)pool.size;
    return true;
}

static bool items_unpack(snag_cell *cell, snag_unpack *unpack, uint32_t count)
{
    size_t bytes = snag_unpack_left(unpack);
    if (bytes > SNAG_ITEMS_BYTES_MAX || count > SNAG_ITEMS_MAX)
        return false;
    memcpy(cell->items, unpack->at, bytes);
    cell->items_bytes = cell->items_end = (uint32_t)bytes;
    cell->item_count = count;
    return true;
}

/* Each entry whole, each slot once. */
static bool pool_check(const snag_cell *cell)
{
    uint64_t seen[4] = {0};
    snag_unpack entries = snag_unpack_on(snag_str_of(cell->pool, cell->pool_bytes));
    while (entries.at < entries.end && !entries.bad) {
        snag_pool_entry entry;
        snag_pool_entry_read(&entries, &entry);
        uint64_t bit = UINT64_C(1) << (entry.slot % 64);
        if (entry.slot >= SNAG_POOL_SLOTS_MAX || (seen[entry.slot / 64] & bit))
            return false;
        seen[entry.slot / 64] |= bit;
    }
    return !entries.bad;
}

bool snag_cell_unpack(snag_cell *cell, snag_str bytes)
{
    cell_head head;
    snag_cell_clear(cell);
    if (bytes.size < HEAD_BYTES)
        return false;
    memcpy(&head, bytes.data, HEAD_BYTES);
    cell->version = head.version;
    if (head.version == 0 || head.version > SNAG_CELL_VERSION)
        return false;
    if (head.ring_count > SNAG_RING_MAX || (head.flags & ~FLAGS_KNOWN))
        return false;
    cell->judged_ms = snag_packed_judged(bytes.data);
    cell->ring_count = head.ring_count;
    snag_unpack unpack = snag_unpack_on(snag_str_of(bytes.data + HEAD_BYTES, bytes.size - HEAD_BYTES));
    if (snag_unpack_left(&unpack) >= sizeof cell->ring) {
        memcpy(cell->ring, unpack.at, sizeof cell->ring); /* all of it: a copy of known size costs less */
        unpack.at += head.ring_count * sizeof cell->ring[0];
    } else {
        snag_unpack_bytes(&unpack, cell->ring, head.ring_count * sizeof cell->ring[0]);
    }
    if (head.flags & HAS_ACCOUNT)
        cell->account = snag_unpack_text(&unpack);
    if (head.flags & HAS_CUSTOMER)
        cell->customer = snag_unpack_text(&unpack);
    if (head.flags & HAS_CHANNEL)
        cell->channel = snag_unpack_text(&unpack);
    return !unpack.bad && pool_unpack(cell, &unpack) && !unpack.bad &&
           items_unpack(cell, &unpack, head.item_count);
}

bool snag_cell_check(const snag_cell *cell)
{
    return pool_check(cell) && snag_items_check(cell);
}

/* The pool without the entries that no item refers to any more. */
static snag_cell_needs pool_pack(const snag_cell *cell, snag_buf *buf)
{
    uint64_t used[4];
    const unsigned char *at = cell->pool;
    const unsigned char *end = cell->pool + cell->pool_bytes;
    if (!cell->unreferred && (cell->noted < 0 || cell->noted_kept)) {
        snag_pack_text(buf, snag_str_of(cell->pool, cell->pool_bytes));
        return snag_cell_needs_of(cell);
    }
    snag_cell_needs needs = snag_items_look(cell, used);
    size_t size_at = buf->size;
    snag_pack_u16(buf, 0);
    while (at < end) {
        uint8_t slot;
        const unsigned char *next = snag_pool_entry_skip(at, &slot);
        SNAG_ASSERT(next <= end);
        if (used[slot / 64] & UINT64_C(1) << (slot % 64))
            snag_buf_put(buf, at, (size_t)(next - at));
        at = next;
    }
    uint16_t bytes = (uint16_t)(buf->size - size_at - 2);
    memcpy(buf->data + size_at, &bytes, sizeof bytes);
    return needs;
}

snag_cell_needs snag_cell_pack(snag_cell *cell, snag_buf *buf)
{
    int flags = (cell->account.size ? HAS_ACCOUNT : 0) | (cell->customer.size ? HAS_CUSTOMER : 0) |
                (cell->channel.size ? HAS_CHANNEL : 0);
    cell_head head = {.version = SNAG_CELL_VERSION,
                      .flags = (uint8_t)flags,
                      .item_count = (uint16_t)cell->item_count,
                      .ring_count = (uint8_t)cell->ring_count};
    memcpy(head.judged, &cell->judged_ms, sizeof head.judged);
    if (snag_buf_left(buf) >= HEAD_BYTES + sizeof cell->ring) {
        memcpy(buf->data + buf->size, &head, HEAD_BYTES);
        memcpy(buf->data + buf->size + HEAD_BYTES, cell->ring, sizeof cell->ring);
        buf->size += HEAD_BYTES + cell->ring_count * sizeof cell->ring[0];
    } else {
        snag_buf_put(buf, &head, HEAD_BYTES);
        snag_buf_put(buf, cell->ring, cell->ring_count * sizeof cell->ring[0]);
    }
    if (cell->account.size)
        snag_pack_text(buf, cell->account);
    if (cell->customer.size)
        snag_pack_text(buf, cell->customer);
    if (cell->channel.size)
        snag_pack_text(buf, cell->channel);
    snag_cell_needs needs = pool_pack(cell, buf);
    if (snag_items_scattered(cell))
        snag_items_pack(cell, buf);
    else
        snag_buf_put(buf, cell->items, cell->items_bytes);
    SNAG_ASSERT(!buf->full);
    return needs;
}

bool snag_cell_knows(const snag_cell *cell, uint64_t id_hash)
{
    for (uint32_t i = 0; i < cell->ring_count; i++)
        if (cell->ring[i] == id_hash)
            return true;
    return false;
}

void snag_cell_remember(snag_cell *cell, uint64_t id_hash)
{
    SNAG_ASSERT(cell->ring_count <= SNAG_RING_MAX);
    if (cell->ring_count == SNAG_RING_MAX) {
        memmove(cell->ring, cell->ring + 1, (SNAG_RING_MAX - 1) * sizeof cell->ring[0]);
        cell->ring_count--;
    }
    cell->ring[cell->ring_count++] = id_hash;
}

void snag_cell_key_put(snag_buf *buf, uint16_t scope_tag, snag_str owner, snag_str per)
{
    snag_pack_u16(buf, scope_tag);
    snag_pack_text(buf, owner);
    snag_buf_str_put(buf, per);
}

bool snag_cell_key_get(snag_str key, uint16_t *scope_tag, snag_str *owner, snag_str *per)
{
    snag_unpack unpack = snag_unpack_on(key);
    *scope_tag = snag_unpack_u16(&unpack);
    *owner = snag_unpack_text(&unpack);
    *per = snag_unpack_view(&unpack, snag_unpack_left(&unpack));
    return !unpack.bad && owner->size > 0 && owner->size <= SNAG_CUSTOMER_BYTES_MAX;
}
