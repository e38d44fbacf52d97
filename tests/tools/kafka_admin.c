/* SPDX-License-Identifier: Apache-2.0
 *
 * What people do to a broker while snag uses it: cut a topic, add partitions, change settings, set offsets
 * by hand. For tests/integration; see usage() below.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

enum { ASK_MS = 15000 };

static int usage(void)
{
    fputs("kafka_admin BROKERS cut TOPIC PARTITION OFFSET|end   deletes all records before OFFSET\n"
          "kafka_admin BROKERS widen TOPIC PARTITIONS           adds partitions\n"
          "kafka_admin BROKERS set TOPIC NAME=VALUE…            replaces the topic's settings\n"
          "kafka_admin BROKERS place GROUP TOPIC PARTITION OFFSET [WORDS]  commits an offset by hand\n"
          "kafka_admin BROKERS bytes TOPIC PARTITION            committed values, hexadecimal, one a line\n"
          "kafka_admin BROKERS forget GROUP                     deletes the group and its offsets\n",
          stderr);
    return 2;
}

static int die(const char *what, const char *words)
{
    fprintf(stderr, "kafka_admin: %s: %s\n", what, words);
    return 1;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *group)
{
    char words[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, words, sizeof words) ||
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", words, sizeof words) ||
        (group && rd_kafka_conf_set(conf, "group.id", group, words, sizeof words)))
        exit(die("client", words));
    rd_kafka_t *made = rd_kafka_new(type, conf, words, sizeof words);
    if (!made)
        exit(die("client", words));
    return made;
}

/* The first error in the answer to an administrator's question. */
static rd_kafka_resp_err_t inside(rd_kafka_event_t *event)
{
    size_t count = 0;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DELETERECORDS_RESULT: {
        const rd_kafka_topic_partition_list_t *list =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        return list->cnt ? list->elems[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT: {
        const rd_kafka_topic_result_t **list =
            rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
        return count ? rd_kafka_topic_result_error(list[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    case RD_KAFKA_EVENT_ALTERCONFIGS_RESULT: {
        const rd_kafka_ConfigResource_t **list =
            rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
        return count ? rd_kafka_ConfigResource_error(list[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    default: return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

static int answer(rd_kafka_t *admin, rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS);
    if (!event)
        return die(what, "no answer");
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (!code)
        code = inside(event);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
    return code ? die(what, rd_kafka_err2str(code)) : 0;
}

static int cut(const char *brokers, char **argv)
{
    rd_kafka_t *admin = client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[0], (int32_t)strtol(argv[1], NULL, 10))->offset =
        strcmp(argv[2], "end") == 0 ? RD_KAFKA_OFFSET_END : strtoll(argv[2], NULL, 10);
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(admin, &records, 1, NULL, queue);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
    return answer(admin, queue, argv[0]);
}

static int widen(const char *brokers, char **argv)
{
    char words[256];
    rd_kafka_t *admin = client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(argv[0], (size_t)strtoul(argv[1], NULL, 10), words, sizeof words);
    if (!more)
        return die(argv[0], words);
    rd_kafka_CreatePartitions(admin, &more, 1, NULL, queue);
    rd_kafka_NewPartitions_destroy(more);
    return answer(admin, queue, argv[0]);
}

static int set(const char *brokers, int argc, char **argv)
{
    rd_kafka_t *admin = client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, argv[0]);
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return usage();
        *equals = '\0';
        rd_kafka_ConfigResource_set_config(topic, argv[i], equals + 1);
    }
    rd_kafka_AlterConfigs(admin, &topic, 1, NULL, queue);
    rd_kafka_ConfigResource_destroy(topic);
    return answer(admin, queue, argv[0]);
}

/* --- groups ------------------------------------------------------------------------------------ */

static int place(const char *brokers, int argc, char **argv)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers, argv[0]);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(list, argv[1], (int32_t)strtol(argv[2], NULL, 10));
    at->offset = strtoll(argv[3], NULL, 10);
    if (argc > 4) {
        at->metadata = strdup(argv[4]);
        at->metadata_size = strlen(argv[4]);
    }
    rd_kafka_resp_err_t code = rd_kafka_commit(rk, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return code ? die(argv[0], rd_kafka_err2str(code)) : 0;
}

static int forget(const char *brokers, char **argv)
{
    rd_kafka_t *admin = client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(argv[0]);
    rd_kafka_DeleteGroups(admin, &group, 1, NULL, queue);
    rd_kafka_DeleteGroup_destroy(group);
    return answer(admin, queue, argv[0]);
}

static int bytes(const char *brokers, char **argv)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers, "kafka_admin");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[0], (int32_t)strtol(argv[1], NULL, 10))->offset = 0;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (bool more = true; more;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, ASK_MS);
        more = message && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
        const unsigned char *at = message && !message->err ? message->payload : NULL;
        for (size_t i = 0; at && i < message->len; i++)
            printf("%02x", at[i]);
        if (at)
            putchar('\n');
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}

int main(int argc, char **argv)
{
    const char *word = argc > 2 ? argv[2] : "";
    if (strcmp(word, "cut") == 0 && argc == 6)
        return cut(argv[1], argv + 3);
    if (strcmp(word, "widen") == 0 && argc == 5)
        return widen(argv[1], argv + 3);
    if (strcmp(word, "set") == 0 && argc >= 5)
        return set(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "place") == 0 && argc >= 7)
        return place(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "bytes") == 0 && argc == 5)
        return bytes(argv[1], argv + 3);
    if (strcmp(word, "forget") == 0 && argc == 4)
        return forget(argv[1], argv + 3);
    return usage();
}
