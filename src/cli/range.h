/* SPDX-License-Identifier: Apache-2.0
 *
 * A range of the pipeline's topics, read for a replay as the workers read it: each partition by itself, of
 * its sources the one whose turn it is, read_committed, with the ticks that the workers recorded
 * (runtime/tick.h) at their places. It joins no group and commits nothing.
 *
 *     web/0       from |1 2 3 4 5 6| to        turns: web 1, payments 7, web 2 …
 *     payments/0  from |  7 8 9    | to        a tick recorded at payments 8 moves payments' time before 8
 *     at the end  the clock proves what it would have proved to a worker at the time `to`
 *
 * A rekeyed source is read from its own topic, for what carried it to the customers' partitions is deleted
 * once it was read: both hops in one. Each partition of the topic is read once, for all partitions of the
 * state, in their common order of time; so it is never far ahead of any of them, and nothing piles up.
 */
#ifndef SNAG_CLI_RANGE_H
#define SNAG_CLI_RANGE_H

#include <stdio.h>

#include "cli/feed.h"
#include "cli/live.h"

typedef struct snag_range_options {
    const char *from; /* earliest, an RFC 3339 time, or an offset of every partition; NULL = earliest */
    const char *to;   /* latest, …; NULL = latest. What lies there does not belong to the range any more */
    int64_t now_ms;   /* the clock, read before anything is asked */
    size_t step;      /* records taken at once, 1 to SNAG_READER_BATCH */
} snag_range_options;

typedef struct snag_range snag_range;

/* live is connected (snag_live_kafka), and borrowed. SNAG_USAGE: from and to make no range; else as the
 * outside is. Free with snag_range_free (takes NULL). */
SNAG_MUST_CHECK snag_err snag_range_new(snag_range **out, snag_live *live, const snag_config *config,
                                        const snag_range_options *options, snag_diag *diag);
void snag_range_free(snag_range *range);

/* What the feed must know of it. */
void snag_range_feed_options(const snag_range *range, snag_feed_options *options);
/* The next records, of the partition that has come least far. SNAG_END: nothing is left. */
SNAG_MUST_CHECK snag_err snag_range_step(snag_range *range, snag_feed *feed, snag_diag *diag);
/* Offsets gone through, and in all. */
uint64_t snag_range_done(const snag_range *range);
uint64_t snag_range_total(const snag_range *range);
/* What was read, and what a reader of the result must know. */
void snag_range_print(const snag_range *range, const snag_feed *feed, FILE *file);

#endif
