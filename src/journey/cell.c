/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells taken apart and packed again; keys; the ring. Items are in item.c, evidence in evidence.c.
 */
#include "journey/cell.h"

#include "base/assert.h"
#include "base/pack.h"
#include "journey/layout.h"

enum { HAS_ACCOUNT = 1, HAS_CUSTOMER = 2, HAS_CHANNEL = 4, FLAGS_KNOWN = 7 };

void snag_cell_clear(snag_cell *cell)
{
    cell->version = SNAG_CELL_VERSION;
    cell->judged_ms = SNAG_TIME_NONE;
    cell->ring_count = 0;
    cell->account = cell->customer = cell->channel = (snag_str){"", 0};
    cell->item_count = 0;
    cell->items_bytes = 0;
    cell->pool_bytes = 0;
    cell->changed = false;
    cell->unreferred = false;
    cell->noted = -1;
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
    if (bytes > SNAG_ITEMS_BYTES_MAX || count > UINT8_MAX)
        return false;
    memcpy(cell->items, unpack->at, bytes);
    cell->items_bytes = (uint32_t)bytes;
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
    snag_unpack unpack = snag_unpack_on(bytes);
    snag_cell_clear(cell);
    cell->version = snag_unpack_u8(&unpack);
    if (cell->version == 0 || cell->version > SNAG_CELL_VERSION)
        return false;
    uint8_t flags = snag_unpack_u8(&unpack);
    uint32_t item_count = snag_unpack_u16(&unpack);
    cell->judged_ms = snag_unpack_i64(&unpack);
    cell->ring_count = snag_unpack_u8(&unpack);
    if (cell->ring_count > SNAG_RING_MAX || (flags & ~FLAGS_KNOWN))
        return false;
    snag_unpack_bytes(&unpack, cell->ring, cell->ring_count * sizeof cell->ring[0]);
    if (flags & HAS_ACCOUNT)
        cell->account = snag_unpack_text(&unpack);
    if (flags & HAS_CUSTOMER)
        cell->customer = snag_unpack_text(&unpack);
    if (flags & HAS_CHANNEL)
        cell->channel = snag_unpack_text(&unpack);
    return !unpack.bad && pool_unpack(cell, &unpack) && !unpack.bad &&
           items_unpack(cell, &unpack, item_count);
}

bool snag_cell_check(const snag_cell *cell)
{
    size_t at = 0;
    if (!pool_check(cell))
        return false;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        size_t size = snag_item_check(cell, at, cell->items_bytes);
        if (size == 0)
            return false;
        at += size;
    }
    return at == cell->items_bytes;
}

/* The pool without the entries that no item refers to any more. */
static void pool_pack(const snag_cell *cell, snag_buf *buf)
{
    uint64_t used[4];
    const unsigned char *at = cell->pool;
    const unsigned char *end = cell->pool + cell->pool_bytes;
    bool noted = cell->noted >= 0;
    if (noted || cell->unreferred)
        snag_items_refs(cell, used);
    if (!cell->unreferred && (!noted || (used[cell->noted / 64] >> (cell->noted % 64) & 1))) {
        snag_pack_text(buf, snag_str_of(cell->pool, cell->pool_bytes));
        return;
    }
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
}

void snag_cell_pack(snag_cell *cell, snag_buf *buf)
{
    int flags = (cell->account.size ? HAS_ACCOUNT : 0) | (cell->customer.size ? HAS_CUSTOMER : 0) |
                (cell->channel.size ? HAS_CHANNEL : 0);
    snag_pack_u8(buf, SNAG_CELL_VERSION);
    snag_pack_u8(buf, (uint8_t)flags);
    snag_pack_u16(buf, (uint16_t)cell->item_count);
    snag_pack_i64(buf, cell->judged_ms);
    snag_pack_u8(buf, (uint8_t)cell->ring_count);
    snag_buf_put(buf, cell->ring, cell->ring_count * sizeof cell->ring[0]);
    if (cell->account.size)
        snag_pack_text(buf, cell->account);
    if (cell->customer.size)
        snag_pack_text(buf, cell->customer);
    if (cell->channel.size)
        snag_pack_text(buf, cell->channel);
    pool_pack(cell, buf);
    snag_buf_put(buf, cell->items, cell->items_bytes);
    SNAG_ASSERT(!buf->full);
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
