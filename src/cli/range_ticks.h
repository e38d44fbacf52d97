/* SPDX-License-Identifier: Apache-2.0
 *
 * The ticks that the workers of a pipeline recorded, all of its topic: of each partition those of the state
 * that wrote there last, by source and offset; of each partition of a rekeyed source's topic those of the
 * first hop that did.
 */
#ifndef SNAG_CLI_RANGE_TICKS_H
#define SNAG_CLI_RANGE_TICKS_H

#include "cli/live.h"
#include "kafka/look.h"
#include "runtime/tick.h"

typedef struct snag_range_ticks {
    snag_tick *list; /* by whose, partition, source, offset, time */
    size_t count;
    size_t room;
    bool there; /* the topic */
} snag_range_ticks;

SNAG_MUST_CHECK snag_err snag_range_ticks_read(snag_range_ticks *ticks, const snag_live *live,
                                               uint32_t partitions, snag_kafka_look *look, snag_diag *diag);
void snag_range_ticks_finish(snag_range_ticks *ticks);
/* Those of one source's partition, or of a first hop's, are list[*first] to before list[*end]. */
void snag_range_ticks_find(const snag_range_ticks *ticks, bool hop, uint32_t partition, uint32_t source,
                           size_t *first, size_t *end);

#endif
