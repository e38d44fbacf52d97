/* SPDX-License-Identifier: Apache-2.0
 *
 * The input port of one process: what librdkafka's consumer does for src/kafka/input.c. Heartbeats go on
 * while the worker is busy, not while it is frozen. An end that was reached is told once, and is old news as
 * soon as it is told.
 *
 * Here ticks become known: the worker reads its clock, asks for the log's end, and may move time where it
 * has read up to that very end. Whether it may is judged here, from what it was handed, not from what it
 * believes.
 */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "world.h"

enum { STABLE_MS = 30000, AGAIN_MS = 100 };

static snag_err gone(const sim_proc *proc, snag_diag *diag)
{
    return snag_fail(diag, SNAG_BROKER, proc->dead ? "killed" : "no answer");
}

static bool broker_is_down(const sim_proc *proc)
{
    return proc->world->now_ms < proc->world->broker_down_ms;
}

/* --- reading ----------------------------------------------------------------------------------- */

static void take_record(sim_proc *proc, uint32_t p, const sim_entry *entry, snag_batch *batch)
{
    proc->raws[batch->count] = (snag_raw){.position = {.offset = proc->client.at[p], .partition = p},
                                          .stamp_ms = entry->stamp_ms, .key = entry->key,
                                          .value = entry->value};
    proc->raw_headers[batch->count] = entry->headers;
    proc->raw_header_counts[batch->count] = entry->header_count;
    batch->count++;
    proc->client.at[p]++;
    proc->client.told[p] = -1;
}

static void harvest_one(sim_proc *proc, uint32_t p, size_t max, snag_batch *batch)
{
    sim_client *client = &proc->client;
    const sim_log *log = &proc->world->logs[SIM_INPUT][p];
    const sim_entry *entry = NULL;
    while (batch->count < max && (entry = sim_log_next(log, &client->at[p])) != NULL)
        take_record(proc, p, entry, batch);
    if (batch->count == max && entry)
        return;
    if (!sim_log_next(log, &client->at[p]) && client->told[p] != client->at[p]) {
        client->told[p] = client->at[p];
        proc->reached[batch->reached_count++] = (snag_reached){p, client->at[p]};
    }
}

static void harvest(sim_proc *proc, size_t max, snag_batch *batch)
{
    sim_world *world = proc->world;
    uint32_t first = (uint32_t)sim_below(&world->dice, world->parts);
    if (max > SIM_BATCH)
        max = SIM_BATCH;
    if (sim_chance(&world->dice, 40))
        max = (size_t)sim_between(&world->dice, 1, (int64_t)max);
    for (uint32_t i = 0; i < world->parts && !broker_is_down(proc); i++) {
        uint32_t p = (first + i) % world->parts;
        if (proc->client.at[p] >= 0 && world->now_ms >= world->fetch_stalls_ms[p])
            harvest_one(proc, p, max, batch);
    }
}

void sim_input_arrived(sim_world *world, uint32_t partition)
{
    for (uint32_t i = 0; i < world->proc_count; i++) {
        sim_proc *proc = world->procs[i];
        if (proc->polls && !proc->dead && proc->client.at[partition] >= 0)
            sim_at(world, world->now_ms + sim_below(&world->dice, 5), NULL, proc, proc->wait);
    }
}

static snag_err input_poll(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                           snag_diag *diag)
{
    sim_proc *proc = self;
    sim_client *client = &proc->client;
    *batch = (snag_batch){.records = proc->raws, .reached = proc->reached};
    *seat = SNAG_SEAT_KEPT;
    if (!sim_step(proc, 0))
        return gone(proc, diag);
    if (client->seat == SNAG_SEAT_KEPT && !client->fatal)
        harvest(proc, max, batch);
    if (client->seat == SNAG_SEAT_KEPT && !client->fatal && batch->count == 0 && wait_ms > 0) {
        proc->polls = true;
        sim_wait(proc, wait_ms);
        proc->polls = false;
        if (batch->reached_count == 0 && !proc->dead)
            harvest(proc, max, batch);
    } else {
        sim_wait(proc, sim_below(&proc->world->dice, 3));
    }
    if (proc->dead)
        return gone(proc, diag);
    if (client->fatal)
        return snag_fail(diag, SNAG_FENCED, "the group instance was taken by another member");
    *seat = client->seat;
    client->seat = SNAG_SEAT_KEPT;
    return SNAG_OK;
}

static void input_release(void *self)
{
    (void)self;
}

static uint32_t input_headers(void *self, size_t i, snag_header *out, uint32_t max)
{
    const sim_proc *proc = self;
    uint32_t count = proc->raw_header_counts[i] < max ? proc->raw_header_counts[i] : max;
    for (uint32_t h = 0; h < count; h++)
        out[h] = proc->raw_headers[i][h];
    return count;
}

