/* SPDX-License-Identifier: Apache-2.0
 *
 * The input port on a Kafka consumer: static membership, range assignment, explicit offsets. Several topics:
 * see hands.h.
 *
 * Nothing is read until the worker has its state and calls start. Nothing is paused and nothing is sought
 * (librdkafka 2.0.2 loses or misreturns messages then); a record that is not ahead of the last one of its
 * partition is dropped here.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/planted.h"
#include "kafka/client.h"
#include "kafka/member.h"

/* END_MS is also how old an answer may be that proves silence: a leader that was stopped for longer may have
 * been replaced without knowing it. */
enum { ASK_MS = 5000, END_MS = 2000, STABLE_MS = 30000, TORN_POLLS = 30 };

/* --- the group --------------------------------------------------------------------------------- */

static const uint32_t *input_given(void *self, size_t *count)
{
    snag_member *in = self;
    *count = in->given_count;
    return in->given;
}

static snag_err input_give_back(void *self, snag_diag *diag)
{
    snag_member *in = self;
    for (size_t i = 0; i < in->next_count; i++)
        in->next[i] = -1;
    in->given_count = 0;
    if (in->hands)
        snag_hands_end(in->hands);
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

snag_err snag_kafka_committed(rd_kafka_t *client, const char *const *topics, snag_place *places, size_t count,
                              int timeout_ms, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topics[places[i].source], (int32_t)places[i].partition);
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
    snag_member *in = self;
    return snag_kafka_committed(in->client, (const char *const *)in->topics, places, count, STABLE_MS, diag);
}

/* NULL: no such partition. */
static int64_t *next_of(const snag_member *in, uint32_t source, int32_t partition)
{
    return partition >= 0 && (size_t)partition < in->partitions
               ? &in->next[(size_t)source * in->partitions + (size_t)partition]
               : NULL;
}

static void input_want(void *self, uint32_t partition, uint32_t source)
{
    snag_member *in = self;
    snag_hands_want(in->hands, partition, source);
}

static void input_leave(void *self, uint32_t partition, uint32_t source, int64_t offset)
{
    snag_member *in = self;
    *next_of(in, source, (int32_t)partition) = offset;
    snag_hands_leave(in->hands, partition, source, offset);
}

static bool input_holds(void *self, uint32_t partition, uint32_t source)
{
    const snag_member *in = self;
    return snag_hands_holds(in->hands, partition, source);
}

static snag_err input_start(void *self, const snag_place *places, size_t count, snag_diag *diag)
{
    snag_member *in = self;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < in->next_count; i++)
        in->next[i] = -1; /* what is left in the queues of a partition that is not started is dropped */
    for (size_t i = 0; i < count; i++) {
        int64_t *next = next_of(in, places[i].source, (int32_t)places[i].partition);
        SNAG_ASSERT(next && places[i].offset >= 0);
        *next = places[i].offset;
        rd_kafka_topic_partition_list_add(list, in->topics[places[i].source], (int32_t)places[i].partition)
            ->offset = places[i].offset;
    }
    bool held = !in->hands || snag_hands_begin(in->hands, in->client, in->queue,
                                               (const char *const *)in->topics, places, count);
    rd_kafka_resp_err_t code =
        held ? rd_kafka_assign(in->client, list) : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "beginning to read", NULL) : SNAG_OK;
}

static snag_err input_range(void *self, uint32_t partition, uint32_t source, int64_t *first, int64_t *end,
                            snag_diag *diag)
{
    snag_member *in = self;
    return snag_kafka_range(in->client, in->topics[source], partition, first, end, ASK_MS, diag);
}

static snag_err input_log_end(void *self, uint32_t partition, uint32_t source, int64_t *end, snag_diag *diag)
{
    snag_member *in = self;
    return snag_kafka_end(in->owner.kafka->probe, in->asked[source], partition, end, END_MS, diag);
}

static snag_err input_quiet(void *self, uint32_t source, uint32_t partitions, int64_t since_ms, bool *quiet,
                            snag_diag *diag)
{
    snag_member *in = self;
    return snag_kafka_quiet(in->owner.kafka->probe, in->topics[source], partitions, since_ms, quiet, END_MS,
                            diag);
}

static int64_t input_seen_end(void *self, uint32_t partition, uint32_t source)
{
    snag_member *in = self;
    int64_t first, end;
    rd_kafka_resp_err_t code =
        rd_kafka_get_watermark_offsets(in->client, in->topics[source], (int32_t)partition, &first, &end);
    return code || end < 0 ? -1 : end;
}

/* --- reading ----------------------------------------------------------------------------------- */

void snag_member_release(snag_member *in)
{
    for (size_t i = 0; i < in->message_count && !in->hands; i++)
        rd_kafka_message_destroy(in->messages[i]);
    if (in->hands)
        snag_hands_release(in->hands);
    in->message_count = in->record_count = in->reached_count = 0;
}

static void input_release(void *self)
{
    snag_member_release(self);
}

