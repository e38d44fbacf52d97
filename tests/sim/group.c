/* SPDX-License-Identifier: Apache-2.0
 *
 * The group coordinator: one group, one topic, static members (KIP-345), eager rebalancing, range assignment.
 *
 *     join of a new name      -> rebalance: members learn of it by a heartbeat, give back, join again
 *     join of a known name    -> takes the seat over at once, no rebalance; the old holder is fenced
 *     no heartbeats for 10 s  -> out, rebalance; a frozen or cut-off member learns of it when it can
 *     all have joined         -> next generation, assignments are handed out
 *
 * Offsets inside transactions are taken only of a member of the current generation (KIP-447; measured
 * against Kafka 4.1), wait for the marker, and hide the place from whoever asks for stable ones.
 */
#include <string.h>

#include "world.h"

enum { LEARN_MS = 700, LAGGARD_MS = 60000, HEARTBEAT_MS = 3000 };

static bool holds(const sim_member *member, const sim_proc *proc)
{
    return member->live && member->proc == proc && member->client == proc->client.id;
}

static bool client_lives(const sim_proc *proc, uint64_t client)
{
    return proc && !proc->dead && !proc->done && proc->client.id == client;
}

/* The client hears nothing while its process is frozen: again when it is awake. True: it could not hear. */
static bool deaf(sim_proc *proc, void (*what)(sim_world *, void *, uint64_t), uint64_t client)
{
    if (!sim_frozen(proc))
        return false;
    sim_at(proc->world, proc->frozen_until_ms + 1 + sim_below(&proc->world->dice, LEARN_MS), what, proc,
           client);
    return true;
}

static void wake_poll(sim_proc *proc)
{
    if (proc->polls)
        sim_proc_wake(proc);
}

/* --- what clients learn ------------------------------------------------------------------------ */

static void learn_lost(sim_world *world, void *what, uint64_t client)
{
    sim_proc *proc = what;
    if (!client_lives(proc, client) || deaf(proc, learn_lost, client))
        return;
    sim_trace(world, "%u.%u learns that it is out", proc->slot, proc->number);
    proc->client.seat = SNAG_SEAT_LOST;
    wake_poll(proc);
}

static void learn_fenced(sim_world *world, void *what, uint64_t client)
{
    sim_proc *proc = what;
    if (!client_lives(proc, client) || deaf(proc, learn_fenced, client))
        return;
    sim_trace(world, "%u.%u learns that its name was taken", proc->slot, proc->number);
    proc->client.fatal = true;
    wake_poll(proc);
}

static void learn_rebalance(sim_world *world, void *what, uint64_t client)
{
    sim_proc *proc = what;
    if (!client_lives(proc, client) || deaf(proc, learn_rebalance, client))
        return;
    if (!holds(&world->group.members[proc->slot], proc) || !world->group.preparing)
        return;
    if (!proc->client.assigned) {
        proc->client.awaits = world->group.generation + 1;
        sim_group_join(proc); /* by itself: it has nothing to give back */
        return;
    }
    proc->client.seat = SNAG_SEAT_ASKED;
    wake_poll(proc);
}

typedef struct assignment {
    sim_proc *proc;
    uint64_t client;
    int32_t generation;
    uint32_t given[SIM_PARTS];
    uint32_t count;
} assignment;

static void learn_given(sim_world *world, void *what, uint64_t number)
{
    const assignment *news = what;
    sim_proc *proc = news->proc;
    if (!client_lives(proc, news->client) || news->generation != world->group.generation ||
        news->generation < proc->client.awaits)
        return;
    if (sim_frozen(proc)) {
        sim_at(world, proc->frozen_until_ms + 1, learn_given, what, number);
        return;
    }
    sim_client *client = &proc->client;
    client->generation = news->generation;
    client->assigned = true;
    client->given_count = news->count;
    memcpy(client->given, news->given, sizeof client->given);
    client->seat = SNAG_SEAT_GIVEN;
    wake_poll(proc);
}

static void hand_out(sim_world *world, const sim_member *member)
{
    assignment *news = sim_take(world, sizeof *news);
    *news = (assignment){.proc = member->proc, .client = member->client,
                         .generation = world->group.generation, .count = member->given_count};
    memcpy(news->given, member->given, sizeof news->given);
    sim_at(world, world->now_ms + 1 + sim_below(&world->dice, 60), learn_given, news, 0);
}

/* --- rounds ------------------------------------------------------------------------------------ */

static void round_end(sim_world *world)
{
    sim_group *group = &world->group;
    uint32_t live = 0, nth = 0;
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        live += group->members[i].live;
    group->preparing = false;
    group->generation++;
    sim_trace(world, "    group: generation %d with %u members", (int)group->generation, live);
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        sim_member *member = &group->members[i];
        if (!member->live)
            continue;
        uint32_t first = nth * world->parts / live;
        uint32_t end = (nth + 1) * world->parts / live;
        member->given_count = 0;
        for (uint32_t p = first; p < end; p++)
            member->given[member->given_count++] = p;
        nth++;
        hand_out(world, member);
    }
}

