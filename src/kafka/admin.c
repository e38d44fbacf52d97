/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at topics and making them. Used at start and by `snag topics`; never while events flow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "kafka/client.h"
#include "kafka/look.h"

enum {
    ADMIN_MS = 20000, /* for an answer in all … */
    TRY_MS = 3000,    /* … and of one broker */
    REST_MS = 200,
    GONE_MS = 3000,
    NAME_BYTES = 256,
    OFFSETS_VERSION = 3
};

/* --- asking ------------------------------------------------------------------------------------ */

static rd_kafka_resp_err_t metadata_get(snag_kafka *kafka, int timeout_ms,
                                        const struct rd_kafka_metadata **seen)
{
    int64_t end_ms = snag_clock_monotonic_ms() + timeout_ms;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int64_t left_ms = timeout_ms; left_ms > 0; left_ms = end_ms - snag_clock_monotonic_ms()) {
        code = rd_kafka_metadata(kafka->probe, 1, NULL, seen, left_ms < TRY_MS ? (int)left_ms : TRY_MS);
        rd_kafka_poll(kafka->probe, 0); /* brings what was said about the login */
        bool silent = code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT;
        if (!silent || kafka->refusal)
            break;
    }
    return code;
}

/* A question for the administrator of a cluster; its answer comes to the queue. */
typedef void ask(snag_kafka *kafka, void *what, const rd_kafka_AdminOptions_t *options,
                 rd_kafka_queue_t *queue);

static rd_kafka_event_t *ask_once(snag_kafka *kafka, ask *question, void *what, rd_kafka_queue_t *queue)
{
    char words[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(kafka->probe, RD_KAFKA_ADMIN_OP_ANY);
    rd_kafka_AdminOptions_set_request_timeout(options, TRY_MS, words, sizeof words);
    question(kafka, what, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    return rd_kafka_queue_poll(queue, 2 * TRY_MS);
}

/* The client sends such a question to the controller it last heard of and waits for that one, be it dead. So
 * the question ends after TRY_MS, the metadata are read anew, which names another controller as soon as there
 * is one, and it is asked again, until ADMIN_MS are over. A refusal would be the same the second time. The
 * event is the caller's. */
static rd_kafka_resp_err_t insist(snag_kafka *kafka, ask *question, void *what, rd_kafka_event_t **answer)
{
    const struct timespec rest = {0, REST_MS * 1000000};
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->probe);
    rd_kafka_resp_err_t code;
    for (int64_t end_ms = snag_clock_monotonic_ms() + ADMIN_MS;;) {
        const struct rd_kafka_metadata *seen = NULL;
        rd_kafka_event_t *event = ask_once(kafka, question, what, queue);
        *answer = event;
        code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (snag_kafka_judge(code) != SNAG_BROKER || snag_clock_monotonic_ms() >= end_ms)
            break;
        if (event)
            rd_kafka_event_destroy(event);
        nanosleep(&rest, NULL);
        if (!metadata_get(kafka, TRY_MS, &seen))
            rd_kafka_metadata_destroy(seen);
    }
    rd_kafka_queue_destroy(queue);
    return code;
}

/* --- topics ------------------------------------------------------------------------------------ */

static void describe_one(snag_kafka_topic *topic, const struct rd_kafka_metadata *seen)
{
    topic->partitions = -1;
    for (int i = 0; i < seen->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *found = &seen->topics[i];
        if (found->err || !snag_str_equal(snag_str_from(found->topic), topic->name))
            continue;
        topic->partitions = found->partition_cnt;
        topic->replicas = found->partition_cnt ? found->partitions[0].replica_cnt : 0;
    }
}

snag_err snag_kafka_describe(snag_kafka *kafka, snag_kafka_topic *topics, size_t count,
                             int timeout_ms, snag_diag *diag)
{
    const struct rd_kafka_metadata *seen;
    rd_kafka_resp_err_t code = metadata_get(kafka, timeout_ms, &seen);
    if (code && kafka->refusal)
        return snag_kafka_fail(diag, kafka->refusal, "the broker refuses the connection",
                               kafka->refusal_words);
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return snag_fail(diag, SNAG_BROKER, "no broker answers");
    if (code)
        return snag_kafka_fail(diag, code, "asking the broker for its topics", NULL);
    for (size_t i = 0; i < count; i++)
        describe_one(&topics[i], seen);
    rd_kafka_metadata_destroy(seen);
    return SNAG_OK;
}

/* TxnOffsetCommit 3 and OffsetFetch 7 (KIP-447) came together: offsets are fenced by the group's generation,
 * and read only when no transaction is open on them. Without them a zombie could double what it wrote. */
snag_err snag_kafka_age_check(const snag_kafka *kafka, snag_diag *diag)
{
    int version = atomic_load(&kafka->offsets_version);
    if (version < 0 || version >= OFFSETS_VERSION)
        return SNAG_OK;
    return snag_fail(diag, SNAG_REFUSED,
                     "a broker is older than Kafka 2.5, which does not fence the offsets of a worker that "
                     "was "
                     "replaced: records could count twice. Bring all brokers to 2.5 or newer");
}

bool snag_kafka_topic_gone(snag_kafka *kafka, const char *topic)
{
    snag_kafka_topic seen = {.name = snag_str_from(topic)};
    return snag_kafka_describe(kafka, &seen, 1, GONE_MS, NULL) == SNAG_OK && seen.partitions < 0;
}

/* --- configs ----------------------------------------------------------------------------------- */

static void config_take(snag_kafka_topic *topic, const rd_kafka_ConfigEntry_t *entry)
{
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    if (!value)
        return;
    if (strcmp(name, "cleanup.policy") == 0)
        snprintf(topic->cleanup, sizeof topic->cleanup, "%s", value);
    else if (strcmp(name, "retention.ms") == 0)
        topic->retention_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "retention.bytes") == 0)
        topic->retention_bytes = strtoll(value, NULL, 10);
    else if (strcmp(name, "unclean.leader.election.enable") == 0)
        topic->unclean = strcmp(value, "true") == 0;
    else if (strcmp(name, "delete.retention.ms") == 0)
        topic->delete_retention_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "max.message.bytes") == 0)
        topic->max_message_bytes = strtoll(value, NULL, 10);
    else if (strcmp(name, "min.insync.replicas") == 0)
        topic->min_insync = (int32_t)strtol(value, NULL, 10);
}

