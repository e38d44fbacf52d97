/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves the worker, into the bundle: the engine's records, encoded as soon as they are emitted (their
 * strings are only lent), and input records that are passed on unchanged: dead letters and late events.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/utf8.h"
#include "runtime/inside.h"

enum {
    ENCODE_LEAST = 8192,
    ENCODE_MOST = 16 << 20,
    FORWARD_MAX = 900000,   /* bytes of a record passed on: a producer's default limit is 1,000,000 */
    NOTES_MAX = 12,
    NUMBER_MAX = 24
};

/* The output partition: the input's where the counts match (all of one customer stays together, in order),
 * else where a producer would put the key. */
static uint32_t place(const snag_worker *worker, snag_topic topic, uint32_t partition, snag_str key)
{
    uint32_t count = worker->options->topic_partitions[topic];
    if (count == worker->options->partitions || count == 0)
        return partition;
    return key.size ? snag_murmur2(key) % count : partition % count;
}

/* --- the engine's records ---------------------------------------------------------------------- */

static void encode_into(snag_worker *worker, snag_buf *buf, const snag_record *record)
{
    if (worker->pipeline->output_avro) {
        snag_encode_avro_frame(buf, record->kind, worker->options->schema_ids[record->kind]);
        snag_encode_avro(buf, &worker->encode, record);
    } else {
        snag_encode_json(buf, &worker->encode, record);
    }
}

static snag_str encode(snag_worker *worker, const snag_record *record)
{
    for (size_t least = ENCODE_LEAST;; least *= 4) {
        snag_buf buf = snag_bundle_buf(&worker->bundle, least);
        encode_into(worker, &buf, record);
        if (!buf.full)
            return snag_bundle_used(&worker->bundle, &buf);
        SNAG_ASSERT(least < ENCODE_MOST);
    }
}

static void say(snag_partition *partition, snag_topic topic, snag_str key, const snag_record *record)
{
    snag_worker *worker = partition->worker;
    snag_message message = {.topic = topic,
                            .partition = place(worker, topic, partition->index, key),
                            .key = snag_bundle_copy(&worker->bundle, key),
                            .value = encode(worker, record)};
    snag_bundle_add(&worker->bundle, &message);
    snag_worker_dirty(worker, partition);
}

/* --- records passed on ------------------------------------------------------------------------- */

typedef struct notes {
    snag_header list[NOTES_MAX];
    uint32_t count;
} notes;

static void note(snag_worker *worker, notes *to, const char *name, snag_str value)
{
    SNAG_ASSERT(to->count < NOTES_MAX);
    to->list[to->count++] = (snag_header){snag_str_from(name), snag_bundle_copy(&worker->bundle, value)};
}

static void note_int(snag_worker *worker, notes *to, const char *name, int64_t value)
{
    char digits[NUMBER_MAX];
    snag_buf buf = snag_buf_on(digits, sizeof digits);
    snag_buf_int(&buf, value);
    note(worker, to, name, snag_buf_str(&buf));
}

static void note_time(snag_worker *worker, notes *to, const char *name, int64_t time_ms)
{
    char text[40];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (time_ms == SNAG_TIME_NONE)
        return;
    snag_time_print(&buf, time_ms);
    note(worker, to, name, snag_buf_str(&buf));
}

static void note_origin(snag_worker *worker, notes *to, const snag_raw *raw)
{
    note(worker, to, "snag.source", worker->pipeline->sources[raw->position.source].name);
    note(worker, to, "snag.topic", worker->topics[raw->position.source]);
    note_int(worker, to, "snag.partition", raw->position.partition);
    note_int(worker, to, "snag.offset", raw->position.offset);
    note_time(worker, to, "snag.time", raw->stamp_ms);
}

/* What does not fit a producer's limit is cut, and says so: never an endless abort. */
static snag_str fit(snag_worker *worker, notes *to, snag_str value, size_t room)
{
    snag_sha256 sha;
    uint8_t digest[32];
    char hex[64];
    if (value.size <= room)
        return value;
    snag_sha256_init(&sha);
    snag_sha256_add(&sha, value.data, value.size);
    snag_sha256_end(&sha, digest);
    snag_buf buf = snag_buf_on(hex, sizeof hex);
    snag_buf_hex(&buf, digest, sizeof digest);
    note(worker, to, "snag.truncated", SNAG_STR("true"));
    note_int(worker, to, "snag.size", (int64_t)value.size);
    note(worker, to, "snag.sha256", snag_buf_str(&buf));
    return snag_str_of(value.data, room);
}

/* The record's own headers, as long as they fit, with the notes behind them. */
static size_t headers_join(snag_worker *worker, const snag_raw *raw, const notes *added,
                           snag_message *message)
{
    uint32_t own = raw->header_count;
    size_t bytes = 0;
    snag_header *list =
        snag_bundle_take(&worker->bundle, (own + added->count) * sizeof(snag_header));
    for (uint32_t i = 0; i < own; i++) {
        const snag_header *header = &raw->headers[i];
        if (bytes + header->name.size + header->value.size > FORWARD_MAX / 2)
            break;
        bytes += header->name.size + header->value.size;
        list[message->header_count++] =
            (snag_header){snag_bundle_copy(&worker->bundle, header->name),
                          header->value.data ? snag_bundle_copy(&worker->bundle, header->value)
                                             : header->value};
    }
    for (uint32_t i = 0; i < added->count; i++)
        list[message->header_count++] = added->list[i];
    message->headers = list;
    return bytes;
}

