/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine by hand-made events: each test of a rule kind is in its own plain-text cases; here is
 * what those cannot
 * show: recovery, duplicates, late events, the order buffer, bounds, the order of records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/state.h"
#include "fixture.h"

static fixture *stuck_fixture(void)
{
    fixture *f = fixture_new();
    snag_rule *rule = fixture_rule(f, "missing", "stuck", 1, "Queued", "Answered|Gone", "Closed");
    rule->params.wait.after.ms = 60000;
    rule = fixture_rule(f, "count", "twice", 0, "Gone", NULL, NULL);
    rule->params.count = 2;
    rule->params.within_ms = 3600000;
    return f;
}

static void test_silence_fires_at_the_deadline(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    fixture_start(f);
    fixture_event(f, "ann", 1000, "Queued", "7", NULL);
    assert_true(snag_engine_tick(f->engine, 61000, 100));
    assert_string_equal(fixture_lines(f), "");
    assert_true(snag_engine_tick(f->engine, 61001, 100));
    assert_string_equal(fixture_lines(f), "alert stuck ann/7 trigger 61000 ev=e0\n");
    fixture_event(f, "ann", 70000, "Answered", "7", NULL);
    assert_string_equal(fixture_lines(f), "alert stuck ann/7 resolve 70000 reason=moved_on ev=e0,e1\n");
    fixture_free(f);
}

static void test_exactly_at_the_deadline_is_in_time(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    fixture_start(f);
    fixture_event(f, "ann", 0, "Queued", "7", NULL);
    fixture_event(f, "bob", 60000, "Other", "8", NULL);
    fixture_event(f, "ann", 60000, "Answered", "7", NULL);
    snag_engine_tick(f->engine, 1000000, 100);
    assert_string_equal(fixture_lines(f), "");
    fixture_free(f);
}

static void test_other_customers_move_time(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    fixture_start(f);
    fixture_event(f, "bob", 0, "Queued", "2", NULL);
    fixture_event(f, "ann", 0, "Queued", "1", NULL);
    fixture_event(f, "ann", 0, "Queued", "0", NULL);
    fixture_event(f, "cid", 60001, "Other", "9", NULL);
    /* At one deadline: by customer, then by walk. */
    assert_string_equal(fixture_lines(f), "alert stuck ann/0 trigger 60000 ev=e2\n"
                                          "alert stuck ann/1 trigger 60000 ev=e1\n"
                                          "alert stuck bob/2 trigger 60000 ev=e0\n");
    fixture_free(f);
}

static void test_duplicates_change_nothing(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    snag_counters counters;
    fixture_start(f);
    fixture_event(f, "ann", 0, "Gone", "7", "x");
    fixture_event(f, "ann", 5, "Gone", "7", "x");
    assert_string_equal(fixture_lines(f), "");
    snag_engine_counters(f->engine, &counters);
    assert_int_equal(counters.duplicate, 1);
    fixture_event(f, "ann", 9, "Gone", "7", "y");
    assert_string_equal(fixture_lines(f), "alert twice ann trigger 9 observed=2 ev=x,y\n");
    fixture_free(f);
}

static void test_late_events_are_told_and_disprove(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    fixture_start(f);
    fixture_event(f, "ann", 0, "Queued", "7", NULL);
    snag_engine_tick(f->engine, 100000, 100);
    fixture_lines(f);
    fixture_event(f, "ann", 59000, "Answered", "7", NULL);
    assert_string_equal(fixture_lines(f),
                        "late ann e1 59000\n"
                        "alert stuck ann/7 resolve 59000 reason=late_evidence ev=e0,e1\n");
    fixture_free(f);
}

static void test_overtaking_answers(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    f->rules[0].params.overtake_ms = 10000;
    fixture_start(f);
    fixture_event(f, "ann", 1000, "Answered", "7", NULL);
    fixture_event(f, "ann", 11000, "Queued", "7", NULL);
    snag_engine_tick(f->engine, 500000, 100);
    assert_string_equal(fixture_lines(f), "");
    fixture_event(f, "bob", 501000, "Answered", "7", NULL);
    fixture_event(f, "bob", 511001, "Queued", "7", NULL);
    snag_engine_tick(f->engine, 600000, 100);
    assert_string_equal(fixture_lines(f), "alert stuck bob/7 trigger 571001 ev=e3\n");
    fixture_free(f);
}

