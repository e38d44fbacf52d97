/* SPDX-License-Identifier: Apache-2.0
 *
 * The transaction coordinator, one state for each transactional id. Facts (KIP-98, KIP-447, KIP-890 part 1
 * for the check of each produce; measured against Kafka 4.1):
 *
 *     InitProducerId    aborts what is open under a raised epoch; CONCURRENT while markers are written
 *     AddPartitions, AddOffsets, TxnOffsetCommit, Produce    refused under an older epoch
 *     EndTxn            PrepareCommit decides; the answer comes then; then the markers are
 *                       written, one a partition and one for the offsets, in any order
 *     timeout           like InitProducerId; looked for every ten seconds
 *
 * Assumed: the partition's leader checks with the coordinator that a produce belongs to the open transaction
 * (brokers since 3.6), so no record can arrive behind its marker. An EndTxn never overtakes a later one of
 * the same producer: the connection keeps the order.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/head.h"
#include "world.h"

enum { MARKER_MS = 30, MARKER_SLOW_MS = 4000, TIMEOUT_LOOK_MS = 10000 };

typedef struct marker {
    int32_t writer;
    int32_t epoch;
    uint32_t topic;
    uint32_t partition;
    bool commit;
    bool places;
} marker;

static sim_code epoch_check(const sim_txn *txn, const sim_request *request)
{
    if (request->epoch < txn->epoch)
        return SIM_FENCED;
    return request->epoch > txn->epoch ? SIM_BAD_STATE : SIM_OK;
}

/* --- the end ----------------------------------------------------------------------------------- */

static void places_decided(sim_world *world, sim_txn *txn, bool commit)
{
    for (uint32_t p = 0; p < SIM_PLACES; p++) {
        if (!txn->pending[p])
            continue;
        if (commit)
            world->group.places[p] = txn->places[p];
        txn->pending[p] = false;
    }
}

static void marker_written(sim_world *world, void *what, uint64_t number)
{
    const marker *mark = what;
    sim_txn *txn = &world->txns[mark->writer];
    (void)number;
    if (mark->places) {
        places_decided(world, txn, mark->commit);
    } else {
        sim_log *log = &world->logs[mark->topic][mark->partition];
        sim_log_mark(world, log, mark->writer, mark->commit);
        log->epoch[mark->writer] = mark->epoch;
    }
    if (--txn->markers > 0)
        return;
    txn->state = SIM_EMPTY;
    txn->ended_well = mark->commit;
    txn->has_places = false;
    memset(txn->has, 0, sizeof txn->has);
}

static void marker_send(sim_world *world, const marker *mark)
{
    marker *copy = sim_take(world, sizeof *copy);
    bool slow = world->now_ms < world->markers_slow_ms[mark->writer] && !mark->places;
    int64_t most_ms = slow ? MARKER_SLOW_MS : MARKER_MS;
    *copy = *mark;
    world->txns[mark->writer].markers++;
    sim_at(world, world->now_ms + 1 + sim_below(&world->dice, most_ms), marker_written, copy, 0);
}

static void tick_add(sim_world *world, uint32_t p, const sim_ticks *ticks)
{
    if (world->tick_count[p] == world->tick_room[p]) {
        world->tick_room[p] = world->tick_room[p] ? world->tick_room[p] * 2 : 16;
        world->ticks[p] = realloc(world->ticks[p], world->tick_room[p] * sizeof *world->ticks[p]);
        if (!world->ticks[p])
            abort();
    }
    world->ticks[p][world->tick_count[p]++] = *ticks;
}

/* What the transaction says of itself is from now on the truth. */
static void committed(sim_world *world, const sim_txn *txn, const sim_ticks *ticks)
{
    uint8_t incarnation[16];
    int64_t n;
    world->commits++;
    world->decided_ms = world->now_ms;
    for (uint32_t p = 0; p < world->parts; p++) {
        if (txn->pending[p] && snag_head_words_read(txn->places[p].text, &n, incarnation))
            world->decided[p] = n;
        if (ticks && ticks[p].count)
            tick_add(world, p, &ticks[p]);
    }
}

