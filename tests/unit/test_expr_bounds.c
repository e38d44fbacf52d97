/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile expressions: too long, too deep, too much work, too little memory. Each is refused with a
 * word, in little time, and leaves the arena as it was.
 */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "expr/expr.h"

enum { ARENA_BYTES = 1 << 24, SCRATCH_BYTES = 1 << 20, TEXT_BYTES = 1 << 20 };

typedef struct room {
    char *arena_block;
    char *scratch_block;
    char *text; /* TEXT_BYTES */
    snag_arena arena;
    snag_arena scratch;
    snag_diag diag;
} room;

static int set_up(void **state)
{
    room *self = calloc(1, sizeof *self);
    self->arena_block = malloc(ARENA_BYTES);
    self->scratch_block = malloc(SCRATCH_BYTES);
    self->text = malloc(TEXT_BYTES);
    snag_arena_init(&self->arena, self->arena_block, ARENA_BYTES);
    snag_arena_init(&self->scratch, self->scratch_block, SCRATCH_BYTES);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    room *self = *state;
    snag_arena_reset(&self->arena);
    snag_arena_reset(&self->scratch);
    free(self->arena_block);
    free(self->scratch_block);
    free(self->text);
    free(self);
    return 0;
}

static const snag_expr_name names[] = {{{"l", 1}, SNAG_KIND_LIST, 0}, {{"t", 1}, SNAG_KIND_TEXT, 1}};
static const snag_expr_scope scope = {.names = names, .count = 2};

static snag_err compile(room *self, snag_str text, const snag_expr **expr)
{
    self->diag = (snag_diag){.column = 0};
    return snag_expr_compile(&self->arena, text, &scope, SNAG_KIND_DYN, expr, &self->diag);
}

/* `piece` repeated, with `before` and `behind`. */
static snag_str repeated(room *self, const char *before, const char *piece, size_t times,
                         const char *behind)
{
    snag_buf buf = snag_buf_on(self->text, TEXT_BYTES);
    snag_buf_str_put(&buf, snag_str_from(before));
    for (size_t i = 0; i < times; i++)
        snag_buf_str_put(&buf, snag_str_from(piece));
    snag_buf_str_put(&buf, snag_str_from(behind));
    assert_false(buf.full);
    return snag_buf_str(&buf);
}

static void refuses(room *self, snag_str text, const char *words)
{
    const snag_expr *expr;
    size_t used = self->arena.used;
    assert_int_equal(compile(self, text, &expr), SNAG_EXPR);
    assert_string_equal(self->diag.text, words);
    assert_int_equal(self->arena.used, used);
}

static void nesting_is_bounded(void **state)
{
    room *self = *state;
    const snag_expr *expr;
    refuses(self, repeated(self, "", "(", 60000, ""), "nested more than 128 deep");
    refuses(self, repeated(self, "", "[", 60000, ""), "nested more than 128 deep");
    refuses(self, repeated(self, "", "{1:", 20000, ""), "nested more than 128 deep");
    refuses(self, repeated(self, "", "!", 60000, "true"), "nested more than 128 deep");
    refuses(self, repeated(self, "", "- ", 30000, "1"), "nested more than 128 deep");
    refuses(self, repeated(self, "", "true ? 1 : ", 5000, "2"), "nested more than 128 deep");
    refuses(self, repeated(self, "", "l.all(x, ", 5000, ""), "nested more than 128 deep");
    refuses(self, repeated(self, "", "size(", 10000, ""), "nested more than 128 deep");
    refuses(self, repeated(self, "1", " + 1", 10000, ""),
            "the expression is nested or chained more than 512 deep");
    refuses(self, repeated(self, "{}", ".a", 20000, ""),
            "the expression is nested or chained more than 512 deep");
    refuses(self, repeated(self, "l", "[0]", 20000, ""),
            "the expression is nested or chained more than 512 deep");
    assert_int_equal(compile(self, repeated(self, "", "(", 120, ""), &expr), SNAG_EXPR);
    assert_int_equal(compile(self, repeated(self, "1", " + 1", 500, ""), &expr), SNAG_OK);
    assert_int_equal(compile(self, repeated(self, "true", " && l[0]", 8000, ""), &expr), SNAG_OK);
}

