/* SPDX-License-Identifier: Apache-2.0
 *
 * Device clocks through the whole worker: thirteen customers, a device each, and most of their clocks off: by
 * years, into 1970, set back in the middle, wrong for one event. Whatever call fails, and wherever another
 * process takes over, what is said is what an undisturbed run says; one device's clock changes nothing for
 * anybody else; and a replay of the same lines says the same alerts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "cli/feed.h"
#include "engine/clock.h"
#include "worker_world.h"

#define RULES                                                   \
    "rules:\n"                                                  \
    "  stuck: { event: Asked, missing: Answered, after: 5s }\n" \
    "  often: { event: Asked, count: 3, within: 60s }\n"

#define SOURCE                                                                  \
    "pipeline: w\n"                                                             \
    "sources:\n"                                                                \
    "  s:\n"                                                                    \
    "    topic: t\n"                                                            \
    "    format: json\n"                                                        \
    "    map: { id: id, time: { from: at, unit: ms }, type: what, customer: who }\n"

/* What is said of when a record was sent, and how far events may be out of order. */
static const char *const texts[] = {
    SOURCE "    device: { id: dev, sent: { from: sent, unit: ms } }\n    out_of_order: 25s\n" RULES,
    SOURCE "    device: { id: dev, sent: { from: sent, unit: ms } }\n" RULES,
    SOURCE "    device: dev\n    out_of_order: 60s\n" RULES,
};

enum { PIPELINES = sizeof texts / sizeof texts[0], CUSTOMERS = 13, HOUR_MS = 3600000 };

static snag_config configs[PIPELINES];

static const int64_t begin_ms = 1767225600000;
static const int64_t year_ms = 31536000000;

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < PIPELINES; i++)
        if (world_config(&configs[i], texts[i], 32) != SNAG_OK)
            return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < PIPELINES; i++)
        snag_config_free(&configs[i]);
    return 0;
}

/* A customer's clock less the right one, when the i-th record comes. */
static int64_t ahead_ms(int customer, int i)
{
    switch (customer) {
    case 1: return 3 * year_ms;
    case 2: return -begin_ms; /* 1970 */
    case 3: return 7200000;
    case 4: return -7200000;
    case 5: return i < RECORDS / 2 ? 7200000 : 0;       /* set right */
    case 6: return i < RECORDS / 2 ? 0 : 2 * year_ms;   /* set wrong */
    case 7: return i * 60;                              /* it runs fast */
    default: return 0;
    }
}

static bool is_odd(int customer, int i)
{
    return customer == 8 && i > 100 && i < 120; /* wrong stamps, and its clock is right */
}

/* right: as if this customer's clock were right; -1 = nobody's. */
static world *devices_new(const snag_pipeline *pipeline, int right)
{
    world *w = world_new(pipeline);
    w->wall_ms += HOUR_MS; /* all is long over: what waits at the log's end is judged then */
    w->haste_ms = 25;      /* each poll is committed */
    for (int i = 0; i < RECORDS; i++) {
        int customer = i * 7 % CUSTOMERS;
        int64_t off_ms = customer == right ? 0 : ahead_ms(customer, i);
        int64_t at_ms = begin_ms + i * 1000 - 200 - i * 5 % 4000;
        const char *what = i % 3 == 0 && i % 5 ? "Answered" : "Asked";
        if (customer != right && is_odd(customer, i))
            at_ms += year_ms;
        snprintf(w->lines[i], sizeof w->lines[i],
                 "{\"id\":\"e%d\",\"at\":%lld,\"what\":\"%s\",\"who\":\"c%d\",\"dev\":\"d%d\","
                 "\"sent\":%lld}",
                 i, (long long)(at_ms + off_ms), what, customer, customer,
                 (long long)(begin_ms + i * 1000 - 150 + off_ms));
    }
    return w;
}

static const said *next_said(const world *w, size_t *at, snag_topic topic, const char *but)
{
    while (*at < w->log_count && (w->log[*at].topic != topic || strcmp(w->log[*at].key, but) == 0))
        (*at)++;
    return *at < w->log_count ? &w->log[(*at)++] : NULL;
}

