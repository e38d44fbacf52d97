/* SPDX-License-Identifier: Apache-2.0
 *
 * Times and durations as text: known values, round trips by seed, hostile text.
 */
#include "base/time.h"

#include <stdlib.h>

#include "check.h"
#include "seed.h"

static bool parse(const char *text, int64_t *time_ms)
{
    return snag_time_parse_ms(snag_str_from(text), time_ms);
}

static void known_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"1969-12-31T23:59:59.999Z", -1},
        {"1969-12-31T23:59:59.9999Z", -1}, /* floored, not cut towards zero */
        {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
        {"2026-11-20T02:54:41.5+01:00", INT64_C(1795139681500)},
        {"2026-11-20t02:54:41z", INT64_C(1795143281000)},
        {"2026-11-20 02:54:41Z", INT64_C(1795143281000)},
        {"2026-11-20T02:54:41,250Z", INT64_C(1795143281250)},
        {"2026-11-20T02:54:41.123456789012Z", INT64_C(1795143281123)},
        {"2026-11-20T02:54:41-0130", INT64_C(1795143281000) + 5400000},
        {"2016-12-31T23:59:60Z", INT64_C(1483228799999)}, /* a leap second */
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t time_ms = 0;
        if (!parse(rows[i].text, &time_ms))
            fail_msg("%s is not read", rows[i].text);
        if (time_ms != rows[i].time_ms)
            fail_msg("%s is %lld, want %lld", rows[i].text, (long long)time_ms,
                     (long long)rows[i].time_ms);
    }
}

static void refused_times(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "2", "2026", "2026-11-20", "2026-11-20T02:54:41", "2026-11-20T02:54Z",
        "2026-11-20T02:54:41.Z", "2026-11-20T02:54:41+1:00", "2026-11-20T02:54:41+24:00",
        "2026-11-20T02:54:41+01:60", "2026-11-20T24:00:00Z", "2026-11-20T02:60:00Z",
        "2026-11-20T02:54:61Z", "2026-00-20T02:54:41Z", "2026-13-20T02:54:41Z",
        "2026-11-31T02:54:41Z", "2026-02-29T02:54:41Z", "1900-02-29T00:00:00Z",
        "2026-11-00T02:54:41Z", " 2026-11-20T02:54:41Z", "2026-11-20T02:54:41Z ",
        "+2026-11-20T02:54:41Z", "-026-11-20T02:54:41Z", "20261120T025441Z",
        "2026-11-20T02:54:41ZZ", "2026/11/20T02:54:41Z", "2026-11-20X02:54:41Z",
        "2026-11-20T02:54:41+01", "2026-11-20T02:54:4 Z", "1795139681000", "now"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t time_ms;
        if (parse(rows[i], &time_ms))
            fail_msg("\"%s\" must be refused, read as %lld", rows[i], (long long)time_ms);
    }
    int64_t time_ms;
    assert_false(snag_time_parse_ms(SNAG_STR("2026-11-20T02:54:41\0Z"), &time_ms));
    assert_false(snag_time_parse_ms((snag_str){0}, &time_ms));
}

static void nanoseconds(void **state)
{
    (void)state;
    int64_t seconds;
    int32_t nanos;
    assert_true(snag_time_parse(SNAG_STR("1970-01-01T00:00:01.000000001Z"), &seconds, &nanos));
    assert_int_equal(seconds, 1);
    assert_int_equal(nanos, 1);
    assert_true(snag_time_parse(SNAG_STR("1969-12-31T23:59:59.9999999999Z"), &seconds, &nanos));
    assert_int_equal(seconds, -1);
    assert_int_equal(nanos, 999999999);
}

static void printed_times_are_read_back(void **state)
{
    (void)state;
    const int64_t first = INT64_C(-62167219200000);
    const int64_t span = INT64_C(253402300799999) - first + 1;
    for (uint64_t round = 0; round < 20000; round++) {
        snag_seed seed = snag_seed_from(round);
        int64_t time_ms = first + (int64_t)snag_seed_below(&seed, (uint64_t)span);
        char text[64];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_time_print(&buf, time_ms);
        int64_t back = 0;
        assert_int_equal(buf.size, 24);
        if (!snag_time_parse_ms(snag_buf_str(&buf), &back) || back != time_ms)
            fail_msg("round %llu: %lld printed %.*s, read back %lld", (unsigned long long)round,
                     (long long)time_ms, (int)buf.size, buf.data, (long long)back);
    }
}

