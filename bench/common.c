/* SPDX-License-Identifier: Apache-2.0 */
#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum { RUNS_MAX = 101 };

typedef struct figures {
    double value;
    double best;
    double worst;
    double wall;
    int runs;
    uint64_t hash;
} figures;

static uint64_t clock_ns(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t snag_bench_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t snag_bench_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* "model name : …" of /proc/cpuinfo, or "unknown". */
static void machine_name(char *name, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file)
        fclose(file);
}

static bool take_option(snag_bench *bench, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    if (strcmp(word, "--tiny") == 0) {
        bench->tiny = true;
        return true;
    }
    if (*at + 1 >= argc)
        return false;
    const char *value = argv[++*at];
    if (strcmp(word, "--runs") == 0) {
        long runs = strtol(value, NULL, 10);
        bench->runs = (int)runs;
        return runs > 0 && runs <= RUNS_MAX;
    }
    if (strcmp(word, "--only") == 0) {
        bench->only = value;
        return true;
    }
    if (strcmp(word, "--out") == 0 && bench->out == stdout) {
        bench->out = fopen(value, "a");
        return bench->out != NULL;
    }
    return false;
}

bool snag_bench_begin(snag_bench *bench, int argc, char **argv)
{
    *bench = (snag_bench){.out = stdout, .runs = 0, .cores = sysconf(_SC_NPROCESSORS_ONLN)};
    machine_name(bench->machine, sizeof bench->machine);
    for (int at = 1; at < argc; at++) {
        if (!take_option(bench, argc, argv, &at)) {
            fprintf(stderr, "usage: %s [--tiny] [--runs N] [--only NAME] [--out FILE]\n", argv[0]);
            return false;
        }
    }
    if (bench->runs == 0)
        bench->runs = bench->tiny ? 2 : 5;
    return true;
}

uint64_t snag_bench_size(const snag_bench *bench, uint64_t full, uint64_t tiny)
{
    return bench->tiny ? tiny : full;
}

bool snag_bench_wants(const snag_bench *bench, const char *name)
{
    return !bench->only || strcmp(bench->only, name) == 0;
}

static void put_text(snag_buf *buf, const char *name, const char *value)
{
    snag_buf_printf(buf, "\"%s\":", name);
    snag_buf_json(buf, snag_str_from(value));
    snag_buf_byte(buf, ',');
}

static void put_number(snag_buf *buf, const char *name, double value)
{
    snag_buf_printf(buf, "\"%s\":%.6g,", name, value);
}

static void report(snag_bench *bench, const snag_bench_task *task, const figures *got)
{
    char memory[1024];
    snag_buf buf = snag_buf_on(memory, sizeof memory);
    snag_buf_byte(&buf, '{');
    put_text(&buf, "name", task->name);
    put_number(&buf, "value", got->value);
    put_text(&buf, "unit", task->unit);
    put_number(&buf, "target", task->target);
    put_number(&buf, "stretch", task->stretch);
    put_number(&buf, "best", got->best);
    put_number(&buf, "worst", got->worst);
    put_number(&buf, "wall", got->wall);
    put_number(&buf, "runs", got->runs);
    put_text(&buf, "machine", bench->machine);
    put_number(&buf, "cores", (double)bench->cores);
    put_text(&buf, "compiler", SNAG_BENCH_COMPILER);
    put_text(&buf, "version", SNAG_VERSION);
    snag_buf_printf(&buf, "\"tiny\":%s,\"hash\":\"%016llx\"}\n", bench->tiny ? "true" : "false",
                    (unsigned long long)got->hash);
    if (buf.full)
        bench->failed = true;
    fwrite(buf.data, 1, buf.size, bench->out);
    fflush(bench->out);
    fprintf(stderr, "%-28s %12.6g %-10s (target %g, stretch %g)\n", task->name, got->value, task->unit,
            task->target, task->stretch);
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double rate(const char *unit, uint64_t ns, uint64_t operations)
{
    double spent = ns ? (double)ns : 1;
    double done = operations ? (double)operations : 1;
    return strncmp(unit, "ns/", 3) == 0 ? spent / done : done * 1e9 / spent;
}

double snag_bench_measure(snag_bench *bench, const snag_bench_task *task)
{
    double cpu[RUNS_MAX];
    double wall[RUNS_MAX];
    figures got = {.runs = bench->runs};
    if (!snag_bench_wants(bench, task->name))
        return 0;
    for (int i = 0; i < bench->runs; i++) {
        uint64_t hash = 0;
        if (task->prepare)
            task->prepare(task->context);
        uint64_t wall_from = snag_bench_wall_ns();
        uint64_t cpu_from = snag_bench_cpu_ns();
        uint64_t operations = task->run(task->context, &hash);
        cpu[i] = rate(task->unit, snag_bench_cpu_ns() - cpu_from, operations);
        wall[i] = rate(task->unit, snag_bench_wall_ns() - wall_from, operations);
        if (i > 0 && hash != got.hash) {
            fprintf(stderr, "%s: run %d computed something else than the first\n", task->name, i + 1);
            bench->failed = true;
        }
        got.hash = hash;
    }
    size_t runs = (size_t)bench->runs;
    bool lower = strncmp(task->unit, "ns/", 3) == 0;
    qsort(cpu, runs, sizeof cpu[0], by_size);
    qsort(wall, runs, sizeof wall[0], by_size);
    got.value = cpu[runs / 2];
    got.wall = wall[runs / 2];
    got.best = lower ? cpu[0] : cpu[runs - 1];
    got.worst = lower ? cpu[runs - 1] : cpu[0];
    report(bench, task, &got);
    return got.value;
}

void snag_bench_report(snag_bench *bench, const char *name, const char *unit, double value, double target,
                       double stretch, uint64_t hash)
{
    snag_bench_task task = {.name = name, .unit = unit, .target = target, .stretch = stretch};
    figures got = {.value = value, .best = value, .worst = value, .wall = value, .runs = 1, .hash = hash};
    report(bench, &task, &got);
}

int snag_bench_end(snag_bench *bench)
{
    if (bench->out != stdout)
        fclose(bench->out);
    return bench->failed ? 1 : 0;
}
