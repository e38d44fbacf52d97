/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <inttypes.h>
#include <math.h>

#include "base/assert.h"

/* Howard Hinnant, "chrono-compatible low-level date algorithms" (days_from_civil). */
int64_t snag_days_from_civil(int64_t year, int month, int day)
{
    SNAG_ASSERT(month >= 1 && month <= 12);
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void snag_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t yoe = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

/* `count` digits at *at as a number, moving on; -1 where they are not digits. */
static int digits(snag_str text, size_t *at, size_t count)
{
    int value = 0;
    if (text.size - *at < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        char c = text.data[(*at)++];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    return value;
}

static bool skip(snag_str text, size_t *at, const char *any_of)
{
    if (*at >= text.size)
        return false;
    while (*any_of && *any_of != text.data[*at]) /* one or three: a call would cost more */
        any_of++;
    *at += *any_of != '\0';
    return *any_of != '\0';
}

static int month_days(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool parse_date(snag_str text, size_t *at, int64_t *days)
{
    int year = digits(text, at, 4);
    if (year < 0 || !skip(text, at, "-"))
        return false;
    int month = digits(text, at, 2);
    if (month < 1 || month > 12 || !skip(text, at, "-"))
        return false;
    int day = digits(text, at, 2);
    if (day < 1 || day > month_days(year, month))
        return false;
    *days = snag_days_from_civil(year, month, day);
    return true;
}

/* The part behind the seconds' point: any number of digits, those past the ninth dropped. */
static bool parse_fraction(snag_str text, size_t *at, int32_t *nanos)
{
    int32_t scale = 100000000;
    size_t from = *at;
    *nanos = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        *nanos += (text.data[*at] - '0') * scale;
        scale /= 10;
        (*at)++;
    }
    return *at > from;
}

static bool parse_clock(snag_str text, size_t *at, int64_t *seconds, int32_t *nanos)
{
    int hour = digits(text, at, 2);
    if (hour < 0 || hour > 23 || !skip(text, at, ":"))
        return false;
    int minute = digits(text, at, 2);
    if (minute < 0 || minute > 59 || !skip(text, at, ":"))
        return false;
    int second = digits(text, at, 2);
    if (second < 0 || second > 60)
        return false;
    *nanos = 0;
    if (skip(text, at, ".,") && !parse_fraction(text, at, nanos))
        return false;
    if (second == 60) {
        second = 59;
        *nanos = 999999999;
    }
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

static bool parse_zone(snag_str text, size_t *at, int64_t *offset_s)
{
    if (skip(text, at, "Zz")) {
        *offset_s = 0;
        return true;
    }
    if (*at >= text.size || (text.data[*at] != '+' && text.data[*at] != '-'))
        return false;
    int sign = text.data[(*at)++] == '-' ? -1 : 1;
    int hour = digits(text, at, 2);
    if (hour < 0 || hour > 23)
        return false;
    skip(text, at, ":"); /* +0200 is common in logs, though not RFC 3339 */
    int minute = digits(text, at, 2);
    if (minute < 0 || minute > 59)
        return false;
    *offset_s = sign * (hour * 3600 + minute * 60);
    return true;
}

/* All but the zone. */
static bool parse_local(snag_str text, size_t *at, int64_t *seconds, int32_t *nanos)
{
    int64_t days;
    int64_t clock_s;
    if (!parse_date(text, at, &days) || !skip(text, at, "Tt ") || !parse_clock(text, at, &clock_s, nanos))
        return false;
    *seconds = days * 86400 + clock_s;
    return true;
}

bool snag_time_parse(snag_str text, int64_t *seconds, int32_t *nanos)
{
    size_t at = 0;
    int64_t offset_s;
    if (!parse_local(text, &at, seconds, nanos) || !parse_zone(text, &at, &offset_s))
        return false;
    *seconds -= offset_s;
    return at == text.size;
}

bool snag_time_parse_local(snag_str text, int64_t *seconds, int32_t *nanos)
{
    size_t at = 0;
    return parse_local(text, &at, seconds, nanos) && at == text.size;
}

bool snag_time_parse_ms(snag_str text, int64_t *time_ms)
{
    int64_t seconds;
    int32_t nanos;
    if (!snag_time_parse(text, &seconds, &nanos))
        return false;
    *time_ms = seconds * 1000 + nanos / 1000000;
    return true;
}

bool snag_time_from_epoch_int(int64_t value, int64_t *time_ms)
{
    if (value < 0)
        return false;
    if (value < INT64_C(100000000000))
        *time_ms = value * 1000;
    else if (value < INT64_C(100000000000000))
        *time_ms = value;
    else if (value < INT64_C(100000000000000000))
        *time_ms = value / 1000;
    else
        *time_ms = value / 1000000;
    return true;
}

bool snag_time_from_epoch(double value, int64_t *time_ms)
{
    if (!(value >= 0) || value >= 9.2e18)
        return false;
    if (value < 1e11)
        *time_ms = (int64_t)floor(value * 1000 + 1e-6); /* 1.001 is 1.00099999… in binary */
    else
        return snag_time_from_epoch_int((int64_t)value, time_ms);
    return true;
}

static void put_digits(char *to, int64_t value, int count)
{
    for (int i = count; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
}

void snag_time_print(snag_buf *buf, int64_t time_ms)
{
    char text[] = "0000-00-00T00:00:00.000Z";
    int64_t days = time_ms / SNAG_DAY_MS;
    int64_t rest = time_ms % SNAG_DAY_MS;
    if (rest < 0) {
        rest += SNAG_DAY_MS;
        days--;
    }
    int64_t year;
    int month;
    int day;
    snag_civil_from_days(days, &year, &month, &day);
    if (year < 0 || year > 9999) { /* outside RFC 3339: only our own sentinels get here */
        snag_buf_int(buf, time_ms);
        return;
    }
    put_digits(text, year, 4);
    put_digits(text + 5, month, 2);
    put_digits(text + 8, day, 2);
    put_digits(text + 11, rest / SNAG_HOUR_MS, 2);
    put_digits(text + 14, rest / SNAG_MINUTE_MS % 60, 2);
    put_digits(text + 17, rest / SNAG_SECOND_MS % 60, 2);
    put_digits(text + 20, rest % 1000, 3);
    snag_buf_put(buf, text, sizeof text - 1);
}

/* Units from the largest to the smallest: printing walks down, parsing looks the suffix up. */
static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"d", SNAG_DAY_MS},
             {"h", SNAG_HOUR_MS},
             {"ms", 1},
             {"m", SNAG_MINUTE_MS},
             {"s", SNAG_SECOND_MS}};

static int64_t parse_unit(snag_str text, size_t *at)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        snag_str name = snag_str_from(units[i].name);
        snag_str rest = snag_str_of(text.data + *at, text.size - *at);
        if (snag_str_starts(rest, name)) {
            *at += name.size;
            return units[i].ms;
        }
    }
    return 0;
}

