/* SPDX-License-Identifier: Apache-2.0
 *
 * The room's door: compile, evaluate, ask.
 *
 * One arena serves a compilation twice: the program grows from its front, tokens and tree lie in the
 * back half and are gone when it is done.
 *
 *     |used| program ->        | tree, tokens, folding ->        |
 */
#include "base/assert.h"
#include "base/utf8.h"
#include "expr/builtin.h"
#include "expr/tree.h"

enum { STACK_VALUES = 24 }; /* more come from the scratch arena */

static snag_err check_wanted(snag_compilation *c, const snag_node *root, snag_kind want)
{
    snag_kind kind = root->type->kind;
    if (c->unchecked || want == SNAG_KIND_DYN || kind == SNAG_KIND_DYN || kind == want)
        return SNAG_OK;
    return snag_compilation_fail(c, root->at, "the expression is %s, expected %s", snag_kind_word(kind),
                                 snag_kind_word(want));
}

static snag_err compile(snag_compilation *c, snag_arena *arena, snag_kind want, const snag_expr **out)
{
    snag_node *root;
    snag_expr *expr;
    c->free_names = snag_arena_take(c->temp, SNAG_FREE_NAMES_MAX * sizeof *c->free_names);
    if (!c->free_names)
        return snag_compilation_fail(c, 0, "the expression is too large for its memory");
    snag_err err = snag_expr_parse(c, &root);
    if (err || (err = snag_expr_check(c, root)) || (err = check_wanted(c, root, want)) ||
        (err = snag_expr_emit(c, root, arena, &expr)))
        return err;
    expr->want = want;
    *out = expr;
    return SNAG_OK;
}

/* With text, scope, diag and unchecked given. */
static snag_err compile_in(snag_compilation *c, snag_arena *arena, snag_kind want, const snag_expr **out)
{
    if (c->text.size > SNAG_EXPR_BYTES_MAX)
        return snag_fail(c->diag, SNAG_EXPR, "the expression is longer than %u bytes",
                         SNAG_EXPR_BYTES_MAX);
    if (!snag_utf8_valid(c->text))
        return snag_fail(c->diag, SNAG_EXPR, "the expression holds bytes that are not UTF-8");
    size_t size = arena->size;
    size_t used = arena->used;
    size_t front = (used + (size - used) / 2) & ~(size_t)15;
    if (front < used)
        front = used;
    snag_arena temp;
    snag_arena_init(&temp, arena->block + front, size - front);
    c->temp = &temp;
    arena->size = front;
    snag_err err = compile(c, arena, want, out);
    arena->size = size;
    if (err)
        arena->used = used;
    snag_arena_reset(&temp);
    return err;
}

snag_err snag_expr_compile(snag_arena *arena, snag_str text, const snag_expr_scope *scope, snag_kind want,
                           const snag_expr **out, snag_diag *diag)
{
    snag_compilation compilation = {.text = text, .scope = scope, .diag = diag};
    return compile_in(&compilation, arena, want, out);
}

snag_err snag_expr_compile_unchecked(snag_arena *arena, snag_str text, const snag_expr_scope *scope,
                                     const snag_expr **out, snag_diag *diag)
{
    snag_expr_scope open = *scope;
    open.open = true;
    snag_compilation compilation = {.text = text, .scope = &open, .diag = diag, .unchecked = true};
    return compile_in(&compilation, arena, SNAG_KIND_DYN, out);
}

/* The value, in `local` or on the scratch. */
static const snag_value *evaluate(const snag_expr *expr, const snag_value *vars, size_t var_count,
                                  snag_arena *scratch, snag_value local[STACK_VALUES])
{
    snag_value *stack = local;
    snag_evaluation eval = {.expr = expr,
                            .vars = vars,
                            .var_count = var_count,
                            .scratch = scratch,
                            .steps = SNAG_EXPR_STEPS_MAX};
    if (expr->height > STACK_VALUES) {
        stack = snag_arena_take(scratch, expr->height * sizeof *stack);
        if (!stack) {
            local[0] = snag_fault_plain(SNAG_FAULT_SCRATCH);
            return local;
        }
    }
    return snag_evaluation_run(&eval, stack, 0, 0);
}

snag_err snag_expr_eval(const snag_expr *expr, const snag_value *vars, size_t var_count,
                        snag_arena *scratch, snag_value *out, snag_diag *diag)
{
    snag_value local[STACK_VALUES];
    *out = *evaluate(expr, vars, var_count, scratch, local);
    if (expr->want != SNAG_KIND_DYN && out->kind != expr->want && out->kind != SNAG_KIND_ERROR)
        *out = snag_fault_value(SNAG_FAULT_RESULT, NULL, out->kind, expr->want);
    return out->kind == SNAG_KIND_ERROR ? snag_fault_tell(out, diag) : SNAG_OK;
}

bool snag_expr_true(const snag_expr *expr, const snag_value *vars, size_t var_count, snag_arena *scratch,
                    bool *erred)
{
    snag_value local[STACK_VALUES];
    const snag_value *value = evaluate(expr, vars, var_count, scratch, local);
    *erred = value->kind != SNAG_KIND_BOOL;
    return value->kind == SNAG_KIND_BOOL && value->as.boolean;
}

snag_kind snag_expr_kind(const snag_expr *expr)
{
    return expr->kind;
}

uint64_t snag_expr_uses(const snag_expr *expr)
{
    return expr->used_slots;
}

bool snag_expr_free_name(const snag_expr *expr, size_t i, snag_str *name)
{
    if (i >= expr->free_count)
        return false;
    *name = expr->free_names[i];
    return true;
}
