/* SPDX-License-Identifier: Apache-2.0
 *
 * The order buffer against a sorted list, by seed: whatever the order of arrival (in order, jittered, far
 * late, far ahead, backwards, all at one time), the same event comes out next, met by its own customer's
 * key; with a few waiting, with thousands, and full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "engine/state.h"
#include "fixture.h"
#include "fresh.h"
#include "seed.h"

enum { BLOCK_BYTES = 96 << 20, ROUNDS = 40, STEPS = 6000, SOURCES = 3 };

typedef struct listed {
    int64_t time_ms;
    int64_t place;
    uint16_t item;
} listed;

typedef struct buffer {
    fixture *f;
    snag_engine *engine;
    void *block;
    listed *list; /* in order from `first` on: most come behind all others, and move none */
    uint32_t first;
    uint32_t count;
    uint32_t room; /* for all that ever come */
    int64_t now_ms;
    int64_t next_offset;
    snag_seed seed;
} buffer;

static void on_record(void *context, const snag_record *record)
{
    (void)context;
    (void)record;
}

/* Events are of the awaited type: they are looked up, and nothing begins. */
static buffer *buffer_new(uint64_t seed)
{
    buffer *b = calloc(1, sizeof *b);
    SNAG_ASSERT(b);
    b->f = fixture_new();
    b->f->source.out_of_order_ms = 1000;
    snag_rule *rule = fixture_rule(b->f, "missing", "stuck", 0, "Asked", "Answered", NULL);
    rule->params.wait.after.ms = 60000;
    b->block = fresh_give(BLOCK_BYTES);
    b->room = 1 << 18;
    b->list = malloc(b->room * sizeof *b->list);
    SNAG_ASSERT(b->block && b->list);
    snag_err err = snag_engine_init(&b->engine, &b->f->pipeline, b->block, BLOCK_BYTES, on_record, b);
    SNAG_ASSERT(err == SNAG_OK);
    b->seed = snag_seed_from(seed);
    return b;
}

static void buffer_free(buffer *b)
{
    fixture_free(b->f);
    free(b->list);
    fresh_back(b->block, BLOCK_BYTES);
    free(b);
}

static bool goes_before(const listed *a, const listed *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms;
    return a->place != b->place ? a->place < b->place : a->item < b->item;
}

static void list_add(buffer *b, listed one)
{
    uint32_t end = b->first + b->count;
    uint32_t low = b->first;
    uint32_t high = end;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (goes_before(&b->list[middle], &one))
            low = middle + 1;
        else
            high = middle;
    }
    SNAG_ASSERT(end < b->room);
    memmove(&b->list[low + 1], &b->list[low], (end - low) * sizeof one);
    b->list[low] = one;
    b->count++;
}

static bool put(buffer *b, int64_t time_ms, uint16_t item)
{
    char name[32];
    char id[32];
    uint16_t source = (uint16_t)snag_seed_below(&b->seed, SOURCES);
    snprintf(name, sizeof name, "c-%lld-%u", (long long)b->next_offset, item);
    snprintf(id, sizeof id, "e-%lld", (long long)b->next_offset);
    snag_value vars[SNAG_VAR_KEPT + 1] = {0};
    snag_event event = {.time_ms = time_ms,
                        .position = {.offset = b->next_offset, .source = source, .item = item},
                        .id = snag_str_from(id),
                        .type = SNAG_STR("Answered"),
                        .customer = snag_str_from(name),
                        .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 1};
    vars[SNAG_VAR_ID] = snag_value_text(event.id);
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(event.customer);
    vars[SNAG_VAR_KEPT] = snag_value_text(event.customer);
    if (!snag_order_add(b->engine, &event, time_ms))
        return false;
    memset(name, '#', sizeof name); /* what it was made of is gone */
    memset(vars, 0xee, sizeof vars);
    list_add(b, (listed){time_ms, (int64_t)source << SNAG_PLACE_SOURCE_AT | b->next_offset, item});
    return true;
}

