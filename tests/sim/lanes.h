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

/* In the pipeline: the first has as many lanes as the world says. */
static inline uint32_t sim_source_of(const sim_world *world, uint32_t stream)
{
    return stream < world->lanes ? 0 : stream + 1 - (world->lanes ? world->lanes : 1);
}

static inline uint32_t sim_stream_of(const sim_world *world, const snag_position *at)
{
    return at->source + (world->lanes == 0 ? 0 : at->source == 0 ? at->partition : world->lanes - 1);
}

static inline const snag_source_spec *sim_spec_of(const sim_world *world, uint32_t stream)
{
    return &world->config.pipeline.sources[sim_source_of(world, stream)];
}

/* NULL: there is none. */
const sim_origin *sim_lane_origin(const sim_world *world, uint32_t lane, int64_t offset);
/* The next tick at or before this offset; *at: a cursor. NULL: there is none. */
const sim_origin_tick *sim_lane_tick(const sim_world *world, uint32_t lane, int64_t *at, int64_t offset);

#endif
