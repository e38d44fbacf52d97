/* SPDX-License-Identifier: Apache-2.0
 *
 * What an expression tells about itself: its kind, the slots it uses, free names of an open scope; and
 * what it is given: missing variables, values of another kind than declared.
 */
#include "unit/check.h"

#include <stdlib.h>

#include "expr/builtin.h"
#include "expr/expr.h"

enum { ARENA_BYTES = 1 << 20, SCRATCH_BYTES = 1 << 14 };

static char arena_block[ARENA_BYTES];
static char scratch_block[SCRATCH_BYTES];
static snag_diag diag;

static const snag_expr_name names[] = {{{"amount", 6}, SNAG_KIND_DOUBLE, 3},
                                       {{"country", 7}, SNAG_KIND_TEXT, 63},
                                       {{"late", 4}, SNAG_KIND_BOOL, 70}};

static const snag_expr *compile(const char *text, bool open, snag_kind want)
{
    static snag_arena arena;
    const snag_expr *expr = NULL;
    const snag_expr_scope scope = {.names = names, .count = 3, .open = open};
    snag_arena_init(&arena, arena_block, sizeof arena_block);
    diag = (snag_diag){.column = 0};
    snag_err err = snag_expr_compile(&arena, snag_str_from(text), &scope, want, &expr, &diag);
    return err ? NULL : expr;
}

static void kinds_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        snag_kind kind;
    } rows[] = {
        {"amount + 1.0", SNAG_KIND_DOUBLE},  {"amount > 1", SNAG_KIND_BOOL},
        {"[1, 2][0]", SNAG_KIND_INT},        {"[1, 'a'][0]", SNAG_KIND_DYN},
        {"[amount][0]", SNAG_KIND_DOUBLE},   {"{'a': country}.a", SNAG_KIND_TEXT},
        {"late ? 1 : 2", SNAG_KIND_INT},     {"late ? 1 : 'a'", SNAG_KIND_DYN},
        {"[amount].map(x, x > 1)[0]", SNAG_KIND_BOOL},
        {"timestamp('2026-01-05T00:00:00Z') - duration('1h')", SNAG_KIND_TIME},
        {"dyn(amount)", SNAG_KIND_DYN},
        {"type(amount)", SNAG_KIND_TYPE},    {"[country].filter(c, c != '')", SNAG_KIND_LIST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const snag_expr *expr = compile(rows[i].text, false, SNAG_KIND_DYN);
        assert_non_null(expr);
        assert_int_equal(snag_expr_kind(expr), rows[i].kind);
    }
}

static void wanted_kinds_are_checked(void **state)
{
    (void)state;
    snag_arena scratch;
    snag_value value;
    assert_null(compile("amount + 1.0", false, SNAG_KIND_BOOL));
    assert_string_equal(diag.text, "the expression is double, expected bool");
    assert_int_equal(diag.column, 8);
    const snag_expr *expr = compile("dyn(amount)", false, SNAG_KIND_BOOL);
    assert_non_null(expr);
    snag_value vars[4] = {{.kind = SNAG_KIND_ABSENT}};
    vars[3] = (snag_value){.as.number = 2, .kind = SNAG_KIND_DOUBLE};
    snag_arena_init(&scratch, scratch_block, sizeof scratch_block);
    assert_int_equal(snag_expr_eval(expr, vars, 4, &scratch, &value, &diag), SNAG_EVAL);
    assert_string_equal(diag.text, "the result is double, expected bool");
    bool erred;
    assert_false(snag_expr_true(expr, vars, 4, &scratch, &erred));
    assert_true(erred);
}

static void uses_are_bits_of_slots(void **state)
{
    (void)state;
    assert_true(snag_expr_uses(compile("amount > 1", false, SNAG_KIND_DYN)) == UINT64_C(1) << 3);
    assert_true(snag_expr_uses(compile("has(country) || late", false, SNAG_KIND_DYN)) == UINT64_C(1) << 63);
    assert_true(snag_expr_uses(compile("[1].map(amount, amount)", false, SNAG_KIND_DYN)) == 0);
    assert_true(snag_expr_uses(compile("1 + 1", false, SNAG_KIND_DYN)) == 0);
}

