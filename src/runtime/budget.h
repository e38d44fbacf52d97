/* SPDX-License-Identifier: Apache-2.0
 *
 * How a process divides its `budget:` (memory): five eighths for state, one quarter for what is read ahead,
 * one eighth for transactions (what a bundle holds is held once more by the producer while it is sent). The
 * last two are divided among the workers.
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

#endif
