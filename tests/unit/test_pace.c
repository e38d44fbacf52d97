/* SPDX-License-Identifier: Apache-2.0
 *
 * --speed over a clock that only moves when somebody sleeps: how long is slept, and where the clock then is.
 */
#include "unit/check.h"

#include "base/limits.h"
#include "cli/pace.h"

typedef struct hands {
    int64_t now_ms;
    int64_t slept_ms;
} hands;

static int64_t monotonic_ms(void *self)
{
    return ((hands *)self)->now_ms;
}

static void sleep_ms(void *self, int64_t ms)
{
    hands *clock = self;
    assert_true(ms > 0);
    clock->now_ms += ms;
    clock->slept_ms += ms;
}

static hands now;
static const snag_clock ours = {.monotonic_ms = monotonic_ms, .sleep_ms = sleep_ms, .self = &now};

static void test_words(void **state)
{
    (void)state;
    snag_pace pace;
    assert_true(snag_pace_init(&pace, "60", &ours));
    assert_int_equal(pace.speed, 60);
    assert_true(snag_pace_init(&pace, "60x", &ours));
    assert_int_equal(pace.speed, 60);
    assert_true(snag_pace_init(&pace, NULL, &ours));
    assert_int_equal(pace.speed, 0);
    static const char *const wrong[] = {"",     "x",    "0",    "0x",  "-1",
                                        "1.5x", "60 x", "60xx", "fast", "9999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(snag_pace_init(&pace, wrong[i], &ours));
}

/* An hour of events a second apart, at 60x: a minute, whatever the steps. */
static void test_even(void **state)
{
    (void)state;
    snag_pace pace;
    now = (hands){.now_ms = 5000};
    assert_true(snag_pace_init(&pace, "60x", &ours));
    snag_pace_wait(&pace, SNAG_TIME_NONE);
    for (int64_t second = 0; second <= 3600; second++)
        snag_pace_wait(&pace, 1000000 + 1000 * second);
    assert_int_equal(now.slept_ms, 60000);
}

/* A week without an event is two seconds, and the pace goes on from there. */
static void test_pause(void **state)
{
    (void)state;
    snag_pace pace;
    now = (hands){.now_ms = 0};
    assert_true(snag_pace_init(&pace, "60", &ours));
    snag_pace_wait(&pace, 0);
    snag_pace_wait(&pace, INT64_C(604800000));
    assert_int_equal(now.slept_ms, 2000);
    snag_pace_wait(&pace, INT64_C(604800000) + 60000);
    assert_int_equal(now.slept_ms, 3000);
    snag_pace_wait(&pace, INT64_C(604800000) + 120000); /* exactly two seconds' worth is no pause */
    assert_int_equal(now.slept_ms, 4000);
}

/* A slow reader is not waited for; at no speed nothing ever waits. */
static void test_behind(void **state)
{
    (void)state;
    snag_pace pace;
    now = (hands){.now_ms = 0};
    assert_true(snag_pace_init(&pace, "1x", &ours));
    snag_pace_wait(&pace, 0);
    now.now_ms = 5000;
    snag_pace_wait(&pace, 4000);
    assert_int_equal(now.slept_ms, 0);
    snag_pace_wait(&pace, 6000);
    assert_int_equal(now.slept_ms, 1000);
    assert_true(snag_pace_init(&pace, NULL, &ours));
    snag_pace_wait(&pace, 99000000);
    assert_int_equal(now.slept_ms, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_even),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