static void sentinels_print_as_numbers(void **state)
{
    (void)state;
    char text[64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_time_print(&buf, INT64_MAX);
    CHECK_BUF(&buf, "9223372036854775807");
    buf = snag_buf_on(text, sizeof text);
    snag_time_print(&buf, INT64_MIN);
    CHECK_BUF(&buf, "-9223372036854775808");
}

/* Text made of the characters times are made of: never a crash, and what is read prints the same
 * instant. */
static void hostile_text(void **state)
{
    (void)state;
    static const char letters[] = "0123456789-:.,TtZz+ 2026e\0hmsd";
    for (uint64_t round = 0; round < 50000; round++) {
        snag_seed seed = snag_seed_from(round);
        char text[40] = "2026-11-20T02:54:41.5+01:00";
        size_t size = 20 + snag_seed_below(&seed, 10);
        for (uint64_t i = snag_seed_below(&seed, 4); i-- > 0;)
            text[snag_seed_below(&seed, size)] = letters[snag_seed_below(&seed, sizeof letters)];
        int64_t time_ms;
        int64_t duration_ms;
        snag_duration_parse(snag_str_of(text, size), &duration_ms);
        if (!snag_time_parse_ms(snag_str_of(text, size), &time_ms))
            continue;
        char printed[64];
        snag_buf buf = snag_buf_on(printed, sizeof printed);
        int64_t back = 0;
        snag_time_print(&buf, time_ms);
        assert_true(snag_time_parse_ms(snag_buf_str(&buf), &back));
        assert_int_equal(back, time_ms);
    }
}

static void epoch_numbers(void **state)
{
    (void)state;
    int64_t time_ms;
    assert_true(snag_time_from_epoch_int(INT64_C(1795139681), &time_ms));
    assert_int_equal(time_ms, INT64_C(1795139681000));
    assert_true(snag_time_from_epoch_int(INT64_C(1795139681123), &time_ms));
    assert_int_equal(time_ms, INT64_C(1795139681123));
    assert_true(snag_time_from_epoch_int(INT64_C(1795139681123456), &time_ms));
    assert_int_equal(time_ms, INT64_C(1795139681123));
    assert_true(snag_time_from_epoch_int(INT64_C(1795139681123456789), &time_ms));
    assert_int_equal(time_ms, INT64_C(1795139681123));
    assert_true(snag_time_from_epoch_int(INT64_C(99999999999), &time_ms));
    assert_int_equal(time_ms, INT64_C(99999999999000));
    assert_true(snag_time_from_epoch_int(INT64_C(100000000000), &time_ms));
    assert_int_equal(time_ms, INT64_C(100000000000));
    assert_false(snag_time_from_epoch_int(-1, &time_ms));
    assert_true(snag_time_from_epoch(1795139681.001, &time_ms));
    assert_int_equal(time_ms, INT64_C(1795139681001));
    assert_true(snag_time_from_epoch(1795139681123.0, &time_ms));
    assert_int_equal(time_ms, INT64_C(1795139681123));
    assert_false(snag_time_from_epoch(-0.5, &time_ms));
    assert_false(snag_time_from_epoch(1e300, &time_ms));
    assert_false(snag_time_from_epoch(strtod("nan", NULL), &time_ms));
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"60s", 60000},       {"1h30m", 5400000}, {"15m", 900000},  {"72h", 259200000},
                {"500ms", 500},       {"1.5h", 5400000},  {"2d", 172800000}, {"0s", 0},
                {"1d2h3m4s5ms", 93784005}, {"0.001s", 1}, {"1.9999s", 2000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        assert_true(snag_duration_parse(snag_str_from(rows[i].text), &ms));
        if (ms != rows[i].ms)
            fail_msg("%s is %lld, want %lld", rows[i].text, (long long)ms, (long long)rows[i].ms);
    }
    static const char *const bad[] = {"", "s", "60", "60 s", "-60s", "60S", "1.s", ".5s", "1h30",
                                      "60 days", "1e3s", "99999999999999s", "99999999999d", "1w"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms;
        if (snag_duration_parse(snag_str_from(bad[i]), &ms))
            fail_msg("\"%s\" must be refused, read as %lld", bad[i], (long long)ms);
    }
}

static void printed_durations_are_read_back(void **state)
{
    (void)state;
    static const int64_t units[] = {1, 1000, 60000, 3600000, 86400000};
    for (uint64_t round = 0; round < 20000; round++) {
        snag_seed seed = snag_seed_from(round);
        int64_t ms = (int64_t)snag_seed_below(&seed, 100000) * units[snag_seed_below(&seed, 5)];
        char text[64];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_duration_print(&buf, ms);
        int64_t back = -1;
        if (!snag_duration_parse(snag_buf_str(&buf), &back) || back != ms)
            fail_msg("round %llu: %lld printed %.*s, read back %lld", (unsigned long long)round,
                     (long long)ms, (int)buf.size, buf.data, (long long)back);
    }
    char text[64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_duration_print(&buf, 90000);
    CHECK_BUF(&buf, "1m30s");
    buf = snag_buf_on(text, sizeof text);
    snag_duration_print(&buf, INT64_C(259200000));
    CHECK_BUF(&buf, "3d");
    buf = snag_buf_on(text, sizeof text);
    snag_duration_print(&buf, -1500);
    CHECK_BUF(&buf, "-1s500ms");
}

/* Of great durations only what a person wants to know. */
static void durations_brief(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "0s"}, {999, "999ms"}, {78999, "1m18s"}, {95279999, "26h27m"}, {172799999, "47h59m"},
                {172800000, "2d"}, {1753200001, "20d7h"}, {63244799999, "731d23h"},
                {63244800000, "2 years"}, {98204130000000, "3112 years"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_duration_brief(&buf, rows[i].ms);
        CHECK_BUF(&buf, rows[i].text);
    }
}

static void civil_days(void **state)
{
    (void)state;
    assert_int_equal(snag_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(snag_days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(snag_days_from_civil(1969, 12, 31), -1);
    for (int64_t days = -1000000; days < 3000000; days += 97) {
        int64_t year;
        int month;
        int day;
        snag_civil_from_days(days, &year, &month, &day);
        assert_int_equal(snag_days_from_civil(year, month, day), days);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(refused_times),
        cmocka_unit_test(nanoseconds),
        cmocka_unit_test(printed_times_are_read_back),
        cmocka_unit_test(sentinels_print_as_numbers),
        cmocka_unit_test(hostile_text),
        cmocka_unit_test(epoch_numbers),
        cmocka_unit_test(durations),
        cmocka_unit_test(printed_durations_are_read_back),
        cmocka_unit_test(durations_brief),
        cmocka_unit_test(civil_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
