/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker with a newer pipeline over what an older one committed: episodes of changed and removed rules end
 * once, whatever call fails on the way; those that only changed their words go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker_world.h"

#define SOURCE                                                                           \
    "sources:\n"                                                                         \
    "  s: { topic: t, format: json, clock: log,\n"                                       \
    "       map: { id: id, time: at, type: what, customer: who } }\n"                    \
    "rules:\n"

static const char *const files[] = {
    "pipeline: w\n" SOURCE "  stuck: { event: Asked, missing: Answered, after: 5s, owner: old }\n"
    "  often: { event: Asked, count: 3, within: 10h, owner: old }\n"
    "  words: { event: Answered, count: 2, within: 10h, owner: old }\n",
    /* stuck is gone, often is changed, words has another owner */
    "pipeline: w\nversion: 2\n" SOURCE "  often: { event: Asked, count: 5, within: 10h, owner: new }\n"
    "  words: { event: Answered, count: 2, within: 10h, owner: new }\n",
    /* the second file again, changed without a new version */
    "pipeline: w\nversion: 2\n" SOURCE "  often: { event: Asked, count: 4, within: 10h, owner: new }\n"};

/* A journey of which every version changes the second stage only: walks in the first one go on, stalls and
 * all, from version to version. */
#define WALKS(number, due, more)                                                                        \
    "pipeline: w\nversion: " number "\njourneys:\n  j:\n    stages:\n"                                 \
    "      asked: { event: Asked, due: 5s }\n      answered: { event: Answered, due: " due " }\n" SOURCE more
#define OFTEN(count) "  often: { event: Asked, count: " count ", within: 10h }\n"

static const char *const walk_files[] = {WALKS("1", "1h", OFTEN("2")), WALKS("2", "2h", OFTEN("3")),
                                         WALKS("3", "3h", OFTEN("4")), WALKS("4", "4h", OFTEN("5"))};

enum { FILES = 3, WALK_FILES = 4, HALF = 200 };

static snag_config configs[FILES + WALK_FILES];

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < FILES + WALK_FILES; i++)
        if (world_config(&configs[i], i < FILES ? files[i] : walk_files[i - FILES], 8) != SNAG_OK)
            return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < FILES + WALK_FILES; i++)
        snag_config_free(&configs[i]);
    return 0;
}

static size_t count(const world *w, size_t from, const char *a, const char *b)
{
    size_t found = 0;
    for (size_t i = from; i < w->log_count; i++)
        found += w->log[i].topic == SNAG_TOPIC_ALERTS && strstr(w->log[i].value, a) &&
                 strstr(w->log[i].value, b);
    return found;
}

static size_t open_of(const world *w, size_t until, const char *rule)
{
    size_t triggers = 0, resolves = 0;
    for (size_t i = 0; i < until; i++) {
        if (w->log[i].topic != SNAG_TOPIC_ALERTS || !strstr(w->log[i].value, rule))
            continue;
        triggers += strstr(w->log[i].value, "snag.alert.trigger") != NULL;
        resolves += strstr(w->log[i].value, "snag.alert.resolve") != NULL;
    }
    return triggers - resolves;
}

static world *older_half(void)
{
    world *w = world_new(&configs[0].pipeline);
    w->records = HALF;
    world_run(w);
    assert_true(open_of(w, w->log_count, "\"rule\":\"stuck\"") > 3);
    assert_true(open_of(w, w->log_count, "\"rule\":\"often\"") > 3);
    assert_true(open_of(w, w->log_count, "\"rule\":\"words\"") > 1);
    return w;
}

static void assert_upgraded(const world *w, size_t before)
{
    size_t stuck = open_of(w, before, "\"rule\":\"stuck\"");
    size_t often = open_of(w, before, "\"rule\":\"often\"");
    assert_int_equal(count(w, before, "rule_changed", "\"rule\":\"stuck\""), stuck);
    assert_int_equal(count(w, before, "rule_changed", "\"rule\":\"often\""), often);
    assert_int_equal(count(w, before, "rule_changed", ""), stuck + often);
    assert_int_equal(count(w, before, "rule_changed", "\"owner\":\"old\""), stuck + often);
    assert_int_equal(count(w, before, "\"rule\":\"stuck\"", "trigger"), 0);
    assert_int_equal(count(w, before, "\"rule\":\"words\"", "rule_changed"), 0);
    assert_true(count(w, before, "\"rule\":\"often\"", "trigger") > 3);
}

