/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned deadlines as state (engine/learn.c): whoever goes on from stored cells, all of them or the
 * changelog's, says what one says who lived through it all; a newer pipeline keeps what was learned, drops
 * what nobody asks for, and counts nothing whose beginning was not seen; damaged cells are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/learn_side.h"

enum { LOG_MOST = 20000, HOUR_MS = 3600000 };

/* The same, nothing learned. */
static const char fixed[] = "pipeline: p\n" SOURCE
    "journeys:\n"
    "  way: { again: true, expire: 30h, stages: { a: { event: A, due: 4h },\n"
    "         b: { event: B }, done: { event: D, end: done } } }\n"
    "rules:\n"
    "  asked: { event: Ask, missing: Answer, until: Leave, after: 90m, expire: 20h }\n";

/* Another share, another expire. */
static const char newer[] = "pipeline: p\nversion: 2\n" SOURCE
    "journeys:\n"
    "  way: { again: true, expire: 40h, stages: { a: { event: A, due: learned 50% else 4h },\n"
    "         b: { event: B }, done: { event: D, end: done } } }\n"
    "rules:\n"
    "  asked: { event: Ask, missing: Answer, until: Leave, after: 90m, expire: 20h }\n";

/* What the changelog holds: after-images in the order in which they were reported. */
typedef struct image {
    char *key;
    char *blob;
    size_t key_size, blob_size;
} image;

static struct {
    image list[LOG_MOST];
    size_t count;
} changelog;

static void changelog_add(life *s)
{
    snag_str key, blob;
    while (snag_engine_changed(s->engine, &key, &blob)) {
        assert_true(changelog.count < LOG_MOST);
        image *one = &changelog.list[changelog.count++];
        *one = (image){malloc(key.size), malloc(blob.size + 1), key.size, blob.size};
        memcpy(one->key, key.data, key.size);
        memcpy(one->blob, blob.data, blob.size);
    }
}

static void changelog_forget(void)
{
    for (size_t i = 0; i < changelog.count; i++) {
        free(changelog.list[i].key);
        free(changelog.list[i].blob);
    }
    changelog.count = 0;
}

static void head_move(const life *from, life *to)
{
    char head[1024];
    snag_buf buf = snag_buf_on(head, sizeof head);
    snag_engine_head_write(from->engine, &buf);
    assert_int_equal(snag_engine_head_read(to->engine, snag_buf_str(&buf)), SNAG_OK);
}

static void said_move(life *from, life *to)
{
    snag_buf_str_put(&to->said, snag_buf_str(&from->said));
    side_free(from);
}

/* Another engine from all cells there are … */
static life *moved(life *from, const char *yaml)
{
    life *to = side_new(yaml);
    snag_str key, blob;
    for (uint64_t cursor = 0; snag_engine_each(from->engine, &cursor, &key, &blob);)
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
    head_move(from, to);
    said_move(from, to);
    return to;
}

/* … and from the changelog, in which a cell stands as often as it changed. */
static life *recovered(life *from, const char *yaml)
{
    life *to = side_new(yaml);
    for (size_t i = 0; i < changelog.count; i++) {
        const image *one = &changelog.list[i];
        assert_int_equal(snag_engine_restore(to->engine, snag_str_of(one->key, one->key_size),
                                             snag_str_of(one->blob, one->blob_size)), SNAG_OK);
    }
    head_move(from, to);
    said_move(from, to);
    return to;
}

static life *lived(int move_at, int recover_at)
{
    life *s = side_new(plain);
    for (int i = 0; i < EVENTS; i++) {
        if (i == move_at)
            s = moved(s, plain);
        if (i == recover_at)
            s = recovered(s, plain);
        feed(s, i);
        if (recover_at >= 0)
            changelog_add(s);
    }
    changelog_forget();
    return s;
}

static size_t count_of(const life *s, const char *word)
{
    size_t count = 0;
    for (const char *at = s->said.data; at < s->said.data + s->said.size; at++)
        count += strncmp(at, word, strlen(word)) == 0;
    return count;
}

static void test_restarts(void **state)
{
    (void)state;
    life *reference = lived(-1, -1);
    reference->said.data[reference->said.size] = '\0';
    assert_true(count_of(reference, "learned") > 20);
    assert_true(count_of(reference, "fixed") > 10);
    for (int at = 0; at < EVENTS; at += 61) {
        life *s = lived(at, -1);
        assert_alike(reference, s);
        side_free(s);
        s = lived(-1, at);
        assert_alike(reference, s);
        side_free(s);
    }
    side_free(reference);
}