static void round_look(sim_world *world)
{
    bool any = false;
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        const sim_member *member = &world->group.members[i];
        any = any || member->live;
        if (member->live && !member->joined)
            return;
    }
    if (world->group.preparing && any)
        round_end(world);
}

static void laggards(sim_world *world, void *what, uint64_t round)
{
    (void)what;
    if (world->group.round != round || !world->group.preparing)
        return;
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (world->group.members[i].live && !world->group.members[i].joined)
            sim_group_remove(world, i);
}

void sim_group_rebalance(sim_world *world)
{
    sim_group *group = &world->group;
    if (group->preparing)
        return;
    group->preparing = true;
    group->round++;
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        sim_member *member = &group->members[i];
        member->joined = false;
        if (member->live)
            sim_at(world, world->now_ms + 1 + sim_below(&world->dice, LEARN_MS), learn_rebalance,
                   member->proc, member->client);
    }
    sim_at(world, world->now_ms + LAGGARD_MS, laggards, NULL, group->round);
}

void sim_group_remove(sim_world *world, uint32_t slot)
{
    sim_member *member = &world->group.members[slot];
    if (!member->live)
        return;
    sim_trace(world, "    group: member %u is out", slot);
    member->live = false;
    if (client_lives(member->proc, member->client))
        sim_at(world, world->now_ms + 1 + sim_below(&world->dice, 4 * LEARN_MS), learn_lost, member->proc,
               member->client);
    sim_group_rebalance(world);
    round_look(world);
}

/* --- joining, and going ------------------------------------------------------------------------ */

static void join_arrives(sim_world *world, void *what, uint64_t client)
{
    sim_proc *proc = what;
    sim_member *member = &world->group.members[proc->slot];
    if (!client_lives(proc, client))
        return;
    if (world->now_ms < world->broker_down_ms) {
        sim_at(world, world->broker_down_ms + 100, join_arrives, what, client);
        return;
    }
    bool known = member->live;
    bool other = known && !holds(member, proc);
    if (other && member->proc != proc && client_lives(member->proc, member->client))
        sim_at(world, world->now_ms + 1 + sim_below(&world->dice, LEARN_MS), learn_fenced, member->proc,
               member->client);
    member->live = true;
    member->proc = proc;
    member->client = client;
    proc->client.awaits = world->group.generation;
    if (other && !world->group.preparing) {
        hand_out(world, member); /* a static member is back */
        return;
    }
    proc->client.awaits++;
    sim_group_rebalance(world);
    member->joined = true;
    round_look(world);
}

void sim_group_join(sim_proc *proc)
{
    sim_world *world = proc->world;
    proc->client.assigned = false;
    sim_at(world, world->now_ms + 1 + sim_below(&world->dice, 20), join_arrives, proc, proc->client.id);
}

/* The session ends unless somebody has taken the seat or woken up. */
static void expire(sim_world *world, void *what, uint64_t number)
{
    sim_proc *proc = what;
    const sim_member *member = &world->group.members[proc->slot];
    (void)number;
    if (member->live && member->proc == proc && (proc->dead || proc->done || sim_frozen(proc)))
        sim_group_remove(world, proc->slot);
}

void sim_group_expire_later(sim_proc *proc)
{
    sim_world *world = proc->world;
    sim_at(world, world->now_ms + SIM_SESSION_MS - sim_below(&world->dice, HEARTBEAT_MS), expire, proc, 0);
}

/* --- offsets ----------------------------------------------------------------------------------- */

sim_code sim_group_places(sim_world *world, sim_request *request)
{
    sim_txn *txn = &world->txns[request->writer];
    const sim_member *member = &world->group.members[request->from->slot];
    if (request->epoch != txn->epoch)
        return request->epoch < txn->epoch ? SIM_FENCED : SIM_BAD_STATE;
    if (txn->state != SIM_ONGOING || !txn->has_places)
        return SIM_BAD_STATE;
    if (!member->live || member->proc != request->from || member->client != request->client)
        return SIM_NOT_MEMBER;
    if (request->generation != world->group.generation)
        return SIM_NOT_MEMBER;
    for (size_t i = 0; i < request->count; i++) {
        txn->pending[sim_place_of(&request->places[i])] = true;
        txn->places[sim_place_of(&request->places[i])] = request->places[i];
    }
    return SIM_OK;
}

sim_code sim_group_fetch(sim_world *world, sim_request *request)
{
    snag_place *places = (snag_place *)(uintptr_t)request->places;
    for (size_t i = 0; i < request->count; i++) {
        uint32_t p = sim_place_of(&places[i]), source = places[i].source, partition = places[i].partition;
        for (int writer = 0; writer < SIM_WRITERS; writer++)
            if (world->txns[writer].pending[p])
                return SIM_UNSTABLE;
        places[i] = world->group.places[p];
        places[i].partition = partition;
        places[i].source = source;
    }
    return SIM_OK;
}