static const snag_pattern queued[] = {{{"Queued", 6}, false}};
static const snag_pattern answered[] = {{{"Answered", 8}, false}};
static const snag_pattern gone[] = {{{"Gone", 4}, false}};

static const snag_stage call_stages[] = {
    {.name = {"queued", 6}, .event = {queued, 1, NULL}, .wait = SNAG_PATIENCE(60000),
     .late = {.name = {"call.queued.late", 16}, .test = {"due", 3}, .headline = {"late", 4},
              .sla_ms = -1}},
    {.name = {"answered", 8}, .event = {answered, 1, NULL}, .wait = SNAG_PATIENCE(-1)},
    {.name = {"gone", 4}, .event = {gone, 1, NULL}, .wait = SNAG_PATIENCE(-1), .end = {"lost", 4}},
};

static void test_walks(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    fixture_journey(f, "call", 1, call_stages, 3);
    fixture_start(f);
    fixture_event(f, "ann", 0, "Queued", "7", NULL);
    fixture_event(f, "ann", 10, "Queued", "7", NULL);
    assert_string_equal(fixture_lines(f), "journey call ann/7 entered 0 >queued seq=1\n");
    snag_engine_tick(f->engine, 70000, 100);
    assert_string_equal(fixture_lines(f), "journey call ann/7 stalled 60000 queued> seq=2\n"
                                          "alert call.queued.late ann/7 trigger 60000 ev=e0\n"
                                          "alert stuck ann/7 trigger 60000 ev=e0\n");
    fixture_event(f, "ann", 80000, "Gone", "7", NULL);
    assert_string_equal(fixture_lines(f),
                        "journey call ann/7 resumed 80000 queued> seq=3\n"
                        "journey call ann/7 ended 80000 queued>gone seq=4 outcome=lost\n"
                        "alert call.queued.late ann/7 resolve 80000 reason=moved_on ev=e0,e2\n"
                        "alert stuck ann/7 resolve 80000 reason=moved_on ev=e0,e2\n");
    fixture_event(f, "ann", 90000, "Answered", "7", NULL);
    assert_string_equal(fixture_lines(f), "");
    fixture_free(f);
}

static void test_cooldown_is_a_decision(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    snag_counters counters;
    f->rules[0].signal.cooldown_ms = 600000;
    fixture_start(f);
    for (int64_t round = 0; round < 3; round++) {
        fixture_event(f, "ann", round * 400000, "Queued", "7", NULL);
        snag_engine_tick(f->engine, round * 400000 + 70000, 100);
        fixture_event(f, "ann", round * 400000 + 80000, "Answered", "7", NULL);
    }
    assert_string_equal(fixture_lines(f),
                        "alert stuck ann/7 trigger 60000 ev=e0\n"
                        "alert stuck ann/7 resolve 80000 reason=moved_on ev=e0,e1\n"
                        "decision stuck ann suppressed cooldown\n"
                        "alert stuck ann/7 trigger 860000 ev=e4\n"
                        "alert stuck ann/7 resolve 880000 reason=moved_on ev=e4,e5\n");
    snag_engine_counters(f->engine, &counters);
    assert_int_equal(counters.signals, counters.published + counters.suppressed);
    fixture_free(f);
}

