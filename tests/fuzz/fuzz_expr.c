/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile expressions: each is refused with words and a place inside the text, or compiled; then it has a
 * value or a fault. Where the checked program has a value, the unchecked one has the same. The input is
 * also matched, as a pattern, against itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "cli/typed.h"
#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1 << 20, SCRATCH_BYTES = 1 << 16 };

typedef struct room {
    char *blocks;
    snag_arena arena;
    snag_arena scratch;
} room;

static const snag_value items[] = {{.as.text = {"a", 1}, .kind = SNAG_KIND_TEXT},
                                   {.as.integer = -1, .kind = SNAG_KIND_INT},
                                   {.as.text = {"b.c", 3}, .kind = SNAG_KIND_TEXT},
                                   {.as.number = 0.5, .kind = SNAG_KIND_DOUBLE}};
static const snag_expr_name names[] = {
    {{"n", 1}, SNAG_KIND_INT, 0},      {{"u", 1}, SNAG_KIND_UINT, 1},  {{"d", 1}, SNAG_KIND_DOUBLE, 2},
    {{"t", 1}, SNAG_KIND_TEXT, 3},     {{"b", 1}, SNAG_KIND_BOOL, 4},  {{"at", 2}, SNAG_KIND_TIME, 5},
    {{"span", 4}, SNAG_KIND_DURATION, 6}, {{"l", 1}, SNAG_KIND_LIST, 7}, {{"m", 1}, SNAG_KIND_MAP, 8},
    {{"m.a", 3}, SNAG_KIND_DYN, 9},    {{"none", 4}, SNAG_KIND_TEXT, 10},
};
enum { NAMES = sizeof names / sizeof names[0] };
static const snag_value vars[NAMES] = {
    {.as.integer = INT64_MIN, .kind = SNAG_KIND_INT},
    {.as.unsigned_integer = UINT64_MAX, .kind = SNAG_KIND_UINT},
    {.as.number = 1e308, .kind = SNAG_KIND_DOUBLE},
    {.as.text = {"gr\xc3\xbc\xc3\x9f", 6}, .kind = SNAG_KIND_TEXT},
    {.as.boolean = true, .kind = SNAG_KIND_BOOL},
    {.as.time = {-1, 999999999}, .kind = SNAG_KIND_TIME},
    {.as.time = {-1, -999999999}, .kind = SNAG_KIND_DURATION},
    {.as.list = {items, 4}, .kind = SNAG_KIND_LIST},
    {.as.list = {items, 2}, .kind = SNAG_KIND_MAP},
    {.kind = SNAG_KIND_NULL},
    {.kind = SNAG_KIND_ABSENT},
};

/* Reads every byte of the value, so that a sanitizer sees what it borrows. */
static void look_at(const snag_value *value)
{
    char bytes[4096];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    SNAG_ASSERT(value->kind != SNAG_KIND_ERROR && value->kind != SNAG_KIND_ABSENT);
    snag_typed_put(&buf, value);
}

static bool evaluate(room *self, const snag_expr *expr, uint32_t columns, snag_value *value)
{
    snag_diag diag = {0};
    snag_err err = snag_expr_eval(expr, vars, NAMES, &self->scratch, value, &diag);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_EVAL);
    if (err)
        SNAG_ASSERT(diag.text[0] && diag.column <= columns);
    else
        look_at(value);
    return err == SNAG_OK;
}

static void try_expression(room *self, snag_str text, bool open)
{
    snag_diag diag = {0};
    const snag_expr *checked;
    const snag_expr *unchecked;
    snag_value value;
    snag_value other;
    const snag_expr_scope scope = {.names = names, .count = NAMES, .open = open};
    uint32_t columns = (uint32_t)snag_utf8_count(text) + 1;
    snag_arena_reset(&self->arena);
    snag_arena_reset(&self->scratch);
    snag_err err = snag_expr_compile(&self->arena, text, &scope, SNAG_KIND_DYN, &checked, &diag);
    SNAG_ASSERT(err == SNAG_OK || (err == SNAG_EXPR && diag.text[0] && diag.column <= columns));
    SNAG_ASSERT(err == SNAG_OK || self->arena.used == 0);
    bool has = !err && evaluate(self, checked, columns, &value);
    if (has)
        SNAG_ASSERT(snag_expr_kind(checked) == SNAG_KIND_DYN || snag_expr_kind(checked) == value.kind);
    if (snag_expr_compile_unchecked(&self->arena, text, &scope, &unchecked, &diag))
        return;
    bool too = evaluate(self, unchecked, columns, &other);
    /* The memory of the first may be missing to the second: only two values can be compared. */
    if (has && too)
        SNAG_ASSERT(snag_typed_equal(&value, &other));
}

static void try_pattern(room *self, snag_str text)
{
    static const snag_expr_name pair[] = {{{"a", 1}, SNAG_KIND_TEXT, 0}, {{"b", 1}, SNAG_KIND_TEXT, 1}};
    const snag_expr_scope scope = {.names = pair, .count = 2};
    const snag_expr *expr;
    const snag_value both[] = {snag_value_text(text), snag_value_text(text)};
    bool erred;
    snag_arena_reset(&self->arena);
    snag_arena_reset(&self->scratch);
    snag_err err = snag_expr_compile(&self->arena, SNAG_STR("a.matches(b)"), &scope, SNAG_KIND_BOOL,
                                     &expr, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    snag_expr_true(expr, both, 2, &self->scratch, &erred);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snag_str text = snag_str_of(data, size);
    room self = {.blocks = malloc(ARENA_BYTES + SCRATCH_BYTES)};
    SNAG_ASSERT(self.blocks != NULL);
    snag_arena_init(&self.arena, self.blocks, ARENA_BYTES);
    snag_arena_init(&self.scratch, self.blocks + ARENA_BYTES, SCRATCH_BYTES);
    try_expression(&self, text, false);
    try_expression(&self, text, true);
    try_pattern(&self, text);
    snag_arena_reset(&self.arena);
    snag_arena_reset(&self.scratch);
    free(self.blocks);
    return 0;
}
