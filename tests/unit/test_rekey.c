/* SPDX-License-Identifier: Apache-2.0
 *
 * Both hops of a rekeyed source (rekey_world.h): a customer's records lie in any partition of the topic, the
 * workers of both hops come as far as it happens, and are killed. What is committed in the end is what one
 * engine says of the same events in the order of their times: all of it, once. And what a lane's note looks
 * like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "codec/codec.h"
#include "engine/engine.h"
#include "rekey_story.h"

/* --- the reference ----------------------------------------------------------------------------- */

static void on_record(void *context, const snag_record *record)
{
    char json[8192];
    snag_buf buf = snag_buf_on(json, sizeof json - 1);
    const uint8_t config[32] = {0};
    const snag_encode_context encode = {.pipeline = SNAG_STR("w"), .config = config,
                                        .detected_at_ms = SNAG_TIME_NONE};
    assert_int_not_equal(record->kind, SNAG_RECORD_LATE);
    snag_encode_json(&buf, &encode, record);
    json[buf.size] = '\0';
    said_add(context, snag_buf_str(&buf));
}

static int by_time(const void *a, const void *b)
{
    const happening *x = a, *y = b;
    return x->time_ms < y->time_ms ? -1 : x->time_ms > y->time_ms;
}

static void reference_make(story *self)
{
    snag_decoder *decoder;
    snag_engine *engine;
    snag_arena arena;
    snag_event event;
    size_t taken;
    const snag_pipeline *pipeline = &self->world->config.pipeline;
    const snag_decoder_options options = {.now_ms = SNAG_NEVER};
    void *block = fresh_give(BLOCK), *scratch = malloc(1 << 20);
    snag_arena_init(&arena, scratch, 1 << 20);
    qsort(self->events, self->count, sizeof *self->events, by_time);
    assert_int_equal(snag_decoder_new(&decoder, &pipeline->sources[0], SNAG_STR("."), &options, NULL),
                     SNAG_OK);
    assert_int_equal(snag_engine_init(&engine, pipeline, block, BLOCK, on_record, self), SNAG_OK);
    for (size_t i = 0; i < self->count; i++) {
        char line[LINE];
        int size = snprintf(line, sizeof line, "%s%s%s", self->each ? "{\"items\":[" : "",
                            self->events[i].text, self->each ? "]}" : "");
        const snag_raw raw = {.position = {.offset = (int64_t)i}, .stamp_ms = SNAG_TIME_NONE,
                              .value = snag_str_of(line, (size_t)size)};
        size_t count;
        snag_arena_reset(&arena);
        assert_int_equal(snag_decode_all(decoder, &raw, &arena, &event, 1, &count, NULL), SNAG_OK);
        assert_int_equal(snag_engine_take(engine, &event, 1, &taken), SNAG_OK);
    }
    assert_true(snag_engine_tick(engine, EPOCH_MS + 1000000000, UINT32_MAX));
    snag_decoder_free(decoder);
    fresh_back(block, BLOCK);
    free(scratch);
}

/* --- the verdict ------------------------------------------------------------------------------- */

/* A dead letter is the record as its producer wrote it, and says where that is. */
static void dead_check(const world *w)
{
    for (uint32_t p = 0; p < TOPIC_MAX; p++) {
        const tape *of = &w->outputs[SNAG_TOPIC_DEAD_LETTER][p];
        for (size_t i = 0; i < of->count; i++) {
            const entry *what = &of->list[i];
            bool topic = false;
            assert_true(snag_str_equal(what->value, SNAG_STR("not json")));
            for (uint32_t h = 0; h < what->header_count; h++) {
                snag_str name = what->headers[h].name;
                assert_true(name.size < 10 || memcmp(name.data, "snag.rekey", 10) != 0);
                if (snag_str_equal(name, SNAG_STR("snag.topic")))
                    topic = snag_str_equal(what->headers[h].value, SNAG_STR("t"));
            }
            assert_true(topic);
        }
    }
}

static uint64_t world_run(uint64_t number)
{
    char text[1024];
    world *w = calloc(1, sizeof *w);
    size_t kind = number % (sizeof pipelines / sizeof pipelines[0]);
    snprintf(text, sizeof text, "%s%s", pipelines[kind], rules);
    world_begin(w, number, text);
    w->old_words = number % 5 == 4;
    story expected = {.world = w, .each = kind == 2, .lag_ms = LAG_MS, .pause_ms = LATE_MS,
                      .said = calloc(SAID_MAX, sizeof *expected.said)};
    story seen = {.world = w, .said = calloc(SAID_MAX, sizeof *seen.said)};
    int64_t end_ms = story_make(&expected);
    live(w, end_ms + 20000);
    reference_make(&expected);
    said_take(&seen, SNAG_TOPIC_ALERTS);
    said_take(&seen, SNAG_TOPIC_JOURNEYS);
    assert_same(&expected, &seen, number);
    assert_true(expected.said_count > 30);
    assert_int_equal(committed(w, SNAG_TOPIC_LATE), 0);
    assert_int_equal(committed(w, SNAG_TOPIC_DEAD_LETTER), expected.garbage);
    dead_check(w);
    assert_true(w->forgotten > 0);
    uint64_t restarts = w->restarts;
    story_free(&expected);
    story_free(&seen);
    world_finish(w);
    free(w);
    return restarts;
}

