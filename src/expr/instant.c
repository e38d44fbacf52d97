/* SPDX-License-Identifier: Apache-2.0
 *
 * Times and durations in nanoseconds, and what may be asked of them.
 *
 * A time lies between the years 1 and 9999; a duration holds int64 nanoseconds (about 292 years), as
 * in CEL. nanos has the sign of a duration and is 0..999,999,999 for a time.
 */
#include "base/time.h"
#include "expr/builtin.h"

enum { NANOS = 1000000000 };

static const struct {
    const char *name;
    int64_t nanos;
} units[] = {{"ns", 1},
             {"us", 1000},
             {"\xc2\xb5s", 1000},
             {"\xce\xbcs", 1000},
             {"ms", 1000000},
             {"s", NANOS},
             {"m", INT64_C(60) * NANOS},
             {"h", INT64_C(3600) * NANOS},
             {"d", INT64_C(86400) * NANOS}};

static bool in_range(snag_kind kind, int64_t seconds, int64_t nanos)
{
    if (kind == SNAG_KIND_TIME)
        return seconds >= SNAG_INSTANT_SECONDS_MIN && seconds <= SNAG_INSTANT_SECONDS_MAX;
    int64_t total;
    return !__builtin_mul_overflow(seconds, (int64_t)NANOS, &total) &&
           !__builtin_add_overflow(total, nanos, &total);
}

snag_value snag_instant_make(snag_kind kind, int64_t seconds, int64_t nanos, const char *sign)
{
    snag_value value = {.kind = kind};
    int64_t carry = nanos / NANOS;
    nanos %= NANOS;
    if (__builtin_add_overflow(seconds, carry, &seconds))
        return snag_fault_value(SNAG_FAULT_OVERFLOW, sign, kind, kind);
    bool borrow = nanos < 0 && (kind == SNAG_KIND_TIME || seconds > 0);
    bool lend = kind == SNAG_KIND_DURATION && nanos > 0 && seconds < 0;
    seconds += lend - borrow;
    nanos += borrow ? NANOS : lend ? -NANOS : 0;
    if (!in_range(kind, seconds, nanos))
        return snag_fault_value(SNAG_FAULT_OVERFLOW, sign, kind, kind);
    value.as.time.seconds = seconds;
    value.as.time.nanos = (int32_t)nanos;
    return value;
}

/* Digits as a whole number; *digits of them are taken (19 at most: more do not fit anyway). */
static uint64_t take_digits(snag_str text, size_t *at, size_t *digits)
{
    uint64_t number = 0;
    *digits = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        if (*digits < 19)
            number = number * 10 + (uint64_t)(text.data[*at] - '0');
        (*at)++;
        (*digits)++;
    }
    return number;
}

static int64_t take_unit(snag_str text, size_t *at)
{
    size_t best = 0;
    int64_t nanos = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        snag_str name = snag_str_from(units[i].name);
        snag_str rest = snag_str_of(text.data + *at, text.size - *at);
        if (name.size > best && snag_str_starts(rest, name)) {
            best = name.size;
            nanos = units[i].nanos;
        }
    }
    *at += best;
    return nanos;
}

/* "1.5h": adds its nanoseconds to *total, as a negative number so that the smallest fits. */
static bool take_piece(snag_str text, size_t *at, int64_t *total)
{
    size_t digits;
    size_t behind = 0;
    uint64_t whole = take_digits(text, at, &digits);
    if (digits > 19)
        return false;
    if (*at < text.size && text.data[*at] == '.') {
        (*at)++;
        take_digits(text, at, &behind);
    }
    snag_str fraction = snag_str_of(text.data + *at - behind, behind);
    if (digits + behind == 0)
        return false;
    int64_t unit = take_unit(text, at);
    int64_t piece;
    if (unit == 0 || whole > INT64_MAX || __builtin_mul_overflow((int64_t)whole, unit, &piece) ||
        __builtin_sub_overflow(*total, piece, total))
        return false;
    int64_t scale = unit;
    for (size_t i = 0; i < fraction.size && scale > 0; i++) {
        int64_t digit = fraction.data[i] - '0';
        scale /= 10;
        if (__builtin_sub_overflow(*total, digit * scale, total))
            return false;
    }
    return true;
}

