/* SPDX-License-Identifier: Apache-2.0
 *
 * Parking: a record whose schema is still on its way stops its own source's partition, and no other. Nothing
 * is held in memory: the partition is taken out of what the input reads, at that record, and is put
 * back when the schema is there or given up (the fetcher has the deadline; the record becomes a
 * dead letter then). The same where a partition is busy with very many deadlines: then until they have fired.
 *
 *     p: 1 2 3 |4 5 6        record 4 waits       read on: q r
 *     schema comes, or not   p starts at 4 again  read on: p q r
 *
 * Reading is begun anew with explicit offsets instead of pausing, which loses messages with batch
 * reads in librdkafka 2.0.2. The start of a record is enough to ask again: its schema's id stands
 * there.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "runtime/inside.h"

void snag_partition_park(snag_partition *partition, snag_stream *stream, const snag_raw *raw)
{
    size_t size = raw->value.size < sizeof stream->parked_head ? raw->value.size : sizeof stream->parked_head;
    if (size)
        memcpy(stream->parked_head, raw->value.data, size);
    stream->parked_size = size;
    snag_partition_set_aside(partition, stream);
    stream->schemaless = true;
}

void snag_partition_set_aside(snag_partition *partition, snag_stream *stream)
{
    if (stream->parked)
        return;
    stream->parked = true;
    stream->schemaless = false;
    stream->reached = -1;
    partition->worker->parked++;
    partition->worker->reseat = true;
}

static bool waits_still(const snag_partition *partition, uint32_t source)
{
    snag_worker *worker = partition->worker;
    const snag_stream *stream = &partition->streams[source];
    snag_event event;
    snag_diag why;
    if (!stream->schemaless)
        return snag_partition_is_busy(partition);
    snag_raw raw = {.position = {.partition = partition->index, .source = worker->source_of[source]},
                    .stamp_ms = SNAG_TIME_NONE,
                    .value = snag_str_of(stream->parked_head, stream->parked_size)};
    snag_arena_reset(&worker->arena);
    snag_decoder *decoder = worker->decoders[worker->source_of[source]];
    return snag_decode(decoder, &raw, &worker->arena, &event, &why) == SNAG_AGAIN;
}

static snag_err reseat(snag_worker *worker, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    size_t count = 0;
    snag_place *places = calloc((size_t)worker->options->partitions * worker->sources, sizeof *places);
    SNAG_ASSERT(places != NULL);
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        const snag_partition *partition = worker->partitions[i];
        for (uint32_t s = 0; s < worker->sources && snag_partition_is_owned(partition); s++)
            if (!partition->streams[s].parked)
                places[count++] = (snag_place){.partition = i, .source = s,
                                               .offset = partition->streams[s].next};
    }
    snag_err err = input->ops->start(input->self, places, count, diag);
    free(places);
    worker->reseat = false;
    return err;
}

snag_err snag_worker_parked(snag_worker *worker, snag_diag *diag)
{
    for (uint32_t i = 0; worker->parked && i < worker->options->partitions * worker->sources; i++) {
        snag_partition *partition = worker->partitions[i / worker->sources];
        snag_stream *stream = &partition->streams[i % worker->sources];
        if (!stream->parked || waits_still(partition, i % worker->sources))
            continue;
        stream->parked = false;
        worker->parked--;
        worker->reseat = true;
    }
    return worker->reseat ? reseat(worker, diag) : SNAG_OK;
}

void snag_worker_unpark(snag_worker *worker)
{
    for (uint32_t i = 0; i < worker->options->partitions; i++)
        for (uint32_t s = 0; s < worker->sources; s++)
            worker->partitions[i]->streams[s].parked = false;
    worker->parked = 0;
    worker->reseat = false;
}
