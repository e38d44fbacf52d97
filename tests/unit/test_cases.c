/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"
#include "cli/cases.h"
#include "unit/cases_pipeline.h"
#include "unit/check.h"

static cases_pipeline given;
static snag_diag diag;

static snag_err parse(snag_cases *cases, const char *text)
{
    return snag_cases_parse(cases, snag_str_from(text), SNAG_STR("file.cases"), &given.pipeline, &diag);
}

static void check_str(snag_str got, const char *want)
{
    snag_buf buf = {.data = (char *)(uintptr_t)got.data, .size = got.size, .capacity = got.size};
    CHECK_BUF(&buf, want);
}

static void an_event_line(void **state)
{
    (void)state;
    snag_cases cases;
    assert_int_equal(parse(&cases, "\"ann lee\"  10:00:00.5  Payment  Failed   order=\"7 \\\"b\\\"\" "
                                   "amount=2.5 wait=90s account=acme  # a comment\n"),
                     SNAG_OK);
    assert_int_equal(cases.case_count, 1);
    check_str(cases.cases[0].name, "file.cases");
    assert_int_equal(cases.cases[0].step_count, 1);
    const snag_event *event = &cases.steps[0].event;
    check_str(event->customer, "ann lee");
    check_str(event->type, "Payment  Failed");
    check_str(event->account, "acme");
    check_str(event->channel, "web");
    check_str(event->id, "line-1");
    check_str(event->vars[SNAG_VAR_KEPT].as.text, "7 \"b\"");
    assert_int_equal(event->time_ms, INT64_C(1767607200500));
    assert_true(event->vars[SNAG_VAR_KEPT + 1].as.number == 2.5);
    assert_int_equal(event->vars[SNAG_VAR_KEPT + 2].as.time.seconds, 90);
    assert_int_equal(event->vars[SNAG_VAR_KEPT + 2].kind, SNAG_KIND_DURATION);
    snag_cases_free(&cases);
}

static void cases_and_their_steps(void **state)
{
    (void)state;
    snag_cases cases;
    assert_int_equal(parse(&cases, "use declined order.checkout.late\n"
                                   "case one\n"
                                   "ann 10:00 Paid\n"
                                   "expect nothing\n"
                                   "at +1h\n"
                                   "expect alert declined ann trigger at +5m observed=3 within=60s\n"
                                   "expect alert order.checkout.late ann resolve reason=moved_on\n"
                                   "case the second one\n"
                                   "use order declined\n"
                                   "bob 10:00 \"Paid=now\" id=x\n"
                                   "expect journey order 7 entered to=paid from=\n"
                                   "expect late bob type=Paid\n"),
                     SNAG_OK);
    assert_int_equal(cases.case_count, 2);
    check_str(cases.cases[0].use[0], "declined");
    check_str(cases.cases[1].use[0], "order");
    check_str(cases.cases[1].name, "the second one");
    assert_true(cases.steps[1].moves_clock);
    assert_int_equal(cases.steps[1].time_ms - cases.steps[0].time_ms, SNAG_HOUR_MS);
    assert_int_equal(cases.steps[1].expect_count, 2);
    const snag_expectation *first = &cases.expectations[cases.steps[1].expect_first];
    assert_int_equal(first->time_ms - cases.steps[1].time_ms, 5 * SNAG_MINUTE_MS);
    check_str(first->pairs[1].text, "1m");
    assert_int_equal(first[1].word, SNAG_ACTION_RESOLVE);
    check_str(cases.steps[2].event.type, "Paid=now");
    const snag_expectation *third = &cases.expectations[cases.steps[2].expect_first];
    assert_int_equal(third->kind, SNAG_RECORD_CHANGE);
    assert_int_equal(third->pairs[1].text.size, 0);
    assert_int_equal(third[1].kind, SNAG_RECORD_LATE);
    snag_cases_free(&cases);
}

