/* SPDX-License-Identifier: Apache-2.0
 *
 * base/sketch.h: buckets, packed blocks, quantiles of what ended and what still waits.
 */
#include "unit/check.h"

#include "base/sketch.h"
#include "unit/seed.h"

static snag_sketch sketch;

static void test_buckets(void **state)
{
    (void)state;
    uint32_t before = 0;
    assert_int_equal(snag_sketch_bucket(-5), 0);
    assert_int_equal(snag_sketch_last_ms(snag_sketch_bucket(1023)), 1023);
    assert_int_equal(snag_sketch_last_ms(snag_sketch_bucket(1024)), 1025);
    assert_int_equal(snag_sketch_last_ms(snag_sketch_bucket(60000)), 60031);
    assert_int_equal(snag_sketch_bucket(INT64_MAX), SNAG_SKETCH_BUCKETS - 1);
    for (uint32_t bucket = 0; bucket < SNAG_SKETCH_BUCKETS; bucket++) {
        int64_t last_ms = snag_sketch_last_ms(bucket);
        int64_t first_ms = bucket ? snag_sketch_last_ms(bucket - 1) + 1 : 0;
        assert_int_equal(snag_sketch_bucket(last_ms), bucket);
        assert_int_equal(snag_sketch_bucket(first_ms), bucket);
        assert_true(last_ms - first_ms <= first_ms / 512);
        before = bucket;
    }
    assert_int_equal(before, SNAG_SKETCH_BUCKETS - 1);
}

static void test_blocks(void **state)
{
    (void)state;
    char bytes[SNAG_SKETCH_BLOCK_BYTES_MAX];
    uint32_t counts[SNAG_SKETCH_BLOCK];
    uint32_t back[SNAG_SKETCH_BLOCK];
    snag_seed luck = snag_seed_from(7);
    for (int round = 0; round < 2000; round++) {
        for (uint32_t i = 0; i < SNAG_SKETCH_BLOCK; i++)
            counts[i] = (uint32_t)(snag_seed_next(&luck) >> snag_seed_below(&luck, 64));
        for (uint32_t i = 0; round == 0 && i < SNAG_SKETCH_BLOCK; i++)
            counts[i] = UINT32_MAX;
        snag_buf buf = snag_buf_on(bytes, sizeof bytes);
        snag_sketch_pack(counts, &buf);
        assert_false(buf.full);
        assert_true(snag_sketch_unpack(snag_buf_str(&buf), back));
        assert_memory_equal(counts, back, sizeof counts);
    }
}

static void refused(const char *bytes, size_t size)
{
    uint32_t counts[SNAG_SKETCH_BLOCK];
    assert_false(snag_sketch_unpack(snag_str_of(bytes, size), counts));
}

static void test_damaged_blocks(void **state)
{
    (void)state;
    refused("", 0);
    refused("\x02", 1);
    refused("\x01\x40\x01", 3);         /* no such place */
    refused("\x01\x05\x01\x05\x01", 5); /* twice */
    refused("\x01\x05\x01\x04\x01", 5); /* falling */
    refused("\x01\x05", 2);             /* cut short */
    refused("\x01\x05\x00", 3);         /* nothing is not told */
    refused("\x01\x05\xff\xff\xff\xff\x1f", 7); /* more than 32 bits */
    refused("\x01\x05\xff\xff\xff\xff\x8f\x00", 8);
}

static void add(int64_t ms, uint32_t ends, uint32_t waits)
{
    snag_sketch_add(&sketch, snag_sketch_bucket(ms), ends, waits);
}

static void test_quantiles(void **state)
{
    (void)state;
    assert_int_equal(snag_sketch_quantile(&sketch, 500000), -1);
    for (int64_t ms = 1; ms <= 100; ms++)
        add(ms, 1, 0);
    assert_int_equal(snag_sketch_quantile(&sketch, 500000), 50);
    assert_int_equal(snag_sketch_quantile(&sketch, 500001), 51);
    assert_int_equal(snag_sketch_quantile(&sketch, 950000), 95);
    assert_int_equal(snag_sketch_quantile(&sketch, 999999), 100);
    add(200, 0, 100); /* as many still wait: the 0.5 is just reached */
    assert_int_equal(snag_sketch_quantile(&sketch, 500000), 100);
    assert_int_equal(snag_sketch_quantile(&sketch, 510000), -1);
    snag_sketch_clear(&sketch);
    assert_int_equal(sketch.ended + sketch.waiting, 0);
    assert_int_equal(snag_sketch_quantile(&sketch, 500000), -1);
}

/* Weeks in remission of leukaemia of 21 patients under 6-MP (Freireich, 1963): 9 relapses. */
static void test_published_times(void **state)
{
    (void)state;
    static const struct {
        int64_t week;
        uint32_t ends;
        uint32_t waits;
    } weeks[] = {{6, 3, 1},  {7, 1, 0},  {9, 0, 1},  {10, 1, 1}, {11, 0, 1}, {13, 1, 0},
                 {16, 1, 0}, {17, 0, 1}, {19, 0, 1}, {20, 0, 1}, {22, 1, 0}, {23, 1, 0},
                 {25, 0, 1}, {32, 0, 2}, {34, 0, 1}, {35, 0, 1}};
    snag_sketch_clear(&sketch);
    for (size_t i = 0; i < sizeof weeks / sizeof weeks[0]; i++)
        add(weeks[i].week, weeks[i].ends, weeks[i].waits);
    /* Published: S(6) 0.857, S(7) 0.807, S(10) 0.753, S(13) 0.690, S(16) 0.627, S(22) 0.538, S(23) 0.448. */
    assert_int_equal(snag_sketch_quantile(&sketch, 142000), 6);
    assert_int_equal(snag_sketch_quantile(&sketch, 144000), 7);
    assert_int_equal(snag_sketch_quantile(&sketch, 246000), 10);
    assert_int_equal(snag_sketch_quantile(&sketch, 309000), 13);
    assert_int_equal(snag_sketch_quantile(&sketch, 372000), 16);
    assert_int_equal(snag_sketch_quantile(&sketch, 461000), 22);
    assert_int_equal(snag_sketch_quantile(&sketch, 500000), 23);
    assert_int_equal(snag_sketch_quantile(&sketch, 553000), -1);
    snag_sketch_clear(&sketch);
}

/* The order of adding is of no account, and neither is whether it was done in parts. */
static void test_order(void **state)
{
    (void)state;
    static snag_sketch other;
    int64_t times[500];
    snag_seed luck = snag_seed_from(11);
    for (size_t i = 0; i < 500; i++)
        times[i] = (int64_t)(snag_seed_next(&luck) >> (24 + snag_seed_next(&luck) % 30));
    for (size_t i = 0; i < 500; i++) {
        add(times[i], i % 3 != 0, i % 3 == 0);
        snag_sketch_add(&other, snag_sketch_bucket(times[499 - i]), (499 - i) % 3 != 0, (499 - i) % 3 == 0);
    }
    assert_memory_equal(&sketch, &other, sizeof sketch);
    snag_sketch_clear(&sketch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets),         cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_damaged_blocks),  cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_published_times), cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