static void configs_take(snag_kafka_topic *topics, size_t count, rd_kafka_event_t *event)
{
    size_t resources, entries;
    const rd_kafka_ConfigResource_t **list = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resources);
    for (size_t i = 0; i < resources; i++) {
        snag_str name = snag_str_from(rd_kafka_ConfigResource_name(list[i]));
        const rd_kafka_ConfigEntry_t **found = rd_kafka_ConfigResource_configs(list[i], &entries);
        for (size_t t = 0; t < count; t++)
            for (size_t e = 0; e < entries && snag_str_equal(topics[t].name, name); e++)
                config_take(&topics[t], found[e]);
    }
}

static const char *name_of(snag_str name, char text[NAME_BYTES])
{
    snprintf(text, NAME_BYTES, "%.*s", SNAG_FMT(name));
    return text;
}

typedef struct resources {
    rd_kafka_ConfigResource_t **list;
    size_t count;
} resources;

static void configs_ask(snag_kafka *kafka, void *what, const rd_kafka_AdminOptions_t *options,
                        rd_kafka_queue_t *queue)
{
    const resources *asked = what;
    rd_kafka_DescribeConfigs(kafka->probe, asked->list, asked->count, options, queue);
}

snag_err snag_kafka_describe_configs(snag_kafka *kafka, snag_kafka_topic *topics, size_t count,
                                     snag_diag *diag)
{
    char name[NAME_BYTES];
    rd_kafka_event_t *event = NULL;
    resources asked = {.list = calloc(count ? count : 1, sizeof(rd_kafka_ConfigResource_t *))};
    if (!asked.list)
        return snag_fail(diag, SNAG_MEMORY, "kafka: out of memory");
    for (size_t i = 0; i < count; i++)
        if (topics[i].partitions > 0)
            asked.list[asked.count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
                                                                    name_of(topics[i].name, name));
    rd_kafka_resp_err_t code = asked.count ? insist(kafka, configs_ask, &asked, &event)
                                           : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (event && !code)
        configs_take(topics, count, event);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy_array(asked.list, asked.count);
    free(asked.list);
    return code ? snag_kafka_fail(diag, code, "asking for topic settings", NULL) : SNAG_OK;
}

