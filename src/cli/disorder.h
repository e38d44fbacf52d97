/* SPDX-License-Identifier: Apache-2.0
 *
 * Disorder: how far behind the newest event of its partition each event comes, and how long after it happened
 * it reaches the topic. From that `snag check` says what share a bound makes late, and which bounds would do.
 *
 *     behind   newest min(event time, stamp) of the partition so far - event time, or 0: the engine's own
 *              measure, so that an event is late under a bound exactly where behind > bound
 *     delay    stamp - event time: until then silence must not be judged
 *
 *     0 1 2 .. 63 | 64 66 68 .. 126 | 128 132 .. | ..      buckets of a spread: exact under 64 ms,
 *       1 ms each |  32 a power of two                     above so wide as a 32nd of their value
 *
 * Memory is fixed. A quantile is never less than the exact one, and at most a 32nd of it more; shares under
 * a bound are exact. The same events give the same numbers.
 */
#ifndef SNAG_CLI_DISORDER_H
#define SNAG_CLI_DISORDER_H

#include <stdio.h>

#include "cli/command.h"
#include "event/source.h"

enum {
    SNAG_SPREAD_BUCKETS = 1920,
    SNAG_BOUNDS_MAX = 96,          /* the round ones, the file's, and those asked for */
    SNAG_LATE_SHARE = 1000         /* one event in so many may be late */
};

/* A bounded histogram of durations. */
typedef struct snag_spread {
    uint64_t count;
    int64_t max_ms;
    uint64_t buckets[SNAG_SPREAD_BUCKETS];
} snag_spread;

void snag_spread_add(snag_spread *spread, int64_t value_ms);
/* At most so much have `permille` of a thousand; 0 where there are none. */
int64_t snag_spread_quantile(const snag_spread *spread, uint32_t permille);

typedef struct snag_disorder {
    snag_spread behind;
    snag_spread delay;       /* of the events with a stamp */
    uint64_t ahead;          /* of those: stamped before their own time */
    uint64_t slow;           /* of those: later than the file's out_of_order + delay */
    int64_t out_of_order_ms; /* the file's */
    int64_t delay_ms;
    bool clock_log;          /* silence is not judged by the clock */
    uint32_t bound_count;
    int64_t bounds_ms[SNAG_BOUNDS_MAX]; /* rising */
    uint64_t over[SNAG_BOUNDS_MAX + 1]; /* events behind by more than so many of the bounds */
    bool asked[SNAG_BOUNDS_MAX];        /* by whoever gave the bound on the command line */
} snag_disorder;

/* asked: bounds of the command line, at most SNAG_OPTION_LIST_MAX. */
void snag_disorder_init(snag_disorder *disorder, const snag_source_spec *source, const int64_t *asked_ms,
                        size_t asked_count);
/* The next event of a partition, whose newest is kept by the caller (SNAG_TIME_NONE before the first). */
void snag_disorder_event(snag_disorder *disorder, int64_t *newest_ms, const snag_event *event);
/* Events later than the bound, which must be one of bounds_ms; UINT64_MAX: it is not. */
uint64_t snag_disorder_late(const snag_disorder *disorder, int64_t bound_ms);
/* The least round out_of_order that leaves at most one event in SNAG_LATE_SHARE late; and the delay that
 * goes with it, -1 where no event has a stamp. */
int64_t snag_disorder_suggest(const snag_disorder *disorder);
int64_t snag_disorder_suggest_delay(const snag_disorder *disorder);

/* The durations of --out-of-order, as often as it was given. SNAG_USAGE: diag says which is none. */
SNAG_MUST_CHECK snag_err snag_disorder_asked(const snag_option_list *words, int64_t *asked_ms,
                                             snag_diag *diag);
/* For a person; returns the number of findings. */
uint32_t snag_disorder_print(const snag_disorder *disorder, FILE *file, bool colour);

#endif