/* --- places ------------------------------------------------------------------------------------ */

void sim_ticks_forget(sim_proc *proc)
{
    memset(proc->ticks, 0, sizeof proc->ticks);
}

static const uint32_t *input_given(void *self, size_t *count)
{
    const sim_proc *proc = self;
    *count = proc->client.given_count;
    return proc->client.given;
}

static snag_err input_committed(void *self, snag_place *places, size_t count, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_world *world = proc->world;
    int64_t until_ms = world->now_ms + STABLE_MS;
    snag_place *asked = sim_take(world, count * sizeof *asked);
    sim_request request = {.run = sim_group_fetch, .places = asked, .count = count};
    sim_ticks_forget(proc);
    for (;;) {
        memcpy(asked, places, count * sizeof *asked);
        sim_code code = sim_call(proc, &request, NULL);
        if (code == SIM_OK)
            break;
        if (code != SIM_UNSTABLE || world->now_ms > until_ms || !sim_wait(proc, AGAIN_MS))
            return gone(proc, diag);
    }
    memcpy(places, asked, count * sizeof *places);
    return SNAG_OK;
}

static snag_err input_start(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, 0))
        return gone(proc, diag);
    for (size_t i = 0; i < count; i++) {
        SNAG_ASSERT(places[i].offset >= 0);
        proc->client.at[places[i].partition] = places[i].offset;
        proc->client.told[places[i].partition] = -1;
        sim_trace(proc->world, "%u.%u reads partition %u from %" PRId64, proc->slot, proc->number,
                  places[i].partition, places[i].offset);
    }
    return SNAG_OK;
}

static void stop_reading(sim_client *client)
{
    for (int p = 0; p < SIM_PARTS; p++)
        client->at[p] = client->told[p] = -1;
    client->given_count = 0;
}

static snag_err input_give_back(void *self, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, 0))
        return gone(proc, diag);
    stop_reading(&proc->client);
    sim_group_join(proc);
    return SNAG_OK;
}

static void join_anew(sim_proc *proc)
{
    proc->client = (sim_client){.id = ++proc->world->clients};
    stop_reading(&proc->client);
    sim_group_join(proc);
}

static snag_err input_rejoin(void *self, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, 1 + sim_below(&proc->world->dice, 50)))
        return gone(proc, diag);
    sim_ticks_forget(proc);
    join_anew(proc);
    return SNAG_OK;
}

/* --- ends of logs ------------------------------------------------------------------------------ */

static snag_err input_range(void *self, uint32_t partition, int64_t *first, int64_t *end, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, sim_below(&proc->world->dice, 4)) || broker_is_down(proc))
        return gone(proc, diag);
    *first = 0;
    *end = sim_log_stable(&proc->world->logs[SIM_INPUT][partition]);
    return SNAG_OK;
}

static void tick_add(sim_proc *proc, uint32_t partition, int64_t end)
{
    const snag_source_spec *source = &proc->world->config.pipeline.sources[0];
    sim_ticks *ticks = &proc->ticks[partition];
    sim_trace(proc->world, "%u.%u may tick partition %u at %" PRId64 " to %" PRId64, proc->slot, proc->number,
              partition, end, proc->wall_read_ms - source->out_of_order_ms - source->delay_ms - SIM_EPOCH_MS);
    if (ticks->count == SIM_TICKS) {
        sim_fail(proc->world, "worker %u.%u moves time again and again", proc->slot, proc->number);
        return;
    }
    ticks->list[ticks->count++] =
        (sim_tick){end, proc->wall_read_ms - source->out_of_order_ms - source->delay_ms};
}

static snag_err input_log_end(void *self, uint32_t partition, int64_t *end, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_world *world = proc->world;
    if (!sim_step(proc, sim_below(&world->dice, 4)))
        return gone(proc, diag);
    if (broker_is_down(proc) || world->now_ms < world->ends_unknown_ms) {
        sim_wait(proc, 500);
        return gone(proc, diag);
    }
    *end = world->logs[SIM_INPUT][partition].end;
    if (!sim_wait(proc, sim_below(&world->dice, 4)))
        return gone(proc, diag);
    if (proc->client.at[partition] == *end && proc->client.told[partition] == *end)
        tick_add(proc, partition, *end);
    return SNAG_OK;
}

static void input_close(void *self)
{
    (void)self;
}

snag_input sim_input_port(sim_proc *proc)
{
    static const snag_input_ops ops = {
        .poll = input_poll, .release = input_release, .headers = input_headers, .given = input_given,
        .committed = input_committed, .start = input_start, .give_back = input_give_back,
        .rejoin = input_rejoin, .range = input_range, .log_end = input_log_end, .close = input_close};
    join_anew(proc);
    return (snag_input){&ops, proc};
}
