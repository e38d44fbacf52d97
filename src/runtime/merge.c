/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeding a partition from several sources: a record at a time from the source whose turn it is, until that
 * one has none left. What the others still have is left with the input.
 *
 *     batch   web: 7 8 9 10   payments: 3 4        turns: web 7, payments 3, web 8, payments 4, payments -
 *     taken   web 7 8, payments 3 4                left:  web 9 10
 *
 * After a takeover what waited in the engine comes first, of each source, and time stands still: nothing
 * newer of any source may be taken before all of it is back.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/hash.h"
#include "runtime/inside.h"
#include "runtime/lane.h"

uint32_t snag_partition_turn(const snag_partition *partition)
{
    for (uint32_t s = 0; s < partition->worker->sources; s++)
        if (!snag_stream_is_back(&partition->streams[s]))
            return s;
    return snag_engine_turn(partition->engine);
}

void snag_partition_want(const snag_partition *partition)
{
    const snag_input *input = &partition->worker->ports->input;
    if (partition->worker->sources > 1)
        input->ops->want(input->self, partition->index, snag_partition_turn(partition));
}

/* Which records of the batch are whose. */
static void runs_find(snag_partition *partition)
{
    const snag_worker *worker = partition->worker;
    for (uint32_t s = 0; s < worker->sources; s++)
        partition->streams[s].run_first = partition->streams[s].run_end = 0;
    for (size_t i = worker->run_first; i < worker->run_end; i++) {
        snag_stream *stream = &partition->streams[worker->batch->records[i].position.source];
        if (stream->run_end == 0)
            stream->run_first = i;
        SNAG_ASSERT(stream->run_end == 0 || stream->run_end == i);
        stream->run_end = i + 1;
    }
}

/* The events of a lane's record that belong here: under each: others may belong to other partitions. */
static snag_err lane_sift(snag_worker *worker, uint32_t index, const snag_lane_note *note, size_t *count,
                          snag_diag *why)
{
    const bool account = worker->pipeline->key_account;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        snag_event *event = &worker->events[i];
        snag_str who = account ? event->account : event->customer;
        if (snag_murmur2(who) % worker->options->partitions != index && !snag_planted(ITEMS_EVERYWHERE))
            continue;
        event->shift = note->offset - event->position.offset;
        worker->events[kept++] = *event;
    }
    *count = kept;
    if (kept == note->count || snag_planted(ITEMS_EVERYWHERE))
        return SNAG_OK;
    return snag_fail(why, SNAG_BAD_KEY,
                     "the record was carried here for %" PRIu32 " event%s of it, but %zu belong%s here: "
                     "where the %s stands was changed since",
                     note->count, note->count == 1 ? "" : "s", kept, kept == 1 ? "s" : "",
                     account ? "account" : "customer");
}

/* note: NULL where the record is of no lane. */
static snag_err judge(snag_partition *partition, const snag_raw *raw, const snag_lane_note *note, size_t at,
                      snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    uint32_t of = worker->batch->records[at].position.source;
    snag_stream *stream = &partition->streams[of];
    size_t count = 0;
    snag_diag why;
    snag_arena_reset(&worker->arena);
    snag_err err = snag_decode_all(worker->decoders[worker->source_of[of]], raw, &worker->arena,
                                   worker->events, SNAG_CHUNK_EVENTS, &count, &why);
    if (err == SNAG_AGAIN) {
        snag_partition_park(partition, stream, raw);
        return SNAG_AGAIN;
    }
    if (err == SNAG_FULL)
        err = snag_fail(&why, SNAG_BAD_SIZE, "the record does not fit into %d bytes decoded",
                        SNAG_CHUNK_BYTES);
    if (note && err == SNAG_OK)
        err = lane_sift(worker, partition->index, note, &count, &why);
    for (size_t i = 0; i < count && err == SNAG_OK && !note; i++)
        err = snag_worker_check_key(worker, raw, &worker->events[i], &why);
    if (err == SNAG_OK) {
        size_t taken;
        err = snag_partition_take(partition, count, &taken, diag);
        return err == SNAG_OK && taken < count ? SNAG_AGAIN : err;
    }
    if (raw->position.offset >= stream->resume)
        snag_worker_dead_letter(worker, partition, at, err, why.text);
    return SNAG_OK;
}