static void assert_text(snag_str text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static void get(buffer *b)
{
    int64_t time_ms;
    int64_t place;
    char name[32];
    const listed *expected = &b->list[b->first++];
    b->count--;
    assert_true(snag_order_peek(b->engine, &time_ms, &place));
    assert_int_equal(time_ms, expected->time_ms);
    assert_int_equal(place, expected->place);
    b->engine->work = (snag_work){0};
    uint64_t applied = b->engine->counters.events;
    snag_order_apply_first(b->engine);
    const snag_work *work = &b->engine->work;
    assert_int_equal(b->engine->counters.events, applied + 1);
    assert_int_equal(work->at_ms, expected->time_ms);
    snprintf(name, sizeof name, "c-%lld-%u",
             (long long)(expected->place & ((INT64_C(1) << SNAG_PLACE_SOURCE_AT) - 1)), expected->item);
    assert_text(work->owner, name);
    assert_text(snag_cell_owner(snag_str_of(work->own->key, work->own->bytes)), name);
    assert_int_equal(work->own->hash, snag_table_hash(snag_str_of(work->own->key, work->own->bytes)));
    assert_int_equal(snag_order_count(&b->engine->order), b->count);
}

static void assert_oldest(const buffer *b)
{
    for (uint32_t source = 0; source < SOURCES; source++) {
        int64_t oldest = INT64_MAX;
        for (uint32_t i = b->first; i < b->first + b->count; i++) {
            int64_t offset = b->list[i].place - ((int64_t)source << SNAG_PLACE_SOURCE_AT);
            if (b->list[i].place >> SNAG_PLACE_SOURCE_AT == source && offset < oldest)
                oldest = offset;
        }
        assert_int_equal(snag_engine_oldest_waiting(b->engine, source), oldest);
    }
}

/* When the next event happened, in one of the ways in which they come. */
static int64_t next_time(buffer *b, uint64_t way)
{
    uint64_t luck = snag_seed_next(&b->seed);
    b->now_ms += (int64_t)(luck & 7);
    luck >>= 3;
    switch (way) {
    case 0: return b->now_ms;
    case 1: return b->now_ms - (int64_t)(luck % 40);
    case 2: return luck % 20 ? b->now_ms : b->now_ms - (int64_t)((luck >> 8) % 20000);
    case 3: return luck % 20 ? b->now_ms : b->now_ms + (int64_t)((luck >> 8) % 20000);
    case 4: return -b->now_ms;
    case 5: return 4000;
    default: return (int64_t)(luck % 50000);
    }
}

static void run(buffer *b)
{
    static const uint32_t levels[] = {3, 31, 32, 33, 64, 400, 1500, 5000};
    uint64_t way = 0;
    uint32_t level = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        if (step % 500 == 0) {
            way = snag_seed_below(&b->seed, 7);
            level = levels[snag_seed_below(&b->seed, sizeof levels / sizeof levels[0])];
            assert_oldest(b);
        }
        uint64_t puts = snag_seed_below(&b->seed, b->count < level ? 4 : 2);
        uint64_t gets = snag_seed_below(&b->seed, b->count < level ? 2 : 4);
        for (uint64_t i = 0; i < puts; i++) {
            int64_t time_ms = next_time(b, way);
            b->next_offset++;
            for (uint16_t item = (uint16_t)(snag_seed_next(&b->seed) % 3); item < 3; item++)
                assert_true(put(b, time_ms, item));
        }
        for (uint64_t i = 0; i < gets && b->count; i++)
            get(b);
    }
    while (b->count)
        get(b);
    assert_oldest(b);
}

static void test_as_a_sorted_list(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        buffer *b = buffer_new(round);
        run(b);
        buffer_free(b);
    }
}

/* Filled in one way, and then all of it comes out. */
static void test_full(void **state)
{
    (void)state;
    static const uint64_t ways[] = {0, 2, 3};
    for (uint32_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        buffer *b = buffer_new(i);
        while (put(b, next_time(b, ways[i]), 0))
            b->next_offset++;
        assert_int_equal(b->count, 1 << 17);
        get(b);
        assert_true(put(b, b->list[b->first].time_ms, 0)); /* among the next */
        b->next_offset++;
        get(b);
        assert_true(put(b, b->now_ms - 3, 0));
        assert_false(put(b, b->now_ms, 0));
        while (b->count)
            get(b);
        buffer_free(b);
    }
}

/* What a state takes counts what the buffer touched, and no more. */
static void test_memory(void **state)
{
    (void)state;
    snag_engine_usage before;
    snag_engine_usage after;
    buffer *b = buffer_new(1);
    snag_engine_usage_get(b->engine, &before);
    for (int i = 0; i < 5000; i++) {
        b->next_offset++;
        assert_true(put(b, i, 0));
        if (b->count > 100)
            get(b);
    }
    snag_engine_usage_get(b->engine, &after);
    assert_in_range(after.bytes_used - before.bytes_used, 1, 101 * 512);
    buffer_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_a_sorted_list),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
