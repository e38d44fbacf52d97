/* SPDX-License-Identifier: Apache-2.0
 *
 * Device clocks of a sample (`snag check --sample`): how many are off, which way, and how far.
 */
#ifndef SNAG_CLI_CLOCKS_H
#define SNAG_CLI_CLOCKS_H

#include "cli/sample.h"

enum { SNAG_CLOCKS_STEPS = 6 };

/* Clocks that are off one way: how many, by their distance. */
typedef struct snag_clocks_side {
    uint64_t count;
    uint64_t steps[SNAG_CLOCKS_STEPS];
    int64_t most_ms;
    char who[160]; /* the one that is most off, and its customer */
} snag_clocks_side;

typedef struct snag_clocks {
    uint64_t devices;
    snag_clocks_side ahead;
    snag_clocks_side behind;
} snag_clocks;

/* What all engines of the feed know of this source's devices by now. */
void snag_clocks_count(snag_clocks *clocks, const snag_feed *feed, uint32_t source);
/* The report on all sources with `device:`; returns the number of findings. */
uint32_t snag_clocks_print(const snag_sample *sample, const snag_feed *feed, FILE *file, bool colour);

#endif
