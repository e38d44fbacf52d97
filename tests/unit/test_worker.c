/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker over ports that live in memory: whatever call fails, before or after it took effect, the
 * committed outputs are those of an undisturbed run, each once and in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker_world.h"

static const char pipeline_text[] = "pipeline: w\n"
                                    "sources:\n"
                                    "  s: { topic: t, format: json, clock: log,\n"
                                    "       map: { id: id, time: at, type: what, customer: who } }\n"
                                    "rules:\n"
                                    "  stuck: { event: Asked, missing: Answered, after: 5s }\n"
                                    "  often: { event: Asked, count: 3, within: 10s }\n";

/* Deadlines that are learned: the sketches are state like any other. */
static const char learned_text[] = "pipeline: w\n"
                                   "sources:\n"
                                   "  s: { topic: t, format: json, clock: log,\n"
                                   "       map: { id: id, time: at, type: what, customer: who } }\n"
                                   "journeys:\n"
                                   "  turn: { again: true, expire: 25m, stages: {\n"
                                   "    asked: { event: Asked, due: learned 60% else 9m },\n"
                                   "    answered: { event: Answered, due: learned 40% else 4m } } }\n"
                                   "rules:\n"
                                   "  stuck: { event: Asked, missing: Answered,\n"
                                   "           after: learned 70% else 11m }\n";

static snag_config config;
static snag_config learned;

static const said *next_said(const world *w, size_t *at)
{
    while (*at < w->log_count && w->log[*at].topic == SNAG_TOPIC_CHANGELOG)
        (*at)++;
    return *at < w->log_count ? &w->log[(*at)++] : NULL;
}

static void assert_same(const world *a, const world *b)
{
    size_t i = 0, j = 0;
    for (;;) {
        const said *x = next_said(a, &i), *y = next_said(b, &j);
        if (!x && !y)
            return;
        assert_non_null(x);
        assert_non_null(y);
        assert_int_equal(x->topic, y->topic);
        assert_string_equal(x->key, y->key);
        assert_string_equal(x->value, y->value);
    }
}

static int set_up(void **state)
{
    (void)state;
    return world_config(&config, pipeline_text, 8) == SNAG_OK &&
                   world_config(&learned, learned_text, 8) == SNAG_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    snag_config_free(&config);
    snag_config_free(&learned);
    return 0;
}

static void test_undisturbed(void **state)
{
    size_t counts[SNAG_TOPIC_COUNT] = {0};
    (void)state;
    world *w = world_new(&config.pipeline);
    world_run(w);
    for (size_t i = 0; i < w->log_count; i++)
        counts[w->log[i].topic]++;
    assert_true(counts[SNAG_TOPIC_ALERTS] > 50);
    assert_true(counts[SNAG_TOPIC_DEAD_LETTER] > 10);
    assert_true(counts[SNAG_TOPIC_CHANGELOG] > 20);
    world_free(w);
}

/* Every call of the output fails once, before and after it took effect. */
static void test_every_call_fails(void **state)
{
    (void)state;
    world *reference = world_new(&config.pipeline);
    world_run(reference);
    int64_t step = reference->calls / 150 + 1; /* an even spread of them; the odd step visits every kind */
    for (int after = 0; after < 2; after++) {
        for (int64_t at = 1; at <= reference->calls; at += step | 1) {
            world *w = world_new(&config.pipeline);
            w->fail_at = at;
            w->fail_after = after;
            world_run(w);
            assert_same(reference, w);
            world_free(w);
        }
    }
    world_free(reference);
}

static size_t learned_alerts(const world *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->log_count; i++)
        count += w->log[i].topic == SNAG_TOPIC_ALERTS && strstr(w->log[i].value, "\"basis\":\"learned\"");
    return count;
}

/* What was learned survives every failure, and so do the deadlines that rest on it. */
static void test_learned(void **state)
{
    enum { PACE_S = 47 }; /* 400 records in five hours */
    (void)state;
    world *reference = world_new_paced(&learned.pipeline, PACE_S);
    world_run(reference);
    assert_true(learned_alerts(reference) > 40);
    int64_t step = reference->calls / 60 + 1;
    for (int after = 0; after < 2; after++) {
        for (int64_t at = 1; at <= reference->calls; at += step | 1) {
            world *w = world_new_paced(&learned.pipeline, PACE_S);
            w->fail_at = at;
            w->fail_after = after;
            w->fail_gap = reference->calls / 3;
            world_run(w);
            assert_same(reference, w);
            world_free(w);
        }
    }
    /* Another process, which has only the changelog. */
    for (int64_t half = 7 * BATCH; half < RECORDS; half += 7 * BATCH) {
        world *w = world_new_paced(&learned.pipeline, PACE_S);
        w->records = half;
        world_run(w);
        next_life(w, &learned.pipeline, RECORDS);
        world_run(w);
        assert_same(reference, w);
        world_free(w);
    }
    world_free(reference);
}

/* Stopped in the middle and started again, several times. */
static void test_restarts(void **state)
{
    (void)state;
    world *reference = world_new(&config.pipeline);
    world_run(reference);
    world *w = world_new(&config.pipeline);
    w->fail_at = 50;
    world_run(w);
    for (int i = 0; i < 3; i++) {
        atomic_store(&w->shared.stop, false);
        w->seat = SNAG_SEAT_GIVEN;
        w->next = -1;
        w->idle = 0;
        world_run(w); /* there is nothing left to say */
    }
    assert_same(reference, w);
    world_free(w);
    world_free(reference);
}

/* Fenced twice within a minute: somebody has our name. Fenced because the transaction lay open for too long
 * (the process was stopped, say), or by a coordinator that knows of nobody else: it goes on as often as it
 * takes. */
static void test_fences(void **state)
{
    static const struct {
        int fences;
        int64_t after_ms;
        bool no_rival;
        snag_err err;
    } rows[] = {{1, 0, false, SNAG_OK}, {2, 0, false, SNAG_FENCED}, {2, 9000, false, SNAG_FENCED},
                {5, 12000, false, SNAG_OK}, {5, 0, true, SNAG_OK}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_diag diag = {.text = ""};
        world *w = world_new(&config.pipeline);
        w->fail_at = 50;
        w->fences = rows[i].fences;
        w->fence_after_ms = rows[i].after_ms;
        w->no_rival = rows[i].no_rival;
        assert_int_equal(world_try(w, &diag), rows[i].err);
        assert_true(rows[i].err == SNAG_OK || strstr(diag.text, "instance name i") != NULL);
        world_free(w);
    }
}

/* Told to stop while a failure is being answered: that is a peaceful end, and the next start goes on. */
static void test_stop_amid_failure(void **state)
{
    (void)state;
    world *reference = world_new(&config.pipeline);
    world_run(reference);
    world *w = world_new(&config.pipeline);
    snag_diag diag = {.text = ""};
    w->fail_at = 60;
    w->stop_at_fail = true;
    assert_int_equal(world_try(w, &diag), SNAG_OK);
    assert_true(w->place.offset < RECORDS);
    atomic_store(&w->shared.stop, false);
    w->stop_at_fail = false;
    w->seat = SNAG_SEAT_GIVEN;
    w->next = -1;
    world_run(w);
    assert_same(reference, w);
    world_free(w);
    world_free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_undisturbed),
                                       cmocka_unit_test(test_every_call_fails),
                                       cmocka_unit_test(test_learned),
                                       cmocka_unit_test(test_restarts),
                                       cmocka_unit_test(test_fences),
                                       cmocka_unit_test(test_stop_amid_failure)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
