/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the engine's files: the one way in which a rule's step begins, by an event, a timer or a score.
 */
#ifndef SNAG_ENGINE_HOST_H
#define SNAG_ENGINE_HOST_H

#include "engine/state.h"

/* What rules call of the engine; a step's context is the engine. */
extern const snag_rule_host snag_engine_host;

/* Of the item at work in the cell at work. */
static inline snag_rule_step snag_engine_step(snag_engine *engine, const snag_rule *rule)
{
    return (snag_rule_step){.rule = rule,
                            .cell = &engine->cell,
                            .item = &engine->item,
                            .event = engine->work.event,
                            .host = &snag_engine_host,
                            .context = engine,
                            .owner = engine->work.owner,
                            .late = engine->work.late};
}

#endif
