/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer: bounds, numbers that read back, JSON strings.
 */
#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "seed.h"

static void a_full_buffer_says_so(void **state)
{
    (void)state;
    char memory[8] = "zzzzzzz";
    snag_buf buf = snag_buf_on(memory, 4);
    snag_buf_put(&buf, "abc", 3);
    assert_false(buf.full);
    snag_buf_put(&buf, "de", 2);
    assert_true(buf.full);
    assert_int_equal(buf.size, 3);
    assert_memory_equal(memory + 3, "zzzz", 4); /* nothing half written, nothing past the end */
    buf = snag_buf_on(memory, 0);
    snag_buf_byte(&buf, 'x');
    assert_true(buf.full);
    buf = snag_buf_on(memory, 4);
    snag_buf_printf(&buf, "%d", 12345);
    assert_true(buf.full);
    assert_memory_equal(memory + 4, "zzz", 3);
    buf = snag_buf_on(memory, 8);
    snag_buf_put(&buf, NULL, 0);
    snag_buf_str_put(&buf, (snag_str){0});
    assert_int_equal(buf.size, 0);
    assert_false(buf.full);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {{0, "0"},
                {-1, "-1"},
                {10, "10"},
                {INT64_MAX, "9223372036854775807"},
                {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_buf_int(&buf, rows[i].value);
        CHECK_BUF(&buf, rows[i].text);
    }
}

static void doubles(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {{3, "3"},         {0.1, "0.1"},      {1e300, "1e+300"}, {-2.5, "-2.5"},
                {1.0 / 3, "0.3333333333333333"},     {5e-324, "4.94065645841247e-324"},
                {1e14, "100000000000000"},           {0.30000000000000004, "0.30000000000000004"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[40];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_buf_double(&buf, rows[i].value);
        CHECK_BUF(&buf, rows[i].text);
    }
}

/* Every finite double reads back as itself, and no text of fewer digits does. */
static void doubles_read_back(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 20000; round++) {
        snag_seed seed = snag_seed_from(round);
        uint64_t bits = snag_seed_next(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (round % 2) /* also numbers as people write them */
            value = (double)(int64_t)(bits >> 40) / 1000;
        if (!isfinite(value))
            continue;
        char text[48];
        snag_buf buf = snag_buf_on(text, sizeof text - 1);
        snag_buf_double(&buf, value);
        assert_false(buf.full);
        text[buf.size] = '\0';
        if (strtod(text, NULL) != value)
            fail_msg("round %llu: %a printed %s", (unsigned long long)round, value, text);
        char shorter[48];
        snprintf(shorter, sizeof shorter, "%.14g", value);
        if (strtod(shorter, NULL) == value && buf.size > strlen(shorter) + 1 && fabs(value) >= 1e15)
            fail_msg("round %llu: %s is shorter than %s", (unsigned long long)round, shorter, text);
    }
}

static void figures(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{12340, "12340"},     {1.5e14, "150000000000000"}, {1e15, "1e+15"},    {999.987, "999.99"},
                {0.1 + 0.2, "0.3"},   {-0.001, "-0.001"},          {1.23456, "1.235"}, {15.5, "15.5"},
                {0.012344, "0.01234"}, {0, "0"},                   {-0.0, "0"},        {1e-300, "0"},
                {-1e-30, "0"},        {33.3333, "33.33"},          {100, "100"},       {0.9999999, "1"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_buf_figure(&buf, rows[i].value);
        CHECK_BUF(&buf, rows[i].text);
    }
}

static void json_strings(void **state)
{
    (void)state;
    char text[128];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_json(&buf, SNAG_STR("a\"b\\c/\n\r\t\x01\x1f\x7f\0é"));
    CHECK_BUF(&buf, "\"a\\\"b\\\\c/\\n\\r\\t\\u0001\\u001f\\u007f\\u0000é\"");
    buf = snag_buf_on(text, sizeof text);
    snag_buf_json(&buf, (snag_str){0});
    CHECK_BUF(&buf, "\"\"");
    buf = snag_buf_on(text, 5);
    snag_buf_json(&buf, SNAG_STR("abcd"));
    assert_true(buf.full);
}

/* No byte below 0x20, no bare quote: whatever comes in, the output is one JSON string. */
static void json_strings_are_closed(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 5000; round++) {
        snag_seed seed = snag_seed_from(round);
        char bytes[24];
        char text[24 * 6 + 2];
        snag_seed_bytes(&seed, bytes, sizeof bytes);
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_buf_json(&buf, snag_str_of(bytes, snag_seed_below(&seed, sizeof bytes + 1)));
        assert_false(buf.full);
        assert_true(buf.size >= 2 && text[0] == '"' && text[buf.size - 1] == '"');
        for (size_t i = 1; i + 1 < buf.size; i++) {
            assert_true((unsigned char)text[i] >= 0x20);
            assert_true(text[i] != '"');
            i += text[i] == '\\';
        }
    }
}

static void hex(void **state)
{
    (void)state;
    char text[16];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_hex(&buf, "\x00\xff\x1a", 3);
    CHECK_BUF(&buf, "00ff1a");
}

static void strings_in_order(void **state)
{
    (void)state;
    assert_int_equal(snag_str_compare(SNAG_STR("a"), SNAG_STR("a")), 0);
    assert_true(snag_str_compare(SNAG_STR("a"), SNAG_STR("ab")) < 0);
    assert_true(snag_str_compare(SNAG_STR("\xff"), SNAG_STR("a")) > 0); /* bytes, not signed */
    assert_true(snag_str_compare((snag_str){0}, SNAG_STR("a")) < 0);
    assert_true(snag_str_starts(SNAG_STR("abc"), (snag_str){0}));
    assert_false(snag_str_starts(SNAG_STR("ab"), SNAG_STR("abc")));
    assert_true(snag_str_equal((snag_str){0}, SNAG_STR("")));
}

static void errors_have_words(void **state)
{
    (void)state;
    for (int i = 0; i < SNAG_ERR_COUNT; i++) {
        const char *name = snag_err_name((snag_err)i);
        assert_true(strlen(snag_err_sentence((snag_err)i)) > 5);
        for (const char *at = name; *at; at++)
            assert_true((*at >= 'a' && *at <= 'z') || *at == '_' || (*at >= '0' && *at <= '9'));
    }
    /* lower-case names are spelled out in a list of their own: it must follow the enum */
#define X(name, sentence)                                                              \
    {                                                                                  \
        const char *upper = #name;                                                     \
        const char *lower = snag_err_name(SNAG_##name);                                \
        assert_int_equal(strlen(upper), strlen(lower));                                \
        for (size_t i = 0; upper[i]; i++)                                              \
            assert_int_equal(upper[i] | (upper[i] >= 'A' && upper[i] <= 'Z' ? 32 : 0), \
                             lower[i]);                                                \
    }
    SNAG_ERR_TABLE(X)
#undef X
    snag_diag diag = {0};
    assert_int_equal(snag_fail(&diag, SNAG_IO, "%0600d", 1), SNAG_IO);
    assert_int_equal(strlen(diag.text), sizeof diag.text - 1);
    assert_int_equal(snag_fail(NULL, SNAG_IO, "nobody listens"), SNAG_IO);
}

/* Each byte at each place among plain ones comes out as it does alone. */
static void json_bytes_anywhere(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char alone[16];
        char one = (char)byte;
        snag_buf want = snag_buf_on(alone, sizeof alone);
        snag_buf_json(&want, snag_str_of(&one, 1));
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            char room[64];
            snag_buf got = snag_buf_on(room, sizeof room);
            memset(text, 'x', sizeof text);
            text[at] = one;
            snag_buf_json(&got, snag_str_of(text, sizeof text));
            assert_int_equal(got.size, 19 + want.size);
            assert_memory_equal(got.data + 1 + at, want.data + 1, want.size - 2);
            assert_int_equal(got.data[got.size - 1], '"');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_bytes_anywhere),
        cmocka_unit_test(a_full_buffer_says_so),
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(figures),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_strings_are_closed),
        cmocka_unit_test(hex),
        cmocka_unit_test(strings_in_order),
        cmocka_unit_test(errors_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
