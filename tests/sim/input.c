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
#include "lanes.h"

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

static void take_record(sim_proc *proc, uint32_t source, uint32_t p, const sim_entry *entry,
                        snag_batch *batch)
{
    int64_t *at = &proc->client.at[source][p];
    proc->raws[batch->count] =
        (snag_raw){.position = {.offset = *at, .partition = p, .source = (uint16_t)source},
                   .stamp_ms = entry->stamp_ms, .key = entry->key, .value = entry->value};
    proc->raw_headers[batch->count] = entry->headers;
    proc->raw_header_counts[batch->count] = entry->header_count;
    batch->count++;
    (*at)++;
    proc->client.told[source][p] = proc->client.heard[source][p] = -1;
}

/* An end is told alone: of several sources records may be left, and come again. */
static void harvest_one(sim_proc *proc, uint32_t source, uint32_t p, size_t max, snag_batch *batch)
{
    int64_t *at = &proc->client.at[source][p], *told = &proc->client.told[source][p];
    const sim_log *log = &proc->world->logs[SIM_INPUT + source][p];
    const sim_entry *entry = NULL;
    size_t before = batch->count;
    while (batch->count < max && (entry = sim_log_next(log, at)) != NULL)
        take_record(proc, source, p, entry, batch);
    if ((batch->count == max && entry) || (proc->world->sources > 1 && batch->count > before))
        return;
    if (!sim_log_next(log, at) && *told != *at) {
        *told = proc->client.heard[source][p] = *at;
        proc->reached[batch->reached_count++] = (snag_reached){p, source, *at};
    }
}

/* Records of a partition come only when there are some of the wanted source; ends always do. */
static void harvest_part(sim_proc *proc, uint32_t p, size_t max, snag_batch *batch)
{
    const sim_world *world = proc->world;
    uint32_t want = world->sources > 1 ? proc->client.want[p] : 0;
    int64_t *at = &proc->client.at[want][p];
    bool wanted = *at >= 0 && sim_log_next(&world->logs[SIM_INPUT + want][p], at);
    for (uint32_t i = 0; i < world->sources; i++) { /* the wanted one first: there may be no room for all */
        uint32_t s = (want + i) % world->sources;
        if (proc->client.at[s][p] >= 0)
            harvest_one(proc, s, p, wanted || world->sources == 1 ? max : batch->count, batch);
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
        if (world->now_ms >= world->fetch_stalls_ms[p])
            harvest_part(proc, p, max, batch);
    }
}

void sim_input_arrived(sim_world *world, uint32_t source, uint32_t partition)
{
    for (uint32_t i = 0; i < world->proc_count; i++) {
        sim_proc *proc = world->procs[i];
        if (proc->polls && !proc->dead && proc->client.at[source][partition] >= 0)
            sim_at(world, world->now_ms + sim_below(&world->dice, 5), NULL, proc, proc->wait);
    }
}

static snag_err input_poll(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                           snag_diag *diag)
{
    sim_proc *proc = self;
    sim_client *client = &proc->client;
    proc->asking = NULL;
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
    proc->asking = NULL;
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

static void nothing_read(sim_client *client)
{
    for (int s = 0; s < SIM_SOURCES; s++)
        for (int p = 0; p < SIM_PARTS; p++)
            client->at[s][p] = client->told[s][p] = -1;
}

/* Between it and an end that was heard there may be nothing but markers: that end is known still. */
static void start_at(sim_proc *proc, const snag_place *place)
{
    const sim_log *log = &proc->world->logs[SIM_INPUT + place->source][place->partition];
    int64_t *heard = &proc->client.heard[place->source][place->partition];
    int64_t next = place->offset;
    SNAG_ASSERT(place->offset >= 0);
    bool more = sim_log_next(log, &next) != NULL && next < *heard;
    if (more || place->offset > *heard)
        *heard = -1;
    proc->client.at[place->source][place->partition] = *heard < 0 ? place->offset : *heard;
}

static snag_err input_start(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, 0))
        return gone(proc, diag);
    nothing_read(&proc->client); /* what is not named is read no more */
    for (size_t i = 0; i < count; i++) {
        start_at(proc, &places[i]);
        sim_trace(proc->world, "%u.%u reads partition %u of source %u from %" PRId64, proc->slot,
                  proc->number, places[i].partition, places[i].source, places[i].offset);
    }
    return SNAG_OK;
}

