/* SPDX-License-Identifier: Apache-2.0
 *
 * Several sources feeding one partition: the same records as from one source that has all events in the order
 * of (time, source, offset), at whatever speed each is read, with restarts in between.
 */
#include "unit/merge_world.h"

enum { ROUNDS = 24 };

/* From the source whose turn it is, with a restart after every `every` events; 0: never. */
static char *in_turn(const world *w, uint32_t every, snag_seed *seed, char head[HEAD_BYTES],
                     size_t *head_size)
{
    uint32_t at[SNAG_SOURCES_MAX] = {0};
    fixture *f = make(w->specs, w->count);
    for (uint32_t i = 0; i < EVENTS;) {
        uint32_t s = snag_engine_turn(f->engine);
        if (at[s] == w->sizes[s]) {
            snag_engine_tick_source(f->engine, s, SNAG_NEVER, 100000);
            continue;
        }
        take(f, &w->logs[s][at[s]++], 1);
        if (every && ++i % every == 0)
            f = moved(w, f, at, seed);
        else if (!every)
            i++;
    }
    snag_buf buf = snag_buf_on(head, HEAD_BYTES);
    snag_engine_head_write(f->engine, &buf);
    *head_size = buf.size;
    return ended(f);
}

static void test_as_one(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        snag_seed seed = snag_seed_from(round + 1000);
        char head[HEAD_BYTES];
        size_t size;
        world_make(w, round, 0);
        char *want = as_one(w);
        char *any = at_any_speed(w, &seed);
        char *turn = in_turn(w, 1 + (uint32_t)snag_seed_below(&seed, 9), &seed, head, &size);
        if (strcmp(want, any) != 0 || strcmp(want, turn) != 0)
            fail_msg("round %d: wanted\n%s\nat any speed\n%s\nin turn\n%s", (int)round, want, any, turn);
        assert_true(strlen(want) > 200);
        free(want);
        free(any);
        free(turn);
    }
    free(w);
}

/* Beyond the bounds too the order is decided by each source's own log: not by speed, not by restarts. */
static void test_late(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    uint32_t lates = 0;
    assert_non_null(w);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        snag_seed seed = snag_seed_from(round + 2000);
        char heads[2][HEAD_BYTES];
        size_t sizes[2];
        world_make(w, round + 500, 30000);
        char *want = in_turn(w, 0, &seed, heads[0], &sizes[0]);
        char *any = at_any_speed(w, &seed);
        char *again = in_turn(w, 1 + (uint32_t)snag_seed_below(&seed, 9), &seed, heads[1], &sizes[1]);
        if (strcmp(want, any) != 0 || strcmp(want, again) != 0)
            fail_msg("round %d: wanted\n%s\nat any speed\n%s\nwith restarts\n%s", (int)round, want, any,
                     again);
        assert_int_equal(sizes[0], sizes[1]);
        assert_memory_equal(heads[0], heads[1], sizes[0]);
        lates += strstr(want, "late ") != NULL;
        free(want);
        free(any);
        free(again);
    }
    assert_true(lates > ROUNDS / 2);
    free(w);
}

/* --- by hand ------------------------------------------------------------------------------------ */

static const snag_source_spec two[2] = {{.remember_ms = 86400000}, {.remember_ms = 86400000}};

static item at(uint32_t source, int64_t offset, int64_t time_ms, uint32_t pick)
{
    return (item){.source = source, .offset = offset, .time_ms = time_ms,
                  .number = source * 100 + (uint32_t)offset, .pick = pick};
}

/* A record whose items go back in time: each waits at its own time, and a restart loses none. */
static void test_items(void **state)
{
    (void)state;
    char *said[2];
    for (int restart = 0; restart < 2; restart++) {
        fixture *f = make(two, 2);
        item record[2] = {at(0, 0, 50000, 0), at(0, 0, 3000, 0)}, other = at(1, 0, 20000, 5);
        record[1].part = 1;
        record[1].number = 77;
        take(f, record, 2);
        take(f, &other, 1);
        assert_int_equal(snag_engine_w(f->engine), 20000);
        if (restart) {
            fixture *from = f;
            f = copied(two, 2, from);
            snag_engine_resume(f->engine, 0, 1);
            snag_engine_resume(f->engine, 1, 1);
            take(f, record, 2);
            fixture_free(from);
        }
        said[restart] = ended(f);
        assert_non_null(strstr(said[restart], "e77"));
    }
    assert_string_equal(said[0], said[1]);
    free(said[0]);
    free(said[1]);
}

/* W is the least of all sources; the other one's silence proves nothing. */
static void test_least(void **state)
{
    (void)state;
    fixture *f = make(two, 2);
    item a = at(0, 0, 1000, 0), b = at(1, 0, 900, 2), c = at(0, 1, 90000, 3);
    take(f, &a, 1);
    assert_int_equal(snag_engine_w(f->engine), SNAG_TIME_NONE);
    assert_int_equal(snag_engine_turn(f->engine), 1);
    assert_int_equal(snag_engine_oldest_waiting(f->engine, 0), 0);
    take(f, &b, 1);
    assert_int_equal(snag_engine_w(f->engine), 900);
    take(f, &c, 1);
    assert_null(strstr(fixture_lines(f), "alert"));
    assert_true(snag_engine_tick_source(f->engine, 1, 21001, 10));
    assert_non_null(strstr(fixture_lines(f), "alert stuck ann/1 trigger 21000"));
    assert_int_equal(snag_engine_w(f->engine), 21001);
    assert_int_equal(snag_engine_newest(f->engine), 90000);
    fixture_free(f);
}

