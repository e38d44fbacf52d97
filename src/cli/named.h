/* SPDX-License-Identifier: Apache-2.0
 *
 * Which event names a pipeline asks for: an event that none of its words names is perhaps a slip of the pen.
 */
#ifndef SNAG_CLI_NAMED_H
#define SNAG_CLI_NAMED_H

#include "engine/pipeline.h"

/* Whether a rule, stage, survey or fact names this event, with a * or without. */
bool snag_is_named(const snag_pipeline *pipeline, snag_str type);
/* The same of an event with all that it bears: what any event may bring counts too (facts, promises). */
bool snag_is_taken(const snag_pipeline *pipeline, const snag_event *event);

#endif
