/* SPDX-License-Identifier: Apache-2.0
 *
 * The output port of one process: what librdkafka's transactional producer does for src/kafka/output.c.
 * Records leave whenever the client likes, partition by partition; the commit sends the rest, waits for all,
 * and ends the transaction. After any failure the client refuses everything until it is renewed (but for the
 * planted bug that goes on with it).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "world.h"

enum { EARLY = 4, RETRY_MS = 20, RETRIES = 400, GROUPS = SNAG_TOPIC_COUNT * SIM_PARTS };

static snag_err judge(const sim_proc *proc, sim_code code, const char *doing, snag_diag *diag)
{
    if (code == SIM_OK)
        return SNAG_OK;
    if (proc->dead)
        return snag_fail(diag, SNAG_BROKER, "killed");
    if (code == SIM_FENCED)
        return snag_fail(diag, SNAG_FENCED, "%s: fenced", doing);
    return snag_fail(diag, SNAG_BROKER, "%s: refused (%d)", doing, (int)code);
}

/* Asks again while the transaction before is being finished. */
static sim_code insist(sim_proc *proc, const sim_request *request, sim_reply *reply)
{
    sim_code code = sim_call(proc, request, reply);
    for (int i = 0; code == SIM_CONCURRENT && i < RETRIES; i++) {
        if (!sim_wait(proc, RETRY_MS))
            return SIM_SILENT;
        code = sim_call(proc, request, reply);
    }
    return code;
}

static sim_request request_of(const sim_proc *proc, sim_code (*run)(sim_world *, sim_request *))
{
    return (sim_request){.run = run, .writer = (int32_t)proc->slot, .epoch = proc->producer.epoch,
                         .client = proc->client.id, .generation = proc->client.generation};
}

static void producer_empty(sim_producer *producer)
{
    producer->open = false;
    producer->failed = SIM_OK;
    producer->count = 0;
    memset(producer->ticks, 0, sizeof producer->ticks);
}

static snag_err output_renew(void *self, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_reply reply = {.answered = false};
    producer_empty(&proc->producer);
    proc->producer.epoch = -1;
    if (!sim_step(proc, sim_below(&proc->world->dice, 20)))
        return judge(proc, SIM_SILENT, "", diag);
    sim_request request = request_of(proc, sim_txn_init);
    if (sim_chance(&proc->world->dice, 2))
        request.again_ms = 1 + sim_below(&proc->world->dice, 50);
    sim_code code = insist(proc, &request, &reply);
    if (code == SIM_OK)
        proc->producer.epoch = reply.epoch;
    return judge(proc, code, "opening the producer", diag);
}

static snag_err output_begin(void *self, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_producer *producer = &proc->producer;
    if (!sim_step(proc, 0))
        return judge(proc, SIM_SILENT, "", diag);
    if (snag_planted(PRODUCER_KEPT))
        producer_empty(producer);
    if (producer->failed != SIM_OK || producer->open || producer->epoch < 0)
        return judge(proc, SIM_BAD_STATE, "beginning", diag);
    producer->open = true;
    memcpy(producer->ticks, proc->ticks, sizeof producer->ticks);
    sim_ticks_forget(proc);
    return SNAG_OK;
}

/* --- records ----------------------------------------------------------------------------------- */

static snag_message message_copy(sim_world *world, const snag_message *message)
{
    snag_message copy = *message;
    snag_header *headers = message->header_count
                               ? sim_take(world, message->header_count * sizeof *headers)
                               : NULL;
    copy.key = sim_copy_of(world, message->key);
    copy.value = sim_copy_of(world, message->value);
    for (uint32_t i = 0; i < message->header_count; i++)
        headers[i] = (snag_header){sim_copy_of(world, message->headers[i].name),
                                   sim_copy_of(world, message->headers[i].value)};
    copy.headers = headers;
    return copy;
}

/* The messages of one partition, in order, as one produce request. */
static sim_reply *produce(sim_proc *proc, const snag_message *all, size_t count, uint32_t topic,
                          uint32_t partition, bool lost)
{
    size_t mine = 0;
    for (size_t i = 0; i < count; i++)
        mine += all[i].topic == topic && all[i].partition == partition;
    if (mine == 0)
        return NULL;
    snag_message *list = sim_take(proc->world, mine * sizeof *list);
    sim_request request = request_of(proc, sim_txn_produce);
    for (size_t i = 0; i < count; i++)
        if (all[i].topic == topic && all[i].partition == partition)
            list[request.count++] = all[i];
    request.messages = list;
    request.topic = topic;
    request.partition = partition;
    request.delay_ms = lost ? -1 : 0;
    return sim_post(proc, &request);
}

/* Delivery reports: the offsets of those messages that asked for it. */
static void report(const snag_message *all, size_t count, uint32_t topic, uint32_t partition, int64_t offset)
{
    for (size_t i = 0; i < count; i++) {
        if (all[i].topic != topic || all[i].partition != partition)
            continue;
        if (all[i].offset)
            *all[i].offset = offset;
        offset++;
    }
}

