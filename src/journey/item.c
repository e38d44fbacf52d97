/* SPDX-License-Identifier: Apache-2.0
 *
 * Items inside a cell: found, taken out, put back. Parts that most items do not have take no bytes.
 */
#include "base/assert.h"
#include "journey/cell.h"
#include "journey/layout.h"

enum {
    ITEM_ARMED = 1,
    ITEM_OPEN = 2,
    ITEM_TOTAL = 4,
    ITEM_COOLDOWN = 8,
    ITEM_CAPTURE = 16,
    ITEM_SUPPRESSED = 32,
    ITEM_HOLD = 64,
    ITEM_KNOWN = 127,
    ITEM_HEAD_BYTES = 8
};

typedef struct item_head {
    uint32_t fingerprint;
    uint16_t bytes;
    uint8_t flags;
    uint8_t refs;
} item_head;

_Static_assert(sizeof(item_head) == ITEM_HEAD_BYTES, "an item's head has no gaps");

static item_head head_at(const snag_cell *cell, size_t at)
{
    item_head head;
    SNAG_ASSERT(at + sizeof head <= cell->items_bytes);
    memcpy(&head, cell->items + at, sizeof head);
    return head;
}

/* Everything behind the head; the state is the rest. */
static void item_read(snag_unpack *unpack, const item_head *head, snag_item *item)
{
    item->fingerprint = head->fingerprint;
    item->open = head->flags & ITEM_OPEN;
    item->suppressed = head->flags & ITEM_SUPPRESSED;
    item->hold = head->flags & ITEM_HOLD;
    item->ref_count = head->refs <= SNAG_EVIDENCE_MAX ? head->refs : SNAG_EVIDENCE_MAX;
    unpack->bad |= head->refs > SNAG_EVIDENCE_MAX;
    memcpy(item->refs, unpack->at, SNAG_EVIDENCE_MAX); /* all: the cell's bytes go on behind them */
    snag_unpack_view(unpack, item->ref_count);
    item->due_ms = head->flags & ITEM_ARMED ? snag_unpack_i64(unpack) : SNAG_NEVER;
    item->opened_ms = SNAG_TIME_NONE;
    item->seq = 0;
    if (item->open) {
        item->opened_ms = snag_unpack_i64(unpack);
        item->seq = snag_unpack_u32(unpack);
        snag_unpack_bytes(unpack, item->episode, sizeof item->episode);
    }
    item->evidence_total = head->flags & ITEM_TOTAL ? snag_unpack_u32(unpack) : item->ref_count;
    item->cooldown_ms = head->flags & ITEM_COOLDOWN ? snag_unpack_i64(unpack) : SNAG_TIME_NONE;
    item->capture_bytes = head->flags & ITEM_CAPTURE ? snag_unpack_u16(unpack) : 0;
    if (item->capture_bytes > SNAG_CAPTURE_BYTES_MAX) {
        unpack->bad = true;
        item->capture_bytes = 0;
    }
    if (item->capture_bytes)
        snag_unpack_bytes(unpack, item->capture, item->capture_bytes);
    size_t left = snag_unpack_left(unpack);
    unpack->bad |= left > SNAG_STATE_BYTES_MAX;
    item->state_bytes = (uint16_t)(left > SNAG_STATE_BYTES_MAX ? 0 : left);
    snag_unpack_bytes(unpack, item->state, item->state_bytes);
}

static void item_take(const snag_cell *cell, size_t at, snag_item *item, bool *bad)
{
    item_head head = head_at(cell, at);
    snag_str body = snag_str_of(cell->items + at + sizeof head, head.bytes - sizeof head);
    snag_unpack unpack = snag_unpack_on(body);
    item_read(&unpack, &head, item);
    *bad = unpack.bad;
}

static bool slot_exists(const snag_cell *cell, uint8_t slot)
{
    snag_unpack entries = snag_unpack_on(snag_str_of(cell->pool, cell->pool_bytes));
    while (entries.at < entries.end) {
        snag_pool_entry entry;
        snag_pool_entry_read(&entries, &entry);
        if (entry.slot == slot)
            return true;
    }
    return false;
}

