/* SPDX-License-Identifier: Apache-2.0
 *
 * The clock moves an idle partition's time past many deadlines and waiting events at once, a few deadlines a
 * commit: whatever fails in the middle, and with nothing more to read, the rest is judged as it would have
 * been.
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

static int set_up(void **state)
{
    (void)state;
    snag_err err = snag_config_parse(&config, snag_str_from(pipeline_text), "w.yaml", NULL);
    for (uint32_t i = 0; i < config.error_count; i++)
        fprintf(stderr, "%u: %s\n", config.errors[i].diag.line, config.errors[i].diag.text);
    config.pipeline.budget_bytes = 32u << 20;
    return err == SNAG_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    snag_config_free(&config);
    return 0;
}

/* Alerts in the order in which they were said. */
static const said *next_alert(const world *w, size_t *at)
{
    while (*at < w->log_count && w->log[*at].topic != SNAG_TOPIC_ALERTS &&
           w->log[*at].topic != SNAG_TOPIC_LATE)
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_piece_by_piece),
                                       cmocka_unit_test(test_twice),
                                       cmocka_unit_test(test_every_call_fails)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
