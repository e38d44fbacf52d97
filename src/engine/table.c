/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/table.h"

#include "base/assert.h"
#include "base/hash.h"

/* What a cell is expected to need beside its node and bucket; decides how memory is divided. */
enum { BLOB_BYTES_TYPICAL = 136, ROOM_BYTES = 1 << 20, ROOM_NODES = 64, BUCKETS_MIN = 16 };

void snag_table_init(snag_table *table, void *memory, size_t bytes)
{
    memset(table, 0, sizeof *table);
    uint64_t cells = bytes / (sizeof(snag_node) + sizeof(uint32_t) * 2 + BLOB_BYTES_TYPICAL);
    SNAG_ASSERT(cells > ROOM_NODES);
    if (cells > UINT32_C(0x3fffffff))
        cells = UINT32_C(0x3fffffff);
    unsigned char *at = memory;
    table->nodes = (snag_node *)(void *)at;
    table->node_max = (uint32_t)cells;
    table->node_top = 1;
    at += cells * sizeof(snag_node);
    table->buckets = (uint32_t *)(void *)at;
    table->bucket_max = (uint32_t)cells;
    table->bucket_count = BUCKETS_MIN;
    table->level = BUCKETS_MIN;
    at += (cells * sizeof(uint32_t) + 63) / 64 * 64;
    size_t used = (size_t)(at - (unsigned char *)memory);
    SNAG_ASSERT(used < bytes);
    snag_slab_init(&table->slab, at, bytes - used);
    snag_wheel_init(&table->wheel, &table->nodes[0].timer, sizeof(snag_node));
}

uint32_t snag_table_hash(snag_str key)
{
    return (uint32_t)(snag_hash64(key, 0) >> 32);
}

/* Linear hashing (Litwin, 1980): buckets below the split point are already addressed by one more bit. */
static uint32_t bucket_of(const snag_table *table, uint32_t hash)
{
    uint32_t bucket = hash & (table->level * 2 - 1);
    return bucket < table->bucket_count ? bucket : hash & (table->level - 1);
}

/* One bucket more: the one at the split point shares its chain with it. */
static void index_grow(snag_table *table)
{
    if (table->bucket_count >= table->bucket_max)
        return;
    enum { AHEAD = 8 }; /* buckets split one after the other: the node some splits on is fetched now */
    uint32_t fresh = table->bucket_count++;
    __builtin_prefetch(&table->nodes[table->buckets[fresh - table->level + AHEAD]]);
    uint32_t index = table->buckets[fresh - table->level];
    table->buckets[fresh - table->level] = 0;
    table->buckets[fresh] = 0;
    while (index) {
        snag_node *node = &table->nodes[index];
        uint32_t next = node->chain;
        uint32_t bucket = bucket_of(table, node->hash);
        node->chain = table->buckets[bucket];
        table->buckets[bucket] = index;
        index = next;
    }
    if (table->bucket_count == table->level * 2)
        table->level *= 2;
}

void snag_table_prefetch(const snag_table *table, uint32_t hash)
{
    __builtin_prefetch(&table->buckets[bucket_of(table, hash)]);
}

static void node_prefetch(const snag_table *table, uint32_t index)
{
    const char *node = (const char *)&table->nodes[index];
    __builtin_prefetch(node);
    __builtin_prefetch(node + sizeof(snag_node) - 1);
}

uint32_t snag_table_prefetch_node(const snag_table *table, uint32_t hash)
{
    uint32_t index = table->buckets[bucket_of(table, hash)];
    node_prefetch(table, index);
    return index;
}

uint32_t snag_table_prefetch_chain(const snag_table *table, uint32_t index, uint32_t hash)
{
    const snag_node *node = &table->nodes[index];
    if (index == 0 || node->hash == hash)
        return index;
    node_prefetch(table, node->chain);
    return node->chain;
}

void snag_table_prefetch_cell(const snag_table *table, uint32_t index, uint32_t from, uint32_t to)
{
    const snag_node *node = &table->nodes[index];
    const char *blob = snag_slab_at(&table->slab, node->blob);
    uint32_t bytes = node->key_bytes + node->blob_bytes;
    for (uint32_t at = from; at < bytes && at < to; at += 64)
        __builtin_prefetch(blob + at, 1);
}

