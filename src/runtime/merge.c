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
#include "base/assert.h"
#include "runtime/inside.h"

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

static snag_err judge(snag_partition *partition, const snag_raw *raw, size_t at, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    const snag_stream *stream = &partition->streams[raw->position.source];
    size_t count = 0;
    snag_diag why;
    snag_arena_reset(&worker->arena);
    snag_err err = snag_decode_all(worker->decoders[raw->position.source], raw, &worker->arena,
                                   worker->events, SNAG_CHUNK_EVENTS, &count, &why);
    if (err == SNAG_AGAIN) {
        snag_partition_park(partition, raw);
        return SNAG_AGAIN;
    }
    if (err == SNAG_FULL)
        err = snag_fail(&why, SNAG_BAD_SIZE, "the record does not fit into %d bytes decoded",
                        SNAG_CHUNK_BYTES);
    for (size_t i = 0; i < count && err == SNAG_OK; i++)
        err = snag_worker_check_key(worker, raw, &worker->events[i], &why);
    if (err == SNAG_OK) {
        atomic_fetch_add(&worker->stats->events, count);
        return snag_partition_take(partition, count, diag);
    }
    if (raw->position.offset >= stream->resume)
        snag_worker_dead_letter(worker, partition, at, err, why.text);
    return SNAG_OK;
}

/* SNAG_AGAIN: it waits for its schema. */
static snag_err take_next(snag_partition *partition, snag_stream *stream, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    size_t at = stream->run_first;
    snag_raw raw = snag_worker_raw(worker, at);
    if (!snag_stream_is_back(stream) && raw.position.offset >= stream->resume) {
        stream->next = stream->resume; /* between the two lies nothing but markers */
        return SNAG_OK;
    }
    worker->run_first = at; /* a late event is this record itself */
    worker->run_end = at + 1;
    snag_err err = judge(partition, &raw, at, diag);
    if (err != SNAG_OK)
        return err;
    atomic_fetch_add(&worker->stats->records, 1);
    stream->run_first++;
    stream->next = raw.position.offset + 1;
    stream->reached = -1;
    snag_worker_dirty(worker, partition);
    return worker->bundle.bytes >= worker->shares.bundle_bytes ? snag_worker_commit(worker, diag) : SNAG_OK;
}

static void leave(const snag_partition *partition)
{
    const snag_worker *worker = partition->worker;
    const snag_input *input = &worker->ports->input;
    for (uint32_t s = 0; s < worker->sources; s++) {
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
        if (partition->draining)
            err = snag_partition_drain(partition, diag);
        snag_stream *stream = &partition->streams[snag_partition_turn(partition)];
        if (err != SNAG_OK || stream->run_first == stream->run_end || stream->parked)
            break;
        err = take_next(partition, stream, diag);
    }
    leave(partition);
    worker->run_end = end;
    return err == SNAG_AGAIN ? SNAG_OK : err;
}
