/* SPDX-License-Identifier: Apache-2.0
 *
 * What `snag check --sample` measures: quantiles of disorder against a sort, event names past the bound.
 */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/sample.h"
#include "unit/seed.h"

enum { EVENTS = 20000 };

static snag_source_spec source = {.out_of_order_ms = 2000};
static const snag_pipeline pipeline = {.sources = &source, .source_count = 1};

static void add(snag_sample *sample, int64_t time_ms, const char *type)
{
    snag_event event = {.time_ms = time_ms, .stamp_ms = SNAG_TIME_NONE, .type = snag_str_from(type)};
    snag_sample_event(sample, &event);
}

static const snag_disorder *disorder_of(const snag_sample *sample)
{
    return &sample->sources[0].disorder;
}

static int by_value(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void test_in_order(void **state)
{
    (void)state;
    snag_sample *sample = snag_sample_new(&pipeline, NULL, 0);
    assert_non_null(sample);
    for (int64_t i = 0; i < 100; i++)
        add(sample, i / 2, "a");
    assert_int_equal(disorder_of(sample)->behind.buckets[0], 100);
    assert_int_equal(snag_disorder_late(disorder_of(sample), 0), 0);
    assert_int_equal(snag_spread_quantile(&disorder_of(sample)->behind, 999), 0);
    assert_int_equal(snag_disorder_suggest(disorder_of(sample)), 0);
    assert_int_equal(snag_disorder_suggest_delay(disorder_of(sample)), -1);
    snag_sample_free(sample);
}

/* At the bound is not late; a millisecond more is. */
static void test_late(void **state)
{
    (void)state;
    snag_sample *sample = snag_sample_new(&pipeline, NULL, 0);
    assert_non_null(sample);
    add(sample, 10000, "a");
    add(sample, 8000, "a");
    assert_int_equal(snag_disorder_late(disorder_of(sample), 2000), 0);
    add(sample, 7999, "a");
    assert_int_equal(snag_disorder_late(disorder_of(sample), 2000), 1);
    assert_int_equal(snag_disorder_late(disorder_of(sample), 0), 2);
    assert_true(snag_disorder_late(disorder_of(sample), 2001) == UINT64_MAX);
    assert_int_equal(disorder_of(sample)->behind.max_ms, 2001);
    snag_sample_free(sample);
}

/* A device whose clock is ahead makes nobody late: the stamp bounds it. */
static void test_stamps(void **state)
{
    (void)state;
    const int64_t asked_ms[] = {700, 2000, 700};
    snag_sample *sample = snag_sample_new(&pipeline, asked_ms, 3);
    assert_non_null(sample);
    snag_event event = {.time_ms = 900000, .stamp_ms = 10000, .type = SNAG_STR("a")};
    snag_sample_event(sample, &event);
    event.time_ms = 9300;
    event.stamp_ms = 12300;
    snag_sample_event(sample, &event);
    assert_int_equal(disorder_of(sample)->behind.max_ms, 700);
    assert_int_equal(snag_disorder_late(disorder_of(sample), 700), 0);
    assert_int_equal(snag_disorder_late(disorder_of(sample), 0), 1);
    assert_int_equal(disorder_of(sample)->ahead, 1);
    assert_int_equal(disorder_of(sample)->delay.count, 2);
    assert_int_equal(disorder_of(sample)->delay.max_ms, 3000);
    assert_int_equal(disorder_of(sample)->slow, 1); /* out_of_order 2 s, no delay */
    assert_int_equal(snag_disorder_suggest(disorder_of(sample)), 1000);
    assert_int_equal(snag_disorder_suggest_delay(disorder_of(sample)), 2000);
    snag_sample_free(sample);
}

static void check_quantiles(uint64_t seed_from, uint64_t reach_ms)
{
    snag_seed seed = snag_seed_from(seed_from);
    snag_sample *sample = snag_sample_new(&pipeline, NULL, 0);
    int64_t *behind = calloc(EVENTS, sizeof *behind);
    int64_t newest_ms = 0;
    assert_non_null(sample);
    assert_non_null(behind);
    for (int i = 0; i < EVENTS; i++) {
        int64_t time_ms = i * INT64_C(10) - (int64_t)snag_seed_below(&seed, reach_ms);
        newest_ms = i == 0 || time_ms > newest_ms ? time_ms : newest_ms;
        behind[i] = newest_ms - time_ms;
        add(sample, time_ms, "a");
    }
    qsort(behind, EVENTS, sizeof *behind, by_value);
    static const uint32_t quantiles[] = {500, 900, 990, 999, 1000};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        int64_t exact = behind[quantiles[i] * EVENTS / 1000 - 1];
        int64_t got = snag_spread_quantile(&disorder_of(sample)->behind, quantiles[i]);
        assert_true(got >= exact);
        assert_true(got - exact <= exact / 32 + 1);
    }
    free(behind);
    snag_sample_free(sample);
}

static void test_quantiles(void **state)
{
    (void)state;
    static const uint64_t reaches[] = {1, 50, 64, 65, 1000, 100000, 4000000000};
    for (uint64_t i = 0; i < sizeof reaches / sizeof reaches[0]; i++)
        check_quantiles(i, reaches[i]);
}

static void test_types(void **state)
{
    (void)state;
    snag_sample *sample = snag_sample_new(&pipeline, NULL, 0);
    assert_non_null(sample);
    for (int i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof name, "type %d", i % 5000);
        add(sample, i, name);
    }
    assert_true(sample->type_count < SNAG_SAMPLE_TYPES_MAX);
    uint64_t counted = snag_sample_count(sample, &(snag_pattern){SNAG_STR(""), true});
    assert_int_equal(counted, sample->type_count * 2);
    assert_int_equal(counted + sample->types_left_out, 10000);
    assert_int_equal(snag_sample_count(sample, &(snag_pattern){SNAG_STR("type 7"), false}), 2);
    assert_int_equal(snag_sample_count(sample, &(snag_pattern){SNAG_STR("nothing"), false}), 0);
    snag_sample_free(sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
