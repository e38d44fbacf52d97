/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as a person reads them, one line each:
 *
 *     2026-01-05 10:29:59  ALERT     declined   ann  Card declined 3 times in 30m  -> payments
 *     2026-01-05 10:31:00  resolved  declined   ann  until, after 1m1s
 *     2026-01-05 10:31:00  entered   order      ann  7: checkout -> paid
 *
 * Names and texts come from outside: control characters in them never reach the terminal.
 */
#ifndef SNAG_CLI_VIEW_H
#define SNAG_CLI_VIEW_H

#include "cli/feed.h"

typedef struct snag_view {
    bool colour;
    size_t name_width; /* the column of rules' and journeys' names: the longest fits, within reason */
} snag_view;

snag_view snag_view_of(const snag_pipeline *pipeline, bool colour);

/* Each ends with a line end. buf->full where there is no room. */
void snag_view_record(snag_buf *buf, const snag_view *view, const snag_record *record);
void snag_view_dead(snag_buf *buf, const snag_view *view, const snag_dead *dead);
/* "2026-01-05 10:29:59", UTC. */
void snag_view_time(snag_buf *buf, int64_t time_ms);

#endif
