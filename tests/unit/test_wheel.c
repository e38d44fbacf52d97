/* SPDX-License-Identifier: Apache-2.0
 *
 * The timer wheel against a plain array that is searched from end to end: same links, at the same
 * milliseconds, whatever is armed, moved and taken out in between.
 */
#include "base/wheel.h"

#include "check.h"
#include "seed.h"

enum { NODES = 200 };

/* Nodes as the engine has them: the link is one member among others. */
typedef struct node {
    uint64_t before;
    snag_wheel_link link;
    uint64_t behind;
} node;

typedef struct model {
    snag_wheel wheel;
    node nodes[NODES + 1];
    bool armed[NODES + 1];
    int64_t due_ms[NODES + 1]; /* as armed */
    int64_t at_ms[NODES + 1];  /* when it must come: not before the time at which it was armed */
    int64_t now_ms;
    uint64_t round;
} model;

static void start(model *m, uint64_t round)
{
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i <= NODES; i++)
        m->nodes[i].before = m->nodes[i].behind = 0x5afe5afe5afe5afeu;
    snag_wheel_init(&m->wheel, &m->nodes[0].link, sizeof m->nodes[0]);
    m->now_ms = INT64_MIN;
    m->round = round;
}

static void arm(model *m, uint32_t index, int64_t due_ms)
{
    snag_wheel_arm(&m->wheel, index, due_ms);
    m->armed[index] = true;
    m->due_ms[index] = due_ms;
    m->at_ms[index] = due_ms > m->now_ms ? due_ms : m->now_ms;
}

static int64_t model_next(const model *m)
{
    int64_t next = SNAG_NEVER;
    for (uint32_t i = 1; i <= NODES; i++)
        if (m->armed[i] && m->at_ms[i] < next)
            next = m->at_ms[i];
    return next;
}

static size_t model_count(const model *m)
{
    size_t count = 0;
    for (uint32_t i = 1; i <= NODES; i++)
        count += m->armed[i];
    return count;
}

static void check_state(const model *m)
{
    if (m->wheel.count != model_count(m))
        fail_msg("round %llu: %llu armed, want %zu", (unsigned long long)m->round,
                 (unsigned long long)m->wheel.count, model_count(m));
    int64_t next = snag_wheel_next(&m->wheel);
    if (next > model_next(m) || (next == SNAG_NEVER) != (model_count(m) == 0))
        fail_msg("round %llu: next is %lld, want at most %lld", (unsigned long long)m->round,
                 (long long)next, (long long)model_next(m));
    for (uint32_t i = 1; i <= NODES; i++) {
        if (m->armed[i] && m->due_ms[i] < next)
            fail_msg("round %llu: next is %lld, and link %u is due at %lld", (unsigned long long)m->round,
                     (long long)next, i, (long long)m->due_ms[i]);
        assert_int_equal(snag_wheel_armed(&m->wheel, i), m->armed[i]);
        assert_true(m->nodes[i].before == 0x5afe5afe5afe5afeu && m->nodes[i].behind == 0x5afe5afe5afe5afeu);
    }
}

/* Time is past until_ms: exactly the links that are due up to it, and time stays where it is. */
static bool pop_behind(model *m, int64_t until_ms)
{
    size_t want = 0;
    for (uint32_t i = 1; i <= NODES; i++)
        want += m->armed[i] && m->due_ms[i] <= until_ms;
    bool any = want > 0;
    if (snag_wheel_pass(&m->wheel, until_ms) && any)
        fail_msg("round %llu: passed what is past", (unsigned long long)m->round);
    uint32_t list = until_ms & 1 ? snag_wheel_past(&m->wheel, until_ms) : snag_wheel_pop(&m->wheel, until_ms);
    for (; list; list = m->nodes[list].link.next, want--) {
        if (!m->armed[list] || m->due_ms[list] > until_ms || want == 0)
            fail_msg("round %llu: link %u is not due at %lld", (unsigned long long)m->round, list,
                     (long long)until_ms);
        m->armed[list] = false;
    }
    if (want)
        fail_msg("round %llu: %zu links are missing before %lld", (unsigned long long)m->round, want,
                 (long long)until_ms);
    return any;
}

/* One pop: exactly the links of the earliest millisecond, or none and time has moved. */
static bool pop(model *m, int64_t until_ms)
{
    int64_t next = model_next(m);
    if (until_ms < m->now_ms)
        return pop_behind(m, until_ms);
    if (until_ms & 1 && snag_wheel_pass(&m->wheel, until_ms) && model_count(m) && next <= until_ms)
        fail_msg("round %llu: passed what is due", (unsigned long long)m->round);
    uint32_t list = snag_wheel_pop(&m->wheel, until_ms);
    if (model_count(m) == 0 || next > until_ms) {
        if (list)
            fail_msg("round %llu: link %u came before its time", (unsigned long long)m->round, list);
        if (until_ms > m->now_ms)
            m->now_ms = until_ms;
        return false;
    }
    size_t want = 0;
    for (uint32_t i = 1; i <= NODES; i++)
        want += m->armed[i] && m->at_ms[i] == next;
    for (; list; list = m->nodes[list].link.next, want--) {
        if (!m->armed[list] || m->at_ms[list] != next || want == 0)
            fail_msg("round %llu: link %u does not belong to %lld", (unsigned long long)m->round, list,
                     (long long)next);
        assert_int_equal(m->nodes[list].link.due_ms, m->due_ms[list]);
        m->armed[list] = false;
    }
    if (want)
        fail_msg("round %llu: %zu links are missing at %lld", (unsigned long long)m->round, want,
                 (long long)next);
    m->now_ms = next;
    return true;
}

