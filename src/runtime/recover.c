/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a partition over. What counts is what was committed: the group's offset names commit n of
 * incarnation i.
 *
 *     offset words ---> n, i
 *     store: head (i, n' <= n), the same on every page, and as many cells as it says; else start empty
 *     changelog: from the store's place in it (or its beginning) up to the head with n, never to "the end"
 *
 * Rules are never run again to rebuild state. Where the witnesses disagree the worker stops and says what
 * to do.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "runtime/head.h"
#include "runtime/inside.h"

enum { LOG_WAIT_MS = 100, LOG_PATIENCE_MS = 60000, SETTLED_PATIENCE_MS = 5000, POLL_EVERY = 5000 };
enum { TRIES = 20 };

/* --- engines ----------------------------------------------------------------------------------- */

static void engine_drop(snag_partition *partition)
{
    const snag_blocks *blocks = &partition->worker->ports->blocks;
    if (partition->block)
        blocks->back(blocks->self, partition->block, partition->block_bytes);
    partition->block = NULL;
    partition->engine = NULL;
    partition->large = false;
}

static snag_err engine_make(snag_partition *partition, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    const snag_blocks *blocks = &worker->ports->blocks;
    size_t least = snag_engine_bytes_min(worker->pipeline), share = (size_t)worker->shares.state_bytes;
    engine_drop(partition);
    partition->block_bytes = share < least ? least : share;
    snag_err err = blocks->give(blocks->self, partition->block_bytes, &partition->block, diag);
    if (err != SNAG_OK) {
        partition->block = NULL;
        return err;
    }
    err = snag_engine_init(&partition->engine, worker->pipeline, partition->block, partition->block_bytes,
                           snag_partition_emit, partition);
    if (err == SNAG_OK && partition->index > 0)
        snag_engine_mute(partition->engine);
    return err;
}

void snag_partition_drop(snag_partition *partition)
{
    snag_worker *worker = partition->worker;
    atomic_fetch_sub(&worker->shared->state_bytes, partition->accounted);
    engine_drop(partition);
    free(partition->words);
    snag_partition_clear(partition);
}

void snag_worker_drop_all(snag_worker *worker)
{
    for (uint32_t i = 0; i < worker->options->partitions; i++)
        if (worker->partitions[i])
            snag_partition_drop(worker->partitions[i]);
    worker->dirty_ms = SNAG_NEVER;
}

/* --- the store --------------------------------------------------------------------------------- */

static bool same_head(const snag_store_head *a, const snag_store_head *b)
{
    return a->present && b->present && memcmp(a->incarnation, b->incarnation, 16) == 0 && a->n == b->n &&
           a->step == b->step && a->token == b->token && a->count == b->count;
}

/* Deletions older than the changelog's tombstones can no longer be told: such a copy is of no use. */
static bool usable(const snag_partition *partition, const snag_store_head *head, int64_t n)
{
    const snag_worker *worker = partition->worker;
    return head->present && memcmp(head->incarnation, partition->incarnation, 16) == 0 &&
           head->step == 0 && head->token == 0 && head->n >= 0 && head->n <= n &&
           worker->wall_ms - head->at_ms < worker->options->tombstones_ms / 2;
}

static snag_err page_restore(snag_partition *partition, uint64_t *cursor, const snag_store_head *head)
{
    const snag_store *store = &partition->worker->ports->store;
    const snag_store_item *items;
    snag_store_head seen = *head;
    size_t count;
    snag_err err = store->ops->page(store->self, partition->index, cursor, &items, &count, &seen, NULL);
    if (err == SNAG_OK && !same_head(head, &seen))
        return SNAG_STATE;
    for (size_t i = 0; i < count && err == SNAG_OK; i++)
        err = snag_engine_restore(partition->engine, items[i].key, items[i].blob);
    partition->worker->from_store += count;
    snag_partition_usage(partition);
    return err;
}

/* SNAG_OK with *from > 0: the store's copy is in the engine; *from 0: the engine is empty. */
static snag_err store_load(snag_partition *partition, int64_t n, int64_t *from, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    const snag_store *store = &worker->ports->store;
    snag_store_head head;
    snag_engine_usage usage;
    snag_err err = SNAG_OK;
    *from = 0;
    partition->stale = true;
    partition->mend_at_ms = 0;
    if (!store->ops || store->ops->head(store->self, partition->index, &head, NULL) != SNAG_OK ||
        !usable(partition, &head, n) || head.log_offset < 0)
        return SNAG_OK;
    for (uint64_t cursor = 0; cursor != UINT64_MAX && err == SNAG_OK;) {
        snag_err seat = snag_worker_keep_seat(worker, diag);
        if (seat != SNAG_OK)
            return seat;
        err = page_restore(partition, &cursor, &head);
        snag_worker_pass(worker, SNAG_POINT_STORE_PART);
    }
    snag_engine_usage_get(partition->engine, &usage);
    if (err != SNAG_OK || usage.cells != (uint64_t)head.count)
        return engine_make(partition, diag);
    *from = head.log_offset;
    partition->stored = head;
    partition->stale = head.n != n;
    return SNAG_OK;
}

/* --- the changelog ----------------------------------------------------------------------------- */

static snag_err head_take(snag_partition *partition, const snag_head *head, snag_diag *diag);

/* One record. SNAG_END: it was the head that is looked for. */
static snag_err log_apply(snag_partition *partition, const snag_change_record *record, int64_t n,
                          snag_head *head, snag_diag *diag)
{
    if (record->key.size == 0)
        return SNAG_OK;
    if (record->key.data[0] == SNAG_CELL_KEY) {
        snag_err err = snag_engine_restore(
            partition->engine, snag_str_of(record->key.data + 1, record->key.size - 1), record->value);
        return err == SNAG_OK ? err : snag_partition_cell_refused(partition, record->value, err, diag);
    }
    if (record->key.data[0] == SNAG_RULES_KEY) {
        snag_partition_words_keep(partition, record->offset, record->value);
        return SNAG_OK;
    }
    snag_err err = snag_head_read(head, record->value, diag);
    if (err != SNAG_OK || memcmp(head->incarnation, partition->incarnation, 16) != 0)
        return err;
    if (head->n < n)
        return snag_planted(LOG_TO_END) ? head_take(partition, head, diag) : SNAG_OK;
    if (head->n > n)
        return SNAG_AGAIN; /* somebody has committed since: look at the offsets again */
    return SNAG_END;
}

/* What the engine must be given again, or may skip. */
static void resume(const snag_partition *partition)
{
    for (uint32_t s = 0; s < partition->worker->sources; s++)
        snag_engine_resume(partition->engine, s, partition->streams[s].resume);
}

static snag_err head_take(snag_partition *partition, const snag_head *head, snag_diag *diag)
{
    snag_err err = snag_partition_head_check(partition, head, diag);
    if (err == SNAG_OK)
        err = snag_engine_head_read(partition->engine, head->engine);
    if (err != SNAG_OK)
        return err;
    snag_partition_zones_check(partition, head);
    partition->n = head->n;
    partition->told = head->told && memcmp(head->config, partition->worker->pipeline->config, 32) == 0;
    if (!partition->words)
        partition->words_at = head->rules;
    err = snag_partition_places_take(partition, head, diag);
    resume(partition);
    partition->draining = !snag_engine_at_rest(partition->engine);
    return err;
}

/* Behind the last record: with an open transaction there, what is looked for may still come into sight. */
static bool settled(const snag_changelog *log)
{
    return log->ops->settled && log->ops->settled(log->self);
}

/* The head with n did not come. ended: the visible end was told behind the last record. */
static snag_err log_give_up(const snag_partition *partition, int64_t n, bool ended, snag_diag *diag)
{
    const snag_changelog *log = &partition->worker->ports->changelog;
    if (!ended)
        return snag_fail(diag, SNAG_BROKER, "partition %" PRIu32 ": the changelog gives no answer",
                         partition->index);
    if (log->ops->settled && !settled(log))
        return snag_fail(diag, SNAG_STATE,
                         "partition %" PRIu32 ": commit %" PRId64 " lies behind a transaction in the "
                         "changelog that nobody ends (old brokers leave such behind): abort it "
                         "(kafka-transactions.sh find-hanging, abort) and start again; nothing is lost",
                         partition->index, n);
    return snag_fail(diag, SNAG_STATE,
                     "partition %" PRIu32 ": commit %" PRId64 " of the group's offsets is not in the "
                     "changelog: it was deleted or cut. Begin a new --group, which reads "
                     "the topic anew",
                     partition->index, n);
}

/* Reads until the head with n. The visible end may lie before it (somebody's open transaction hides it), so
 * there is patience behind the end, but not for ever. */
static snag_err log_read(snag_partition *partition, int64_t n, snag_head *head, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    const snag_changelog *log = &worker->ports->changelog;
    const snag_clock *clock = &worker->ports->clock;
    int64_t waited_ms = 0; /* in reading, not by the clock: the process may have been stopped meanwhile */
    bool ended = false;
    for (uint64_t seen = 1;; seen++) {
        snag_change_record record;
        int64_t from_ms = clock->monotonic_ms(clock->self);
        snag_err err = log->ops->next(log->self, LOG_WAIT_MS, &record, diag);
        bool idle = err == SNAG_AGAIN || err == SNAG_END;
        if (err == SNAG_END && !ended)
            waited_ms = 0;
        ended = err == SNAG_END || (ended && err == SNAG_AGAIN);
        if (err == SNAG_OK) {
            worker->from_log++;
            waited_ms = 0;
            snag_worker_pass(worker, SNAG_POINT_LOG_PART);
            err = log_apply(partition, &record, n, head, diag);
            if (err == SNAG_END) {
                partition->logged = record.offset;
                return head_take(partition, head, diag);
            }
        }
        if (err != SNAG_OK && !idle)
            return err;
        if (idle && snag_planted(LOG_TO_END) && partition->n >= 0)
            return SNAG_OK;
        if (seen % POLL_EVERY == 0)
            snag_partition_usage(partition);
        if ((idle || seen % POLL_EVERY == 0) && (err = snag_worker_keep_seat(worker, diag)) != SNAG_OK)
            return err;
        int64_t took_ms = clock->monotonic_ms(clock->self) - from_ms;
        waited_ms += took_ms < 2 * LOG_WAIT_MS ? took_ms : 2 * LOG_WAIT_MS;
        if (idle && waited_ms > (ended && settled(log) ? SETTLED_PATIENCE_MS : LOG_PATIENCE_MS))
            return log_give_up(partition, n, ended, diag);
    }
}

static snag_err log_load(snag_partition *partition, int64_t n, int64_t from, snag_diag *diag)
{
    const snag_changelog *log = &partition->worker->ports->changelog;
    snag_head head;
    snag_err err = log->ops->open(log->self, partition->index, from, diag);
    if (err == SNAG_OK)
        err = log_read(partition, n, &head, diag);
    log->ops->shut(log->self);
    return err;
}

/* SNAG_STATE: there is a head in the changelog although nothing was ever committed. */
static snag_err log_is_empty(snag_partition *partition, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    const snag_changelog *log = &worker->ports->changelog;
    snag_change_record record;
    snag_err err = log->ops->open(log->self, partition->index, 0, diag);
    while (err == SNAG_OK) {
        err = log->ops->next(log->self, LOG_WAIT_MS, &record, diag);
        bool head = err == SNAG_OK && record.key.size == 1 && record.key.data[0] == SNAG_HEAD_KEY;
        if (head && record.value.size)
            err = snag_fail(diag, SNAG_STATE,
                            "partition %" PRIu32 ": the changelog holds state, but group %s has no offsets: "
                            "they were deleted, or the changelog belongs to another group. Give "
                            "the right --group, or delete the changelog topic to begin anew",
                            partition->index, worker->options->group);
        if (err == SNAG_AGAIN)
            err = snag_worker_keep_seat(worker, diag);
    }
    log->ops->shut(log->self);
    return err == SNAG_END ? SNAG_OK : err;
}

/* --- one partition ----------------------------------------------------------------------------- */

static snag_err first_start(snag_partition *partition, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_err err = log_is_empty(partition, diag);
    if (err == SNAG_STATE)
        err = snag_worker_ask_begun(worker, partition->index, diag);
    if (err == SNAG_OK)
        err = snag_partition_places_first(partition, diag);
    if (err == SNAG_OK)
        err = engine_make(partition, diag);
    if (err != SNAG_OK)
        return err;
    snag_partition_name(partition);
    partition->n = -1;
    resume(partition);
    snag_worker_dirty(worker, partition);
    return SNAG_OK;
}

static snag_err state_load(snag_partition *partition, int64_t n, snag_diag *diag)
{
    int64_t from = 0;
    snag_err err = engine_make(partition, diag);
    if (err == SNAG_OK)
        err = store_load(partition, n, &from, diag);
    if (err == SNAG_OK)
        err = log_load(partition, n, from, diag);
    if (err == SNAG_STATE && from > 0) { /* the store pointed to a place the changelog no longer has */
        partition->stale = true;
        err = engine_make(partition, diag);
        if (err == SNAG_OK)
            err = log_load(partition, n, 0, diag);
    }
    if (err == SNAG_OK)
        err = snag_partition_words_find(partition, diag);
    partition->worker->recovered += err == SNAG_OK;
    if (err == SNAG_OK)
        snag_partition_usage(partition);
    return err;
}

/* places: one of each source. */
static snag_err recover(snag_partition *partition, const snag_place *places, snag_diag *diag)
{
    int64_t n;
    snag_partition_drop(partition);
    snag_err err = snag_partition_places_read(partition, places, &n, diag);
    if (err != SNAG_OK)
        return err;
    if (n < 0)
        return first_start(partition, diag);
    err = state_load(partition, n, diag);
    snag_worker_pass(partition->worker, SNAG_POINT_RECOVERED);
    return err;
}

/* --- the assignment ---------------------------------------------------------------------------- */

/* An engine that was kept through a rebalance is as good as new where nobody committed meanwhile. */
static bool warm(const snag_partition *partition, const snag_place *places)
{
    bool same = partition->engine && !partition->dirty;
    for (uint32_t s = 0; s < partition->worker->sources && same; s++)
        same = snag_place_is_of(&places[s], partition->n, partition->incarnation);
    return same;
}

static snag_partition *partition_at(snag_worker *worker, uint32_t index)
{
    SNAG_ASSERT(index < worker->options->partitions);
    return worker->partitions[index];
}

static bool over_budget(const snag_worker *worker)
{
    return atomic_load(&worker->shared->state_bytes) >= worker->shares.state_bytes;
}

/* Reading goes on where each stream is: what waits in a kept engine's order buffer is still in memory. */
static void places_fill(const snag_partition *partition, snag_place *places)
{
    for (uint32_t s = 0; s < partition->worker->sources; s++)
        places[s].offset = partition->streams[s].next;
}

static snag_err take_one(snag_worker *worker, snag_place *places, bool *refused, snag_diag *diag)
{
    snag_partition *partition = partition_at(worker, places->partition);
    *refused = false;
    partition->kept = true;
    if (worker->rekeys)
        return snag_rekey_take_over(partition, places, diag);
    for (uint32_t s = 0; s < worker->sources; s++)
        partition->streams[s].reached = -1;
    if (warm(partition, places)) {
        places_fill(partition, places);
        return SNAG_OK;
    }
    if (over_budget(worker)) {
        snag_worker_say(worker, "partition %" PRIu32 " is not taken: the %" PRIu64 " MiB for state of the "
                                "budget of %" PRIu64 " MiB are used up. Start another process, or raise "
                                "`budget`",
                        places->partition, worker->shares.state_bytes >> 20,
                        worker->pipeline->budget_bytes >> 20);
        *refused = true;
        return SNAG_OK;
    }
    snag_err err = recover(partition, places, diag);
    partition->kept = true;
    if (err == SNAG_OK)
        places_fill(partition, places);
    return err;
}

static void forget_others(snag_worker *worker)
{
    uint64_t owned = 0;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        snag_partition *partition = worker->partitions[i];
        if (!partition->kept)
            snag_partition_drop(partition);
        owned += snag_partition_is_owned(partition);
        partition->kept = false;
    }
    atomic_store(&worker->stats->partitions, worker->rekeys ? 0 : owned);
}

