/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of several sources that feed one partition, and engines that take them: at whatever speed each is
 * read, with restarts in between.
 */
#ifndef SNAG_TESTS_MERGE_WORLD_H
#define SNAG_TESTS_MERGE_WORLD_H

#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/fixture.h"
#include "unit/seed.h"

enum { EVENTS = 160, HEAD_BYTES = 2048 };

typedef struct item {
    int64_t time_ms;
    int64_t arrives_ms;
    uint32_t source;
    uint32_t number;
    int64_t offset; /* in its source, in the order of arrival */
    uint32_t pick;
    uint32_t part; /* of its record */
} item;

typedef struct world {
    uint32_t count; /* sources */
    snag_source_spec specs[SNAG_SOURCES_MAX];
    item items[EVENTS];              /* in the one order */
    item logs[SNAG_SOURCES_MAX][EVENTS]; /* in each source's order of arrival */
    uint32_t sizes[SNAG_SOURCES_MAX];
} world;

static const snag_stage stages[] = {
    {.name = {"queued", 6}, .wait = SNAG_PATIENCE(60000),
     .late = {.name = {"call.queued.late", 16}, .sla_ms = -1, .headline = {"stuck", 5}, .fingerprint = 301}},
    {.name = {"answered", 8}, .wait = SNAG_PATIENCE(-1)},
    {.name = {"closed", 6}, .wait = SNAG_PATIENCE(-1), .end = {"fine", 4}},
};

static inline fixture *make(const snag_source_spec *specs, uint32_t count)
{
    static snag_stage own[3];
    static const char *const names[] = {"Queued", "Answered", "Closed"};
    fixture *f = fixture_new();
    for (uint32_t i = 0; i < 3; i++) {
        if (own[i].event.count == 0)
            own[i].event = fixture_matcher(names[i]);
        snag_matcher event = own[i].event;
        own[i] = stages[i];
        own[i].event = event;
    }
    fixture_rule(f, "missing", "stuck", 1, "Queued", "Answered|Gone", NULL)->params.wait.after.ms = 20000;
    snag_rule *often = fixture_rule(f, "count", "often", 0, "Queued", NULL, "Closed");
    often->params.count = 3;
    often->params.within_ms = 40000;
    fixture_journey(f, "call", 1, own, 3);
    f->pipeline.sources = specs;
    f->pipeline.source_count = count;
    f->pipeline.remember_ms = specs[0].remember_ms;
    fixture_start(f);
    return f;
}

static inline snag_err give(fixture *f, const item *items, size_t count, uint32_t budget, size_t *taken)
{
    static const char *const types[] = {"Queued", "Queued", "Answered", "Gone", "Closed"};
    static const char *const customers[] = {"ann", "bob", "cid"};
    static const char *const calls[] = {"1", "2", "3", "4"};
    static snag_value vars[16][SNAG_VAR_KEPT + 1];
    static char ids[16][24];
    snag_event events[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        const item *from = &items[i];
        memset(vars[i], 0, sizeof vars[i]);
        snprintf(ids[i], sizeof ids[i], "e%u", from->number);
        events[i] = (snag_event){.time_ms = from->time_ms, .stamp_ms = SNAG_TIME_NONE,
                                 .position = {.offset = from->offset, .source = (uint16_t)from->source,
                                              .item = (uint16_t)from->part},
                                 .id = snag_str_from(ids[i]), .type = snag_str_from(types[from->pick % 5]),
                                 .customer = snag_str_from(customers[from->pick / 5 % 3]),
                                 .account = {"", 0}, .channel = {"", 0}, .vars = vars[i],
                                 .var_count = SNAG_VAR_KEPT + 1};
        vars[i][SNAG_VAR_ID] = snag_value_text(events[i].id);
        vars[i][SNAG_VAR_TYPE] = snag_value_text(events[i].type);
        vars[i][SNAG_VAR_CUSTOMER] = snag_value_text(events[i].customer);
        vars[i][FIXTURE_VAR_CALL] = snag_value_text(snag_str_from(calls[from->pick / 15 % 4]));
    }
    return snag_engine_take_some(f->engine, events, count, budget, taken);
}

static inline void take(fixture *f, const item *items, size_t count)
{
    size_t taken;
    assert_int_equal(give(f, items, count, UINT32_MAX, &taken), SNAG_OK);
    assert_int_equal(taken, count);
}

/* --- a world ------------------------------------------------------------------------------------ */

