/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch, run by run (a run = neighbouring records of one partition), chunk by chunk (what the arena holds):
 * decode, the unreadable to the dead letter, the rest to the engine.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "codec/screen.h"
#include "runtime/inside.h"
#include "runtime/lane.h"

enum { HEADERS_MAX = 1024 };

static snag_err out_of_memory(const snag_partition *partition, snag_diag *diag)
{
    return snag_fail(diag, SNAG_FULL,
                     "partition %" PRIu32 ": its state does not fit into %zu MiB: raise `budget`, or "
                     "spread the topic over more partitions and processes",
                     partition->index, partition->block_bytes >> 20);
}

/* Before all is back that waited in the order buffer, time would pass what it must not pass. */
static bool is_back(const snag_partition *partition)
{
    bool back = true;
    for (uint32_t s = 0; s < partition->worker->sources; s++)
        back = back && snag_stream_is_back(&partition->streams[s]);
    return back;
}

bool snag_partition_is_busy(const snag_partition *partition)
{
    bool away = partition->worker->away && !snag_planted(AWAY_DRAINED);
    return partition->draining && !away && is_back(partition);
}

snag_err snag_partition_drain(snag_partition *partition, snag_diag *diag)
{
    size_t taken;
    if (!snag_partition_is_busy(partition))
        return SNAG_OK;
    partition->draining = !snag_engine_drain(partition->engine, snag_worker_timer_budget(partition->worker));
    snag_worker_dirty(partition->worker, partition);
    /* A full engine never gets there: asked with nothing to take, it says so. */
    if (partition->draining && snag_engine_take(partition->engine, NULL, 0, &taken) == SNAG_FULL)
        return out_of_memory(partition, diag);
    return SNAG_OK;
}

/* --- decoding ---------------------------------------------------------------------------------- */

/* All of one customer must be in one partition, which only the record's key can promise. */
snag_err snag_worker_check_key(snag_worker *worker, const snag_raw *raw, const snag_event *event,
                          snag_diag *diag)
{
    const char *what = worker->pipeline->key_account ? "account" : "customer";
    snag_str who = worker->pipeline->key_account ? event->account : event->customer;
    const snag_source_spec *source = &worker->pipeline->sources[raw->position.source];
    if (snag_event_keyed(source, worker->pipeline->key_account, raw->key, event))
        return SNAG_OK;
    atomic_fetch_add(&worker->stats->wrong_key, 1);
    snag_str shown = snag_source_hashes(source) ? SNAG_STR("not told") : raw->key;
    if (!worker->said_wrong_key)
        snag_worker_say(worker,
                        "a record's key is not its %s (key \"%.*s\", %s \"%.*s\"): such records go to the "
                        "dead letter; the topic must be keyed by %s",
                        what, (int)(shown.size > 64 ? 64 : shown.size), shown.size ? shown.data : "", what,
                        (int)(who.size > 64 ? 64 : who.size), who.size ? who.data : "", what);
    worker->said_wrong_key = true;
    return snag_fail(diag, SNAG_BAD_KEY, "the record's key is not the %s \"%.*s\"", what,
                     (int)(who.size > 256 ? 256 : who.size), who.size ? who.data : "");
}

snag_raw snag_worker_raw(snag_worker *worker, size_t at)
{
    const snag_input *input = &worker->ports->input;
    snag_raw raw = worker->batch->records[at];
    raw.position.source = worker->source_of[raw.position.source]; /* the input counts streams */
    if (worker->pipeline->sources[raw.position.source].format == SNAG_FORMAT_CLOUDEVENTS) {
        raw.header_count = input->ops->headers(input->self, at, worker->headers, HEADERS_MAX);
        raw.headers = worker->headers;
    }
    return raw;
}

snag_raw snag_worker_origin(snag_worker *worker, size_t at)
{
    const snag_input *input = &worker->ports->input;
    snag_lane_note note;
    snag_raw raw;
    if (worker->lane_of[worker->batch->records[at].position.source] >= 0 &&
        snag_worker_lane_raw(worker, at, &raw, &note) == SNAG_OK) {
        raw.position.offset = note.offset;
        return raw;
    }
    raw = worker->batch->records[at];
    raw.position.source = worker->source_of[raw.position.source];
    raw.header_count = input->ops->headers(input->self, at, worker->headers, HEADERS_MAX);
    raw.headers = worker->headers;
    return raw;
}

