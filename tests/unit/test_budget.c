/* SPDX-License-Identifier: Apache-2.0
 *
 * How many timers a turn fires: as many as keep others from waiting, in bounded memory.
 */
#include "runtime/budget.h"
#include "unit/check.h"

enum { MIB = 1 << 20 };

/* A machine on which a turn takes fixed_ms and each timer each_ns, and writes 1200 bytes for it. */
static uint32_t settle(uint32_t timers, int64_t fixed_ms, int64_t each_ns, size_t bundle_bytes, size_t *most)
{
    *most = 0;
    for (int turn = 0; turn < 40; turn++) {
        size_t bytes = (size_t)timers * 1200;
        *most = bytes > *most ? bytes : *most;
        timers = snag_timers_next(timers, fixed_ms + timers * each_ns / 1000000, bytes, bundle_bytes);
    }
    return timers;
}

static void test_turn_takes_its_time(void **state)
{
    size_t most;
    (void)state;
    for (int64_t each_ns = 1500; each_ns <= 40000; each_ns += 500) {
        uint32_t timers = settle(SNAG_TIMERS_FIRST, 15, each_ns, 512 * (size_t)MIB, &most);
        int64_t took_ms = 15 + timers * each_ns / 1000000;
        assert_in_range(took_ms, SNAG_TURN_MS - 8, SNAG_TURN_MS + 8);
    }
}

static void test_turn_fits_memory(void **state)
{
    size_t most;
    (void)state;
    for (size_t bundle_bytes = 24 * (size_t)MIB; bundle_bytes <= 48 * (size_t)MIB; bundle_bytes += MIB) {
        uint32_t timers = settle(SNAG_TIMERS_FIRST, 0, 100, bundle_bytes, &most);
        assert_true(most <= bundle_bytes / 2 || most == (size_t)SNAG_TIMERS_FIRST * 1200);
        assert_in_range((size_t)timers * 1200, bundle_bytes / 2 - 4096, bundle_bytes / 2);
    }
}

static void test_turn_changes_by_steps(void **state)
{
    (void)state;
    assert_int_equal(snag_timers_next(8000, 0, 0, MIB), 16000);       /* a clock that stands */
    assert_int_equal(snag_timers_next(8000, SNAG_TURN_MS, 100, 48 * MIB), 8000); /* just right */
    assert_int_equal(snag_timers_next(8000, 2 * SNAG_TURN_MS, 100, 48 * MIB), 4000);
    assert_int_equal(snag_timers_next(8000, 100000, 100, 48 * MIB), 4000); /* stopped meanwhile */
    assert_int_equal(snag_timers_next(8000, 10, 48 * MIB, 48 * MIB), 4000);
    assert_int_equal(snag_timers_next(1200, 100000, 100, 48 * MIB), SNAG_TIMERS_MIN);
    assert_int_equal(snag_timers_next(SNAG_TIMERS_MAX, 1, 100, 48 * MIB), SNAG_TIMERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn_takes_its_time),
        cmocka_unit_test(test_turn_fits_memory),
        cmocka_unit_test(test_turn_changes_by_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
