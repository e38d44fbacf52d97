/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a recorded tick: written and read back; what is cut, longer, or another's is refused.
 */
#include "unit/check.h"

#include "event/event.h"
#include "runtime/tick.h"
#include "unit/seed.h"

static snag_str written(char *room, const snag_tick *tick)
{
    snag_buf buf = snag_buf_on(room, SNAG_TICK_WORDS_MAX);
    snag_tick_write(&buf, tick);
    assert_false(buf.full);
    return snag_buf_str(&buf);
}

static void test_words(void **state)
{
    (void)state;
    char room[SNAG_TICK_WORDS_MAX];
    snag_tick tick = {.partition = 3, .source = 1, .offset = 812, .time_ms = INT64_C(1767607200123)};
    for (uint8_t i = 0; i < 16; i++)
        tick.incarnation[i] = (uint8_t)(17 * i);
    assert_true(snag_str_equal(
        written(room, &tick),
        SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=812 w=1767607200123")));
    tick.offset = -1;
    assert_true(
        snag_str_equal(written(room, &tick), SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff p=3")));
    tick.hop = true;
    assert_true(
        snag_str_equal(written(room, &tick), SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff u=3 s=1")));
    tick.offset = 0;
    assert_true(snag_str_equal(written(room, &tick),
                               SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 o=0 "
                                        "w=1767607200123")));
    tick.hop = false;
    tick.kind = SNAG_TICK_SILENT;
    tick.last_ms = 17;
    assert_true(snag_str_equal(written(room, &tick),
                               SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=0 "
                                        "w=1767607200123 q=17")));
    tick.kind = SNAG_TICK_BACK;
    assert_true(snag_str_equal(written(room, &tick),
                               SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=0 "
                                        "w=1767607200123 back")));
    tick.hop = true;
    tick.back_ms = 18;
    assert_true(snag_str_equal(written(room, &tick),
                               SNAG_STR("snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 o=0 "
                                        "w=1767607200123 q=17 b=18")));
}

static void test_round_trip(void **state)
{
    (void)state;
    char room[SNAG_TICK_WORDS_MAX];
    snag_seed seed = snag_seed_from(7);
    for (int i = 0; i < 2000; i++) {
        snag_tick read, tick = {.partition = (uint32_t)snag_seed_below(&seed, 100000),
                                .source = (uint32_t)snag_seed_below(&seed, SNAG_SOURCES_MAX),
                                .offset = (int64_t)(snag_seed_next(&seed) >>
                                                    (1 + snag_seed_below(&seed, 63))),
                                .time_ms = (int64_t)snag_seed_next(&seed) / 2};
        for (int k = 0; k < 16; k++)
            tick.incarnation[k] = (uint8_t)snag_seed_below(&seed, 256);
        if (i % 3 == 0)
            tick.offset = -1, tick.source = 0, tick.time_ms = SNAG_TIME_NONE;
        tick.hop = i % 2;
        tick.kind = tick.offset < 0 ? SNAG_TICK_MOVED : (snag_tick_kind)snag_seed_below(&seed, 3);
        bool back = tick.kind == SNAG_TICK_BACK;
        bool since = tick.kind == SNAG_TICK_SILENT || (back && tick.hop);
        tick.last_ms = since ? tick.time_ms / 2 : SNAG_TIME_NONE;
        tick.back_ms = !back ? SNAG_TIME_NONE : tick.hop ? tick.time_ms / 3 : tick.time_ms;
        snag_str words = written(room, &tick);
        assert_true(snag_tick_read(&read, words));
        assert_memory_equal(read.incarnation, tick.incarnation, 16);
        assert_int_equal(read.partition, tick.partition);
        assert_int_equal(read.hop, tick.hop);
        assert_int_equal(read.kind, tick.kind);
        assert_int_equal(read.last_ms, tick.last_ms);
        assert_int_equal(read.back_ms, tick.back_ms);
        assert_int_equal(read.source, tick.source);
        assert_int_equal(read.offset, tick.offset);
        assert_int_equal(read.time_ms, tick.time_ms);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "snag", "snag 2 i=00112233445566778899aabbccddeeff p=3",
        "snag 1 i=00112233445566778899aabbccddeef p=3", "snag 1 i=00112233445566778899aabbccddeeFF p=3",
        "snag 1 i=00112233445566778899aabbccddeeff p=", "snag 1 i=00112233445566778899aabbccddeeff p=-1",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 ", "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=8 o=1 w=1",
        "snag 1 i=00112233445566778899aabbccddeeff u=3", "snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 ",
        "snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 o=1",
        "snag 1 i=00112233445566778899aabbccddeeff s=1",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 w=1 q=",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 w=1 q=1 back",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 w=1 q=1 b=2",
        "snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 o=1 w=1 back",
        "snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 o=1 w=1 q=1 b=",
        "snag 1 i=00112233445566778899aabbccddeeff u=3 s=1 o=1 w=1 b=2",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 back",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 back",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=-1 w=1",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 w=",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 w=9223372036854775808",
        "snag 1 i=00112233445566778899aabbccddeeff p=3 s=1 o=1 w=1 x"};
    snag_tick tick;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(snag_tick_read(&tick, snag_str_from(wrong[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