static void test_forgetting(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    snag_engine_usage usage;
    fixture_start(f);
    fixture_event(f, "ann", 0, "Queued", "7", NULL);
    fixture_event(f, "ann", 10, "Answered", "7", NULL);
    fixture_event(f, "bob", 20, "Queued", "8", NULL);
    snag_engine_usage_get(f->engine, &usage);
    assert_int_equal(usage.customers, 2);
    assert_int_equal(usage.armed, 1);
    snag_engine_tick(f->engine, INT64_C(400) * 86400000, 1000);
    snag_engine_usage_get(f->engine, &usage);
    /* A silence of a year is still a silence: bob's episode stays. */
    assert_int_equal(usage.customers, 1);
    assert_int_equal(usage.open_episodes, 1);
    snag_str key;
    snag_str blob;
    uint32_t tombstones = 0;
    while (snag_engine_changed(f->engine, &key, &blob))
        tombstones += blob.size == 0;
    assert_int_equal(tombstones, 2); /* ann's own cell and her call's */
    fixture_free(f);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_event(fixture *f, uint32_t *seed, int64_t time_ms)
{
    static const char *const types[] = {"Queued", "Answered", "Gone", "Closed", "Other"};
    static const char *const customers[] = {"ann", "bob", "cid", "dora"};
    static const char *const calls[] = {"1", "2", "3"};
    const char *customer = customers[next_random(seed) % 4];
    const char *type = types[next_random(seed) % 5];
    fixture_event(f, customer, time_ms, type, calls[next_random(seed) % 3], NULL);
}

/* A run cut anywhere, its state carried over, says exactly what the undisturbed run says. */
static void test_recovery_anywhere(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        fixture *f = stuck_fixture();
        fixture_journey(f, "call", 1, call_stages, 3);
        fixture_start(f);
        fixture *g = stuck_fixture();
        fixture_journey(g, "call", 1, call_stages, 3);
        fixture_start(g);
        uint32_t r1 = seed;
        uint32_t r2 = seed;
        uint32_t gaps = seed * 77;
        int64_t time_ms = 0;
        int64_t times[200];
        for (uint32_t i = 0; i < 200; i++)
            times[i] = time_ms += next_random(&gaps) % 30000;
        for (uint32_t i = 0; i < 200; i++)
            random_event(f, &r1, times[i]);
        snag_engine_tick(f->engine, time_ms + 100000, 1000);
        char *whole = strdup(fixture_lines(f));
        for (uint32_t i = 0; i < 200; i++) {
            if (i % 17 == seed % 17) {
                fixture *h = stuck_fixture();
                fixture_journey(h, "call", 1, call_stages, 3);
                fixture_start(h);
                fixture_move(g, h);
                snag_buf swap = h->out;
                h->out = g->out;
                g->out = swap;
                fixture_free(g);
                g = h;
            }
            random_event(g, &r2, times[i]);
        }
        snag_engine_tick(g->engine, time_ms + 100000, 1000);
        assert_string_equal(whole, fixture_lines(g));
        free(whole);
        fixture_free(f);
        fixture_free(g);
    }
}

/* Displaced inside the bound, the same records come out (but for ties, which the source's order
 * decides). */
static void test_disorder_inside_the_bound(void **state)
{
    (void)state;
    enum { N = 300 };
    for (uint32_t seed = 1; seed <= 40; seed++) {
        fixture *runs[2];
        char *texts[2];
        for (uint32_t run = 0; run < 2; run++) {
            fixture *f = runs[run] = stuck_fixture();
            fixture_journey(f, "call", 1, call_stages, 3);
            f->source.out_of_order_ms = 20000;
            fixture_start(f);
            uint32_t r = seed;
            struct {
                int64_t time_ms;
                int64_t arrives;
                uint32_t pick;
                uint32_t number;
            } events[N], swap;
            for (uint32_t i = 0; i < N; i++) {
                events[i].time_ms = (int64_t)i * 3001 + next_random(&r) % 3000;
                events[i].pick = next_random(&r);
                events[i].number = i;
                uint32_t delay = next_random(&r) % 20000;
                events[i].arrives = events[i].time_ms + (run ? delay : 0);
            }
            for (uint32_t i = 1; i < N; i++)
                for (uint32_t k = i; k > 0 && events[k - 1].arrives > events[k].arrives; k--) {
                    swap = events[k];
                    events[k] = events[k - 1];
                    events[k - 1] = swap;
                }
            for (uint32_t i = 0; i < N; i++) {
                static const char *const types[] = {"Queued", "Answered", "Gone", "Closed"};
                static const char *const customers[] = {"ann", "bob"};
                static const char *const calls[] = {"1", "2", "3", "4", "5", "6"};
                char id[16];
                snprintf(id, sizeof id, "n%u", events[i].number);
                fixture_event(f, customers[events[i].pick % 2], events[i].time_ms,
                              types[events[i].pick / 2 % 4], calls[events[i].pick / 8 % 6], id);
            }
            snag_engine_tick(f->engine, INT64_C(3000) * N + 500000, 1000);
            texts[run] = strdup(fixture_lines(f));
        }
        assert_string_equal(texts[0], texts[1]);
        assert_true(strlen(texts[0]) > 500);
        for (uint32_t run = 0; run < 2; run++) {
            free(texts[run]);
            fixture_free(runs[run]);
        }
    }
}

