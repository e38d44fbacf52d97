/* SPDX-License-Identifier: Apache-2.0
 *
 * The clock moves an idle partition's time past many deadlines and waiting events at once, or an event does,
 * a few deadlines a commit: whatever fails in the middle, and with nothing more to read, the rest is judged
 * as it would have been.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker_world.h"

/* The last minute's events wait in the order buffer when the log ends. */
static const char pipeline_text[] = "pipeline: w\n"
                                    "sources:\n"
                                    "  s: { topic: t, format: json, out_of_order: 60s,\n"
                                    "       map: { id: id, time: at, type: what, customer: who } }\n"
                                    "rules:\n"
                                    "  stuck: { event: Asked, missing: Answered, after: 9s }\n"
                                    "  silent: { event: \"*\", missing: \"*\", after: 20s }\n";

enum { HOUR_MS = 3600000 };

static snag_config config;
static snag_config on_arrival; /* the same, and nothing waits */

static int set_up(void **state)
{
    char text[sizeof pipeline_text];
    (void)state;
    snprintf(text, sizeof text, "%s", pipeline_text);
    memcpy(strstr(text, "60s"), "0ms", 3);
    return world_config(&config, pipeline_text, 32) == SNAG_OK &&
                   world_config(&on_arrival, text, 32) == SNAG_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    snag_config_free(&config);
    snag_config_free(&on_arrival);
    return 0;
}

/* Alerts in the order in which they were said; and what was late or unreadable. */
static const said *next_alert(const world *w, size_t *at)
{
    while (*at < w->log_count && w->log[*at].topic != SNAG_TOPIC_ALERTS &&
           w->log[*at].topic != SNAG_TOPIC_LATE && w->log[*at].topic != SNAG_TOPIC_DEAD_LETTER)
        (*at)++;
    return *at < w->log_count ? &w->log[(*at)++] : NULL;
}

/* What is said of an alert but for when it was seen. */
static void strip(char *value)
{
    char *at = strstr(value, "\"detected_at\"");
    char *end = at ? strchr(at, ',') : NULL;
    if (end)
        memmove(at, end, strlen(end) + 1);
}

static void assert_same(const world *a, const world *b)
{
    size_t i = 0, j = 0;
    for (;;) {
        const said *x = next_alert(a, &i), *y = next_alert(b, &j);
        if (!x && !y)
            return;
        assert_non_null(x);
        assert_non_null(y);
        strip(x->value);
        strip(y->value);
        assert_int_equal(x->topic, y->topic);
        assert_string_equal(x->value, y->value);
    }
}

static world *late_world(uint32_t timer_budget)
{
    world *w = world_new(&config.pipeline);
    w->wall_ms += HOUR_MS;
    w->timer_budget = timer_budget;
    return w;
}

static void test_piece_by_piece(void **state)
{
    (void)state;
    world *at_once = late_world(0), *pieces = late_world(1);
    world_run(at_once);
    world_run(pieces);
    assert_true(pieces->calls > at_once->calls + 20);
    assert_same(at_once, pieces);
    world_free(at_once);
    world_free(pieces);
}

static void test_every_call_fails(void **state)
{
    (void)state;
    world *reference = late_world(0), *pieces = late_world(1);
    world_run(reference);
    world_run(pieces);
    int64_t first = reference->calls * 3 / 4; /* before it is as in test_worker.c */
    for (int after = 0; after < 2; after++) {
        for (int64_t at = first; at <= pieces->calls; at += 2) {
            world *w = late_world(1);
            w->fail_at = at;
            w->fail_after = after;
            world_run(w);
            assert_same(reference, w);
            world_free(w);
        }
    }
    world_free(reference);
    world_free(pieces);
}

/* What was read again must not be forgotten when it fails once more before all of it is back. */
static void test_twice(void **state)
{
    (void)state;
    world *reference = late_world(0), *pieces = late_world(1);
    world_run(reference);
    world_run(pieces);
    for (int64_t gap = 1; gap < 12; gap += 2) {
        for (int64_t at = reference->calls / 2; at <= pieces->calls; at += 7) {
            world *w = late_world(1);
            w->fail_at = at;
            w->fail_gap = gap;
            world_run(w);
            assert_same(reference, w);
            world_free(w);
        }
    }
    world_free(reference);
    world_free(pieces);
}

/* --- an event moves time ------------------------------------------------------------------------ */

enum { GAP_AT = 211, GAP_S = 3600 }; /* an unreadable record comes right before it, and soon after */

/* After some records nothing happened for an hour: the next of them finds much that is due. */
static world *gap_world(const snag_pipeline *pipeline, uint32_t timer_budget)
{
    world *w = world_new(pipeline);
    w->timer_budget = timer_budget;
    w->late_ms = GAP_S * 1000;
    w->late_from = GAP_AT;
    w->wall_ms += 2 * HOUR_MS;
    for (int i = GAP_AT; i < RECORDS; i++) {
        int at_s = i + GAP_S;
        char text[16];
        snprintf(text, sizeof text, "%02d:%02d:%02d", at_s / 3600 % 24, at_s / 60 % 60, at_s % 60);
        memcpy(strstr(w->lines[i], "01T") + 3, text, 8);
    }
    return w;
}

static size_t dead_letters(const world *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->log_count; i++)
        count += w->log[i].topic == SNAG_TOPIC_DEAD_LETTER;
    return count;
}

static void test_an_event_moves_time(void **state)
{
    const snag_pipeline *pipelines[] = {&config.pipeline, &on_arrival.pipeline};
    (void)state;
    for (int i = 0; i < 2; i++) {
        world *at_once = gap_world(pipelines[i], 0), *pieces = gap_world(pipelines[i], 1);
        world_run(at_once);
        world_run(pieces);
        assert_true(pieces->calls > at_once->calls + 20);
        assert_true(dead_letters(pieces) > 4);
        assert_same(at_once, pieces);
        for (int64_t at = at_once->calls / 3; at <= pieces->calls; at += 3) {
            world *w = gap_world(pipelines[i], 1 + (uint32_t)(at % 2));
            w->fail_at = at;
            w->fail_after = at % 4 < 2;
            world_run(w);
            assert_same(at_once, w);
            world_free(w);
        }
        world_free(at_once);
        world_free(pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_piece_by_piece),
                                       cmocka_unit_test(test_an_event_moves_time),
                                       cmocka_unit_test(test_twice),
                                       cmocka_unit_test(test_every_call_fails)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