static void free_names_are_paths(void **state)
{
    (void)state;
    static const char *const wanted[] = {"properties.user.name", "properties.items", "a.b\\.c", "x"};
    snag_str name;
    const snag_expr *expr = compile("properties.user.name == 'ann' && properties.items[0].price > 1 && "
                                    "a.`b.c` != 1 && has(x) && x > 1 && amount > 1 && "
                                    "properties.user.name.startsWith('a') && [1].all(y, y > 0)",
                                    true, SNAG_KIND_BOOL);
    assert_non_null(expr);
    for (size_t i = 0; i < 4; i++) {
        assert_true(snag_expr_free_name(expr, i, &name));
        assert_true(snag_str_equal(name, snag_str_from(wanted[i])));
    }
    assert_false(snag_expr_free_name(expr, 4, &name));
    /* Numbered behind the names: 3, 4, 5, 6; amount has 3, too, by its own choice. */
    assert_true(snag_expr_uses(expr) == UINT64_C(0x78));
    assert_false(snag_expr_free_name(compile("amount > 1", true, SNAG_KIND_BOOL), 0, &name));
}

static void missing_variables_are_absent(void **state)
{
    (void)state;
    snag_arena scratch;
    snag_value value;
    const snag_expr *expr = compile("has(late) || has(country)", false, SNAG_KIND_BOOL);
    snag_arena_init(&scratch, scratch_block, sizeof scratch_block);
    assert_int_equal(snag_expr_eval(expr, NULL, 0, &scratch, &value, &diag), SNAG_OK);
    assert_false(value.as.boolean);
    expr = compile("late", false, SNAG_KIND_BOOL);
    assert_int_equal(snag_expr_eval(expr, NULL, 0, &scratch, &value, &diag), SNAG_EVAL);
    assert_string_equal(diag.text, "late is absent; has(late) asks whether it is there");
    assert_int_equal(diag.column, 1);
    expr = compile("1 < 2 && amount > 1", false, SNAG_KIND_BOOL);
    assert_int_equal(snag_expr_eval(expr, NULL, 0, &scratch, &value, &diag), SNAG_EVAL);
    assert_int_equal(diag.column, 10);
}

/* Whoever fills the variables may be wrong about a kind: a fault, never a misread value. */
static void kinds_are_not_trusted(void **state)
{
    (void)state;
    static const char *const texts[] = {"country == 'AT' || !(country in ['a', 'b']) && false",
                                        "country.startsWith('A')",
                                        "country + 'x' == 'Ax'",
                                        "amount > 1.0",
                                        "amount + 1.0 > 1.0",
                                        "-amount < 0.0",
                                        "!late",
                                        "late ? true : false",
                                        "country.matches('a')",
                                        "size(country) > 0",
                                        "late && late || late"};
    static snag_value vars[71];
    snag_arena scratch;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int kind = SNAG_KIND_NULL; kind <= SNAG_KIND_TYPE; kind++) {
            const snag_expr *expr = compile(texts[i], false, SNAG_KIND_BOOL);
            assert_non_null(expr);
            vars[3] = vars[63] = vars[70] = (snag_value){.kind = (snag_kind)kind};
            bool erred;
            snag_arena_init(&scratch, scratch_block, sizeof scratch_block);
            snag_expr_true(expr, vars, 71, &scratch, &erred);
        }
}