/* What is known of a stage or rule, all shapes together. */
static void known(const life *s, const char *name, uint64_t *ended, uint64_t *waiting)
{
    const snag_pipeline *pipeline = &s->config->pipeline;
    snag_sketch *sum = calloc(1, sizeof *sum);
    snag_str key, blob;
    assert_non_null(sum);
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);) {
        uint32_t which = snag_learn_is_cell(key) ? snag_learn_which(pipeline, key) : pipeline->sketch_count;
        if (which < pipeline->sketch_count &&
            snag_str_equal(pipeline->sketches[which].name, snag_str_from(name)))
            assert_true(snag_learn_add(key, blob, snag_engine_newest(s->engine), sum));
    }
    *ended = sum->ended;
    *waiting = sum->waiting;
    free(sum);
}

static uint64_t learn_cells(const life *s)
{
    snag_str key, blob;
    uint64_t count = 0;
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);)
        count += snag_learn_is_cell(key);
    return count;
}

/* Who is under way when a deadline comes to be learned is not counted, neither as one that waits nor, later,
 * as one that ended. */
static void test_learned_from_now_on(void **state)
{
    uint64_t ended, waiting;
    (void)state;
    life *s = side_new(fixed);
    feed_at(s, 0, begin_ms, "ann", "A", false);
    feed_at(s, 1, begin_ms + 1, "ann", "Ask", false);
    assert_int_equal(learn_cells(s), 0);
    s = moved(s, plain);
    uint64_t cursor = 0, lost = 0;
    assert_true(snag_engine_strange(s->engine) > 0);
    while (!snag_engine_retire(s->engine, (snag_str){"", 0}, &cursor, 10, &lost))
        continue;
    feed_at(s, 2, begin_ms + 2, "bob", "A", false);
    feed_at(s, 3, begin_ms + 10, "ann", "B", false);
    feed_at(s, 4, begin_ms + 11, "bob", "B", false);
    known(s, "way.a", &ended, &waiting);
    assert_int_equal(ended, 1);
    assert_int_equal(waiting, 0);
    known(s, "asked", &ended, &waiting);
    assert_int_equal(ended + waiting, 0);
    side_free(s);
}

/* Another share loses nothing that ended; who waited was seen until then. What nobody asks for any more
   goes. */
static void test_newer_version(void **state)
{
    uint64_t ended, waiting, ended_before, waiting_before, firsts = 0;
    snag_str key, blob;
    snag_learned_now now;
    (void)state;
    life *s = side_new(plain);
    for (int i = 0; i < EVENTS / 2; i++)
        feed(s, i);
    known(s, "way.a", &ended_before, &waiting_before);
    assert_true(ended_before > 20);
    assert_true(waiting_before > 0);
    s = moved(s, newer);
    uint64_t cursor = 0, lost = 0;
    while (!snag_engine_retire(s->engine, (snag_str){"", 0}, &cursor, 10, &lost))
        continue;
    feed(s, EVENTS / 2);
    known(s, "way.a", &ended, &waiting);
    assert_int_equal(ended, ended_before);
    assert_true(waiting >= waiting_before && waiting <= waiting_before + 1);
    for (cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);) {
        firsts += snag_learn_is_cell(key) && snag_learn_now(key, blob, &now);
        assert_true(!snag_learn_is_cell(key) || snag_learn_which(&s->config->pipeline, key) < 2);
    }
    assert_int_equal(firsts, 2); /* without a shape, and vip; of `asked` nothing is left */
    size_t gone = 0;
    while (snag_engine_changed(s->engine, &key, &blob))
        gone += snag_learn_is_cell(key) && blob.size == 0;
    assert_true(gone > 4);
    s = moved(s, fixed); /* and of the rest neither */
    cursor = 0;
    while (!snag_engine_retire(s->engine, (snag_str){"", 0}, &cursor, 10, &lost))
        continue;
    feed(s, EVENTS / 2 + 1);
    assert_int_equal(learn_cells(s), 0);
    side_free(s);
}

/* A bound lets the oldest walks go: they were seen so long, and wait no more. */
static void test_bound(void **state)
{
    static const char crowded[] = "pipeline: p\n" SOURCE
        "journeys:\n  way: { per: tier, stages: { a: { event: A, due: learned else 4h }, b: { event: B } } "
        "}\n";
    uint64_t ended, waiting;
    (void)state;
    life *s = side_new(crowded);
    const int64_t many = SNAG_WALKS_MAX + 5;
    for (int64_t i = 0; i < many; i++) {
        snag_value vars[SNAG_VAR_KEPT + 1] = {0};
        char id[24], tier[24];
        snprintf(id, sizeof id, "e%lld", (long long)i);
        snprintf(tier, sizeof tier, "t%lld", (long long)i);
        vars[SNAG_VAR_ID] = snag_value_text(snag_str_from(id));
        vars[SNAG_VAR_KEPT] = snag_value_text(snag_str_from(tier));
        snag_event event = {.time_ms = begin_ms + i, .stamp_ms = begin_ms + i, .position = {.offset = i},
                            .id = snag_str_from(id), .type = SNAG_STR("A"), .customer = SNAG_STR("ann"),
                            .vars = vars, .var_count = SNAG_VAR_KEPT + 1};
        size_t taken;
        assert_int_equal(snag_engine_take(s->engine, &event, 1, &taken), SNAG_OK);
    }
    snag_counters counters;
    snag_engine_counters(s->engine, &counters);
    assert_int_equal(counters.bound, 5);
    known(s, "way.a", &ended, &waiting);
    assert_int_equal(ended, 0);
    assert_int_equal(waiting, many); /* 10,000 wait, 5 are lost: all were seen so long */
    uint64_t lost = 0;
    snag_str key, blob;
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);)
        lost += snag_learn_is_cell(key) && memchr(key.data + 4 + strlen("way.a"), 'L', 1) != NULL;
    assert_int_equal(lost, 1);
    side_free(s);
}

