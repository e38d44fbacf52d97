/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"

#include "base/assert.h"
#include "base/time.h"

/* --- days and weeks --------------------------------------------------------------------------------- */

enum { MONDAY_SHIFT = 3 }; /* 1970-01-01 was a Thursday, the fourth day of its week */

static int64_t week_of(int64_t day)
{
    int64_t from_monday = day + MONDAY_SHIFT;
    return from_monday / 7 - (from_monday % 7 < 0);
}

static uint32_t weekday_of(int64_t day)
{
    return (uint32_t)(day + MONDAY_SHIFT - week_of(day) * 7);
}

static int64_t day_of(int64_t local_ms)
{
    return local_ms / SNAG_DAY_MS - (local_ms % SNAG_DAY_MS < 0);
}

/* Days off before the day. */
static uint32_t days_off_before(const snag_calendar *calendar, int64_t day)
{
    uint32_t low = 0;
    uint32_t high = calendar->day_off_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (calendar->days_off[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_day_off(const snag_calendar *calendar, int64_t day)
{
    uint32_t i = days_off_before(calendar, day);
    return i < calendar->day_off_count && calendar->days_off[i] == day;
}

/* --- sums over days --------------------------------------------------------------------------------- */

/* As if there were no days off. */
static int64_t weekly_before(const snag_measure *measure, int64_t day)
{
    return week_of(day) * measure->before[7] + measure->before[weekday_of(day)];
}

static int64_t sum_before(const snag_calendar *calendar, const snag_measure *measure, int64_t day)
{
    return weekly_before(measure, day) - measure->lost[days_off_before(calendar, day)];
}

/* The day in which the sum reaches `target`; *rest: how much of that day it takes. */
static int64_t day_that_reaches(const snag_calendar *calendar, const snag_measure *measure, int64_t target,
                                int64_t *rest)
{
    uint32_t low = 0;
    uint32_t high = calendar->day_off_count;
    while (low < high) { /* days off that begin before it is reached push it on */
        uint32_t middle = low + (high - low) / 2;
        if (weekly_before(measure, calendar->days_off[middle]) - measure->lost[middle] < target)
            low = middle + 1;
        else
            high = middle;
    }
    int64_t weekly = target + measure->lost[low] - 1;
    int64_t week = weekly / measure->before[7] - (weekly % measure->before[7] < 0);
    int64_t in_week = weekly - week * measure->before[7] + 1;
    uint32_t weekday = 0;
    while (measure->before[weekday + 1] < in_week)
        weekday++;
    *rest = in_week - measure->before[weekday];
    return week * 7 + weekday - MONDAY_SHIFT;
}

/* --- hours by the clocks ---------------------------------------------------------------------------- */

/* Open time before a local time. */
static int64_t open_before(const snag_calendar *calendar, int64_t local_ms)
{
    int64_t day = day_of(local_ms);
    int64_t clock_ms = local_ms - day * SNAG_DAY_MS;
    int64_t sum_ms = sum_before(calendar, &calendar->hours, day);
    const snag_workday *work = &calendar->week[weekday_of(day)];
    if (is_day_off(calendar, day))
        return sum_ms;
    for (uint32_t i = 0; i < work->count && work->shifts[i].from_ms < clock_ms; i++) {
        int64_t to_ms = work->shifts[i].to_ms < clock_ms ? work->shifts[i].to_ms : clock_ms;
        sum_ms += to_ms - work->shifts[i].from_ms;
    }
    return sum_ms;
}

/* The first local time before which there is so much open time. */
static int64_t local_that_reaches(const snag_calendar *calendar, int64_t open_ms)
{
    int64_t rest_ms;
    int64_t day = day_that_reaches(calendar, &calendar->hours, open_ms, &rest_ms);
    const snag_shift *shift = calendar->week[weekday_of(day)].shifts;
    while (rest_ms > shift->to_ms - shift->from_ms) {
        rest_ms -= shift->to_ms - shift->from_ms;
        shift++;
    }
    return day * SNAG_DAY_MS + shift->from_ms + rest_ms;
}

int64_t snag_calendar_add_hours(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms,
                                int64_t amount_ms)
{
    SNAG_ASSERT(amount_ms > 0 && snag_calendar_has_hours(calendar));
    int64_t at_ms = from_ms;
    int64_t at_s = from_ms / SNAG_SECOND_MS - (from_ms % SNAG_SECOND_MS < 0);
    for (;;) { /* one stretch of equal offset after the other */
        int64_t offset_ms = (int64_t)snag_zone_offset(zone, at_s) * SNAG_SECOND_MS;
        int64_t next_s = snag_zone_next(zone, at_s);
        int64_t open_ms = open_before(calendar, at_ms + offset_ms);
        int64_t there_ms = local_that_reaches(calendar, open_ms + amount_ms) - offset_ms;
        if (next_s == INT64_MAX || there_ms <= next_s * SNAG_SECOND_MS)
            return there_ms;
        at_s = next_s;
        at_ms = next_s * SNAG_SECOND_MS;
        amount_ms -= open_before(calendar, at_ms + offset_ms) - open_ms;
    }
}

int64_t snag_calendar_open(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms,
                           int64_t to_ms)
{
    SNAG_ASSERT(from_ms <= to_ms);
    int64_t sum_ms = 0;
    int64_t at_ms = from_ms;
    int64_t at_s = from_ms / SNAG_SECOND_MS - (from_ms % SNAG_SECOND_MS < 0);
    for (;;) { /* the same stretches */
        int64_t offset_ms = (int64_t)snag_zone_offset(zone, at_s) * SNAG_SECOND_MS;
        int64_t next_s = snag_zone_next(zone, at_s);
        bool last = next_s == INT64_MAX || to_ms <= next_s * SNAG_SECOND_MS;
        int64_t end_ms = last ? to_ms : next_s * SNAG_SECOND_MS;
        sum_ms += open_before(calendar, end_ms + offset_ms) - open_before(calendar, at_ms + offset_ms);
        if (last)
            return sum_ms;
        at_s = next_s;
        at_ms = end_ms;
    }
}

int64_t snag_calendar_opening(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms)
{
    return snag_calendar_add_hours(calendar, zone, from_ms, 1) - 1;
}

int64_t snag_calendar_add_days(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms,
                               int64_t n)
{
    SNAG_ASSERT(n > 0);
    int64_t rest;
    int64_t local_ms = snag_zone_local(zone, snag_calendar_opening(calendar, zone, from_ms));
    int64_t day = day_of(local_ms);
    int64_t first = sum_before(calendar, &calendar->days, day) + 1; /* this day is one, too */
    int64_t there = day_that_reaches(calendar, &calendar->days, first + n, &rest);
    return snag_zone_instant(zone, local_ms + (there - day) * SNAG_DAY_MS);
}

/* --- making one ------------------------------------------------------------------------------------- */

bool snag_calendar_has_hours(const snag_calendar *calendar)
{
    return calendar->hours.before[7] > 0;
}

static void week_fill(snag_calendar *calendar)
{
    for (uint32_t i = 0; i < 7; i++) {
        const snag_workday *work = &calendar->week[i];
        int64_t open_ms = 0;
        for (uint32_t k = 0; k < work->count; k++)
            open_ms += work->shifts[k].to_ms - work->shifts[k].from_ms;
        calendar->hours.before[i + 1] = calendar->hours.before[i] + open_ms;
        calendar->days.before[i + 1] = calendar->days.before[i] + (open_ms > 0);
    }
}

/* Insertion sort: lists of days off come nearly sorted. Doubled days go. */
static uint32_t sort(int64_t *days, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t day = days[i];
        uint32_t at = kept;
        while (at > 0 && days[at - 1] > day)
            at--;
        if (at > 0 && days[at - 1] == day)
            continue;
        memmove(days + at + 1, days + at, (kept - at) * sizeof *days);
        days[at] = day;
        kept++;
    }
    return kept;
}

bool snag_calendar_init(snag_calendar *calendar, snag_arena *arena, int64_t *days_off, uint32_t count)
{
    SNAG_ASSERT(count <= SNAG_DAYS_OFF_MAX);
    week_fill(calendar);
    count = sort(days_off, count);
    int64_t *lost_ms = snag_arena_take(arena, (count + 1) * sizeof *lost_ms);
    int64_t *lost_days = snag_arena_take(arena, (count + 1) * sizeof *lost_days);
    if (!lost_ms || !lost_days)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t weekday = weekday_of(days_off[i]);
        const int64_t *ms = &calendar->hours.before[weekday];
        const int64_t *days = &calendar->days.before[weekday];
        lost_ms[i + 1] = lost_ms[i] + ms[1] - ms[0];
        lost_days[i + 1] = lost_days[i] + days[1] - days[0];
    }
    calendar->days_off = days_off;
    calendar->day_off_count = count;
    calendar->hours.lost = lost_ms;
    calendar->days.lost = lost_days;
    return true;
}
