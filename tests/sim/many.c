/* SPDX-License-Identifier: Apache-2.0 */
#include "many.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

enum { HANGS_S = 60, JOBS_MAX = 64, FAILURES_SHRUNK = 1 };

/* --- one process, one world -------------------------------------------------------------------- */

void sim_child_start(sim_child *child, const sim_setup *setup, FILE *tell)
{
    int ends[2];
    int failed = pipe(ends);
    SNAG_ASSERT(failed == 0);
    fflush(NULL);
    child->setup = *setup;
    child->pid = fork();
    SNAG_ASSERT(child->pid >= 0);
    if (child->pid == 0) {
        sim_verdict verdict;
        close(ends[0]);
        alarm(HANGS_S);
        setvbuf(stdout, NULL, setup->trace ? _IOLBF : _IOFBF, 0); /* a trace must survive a crash */
        sim_world_run(setup, &verdict, tell);
        ssize_t put = write(ends[1], &verdict, sizeof verdict);
        exit(put == (ssize_t)sizeof verdict ? 0 : 3); /* exit, not _exit: leaks are looked for there */
    }
    close(ends[1]);
    child->from = ends[0];
}

static bool verdict_read(int from, sim_verdict *verdict)
{
    size_t got = 0;
    while (got < sizeof *verdict) {
        ssize_t more = read(from, (char *)verdict + got, sizeof *verdict - got);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

void sim_child_end(sim_child *child, sim_verdict *verdict)
{
    int status = 0;
    bool told = verdict_read(child->from, verdict);
    close(child->from);
    while (waitpid(child->pid, &status, 0) < 0) {
    }
    if (!told)
        *verdict = (sim_verdict){.failed = true};
    if (status == 0)
        return;
    if (WIFSIGNALED(status))
        snprintf(verdict->why, sizeof verdict->why, "it ends by signal %d%s", WTERMSIG(status),
                 WTERMSIG(status) == SIGALRM ? ": it hangs" : "");
    else
        snprintf(verdict->why, sizeof verdict->why, "it ends with exit code %d", WEXITSTATUS(status));
    verdict->failed = true;
}

/* --- words ------------------------------------------------------------------------------------- */

void sim_command_print(const sim_many *many, const sim_setup *setup)
{
    printf("    %s --world %" PRIu64, many->program, setup->seed);
    if (setup->drop)
        printf(" --drop %" PRIx64, setup->drop);
    if (setup->records)
        printf(" --records %u", setup->records);
    if (setup->slots)
        printf(" --slots %u", setup->slots);
    if (setup->no_faults)
        printf(" --no-faults");
    if (setup->loss)
        printf(" --lose %s", sim_loss_word(setup->loss));
    if (many->plant)
        printf(" --plant %s", many->plant);
    printf(" --trace\n");
}

int sim_one(const sim_many *many)
{
    sim_child child;
    sim_verdict verdict;
    sim_child_start(&child, &many->setup, stdout);
    sim_child_end(&child, &verdict);
    printf("world %" PRIu64 ": %u workers, %u records, %" PRIu64 " commits, %" PRIu64 " aborts, %" PRIu64
           " alerts, %.1f s of its time, %" PRIu64 " steps: %s%s\n",
           many->setup.seed, verdict.slots, verdict.records, verdict.commits, verdict.aborts, verdict.alerts,
           (double)verdict.took_ms / 1000, verdict.steps, verdict.failed ? "FAILED: " : "ok", verdict.why);
    return verdict.failed ? 1 : 0;
}

static void failure_tell(const sim_many *many, const sim_setup *setup, sim_verdict *verdict, bool shrink)
{
    sim_setup small = *setup;
    printf("world %" PRIu64 " FAILED: %s\nit is repeated by\n", setup->seed, verdict->why);
    sim_command_print(many, setup);
    fflush(stdout);
    if (!shrink)
        return;
    sim_shrink(&small, verdict);
    printf("made small: %u workers, %u records: %s\n", verdict->slots, verdict->records, verdict->why);
    sim_command_print(many, &small);
    small.trace = true;
    sim_child child;
    sim_child_start(&child, &small, stdout);
    sim_child_end(&child, verdict);
}

/* --- many -------------------------------------------------------------------------------------- */

typedef struct sums {
    uint64_t worlds, failed, commits, aborts, alerts, records, steps;
    uint64_t died[SNAG_POINT_COUNT];
    uint64_t happened[SIM_FAULT_COUNT];
    uint64_t told[SIM_SAID_COUNT];
} sums;

static void sum(sums *all, const sim_verdict *verdict)
{
    all->worlds++;
    all->failed += verdict->failed;
    all->commits += verdict->commits;
    all->aborts += verdict->aborts;
    all->alerts += verdict->alerts;
    all->records += verdict->records;
    all->steps += verdict->steps;
    for (int i = 0; i < SNAG_POINT_COUNT; i++)
        all->died[i] += verdict->died[i];
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        all->happened[i] += verdict->happened[i];
    for (int i = 0; i < SIM_SAID_COUNT; i++)
        all->told[i] += verdict->told[i];
}

/* Which points and faults the worlds have met, and what was said; false: one was not. */
static bool points_tell(const sums *all)
{
    static const char *const points[] = {
#define X(name, word, left) word,
        SNAG_POINT_TABLE(X)
#undef X
    };
    static const char *const faults[] = {
#define X(name, word, help) word,
        SIM_FAULT_TABLE(X)
#undef X
    };
    static const char *const said[] = {
#define X(name, word, text) word,
        SIM_SAID_TABLE(X)
#undef X
    };
    bool every = true;
    for (int i = 0; i < SNAG_POINT_COUNT; i++) {
        printf("died at %-14s %6" PRIu64 "\n", points[i], all->died[i]);
        every = every && all->died[i] > 0;
    }
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        printf("fault %-16s %6" PRIu64 "\n", faults[i], all->happened[i]);
        every = every && all->happened[i] > 0;
    }
    for (int i = 0; i < SIM_SAID_COUNT; i++) {
        printf("alert of %-24s %6" PRIu64 "\n", said[i], all->told[i]);
        every = every && all->told[i] > 0;
    }
    if (!every)
        printf("NOT EVERY POINT AND FAULT WAS MET, AND EVERY ALERT SAID\n");
    return every;
}

static uint32_t jobs_of(const sim_many *many)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t jobs = many->jobs ? many->jobs : processors > 0 ? (uint32_t)processors : 1;
    return jobs < JOBS_MAX ? jobs : JOBS_MAX;
}

