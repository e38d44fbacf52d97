/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations by calendars and seasons: what `due:`, `after:`, `sla:` and `during:` take. Private to
 * src/config.
 */
#ifndef SNAG_CONFIG_WAIT_H
#define SNAG_CONFIG_WAIT_H

#include "config/key.h"

enum { SNAG_CALENDARS_MAX = 16, SNAG_SEASONS_MAX = 64 };

/* A duration as in key.h, or one that a calendar counts. */
bool snag_wait_load(snag_loader *loader, const snag_yaml *node, int64_t min_ms, int64_t max_ms,
                    snag_wait *out);
/* "learned …": a deadline that is learned, and what holds as long as it is not. */
bool snag_learned_is(const snag_yaml *node);
bool snag_learned_load(snag_loader *loader, const snag_yaml *node, int64_t min_ms, int64_t max_ms,
                       snag_wait *out);
/* `each:`: day or week, by which calendar; NULL where a finding was added. */
void snag_period_load(snag_loader *loader, const snag_yaml *node, const snag_span **out);
/* Whether two waits are counted in one unit by one calendar, and the first of such is shorter. */
bool snag_waits_alike(const snag_wait *a, const snag_wait *b);
bool snag_wait_less(const snag_wait *a, const snag_wait *b);
/* `during:` of a wait that is given, or of its `count` levels: season to factor, duration, or two of them. */
bool snag_during_load(snag_loader *loader, const snag_yaml *node, snag_wait *waits, uint32_t count);
/* Tells of a duration that has its place elsewhere (two levels, of a calendar …), or that is written in
 * words; false: it is none of these. */
bool snag_duration_elsewhere(snag_loader *loader, const snag_yaml *node);
/* "30 minutes": 30m. */
bool snag_duration_meant(snag_str text, snag_buf *meant);

/* A declared calendar; the season that the node's key names. NULL: a finding was added. */
const snag_calendar_spec *snag_calendar_named(snag_loader *loader, const snag_yaml *node, snag_str name);
const snag_season *snag_season_named(snag_loader *loader, const snag_yaml *node);

#endif
