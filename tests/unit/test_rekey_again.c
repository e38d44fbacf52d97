/* SPDX-License-Identifier: Apache-2.0
 *
 * A rekeyed topic that was judged live by both hops (rekey_world.h), killed at any call, with records that
 * come seconds after the clock had passed them, and watched for silence in every second world; then the same
 * topic again, without the lanes, which are deleted: what was said is the same, with nothing but the ticks
 * that the hops recorded. Without these it is another run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/feed.h"
#include "rekey_story.h"
#include "runtime/tick.h"

enum { SILENT_MS = 2000 }; /* as below */

typedef struct replay {
    story *seen;
    snag_feed *feed;
    snag_tick *ticks; /* of the hops, in the order they were written */
    size_t tick_count;
    size_t tick_next[TOPIC_MAX]; /* of all ticks, to be looked at next for this partition */
    int64_t next[TOPIC_MAX];
    bool ended[TOPIC_MAX];
    bool done[STATE_MAX];
} replay;

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    char json[8192];
    story *seen = ((replay *)context)->seen;
    snag_buf buf = snag_buf_on(json, sizeof json - 1);
    const uint8_t config[32] = {0};
    const snag_encode_context encode = {.pipeline = SNAG_STR("w"), .config = config,
                                        .detected_at_ms = SNAG_TIME_NONE};
    (void)partition;
    if (record->kind == SNAG_RECORD_LATE) {
        const snag_position *at = &record->as.late.position;
        late_add(seen, seen->world->topic[at->partition].list[at->offset].value);
        return;
    }
    snag_encode_json(&buf, &encode, record);
    json[buf.size] = '\0';
    said_add(seen, snag_buf_str(&buf));
}

static void on_dead(void *context, const snag_dead *dead)
{
    (void)context;
    assert_true(snag_str_equal(dead->value, SNAG_STR("not json")));
}

/* Of one first start there is one name of each partition, whatever was tried before. */
static void ticks_read(replay *self)
{
    uint8_t names[TOPIC_MAX][16];
    bool named[TOPIC_MAX] = {false};
    for (uint32_t p = 0; p < TOPIC_MAX; p++) {
        const tape *of = &self->seen->world->outputs[SNAG_TOPIC_TICKS][p];
        self->ticks = realloc(self->ticks, (self->tick_count + of->count + 1) * sizeof *self->ticks);
        for (size_t i = 0; i < of->count; i++) {
            snag_tick *tick = &self->ticks[self->tick_count];
            assert_true(snag_tick_read(tick, of->list[i].value));
            if (!tick->hop)
                continue;
            assert_int_equal(tick->source, 0);
            uint32_t u = tick->partition;
            if (!named[u])
                memcpy(names[u], tick->incarnation, 16);
            named[u] = true;
            assert_memory_equal(names[u], tick->incarnation, 16);
            self->tick_count += tick->offset >= 0;
        }
    }
}

static void tick_all(replay *self, uint32_t u, int64_t low_ms)
{
    for (uint32_t p = 0; p < self->seen->world->state_partitions; p++)
        assert_int_equal(snag_feed_tick_source(self->feed, p, u, low_ms, NULL), SNAG_OK);
}

/* The partition's next tick, if it lies before its next record. */
static bool tick_take(replay *self, uint32_t u)
{
    size_t *at = &self->tick_next[u];
    while (*at < self->tick_count && self->ticks[*at].partition != u)
        (*at)++;
    if (*at == self->tick_count || self->ticks[*at].offset > self->next[u])
        return false;
    const snag_tick *tick = &self->ticks[(*at)++];
    for (uint32_t p = 0; p < self->seen->world->state_partitions && tick->kind != SNAG_TICK_MOVED; p++)
        snag_feed_silence(self->feed, p, 0, tick->last_ms, tick->back_ms);
    tick_all(self, u, tick->time_ms);
    return true;
}

static void carry(replay *self, uint32_t u)
{
    const entry *of = &self->seen->world->topic[u].list[self->next[u]];
    const snag_raw raw = {.position = {.offset = self->next[u], .partition = u}, .stamp_ms = of->stamp_ms,
                          .key = of->key, .value = of->value, .headers = of->headers,
                          .header_count = of->header_count};
    snag_diag diag;
    self->next[u]++;
    assert_int_equal(snag_feed_carry(self->feed, &raw, self->done, &diag), SNAG_OK);
}

/* A record of the partition that has come least far; false: there is nothing more. */
static bool step(replay *self)
{
    const world *w = self->seen->world;
    uint32_t least = w->state_partitions, u = 0;
    int64_t least_ms = SNAG_NEVER;
    for (uint32_t p = 0; p < w->state_partitions; p++) {
        int64_t low_ms;
        uint32_t turn = snag_feed_turn_in(self->feed, p, &low_ms);
        if (self->done[p] || (least < w->state_partitions && low_ms >= least_ms))
            continue;
        least_ms = low_ms;
        least = p;
        u = turn;
    }
    if (least == w->state_partitions)
        return false;
    if (tick_take(self, u))
        return true;
    if (self->next[u] < (int64_t)w->topic[u].count) {
        carry(self, u);
    } else if (self->ended[u]) {
        self->done[least] = true;
    } else {
        tick_all(self, u, EPOCH_MS + w->now_ms - 1000);
        self->ended[u] = true;
    }
    return true;
}

