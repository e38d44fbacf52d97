/* SPDX-License-Identifier: Apache-2.0 */
#include "base/zone.h"

#include "base/assert.h"
#include "base/time.h"

/* --- the yearly rule -------------------------------------------------------------------------------- */

enum { DAY_S = 86400 };

static int64_t day_floor(int64_t seconds)
{
    return seconds / DAY_S - (seconds % DAY_S < 0);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The day of a turn in a year, since 1970-01-01. */
static int64_t turn_day(const snag_zone_turn *turn, int64_t year)
{
    int64_t first = snag_days_from_civil(year, 1, 1);
    if (turn->kind == SNAG_ZONE_DAY_ZERO)
        return first + turn->day;
    if (turn->kind == SNAG_ZONE_DAY_JULIAN)
        return first + turn->day - 1 + (turn->day >= 60 && is_leap(year));
    int64_t month = snag_days_from_civil(year, turn->month, 1);
    int64_t behind = turn->month == 12 ? snag_days_from_civil(year + 1, 1, 1)
                                       : snag_days_from_civil(year, turn->month + 1, 1);
    int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    int64_t day = month + (turn->day - weekday + 7) % 7 + 7 * (turn->week - 1);
    return day < behind ? day : day - 7;
}

/* The changes of the years around an instant. */
typedef struct turns {
    int64_t at_s[6];
    int32_t offset_s[6]; /* from then on */
} turns;

static void turns_around(const snag_zone *zone, int64_t utc_s, turns *out)
{
    int64_t year;
    int month;
    int day;
    snag_civil_from_days(day_floor(utc_s + zone->standard_s), &year, &month, &day);
    for (int i = 0; i < 3; i++) {
        int64_t of = year - 1 + i;
        out->at_s[2 * i] = turn_day(&zone->begin, of) * DAY_S + zone->begin.time_s - zone->standard_s;
        out->offset_s[2 * i] = zone->summer_s;
        out->at_s[2 * i + 1] = turn_day(&zone->end, of) * DAY_S + zone->end.time_s - zone->summer_s;
        out->offset_s[2 * i + 1] = zone->standard_s;
    }
}

/* Where summer time ends in the moment in which it begins again (it lasts all year), it does not end. */
static int32_t ruled_offset(const snag_zone *zone, int64_t utc_s)
{
    turns around;
    int64_t newest = INT64_MIN;
    int32_t offset_s = zone->standard_s;
    turns_around(zone, utc_s, &around);
    for (int i = 0; i < 6; i++) {
        bool summer = around.offset_s[i] == zone->summer_s;
        if (around.at_s[i] > utc_s || around.at_s[i] < newest || (around.at_s[i] == newest && !summer))
            continue;
        newest = around.at_s[i];
        offset_s = around.offset_s[i];
    }
    return offset_s;
}

static int64_t ruled_next(const snag_zone *zone, int64_t utc_s)
{
    turns around;
    int64_t next = INT64_MAX;
    turns_around(zone, utc_s, &around);
    for (int i = 0; i < 6; i++) {
        bool twice = false;
        for (int k = 0; k < 6; k++)
            twice = twice || (k != i && around.at_s[k] == around.at_s[i]);
        if (!twice && around.at_s[i] > utc_s && around.at_s[i] < next)
            next = around.at_s[i];
    }
    return next;
}

/* --- the table -------------------------------------------------------------------------------------- */

/* How many changes lie at or before the instant. */
static uint32_t changes_up_to(const snag_zone *zone, int64_t utc_s)
{
    uint32_t low = 0;
    uint32_t high = zone->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= utc_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t snag_zone_offset(const snag_zone *zone, int64_t utc_s)
{
    uint32_t before = changes_up_to(zone, utc_s);
    if (before == zone->count && zone->ruled)
        return ruled_offset(zone, utc_s);
    return zone->offset_s[before];
}

int64_t snag_zone_next(const snag_zone *zone, int64_t utc_s)
{
    uint32_t before = changes_up_to(zone, utc_s);
    if (before < zone->count)
        return zone->at_s[before];
    return zone->ruled ? ruled_next(zone, utc_s) : INT64_MAX;
}

const snag_zone *snag_zone_find(const snag_zone_table *table, snag_str name)
{
    uint32_t low = 0;
    uint32_t high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = snag_str_compare(table->zones[middle].name, name);
        if (order == 0)
            return &table->zones[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* --- local time ------------------------------------------------------------------------------------- */

static int64_t seconds_floor(int64_t ms)
{
    return ms / SNAG_SECOND_MS - (ms % SNAG_SECOND_MS < 0);
}

int64_t snag_zone_local(const snag_zone *zone, int64_t time_ms)
{
    return time_ms + (int64_t)snag_zone_offset(zone, seconds_floor(time_ms)) * SNAG_SECOND_MS;
}

/* Goes through the stretches of equal offset that can hold the local time, from the earliest on. */
int64_t snag_zone_instant(const snag_zone *zone, int64_t local_ms)
{
    int64_t local_s = seconds_floor(local_ms);
    int64_t from_s = INT64_MIN;
    int64_t at_s = local_s - SNAG_ZONE_OFFSET_MAX - 1;
    int32_t offset_s = snag_zone_offset(zone, at_s);
    for (;;) {
        int64_t next_s = snag_zone_next(zone, at_s);
        int64_t instant_s = local_s - offset_s;
        if (instant_s >= from_s && instant_s < next_s)
            break;
        SNAG_ASSERT(next_s != INT64_MAX);
        int32_t after_s = snag_zone_offset(zone, next_s);
        if (instant_s >= next_s && local_s - after_s < next_s)
            break; /* the clock was put forward over it: read by the offset before */
        from_s = next_s;
        at_s = next_s;
        offset_s = after_s;
    }
    return local_ms - (int64_t)offset_s * SNAG_SECOND_MS;
}

int64_t snag_zone_add_days(const snag_zone *zone, int64_t time_ms, int64_t days)
{
    return snag_zone_instant(zone, snag_zone_local(zone, time_ms) + days * SNAG_DAY_MS);
}

int64_t snag_zone_add_months(const snag_zone *zone, int64_t time_ms, int64_t months)
{
    int64_t local_ms = snag_zone_local(zone, time_ms);
    int64_t from = day_floor(seconds_floor(local_ms));
    int64_t year;
    int month;
    int day;
    snag_civil_from_days(from, &year, &month, &day);
    int64_t number = year * 12 + month - 1 + months; /* of the month, since the year 0 */
    int64_t years = number / 12 - (number % 12 < 0);
    int there = (int)(number - years * 12) + 1;
    int64_t first = snag_days_from_civil(years, there, 1);
    int64_t behind = snag_days_from_civil(years + (there == 12), there == 12 ? 1 : there + 1, 1);
    int64_t to = first + day - 1 < behind ? first + day - 1 : behind - 1;
    return snag_zone_instant(zone, local_ms + (to - from) * SNAG_DAY_MS);
}
