/* SPDX-License-Identifier: Apache-2.0
 *
 * Vocabularies, values as text and JSON, matchers.
 */
#include "event/record.h"

#include <math.h>

#include "check.h"
#include "event/source.h"
#include "journey/matcher.h"

/* Words are what stands in records: present, lower case, no two alike. */
static void check_words(const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_non_null(words[i]);
        for (const char *at = words[i]; *at; at++)
            assert_true((*at >= 'a' && *at <= 'z') || *at == '_');
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(words[i], words[other]);
    }
}

#define CHECK_WORDS(word, type, count)              \
    do {                                            \
        const char *words[count];                   \
        for (unsigned i = 0; i < (count); i++)      \
            words[i] = word((type)i);               \
        check_words(words, count);                  \
    } while (0)

static void vocabularies(void **state)
{
    (void)state;
    CHECK_WORDS(snag_action_word, snag_action, SNAG_ACTION_COUNT);
    CHECK_WORDS(snag_severity_word, snag_severity, SNAG_SEVERITY_COUNT);
    CHECK_WORDS(snag_reason_word, snag_reason, SNAG_REASON_COUNT);
    CHECK_WORDS(snag_hold_word, snag_hold, SNAG_HOLD_COUNT);
    CHECK_WORDS(snag_decision_word, snag_decision_kind, SNAG_DECISION_COUNT);
    CHECK_WORDS(snag_move_word, snag_move, SNAG_MOVE_COUNT);
    CHECK_WORDS(snag_cause_word, snag_cause, SNAG_CAUSE_COUNT);
    CHECK_WORDS(snag_format_word, snag_format, SNAG_FORMAT_COUNT);
    CHECK_WORDS(snag_kind_word, snag_kind, SNAG_KIND_COUNT);
    assert_string_equal(snag_action_word(SNAG_ACTION_TRIGGER), "trigger");
    assert_string_equal(snag_reason_word(SNAG_REASON_LATE_EVIDENCE), "late_evidence");
}

static snag_value number(double value)
{
    return (snag_value){.as.number = value, .kind = SNAG_KIND_DOUBLE};
}

static snag_value span(snag_kind kind, int64_t seconds, int32_t nanos)
{
    return (snag_value){.as.time = {seconds, nanos}, .kind = kind};
}

static void scalars(void **state)
{
    (void)state;
    const struct {
        snag_value value;
        const char *text;
        const char *json;
    } rows[] = {
        {{.kind = SNAG_KIND_ABSENT}, "", "null"},
        {{.kind = SNAG_KIND_NULL}, "", "null"},
        {{.as.boolean = true, .kind = SNAG_KIND_BOOL}, "true", "true"},
        {snag_value_int(7), "7", "7"},
        {snag_value_int(INT64_MIN), "-9223372036854775808", "-9223372036854775808"},
        {{.as.unsigned_integer = UINT64_MAX, .kind = SNAG_KIND_UINT}, "18446744073709551615",
         "18446744073709551615"},
        {{.as.unsigned_integer = 10000000000000000000u, .kind = SNAG_KIND_UINT}, "10000000000000000000",
         "10000000000000000000"},
        {number(0.5), "0.5", "0.5"},
        {number(INFINITY), "Infinity", "\"Infinity\""},
        {number(-INFINITY), "-Infinity", "\"-Infinity\""},
        {number(NAN), "NaN", "\"NaN\""},
        {snag_value_text(SNAG_STR("a\"b")), "a\"b", "\"a\\\"b\""},
        {snag_value_time_ms(-1), "1969-12-31T23:59:59.999Z", "\"1969-12-31T23:59:59.999Z\""},
        {span(SNAG_KIND_TIME, 0, 999999999), "1970-01-01T00:00:00.999Z", "\"1970-01-01T00:00:00.999Z\""},
        {span(SNAG_KIND_DURATION, 90, 0), "1m30s", "\"1m30s\""},
        {span(SNAG_KIND_DURATION, -1, -500000000), "-1s500ms", "\"-1s500ms\""},
        {{.as.type = SNAG_KIND_INT, .kind = SNAG_KIND_TYPE}, "int", "\"int\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_value_print(&buf, &rows[i].value);
        CHECK_BUF(&buf, rows[i].text);
        buf = snag_buf_on(text, sizeof text);
        snag_value_json(&buf, &rows[i].value);
        CHECK_BUF(&buf, rows[i].json);
    }
}

static void lists_and_maps(void **state)
{
    (void)state;
    const snag_value inner[] = {snag_value_int(1), snag_value_text(SNAG_STR("x")), number(0.25)};
    const snag_value pairs[] = {
        snag_value_text(SNAG_STR("k\n")),
        {.as.list = {inner, 3}, .kind = SNAG_KIND_LIST},
        snag_value_int(2),
        {.kind = SNAG_KIND_NULL},
        {.as.boolean = true, .kind = SNAG_KIND_BOOL},
        {.as.list = {NULL, 0}, .kind = SNAG_KIND_MAP},
    };
    const snag_value map = {.as.list = {pairs, 3}, .kind = SNAG_KIND_MAP};
    char text[128];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_value_json(&buf, &map);
    CHECK_BUF(&buf, "{\"k\\n\":[1,\"x\",0.25],\"2\":null,\"true\":{}}");
    buf = snag_buf_on(text, sizeof text);
    snag_value_print(&buf, &map);
    CHECK_BUF(&buf, "{\"k\\n\":[1,\"x\",0.25],\"2\":null,\"true\":{}}");
}

static void times_keep_their_floor(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1, -1, 999, -999, 1000, -1000, -1001, INT64_C(1795143281123)};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        snag_value value = snag_value_time_ms(times[i]);
        assert_in_range(value.as.time.nanos, 0, 999999999);
        assert_int_equal(value.as.time.seconds * 1000 + value.as.time.nanos / 1000000, times[i]);
    }
}

static void matchers(void **state)
{
    (void)state;
    const snag_pattern patterns[] = {{SNAG_STR("Call Answered"), false},
                                     {SNAG_STR("Declaration REJECTED "), true},
                                     {SNAG_STR("End"), false}};
    snag_matcher matcher = {.patterns = patterns, .count = 3};
    assert_true(snag_matcher_takes(&matcher, SNAG_STR("Call Answered")));
    assert_false(snag_matcher_takes(&matcher, SNAG_STR("Call Answered twice")));
    assert_false(snag_matcher_takes(&matcher, SNAG_STR("Call")));
    assert_true(snag_matcher_takes(&matcher, SNAG_STR("Declaration REJECTED by X")));
    assert_true(snag_matcher_takes(&matcher, SNAG_STR("Declaration REJECTED ")));
    assert_false(snag_matcher_takes(&matcher, SNAG_STR("Declaration REJECTED")));
    char text[128];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_matcher_print(&buf, &matcher);
    CHECK_BUF(&buf, "Call Answered, Declaration REJECTED * or End");
    matcher.count = 0; /* not given: takes nothing */
    assert_false(snag_matcher_takes(&matcher, SNAG_STR("End")));
    const snag_pattern all = {SNAG_STR(""), true};
    assert_true(snag_pattern_matches(&all, SNAG_STR("anything")));
    assert_true(snag_pattern_matches(&all, (snag_str){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vocabularies), cmocka_unit_test(scalars),
        cmocka_unit_test(lists_and_maps), cmocka_unit_test(times_keep_their_floor),
        cmocka_unit_test(matchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
