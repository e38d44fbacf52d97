/* SPDX-License-Identifier: Apache-2.0
 *
 * Device clocks by seed: devices whose clocks are off, drift, and are set ahead or back, that collect their
 * events and upload them late, over a network that is slow now and then. Here the right time of each event is
 * known, so that it can be asked
 * - whether a device's own order is ever inverted, as long as its clock is not set back in between;
 * - how far a corrected time is from the right one;
 * - whether a record that is read again after a restart is corrected as it was the first time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "engine/clock.h"
#include "seed.h"

#define YEAR_MS INT64_C(31536000000)

enum {
    DEVICES = 10000,
    UPLOADS = 120,
    EVENTS_MAX = UPLOADS * 8,
    TOLERANCE_MS = 10000,
    GAP_MS = 40000,       /* between two events */
    DELAY_MS = 2000,      /* of the network, at most, but for … */
    DELAY_BAD_MS = 20000, /* … one time in twenty */
    OUT_OF_ORDER_MS = 600000
};

static const int64_t begin_ms = INT64_C(1767607200000);

typedef struct happening {
    int64_t true_ms;
    int64_t read_ms; /* the corrected time, when it was read */
    snag_device_sample sample;
    uint32_t setting; /* how often the clock was set back before it */
    bool settled;     /* the clock was known by then */
    bool refused;
} happening;

typedef struct device {
    uint64_t seed;
    int64_t true_ms;
    int64_t ahead_ms; /* its clock less the right one */
    int64_t drift_ppm;
    int64_t drift_at_ms;
    uint32_t settings_back;
    uint32_t uploads_since; /* it was set */
    int64_t set_ms;
    uint32_t first; /* of those not uploaded yet */
    uint32_t count;
    happening events[EVENTS_MAX];
} device;

static int64_t now_by_device(const device *d)
{
    return d->true_ms + d->ahead_ms + (d->true_ms - d->drift_at_ms) * d->drift_ppm / 1000000;
}

static void set_clock(device *d, snag_seed *seed)
{
    static const int64_t steps_ms[] = {30000, 3600000, 86400000, 3 * YEAR_MS};
    int64_t step_ms = steps_ms[snag_seed_below(seed, 4)];
    int64_t before_ms = now_by_device(d);
    d->ahead_ms = before_ms - d->true_ms;
    d->drift_at_ms = d->true_ms;
    bool back = snag_seed_below(seed, 2) == 0;
    d->ahead_ms += back ? -step_ms : step_ms;
    d->settings_back += back;
    d->uploads_since = 0;
    d->set_ms = d->true_ms;
}

static device *device_new(snag_seed *seed)
{
    static const int64_t offs_ms[] = {0, 3000, 90000, -90000, 7200000, -7200000, 3 * YEAR_MS, -56 * YEAR_MS};
    device *d = calloc(1, sizeof *d);
    SNAG_ASSERT(d);
    d->true_ms = d->drift_at_ms = d->set_ms = begin_ms;
    d->ahead_ms = offs_ms[snag_seed_below(seed, 8)];
    d->drift_ppm = (int64_t)snag_seed_below(seed, 401) - 200;
    if (snag_seed_below(seed, 2))
        d->drift_ppm = 0;
    return d;
}

static void happen(device *d, snag_seed *seed)
{
    d->true_ms += (int64_t)snag_seed_below(seed, GAP_MS);
    d->events[d->count] = (happening){.true_ms = d->true_ms, .setting = d->settings_back};
    d->events[d->count].sample.stamp_ms = now_by_device(d);
    d->count++;
}

