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
    /* One bit, two words: what a table's row said (keep) is never armed, what is still always is. */
    ITEM_KEEP = 128,  /* without ITEM_ARMED */
    ITEM_STILL = 128, /* with it: behind the deadline stands what a silent source makes of it */
    ITEM_KNOWN = 255,
    ITEM_HEAD_BYTES = 8,
    EPISODE_BYTES = 16,
    STILL_FROZEN = 1,
    STILL_HELD = 2
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

static void item_blank(snag_item *item, uint32_t fingerprint)
{
    item->fingerprint = fingerprint;
    item->open = false;
    item->suppressed = false;
    item->hold = false;
    item->keep = false;
    item->frozen = item->held = false;
    item->due_ms = SNAG_NEVER;
    item->opened_ms = SNAG_TIME_NONE;
    item->cooldown_ms = SNAG_TIME_NONE;
    item->seq = 0;
    item->evidence_total = 0;
    item->ref_count = 0;
    item->capture_bytes = 0;
    item->state_bytes = 0;
}

static inline bool is_still(int flags)
{
    return (flags & (ITEM_STILL | ITEM_ARMED)) == (ITEM_STILL | ITEM_ARMED);
}

/* The bytes of an item's parts but for its capture and its state. */
static size_t parts_size(int flags, size_t refs)
{
    size_t size = sizeof(item_head) + refs;
    size += flags & ITEM_ARMED ? sizeof(int64_t) : 0;
    size += is_still(flags) ? 1 + EPISODE_BYTES : 0;
    size += flags & ITEM_OPEN ? sizeof(int64_t) + sizeof(uint32_t) + EPISODE_BYTES : 0;
    size += flags & ITEM_TOTAL ? sizeof(uint32_t) : 0;
    size += flags & ITEM_COOLDOWN ? sizeof(int64_t) : 0;
    size += flags & ITEM_CAPTURE ? sizeof(uint16_t) : 0;
    return size;
}

static const unsigned char *bytes_get(const unsigned char *at, void *to, size_t size)
{
    memcpy(to, at, size);
    return at + size;
}

static const unsigned char *still_get(const unsigned char *at, snag_item *item, bool *sound)
{
    item->frozen = *at & STILL_FROZEN;
    item->held = *at & STILL_HELD;
    *sound = *at > 0 && *at <= (STILL_FROZEN | STILL_HELD) && item->due_ms != SNAG_NEVER &&
             !(item->held && item->open);
    return bytes_get(at + 1, item->episode, EPISODE_BYTES);
}

/* Everything behind the head; the state is the rest. False: it is not whole (then it was read into the bytes
 * behind it, which the cell has for that). */
static bool item_read(const unsigned char *bytes, const item_head *head, snag_item *item)
{
    const unsigned char *at = bytes + sizeof *head;
    const unsigned char *end = bytes + head->bytes;
    int flags = head->flags;
    bool sound = true;
    item->fingerprint = head->fingerprint;
    item->open = flags & ITEM_OPEN;
    item->suppressed = flags & ITEM_SUPPRESSED;
    item->hold = flags & ITEM_HOLD;
    item->keep = (flags & ITEM_KEEP) && !(flags & ITEM_ARMED);
    item->frozen = item->held = false;
    item->ref_count = head->refs;
    item->evidence_total = head->refs;
    item->due_ms = SNAG_NEVER;
    item->opened_ms = SNAG_TIME_NONE;
    item->cooldown_ms = SNAG_TIME_NONE;
    item->seq = 0;
    item->capture_bytes = 0;
    if (head->refs > SNAG_EVIDENCE_MAX)
        return false;
    memcpy(item->refs, at, SNAG_EVIDENCE_MAX); /* all: a copy of known size costs less */
    at += head->refs;
    if (flags & ITEM_ARMED)
        at = bytes_get(at, &item->due_ms, sizeof item->due_ms);
    if (is_still(flags))
        at = still_get(at, item, &sound);
    if (flags & ITEM_OPEN) {
        at = bytes_get(at, &item->opened_ms, sizeof item->opened_ms);
        at = bytes_get(at, &item->seq, sizeof item->seq);
        at = bytes_get(at, item->episode, sizeof item->episode);
    }
    if (flags & ITEM_TOTAL)
        at = bytes_get(at, &item->evidence_total, sizeof item->evidence_total);
    if (flags & ITEM_COOLDOWN)
        at = bytes_get(at, &item->cooldown_ms, sizeof item->cooldown_ms);
    if (flags & ITEM_CAPTURE) {
        at = bytes_get(at, &item->capture_bytes, sizeof item->capture_bytes);
        if (item->capture_bytes > SNAG_CAPTURE_BYTES_MAX || at + item->capture_bytes > end)
            return false;
        at = bytes_get(at, item->capture, item->capture_bytes);
    }
    if (at > end || end - at > SNAG_STATE_BYTES_MAX)
        return false;
    item->state_bytes = (uint16_t)(end - at);
    memcpy(item->state, at, item->state_bytes);
    return sound;
}