snag_err snag_worker_lane_raw(snag_worker *worker, size_t at, snag_raw *raw, snag_lane_note *note)
{
    const snag_input *input = &worker->ports->input;
    uint32_t count = input->ops->headers(input->self, at, worker->headers, HEADERS_MAX);
    const snag_raw *record = &worker->batch->records[at];
    uint32_t stream = record->position.source;
    snag_str key = {NULL, 0};
    if (count && snag_str_equal(worker->headers[count - 1].name, SNAG_STR(SNAG_LANE_KEY_HEADER)))
        key = worker->headers[--count].value;
    if (count == 0 || !snag_str_equal(worker->headers[count - 1].name, SNAG_STR(SNAG_LANE_HEADER)) ||
        !snag_lane_note_read(note, worker->headers[--count].value) ||
        note->partition != (uint32_t)worker->lane_of[stream])
        return SNAG_BAD_SYNTAX;
    *raw = (snag_raw){.position = {.offset = record->position.offset, .partition = note->partition,
                                   .source = worker->source_of[stream]},
                      .stamp_ms = note->stamp_ms, .key = key, .value = record->value,
                      .headers = worker->headers, .header_count = count};
    return SNAG_OK;
}

/* A record that nothing can be done with: it ends its chunk, and is told when all before it is taken. */
typedef struct unfit {
    bool any;
    size_t at;
    snag_err err;
    snag_diag why;
} unfit;

/* Decodes from record *at on, until the run, the chunk or the arena ends, or one is unfit. Returns the number
 * of events. */
static size_t decode_chunk(snag_worker *worker, snag_partition *partition, size_t *at, size_t end, unfit *bad)
{
    size_t count = 0;
    snag_arena_reset(&worker->arena);
    bad->any = false;
    for (; *at < end && count < SNAG_CHUNK_EVENTS && !bad->any; (*at)++) {
        snag_raw raw = snag_worker_raw(worker, *at);
        snag_event *events = &worker->events[count];
        size_t more = 0;
        snag_err err = snag_decode_all(worker->decoders[0], &raw, &worker->arena, events,
                                       SNAG_CHUNK_EVENTS - count, &more, &bad->why);
        if (count > 0 && (err == SNAG_AGAIN || err == SNAG_FULL))
            break;
        if (err == SNAG_AGAIN) {
            snag_partition_park(partition, &partition->streams[0], &raw);
            break;
        }
        if (err == SNAG_FULL)
            err = snag_fail(&bad->why, SNAG_BAD_SIZE, "the record does not fit into %d bytes decoded",
                            SNAG_CHUNK_BYTES);
        for (size_t i = 0; i < more && err == SNAG_OK; i++)
            err = snag_worker_check_key(worker, &raw, &events[i], &bad->why);
        count += err == SNAG_OK ? more : 0;
        bad->any = err != SNAG_OK;
        bad->at = *at;
        bad->err = err;
    }
    return count;
}

/* --- feeding ----------------------------------------------------------------------------------- */

/* Duplicates, and what is excluded, are the engine's to see; people see them here. */
snag_err snag_partition_take(snag_partition *partition, size_t count, size_t *taken, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_counters before, after;
    *taken = 0;
    if (count == 0)
        return SNAG_OK;
    uint64_t excluded = snag_engine_excluded_all(partition->engine);
    snag_engine_counters(partition->engine, &before);
    snag_partition_ticks_tell(partition, worker->events, count);
    snag_err err = snag_engine_take_some(partition->engine, worker->events, count,
                                         snag_worker_timer_budget(worker), taken);
    partition->draining = !snag_engine_at_rest(partition->engine);
    snag_engine_counters(partition->engine, &after);
    atomic_fetch_add(&worker->stats->duplicates, after.duplicate - before.duplicate);
    excluded = snag_engine_excluded_all(partition->engine) - excluded;
    if (excluded)
        atomic_fetch_add(&worker->stats->excluded, excluded);
    atomic_fetch_add(&worker->stats->events, *taken);
    if (err == SNAG_FULL)
        return out_of_memory(partition, diag);
    if (err == SNAG_OK && *taken < count) {
        SNAG_ASSERT(partition->draining);
        snag_worker_pass(worker, SNAG_POINT_HALTED);
        *taken += snag_planted(HALTED_TAKEN);
    }
    return err;
}

