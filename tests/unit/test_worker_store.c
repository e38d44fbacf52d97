/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker and a store that goes away: what could not be flushed is dropped, not queued; the copy is stale;
 * when the store is back it is written anew under a token, and is the committed state then. All the while the
 * outputs are those of a run without any store, and memory is too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <malloc.h>

#include <cmocka.h>

#include "runtime/head.h"
#include "worker_world.h"

enum { CELLS_MAX = 256, SLOW_MS = 40000 };

static const char pipeline_text[] = "pipeline: w\n"
                                    "sources:\n"
                                    "  s: { topic: t, format: json, clock: log,\n"
                                    "       map: { id: id, time: at, type: what, customer: who } }\n"
                                    "rules:\n"
                                    "  stuck: { event: Asked, missing: Answered, after: 5s }\n"
                                    "  often: { event: Asked, count: 3, within: 10s }\n";

typedef struct cell {
    char key[64];
    size_t key_size;
    char blob[2048];
    size_t blob_size;
} cell;

typedef struct shelf {
    world *w;
    snag_store_head head;
    cell cells[CELLS_MAX];
    size_t count;
    int64_t calls, down_from, down_to; /* which calls find nobody */
    int64_t slow_ms;                   /* what a write takes */
    int writes_down, takes, finals_under_token;
    size_t first_bytes, last_bytes; /* of the heap, at the first take and at the last */
} shelf;

static snag_config config;

static bool down(shelf *s)
{
    s->calls++;
    bool gone = s->calls >= s->down_from && s->calls < s->down_to;
    s->w->now_ms += gone ? SLOW_MS : 0; /* so that mending is tried without idle time */
    return gone;
}

static cell *find(shelf *s, snag_str key)
{
    for (size_t i = 0; i < s->count; i++)
        if (snag_str_equal(snag_str_of(s->cells[i].key, s->cells[i].key_size), key))
            return &s->cells[i];
    return NULL;
}

static void put(shelf *s, snag_str key, snag_str blob)
{
    cell *at = find(s, key);
    if (blob.size == 0) {
        if (at)
            *at = s->cells[--s->count];
        return;
    }
    if (!at) {
        assert_true(s->count < CELLS_MAX && key.size <= sizeof at->key);
        at = &s->cells[s->count++];
        memcpy(at->key, key.data, key.size);
        at->key_size = key.size;
    }
    assert_true(blob.size <= sizeof at->blob);
    memcpy(at->blob, blob.data, blob.size);
    at->blob_size = blob.size;
}

static snag_err shelf_head(void *self, uint32_t partition, snag_store_head *head, snag_diag *diag)
{
    shelf *s = self;
    (void)partition;
    if (down(s))
        return snag_fail(diag, SNAG_STORE, "planted");
    *head = s->head;
    return SNAG_OK;
}

static snag_err shelf_write(void *self, uint32_t partition, snag_store_head *head,
                            const snag_store_item *items, size_t count, const snag_store_head *final,
                            snag_diag *diag)
{
    shelf *s = self;
    (void)partition;
    s->w->now_ms += s->slow_ms;
    if (down(s)) {
        s->writes_down++;
        return snag_fail(diag, SNAG_STORE, "planted");
    }
    if (memcmp(head, &s->head, sizeof *head) != 0) {
        *head = s->head;
        return SNAG_STATE;
    }
    for (size_t i = 0; i < count; i++)
        put(s, items[i].key, items[i].blob);
    s->finals_under_token += final && s->head.token;
    s->head.count = (int64_t)s->count;
    s->head.step = final ? 0 : s->head.step + 1;
    if (final) {
        s->head.n = final->n;
        s->head.token = final->token;
        s->head.log_offset = final->log_offset;
        s->head.at_ms = final->at_ms;
    }
    *head = s->head;
    return SNAG_OK;
}

static snag_err shelf_take(void *self, uint32_t partition, const uint8_t incarnation[16], uint64_t token,
                           snag_store_head *head, snag_diag *diag)
{
    shelf *s = self;
    (void)partition;
    s->takes++;
    s->last_bytes = mallinfo2().uordblks;
    s->first_bytes = s->first_bytes ? s->first_bytes : s->last_bytes;
    if (down(s))
        return snag_fail(diag, SNAG_STORE, "planted");
    memset(&s->head, 0, sizeof s->head);
    s->head.present = true;
    s->head.n = s->head.log_offset = -1;
    s->head.token = token;
    memcpy(s->head.incarnation, incarnation, 16);
    s->count = 0;
    *head = s->head;
    return SNAG_OK;
}