static void bounds_take(snag_kafka_bounds *bounds, const rd_kafka_ConfigEntry_t *entry)
{
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    if (!value)
        return;
    if (strcmp(name, "transaction.max.timeout.ms") == 0)
        bounds->transaction_max_timeout_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "group.min.session.timeout.ms") == 0)
        bounds->session_min_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "group.max.session.timeout.ms") == 0)
        bounds->session_max_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "offsets.retention.minutes") == 0)
        bounds->offsets_minutes = strtoll(value, NULL, 10);
}

static void bounds_ask(snag_kafka *kafka, void *what, const rd_kafka_AdminOptions_t *options,
                       rd_kafka_queue_t *queue)
{
    char name[16];
    (void)what;
    snprintf(name, sizeof name, "%d", (int)rd_kafka_controllerid(kafka->probe, TRY_MS));
    rd_kafka_ConfigResource_t *broker = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
    rd_kafka_DescribeConfigs(kafka->probe, &broker, 1, options, queue);
    rd_kafka_ConfigResource_destroy(broker);
}

snag_err snag_kafka_look_bounds(snag_kafka *kafka, snag_kafka_bounds *bounds, snag_diag *diag)
{
    size_t count = 0, entries = 0;
    rd_kafka_event_t *event;
    const rd_kafka_ConfigResource_t **list = NULL;
    *bounds = (snag_kafka_bounds){-1, -1, -1, -1};
    rd_kafka_resp_err_t code = insist(kafka, bounds_ask, NULL, &event);
    if (!code)
        list = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
                                                         &count);
    if (count)
        code = rd_kafka_ConfigResource_error(list[0]);
    const rd_kafka_ConfigEntry_t **found = count ? rd_kafka_ConfigResource_configs(list[0], &entries) : NULL;
    for (size_t i = 0; i < entries; i++)
        bounds_take(bounds, found[i]);
    if (event)
        rd_kafka_event_destroy(event);
    return code ? snag_kafka_fail(diag, code, "asking for the broker's settings", NULL) : SNAG_OK;
}

/* --- making ------------------------------------------------------------------------------------ */

static void create_ask(snag_kafka *kafka, void *what, const rd_kafka_AdminOptions_t *options,
                       rd_kafka_queue_t *queue)
{
    rd_kafka_NewTopic_t *topic = what;
    rd_kafka_CreateTopics(kafka->probe, &topic, 1, options, queue);
}

static snag_err created(rd_kafka_event_t *event, const char *name, snag_diag *diag)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code = count ? rd_kafka_topic_result_error(results[0]) : 0;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || !code)
        return SNAG_OK;
    return snag_kafka_fail(diag, code, name, rd_kafka_topic_result_error_string(results[0]));
}

snag_err snag_kafka_create(snag_kafka *kafka, const char *name, int partitions, snag_kafka_use use,
                           snag_diag *diag)
{
    char words[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, -1, words, sizeof words);
    if (!topic)
        return snag_fail(diag, SNAG_USAGE, "%s: %s", name, words);
    if (use == SNAG_KAFKA_USE_TABLE)
        rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    if (use == SNAG_KAFKA_USE_LANE) {
        rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
        rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
        rd_kafka_NewTopic_set_config(topic, "retention.bytes", "-1");
        rd_kafka_NewTopic_set_config(topic, "segment.bytes", "16777216"); /* only whole ones are let go */
    }
    rd_kafka_event_t *event;
    rd_kafka_resp_err_t code = insist(kafka, create_ask, topic, &event);
    snag_err err = code ? snag_kafka_fail(diag, code, name, event ? rd_kafka_event_error_string(event) : NULL)
                        : created(event, name, diag);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    return err;
}
