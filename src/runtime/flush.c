/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's copy. A flush that fails is dropped, never queued: the copy is stale then, and is written anew
 * when there is time for it. Nothing here can fail the worker.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "runtime/inside.h"

enum {
    RETRY_MS = 1000,
    LOOK_MS = 5000,
    PATIENCE_MS = 30000,
    RELOAD_MS = 10000, /* a store too slow for this is left alone for a while: the worker stands still */
    RELOAD_ITEMS = 4000,
    RELOAD_BYTES = 8 << 20
};

static bool ours(const snag_partition *partition, const snag_store_head *head)
{
    return head->present && memcmp(head->incarnation, partition->incarnation, 16) == 0;
}

static void stale(snag_partition *partition)
{
    partition->stale = true;
    partition->mend_at_ms = partition->worker->now_ms + RETRY_MS;
}

static snag_store_head final_of(const snag_partition *partition)
{
    return (snag_store_head){.n = partition->n,
                             .log_offset = partition->head_offset,
                             .at_ms = partition->worker->wall_ms};
}

/* The count is what tells a copy that lost something without a trace (an evicted key, say). */
static bool complete(const snag_partition *partition)
{
    snag_engine_usage usage;
    snag_engine_usage_get(partition->engine, &usage);
    return (uint64_t)partition->stored.count == usage.cells;
}

void snag_partition_flush(snag_partition *partition)
{
    snag_worker *worker = partition->worker;
    const snag_store *store = &worker->ports->store;
    snag_store_head final = final_of(partition);
    if (!store->ops || partition->stale)
        return;
    snag_err err = store->ops->write(store->self, partition->index, &partition->stored,
                                     worker->items + partition->item_first, partition->item_count,
                                     &final, NULL);
    if (err == SNAG_OK) {
        atomic_fetch_add(&worker->stats->flushed, partition->item_count);
        if (complete(partition))
            return;
    }
    stale(partition);
    /* Somebody holds a newer state: we are being replaced, and shall not fight over the copy. */
    if (err == SNAG_STATE && ours(partition, &partition->stored) && partition->stored.n >= partition->n)
        partition->mend_at_ms += PATIENCE_MS;
}

/* --- reload ------------------------------------------------------------------------------------ */

/* Fills worker->items with up to RELOAD_ITEMS cells; their bytes are copied into the (empty) bundle. */
static bool cells_next(snag_partition *partition, uint64_t *cursor)
{
    snag_worker *worker = partition->worker;
    snag_str key, blob;
    size_t bytes = 0;
    size_t most = worker->options->reload_items ? worker->options->reload_items : RELOAD_ITEMS;
    worker->item_count = 0;
    snag_bundle_reset(&worker->bundle);
    while (worker->item_count < most && worker->item_count < worker->item_room &&
           bytes < RELOAD_BYTES) {
        if (!snag_engine_each(partition->engine, cursor, &key, &blob))
            return false;
        key = snag_bundle_copy(&worker->bundle, key);
        worker->items[worker->item_count++] =
            (snag_store_item){key, snag_bundle_copy(&worker->bundle, blob), snag_cell_owner(key)};
        bytes += key.size + blob.size;
    }
    return true;
}

static snag_err reload(snag_partition *partition)
{
    snag_worker *worker = partition->worker;
    const snag_store *store = &worker->ports->store;
    const snag_clock *clock = &worker->ports->clock;
    int64_t until_ms = clock->monotonic_ms(clock->self) + RELOAD_MS;
    uint64_t cursor = 0;
    uint64_t token = worker->ports->clock.random(worker->ports->clock.self) >> 1 | 1;
    snag_store_head final = final_of(partition);
    snag_err err = store->ops->take(store->self, partition->index, partition->incarnation, token,
                                    &partition->stored, NULL);
    for (bool more = true; more && err == SNAG_OK;) {
        snag_worker_pass(worker, cursor ? SNAG_POINT_COPY_PART : SNAG_POINT_COPY_TAKEN);
        more = cells_next(partition, &cursor);
        err = store->ops->write(store->self, partition->index, &partition->stored, worker->items,
                                worker->item_count, more ? NULL : &final, NULL);
        if (more && clock->monotonic_ms(clock->self) > until_ms) {
            partition->mend_at_ms += PATIENCE_MS;
            err = SNAG_STORE;
        }
    }
    worker->item_count = 0;
    snag_bundle_reset(&worker->bundle);
    return err;
}

static void mend(snag_partition *partition)
{
    snag_worker *worker = partition->worker;
    partition->mend_at_ms = worker->now_ms + RETRY_MS;
    if (reload(partition) != SNAG_OK)
        return;
    atomic_fetch_add(&worker->stats->reloads, 1);
    snag_worker_pass(worker, SNAG_POINT_COPY_MENDED);
    partition->stale = !complete(partition);
    if (partition->stale)
        partition->mend_at_ms += PATIENCE_MS;
}

/* A quiet partition does not notice by its flushes that the copy was lost: it looks, now and then. */
static void look(snag_partition *partition)
{
    snag_worker *worker = partition->worker;
    const snag_store *store = &worker->ports->store;
    snag_store_head head;
    if (worker->now_ms < partition->mend_at_ms)
        return;
    partition->mend_at_ms = worker->now_ms + LOOK_MS;
    if (store->ops->head(store->self, partition->index, &head, NULL) != SNAG_OK)
        return;
    bool same = ours(partition, &head) && head.n == partition->stored.n &&
                head.token == partition->stored.token && head.count == partition->stored.count;
    if (!same)
        stale(partition);
}

void snag_worker_mend(snag_worker *worker, bool idle)
{
    if (!worker->ports->store.ops || worker->dirty_ms != SNAG_NEVER || worker->bundle.count)
        return;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        snag_partition *partition = worker->partitions[i];
        if (!partition->engine || partition->n < 0)
            continue;
        if (!partition->stale && idle)
            look(partition);
        if (!partition->stale)
            continue;
        int64_t patience = idle ? 0 : PATIENCE_MS; /* a reload stops the worker for a moment */
        if (worker->now_ms >= partition->mend_at_ms + patience)
            mend(partition);
    }
}
