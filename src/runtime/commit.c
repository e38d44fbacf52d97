/* SPDX-License-Identifier: Apache-2.0
 *
 * One transaction carries everything since the last: what was said, the after-images of every changed cell, a
 * head for each partition that moved, and, always, the offsets of those partitions with n and incarnation
 * beside them. Only when it is committed does anything reach the store.
 *
 *     records …  | cells of p | head of p, n+1 | cells of q | head of q, n+1 | offsets of p and q | commit
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "runtime/head.h"
#include "runtime/inside.h"

enum { HEAD_LEAST = 4096, HEAD_STREAM = SNAG_STREAM_NAME_MAX + 40 };

static void item_add(snag_worker *worker, snag_str key, snag_str blob)
{
    if (worker->item_count == worker->item_room) {
        worker->item_room = worker->item_room ? worker->item_room * 2 : 1024;
        worker->items = realloc(worker->items, worker->item_room * sizeof *worker->items);
        SNAG_ASSERT(worker->items != NULL);
    }
    worker->items[worker->item_count++] = (snag_store_item){key, blob, snag_cell_owner(key)};
}

/* The key with its mark before it, and the blob, as copies that stay until the bundle is reset. */
static void cell_add(snag_worker *worker, uint32_t partition, snag_str key, snag_str blob)
{
    char *marked = snag_bundle_take(&worker->bundle, key.size + 1);
    marked[0] = SNAG_CELL_KEY;
    memcpy(marked + 1, key.data, key.size);
    snag_message message = {.topic = SNAG_TOPIC_CHANGELOG,
                            .partition = partition,
                            .key = snag_str_of(marked, key.size + 1)};
    if (blob.size)
        message.value = snag_bundle_copy(&worker->bundle, blob);
    snag_bundle_add(&worker->bundle, &message);
    item_add(worker, snag_str_of(marked + 1, key.size), message.value);
}

static int64_t oldest(const snag_partition *partition, uint32_t source)
{
    int64_t waiting = snag_engine_oldest_waiting(partition->engine, source);
    return waiting < partition->streams[source].next ? waiting : partition->streams[source].next;
}

/* A commit says this pipeline's words where they are not in force yet; amid an upgrade, both versions'. */
static bool says_words(const snag_partition *partition)
{
    return partition->sweeping ? partition->joining : !partition->told;
}

static void head_add(snag_worker *worker, snag_partition *partition)
{
    static char key[1] = {SNAG_HEAD_KEY};
    snag_head head = {.n = partition->n + 1,
                      .count = worker->sources,
                      .partitions = worker->options->partitions,
                      .pipeline = worker->pipeline->version,
                      .rules = says_words(partition) ? -1 : partition->words_at,
                      .told = partition->told || !partition->sweeping};
    snag_stream_name names[SNAG_FLOWS_MAX];
    for (uint32_t s = 0; s < worker->sources; s++) {
        const snag_stream *stream = &partition->streams[s];
        names[s] = snag_worker_stream_name(worker, s);
        head.sources[s] = (snag_head_source){
            .name = snag_str_of(names[s].text, names[s].size), .oldest = oldest(partition, s),
            .next = stream->next > stream->resume ? stream->next : stream->resume};
    }
    memcpy(head.incarnation, partition->incarnation, 16);
    memcpy(head.config, worker->pipeline->config, 32);
    memcpy(head.zones, worker->pipeline->zones, sizeof head.zones);
    snag_str zones = worker->pipeline->zone_version;
    memcpy(head.zone_version, zones.size ? zones.data : "",
           zones.size < sizeof head.zone_version ? zones.size : sizeof head.zone_version);
    snag_buf buf = snag_bundle_buf(&worker->bundle, HEAD_LEAST + worker->sources * (size_t)HEAD_STREAM);
    snag_head_write(&buf, &head);
    snag_engine_head_write(partition->engine, &buf);
    partition->head_offset = -1;
    snag_message message = {.topic = SNAG_TOPIC_CHANGELOG,
                            .partition = partition->index,
                            .key = snag_str_of(key, 1),
                            .value = snag_bundle_used(&worker->bundle, &buf),
                            .offset = &partition->head_offset};
    snag_bundle_add(&worker->bundle, &message);
}

/* places: room for one of each source. */
static void prepare(snag_worker *worker, snag_partition *partition, snag_place *places)
{
    snag_str key, blob;
    if (worker->rekeys) {
        snag_rekey_prepare(worker, partition, places);
        return;
    }
    partition->item_first = worker->item_count;
    while (snag_engine_changed(partition->engine, &key, &blob))
        cell_add(worker, partition->index, key, blob);
    partition->item_count = worker->item_count - partition->item_first;
    if (partition->n < 0)
        snag_partition_ticks_begin(partition);
    if (says_words(partition))
        snag_partition_words_add(partition);
    head_add(worker, partition);
    for (uint32_t s = 0; s < worker->sources; s++) {
        places[s] = (snag_place){.partition = partition->index, .source = s, .offset = oldest(partition, s)};
        snag_head_words(places[s].text, sizeof places[s].text, partition->n + 1, partition->incarnation);
    }
}

