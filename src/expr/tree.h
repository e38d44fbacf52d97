/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree between parser and program. Nodes live in the temporary arena of one compilation.
 *
 *     amount > 1 && has(x)          AND
 *                                  /   \
 *                          BINARY >     HAS        children are a list: first, then next, next …
 *                           /   \         |
 *                    NAME amount VALUE 1  NAME x
 */
#ifndef SNAG_EXPR_TREE_H
#define SNAG_EXPR_TREE_H

#include "expr/lexer.h"
#include "expr/program.h"

typedef enum snag_node_kind {
    SNAG_NODE_VALUE,  /* a literal: value */
    SNAG_NODE_NAME,   /* a name, until the check has found what it is; rooted: written ".name" */
    SNAG_NODE_VAR,    /* a variable: slot, name */
    SNAG_NODE_LOCAL,  /* a macro's variable: slot = its level, how many macros stand around it */
    SNAG_NODE_SELECT, /* first.name */
    SNAG_NODE_HAS,    /* has(first) */
    SNAG_NODE_INDEX,  /* first[second] */
    SNAG_NODE_CALL,   /* name(first, …) or first.name(second, …): method */
    SNAG_NODE_NOT,
    SNAG_NODE_NEGATE,
    SNAG_NODE_BINARY, /* sign: a token's kind */
    SNAG_NODE_LOGIC,  /* sign: AND or OR, two or more children */
    SNAG_NODE_CHOOSE, /* first ? second : third */
    SNAG_NODE_LIST,
    SNAG_NODE_MAP,    /* key, value, key, value … */
    SNAG_NODE_LOOP    /* sign: a snag_loop; range, predicate, for map also the value; name: variable */
} snag_node_kind;

/* What the check knows of a value; item and key only for lists and maps. */
typedef struct snag_type {
    snag_kind kind;
    const struct snag_type *key;
    const struct snag_type *item;
} snag_type;

struct snag_builtin;

typedef struct snag_node {
    snag_node_kind kind;
    int sign;
    bool method;
    bool rooted;
    bool quoted;      /* SELECT: the name stood in backticks */
    uint32_t at;      /* byte offset of what is named in messages: the sign, the name, the value */
    uint32_t height;  /* 1 for a leaf */
    uint32_t count;   /* children */
    uint32_t slot;
    uint32_t reach;   /* what its value depends on: SNAG_REACH_…, or 1 + the outermost macro's level */
    snag_str name;
    snag_value value;
    const snag_type *type;
    const struct snag_builtin *builtin; /* CALL; NULL: unknown (only where nothing is checked) */
    struct snag_node *first;
    struct snag_node *next;
} snag_node;

/* One compilation's means. */
typedef struct snag_compilation {
    snag_str text;
    const snag_expr_scope *scope;
    snag_arena *temp;
    snag_diag *diag;
    bool unchecked; /* see snag_expr_compile_unchecked */
    uint32_t nodes;
    snag_str *free_names; /* of an open scope, in order of slot */
    uint32_t free_count;
    uint64_t uses;
} snag_compilation;

enum {
    SNAG_FREE_NAMES_MAX = 64,
    SNAG_REACH_VARS = 0 /* variables */
};
#define SNAG_REACH_NONE UINT32_MAX /* nothing: it can be computed at load */

SNAG_MUST_CHECK snag_err snag_expr_parse(snag_compilation *compilation, snag_node **root);
/* Resolves names, finds functions, gives every node its type. */
SNAG_MUST_CHECK snag_err snag_expr_check(snag_compilation *compilation, snag_node *root);
/* Finds the zone that a call's argument `asked` names; `zones` gathers each once, expr counts them. */
SNAG_MUST_CHECK snag_err snag_expr_use_zone(snag_compilation *compilation, const snag_node *asked,
                                            snag_expr *expr, const snag_zone **zones);
/* The program in `arena`. */
SNAG_MUST_CHECK snag_err snag_expr_emit(snag_compilation *compilation, snag_node *root,
                                        snag_arena *arena, snag_expr **out);

#define snag_compilation_fail(compilation, at, ...) \
    snag_lexer_fail((compilation)->text, (at), (compilation)->diag, __VA_ARGS__)

#endif