/* A stall of a call and one of the customer's own are weighed by a score. */
static fixture *scored_fixture(snag_weight weights[2])
{
    fixture *f = fixture_new();
    snag_rule *call = fixture_rule(f, "missing", "stuck", 1, "Queued", "Answered", NULL);
    snag_rule *own = fixture_rule(f, "missing", "waits", 0, "Asked", "Told", NULL);
    snag_rule *score = fixture_rule(f, "score", "effort", 0, NULL, NULL, NULL);
    call->params.wait.after.ms = own->params.wait.after.ms = 60000;
    weights[0] = (snag_weight){&call->signal, 3000000};
    weights[1] = (snag_weight){&own->signal, 2000000};
    score->params.score = (snag_weights){weights, 2};
    score->params.half_life_ms = 36000000;
    score->params.enter = 4000000;
    score->params.leave = -1;
    score->params.kinds = 1;
    f->pipeline.feeds = true;
    return f;
}

/* Late questions, whose deadlines have all passed: what fires first feeds ann's score, which arms her own
 * cell while that is itself about to be fired. It keeps its turn, and so do those behind it. */
static void test_armed_anew_while_about_to_be_fired(void **state)
{
    (void)state;
    static const struct {
        int64_t own_ms;
        const char *said;
    } turns[] = {
        {1, "alert stuck ann/7 trigger 60000 ev=e1\n"
            "alert waits ann trigger 60001 ev=e2\n"
            "alert effort ann trigger 60001 ev=\n"
            "alert stuck bob/8 trigger 60010 ev=e3\n"
            "alert stuck cid/9 trigger 60020 ev=e4\n"},
        {15, "alert stuck ann/7 trigger 60000 ev=e1\n"
             "alert stuck bob/8 trigger 60010 ev=e3\n"
             "alert waits ann trigger 60015 ev=e2\n"
             "alert effort ann trigger 60015 ev=\n"
             "alert stuck cid/9 trigger 60020 ev=e4\n"},
        {30, "alert stuck ann/7 trigger 60000 ev=e1\n"
             "alert stuck bob/8 trigger 60010 ev=e3\n"
             "alert stuck cid/9 trigger 60020 ev=e4\n"
             "alert waits ann trigger 60030 ev=e2\n"
             "alert effort ann trigger 60030 ev=\n"},
    };
    for (uint32_t i = 0; i < 6; i++) {
        snag_weight weights[2];
        fixture *f = scored_fixture(weights);
        snag_engine_usage usage;
        fixture_start(f);
        fixture_event(f, "zoe", 3000000, "Other", NULL, NULL); /* time has passed them all */
        fixture_event(f, "ann", 0, "Queued", "7", NULL);
        fixture_event(f, "ann", turns[i / 2].own_ms, "Asked", NULL, NULL);
        fixture_event(f, "bob", 10, "Queued", "8", NULL);
        fixture_event(f, "cid", 20, "Queued", "9", NULL);
        assert_string_equal(fixture_lines(f), "");
        while (!snag_engine_tick(f->engine, 3000001, i % 2 ? 1 : 100)) /* also one at a time */
            continue;
        assert_string_equal(fixture_lines(f), turns[i / 2].said);
        snag_engine_usage_get(f->engine, &usage);
        assert_int_equal(usage.open_episodes, 5);
        fixture_free(f);
    }
}

static void test_bound_of_walks(void **state)
{
    (void)state;
    fixture *f = stuck_fixture();
    snag_engine_usage usage;
    fixture_start(f);
    for (uint32_t i = 0; i < SNAG_WALKS_MAX + 5; i++) {
        char call[16];
        snprintf(call, sizeof call, "%u", i);
        fixture_event(f, "ann", i, "Queued", call, NULL);
    }
    snag_engine_usage_get(f->engine, &usage);
    assert_int_equal(usage.cells, SNAG_WALKS_MAX + 1);
    assert_int_equal(usage.armed, SNAG_WALKS_MAX);
    assert_string_equal(fixture_lines(f), "decision stuck ann suppressed bound\n"
                                          "decision stuck ann suppressed bound\n"
                                          "decision stuck ann suppressed bound\n"
                                          "decision stuck ann suppressed bound\n"
                                          "decision stuck ann suppressed bound\n");
    fixture_free(f);
}

