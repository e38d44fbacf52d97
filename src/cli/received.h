/* SPDX-License-Identifier: Apache-2.0
 *
 * When a recorded event was received: a file has no topic's stamps, but many records say it themselves. What
 * is found stands for the stamp that the topic would have given.
 */
#ifndef SNAG_CLI_RECEIVED_H
#define SNAG_CLI_RECEIVED_H

#include "engine/pipeline.h"

typedef struct snag_received snag_received;

/* path: as in `map:`, of all sources; NULL: where the format has a name for it (segment: receivedAt). */
SNAG_MUST_CHECK snag_err snag_received_new(snag_received **out, const snag_pipeline *pipeline,
                                           const char *path, snag_diag *diag);
void snag_received_free(snag_received *received);
/* SNAG_TIME_NONE: the record does not say it, or no time. */
int64_t snag_received_ms(snag_received *received, uint32_t source, snag_str record);

#endif
