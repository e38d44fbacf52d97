/* SPDX-License-Identifier: Apache-2.0
 *
 * Pace: shows recorded time N times as fast as it happened. Time goes by the events; a pause of more than two
 * seconds on the clock is cut to two.
 */
#ifndef SNAG_CLI_PACE_H
#define SNAG_CLI_PACE_H

#include "base/err.h"
#include "ports/clock.h"

typedef struct snag_pace {
    const snag_clock *clock; /* monotonic_ms and sleep_ms are used */
    int64_t speed;           /* 0 = as fast as it can be read */
    int64_t wall_ms;         /* the clock … */
    int64_t time_ms;         /* … that stands for this event time; SNAG_TIME_NONE = nothing came yet */
} snag_pace;

/* "60" or "60x"; NULL = no pace. False: it is no such speed. */
bool snag_pace_init(snag_pace *pace, const char *speed, const snag_clock *clock);
/* Waits until the time of the newest event so far has come (SNAG_TIME_NONE: there was none). */
void snag_pace_wait(snag_pace *pace, int64_t newest_ms);

#endif