static uint32_t source_of(const snag_member *in, const rd_kafka_message_t *message)
{
    uint32_t source = 0;
    while (source + 1 < in->topic_count && message->rkt &&
           strcmp(rd_kafka_topic_name(message->rkt), in->topics[source]) != 0)
        source++;
    return source;
}

static void reached_drop(snag_member *in, uint32_t partition, uint32_t source)
{
    for (size_t i = 0; i < in->reached_count; i++)
        if (in->reached[i].partition == partition && in->reached[i].source == source)
            in->reached[i--] = in->reached[--in->reached_count];
}

static void take_record(snag_member *in, uint32_t at)
{
    const rd_kafka_message_t *message = in->messages[at];
    uint32_t partition = (uint32_t)message->partition, source = source_of(in, message);
    int64_t *next = next_of(in, source, message->partition);
    if (!next || *next < 0 || message->offset < *next)
        return; /* of an assignment that is over, or handed out before */
    if (in->reached_count)
        reached_drop(in, partition, source);
    *next = message->offset + 1;
    in->records[in->record_count] = snag_kafka_raw(message, source);
    in->origin[in->record_count++] = at;
}

static snag_err take_error(snag_member *in, const rd_kafka_message_t *message, snag_diag *diag)
{
    uint32_t partition = (uint32_t)message->partition, source = source_of(in, message);
    const int64_t *next = next_of(in, source, message->partition);
    const char *topic = in->topics[source];
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (next && *next >= 0 && message->offset >= *next) {
            reached_drop(in, partition, source);
            in->reached[in->reached_count++] = (snag_reached){partition, source, message->offset};
        }
        return SNAG_OK;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return snag_fail(diag, SNAG_STATE,
                         "partition %u: the next record of %s is no longer there: records were deleted "
                         "before they were read, or the topic was made anew. Begin a new --group, and let "
                         "the topic keep its records longer (retention.ms)",
                         partition, topic);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        if (!snag_kafka_topic_gone(in->owner.kafka, topic))
            return SNAG_OK; /* a broker that has just started may not know it yet */
        return snag_fail(diag, SNAG_STATE,
                         "the input topic %s was deleted: make it anew and begin a new --group", topic);
    default: break;
    }
    snag_err err = snag_kafka_judge(message->err);
    if (err == SNAG_BROKER) /* the client goes on by itself; an outage is said by watch */
        return SNAG_OK;
    return snag_kafka_fail(diag, message->err, "reading", rd_kafka_message_errstr(message));
}