static void stop_reading(sim_client *client)
{
    nothing_read(client);
    memset(client->heard, -1, sizeof client->heard);
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

static snag_err input_range(void *self, uint32_t partition, uint32_t source, int64_t *first, int64_t *end,
                            snag_diag *diag)
{
    sim_proc *proc = self;
    if (!sim_step(proc, sim_below(&proc->world->dice, 4)) || broker_is_down(proc))
        return gone(proc, diag);
    *first = 0;
    *end = sim_log_stable(&proc->world->logs[SIM_INPUT + source][partition]);
    return SNAG_OK;
}

static void tick_add(sim_proc *proc, uint32_t partition, uint32_t from, int64_t end)
{
    SNAG_ASSERT(from >= proc->world->lanes); /* of lanes the first hop knows when they are silent */
    const snag_source_spec *source = sim_spec_of(proc->world, from);
    sim_ticks *ticks = &proc->ticks[partition];
    sim_trace(proc->world, "%u.%u may tick partition %u at %" PRId64 " to %" PRId64, proc->slot, proc->number,
              partition, end, proc->wall_read_ms - source->out_of_order_ms - source->delay_ms - SIM_EPOCH_MS);
    if (ticks->count == SIM_TICKS) {
        sim_fail(proc->world, "worker %u.%u moves time again and again", proc->slot, proc->number);
        return;
    }
    ticks->list[ticks->count] =
        (sim_tick){from, end, proc->wall_read_ms - source->out_of_order_ms - source->delay_ms, SNAG_NEVER,
                   false};
    ticks->count++;
    proc->asking = ticks;
}

/* Whether no partition of the source holds a record as new as that, decided or not. */
static bool is_quiet(const sim_world *world, uint32_t source, int64_t since_ms)
{
    for (uint32_t p = 0; p < world->parts; p++) {
        const sim_log *log = &world->logs[SIM_INPUT + source][p];
        for (int64_t at = 0; at < log->end; at++)
            if (log->entries[at].kind == SIM_RECORD && log->entries[at].stamp_ms >= since_ms)
                return false;
    }
    return true;
}

static snag_err input_quiet(void *self, uint32_t source, uint32_t partitions, int64_t since_ms, bool *quiet,
                            snag_diag *diag)
{
    sim_proc *proc = self;
    sim_world *world = proc->world;
    SNAG_ASSERT(partitions == world->parts);
    bool lives = sim_step(proc, sim_below(&world->dice, 3));
    if (!lives || broker_is_down(proc) || world->now_ms < world->ends_unknown_ms) {
        if (proc->asking)
            proc->asking->count--; /* without an answer time does not move */
        proc->asking = NULL;
        return gone(proc, diag);
    }
    *quiet = is_quiet(world, source, since_ms);
    if (!proc->asking)
        return SNAG_OK;
    sim_tick *tick = &proc->asking->list[proc->asking->count - 1];
    tick->loud = tick->loud || !*quiet;
    if (*quiet && since_ms < tick->quiet_ms)
        tick->quiet_ms = since_ms;
    if (!*quiet && since_ms >= tick->quiet_ms)
        tick->quiet_ms = SNAG_NEVER; /* it was, and is not any more */
    return SNAG_OK;
}

static snag_err input_log_end(void *self, uint32_t partition, uint32_t source, int64_t *end, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_world *world = proc->world;
    proc->asking = NULL;
    if (!sim_step(proc, sim_below(&world->dice, 4)))
        return gone(proc, diag);
    if (broker_is_down(proc) || world->now_ms < world->ends_unknown_ms) {
        sim_wait(proc, 500);
        return gone(proc, diag);
    }
    *end = world->logs[SIM_INPUT + source][partition].end;
    if (!sim_wait(proc, sim_below(&world->dice, 4)))
        return gone(proc, diag);
    if (proc->client.at[source][partition] == *end && proc->client.heard[source][partition] == *end)
        tick_add(proc, partition, source, *end);
    return SNAG_OK;
}

static void input_want(void *self, uint32_t partition, uint32_t source)
{
    sim_proc *proc = self;
    proc->client.want[partition] = source;
}

static void input_leave(void *self, uint32_t partition, uint32_t source, int64_t offset)
{
    sim_proc *proc = self;
    SNAG_ASSERT(offset < proc->client.at[source][partition]);
    proc->client.at[source][partition] = offset;
}

static bool input_holds(void *self, uint32_t partition, uint32_t source)
{
    const sim_proc *proc = self;
    int64_t at = proc->client.at[source][partition];
    return at >= 0 && sim_log_next(&proc->world->logs[SIM_INPUT + source][partition], &at);
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
        .rejoin = input_rejoin, .range = input_range, .log_end = input_log_end, .want = input_want,
        .leave = input_leave, .holds = input_holds, .quiet = input_quiet, .close = input_close};
    join_anew(proc);
    return (snag_input){&ops, proc};
}