static void length_is_bounded(void **state)
{
    room *self = *state;
    const snag_expr *expr;
    refuses(self, repeated(self, "t", " ", TEXT_BYTES - 2, ""), "the expression is longer than 65536 bytes");
    assert_int_equal(compile(self, repeated(self, "t", " ", 65000, ""), &expr), SNAG_OK);
    assert_int_equal(compile(self, repeated(self, "[1", ",1", 32000, "]"), &expr), SNAG_OK);
    assert_int_equal(compile(self, repeated(self, "[l", ",l", 32000, "]"), &expr), SNAG_OK);
    refuses(self, repeated(self, "t == 'a", "a", 60000, ""),
            "the text that begins here has no closing ' on its line");
    refuses(self, repeated(self, "1", "1", 60000, ""), "the number does not fit into 64 bits");
    refuses(self, repeated(self, "1.", "1", 60000, ""), "the number has too many digits");
    refuses(self, repeated(self, "a", "a", 60000, ""), "the name is longer than 512 bytes");
}

static snag_err evaluate(room *self, snag_str text, size_t items, snag_str t)
{
    const snag_expr *expr;
    snag_value *list = calloc(items + 1, sizeof *list);
    snag_value value;
    for (size_t i = 0; i < items; i++)
        list[i] = snag_value_int((int64_t)i);
    const snag_value vars[] = {{.as.list = {list, items}, .kind = SNAG_KIND_LIST}, snag_value_text(t)};
    snag_arena_reset(&self->scratch);
    assert_int_equal(compile(self, text, &expr), SNAG_OK);
    self->diag = (snag_diag){.column = 0};
    snag_err err = snag_expr_eval(expr, vars, 2, &self->scratch, &value, &self->diag);
    free(list);
    return err;
}

static void steps_are_bounded(void **state)
{
    room *self = *state;
    snag_str none = SNAG_STR("");
    assert_int_equal(evaluate(self, SNAG_STR("l.all(a, l.all(b, l.all(c, a + b + c >= 0)))"), 400, none),
                     SNAG_EVAL);
    assert_string_equal(self->diag.text, "the evaluation takes too many steps");
    assert_int_equal(evaluate(self, SNAG_STR("l.all(a, l.all(b, a + b >= 0))"), 100, none), SNAG_OK);
    /* The limit is not absorbed by the macros around it. */
    assert_int_equal(
        evaluate(self, SNAG_STR("l.exists(a, l.exists(b, l.exists(c, l.exists(d, d < 0))))"), 400, none),
        SNAG_EVAL);
    assert_int_equal(evaluate(self, SNAG_STR("l.all(a, l == l && !(l != l))"), 4000, none), SNAG_EVAL);
    assert_int_equal(evaluate(self, SNAG_STR("l.all(a, (a + 100000) in l || true)"), 4000, none), SNAG_EVAL);
}

static void texts_cost_steps(void **state)
{
    room *self = *state;
    snag_str many = repeated(self, "", "a", 400000, "");
    char *copy = malloc(many.size);
    memcpy(copy, many.data, many.size);
    many.data = copy;
    snag_str part = repeated(self, "t.contains('", "a", 60000, "b')");
    assert_int_equal(evaluate(self, part, 0, many), SNAG_EVAL);
    assert_string_equal(self->diag.text, "the evaluation takes too many steps");
    assert_int_equal(evaluate(self, SNAG_STR("t.matches('(a*)*(a|aa){100}b')"), 0, many), SNAG_EVAL);
    assert_string_equal(self->diag.text, "the evaluation takes too many steps");
    assert_int_equal(evaluate(self, SNAG_STR("l.all(x, size(t) > 0)"), 1000, many), SNAG_EVAL);
    free(copy);
}