/* Stored bytes that are cut, longer, or changed somewhere: taken or refused, never more than that. */
static void test_damaged(void **state)
{
    snag_str key, blob;
    char bytes[512];
    size_t refused = 0;
    (void)state;
    life *s = lived(-1, -1);
    life *to = side_new(plain);
    for (uint64_t cursor = 0; snag_engine_each(s->engine, &cursor, &key, &blob);) {
        if (!snag_learn_is_cell(key))
            continue;
        for (size_t size = 1; size < blob.size; size++)
            refused += snag_engine_restore(to->engine, key, snag_str_of(blob.data, size)) == SNAG_STATE;
        assert_true(blob.size < sizeof bytes);
        for (size_t i = 0; i < blob.size; i++)
            for (int bit = 0; bit < 8; bit++) {
                memcpy(bytes, blob.data, blob.size);
                bytes[i] = (char)(bytes[i] ^ 1 << bit);
                refused += snag_engine_restore(to->engine, key, snag_str_of(bytes, blob.size)) == SNAG_STATE;
            }
        memcpy(bytes, key.data, key.size);
        bytes[key.size] = 'E';
        assert_int_equal(snag_engine_restore(to->engine, snag_str_of(bytes, key.size + 1), blob), SNAG_STATE);
    }
    assert_true(refused > 100);
    head_move(s, to);
    for (int i = 0; i < EVENTS; i++) /* whatever was taken, it goes on */
        feed_at(to, i + EVENTS, snag_engine_newest(s->engine) + i * (int64_t)60000, "zoe", i % 2 ? "A"
                : "B", i % 3);
    side_free(to);
    side_free(s);
}

/* The deadline of an hour rests on what came before it, and on nothing that comes in it. */
static void test_hours(void **state)
{
    (void)state;
    char customer[8];
    life *s = side_new(plain);
    int64_t hour_ms = (begin_ms / HOUR_MS + 2) * HOUR_MS;
    for (int i = 0; i < 29; i++) {
        snprintf(customer, sizeof customer, "c%d", i);
        feed_at(s, 3 * i, hour_ms - 1000000 + i * 100, customer, "Ask", false);
        feed_at(s, 3 * i + 1, hour_ms - 1000000 + i * 100 + 50, customer, "Answer", false);
    }
    feed_at(s, 100, hour_ms - 100, "ann", "Ask", false);
    feed_at(s, 101, hour_ms - 1, "ann", "Answer", false); /* the thirtieth, in the last millisecond */
    feed_at(s, 102, hour_ms, "bob", "Ask", false);
    snag_engine_tick(s->engine, hour_ms + 1000, UINT32_MAX);
    s->said.data[s->said.size] = '\0';
    assert_int_equal(count_of(s, "trigger asked bob"), 1);
    assert_int_equal(count_of(s, "learned 30 50"), 1);
    side_free(s);
    s = side_new(plain);
    for (int i = 0; i < 29; i++) {
        snprintf(customer, sizeof customer, "c%d", i);
        feed_at(s, 3 * i, hour_ms - 1000000 + i * 100, customer, "Ask", false);
        feed_at(s, 3 * i + 1, hour_ms - 1000000 + i * 100 + 50, customer, "Answer", false);
    }
    feed_at(s, 100, hour_ms - 100, "ann", "Ask", false);
    feed_at(s, 101, hour_ms, "ann", "Answer", false); /* of the next hour already */
    feed_at(s, 102, hour_ms, "bob", "Ask", false);
    snag_engine_tick(s->engine, hour_ms + 5400001, UINT32_MAX);
    s->said.data[s->said.size] = '\0';
    assert_int_equal(count_of(s, "trigger asked bob"), 1);
    assert_int_equal(count_of(s, "fixed"), 1);
    side_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restarts), cmocka_unit_test(test_learned_from_now_on),
        cmocka_unit_test(test_newer_version), cmocka_unit_test(test_bound), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
