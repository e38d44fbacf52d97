/* SPDX-License-Identifier: Apache-2.0
 *
 * The output port on a transactional producer.
 *
 * The client cannot know how an EndTxn ended whose answer never came, and cannot raise its own epoch
 * (KIP-890): after any error that is not cleanly retriable the producer is thrown away. init_transactions
 * of the next one makes the coordinator finish or abort what was open, and fences every older holder of
 * the id.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "kafka/client.h"

enum {
    CALL_MS = 10000,
    TRY_MS = 30000,
    STEP_MS = 100,
    CLOSE_MS = 3000,
    /* With more the client has five requests under way, and spins until it may send the next one. */
    WINDOW_BYTES = 2 << 20
};

typedef struct output {
    snag_kafka_owner owner;
    const snag_input *input;
    rd_kafka_t *client;
    rd_kafka_topic_t *topics[SNAG_KAFKA_OUTPUTS_MAX]; /* by snag_topic, then the lanes of a first hop */
    char *names[SNAG_KAFKA_OUTPUTS_MAX];
    int count;
    char *id;
    rd_kafka_resp_err_t failed; /* the first message of the transaction that could not be delivered … */
    int failed_topic;           /* … and to which topic */
    bool open;                  /* a transaction is begun */
    size_t unacked;             /* bytes handed over that no broker has answered for */
} output;

static int topic_of(const output *out, const rd_kafka_topic_t *topic)
{
    for (int i = 0; i < out->count; i++)
        if (out->topics[i] == topic)
            return i;
    return 0;
}

/* The offset a message got, for whoever asked. */
static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    int64_t *offset = message->_private;
    output *out = opaque;
    (void)client;
    size_t bytes = message->len + message->key_len;
    out->unacked -= bytes < out->unacked ? bytes : out->unacked;
    if (offset && !message->err)
        *offset = message->offset;
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                  message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (message->err && !purged && !out->failed) {
        out->failed = message->err;
        out->failed_topic = topic_of(out, message->rkt);
    }
}

static void drop(output *out)
{
    for (int i = 0; i < out->count; i++) {
        if (out->topics[i])
            rd_kafka_topic_destroy(out->topics[i]);
        out->topics[i] = NULL;
    }
    if (out->client) {
        rd_kafka_purge(out->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        snag_kafka_client_end(out->owner.kafka, out->client, 0);
    }
    out->client = NULL;
}

/* The transaction failed because a message did: that says more. A topic that is not there any more looks like
 * a time-out at first. */
static snag_err fail_delivery(const output *out, snag_diag *diag)
{
    const char *name = out->names[out->failed_topic];
    snag_err err = snag_kafka_fail(diag, out->failed, name, NULL);
    if (err != SNAG_BROKER || !snag_kafka_topic_gone(out->owner.kafka, name))
        return err;
    if (out->failed_topic == SNAG_TOPIC_CHANGELOG)
        return snag_fail(diag, SNAG_STATE,
                         "the changelog %s was deleted, and with it the truth about state: make it anew "
                         "(snag topics --create) and begin a new --group, which reads the input anew",
                         name);
    return snag_fail(diag, SNAG_STATE, "the topic %s was deleted: `snag topics PIPELINE --create` makes it",
                     name);
}

/* Takes the error. */
static snag_err fail(output *out, rd_kafka_error_t *error, const char *doing, snag_diag *diag)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    snag_err err = snag_kafka_fail(diag, code, doing, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (out->failed && err != SNAG_FENCED)
        err = fail_delivery(out, diag);
    return err == SNAG_OK ? SNAG_BROKER : err;
}

/* Calls again while the client says that it may be called again, for at most TRY_MS. */
typedef rd_kafka_error_t *call(output *out, const void *argument);

static snag_err insist(output *out, call *what, const void *argument, const char *doing,
                       snag_diag *diag)
{
    for (int tried_ms = 0;; tried_ms += STEP_MS) {
        rd_kafka_error_t *error = what(out, argument);
        if (!error)
            return SNAG_OK;
        bool timed_out = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (timed_out)
            tried_ms += CALL_MS;
        if (!rd_kafka_error_is_retriable(error) || tried_ms >= TRY_MS)
            return fail(out, error, doing, diag);
        rd_kafka_error_destroy(error);
        rd_kafka_poll(out->client, STEP_MS);
    }
}

static rd_kafka_error_t *call_init(output *out, const void *argument)
{
    (void)argument;
    return rd_kafka_init_transactions(out->client, CALL_MS);
}

static rd_kafka_error_t *call_offsets(output *out, const void *argument)
{
    const rd_kafka_topic_partition_list_t *list = argument;
    return rd_kafka_send_offsets_to_transaction(out->client, list,
                                                snag_kafka_input_group(out->input), CALL_MS);
}

static rd_kafka_error_t *call_commit(output *out, const void *argument)
{
    (void)argument;
    return rd_kafka_commit_transaction(out->client, CALL_MS);
}

static snag_err make(output *out, snag_diag *diag)
{
    static const snag_kafka_default defaults[] = {
        {"linger.ms", "1"}, {"queue.buffering.max.messages", "1000000"},
        {"compression.type", "lz4"}, /* alerts resemble each other: an eighth of the bytes for everyone */
        /* AddOffsetsToTxn meets the last transaction's markers (CONCURRENT_TRANSACTIONS) and tries again only
         * after this; its default of 100 ms was the tail of our latency. */
        {"retry.backoff.ms", "10"},
        {"queue.buffering.max.kbytes", "1048576"}, {NULL, NULL}};
    const snag_kafka_default demands[] = {{"transactional.id", out->id},
                                          {"transaction.timeout.ms", "10000"},
                                          {NULL, NULL}};
    rd_kafka_conf_t *conf = snag_kafka_conf(&out->owner, defaults, demands, diag);
    if (!conf)
        return SNAG_CONFIG;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    out->client = snag_kafka_client_new(RD_KAFKA_PRODUCER, conf, diag);
    if (!out->client)
        return SNAG_CONFIG;
    for (int i = 0; i < out->count; i++) {
        out->topics[i] = rd_kafka_topic_new(out->client, out->names[i], NULL);
        if (!out->topics[i])
            return snag_kafka_fail(diag, rd_kafka_last_error(), out->names[i], NULL);
    }
    return SNAG_OK;
}

static snag_err output_renew(void *self, snag_diag *diag)
{
    output *out = self;
    drop(out);
    out->open = false;
    out->unacked = 0;
    snag_err err = make(out, diag);
    return err == SNAG_OK ? insist(out, call_init, NULL, "opening the transactional producer", diag)
                          : err;
}

static snag_err output_begin(void *self, snag_diag *diag)
{
    output *out = self;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(out->client);
    out->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    out->open = error == NULL;
    return error ? fail(out, error, "beginning a transaction", diag) : SNAG_OK;
}

static rd_kafka_headers_t *headers_of(const snag_message *message)
{
    if (message->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (uint32_t i = 0; i < message->header_count; i++) {
        const snag_header *header = &message->headers[i];
        rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.size,
                            header->value.data, (ssize_t)header->value.size);
    }
    return headers;
}

/* The bytes are lent, not copied: they stay until commit or renew. */
static rd_kafka_resp_err_t hand_over(output *out, const snag_message *message)
{
    rd_kafka_headers_t *headers = headers_of(message);
    if (!headers)
        return rd_kafka_produce(out->topics[message->topic], (int32_t)message->partition, 0,
                                (void *)(uintptr_t)message->value.data, message->value.size,
                                message->key.data, message->key.size, message->offset)
                   ? rd_kafka_last_error()
                   : RD_KAFKA_RESP_ERR_NO_ERROR;
    /* An array, not rd_kafka_producev: its macros are not ISO C, which clang says. */
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = out->topics[message->topic]},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)message->partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)message->value.data, message->value.size}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)message->key.data, message->key.size}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = message->offset},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(out->client, parts, sizeof parts / sizeof parts[0]);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers);
    return code;
}

