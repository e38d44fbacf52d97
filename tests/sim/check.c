/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict, when everything has healed, been read and been said:
 *
 *     each output partition, read_committed, holds what the reference said: all, once, in that order
 *     no id comes twice, but of who brought an event again from further back than is promised (again.c)
 *     the changelog's newest cells, its head, and the store's cells are the reference's, byte for byte
 *     a replay with only the recorded ticks says the same and ends in the same state
 *     a state read back from the changelog has as much open and armed as the reference
 *     no transaction is open, nothing pending
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "base/assert.h"
#include "local/memory.h"
#include "runtime/head.h"
#include "world.h"

static const char *const topic_words[] = {
#define X(name, suffix, compact, help) suffix,
    SNAG_TOPIC_TABLE(X)
#undef X
};

/* --- what was said ----------------------------------------------------------------------------- */

static int by_words(const void *a, const void *b)
{
    const sim_said *x = a, *y = b;
    int order = snag_str_compare(x->value, y->value);
    if (!order)
        order = snag_str_compare(x->key, y->key);
    return order ? order : snag_str_compare(x->reason, y->reason);
}

static sim_said *sorted(sim_world *world, const sim_saids *said)
{
    sim_said *list = sim_take(world, (said->count + 1) * sizeof *list);
    if (said->count)
        memcpy(list, said->list, said->count * sizeof *list);
    qsort(list, said->count, sizeof *list, by_words);
    return list;
}

/* Without "detected_at", the only thing that depends on when somebody looked. */
static snag_str timeless(sim_world *world, snag_str text)
{
    static const char mark[] = ",\"detected_at\":\"";
    const char *at = text.size ? memmem(text.data, text.size, mark, sizeof mark - 1) : NULL;
    if (!at)
        return text;
    const char *from = at + sizeof mark - 1;
    const char *end = memchr(from, '"', text.size - (size_t)(from - text.data));
    SNAG_ASSERT(end != NULL);
    size_t first = (size_t)(at - text.data), rest = text.size - (size_t)(end + 1 - text.data);
    char *copy = sim_take(world, first + rest + 1);
    memcpy(copy, text.data, first);
    memcpy(copy + first, end + 1, rest);
    return snag_str_of(copy, first + rest);
}

static snag_str reason_of(const sim_entry *entry)
{
    for (uint32_t i = 0; i < entry->header_count; i++)
        if (snag_str_equal(entry->headers[i].name, SNAG_STR("snag.reason")))
            return entry->headers[i].value;
    return (snag_str){NULL, 0};
}

static bool same_said(const sim_said *a, const sim_said *b)
{
    return snag_str_equal(a->key, b->key) && snag_str_equal(a->value, b->value) &&
           snag_str_equal(a->reason, b->reason);
}

/* For whoever reads the trace: both lists, side by side. */
static void lists_print(sim_world *world, const sim_saids *wanted, const sim_log *log, uint32_t p)
{
    const sim_entry *entry;
    size_t i = 0;
    for (int64_t at = 0; world->setup.trace && (entry = sim_log_next(log, &at)) != NULL; at++, i++) {
        snag_str value = timeless(world, entry->value);
        bool same = i < wanted->count && snag_str_equal(value, wanted->list[i].value);
        printf("[%u] %" PRId64 " said      %.*s%s\n", p, at, SNAG_FMT(value), same ? "  (as wanted)" : "");
        if (!same && i < wanted->count)
            printf("[%u] %zu reference %.*s\n", p, i, SNAG_FMT(wanted->list[i].value));
    }
    for (; world->setup.trace && i < wanted->count; i++)
        printf("[%u] %zu reference %.*s\n", p, i, SNAG_FMT(wanted->list[i].value));
    for (uint32_t s = 0; s < world->sources; s++) {
        log = &world->logs[SIM_INPUT + s][p];
        for (int64_t at = 0; world->setup.trace && (entry = sim_log_next(log, &at)) != NULL; at++)
            printf("[%u] input %u %" PRId64 " at %" PRId64 " %.*s\n", p, s, at,
                   entry->stamp_ms - SIM_EPOCH_MS, SNAG_FMT(entry->value));
    }
}

/* What cannot be read is told before what lies beside it is judged: what a device stamped too far in the
 * future may come behind it. So dead letters have no order. */
