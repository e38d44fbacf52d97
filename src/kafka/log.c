/* SPDX-License-Identifier: Apache-2.0
 *
 * The changelog port: a consumer without a group, made for one takeover and gone after it.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/planted.h"
#include "kafka/client.h"

enum { BATCH = 2000 };

typedef struct reader {
    snag_kafka_owner owner;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    char *topic;
    char *group;
    rd_kafka_message_t *messages[BATCH];
    size_t count; /* messages in hand: [at - 1] is lent, [at, count) are to come */
    size_t at;
    bool settled;
} reader;

static void log_shut(void *self)
{
    reader *log = self;
    for (size_t i = log->at ? log->at - 1 : 0; i < log->count; i++)
        rd_kafka_message_destroy(log->messages[i]);
    log->at = log->count = 0;
    if (log->queue)
        rd_kafka_queue_destroy(log->queue);
    if (log->client) {
        rd_kafka_consumer_close(log->client);
        snag_kafka_client_end(log->owner.kafka, log->client, 0);
    }
    log->queue = NULL;
    log->client = NULL;
}

static snag_err make(reader *log, snag_diag *diag)
{
    snag_kafka_prefetch prefetch = snag_kafka_prefetch_of(log->owner.kafka, 1);
    const snag_kafka_default defaults[] = {
        {"fetch.wait.max.ms", "20"}, {"queued.min.messages", prefetch.messages},
        {"queued.max.messages.kbytes", prefetch.kbytes}, {NULL, NULL}};
    /* The client asks for a group before it assigns; this one is never joined and commits nothing. */
    const snag_kafka_default demands[] = {
        {"group.id", log->group},
        {"isolation.level", snag_planted(READ_UNCOMMITTED) ? "read_uncommitted" : "read_committed"},
        {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"}, {"auto.offset.reset", "earliest"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = snag_kafka_conf(&log->owner, defaults, demands, diag);
    if (!conf)
        return SNAG_CONFIG;
    log->client = snag_kafka_client_new(RD_KAFKA_CONSUMER, conf, diag);
    if (!log->client)
        return SNAG_CONFIG;
    rd_kafka_poll_set_consumer(log->client);
    log->queue = rd_kafka_queue_get_consumer(log->client);
    return SNAG_OK;
}

static snag_err log_open(void *self, uint32_t partition, int64_t from, snag_diag *diag)
{
    reader *log = self;
    log_shut(log);
    snag_err err = make(log, diag);
    if (err != SNAG_OK)
        return err;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    /* Offset 0, not "the beginning": asking for that costs a new client half a second. Where 0 is no longer
     * there, auto.offset.reset finds the first that is. */
    rd_kafka_topic_partition_list_add(list, log->topic, (int32_t)partition)->offset = from;
    rd_kafka_resp_err_t code = rd_kafka_assign(log->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, log->topic, NULL) : SNAG_OK;
}

/* Gives back the lent message and gets more where none is in hand. */
static bool advance(reader *log, int wait_ms)
{
    if (log->at)
        rd_kafka_message_destroy(log->messages[log->at - 1]);
    if (log->at == log->count) {
        log->at = 0;
        log->count = snag_kafka_consume(log->queue, wait_ms, log->messages, BATCH);
    }
    if (log->count == 0)
        return false;
    log->at++;
    return true;
}

static snag_err log_next(void *self, int wait_ms, snag_change_record *record, snag_diag *diag)
{
    reader *log = self;
    if (!advance(log, wait_ms))
        return SNAG_AGAIN;
    const rd_kafka_message_t *message = log->messages[log->at - 1];
    log->settled = false;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        int64_t low, high; /* the answer that brought the end brought these, too */
        log->settled = !rd_kafka_get_watermark_offsets(log->client, log->topic, message->partition, &low,
                                                       &high) && high <= message->offset;
        return SNAG_END;
    }
    if (message->err) {
        snag_err err = snag_kafka_judge(message->err);
        if (err == SNAG_BROKER && snag_kafka_topic_gone(log->owner.kafka, log->topic))
            return snag_fail(diag, SNAG_STATE,
                             "the changelog %s was deleted, and with it the truth about state: make it anew "
                             "(snag topics --create) and begin a new --group, which reads the input anew",
                             log->topic);
        return err == SNAG_BROKER ? SNAG_AGAIN
                                  : snag_kafka_fail(diag, message->err, log->topic,
                                                    rd_kafka_message_errstr(message));
    }
    *record = (snag_change_record){message->offset, snag_str_of(message->key, message->key_len),
                                   snag_str_of(message->payload, message->len)};
    return SNAG_OK;
}

static bool log_settled(void *self)
{
    return ((const reader *)self)->settled;
}

static void log_close(void *self)
{
    reader *log = self;
    if (!log)
        return;
    log_shut(log);
    free(log->topic);
    free(log->group);
    free(log);
}

static const snag_changelog_ops log_ops = {
    .open = log_open, .next = log_next, .settled = log_settled, .shut = log_shut, .close = log_close};

snag_err snag_kafka_log_new(snag_changelog *out, snag_kafka *kafka, const char *topic,
                            const char *group, snag_diag *diag)
{
    reader *log = calloc(1, sizeof *log);
    if (log) {
        log->topic = strdup(topic);
        log->group = strdup(group);
    }
    if (!log || !log->topic || !log->group) {
        log_close(log);
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    }
    log->owner.kafka = kafka;
    *out = (snag_changelog){.ops = &log_ops, .self = log};
    return SNAG_OK;
}
