/* SPDX-License-Identifier: Apache-2.0
 *
 * The input port on a Kafka consumer: static membership, range assignment, explicit offsets.
 *
 * In the assign callback the client is given an empty assignment, so that the group settles; nothing is read
 * until the worker has its state and calls start. The revoke callback only notes that it was asked: give_back
 * answers, when the worker has committed. Nothing is paused and nothing is sought (librdkafka 2.0.2 loses or
 * misreturns messages then); a record that is not ahead of the last one of its partition is dropped here.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/planted.h"
#include "kafka/client.h"

/* END_MS is also how old an answer may be that proves silence: a leader that was stopped for longer may have
 * been replaced without knowing it. */
enum { ASK_MS = 5000, END_MS = 2000, STABLE_MS = 30000, PARTITIONS_MAX = 65536 };

typedef struct input {
    snag_kafka_owner owner;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    rd_kafka_consumer_group_metadata_t *group;
    rd_kafka_topic_t *asked; /* the topic as the probe knows it */
    char *topic;
    char *name; /* of the group */
    char *instance;
    snag_seat seat; /* what happened since the last poll */
    bool closing;
    bool keep_seat;
    uint32_t *given;
    size_t given_count;
    int64_t *next; /* by partition: the lowest offset that may come; -1 = not started */
    size_t next_count;
    size_t max;
    rd_kafka_message_t **messages;
    size_t message_count;
    snag_raw *records;
    uint32_t *origin; /* of record i: its message */
    size_t record_count;
    snag_reached *reached;
    size_t reached_count;
} input;

/* --- the group --------------------------------------------------------------------------------- */

static void on_given(input *in, const rd_kafka_topic_partition_list_t *list)
{
    uint32_t *given = realloc(in->given, sizeof *given * (size_t)(list->cnt + 1));
    SNAG_ASSERT(given != NULL);
    in->given = given;
    in->given_count = 0;
    for (int i = 0; i < list->cnt; i++)
        given[in->given_count++] = (uint32_t)list->elems[i].partition;
    if (in->group)
        rd_kafka_consumer_group_metadata_destroy(in->group);
    in->group = rd_kafka_consumer_group_metadata(in->client);
    in->seat = SNAG_SEAT_GIVEN;
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_assign(in->client, none);
    rd_kafka_topic_partition_list_destroy(none);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    input *in = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !in->closing)
        on_given(in, list);
    else if (in->closing)
        rd_kafka_assign(client, NULL);
    else
        in->seat = rd_kafka_assignment_lost(client) ? SNAG_SEAT_LOST : SNAG_SEAT_ASKED;
    rd_kafka_yield(client);
}

static const uint32_t *input_given(void *self, size_t *count)
{
    input *in = self;
    *count = in->given_count;
    return in->given;
}

static snag_err input_give_back(void *self, snag_diag *diag)
{
    input *in = self;
    for (size_t i = 0; i < in->next_count; i++)
        in->next[i] = -1;
    in->given_count = 0;
    rd_kafka_resp_err_t code = rd_kafka_assign(in->client, NULL);
    return code ? snag_kafka_fail(diag, code, "giving partitions back", NULL) : SNAG_OK;
}

/* --- places ------------------------------------------------------------------------------------ */

static void place_read(snag_place *place, const rd_kafka_topic_partition_t *at)
{
    place->offset = at->offset >= 0 ? at->offset : -1;
    size_t size = at->metadata ? at->metadata_size : 0;
    if (size >= sizeof place->text)
        size = sizeof place->text - 1;
    if (size)
        memcpy(place->text, at->metadata, size);
    place->text[size] = '\0';
}

snag_err snag_kafka_committed(rd_kafka_t *client, const char *topic, snag_place *places, size_t count,
                              int timeout_ms, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, (int32_t)places[i].partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(client, list, timeout_ms);
    for (size_t i = 0; i < count && !code; i++) {
        code = list->elems[i].err;
        place_read(&places[i], &list->elems[i]);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "reading the group's offsets", NULL) : SNAG_OK;
}

static snag_err input_committed(void *self, snag_place *places, size_t count, snag_diag *diag)
{
    input *in = self;
    return snag_kafka_committed(in->client, in->topic, places, count, STABLE_MS, diag);
}