static void tell(const snag_worker *worker, int64_t took_ms)
{
    snag_worker_say(worker,
                    "took over %" PRIu64 " partition%s in %" PRId64 " ms: %" PRIu64
                    " cells from Redis, %" PRIu64 " records from the changelog",
                    worker->recovered, worker->recovered == 1 ? "" : "s", took_ms, worker->from_store,
                    worker->from_log);
}

static snag_err take_all(snag_worker *worker, snag_place *places, size_t count, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    const snag_clock *clock = &worker->ports->clock;
    int64_t started_ms = clock->monotonic_ms(clock->self);
    size_t taken = 0;
    bool refused;
    worker->from_store = worker->from_log = worker->recovered = 0;
    snag_worker_pass(worker, SNAG_POINT_GIVEN);
    snag_err err = snag_worker_ask_places(worker, places, count, diag);
    snag_worker_pass(worker, SNAG_POINT_PLACES_READ);
    for (size_t i = 0; i < count && err == SNAG_OK; i += worker->sources) {
        err = take_one(worker, &places[i], &refused, diag);
        for (uint32_t s = 0; s < worker->sources && err == SNAG_OK && !refused; s++)
            places[taken++] = places[i + s];
    }
    forget_others(worker);
    if (err == SNAG_OK)
        err = snag_worker_upgrade(worker, diag);
    if (err == SNAG_OK && taken)
        err = input->ops->start(input->self, places, taken, diag);
    snag_worker_pass(worker, SNAG_POINT_STARTED);
    if (err == SNAG_OK && worker->recovered)
        tell(worker, clock->monotonic_ms(clock->self) - started_ms);
    return err;
}