/* The text, the names and the scope may go away once an expression is compiled. */
static void nothing_of_the_text_is_borrowed(void **state)
{
    (void)state;
    static const char text[] =
        "country == 'Austria' && country in ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'Austria'] && "
        "country.startsWith('Aus') && country.matches('^Aus') && country.matches('^A[uv]s') && "
        "!has({'x': country}.y) && {'x': country}.x == country + '' && 'q' in {'q': amount}";
    static snag_arena arena;
    char *copy = malloc(sizeof text);
    char *word = malloc(7);
    memcpy(copy, text, sizeof text);
    memcpy(word, "country", 7);
    snag_expr_name *heap = malloc(2 * sizeof *heap);
    heap[0] = (snag_expr_name){{word, 7}, SNAG_KIND_TEXT, 0};
    heap[1] = (snag_expr_name){SNAG_STR("amount"), SNAG_KIND_DYN, 1};
    const snag_expr_scope scope = {.names = heap, .count = 2};
    const snag_expr *expr;
    snag_arena_init(&arena, arena_block, sizeof arena_block);
    snag_err err = snag_expr_compile(&arena, snag_str_of(copy, sizeof text - 1), &scope, SNAG_KIND_BOOL,
                                     &expr, &diag);
    memset(copy, 'x', sizeof text);
    memset(word, 'x', 7);
    free(copy);
    free(word);
    free(heap);
    assert_int_equal(err, SNAG_OK);
    snag_arena scratch;
    snag_value value;
    snag_value vars[] = {snag_value_text(SNAG_STR("Austria")), {.kind = SNAG_KIND_NULL}};
    snag_arena_init(&scratch, scratch_block, sizeof scratch_block);
    assert_int_equal(snag_expr_eval(expr, vars, 2, &scratch, &value, &diag), SNAG_OK);
    assert_true(value.as.boolean);
    vars[0].kind = SNAG_KIND_ABSENT;
    assert_int_equal(snag_expr_eval(expr, vars, 2, &scratch, &value, &diag), SNAG_EVAL);
    assert_string_equal(diag.text, "country is absent; has(country) asks whether it is there");
}

/* As many macros inside each other as may stand there. */
static void macros_nest_to_the_bound(void **state)
{
    (void)state;
    static char text[SNAG_EXPR_NESTING_MAX * 20 + 64];
    for (uint32_t extra = 0; extra < 2; extra++) {
        snag_buf buf = snag_buf_on(text, sizeof text - 1);
        uint32_t count = SNAG_EXPR_NESTING_MAX + extra;
        for (uint32_t i = 0; i < count; i++)
            snag_buf_put(&buf, "[late].all(x, ", 14);
        snag_buf_byte(&buf, 'x');
        for (uint32_t i = 0; i < count; i++)
            snag_buf_byte(&buf, ')');
        text[buf.size] = '\0';
        const snag_expr *expr = compile(text, false, SNAG_KIND_BOOL);
        assert_int_equal(expr != NULL, extra == 0);
        if (!expr)
            continue;
        static snag_value vars[71];
        snag_arena scratch;
        bool erred;
        vars[70] = (snag_value){.as.boolean = true, .kind = SNAG_KIND_BOOL};
        static char large[1 << 18];
        snag_arena_init(&scratch, large, sizeof large);
        assert_true(snag_expr_true(expr, vars, 71, &scratch, &erred));
    }
}

/* The table the manual is printed from: every function is found by name and says what it is. */
static void functions_are_listed(void **state)
{
    (void)state;
    size_t count;
    const snag_builtin *all = snag_builtins(&count);
    assert_true(count >= 25);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(snag_builtin_find(snag_str_from(all[i].name)), &all[i]);
        assert_true((all[i].run != NULL) != (all[i].test != NULL));
        assert_true(strlen(all[i].help) > 5);
        assert_true(all[i].least >= 1 && all[i].most <= SNAG_ARGUMENTS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_known),
        cmocka_unit_test(wanted_kinds_are_checked),
        cmocka_unit_test(uses_are_bits_of_slots),
        cmocka_unit_test(free_names_are_paths),
        cmocka_unit_test(missing_variables_are_absent),
        cmocka_unit_test(kinds_are_not_trusted),
        cmocka_unit_test(nothing_of_the_text_is_borrowed),
        cmocka_unit_test(macros_nest_to_the_bound),
        cmocka_unit_test(functions_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
