/* SPDX-License-Identifier: Apache-2.0
 *
 * How old an event may be: exactly `remember:` behind W it still counts; a millisecond more, and it is
 * counted as too old, told, and left out.
 */
#include "unit/check.h"
#include "unit/fixture.h"

static void old_event(int64_t more_ms, uint64_t too_old, const char *wanted)
{
    fixture *f = fixture_new();
    snag_counters counters;
    const int64_t w_ms = f->source.remember_ms * 2;
    snag_rule *rule = fixture_rule(f, "count", "seen", 0, "Seen", NULL, NULL);
    rule->params.count = 1;
    rule->params.within_ms = 1000;
    fixture_start(f);
    fixture_event(f, "bob", w_ms, "Other", NULL, NULL);
    assert_true(snag_engine_tick(f->engine, w_ms, 100));
    fixture_lines(f);
    fixture_event(f, "ann", w_ms - f->source.remember_ms - more_ms, "Seen", NULL, "a1");
    assert_true(snag_engine_tick(f->engine, w_ms + 1, 100));
    snag_engine_counters(f->engine, &counters);
    assert_int_equal(counters.too_old, too_old);
    assert_string_equal(fixture_lines(f), wanted);
    fixture_free(f);
}

static void test_bound(void **state)
{
    (void)state;
    old_event(0, 0,
              "alert seen ann trigger 2592000000 observed=1 ev=a1\n"
              "alert seen ann resolve 2592001000 reason=window_empty observed=1 ev=a1\n");
    old_event(1, 1, "late ann a1 2591999999\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