size_t snag_item_check(const snag_cell *cell, size_t at, size_t bytes)
{
    snag_item item;
    bool bad;
    if (bytes - at < sizeof(item_head))
        return 0;
    item_head head = head_at(cell, at);
    if (head.bytes < sizeof head || head.bytes > bytes - at || (head.flags & ~ITEM_KNOWN))
        return 0;
    item_take(cell, at, &item, &bad);
    for (uint32_t i = 0; i < item.ref_count; i++)
        bad |= !slot_exists(cell, item.refs[i]);
    return bad ? 0 : head.bytes;
}

void snag_items_refs(const snag_cell *cell, uint64_t used[4])
{
    size_t at = 0;
    memset(used, 0, 4 * sizeof used[0]);
    for (uint32_t i = 0; i < cell->item_count; i++) {
        item_head head = head_at(cell, at);
        const unsigned char *refs = cell->items + at + sizeof head;
        for (uint32_t r = 0; r < head.refs; r++)
            used[refs[r] / 64] |= UINT64_C(1) << (refs[r] % 64);
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items_bytes);
}

/* Where the item of a fingerprint lies; items_bytes where there is none. */
static size_t item_find(const snag_cell *cell, uint32_t fingerprint)
{
    size_t at = 0;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        item_head head = head_at(cell, at);
        if (head.fingerprint == fingerprint)
            return at;
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items_bytes);
    return at;
}

static void item_blank(snag_item *item, uint32_t fingerprint)
{
    item->fingerprint = fingerprint;
    item->open = false;
    item->suppressed = false;
    item->hold = false;
    item->due_ms = SNAG_NEVER;
    item->opened_ms = SNAG_TIME_NONE;
    item->cooldown_ms = SNAG_TIME_NONE;
    item->seq = 0;
    item->evidence_total = 0;
    item->ref_count = 0;
    item->capture_bytes = 0;
    item->state_bytes = 0;
}

bool snag_cell_get(const snag_cell *cell, uint32_t fingerprint, snag_item *item)
{
    bool bad = false;
    size_t at = item_find(cell, fingerprint);
    if (at == cell->items_bytes) {
        item_blank(item, fingerprint);
        return false;
    }
    item_take(cell, at, item, &bad);
    SNAG_ASSERT(!bad);
    return true;
}

bool snag_cell_item(const snag_cell *cell, uint32_t i, snag_item *item)
{
    bool bad = false;
    size_t at = 0;
    if (i >= cell->item_count)
        return false;
    for (uint32_t skip = 0; skip < i; skip++)
        at += head_at(cell, at).bytes;
    item_take(cell, at, item, &bad);
    SNAG_ASSERT(!bad);
    return true;
}

static int flags_of(const snag_item *item)
{
    return (item->due_ms != SNAG_NEVER ? ITEM_ARMED : 0) | (item->open ? ITEM_OPEN : 0) |
           (item->evidence_total != item->ref_count ? ITEM_TOTAL : 0) |
           (item->cooldown_ms != SNAG_TIME_NONE ? ITEM_COOLDOWN : 0) |
           (item->capture_bytes ? ITEM_CAPTURE : 0) | (item->suppressed ? ITEM_SUPPRESSED : 0) |
           (item->hold ? ITEM_HOLD : 0);
}

enum {
    ITEM_BYTES_MAX = ITEM_HEAD_BYTES + SNAG_EVIDENCE_MAX + 64 + SNAG_CAPTURE_BYTES_MAX + SNAG_STATE_BYTES_MAX
};

static unsigned char *bytes_put(unsigned char *at, const void *from, size_t size)
{
    memcpy(at, from, size);
    return at + size;
}

