/* SPDX-License-Identifier: Apache-2.0
 *
 * What is left of a rekeyed topic for a replay, when its lanes are deleted: its records, and the ticks that
 * the first hop recorded.
 */
#ifndef SIM_LANES_H
#define SIM_LANES_H

#include "runtime/tick.h"
#include "world.h"

enum { SIM_RECORDS_MOST = 260 };

typedef struct sim_origin {
    snag_str key, value;
    int64_t stamp_ms;
} sim_origin;

typedef struct sim_origin_tick {
    uint32_t lane;
    int64_t offset, low_ms;
    snag_tick_kind kind;
    int64_t last_ms, back_ms; /* as in a mark (runtime/lane.h) */
} sim_origin_tick;

/* NULL: there is none. */
const sim_origin *sim_lane_origin(const sim_world *world, uint32_t lane, int64_t offset);
/* The next tick at or before this offset; *at: a cursor. NULL: there is none. */
const sim_origin_tick *sim_lane_tick(const sim_world *world, uint32_t lane, int64_t *at, int64_t offset);

#endif
