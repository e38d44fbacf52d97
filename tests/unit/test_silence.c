/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker whose source falls silent and comes back, with whatever fails or stops it in between: what is
 * committed is the same. (What is said in which case: tests/golden/rules/silent.cases; random logs recounted:
 * golden/test_silent; several workers, takeovers, kills: tests/sim; a real broker: integration/test_silent.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fresh.h"
#include "runtime/inside.h"
#include "worker_world.h"

enum { FIRST = 300, LAST_MS = (FIRST - 1) * 1000, SILENT_MS = 30000, LATE_MS = 200000 };

static const char pipeline_text[] = "pipeline: w\n"
                                    "sources:\n"
                                    "  s: { topic: t, format: json, delay: 1s, silent: 30s,\n"
                                    "       map: { id: id, time: at, type: what, customer: who } }\n"
                                    "rules:\n"
                                    "  stuck: { event: Asked, missing: Answered, after: 40s }\n";

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

static size_t count(const world *w, snag_topic topic, const char *one, const char *other)
{
    size_t found = 0;
    for (size_t i = 0; i < w->log_count; i++)
        found += w->log[i].topic == topic && w->log[i].value && strstr(w->log[i].value, one) &&
                 strstr(w->log[i].value, other);
    return found;
}

/* The first 300 records, and the clock so long after the last of them. */
static world *world_at(int64_t after_ms)
{
    world *w = world_new(&config.pipeline);
    w->records = FIRST;
    w->wall_ms += LAST_MS + after_ms;
    w->late_ms = LATE_MS;
    w->late_from = FIRST;
    return w;
}

/* … and the rest of them, which happened then, come 200 s later. */
static void come_back(world *w)
{
    w->wall_ms += LATE_MS + (RECORDS - FIRST) * 1000;
    next_life(w, &config.pipeline, RECORDS);
    world_run(w);
}

static void test_just_not_silent(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) { /* the clock stands at the last moment, and behind it */
        world *w = world_at(SILENT_MS + 1000 + more);
        world_run(w);
        assert_int_equal(count(w, SNAG_TOPIC_ALERTS, "\"test\":\"silent\"", ""), more);
        assert_int_equal(count(w, SNAG_TOPIC_DECISIONS, "", "") > 0, more > 0);
        assert_int_equal(w->quiet_asks > 0, more > 0);
        world_free(w);
    }
}

static void test_silent_and_back(void **state)
{
    (void)state;
    world *w = world_at(100000);
    world_run(w);
    size_t held = count(w, SNAG_TOPIC_DECISIONS, "\"held\"", "source_silent");
    size_t taken_back = count(w, SNAG_TOPIC_ALERTS, "\"stuck\"", "\"reason\":\"source_silent\"");
    assert_int_equal(count(w, SNAG_TOPIC_ALERTS, "trigger-1\"", "\"test\":\"silent\""), 1);
    assert_int_equal(count(w, SNAG_TOPIC_ALERTS, "2026-01-01T00:05:29.000Z", "\"test\":\"silent\""), 1);
    assert_true(taken_back > 0 && held > taken_back);
    assert_non_null(strstr(w->told, "source s is silent: no record since 2026-01-01T00:04:59.000Z"));
    assert_int_equal(atomic_load(&w->stats.silent), 1);
    come_back(w);
    size_t withdrawn = count(w, SNAG_TOPIC_DECISIONS, "\"suppressed\"", "source_silent");
    size_t released = count(w, SNAG_TOPIC_DECISIONS, "\"released\"", "source_silent");
    assert_int_equal(count(w, SNAG_TOPIC_ALERTS, "resolve-2\"", "\"test\":\"silent\""), 1);
    held = count(w, SNAG_TOPIC_DECISIONS, "\"held\"", "source_silent");
    assert_true(withdrawn > 0); /* answers came late to the topic, but in time */
    assert_true(withdrawn + released <= held);
    world_free(w);
}

/* A question for silence that gets no answer moves no time, and so says nothing. */
static void test_no_answer(void **state)
{
    (void)state;
    world *w = world_at(100000);
    w->quiet_fails = 1000000;
    world_run(w);
    assert_int_equal(count(w, SNAG_TOPIC_ALERTS, "\"test\":\"silent\"", ""), 0);
    assert_true(atomic_load(&w->stats.no_ticks) > 0);
    size_t early = count(w, SNAG_TOPIC_ALERTS, "", "");
    world_free(w);
    w = world_at(0);
    world_run(w);
    assert_int_equal(early, count(w, SNAG_TOPIC_ALERTS, "", ""));
    world_free(w);
}

