/* SPDX-License-Identifier: Apache-2.0
 *
 * One item as bytes (cell.h shows them), and back. Parts that most items do not have take no bytes.
 */
#include "base/assert.h"
#include "journey/layout.h"

void snag_item_blank(snag_item *item, uint32_t fingerprint)
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

bool snag_item_read(const unsigned char *bytes, const snag_item_head *head, snag_item *item)
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
    if (snag_item_is_still(flags))
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
    snag_bytes_over(item->state, at, item->state_bytes);
    return sound;
}

int snag_item_parts(const snag_item *item, size_t *size)
{
    int flags = (item->suppressed ? ITEM_SUPPRESSED : 0) | (item->hold ? ITEM_HOLD : 0) |
                (item->keep ? ITEM_KEEP : 0);
    size_t bytes = sizeof(snag_item_head) + item->ref_count + item->state_bytes;
    SNAG_ASSERT(item->ref_count <= SNAG_EVIDENCE_MAX);
    SNAG_ASSERT(!(item->frozen || item->held || item->keep) || item->keep == (item->due_ms == SNAG_NEVER));
    SNAG_ASSERT(item->capture_bytes <= SNAG_CAPTURE_BYTES_MAX);
    SNAG_ASSERT(item->state_bytes <= SNAG_STATE_BYTES_MAX);
    if (item->due_ms != SNAG_NEVER) {
        flags |= ITEM_ARMED;
        bytes += sizeof item->due_ms;
    }
    if (item->frozen || item->held) {
        flags |= ITEM_STILL;
        bytes += 1 + sizeof item->episode;
    }
    if (item->open) {
        flags |= ITEM_OPEN;
        bytes += sizeof item->opened_ms + sizeof item->seq + sizeof item->episode;
    }
    if (item->evidence_total != item->ref_count) {
        flags |= ITEM_TOTAL;
        bytes += sizeof item->evidence_total;
    }
    if (item->cooldown_ms != SNAG_TIME_NONE) {
        flags |= ITEM_COOLDOWN;
        bytes += sizeof item->cooldown_ms;
    }
    if (item->capture_bytes) {
        flags |= ITEM_CAPTURE;
        bytes += sizeof item->capture_bytes + item->capture_bytes;
    }
    *size = bytes;
    return flags;
}

static unsigned char *bytes_put(unsigned char *at, const void *from, size_t size)
{
    memcpy(at, from, size);
    return at + size;
}

/* Pieces of known size, the last one over the one before. */
static inline unsigned char *state_put(unsigned char *at, const unsigned char *state, size_t size)
{
    enum { PIECE = 16 };
    if (size < PIECE) {
        memcpy(at, state, size);
        return at + size;
    }
    for (size_t done = 0; done + PIECE < size; done += PIECE)
        memcpy(at + done, state + done, PIECE);
    memcpy(at + size - PIECE, state + size - PIECE, PIECE);
    return at + size;
}

static const uint8_t nobody[EPISODE_BYTES];

void snag_item_write(unsigned char *bytes, const snag_item *item, int flags, size_t size)
{
    unsigned char *at = bytes + sizeof(snag_item_head);
    if (size >= sizeof(snag_item_head) + SNAG_EVIDENCE_MAX)
        memcpy(at, item->refs, SNAG_EVIDENCE_MAX); /* all: a copy of known size costs less */
    else
        memcpy(at, item->refs, item->ref_count);
    at += item->ref_count;
    if (flags & ITEM_ARMED)
        at = bytes_put(at, &item->due_ms, sizeof item->due_ms);
    if (snag_item_is_still(flags)) {
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
    at = state_put(at, item->state, item->state_bytes);
    SNAG_ASSERT(at == bytes + size);
    snag_item_head head = {.fingerprint = item->fingerprint,
                      .bytes = (uint16_t)size,
                      .flags = (uint8_t)flags,
                      .refs = item->ref_count};
    memcpy(bytes, &head, sizeof head);
}