bool snag_span_parse(snag_str text, snag_value *value)
{
    bool minus = text.size > 0 && text.data[0] == '-';
    size_t at = minus || (text.size > 0 && text.data[0] == '+');
    int64_t total = 0; /* negated */
    bool zero = text.size - at == 1 && text.data[at] == '0';
    if (at == text.size)
        return false;
    while (!zero && at < text.size)
        if (!take_piece(text, &at, &total))
            return false;
    if (!minus && total == INT64_MIN)
        return false;
    total = minus ? total : -total;
    *value = (snag_value){.kind = SNAG_KIND_DURATION};
    value->as.time.seconds = total / NANOS;
    value->as.time.nanos = (int32_t)(total % NANOS);
    return true;
}

/* ".5", ".000000001"; nothing for 0. */
static void print_fraction(snag_buf *buf, int32_t nanos)
{
    char digits[10] = ".";
    size_t size = 1;
    for (int32_t scale = NANOS / 10; nanos > 0; scale /= 10) {
        digits[size++] = (char)('0' + nanos / scale);
        nanos %= scale;
    }
    if (size > 1)
        snag_buf_put(buf, digits, size);
}

void snag_span_print(snag_buf *buf, const snag_value *value)
{
    int64_t seconds = value->as.time.seconds;
    int32_t nanos = value->as.time.nanos;
    if (seconds < 0 || nanos < 0)
        snag_buf_byte(buf, '-');
    snag_buf_int(buf, seconds < 0 ? -seconds : seconds);
    print_fraction(buf, nanos < 0 ? -nanos : nanos);
    snag_buf_byte(buf, 's');
}

void snag_instant_print(snag_buf *buf, const snag_value *value)
{
    char bytes[32];
    snag_buf text = snag_buf_on(bytes, sizeof bytes);
    snag_time_print(&text, value->as.time.seconds * SNAG_SECOND_MS);
    snag_buf_put(buf, bytes, sizeof "2026-11-20T02:54:41" - 1);
    print_fraction(buf, value->as.time.nanos);
    snag_buf_byte(buf, 'Z');
}

snag_value snag_call_duration(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    snag_value value;
    if (args->kind == SNAG_KIND_DURATION)
        return *args;
    if (!snag_span_parse(args->as.text, &value))
        return snag_fault_text(eval, SNAG_FAULT_TEXT, args->as.text, SNAG_KIND_DURATION);
    return value;
}

snag_value snag_call_timestamp(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    int64_t seconds;
    int32_t nanos = 0;
    if (args->kind == SNAG_KIND_TIME)
        return *args;
    if (args->kind == SNAG_KIND_INT)
        seconds = args->as.integer;
    else if (!snag_time_parse(args->as.text, &seconds, &nanos))
        return snag_fault_text(eval, SNAG_FAULT_TEXT, args->as.text, SNAG_KIND_TIME);
    if (args->kind == SNAG_KIND_TEXT && !in_range(SNAG_KIND_TIME, seconds, nanos))
        return snag_fault_text(eval, SNAG_FAULT_TEXT, args->as.text, SNAG_KIND_TIME);
    return snag_instant_make(SNAG_KIND_TIME, seconds, nanos, "timestamp()");
}

typedef enum part {
#define X(name, part, help) PART_##part,
    SNAG_ACCESSOR_TABLE(X)
#undef X
} part;