/* At one time the source that stands first in the file goes first, however late it is read. */
static void test_ties(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        fixture *f = make(two, 2);
        item asked = at(1, 0, 1000, 0), answered = at(0, 0, 1000, 2);
        take(f, first ? &asked : &answered, 1);
        take(f, first ? &answered : &asked, 1);
        snag_engine_tick(f->engine, 1000, 10);
        snag_engine_tick(f->engine, 100000, 10);
        const char *lines = fixture_lines(f);
        assert_non_null(strstr(lines, "entered 1000 >answered seq=1"));
        assert_non_null(strstr(lines, "entered 1000 answered>queued seq=2"));
        assert_null(strstr(lines, "alert stuck")); /* answered at its own time, before it */
        fixture_free(f);
    }
}

/* Ids are each source's own: 7 of one and 7 of the other are two events. */
static void test_ids(void **state)
{
    (void)state;
    fixture *f = make(two, 2);
    snag_counters counters;
    item a = at(0, 0, 1000, 0), b = at(1, 0, 1000, 0), c = at(1, 1, 1001, 0);
    a.number = b.number = c.number = 7;
    take(f, &a, 1);
    take(f, &b, 1);
    take(f, &c, 1);
    snag_engine_tick(f->engine, 2000, 10);
    snag_engine_counters(f->engine, &counters);
    assert_int_equal(counters.events, 3);
    assert_int_equal(counters.duplicate, 1);
    fixture_free(f);
}

/* --- another list of sources -------------------------------------------------------------------- */

static fixture *relisted(fixture *from, uint32_t count, const int64_t *next)
{
    fixture *to = make(two, count);
    char head[HEAD_BYTES];
    uint64_t cursor = 0;
    snag_str key, blob;
    snag_buf buf = snag_buf_on(head, sizeof head);
    while (snag_engine_each(from->engine, &cursor, &key, &blob))
        assert_int_equal(snag_engine_restore(to->engine, key, blob), SNAG_OK);
    snag_engine_head_write(from->engine, &buf);
    assert_int_equal(snag_engine_head_read(to->engine, snag_buf_str(&buf)), SNAG_OK);
    for (uint32_t s = 0; s < count; s++)
        snag_engine_resume(to->engine, s, next[s]);
    fixture_free(from);
    return to;
}

static void test_source_added(void **state)
{
    (void)state;
    const int64_t next[2] = {1, 0};
    fixture *f = make(two, 1);
    item asked = at(0, 0, 1000, 0), more = at(0, 1, 50000, 4), answer = at(1, 0, 5000, 2);
    take(f, &asked, 1);
    f = relisted(f, 2, next);
    assert_int_equal(snag_engine_w(f->engine), 1000);
    assert_int_equal(snag_engine_turn(f->engine), 1);
    take(f, &more, 1);
    assert_string_equal(fixture_lines(f), ""); /* the new source holds time back */
    take(f, &answer, 1);
    snag_engine_tick(f->engine, 60000, 10);
    assert_null(strstr(fixture_lines(f), "alert stuck"));
    fixture_free(f);
}

static void test_source_removed(void **state)
{
    (void)state;
    const int64_t next[1] = {3};
    fixture *f = make(two, 2);
    item first = at(0, 0, 1000, 0), other = at(1, 0, 1500, 4), waits = at(0, 1, 3000, 2);
    item last = at(0, 2, 3500, 4);
    take(f, &first, 1);
    take(f, &other, 1);
    take(f, &waits, 1);
    take(f, &last, 1);
    assert_int_equal(snag_engine_oldest_waiting(f->engine, 0), 1);
    f = relisted(f, 1, next);
    take(f, &first, 1); /* read again from C; this one is done, the others are not */
    take(f, &waits, 1);
    take(f, &last, 1);
    snag_engine_tick(f->engine, 60000, 10);
    assert_null(strstr(fixture_lines(f), "alert stuck"));
    snag_counters counters;
    snag_engine_counters(f->engine, &counters);
    assert_int_equal(counters.events, 4);
    fixture_free(f);
}

/* A head that nobody wrote. One may end where an earlier version's did: behind the counters, the exclusions,
 * the sources and the names. */
static void test_head_wrong(void **state)
{
    (void)state;
    char head[HEAD_BYTES];
    snag_buf buf = snag_buf_on(head, sizeof head);
    fixture *f = make(two, 2);
    snag_engine_head_write(f->engine, &buf);
    uint32_t whole = 0;
    for (size_t size = 0; size < buf.size; size++) {
        snag_err err = snag_engine_head_read(f->engine, snag_str_of(head, size));
        assert_true(err == SNAG_STATE || err == SNAG_OK);
        whole += err == SNAG_OK;
    }
    assert_int_equal(whole, 4);
    for (int at_byte = 41; at_byte < 45; at_byte++) {
        char was = head[at_byte];
        head[at_byte] = 99;
        assert_int_equal(snag_engine_head_read(f->engine, snag_buf_str(&buf)), SNAG_STATE);
        head[at_byte] = was;
    }
    assert_int_equal(snag_engine_head_read(f->engine, snag_buf_str(&buf)), SNAG_OK);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_one),       cmocka_unit_test(test_late),
        cmocka_unit_test(test_items), cmocka_unit_test(test_least),        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_ids),          cmocka_unit_test(test_source_added),
        cmocka_unit_test(test_source_removed), cmocka_unit_test(test_head_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