/* Writes an item of at most ITEM_BYTES_MAX; returns its size. */
static size_t item_write(unsigned char *bytes, const snag_item *item)
{
    unsigned char *at = bytes + sizeof(item_head);
    int flags = flags_of(item);
    SNAG_ASSERT(item->ref_count <= SNAG_EVIDENCE_MAX);
    SNAG_ASSERT(item->capture_bytes <= SNAG_CAPTURE_BYTES_MAX);
    SNAG_ASSERT(item->state_bytes <= SNAG_STATE_BYTES_MAX);
    memcpy(at, item->refs, SNAG_EVIDENCE_MAX); /* all: a copy of known size costs less */
    at += item->ref_count;
    if (flags & ITEM_ARMED)
        at = bytes_put(at, &item->due_ms, sizeof item->due_ms);
    if (flags & ITEM_OPEN) {
        at = bytes_put(at, &item->opened_ms, sizeof item->opened_ms);
        at = bytes_put(at, &item->seq, sizeof item->seq);
        at = bytes_put(at, item->episode, sizeof item->episode);
    }
    if (flags & ITEM_TOTAL)
        at = bytes_put(at, &item->evidence_total, sizeof item->evidence_total);
    if (flags & ITEM_COOLDOWN)
        at = bytes_put(at, &item->cooldown_ms, sizeof item->cooldown_ms);
    if (flags & ITEM_CAPTURE) {
        at = bytes_put(at, &item->capture_bytes, sizeof item->capture_bytes);
        at = bytes_put(at, item->capture, item->capture_bytes);
    }
    if (item->state_bytes)
        at = bytes_put(at, item->state, item->state_bytes);
    item_head head = {.fingerprint = item->fingerprint,
                      .bytes = (uint16_t)(at - bytes),
                      .flags = (uint8_t)flags,
                      .refs = item->ref_count};
    memcpy(bytes, &head, sizeof head);
    return (size_t)(at - bytes);
}

/* Whether the stored item at `at` refers to evidence that `item` (NULL = none) does not refer to. Refs are
 * only ever appended or let go, so the same first ones mean that none was. */
static bool lost_refs(const snag_cell *cell, size_t at, const snag_item *item)
{
    item_head head = head_at(cell, at);
    if (item == NULL || item->ref_count < head.refs)
        return head.refs > 0;
    return memcmp(cell->items + at + sizeof head, item->refs, head.refs) != 0;
}

/* The sums of snag_cell_needs follow each put. */
static void count_flags(snag_cell *cell, int flags, int by)
{
    cell->open_delta += flags & ITEM_OPEN ? by : 0;
    cell->armed_delta += flags & ITEM_ARMED ? by : 0;
    cell->hold_delta += flags & ITEM_HOLD ? by : 0;
}

bool snag_cell_put(snag_cell *cell, const snag_item *item)
{
    unsigned char bytes[ITEM_BYTES_MAX];
    bool keep = item->state_bytes || item->open || item->cooldown_ms != SNAG_TIME_NONE;
    size_t size = keep ? item_write(bytes, item) : 0;
    size_t at = item_find(cell, item->fingerprint);
    bool had = at < cell->items_bytes;
    item_head before = had ? head_at(cell, at) : (item_head){0};
    size_t old = before.bytes;
    bool lost = had && lost_refs(cell, at, keep ? item : NULL);
    size_t total = cell->items_bytes - old + size;
    if (total > SNAG_ITEMS_BYTES_MAX || (!had && keep && cell->item_count >= UINT8_MAX))
        return false;
    if (size != old)
        memmove(cell->items + at + size, cell->items + at + old, cell->items_bytes - at - old);
    memcpy(cell->items + at, bytes, size);
    count_flags(cell, before.flags, -1);
    if (keep) {
        count_flags(cell, flags_of(item), 1);
        cell->noted_kept |= item->ref_count && item->refs[item->ref_count - 1] == cell->noted;
    }
    cell->items_bytes = (uint32_t)total;
    cell->item_count += (uint32_t)keep;
    cell->item_count -= (uint32_t)had;
    cell->changed |= keep || had;
    cell->unreferred |= lost || (!keep && item->ref_count > 0);
    return true;
}

snag_cell_needs snag_cell_needs_of(const snag_cell *cell)
{
    snag_cell_needs needs = {.due_ms = SNAG_NEVER};
    const unsigned char *at = cell->items;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        item_head head;
        memcpy(&head, at, sizeof head);
        needs.open += (head.flags & ITEM_OPEN) != 0;
        needs.hold += (head.flags & ITEM_HOLD) != 0;
        if (head.flags & ITEM_ARMED) {
            int64_t due_ms;
            memcpy(&due_ms, at + sizeof head + head.refs, sizeof due_ms);
            needs.armed++;
            if (due_ms < needs.due_ms)
                needs.due_ms = due_ms;
        }
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items + cell->items_bytes);
    return needs;
}