/* Takes the next chunk of the run; *at moves on to the first record of which nothing was taken. */
static snag_err feed_chunk(snag_worker *worker, snag_partition *partition, size_t *at, snag_diag *diag)
{
    unfit bad;
    size_t taken;
    size_t end = *at;
    size_t count = decode_chunk(worker, partition, &end, worker->run_end, &bad);
    snag_err err = snag_partition_take(partition, count, &taken, diag);
    if (err != SNAG_OK)
        return err;
    if (taken < count) {
        int64_t offset = worker->events[taken].position.offset;
        while (*at < end && worker->batch->records[*at].position.offset < offset)
            (*at)++;
        SNAG_ASSERT(*at < end);
        partition->streams[0].next = worker->batch->records[*at].position.offset;
        snag_worker_dirty(worker, partition);
        return SNAG_OK;
    }
    if (bad.any && worker->batch->records[bad.at].position.offset >= partition->streams[0].resume)
        snag_worker_dead_letter(worker, partition, bad.at, bad.err, bad.why.text);
    if (end > *at) {
        partition->streams[0].next = worker->batch->records[end - 1].position.offset + 1;
        snag_worker_dirty(worker, partition);
    }
    *at = end;
    return SNAG_OK;
}

static snag_err feed_run(snag_worker *worker, snag_partition *partition, snag_diag *diag)
{
    snag_stream *stream = &partition->streams[0];
    snag_err err = SNAG_OK;
    for (size_t at = worker->run_first; at < worker->run_end && err == SNAG_OK && !stream->parked;) {
        size_t first = at;
        if (snag_partition_is_busy(partition)) { /* what is newer comes again when it is done */
            snag_partition_set_aside(partition, stream);
            break;
        }
        err = feed_chunk(worker, partition, &at, diag);
        atomic_fetch_add(&worker->stats->records, at - first);
        if (at > first)
            stream->reached = -1;
        if (err == SNAG_OK && worker->bundle.bytes >= worker->shares.bundle_bytes)
            err = snag_worker_commit(worker, diag);
    }
    return err;
}

static size_t run_end(const snag_batch *batch, size_t first)
{
    size_t end = first + 1;
    while (end < batch->count &&
           batch->records[end].position.partition == batch->records[first].position.partition)
        end++;
    return end;
}

static snag_partition *owned(const snag_worker *worker, uint32_t index)
{
    snag_partition *partition = index < worker->options->partitions ? worker->partitions[index] : NULL;
    return partition && snag_partition_is_owned(partition) ? partition : NULL;
}

snag_err snag_worker_feed(snag_worker *worker, const snag_batch *batch, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    worker->batch = batch;
    for (size_t first = 0; first < batch->count && err == SNAG_OK; first = worker->run_end) {
        snag_partition *partition = owned(worker, batch->records[first].position.partition);
        worker->run_first = first;
        worker->run_end = run_end(batch, first);
        if (partition && worker->rekeys)
            err = snag_rekey_feed(partition, diag);
        else if (partition && (worker->sources > 1 || worker->lane_of[0] >= 0))
            err = snag_partition_merge(partition, diag);
        else if (partition)
            err = feed_run(worker, partition, diag);
    }
    worker->batch = NULL;
    if (batch->count)
        snag_worker_pass(worker, SNAG_POINT_FED);
    for (size_t i = 0; i < batch->reached_count && err == SNAG_OK; i++) {
        snag_partition *partition = owned(worker, batch->reached[i].partition);
        if (partition && !partition->streams[batch->reached[i].source].parked)
            partition->streams[batch->reached[i].source].reached = batch->reached[i].offset;
    }
    return err;
}
