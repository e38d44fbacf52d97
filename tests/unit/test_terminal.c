/* SPDX-License-Identifier: Apache-2.0
 *
 * What people see: numbers, wrapped text, styles, base64, and lines that hostile names cannot break.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/base64.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "unit/check.h"

static void numbers(void **state)
{
    (void)state;
    char bytes[128];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    static const uint64_t given[] = {0, 999, 1000, 1234567, UINT64_MAX};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        snag_number_print(&buf, given[i]);
        snag_buf_byte(&buf, ' ');
    }
    CHECK_BUF(&buf, "0 999 1,000 1,234,567 18,446,744,073,709,551,615 ");
    buf.size = 0;
    snag_rate_print(&buf, 1234567.0);
    snag_buf_byte(&buf, ' ');
    snag_rate_print(&buf, 12345.0);
    snag_buf_byte(&buf, ' ');
    snag_rate_print(&buf, 33.2);
    CHECK_BUF(&buf, "1.23 M 12 K 33");
}

static void text_is_broken_at_blanks(void **state)
{
    (void)state;
    char *bytes = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&bytes, &size);
    assert_non_null(file);
    snag_wrapped_print(file, "one two three\nfour averylongword x", 4, 12);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(bytes, "one two\n    three\n    four\n    averylongword\n    x");
    free(bytes);
}

static void styles_only_with_colour(void **state)
{
    (void)state;
    char bytes[64];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_style_put(&buf, false, SNAG_STYLE_RED, SNAG_STR("\xc3\xa4h"), 4);
    CHECK_BUF(&buf, "\xc3\xa4h  ");
    buf.size = 0;
    snag_style_put(&buf, true, SNAG_STYLE_RED, SNAG_STR("x"), 2);
    CHECK_BUF(&buf, "\033[31mx\033[0m ");
}

static void base64_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
                                           {"foobar", "Zm9vYmFy"}, {"\xff\xfe", "//4="}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char bytes[64];
        snag_buf buf = snag_buf_on(bytes, sizeof bytes);
        snag_base64_put(&buf, snag_str_from(pairs[i][0]));
        CHECK_BUF(&buf, pairs[i][1]);
    }
}

static void an_alert_is_one_line(void **state)
{
    (void)state;
    char bytes[512];
    snag_rule rules[] = {{.signal.name = SNAG_STR("declined")},
                         {.signal.name = SNAG_STR("declined_by_the_bank_again")}};
    snag_pipeline pipeline = {.rules = rules, .rule_count = 1};
    snag_view view = snag_view_of(&pipeline, false);
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_record record = {.kind = SNAG_RECORD_ALERT};
    record.as.alert = (snag_alert){.time_ms = 1767607200000, .action = SNAG_ACTION_TRIGGER,
                                   .severity = SNAG_SEVERITY_ERROR, .rule = SNAG_STR("declined"),
                                   .customer = SNAG_STR("a\nb\x1b[2J"), .headline = SNAG_STR("h\xc2\x9b"),
                                   .owner = SNAG_STR("pay"), .lasted_ms = -1};
    snag_view_record(&buf, &view, &record);
    CHECK_BUF(&buf, "2026-01-05 10:00:00  ALERT     declined             a?b?[2J        h?  -> pay\n");
    buf.size = 0;
    record.as.alert.action = SNAG_ACTION_RESOLVE;
    record.as.alert.reason = SNAG_REASON_UNTIL;
    record.as.alert.lasted_ms = 2 * 86400000 + 3600000 + 1;
    snag_view_record(&buf, &view, &record);
    CHECK_BUF(&buf, "2026-01-05 10:00:00  resolved  declined             a?b?[2J        until, after 2d1h\n");
    buf.size = 0;
    pipeline.rule_count = 2; /* the column is as wide as the longest name */
    view = snag_view_of(&pipeline, false);
    snag_view_record(&buf, &view, &record);
    CHECK_BUF(&buf, "2026-01-05 10:00:00  resolved  declined                   a?b?[2J        until, after "
                    "2d1h\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(text_is_broken_at_blanks),
        cmocka_unit_test(styles_only_with_colour),
        cmocka_unit_test(base64_of_rfc_4648),
        cmocka_unit_test(an_alert_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
