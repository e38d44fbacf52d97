/* SPDX-License-Identifier: Apache-2.0
 *
 * Times and durations as text. A time is int64 milliseconds since the epoch, floored; a duration is
 * int64 milliseconds. Nothing here reads a clock or the process's zone.
 */
#ifndef SNAG_BASE_TIME_H
#define SNAG_BASE_TIME_H

#include "base/buf.h"

enum {
    SNAG_SECOND_MS = 1000,
    SNAG_MINUTE_MS = 60 * SNAG_SECOND_MS,
    SNAG_HOUR_MS = 60 * SNAG_MINUTE_MS,
    SNAG_DAY_MS = 24 * SNAG_HOUR_MS
};

/* RFC 3339, e.g. 2026-11-20T02:54:41.5+01:00; also "t"/"z", a blank for the T, a leap second (:60
 * counts as :59.999). seconds and nanoseconds (0..999,999,999) since the epoch. False: not such a
 * text, or it has no zone. */
bool snag_time_parse(snag_str text, int64_t *seconds, int32_t *nanos);
/* The same without a zone, as clocks show it somewhere: seconds since the epoch if they were UTC. */
bool snag_time_parse_local(snag_str text, int64_t *seconds, int32_t *nanos);
/* snag_time_parse in milliseconds, floored. */
bool snag_time_parse_ms(snag_str text, int64_t *time_ms);
/* An epoch number told apart by size: < 1e11 s, < 1e14 ms, < 1e17 us, else ns (records.md). */
bool snag_time_from_epoch(double value, int64_t *time_ms);
bool snag_time_from_epoch_int(int64_t value, int64_t *time_ms);
/* 2026-11-20T02:54:41.000Z, always with milliseconds. */
void snag_time_print(snag_buf *buf, int64_t time_ms);

/* "60s", "1h30m", "15m", "72h", "500ms", "1.5h", "2d" (elapsed days of 24 hours). */
bool snag_duration_parse(snag_str text, int64_t *duration_ms);
/* The shortest such text: 90000 -> "1m30s"; days only where they come out even. */
void snag_duration_print(snag_buf *buf, int64_t duration_ms);
/* As long as a person wants it: 1m18s, 26h27m, 20d7h, 3112 years. */
void snag_duration_brief(snag_buf *buf, int64_t duration_ms);

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar, and back. */
int64_t snag_days_from_civil(int64_t year, int month, int day);
void snag_civil_from_days(int64_t days, int64_t *year, int *month, int *day);

#endif
