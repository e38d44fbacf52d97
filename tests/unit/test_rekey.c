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
#include "base/time.h"
#include "codec/codec.h"
#include "engine/engine.h"
#include "rekey_world.h"

enum {
    RECORDS = 140, ITEMS = 3, WORLDS = 36, LINE = 600, SAID_MAX = 4000, BLOCK = 16 << 20,
    LAG_MS = 980, /* below out_of_order */
    LATE_MS = 6000
};

static const char *const pipelines[] = {
    "pipeline: w\nsources:\n"
    "  s: { topic: t, format: json, out_of_order: 1s, rekey: true,\n"
    "       map: { id: id, time: at, type: what, customer: who } }\n",
    "pipeline: w\nsources:\n"
    "  s: { topic: t, format: json, out_of_order: 1s, rekey: true, hash: true, delay: 2s,\n"
    "       map: { id: id, time: at, type: what, customer: who } }\n",
    "pipeline: w\nsources:\n"
    "  s: { topic: t, format: json, out_of_order: 1s, rekey: true, each: items,\n"
    "       map: { id: items.id, time: items.at, type: items.what, customer: items.who } }\n"};

static const char rules[] = "rules:\n"
                            "  stuck: { event: Asked, missing: Answered, after: 4s }\n"
                            "  often: { event: Asked, count: 3, within: 6s }\n"
                            "journeys:\n"
                            "  call:\n"
                            "    stages: { asked: { event: Asked, due: 3s }, done: { event: Answered } }\n";

/* One event, as the text of an item. */
typedef struct happening {
    int64_t time_ms;
    char text[160];
} happening;

typedef struct story {
    world *world;
    bool each;
    int64_t lag_ms; /* by which a record comes later than it happened, at most */
    happening *events;
    size_t count;
    uint64_t garbage;
    char **said; /* "id time", sorted */
    size_t said_count;
} story;

/* --- the world ---------------------------------------------------------------------------------- */

static void world_finish(world *w)
{
    for (uint32_t u = 0; u < TOPIC_MAX; u++) {
        tape_free(&w->topic[u]);
        for (uint32_t p = 0; p < STATE_MAX; p++)
            tape_free(&w->lanes[u][p]);
        for (int t = 0; t < SNAG_TOPIC_COUNT; t++)
            tape_free(&w->outputs[t][u]);
    }
    snag_config_free(&w->config);
}

static void world_begin(world *w, uint64_t number, const char *pipeline)
{
    *w = (world){.seed = snag_seed_from(number)};
    snag_err err = snag_config_parse(&w->config, snag_str_from(pipeline), "w.yaml", NULL);
    for (uint32_t i = 0; i < w->config.error_count; i++)
        fprintf(stderr, "%u: %s\n", w->config.errors[i].diag.line, w->config.errors[i].diag.text);
    assert_int_equal(err, SNAG_OK);
    w->config.pipeline.budget_bytes = 64u << 20;
    w->topic_partitions = 1 + (uint32_t)snag_seed_below(&w->seed, TOPIC_MAX);
    w->state_partitions = 1 + (uint32_t)snag_seed_below(&w->seed, STATE_MAX);
    w->rekey.lane_partitions = w->state_partitions;
    w->hop_pipeline = w->lane_pipeline = w->config.pipeline;
    w->source = w->config.pipeline.sources[0];
    w->source.lanes = w->topic_partitions;
    w->lane_pipeline.sources = &w->source;
    for (uint32_t u = 0; u < TOPIC_MAX; u++)
        w->hop_places[u].offset = -1;
    for (uint32_t i = 0; i < TOPIC_MAX * STATE_MAX; i++)
        w->state_places[i / STATE_MAX][i % STATE_MAX].offset = -1;
}

/* --- what happens ------------------------------------------------------------------------------ */