/* Distances as they are met: the same millisecond, seconds, days, for ever, in the past. */
static int64_t some_distance(snag_seed *seed)
{
    static const int64_t scales[] = {1, 2, 64, 1000, 4096, 60000, 262144, 86400000, INT64_C(31536000000)};
    int64_t scale = scales[snag_seed_below(seed, 9)];
    int64_t distance = (int64_t)snag_seed_below(seed, 64) * scale + (int64_t)snag_seed_below(seed, 3) - 1;
    return snag_seed_below(seed, 10) ? distance : -distance;
}

static void against_the_model(void **state)
{
    (void)state;
    static model m;
    for (uint64_t round = 0; round < 400; round++) {
        snag_seed seed = snag_seed_from(round);
        start(&m, round);
        int64_t base_ms = round % 4 == 0 ? -INT64_C(86400000) : INT64_C(1795143281123);
        pop(&m, base_ms);
        for (int step = 0; step < 300; step++) {
            uint32_t index = 1 + (uint32_t)snag_seed_below(&seed, NODES);
            switch (snag_seed_below(&seed, 8)) {
            case 0:
                snag_wheel_disarm(&m.wheel, index);
                m.armed[index] = false;
                break;
            case 1: {
                int64_t until_ms = m.now_ms + some_distance(&seed);
                while (pop(&m, until_ms))
                    check_state(&m);
                break;
            }
            default: arm(&m, index, m.now_ms + some_distance(&seed)); break;
            }
            check_state(&m);
        }
        while (pop(&m, INT64_MAX))
            ;
        assert_int_equal(m.wheel.count, 0);
    }
}

static void the_ends_of_time(void **state)
{
    (void)state;
    static model m;
    start(&m, 0);
    arm(&m, 1, INT64_MIN);
    arm(&m, 2, INT64_MAX);
    arm(&m, 3, 0);
    assert_int_equal(snag_wheel_pop(&m.wheel, -1), 1);
    assert_int_equal(snag_wheel_pop(&m.wheel, -1), 0);
    assert_int_equal(snag_wheel_pop(&m.wheel, 0), 3); /* at or before */
    assert_int_equal(snag_wheel_pop(&m.wheel, INT64_C(64060588800000)), 0); /* year 4000 */
    assert_true(snag_wheel_armed(&m.wheel, 2));
    assert_int_equal(snag_wheel_pop(&m.wheel, INT64_MAX), 2);
    assert_int_equal(m.nodes[2].link.due_ms, INT64_MAX);
    assert_int_equal(snag_wheel_next(&m.wheel), SNAG_NEVER);
}

/* Time passes without a look where nothing can be due, up to the last millisecond before. */
static void passing(void **state)
{
    (void)state;
    static model m;
    start(&m, 0);
    assert_true(snag_wheel_pass(&m.wheel, 500));
    arm(&m, 1, 600);
    assert_true(snag_wheel_pass(&m.wheel, 599));
    assert_false(snag_wheel_pass(&m.wheel, 600));
    arm(&m, 2, 100); /* past already: due now */
    assert_false(snag_wheel_pass(&m.wheel, 599));
    assert_int_equal(snag_wheel_pop(&m.wheel, 599), 2);
    assert_int_equal(snag_wheel_pop(&m.wheel, 599), 0);
    assert_true(snag_wheel_pass(&m.wheel, 599));
    assert_int_equal(snag_wheel_pop(&m.wheel, 600), 1);
}

/* Asked for a time before its own, it passes nothing that is due by then, and gives only that. */
static void asked_for_a_time_before(void **state)
{
    (void)state;
    static model m;
    start(&m, 0);
    pop(&m, 1000);
    arm(&m, 1, 300);
    arm(&m, 2, 500);
    assert_int_equal(snag_wheel_next(&m.wheel), 300);
    assert_false(snag_wheel_pass(&m.wheel, 400));
    assert_int_equal(snag_wheel_past(&m.wheel, 299), 0);
    assert_int_equal(snag_wheel_past(&m.wheel, 400), 1);
    assert_int_equal(m.nodes[1].link.next, 0);
    assert_int_equal(snag_wheel_past(&m.wheel, 499), 0);
    assert_int_equal(snag_wheel_past(&m.wheel, 2000), 2);
}

/* A link armed again while its list is being walked is a link of the next list. */
static void arming_what_was_popped(void **state)
{
    (void)state;
    static model m;
    start(&m, 0);
    pop(&m, 1000);
    arm(&m, 5, 1010);
    assert_int_equal(snag_wheel_pop(&m.wheel, 1010), 5);
    snag_wheel_arm(&m.wheel, 5, 1010);
    assert_int_equal(snag_wheel_pop(&m.wheel, 1010), 5);
    snag_wheel_arm(&m.wheel, 5, 1011);
    assert_int_equal(snag_wheel_pop(&m.wheel, 1010), 0);
    assert_int_equal(snag_wheel_pop(&m.wheel, 1011), 5);
    snag_wheel_disarm(&m.wheel, 5); /* not armed: nothing happens */
    assert_int_equal(m.wheel.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_the_model),
        cmocka_unit_test(the_ends_of_time),
        cmocka_unit_test(passing),
        cmocka_unit_test(asked_for_a_time_before),
        cmocka_unit_test(arming_what_was_popped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
