/* SPDX-License-Identifier: Apache-2.0
 *
 * What is usual in a segment as state (engine/segment.c): who goes on from stored cells says what one says
 * who lived through it all; another rule begins anew, a rule that is gone takes its cells along; damaged
 * cells are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/learn_side.h"

#define RULE(enter)                                                                                       \
    "rules:\n  worse: { ratio: Leave, of: [Leave, Ask, Answer], within: 6h, enter: " enter ", leave: 1x, " \
    "min: 3 }\n"

static const char usual[] = "pipeline: p\n" SOURCE RULE("1.5x");
static const char other[] = "pipeline: p\nversion: 2\n" SOURCE RULE("2.5x");
static const char none[] = "pipeline: p\nversion: 2\n" SOURCE
    "rules:\n  asked: { event: Ask, missing: Answer, after: 90m }\n";

static void head_move(const life *from, life *to)
{
    char head[1024];
    snag_buf buf = snag_buf_on(head, sizeof head);
    snag_engine_head_write(from->engine, &buf);
    assert_int_equal(snag_engine_head_read(to->engine, snag_buf_str(&buf)), SNAG_OK);
}

static life *moved(life *from, const char *yaml)
{
    life *to = side_new(yaml);
    snag_str key, blob;
    for (uint64_t cursor = 0; snag_engine_each(from->engine, &cursor, &key, &blob);)
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
    head_move(from, to);
    snag_buf_str_put(&to->said, snag_buf_str(&from->said));
    side_free(from);
    return to;
}

static life *lived(int move_at)
{
    life *s = side_new(usual);
    for (int i = 0; i < EVENTS; i++) {
        if (i == move_at)
            s = moved(s, usual);
        feed(s, i);
    }
    return s;
}

static uint32_t segments_of(const life *s)
{
    snag_str key, blob;
    uint32_t count = 0;
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);)
        count += snag_segment_is_cell(key);
    return count;
}

static void test_restarts(void **state)
{
    (void)state;
    life *reference = lived(-1);
    size_t lines = 0;
    for (size_t i = 0; i < reference->said.size; i++)
        lines += reference->said.data[i] == '\n';
    assert_true(lines > 20);
    assert_int_equal(segments_of(reference), 2); /* those of gold, and all others */
    for (int at = 0; at < EVENTS; at += 97) {
        life *s = lived(at);
        assert_alike(reference, s);
        side_free(s);
    }
    side_free(reference);
}

/* The cells of what is gone go with a tombstone; those of a rule that is another one as well. */
static void test_newer(void **state)
{
    (void)state;
    const char *const later[] = {other, none};
    for (int i = 0; i < 2; i++) {
        snag_str key, blob;
        uint32_t gone = 0;
        life *s = moved(lived(-1), later[i]);
        feed_at(s, EVENTS, begin_ms + INT64_C(86400000) * 30, "c1", "Ask", false);
        while (snag_engine_changed(s->engine, &key, &blob))
            gone += snag_segment_is_cell(key) && blob.size == 0;
        assert_int_equal(gone, i == 0 ? 1 : 2);
        assert_int_equal(segments_of(s), i == 0 ? 1 : 0);
        snag_engine_usage usage;
        snag_engine_usage_get(s->engine, &usage);
        assert_true(usage.customers <= 9);
        side_free(s);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    life *s = lived(-1);
    life *to = side_new(usual);
    snag_str key, blob;
    char bytes[1024];
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);) {
        if (!snag_segment_is_cell(key))
            continue;
        memcpy(bytes, blob.data, blob.size);
        assert_int_equal(snag_engine_restore(to->engine, key, snag_str_of(bytes, blob.size - 1)), SNAG_STATE);
        bytes[0] = 9;
        assert_int_equal(snag_engine_restore(to->engine, key, snag_str_of(bytes, blob.size)), SNAG_STATE);
        memcpy(bytes, blob.data, blob.size);
        memset(bytes + 5, 0x7f, 8); /* a pane of no time */
        assert_int_equal(snag_engine_restore(to->engine, key, snag_str_of(bytes, blob.size)), SNAG_STATE);
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
        assert_int_equal(snag_engine_restore(to->engine, key, (snag_str){"", 0}), SNAG_OK);
    }
    snag_engine_usage usage;
    snag_engine_usage_get(to->engine, &usage);
    assert_int_equal(usage.cells, 0);
    assert_int_equal(usage.customers, 0);
    side_free(to);
    side_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