/* Until the brokers have answered for enough of it. When they are slow nothing is lost by not waiting. */
static void window_wait(const output *out)
{
    bool heard = true;
    while (heard && out->unacked > WINDOW_BYTES)
        heard = rd_kafka_poll(out->client, STEP_MS) > 0;
}

static snag_err output_send(void *self, const snag_message *message, snag_diag *diag)
{
    output *out = self;
    window_wait(out);
    for (int waited_ms = 0;; waited_ms += STEP_MS) {
        rd_kafka_resp_err_t code = hand_over(out, message);
        if (!code) {
            out->unacked += message->key.size + message->value.size;
            return SNAG_OK;
        }
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || waited_ms >= TRY_MS)
            return snag_kafka_fail(diag, code, out->names[message->topic], NULL);
        rd_kafka_poll(out->client, STEP_MS);
    }
}

static snag_err output_offsets(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    output *out = self;
    SNAG_ASSERT(count > 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(
            list, snag_kafka_input_topic(out->input, places[i].source), (int32_t)places[i].partition);
        at->offset = places[i].offset;
        at->metadata = strdup(places[i].text);
        at->metadata_size = strlen(places[i].text);
    }
    snag_err err = insist(out, call_offsets, list, "committing offsets", diag);
    rd_kafka_topic_partition_list_destroy(list);
    if (err == SNAG_OK) /* what fails or takes too long is said by the commit, which waits again */
        rd_kafka_flush(out->client, CALL_MS);
    return err;
}

static snag_err output_commit(void *self, snag_diag *diag)
{
    output *out = self;
    snag_err err = insist(out, call_commit, NULL, "committing", diag);
    out->open = out->open && err != SNAG_OK;
    return err;
}

static void output_close(void *self)
{
    output *out = self;
    if (!out)
        return;
    /* Who comes next shall not wait until what was left open times out. */
    rd_kafka_error_t *error = NULL;
    if (out->client && out->open)
        error = rd_kafka_abort_transaction(out->client, CLOSE_MS);
    if (error)
        rd_kafka_error_destroy(error);
    drop(out);
    for (int i = 0; i < out->count; i++)
        free(out->names[i]);
    free(out->id);
    free(out);
}

static const snag_output_ops output_ops = {
    .renew = output_renew,
    .begin = output_begin,
    .send = output_send,
    .offsets = output_offsets,
    .commit = output_commit,
    .close = output_close,
};

snag_err snag_kafka_output_new(snag_output *port, snag_kafka *kafka, const snag_input *input,
                               const char *transactional_id, const char *const *topics, uint32_t count,
                               snag_diag *diag)
{
    output *out = calloc(1, sizeof *out);
    if (!out)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    SNAG_ASSERT(count >= SNAG_TOPIC_COUNT && count <= SNAG_KAFKA_OUTPUTS_MAX);
    out->owner.kafka = kafka;
    out->count = (int)count;
    out->input = input;
    out->id = strdup(transactional_id);
    bool fine = out->id != NULL;
    for (int i = 0; i < out->count; i++)
        fine = (out->names[i] = strdup(topics[i])) != NULL && fine;
    if (!fine) {
        output_close(out);
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    }
    *port = (snag_output){.ops = &output_ops, .self = out};
    return SNAG_OK;
}
