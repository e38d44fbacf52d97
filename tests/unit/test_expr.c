/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions over typed names: values, faults, the words of both kinds of error, bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "expr/expr.h"

enum { ARENA_BYTES = 1 << 22, SCRATCH_BYTES = 1 << 16 };

static char arena_block[ARENA_BYTES];
static char scratch_block[SCRATCH_BYTES];

static const snag_expr_name names[] = {
    {{"amount", 6}, SNAG_KIND_DOUBLE, 0}, {{"country", 7}, SNAG_KIND_TEXT, 1},
    {{"type", 4}, SNAG_KIND_TEXT, 2},     {{"n", 1}, SNAG_KIND_INT, 3},
    {{"coupon", 6}, SNAG_KIND_TEXT, 4},   {{"at", 2}, SNAG_KIND_TIME, 5},
    {{"user.name", 9}, SNAG_KIND_TEXT, 6}, {{"user", 4}, SNAG_KIND_DYN, 7},
    {{"vip", 3}, SNAG_KIND_BOOL, 8},      {{"wait", 4}, SNAG_KIND_DURATION, 9},
};
enum { NAMES = sizeof names / sizeof names[0] };

static void fill(snag_value vars[NAMES])
{
    static const snag_value pairs[] = {
        {.as.text = {"plan", 4}, .kind = SNAG_KIND_TEXT}, {.as.text = {"pro", 3}, .kind = SNAG_KIND_TEXT}};
    vars[0] = (snag_value){.as.number = 150, .kind = SNAG_KIND_DOUBLE};
    vars[1] = snag_value_text(SNAG_STR("AT"));
    vars[2] = snag_value_text(SNAG_STR("Call Queued"));
    vars[3] = snag_value_int(3);
    vars[4] = (snag_value){.kind = SNAG_KIND_ABSENT};
    vars[5] = snag_value_time_ms(INT64_C(1234567890123));
    vars[6] = snag_value_text(SNAG_STR("ann"));
    vars[7] = (snag_value){.as.list = {pairs, 1}, .kind = SNAG_KIND_MAP};
    vars[8] = (snag_value){.as.boolean = true, .kind = SNAG_KIND_BOOL};
    vars[9] = (snag_value){.as.time = {90, 0}, .kind = SNAG_KIND_DURATION};
}

/* "int 7", or "compile 3: words", or "eval 3: words". */
static const char *result(const char *text)
{
    static char words[1024];
    snag_arena arena;
    snag_arena scratch;
    snag_value vars[NAMES];
    snag_diag diag = {0};
    const snag_expr *expr;
    snag_value value;
    const snag_expr_scope scope = {.names = names, .count = NAMES};
    snag_arena_init(&arena, arena_block, sizeof arena_block);
    snag_arena_init(&scratch, scratch_block, sizeof scratch_block);
    fill(vars);
    if (snag_expr_compile(&arena, snag_str_from(text), &scope, SNAG_KIND_DYN, &expr, &diag)) {
        snprintf(words, sizeof words, "compile %u: %s", diag.column, diag.text);
        return words;
    }
    if (snag_expr_eval(expr, vars, NAMES, &scratch, &value, &diag)) {
        snprintf(words, sizeof words, "eval %u: %s", diag.column, diag.text);
        return words;
    }
    snag_buf buf = snag_buf_on(words, sizeof words - 1);
    snag_buf_printf(&buf, "%s ", snag_kind_word(value.kind));
    snag_value_json(&buf, &value);
    words[buf.size] = '\0';
    return words;
}

typedef struct row {
    const char *text;
    const char *result;
} row;

