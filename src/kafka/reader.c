/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/reader.h"

#include <stdlib.h>

#include "base/assert.h"
#include "kafka/client.h"

enum { WAIT_MS = 100, PATIENCE_MS = 30000, HEADERS_MAX = 64 };

/* messages: [0, lent) are the caller's, [lent, count) are to come. */
typedef struct part {
    snag_kafka_part of;
    const char *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *messages[SNAG_READER_BATCH];
    size_t count;
    size_t lent;
    snag_raw raws[SNAG_READER_BATCH];
    snag_header *headers; /* HEADERS_MAX for each that has some; NULL = none had any yet */
    bool ended;
} part;

struct snag_kafka_reader {
    snag_kafka_owner owner;
    rd_kafka_t *client;
    rd_kafka_queue_t *main; /* errors that are no partition's */
    part *parts;
    size_t count;
};

/* --- life -------------------------------------------------------------------------------------- */

static snag_err client_make(snag_kafka_reader *reader, const char *group, snag_diag *diag)
{
    snag_kafka_prefetch prefetch = snag_kafka_prefetch_of(reader->owner.kafka, reader->count);
    const snag_kafka_default defaults[] = {{"queued.min.messages", prefetch.messages},
                                           {"queued.max.messages.kbytes", prefetch.kbytes},
                                           {"fetch.wait.max.ms", "50"},
                                           {NULL, NULL}};
    const snag_kafka_default demands[] = {{"group.id", group},
                                          {"isolation.level", "read_committed"},
                                          {"enable.auto.commit", "false"},
                                          {"enable.auto.offset.store", "false"},
                                          {"enable.partition.eof", "true"},
                                          {"auto.offset.reset", "error"},
                                          {NULL, NULL}};
    rd_kafka_conf_t *conf = snag_kafka_conf(&reader->owner, defaults, demands, diag);
    if (!conf)
        return SNAG_CONFIG;
    reader->client = snag_kafka_client_new(RD_KAFKA_CONSUMER, conf, diag);
    if (!reader->client)
        return SNAG_CONFIG;
    rd_kafka_poll_set_consumer(reader->client);
    reader->main = rd_kafka_queue_get_consumer(reader->client);
    return SNAG_OK;
}

static snag_err begin(snag_kafka_reader *reader, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->count + 1);
    for (size_t i = 0; i < reader->count; i++) {
        part *one = &reader->parts[i];
        one->ended = one->of.from >= one->of.end;
        if (one->ended)
            continue;
        one->queue = rd_kafka_queue_get_partition(reader->client, one->topic, (int32_t)one->of.partition);
        if (!one->queue) {
            rd_kafka_topic_partition_list_destroy(list);
            return snag_fail(diag, SNAG_BROKER, "kafka: partition %u of %s cannot be read", one->of.partition,
                             one->topic);
        }
        rd_kafka_queue_forward(one->queue, NULL);
        rd_kafka_topic_partition_list_add(list, one->topic, (int32_t)one->of.partition)->offset =
            one->of.from;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "beginning to read", NULL) : SNAG_OK;
}

snag_err snag_kafka_reader_new(snag_kafka_reader **out, snag_kafka *kafka, const char *group,
                               const char *const *topics, const snag_kafka_part *parts, size_t count,
                               snag_diag *diag)
{
    snag_kafka_reader *reader = calloc(1, sizeof *reader);
    *out = NULL;
    if (reader)
        reader->parts = calloc(count + 1, sizeof *reader->parts);
    if (!reader || !reader->parts) {
        free(reader);
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    }
    reader->owner.kafka = kafka;
    reader->count = count;
    for (size_t i = 0; i < count; i++)
        reader->parts[i] = (part){.of = parts[i], .topic = topics[parts[i].topic]};
    snag_err err = client_make(reader, group, diag);
    if (err == SNAG_OK)
        err = begin(reader, diag);
    if (err == SNAG_OK)
        *out = reader;
    else
        snag_kafka_reader_free(reader);
    return err;
}

static void part_drop(part *one)
{
    for (size_t i = 0; i < one->count; i++)
        rd_kafka_message_destroy(one->messages[i]);
    one->count = one->lent = 0;
}

void snag_kafka_reader_free(snag_kafka_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->count; i++) {
        part_drop(&reader->parts[i]);
        if (reader->parts[i].queue)
            rd_kafka_queue_destroy(reader->parts[i].queue);
        free(reader->parts[i].headers);
    }
    if (reader->main)
        rd_kafka_queue_destroy(reader->main);
    if (reader->client) {
        rd_kafka_consumer_close(reader->client);
        snag_kafka_client_end(reader->owner.kafka, reader->client, 0);
    }
    free(reader->parts);
    free(reader);
}

