/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/assert.h"

typedef struct member {
    snag_crew *crew;
    const snag_worker_options *options;
    const snag_ports *ports;
    snag_stats stats;
    snag_diag diag;
    snag_err err;
    pthread_t thread;
} member;

struct snag_crew {
    snag_shared shared;
    atomic_uint running;
    unsigned count;
    member members[];
};

static void *work(void *context)
{
    member *self = context;
    self->err = snag_worker_run(self->options, self->ports, &self->crew->shared, &self->stats, &self->diag);
    if (self->err != SNAG_OK)
        snag_crew_stop(self->crew);
    atomic_fetch_sub(&self->crew->running, 1);
    return NULL;
}

snag_err snag_crew_start(snag_crew **out, const snag_worker_options *options, const snag_ports *ports,
                         unsigned count, snag_diag *diag)
{
    SNAG_ASSERT(count > 0 && count <= SNAG_CREW_MAX);
    snag_crew *crew = calloc(1, sizeof *crew + count * sizeof crew->members[0]);
    if (!crew)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    for (unsigned i = 0; i < count; i++) {
        member *self = &crew->members[i];
        self->crew = crew;
        self->options = &options[i];
        self->ports = &ports[i];
        atomic_fetch_add(&crew->running, 1);
        if (pthread_create(&self->thread, NULL, work, self) != 0) {
            atomic_fetch_sub(&crew->running, 1);
            snag_crew_stop(crew);
            snag_err err = snag_crew_join(crew, diag);
            return err ? err : snag_fail(diag, SNAG_MEMORY, "the system gives no more threads");
        }
        crew->count++;
    }
    *out = crew;
    return SNAG_OK;
}

void snag_crew_stop(snag_crew *crew)
{
    atomic_store(&crew->shared.stop, true);
}

bool snag_crew_runs(const snag_crew *crew)
{
    return atomic_load(&crew->running) > 0;
}

void snag_crew_stats(const snag_crew *crew, snag_stats *sum)
{
    uint64_t behind = 0, behind_ms = 0;
#define X(name, help) atomic_store(&sum->name, 0);
    SNAG_STAT_TABLE(X)
#undef X
    for (unsigned i = 0; i < crew->count; i++) {
        const snag_stats *stats = &crew->members[i].stats;
        behind += atomic_load(&stats->caught_up) == 0;
        if (atomic_load(&stats->behind_ms) > behind_ms)
            behind_ms = atomic_load(&stats->behind_ms);
#define X(name, help) atomic_fetch_add(&sum->name, atomic_load(&stats->name));
        SNAG_STAT_TABLE(X)
#undef X
    }
    atomic_store(&sum->caught_up, behind == 0);
    atomic_store(&sum->behind_ms, behind_ms);
}

snag_err snag_crew_join(snag_crew *crew, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (unsigned i = 0; i < crew->count; i++) {
        const member *self = &crew->members[i];
        pthread_join(self->thread, NULL);
        if (self->err != SNAG_OK && err == SNAG_OK) {
            err = self->err;
            if (diag)
                *diag = self->diag;
        }
    }
    free(crew);
    return err;
}

/* --- the system's clocks ----------------------------------------------------------------------- */

static int64_t wall_ms(void *self)
{
    (void)self;
    return snag_clock_wall_ms();
}

static int64_t monotonic_ms(void *self)
{
    (void)self;
    return snag_clock_monotonic_ms();
}

static void sleep_ms(void *self, int64_t ms)
{
    (void)self;
    struct timespec rest = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&rest, NULL);
}

static uint64_t random_bits(void *self)
{
    uint64_t bits;
    (void)self;
    ssize_t got = getrandom(&bits, sizeof bits, 0);
    SNAG_ASSERT(got == (ssize_t)sizeof bits);
    return bits;
}

snag_clock snag_clock_system(void)
{
    return (snag_clock){.wall_ms = wall_ms, .monotonic_ms = monotonic_ms, .sleep_ms = sleep_ms,
                        .random = random_bits};
}
