/* SPDX-License-Identifier: Apache-2.0
 *
 * Items inside a cell: found, taken out, put back. One item's bytes are in item_bytes.c.
 *
 * In a cell of few items they lie one behind the other, and one that grows moves all behind it. Of many there
 * is a list while the cell is at work, and one that grows goes behind all others instead:
 *
 *     list   | A | B | C |          | A | B | C |
 *              |   |   `---.          |   `---+--------.
 *     items  | A   | B  | C  |      | A   | .... | C  | B longer |      packed in the list's order: A B C
 */
#include "base/assert.h"
#include "journey/cell.h"
#include "journey/layout.h"

static snag_item_head head_at(const snag_cell *cell, size_t at)
{
    snag_item_head head;
    SNAG_ASSERT(at + sizeof head <= cell->items_end);
    memcpy(&head, cell->items + at, sizeof head);
    return head;
}

enum { NOWHERE = UINT16_MAX }; /* in the list: it is gone */

/* Through all items in their order: one behind the other, or as the list has them. */
typedef struct items_walk {
    const unsigned char *items;
    const unsigned char *next;
    const unsigned char *end;
    const uint16_t *list; /* NULL = one behind the other */
    const uint16_t *list_end;
} items_walk;

static inline items_walk walk_from(const snag_cell *cell)
{
    items_walk walk = {.items = cell->items, .next = cell->items, .end = cell->items + cell->items_end};
    if (snag_items_scattered(cell)) {
        walk.list = cell->index_at;
        walk.list_end = cell->index_at + cell->index_count;
    }
    return walk;
}

/* NULL past the last. */
static inline const unsigned char *walk_next(items_walk *walk, snag_item_head *head)
{
    const unsigned char *at = walk->next;
    if (walk->list) {
        while (walk->list < walk->list_end && *walk->list == NOWHERE)
            walk->list++;
        at = walk->list < walk->list_end ? walk->items + *walk->list++ : walk->end;
    }
    if (at >= walk->end)
        return NULL;
    memcpy(head, at, sizeof *head);
    walk->next = at + head->bytes;
    return at;
}

static inline bool item_take(const snag_cell *cell, size_t at, snag_item *item)
{
    snag_item_head head = head_at(cell, at);
    return snag_item_read(cell->items + at, &head, item);
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

/* Bytes of the item at `at` if it is well formed, else 0. */
static size_t item_check(const snag_cell *cell, size_t at)
{
    snag_item item;
    if (cell->items_end - at < sizeof(snag_item_head))
        return 0;
    snag_item_head head = head_at(cell, at);
    if (head.bytes < sizeof head || head.bytes > cell->items_end - at || (head.flags & ~ITEM_KNOWN))
        return 0;
    if (!item_take(cell, at, &item))
        return 0;
    for (uint32_t i = 0; i < item.ref_count; i++)
        if (!slot_exists(cell, item.refs[i]))
            return 0;
    return head.bytes;
}

bool snag_items_check(const snag_cell *cell)
{
    size_t at = 0, bytes = 0;
    uint32_t listed = 0;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        while (snag_items_scattered(cell) && (at = cell->index_at[listed++]) == NOWHERE)
            SNAG_ASSERT(listed < cell->index_count);
        size_t size = item_check(cell, at);
        if (size == 0)
            return false;
        at += size;
        bytes += size;
    }
    return bytes == cell->items_bytes;
}

static inline void need(snag_cell_needs *needs, const unsigned char *at, const snag_item_head *head)
{
    needs->open += (head->flags & ITEM_OPEN) != 0;
    needs->hold += (head->flags & ITEM_HOLD) != 0;
    needs->keep |= (head->flags & (ITEM_KEEP | ITEM_ARMED)) == ITEM_KEEP;
    if ((head->flags & ITEM_ARMED) == 0)
        return;
    int64_t due_ms = snag_item_due(at, head);
    needs->armed++;
    if (snag_item_is_frozen(at, head))
        needs->frozen++;
    else if (due_ms < needs->due_ms)
        needs->due_ms = due_ms;
}