/* All that waits, one place each; the clock learns from each. */
static void upload(device *d, snag_device_clock *clock, const snag_device_rule *rule, snag_seed *seed,
                   int64_t *place, int64_t *w_ms)
{
    int64_t delay_ms = 20 + (int64_t)snag_seed_below(seed, DELAY_MS);
    if (snag_seed_below(seed, 20) == 0)
        delay_ms += (int64_t)snag_seed_below(seed, DELAY_BAD_MS);
    if (d->true_ms - OUT_OF_ORDER_MS > *w_ms) /* others go on */
        *w_ms = d->true_ms - OUT_OF_ORDER_MS;
    for (; d->first < d->count; d->first++) {
        happening *h = &d->events[d->first];
        h->sample.place = ++*place;
        h->sample.sent_ms = now_by_device(d);
        h->sample.came_ms = d->true_ms + delay_ms;
        if (clock->piece_count == 0)
            assert_true(snag_device_begin(clock, &h->sample, rule));
        else
            snag_device_learn(clock, &h->sample, rule, *w_ms);
        h->read_ms = snag_device_time(clock, &h->sample);
        h->refused = h->read_ms - rule->max_skew_ms > h->sample.came_ms;
        h->settled = d->uploads_since > (rule->has_sent ? SNAG_CLOCK_UPLOADS + 2 : 4 * SNAG_CLOCK_UPLOADS) &&
                     h->true_ms > d->set_ms + 180000;
    }
    d->uploads_since++;
    d->true_ms += delay_ms; /* the next goes after it */
}

/* What is stored is taken up again: what may still be judged must be as it was. */
static void assert_read_again(const device *d, const snag_device_clock *clock, const snag_device_rule *rule,
                              int64_t w_ms)
{
    unsigned char bytes[SNAG_CLOCK_STATE_MAX];
    snag_device_clock again;
    uint16_t size = snag_device_write(clock, bytes);
    assert_true(snag_device_read(&again, bytes, size));
    for (uint32_t i = 0; i < d->first; i++) {
        const happening *h = &d->events[i];
        int64_t time_ms = snag_device_time(&again, &h->sample);
        bool refused = time_ms - rule->max_skew_ms > h->sample.came_ms;
        bool same = h->refused          ? refused || time_ms <= w_ms
                    : h->read_ms > w_ms ? !refused && time_ms == h->read_ms
                                        : refused || time_ms <= w_ms;
        if (!same)
            fail_msg("seed %llu: event %u was corrected to %lld, and is to %lld when it is read again, W "
                     "being %lld",
                     (unsigned long long)d->seed, i, (long long)h->read_ms, (long long)time_ms,
                     (long long)w_ms);
    }
}

static void assert_order(const device *d)
{
    int64_t latest_ms[UPLOADS];
    for (int i = 0; i < UPLOADS; i++)
        latest_ms[i] = SNAG_TIME_NONE;
    for (uint32_t i = 0; i < d->count; i++) {
        const happening *h = &d->events[i];
        if (h->refused)
            continue;
        assert_true(i == 0 || h->setting != d->events[i - 1].setting ||
                    h->sample.stamp_ms >= d->events[i - 1].sample.stamp_ms);
        if (h->setting < UPLOADS && latest_ms[h->setting] > h->read_ms)
            fail_msg("seed %llu: event %u comes %lld ms before one that happened earlier",
                     (unsigned long long)d->seed, i, (long long)(latest_ms[h->setting] - h->read_ms));
        latest_ms[h->setting] = h->read_ms;
    }
}

/* Returns how many were asked. */
static uint32_t assert_near(const device *d)
{
    uint32_t asked = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        const happening *h = &d->events[i];
        int64_t wrong_ms = h->read_ms - h->true_ms;
        if (!h->settled)
            continue;
        asked++;
        if (h->refused || wrong_ms > 2 * TOLERANCE_MS + DELAY_MS || wrong_ms < -2 * TOLERANCE_MS - DELAY_MS)
            fail_msg("seed %llu: event %u is corrected to %lld ms from the right time",
                     (unsigned long long)d->seed, i, (long long)wrong_ms);
    }
    return asked;
}

