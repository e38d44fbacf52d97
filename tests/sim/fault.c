/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes wrong, and when: a list made from the seed before anything runs, so that a failing world can be
 * run again with some of it left out.
 */
#include <inttypes.h>

#include "world.h"

enum { FEWEST = 3, MOST = 20 };

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

/* Half of the time one inside a commit, where most can go wrong. */
static snag_point point_of(sim_dice *dice)
{
    static const snag_point inside[] = {SNAG_POINT_BEGUN, SNAG_POINT_SENT_PART, SNAG_POINT_SENT,
                                        SNAG_POINT_PLACED, SNAG_POINT_COMMITTED};
    return sim_chance(dice, 40) ? inside[sim_below(dice, 5)] : (snag_point)sim_below(dice, SNAG_POINT_COUNT);
}

static sim_fault fault_make(sim_world *world, sim_dice *dice)
{
    static const struct {
        int percent;
        sim_fault_kind kind;
    } often[] = {{18, SIM_FAULT_KILL_AT}, {28, SIM_FAULT_FREEZE_AT}, {33, SIM_FAULT_KILL},
                 {43, SIM_FAULT_MARKERS_SLOW}, {48, SIM_FAULT_STORE_BACK}};
    int luck = (int)sim_below(dice, 100);
    sim_fault fault = {.kind = (sim_fault_kind)sim_below(dice, SIM_FAULT_COUNT)};
    for (size_t i = sizeof often / sizeof *often; i > 0; i--)
        if (luck < often[i - 1].percent)
            fault.kind = often[i - 1].kind;
    fault.at_ms = sim_between(dice, 500, world->horizon_ms);
    fault.slot = (uint32_t)sim_below(dice, SIM_SLOTS * SIM_PARTS);
    fault.span_ms = span_of(dice, fault.kind);
    fault.number = fault.kind == SIM_FAULT_KILL_AT || fault.kind == SIM_FAULT_FREEZE_AT
                       ? (int64_t)point_of(dice) + (sim_chance(dice, 75) ? 1 : 2) * SNAG_POINT_COUNT
                       : sim_between(dice, 1, 120);
    return fault;
}

/* What brings a worker to that point soon; anything that makes somebody take over where nothing does. */
static sim_fault_kind towards(sim_dice *dice, snag_point point)
{
    switch (point) {
    case SNAG_POINT_COPY_TAKEN:
    case SNAG_POINT_COPY_PART:
    case SNAG_POINT_COPY_MENDED: return SIM_FAULT_STORE_WIPED;
    case SNAG_POINT_FAILED:
    case SNAG_POINT_RENEWED:
    case SNAG_POINT_REJOINED: return sim_chance(dice, 50) ? SIM_FAULT_SEND_LOST : SIM_FAULT_PLACES_LOST;
    case SNAG_POINT_STOPPING: return SIM_FAULT_STOP;
    case SNAG_POINT_DRAINED_PART: return SIM_FAULT_CLOCK_JUMP; /* then much is due at once */
    case SNAG_POINT_LEAVING:
    case SNAG_POINT_LEFT: return SIM_FAULT_REBALANCE;
    default: return sim_chance(dice, 50) ? SIM_FAULT_KICK : SIM_FAULT_KILL;
    }
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
    if (before->kind == SIM_FAULT_KILL_AT) {
        fault.kind = towards(dice, (snag_point)(before->number % SNAG_POINT_COUNT));
        fault.slot = before->slot;
    } else if (before->kind == SIM_FAULT_MARKERS_SLOW) {
        fault.kind = SIM_FAULT_KICK; /* a moment at which offsets are decided, heads are not yet in sight */
        fault.slot = before->slot;
    } else if (before->kind == SIM_FAULT_FREEZE_AT) {
        fault.kind = SIM_FAULT_KICK; /* a third one takes over behind the open transaction of the first */
        fault.at_ms = before->at_ms + sim_between(dice, 9000, 16000);
        fault.slot = before->slot + 1;
    }
    return fault;
}

static bool follows(sim_dice *dice, const sim_fault *before)
{
    switch (before->kind) {
    case SIM_FAULT_KILL_AT: return sim_chance(dice, 75);
    case SIM_FAULT_MARKERS_SLOW: return true;
    case SIM_FAULT_STORE_BACK: return sim_chance(dice, 70);
    case SIM_FAULT_FREEZE_AT: return sim_chance(dice, 50);
    default: return sim_chance(dice, 25);
    }
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
    case SIM_FAULT_MARKERS_SLOW: world->markers_slow_ms[slot] = until_ms; break;
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
        bool more = i > 0 && follows(&dice, &world->faults[i - 1]);
        world->faults[i] = more ? fault_after(&dice, &world->faults[i - 1]) : fault_make(world, &dice);
        if (!world->setup.no_faults && (world->setup.drop >> i & 1) == 0)
            sim_at(world, world->faults[i].at_ms, happen, &world->faults[i], i);
    }
}