static sim_code send_all(sim_proc *proc, const snag_message *all, size_t count)
{
    sim_reply *replies[GROUPS];
    uint32_t where[GROUPS];
    size_t sent = 0;
    sim_request add = request_of(proc, sim_txn_add);
    add.messages = all;
    add.count = count;
    sim_code code = insist(proc, &add, NULL);
    if (code != SIM_OK)
        return code;
    for (uint32_t g = 0; g < GROUPS; g++) {
        bool lost = proc->lose_sends && sim_chance(&proc->world->dice, 50);
        replies[sent] = produce(proc, all, count, g / SIM_PARTS, g % SIM_PARTS, lost);
        where[sent] = g;
        sent += replies[sent] != NULL;
    }
    code = sim_await(proc, replies, sent, SIM_CALL_MS);
    for (size_t i = 0; i < sent && code == SIM_OK; i++)
        report(all, count, where[i] / SIM_PARTS, where[i] % SIM_PARTS, replies[i]->offset);
    if (proc->lose_sends)
        proc->lose_sends--;
    return code;
}

/* The buffered messages go out; what fails is told at the next call that may fail. */
static void flush(sim_proc *proc)
{
    sim_producer *producer = &proc->producer;
    if (producer->count == 0 || producer->failed != SIM_OK)
        return;
    snag_message *all = sim_take(proc->world, producer->count * sizeof *all);
    memcpy(all, producer->messages, producer->count * sizeof *all);
    size_t count = producer->count;
    producer->count = 0;
    producer->failed = send_all(proc, all, count);
}

static snag_err output_send(void *self, const snag_message *message, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_producer *producer = &proc->producer;
    if (!sim_step(proc, 0))
        return judge(proc, SIM_SILENT, "", diag);
    SNAG_ASSERT(producer->open || snag_planted(PRODUCER_KEPT));
    if (producer->count == producer->room) {
        producer->room = producer->room ? producer->room * 2 : 64;
        producer->messages = realloc(producer->messages, producer->room * sizeof *producer->messages);
        SNAG_ASSERT(producer->messages != NULL);
    }
    producer->messages[producer->count++] = message_copy(proc->world, message);
    if (sim_chance(&proc->world->dice, EARLY))
        flush(proc);
    return judge(proc, producer->failed, "sending", diag);
}

/* --- the end ----------------------------------------------------------------------------------- */

static snag_err output_offsets(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_producer *producer = &proc->producer;
    if (!sim_step(proc, 0))
        return judge(proc, SIM_SILENT, "", diag);
    snag_place *copy = sim_take(proc->world, count * sizeof *copy);
    memcpy(copy, places, count * sizeof *copy);
    sim_request request = request_of(proc, sim_txn_add_places);
    if (producer->failed == SIM_OK)
        producer->failed = insist(proc, &request, NULL);
    request = request_of(proc, sim_group_places);
    request.places = copy;
    request.count = count;
    if (proc->lose_places && producer->failed == SIM_OK) {
        proc->lose_places--;
        request.mute = sim_chance(&proc->world->dice, 50);
        request.delay_ms = request.mute ? 0 : -1;
    }
    if (producer->failed == SIM_OK)
        producer->failed = sim_call(proc, &request, NULL);
    return judge(proc, producer->failed, "offsets", diag);
}

static void lose(sim_proc *proc, sim_request *request)
{
    sim_dice *dice = &proc->world->dice;
    proc->lose_commits--;
    request->mute = true;
    switch (sim_below(dice, 3)) {
    case 0: request->delay_ms = -1; break;                          /* it never arrives */
    case 1: request->delay_ms = 0; break;                           /* its answer never does */
    default: request->delay_ms = sim_below(dice, 2 * SIM_CALL_MS); /* it arrives when nobody waits any more */
    }
}

static snag_err output_commit(void *self, snag_diag *diag)
{
    sim_proc *proc = self;
    sim_producer *producer = &proc->producer;
    if (!sim_step(proc, 0))
        return judge(proc, SIM_SILENT, "", diag);
    flush(proc);
    if (producer->failed == SIM_OK) {
        sim_request request = request_of(proc, sim_txn_end);
        sim_ticks *ticks = sim_take(proc->world, sizeof producer->ticks);
        memcpy(ticks, producer->ticks, sizeof producer->ticks);
        request.ticks = ticks;
        request.commit = true;
        if (proc->lose_commits)
            lose(proc, &request);
        producer->failed = sim_call(proc, &request, NULL);
    }
    if (producer->failed != SIM_OK)
        return judge(proc, producer->failed, "committing", diag);
    producer_empty(producer);
    return SNAG_OK;
}

static void output_close(void *self)
{
    (void)self;
}

snag_output sim_output_port(sim_proc *proc)
{
    static const snag_output_ops ops = {.renew = output_renew, .begin = output_begin, .send = output_send,
                                        .offsets = output_offsets, .commit = output_commit,
                                        .close = output_close};
    return (snag_output){&ops, proc};
}
