/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole program over a file: `snag simulate` writes calls, `snag replay` judges them by four rules, as
 * its own process: start, reading, decoding, engine, and with `--format json` the writing of records. The
 * CPU time of the process counts; the hash is that of what it wrote.
 *
 * The program is ../snag beside this one, or the environment's SNAG.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "common.h"

extern char **environ;

typedef struct work {
    char snag[PATH_MAX];
    char folder[32];
    char events[64];
    char out[64];
    uint64_t count;
    uint64_t bytes;
} work;

static bool find_program(work *todo, const char *self)
{
    const char *given = getenv("SNAG");
    char path[PATH_MAX / 2];
    if (given) {
        snprintf(todo->snag, sizeof todo->snag, "%s", given);
    } else {
        snprintf(path, sizeof path, "%s", self);
        snprintf(todo->snag, sizeof todo->snag, "%s/../snag", dirname(path));
    }
    return access(todo->snag, X_OK) == 0;
}

/* Runs the program with its output in a file; returns its CPU time, 0 where it failed. */
static uint64_t spawn_ns(const work *todo, char *const *words, const char *out)
{
    posix_spawn_file_actions_t actions;
    struct rusage used;
    int status = -1;
    pid_t pid = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int failed = posix_spawn(&pid, todo->snag, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed || wait4(pid, &status, 0, &used) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return 0;
    return ((uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)used.ru_utime.tv_usec + (uint64_t)used.ru_stime.tv_usec) * 1000u;
}

static bool make_events(work *todo)
{
    char count[24];
    char customers[24];
    struct stat about;
    snprintf(count, sizeof count, "%llu", (unsigned long long)todo->count);
    snprintf(customers, sizeof customers, "%llu", (unsigned long long)(todo->count / 20 + 10));
    char *words[] = {todo->snag, "simulate", "--scenario", "calls", "--events", count,
                     "--customers", customers, "--rate", "50", NULL};
    if (spawn_ns(todo, words, todo->events) == 0 || stat(todo->events, &about) != 0)
        return false;
    todo->bytes = (uint64_t)about.st_size;
    return todo->bytes > 0;
}

static uint64_t hash_of(const char *path)
{
    char bytes[65536];
    uint64_t hash = 0;
    FILE *file = fopen(path, "rb");
    for (size_t got; file && (got = fread(bytes, 1, sizeof bytes, file)) > 0;)
        hash = snag_hash64(snag_str_of(bytes, got), hash);
    if (file)
        fclose(file);
    return hash;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void measure(snag_bench *bench, work *todo, const char *name, char *format, double target,
                    double stretch)
{
    double rates[101];
    uint64_t hash = 0;
    char *words[] = {todo->snag, "replay", "bench/replay.yaml", todo->events,
                     "--quiet",  "--format", format, NULL};
    for (int i = 0; i < bench->runs; i++) {
        uint64_t ns = spawn_ns(todo, words, todo->out);
        uint64_t now = hash_of(todo->out);
        if (ns == 0 || (i > 0 && now != hash)) {
            fprintf(stderr, "%s: %s\n", name, ns ? "two runs wrote different records" : "snag replay failed");
            bench->failed = true;
            return;
        }
        hash = now;
        rates[i] = (double)todo->count * 1e9 / (double)ns;
    }
    qsort(rates, (size_t)bench->runs, sizeof rates[0], by_size);
    snag_bench_report(bench, name, "events/s", rates[bench->runs / 2], target, stretch, hash);
}

int main(int argc, char **argv)
{
    snag_bench bench;
    work todo = {.folder = "/tmp/snag-bench-XXXXXX"};
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    if (!find_program(&todo, argv[0]) || !mkdtemp(todo.folder)) {
        fprintf(stderr, "no program at %s\n", todo.snag);
        return 1;
    }
    snprintf(todo.events, sizeof todo.events, "%s/events.jsonl", todo.folder);
    snprintf(todo.out, sizeof todo.out, "%s/out.jsonl", todo.folder);
    todo.count = snag_bench_size(&bench, 3000000, 2000);
    if (make_events(&todo)) {
        measure(&bench, &todo, "replay_4_rules", "json", 1.2e6, 2e6);
        measure(&bench, &todo, "replay_4_rules_no_output", "none", 1.2e6, 2e6);
        fprintf(stderr, "%.0f bytes an event\n", (double)todo.bytes / (double)todo.count);
    } else {
        fprintf(stderr, "snag simulate failed\n");
        bench.failed = true;
    }
    unlink(todo.events);
    unlink(todo.out);
    rmdir(todo.folder);
    return snag_bench_end(&bench);
}
