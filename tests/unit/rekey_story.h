/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens in a rekey_world, who works there, and what was said in the end: shared by test_rekey.c and
 * test_rekey_again.c.
 */
#ifndef SNAG_TESTS_REKEY_STORY_H
#define SNAG_TESTS_REKEY_STORY_H

#include "base/time.h"
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
    int64_t pause_ms; /* for which nothing happens, now and then */
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
            time_ms += self->pause_ms;
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
    for (uint32_t u = 0; u < TOPIC_MAX && w->old_words; u++) {
        char *name = strstr(w->hop_places[u].text, " i=");
        if (name)
            *name = '\0';
    }
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

/* --- what was said ----------------------------------------------------------------------------- */

static void said_add(story *self, snag_str json)
{
    char *line = calloc(1, 200);
    const char *id = strstr(json.data, "\"id\":\""), *time = strstr(json.data, "\"time\":\"");
    assert_true(id && time && self->said_count < SAID_MAX);
    snprintf(line, 200, "%.*s %.*s", (int)strcspn(id + 6, "\""), id + 6, (int)strcspn(time + 8, "\""),
             time + 8);
    self->said[self->said_count++] = line;
}

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

/* What went to the topic `late` is part of what was said. */
static void late_add(story *self, snag_str value)
{
    char *line = calloc(1, LINE);
    snprintf(line, LINE, "late %.*s", SNAG_FMT(value));
    assert_true(self->said_count < SAID_MAX);
    self->said[self->said_count++] = line;
}

static void late_take(story *self)
{
    for (uint32_t p = 0; p < TOPIC_MAX; p++) {
        const tape *late = &self->world->outputs[SNAG_TOPIC_LATE][p];
        for (size_t i = 0; i < late->count; i++)
            late_add(self, late->list[i].value);
    }
}

#endif