static void check_dead(sim_world *world, const sim_reference *reference, uint32_t p)
{
    const sim_saids *wanted = sim_reference_said(reference, SNAG_TOPIC_DEAD_LETTER);
    const sim_log *log = &world->logs[SNAG_TOPIC_DEAD_LETTER][p];
    sim_said *found = sim_take(world, (size_t)(log->end + 1) * sizeof *found);
    const sim_entry *entry;
    size_t count = 0;
    for (int64_t at = 0; (entry = sim_log_next(log, &at)) != NULL; at++)
        found[count++] = (sim_said){entry->key, entry->value, reason_of(entry)};
    qsort(found, count, sizeof *found, by_words);
    const sim_said *list = sorted(world, wanted);
    for (size_t i = 0; i < count && i < wanted->count; i++)
        if (!same_said(&found[i], &list[i])) {
            sim_fail(world, "dead-letter [%u]: said %.*s -- the reference %.*s", p, SNAG_FMT(found[i].value),
                     SNAG_FMT(list[i].value));
            return;
        }
    if (count != wanted->count)
        sim_fail(world, "dead-letter [%u]: %zu records, the reference has %zu", p, count, wanted->count);
}

static void check_topic(sim_world *world, const sim_reference *reference, snag_topic topic, uint32_t p)
{
    const sim_saids *wanted = sim_reference_said(reference, topic);
    const sim_log *log = &world->logs[topic][p];
    const sim_entry *entry;
    size_t i = 0;
    for (int64_t at = 0; (entry = sim_log_next(log, &at)) != NULL; at++, i++) {
        sim_said found = {entry->key, timeless(world, entry->value), reason_of(entry)};
        if (i < wanted->count && same_said(&found, &wanted->list[i]))
            continue;
        snag_str other = i < wanted->count ? wanted->list[i].value : SNAG_STR("nothing more");
        sim_fail(world, "%s [%u] offset %" PRId64 ", record %zu: said %.*s -- the reference says %.*s",
                 topic_words[topic], p, at, i, (int)(found.value.size < 330 ? found.value.size : 330),
                 found.value.data, (int)(other.size < 330 ? other.size : 330), other.data);
        lists_print(world, wanted, log, p);
        return;
    }
    if (i == wanted->count || world->lost) /* up to the loss it must be right */
        return;
    sim_fail(world, "%s [%u]: %zu records, the reference has %zu; the first that is missing: %.*s",
             topic_words[topic], p, i, wanted->count,
             (int)(wanted->list[i].value.size < 500 ? wanted->list[i].value.size : 500),
             wanted->list[i].value.data);
    lists_print(world, wanted, log, p);
}

/* The CloudEvents id; empty where there is none. */
static snag_str id_of(snag_str value)
{
    static const char mark[] = "\"id\":\"";
    const char *at = value.size ? memmem(value.data, value.size, mark, sizeof mark - 1) : NULL;
    if (!at)
        return (snag_str){"", 0};
    const char *from = at + sizeof mark - 1;
    const char *end = memchr(from, '"', value.size - (size_t)(from - value.data));
    return end ? snag_str_of(from, (size_t)(end - from)) : (snag_str){"", 0};
}

static void alert_count(sim_world *world, snag_str value)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        SIM_SAID_TABLE(X)
#undef X
    };
    world->alerts++;
    for (int i = 0; i < SIM_SAID_COUNT; i++)
        world->told[i] += memmem(value.data, value.size, texts[i], strlen(texts[i])) != NULL;
}

static void check_ids(sim_world *world, const sim_reference *reference, snag_topic topic, uint32_t p)
{
    const sim_log *log = &world->logs[topic][p];
    const sim_entry *entry, *other;
    for (int64_t at = 0; (entry = sim_log_next(log, &at)) != NULL; at++) {
        snag_str id = id_of(entry->value);
        for (int64_t next = at + 1; (other = sim_log_next(log, &next)) != NULL; next++)
            if (id.size && snag_str_equal(id, id_of(other->value)) &&
                !sim_reference_forgot(reference, entry->key))
                sim_fail(world, "%s [%u]: the id %.*s comes twice", topic_words[topic], p, SNAG_FMT(id));
        if (topic == SNAG_TOPIC_ALERTS)
            alert_count(world, entry->value);
    }
}

/* --- state ------------------------------------------------------------------------------------- */