uint32_t snag_table_find_at(const snag_table *table, uint32_t index, snag_str key, uint32_t hash)
{
    const snag_node *node = &table->nodes[index];
    if (index && (node->flags & SNAG_NODE_LIVE) && node->hash == hash &&
        snag_str_equal(snag_table_key(table, index), key))
        return index;
    return snag_table_find(table, key, hash);
}

static uint32_t find_any(const snag_table *table, snag_str key, uint32_t hash)
{
    uint32_t index = table->buckets[bucket_of(table, hash)];
    for (; index; index = table->nodes[index].chain) {
        const snag_node *node = &table->nodes[index];
        if (node->hash == hash && snag_str_equal(snag_table_key(table, index), key))
            return index;
    }
    return 0;
}

uint32_t snag_table_find(const snag_table *table, snag_str key, uint32_t hash)
{
    uint32_t index = find_any(table, key, hash);
    return index && (table->nodes[index].flags & SNAG_NODE_LIVE) ? index : 0;
}

static uint32_t node_take(snag_table *table)
{
    uint32_t index = table->node_free;
    if (index) {
        table->node_free = table->nodes[index].chain;
    } else {
        if (table->node_top >= table->node_max)
            return 0;
        index = table->node_top++;
    }
    memset(&table->nodes[index], 0, sizeof table->nodes[index]);
    return index;
}

/* A small block fits its cell tightly: millions of idle journeys lie in such. A cell past SPACIOUS_BYTES is
 * one where much happens just now: its block leaves room to grow and is kept until half of it is empty, so
 * that the next event finds the same, warm bytes instead of a cold block. */
enum { SPACIOUS_BYTES = 256 };

static bool blob_fits(const snag_node *node, size_t size)
{
    size_t room = snag_slab_class_bytes(node->blob_class);
    if (room > SPACIOUS_BYTES)
        return size <= room && size >= room / 2;
    return snag_slab_class(size) == node->blob_class;
}

static bool blob_write(snag_table *table, snag_node *node, snag_str key, snag_str bytes)
{
    size_t size = key.size + bytes.size;
    size_t room = node->blob && size > SPACIOUS_BYTES ? size + size / 4 : size;
    uint32_t blob = snag_slab_take(&table->slab, room);
    if (blob == 0)
        return false;
    char *at = snag_slab_at(&table->slab, blob);
    memcpy(at, key.data, key.size);
    if (bytes.size)
        memcpy(at + key.size, bytes.data, bytes.size);
    if (node->blob)
        snag_slab_give(&table->slab, node->blob, snag_slab_class_bytes(node->blob_class));
    node->blob = blob;
    node->blob_bytes = (uint32_t)bytes.size & 0xffffff;
    node->blob_class = snag_slab_class(room) & 0xff;
    node->key_bytes = (uint16_t)key.size;
    return true;
}

/* Among a customer's cells the newest stands first. */
static void family_join(snag_table *table, uint32_t index, uint32_t parent)
{
    snag_node *node = &table->nodes[index];
    snag_node *head = &table->nodes[parent];
    node->parent = parent;
    if (head->parent == 0) {
        node->next = node->prev = index;
    } else {
        snag_node *first = &table->nodes[head->parent];
        node->next = head->parent;
        node->prev = first->prev;
        table->nodes[first->prev].next = index;
        first->prev = index;
    }
    head->parent = index;
    head->children++;
}

static void family_leave(snag_table *table, uint32_t index)
{
    snag_node *node = &table->nodes[index];
    snag_node *head = &table->nodes[node->parent];
    SNAG_ASSERT(head->children > 0);
    head->children--;
    table->nodes[node->prev].next = node->next;
    table->nodes[node->next].prev = node->prev;
    if (head->parent == index)
        head->parent = head->children ? node->next : 0;
    node->next = node->prev = node->parent = 0;
}

