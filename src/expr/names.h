/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name means: a macro's variable, a variable of the scope (dotted names: the longest match
 * wins), a type's name, or, in an open scope, a new variable.
 */
#ifndef SNAG_EXPR_NAMES_H
#define SNAG_EXPR_NAMES_H

#include "expr/tree.h"

typedef struct snag_local {
    snag_str name;
    const snag_type *type;
} snag_local;

typedef struct snag_check {
    snag_compilation *compilation;
    snag_local locals[SNAG_EXPR_NESTING_MAX + 1]; /* by level */
    uint32_t levels;
} snag_check;

/* The type of a kind; lists and maps hold anything. */
const snag_type *snag_type_of(snag_kind kind);

/* Turns a NAME, or a SELECT chain over one, into VAR, LOCAL or VALUE as far as names reach; sets
 * *found. A SELECT whose whole chain is no name stays what it is, with a resolved target. */
SNAG_MUST_CHECK snag_err snag_name_resolve(snag_check *check, snag_node *node, bool *found);

#endif
