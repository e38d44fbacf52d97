/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of state.h: what the engine tells scores.
 */
#ifndef SNAG_ENGINE_SCORES_H
#define SNAG_ENGINE_SCORES_H

#include "engine/engine.h"
#include "rules/step.h"

/* An episode began (back: SNAG_REASON_NONE), or was none: scores hear of it when the step's cells are
 * stored. */
void snag_scores_note(snag_engine *engine, const snag_signal_spec *spec, const snag_item *item,
                      snag_reason back);
/* Feeds what began in this step; own: the customer's own cell. */
void snag_scores_feed(snag_engine *engine, uint32_t own);

#endif