static void faults_name_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *words;
    } faults[] = {
        {"ann 10:00 Paid ordr=7\n", 1, 16, "did you mean order?"},
        {"ann 25:00 Paid\n", 1, 5, "expected a time"},
        {"ann 10:00\n", 1, 1, "expected an event"},
        {"ann 10:00 Paid amount=lots\n", 1, 16, "double"},
        {"ann 10:00 Paid order=\"7\n", 1, 16, "quote is not closed"},
        {"ann 10:00 Paid order=7 x\n", 1, 24, "key=value"},
        {"\"\" 10:00 Paid\n", 1, 1, "customer is empty"},
        {"expect nothing\n", 1, 1, "follows an event"},
        {"case\n", 1, 1, "its name"},
        {"use declned\n", 1, 5, "did you mean declined?"},
        {"ann 10:00 Paid\nuse declined\n", 2, 1, "before the first event"},
        {"ann 10:00 Paid\nexpect alrt declined ann trigger\n", 2, 8, "did you mean alert?"},
        {"ann 10:00 Paid\nexpect alert declined ann\n", 2, 8, "expect alert RULE"},
        {"ann 10:00 Paid\nexpect alert order ann trigger\n", 2, 14, "no rule order"},
        {"ann 10:00 Paid\nexpect alert declined ann triger\n", 2, 27, "did you mean trigger?"},
        {"ann 10:00 Paid\nexpect alert declined ann trigger observd=3\n", 2, 35, "did you mean observed?"},
        {"ann 10:00 Paid\nexpect alert declined ann trigger observed=x\n", 2, 35, "expected a number"},
        {"ann 10:00 Paid\nexpect alert declined ann trigger reason=x\n", 2, 35, "no value x"},
        {"ann 10:00 Paid\nexpect nothing\nexpect nothing\n", 3, 1, "already"},
        {"use order\nann 10:00 Paid\nexpect alert declined ann trigger\n", 3, 14, "other names only"},
        {"ann 10:00 Paid\nexpect late ann what=x\n", 2, 17, "it has"},
        {"at noon\n", 1, 1, "expected one time"},
        {"at +5m\n", 1, 1, "expected one time"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        snag_cases cases;
        assert_int_equal(parse(&cases, faults[i].text), SNAG_USAGE);
        if (!strstr(diag.text, faults[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", faults[i].text, diag.text, faults[i].words);
        if (diag.line != faults[i].line || diag.column != faults[i].column)
            fail_msg("%s: at %u:%u, want %u:%u", faults[i].text, diag.line, diag.column,
                     faults[i].line, faults[i].column);
        snag_cases_free(&cases);
    }
}

static void times_of_a_case(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } times[] = {
        {"10:29", "2026-01-05T10:29:00.000Z"},
        {"10:29:59.25", "2026-01-05T10:29:59.250Z"},
        {"10:29Z", "2026-01-05T10:29:00.000Z"},
        {"10:29+02:00", "2026-01-05T08:29:00.000Z"},
        {"2026-03-01T10:29", "2026-03-01T10:29:00.000Z"},
        {"2026-03-01T10:29:01-01:00", "2026-03-01T11:29:01.000Z"},
        {"+90s", "1970-01-01T00:01:30.000Z"},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t time_ms;
        char bytes[64];
        snag_buf buf = snag_buf_on(bytes, sizeof bytes);
        assert_true(snag_case_time_parse(snag_str_from(times[i].text), 0, &time_ms));
        snag_time_print(&buf, time_ms);
        CHECK_BUF(&buf, times[i].want);
    }
    int64_t time_ms;
    assert_false(snag_case_time_parse(SNAG_STR("10"), 0, &time_ms));
    assert_false(snag_case_time_parse(SNAG_STR(""), 0, &time_ms));
    assert_false(snag_case_time_parse(SNAG_STR("+"), 0, &time_ms));
    assert_false(snag_case_time_parse(SNAG_STR("+1h"), SNAG_TIME_NONE, &time_ms));
    assert_false(snag_case_time_parse(SNAG_STR("+9000000000h"), INT64_MAX, &time_ms));
}

static int set_up(void **state)
{
    (void)state;
    cases_pipeline_init(&given);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_line),
        cmocka_unit_test(cases_and_their_steps),
        cmocka_unit_test(faults_name_line_and_column),
        cmocka_unit_test(times_of_a_case),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
