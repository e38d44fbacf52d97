/* SPDX-License-Identifier: Apache-2.0
 *
 * Business time: weekly hours with several intervals a day, and days off.
 *
 *     Mon  |####|  |######|      open by the clocks of a zone: [from, to) of local time
 *     Tue  |####|  |######|
 *     …                          a day off has no hours at all
 *
 * Business hours are the time that really passes while the clocks show open hours: where an hour is left out
 * or comes twice inside of them, it counts not at all or twice. Where the count begins outside of the hours,
 * it begins at the next opening. It ends as soon as the amount has passed: Friday 16:00 + 1 h is Friday
 * 17:00.
 *
 * n business days: the same local time on the n-th day with hours after the day it begins on; outside of the
 * hours it begins at the next opening (on that day, at that time).
 *
 * Both are sums over days that need no loop over them: whole weeks are a product, days off are subtracted by
 * binary search, and only changes of the zone's offset in between (two a year) are gone through.
 */
#ifndef SNAG_BASE_CALENDAR_H
#define SNAG_BASE_CALENDAR_H

#include "base/zone.h"

enum { SNAG_SHIFTS_MAX = 8, SNAG_DAYS_OFF_MAX = 4096 };

/* [from, to) in milliseconds since local midnight, 0 to 24 h. */
typedef struct snag_shift {
    int32_t from_ms;
    int32_t to_ms;
} snag_shift;

/* Rising, apart from each other. */
typedef struct snag_workday {
    snag_shift shifts[SNAG_SHIFTS_MAX];
    uint32_t count;
} snag_workday;

/* Something that adds up over days: milliseconds of hours, or days that have any. */
typedef struct snag_measure {
    int64_t before[8];   /* of a week, before its day (Monday first); [7] = of the whole week */
    const int64_t *lost; /* by days off: before the i-th, and [count] = by all */
} snag_measure;

typedef struct snag_calendar {
    snag_workday week[7]; /* Monday first */
    const int64_t *days_off; /* days since 1970-01-01, rising, each once */
    uint32_t day_off_count;
    snag_measure hours;
    snag_measure days;
} snag_calendar;

/* Fills hours and days from the week and the days off (in any order, doubled ones too; sorted in place).
 * False: the arena is full. */
SNAG_MUST_CHECK bool snag_calendar_init(snag_calendar *calendar, snag_arena *arena, int64_t *days_off,
                                        uint32_t count);
/* Whether any day has hours: without them nothing below may be asked. */
bool snag_calendar_has_hours(const snag_calendar *calendar);

/* When `amount_ms` (> 0) of business hours have passed since from_ms. */
int64_t snag_calendar_add_hours(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms,
                                int64_t amount_ms);
/* The business hours that pass from from_ms to to_ms (not before it). */
int64_t snag_calendar_open(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms,
                           int64_t to_ms);
/* n (> 0) business days after from_ms. */
int64_t snag_calendar_add_days(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms,
                               int64_t n);
/* from_ms where it lies in the hours, else the next opening. */
int64_t snag_calendar_opening(const snag_calendar *calendar, const snag_zone *zone, int64_t from_ms);

#endif