/* One number with its unit, e.g. "1.5h". */
static bool parse_piece(snag_str text, size_t *at, int64_t *total_ms)
{
    int64_t whole = 0;
    int32_t nanos = 0;
    size_t from = *at;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        whole = whole * 10 + (text.data[(*at)++] - '0');
        if (whole > INT64_C(1000000000000))
            return false;
    }
    bool fraction = *at > from && skip(text, at, ".");
    if (*at == from || (fraction && !parse_fraction(text, at, &nanos)))
        return false;
    int64_t unit_ms = parse_unit(text, at);
    if (unit_ms == 0 || whole > INT64_MAX / 4 / unit_ms)
        return false;
    *total_ms += whole * unit_ms + (int64_t)((double)nanos * 1e-9 * (double)unit_ms + 0.5);
    return *total_ms < INT64_MAX / 4;
}

bool snag_duration_parse(snag_str text, int64_t *duration_ms)
{
    size_t at = 0;
    int64_t total_ms = 0;
    while (at < text.size)
        if (!parse_piece(text, &at, &total_ms))
            return false;
    *duration_ms = total_ms;
    return text.size > 0;
}

void snag_duration_print(snag_buf *buf, int64_t duration_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } steps[] = {{"h", SNAG_HOUR_MS}, {"m", SNAG_MINUTE_MS}, {"s", SNAG_SECOND_MS}, {"ms", 1}};
    int64_t rest = duration_ms;
    if (rest < 0) {
        snag_buf_byte(buf, '-');
        rest = -rest;
    }
    if (rest == 0) {
        snag_buf_put(buf, "0s", 2);
        return;
    }
    if (rest % SNAG_DAY_MS == 0) {
        snag_buf_int(buf, rest / SNAG_DAY_MS);
        snag_buf_byte(buf, 'd');
        return;
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (rest < steps[i].ms)
            continue;
        snag_buf_int(buf, rest / steps[i].ms);
        snag_buf_str_put(buf, snag_str_from(steps[i].name));
        rest %= steps[i].ms;
    }
}

void snag_duration_brief(snag_buf *buf, int64_t duration_ms)
{
    int64_t days = duration_ms / SNAG_DAY_MS;
    int64_t least_ms = duration_ms >= SNAG_HOUR_MS ? SNAG_MINUTE_MS : SNAG_SECOND_MS;
    if (days >= 2 * 366) {
        snag_buf_printf(buf, "%" PRId64 " years", (days * 10000 + 1826212) / 3652425);
    } else if (days >= 2) {
        snag_buf_printf(buf, "%" PRId64 "d", days);
        if (duration_ms % SNAG_DAY_MS >= SNAG_HOUR_MS)
            snag_duration_print(buf, duration_ms % SNAG_DAY_MS / SNAG_HOUR_MS * SNAG_HOUR_MS);
    } else {
        snag_duration_print(buf, duration_ms < SNAG_SECOND_MS ? duration_ms
                                                              : duration_ms - duration_ms % least_ms);
    }
}