static const sim_cell *find(const sim_copy *copy, snag_str key)
{
    for (uint32_t i = 0; i < copy->count; i++)
        if (snag_str_equal(copy->cells[i].key, key))
            return &copy->cells[i];
    return NULL;
}

static void check_cells(sim_world *world, const sim_reference *reference, const sim_copy *copy,
                        const char *where, uint32_t p)
{
    snag_str key, blob;
    uint64_t cursor = 0;
    uint32_t count = 0;
    while (snag_engine_each(sim_reference_engine(reference), &cursor, &key, &blob)) {
        const sim_cell *cell = find(copy, key);
        count++;
        if (!cell || !snag_str_equal(cell->blob, blob)) {
            snag_str owner = snag_cell_owner(key);
            sim_fail(world, "%s of partition %u: the cell of %.*s %s", where, p, SNAG_FMT(owner),
                     cell ? "differs from the reference's" : "is missing");
            return;
        }
    }
    if (count != copy->count)
        sim_fail(world, "%s of partition %u: %u cells, the reference has %u", where, p, copy->count, count);
}

/* The newest image of each cell; *head becomes the newest head's value. */
static sim_copy *changelog_read(sim_world *world, uint32_t p, snag_str *head)
{
    const sim_log *log = &world->logs[SNAG_TOPIC_CHANGELOG][p];
    sim_copy *copy = sim_take(world, sizeof *copy);
    const sim_entry *entry;
    *head = (snag_str){NULL, 0};
    for (int64_t at = 0; (entry = sim_log_next(log, &at)) != NULL; at++) {
        if (entry->key.data[0] == SNAG_HEAD_KEY) {
            *head = entry->value;
            continue;
        }
        if (entry->key.data[0] != SNAG_CELL_KEY)
            continue;
        snag_str key = snag_str_of(entry->key.data + 1, entry->key.size - 1);
        sim_cell *cell = (sim_cell *)(uintptr_t)find(copy, key);
        if (entry->value.size == 0) {
            if (cell)
                *cell = copy->cells[--copy->count];
            continue;
        }
        SNAG_ASSERT(cell || copy->count < SIM_CELLS);
        if (!cell)
            cell = &copy->cells[copy->count++];
        *cell = (sim_cell){.key = key, .blob = entry->value};
    }
    return copy;
}

static void check_head(sim_world *world, const sim_reference *reference, snag_str bytes, uint32_t p)
{
    char room[4096];
    snag_head head;
    snag_buf wanted = snag_buf_on(room, sizeof room);
    snag_diag why;
    if (!bytes.data || snag_head_read(&head, bytes, &why) != SNAG_OK) {
        sim_fail(world, "the changelog of partition %u has no head", p);
        return;
    }
    snag_engine_head_write(sim_reference_engine(reference), &wanted);
    if (head.n != world->decided[p])
        sim_fail(world, "partition %u: the newest head has n %" PRId64 ", decided is %" PRId64, p, head.n,
                 world->decided[p]);
    if (!snag_str_equal(head.engine, snag_buf_str(&wanted)))
        sim_fail(world, "partition %u: times or counters of the newest head are not the reference's", p);
}

static void ignore(void *context, const snag_record *record)
{
    (void)context;
    (void)record;
}

static void check_recovery(sim_world *world, const sim_reference *reference, const sim_copy *copy, uint32_t p)
{
    size_t size = (size_t)world->config.pipeline.budget_bytes;
    snag_engine *engine;
    snag_engine_usage wanted, found;
    snag_memory memory;
    snag_err err = snag_memory_init(&memory, size, NULL);
    SNAG_ASSERT(err == SNAG_OK);
    err = snag_engine_init(&engine, world->running, memory.block, size, ignore, NULL);
    for (uint32_t i = 0; i < copy->count && err == SNAG_OK; i++)
        err = snag_engine_restore(engine, copy->cells[i].key, copy->cells[i].blob);
    if (err != SNAG_OK)
        sim_fail(world, "partition %u: the changelog's cells cannot be read back", p);
    snag_engine_usage_get(sim_reference_engine(reference), &wanted);
    snag_engine_usage_get(engine, &found);
    if (found.armed != wanted.armed || found.open_episodes != wanted.open_episodes ||
        found.open_walks != wanted.open_walks || found.customers != wanted.customers)
        sim_fail(world, "partition %u read back: %d armed, %d open; the reference has %d, %d", p,
                 (int)found.armed, (int)found.open_episodes, (int)wanted.armed, (int)wanted.open_episodes);
    snag_memory_finish(&memory);
}