uint32_t snag_table_add(snag_table *table, snag_str key, uint32_t hash, uint8_t scope,
                        uint32_t parent, snag_str bytes)
{
    uint32_t index = find_any(table, key, hash);
    bool woken = index != 0;
    if (woken && table->dying == index)
        table->dying = 0;
    if (!woken && (index = node_take(table)) == 0)
        return 0;
    snag_node *node = &table->nodes[index];
    SNAG_ASSERT((node->flags & SNAG_NODE_LIVE) == 0);
    if (!blob_write(table, node, key, bytes)) {
        if (!woken) {
            node->chain = table->node_free;
            table->node_free = index;
        }
        return 0;
    }
    node->hash = hash;
    node->scope = scope;
    node->flags |= SNAG_NODE_LIVE;
    if (!woken) {
        uint32_t bucket = bucket_of(table, hash);
        node->chain = table->buckets[bucket];
        table->buckets[bucket] = index;
    }
    if (parent)
        family_join(table, index, parent);
    else
        table->customers++;
    if (++table->live > table->bucket_count)
        index_grow(table);
    return index;
}

bool snag_table_set(snag_table *table, uint32_t index, snag_str bytes)
{
    snag_node *node = &table->nodes[index];
    SNAG_ASSERT(node->flags & SNAG_NODE_LIVE);
    char *at = snag_slab_at(&table->slab, node->blob);
    SNAG_ASSERT(bytes.size <= SNAG_CELL_BYTES_MAX);
    if (blob_fits(node, node->key_bytes + bytes.size)) {
        memcpy(at + node->key_bytes, bytes.data, bytes.size);
        node->blob_bytes = (uint32_t)bytes.size & 0xffffff;
        return true;
    }
    return blob_write(table, node, snag_table_key(table, index), bytes);
}

static void node_give(snag_table *table, uint32_t index)
{
    snag_node *node = &table->nodes[index];
    uint32_t *link = &table->buckets[bucket_of(table, node->hash)];
    while (*link != index) {
        SNAG_ASSERT(*link != 0);
        link = &table->nodes[*link].chain;
    }
    *link = node->chain;
    snag_slab_give(&table->slab, node->blob, snag_slab_class_bytes(node->blob_class));
    memset(node, 0, sizeof *node);
    node->chain = table->node_free;
    table->node_free = index;
}

void snag_table_remove(snag_table *table, uint32_t index, bool report)
{
    snag_node *node = &table->nodes[index];
    SNAG_ASSERT(node->flags & SNAG_NODE_LIVE);
    snag_wheel_disarm(&table->wheel, index);
    if (node->scope == 0) {
        SNAG_ASSERT(node->children == 0);
        table->customers--;
    } else {
        family_leave(table, index);
    }
    node->flags &= (uint8_t)~(SNAG_NODE_LIVE | SNAG_NODE_FORGET);
    table->live--;
    if (report)
        snag_table_change(table, index);
    if ((node->flags & SNAG_NODE_CHANGED) == 0)
        node_give(table, index);
}

void snag_table_change(snag_table *table, uint32_t index)
{
    snag_node *node = &table->nodes[index];
    if (node->flags & SNAG_NODE_CHANGED)
        return;
    node->flags |= SNAG_NODE_CHANGED;
    node->changed = 0;
    if (table->changed_last)
        table->nodes[table->changed_last].changed = index;
    else
        table->changed_first = index;
    table->changed_last = index;
}

bool snag_table_changed(snag_table *table, snag_str *key, snag_str *bytes)
{
    if (table->dying) {
        node_give(table, table->dying);
        table->dying = 0;
    }
    uint32_t index = table->changed_first;
    if (index == 0)
        return false;
    snag_node *node = &table->nodes[index];
    table->changed_first = node->changed;
    if (table->changed_first == 0)
        table->changed_last = 0;
    node->flags &= (uint8_t)~SNAG_NODE_CHANGED;
    *key = snag_table_key(table, index);
    *bytes = snag_table_bytes(table, index);
    if ((node->flags & SNAG_NODE_LIVE) == 0) {
        *bytes = (snag_str){bytes->data, 0};
        table->dying = index; /* its key is borrowed until the next call */
    }
    return true;
}

bool snag_table_has_room(const snag_table *table)
{
    return snag_slab_left(&table->slab) >= ROOM_BYTES &&
           (table->node_free || table->node_max - table->node_top > ROOM_NODES);
}
