/* SPDX-License-Identifier: Apache-2.0
 *
 * A rekeyed topic that was judged live by both hops (rekey_world.h), killed at any call, with records that
 * come seconds after the clock had passed them; then the same topic again, without the lanes, which are
 * deleted: what was said is the same, with nothing but the ticks that the hops recorded. Without these it is
 * another run.
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

typedef struct replay {
    story *seen;
    snag_feed *feed;
    snag_tick *ticks; /* of the hops, in the order they were written */
    size_t tick_count;
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

static void ticks_take(replay *self, uint32_t u)
{
    for (size_t i = 0; i < self->tick_count; i++)
        if (self->ticks[i].partition == u && self->ticks[i].offset == self->next[u])
            tick_all(self, u, self->ticks[i].time_ms);
}

static void carry(replay *self, uint32_t u)
{
    const entry *of = &self->seen->world->topic[u].list[self->next[u]];
    const snag_raw raw = {.position = {.offset = self->next[u], .partition = u}, .stamp_ms = of->stamp_ms,
                          .key = of->key, .value = of->value, .headers = of->headers,
                          .header_count = of->header_count};
    snag_diag diag;
    ticks_take(self, u);
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

/* *differs: whether it is another run without the ticks. */
static size_t world_again(uint64_t number, bool *differs)
{
    char text[1024];
    world *w = calloc(1, sizeof *w);
    story seen = {.world = w, .said = calloc(SAID_MAX, sizeof *seen.said)}, again, without;
    snprintf(text, sizeof text, "%s%s", pipelines[number % (sizeof pipelines / sizeof pipelines[0])], rules);
    world_begin(w, number, text);
    story happened = {.world = w, .each = number % 3 == 2, .lag_ms = LATE_MS};
    int64_t end_ms = story_make(&happened);
    live(w, end_ms + 20000);
    said_take(&seen, SNAG_TOPIC_ALERTS);
    said_take(&seen, SNAG_TOPIC_JOURNEYS);
    late_take(&seen);
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
    size_t ticks = 0, differing = 0;
    for (uint64_t number = first; number < (only ? first + 1 : WORLDS / 2); number++) {
        bool differs;
        ticks += world_again(number, &differs);
        differing += differs;
    }
    assert_true(only || (ticks > WORLDS && differing > WORLDS / 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