snag_cell_needs snag_cell_needs_of(const snag_cell *cell)
{
    snag_cell_needs needs = {.due_ms = SNAG_NEVER};
    items_walk walk = walk_from(cell);
    snag_item_head head;
    const unsigned char *at;
    while ((at = walk_next(&walk, &head)) != NULL)
        need(&needs, at, &head);
    return needs;
}

snag_cell_needs snag_items_look(const snag_cell *cell, uint64_t used[4])
{
    snag_cell_needs needs = {.due_ms = SNAG_NEVER};
    items_walk walk = walk_from(cell);
    snag_item_head head;
    const unsigned char *at;
    uint64_t first = 0; /* slots are given from the lowest on: mostly these are all */
    memset(used, 0, 4 * sizeof used[0]);
    while ((at = walk_next(&walk, &head)) != NULL) {
        need(&needs, at, &head);
        for (uint32_t r = 0; r < head.refs; r++) {
            uint8_t slot = at[sizeof head + r];
            if (slot < 64)
                first |= UINT64_C(1) << slot;
            else
                used[slot / 64] |= UINT64_C(1) << (slot % 64);
        }
    }
    used[0] = first;
    return needs;
}

void snag_items_pack(const snag_cell *cell, snag_buf *buf)
{
    enum { OVER = 15 };
    items_walk walk = walk_from(cell);
    snag_item_head head;
    const unsigned char *at;
    bool roomy = snag_buf_left(buf) >= cell->items_bytes + OVER;
    while ((at = walk_next(&walk, &head)) != NULL) {
        if (!roomy) {
            snag_buf_put(buf, at, head.bytes);
            continue;
        }
        snag_bytes_over((unsigned char *)buf->data + buf->size, at, head.bytes);
        buf->size += head.bytes;
    }
}

/* In a cell of few items they are looked through; for one of many a list of all is made when the first is
 * asked for, and put right with each put: forty rules that meet one event ask forty times. What is removed
 * keeps its place in the list. */
enum { INDEX_FROM = 8, INDEX_MAX = sizeof((snag_cell *)0)->index_at / sizeof(uint16_t) };

static inline void index_set(snag_cell *cell, uint32_t i, uint32_t fingerprint, size_t at)
{
    uint64_t *some = &cell->index_some[fingerprint % 256 / 64];
    uint8_t *place = &cell->index_place[fingerprint % 256];
    bool shared = *some >> (fingerprint % 64) & 1;
    cell->index_fingerprint[i] = fingerprint;
    cell->index_at[i] = (uint16_t)at;
    cell->index_next[i] = shared ? *place : UINT16_MAX;
    *place = (uint8_t)i;
    *some |= UINT64_C(1) << (fingerprint % 64);
}

static void index_make(snag_cell *cell)
{
    size_t at = 0;
    memset(cell->index_some, 0, sizeof cell->index_some);
    for (uint32_t i = 0; i < cell->item_count; i++) {
        snag_item_head head = head_at(cell, at);
        index_set(cell, i, head.fingerprint, at);
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items_bytes);
    cell->index_count = cell->item_count;
    cell->indexed = true;
}

static bool index_find(snag_cell *cell, uint32_t fingerprint)
{
    if (!cell->indexed)
        index_make(cell);
    if ((cell->index_some[fingerprint % 256 / 64] & UINT64_C(1) << (fingerprint % 64)) == 0)
        return false;
    uint32_t i = cell->index_place[fingerprint % 256];
    while (cell->index_fingerprint[i] != fingerprint || cell->index_at[i] == NOWHERE) {
        i = cell->index_next[i];
        if (i == UINT16_MAX)
            return false;
    }
    cell->found_index = i;
    cell->found_at = cell->index_at[i];
    return true;
}