static int64_t happen(story *self, int64_t time_ms)
{
    static const char *const types[] = {"Asked", "Asked", "Answered", "Other"};
    snag_seed *seed = &self->world->seed;
    happening *one = &self->events[self->count];
    char at[40];
    snag_buf buf = snag_buf_on(at, sizeof at - 1);
    snag_time_print(&buf, time_ms);
    at[buf.size] = '\0';
    one->time_ms = time_ms;
    int who = (int)snag_seed_below(seed, 7); /* one draw a statement: the same world with every compiler */
    const char *what = types[snag_seed_below(seed, 4)];
    snprintf(one->text, sizeof one->text, "{\"id\":\"e%zu\",\"at\":\"%s\",\"what\":\"%s\",\"who\":\"c%d\"}",
             self->count, at, what, who);
    self->count++;
    return time_ms;
}

static void topic_put(story *self, int64_t stamp_ms, const char *text)
{
    world *w = self->world;
    tape *to = &w->topic[snag_seed_below(&w->seed, w->topic_partitions)];
    entry what = {.value = copy(snag_str_from(text)), .stamp_ms = stamp_ms};
    if (snag_seed_below(&w->seed, 2))
        what.key = copy(SNAG_STR("some key"));
    if (snag_seed_below(&w->seed, 3) == 0) {
        what.headers = calloc(1, sizeof *what.headers);
        what.headers[what.header_count++] = (snag_header){copy(SNAG_STR("trace")), copy(SNAG_STR("1"))};
    }
    tape_add(to, what);
    for (size_t i = to->count - 1; i > 0 && to->list[i - 1].stamp_ms > stamp_ms; i--) {
        entry swap = to->list[i];
        to->list[i] = to->list[i - 1];
        to->list[i - 1] = swap;
    }
}

/* A record of one event, or of some. */
static int64_t record_put(story *self, int64_t time_ms)
{
    char line[LINE];
    snag_seed *seed = &self->world->seed;
    size_t items = self->each ? 1 + snag_seed_below(seed, ITEMS) : 1, first = self->count;
    for (size_t i = 0; i < items; i++)
        time_ms = happen(self, time_ms + 1);
    snag_buf buf = snag_buf_on(line, sizeof line - 1);
    for (size_t i = 0; i < items; i++)
        snag_buf_printf(&buf, "%s%s", i ? "," : self->each ? "{\"items\":[" : "",
                        self->events[first + i].text);
    snag_buf_printf(&buf, "%s", self->each ? "]}" : "");
    line[buf.size] = '\0';
    topic_put(self, time_ms + (int64_t)snag_seed_below(seed, (uint64_t)self->lag_ms), line);
    return time_ms;
}

static int64_t story_make(story *self)
{
    snag_seed *seed = &self->world->seed;
    int64_t time_ms = EPOCH_MS + 500;
    self->events = calloc(RECORDS * ITEMS, sizeof *self->events);
    for (int i = 0; i < RECORDS; i++) {
        time_ms = record_put(self, time_ms + 1 + (int64_t)snag_seed_below(seed, 200));
        if (snag_seed_below(seed, 30) == 0) {
            topic_put(self, time_ms, "not json");
            self->garbage++;
        }
        if (snag_seed_below(seed, 25) == 0)
            time_ms += 6000;
    }
    return time_ms - EPOCH_MS;
}

/* --- the workers ------------------------------------------------------------------------------- */

/* Some polls of a worker that owns some of the partitions. */
static void go(world *w, bool hop, bool faults)
{
    run *r = calloc(1, sizeof *r);
    snag_diag diag = {.text = ""};
    r->world = w;
    r->hop = hop;
    r->polls = faults ? 1 + (int)snag_seed_below(&w->seed, 30) : 30;
    for (uint32_t p = 0; p < (hop ? w->topic_partitions : w->state_partitions); p++)
        if (!faults || snag_seed_below(&w->seed, 2))
            r->given[r->given_count++] = p;
    if (faults && snag_seed_below(&w->seed, 2)) {
        r->fails_at = 1 + (int64_t)snag_seed_below(&w->seed, 60);
        r->after = snag_seed_below(&w->seed, 2);
    }
    r->killed = faults && snag_seed_below(&w->seed, 2);
    snag_err err = run_go(r, &diag);
    if (err != SNAG_OK && (!faults || err != SNAG_BROKER)) /* the last commit may be what fails */
        fail_msg("%s", diag.text);
    free(r);
}