static size_t assert_same_topic(const world *a, const world *b, snag_topic topic, const char *but)
{
    size_t count = 0;
    for (size_t i = 0, j = 0;; count++) {
        const said *x = next_said(a, &i, topic, but), *y = next_said(b, &j, topic, but);
        if (!x && !y)
            return count;
        assert_non_null(x);
        assert_non_null(y);
        assert_string_equal(x->key, y->key);
        assert_string_equal(x->value, y->value);
    }
}

/* The same records in the same order on each topic, but for those of one key. Returns how many. */
static size_t assert_same(const world *a, const world *b, const char *but)
{
    size_t count = 0;
    for (int topic = 0; topic < SNAG_TOPIC_COUNT; topic++)
        if (topic != SNAG_TOPIC_CHANGELOG)
            count += assert_same_topic(a, b, (snag_topic)topic, but);
    return count;
}

static size_t count_of(const world *w, snag_topic topic, const char *key)
{
    size_t count = 0;
    for (size_t i = 0; i < w->log_count; i++)
        count += w->log[i].topic == topic && (!key || strcmp(w->log[i].key, key) == 0);
    return count;
}

static void test_every_call_fails(void **state)
{
    (void)state;
    for (int p = 0; p < PIPELINES; p++) {
        world *reference = devices_new(&configs[p].pipeline, -1);
        world_run(reference);
        assert_true(count_of(reference, SNAG_TOPIC_ALERTS, NULL) > 50);
        assert_true(count_of(reference, SNAG_TOPIC_DEAD_LETTER, "c8") > 0);
        int64_t step = reference->calls / 60 + 1;
        for (int after = 0; after < 2; after++) {
            for (int64_t at = 1; at <= reference->calls; at += step | 1) {
                world *w = devices_new(&configs[p].pipeline, -1);
                w->fail_at = at;
                w->fail_after = after;
                world_run(w);
                assert_same(reference, w, "");
                world_free(w);
            }
        }
        world_free(reference);
    }
}

/* The process dies at any call, and another goes on with what was stored. */
static void test_take_over_anywhere(void **state)
{
    (void)state;
    for (int p = 0; p < PIPELINES; p++) {
        world *reference = devices_new(&configs[p].pipeline, -1);
        world_run(reference);
        int64_t step = reference->calls / 200 + 1;
        for (int64_t at = 1; at <= reference->calls; at += step | 1) {
            snag_diag diag;
            world *w = devices_new(&configs[p].pipeline, -1);
            w->fail_at = at;
            w->fail_after = at & 2;
            w->stop_at_fail = true;
            snag_err err = world_try(w, &diag);
            (void)err; /* it died in the middle of something */
            w->stop_at_fail = false;
            w->fail_at = 0;
            forget_pending(w);
            next_life(w, &configs[p].pipeline, RECORDS);
            world_run(w);
            assert_same(reference, w, "");
            world_free(w);
        }
        world_free(reference);
    }
}

/* With its clock wrong or right, all the others hear the same, byte for byte; and the customer itself hears
 * of as much, if its clock can be known. */
static void test_nobody_else_is_hurt(void **state)
{
    (void)state;
    for (int p = 0; p < PIPELINES; p++) {
        world *wild = devices_new(&configs[p].pipeline, -1);
        world_run(wild);
        for (int customer = 1; customer <= 8; customer++) {
            char key[8];
            snprintf(key, sizeof key, "c%d", customer);
            world *right = devices_new(&configs[p].pipeline, customer);
            world_run(right);
            assert_true(assert_same(wild, right, key) > 50);
            bool steady = customer <= 4 && (p < 2 || customer % 2);
            if (steady)
                assert_int_equal(count_of(wild, SNAG_TOPIC_ALERTS, key),
                                 count_of(right, SNAG_TOPIC_ALERTS, key));
            if (steady)
                assert_int_equal(count_of(wild, SNAG_TOPIC_DEAD_LETTER, key), 0);
            world_free(right);
        }
        /* A clock that was set wrong costs the uploads that it takes to know it. */
        assert_int_equal(count_of(wild, SNAG_TOPIC_DEAD_LETTER, "c6"), SNAG_CLOCK_UPLOADS - 1);
        assert_true(count_of(wild, SNAG_TOPIC_ALERTS, "c5") > 10);
        world_free(wild);
    }
}

