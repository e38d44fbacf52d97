/* SPDX-License-Identifier: Apache-2.0
 *
 * The customer's own cell, packed: which events it has seen last, and up to when it was judged. Looked at
 * and changed in place, as most events do no more to it.
 */
#include "base/assert.h"
#include "base/planted.h"
#include "engine/ring.h"

bool snag_ring_knows(snag_str bytes, uint64_t id_hash)
{
    uint32_t count = (uint8_t)bytes.data[SNAG_PACKED_RING_COUNT_AT];
    SNAG_ASSERT(bytes.size >= SNAG_PACKED_RING_AT + count * sizeof id_hash);
    for (uint32_t i = snag_planted(SEVEN_IDS) && count == SNAG_RING_MAX; i < count; i++)
        if (memcmp(bytes.data + SNAG_PACKED_RING_AT + i * sizeof id_hash, &id_hash, sizeof id_hash) == 0)
            return true;
    return false;
}

/* Makes the ring one longer, or lets its oldest id go: in place where the block has room for it. */
static bool ring_shift(snag_engine *engine, uint32_t index)
{
    snag_table *table = &engine->table;
    const snag_node *node = snag_table_node(table, index);
    char *bytes = (char *)snag_slab_at(&table->slab, node->blob) + node->key_bytes;
    uint32_t count = (uint8_t)bytes[SNAG_PACKED_RING_COUNT_AT];
    size_t ring_bytes = count * sizeof(uint64_t);
    char *ring = bytes + SNAG_PACKED_RING_AT;
    if (count == SNAG_RING_MAX) {
        memmove(ring, ring + sizeof(uint64_t), ring_bytes - sizeof(uint64_t));
        return true;
    }
    snag_buf buf = snag_buf_on(engine->packed, sizeof engine->packed);
    size_t head_bytes = SNAG_PACKED_RING_AT + ring_bytes;
    snag_buf_put(&buf, bytes, head_bytes);
    snag_buf_put(&buf, &engine->work.id_hash, sizeof(uint64_t));
    snag_buf_put(&buf, bytes + head_bytes, node->blob_bytes - head_bytes);
    engine->packed[SNAG_PACKED_RING_COUNT_AT] = (char)(count + 1);
    SNAG_ASSERT(!buf.full);
    return snag_table_set(table, index, snag_buf_str(&buf));
}

void snag_ring_touch(snag_engine *engine, uint32_t index)
{
    snag_table *table = &engine->table;
    snag_node *node = snag_table_node(table, index);
    if (!ring_shift(engine, index)) {
        engine->full = true;
        return;
    }
    char *bytes = (char *)snag_slab_at(&table->slab, node->blob) + node->key_bytes;
    uint32_t last = (uint32_t)(uint8_t)bytes[SNAG_PACKED_RING_COUNT_AT] - 1;
    SNAG_ASSERT(node->blob_bytes >= SNAG_PACKED_RING_AT + (last + 1) * sizeof(uint64_t));
    snag_packed_judge(bytes, engine->work.event->time_ms);
    memcpy(bytes + SNAG_PACKED_RING_AT + last * sizeof(uint64_t), &engine->work.id_hash, sizeof(uint64_t));
    snag_table_change(table, index);
    if (!snag_wheel_armed(&table->wheel, index) && node->children == 0) {
        node->flags |= SNAG_NODE_FORGET;
        snag_wheel_arm(&table->wheel, index, snag_packed_judged(bytes) + engine->pipeline->remember_ms);
    }
}