static void live(world *w, int64_t until_ms)
{
    while (w->now_ms < until_ms)
        go(w, snag_seed_below(&w->seed, 2), true);
    for (int i = 0; i < 48; i++)
        go(w, i < 8, false);
}

/* --- the reference ----------------------------------------------------------------------------- */

static void said_add(story *self, snag_str json)
{
    char *line = calloc(1, 200);
    const char *id = strstr(json.data, "\"id\":\""), *time = strstr(json.data, "\"time\":\"");
    assert_true(id && time && self->said_count < SAID_MAX);
    snprintf(line, 200, "%.*s %.*s", (int)strcspn(id + 6, "\""), id + 6, (int)strcspn(time + 8, "\""),
             time + 8);
    self->said[self->said_count++] = line;
}

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
    void *block = calloc(1, BLOCK), *scratch = malloc(1 << 20);
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
    free(block);
    free(scratch);
}

/* --- the verdict ------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void story_free(story *self)
{
    for (size_t i = 0; i < self->said_count; i++)
        free(self->said[i]);
    free(self->said);
    free(self->events);
}

/* What was committed to this topic, whose values are records. */
static void said_take(story *self, snag_topic topic)
{
    for (uint32_t p = 0; p < TOPIC_MAX; p++) {
        const tape *of = &self->world->outputs[topic][p];
        for (size_t i = 0; i < of->count; i++)
            said_add(self, of->list[i].value);
    }
}

static size_t committed(const world *w, snag_topic topic)
{
    size_t count = 0;
    for (uint32_t p = 0; p < TOPIC_MAX; p++)
        count += w->outputs[topic][p].count;
    return count;
}

static void assert_same(story *expected, story *seen, uint64_t number)
{
    qsort(expected->said, expected->said_count, sizeof *expected->said, by_text);
    qsort(seen->said, seen->said_count, sizeof *seen->said, by_text);
    for (size_t i = 0; i < expected->said_count || i < seen->said_count; i++) {
        const char *want = i < expected->said_count ? expected->said[i] : "nothing more";
        const char *got = i < seen->said_count ? seen->said[i] : "nothing more";
        if (strcmp(want, got) != 0)
            fail_msg("world %llu: expected %s, got %s", (unsigned long long)number, want, got);
    }
}

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
    story expected = {.world = w, .each = kind == 2, .lag_ms = LAG_MS,
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
    story happened = {.world = w, .each = number % 3 == 2, .lag_ms = LATE_MS};
    *seen = (story){.world = w, .said = calloc(SAID_MAX, sizeof *seen->said)};
    w->now_ms = story_make(&happened) + 2 * LATE_MS;
    w->seed = snag_seed_from(how);
    live(w, w->now_ms + (how ? 30000 : 0));
    said_take(seen, SNAG_TOPIC_ALERTS);
    said_take(seen, SNAG_TOPIC_JOURNEYS);
    for (uint32_t p = 0; p < TOPIC_MAX; p++) {
        const tape *late = &w->outputs[SNAG_TOPIC_LATE][p];
        for (size_t i = 0; i < late->count; i++) {
            char *line = calloc(1, LINE);
            snprintf(line, LINE, "late %.*s", SNAG_FMT(late->list[i].value));
            seen->said[seen->said_count++] = line;
        }
    }
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
    static const char *const wrong[] = {"", "1", "2 0 5 - - 1", "1 0 5 - - 1 ", "1 0 5 - - 1 2",
                                        "1 64 5 - - 1", "1 0 -5 - - 1", "1 0 5 x - 1",
                                        "1 0 5 - 12345678901234567890 1",
                                        "1 0 5 - - 257", "1  0 5 - - 1", "1 0 5 - - -1"};
    const snag_lane_note notes[] = {{7, SNAG_TIME_NONE, SNAG_TIME_NONE, 0, 1}, {0, 5, -7, 63, 0},
                                    {INT64_C(1) << 55, 1767225600000, 1767225599000, 3, 256}};
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