static void decide(sim_world *world, int32_t writer, bool commit, const sim_ticks *ticks)
{
    sim_txn *txn = &world->txns[writer];
    txn->state = commit ? SIM_PREPARE_COMMIT : SIM_PREPARE_ABORT;
    txn->serial++;
    if (commit)
        committed(world, txn, ticks);
    else
        world->aborts++;
    sim_trace(world, "    coordinator: transaction of %d %s", (int)writer, commit ? "committed" : "aborted");
    marker mark = {.writer = writer, .epoch = txn->epoch, .commit = commit};
    txn->markers = 1; /* until all are sent */
    for (mark.topic = 0; mark.topic < SIM_LOGS; mark.topic++)
        for (mark.partition = 0; mark.partition < world->parts; mark.partition++)
            if (txn->has[mark.topic][mark.partition])
                marker_send(world, &mark);
    mark.places = true;
    if (txn->has_places)
        marker_send(world, &mark);
    if (--txn->markers == 0) {
        txn->state = SIM_EMPTY;
        txn->ended_well = commit;
    }
}

void sim_txn_give_up(sim_world *world, int32_t writer)
{
    sim_txn *txn = &world->txns[writer];
    if (txn->state != SIM_ONGOING)
        return;
    txn->epoch++;
    decide(world, writer, false, NULL);
}

static void too_long(sim_world *world, void *what, uint64_t serial)
{
    sim_txn *txn = what;
    if (txn->serial == serial && txn->state == SIM_ONGOING)
        sim_txn_give_up(world, (int32_t)(txn - world->txns));
}

/* --- requests ---------------------------------------------------------------------------------- */

sim_code sim_txn_init(sim_world *world, sim_request *request)
{
    sim_txn *txn = &world->txns[request->writer];
    sim_txn_give_up(world, request->writer);
    if (txn->state != SIM_EMPTY)
        return SIM_CONCURRENT;
    txn->epoch++;
    txn->serial++;
    txn->ended_well = false;
    request->reply->epoch = txn->epoch;
    return SIM_OK;
}

static sim_code enter(sim_world *world, sim_request *request)
{
    sim_txn *txn = &world->txns[request->writer];
    sim_code code = epoch_check(txn, request);
    if (code != SIM_OK)
        return code;
    if (txn->state != SIM_EMPTY && txn->state != SIM_ONGOING)
        return SIM_CONCURRENT;
    if (txn->state == SIM_EMPTY) {
        txn->state = SIM_ONGOING;
        txn->serial++;
        sim_at(world, world->now_ms + SIM_TXN_MS + sim_below(&world->dice, TIMEOUT_LOOK_MS), too_long, txn,
               txn->serial);
    }
    return SIM_OK;
}

sim_code sim_txn_add(sim_world *world, sim_request *request)
{
    sim_code code = enter(world, request);
    for (size_t i = 0; i < request->count && code == SIM_OK; i++)
        world->txns[request->writer].has[request->messages[i].topic][request->messages[i].partition] = true;
    return code;
}

sim_code sim_txn_add_places(sim_world *world, sim_request *request)
{
    sim_code code = enter(world, request);
    if (code == SIM_OK)
        world->txns[request->writer].has_places = true;
    return code;
}

sim_code sim_txn_produce(sim_world *world, sim_request *request)
{
    const sim_txn *txn = &world->txns[request->writer];
    sim_log *log = &world->logs[request->topic][request->partition];
    if (request->epoch < log->epoch[request->writer] || request->epoch < txn->epoch)
        return SIM_FENCED;
    if (txn->state != SIM_ONGOING || !txn->has[request->topic][request->partition])
        return SIM_BAD_STATE;
    request->reply->offset = log->end;
    for (size_t i = 0; i < request->count; i++)
        sim_log_add(world, log, &request->messages[i], request->writer, SIM_EPOCH_MS + world->now_ms);
    return SIM_OK;
}

sim_code sim_txn_end(sim_world *world, sim_request *request)
{
    sim_txn *txn = &world->txns[request->writer];
    sim_code code = epoch_check(txn, request);
    if (code != SIM_OK)
        return code;
    if (txn->state == SIM_ONGOING) {
        decide(world, request->writer, request->commit, request->ticks);
        return SIM_OK;
    }
    if (txn->state == SIM_EMPTY)
        return txn->ended_well == request->commit ? SIM_OK : SIM_BAD_STATE;
    return SIM_CONCURRENT;
}
