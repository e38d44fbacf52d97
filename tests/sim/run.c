/* SPDX-License-Identifier: Apache-2.0
 *
 * One world, from its seed to its verdict:
 *
 *     input and faults --> horizon: everything heals --> nothing was committed for QUIET_MS, the store is
 *     whole again --> all workers are asked to stop --> what is still under way arrives --> check
 *     (with a loss between the second and the third: loss.c)
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "world.h"

enum { QUIET_MS = 25000, PATIENCE_MS = 400000, LOOK_MS = 500, STOP_MS = 60000, LEAK_BYTES = 65536 };

/* --- towards the end --------------------------------------------------------------------------- */

static bool store_is_whole(const sim_world *world)
{
    for (uint32_t p = 0; p < world->parts && world->with_store; p++) {
        const sim_copy *copy = &world->shelves[p].now;
        if (!copy->head.present || copy->head.n != world->decided[p] || copy->head.step != 0 ||
            copy->head.token != 0 || copy->head.count != copy->count)
            return false;
    }
    return true;
}

static void all_done(sim_world *world, void *what, uint64_t number)
{
    bool done = true;
    (void)what;
    for (uint32_t i = 0; i < world->proc_count; i++)
        done = done && world->procs[i]->done;
    if (done)
        world->over = true;
    else if (number > STOP_MS / LOOK_MS)
        sim_fail(world, "a worker that was asked to stop does not");
    else
        sim_at(world, world->now_ms + LOOK_MS, all_done, NULL, number + 1);
}

static void close_down(sim_world *world)
{
    sim_trace(world, "--- all are asked to stop");
    world->closing = true;
    for (uint32_t i = 0; i < world->proc_count; i++) {
        sim_proc *proc = world->procs[i];
        if (proc->done)
            continue;
        proc->stopping = true;
        atomic_store(&proc->shared.stop, true);
    }
    sim_at(world, world->now_ms + 1, all_done, NULL, 0);
}

static void look(sim_world *world, void *what, uint64_t number)
{
    bool quiet = world->now_ms - world->decided_ms > QUIET_MS;
    (void)what;
    if (quiet && store_is_whole(world))
        close_down(world);
    else if (number > PATIENCE_MS / LOOK_MS)
        sim_fail(world, quiet ? "the store is never whole again" : "the workers never come to rest");
    else
        sim_at(world, world->now_ms + LOOK_MS, look, NULL, number + 1);
}

/* One live process for each name, awake; every server well. */
static void heal(sim_world *world, void *what, uint64_t number)
{
    (void)what;
    (void)number;
    sim_trace(world, "--- everything heals");
    world->healed = true;
    world->decided_ms = world->now_ms;
    world->broker_down_ms = world->ends_unknown_ms = 0;
    memset(world->markers_slow_ms, 0, sizeof world->markers_slow_ms);
    world->store_down_ms = world->store_full_ms = world->store_slow_ms = world->store_flaky_ms = 0;
    memset(world->fetch_stalls_ms, 0, sizeof world->fetch_stalls_ms);
    memset(world->kill_after, 0, sizeof world->kill_after);
    for (uint32_t p = 0; p < world->parts; p++)
        if (world->shelves[p].damaged)
            sim_redis_wipe(world, p);
    for (uint32_t i = 0; i < world->proc_count; i++) {
        sim_proc *proc = world->procs[i];
        proc->kill_calls = 0;
        proc->lose_commits = proc->lose_places = proc->lose_sends = 0;
        if (proc != world->seats[proc->slot] || sim_frozen(proc))
            sim_proc_kill(proc, "so that one of its name is left");
    }
    if (world->setup.loss)
        sim_loss_begin(world, look);
    else
        sim_at(world, world->now_ms + LOOK_MS, look, NULL, 0);
}

static void begin(sim_world *world, void *what, uint64_t slot)
{
    (void)what;
    sim_proc_start(world, (uint32_t)slot);
}

/* --- life -------------------------------------------------------------------------------------- */

static void world_init(sim_world *world, const sim_setup *setup)
{
    world->setup = *setup;
    world->dice.state = setup->seed * 4 + 3;
    world->fault_dice.state = setup->seed * 4 + 1;
    sem_init(&world->main_go, 0, 0);
    for (int t = 0; t < SIM_LOGS; t++)
        for (int p = 0; p < SIM_PARTS; p++)
            sim_log_init(&world->logs[t][p]);
    for (int p = 0; p < SIM_PLACES; p++)
        world->group.places[p].offset = -1;
    for (int p = 0; p < SIM_PARTS; p++)
        world->decided[p] = -1;
    sim_load_make(world);
    sim_faults_make(world);
    for (uint32_t slot = 0; slot < world->slots; slot++)
        sim_at(world, sim_below(&world->dice, 2000), begin, NULL, slot);
    sim_at(world, world->horizon_ms, heal, NULL, 0);
}

/* After a failure in the middle: whoever is left unwinds without any effect. */
static void unwind(sim_world *world)
{
    for (uint32_t i = 0; i < world->proc_count; i++) {
        sim_proc *proc = world->procs[i];
        if (!proc->done) {
            proc->dead = true;
            atomic_store(&proc->shared.stop, true);
            sem_post(&proc->go);
            while (sem_wait(&world->main_go) != 0) {
            }
        }
        pthread_join(proc->thread, NULL);
        sem_destroy(&proc->go);
    }
}

static void world_finish(sim_world *world)
{
    sim_lanes_free(world);
    snag_config_free(&world->config);
    for (int t = 0; t < SIM_LOGS; t++)
        for (int p = 0; p < SIM_PARTS; p++)
            sim_log_finish(&world->logs[t][p]);
    for (int p = 0; p < SIM_PARTS; p++)
        free(world->ticks[p]);
    free(world->events);
    sim_forget_memory(world);
    sem_destroy(&world->main_go);
}

static void verdict_fill(const sim_world *world, sim_verdict *verdict)
{
    *verdict = (sim_verdict){.failed = world->failed, .slots = world->slots,
                             .records = world->record_count, .faults = world->fault_count,
                             .commits = world->commits, .aborts = world->aborts,
                             .alerts = world->alerts, .took_ms = world->now_ms, .steps = world->steps};
    memcpy(verdict->why, world->why, sizeof verdict->why);
    memcpy(verdict->died, world->died, sizeof verdict->died);
    memcpy(verdict->happened, world->happened, sizeof verdict->happened);
    memcpy(verdict->told, world->told, sizeof verdict->told);
}

void sim_world_run(const sim_setup *setup, sim_verdict *verdict, FILE *tell)
{
    sim_world *world = calloc(1, sizeof *world);
    SNAG_ASSERT(world != NULL);
    world_init(world, setup);
    for (uint32_t i = 0; tell && i < world->fault_count; i++)
        if ((setup->drop >> i & 1) == 0)
            sim_fault_print(world, i, tell);
    if (setup->trace)
        printf("%s", world->pipeline);
    sim_run_events(world);
    if (!world->over)
        sim_fail(world, "the world stands still");
    unwind(world);
    if (!world->failed)
        sim_settle(world);
    if (!world->failed)
        sim_check(world);
    verdict_fill(world, verdict);
    world_finish(world);
    free(world);
}
