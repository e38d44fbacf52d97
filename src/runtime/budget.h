/* SPDX-License-Identifier: Apache-2.0
 *
 * How a process divides its `budget:` (memory): five eighths for state, one quarter for what is read ahead,
 * one eighth for transactions (what a bundle holds is held once more by the producer while it is sent). The
 * last two are divided among the workers. And how many timers a turn fires.
 */
#ifndef SNAG_RUNTIME_BUDGET_H
#define SNAG_RUNTIME_BUDGET_H

#include <stddef.h>
#include <stdint.h>

typedef struct snag_shares {
    uint64_t state_bytes;  /* of all partitions of the process */
    size_t prefetch_bytes; /* of one worker's input */
    size_t bundle_bytes;   /* of one worker: a commit comes early at this size */
} snag_shares;

enum {
    SNAG_BUNDLE_MAX = 48 << 20,  /* past it a transaction gets no cheaper */
    SNAG_BUNDLE_MIN = 1 << 20,   /* one record of the largest size must fit */
    SNAG_PREFETCH_MIN = 4 << 20
};

static inline snag_shares snag_shares_of(uint64_t budget_bytes, unsigned workers)
{
    uint64_t each = budget_bytes / (workers ? workers : 1);
    uint64_t bundle = each / 16;
    snag_shares shares = {.state_bytes = budget_bytes / 8 * 5,
                          .prefetch_bytes = (size_t)(each / 4),
                          .bundle_bytes = (size_t)bundle};
    if (shares.prefetch_bytes < SNAG_PREFETCH_MIN)
        shares.prefetch_bytes = SNAG_PREFETCH_MIN;
    if (bundle > SNAG_BUNDLE_MAX)
        shares.bundle_bytes = SNAG_BUNDLE_MAX;
    if (bundle < SNAG_BUNDLE_MIN)
        shares.bundle_bytes = SNAG_BUNDLE_MIN;
    return shares;
}

enum {
    SNAG_TIMERS_FIRST = 8000,
    SNAG_TIMERS_MIN = 1000, /* below it a transaction costs more than what is in it */
    SNAG_TIMERS_MAX = 64000,
    SNAG_TURN_MS = 110 /* an alert of another partition waits for the turn it comes in, and for its own */
};

/* How many timers the next turn fires of a partition, after a turn that fired `timers` and was not done took
 * took_ms (with its transaction) and wrote `bytes`: as many as fit into SNAG_TURN_MS and into half of
 * bundle_bytes, but not more than twice or less than half of before. */
static inline uint32_t snag_timers_next(uint32_t timers, int64_t took_ms, size_t bytes, size_t bundle_bytes)
{
    uint64_t next = took_ms < SNAG_TURN_MS / 2 ? (uint64_t)timers * 2
                                               : (uint64_t)timers * SNAG_TURN_MS / (uint64_t)took_ms;
    uint64_t fitting = bytes ? (uint64_t)timers * (bundle_bytes / 2) / bytes : next;
    next = next < fitting ? next : fitting;
    next = next > timers / 2 ? next : timers / 2;
    next = next < SNAG_TIMERS_MAX ? next : SNAG_TIMERS_MAX;
    return next > SNAG_TIMERS_MIN ? (uint32_t)next : SNAG_TIMERS_MIN;
}

#endif