static snag_err input_start(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    input *in = self;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < in->next_count; i++)
        in->next[i] = -1; /* what is left in the queues of a partition that is not started is dropped */
    for (size_t i = 0; i < count; i++) {
        SNAG_ASSERT(places[i].partition < in->next_count && places[i].offset >= 0);
        in->next[places[i].partition] = places[i].offset;
        rd_kafka_topic_partition_list_add(list, in->topic, (int32_t)places[i].partition)->offset =
            places[i].offset;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(in->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "beginning to read", NULL) : SNAG_OK;
}

static snag_err input_range(void *self, uint32_t partition, int64_t *first, int64_t *end,
                            snag_diag *diag)
{
    input *in = self;
    return snag_kafka_range(in->client, in->topic, partition, first, end, ASK_MS, diag);
}

static snag_err input_log_end(void *self, uint32_t partition, int64_t *end, snag_diag *diag)
{
    input *in = self;
    return snag_kafka_end(in->owner.kafka->probe, in->asked, partition, end, END_MS, diag);
}

static int64_t input_seen_end(void *self, uint32_t partition)
{
    input *in = self;
    int64_t first, end;
    rd_kafka_resp_err_t code =
        rd_kafka_get_watermark_offsets(in->client, in->topic, (int32_t)partition, &first, &end);
    return code || end < 0 ? -1 : end;
}

/* --- reading ----------------------------------------------------------------------------------- */

static void input_release(void *self)
{
    input *in = self;
    for (size_t i = 0; i < in->message_count; i++)
        rd_kafka_message_destroy(in->messages[i]);
    in->message_count = in->record_count = in->reached_count = 0;
}

static void reached_drop(input *in, uint32_t partition)
{
    for (size_t i = 0; i < in->reached_count; i++)
        if (in->reached[i].partition == partition)
            in->reached[i--] = in->reached[--in->reached_count];
}

static void take_record(input *in, uint32_t at)
{
    const rd_kafka_message_t *message = in->messages[at];
    uint32_t partition = (uint32_t)message->partition;
    rd_kafka_timestamp_type_t type;
    if (partition >= in->next_count || in->next[partition] < 0 ||
        message->offset < in->next[partition])
        return; /* of an assignment that is over, or handed out before */
    if (in->reached_count)
        reached_drop(in, partition);
    in->next[partition] = message->offset + 1;
    int64_t stamp = rd_kafka_message_timestamp(message, &type);
    snag_raw *raw = &in->records[in->record_count];
    *raw = (snag_raw){
        .position = {.offset = message->offset, .partition = partition, .source = 0},
        .stamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? SNAG_TIME_NONE : stamp,
        .key = snag_str_of(message->key, message->key_len),
        .value = snag_str_of(message->payload, message->len)};
    in->origin[in->record_count++] = at;
}

static snag_err take_error(input *in, const rd_kafka_message_t *message, snag_diag *diag)
{
    uint32_t partition = (uint32_t)message->partition;
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (partition < in->next_count && in->next[partition] >= 0 &&
            message->offset >= in->next[partition]) {
            reached_drop(in, partition);
            in->reached[in->reached_count++] = (snag_reached){partition, message->offset};
        }
        return SNAG_OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return snag_fail(diag, SNAG_STATE,
                         "partition %u: the next record of %s is no longer there: records were deleted "
                         "before they were read, or the topic was made anew. Begin a new --group, and let "
                         "the topic keep its records longer (retention.ms)",
                         partition, in->topic);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        if (!snag_kafka_topic_gone(in->owner.kafka, in->topic))
            return SNAG_OK; /* a broker that has just started may not know it yet */
        return snag_fail(diag, SNAG_STATE,
                         "the input topic %s was deleted: make it anew and begin a new --group", in->topic);
    default: break;
    }
    snag_err err = snag_kafka_judge(message->err);
    if (err == SNAG_BROKER) /* the client goes on by itself; an outage is said by watch */
        return SNAG_OK;
    return snag_kafka_fail(diag, message->err, "reading", rd_kafka_message_errstr(message));
}