static void test_worlds(void **state)
{
    const char *only = getenv("SNAG_WORLD");
    uint64_t restarts = 0, first = only ? strtoull(only, NULL, 10) : 0;
    (void)state;
    for (uint64_t number = first; number < (only ? first + 1 : WORLDS); number++)
        restarts += world_run(number);
    assert_true(only || restarts > WORLDS / 2);
}

/* All records are there before anybody reads, and many come later than out_of_order allows. What went to the
 * topic `late` is part of what was said. */
static size_t late_run(uint64_t number, uint64_t how, story *seen)
{
    char text[1024];
    world *w = calloc(1, sizeof *w);
    snprintf(text, sizeof text, "%s%s", pipelines[number % (sizeof pipelines / sizeof pipelines[0])], rules);
    world_begin(w, number, text);
    story happened = {.world = w, .each = number % 3 == 2, .lag_ms = LATE_MS,
                      .pause_ms = LATE_MS};
    *seen = (story){.world = w, .said = calloc(SAID_MAX, sizeof *seen->said)};
    w->now_ms = story_make(&happened) + 2 * LATE_MS;
    w->seed = snag_seed_from(how);
    live(w, w->now_ms + (how ? 30000 : 0));
    said_take(seen, SNAG_TOPIC_ALERTS);
    said_take(seen, SNAG_TOPIC_JOURNEYS);
    late_take(seen);
    size_t late = committed(w, SNAG_TOPIC_LATE);
    free(happened.events);
    world_finish(w);
    free(w);
    return late;
}

/* What is late is late by its own partition's order: whoever came how far, and was killed when. */
static void test_late(void **state)
{
    (void)state;
    const char *only = getenv("SNAG_WORLD");
    uint64_t first = only ? strtoull(only, NULL, 10) : 0;
    size_t worlds = 0, some_late = 0;
    for (uint64_t number = first; number < (only ? first + 1 : WORLDS / 3); number++) {
        story calm, rough;
        worlds++;
        some_late += late_run(number, 0, &calm) > 0;
        late_run(number, number + 1, &rough);
        assert_same(&calm, &rough, number);
        story_free(&calm);
        story_free(&rough);
    }
    assert_true(only || some_late > worlds / 2);
}

static void test_note(void **state)
{
    static const char *const wrong[] = {"", "1", "2 0 5 - 7 0", "2 0 5 - 7 0 0 0", "2 0 5 - 7 0 9",
                                        "2 0 5 - 7 0 9 0 1", "3 0 5 - 7 0 9 0", "2 0 5 - 7 1 9 0",
                                        "2 0 5 - - 0 9 0", "2 0 5 - 7 0 9 -1", "1 0 5 - 7 0 9 0",
                                        "1 0 5 - - 1 ", "1 0 5 - - 1 2",
                                        "1 64 5 - - 1", "1 0 -5 - - 1", "1 0 5 x - 1",
                                        "1 0 5 - 12345678901234567890 1",
                                        "1 0 5 - - 257", "1  0 5 - - 1", "1 0 5 - - -1"};
    const snag_lane_note notes[] = {{7, SNAG_TIME_NONE, SNAG_TIME_NONE, 0, 1, 0, 0}, {0, 5, -7, 63, 0, 9, 0},
                                    {INT64_C(1) << 55, 1767225600000, 1767225599000, 3, 256, 0, 0},
                                    {INT64_C(1) << 55, SNAG_TIME_NONE, 1767225599000, 3, 0, 1767225600000,
                                     1767225600001}};
    snag_lane_note read;
    (void)state;
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        char text[SNAG_LANE_NOTE_MAX];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_lane_note_print(&buf, &notes[i]);
        assert_true(snag_lane_note_read(&read, snag_buf_str(&buf)));
        assert_int_equal(read.offset, notes[i].offset);
        assert_int_equal(read.stamp_ms, notes[i].stamp_ms);
        assert_int_equal(read.low_ms, notes[i].low_ms);
        assert_int_equal(read.partition, notes[i].partition);
        assert_int_equal(read.count, notes[i].count);
        assert_int_equal(read.last_ms, notes[i].last_ms);
        assert_int_equal(read.back_ms, notes[i].back_ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(snag_lane_note_read(&read, snag_str_from(wrong[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_note), cmocka_unit_test(test_worlds),
                                       cmocka_unit_test(test_late)};
    cmocka_set_test_filter(getenv("SNAG_TEST"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
