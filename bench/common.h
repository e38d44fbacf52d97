/* SPDX-License-Identifier: Apache-2.0
 *
 * What every benchmark shares: sizes, clocks, repeated runs, JSON out.
 *
 *     int main(int argc, char **argv)
 *     {
 *         snag_bench bench;
 *         if (!snag_bench_begin(&bench, argc, argv))
 *             return 2;
 *         struct work work = {.count = snag_bench_size(&bench, 1000000, 1000)};
 *         snag_bench_measure(&bench, &(snag_bench_task){.name = "json_decode", .unit = "ns/event",
 *                            .target = 200, .stretch = 120, .run = decode_all, .context = &work});
 *         return snag_bench_end(&bench);
 *     }
 *
 * A task is run several times; its value is the median, in CPU time of the process (cores are shared with
 * others; wall time stands beside it). Each run returns a hash of what it computed: the runs must agree, so
 * that nothing is optimised away and a wrong answer is not fast. One JSON object a row goes to stdout (or
 * --out FILE), one line for people to stderr.
 *
 * Options: --tiny (small sizes, one run: ctest), --runs N, --only NAME (of one figure), --out FILE.
 */
#ifndef SNAG_BENCH_COMMON_H
#define SNAG_BENCH_COMMON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct snag_bench {
    FILE *out;
    bool tiny;
    int runs;
    const char *only; /* the one figure that is wanted; NULL = all */
    bool failed; /* runs of one task gave different results */
    char machine[128];
    long cores;
} snag_bench;

typedef struct snag_bench_task {
    const char *name;
    const char *unit; /* "ns/…" = nanoseconds an operation; anything else = operations a second */
    double target;    /* 0 = none */
    double stretch;
    /* Does the work once and returns how many operations it did; hash = what came out of it. */
    uint64_t (*run)(void *context, uint64_t *hash);
    /* Puts things back before each run, outside the time; NULL = nothing to do. */
    void (*prepare)(void *context);
    void *context;
} snag_bench_task;

/* False: wrong usage, told on stderr. */
bool snag_bench_begin(snag_bench *bench, int argc, char **argv);
/* The size of a workload: `full`, or `tiny` under --tiny. */
uint64_t snag_bench_size(const snag_bench *bench, uint64_t full, uint64_t tiny);
/* Whether a figure is wanted (--only). */
bool snag_bench_wants(const snag_bench *bench, const char *name);
/* Runs a task and reports it; returns the reported value (0 where it is not wanted). */
double snag_bench_measure(snag_bench *bench, const snag_bench_task *task);
/* Reports a value measured some other way, e.g. bytes. */
void snag_bench_report(snag_bench *bench, const char *name, const char *unit, double value, double target,
                       double stretch, uint64_t hash);
/* The exit code. */
int snag_bench_end(snag_bench *bench);

/* Nanoseconds of a monotonic clock; of the process's CPU time. */
uint64_t snag_bench_wall_ns(void);
uint64_t snag_bench_cpu_ns(void);

#endif
