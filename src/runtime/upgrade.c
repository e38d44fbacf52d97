/* SPDX-License-Identifier: Apache-2.0
 *
 * A newer pipeline over stored state. The words of the rules that made the state stand in the changelog under
 * a key of their own, written once for each version of the pipeline, not with each commit:
 *
 *     v1 first start  | cells | rules v1 | head n=0 told, rules=here |  ...  | head n=41 told, rules=offset |
 *     v2 takes over   | resolves | cells | rules v2 and v1 | head n=42 not told, rules=here |
 *                     | resolves | cells | head n=43 not told, rules=offset |   as often as there is more
 *                     | last resolves | cells | rules v2 | head n=44 told |
 *
 * A crash in between leaves a head that is not told and names the words of both: whoever comes next goes on
 * there, and if it is a third version it finds also those of the walks that the second has carried over.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/words.h"
#include "journey/cell.h"
#include "runtime/head.h"
#include "runtime/inside.h"

enum { WORDS_LEAST = 16384, WORDS_MAX = 4 << 20, LOG_WAIT_MS = 100, WAITS_MAX = 100 };

snag_err snag_partition_head_check(const snag_partition *partition, const struct snag_head *head,
                                   snag_diag *diag)
{
    const snag_worker *worker = partition->worker;
    if (head->partitions != worker->options->partitions)
        return snag_fail(diag, SNAG_STATE,
                         "the input topic has %" PRIu32 " partitions, the stored state was made with %" PRIu32
                         ": customers have moved between partitions. Begin a new --group, which "
                         "reads the topic anew",
                         worker->options->partitions, head->partitions);
    snag_err err = snag_partition_sources_check(partition, head, diag);
    if (err != SNAG_OK)
        return err;
    if (head->pipeline > worker->pipeline->version)
        return snag_fail(diag, SNAG_CONFIG,
                         "partition %" PRIu32 " was last run with version %" PRIu32
                         " of this pipeline, this file is version %" PRIu32 ": start with the newer file",
                         partition->index, head->pipeline, worker->pipeline->version);
    if (head->pipeline == worker->pipeline->version &&
        memcmp(head->config, worker->pipeline->config, 32) != 0)
        return snag_fail(diag, SNAG_CONFIG,
                         "the pipeline was changed, but its version is still %" PRIu32
                         ": write `version: %" PRIu32 "`",
                         head->pipeline, head->pipeline + 1);
    return SNAG_OK;
}

/* One pipeline reads the same zones wherever it runs: another hash means other bytes. Two versions of a
 * pipeline may name other zones: then what the system calls its data must do. */
void snag_partition_zones_check(snag_partition *partition, const struct snag_head *head)
{
    snag_worker *worker = partition->worker;
    const snag_pipeline *pipeline = worker->pipeline;
    static const uint8_t none[sizeof head->zones] = {0};
    bool used = memcmp(head->zones, none, sizeof none) != 0 &&
                memcmp(pipeline->zones, none, sizeof none) != 0;
    bool same_file = memcmp(head->config, pipeline->config, sizeof head->config) == 0;
    snag_str was = snag_str_of(head->zone_version, strnlen(head->zone_version, sizeof head->zone_version));
    bool other = same_file ? memcmp(head->zones, pipeline->zones, sizeof none) != 0
                           : !snag_str_equal(was, pipeline->zone_version);
    if (!used || !other || worker->said_zones)
        return;
    worker->said_zones = true;
    snag_worker_say(worker,
                    "the time zone data is another one (%.*s when the state was stored, %.*s now): deadlines "
                    "that are armed stay as they are, new ones go by the new data",
                    SNAG_FMT(was.size ? was : SNAG_STR("unnamed")),
                    SNAG_FMT(pipeline->zone_version.size ? pipeline->zone_version : SNAG_STR("unnamed")));
}

snag_err snag_partition_cell_refused(const snag_partition *partition, snag_str cell, snag_err err,
                                     snag_diag *diag)
{
    if (cell.size && (uint8_t)cell.data[0] > SNAG_CELL_VERSION)
        return snag_fail(diag, err,
                         "partition %" PRIu32 ": its state was stored by a newer snag (cells of format %d, "
                         "this program knows up to %d): run that one",
                         partition->index, (uint8_t)cell.data[0], SNAG_CELL_VERSION);
    return snag_fail(diag, err, "partition %" PRIu32 ": a cell in the changelog: %s", partition->index,
                     snag_err_sentence(err));
}

void snag_partition_words_keep(snag_partition *partition, int64_t offset, snag_str words)
{
    free(partition->words);
    partition->words = malloc(words.size + 1);
    SNAG_ASSERT(partition->words != NULL);
    memcpy(partition->words, words.data ? words.data : "", words.size);
    partition->words_bytes = words.size;
    partition->words_at = offset;
}

static void words_forget(snag_partition *partition)
{
    free(partition->words);
    partition->words = NULL;
    partition->words_bytes = 0;
}

