/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: CEL (github.com/google/cel-spec), parsed and type-checked once against named
 * variables, compiled to a flat program, evaluated without allocation and with a step limit.
 *
 *     text -> tokens -> tree -> types checked -> program (in the arena) -> value
 */
#ifndef SNAG_EXPR_EXPR_H
#define SNAG_EXPR_EXPR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/zone.h"
#include "event/event.h"

/* A name an expression may use. SNAG_KIND_DYN = known only at run time. */
typedef struct snag_expr_name {
    snag_str name; /* may be dotted ("properties.amount"): the longest match wins */
    snag_kind kind;
    uint32_t slot; /* index into `vars` at evaluation */
} snag_expr_name;

/* Where the time zones come from that an expression names, as in t.getHours("Europe/Berlin"): asked while it
 * is compiled, never later. `all` is asked where the name is not written in the expression. NULL: diag says
 * why. */
typedef struct snag_expr_zones {
    const snag_zone *(*get)(void *context, snag_str name, snag_diag *diag);
    const snag_zone_table *(*all)(void *context, snag_diag *diag);
    void *context;
} snag_expr_zones;

typedef struct snag_expr_scope {
    const snag_expr_name *names;
    size_t count;
    /* Unknown names become variables of kind DYN, numbered from `count` on, and are reported with
     * snag_expr_free_name (used for `= EXPRESSION` in a map, over the raw record). */
    bool open;
    const snag_expr_zones *zones; /* NULL: offsets only, such as "+02:00" and "UTC" */
} snag_expr_scope;

typedef struct snag_expr snag_expr; /* immutable; lives in the arena it was compiled into */

/* Bounds, each refused with a word: a longer text, deeper nesting, more work in one evaluation. */
#define SNAG_EXPR_BYTES_MAX 65536u
#define SNAG_EXPR_NESTING_MAX 128u  /* brackets, calls, signs inside each other */
#define SNAG_EXPR_HEIGHT_MAX 512u   /* also chains such as a + b + c …: each is one higher */
#define SNAG_EXPR_STEPS_MAX 1000000u /* about a step a loop instruction, a step a few bytes of text */

/* Compiles `text`. On failure diag holds what was expected and, for an unknown name, the nearest
 * known one; diag->column counts from 1 in `text`. `want` is the kind the result must have, or
 * SNAG_KIND_DYN for any. scratch is used during compilation only. */
SNAG_MUST_CHECK snag_err snag_expr_compile(snag_arena *arena, snag_str text,
                                           const snag_expr_scope *scope, snag_kind want,
                                           const snag_expr **out, snag_diag *diag);

/* The same in an open scope without the check: what it would refuse (operands of the wrong kind, unknown
 * functions, constants that have no value) fails when it is evaluated, as in CEL without its checker. */
SNAG_MUST_CHECK snag_err snag_expr_compile_unchecked(snag_arena *arena, snag_str text,
                                                     const snag_expr_scope *scope,
                                                     const snag_expr **out, snag_diag *diag);

/* Evaluates. vars[slot] are borrowed; an ABSENT variable makes has() false and its use an error.
 * The result may borrow from vars, from the expression and from `scratch` (reset by the caller).
 * SNAG_EVAL: no value (missing name, overflow, division by zero, step limit, scratch full …), with
 * the reason in diag (may be NULL). Never crashes, never loops, never allocates. */
SNAG_MUST_CHECK snag_err snag_expr_eval(const snag_expr *expr, const snag_value *vars,
                                        size_t var_count, snag_arena *scratch, snag_value *out,
                                        snag_diag *diag);

/* True only where the expression yields true; *erred says that it had no value. */
bool snag_expr_true(const snag_expr *expr, const snag_value *vars, size_t var_count,
                    snag_arena *scratch, bool *erred);

/* The kind of the result as far as the check knows it (DYN where it does not). */
snag_kind snag_expr_kind(const snag_expr *expr);
/* Bit (slot) of each of the first 64 slots that is used: what a decoder must deliver. */
uint64_t snag_expr_uses(const snag_expr *expr);
/* For an open scope: the i-th unknown name, in order of slot; false past the last. */
bool snag_expr_free_name(const snag_expr *expr, size_t i, snag_str *name);

#endif