static snag_str copy_or_none(snag_worker *worker, snag_str text)
{
    return text.data ? snag_bundle_copy(&worker->bundle, text) : text;
}

/* A record as it came, with notes in its headers. */
static void forward(snag_worker *worker, snag_partition *partition, snag_topic topic, const snag_raw *raw,
                    notes *added)
{
    snag_str key = raw->key.size <= FORWARD_MAX / 4 ? raw->key
                                                    : snag_str_of(raw->key.data, FORWARD_MAX / 4);
    snag_str value = fit(worker, added, raw->value, FORWARD_MAX - key.size);
    snag_message message = {.topic = topic,
                            .partition = place(worker, topic, partition->index, key),
                            .key = copy_or_none(worker, key)};
    size_t taken = headers_join(worker, raw, added, &message) + key.size;
    if (value.size > FORWARD_MAX - taken) { /* long headers too: cut deeper, and say so */
        value = fit(worker, added, raw->value, FORWARD_MAX - taken);
        message.header_count = 0;
        headers_join(worker, raw, added, &message);
    }
    message.value = copy_or_none(worker, value);
    snag_bundle_add(&worker->bundle, &message);
    snag_worker_dirty(worker, partition);
}

void snag_worker_dead_letter(snag_worker *worker, snag_partition *partition, size_t at,
                             snag_err reason, const char *words)
{
    notes added = {.count = 0};
    const snag_raw raw = snag_worker_origin(worker, at);
    note(worker, &added, "snag.reason", snag_str_from(snag_err_name(reason)));
    note(worker, &added, "snag.error",
         snag_str_from(words && *words ? words : snag_err_sentence(reason)));
    note_origin(worker, &added, &raw);
    forward(worker, partition, SNAG_TOPIC_DEAD_LETTER, &raw, &added);
    atomic_fetch_add(&worker->stats->dead, 1);
}

/* --- late events ------------------------------------------------------------------------------- */

/* The record of the run that has this offset. */
static bool run_find(const snag_worker *worker, int64_t offset, size_t *at)
{
    size_t low = worker->run_first, high = worker->run_end;
    if (!worker->batch)
        return false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (worker->batch->records[middle].position.offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < worker->run_end && worker->batch->records[low].position.offset == offset;
}

/* What a device stamped too far in the future, even by a right clock. */
static void future(snag_worker *worker, snag_partition *partition, const snag_record *record)
{
    size_t at;
    snag_diag words;
    bool found = run_find(worker, record->as.late.position.offset, &at);
    SNAG_ASSERT(found); /* it was read just now */
    snag_record_future(&words, record);
    snag_worker_dead_letter(worker, partition, at, SNAG_BAD_FUTURE, words.text);
}

static void late(snag_worker *worker, snag_partition *partition, const snag_record *record)
{
    size_t at;
    notes added = {.count = 0};
    atomic_fetch_add(&worker->stats->late, 1);
    note(worker, &added, "snag.reason", SNAG_STR("late"));
    note_time(worker, &added, "snag.event_time", record->as.late.time_ms);
    note_time(worker, &added, "snag.judged_until", record->as.late.judged_ms);
    if (record->as.late.clock_off_ms)
        note_int(worker, &added, "snag.clock_off_ms", record->as.late.clock_off_ms);
    /* What waited in the order buffer is never late: time does not pass it. So its record is at hand. */
    bool found = run_find(worker, record->as.late.position.offset, &at);
    SNAG_ASSERT(found);
    const snag_raw raw = snag_worker_origin(worker, at);
    note_origin(worker, &added, &raw);
    forward(worker, partition, SNAG_TOPIC_LATE, &raw, &added);
}

void snag_partition_emit(void *context, const snag_record *record)
{
    snag_partition *partition = context;
    snag_worker *worker = partition->worker;
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        say(partition, record->as.alert.shadow ? SNAG_TOPIC_SHADOW : SNAG_TOPIC_ALERTS,
            record->as.alert.key, record);
        worker->bundle.urgent = true;
        atomic_fetch_add(&worker->stats->alerts, 1);
        return;
    case SNAG_RECORD_CHANGE:
        say(partition, SNAG_TOPIC_JOURNEYS, record->as.change.key, record);
        atomic_fetch_add(&worker->stats->changes, 1);
        return;
    case SNAG_RECORD_DECISION:
        say(partition, SNAG_TOPIC_DECISIONS, record->as.decision.key, record);
        atomic_fetch_add(&worker->stats->decisions, 1);
        return;
    case SNAG_RECORD_LATE:
        if (record->as.late.future)
            future(worker, partition, record);
        else
            late(worker, partition, record);
        return;
    case SNAG_RECORD_KIND_COUNT: break;
    }
    SNAG_ASSERT(false); /* a kind of record that nobody knows */
}
