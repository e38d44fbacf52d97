/* SPDX-License-Identifier: Apache-2.0
 *
 * Time moved by the clock, where nothing is left to read; and a wall clock that jumps. (Backlogs, stopped
 * workers, lost leaders, open transactions: integration/test_clock, live; tests/sim has all that and jumps.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker_world.h"

enum { HOUR_MS = 3600000, LAST_MS = (RECORDS - 1) * 1000 };

static const char pipeline_text[] = "pipeline: w\n"
                                    "sources:\n"
                                    "  s: { topic: t, format: json, delay: 1s,\n"
                                    "       map: { id: id, time: at, type: what, customer: who } }\n"
                                    "rules:\n"
                                    "  stuck: { event: Asked, missing: Answered, after: 60s }\n";

static snag_config config;

static int set_up(void **state)
{
    (void)state;
    return world_config(&config, pipeline_text, 8) == SNAG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    snag_config_free(&config);
    return 0;
}

/* The clock stands so long after the last record. */
static world *world_at(int64_t after_ms)
{
    world *w = world_new(&config.pipeline);
    w->wall_ms += LAST_MS + after_ms;
    return w;
}

static size_t alerts(const world *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->log_count; i++)
        count += w->log[i].topic == SNAG_TOPIC_ALERTS;
    return count;
}

static void test_the_clock_fires(void **state)
{
    (void)state;
    size_t seen[3];
    const int64_t after_ms[3] = {0, 40000, 80000};
    for (int i = 0; i < 3; i++) {
        world *w = world_at(after_ms[i]);
        world_run(w);
        seen[i] = alerts(w);
        assert_true(i == 0 || atomic_load(&w->stats.ticks) > 0);
        world_free(w);
    }
    assert_true(seen[0] < seen[1] && seen[1] < seen[2]);
}

/* One look at the wall clock says an hour too much, or too little, whichever look it is: nothing is told that
 * would not be told else. */
static void test_a_jump_moves_nothing(void **state)
{
    static const int64_t jumps_ms[] = {HOUR_MS, -HOUR_MS, 2000};
    uint64_t jumps = 0;
    (void)state;
    world *steady = world_at(40000);
    world_run(steady);
    for (size_t j = 0; j < sizeof jumps_ms / sizeof *jumps_ms; j++) {
        for (int64_t at = 1; at <= steady->wall_reads; at++) {
            world *w = world_at(40000);
            w->glitch_at = at;
            w->glitch_ms = jumps_ms[j];
            world_run(w);
            assert_int_equal(alerts(w), alerts(steady));
            jumps += atomic_load(&w->stats.jumps);
            world_free(w);
        }
    }
    assert_true(jumps > 0);
    world_free(steady);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_clock_fires),
                                       cmocka_unit_test(test_a_jump_moves_nothing)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