int sim_all(const sim_many *many)
{
    sim_child children[JOBS_MAX];
    sums all = {0};
    uint32_t jobs = jobs_of(many);
    uint64_t started = 0;
    for (uint64_t ended = 0; ended < many->worlds; ended++) {
        for (; started < many->worlds && started < ended + jobs; started++) {
            sim_setup setup = many->setup;
            setup.seed = many->seed + started;
            sim_child_start(&children[started % jobs], &setup, NULL);
        }
        sim_verdict verdict;
        sim_child *child = &children[ended % jobs];
        sim_child_end(child, &verdict);
        sum(&all, &verdict);
        if (verdict.failed && !many->red)
            failure_tell(many, &child->setup, &verdict, !many->no_shrink && all.failed <= FAILURES_SHRUNK);
        if (verdict.failed && many->red) {
            printf("red in world %" PRIu64 ", the %" PRIu64 ".: %s\n", child->setup.seed, all.worlds,
                   verdict.why);
            return 0;
        }
    }
    printf("%" PRIu64 " worlds: %" PRIu64 " failed; %" PRIu64 " records, %" PRIu64 " alerts, %" PRIu64
           " commits, %" PRIu64 " aborts, %" PRIu64 " steps\n",
           all.worlds, all.failed, all.records, all.alerts, all.commits, all.aborts, all.steps);
    bool met = !many->points || points_tell(&all);
    return all.failed || !met || many->red ? 1 : 0;
}