/* All of a scattered cell's items one behind the other again, in their order. */
static void gather(snag_cell *cell)
{
    unsigned char bytes[SNAG_ITEMS_BYTES_MAX];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_items_pack(cell, &buf);
    SNAG_ASSERT(!buf.full && buf.size == cell->items_bytes);
    memcpy(cell->items, bytes, buf.size);
    cell->found_at = cell->items_end = cell->items_bytes;
}

/* Room for one more, of any size. */
static inline void index_room(snag_cell *cell)
{
    enum { ITEM_MAX = SNAG_ITEM_FIXED_MAX + SNAG_CAPTURE_BYTES_MAX + SNAG_STATE_BYTES_MAX };
    if (cell->items_end + ITEM_MAX <= SNAG_ITEMS_ROOM && cell->index_count < INDEX_MAX)
        return;
    gather(cell);
    index_make(cell);
}

/* The item found has another size now, or is gone (size 0), or is new (old size 0): found_at is its place. */
static void index_follow(snag_cell *cell, uint32_t fingerprint, size_t old, size_t size)
{
    size_t at = cell->found_at;
    if (at + old == cell->items_end) {
        cell->items_end = (uint32_t)(at + size);
    } else if (size > old) {
        at = cell->items_end;
        cell->items_end += (uint32_t)size;
    }
    if (old == 0) {
        cell->found_index = cell->index_count;
        index_set(cell, cell->index_count++, fingerprint, at);
    } else {
        cell->index_at[cell->found_index] = size ? (uint16_t)at : NOWHERE;
    }
    cell->found_at = (uint32_t)at;
}

static bool few_find(snag_cell *cell, uint32_t fingerprint)
{
    const unsigned char *at = cell->items;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        snag_item_head head;
        memcpy(&head, at, sizeof head);
        if (head.fingerprint == fingerprint) {
            cell->found_at = (uint32_t)(at - cell->items);
            return true;
        }
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items + cell->items_bytes);
    return false;
}

/* Sets found_at (and of an indexed cell found_index) to the item of a fingerprint; to the end, and false,
 * where there is none. */
static inline bool item_find(snag_cell *cell, uint32_t fingerprint)
{
    size_t at = cell->found_at;
    if (at < cell->items_end && head_at(cell, at).fingerprint == fingerprint)
        return true;
    bool few = cell->item_count < INDEX_FROM && !cell->indexed;
    bool found = few ? few_find(cell, fingerprint) : index_find(cell, fingerprint);
    if (!found)
        cell->found_at = cell->items_end;
    return found;
}

bool snag_cell_has(snag_cell *cell, uint32_t fingerprint)
{
    return item_find(cell, fingerprint);
}

bool snag_cell_get(snag_cell *cell, uint32_t fingerprint, snag_item *item)
{
    if (!item_find(cell, fingerprint)) {
        snag_item_blank(item, fingerprint);
        return false;
    }
    bool whole = item_take(cell, cell->found_at, item);
    SNAG_ASSERT(whole);
    return true;
}

bool snag_cell_item(const snag_cell *cell, uint32_t i, snag_item *item)
{
    items_walk walk = walk_from(cell);
    snag_item_head head;
    if (i >= cell->item_count)
        return false;
    const unsigned char *at = walk_next(&walk, &head);
    for (uint32_t skip = 0; skip < i && at; skip++)
        at = walk_next(&walk, &head);
    bool whole = at && snag_item_read(at, &head, item);
    SNAG_ASSERT(whole);
    return true;
}

/* Whether one of the stored item's refs is none of the item's. They are only ever appended or let go, so the
 * same first ones mean that none was. */
static inline bool lost_refs(const unsigned char *stored, uint32_t count, const snag_item *item)
{
    uint64_t before[2], now[2];
    _Static_assert(sizeof before == SNAG_EVIDENCE_MAX && sizeof before == sizeof item->refs, "all of them");
    if (count == 0 || item->ref_count < count)
        return count > 0;
    memcpy(before, stored, sizeof before); /* of known size it costs less; what lies behind is left out */
    memcpy(now, item->refs, sizeof now);
    uint32_t bits = count * 8;
    if (bits > 64)
        return before[0] != now[0] || (before[1] ^ now[1]) << (128 - bits) != 0;
    return (before[0] ^ now[0]) << (64 - bits) != 0;
}