/* Where somebody committed between our look at the offsets and at the changelog, look again. */
static snag_err take_given(snag_worker *worker, const uint32_t *given, size_t given_count, snag_diag *diag)
{
    size_t count = given_count * worker->sources; /* partition by partition, one place of each source */
    const snag_clock *clock = &worker->ports->clock;
    snag_err err = SNAG_AGAIN;
    snag_place *places = malloc(count * sizeof *places);
    SNAG_ASSERT(places != NULL);
    for (int tries = 0; tries < TRIES && err == SNAG_AGAIN; tries++) {
        for (size_t i = 0; i < count; i++)
            places[i] = (snag_place){.partition = given[i / worker->sources],
                                     .source = (uint32_t)(i % worker->sources), .offset = -1};
        if (tries)
            clock->sleep_ms(clock->self, LOG_WAIT_MS);
        err = take_all(worker, places, count, diag);
        if (worker->seat != SNAG_SEAT_KEPT || atomic_load(&worker->shared->stop))
            break;
    }
    free(places);
    return err;
}

snag_err snag_worker_take_over(snag_worker *worker, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    size_t count;
    const uint32_t *given = input->ops->given(input->self, &count);
    for (size_t i = 0; i < count; i++)
        if (given[i] >= worker->options->partitions && worker->rekeys)
            return snag_fail(diag, SNAG_STATE,
                             "%.*s got more partitions (%" PRIu32 " at start), and there is no internal "
                             "topic for them yet: `snag topics PIPELINE --create` makes it; then start again",
                             SNAG_FMT(worker->topics[0]), worker->options->partitions);
        else if (given[i] >= worker->options->partitions)
            return snag_fail(diag, SNAG_STATE,
                             "the input topic got more partitions (%" PRIu32 " at start): customers have "
                             "moved between partitions. Begin a new --group",
                             worker->options->partitions);
    if (count == 0) {
        forget_others(worker);
        return SNAG_OK;
    }
    return take_given(worker, given, count, diag);
}
