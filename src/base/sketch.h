/* SPDX-License-Identifier: Apache-2.0
 *
 * A sketch of durations that learns from what ended and from what has not ended yet.
 *
 *     ms      0 … 1023            1024 … 2047          2048 … 4095        …   2^41
 *     bucket  one each            two ms each, 512     four ms each, 512      512 an octave
 *
 * Counts in buckets and nothing else: adding is the same in whatever order it is done, two sketches are
 * joined by adding them up, and what was added can be taken away. A bucket is narrower than a 512th of its
 * time; all arithmetic is in whole numbers, so every machine comes to the same quantile.
 *
 * Quantiles are Kaplan's and Meier's (1958): who was only seen to wait so long counts among those at risk up
 * to then. Within a bucket ends come before what was only seen so far. The answer is the bucket's last
 * millisecond: at least the asked share of all ends by then.
 */
#ifndef SNAG_BASE_SKETCH_H
#define SNAG_BASE_SKETCH_H

#include "base/pack.h"

enum {
    SNAG_SKETCH_BITS = 9, /* buckets an octave: 2^9 */
    SNAG_SKETCH_OCTAVES = 42 - SNAG_SKETCH_BITS,
    SNAG_SKETCH_BUCKETS = (SNAG_SKETCH_OCTAVES + 1) << SNAG_SKETCH_BITS,
    SNAG_SKETCH_BLOCK = 64, /* buckets that are stored together */
    SNAG_SKETCH_BLOCKS = SNAG_SKETCH_BUCKETS / SNAG_SKETCH_BLOCK,
    SNAG_SKETCH_BLOCK_BYTES_MAX = 1 + SNAG_SKETCH_BLOCK * 6 /* of a packed block */
};

/* What is below 0 counts as 0, what is longer than the last bucket lies in it. */
uint32_t snag_sketch_bucket(int64_t ms);
/* The bucket's last millisecond. */
int64_t snag_sketch_last_ms(uint32_t bucket);

/* The counts of a block, or of any 64 things: | format 1 | place 1, count 1 to 5 | … by rising place */
void snag_sketch_pack(const uint32_t counts[SNAG_SKETCH_BLOCK], snag_buf *buf);
/* Goes through packed bytes, one count a call. Begins with snag_sketch_read; false: the end, or (read.bad)
   the
 * bytes are no block. */
typedef struct snag_sketch_read {
    snag_unpack unpack;
    int place;
    uint32_t count;
} snag_sketch_read;
snag_sketch_read snag_sketch_read_on(snag_str bytes);
bool snag_sketch_next(snag_sketch_read *read);
/* All of them at once. False: the bytes are no block. */
bool snag_sketch_unpack(snag_str bytes, uint32_t counts[SNAG_SKETCH_BLOCK]);

/* Sums of blocks, to be asked for quantiles. Zeroed = empty. */
typedef struct snag_sketch {
    uint64_t ended;   /* how many in all */
    uint64_t waiting; /* seen to wait so long, and no longer */
    uint64_t used[SNAG_SKETCH_BLOCKS]; /* bit = a bucket that holds something */
    uint32_t ends[SNAG_SKETCH_BUCKETS];
    uint32_t waits[SNAG_SKETCH_BUCKETS];
} snag_sketch;

/* Empties it; costs what it holds. */
void snag_sketch_clear(snag_sketch *sketch);
void snag_sketch_add(snag_sketch *sketch, uint32_t bucket, uint32_t ends, uint32_t waits);
/* The time by which this share (in millionths, below a million) has ended; -1 where so many never end, as far
 * as is known. */
int64_t snag_sketch_quantile(const snag_sketch *sketch, uint32_t millionths);

#endif
