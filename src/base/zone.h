/* SPDX-License-Identifier: Apache-2.0
 *
 * A time zone as compiled from a TZif file (RFC 8536, versions 1 to 4): when its offset to UTC changes, and
 * by which rule it goes on after the last change in the table.
 *
 *     at_s        t0      t1      t2            what the file lists
 *     offset_s  o0  |  o1   |  o2   |  o3       one more: before, between, after
 *                                   |...rule    the footer's POSIX TZ string, for ever
 *
 * Names of offsets and whether they are "daylight saving" are nobody's business here. Files that count leap
 * seconds are refused: event times do not.
 *
 * A local time that does not exist (the clock was put forward over it) means the one as much later as the
 * clock was put forward; one that exists twice means the earlier. So java.time, ECMAScript's Temporal
 * ("compatible") and Python (fold=0) have it.
 */
#ifndef SNAG_BASE_ZONE_H
#define SNAG_BASE_ZONE_H

#include "base/arena.h"
#include "base/err.h"

enum {
    SNAG_ZONE_BYTES_MAX = 65536, /* a file; the largest of 2025 has 3.5 KB */
    SNAG_ZONE_CHANGES_MAX = 4096,
    SNAG_ZONE_OFFSET_MAX = 93599 /* seconds, RFC 8536: -24:59:59 to 25:59:59 */
};

typedef enum snag_zone_day {
    SNAG_ZONE_DAY_JULIAN, /* Jn: 1 to 365, the 29th of February is never counted */
    SNAG_ZONE_DAY_ZERO,   /* n: 0 to 365, it is counted */
    SNAG_ZONE_DAY_MONTH   /* Mm.w.d: weekday d (0 = Sunday) of week w (5 = the last) of month m */
} snag_zone_day;

/* One yearly change of the footer. */
typedef struct snag_zone_turn {
    snag_zone_day kind;
    int32_t day; /* n, or the weekday */
    int32_t week;
    int32_t month;
    int32_t time_s; /* local time before the change; may be negative or past 24 h */
} snag_zone_turn;

typedef struct snag_zone {
    snag_str name;
    const int64_t *at_s;     /* seconds since the epoch, rising */
    const int32_t *offset_s; /* count + 1, seconds east of UTC */
    uint32_t count;
    bool ruled; /* the footer's two changes a year go on after the table */
    int32_t standard_s;
    int32_t summer_s;
    snag_zone_turn begin; /* of summer time */
    snag_zone_turn end;
} snag_zone;

/* Compiles a file's bytes into the arena; the name is borrowed. SNAG_BAD_SYNTAX with a sentence: not such a
 * file. SNAG_FULL: the arena is. */
SNAG_MUST_CHECK snag_err snag_zone_parse(snag_zone *out, snag_arena *arena, snag_str name, snag_str bytes,
                                         snag_diag *diag);

/* Seconds east of UTC at an instant. */
int32_t snag_zone_offset(const snag_zone *zone, int64_t utc_s);
/* The first instant after utc_s at which the offset changes; INT64_MAX: it never does again. */
int64_t snag_zone_next(const snag_zone *zone, int64_t utc_s);

/* Zones by name, for those that come with events. Sorted bytewise. */
typedef struct snag_zone_table {
    const snag_zone *zones;
    uint32_t count;
} snag_zone_table;

/* NULL: there is none of this name. */
const snag_zone *snag_zone_find(const snag_zone_table *table, snag_str name);

/* Local time: milliseconds since 1970-01-01 00:00 as the clocks of the zone show them. */
int64_t snag_zone_local(const snag_zone *zone, int64_t time_ms);
/* The instant of a local time, by the rule above. */
int64_t snag_zone_instant(const snag_zone *zone, int64_t local_ms);
/* The same local time, so many days later. */
int64_t snag_zone_add_days(const snag_zone *zone, int64_t time_ms, int64_t days);
/* The same local time on the same day of a later month; the month's last day where it has no such day. */
int64_t snag_zone_add_months(const snag_zone *zone, int64_t time_ms, int64_t months);

#endif