static bool is_same(const world *a, const world *b, snag_topic topic)
{
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        while (i < a->log_count && a->log[i].topic != topic)
            i++;
        while (k < b->log_count && b->log[k].topic != topic)
            k++;
        if (i == a->log_count || k == b->log_count)
            return i == a->log_count && k == b->log_count;
        if (a->log[i].value_size != b->log[k].value_size ||
            memcmp(a->log[i].value, b->log[k].value, a->log[i].value_size) != 0)
            return false;
    }
}

/* Each call of the outside fails once, before or after it took effect; commits are small and often come
 * between the steps of a silence. */
static void test_whatever_fails(void **state)
{
    (void)state;
    world *steady = world_at(100000);
    steady->timer_budget = 2;
    world_run(steady);
    int64_t calls = steady->calls;
    come_back(steady);
    for (int64_t at = calls / 2; at <= calls; at++) {
        world *w = world_at(100000);
        w->timer_budget = 2;
        w->fail_at = at;
        w->fail_after = at % 2;
        world_run(w);
        w->fail_at = 0;
        come_back(w);
        assert_true(is_same(w, steady, SNAG_TOPIC_ALERTS));
        assert_true(is_same(w, steady, SNAG_TOPIC_DECISIONS));
        world_free(w);
    }
    world_free(steady);
}

static void said_nowhere(void *context, const snag_record *record)
{
    (void)context;
    (void)record;
}

/* When a partition must ask: of a silence that was told and has ended, not before time has gone on so far
 * again, or it would ask at every turn for ever. */
static void test_due(void **state)
{
    enum { BLOCK_BYTES = 16 << 20 };
    const int64_t last_ms = INT64_C(1767225600000), over_ms = last_ms + 10 * SILENT_MS;
    const snag_input_ops ops = {.quiet = input_quiet};
    const snag_ports ports = {.input = {&ops, NULL}};
    snag_worker *worker = calloc(1, sizeof *worker);
    snag_partition *partition = calloc(1, sizeof *partition);
    int64_t *known_ms = &worker->pulses[0].known_ms;
    void *block = fresh_give(BLOCK_BYTES);
    (void)state;
    worker->pipeline = &config.pipeline;
    worker->ports = &ports;
    worker->lane_of[0] = -1;
    partition->worker = worker;
    snag_err err =
        snag_engine_init(&partition->engine, &config.pipeline, block, BLOCK_BYTES, said_nowhere, NULL);
    assert_int_equal(err, SNAG_OK);
    *known_ms = SNAG_TIME_NONE; /* no record was ever seen */
    assert_true(snag_partition_silence_due(partition, 0) == SNAG_NEVER);
    *known_ms = last_ms;
    assert_true(snag_partition_silence_due(partition, 0) == last_ms + SILENT_MS);
    snag_engine_silent(partition->engine, 0, last_ms);
    assert_true(snag_engine_tick(partition->engine, last_ms + SILENT_MS + 1000, UINT32_MAX));
    assert_true(snag_partition_silence_due(partition, 0) == SNAG_NEVER);
    *known_ms = last_ms + 1; /* another one has heard that it is back */
    assert_true(snag_partition_silence_due(partition, 0) == last_ms + 1);
    snag_engine_back(partition->engine, 0, SNAG_TIME_NONE, last_ms + 2 * SILENT_MS);
    assert_true(snag_engine_tick(partition->engine, over_ms, UINT32_MAX));
    assert_false(snag_engine_silence_of(partition->engine, 0).silent);
    *known_ms = last_ms; /* what came back was not seen here */
    assert_true(snag_partition_silence_due(partition, 0) == over_ms + SILENT_MS);
    *known_ms = over_ms;
    assert_true(snag_partition_silence_due(partition, 0) == over_ms + SILENT_MS);
    worker->lane_of[0] = 0; /* of what first hops carry they know */
    assert_true(snag_partition_silence_due(partition, 0) == SNAG_NEVER);
    fresh_back(block, BLOCK_BYTES);
    free(partition);
    free(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_just_not_silent), cmocka_unit_test(test_silent_and_back),
        cmocka_unit_test(test_no_answer), cmocka_unit_test(test_due), cmocka_unit_test(test_whatever_fails)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