static snag_err check_fatal(snag_member *in, snag_diag *diag)
{
    char words[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(in->client, words, sizeof words);
    return code ? snag_kafka_fail(diag, code, "the consumer", words) : SNAG_OK;
}

/* The first record is waited for; a batch call that waits would wait until the batch is full. */
static void fetch(snag_member *in, int wait_ms, size_t max)
{
    in->message_count = in->hands ? snag_hands_fetch(in->hands, in->queue, wait_ms, in->messages, max)
                                  : snag_kafka_consume(in->queue, wait_ms, in->messages, max);
}

/* A static member that is back within its session is given what it had, even where it reads other topics now
 * than then: only leaving makes the group think again. Not at once, for a rebalance may be on its way. */
static snag_err check_torn(snag_member *in, snag_diag *diag)
{
    if (!in->torn || ++in->torn_polls < TORN_POLLS)
        return SNAG_OK;
    in->torn_polls = 0;
    in->closing = true; /* what is taken away meanwhile is given up at once */
    snag_kafka_leave(in->client, in->owner.kafka, in->name, in->instance);
    return snag_fail(diag, SNAG_BROKER, "the group gave partitions of some topics only: joining it anew");
}

static snag_err input_poll(void *self, int wait_ms, size_t max, snag_batch *batch, snag_seat *seat,
                           snag_diag *diag)
{
    snag_member *in = self;
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
    if (err == SNAG_OK)
        err = check_torn(in, diag);
    *batch = (snag_batch){in->records, in->record_count, in->reached, in->reached_count};
    *seat = in->seat;
    in->seat = SNAG_SEAT_KEPT;
    return err;
}

static uint32_t input_headers(void *self, size_t i, snag_header *out, uint32_t max)
{
    const snag_member *in = self;
    SNAG_ASSERT(i < in->record_count);
    return snag_kafka_headers(in->messages[in->origin[i]], out, max);
}

/* --- deleting what was read -------------------------------------------------------------------- */

/* What could not be deleted stays for another time; without the right for ever, which is said. */
static void forget_answer(snag_member *in, rd_kafka_event_t *event)
{
    const rd_kafka_DeleteRecords_result_t *result = rd_kafka_event_DeleteRecords_result(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list =
        code || !result ? NULL : rd_kafka_DeleteRecords_result_offsets(result);
    for (int i = 0; list && i < list->cnt && !code; i++)
        code = list->elems[i].err;
    bool refused = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                   code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    if (refused && !in->said_kept) {
        const snag_voice *voice = &in->owner.kafka->voice;
        voice->say(voice->self, "records of internal topics that were read may not be deleted (right "
                                "Delete on them): they grow until you set their retention.ms");
        in->said_kept = true;
    }
}

static void input_forget(void *self, const snag_place *places, size_t count)
{
    snag_member *in = self;
    rd_kafka_t *probe = in->owner.kafka->probe;
    rd_kafka_event_t *event;
    if (!in->forgetting)
        in->forgetting = rd_kafka_queue_new(probe);
    while ((event = rd_kafka_queue_poll(in->forgetting, 0)) != NULL) {
        forget_answer(in, event);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, in->topics[places[i].source], (int32_t)places[i].partition)
            ->offset = places[i].offset;
    rd_kafka_DeleteRecords_t *before = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(probe, &before, 1, NULL, in->forgetting);
    rd_kafka_DeleteRecords_destroy(before);
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- life -------------------------------------------------------------------------------------- */

static void input_close(void *self)
{
    snag_member *in = self;
    if (!in)
        return;
    in->closing = true;
    snag_member_release(in);
    if (in->client && in->group && !in->keep_seat)
        snag_kafka_leave(in->client, in->owner.kafka, in->name, in->instance);
    snag_member_drop(in);
    for (uint32_t s = 0; s < SNAG_FLOWS_MAX; s++) {
        if (in->asked[s])
            rd_kafka_topic_destroy(in->asked[s]);
        free(in->topics[s]);
    }
    snag_hands_free(in->hands);
    if (in->forgetting)
        rd_kafka_queue_destroy(in->forgetting);
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

static snag_err input_memory(snag_member *in, const snag_kafka_input_options *options, snag_diag *diag)
{
    size_t max = options->batch_max;
    in->max = max;
    in->keep_seat = options->keep_seat;
    in->topic_count = options->topic_count;
    in->partitions = options->partitions ? options->partitions : SNAG_MEMBER_PARTITIONS_MAX;
    in->next_count = in->partitions * in->topic_count;
    bool names = true;
    for (uint32_t s = 0; s < in->topic_count; s++)
        names = (in->topics[s] = strdup(options->topics[s])) != NULL && names;
    if (in->topic_count > 1)
        names = (in->hands = snag_hands_new(in->topic_count, SNAG_MEMBER_PARTITIONS_MAX)) != NULL && names;
    in->name = strdup(options->group);
    in->instance = strdup(options->instance);
    in->messages = calloc(max, sizeof *in->messages);
    in->records = calloc(max, sizeof *in->records);
    in->origin = calloc(max, sizeof *in->origin);
    in->reached = calloc(max, sizeof *in->reached);
    in->next = malloc(in->next_count * sizeof *in->next);
    names = names && in->name && in->instance;
    if (!names || !in->messages || !in->records || !in->origin || !in->reached || !in->next)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    return SNAG_OK;
}

static bool input_rival(void *self)
{
    snag_member *in = self;
    snag_kafka_seat_note(&in->seats, in->client);
    return snag_kafka_rival(in->owner.kafka, in->name, in->instance, &in->seats);
}

/* Static members do not leave by closing, so nobody else gets the seat meanwhile. */
static snag_err input_rejoin(void *self, snag_diag *diag)
{
    snag_member_drop(self);
    return snag_member_join(self, diag);
}

static const snag_input_ops input_ops = {
    .poll = input_poll,
    .release = input_release,
    .headers = input_headers,
    .given = input_given,
    .committed = input_committed,
    .start = input_start,
    .want = input_want,
    .leave = input_leave,
    .holds = input_holds,
    .give_back = input_give_back,
    .rejoin = input_rejoin,
    .rival = input_rival,
    .range = input_range,
    .forget = input_forget,
    .log_end = input_log_end,
    .quiet = input_quiet,
    .seen_end = input_seen_end,
    .close = input_close,
};

snag_err snag_kafka_input_new(snag_input *out, snag_kafka *kafka,
                              const snag_kafka_input_options *options, snag_diag *diag)
{
    SNAG_ASSERT(options->batch_max > 0);
    snag_member *in = calloc(1, sizeof *in);
    if (!in)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    in->owner.kafka = kafka;
    snag_err err = input_memory(in, options, diag);
    for (uint32_t s = 0; s < options->topic_count && err == SNAG_OK; s++)
        if (!(in->asked[s] = rd_kafka_topic_new(kafka->probe, options->topics[s], NULL)))
            err = snag_kafka_fail(diag, rd_kafka_last_error(), options->topics[s], NULL);
    if (err == SNAG_OK)
        err = snag_member_join(in, diag);
    if (err != SNAG_OK) {
        input_close(in);
        return err;
    }
    *out = (snag_input){.ops = &input_ops, .self = in};
    return SNAG_OK;
}

const rd_kafka_consumer_group_metadata_t *snag_kafka_input_group(const snag_input *input_port)
{
    const snag_member *in = input_port->self;
    return in->group;
}

rd_kafka_t *snag_kafka_input_client(const snag_input *input_port)
{
    const snag_member *in = input_port->self;
    return in->client;
}

const char *snag_kafka_input_topic(const snag_input *input_port, uint32_t source)
{
    const snag_member *in = input_port->self;
    return in->topics[source];
}
