/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned deadlines: a time added to a stored block, and a quantile of four generations of 5,000 times each,
 * summed up from their packed blocks as at the first event of an hour.
 */
#include <stdlib.h>

#include "base/sketch.h"
#include "common.h"

enum { TIMES = 5000, GENERATIONS = 4, SPREAD_MS = 3600000 };

typedef struct work {
    uint64_t count;
    uint32_t counts[GENERATIONS][SNAG_SKETCH_BUCKETS];
    char bytes[GENERATIONS][SNAG_SKETCH_BLOCKS][SNAG_SKETCH_BLOCK_BYTES_MAX];
    size_t sizes[GENERATIONS][SNAG_SKETCH_BLOCKS];
    snag_sketch sum;
} work;

/* Times as waits have them: many short ones, a long tail; each in its own bucket but for the crowded ones. */
static void make_blocks(work *todo)
{
    uint64_t luck = 88172645463325252u;
    for (int g = 0; g < GENERATIONS; g++)
        for (int i = 0; i < TIMES; i++) {
            luck ^= luck << 13;
            luck ^= luck >> 7;
            luck ^= luck << 17;
            int64_t share = (int64_t)(luck % 1000000) + 1;
            todo->counts[g][snag_sketch_bucket(SPREAD_MS * INT64_C(1000) / share)]++;
        }
    for (int g = 0; g < GENERATIONS; g++)
        for (uint32_t block = 0; block < SNAG_SKETCH_BLOCKS; block++) {
            snag_buf buf = snag_buf_on(todo->bytes[g][block], SNAG_SKETCH_BLOCK_BYTES_MAX);
            snag_sketch_pack(todo->counts[g] + block * SNAG_SKETCH_BLOCK, &buf);
            todo->sizes[g][block] = buf.size;
        }
}

static uint64_t add_times(void *context, uint64_t *hash)
{
    work *todo = context;
    char packed[SNAG_SKETCH_BLOCK_BYTES_MAX];
    uint32_t counts[SNAG_SKETCH_BLOCK];
    for (uint64_t i = 0; i < todo->count; i++) {
        uint32_t block = 64 + (uint32_t)(i % 64);
        snag_str bytes = snag_str_of(todo->bytes[0][block], todo->sizes[0][block]);
        *hash += snag_sketch_unpack(bytes, counts);
        counts[i % SNAG_SKETCH_BLOCK]++;
        snag_buf buf = snag_buf_on(packed, sizeof packed);
        snag_sketch_pack(counts, &buf);
        *hash += buf.size;
    }
    return todo->count;
}

static void sum_up(work *todo)
{
    snag_sketch_clear(&todo->sum);
    for (int g = 0; g < GENERATIONS; g++)
        for (uint32_t block = 0; block < SNAG_SKETCH_BLOCKS; block++) {
            if (todo->sizes[g][block] == 1)
                continue; /* nothing in it: there is no such cell */
            snag_sketch_read read =
                snag_sketch_read_on(snag_str_of(todo->bytes[g][block], todo->sizes[g][block]));
            while (snag_sketch_next(&read))
                snag_sketch_add(&todo->sum, block * SNAG_SKETCH_BLOCK + (uint32_t)read.place, read.count, 0);
        }
}

static uint64_t ask_quantiles(void *context, uint64_t *hash)
{
    work *todo = context;
    uint64_t many = todo->count / 1000 + 1;
    for (uint64_t i = 0; i < many; i++) {
        sum_up(todo);
        *hash += (uint64_t)snag_sketch_quantile(&todo->sum, 500000 + (uint32_t)(i % 5) * 100000);
    }
    return many;
}

int main(int argc, char **argv)
{
    snag_bench bench;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    work *todo = calloc(1, sizeof *todo);
    if (!todo)
        return 2;
    todo->count = snag_bench_size(&bench, 5000000, 1000);
    make_blocks(todo);
    snag_bench_measure(&bench, &(snag_bench_task){.name = "learn_block_add", .unit = "ns/time", .target = 200,
                                                  .stretch = 100, .run = add_times, .context = todo});
    snag_bench_measure(&bench, &(snag_bench_task){.name = "learn_quantile", .unit = "ns/quantile",
                                                  .target = 100000, .stretch = 30000, .run = ask_quantiles,
                                                  .context = todo});
    free(todo);
    return snag_bench_end(&bench);
}
