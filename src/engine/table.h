/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of cells: found by key, linked to their customer, armed in the wheel, listed when changed.
 *
 *     index (linear hashing)      nodes (56 bytes each)            slab
 *     | bucket | --chain-->  | hash, timer, blob, links | --> | key | packed cell |
 *
 * A customer's own cell (scope 0) is the parent of its other cells; it goes last. A cell that was
 * removed but not yet reported as changed stays as a dead node with its key.
 */
#ifndef SNAG_ENGINE_TABLE_H
#define SNAG_ENGINE_TABLE_H

#include "base/wheel.h"
#include "engine/slab.h"

enum {
    SNAG_NODE_LIVE = 1,    /* has a cell */
    SNAG_NODE_CHANGED = 2, /* in the list of changed cells */
    SNAG_NODE_FORGET = 4,  /* armed only to be forgotten: may be early, is looked at when it comes */
    SNAG_NODE_PENDING = 8, /* taken from the wheel, about to be fired: its link is in use */
    SNAG_NODE_STRANGE = 16, /* holds state of an earlier version of the pipeline */
    SNAG_NODE_FROZEN = 32, /* some of its deadlines wait for a silent source (dark.c) */
    SNAG_NODE_TAKEN = 64 /* armed to take back what it has said */
};

enum { SNAG_CELL_BEGIN_BYTES = 256, SNAG_CELL_AHEAD_BYTES = 4096 }; /* what is fetched of a packed cell */

typedef struct snag_node {
    snag_wheel_link timer;
    uint32_t hash;
    uint32_t blob;       /* slab handle of key + packed cell */
    uint32_t blob_bytes : 24; /* of the packed cell */
    uint32_t blob_class : 8;  /* the block's in the slab: it may be roomier than it need be */
    uint32_t chain;      /* next in the bucket */
    uint32_t parent;     /* the customer's node; of the customer's own node: its first child */
    uint32_t next;       /* among the customer's cells, circular, newest first */
    uint32_t prev;
    uint32_t children;   /* of the customer's own node */
    uint32_t changed;    /* next in the list of changed cells */
    uint16_t key_bytes;
    uint8_t scope;
    uint8_t flags;
} snag_node;

_Static_assert(sizeof(snag_node) == 56, "memory per open journey is a promise (design.md, 9)");

typedef struct snag_table {
    snag_node *nodes; /* [0] is not used */
    uint32_t node_top;
    uint32_t node_max;
    uint32_t node_free; /* list by `chain` */
    uint32_t *buckets;
    uint32_t bucket_count; /* those in use */
    uint32_t bucket_max;
    uint32_t level; /* buckets at the last doubling */
    uint32_t changed_first;
    uint32_t changed_last;
    uint32_t dying; /* a dead node just reported: its memory goes at the next call */
    uint64_t live;
    uint64_t customers;
    snag_slab slab;
    snag_wheel wheel;
} snag_table;

/* Divides memory of the caller (zeroed): nodes, index, slab. */
void snag_table_init(snag_table *table, void *memory, size_t bytes);
uint32_t snag_table_hash(snag_str key);
/* Fetch what a later find will need, each step relying on the one before: the bucket; its first node (whose
 * index is returned); the node behind it while it is another's; the packed cell's bytes from `from` to
 * `to`. */
void snag_table_prefetch(const snag_table *table, uint32_t hash);
uint32_t snag_table_prefetch_node(const snag_table *table, uint32_t hash);
uint32_t snag_table_prefetch_chain(const snag_table *table, uint32_t index, uint32_t hash);
void snag_table_prefetch_cell(const snag_table *table, uint32_t index, uint32_t from, uint32_t to);
/* 0 where there is no such live cell (dead nodes are not found). */
uint32_t snag_table_find(const snag_table *table, snag_str key, uint32_t hash);
/* The same, with a guess where it is: what was prefetched. */
uint32_t snag_table_find_at(const snag_table *table, uint32_t index, snag_str key, uint32_t hash);
/* Adds a cell or wakes a dead node; parent 0 = a customer's own. 0 where memory is used up. */
uint32_t snag_table_add(snag_table *table, snag_str key, uint32_t hash, uint8_t scope,
                        uint32_t parent, snag_str bytes);
/* Gives a cell new bytes. False: memory is used up, nothing changed. */
bool snag_table_set(snag_table *table, uint32_t index, snag_str bytes);
/* Removes a cell; a customer's own must have no other cells left. It stays until it was reported where
 * `report`. */
void snag_table_remove(snag_table *table, uint32_t index, bool report);
void snag_table_change(snag_table *table, uint32_t index);
/* The next changed cell, dead ones with bytes.size 0; false where none is left. */
bool snag_table_changed(snag_table *table, snag_str *key, snag_str *bytes);
/* Room for one more event or timer, whatever it does. */
bool snag_table_has_room(const snag_table *table);

static inline snag_node *snag_table_node(const snag_table *table, uint32_t index)
{
    return &table->nodes[index];
}

static inline snag_str snag_table_key(const snag_table *table, uint32_t index)
{
    const snag_node *node = &table->nodes[index];
    return snag_str_of(snag_slab_at(&table->slab, node->blob), node->key_bytes);
}

static inline snag_str snag_table_bytes(const snag_table *table, uint32_t index)
{
    const snag_node *node = &table->nodes[index];
    const char *blob = snag_slab_at(&table->slab, node->blob);
    return snag_str_of(blob + node->key_bytes, node->blob_bytes);
}

#endif