/* An excluded event moves time and is counted, once, also when it is read again after a restart. */
static void test_exclusions(void **state)
{
    (void)state;
    static const snag_exclusion staff[] = {{{"staff", 5}, NULL}, {{"robots", 6}, NULL}};
    static const int64_t bounds_ms[] = {0, 5000};
    for (size_t i = 0; i < 2; i++) {
        fixture *f = stuck_fixture();
        fixture *later = stuck_fixture();
        snag_value vars[SNAG_VAR_KEPT + 1] = {0};
        snag_event event = {.time_ms = 70000, .stamp_ms = SNAG_TIME_NONE, .position = {.offset = 1},
                            .id = SNAG_STR("x"), .type = SNAG_STR("Answered"),
                            .customer = SNAG_STR("ann"), .account = {"", 0}, .channel = {"", 0},
                            .vars = vars, .var_count = SNAG_VAR_KEPT + 1,
                            .excluded = 2, .exclude_erred = true};
        snag_counters counters;
        size_t taken;
        f->source.out_of_order_ms = later->source.out_of_order_ms = bounds_ms[i];
        f->pipeline.exclusions = later->pipeline.exclusions = staff;
        f->pipeline.exclusion_count = later->pipeline.exclusion_count = 2;
        fixture_start(f);
        fixture_event(f, "ann", 1000, "Queued", "7", NULL);
        assert_int_equal(snag_engine_take(f->engine, &event, 1, &taken), SNAG_OK);
        assert_string_equal(fixture_lines(f), "alert stuck ann/7 trigger 61000 ev=e0\n");
        fixture_start(later);
        fixture_move(f, later);
        snag_engine_resume(later->engine, 0, 2);
        assert_int_equal(snag_engine_take(later->engine, &event, 1, &taken), SNAG_OK);
        assert_int_equal(snag_engine_excluded(later->engine, 0), 0);
        assert_int_equal(snag_engine_excluded(later->engine, 1), 1);
        snag_engine_counters(later->engine, &counters);
        assert_int_equal(counters.where_erred, 1);
        assert_int_equal(counters.events, 1);
        assert_int_equal(snag_engine_w(later->engine), 70000 - bounds_ms[i]);
        fixture_free(f);
        fixture_free(later);
    }
}

/* What rules exclude is counted beside it, under their names. */
static void test_rule_exclusions(void **state)
{
    (void)state;
    static const snag_exclusion names[] = {{{"stuck", 5}, NULL}, {{"other", 5}, NULL}};
    fixture *f = stuck_fixture();
    fixture *later = stuck_fixture();
    f->pipeline.exclusions = later->pipeline.exclusions = names; /* a source's of the same name */
    f->pipeline.exclusion_count = later->pipeline.exclusion_count = 1;
    f->pipeline.rule_exclusions = names;
    f->pipeline.rule_exclusion_count = 2;
    later->pipeline.rule_exclusions = names + 1; /* one that is gone, one that stays */
    later->pipeline.rule_exclusion_count = 1;
    fixture_start(f);
    f->engine->excluded[0] = 3;
    f->engine->excluded[SNAG_EXCLUSIONS_MAX] = 5;
    f->engine->excluded[SNAG_EXCLUSIONS_MAX + 1] = 7;
    assert_int_equal(snag_engine_excluded_all(f->engine), 15);
    fixture_start(later);
    fixture_move(f, later);
    assert_int_equal(snag_engine_excluded(later->engine, 0), 3);
    assert_int_equal(snag_engine_rule_excluded(later->engine, 0), 7);
    assert_int_equal(snag_engine_excluded_all(later->engine), 10);
    fixture_free(f);
    fixture_free(later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_fires_at_the_deadline),
        cmocka_unit_test(test_exactly_at_the_deadline_is_in_time),
        cmocka_unit_test(test_other_customers_move_time),
        cmocka_unit_test(test_duplicates_change_nothing),
        cmocka_unit_test(test_late_events_are_told_and_disprove),
        cmocka_unit_test(test_overtaking_answers),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_cooldown_is_a_decision),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_recovery_anywhere),
        cmocka_unit_test(test_disorder_inside_the_bound),
        cmocka_unit_test(test_armed_anew_while_about_to_be_fired),
        cmocka_unit_test(test_bound_of_walks),
        cmocka_unit_test(test_exclusions),
        cmocka_unit_test(test_rule_exclusions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
