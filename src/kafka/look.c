/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/look.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "kafka/client.h"

/* STABLE_MS: until the transaction that a killed worker left open has timed out. */
enum {
    STABLE_MS = 25000,
    ASK_MS = 10000,
    READ_MS = 10000,
    HEADERS_MAX = 64,
    TRY_TIMEOUT_MS = 5000
};

struct snag_kafka_look {
    snag_kafka_owner owner;
    rd_kafka_t *client;
    char group[256];
};

snag_err snag_kafka_look_new(snag_kafka_look **out, snag_kafka *kafka, const char *group,
                             snag_diag *diag)
{
    const snag_kafka_default demands[] = {{"group.id", group},
                                          {"isolation.level", "read_committed"},
                                          {"enable.auto.commit", "false"},
                                          {"enable.partition.eof", "true"},
                                          {"auto.offset.reset", "earliest"},
                                          {NULL, NULL}};
    snag_kafka_look *look = calloc(1, sizeof *look);
    if (!look)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    look->owner.kafka = kafka;
    snprintf(look->group, sizeof look->group, "%s", group);
    rd_kafka_conf_t *conf = snag_kafka_conf(&look->owner, NULL, demands, diag);
    if (conf)
        look->client = snag_kafka_client_new(RD_KAFKA_CONSUMER, conf, diag);
    if (!look->client) {
        snag_kafka_look_free(look);
        return SNAG_CONFIG;
    }
    rd_kafka_poll_set_consumer(look->client);
    *out = look;
    return SNAG_OK;
}

void snag_kafka_look_free(snag_kafka_look *look)
{
    if (!look)
        return;
    if (look->client) {
        rd_kafka_consumer_close(look->client);
        snag_kafka_client_end(look->owner.kafka, look->client, 0);
    }
    free(look);
}

/* --- topics and places -------------------------------------------------------------------------
 */

snag_err snag_kafka_look_topic(snag_kafka_look *look, const char *topic, snag_diag *diag)
{
    const struct rd_kafka_metadata *seen;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(look->client, topic, NULL);
    if (!handle)
        return snag_kafka_fail(diag, rd_kafka_last_error(), topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(look->client, 0, handle, &seen, ASK_MS);
    if (!code) {
        code = seen->topic_cnt ? seen->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(seen);
    }
    rd_kafka_topic_destroy(handle);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return SNAG_END;
    return code ? snag_kafka_fail(diag, code, topic, NULL) : SNAG_OK;
}

snag_err snag_kafka_look_range(snag_kafka_look *look, const char *topic, uint32_t partition,
                               int64_t *first, int64_t *end, snag_diag *diag)
{
    return snag_kafka_range(look->client, topic, partition, first, end, ASK_MS, diag);
}

snag_err snag_kafka_look_at(snag_kafka_look *look, const char *topic, uint32_t partition, int64_t time_ms,
                            int64_t *offset, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, (int32_t)partition);
    at->offset = time_ms > 0 ? time_ms : 0; /* negative ones mean the log's ends */
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(look->client, list, ASK_MS);
    if (!code)
        code = at->err;
    *offset = at->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return snag_kafka_fail(diag, code, "asking where a time lies", NULL);
    return *offset >= 0 ? SNAG_OK : SNAG_END;
}

snag_err snag_kafka_look_places(snag_kafka_look *look, const char *topic, snag_place *places,
                                size_t count, snag_diag *diag)
{
    const char *const topics[] = {topic};
    return snag_kafka_committed(look->client, topics, places, count, STABLE_MS, diag);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool hand_out(const rd_kafka_message_t *message, snag_kafka_on_record *on_record,
                     void *context)
{
    snag_header list[HEADERS_MAX];
    snag_raw raw = snag_kafka_raw(message, 0);
    raw.headers = list;
    raw.header_count = snag_kafka_headers(message, list, HEADERS_MAX);
    return on_record(context, &raw);
}

static snag_err read_all(snag_kafka_look *look, const char *topic, snag_kafka_on_record *on_record,
                         void *context, snag_diag *diag)
{
    for (bool more = true; more;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(look->client, READ_MS);
        if (!message)
            return snag_fail(diag, SNAG_BROKER, "%s: nothing came within %d s", topic,
                             READ_MS / 1000);
        rd_kafka_resp_err_t code = message->err;
        if (!code)
            more = hand_out(message, on_record, context);
        snag_err err = code == RD_KAFKA_RESP_ERR__PARTITION_EOF || !code
                           ? SNAG_OK
                           : snag_kafka_fail(diag, code, topic, rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        if (err != SNAG_OK)
            return err;
        more = more && code != RD_KAFKA_RESP_ERR__PARTITION_EOF;
    }
    return SNAG_OK;
}

snag_err snag_kafka_look_read(snag_kafka_look *look, const char *topic, uint32_t partition,
                              int64_t from, snag_kafka_on_record *on_record, void *context,
                              snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, (int32_t)partition)->offset = from;
    rd_kafka_resp_err_t code = rd_kafka_assign(look->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        return snag_kafka_fail(diag, code, topic, NULL);
    snag_err err = read_all(look, topic, on_record, context, diag);
    rd_kafka_assign(look->client, NULL);
    return err;
}

/* --- the group ---------------------------------------------------------------------------------
 */

static void member_fill(snag_kafka_member *to, const rd_kafka_MemberDescription_t *from)
{
    const char *instance = rd_kafka_MemberDescription_group_instance_id(from);
    snprintf(to->instance, sizeof to->instance, "%s", instance ? instance : "");
    snprintf(to->client, sizeof to->client, "%s", rd_kafka_MemberDescription_client_id(from));
    snprintf(to->host, sizeof to->host, "%s", rd_kafka_MemberDescription_host(from));
}

static snag_err members_fill(rd_kafka_event_t *event, snag_kafka_member *members, size_t max,
                             size_t *count, snag_diag *diag)
{
    size_t groups;
    const rd_kafka_ConsumerGroupDescription_t **list =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &groups);
    const rd_kafka_error_t *error =
        groups ? rd_kafka_ConsumerGroupDescription_error(list[0]) : NULL;
    if (error)
        return snag_kafka_fail(diag, rd_kafka_error_code(error), "asking for the group's members",
                               rd_kafka_error_string(error));
    *count = groups ? rd_kafka_ConsumerGroupDescription_member_count(list[0]) : 0;
    for (size_t i = 0; i < *count && i < max; i++)
        member_fill(&members[i], rd_kafka_ConsumerGroupDescription_member(list[0], i));
    return SNAG_OK;
}

snag_err snag_kafka_look_members(snag_kafka *kafka, const char *group, snag_kafka_member *members,
                                 size_t max, size_t *count, snag_diag *diag)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->probe);
    *count = 0;
    rd_kafka_DescribeConsumerGroups(kafka->probe, &group, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    snag_err err = code ? snag_kafka_fail(diag, code, "asking for the group's members", NULL)
                        : members_fill(event, members, max, count, diag);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return err;
}