static void scratch_is_bounded(void **state)
{
    room *self = *state;
    snag_str none = SNAG_STR("");
    assert_int_equal(evaluate(self, SNAG_STR("l.map(a, l.map(b, [a, b]))"), 500, none), SNAG_EVAL);
    assert_string_equal(self->diag.text, "the evaluation needs more memory than it has");
    snag_str many = repeated(self, "", "a", 300000, "");
    assert_int_equal(evaluate(self, SNAG_STR("size(t + t + t + t) > 0"), 0, many), SNAG_EVAL);
    assert_string_equal(self->diag.text, "the evaluation needs more memory than it has");

    /* None at all: what needs none still works, the rest says so. */
    const snag_expr *expr;
    snag_value value;
    snag_arena empty;
    snag_arena_init(&empty, NULL, 0);
    const snag_value vars[] = {{.as.list = {NULL, 0}, .kind = SNAG_KIND_LIST},
                               snag_value_text(SNAG_STR("x"))};
    assert_int_equal(compile(self, SNAG_STR("t == 'x' && t in ['y', 'x'] && t.matches('^x')"), &expr),
                     SNAG_OK);
    assert_int_equal(snag_expr_eval(expr, vars, 2, &empty, &value, NULL), SNAG_OK);
    assert_true(value.as.boolean);
    assert_int_equal(compile(self, SNAG_STR("t + t == 'xx'"), &expr), SNAG_OK);
    assert_int_equal(snag_expr_eval(expr, vars, 2, &empty, &value, NULL), SNAG_EVAL);
    assert_int_equal(compile(self, SNAG_STR("t.matches('^x+$')"), &expr), SNAG_OK);
    bool erred;
    assert_false(snag_expr_true(expr, vars, 2, &empty, &erred));
    assert_true(erred);
}

static void patterns_are_bounded(void **state)
{
    room *self = *state;
    const snag_expr *expr;
    refuses(self, SNAG_STR("t.matches('(a{1000}){1000}')"),
            "the pattern is not valid: it is too large: more than 4096 steps with its repetitions");
    refuses(self, SNAG_STR("t.matches('((((a{30}){30}){30}){30}){30}')"),
            "the pattern is not valid: it is too large: more than 4096 steps with its repetitions");
    refuses(self, SNAG_STR("t.matches('a{1001}')"),
            "the pattern is not valid: more than 1000 repetitions");
    refuses(self, repeated(self, "t.matches('", "(", 20000, "')"),
            "the pattern is not valid: its groups are nested more than 100 deep");
    refuses(self, repeated(self, "t.matches('", "a|b?", 10000, "')"),
            "the pattern is not valid: it is too large: more than 4096 steps with its repetitions");
    refuses(self, repeated(self, "t.matches('[", "ac", 20000, "]')"),
            "the pattern is not valid: […] holds more than 256 ranges");
    assert_int_equal(compile(self, repeated(self, "t.matches('", "a", 60000, "')"), &expr), SNAG_OK);
}

/* Whatever the arena's size: it works or it is refused, and the arena is as it was. */
static void small_arenas_are_refused(void **state)
{
    room *self = *state;
    static const char text[] = "t.matches('^a+b') && [1, 2].all(x, x in l || t + 'x' == {'a': 'b'}.a)";
    bool worked = false;
    for (size_t size = 0; size < 40000; size += 16) {
        char *block = malloc(size + 1);
        snag_arena arena;
        const snag_expr *expr;
        snag_arena_init(&arena, block, size);
        snag_err err = snag_expr_compile(&arena, snag_str_from(text), &scope, SNAG_KIND_BOOL, &expr,
                                         &self->diag);
        assert_true(err == SNAG_OK || arena.used == 0);
        worked = worked || err == SNAG_OK;
        snag_arena_reset(&arena);
        free(block);
    }
    assert_true(worked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nesting_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(length_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(steps_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_cost_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scratch_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patterns_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_arenas_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