static size_t topic_again(world *w, story *seen, bool with_ticks)
{
    replay self = {.seen = seen};
    snag_config config = w->config;
    const snag_feed_options options = {.partitions = w->state_partitions, .batch = 1, .now_ms = SNAG_NEVER,
                                       .state_bytes = BLOCK, .emit = on_record, .dead = on_dead,
                                       .placed = true, .context = &self};
    snag_diag diag;
    config.pipeline = w->lane_pipeline;
    *seen = (story){.world = w, .said = calloc(SAID_MAX, sizeof *seen->said)};
    ticks_read(&self);
    size_t ticks = self.tick_count;
    self.tick_count = with_ticks ? ticks : 0;
    assert_int_equal(snag_feed_new(&self.feed, &config, &options, &diag), SNAG_OK);
    while (step(&self))
        ;
    snag_feed_free(self.feed);
    free(self.ticks);
    return ticks;
}

static bool same(story *a, story *b)
{
    bool is = a->said_count == b->said_count;
    qsort(b->said, b->said_count, sizeof *b->said, by_text);
    for (size_t i = 0; i < a->said_count && is; i++)
        is = strcmp(a->said[i], b->said[i]) == 0;
    return is;
}

/* Whether the topic has a record stamped then, and none so long after it. */
static bool is_gap(const world *w, int64_t last_ms)
{
    bool last = false, after = false;
    for (uint32_t u = 0; u < w->topic_partitions; u++)
        for (size_t i = 0; i < w->topic[u].count; i++) {
            int64_t stamp_ms = w->topic[u].list[i].stamp_ms;
            last = last || stamp_ms == last_ms;
            after = after || (stamp_ms > last_ms && stamp_ms <= last_ms + SILENT_MS);
        }
    return last && !after;
}

/* How often the source was told to be silent, and each time it was. */
static size_t source_silences(const world *w)
{
    size_t count = 0;
    for (uint32_t p = 0; p < TOPIC_MAX; p++)
        for (size_t i = 0; i < w->outputs[SNAG_TOPIC_ALERTS][p].count; i++) {
            const char *json = w->outputs[SNAG_TOPIC_ALERTS][p].list[i].value.data;
            const char *time = strstr(json, "\"time\":\"");
            int64_t time_ms = 0;
            if (!strstr(json, "-trigger-1\"") || !strstr(json, "\"source_silent\""))
                continue;
            assert_true(time && snag_time_parse_ms(snag_str_of(time + 8, strcspn(time + 8, "\"")), &time_ms));
            assert_true(is_gap(w, time_ms - SILENT_MS));
            count++;
        }
    return count;
}

/* *differs: whether it is another run without the ticks. */
static size_t world_again(uint64_t number, bool *differs, size_t *silences)
{
    char text[1024];
    const char *pipeline = pipelines[number % (sizeof pipelines / sizeof pipelines[0])];
    int head = (int)(strstr(pipeline, " rekey:") - pipeline);
    bool watched = number % 2;
    world *w = calloc(1, sizeof *w);
    story seen = {.world = w, .said = calloc(SAID_MAX, sizeof *seen.said)}, again, without;
    snprintf(text, sizeof text, "%.*s%s%s%s", head, pipeline, watched ? " silent: 2s," : "",
             pipeline + head, rules);
    world_begin(w, number, text);
    story happened = {.world = w, .each = number % 3 == 2, .lag_ms = LATE_MS,
                      .pause_ms = watched ? 3 * LATE_MS : LATE_MS};
    int64_t end_ms = story_make(&happened);
    live(w, end_ms + 20000);
    said_take(&seen, SNAG_TOPIC_ALERTS);
    said_take(&seen, SNAG_TOPIC_JOURNEYS);
    late_take(&seen);
    said_take(&seen, SNAG_TOPIC_DECISIONS);
    *silences += source_silences(w);
    assert_true(committed(w, SNAG_TOPIC_LATE) > 0);
    size_t ticks = topic_again(w, &again, true);
    assert_same(&seen, &again, number);
    topic_again(w, &without, false);
    *differs = !same(&seen, &without);
    story_free(&seen);
    story_free(&again);
    story_free(&without);
    free(happened.events);
    world_finish(w);
    free(w);
    return ticks;
}

static void test_again(void **state)
{
    (void)state;
    const char *only = getenv("SNAG_WORLD");
    uint64_t first = only ? strtoull(only, NULL, 10) : 0;
    size_t ticks = 0, differing = 0, silences = 0;
    for (uint64_t number = first; number < (only ? first + 1 : WORLDS / 2); number++) {
        bool differs;
        ticks += world_again(number, &differs, &silences);
        differing += differs;
    }
    assert_true(only || (ticks > WORLDS && differing > WORLDS / 6 && silences > WORLDS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