static const snag_store_ops shelf_ops = {
    .head = shelf_head, .write = shelf_write, .take = shelf_take, .close = nothing};

/* What the changelog says, against what lies on the shelf. */
static void assert_whole(const shelf *s, const world *w)
{
    static shelf truth;
    truth.count = 0;
    for (size_t i = 0; i < w->log_count; i++)
        if (w->log[i].topic == SNAG_TOPIC_CHANGELOG && w->log[i].key[0] == SNAG_CELL_KEY)
            put(&truth, snag_str_of(w->log[i].key + 1, w->log[i].key_size - 1),
                snag_str_of(w->log[i].value, w->log[i].value_size));
    assert_true(truth.count > 5);
    assert_int_equal(truth.count, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const cell *found = find(&truth, snag_str_of(s->cells[i].key, s->cells[i].key_size));
        assert_non_null(found);
        assert_int_equal(found->blob_size, s->cells[i].blob_size);
        assert_memory_equal(found->blob, s->cells[i].blob, found->blob_size);
    }
}

static void assert_outputs_same(const world *a, const world *b)
{
    assert_int_equal(a->log_count, b->log_count);
    for (size_t i = 0; i < a->log_count; i++) {
        assert_int_equal(a->log[i].topic, b->log[i].topic);
        if (a->log[i].topic != SNAG_TOPIC_CHANGELOG)
            assert_memory_equal(a->log[i].value, b->log[i].value, a->log[i].value_size);
    }
}

/* What the world itself keeps of the run. */
static size_t logged_bytes(const world *w)
{
    size_t bytes = 0;
    for (size_t i = 0; i < w->log_count; i++)
        bytes += w->log[i].key_size + w->log[i].value_size + 64;
    return bytes;
}

static void run_with(shelf *s, world *w)
{
    s->w = w;
    w->store = (snag_store){.ops = &shelf_ops, .self = s};
    w->idle = -400;      /* time to mend */
    w->haste_ms = 10;    /* many commits */
    w->now_ms = SLOW_MS; /* a busy worker mends what has been stale for long */
    world_run(w);
}

/* Away from the 20th call to the 40th; then back. */
static void test_outage(void **state)
{
    static shelf s;
    (void)state;
    world *plain = world_new(&config.pipeline), *w = world_new(&config.pipeline);
    plain->haste_ms = 10;
    world_run(plain);
    s = (shelf){.down_from = 20, .down_to = 40};
    run_with(&s, w);
    assert_int_equal(s.writes_down, 1); /* one flush failed; what came after it was not queued for it */
    assert_true(s.takes >= 2);
    assert_true(s.finals_under_token >= 1);
    assert_int_equal(s.head.token, 0);
    assert_int_equal(s.head.step, 0);
    assert_whole(&s, w);
    assert_outputs_same(plain, w);
    world_free(w);
    world_free(plain);
}

/* Never there at all: nothing is written, nothing is said, and nothing is kept for later. */
static void test_never_there(void **state)
{
    static shelf s;
    (void)state;
    world *plain = world_new(&config.pipeline), *w = world_new(&config.pipeline);
    plain->haste_ms = 10;
    world_run(plain);
    s = (shelf){.down_from = 0, .down_to = INT64_MAX};
    run_with(&s, w);
    assert_int_equal(s.count, 0);
    assert_int_equal(s.writes_down, 0); /* nobody writes to a copy that was never taken */
    assert_true(s.takes > 3);
    assert_outputs_same(plain, w);
    assert_true(s.last_bytes <= s.first_bytes + logged_bytes(w) + 262144);
    world_free(w);
    world_free(plain);
}

/* So slow that the worker would stand still for longer than it may: left alone, in parts. */
static void test_too_slow(void **state)
{
    static shelf s;
    (void)state;
    world *w = world_new(&config.pipeline);
    s = (shelf){.slow_ms = 1900};
    run_with(&s, w);
    world *plain = world_new(&config.pipeline);
    plain->haste_ms = 10;
    world_run(plain);
    assert_outputs_same(plain, w);
    world_free(w);
    world_free(plain);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_outage), cmocka_unit_test(test_never_there),
                                       cmocka_unit_test(test_too_slow)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
