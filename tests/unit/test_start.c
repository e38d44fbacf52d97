/* SPDX-License-Identifier: Apache-2.0
 *
 * How a worker starts: for the first time, and in worlds of which a part was lost. It goes on where that is
 * right, and else stops with a sentence that says what to do, having said nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/head.h"
#include "worker_world.h"

static const char pipeline_text[] = "pipeline: w\n"
                                    "sources:\n"
                                    "  s: { topic: t, format: json, clock: log,\n"
                                    "       map: { id: id, time: at, type: what, customer: who } }\n"
                                    "rules:\n"
                                    "  stuck: { event: Asked, missing: Answered, after: 5s }\n";

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

static const said *head_first(const world *w, snag_head *head)
{
    for (size_t i = 0; i < w->log_count; i++) {
        const said *s = &w->log[i];
        if (s->topic != SNAG_TOPIC_CHANGELOG || s->key[0] != SNAG_HEAD_KEY)
            continue;
        assert_int_equal(snag_head_read(head, snag_str_of(s->value, s->value_size), NULL), SNAG_OK);
        return s;
    }
    return NULL;
}

/* The very first transaction fixes incarnation and place, even where nothing was read yet. */
static void test_first(void **state)
{
    snag_head head;
    (void)state;
    world *w = world_new(&config.pipeline);
    w->records = 0;
    world_run(w);
    assert_non_null(head_first(w, &head));
    assert_int_equal(head.n, 0);
    assert_int_equal(head.sources[0].next, 0);
    assert_int_equal(w->place.offset, 0);
    assert_non_null(strstr(w->place.text, "snag 1 n=0 i="));
    next_life(w, &config.pipeline, RECORDS);
    world_run(w);
    world_free(w);
}

static void test_first_at_the_end(void **state)
{
    snag_head head;
    (void)state;
    world *w = world_new(&config.pipeline);
    w->records = RECORDS / 2;
    w->from_latest = true;
    world_run(w);
    assert_non_null(head_first(w, &head));
    assert_int_equal(head.sources[0].next, RECORDS / 2);
    size_t before = w->log_count;
    for (size_t i = 0; i < before; i++)
        assert_true(w->log[i].topic >= SNAG_TOPIC_CHANGELOG); /* what is internal */
    next_life(w, &config.pipeline, RECORDS);
    world_run(w); /* from here on it is as any other: `latest` counts only once */
    assert_true(w->log_count > before);
    world_free(w);
}

/* A world after a good run, then spoiled; the start must end so. */
static void assert_stops(void (*spoil)(world *w), const char *words)
{
    snag_diag diag = {.text = ""};
    world *w = world_new(&config.pipeline);
    w->records = RECORDS / 2;
    world_run(w);
    spoil(w);
    size_t before = w->log_count;
    next_life(w, &config.pipeline, RECORDS);
    assert_int_equal(world_try(w, &diag), SNAG_STATE);
    if (!strstr(diag.text, words))
        fail_msg("it said: %s", diag.text);
    assert_int_equal(w->log_count, before);
    world_free(w);
}

static void lose_offsets(world *w)
{
    w->place = (snag_place){.offset = -1};
}

static void lose_words(world *w)
{
    w->place.text[0] = '\0';
}

static void lose_changelog(world *w)
{
    w->pending = w->log_count;
    w->log_count = 0;
    forget_pending(w);
}

static void hide_commit(world *w)
{
    lose_changelog(w); /* out of sight, that is */
    w->undecided = true;
}

static void lose_records(world *w)
{
    w->place.offset = RECORDS + 1;
}

static void more_partitions(world *w)
{
    enum { PARTITIONS_AT = 10 };
    for (size_t i = 0; i < w->log_count; i++)
        if (w->log[i].topic == SNAG_TOPIC_CHANGELOG && w->log[i].key[0] == SNAG_HEAD_KEY)
            w->log[i].value[PARTITIONS_AT] = 3;
}

static void test_lost_worlds(void **state)
{
    (void)state;
    assert_stops(lose_offsets, "the changelog holds state, but group g has no offsets");
    assert_stops(lose_words, "were not written by snag");
    assert_stops(lose_changelog, "is not in the changelog");
    assert_stops(hide_commit, "lies behind a transaction in the changelog that nobody ends");
    assert_stops(lose_records, "records were deleted before they were read, or the topic was made anew");
    assert_stops(more_partitions, "customers have moved between partitions");
}

/* Another one began, and committed, between the looks at the offsets and at the changelog. */
static void test_begun_meanwhile(void **state)
{
    (void)state;
    world *w = world_new(&config.pipeline);
    w->records = RECORDS / 2;
    world_run(w);
    size_t before = w->log_count;
    w->early_asks = 1;
    next_life(w, &config.pipeline, RECORDS);
    world_run(w);
    assert_int_equal(w->early_asks, 0);
    assert_int_equal(w->place.offset, RECORDS);
    assert_true(w->log_count > before);
    world_free(w);
}

/* A leader or coordinator that has just moved: the question is asked again, nothing starts over for it. */
static void test_asked_again(void **state)
{
    (void)state;
    for (int lives = 0; lives < 2; lives++) {
        world *w = world_new(&config.pipeline);
        w->records = RECORDS / 2;
        if (lives == 0)
            w->asks_fail = 5;
        world_run(w);
        w->asks_fail = 5;
        next_life(w, &config.pipeline, RECORDS);
        world_run(w);
        assert_int_equal(w->asks_fail, 0);
        assert_null(strstr(w->told, "starting over"));
        world_free(w);
    }
}

/* But not for ever: somebody else may be better placed. */
static void test_not_asked_for_ever(void **state)
{
    (void)state;
    world *w = world_new(&config.pipeline);
    w->records = RECORDS / 2;
    w->asks_fail = 60;
    world_run(w);
    assert_non_null(strstr(w->told, "not the coordinator; starting over"));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first), cmocka_unit_test(test_first_at_the_end),
                                       cmocka_unit_test(test_lost_worlds), cmocka_unit_test(test_asked_again),
                                       cmocka_unit_test(test_begun_meanwhile),
                                       cmocka_unit_test(test_not_asked_for_ever)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
