/* SPDX-License-Identifier: Apache-2.0
 *
 * How long something may take, where plain elapsed time does not say it: days and hours of a calendar, and
 * seasons in which they are other ones.
 *
 *     due: 10 business days of de        amount 10, business days; calendar de
 *     due: 60 days                       the same local time, 60 days later, in the zone of the calendar
 *     due: 48h, during: { peak: 2x }     amount 48h, but 96h where the count begins in the season
 *
 * Everything is worked out when a deadline is armed: calendar, season and zone as they are then. The
 * deadline is stored and never worked out again.
 */
#ifndef SNAG_JOURNEY_SPAN_H
#define SNAG_JOURNEY_SPAN_H

#include "base/calendar.h"
#include "event/event.h"

typedef enum snag_span_unit {
    SNAG_SPAN_ELAPSED,
    SNAG_SPAN_DAYS,           /* calendar days */
    SNAG_SPAN_MONTHS,
    SNAG_SPAN_BUSINESS_HOURS,
    SNAG_SPAN_BUSINESS_DAYS
} snag_span_unit;

/* `calendars:`, one of them. */
typedef struct snag_calendar_spec {
    snag_str name;
    snag_calendar hours;   /* none, where it is only for its zone */
    const snag_zone *zone; /* its own, or what stands in where an event names none that is known */
    int zone_slot;         /* of the name in an event that names the zone; -1 = none does */
    uint32_t zone_tag;     /* of that name, among captured values */
    const snag_zone_table *zones; /* that an event may name */
} snag_calendar_spec;

/* `seasons:`, one of them: [from, to). */
typedef struct snag_season {
    snag_str name;
    int64_t from_ms;
    int64_t to_ms;
} snag_season;

typedef struct snag_amount {
    snag_span_unit unit;
    int64_t amount; /* days, or milliseconds */
    snag_str text;  /* "10 business days" */
} snag_amount;

typedef struct snag_widening {
    const snag_season *season;
    snag_amount amount;
} snag_widening;

typedef struct snag_span {
    snag_amount amount;
    const snag_calendar_spec *calendar; /* NULL: elapsed time */
    const snag_widening *during; /* the first whose season holds the beginning is taken */
    uint32_t during_count;
} snag_span;

/* A duration in the pipeline file: elapsed time, or with a span. */
typedef struct snag_wait {
    int64_t ms;            /* elapsed; of a span about as long; -1 = not given */
    const snag_span *span; /* NULL: elapsed time and nothing else */
    uint32_t learned; /* the share of its own times that it is learned from, in millionths: then the above
                         holds as long as nothing is known; 0 = it is not learned */
} snag_wait;

/* A deadline that was learned: from n that ended. n 0: what stands in the file held. */
typedef struct snag_learned {
    uint32_t n;
    uint32_t millionths; /* the share of them that had ended by then */
} snag_learned;

/* One or two levels of waiting; -1 = not given. */
typedef struct snag_levels {
    int64_t ms;
    int64_t then_ms;       /* [ms, then_ms] */
    const snag_span *span; /* where a calendar or seasons count the first … */
    const snag_span *then_span; /* … and the second */
    uint32_t learned;      /* as in snag_wait; then there is no second */
} snag_levels;

/* How a silence is borne: how long, or by what promise, and what is told on the way. */
typedef struct snag_patience {
    snag_levels after;
    int64_t warn;     /* the share of the time before it is due, in millionths; -1 = no warning */
    int64_t promise;  /* the slot of the time by which it was promised; -1 = after so long */
    int64_t waits_on; /* 0 us, 1 customer; -1 = not said */
} snag_patience;

/* So long and nothing else; -1 = for ever. */
#define SNAG_PATIENCE(after_ms) {{(after_ms), -1, NULL, NULL, 0}, -1, -1, -1}

/* What holds for a count that begins at from_ms. *season: NULL where none holds. */
const snag_amount *snag_span_at(const snag_span *span, int64_t from_ms, const snag_season **season);
/* Whether that is counted by the calendar. */
bool snag_span_by_calendar(const snag_span *span, const snag_amount *amount);
/* The zone that an event's (or a captured) text names; the calendar's own where it names none that is
 * known: then *unknown is set where an event was to name one. */
const snag_zone *snag_span_zone(const snag_calendar_spec *calendar, snag_str named, bool *unknown);
/* The same for the zone that an event names, or none. */
const snag_zone *snag_event_zone(const snag_calendar_spec *calendar, const snag_event *event, bool *unknown);
/* When it is over. zone: from snag_span_zone; not looked at for elapsed time. */
int64_t snag_span_end(const snag_span *span, const snag_zone *zone, int64_t from_ms);
/* The same for a wait and the event that it begins with. *unknown as above. */
int64_t snag_wait_end(int64_t elapsed_ms, const snag_span *span, const snag_event *event, bool *unknown);
/* When the second level of a wait that begins with the event is over, of which the first is over at
 * deadline_ms: not before that. SNAG_TIME_NONE: there is none. */
int64_t snag_levels_end(const snag_levels *levels, const snag_event *event, int64_t deadline_ms);
/* A deadline of a wait that began at began_ms, whose clock stood from from_ms to to_ms: business hours and
 * days move on by the open time that passed meanwhile, all else by all of it. span: NULL = elapsed time. */
int64_t snag_span_stood(const snag_span *span, const snag_zone *zone, int64_t began_ms, int64_t deadline_ms,
                        int64_t from_ms, int64_t to_ms);

#endif
