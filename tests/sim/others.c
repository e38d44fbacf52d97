/* SPDX-License-Identifier: Apache-2.0
 *
 * The other ports of one process: the changelog's reader (a consumer without a group, read_committed: it
 * stands still before the first open transaction), the clocks, the voice, memory.
 *
 * All machines share one monotonic time here; their wall clocks differ by a little, and may jump.
 */
#include "local/memory.h"
#include "world.h"

/* --- the changelog ----------------------------------------------------------------------------- */

static snag_err log_open(void *self, uint32_t partition, int64_t from, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, sim_below(&proc->world->dice, 10)))
        return snag_fail(diag, SNAG_BROKER, "killed");
    proc->log_part = partition;
    proc->log_at = from;
    proc->log_end_told = proc->log_settled = false;
    return SNAG_OK;
}

static snag_err log_next(void *self, int wait_ms, snag_change_record *record, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_world *world = proc->world;
    if (!sim_step(proc, sim_chance(&world->dice, 10)))
        return snag_fail(diag, SNAG_BROKER, "killed");
    const sim_entry *entry = world->now_ms < world->broker_down_ms
                                 ? NULL
                                 : sim_log_next(&world->logs[SNAG_TOPIC_CHANGELOG][proc->log_part],
                                                &proc->log_at);
    if (entry) {
        *record = (snag_change_record){proc->log_at++, entry->key, entry->value};
        proc->log_end_told = false;
        return SNAG_OK;
    }
    if (!proc->log_end_told && world->now_ms >= world->broker_down_ms) {
        const sim_log *log = &world->logs[SNAG_TOPIC_CHANGELOG][proc->log_part];
        proc->log_end_told = true;
        proc->log_settled = sim_log_stable(log) == log->end;
        return SNAG_END;
    }
    sim_wait(proc, wait_ms);
    return SNAG_AGAIN;
}

/* Whether nothing undecided lay behind the visible end. */
static bool log_settled(void *self)
{
    const sim_proc *proc = self;
    return proc->log_settled;
}

static void nothing(void *self)
{
    (void)self;
}

snag_changelog sim_changelog_port(sim_proc *proc)
{
    static const snag_changelog_ops ops = {
        .open = log_open, .next = log_next, .settled = log_settled, .shut = nothing, .close = nothing};
    return (snag_changelog){&ops, proc};
}

/* --- clock, voice, memory ---------------------------------------------------------------------- */

static int64_t wall_ms(void *self)
{
    sim_proc *proc = self;
    proc->wall_read_ms = SIM_EPOCH_MS + proc->world->now_ms + proc->clock_off_ms;
    return proc->wall_read_ms;
}

static int64_t monotonic_ms(void *self)
{
    const sim_proc *proc = self;
    return proc->world->now_ms + 1;
}

static void sleep_ms(void *self, int64_t ms)
{
    sim_step(self, ms);
}

static uint64_t random_bits(void *self)
{
    const sim_proc *proc = self;
    return sim_bits(&proc->world->dice);
}

static void say(void *self, const char *line)
{
    const sim_proc *proc = self;
    if (!proc->dead)
        sim_trace(proc->world, "%u.%u says: %s", proc->slot, proc->number, line);
}

static snag_err block_give(void *self, size_t size, void **block, snag_diag *diag)
{
    sim_proc *proc = self;
    snag_memory memory;
    snag_err err = snag_memory_init(&memory, size, diag);
    *block = memory.block;
    proc->blocks += err == SNAG_OK;
    return err;
}

static void block_back(void *self, void *block, size_t size)
{
    sim_proc *proc = self;
    snag_memory memory = {.block = block, .size = size};
    snag_memory_finish(&memory);
    proc->blocks--;
}

void sim_other_ports(sim_proc *proc, snag_ports *ports)
{
    ports->clock = (snag_clock){wall_ms, monotonic_ms, sleep_ms, random_bits, proc};
    ports->voice = (snag_voice){say, proc};
    ports->blocks = (snag_blocks){.give = block_give, .back = block_back, .self = proc};
}