static void check(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = result(rows[i].text);
        if (strcmp(got, rows[i].result) != 0)
            print_error("%s\n", rows[i].text);
        assert_string_equal(got, rows[i].result);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

static void operators_have_values(void **state)
{
    (void)state;
    static const row rows[] = {
        {"1 + 2 * 3", "int 7"},
        {"-7 / 2", "int -3"},
        {"-7 % 4", "int -3"},
        {"amount > 100.0 && country in [\"DE\", \"AT\"] && type.startsWith(\"Call\")", "bool true"},
        {"n == 3 ? \"three\" : \"other\"", "text \"three\""},
        {"amount > n", "bool true"},
        {"!vip || n != 3", "bool false"},
        {"\"a\" + 'b' + r'\\n'", "text \"ab\\\\n\""},
        {"[1, n] + [5]", "list [1,3,5]"},
        {"{'a': n, 'b': 2}.a", "int 3"},
        {"{'a': n}['a']", "int 3"},
        {"[10, 20, n][2]", "int 3"},
        {"user.name", "text \"ann\""},
        {"user.plan", "text \"pro\""},
        {"'plan' in user", "bool true"},
        {"has(user.plan) && !has(user.age)", "bool true"},
        {"has(coupon)", "bool false"},
        {"has(dyn(coupon).code)", "bool false"},
        {"has(amount)", "bool true"},
        {"at > timestamp('2009-02-13T23:31:30Z')", "bool true"},
        {"at.getHours('+02:00')", "int 1"},
        {"wait >= duration('1m30s')", "bool true"},
        {"wait + duration('30s') == duration('2m')", "bool true"},
        {"[1, 2, 3].map(x, x > 1, x * n)", "list [6,9]"},
        {"[1, 2, 3].filter(x, x != 2)", "list [1,3]"},
        {"[1, 2, 3].all(x, x > 0) && [1, 2].exists(x, x == 2) && [1, 2].exists_one(x, x > 1)",
         "bool true"},
        {"[[1, 2], [3]].map(l, l.map(x, x + n))", "list [[4,5],[6]]"},
        {"user.exists(k, k.startsWith('pl'))", "bool true"},
        {"size('gr\\u00fc\\u00df')", "int 4"},
        {"country.matches('^(DE|AT|CH)$')", "bool true"},
        {"string(n) + string(amount) + string(vip)", "text \"3150true\""},
        {"int('12') + int(3.9)", "int 15"},
        {"type(n) == int && type(amount) == double", "bool true"},
    };
    CHECK(rows);
    /* `type` is also an event's name; a call is still the function. */
    static const row types[] = {{"type(n) == type(1)", "bool true"}, {"type == 'Call Queued'", "bool true"}};
    CHECK(types);
}

static void faults_name_their_place(void **state)
{
    (void)state;
    static const row rows[] = {
        {"coupon == 'x'", "eval 1: coupon is absent; has(coupon) asks whether it is there"},
        {"n + 1 > 9223372036854775807 + n", "eval 29: + leaves the range of int"},
        {"10 / (n - 3)", "eval 4: the right side of / is zero"},
        {"[1, 2][n]", "eval 7: the index is outside the list"},
        {"user.age > 5", "eval 6: the map has no key age"},
        {"user['age']", "eval 5: the map has no such key"},
        {"int(country)", "eval 1: the text \"AT\" is no int"},
        {"duration(country)", "eval 1: the text \"AT\" is no duration"},
        {"user.plan > 3", "eval 11: > does not work on text and int"},
        {"!dyn(n)", "eval 1: ! needs bool, got int"},
        {"dyn(n) && vip", "eval 11: && needs bool, got int"},
        {"dyn(n) ? 1 : 2", "eval 8: ? needs bool, got int"},
        {"at.getHours(country)",
         "eval 4: the time zone \"AT\" is not known, and not an offset such as +02:00"},
        {"country.matches(country + '(')", "eval 9: the pattern is not valid: AT("},
        {"{n: 1, 3: 2}", "eval 1: the map has this key twice"},
        {"[1, n].all(x, 1 / (x - n) < 0 || x / 0 > 1)", "eval 36: the right side of / is zero"},
    };
    CHECK(rows);
}

static void logic_absorbs_faults(void **state)
{
    (void)state;
    static const row rows[] = {
        {"coupon == 'x' || n == 3", "bool true"},
        {"n == 3 || coupon == 'x'", "bool true"},
        {"coupon == 'x' && n != 3", "bool false"},
        {"coupon == 'x' && n == 3", "eval 1: coupon is absent; has(coupon) asks whether it is there"},
        {"n != 3 && coupon == 'x' && 1 / (n - 3) > 0", "bool false"},
        {"1 / (n - 3) > 0 && coupon == 'x' && n != 3", "bool false"},
        {"[0, 1].exists(x, 1 / x == 1)", "bool true"},
        {"[0, n].exists(x, 9 / x == 3)", "bool true"},
        {"[0, n].all(x, 9 / x == 2)", "bool false"},
    };
    CHECK(rows);
}

static const row refusals[] = {
    {"amout > 1", "compile 1: there is no name amout; did you mean amount?"},
    {"vip && zzz", "compile 8: there is no name zzz here; a text is written in quotes"},
    {"user2.name", "compile 1: there is no name user2.name; did you mean user.name?"},
    {"country.startWith('A')", "compile 9: there is no function startWith; did you mean startsWith?"},
    {"startsWith(country, 'A')", "compile 1: startsWith is written x.startsWith(…), not startsWith(x)"},
    {"country.int()", "compile 9: int is written int(x), not x.int()"},
    {"n = 3", "compile 3: = is written == here"},
    {"vip and n > 1", "compile 5: and is written && in expressions"},
    {"vip & vip", "compile 5: & is written && here"},
    {"n <> 3", "compile 3: <> is written != here"},
    {"country == “AT”", "compile 12: “ is written \" here"},
    {"(n == 3", "compile 8: expected ) for the ( at 1, but the expression ends here"},
    {"n == ", "compile 6: expected a value or a name, but the expression ends here"},
    {"n 3", "compile 3: expected a sign such as && == + or the end, got 3"},
    {"[1, 2", "compile 6: expected , or ], but the expression ends here"},
    {"{1 2}", "compile 4: expected : between key and value, got 2"},
    {"vip ? 1", "compile 8: expected : of the choice (a ? b : c), but the expression ends here"},
    {"'abc", "compile 1: the text that begins here has no closing ' on its line"},
    {"'a\\q'", "compile 3: expected an escape such as \\n \\t \\\" \\x41 \\u00e9; a backslash itself is "
               "\\\\, or write r\"…\" for none"},
    {"wait > 5m", "compile 8: 5 runs into a letter; texts stand in quotes, durations are written "
                  "duration(\"60s\")"},
    {"n > 'x'", "compile 3: > cannot compare n (int) with text"},
    {"country == null", "compile 9: country (text) is never null; has(…) asks whether a name is there"},
    {"n + amount", "compile 3: + needs both sides of one kind, got n (int) and amount (double); write "
                   "double(…) around one of them"},
    {"vip + 1", "compile 5: + does not work on vip (bool) and int"},
    {"n && vip", "compile 1: && needs bool on both sides, got n (int)"},
    {"!n", "compile 1: ! needs bool, got n (int)"},
    {"-country", "compile 1: - does not work on country (text)"},
    {"n ? 1 : 2", "compile 3: ? needs bool before it, got n (int)"},
    {"country in ['AA','AB','AC','AD','AE','AF','AG','AH','AI','AT']", "bool true"},
    {"n in country", "compile 6: in looks into a list or a map, not country (text); a part of a text: "
                     "text.contains(part)"},
    {"n in ['a']", "compile 3: n (int) is never in a list of text"},
    {"n.size()", "compile 3: n (int) has no size() (how many characters, bytes or items)"},
    {"int(vip)", "compile 5: int() does not take vip (bool) (a whole number of a number, a text or a "
                 "time (seconds since 1970))"},
    {"size()", "compile 1: size() takes 1 argument, got 0 (how many characters, bytes or items)"},
    {"n.b", "compile 3: n (int) has no fields, so .b cannot be asked of it"},
    {"n[0]", "compile 2: [] asks a list or a map, not n (int)"},
    {"[1]['a']", "compile 5: a list's index is int, not text"},
    {"{1.5: 2}", "compile 2: a map's keys are text, int, uint or bool, not double"},
    {"[1].all(x, x)", "compile 12: the condition must be bool, not int"},
    {"n.all(x, true)", "compile 3: n (int) has no items to go through"},
    {"[1].all(1, true)", "compile 9: expected a plain name for all's variable, as in list.all(x, x > 0)"},
    {"[1].map(x)", "compile 5: map needs a variable and an expression, as in list.map(x, x > 0)"},
    {"has(1 + 1)", "compile 1: has() asks for one name, as in has(amount) or has(user.name)"},
    {"if > 1", "compile 1: if is a word CEL keeps for itself; it cannot be a name here"},
    {"duration('5 min') > wait", "compile 1: the text \"5 min\" is no duration"},
    {"n > 1 / 0", "compile 7: the right side of / is zero"},
    {"country.matches('a(b')", "compile 17: the pattern is not valid: a ( is not closed"},
    {"9223372036854775808", "compile 1: the number does not fit into 64 bits"},
    {"n == 3 ;", "compile 8: ; means nothing in an expression"},
    {"\xc3\xa4 == 3", "compile 1: \xc3\xa4 means nothing in an expression"},
    {"'\xc3\xa4' == n", "compile 5: == cannot compare text with n (int)"},
    {"", "compile 1: expected a value or a name, but the expression ends here"},
    {"\xff", "compile 0: the expression holds bytes that are not UTF-8"},
};

static void refusals_teach(void **state)
{
    (void)state;
    CHECK(refusals);
}

static void numbers_never_wrap(void **state)
{
    (void)state;
    static const row rows[] = {
        {"9223372036854775806 + n - 2 > 0", "eval 21: + leaves the range of int"},
        {"-9223372036854775807 - n", "eval 22: - leaves the range of int"},
        {"4611686018427387904 * (n - 1)", "eval 21: * leaves the range of int"},
        {"(-9223372036854775807 + n) / (2 - n)", "int 9223372036854775804"},
        {"-9223372036854775808 / (2 - n)", "eval 22: / leaves the range of int"},
        {"-(-9223372036854775808 + n - n)", "eval 1: - leaves the range of int"},
        {"1u - uint(n)", "eval 4: - leaves the range of uint"},
        {"int(1e19 * amount)", "eval 1: this double does not fit into int"},
        {"uint(2 - n)", "eval 1: this int does not fit into uint"},
        {"timestamp('9999-12-31T23:59:59Z') + wait", "eval 35: + leaves the range of time"},
        {"wait + duration('2562047h47m')", "eval 6: + leaves the range of duration"},
        {"amount * 1e308 > 1e308", "bool true"},
        {"9007199254740993 > 9007199254740992.0", "bool false"},
        {"18446744073709551615u > n", "bool true"},
    };
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_have_values), cmocka_unit_test(faults_name_their_place),
        cmocka_unit_test(logic_absorbs_faults),  cmocka_unit_test(refusals_teach),
        cmocka_unit_test(numbers_never_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
