/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes wrong, and when: a list made from the seed before anything runs, so that a failing world can be
 * run again with some of it left out.
 */
#include <inttypes.h>

#include "world.h"

enum { FEWEST = 2, MOST = 16, FOLLOWS = 30 };

static const char *const fault_words[] = {
#define X(name, word, help) word,
    SIM_FAULT_TABLE(X)
#undef X
};
static const char *const point_words[] = {
#define X(name, word, left) word,
    SNAG_POINT_TABLE(X)
#undef X
};

/* --- the list ---------------------------------------------------------------------------------- */

static int64_t span_of(sim_dice *dice, sim_fault_kind kind)
{
    switch (kind) {
    case SIM_FAULT_FREEZE_AT: return sim_between(dice, 9000, 26000);
    case SIM_FAULT_FREEZE:
        return sim_chance(dice, 40) ? sim_between(dice, 50, 6000) : sim_between(dice, 9000, 28000);
    case SIM_FAULT_CLOCK_JUMP: return sim_between(dice, -9000, 9000);
    case SIM_FAULT_BROKER_DOWN: return sim_between(dice, 200, 14000);
    default: return sim_between(dice, 500, 15000);
    }
}

static sim_fault fault_make(sim_world *world, sim_dice *dice)
{
    int luck = (int)sim_below(dice, 100);
    sim_fault fault = {.kind = (sim_fault_kind)sim_below(dice, SIM_FAULT_COUNT)};
    if (luck < 20)
        fault.kind = SIM_FAULT_KILL_AT;
    else if (luck < 30)
        fault.kind = SIM_FAULT_FREEZE_AT;
    else if (luck < 35)
        fault.kind = SIM_FAULT_KILL;
    fault.at_ms = sim_between(dice, 500, world->horizon_ms);
    fault.slot = (uint32_t)sim_below(dice, SIM_SLOTS * SIM_PARTS);
    fault.span_ms = span_of(dice, fault.kind);
    fault.number = fault.kind == SIM_FAULT_KILL_AT || fault.kind == SIM_FAULT_FREEZE_AT
                       ? sim_below(dice, SNAG_POINT_COUNT) + SNAG_POINT_COUNT * sim_between(dice, 1, 3)
                       : sim_between(dice, 1, 120);
    return fault;
}

/* Trouble seldom comes alone: somebody has to take over, soon after the fault before. */
static sim_fault fault_after(sim_dice *dice, const sim_fault *before)
{
    static const sim_fault_kind kinds[] = {SIM_FAULT_KILL, SIM_FAULT_KICK, SIM_FAULT_REBALANCE,
                                           SIM_FAULT_FREEZE};
    sim_fault fault = {.kind = kinds[sim_below(dice, 4)], .number = 1};
    fault.at_ms = before->at_ms + sim_between(dice, 50, 4000);
    fault.slot = sim_chance(dice, 60) ? before->slot : (uint32_t)sim_below(dice, SIM_SLOTS * SIM_PARTS);
    fault.span_ms = sim_between(dice, 9000, 16000);
    return fault;
}

void sim_fault_print(const sim_world *world, uint32_t i, FILE *to)
{
    const sim_fault *fault = &world->faults[i];
    fprintf(to, "  fault %2u at %7.3f s: %s", i, (double)fault->at_ms / 1000, fault_words[fault->kind]);
    if (fault->kind == SIM_FAULT_KILL_AT || fault->kind == SIM_FAULT_FREEZE_AT)
        fprintf(to, " %s, the %" PRId64 ". time, worker %u", point_words[fault->number % SNAG_POINT_COUNT],
                fault->number / SNAG_POINT_COUNT, fault->slot % world->slots);
    else
        fprintf(to, ", worker %u, partition %u, %" PRId64 " ms, %" PRId64 " calls",
                fault->slot % world->slots, fault->slot % world->parts, fault->span_ms, fault->number);
    fputc('\n', to);
}

/* --- happening --------------------------------------------------------------------------------- */

