/* SPDX-License-Identifier: Apache-2.0
 *
 * What does not heal. After a world full of faults everybody is down for so long that the group's offsets
 * expire, or the changelog is deleted, or an old broker has left a transaction hanging in it. Whoever starts
 * then must end with the sentence that says so, and must not have committed anything. A transaction that
 * hangs is aborted in the end, and then the world must be as if nothing had been.
 */
#include <string.h>

#include "world.h"

enum { REST_MS = 40000, LOOK_MS = 500, PATIENCE_MS = 600000 };

static const char *const says[] = {
    "",
#define X(name, word, words) words,
    SIM_LOSS_TABLE(X)
#undef X
};

typedef void after(sim_world *, void *, uint64_t);

/* An open transaction of somebody who wrote at or before the newest head. */
static void hang(sim_world *world, sim_log *log)
{
    int64_t at = log->end - 1;
    while (at > 0 && (log->entries[at].kind != SIM_RECORD || log->entries[at].fate != SIM_COMMITTED))
        at--;
    log->open[SIM_UPSTREAM] = at - sim_below(&world->fault_dice, at + 1);
}

static void lose_one(sim_world *world, uint32_t p)
{
    sim_log *log = &world->logs[SNAG_TOPIC_CHANGELOG][p];
    switch (world->setup.loss) {
    case SIM_LOSS_OFFSETS:
        for (uint32_t s = 0; s < SIM_SOURCES; s++)
            world->group.places[s * SIM_PARTS + p] = (snag_place){.partition = p, .source = s, .offset = -1};
        break;
    case SIM_LOSS_CHANGELOG:
        for (int64_t at = 0; at < log->end; at++)
            log->entries[at].gone = true;
        break;
    case SIM_LOSS_SIGHT: hang(world, log); break;
    case SIM_LOSS_NONE:
    case SIM_LOSS_COUNT: break;
    }
}

void sim_loss_ended(sim_world *world, const sim_proc *proc)
{
    const char *words = says[world->setup.loss];
    if (proc->err != SNAG_STATE || !strstr(proc->diag.text, words))
        sim_fail(world, "worker %u.%u ends with \"%s\" instead of \"%s\"", proc->slot, proc->number,
                 proc->diag.text, words);
}

static void all_begin(sim_world *world)
{
    for (uint32_t slot = 0; slot < world->slots; slot++)
        sim_proc_start(world, slot);
}

static void go_on(sim_world *world, after *then)
{
    world->lost = world->closing = false;
    world->decided_ms = world->now_ms;
    all_begin(world);
    sim_at(world, world->now_ms + LOOK_MS, then, NULL, 0);
}

/* Everybody has ended. */
static void lost_for_good(sim_world *world, after *then)
{
    if (world->commits != world->commits_by_loss)
        sim_fail(world, "something was committed although the state was lost");
    else if (world->setup.loss != SIM_LOSS_SIGHT)
        world->over = true;
    else {
        for (uint32_t p = 0; p < world->parts; p++)
            sim_log_mark(world, &world->logs[SNAG_TOPIC_CHANGELOG][p], SIM_UPSTREAM, false);
        sim_trace(world, "--- the transactions that hang are aborted");
        go_on(world, then);
    }
}

typedef struct plan {
    after *then;
    int64_t until_ms;
} plan;

static void look(sim_world *world, void *what, uint64_t number)
{
    const plan *mine = what;
    bool done = true;
    for (uint32_t i = 0; i < world->proc_count; i++)
        done = done && world->procs[i]->done;
    if (done)
        lost_for_good(world, mine->then);
    else if (world->now_ms > mine->until_ms)
        sim_fail(world, "a worker goes on although the state was lost");
    else
        sim_at(world, world->now_ms + LOOK_MS, look, what, number);
}

static void lose(sim_world *world, void *what, uint64_t number)
{
    plan *mine = what;
    bool begun = true;
    (void)number;
    for (uint32_t p = 0; p < world->parts; p++)
        begun = begun && world->decided[p] >= 0;
    if (!begun) { /* a partition without a commit has nothing to lose */
        go_on(world, mine->then);
        return;
    }
    sim_trace(world, "--- lost for good: %s", says[world->setup.loss]);
    for (uint32_t p = 0; p < world->parts; p++)
        lose_one(world, p);
    world->lost = true;
    world->commits_by_loss = world->commits;
    mine->until_ms = world->now_ms + PATIENCE_MS;
    all_begin(world);
    sim_at(world, world->now_ms + LOOK_MS, look, mine, 0);
}

void sim_loss_begin(sim_world *world, after *then)
{
    plan *mine = sim_take(world, sizeof *mine);
    mine->then = then;
    world->closing = true; /* nobody comes back by himself */
    for (uint32_t i = 0; i < world->proc_count; i++)
        sim_proc_kill(world->procs[i], "before the loss");
    sim_at(world, world->now_ms + REST_MS, lose, mine, 0);
}
