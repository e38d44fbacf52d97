/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events sent again may count again: those that their customer did not bring among the last eight that
 * came before (README, "What it promises"). Counted here anew, from the order in which the reference's events
 * apply, and without the engine's own memory: so that one that remembers fewer is found.
 */
#ifndef SNAG_SIM_AGAIN_H
#define SNAG_SIM_AGAIN_H

#include "event/event.h"
#include "world.h"

typedef struct sim_again sim_again;

sim_again *sim_again_new(const sim_world *world);
void sim_again_free(sim_again *again);

/* An event that the engine is given now, by this flow; its source's time was low_ms before. */
void sim_again_take(sim_again *again, const snag_event *event, uint32_t flow, int64_t low_ms);
/* After each call of the engine: what it has applied by now. */
void sim_again_reach(sim_again *again, const snag_engine *engine);
/* Whether an event of this customer came again from further back than is promised. */
bool sim_again_forgotten(const sim_again *again, snag_str customer);
bool sim_reference_forgot(const sim_reference *reference, snag_str customer);

#endif