static void test_upgrade(void **state)
{
    (void)state;
    world *w = older_half();
    size_t before = w->log_count;
    next_life(w, &configs[1].pipeline, RECORDS);
    world_run(w);
    assert_upgraded(w, before);
    assert_non_null(strstr(w->told, "changed or removed rules resolved"));
    before = w->log_count;
    next_life(w, &configs[1].pipeline, RECORDS); /* once is enough */
    world_run(w);
    assert_int_equal(count(w, before, "", ""), 0);
    world_free(w);
}

/* Newer time zones: said once, and nothing that is open or armed changes. */
static void test_other_zones(void **state)
{
    (void)state;
    snag_pipeline *pipeline = &configs[0].pipeline;
    pipeline->zones[0] = 1;
    pipeline->zone_version = SNAG_STR("2025a");
    world *w = older_half();
    size_t before = w->log_count;
    assert_null(strstr(w->told, "time zone data"));
    pipeline->zones[0] = 2;
    pipeline->zone_version = SNAG_STR("2025b");
    next_life(w, pipeline, RECORDS);
    world_run(w);
    const char *words = strstr(w->told, "time zone data");
    assert_non_null(words);
    assert_non_null(strstr(words, "2025a when the state was stored, 2025b now"));
    assert_null(strstr(words + 1, "time zone data"));
    assert_int_equal(count(w, before, "rule_changed", ""), 0);
    assert_true(count(w, before, "moved_on", "\"rule\":\"stuck\"") > 3);
    world_free(w);
    memset(pipeline->zones, 0, sizeof pipeline->zones);
    pipeline->zone_version = SNAG_STR("");
}

/* With nothing new to read the resolves come all the same, in the very first transaction. */
static void test_at_once(void **state)
{
    (void)state;
    world *w = older_half();
    size_t before = w->log_count;
    next_life(w, &configs[1].pipeline, HALF);
    world_run(w);
    assert_int_equal(w->calls > 0, 1);
    assert_true(count(w, before, "rule_changed", "") > 6);
    world_free(w);
}

/* Every call of the output fails once, before and after it took effect. */
static void test_every_call_fails(void **state)
{
    (void)state;
    world *reference = older_half();
    next_life(reference, &configs[1].pipeline, RECORDS);
    world_run(reference);
    int64_t calls = reference->calls < 120 ? reference->calls : 120;
    for (int after = 0; after < 2; after++) {
        for (int64_t at = 1; at <= calls; at += 2) {
            world *w = older_half();
            size_t before = w->log_count;
            next_life(w, &configs[1].pipeline, RECORDS);
            w->fail_at = at;
            w->fail_after = after;
            world_run(w);
            assert_upgraded(w, before);
            world_free(w);
        }
    }
    world_free(reference);
}

static void test_refused(void **state)
{
    snag_diag diag = {.text = ""};
    (void)state;
    world *w = older_half();
    next_life(w, &configs[1].pipeline, RECORDS);
    world_run(w);
    size_t before = w->log_count;
    next_life(w, &configs[0].pipeline, RECORDS); /* an older file */
    assert_int_equal(world_try(w, &diag), SNAG_CONFIG);
    assert_non_null(strstr(diag.text, "with version 2 of this pipeline, this file is version 1"));
    next_life(w, &configs[2].pipeline, RECORDS); /* another file of the same version */
    assert_int_equal(world_try(w, &diag), SNAG_CONFIG);
    assert_non_null(strstr(diag.text, "write `version: 3`"));
    assert_int_equal(w->log_count, before);
    world_free(w);
}