static void to_worker(sim_world *world, const sim_fault *fault)
{
    uint32_t slot = fault->slot % world->slots;
    sim_proc *proc = world->seats[slot];
    if (!proc || proc->dead || proc->done)
        return;
    switch (fault->kind) {
    case SIM_FAULT_KILL: proc->kill_calls = fault->number; break;
    case SIM_FAULT_FREEZE: sim_proc_freeze(proc, fault->span_ms); break;
    case SIM_FAULT_KICK: sim_group_remove(world, slot); break;
    case SIM_FAULT_TWIN: sim_proc_start(world, slot); break;
    case SIM_FAULT_STOP:
        proc->stopping = true;
        atomic_store(&proc->shared.stop, true);
        break;
    case SIM_FAULT_COMMIT_LOST: proc->lose_commits++; break;
    case SIM_FAULT_SEND_LOST: proc->lose_sends++; break;
    case SIM_FAULT_PLACES_LOST: proc->lose_places++; break;
    case SIM_FAULT_CLOCK_JUMP: proc->clock_off_ms += fault->span_ms; break;
    default: break;
    }
}

static void to_servers(sim_world *world, const sim_fault *fault)
{
    uint32_t slot = fault->slot % world->slots, partition = fault->slot % world->parts;
    int64_t until_ms = world->now_ms + fault->span_ms;
    switch (fault->kind) {
    case SIM_FAULT_KILL_AT:
    case SIM_FAULT_FREEZE_AT:
        world->freeze_ms[slot] = fault->kind == SIM_FAULT_FREEZE_AT ? fault->span_ms : 0;
        world->kill_point[slot] = (snag_point)(fault->number % SNAG_POINT_COUNT);
        world->kill_after[slot] = fault->number / SNAG_POINT_COUNT;
        break;
    case SIM_FAULT_REBALANCE: sim_group_rebalance(world); break;
    case SIM_FAULT_FENCE:
        sim_txn_give_up(world, (int32_t)slot);
        world->txns[slot].epoch++;
        break;
    case SIM_FAULT_TXN_EXPIRES: sim_txn_give_up(world, (int32_t)slot); break;
    case SIM_FAULT_MARKERS_SLOW: world->markers_slow_ms = until_ms; break;
    case SIM_FAULT_BROKER_DOWN: world->broker_down_ms = until_ms; break;
    case SIM_FAULT_FETCH_STALLS: world->fetch_stalls_ms[partition] = until_ms; break;
    case SIM_FAULT_ENDS_UNKNOWN: world->ends_unknown_ms = until_ms; break;
    case SIM_FAULT_UPSTREAM_OPEN: world->upstream_open_ms = until_ms; break;
    case SIM_FAULT_COMPACT: sim_log_compact(world, &world->logs[SNAG_TOPIC_CHANGELOG][partition]); break;
    default: break;
    }
}

static void to_store(sim_world *world, const sim_fault *fault)
{
    uint32_t partition = fault->slot % world->parts;
    int64_t until_ms = world->now_ms + fault->span_ms;
    switch (fault->kind) {
    case SIM_FAULT_STORE_WIPED:
        for (uint32_t p = 0; p < world->parts; p++)
            sim_redis_wipe(world, p);
        break;
    case SIM_FAULT_STORE_BACK: sim_redis_fall_back(world, partition); break;
    case SIM_FAULT_STORE_DOWN: world->store_down_ms = until_ms; break;
    case SIM_FAULT_STORE_FULL: world->store_full_ms = until_ms; break;
    case SIM_FAULT_STORE_SLOW: world->store_slow_ms = until_ms; break;
    case SIM_FAULT_STORE_FLAKY: world->store_flaky_ms = until_ms; break;
    case SIM_FAULT_STORE_EVICTS: sim_redis_evict(world, partition); break;
    case SIM_FAULT_STORE_CUT: sim_redis_cut(world, partition); break;
    default: break;
    }
}

static void happen(sim_world *world, void *what, uint64_t number)
{
    const sim_fault *fault = what;
    if (world->healed)
        return;
    world->happened[fault->kind]++;
    sim_trace(world, "--- fault %u: %s", (unsigned)number, fault_words[fault->kind]);
    to_worker(world, fault);
    to_servers(world, fault);
    to_store(world, fault);
}

void sim_faults_make(sim_world *world)
{
    sim_dice dice = {world->setup.seed * 2 + 2};
    world->fault_count = (uint32_t)sim_between(&dice, FEWEST, MOST);
    for (uint32_t i = 0; i < world->fault_count; i++) {
        world->faults[i] = i > 0 && sim_chance(&dice, FOLLOWS) ? fault_after(&dice, &world->faults[i - 1])
                                                               : fault_make(world, &dice);
        if (!world->setup.no_faults && (world->setup.drop >> i & 1) == 0)
            sim_at(world, world->faults[i].at_ms, happen, &world->faults[i], i);
    }
}