/* "UTC", "+02:00", "-05:30", "02:00". */
static bool read_offset(snag_str zone, int64_t *offset_s)
{
    *offset_s = 0;
    if (snag_str_equal(zone, SNAG_STR("UTC")) || snag_str_equal(zone, SNAG_STR("Z")))
        return true;
    bool minus = zone.size > 0 && zone.data[0] == '-';
    size_t at = minus || (zone.size > 0 && zone.data[0] == '+');
    if (zone.size - at != 5 || zone.data[at + 2] != ':')
        return false;
    size_t hour_digits;
    size_t minute_digits;
    uint64_t hours = take_digits(snag_str_of(zone.data, at + 2), &at, &hour_digits);
    at++;
    uint64_t minutes = take_digits(zone, &at, &minute_digits);
    if (hour_digits != 2 || minute_digits != 2 || hours > 23 || minutes > 59)
        return false;
    *offset_s = (int64_t)(hours * 3600 + minutes * 60) * (minus ? -1 : 1);
    return true;
}

bool snag_zone_is_offset(snag_str zone)
{
    int64_t offset_s;
    return read_offset(zone, &offset_s);
}

/* The offset of a zone by its name at an instant; false: it is not known. */
static bool named_offset(const snag_expr *expr, snag_str name, int64_t seconds, int64_t *offset_s)
{
    const snag_zone *zone = NULL;
    for (uint32_t i = 0; i < expr->zone_count && !zone; i++)
        if (snag_str_equal(expr->zones[i]->name, name))
            zone = expr->zones[i];
    if (!zone && expr->all_zones)
        zone = snag_zone_find(expr->all_zones, name);
    if (zone)
        *offset_s = snag_zone_offset(zone, seconds);
    return zone != NULL;
}

static int64_t part_of_time(int64_t seconds, int32_t nanos, part asked)
{
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t rest = seconds - days * 86400;
    int64_t year;
    int month;
    int day;
    snag_civil_from_days(days, &year, &month, &day);
    switch (asked) {
    case PART_YEAR: return year;
    case PART_MONTH: return month - 1;
    case PART_DATE: return day;
    case PART_MONTH_DAY: return day - 1;
    case PART_WEEK_DAY: return ((days + 4) % 7 + 7) % 7; /* day 0 was a Thursday */
    case PART_YEAR_DAY: return days - snag_days_from_civil(year, 1, 1);
    case PART_HOURS: return rest / 3600;
    case PART_MINUTES: return rest / 60 % 60;
    case PART_SECONDS: return rest % 60;
    default: return nanos / 1000000;
    }
}

static int64_t part_of_duration(const snag_value *value, part asked)
{
    switch (asked) {
    case PART_HOURS: return value->as.time.seconds / 3600;
    case PART_MINUTES: return value->as.time.seconds / 60;
    case PART_SECONDS: return value->as.time.seconds;
    default: return value->as.time.nanos / 1000000;
    }
}

static snag_value ask(snag_evaluation *eval, const snag_value *args, uint32_t count, part asked)
{
    int64_t offset_s = 0;
    if (args->kind == SNAG_KIND_DURATION)
        return count > 1 ? snag_fault_value(SNAG_FAULT_ARGUMENT, "a duration's part", SNAG_KIND_TEXT,
                                            SNAG_KIND_ABSENT)
                         : snag_value_int(part_of_duration(args, asked));
    if (count > 1 && !read_offset(args[1].as.text, &offset_s) &&
        !named_offset(eval->expr, args[1].as.text, args->as.time.seconds, &offset_s))
        return snag_fault_text(eval, SNAG_FAULT_ZONE, args[1].as.text, SNAG_KIND_TEXT);
    return snag_value_int(part_of_time(args->as.time.seconds + offset_s, args->as.time.nanos, asked));
}

#define X(name, part, help)                                                                        \
    snag_value snag_call_##name(snag_evaluation *eval, const snag_value *args, uint32_t count)     \
    {                                                                                              \
        return ask(eval, args, count, PART_##part);                                                \
    }
SNAG_ACCESSOR_TABLE(X)
#undef X