static bool item_take(const snag_cell *cell, size_t at, snag_item *item)
{
    item_head head = head_at(cell, at);
    return item_read(cell->items + at, &head, item);
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
    if (bytes - at < sizeof(item_head))
        return 0;
    item_head head = head_at(cell, at);
    if (head.bytes < sizeof head || head.bytes > bytes - at || (head.flags & ~ITEM_KNOWN))
        return 0;
    if (!item_take(cell, at, &item))
        return 0;
    for (uint32_t i = 0; i < item.ref_count; i++)
        if (!slot_exists(cell, item.refs[i]))
            return 0;
    return head.bytes;
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

/* In a cell of few items they are looked through; for one of many a list of all is made when the first is
 * asked for, and put right with each put: forty rules that meet one event ask forty times. What is removed
 * keeps its place in the list, with a fingerprint that is not its own. */
enum { INDEX_FROM = 8, INDEX_MAX = sizeof((snag_cell *)0)->index_at / sizeof(uint16_t) };

static bool index_has(const snag_cell *cell, uint32_t i, uint32_t fingerprint)
{
    if (i >= cell->index_count || cell->index_fingerprint[i] != fingerprint)
        return false;
    uint16_t at = cell->index_at[i];
    return at < cell->items_bytes && head_at(cell, at).fingerprint == fingerprint;
}

/* Where in the list a fingerprint probably is: of two with one place, the list is looked through for one. */
static uint8_t *index_place(snag_cell *cell, uint32_t fingerprint)
{
    return &cell->index_place[fingerprint % 256];
}

static void index_add(snag_cell *cell, uint32_t fingerprint, size_t at)
{
    uint32_t i = cell->index_count++;
    cell->index_fingerprint[i] = fingerprint;
    cell->index_at[i] = (uint16_t)at;
    *index_place(cell, fingerprint) = (uint8_t)i;
    cell->index_some[fingerprint % 256 / 64] |= UINT64_C(1) << (fingerprint % 64);
}

static void index_make(snag_cell *cell)
{
    size_t at = 0;
    cell->index_count = 0;
    memset(cell->index_some, 0, sizeof cell->index_some);
    for (uint32_t i = 0; i < cell->item_count; i++) {
        item_head head = head_at(cell, at);
        index_add(cell, head.fingerprint, at);
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items_bytes);
    cell->indexed = true;
}

static bool index_find(snag_cell *cell, uint32_t fingerprint)
{
    if (!cell->indexed)
        index_make(cell);
    if ((cell->index_some[fingerprint % 256 / 64] & UINT64_C(1) << (fingerprint % 64)) == 0)
        return false;
    uint32_t i = *index_place(cell, fingerprint);
    if (!index_has(cell, i, fingerprint))
        for (i = 0; i < cell->index_count && !index_has(cell, i, fingerprint); i++)
            continue;
    if (i == cell->index_count)
        return false;
    cell->found_index = i;
    cell->found_at = cell->index_at[i];
    return true;
}

/* The item found has another size now, or is gone (size 0), or is new (old size 0). */
static void index_follow(snag_cell *cell, uint32_t fingerprint, size_t old, size_t size)
{
    uint32_t i = cell->found_index;
    uint16_t *at = cell->index_at;
    uint16_t by = (uint16_t)(size - old);
    if (old == 0) {
        cell->indexed = cell->index_count < INDEX_MAX;
        cell->found_index = cell->index_count;
        if (cell->indexed)
            index_add(cell, fingerprint, cell->found_at);
        return;
    }
    if (size == 0)
        cell->index_fingerprint[i] = ~fingerprint;
    for (uint32_t k = i + 1; k < cell->index_count; k++)
        at[k] = (uint16_t)(at[k] + by);
}

static bool few_find(snag_cell *cell, uint32_t fingerprint)
{
    const unsigned char *at = cell->items;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        item_head head;
        memcpy(&head, at, sizeof head);
        if (head.fingerprint == fingerprint) {
            cell->indexed = false;
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
    if (at < cell->items_bytes && head_at(cell, at).fingerprint == fingerprint)
        return true;
    bool found = cell->item_count < INDEX_FROM ? few_find(cell, fingerprint) : index_find(cell, fingerprint);
    if (!found)
        cell->found_at = cell->items_bytes;
    return found;
}

bool snag_cell_get(snag_cell *cell, uint32_t fingerprint, snag_item *item)
{
    if (!item_find(cell, fingerprint)) {
        item_blank(item, fingerprint);
        return false;
    }
    bool whole = item_take(cell, cell->found_at, item);
    SNAG_ASSERT(whole);
    return true;
}

bool snag_cell_item(const snag_cell *cell, uint32_t i, snag_item *item)
{
    size_t at = 0;
    if (i >= cell->item_count)
        return false;
    for (uint32_t skip = 0; skip < i; skip++)
        at += head_at(cell, at).bytes;
    bool whole = item_take(cell, at, item);
    SNAG_ASSERT(whole);
    return true;
}

static int flags_of(const snag_item *item)
{
    return (item->due_ms != SNAG_NEVER ? ITEM_ARMED : 0) | (item->open ? ITEM_OPEN : 0) |
           (item->evidence_total != item->ref_count ? ITEM_TOTAL : 0) |
           (item->cooldown_ms != SNAG_TIME_NONE ? ITEM_COOLDOWN : 0) |
           (item->capture_bytes ? ITEM_CAPTURE : 0) | (item->suppressed ? ITEM_SUPPRESSED : 0) |
           (item->hold ? ITEM_HOLD : 0) | (item->keep ? ITEM_KEEP : 0) |
           (item->frozen || item->held ? ITEM_STILL : 0);
}

static size_t item_size(const snag_item *item, int flags)
{
    SNAG_ASSERT(item->ref_count <= SNAG_EVIDENCE_MAX);
    SNAG_ASSERT(!(item->frozen || item->held || item->keep) || item->keep == (item->due_ms == SNAG_NEVER));
    SNAG_ASSERT(item->capture_bytes <= SNAG_CAPTURE_BYTES_MAX);
    SNAG_ASSERT(item->state_bytes <= SNAG_STATE_BYTES_MAX);
    return parts_size(flags, item->ref_count) + item->capture_bytes + item->state_bytes;
}

static unsigned char *bytes_put(unsigned char *at, const void *from, size_t size)
{
    memcpy(at, from, size);
    return at + size;
}

static const uint8_t nobody[EPISODE_BYTES];

/* Writes an item of this size into its place. */
static void item_write(unsigned char *bytes, const snag_item *item, int flags, size_t size)
{
    unsigned char *at = bytes + sizeof(item_head);
    if (size >= sizeof(item_head) + SNAG_EVIDENCE_MAX)
        memcpy(at, item->refs, SNAG_EVIDENCE_MAX); /* all: a copy of known size costs less */
    else
        memcpy(at, item->refs, item->ref_count);
    at += item->ref_count;
    if (flags & ITEM_ARMED)
        at = bytes_put(at, &item->due_ms, sizeof item->due_ms);
    if (is_still(flags)) {
        *at++ = (unsigned char)((item->frozen ? STILL_FROZEN : 0) | (item->held ? STILL_HELD : 0));
        at = bytes_put(at, item->held ? item->episode : nobody, EPISODE_BYTES);
    }
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
    SNAG_ASSERT(at == bytes + size);
    item_head head = {.fingerprint = item->fingerprint,
                      .bytes = (uint16_t)size,
                      .flags = (uint8_t)flags,
                      .refs = item->ref_count};
    memcpy(bytes, &head, sizeof head);
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
    bool keep = item->state_bytes || item->open || item->cooldown_ms != SNAG_TIME_NONE;
    int flags = keep ? flags_of(item) : 0;
    size_t size = keep ? item_size(item, flags) : 0;
    bool had = item_find(cell, item->fingerprint);
    size_t at = cell->found_at;
    item_head before = had ? head_at(cell, at) : (item_head){0};
    size_t old = before.bytes;
    bool lost = had && lost_refs(cell, at, keep ? item : NULL);
    size_t total = cell->items_bytes - old + size;
    if (total > SNAG_ITEMS_BYTES_MAX || (!had && keep && cell->item_count >= SNAG_ITEMS_MAX))
        return false;
    if (size != old)
        memmove(cell->items + at + size, cell->items + at + old, cell->items_bytes - at - old);
    if (keep) {
        item_write(cell->items + at, item, flags, size);
        cell->noted_kept |= item->ref_count && item->refs[item->ref_count - 1] == cell->noted;
    }
    if (flags != before.flags) {
        count_flags(cell, before.flags, -1);
        count_flags(cell, flags, 1);
    }
    if (cell->indexed && size != old)
        index_follow(cell, item->fingerprint, old, size);
    cell->items_bytes = (uint32_t)total;
    if (!keep)
        cell->found_at = cell->items_bytes;
    cell->item_count += (uint32_t)keep;
    cell->item_count -= (uint32_t)had;
    cell->changed |= keep || had;
    cell->unreferred |= lost || (!keep && item->ref_count > 0);
    return true;
}

/* Of an item that is armed: its deadline does not count. */
static inline bool is_frozen(const unsigned char *at, const item_head *head)
{
    return is_still(head->flags) && (at[sizeof *head + head->refs + sizeof(int64_t)] & STILL_FROZEN);
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
        needs.keep |= (head.flags & (ITEM_KEEP | ITEM_ARMED)) == ITEM_KEEP;
        if (head.flags & ITEM_ARMED) {
            int64_t due_ms;
            memcpy(&due_ms, at + sizeof head + head.refs, sizeof due_ms);
            needs.armed++;
            if (is_frozen(at, &head))
                needs.frozen++;
            else if (due_ms < needs.due_ms)
                needs.due_ms = due_ms;
        }
        at += head.bytes;
    }
    SNAG_ASSERT(at == cell->items + cell->items_bytes);
    return needs;
}

uint32_t snag_cell_due(const snag_cell *cell, int64_t by_ms, uint32_t *fingerprints)
{
    uint32_t count = 0;
    const unsigned char *at = cell->items;
    for (uint32_t i = 0; i < cell->item_count; i++) {
        item_head head;
        memcpy(&head, at, sizeof head);
        if (head.flags & ITEM_ARMED) {
            int64_t due_ms;
            memcpy(&due_ms, at + sizeof head + head.refs, sizeof due_ms);
            fingerprints[count] = head.fingerprint;
            count += due_ms <= by_ms && !is_frozen(at, &head);
        }
        at += head.bytes;
    }
    return count;
}