/* --- replay ------------------------------------------------------------------------------------ */

typedef struct told {
    char lines[MOST][96];
    size_t count;
    const world *w;
    int64_t at; /* the record whose stamp is asked for */
} told;

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    told *t = context;
    const snag_alert *alert = &record->as.alert;
    char room[40];
    snag_buf hex = snag_buf_on(room, sizeof room);
    (void)partition;
    if (record->kind != SNAG_RECORD_ALERT)
        return;
    snag_buf_hex(&hex, alert->episode, sizeof alert->episode);
    assert_true(t->count < MOST);
    snprintf(t->lines[t->count++], sizeof t->lines[0], "%.*s-%s-%u", (int)hex.size, hex.data,
             snag_action_word(alert->action), alert->seq);
}

static void on_dead(void *context, const snag_dead *dead)
{
    told *t = context;
    assert_int_equal(dead->reason, SNAG_BAD_FUTURE);
    assert_true(strncmp(dead->value.data, t->w->lines[dead->position.offset], dead->value.size) == 0);
    snprintf(t->lines[t->count++], sizeof t->lines[0], "dead %lld", (long long)dead->position.offset);
}

static int64_t on_stamp(void *context, uint32_t source, snag_str line)
{
    told *t = context;
    (void)source;
    (void)line;
    return begin_ms + t->at++ * 1000;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The log as a replay would tell it. */
static void tell_log(const world *w, told *t)
{
    for (size_t i = 0; i < w->log_count; i++) {
        const char *id = strstr(w->log[i].value ? w->log[i].value : "", "\"id\":\"");
        if (w->log[i].topic == SNAG_TOPIC_ALERTS)
            snprintf(t->lines[t->count++], sizeof t->lines[0], "%.*s", (int)strcspn(id + 6, "\""), id + 6);
        if (w->log[i].topic == SNAG_TOPIC_DEAD_LETTER)
            snprintf(t->lines[t->count++], sizeof t->lines[0], "dead %lld", strtoll(id + 7, NULL, 10));
    }
}

static void test_replay_says_the_same(void **state)
{
    (void)state;
    for (int p = 0; p < PIPELINES; p++) {
        for (uint32_t batch = 1; batch <= 64; batch *= 8) {
            snag_diag diag;
            snag_feed *feed;
            told *live = calloc(1, sizeof *live), *replay = calloc(1, sizeof *replay);
            assert_true(live && replay);
            world *w = devices_new(&configs[p].pipeline, -1);
            world_run(w);
            tell_log(w, live);
            replay->w = w;
            snag_feed_options options = {.partitions = 1, .batch = batch, .now_ms = SNAG_NEVER,
                                         .emit = on_record, .dead = on_dead, .stamp = on_stamp,
                                         .context = replay};
            assert_int_equal(snag_feed_new(&feed, &configs[p], &options, &diag), SNAG_OK);
            for (int64_t i = 0; i < RECORDS; i++) {
                snag_str text = snag_str_from(w->lines[i]);
                snag_line line = {.text = text, .size = text.size, .offset = i};
                assert_int_equal(snag_feed_lines(feed, &line, 1, NULL, &diag), SNAG_OK);
            }
            assert_int_equal(snag_feed_tick(feed, begin_ms + HOUR_MS / 2), SNAG_OK);
            snag_feed_free(feed);
            qsort(live->lines, live->count, sizeof live->lines[0], by_text);
            qsort(replay->lines, replay->count, sizeof replay->lines[0], by_text);
            assert_true(live->count > 50);
            assert_int_equal(live->count, replay->count);
            for (size_t i = 0; i < live->count; i++)
                assert_string_equal(live->lines[i], replay->lines[i]);
            free(live);
            free(replay);
            world_free(w);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_take_over_anywhere),
        cmocka_unit_test(test_nobody_else_is_hurt),
        cmocka_unit_test(test_replay_says_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