void snag_partition_words_add(snag_partition *partition)
{
    static char key[1] = {SNAG_RULES_KEY};
    snag_bundle *bundle = &partition->worker->bundle;
    bool both = partition->joining && partition->words;
    snag_str earlier = both ? snag_str_of(partition->words, partition->words_bytes) : (snag_str){"", 0};
    for (size_t least = WORDS_LEAST;; least *= 2) {
        snag_buf buf = snag_bundle_buf(bundle, least);
        snag_words_write(partition->worker->pipeline, earlier, &buf);
        SNAG_ASSERT(!buf.full || least < WORDS_MAX);
        if (buf.full)
            continue;
        partition->words_written = -1;
        snag_message message = {.topic = SNAG_TOPIC_CHANGELOG,
                                .partition = partition->index,
                                .key = snag_str_of(key, 1),
                                .value = snag_bundle_used(bundle, &buf),
                                .offset = &partition->words_written};
        snag_bundle_add(bundle, &message);
        return;
    }
}

/* The words in force at the head that was read: at their place, or, from 0, the last before that head. */
static snag_err words_read(snag_partition *partition, int64_t from, snag_diag *diag)
{
    const snag_changelog *log = &partition->worker->ports->changelog;
    bool first = from > 0;
    int waits = 0;
    snag_err err = log->ops->open(log->self, partition->index, from, diag);
    while (err == SNAG_OK && waits < WAITS_MAX) {
        snag_change_record record;
        snag_head head;
        err = log->ops->next(log->self, LOG_WAIT_MS, &record, diag);
        waits += err == SNAG_AGAIN;
        if (err == SNAG_AGAIN)
            err = SNAG_OK;
        else if (err == SNAG_OK && record.key.size == 1 && record.key.data[0] == SNAG_RULES_KEY)
            snag_partition_words_keep(partition, record.offset, record.value);
        else if (err == SNAG_OK && record.key.size == 1 && record.key.data[0] == SNAG_HEAD_KEY &&
                 snag_head_read(&head, record.value, NULL) == SNAG_OK && head.n >= partition->n)
            break;
        if (err == SNAG_OK && first && waits == 0)
            break;
    }
    log->ops->shut(log->self);
    if (err == SNAG_OK && waits == WAITS_MAX)
        return snag_fail(diag, SNAG_BROKER, "partition %" PRIu32 ": the changelog gives no answer",
                         partition->index);
    return err == SNAG_END ? SNAG_OK : err;
}

snag_err snag_partition_words_find(snag_partition *partition, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    if (snag_engine_strange(partition->engine) == 0) {
        words_forget(partition);
        return SNAG_OK;
    }
    if (!partition->words && partition->words_at > 0)
        err = words_read(partition, partition->words_at, diag);
    if (!partition->words && err == SNAG_OK)
        err = words_read(partition, 0, diag);
    if (partition->words && !snag_words_sound(snag_str_of(partition->words, partition->words_bytes)))
        words_forget(partition);
    return err;
}

static void tell(const snag_partition *partition, uint64_t resolved, uint64_t lost)
{
    const snag_worker *worker = partition->worker;
    if (resolved || !lost)
        snag_worker_say(worker,
                        "partition %" PRIu32 ": taken over by version %" PRIu32 " of the pipeline; %" PRIu64
                        " alert%s of changed or removed rules resolved",
                        partition->index, worker->pipeline->version, resolved, resolved == 1 ? "" : "s");
    if (lost)
        snag_worker_say(worker,
                        "partition %" PRIu32 ": %" PRIu64 " open alert%s of changed or removed rules cannot "
                        "be resolved: the version that made them left no words",
                        partition->index, lost, lost == 1 ? "" : "s");
}

static snag_err sweep(snag_partition *partition, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_str words = partition->words ? snag_str_of(partition->words, partition->words_bytes)
                                      : (snag_str){"", 0};
    snag_counters before, after;
    uint64_t cursor = 0, lost = 0;
    snag_err err = SNAG_OK;
    snag_engine_counters(partition->engine, &before);
    partition->joining = true; /* should there be a commit before the last */
    for (bool done = false; !done && err == SNAG_OK;) {
        done = snag_engine_retire(partition->engine, words, &cursor,
                                  (uint32_t)worker->options->batch_max, &lost);
        snag_worker_dirty(worker, partition);
        if (!done)
            err = snag_worker_commit(worker, diag);
    }
    partition->joining = false;
    snag_engine_counters(partition->engine, &after);
    if (err == SNAG_OK)
        tell(partition, after.resolved - before.resolved, lost);
    return err;
}

/* Nothing is read between these commits, so no record can be missed; and nothing said here is said again, for
 * whoever fails from here on starts over from what was committed. */
snag_err snag_worker_upgrade(snag_worker *worker, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; i < worker->options->partitions && err == SNAG_OK; i++) {
        snag_partition *partition = worker->partitions[i];
        bool strange = partition->engine && snag_engine_strange(partition->engine) > 0;
        if (!partition->engine || partition->n < 0 || (partition->told && !strange))
            continue;
        if (strange) {
            partition->told = false;
            partition->sweeping = true;
            err = sweep(partition, diag);
            partition->sweeping = false;
        }
        words_forget(partition);
        snag_worker_dirty(worker, partition); /* the next commit says this version's words */
    }
    return err;
}
