/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON: what is found at wanted paths, and that everything that is not JSON is refused, wherever in
 * the record the fault stands and whether or not anybody wanted that part.
 */
#include "codec/json.h"

#include <stdlib.h>

#include "base/limits.h"
#include "check.h"
#include "codec/json_index.h"

static const char *const wanted[] = {"a", "b.c", "b.d", "b", "dot\\.ted", "list", "deep.er.yet"};
enum { WANTED = sizeof wanted / sizeof wanted[0] };

typedef struct fixture {
    snag_paths paths;
    snag_json *json;
    snag_slot slots[WANTED];
    snag_diag diag;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_int_equal(snag_paths_init(&f->paths, &f->diag), SNAG_OK);
    for (uint32_t i = 0; i < WANTED; i++) {
        uint32_t slot;
        assert_int_equal(snag_paths_add(&f->paths, snag_str_from(wanted[i]), &slot, &f->diag), SNAG_OK);
        assert_int_equal(slot, i);
    }
    assert_int_equal(snag_json_new(&f->json, &f->paths, &f->diag), SNAG_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    snag_json_free(f->json);
    snag_paths_finish(&f->paths);
    free(f);
    return 0;
}

/* Reads from a copy that ends with the record: AddressSanitizer sees a read behind it. */
static snag_err read_text(fixture *f, const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    memset(f->slots, 0, sizeof f->slots);
    snag_err err = snag_json_read(f->json, snag_str_of(copy, size), 0, f->slots, &f->diag);
    free(copy);
    return err;
}

static void check_raw(const snag_slot *slot, snag_slot_kind kind, const char *text)
{
    assert_int_equal(slot->kind, kind);
    if (!snag_str_equal(slot->as.raw, snag_str_from(text)))
        fail_msg("got \"%.*s\", want \"%s\"", SNAG_FMT(slot->as.raw), text);
}

static void finds_paths(void **state)
{
    fixture *f = *state;
    static const char text[] =
        "\xEF\xBB\xBF { \"x\": [1, {\"a\": 2}], \"a\" : -1.5e3 ,\"b\":{\"c\":\"t\\u00e9xt\","
        " \"z\":{\"c\":0},"
        "\"d\":null},\"dot.ted\":true,\"list\":[ ],\"dot\":{\"ted\":false},\"a\":7,\"deep\":{\"er\":[]}}\n";
    assert_int_equal(snag_json_read(f->json, SNAG_STR(text), 0, f->slots, &f->diag), SNAG_OK);
    check_raw(&f->slots[0], SNAG_SLOT_NUMBER, "-1.5e3"); /* the first of two wins */
    check_raw(&f->slots[1], SNAG_SLOT_ESCAPED, "t\\u00e9xt");
    assert_int_equal(f->slots[2].kind, SNAG_SLOT_NULL);
    check_raw(&f->slots[3], SNAG_SLOT_MAP, "{\"c\":\"t\\u00e9xt\", \"z\":{\"c\":0},\"d\":null}");
    assert_int_equal(f->slots[4].kind, SNAG_SLOT_BOOL);
    assert_true(f->slots[4].as.boolean);
    check_raw(&f->slots[5], SNAG_SLOT_LIST, "[ ]");
    assert_int_equal(f->slots[6].kind, SNAG_SLOT_ABSENT);
}

/* The second object of the same name adds nothing to the first. */
static void first_object_wins(void **state)
{
    fixture *f = *state;
    assert_int_equal(read_text(f, "{\"b\":{\"c\":1},\"b\":{\"d\":2}}", 25), SNAG_OK);
    assert_int_equal(f->slots[1].kind, SNAG_SLOT_NUMBER);
    assert_int_equal(f->slots[2].kind, SNAG_SLOT_ABSENT);
}

static void keys_with_escapes(void **state)
{
    fixture *f = *state;
    static const char text[] = "{\"\\u0061\":1,\"dot\\u002eted\":2,\"\\ud800\":3}";
    assert_int_equal(snag_json_read(f->json, SNAG_STR(text), 0, f->slots, &f->diag), SNAG_OK);
    check_raw(&f->slots[0], SNAG_SLOT_NUMBER, "1");
    check_raw(&f->slots[4], SNAG_SLOT_NUMBER, "2");
}

/* A record cut anywhere is refused as truncated, though all wanted names may stand before the cut. */
static void truncated_everywhere(void **state)
{
    fixture *f = *state;
    static const char text[] =
        "{\"a\":12,\"b\":{\"c\":\"\xC3\xA9\\n\",\"d\":[true,false,null,-1.5e+7,[],{}]},"
        "\"z\":{\"y\":[\"x\"]},"
        "\"last\":\"\\u00e9\"}";
    assert_int_equal(read_text(f, text, sizeof text - 1), SNAG_OK);
    for (size_t size = 0; size < sizeof text - 1; size++) {
        snag_err err = read_text(f, text, size);
        if (err != SNAG_BAD_TRUNCATED)
            fail_msg("cut to %zu bytes: %s (%s)", size, snag_err_name(err), f->diag.text);
    }
}

static void refuses_bad_records(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        snag_err err;
    } rows[] = {
        {"   \n", SNAG_BAD_TRUNCATED},
        {"[]", SNAG_BAD_TYPE},
        {"5", SNAG_BAD_TYPE},
        {"\"x\"", SNAG_BAD_TYPE},
        {"null", SNAG_BAD_TYPE},
        {"nul", SNAG_BAD_SYNTAX},
        {"x", SNAG_BAD_SYNTAX},
        {"}", SNAG_BAD_SYNTAX},
        {"{}}", SNAG_BAD_SYNTAX},
        {"{} {}", SNAG_BAD_SYNTAX},
        {"{\"a\":1}x", SNAG_BAD_SYNTAX},
        {"{\"a\" 1}", SNAG_BAD_SYNTAX},
        {"{\"a\"}", SNAG_BAD_SYNTAX},
        {"{a:1}", SNAG_BAD_SYNTAX},
        {"{,}", SNAG_BAD_SYNTAX},
        {"{\"a\":}", SNAG_BAD_SYNTAX},
        {"{\"a\":1,}", SNAG_BAD_SYNTAX},
        {"{\"a\":1 \"b\":2}", SNAG_BAD_SYNTAX},
        {"{\"z\":[1 2]}", SNAG_BAD_SYNTAX},
        {"{\"z\":[1,]}", SNAG_BAD_SYNTAX},
        {"{\"z\":[,1]}", SNAG_BAD_SYNTAX},
        {"{\"z\":[1}]", SNAG_BAD_SYNTAX},
        {"{\"z\":{\"y\":1]}", SNAG_BAD_SYNTAX},
        {"{\"z\":tru}", SNAG_BAD_SYNTAX},
        {"{\"z\":nulll}", SNAG_BAD_SYNTAX},
        {"{\"z\":01}", SNAG_BAD_SYNTAX},
        {"{\"z\":1.}", SNAG_BAD_SYNTAX},
        {"{\"z\":.5}", SNAG_BAD_SYNTAX},
        {"{\"z\":+1}", SNAG_BAD_SYNTAX},
        {"{\"z\":1e}", SNAG_BAD_SYNTAX},
        {"{\"z\":-}", SNAG_BAD_SYNTAX},
        {"{\"z\":NaN}", SNAG_BAD_SYNTAX},
        {"{\"z\":1\"x\"}", SNAG_BAD_SYNTAX},
        {"{\"z\":\"x\"1}", SNAG_BAD_SYNTAX},
        {"{\"z\":\"\\x\"}", SNAG_BAD_SYNTAX},
        {"{\"z\":\"\\u12g4\"}", SNAG_BAD_SYNTAX},
        {"{\"\\q\":1}", SNAG_BAD_SYNTAX},
        {"{\"z\":\"a\nb\"}", SNAG_BAD_SYNTAX},
        {"{'a':1}", SNAG_BAD_SYNTAX},
        {"{\"z\":1}//", SNAG_BAD_SYNTAX},
        {"{\"z\":\"\xFF\"}", SNAG_BAD_UTF8},
        {"{\"z\":\"\xC3\"}", SNAG_BAD_UTF8},
        {"{\"z\":\"\xED\xA0\x80\"}", SNAG_BAD_UTF8},
        {"{\"z\xC0\x80\":1}", SNAG_BAD_UTF8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_err err = read_text(f, rows[i].text, strlen(rows[i].text));
        if (err != rows[i].err)
            fail_msg("%s: %s (%s), want %s", rows[i].text, snag_err_name(err), f->diag.text,
                     snag_err_name(rows[i].err));
        assert_true(f->diag.text[0] != '\0');
        f->diag.text[0] = '\0';
    }
}

/* A NUL inside of a record is a byte like any other. */
static void nul_bytes(void **state)
{
    fixture *f = *state;
    assert_int_equal(read_text(f, "{\"a\":\"\0\"}", 9), SNAG_BAD_SYNTAX);
    assert_int_equal(read_text(f, "{\"a\":1}\0", 8), SNAG_BAD_SYNTAX);
    assert_int_equal(read_text(f, "{\"a\":\"\\u0000\"}", 14), SNAG_OK);
}

static void depth(void **state)
{
    fixture *f = *state;
    enum { DEEP = 100000 };
    char *text = malloc(2 * DEEP + 8);
    assert_non_null(text);
    for (size_t levels = 1; levels <= DEEP; levels = levels < 70 ? levels + 1 : levels * 11) {
        memcpy(text, "{\"z\":", 5);
        memset(text + 5, '[', levels);
        memset(text + 5 + levels, ']', levels);
        text[5 + 2 * levels] = '}';
        snag_err err = read_text(f, text, 2 * levels + 6);
        assert_int_equal(err, levels < SNAG_DEPTH_MAX ? SNAG_OK : SNAG_BAD_DEPTH);
    }
    memset(text, '[', 2 * DEEP);
    assert_int_equal(read_text(f, text, 2 * DEEP), SNAG_BAD_DEPTH);
    free(text);
}

static void size(void **state)
{
    fixture *f = *state;
    enum { LARGE = 10000000 };
    char *text = malloc(LARGE);
    assert_non_null(text);
    memset(text, ' ', LARGE);
    text[0] = '{';
    text[SNAG_RECORD_BYTES_MAX - 1] = '}';
    assert_int_equal(read_text(f, text, SNAG_RECORD_BYTES_MAX), SNAG_OK);
    assert_int_equal(read_text(f, text, LARGE), SNAG_BAD_SIZE);
    memset(text, '[', SNAG_RECORD_BYTES_MAX); /* as many positions as there can be */
    assert_int_equal(read_text(f, text, SNAG_RECORD_BYTES_MAX), SNAG_BAD_DEPTH);
    free(text);
}

static void unescapes(void **state)
{
    (void)state;
    static const struct {
        const char *inside;
        const char *text; /* NULL = broken */
    } rows[] = {{"plain", "plain"},
                {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
                {"\\u0041\\u00e9\\u20AC", "A\xC3\xA9\xE2\x82\xAC"},
                {"\\ud83d\\ude00!", "\xF0\x9F\x98\x80!"},
                {"\\ud83d", NULL},
                {"\\ud83d\\u0041", NULL},
                {"\\ude00", NULL}};
    char room[64];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_arena arena;
        bool broken;
        snag_arena_init(&arena, room, sizeof room);
        snag_str text = snag_json_unescape(&arena, snag_str_from(rows[i].inside), &broken);
        assert_int_equal(broken, rows[i].text == NULL);
        if (rows[i].text)
            assert_true(snag_str_equal(text, snag_str_from(rows[i].text)));
    }
    snag_arena arena;
    bool broken;
    snag_arena_init(&arena, room, 3);
    assert_null(snag_json_unescape(&arena, SNAG_STR("\\n\\n"), &broken).data);
    assert_false(broken);
}

static void numbers(void **state)
{
    (void)state;
    int64_t whole;
    double number;
    assert_true(snag_json_int(SNAG_STR("-9223372036854775808"), &whole));
    assert_true(whole == INT64_MIN);
    assert_true(snag_json_int(SNAG_STR("9223372036854775807"), &whole));
    assert_false(snag_json_int(SNAG_STR("9223372036854775808"), &whole));
    assert_false(snag_json_int(SNAG_STR("99999999999999999999"), &whole));
    assert_false(snag_json_int(SNAG_STR("1.0"), &whole));
    assert_false(snag_json_int(SNAG_STR("-"), &whole));
    assert_true(snag_json_double("0.1", 3, &number));
    assert_true(number == 0.1);
    assert_true(snag_json_double("1e-400", 6, &number));
    assert_true(number == 0);
    assert_false(snag_json_double("1e400", 5, &number));
    assert_false(snag_json_double("-1E+999", 7, &number));
    assert_false(snag_json_double("inf", 3, &number));
    assert_false(snag_json_double("", 0, &number));
    char text[600];
    memset(text, '9', sizeof text);
    assert_false(snag_json_double(text, 400, &number));
    memcpy(text + 400, ".5", 2);
    assert_false(snag_json_double(text, 402, &number));
    memset(text, '0', sizeof text);
    memcpy(text, "0.", 2);
    text[500] = '1';
    assert_true(snag_json_double(text, 501, &number));
    assert_true(number == 0);
}

static void values(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {{"[1, 2.5,\"\\u0041\" ,null,true, [ ] ,{}]", "[1,2.5,\"A\",null,true,[],{}]"},
                {"{ \"a\" : [ [ ] , { } ] , \"b,\" : \"]\" }", "{\"a\":[[],{}],\"b,\":\"]\"}"},
                {"[{\"x\":{\"y\":[[1],[2,3]]}},18446744073709551615]",
                 "[{\"x\":{\"y\":[[1],[2,3]]}},18446744073709551615]"},
                {" 7 ", "7"},
                {"\"\\\"[\"", "\"\\\"[\""}};
    static _Alignas(16) char block[8192];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_arena arena;
        snag_value value;
        snag_slot slot;
        char room[256];
        snag_buf buf = snag_buf_on(room, sizeof room);
        snag_arena_init(&arena, block, sizeof block);
        assert_int_equal(snag_json_check(f->json, snag_str_from(rows[i].text), &slot, &f->diag), SNAG_OK);
        assert_int_equal(snag_json_value(&arena, &slot, &value), SNAG_OK);
        snag_value_json(&buf, &value);
        CHECK_BUF(&buf, rows[i].want);
    }
}

static void bad_paths(void **state)
{
    fixture *f = *state;
    static const char *const rows[] = {"", ".", "a.", ".a", "a..b"};
    uint32_t slot;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(snag_paths_add(&f->paths, snag_str_from(rows[i]), &slot, &f->diag), SNAG_CONFIG);
    assert_int_equal(snag_paths_add(&f->paths, SNAG_STR("b.c"), &slot, &f->diag), SNAG_OK);
    assert_int_equal(slot, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_object_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_with_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(truncated_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nul_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(size, set_up, tear_down),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(numbers),
        cmocka_unit_test_setup_teardown(values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_paths, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
