/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the engine's files: the ring against duplicates in a customer's own packed cell.
 */
#ifndef SNAG_ENGINE_RING_H
#define SNAG_ENGINE_RING_H

#include "engine/state.h"

/* Whether an id is in the ring of a packed cell. */
bool snag_ring_knows(snag_str bytes, uint64_t id_hash);
/* Adds the id of the event at work to the ring of the customer's node, and moves its judged time. */
void snag_ring_touch(snag_engine *engine, uint32_t index);

#endif