/* What a program of tomorrow stored is refused with a clear sentence, wherever it is met first. */
static void test_newer_state(void **state)
{
    (void)state;
    for (int of_cell = 0; of_cell < 2; of_cell++) {
        snag_diag diag = {.text = ""};
        world *w = older_half();
        for (size_t i = 0; i < w->log_count; i++) {
            said *s = &w->log[i];
            if (s->topic == SNAG_TOPIC_CHANGELOG && s->value && s->key[0] == (of_cell ? 'c' : 'h'))
                s->value[of_cell ? 0 : 8] = 9;
        }
        next_life(w, &configs[1].pipeline, RECORDS);
        assert_int_equal(world_try(w, &diag), SNAG_STATE);
        assert_non_null(strstr(diag.text, "was stored by a newer snag"));
        world_free(w);
    }
}

/* A head of format 1 has no place for words: what is open can only be let go, and that is said. */
static void test_format_1(void **state)
{
    enum { RULES_AT = 90, RULES_BYTES = 10 };
    (void)state;
    world *w = older_half();
    for (size_t i = 0; i < w->log_count; i++) {
        said *s = &w->log[i];
        if (s->topic != SNAG_TOPIC_CHANGELOG || !s->value)
            continue;
        if (s->key[0] == 'h') {
            s->value[8] = 1;
            memmove(s->value + RULES_AT, s->value + RULES_AT + RULES_BYTES,
                    s->value_size - RULES_AT - RULES_BYTES);
            s->value_size -= RULES_BYTES;
        } else if (s->key[0] == 'r') {
            s->value_size = 0;
        }
    }
    size_t before = w->log_count;
    next_life(w, &configs[1].pipeline, RECORDS);
    world_run(w);
    assert_non_null(strstr(w->told, "left no words"));
    assert_int_equal(count(w, before, "rule_changed", ""), 0);
    assert_true(count(w, before, "\"rule\":\"often\"", "trigger") > 3);
    world_free(w);
}

/* A world in which version 1 has left walks and open stalls. */
static world *walks_begun(uint64_t *walks, uint64_t *stalls)
{
    world *w = world_new(&configs[FILES].pipeline);
    w->records = HALF;
    world_run(w);
    *walks = atomic_load(&w->stats.walks);
    *stalls = open_of(w, w->log_count, "\"rule\":\"j.asked.late\"");
    assert_true(*walks > 10 && *stalls > 5);
    return w;
}

static void assert_walks_kept(world *w, uint64_t walks, uint64_t stalls, size_t often)
{
    assert_null(strstr(w->told, "left no words"));
    assert_int_equal(atomic_load(&w->stats.walks), walks);
    assert_int_equal(atomic_load(&w->stats.episodes), stalls);
    assert_int_equal(open_of(w, w->log_count, "\"rule\":\"j.asked.late\""), stalls);
    assert_int_equal(count(w, 0, "rule_changed", "\"rule\":\"often\""), often);
}

/* An upgrade that ends in its middle, whichever call was the last, and is gone on with by a version after it,
 * that may end in its middle as well: walks that the one before has carried over are carried over again. */
static void test_third_version(void **state)
{
    uint64_t walks, stalls;
    (void)state;
    for (int64_t at = 1; at <= 40; at++) {
        for (int after = 0; after < 2; after++) {
            snag_diag diag = {.text = ""};
            world *w = walks_begun(&walks, &stalls);
            size_t often = open_of(w, w->log_count, "\"rule\":\"often\"");
            for (int version = 2; version <= 4; version++) {
                next_life(w, &configs[FILES + version - 1].pipeline, HALF);
                w->fail_at = version < 4 ? at : 0;
                w->fail_after = after;
                w->stop_at_fail = version < 4;
                assert_int_equal(world_try(w, &diag), SNAG_OK);
            }
            assert_walks_kept(w, walks, stalls, often);
            world_free(w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upgrade), cmocka_unit_test(test_other_zones), cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_every_call_fails), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_newer_state), cmocka_unit_test(test_format_1),
        cmocka_unit_test(test_third_version)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
