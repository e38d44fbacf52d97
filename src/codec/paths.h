/* SPDX-License-Identifier: Apache-2.0
 *
 * The wanted paths of a source as a tree, so that one walk through a record finds them all.
 *
 *     userId              root -+- userId          slot 0
 *     properties.callId         +- properties -+- callId  slot 1
 *     properties.line                          +- line    slot 2
 *
 * A path is dotted; "\." is a dot inside a step. Equal paths share a slot.
 */
#ifndef SNAG_CODEC_PATHS_H
#define SNAG_CODEC_PATHS_H

#include "base/err.h"

enum { SNAG_PATHS_NONE = 0 }; /* no node: the root (0) is nobody's child */

/* A key's size and two words of its bytes: equal for equal keys, and up to 16 bytes only for those. */
typedef struct snag_path_mark {
    uint64_t head;
    uint64_t tail;
    size_t size;
} snag_path_mark;

typedef struct snag_path_node {
    snag_path_mark mark;
    snag_str key;
    uint64_t sizes; /* bit (size % 64) of each child's key: most strangers are known by their length */
    uint32_t child; /* the first */
    uint32_t next;  /* sibling */
    int32_t slot;   /* -1 = nobody wants the value itself */
} snag_path_node;

typedef struct snag_paths {
    snag_path_node *nodes;
    uint32_t node_count;
    uint32_t node_room;
    snag_str *slots; /* the path of each slot, as written; borrowed from the source's mapping */
    uint32_t slot_count;
    uint32_t slot_room;
    /* The list at this slot is read item by item, each by these paths from its root on; NULL = none is. */
    const struct snag_paths *items;
    uint32_t items_slot;
} snag_paths;

SNAG_MUST_CHECK snag_err snag_paths_init(snag_paths *paths, snag_diag *diag);
void snag_paths_finish(snag_paths *paths);
/* Adds a path, or finds it. `path` is borrowed for the life of the tree. */
SNAG_MUST_CHECK snag_err snag_paths_add(snag_paths *paths, snag_str path, uint32_t *slot,
                                        snag_diag *diag);

static inline uint64_t snag_path_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* Reads nothing outside of the key; pieces may overlap. */
static inline snag_path_mark snag_path_mark_of(const char *key, size_t size)
{
    snag_path_mark mark = {.size = size};
    uint32_t first;
    uint32_t last;
    if (size >= 8) {
        mark.head = snag_path_word(key);
        mark.tail = snag_path_word(key + size - 8);
    } else if (size >= 4) {
        memcpy(&first, key, 4);
        memcpy(&last, key + size - 4, 4);
        mark.head = (uint64_t)last << 32 | first;
    } else if (size > 0) {
        mark.head = (uint64_t)(unsigned char)key[0] << 16 |
                    (uint64_t)(unsigned char)key[size / 2] << 8 | (unsigned char)key[size - 1];
    }
    return mark;
}

static inline bool snag_path_is(const snag_path_node *node, snag_path_mark mark, const char *key)
{
    return node->mark.head == mark.head && node->mark.tail == mark.tail &&
           node->mark.size == mark.size &&
           (mark.size <= 16 || memcmp(node->key.data, key, mark.size) == 0);
}

/* The child of this name, or SNAG_PATHS_NONE. */
static inline uint32_t snag_paths_find(const snag_path_node *nodes, uint32_t node, const char *key,
                                       size_t size)
{
    if (!(nodes[node].sizes >> (size & 63) & 1))
        return SNAG_PATHS_NONE;
    snag_path_mark mark = snag_path_mark_of(key, size);
    uint32_t child = nodes[node].child;
    while (child != SNAG_PATHS_NONE && !snag_path_is(&nodes[child], mark, key))
        child = nodes[child].next;
    return child;
}

#endif
