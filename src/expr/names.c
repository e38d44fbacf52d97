/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/names.h"

#include "base/assert.h"
#include "base/nearest.h"

enum { PATH_BYTES_MAX = 512 };

/* Type names CEL knows as values: type(x) == string. */
static const struct {
    const char *name;
    snag_kind kind;
} type_names[] = {
    {"bool", SNAG_KIND_BOOL},
    {"int", SNAG_KIND_INT},
    {"uint", SNAG_KIND_UINT},
    {"double", SNAG_KIND_DOUBLE},
    {"string", SNAG_KIND_TEXT},
    {"bytes", SNAG_KIND_BYTES},
    {"list", SNAG_KIND_LIST},
    {"map", SNAG_KIND_MAP},
    {"null_type", SNAG_KIND_NULL},
    {"type", SNAG_KIND_TYPE},
    {"google.protobuf.Timestamp", SNAG_KIND_TIME},
    {"google.protobuf.Duration", SNAG_KIND_DURATION},
};

#define X(name, word) [SNAG_KIND_##name] = {SNAG_KIND_##name, &types[SNAG_KIND_DYN], &types[SNAG_KIND_DYN]},
static const snag_type types[SNAG_KIND_COUNT] = {SNAG_KIND_TABLE(X)};
#undef X

const snag_type *snag_type_of(snag_kind kind)
{
    SNAG_ASSERT(kind < SNAG_KIND_COUNT);
    return &types[kind];
}

static void become_var(snag_check *check, snag_node *node, snag_str name, snag_kind kind, uint32_t slot)
{
    node->kind = SNAG_NODE_VAR;
    node->name = name;
    node->slot = slot;
    node->type = snag_type_of(kind);
    node->reach = SNAG_REACH_VARS;
    if (slot < 64)
        check->compilation->uses |= UINT64_C(1) << slot;
}

static bool find_var(snag_check *check, snag_node *node, snag_str path)
{
    const snag_expr_scope *scope = check->compilation->scope;
    for (size_t i = 0; i < scope->count; i++) {
        if (!snag_str_equal(scope->names[i].name, path))
            continue;
        become_var(check, node, scope->names[i].name, scope->names[i].kind, scope->names[i].slot);
        return true;
    }
    return false;
}

static bool find_local(snag_check *check, snag_node *node)
{
    if (node->rooted)
        return false;
    for (uint32_t level = check->levels; level-- > 0;) {
        if (!snag_str_equal(check->locals[level].name, node->name))
            continue;
        node->kind = SNAG_NODE_LOCAL;
        node->slot = level;
        node->type = check->locals[level].type;
        node->reach = level + 1;
        return true;
    }
    return false;
}

static bool find_type(snag_node *node, snag_str path)
{
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (!snag_str_equal(path, snag_str_from(type_names[i].name)))
            continue;
        node->kind = SNAG_NODE_VALUE;
        node->value = (snag_value){.as.type = type_names[i].kind, .kind = SNAG_KIND_TYPE};
        node->type = snag_type_of(SNAG_KIND_TYPE);
        node->reach = SNAG_REACH_NONE;
        return true;
    }
    return false;
}

/* "a.b.c" of a chain; a point inside a quoted step is written "\." as in mappings. False: too long. */
static bool write_path(const snag_node *node, bool escape, snag_buf *path)
{
    if (node->kind == SNAG_NODE_SELECT) {
        if (!write_path(node->first, escape, path))
            return false;
        snag_buf_byte(path, '.');
    }
    for (size_t i = 0; i < node->name.size; i++) {
        if (escape && node->quoted && (node->name.data[i] == '.' || node->name.data[i] == '\\'))
            snag_buf_byte(path, '\\');
        snag_buf_byte(path, node->name.data[i]);
    }
    return !path->full;
}

/* The longest part of the chain that is a known name becomes a VAR. */
static bool find_longest(snag_check *check, snag_node *node)
{
    char bytes[PATH_BYTES_MAX];
    for (snag_node *at = node;; at = at->first) {
        snag_buf path = snag_buf_on(bytes, sizeof bytes);
        if (write_path(at, false, &path) &&
            (find_var(check, at, snag_buf_str(&path)) || find_type(at, snag_buf_str(&path))))
            return true;
        if (at->kind != SNAG_NODE_SELECT)
            return false;
    }
}

static snag_err unknown(snag_check *check, const snag_node *root, snag_str path)
{
    const snag_expr_scope *scope = check->compilation->scope;
    snag_nearest whole = {.wanted = path};
    snag_nearest first = {.wanted = root->name};
    for (size_t i = 0; i < scope->count; i++) {
        snag_nearest_offer(&whole, scope->names[i].name);
        snag_nearest_offer(&first, scope->names[i].name);
    }
    for (uint32_t i = 0; i < check->levels; i++)
        snag_nearest_offer(&first, check->locals[i].name);
    snag_str best = whole.best.size ? whole.best : first.best;
    snag_str shown = path.size > 80 ? snag_str_of(path.data, 80) : path;
    if (best.size)
        return snag_compilation_fail(check->compilation, root->at,
                                     "there is no name %.*s; did you mean %.*s?", SNAG_FMT(shown),
                                     SNAG_FMT(best));
    return snag_compilation_fail(check->compilation, root->at,
                                 "there is no name %.*s here; a text is written in quotes",
                                 SNAG_FMT(shown));
}

static snag_err free_var(snag_check *check, snag_node *node, const snag_node *root, snag_str path)
{
    snag_compilation *c = check->compilation;
    uint32_t slot;
    for (slot = 0; slot < c->free_count; slot++)
        if (snag_str_equal(c->free_names[slot], path))
            break;
    if (slot == c->free_count) {
        snag_str kept = snag_arena_copy(c->temp, path);
        if (slot == SNAG_FREE_NAMES_MAX || !kept.data)
            return snag_compilation_fail(c, root->at, "more than %d different names",
                                         SNAG_FREE_NAMES_MAX);
        c->free_names[c->free_count++] = kept;
    }
    become_var(check, node, c->free_names[slot], SNAG_KIND_DYN, (uint32_t)c->scope->count + slot);
    return SNAG_OK;
}

snag_err snag_name_resolve(snag_check *check, snag_node *node, bool *found)
{
    char bytes[PATH_BYTES_MAX];
    snag_node *root = node;
    *found = true;
    while (root->kind == SNAG_NODE_SELECT)
        root = root->first;
    if (root->kind != SNAG_NODE_NAME) {
        *found = false;
        return SNAG_OK;
    }
    if (find_local(check, root) || find_longest(check, node)) {
        *found = node->kind != SNAG_NODE_SELECT;
        return SNAG_OK;
    }
    snag_buf path = snag_buf_on(bytes, sizeof bytes);
    if (!write_path(node, check->compilation->scope->open, &path))
        return snag_compilation_fail(check->compilation, root->at, "the name is longer than %d bytes",
                                     PATH_BYTES_MAX);
    if (check->compilation->scope->open)
        return free_var(check, node, root, snag_buf_str(&path));
    return unknown(check, root, snag_buf_str(&path));
}