static void live(device *d, const snag_device_rule *rule, snag_seed *seed)
{
    snag_device_clock clock = {0};
    int64_t place = 0;
    int64_t w_ms = SNAG_TIME_NONE;
    for (uint32_t n = 0; n < UPLOADS; n++) {
        uint64_t events = 1 + snag_seed_below(seed, 6);
        for (uint64_t i = 0; i < events; i++)
            happen(d, seed);
        if (snag_seed_below(seed, 5) == 0)
            d->true_ms += (int64_t)snag_seed_below(seed, 14400000); /* no network for hours */
        upload(d, &clock, rule, seed, &place, &w_ms);
        if (snag_seed_below(seed, 25) == 0)
            set_clock(d, seed);
        if (snag_seed_below(seed, 4) == 0)
            assert_read_again(d, &clock, rule, w_ms);
    }
}

static void test_order_and_bound(void **state)
{
    (void)state;
    const snag_device_rule rule = {TOLERANCE_MS, true, 300000};
    uint32_t asked = 0;
    for (uint64_t seed_number = 0; seed_number < DEVICES; seed_number++) {
        snag_seed seed = snag_seed_from(seed_number);
        device *d = device_new(&seed);
        d->seed = seed_number;
        live(d, &rule, &seed);
        assert_order(d);
        asked += assert_near(d);
        free(d);
    }
    assert_true(asked > DEVICES * UPLOADS); /* most are settled */
}

/* Records do not say when they were sent: a clock that runs ahead is still brought back to when they came.
 * Four uploads in a row that all come late look like a clock that was set back: that is rare. */
static void test_without_sent(void **state)
{
    (void)state;
    const snag_device_rule rule = {TOLERANCE_MS, false, 300000};
    uint64_t asked = 0;
    uint64_t near = 0;
    for (uint64_t seed_number = 0; seed_number < DEVICES; seed_number++) {
        snag_seed seed = snag_seed_from(seed_number);
        device *d = device_new(&seed);
        d->seed = seed_number;
        live(d, &rule, &seed);
        assert_order(d);
        for (uint32_t i = 0; i < d->count; i++) {
            const happening *h = &d->events[i];
            assert_true(h->refused || h->read_ms <= h->sample.came_ms + rule.max_skew_ms);
            asked += h->settled;
            near += h->settled && h->read_ms <= h->sample.came_ms + TOLERANCE_MS + GAP_MS + DELAY_MS;
        }
        free(d);
    }
    assert_true(asked > (uint64_t)DEVICES * UPLOADS / 4);
    assert_true(near * 100 > asked * 98);
}

static snag_device_sample sample_of(int64_t place, int64_t stamp_ms, int64_t sent_ms, int64_t came_ms)
{
    return (snag_device_sample){.place = place, .stamp_ms = stamp_ms, .sent_ms = sent_ms, .came_ms = came_ms};
}

static const snag_device_rule usual = {TOLERANCE_MS, true, 300000};

/* A single record that denies the offset, or one upload of many, changes nothing. */
static void test_stable(void **state)
{
    (void)state;
    snag_device_clock clock;
    snag_device_sample sample = sample_of(1, 3600000, 3601000, 2000);
    assert_true(snag_device_begin(&clock, &sample, &usual));
    assert_int_equal(snag_device_off(&clock), -3599000);
    for (int64_t i = 0; i < 50; i++) { /* one upload, ten minutes late */
        sample = sample_of(2 + i, 3610000 + i, 3700000, 700000);
        snag_device_learn(&clock, &sample, &usual, SNAG_TIME_NONE);
        assert_int_equal(snag_device_time(&clock, &sample), 3610000 + i - 3599000);
    }
    assert_int_equal(snag_device_off(&clock), -3599000);
    sample = sample_of(60, 3710000, 3711000, 112100);
    snag_device_learn(&clock, &sample, &usual, SNAG_TIME_NONE);
    assert_int_equal(clock.run_count, 0);
}

/* Less than the tolerance is left alone, exactly at it too; one more is not. */
static void test_tolerance(void **state)
{
    (void)state;
    static const int64_t edges_ms[] = {TOLERANCE_MS, -TOLERANCE_MS};
    for (int i = 0; i < 2; i++) {
        snag_device_clock clock;
        int64_t beyond_ms = edges_ms[i] + (edges_ms[i] > 0 ? 1 : -1);
        snag_device_sample sample = sample_of(1, 100000, 100000, 100000 + edges_ms[i]);
        assert_true(snag_device_begin(&clock, &sample, &usual));
        assert_int_equal(snag_device_off(&clock), 0);
        sample.came_ms = 100000 + beyond_ms;
        assert_true(snag_device_begin(&clock, &sample, &usual));
        assert_int_equal(snag_device_off(&clock), beyond_ms);
    }
}