static snag_err check_fatal(input *in, snag_diag *diag)
{
    char words[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(in->client, words, sizeof words);
    return code ? snag_kafka_fail(diag, code, "the consumer", words) : SNAG_OK;
}

/* The first record is waited for; a batch call that waits would wait until the batch is full. */
static void fetch(input *in, int wait_ms, size_t max)
{
    ssize_t count = rd_kafka_consume_batch_queue(in->queue, wait_ms, in->messages, 1);
    in->message_count = count > 0 ? (size_t)count : 0;
    if (count <= 0 || max == 1)
        return;
    count = rd_kafka_consume_batch_queue(in->queue, 0, in->messages + 1, max - 1);
    in->message_count += count > 0 ? (size_t)count : 0;
}

static snag_err input_poll(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                           snag_diag *diag)
{
    input *in = self;
    snag_err err = SNAG_OK;
    SNAG_ASSERT(in->message_count == 0);
    if (in->seat == SNAG_SEAT_KEPT)
        fetch(in, wait_ms, max && max < in->max ? max : in->max);
    for (uint32_t i = 0; i < in->message_count; i++) {
        if (!in->messages[i]->err)
            take_record(in, i);
        else if (err == SNAG_OK)
            err = take_error(in, in->messages[i], diag);
    }
    snag_kafka_watch(in->owner.kafka);
    if (err == SNAG_OK && in->record_count == 0)
        err = check_fatal(in, diag);
    *batch = (snag_batch){in->records, in->record_count, in->reached, in->reached_count};
    *seat = in->seat;
    in->seat = SNAG_SEAT_KEPT;
    return err;
}

static uint32_t input_headers(void *self, size_t i, snag_header *out, uint32_t max)
{
    input *in = self;
    rd_kafka_headers_t *headers;
    uint32_t count = 0;
    SNAG_ASSERT(i < in->record_count);
    if (rd_kafka_message_headers(in->messages[in->origin[i]], &headers))
        return 0;
    for (; count < max; count++) {
        const char *name;
        const void *value;
        size_t size;
        if (rd_kafka_header_get_all(headers, count, &name, &value, &size))
            break;
        out[count] = (snag_header){snag_str_from(name), snag_str_of(value, size)};
    }
    return count;
}

/* --- life -------------------------------------------------------------------------------------- */

/* Without rd_kafka_consumer_close: a static member has nothing to say there, and with the coordinator away
 * it waits for minutes. */
static void client_drop(input *in)
{
    in->closing = true;
    input_release(in);
    if (in->queue)
        rd_kafka_queue_destroy(in->queue);
    if (in->client) {
        if (in->group)
            rd_kafka_consumer_group_metadata_destroy(in->group);
        rd_kafka_destroy_flags(in->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    in->queue = NULL;
    in->client = NULL;
    in->group = NULL;
    in->given_count = 0;
    in->seat = SNAG_SEAT_KEPT;
    in->closing = false;
}

static void input_close(void *self)
{
    input *in = self;
    if (!in)
        return;
    in->closing = true;
    input_release(in);
    if (in->client && in->group && !in->keep_seat)
        snag_kafka_leave(in->client, in->owner.kafka, in->name, in->instance);
    client_drop(in);
    if (in->asked)
        rd_kafka_topic_destroy(in->asked);
    free(in->topic);
    free(in->name);
    free(in->instance);
    free(in->given);
    free(in->next);
    free(in->messages);
    free(in->records);
    free(in->origin);
    free(in->reached);
    free(in);
}

static snag_err input_memory(input *in, const snag_kafka_input_options *options, snag_diag *diag)
{
    size_t max = options->batch_max;
    in->max = max;
    in->keep_seat = options->keep_seat;
    in->next_count = PARTITIONS_MAX;
    in->topic = strdup(options->topic);
    in->name = strdup(options->group);
    in->instance = strdup(options->instance);
    in->messages = calloc(max, sizeof *in->messages);
    in->records = calloc(max, sizeof *in->records);
    in->origin = calloc(max, sizeof *in->origin);
    in->reached = calloc(max, sizeof *in->reached);
    in->next = malloc(in->next_count * sizeof *in->next);
    bool names = in->topic && in->name && in->instance;
    if (!names || !in->messages || !in->records || !in->origin || !in->reached || !in->next)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    return SNAG_OK;
}

static snag_err input_client(input *in, snag_diag *diag)
{
    snag_kafka_prefetch prefetch = snag_kafka_prefetch_of(in->owner.kafka);
    const snag_kafka_default defaults[] = {
        {"session.timeout.ms", "10000"}, {"heartbeat.interval.ms", "500"},
        {"fetch.wait.max.ms", "50"},     {"queued.min.messages", prefetch.messages},
        {"queued.max.messages.kbytes", prefetch.kbytes}, {"fetch.error.backoff.ms", "100"},
        /* Partitions that are added must be seen soon: customers move between partitions then. */
        {"topic.metadata.refresh.interval.ms", "10000"},
        {NULL, NULL}};
    const snag_kafka_default demands[] = {
        {"group.id", in->name}, {"group.instance.id", in->instance},
        {"partition.assignment.strategy", "range"},
        {"isolation.level", snag_planted(READ_UNCOMMITTED) ? "read_uncommitted" : "read_committed"},
        {"enable.auto.commit", snag_planted(AUTO_COMMIT) ? "true" : "false"},
        {"enable.auto.offset.store", snag_planted(AUTO_COMMIT) ? "true" : "false"},
        {"enable.partition.eof", "true"}, {"auto.offset.reset", "error"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = snag_kafka_conf(&in->owner, defaults, demands, diag);
    if (!conf)
        return SNAG_CONFIG;
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    in->client = snag_kafka_client_new(RD_KAFKA_CONSUMER, conf, diag);
    if (!in->client)
        return SNAG_CONFIG;
    rd_kafka_poll_set_consumer(in->client);
    in->queue = rd_kafka_queue_get_consumer(in->client);
    return SNAG_OK;
}

static snag_err subscribe(input *in, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, in->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(in->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "joining the group", NULL) : SNAG_OK;
}

static snag_err join(input *in, snag_diag *diag)
{
    for (size_t i = 0; i < in->next_count; i++)
        in->next[i] = -1;
    snag_err err = input_client(in, diag);
    return err == SNAG_OK ? subscribe(in, diag) : err;
}

static bool input_rival(void *self)
{
    input *in = self;
    char *ours = rd_kafka_memberid(in->client);
    bool found = snag_kafka_rival(in->owner.kafka, in->name, in->instance, ours ? ours : "");
    if (ours)
        rd_kafka_mem_free(in->client, ours);
    return found;
}

/* Static members do not leave by closing, so nobody else gets the seat meanwhile. */
static snag_err input_rejoin(void *self, snag_diag *diag)
{
    client_drop(self);
    return join(self, diag);
}

static const snag_input_ops input_ops = {
    .poll = input_poll,
    .release = input_release,
    .headers = input_headers,
    .given = input_given,
    .committed = input_committed,
    .start = input_start,
    .give_back = input_give_back,
    .rejoin = input_rejoin,
    .rival = input_rival,
    .range = input_range,
    .log_end = input_log_end,
    .seen_end = input_seen_end,
    .close = input_close,
};

snag_err snag_kafka_input_new(snag_input *out, snag_kafka *kafka,
                              const snag_kafka_input_options *options, snag_diag *diag)
{
    SNAG_ASSERT(options->batch_max > 0);
    input *in = calloc(1, sizeof *in);
    if (!in)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    in->owner.kafka = kafka;
    snag_err err = input_memory(in, options, diag);
    if (err == SNAG_OK && !(in->asked = rd_kafka_topic_new(kafka->probe, options->topic, NULL)))
        err = snag_kafka_fail(diag, rd_kafka_last_error(), options->topic, NULL);
    if (err == SNAG_OK)
        err = join(in, diag);
    if (err != SNAG_OK) {
        input_close(in);
        return err;
    }
    *out = (snag_input){.ops = &input_ops, .self = in};
    return SNAG_OK;
}

const rd_kafka_consumer_group_metadata_t *snag_kafka_input_group(const snag_input *input_port)
{
    const input *in = input_port->self;
    return in->group;
}

rd_kafka_t *snag_kafka_input_client(const snag_input *input_port)
{
    const input *in = input_port->self;
    return in->client;
}

const char *snag_kafka_input_topic(const snag_input *input_port)
{
    const input *in = input_port->self;
    return in->topic;
}
