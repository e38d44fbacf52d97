/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit writes about itself must come back the same, and nothing else may be taken for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/head.h"
#include "runtime/bundle.h"

static void test_head(void **state)
{
    char bytes[256];
    snag_diag diag;
    snag_head back, head = {.n = 41, .sources[0] = {.oldest = 7, .next = INT64_MAX}, .partitions = 12,
                            .pipeline = 3, .rules = 77, .told = true, .zones = {1, 2, 3},
                            .zone_version = "2025b",
                            .engine = SNAG_STR("engine's own")};
    (void)state;
    memset(head.incarnation, 0xa5, sizeof head.incarnation);
    memset(head.config, 0x5a, sizeof head.config);
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_head_write(&buf, &head);
    assert_false(buf.full);
    assert_int_equal(snag_head_read(&back, snag_buf_str(&buf), &diag), SNAG_OK);
    assert_int_equal(back.n, 41);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.sources[0].oldest, 7);
    assert_true(back.sources[0].next == INT64_MAX);
    assert_int_equal(back.partitions, 12);
    assert_int_equal(back.pipeline, 3);
    assert_memory_equal(back.incarnation, head.incarnation, 16);
    assert_memory_equal(back.config, head.config, 32);
    assert_true(snag_str_equal(back.engine, head.engine));
    assert_int_equal(back.rules, 77);
    assert_true(back.told);
    assert_memory_equal(back.zones, head.zones, 8);
    assert_string_equal(back.zone_version, "2025b");
    for (size_t cut = 0; cut < buf.size - head.engine.size; cut++)
        assert_int_equal(snag_head_read(&back, snag_str_of(bytes, cut), &diag), SNAG_STATE);
    bytes[8] = SNAG_HEAD_VERSION + 1; /* a format of tomorrow */
    assert_int_equal(snag_head_read(&back, snag_buf_str(&buf), &diag), SNAG_STATE);
}

/* One source writes what older programs read; several are told by name. */
static void test_sources(void **state)
{
    char bytes[512];
    snag_diag diag;
    snag_head back, head = {.n = 3, .count = 2, .engine = SNAG_STR("e"),
                            .sources = {{SNAG_STR("calls"), 7, 9}, {SNAG_STR("chats"), 0, INT64_MAX}}};
    (void)state;
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_head_write(&buf, &head);
    assert_int_equal(bytes[8], 3);
    assert_int_equal(snag_head_read(&back, snag_buf_str(&buf), &diag), SNAG_OK);
    assert_int_equal(back.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(snag_str_equal(back.sources[i].name, head.sources[i].name));
        assert_int_equal(back.sources[i].oldest, head.sources[i].oldest);
        assert_true(back.sources[i].next == head.sources[i].next);
    }
    assert_true(snag_str_equal(back.engine, head.engine));
    for (size_t cut = 0; cut < buf.size - head.engine.size; cut++)
        assert_int_equal(snag_head_read(&back, snag_str_of(bytes, cut), &diag), SNAG_STATE);
    head.count = 1;
    buf.size = 0;
    snag_head_write(&buf, &head);
    assert_int_equal(bytes[8], 2);
}

static void test_words(void **state)
{
    char text[96];
    int64_t n;
    uint8_t back[16], incarnation[16];
    (void)state;
    for (int i = 0; i < 16; i++)
        incarnation[i] = (uint8_t)(i * 17);
    snag_head_words(text, sizeof text, INT64_MAX, incarnation);
    assert_true(snag_head_words_read(text, &n, back));
    assert_true(n == INT64_MAX);
    assert_memory_equal(back, incarnation, 16);
    static const char *const foreign[] = {"", "snag", "snag 1 n=", "snag 1 n=4", "snag 1 n=4 i=00",
                                          "snag 2 n=4 i=000102030405060708090a0b0c0d0e0f",
                                          "snag 1 n=-4 i=000102030405060708090a0b0c0d0e0f",
                                          "snag 1 n=4 i=000102030405060708090a0b0c0d0e0g",
                                          "snag 1 n=4 i=000102030405060708090a0b0c0d0e0f0"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        assert_false(snag_head_words_read(foreign[i], &n, back));
}

/* Pieces never move, whatever is asked for after them. */
static void test_bundle(void **state)
{
    snag_bundle bundle;
    snag_str pieces[300];
    (void)state;
    snag_bundle_init(&bundle);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) {
            char fill[20000];
            memset(fill, i, sizeof fill);
            pieces[i] = snag_bundle_copy(&bundle, snag_str_of(fill, sizeof fill));
            snag_message message = {.topic = SNAG_TOPIC_ALERTS, .value = pieces[i]};
            snag_bundle_add(&bundle, &message);
        }
        void *large = snag_bundle_take(&bundle, 5u << 20);
        memset(large, 1, 5u << 20);
        snag_buf buf = snag_bundle_buf(&bundle, 100);
        snag_buf_str_put(&buf, SNAG_STR("tail"));
        assert_true(snag_str_equal(snag_bundle_used(&bundle, &buf), SNAG_STR("tail")));
        for (int i = 0; i < 300; i++)
            for (size_t b = 0; b < pieces[i].size; b += 997)
                assert_int_equal((unsigned char)pieces[i].data[b], i & 255);
        assert_int_equal(bundle.count, 300);
        snag_bundle_reset(&bundle);
        assert_int_equal(bundle.count, 0);
    }
    snag_bundle_finish(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head), cmocka_unit_test(test_sources), cmocka_unit_test(test_words),
        cmocka_unit_test(test_bundle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