/* --- rights to write ---------------------------------------------------------------------------
 */

typedef struct attempt {
    snag_kafka_owner owner;
    rd_kafka_t *client;
    const char *refused_topic;
    rd_kafka_resp_err_t refused;
} attempt;

static void on_attempted(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    attempt *trial = opaque;
    (void)client;
    if (message->err && !trial->refused && snag_kafka_judge(message->err) == SNAG_REFUSED) {
        trial->refused = message->err;
        trial->refused_topic = message->_private;
    }
}

static snag_err attempt_open(attempt *trial, const char *transactional_id, snag_diag *diag)
{
    char timeout[16];
    const snag_kafka_default demands[] = {
        {"transactional.id", transactional_id}, {"transaction.timeout.ms", timeout}, {NULL, NULL}};
    snprintf(timeout, sizeof timeout, "%d", TRY_TIMEOUT_MS);
    rd_kafka_conf_t *conf = snag_kafka_conf(&trial->owner, NULL, demands, diag);
    if (!conf)
        return SNAG_CONFIG;
    rd_kafka_conf_set_dr_msg_cb(conf, on_attempted);
    trial->client = snag_kafka_client_new(RD_KAFKA_PRODUCER, conf, diag);
    return trial->client ? SNAG_OK : SNAG_CONFIG;
}

/* Takes the error. */
static snag_err attempt_failed(const attempt *trial, rd_kafka_error_t *error, const char *doing,
                               snag_diag *diag)
{
    snag_err err = SNAG_OK;
    if (trial->refused)
        err = snag_kafka_fail(diag, trial->refused, trial->refused_topic, NULL);
    else if (error)
        err =
            snag_kafka_fail(diag, rd_kafka_error_code(error), doing, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return err;
}

static void attempt_send(const attempt *trial, const char *const *topics, size_t count)
{
    static const char note[] = "snag check";
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_t *topic = rd_kafka_topic_new(trial->client, topics[i], NULL);
        if (!topic)
            continue;
        rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)note, sizeof note - 1,
                         note, sizeof note - 1, (void *)(uintptr_t)topics[i]);
        rd_kafka_topic_destroy(topic);
    }
}

static rd_kafka_error_t *attempt_place(const attempt *trial, const snag_kafka_look *look,
                                       const char *input, const snag_place *place)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, input, (int32_t)place->partition)->offset =
        place->offset < 0 ? 0 : place->offset;
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(look->group);
    rd_kafka_error_t *error =
        rd_kafka_send_offsets_to_transaction(trial->client, list, group, ASK_MS);
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

snag_err snag_kafka_look_try(snag_kafka_look *look, const char *transactional_id, const char *input,
                             const snag_place *place, const char *const *topics, size_t count,
                             snag_diag *diag)
{
    attempt trial = {.owner = look->owner};
    snag_err err = attempt_open(&trial, transactional_id, diag);
    if (err != SNAG_OK)
        return err;
    rd_kafka_error_t *error = rd_kafka_init_transactions(trial.client, ASK_MS);
    if (!error)
        error = rd_kafka_begin_transaction(trial.client);
    if (error) {
        err = attempt_failed(&trial, error, "opening a transaction", diag);
    } else {
        attempt_send(&trial, topics, count);
        rd_kafka_flush(trial.client, TRY_TIMEOUT_MS);
        error = trial.refused ? NULL : attempt_place(&trial, look, input, place);
        err = attempt_failed(&trial, error, "committing offsets", diag);
        error = rd_kafka_abort_transaction(trial.client, ASK_MS);
        if (error)
            rd_kafka_error_destroy(
                error); /* the broker ends it itself after transaction.timeout.ms */
    }
    snag_kafka_client_end(look->owner.kafka, trial.client, 0);
    return err;
}