/* So many uploads of one record each, a second apart, that say the same of the clock. */
static void learn(snag_device_clock *clock, int uploads, int64_t stamp_ms, int64_t off_ms, int64_t w_ms)
{
    static int64_t place = 1000;
    for (int i = 0; i < uploads; i++) {
        int64_t at_ms = stamp_ms + i * 1000;
        snag_device_sample sample = sample_of(++place, at_ms, at_ms, at_ms + off_ms);
        snag_device_learn(clock, &sample, &usual, w_ms);
    }
}

static snag_device_clock begun(int64_t stamp_ms, int64_t off_ms)
{
    snag_device_clock clock;
    snag_device_sample sample = sample_of(1, stamp_ms, stamp_ms, stamp_ms + off_ms);
    assert_true(snag_device_begin(&clock, &sample, &usual));
    return clock;
}

/* An offset that is known is denied beyond the tolerance, and not at it. */
static void test_tolerance_later(void **state)
{
    (void)state;
    for (int way = -1; way <= 1; way += 2) {
        snag_device_clock clock = begun(100000, 50000);
        learn(&clock, 2 * SNAG_CLOCK_UPLOADS, 101000, 50000 + way * TOLERANCE_MS, SNAG_TIME_NONE);
        assert_int_equal(snag_device_off(&clock), 50000);
        assert_int_equal(clock.run_count, 0);
        learn(&clock, SNAG_CLOCK_UPLOADS, 121000, 50000 + way * (TOLERANCE_MS + 1), SNAG_TIME_NONE);
        assert_int_equal(snag_device_off(&clock), 50000 + way * (TOLERANCE_MS + 1));
    }
}

/* The clock was set back only where its stamps lie further behind than the tolerance. */
static void test_set_back(void **state)
{
    (void)state;
    snag_device_clock clock = begun(100000, 0);
    assert_int_equal(clock.seen_ms, 120000);
    learn(&clock, SNAG_CLOCK_UPLOADS, 120000 - TOLERANCE_MS - 1000 * (SNAG_CLOCK_UPLOADS - 1), 15000,
          SNAG_TIME_NONE);
    assert_int_equal(clock.piece_count, 2);
    assert_true(clock.pieces[1].after_ms == SNAG_TIME_NONE);
    clock = begun(100000, 0);
    learn(&clock, SNAG_CLOCK_UPLOADS, 120001 - TOLERANCE_MS - 1000 * (SNAG_CLOCK_UPLOADS - 1), 15000,
          SNAG_TIME_NONE);
    assert_int_equal(clock.piece_count, 2);
    assert_int_equal(clock.pieces[1].after_ms, 120000);
}

/* The oldest piece stays until all that it had corrected is judged. */
static void test_places(void **state)
{
    (void)state;
    snag_device_clock clock = begun(100000, 0);
    learn(&clock, SNAG_CLOCK_UPLOADS, 200000, 100000, SNAG_TIME_NONE);
    learn(&clock, SNAG_CLOCK_UPLOADS, 300000, 200000, SNAG_TIME_NONE);
    assert_int_equal(clock.piece_count, SNAG_CLOCK_PIECES);
    int64_t floor_ms = clock.pieces[1].floor_ms;
    learn(&clock, SNAG_CLOCK_UPLOADS, 400000, 300000, floor_ms - 1);
    assert_int_equal(snag_device_off(&clock), 200000);
    learn(&clock, 1, 404000, 300000, floor_ms);
    assert_int_equal(snag_device_off(&clock), 300000);
    assert_int_equal(clock.piece_count, SNAG_CLOCK_PIECES);
}