/* The sums of snag_cell_needs follow each put. */
static inline void count_flags(snag_cell *cell, int before, int flags)
{
    cell->open_delta += !!(flags & ITEM_OPEN) - !!(before & ITEM_OPEN);
    cell->armed_delta += !!(flags & ITEM_ARMED) - !!(before & ITEM_ARMED);
    cell->hold_delta += !!(flags & ITEM_HOLD) - !!(before & ITEM_HOLD);
}

/* The item found, or one behind all others, has place for `size` bytes from now on: where? (old size 0: it is
 * new; size 0: it is gone.) False: no room. */
static inline bool item_fit(snag_cell *cell, uint32_t fingerprint, size_t old, size_t size)
{
    size_t at = cell->found_at;
    size_t total = cell->items_bytes - old + size;
    if (size == old)
        return true;
    if (total > SNAG_ITEMS_BYTES_MAX)
        return false;
    if (cell->indexed) {
        index_follow(cell, fingerprint, old, size);
    } else {
        memmove(cell->items + at + size, cell->items + at + old, cell->items_bytes - at - old);
        cell->items_end = (uint32_t)total;
    }
    cell->items_bytes = (uint32_t)total;
    return true;
}

/* Over the item found, or into the place that a new one has (before: all zero). */
static inline bool item_over(snag_cell *cell, const snag_item *item, snag_item_head before)
{
    size_t size;
    int flags = snag_item_parts(item, &size);
    bool lost = lost_refs(cell->items + cell->found_at + sizeof before, before.refs, item);
    if (!item_fit(cell, item->fingerprint, before.bytes, size))
        return false;
    snag_item_write(cell->items + cell->found_at, item, flags, size);
    if (flags != before.flags)
        count_flags(cell, before.flags, flags);
    if (item->ref_count && item->refs[item->ref_count - 1] == cell->noted)
        cell->noted_kept = true;
    cell->unreferred |= lost;
    cell->changed = true;
    return true;
}

static void item_remove(snag_cell *cell, uint32_t fingerprint, snag_item_head before)
{
    bool fits = item_fit(cell, fingerprint, before.bytes, 0);
    SNAG_ASSERT(fits);
    count_flags(cell, before.flags, 0);
    cell->found_at = cell->items_end;
    cell->item_count--;
    cell->unreferred |= before.refs > 0;
    cell->changed = true;
}

bool snag_cell_put(snag_cell *cell, const snag_item *item)
{
    bool keep = item->state_bytes || item->open || item->cooldown_ms != SNAG_TIME_NONE;
    if (cell->indexed)
        index_room(cell);
    if (item_find(cell, item->fingerprint)) {
        snag_item_head before = head_at(cell, cell->found_at);
        if (keep)
            return item_over(cell, item, before);
        item_remove(cell, item->fingerprint, before);
    } else if (keep) {
        if (cell->item_count >= SNAG_ITEMS_MAX || !item_over(cell, item, (snag_item_head){0}))
            return false;
        cell->item_count++;
    }
    cell->unreferred |= !keep && item->ref_count > 0;
    return true;
}

uint32_t snag_cell_due(const snag_cell *cell, int64_t by_ms, uint32_t *fingerprints)
{
    uint32_t count = 0;
    items_walk walk = walk_from(cell);
    snag_item_head head;
    const unsigned char *at;
    while ((at = walk_next(&walk, &head)) != NULL) {
        if ((head.flags & ITEM_ARMED) == 0)
            continue;
        fingerprints[count] = head.fingerprint;
        count += snag_item_due(at, &head) <= by_ms && !snag_item_is_frozen(at, &head);
    }
    return count;
}