/* How far the lane's own partition had come before this record. SNAG_AGAIN: now it may be another's turn, or
 * much is due before it. */
static snag_err lane_low(snag_partition *partition, uint32_t of, int64_t low_ms)
{
    snag_worker *worker = partition->worker;
    if (!snag_stream_is_back(&partition->streams[of]) || low_ms == SNAG_TIME_NONE ||
        low_ms <= snag_engine_low(partition->engine, of))
        return SNAG_OK;
    snag_worker_dirty(worker, partition);
    uint32_t budget = snag_worker_timer_budget(worker);
    partition->draining = snag_planted(LANES_ONE_TIME)
                              ? !snag_engine_tick(partition->engine, low_ms, budget)
                              : !snag_engine_tick_source(partition->engine, of, low_ms, budget);
    snag_worker_pass(worker, SNAG_POINT_TICKED);
    return partition->draining || snag_partition_turn(partition) != of ? SNAG_AGAIN : SNAG_OK;
}

static snag_err record_take(snag_partition *partition, uint32_t of, size_t at, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_lane_note note;
    snag_raw raw;
    if (worker->lane_of[of] < 0) {
        raw = snag_worker_raw(worker, at);
        return judge(partition, &raw, NULL, at, diag);
    }
    if (snag_worker_lane_raw(worker, at, &raw, &note) != SNAG_OK) {
        if (worker->batch->records[at].position.offset >= partition->streams[of].resume)
            snag_worker_dead_letter(worker, partition, at, SNAG_BAD_SYNTAX,
                                    "a record in an internal topic that was not written by snag");
        return SNAG_OK;
    }
    snag_err err = lane_low(partition, of, note.low_ms);
    if (err == SNAG_OK && note.last_ms)
        snag_lane_silence(partition, of, &note);
    return err == SNAG_OK && note.count ? judge(partition, &raw, &note, at, diag) : err;
}

/* SNAG_AGAIN: it waits for its schema, for its turn, or for what is due before it. */
static snag_err take_next(snag_partition *partition, uint32_t of, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_stream *stream = &partition->streams[of];
    size_t at = stream->run_first;
    int64_t offset = worker->batch->records[at].position.offset;
    if (!snag_stream_is_back(stream) && offset >= stream->resume) {
        stream->next = stream->resume; /* between the two lies nothing but markers */
        return SNAG_OK;
    }
    worker->run_first = at; /* a late event is this record itself */
    worker->run_end = at + 1;
    snag_err err = record_take(partition, of, at, diag);
    if (err != SNAG_OK)
        return err;
    atomic_fetch_add(&worker->stats->records, 1);
    stream->run_first++;
    stream->next = offset + 1;
    stream->reached = -1;
    snag_worker_dirty(worker, partition);
    return worker->bundle.bytes >= worker->shares.bundle_bytes ? snag_worker_commit(worker, diag) : SNAG_OK;
}

/* What is left of its runs: with the input, where that can hold it. */
static void leave(snag_partition *partition)
{
    const snag_worker *worker = partition->worker;
    const snag_input *input = &worker->ports->input;
    if (worker->sources == 1 && partition->streams[0].run_first < partition->streams[0].run_end)
        snag_partition_set_aside(partition, &partition->streams[0]);
    for (uint32_t s = 0; s < worker->sources && worker->sources > 1; s++) {
        const snag_stream *stream = &partition->streams[s];
        if (stream->run_first < stream->run_end)
            input->ops->leave(input->self, partition->index, s,
                              worker->batch->records[stream->run_first].position.offset);
    }
}

snag_err snag_partition_merge(snag_partition *partition, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    size_t end = worker->run_end;
    snag_err err = SNAG_OK;
    runs_find(partition);
    while (err == SNAG_OK) {
        if (snag_partition_is_busy(partition))
            break;
        uint32_t turn = snag_partition_turn(partition);
        const snag_stream *stream = &partition->streams[turn];
        if (stream->run_first == stream->run_end || stream->parked)
            break;
        err = take_next(partition, turn, diag);
        if (err == SNAG_AGAIN && !stream->parked)
            err = SNAG_OK; /* its turn is over, and it was left where it is */
    }
    leave(partition);
    worker->run_end = end;
    return err == SNAG_AGAIN ? SNAG_OK : err;
}
