/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence: the events that led to an item's state, kept once a cell in its pool.
 */
#include "base/assert.h"
#include "journey/cell.h"
#include "journey/layout.h"

/* Goes through the pool once: many rules ask for many entries in one step. */
static void pool_look(snag_cell *cell)
{
    const unsigned char *end = cell->pool + cell->pool_bytes;
    memset(cell->pool_taken, 0, sizeof cell->pool_taken);
    for (const unsigned char *at = cell->pool; at < end;) {
        uint8_t slot;
        uint16_t offset = (uint16_t)(at - cell->pool);
        at = snag_pool_entry_skip(at, &slot);
        cell->pool_taken[slot / 64] |= UINT64_C(1) << (slot % 64);
        cell->pool_at[slot] = offset;
    }
    cell->pool_known = true;
}

/* The entry of a slot, which must be there. */
static const unsigned char *entry_of(snag_cell *cell, uint8_t slot)
{
    if (!cell->pool_known)
        pool_look(cell);
    SNAG_ASSERT(cell->pool_taken[slot / 64] & UINT64_C(1) << (slot % 64));
    return cell->pool + cell->pool_at[slot];
}

/* The lowest slot that no entry has; -1 where all are taken. */
static int32_t slot_free(snag_cell *cell)
{
    if (!cell->pool_known)
        pool_look(cell);
    for (int32_t i = 0; i < 4; i++) {
        uint64_t taken = cell->pool_taken[i];
        if (~taken == 0)
            continue;
        int32_t slot = i * 64 + __builtin_ctzll(~taken);
        return slot < SNAG_POOL_SLOTS_MAX ? slot : -1;
    }
    return -1;
}

/* The pool slot of the event at hand, added where it is not there yet; -1 where there is no room. */
static int32_t cell_note(snag_cell *cell, const snag_event *event)
{
    if (cell->noted >= 0)
        return cell->noted;
    int32_t slot = slot_free(cell);
    if (slot < 0)
        return -1;
    size_t size = SNAG_ENTRY_FIXED + 2 + event->id.size + 2 + event->type.size;
    if (size > SNAG_POOL_BYTES_MAX - cell->pool_bytes)
        return -1;
    snag_buf buf = snag_buf_on(cell->pool + cell->pool_bytes, size);
    snag_pack_u8(&buf, (uint8_t)slot);
    snag_pack_u8(&buf, (uint8_t)event->position.source);
    snag_pack_u16(&buf, (uint16_t)event->position.partition);
    snag_pack_i64(&buf, event->time_ms);
    snag_pack_i64(&buf, event->position.offset + event->shift);
    snag_pack_text(&buf, event->id);
    snag_pack_text(&buf, event->type);
    SNAG_ASSERT(!buf.full);
    cell->pool_taken[slot / 64] |= UINT64_C(1) << (slot % 64);
    cell->pool_at[slot] = (uint16_t)cell->pool_bytes;
    cell->pool_bytes += (uint32_t)size;
    cell->noted = slot;
    return slot;
}

void snag_item_note(snag_cell *cell, snag_item *item, const snag_event *event)
{
    item->evidence_total++;
    int32_t slot = cell_note(cell, event);
    if (slot < 0)
        return;
    if (item->ref_count > 0 && item->refs[item->ref_count - 1] == slot) {
        item->evidence_total--; /* noted twice in one step */
        return;
    }
    if (item->ref_count == SNAG_EVIDENCE_MAX) {
        memmove(item->refs + 1, item->refs + 2, SNAG_EVIDENCE_MAX - 2);
        item->ref_count--;
    }
    item->refs[item->ref_count++] = (uint8_t)slot;
}

void snag_item_forget_before(snag_cell *cell, snag_item *item, int64_t time_ms)
{
    uint8_t kept = 0;
    uint32_t unkept = item->evidence_total - item->ref_count;
    for (uint8_t i = 0; i < item->ref_count; i++) {
        if (snag_pool_entry_time(entry_of(cell, item->refs[i])) >= time_ms)
            item->refs[kept++] = item->refs[i];
    }
    /* Those left out stood between the first and the newest ones: gone if the second kept is. */
    if (kept < item->ref_count)
        unkept = 0;
    item->ref_count = kept;
    item->evidence_total = kept + unkept;
}

void snag_item_forget_all(snag_item *item)
{
    item->ref_count = 0;
    item->evidence_total = 0;
    item->capture_bytes = 0;
}

bool snag_item_evidence(snag_cell *cell, const snag_item *item, uint32_t i,
                        snag_evidence *out)
{
    if (i >= item->ref_count)
        return false;
    const unsigned char *at = entry_of(cell, item->refs[i]);
    const unsigned char *end = cell->pool + cell->pool_bytes;
    snag_unpack unpack = snag_unpack_on(snag_str_of(at, (size_t)(end - at)));
    snag_pool_entry entry;
    snag_pool_entry_read(&unpack, &entry);
    *out = entry.evidence;
    return true;
}
