/* SPDX-License-Identifier: Apache-2.0
 *
 * A question is not armed where an answer with its own time was applied before it: across a restart, beside
 * other customers, and not beyond what is remembered of one moment.
 */
#include "unit/check.h"

#include <stdio.h>

#include "engine/ties.h"
#include "unit/fixture.h"

static fixture *make(int64_t out_of_order_ms)
{
    fixture *f = fixture_new();
    f->source.out_of_order_ms = out_of_order_ms;
    fixture_rule(f, "missing", "stuck", 1, "Asked", "Told", NULL)->params.wait.after.ms = 1000;
    fixture_start(f);
    return f;
}

static uint32_t alerts(fixture *f, int64_t w_ms)
{
    uint32_t count = 0;
    while (!snag_engine_tick(f->engine, w_ms, 1000))
        continue;
    for (const char *at = fixture_lines(f); (at = strstr(at, "alert stuck")) != NULL; at++)
        count++;
    return count;
}

static void test_restart(void **state)
{
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        fixture *f = make(0);
        fixture_event(f, "ann", 5000, "Told", "1", NULL);
        if (restart) {
            fixture *to = make(0);
            fixture_move(f, to);
            to->offset = f->offset;
            fixture_free(f);
            f = to;
        }
        fixture_event(f, "bob", 5000, "Asked", "1", NULL);
        fixture_event(f, "ann", 5000, "Asked", "1", NULL);
        fixture_event(f, "ann", 5000, "Asked", "2", NULL);
        const char *open = restart ? "after a restart" : "in one life";
        uint32_t said = alerts(f, 60000);
        if (said != 2)
            fail_msg("%s: %u alerts, not bob's and that of ann's second", open, said);
        fixture_free(f);
    }
}

/* Inside the bound the order in which they come is nothing; what is later than it is as before. */
static void test_disorder(void **state)
{
    (void)state;
    fixture *f = make(1000);
    fixture_event(f, "bob", 5900, "Other", NULL, NULL);
    fixture_event(f, "ann", 5000, "Told", "1", NULL);
    fixture_event(f, "cid", 5500, "Told", "1", NULL);
    fixture_event(f, "ann", 5000, "Asked", "1", NULL);
    assert_int_equal(alerts(f, 20000), 0);
    fixture_event(f, "ann", 30000, "Told", "1", NULL);
    fixture_event(f, "cid", 31001, "Told", "1", NULL);
    fixture_event(f, "cid", 32002, "Told", "1", NULL); /* W passes ann's, and something later is applied */
    fixture_event(f, "ann", 30000, "Asked", "1", NULL);
    assert_int_equal(alerts(f, 60000), 1);
    fixture_free(f);
}

static void stamped(fixture *f, const char *customer, int64_t time_ms, int64_t stamp_ms, const char *type)
{
    snag_value vars[SNAG_VAR_KEPT + 1] = {0};
    size_t taken;
    snag_event event = {.time_ms = time_ms, .stamp_ms = stamp_ms,
                        .position = {.offset = f->offset++}, .id = snag_str_from("future"),
                        .type = snag_str_from(type), .customer = snag_str_from(customer),
                        .account = {"", 0}, .channel = {"", 0}, .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 1};
    vars[FIXTURE_VAR_CALL] = snag_value_text(snag_str_from("1"));
    assert_int_equal(snag_engine_take(f->engine, &event, 1, &taken), SNAG_OK);
}

/* An answer from the future is no present moment, and hurts nobody else. */
static void test_future(void **state)
{
    (void)state;
    fixture *f = make(0);
    stamped(f, "bob", 205000, 5000, "Told");
    fixture_event(f, "ann", 5000, "Told", "1", NULL);
    fixture_event(f, "ann", 5000, "Asked", "1", NULL);
    assert_int_equal(alerts(f, 60000), 0);
    fixture_free(f);
}

static void test_bound(void **state)
{
    (void)state;
    fixture *f = make(0);
    char call[16];
    for (uint32_t i = 0; i <= SNAG_TIES_MAX; i++) {
        snprintf(call, sizeof call, "%u", i);
        fixture_event(f, "ann", 5000, "Told", call, NULL);
    }
    for (uint32_t i = 0; i <= SNAG_TIES_MAX; i++) {
        snprintf(call, sizeof call, "%u", i);
        fixture_event(f, "ann", 5000, "Asked", call, NULL);
    }
    assert_int_equal(alerts(f, 60000), 1); /* the oldest one's */
    fixture_free(f);
}

/* A head that nobody wrote: more than there is room for, a time that is none, cut short. */
static void test_head(void **state)
{
    (void)state;
    char head[1024];
    fixture *f = make(0);
    fixture_event(f, "ann", 5000, "Told", "1", NULL);
    snag_buf buf = snag_buf_on(head, sizeof head);
    snag_engine_head_write(f->engine, &buf);
    enum { ENTRY_BYTES = 16, COUNT_BYTES = 2, TIME_BYTES = 8 };
    const size_t part = buf.size - ENTRY_BYTES - COUNT_BYTES - TIME_BYTES;
    for (size_t cut = part + 1; cut < buf.size; cut++)
        assert_int_equal(snag_engine_head_read(f->engine, snag_str_of(head, cut)), SNAG_STATE);
    head[part + 7] = 0x70;
    assert_int_equal(snag_engine_head_read(f->engine, snag_buf_str(&buf)), SNAG_STATE);
    head[part + 7] = 0;
    head[part + TIME_BYTES + COUNT_BYTES + 7] = 0x70;
    assert_int_equal(snag_engine_head_read(f->engine, snag_buf_str(&buf)), SNAG_STATE);
    head[part + TIME_BYTES + COUNT_BYTES + 7] = 0;
    assert_int_equal(snag_engine_head_read(f->engine, snag_buf_str(&buf)), SNAG_OK);
    head[part + TIME_BYTES + 1] = 0x70;
    assert_int_equal(snag_engine_head_read(f->engine, snag_buf_str(&buf)), SNAG_STATE);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart), cmocka_unit_test(test_disorder), cmocka_unit_test(test_future),
        cmocka_unit_test(test_bound),   cmocka_unit_test(test_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
