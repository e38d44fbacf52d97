/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/paths.h"

#include <stdlib.h>

static snag_err no_memory(snag_diag *diag)
{
    return snag_fail(diag, SNAG_MEMORY, "no memory for the paths of a source");
}

/* Room for one more; arrays double. */
static bool make_room(void **items, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return true;
    uint32_t more = *room ? *room * 2 : 16;
    void *grown = realloc(*items, more * size);
    if (!grown)
        return false;
    *items = grown;
    *room = more;
    return true;
}

static bool add_node(snag_paths *paths, snag_str key, uint32_t *node)
{
    void *nodes = paths->nodes;
    if (!make_room(&nodes, paths->node_count, &paths->node_room, sizeof *paths->nodes))
        return false;
    paths->nodes = nodes;
    *node = paths->node_count++;
    paths->nodes[*node] = (snag_path_node){.key = key, .slot = -1};
    return true;
}

snag_err snag_paths_init(snag_paths *paths, snag_diag *diag)
{
    uint32_t root;
    *paths = (snag_paths){0};
    return add_node(paths, (snag_str){0}, &root) ? SNAG_OK : no_memory(diag);
}

void snag_paths_finish(snag_paths *paths)
{
    for (uint32_t i = 1; i < paths->node_count; i++)
        free((void *)(uintptr_t)paths->nodes[i].key.data);
    free(paths->nodes);
    free(paths->slots);
    *paths = (snag_paths){0};
}

/* The step at *at with "\." as a plain dot, into `key` (as large as the path); moves behind its dot. */
static size_t next_step(snag_str path, size_t *at, char *key)
{
    size_t size = 0;
    while (*at < path.size && path.data[*at] != '.') {
        bool escaped = path.data[*at] == '\\' && *at + 1 < path.size &&
                       (path.data[*at + 1] == '.' || path.data[*at + 1] == '\\');
        *at += escaped;
        key[size++] = path.data[(*at)++];
    }
    return size;
}

static bool child_of(snag_paths *paths, uint32_t parent, const char *text, size_t size,
                     uint32_t *child)
{
    *child = snag_paths_find(paths->nodes, parent, text, size);
    if (*child != SNAG_PATHS_NONE)
        return true;
    char *copy = malloc(size ? size : 1);
    if (!copy || !add_node(paths, snag_str_of(copy, size), child)) {
        free(copy);
        return false;
    }
    memcpy(copy, text, size);
    paths->nodes[*child].mark = snag_path_mark_of(text, size);
    paths->nodes[*child].next = paths->nodes[parent].child;
    paths->nodes[parent].child = *child;
    paths->nodes[parent].sizes |= UINT64_C(1) << (size & 63);
    return true;
}

static bool slot_of(snag_paths *paths, uint32_t node, snag_str path, uint32_t *slot)
{
    if (paths->nodes[node].slot < 0) {
        void *slots = paths->slots;
        if (!make_room(&slots, paths->slot_count, &paths->slot_room, sizeof *paths->slots))
            return false;
        paths->slots = slots;
        paths->slots[paths->slot_count] = path;
        paths->nodes[node].slot = (int32_t)paths->slot_count++;
    }
    *slot = (uint32_t)paths->nodes[node].slot;
    return true;
}

snag_err snag_paths_add(snag_paths *paths, snag_str path, uint32_t *slot, snag_diag *diag)
{
    uint32_t node = 0;
    size_t at = 0;
    char key[1024];
    if (path.size == 0 || path.size > sizeof key)
        return snag_fail(diag, SNAG_CONFIG, "a path has 1 to %zu bytes", sizeof key);
    for (bool more = true; more;) {
        size_t size = next_step(path, &at, key);
        if (size == 0)
            return snag_fail(diag, SNAG_CONFIG, "the path \"%.*s\" has an empty step",
                             SNAG_FMT(path));
        if (!child_of(paths, node, key, size, &node))
            return no_memory(diag);
        more = at < path.size;
        at += more;
        if (more && at == path.size)
            return snag_fail(diag, SNAG_CONFIG, "the path \"%.*s\" ends with a dot",
                             SNAG_FMT(path));
    }
    return slot_of(paths, node, path, slot) ? SNAG_OK : no_memory(diag);
}
