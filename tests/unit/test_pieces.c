/* SPDX-License-Identifier: Apache-2.0
 *
 * An event that moves time past more deadlines than one step may fire is left until they have: whatever the
 * number, with restarts in between, the same is said and the same state is left as by an engine that takes
 * each event in one step.
 */
#include "unit/merge_world.h"

enum { ROUNDS = 40, CHUNK = 6, QUEUED = 0, CLOSED = 4 };

/* How it is taken: at most so many deadlines a step; restarts: some steps are followed by one. */
typedef struct manner {
    uint32_t budget;
    bool restarts;
    uint32_t halts; /* steps that left an event */
} manner;

/* Takes some of the source's next events, the first at least. */
static fixture *take_some(const world *w, fixture *f, uint32_t source, uint32_t *at, size_t count,
                          manner *how, snag_seed *seed)
{
    size_t taken;
    do {
        assert_int_equal(give(f, &w->logs[source][at[source]], count, how->budget, &taken), SNAG_OK);
        at[source] += (uint32_t)taken;
        if (taken == count)
            break;
        how->halts++;
        assert_false(snag_engine_at_rest(f->engine));
        for (uint64_t steps = snag_seed_below(seed, 4); steps > 0; steps--)
            snag_engine_drain(f->engine, how->budget);
        if (how->restarts && snag_seed_below(seed, 2))
            f = moved(w, f, at, seed);
    } while (taken == 0);
    return f;
}

static char *run(const world *w, manner *how, snag_seed *seed, char head[HEAD_BYTES], size_t *head_size)
{
    uint32_t at[SNAG_SOURCES_MAX] = {0};
    uint32_t left = EVENTS;
    fixture *f = make(w->specs, w->count);
    while (left > 0) {
        uint32_t s = snag_engine_turn(f->engine), before = at[s];
        if (at[s] == w->sizes[s]) {
            while (!snag_engine_tick_source(f->engine, s, SNAG_NEVER, how->budget))
                continue;
            continue;
        }
        size_t most = w->count > 1 ? 1 : 1 + (size_t)snag_seed_below(seed, CHUNK);
        f = take_some(w, f, s, at, most < w->sizes[s] - at[s] ? most : w->sizes[s] - at[s], how, seed);
        left -= at[s] - before;
        if (w->count > 1) /* whose turn it is can be seen at rest only */
            while (!snag_engine_drain(f->engine, how->budget))
                continue;
    }
    while (!snag_engine_drain(f->engine, how->budget))
        continue;
    snag_buf buf = snag_buf_on(head, HEAD_BYTES);
    snag_engine_head_write(f->engine, &buf);
    *head_size = buf.size;
    return ended(f);
}

static void test_as_in_one_step(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    uint32_t halts = 0;
    assert_non_null(w);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        snag_seed seed = snag_seed_from(round + 3000);
        char heads[2][HEAD_BYTES];
        size_t sizes[2];
        manner whole = {.budget = UINT32_MAX};
        manner pieces = {.budget = 1 + (uint32_t)(round % 3), .restarts = round % 4 != 0};
        world_make_of(w, 1 + (uint32_t)(round % 3), round + 700, round % 5 ? 0 : 30000);
        char *want = run(w, &whole, &seed, heads[0], &sizes[0]);
        char *found = run(w, &pieces, &seed, heads[1], &sizes[1]);
        if (strcmp(want, found) != 0)
            fail_msg("round %d: wanted\n%s\nin pieces\n%s", (int)round, want, found);
        assert_int_equal(sizes[0], sizes[1]);
        assert_memory_equal(heads[0], heads[1], sizes[0]);
        assert_int_equal(whole.halts, 0);
        halts += pieces.halts;
        free(want);
        free(found);
    }
    if (halts <= ROUNDS)
        fail_msg("only %u events were left", halts);
    free(w);
}

/* --- a record of several items ------------------------------------------------------------------ */

static item at(int64_t offset, uint32_t part, int64_t time_ms, uint32_t customer, uint32_t pick)
{
    return (item){.offset = offset, .part = part, .time_ms = time_ms, .pick = pick + 5 * customer,
                  .number = (uint32_t)offset * 10 + part};
}

/* It is left as a whole, before its first item, or not at all. */
static void test_items_stay_together(void **state)
{
    (void)state;
    static const snag_source_spec one = {.remember_ms = 86400000};
    fixture *f = make(&one, 1);
    size_t taken;
    for (int64_t i = 0; i < 3; i++) {
        item asks = at(i, 0, 1000 + i, (uint32_t)i, QUEUED);
        take(f, &asks, 1);
    }
    const item record[] = {at(3, 0, 90000, 0, QUEUED), at(3, 1, 300000, 1, CLOSED)};
    assert_int_equal(give(f, record, 2, 2, &taken), SNAG_OK);
    assert_int_equal(taken, 0);
    assert_int_equal(snag_engine_target_w(f->engine), 90000);
    assert_true(snag_engine_w(f->engine) < 90000);
    while (!snag_engine_drain(f->engine, 1))
        continue;
    assert_int_equal(snag_engine_w(f->engine), 90000);
    assert_null(strstr(fixture_lines(f), "90.000"));
    assert_int_equal(give(f, record, 2, 1, &taken), SNAG_OK); /* though the second moves time past two more */
    assert_int_equal(taken, 2);
    assert_int_equal(snag_engine_w(f->engine), 300000);
    assert_true(snag_engine_at_rest(f->engine));
    fixture_free(f);
}

/* Of several sources time goes no further than the event's own place, and its source keeps its turn. */
static void test_no_further_than_the_event(void **state)
{
    (void)state;
    static const snag_source_spec two[2] = {{.remember_ms = 86400000}, {.remember_ms = 86400000}};
    fixture *f = make(two, 2);
    size_t taken;
    item first = at(0, 0, 1000, 0, QUEUED), second = first, ahead;
    second.source = 1;
    second.number = 1000;
    second.pick = 5 + QUEUED;
    take(f, &first, 1);
    take(f, &second, 1);
    assert_int_equal(snag_engine_turn(f->engine), 0);
    snag_engine_tick_source(f->engine, 1, 500000, 0); /* the other is far ahead */
    ahead = at(1, 0, 90000, 2, CLOSED);
    assert_int_equal(give(f, &ahead, 1, 1, &taken), SNAG_OK);
    assert_int_equal(taken, 0);
    assert_int_equal(snag_engine_target_w(f->engine), 90000);
    assert_int_equal(snag_engine_low(f->engine, 0), 1000);
    assert_int_equal(snag_engine_turn(f->engine), 0);
    while (give(f, &ahead, 1, 1, &taken) == SNAG_OK && taken == 0)
        assert_int_equal(snag_engine_low(f->engine, 0), 1000);
    assert_int_equal(taken, 1);
    assert_int_equal(snag_engine_low(f->engine, 0), 90000);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_in_one_step),
                                       cmocka_unit_test(test_items_stay_together),
                                       cmocka_unit_test(test_no_further_than_the_event)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
