/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 against the table of well-formed byte sequences (Unicode 15, table 3-7) and known bad ones.
 */
#include "base/utf8.h"

#include "check.h"
#include "seed.h"

static void good_sequences(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int32_t code;
    } rows[] = {{"A", 0x41},           {"\x7f", 0x7f},          {"\xc2\x80", 0x80},
                {"\xdf\xbf", 0x7ff},   {"\xe0\xa0\x80", 0x800}, {"\xed\x9f\xbf", 0xd7ff},
                {"\xee\x80\x80", 0xe000}, {"\xef\xbf\xbf", 0xffff},
                {"\xf0\x90\x80\x80", 0x10000}, {"\xf4\x8f\xbf\xbf", 0x10ffff}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_str text = snag_str_from(rows[i].bytes);
        size_t at = 0;
        assert_int_equal(snag_utf8_next(text, &at), rows[i].code);
        assert_int_equal(at, text.size);
        assert_true(snag_utf8_valid(text));
        char bytes[4];
        assert_int_equal(snag_utf8_encode((uint32_t)rows[i].code, bytes), text.size);
        assert_memory_equal(bytes, text.data, text.size);
    }
}

static void bad_sequences(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x80\x80",
        "\xe0\x9f\xbf", "\xe1\x80", "\xe1\x80\x41", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_str text = snag_str_from(rows[i]);
        size_t at = 0;
        if (snag_utf8_next(text, &at) != -1 || at != 1 || snag_utf8_valid(text))
            fail_msg("row %zu is taken for UTF-8", i);
        /* also behind eight plain bytes at once, and in the middle of them */
        char longer[32] = "plain bytes here";
        for (size_t from = 0; from <= 16; from++) {
            memcpy(longer, "plain bytes here", 17);
            memcpy(longer + from, text.data, text.size);
            size_t size = from + text.size > 16 ? from + text.size : 16;
            if (snag_utf8_valid(snag_str_of(longer, size)))
                fail_msg("row %zu at %zu is taken for UTF-8", i, from);
        }
    }
}

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        snag_str text = snag_str_of(bytes, snag_utf8_encode(code, bytes));
        size_t at = 0;
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        int32_t back = snag_utf8_next(text, &at);
        if (surrogate ? back != -1 : back != (int32_t)code)
            fail_msg("U+%04X comes back as %d", (unsigned)code, (int)back);
    }
}

static void cuts_keep_characters_whole(void **state)
{
    (void)state;
    snag_str text = SNAG_STR("aé€𐍈z");
    for (size_t bytes = 0; bytes <= text.size + 2; bytes++) {
        snag_str cut = snag_utf8_cut(text, bytes);
        assert_true(cut.size <= bytes && cut.size + 3 >= (bytes < text.size ? bytes : text.size));
        assert_true(snag_utf8_valid(cut));
    }
    assert_int_equal(snag_utf8_count(text), 5);
    assert_int_equal(snag_utf8_cut(text, 2).size, 1);
    assert_int_equal(snag_utf8_count(SNAG_STR("a\xff\xff")), 3);
    assert_true(snag_utf8_valid((snag_str){0}));
    /* bytes that are not UTF-8 at all are cut without an end */
    assert_int_equal(snag_utf8_cut(SNAG_STR("\x80\x80\x80\x80"), 2).size, 0);
}

/* The quick path over eight bytes agrees with the slow one. */
static void the_two_paths_agree(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 50000; round++) {
        snag_seed seed = snag_seed_from(round);
        char bytes[32];
        size_t size = snag_seed_below(&seed, sizeof bytes + 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)snag_seed_below(&seed, 128);
        if (size && round % 2) {
            static const char *const inserts[] = {"é", "€", "\xed\xa0\x80", "\xf4\x90\x80\x80", "𐍈"};
            snag_str insert = snag_str_from(inserts[snag_seed_below(&seed, 5)]);
            size_t from = snag_seed_below(&seed, size);
            memcpy(bytes + from, insert.data, insert.size < size - from ? insert.size : size - from);
        }
        bool valid = true;
        for (size_t at = 0; at < size;)
            valid = snag_utf8_next(snag_str_of(bytes, size), &at) >= 0 && valid;
        if (snag_utf8_valid(snag_str_of(bytes, size)) != valid)
            fail_msg("round %llu", (unsigned long long)round);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_sequences),
        cmocka_unit_test(bad_sequences),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(cuts_keep_characters_whole),
        cmocka_unit_test(the_two_paths_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