/* --- reading ----------------------------------------------------------------------------------- */

static snag_err deleted(const part *one, snag_diag *diag)
{
    return snag_fail(diag, SNAG_STATE, "%s [%u]: records were deleted while they were read", one->topic,
                     one->of.partition);
}

/* What an error in a part's queue means; SNAG_AGAIN = nothing, the client goes on. */
static snag_err judge(part *one, const rd_kafka_message_t *message, snag_diag *diag)
{
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        one->ended = message->offset >= one->of.end; /* behind the last record lie markers at most */
        return one->ended ? SNAG_END : SNAG_AGAIN;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return deleted(one, diag);
    default: break;
    }
    snag_err err = snag_kafka_judge(message->err);
    return err == SNAG_BROKER
               ? SNAG_AGAIN
               : snag_kafka_fail(diag, message->err, one->topic, rd_kafka_message_errstr(message));
}

/* Errors that concern no partition: an outage goes over, or patience ends. */
static void main_drain(snag_kafka_reader *reader)
{
    rd_kafka_message_t *message;
    while (rd_kafka_consume_batch_queue(reader->main, 0, &message, 1) == 1)
        rd_kafka_message_destroy(message);
    snag_kafka_watch(reader->owner.kafka);
}

static void fill(snag_kafka_reader *reader, part *one)
{
    one->count = snag_kafka_consume(one->queue, WAIT_MS, one->messages, SNAG_READER_BATCH);
    if (one->count == 0)
        main_drain(reader);
}

/* Drops the front message where it is none to hand out; SNAG_OK: it is a record. */
static snag_err front(part *one, snag_diag *diag)
{
    rd_kafka_message_t *message = one->messages[0];
    snag_err err = SNAG_OK;
    if (message->err) {
        err = judge(one, message, diag);
    } else if (message->offset >= one->of.end) {
        one->ended = true;
        err = SNAG_END;
    } else if (message->offset < one->of.from) {
        err = SNAG_AGAIN;
    }
    if (err != SNAG_AGAIN)
        return err;
    rd_kafka_message_destroy(message);
    memmove(one->messages, one->messages + 1, --one->count * sizeof message);
    return SNAG_AGAIN;
}

static void give_back(part *one)
{
    for (size_t i = 0; i < one->lent; i++)
        rd_kafka_message_destroy(one->messages[i]);
    one->count -= one->lent;
    memmove(one->messages, one->messages + one->lent, one->count * sizeof one->messages[0]);
    one->lent = 0;
}

snag_err snag_kafka_reader_peek(snag_kafka_reader *reader, size_t at, int64_t *offset, snag_diag *diag)
{
    part *one = &reader->parts[at];
    int64_t end_ms = snag_clock_monotonic_ms() + PATIENCE_MS;
    SNAG_ASSERT(at < reader->count);
    give_back(one);
    while (!one->ended) {
        if (one->count == 0)
            fill(reader, one);
        snag_err err = one->count ? front(one, diag) : SNAG_AGAIN;
        if (err == SNAG_OK)
            *offset = one->messages[0]->offset;
        if (err != SNAG_AGAIN)
            return err;
        if (one->count == 0 && snag_clock_monotonic_ms() > end_ms)
            return snag_fail(diag, SNAG_BROKER, "%s [%u]: nothing came within %d s", one->topic,
                             one->of.partition, PATIENCE_MS / 1000);
    }
    return SNAG_END;
}

static uint32_t headers_take(part *one, size_t i, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *any;
    if (rd_kafka_message_headers(message, &any))
        return 0;
    if (!one->headers)
        one->headers = malloc(sizeof *one->headers * HEADERS_MAX * SNAG_READER_BATCH);
    SNAG_ASSERT(one->headers != NULL);
    return snag_kafka_headers(message, &one->headers[i * HEADERS_MAX], HEADERS_MAX);
}

size_t snag_kafka_reader_take(snag_kafka_reader *reader, size_t at, int64_t before, size_t max,
                              const snag_raw **records)
{
    part *one = &reader->parts[at];
    SNAG_ASSERT(one->lent == 0 && one->count > 0);
    int64_t end = before < one->of.end ? before : one->of.end;
    while (one->lent < one->count && one->lent < max) {
        const rd_kafka_message_t *message = one->messages[one->lent];
        if (message->err || message->offset >= end)
            break;
        snag_raw *raw = &one->raws[one->lent];
        *raw = snag_kafka_raw(message, one->of.topic);
        raw->header_count = headers_take(one, one->lent, message);
        raw->headers = raw->header_count ? &one->headers[one->lent * HEADERS_MAX] : NULL;
        one->lent++;
    }
    *records = one->raws;
    return one->lent;
}
