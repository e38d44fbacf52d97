/* SPDX-License-Identifier: Apache-2.0
 *
 * What exactly-once costs: the same program with another output port, for benchmarks only. A producer without
 * transactions, and offsets that the consumer commits once everything before them is in the log: at least
 * once. `snag_loose` is `snag` linked with --wrap=snag_kafka_output_new; nothing else differs, so that the
 * difference of two runs is the price (bench/live_kafka.sh). After a crash its changelog and its offsets
 * need not agree, and it says so and stops: no way to run in earnest.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "kafka/client.h"

enum { FLUSH_MS = 30000, STEP_MS = 100, TRIES = 300 };

typedef struct loose {
    snag_kafka_owner owner;
    const snag_input *input;
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[SNAG_TOPIC_COUNT];
    char *names[SNAG_TOPIC_COUNT];
    rd_kafka_resp_err_t failed;
    rd_kafka_topic_partition_list_t *places; /* to be committed */
} loose;

/* The linker calls it so. */
snag_err __wrap_snag_kafka_output_new(snag_output *port, snag_kafka *kafka, const snag_input *input,
                                      const char *transactional_id, const char *const *topics,
                                      uint32_t count, snag_diag *diag);

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    loose *out = opaque;
    int64_t *offset = message->_private;
    (void)client;
    if (message->err && !out->failed)
        out->failed = message->err;
    if (offset && !message->err)
        *offset = message->offset;
}

static void drop(loose *out)
{
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++) {
        if (out->topics[i])
            rd_kafka_topic_destroy(out->topics[i]);
        out->topics[i] = NULL;
    }
    if (out->places)
        rd_kafka_topic_partition_list_destroy(out->places);
    if (out->client)
        rd_kafka_destroy(out->client);
    out->places = NULL;
    out->client = NULL;
}

static snag_err loose_renew(void *self, snag_diag *diag)
{
    loose *out = self;
    const snag_kafka_default defaults[] = {{"linger.ms", "1"}, {"queue.buffering.max.messages", "1000000"},
                                           {"queue.buffering.max.kbytes", "1048576"}, {"acks", "all"},
                                           {NULL, NULL}};
    drop(out);
    rd_kafka_conf_t *conf = snag_kafka_conf(&out->owner, defaults, NULL, diag);
    if (!conf)
        return SNAG_CONFIG;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    out->client = snag_kafka_client_new(RD_KAFKA_PRODUCER, conf, diag);
    for (int i = 0; out->client && i < SNAG_TOPIC_COUNT; i++)
        out->topics[i] = rd_kafka_topic_new(out->client, out->names[i], NULL);
    return out->client ? SNAG_OK : SNAG_CONFIG;
}

static snag_err loose_begin(void *self, snag_diag *diag)
{
    (void)diag;
    ((loose *)self)->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    return SNAG_OK;
}

/* Headers are left out: only dead letters have some. */
static snag_err loose_send(void *self, const snag_message *message, snag_diag *diag)
{
    loose *out = self;
    for (int tries = 0; tries < TRIES; tries++) {
        if (!rd_kafka_produce(out->topics[message->topic], (int32_t)message->partition, 0,
                              (void *)(uintptr_t)message->value.data, message->value.size,
                              message->key.data, message->key.size, message->offset))
            return SNAG_OK;
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            break;
        rd_kafka_poll(out->client, STEP_MS);
    }
    return snag_kafka_fail(diag, rd_kafka_last_error(), out->names[message->topic], NULL);
}

static snag_err loose_offsets(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    loose *out = self;
    if (out->places)
        rd_kafka_topic_partition_list_destroy(out->places);
    out->places = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(
            out->places, snag_kafka_input_topic(out->input, places[i].source), (int32_t)places[i].partition);
        at->offset = places[i].offset;
        at->metadata = strdup(places[i].text);
        at->metadata_size = strlen(places[i].text);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(out->client, FLUSH_MS);
    if (!code)
        code = out->failed;
    return code ? snag_kafka_fail(diag, code, "sending", NULL) : SNAG_OK;
}

static snag_err loose_commit(void *self, snag_diag *diag)
{
    loose *out = self;
    rd_kafka_resp_err_t code = rd_kafka_commit(snag_kafka_input_client(out->input), out->places, 0);
    return code ? snag_kafka_fail(diag, code, "committing offsets", NULL) : SNAG_OK;
}

static void loose_close(void *self)
{
    loose *out = self;
    drop(out);
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++)
        free(out->names[i]);
    free(out);
}

snag_err __wrap_snag_kafka_output_new(snag_output *port, snag_kafka *kafka, const snag_input *input,
                                      const char *transactional_id, const char *const *topics,
                                      uint32_t count, snag_diag *diag)
{
    static const snag_output_ops ops = {.renew = loose_renew, .begin = loose_begin, .send = loose_send,
                                        .offsets = loose_offsets, .commit = loose_commit,
                                        .close = loose_close};
    loose *out = calloc(1, sizeof *out);
    (void)transactional_id;
    (void)diag;
    SNAG_ASSERT(out != NULL && count == SNAG_TOPIC_COUNT); /* a first hop has nothing to compare */
    out->owner.kafka = kafka;
    out->input = input;
    for (int i = 0; i < SNAG_TOPIC_COUNT; i++) {
        out->names[i] = strdup(topics[i]);
        SNAG_ASSERT(out->names[i] != NULL);
    }
    *port = (snag_output){.ops = &ops, .self = out};
    return SNAG_OK;
}