static inline int in_order(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static inline int by_arrival(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->arrives_ms != b->arrives_ms)
        return a->arrives_ms < b->arrives_ms ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static inline int64_t below(snag_seed *seed, int64_t bound)
{
    return bound > 0 ? (int64_t)snag_seed_below(seed, (uint64_t)bound) : 0;
}

/* late_ms: how far beyond its bound an event may come. */
static inline void world_make_of(world *w, uint32_t sources, uint64_t number, int64_t late_ms)
{
    snag_seed seed = snag_seed_from(number);
    int64_t time_ms = 1000000;
    uint32_t size = 0;
    memset(w, 0, sizeof *w);
    w->count = sources ? sources : 2 + (uint32_t)snag_seed_below(&seed, 2);
    for (uint32_t i = 0; i < w->count; i++)
        w->specs[i] = (snag_source_spec){
            .out_of_order_ms = snag_seed_below(&seed, 2) ? 0 : (int64_t)snag_seed_below(&seed, 20000),
            .remember_ms = INT64_C(30) * 86400000};
    for (uint32_t i = 0; i < EVENTS; i++) {
        time_ms += snag_seed_below(&seed, 3) ? (int64_t)snag_seed_below(&seed, 9000) : 0;
        uint32_t source = (uint32_t)snag_seed_below(&seed, w->count);
        int64_t reach_ms = w->specs[source].out_of_order_ms + late_ms;
        w->logs[source][w->sizes[source]++] =
            (item){.time_ms = time_ms, .source = source, .number = i, .pick = (uint32_t)snag_seed_next(&seed),
                   .arrives_ms = time_ms + below(&seed, reach_ms)};
    }
    for (uint32_t s = 0; s < w->count; s++) {
        qsort(w->logs[s], w->sizes[s], sizeof(item), by_arrival);
        for (uint32_t i = 0; i < w->sizes[s]; i++) {
            w->logs[s][i].offset = i;
            w->items[size++] = w->logs[s][i];
        }
    }
    qsort(w->items, size, sizeof(item), in_order);
}

static inline void world_make(world *w, uint64_t number, int64_t late_ms)
{
    world_make_of(w, 0, number, late_ms);
}

static inline char *ended(fixture *f)
{
    assert_true(snag_engine_tick(f->engine, 1000000 + EVENTS * 9000 + 200000, 100000));
    char *text = strdup(fixture_lines(f));
    fixture_free(f);
    return text;
}

static inline char *as_one(const world *w)
{
    static const snag_source_spec one = {.remember_ms = INT64_C(30) * 86400000};
    fixture *f = make(&one, 1);
    for (uint32_t i = 0; i < EVENTS; i++) {
        item event = w->items[i];
        event.source = 0;
        event.offset = i;
        take(f, &event, 1);
    }
    return ended(f);
}

/* Any source at any time, in batches of any size. */
static inline char *at_any_speed(const world *w, snag_seed *seed)
{
    uint32_t at[SNAG_SOURCES_MAX] = {0};
    uint32_t weight[SNAG_SOURCES_MAX];
    fixture *f = make(w->specs, w->count);
    for (uint32_t i = 0; i < w->count; i++)
        weight[i] = 1 + (uint32_t)snag_seed_below(seed, 12);
    for (uint32_t left = EVENTS; left > 0;) {
        uint32_t s = (uint32_t)snag_seed_below(seed, w->count);
        uint32_t count = (uint32_t)snag_seed_below(seed, weight[s]) + 1;
        if (count > w->sizes[s] - at[s])
            count = w->sizes[s] - at[s];
        take(f, &w->logs[s][at[s]], count);
        at[s] += count;
        left -= count;
        if (at[s] == w->sizes[s] && left > 0)
            snag_engine_tick_source(f->engine, s, SNAG_NEVER, 100000);
    }
    return ended(f);
}

/* --- a restart ---------------------------------------------------------------------------------- */

/* Its state and what it has said, in a new engine. */
static inline fixture *copied(const snag_source_spec *specs, uint32_t count, fixture *from)
{
    fixture *to = make(specs, count);
    char head[HEAD_BYTES];
    uint64_t cursor = 0;
    snag_str key, blob;
    snag_buf buf = snag_buf_on(head, sizeof head);
    while (snag_engine_each(from->engine, &cursor, &key, &blob))
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
    snag_engine_head_write(from->engine, &buf);
    assert_int_equal(snag_engine_head_read(to->engine, snag_buf_str(&buf)), SNAG_OK);
    snag_buf swap = to->out;
    to->out = from->out;
    from->out = swap;
    return to;
}

static inline fixture *moved(const world *w, fixture *from, const uint32_t *at, snag_seed *seed)
{
    fixture *to = copied(w->specs, w->count, from);
    uint32_t again[SNAG_SOURCES_MAX];
    for (uint32_t s = 0; s < w->count; s++) {
        int64_t oldest = snag_engine_oldest_waiting(from->engine, s);
        again[s] = oldest < at[s] ? (uint32_t)oldest : at[s];
        snag_engine_resume(to->engine, s, at[s]);
    }
    for (uint32_t left = 1; left > 0;) { /* what waited comes again, of the sources in any order */
        uint32_t s = (uint32_t)snag_seed_below(seed, w->count);
        left = 0;
        if (again[s] < at[s])
            take(to, &w->logs[s][again[s]++], 1);
        for (uint32_t i = 0; i < w->count; i++)
            left += at[i] - again[i];
    }
    fixture_free(from);
    return to;
}

#endif
