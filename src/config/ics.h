/* SPDX-License-Identifier: Apache-2.0
 *
 * Days off from an iCalendar file (RFC 5545): VEVENTs of whole days.
 *
 *     BEGIN:VEVENT
 *     DTSTART;VALUE=DATE:20261225      one day, or up to DTEND (the first day after) or DURATION (P2D)
 *     RRULE:FREQ=YEARLY                to the year 2100; INTERVAL, COUNT, UNTIL; BYMONTH and BYMONTHDAY of
 *     END:VEVENT                       that very day
 *
 * What says nothing about days is passed over (SUMMARY, UID, X-…), an event that is CANCELLED too. Whatever
 * else could change the days is an error: a holiday that is not understood would be worked through.
 */
#ifndef SNAG_CONFIG_ICS_H
#define SNAG_CONFIG_ICS_H

#include "base/err.h"
#include "base/str.h"

/* Adds each day (since 1970-01-01) to `days`, of which *count are used. SNAG_BAD_SYNTAX: diag has the line
 * and what was not understood; SNAG_FULL: more than `max` days. */
SNAG_MUST_CHECK snag_err snag_ics_read(snag_str text, int64_t *days, uint32_t max, uint32_t *count,
                                       snag_diag *diag);
/* "2026-12-25" as a day since 1970-01-01; with `bare`, "20261225". */
bool snag_date_parse(snag_str text, bool bare, int64_t *day);

#endif