/* Whether the transaction says where it has read up to: always. */
static bool says_places(const snag_worker *worker, const snag_place *places, size_t count)
{
    bool moved = false;
    for (size_t i = 0; i < count; i++)
        moved = moved ||
                places[i].offset != worker->partitions[places[i].partition]->streams[places[i].source].placed;
    return !snag_planted(NO_OFFSETS) && (moved || !snag_planted(NO_OFFSETS_TICK));
}

/* A mistake to be found by tests: the store shall know only what is committed. */
static void flush_early(const snag_worker *worker, const snag_place *places, size_t count)
{
    for (size_t i = 0; i < count && snag_planted(EARLY_FLUSH) && !worker->rekeys; i += worker->sources) {
        snag_partition *partition = worker->partitions[places[i].partition];
        partition->n++;
        snag_partition_flush(partition);
        partition->n--;
    }
}

/* A log only grows: a head that comes to lie before the last one is in another log. */
static snag_err heads_check(const snag_worker *worker, const snag_place *places, size_t count,
                            snag_diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        const snag_partition *partition = worker->partitions[places[i].partition];
        if (partition->head_offset >= 0 && partition->head_offset <= partition->logged)
            return snag_fail(diag, SNAG_STATE,
                             "partition %" PRIu32 ": the changelog was made anew or cut while it was in use "
                             "(offset %" PRId64 " after %" PRId64 "): the state in it is lost. Begin a new "
                             "--group, which reads the input anew",
                             partition->index, partition->head_offset, partition->logged);
    }
    return SNAG_OK;
}

static snag_err transact(snag_worker *worker, const snag_place *places, size_t count,
                         snag_diag *diag)
{
    const snag_output *output = &worker->ports->output;
    flush_early(worker, places, count);
    worker->begun_ms = worker->ports->clock.monotonic_ms(worker->ports->clock.self);
    snag_err err = output->ops->begin(output->self, diag);
    snag_worker_pass(worker, SNAG_POINT_BEGUN);
    for (size_t i = 0; i < worker->bundle.count && err == SNAG_OK; i++) {
        err = output->ops->send(output->self, &worker->bundle.messages[i], diag);
        if (i == worker->bundle.count / 2)
            snag_worker_pass(worker, SNAG_POINT_SENT_PART);
    }
    snag_worker_pass(worker, SNAG_POINT_SENT);
    if (err == SNAG_OK && says_places(worker, places, count))
        err = output->ops->offsets(output->self, places, count, diag);
    if (err == SNAG_OK)
        err = heads_check(worker, places, count, diag);
    snag_worker_pass(worker, SNAG_POINT_PLACED);
    if (err == SNAG_OK)
        err = output->ops->commit(output->self, diag);
    return err;
}

void snag_partition_usage(snag_partition *partition)
{
    snag_engine_usage usage;
    snag_worker *worker = partition->worker;
    const snag_blocks *blocks = &worker->ports->blocks;
    snag_engine_usage_get(partition->engine, &usage);
    atomic_fetch_add(&worker->shared->state_bytes, usage.bytes_used - partition->accounted);
    partition->accounted = usage.bytes_used;
    if (partition->large || usage.bytes_used < SNAG_LARGE_BYTES)
        return;
    partition->large = true;
    if (blocks->large)
        blocks->large(blocks->self, partition->block, partition->block_bytes);
}

static void committed(snag_partition *partition, const snag_place *places)
{
    if (partition->worker->rekeys) {
        snag_rekey_committed(partition, places);
        return;
    }
    partition->n++;
    for (uint32_t s = 0; s < partition->worker->sources; s++)
        partition->streams[s].placed = places[s].offset;
    partition->dirty = false;
    partition->logged = partition->head_offset;
    if (says_words(partition))
        partition->words_at = partition->words_written;
    partition->joining = false;
    partition->told = partition->told || !partition->sweeping;
    snag_partition_usage(partition);
    snag_worker_pass(partition->worker, SNAG_POINT_COMMITTED);
    if (!snag_planted(EARLY_FLUSH))
        snag_partition_flush(partition);
    snag_worker_pass(partition->worker, SNAG_POINT_FLUSHED);
}

snag_err snag_worker_commit(snag_worker *worker, snag_diag *diag)
{
    snag_place *places = malloc(sizeof *places * (worker->options->partitions * (size_t)worker->sources + 1));
    size_t count = 0;
    SNAG_ASSERT(places != NULL);
    worker->item_count = 0;
    for (uint32_t i = 0; i < worker->options->partitions; i++)
        if (worker->partitions[i] && worker->partitions[i]->dirty) {
            prepare(worker, worker->partitions[i], &places[count]);
            count += worker->sources;
        }
    snag_err err = count ? transact(worker, places, count, diag) : SNAG_OK;
    for (size_t i = 0; i < count && err == SNAG_OK; i += worker->sources)
        committed(worker->partitions[places[i].partition], &places[i]);
    free(places);
    if (err != SNAG_OK)
        return err; /* the bundle stays: the producer may still hold its bytes until it is renewed */
    SNAG_ASSERT(count > 0 || worker->bundle.count == 0);
    if (count)
        atomic_fetch_add(&worker->stats->commits, 1);
    snag_bundle_reset(&worker->bundle);
    worker->dirty_ms = SNAG_NEVER;
    worker->committed_ms = worker->ports->clock.monotonic_ms(worker->ports->clock.self);
    worker->begun_ms = SNAG_TIME_NONE;
    return SNAG_OK;
}