/* --- the same log again ------------------------------------------------------------------------ */

static void check_again(sim_world *world, const sim_reference *reference, const sim_reference *again,
                        snag_topic topic, uint32_t p)
{
    const sim_saids *wanted = sim_reference_said(reference, topic);
    const sim_saids *found = sim_reference_said(again, topic);
    const sim_said *a = sorted(world, wanted), *b = sorted(world, found);
    for (size_t i = 0; i < wanted->count && i < found->count; i++)
        if (!same_said(&a[i], &b[i])) {
            sim_fail(world, "%s [%u]: the replay with the recorded ticks says %.*s -- the run %.*s",
                     topic_words[topic], p, (int)(b[i].value.size < 330 ? b[i].value.size : 330),
                     b[i].value.data, (int)(a[i].value.size < 330 ? a[i].value.size : 330), a[i].value.data);
            return;
        }
    if (wanted->count != found->count)
        sim_fail(world, "%s [%u]: the replay with the recorded ticks says %zu records, the run %zu",
                 topic_words[topic], p, found->count, wanted->count);
}

/* A replay of the log with nothing but the ticks that the workers recorded: the same records, whatever their
 * order among customers, and the same state. */
static void check_replay(sim_world *world, const sim_reference *reference, uint32_t p)
{
    char rooms[2][4096];
    sim_copy *copy = sim_take(world, sizeof *copy);
    sim_reference *again = sim_reference_told(reference);
    uint64_t cursor = 0;
    snag_str key, blob;
    for (int t = 0; t < SNAG_TOPIC_CHANGELOG; t++)
        check_again(world, reference, again, (snag_topic)t, p);
    while (snag_engine_each(sim_reference_engine(again), &cursor, &key, &blob) && copy->count < SIM_CELLS)
        copy->cells[copy->count++] = (sim_cell){.key = sim_copy_of(world, key),
                                                .blob = sim_copy_of(world, blob)};
    check_cells(world, reference, copy, "the replay", p);
    snag_buf wanted = snag_buf_on(rooms[0], sizeof rooms[0]), found = snag_buf_on(rooms[1], sizeof rooms[1]);
    snag_engine_head_write(sim_reference_engine(reference), &wanted);
    snag_engine_head_write(sim_reference_engine(again), &found);
    if (!snag_str_equal(snag_buf_str(&wanted), snag_buf_str(&found)))
        sim_fail(world, "partition %u: times or counters of the replay are not the run's", p);
    sim_reference_free(again);
}

static void check_partition(sim_world *world, uint32_t p)
{
    snag_str head;
    sim_reference *reference = sim_reference_run(world, p);
    for (int t = 0; t < SNAG_TOPIC_CHANGELOG; t++)
        if (t != SNAG_TOPIC_DEAD_LETTER)
            check_topic(world, reference, (snag_topic)t, p);
    if (!world->lost)
        check_dead(world, reference, p);
    check_ids(world, reference, SNAG_TOPIC_ALERTS, p);
    check_ids(world, reference, SNAG_TOPIC_JOURNEYS, p);
    if (world->lost) {
        sim_reference_free(reference);
        return;
    }
    const sim_copy *copy = changelog_read(world, p, &head);
    check_head(world, reference, head, p);
    check_cells(world, reference, copy, "the changelog", p);
    if (world->with_store)
        check_cells(world, reference, &world->shelves[p].now, "the store", p);
    check_recovery(world, reference, copy, p);
    check_replay(world, reference, p);
    sim_reference_free(reference);
}

static void check_transactions(sim_world *world)
{
    for (int writer = 0; writer < SIM_WRITERS; writer++) {
        if (world->txns[writer].state != SIM_EMPTY)
            sim_fail(world, "a transaction of %d is still open", writer);
        for (int t = 0; t < SIM_LOGS; t++)
            for (uint32_t p = 0; p < world->parts; p++)
                if (world->logs[t][p].open[writer] >= 0)
                    sim_fail(world, "a log holds a transaction of %d without its end", writer);
    }
}

void sim_check(sim_world *world)
{
    check_transactions(world);
    for (uint32_t p = 0; p < world->parts && !world->failed; p++)
        check_partition(world, p);
}
