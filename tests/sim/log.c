/* SPDX-License-Identifier: Apache-2.0
 *
 * One partition of a topic. Facts (Kafka's documentation; KIP-98; measured against Kafka 4.1): every record
 * and every control marker takes an offset; a read_committed reader sees nothing at or behind the first
 * offset of an open transaction (last stable offset), and no aborted record; the queried end counts the
 * markers. Compaction keeps each key's newest record, and offsets; the tail is not touched; a tombstone goes
 * only when it has been there for delete.retention.ms since compaction first met it.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "world.h"

void sim_log_init(sim_log *log)
{
    *log = (sim_log){.end = 0};
    for (int i = 0; i < SIM_WRITERS; i++)
        log->open[i] = -1;
}

void sim_log_finish(sim_log *log)
{
    free(log->entries);
}

static sim_entry *entry_add(sim_log *log)
{
    if (log->end == log->room) {
        log->room = log->room ? log->room * 2 : 64;
        log->entries = realloc(log->entries, (size_t)log->room * sizeof *log->entries);
        SNAG_ASSERT(log->entries != NULL);
    }
    return &log->entries[log->end++];
}

int64_t sim_log_add(sim_world *world, sim_log *log, const snag_message *message, int32_t writer,
                    int64_t stamp_ms)
{
    int64_t offset = log->end;
    *entry_add(log) = (sim_entry){.kind = SIM_RECORD, .fate = writer < 0 ? SIM_COMMITTED : SIM_OPEN,
                                  .writer = writer, .key = message->key, .value = message->value,
                                  .headers = message->headers, .header_count = message->header_count,
                                  .stamp_ms = stamp_ms};
    (void)world;
    if (writer >= 0 && log->open[writer] < 0)
        log->open[writer] = offset;
    return offset;
}

void sim_log_mark(sim_world *world, sim_log *log, int32_t writer, bool commit)
{
    int64_t first = log->open[writer];
    (void)world;
    for (int64_t i = first; i >= 0 && i < log->end; i++)
        if (log->entries[i].writer == writer && log->entries[i].fate == SIM_OPEN &&
            log->entries[i].kind == SIM_RECORD)
            log->entries[i].fate = commit ? SIM_COMMITTED : SIM_ABORTED;
    log->open[writer] = -1;
    *entry_add(log) = (sim_entry){.kind = commit ? SIM_COMMIT_MARKER : SIM_ABORT_MARKER, .writer = writer};
}

int64_t sim_log_stable(const sim_log *log)
{
    int64_t stable = log->end;
    for (int i = 0; i < SIM_WRITERS; i++)
        if (log->open[i] >= 0 && log->open[i] < stable)
            stable = log->open[i];
    return stable;
}

const sim_entry *sim_log_next(const sim_log *log, int64_t *at)
{
    int64_t stable = sim_log_stable(log);
    for (; *at < stable; (*at)++) {
        const sim_entry *entry = &log->entries[*at];
        if (entry->kind == SIM_RECORD && entry->fate == SIM_COMMITTED && !entry->gone)
            return entry;
    }
    return NULL;
}

/* --- compaction -------------------------------------------------------------------------------- */

/* Marks a key as seen; true: it was there before. */
static bool seen(int64_t *table, size_t mask, const sim_log *log, int64_t at)
{
    snag_str key = log->entries[at].key;
    for (size_t i = (size_t)snag_hash64(key, 1) & mask;; i = (i + 1) & mask) {
        if (table[i] == 0) {
            table[i] = at + 1;
            return false;
        }
        if (snag_str_equal(log->entries[table[i] - 1].key, key))
            return true;
    }
}

static bool tombstone_is_old(const sim_world *world, sim_entry *entry)
{
    if (entry->value.data)
        return false;
    if (entry->cleaned_ms == 0) {
        entry->cleaned_ms = world->now_ms;
        return false;
    }
    return world->now_ms - entry->cleaned_ms > world->tombstones_ms;
}

void sim_log_compact(sim_world *world, sim_log *log)
{
    int64_t stable = sim_log_stable(log);
    int64_t end = stable ? sim_below(&world->fault_dice, stable) : 0; /* the active segment stays */
    size_t size = 16;
    while (size < (size_t)end * 2)
        size *= 2;
    int64_t *table = calloc(size, sizeof *table);
    SNAG_ASSERT(table != NULL);
    for (int64_t i = end - 1; i >= 0; i--) {
        sim_entry *entry = &log->entries[i];
        if (entry->kind != SIM_RECORD || entry->gone)
            continue;
        if (entry->fate == SIM_ABORTED || seen(table, size - 1, log, i) || tombstone_is_old(world, entry))
            entry->gone = true;
    }
    free(table);
}