/* Without `sent`: of uploads that say that the clock runs ahead, four others may lie between two. */
static void test_misses(void **state)
{
    (void)state;
    static const snag_device_rule plain = {TOLERANCE_MS, false, 300000};
    snag_device_clock clock;
    snag_device_sample sample = sample_of(1, 100000, SNAG_TIME_NONE, 100000);
    assert_true(snag_device_begin(&clock, &sample, &plain));
    sample = sample_of(2, 160000, SNAG_TIME_NONE, 110000);
    snag_device_learn(&clock, &sample, &plain, SNAG_TIME_NONE);
    assert_int_equal(clock.run_count, 1);
    for (int i = 0; i <= SNAG_CLOCK_MISSES; i++) {
        assert_int_equal(clock.run_count, 1);
        sample = sample_of(3 + i, 120000 + i, SNAG_TIME_NONE, 121000 + i);
        snag_device_learn(&clock, &sample, &plain, SNAG_TIME_NONE);
    }
    assert_int_equal(clock.run_count, 0);
}

/* Nothing is known where it is not said when it came or was sent. */
static void test_unknown(void **state)
{
    (void)state;
    snag_device_clock clock;
    snag_device_sample sample = sample_of(1, 100000, SNAG_TIME_NONE, 500000);
    assert_false(snag_device_begin(&clock, &sample, &usual));
    sample = sample_of(1, 100000, 100000, SNAG_TIME_NONE);
    assert_false(snag_device_begin(&clock, &sample, &usual));
    sample = sample_of(1, 100000, 100000, 500000);
    assert_true(snag_device_begin(&clock, &sample, &usual));
    sample = sample_of(2, 160000, SNAG_TIME_NONE, SNAG_TIME_NONE);
    assert_false(snag_device_learn(&clock, &sample, &usual, SNAG_TIME_NONE));
    assert_int_equal(snag_device_time(&clock, &sample), 560000);
}

/* A clock that was stored by this format. */
static void test_stored(void **state)
{
    (void)state;
    static const char stored[] =
        "60c76e00000000003ca993ffffffffff0000000000000080a0ec6d00000000000000010102000000"
        "01000000000000000000000000000080ffffffffffffff7f00000000000000806815c9ffffffffff"
        "0d0000000000000080ee360000000000e803000000000000e8030000000000003ca993ffffffffff";
    unsigned char bytes[SNAG_CLOCK_STATE_MAX];
    uint16_t size = 0;
    snag_device_clock clock;
    for (const char *at = stored; at[0]; at += 2) {
        char pair[3] = {at[0], at[1], '\0'};
        bytes[size++] = (unsigned char)strtoul(pair, NULL, 16);
    }
    assert_true(snag_device_read(&clock, bytes, size));
    assert_int_equal(clock.piece_count, 2);
    snag_device_sample sample = sample_of(1, 3600500, 3601000, 2000);
    assert_int_equal(snag_device_time(&clock, &sample), 1500);
    sample = sample_of(20, 7300000, 7301000, 202000);
    assert_int_equal(snag_device_time(&clock, &sample), 199900);
}

/* Stored bytes that are cut, or say nonsense, are no clock. */
static void test_damaged(void **state)
{
    (void)state;
    unsigned char bytes[SNAG_CLOCK_STATE_MAX] = {0};
    snag_device_clock clock;
    snag_device_sample sample = sample_of(1, 100000, 100000, 500000);
    assert_true(snag_device_begin(&clock, &sample, &usual));
    uint16_t size = snag_device_write(&clock, bytes);
    for (uint16_t cut = 0; cut < size; cut++)
        assert_false(snag_device_read(&clock, bytes, cut));
    assert_true(snag_device_read(&clock, bytes, size));
    clock.pieces[0].off_ms = INT64_MAX - 5;
    size = snag_device_write(&clock, bytes);
    assert_false(snag_device_read(&clock, bytes, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bound), cmocka_unit_test(test_without_sent),
        cmocka_unit_test(test_stable),          cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_tolerance_later), cmocka_unit_test(test_set_back),
        cmocka_unit_test(test_places),          cmocka_unit_test(test_misses),
        cmocka_unit_test(test_unknown),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
