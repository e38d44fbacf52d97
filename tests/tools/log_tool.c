/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests of a cluster in trouble need of a log, besides kafka_tool: topics with replicas, where leaders
 * are, producing at somebody else's pace and in transactions, every byte of what was committed.
 *
 *     log_tool BROKERS create TOPIC PARTITIONS REPLICAS [NAME=VALUE…]
 *     log_tool BROKERS leaders TOPIC…    "brokers N", then "topic partition leader in-sync replicas"
 *     log_tool BROKERS dump TOPIC        all that is committed: "partition offset stamp key value", in hex
 *     log_tool BROKERS feed TOPIC [ID]   produces what stdin says until it ends, a line each:
 *                                          KEY <tab> TIME_MS <tab> VALUE
 *                                          !begin !commit !abort (with a transactional ID), !flush, !acks
 *                                        and answers "ok" to each !word; after !acks it says of every record
 *                                        "ack KEY TIME_MS MS", MS = when it was known to be in the log
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "base/buf.h"

enum { ASK_MS = 30000, LINE_MAX_BYTES = 1 << 20, CALL_MS = 60000 };

typedef struct feeder {
    rd_kafka_t *client;
    const char *topic;
    bool acks;
    int64_t failures;
    size_t size; /* of what was read and not yet taken */
    char text[LINE_MAX_BYTES];
} feeder;

static int die(const char *what, const char *words)
{
    fprintf(stderr, "log_tool: %s: %s\n", what, words);
    return 1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char words[256];
    if (rd_kafka_conf_set(conf, name, value, words, sizeof words))
        exit(die(name, words));
}

static rd_kafka_t *made(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers)
{
    char words[256];
    set(conf, "bootstrap.servers", brokers);
    set(conf, "log_level", "0");
    rd_kafka_t *client = rd_kafka_new(type, conf, words, sizeof words);
    if (!client)
        exit(die("client", words));
    return client;
}

/* --- topics ------------------------------------------------------------------------------------ */

static int created(rd_kafka_queue_t *queue, const char *name)
{
    size_t count;
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS);
    if (!event || rd_kafka_event_error(event))
        return die(name, event ? rd_kafka_event_error_string(event) : "timed out");
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code = count ? rd_kafka_topic_result_error(results[0]) : 0;
    rd_kafka_event_destroy(event);
    return code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS ? die(name, rd_kafka_err2str(code)) : 0;
}

static int create(const char *brokers, int argc, char **argv)
{
    char words[256];
    rd_kafka_t *admin = made(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), brokers);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(argv[0], (int)strtol(argv[1], NULL, 10),
                                                       (int)strtol(argv[2], NULL, 10), words, sizeof words);
    if (!topic)
        return die(argv[0], words);
    for (int i = 3; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return die(argv[i], "NAME=VALUE is expected");
        *equals = '\0';
        rd_kafka_NewTopic_set_config(topic, argv[i], equals + 1);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_CreateTopics(admin, &topic, 1, NULL, queue);
    int code = created(queue, argv[0]);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
    return code;
}

static void leaders_print(const struct rd_kafka_metadata_topic *topic)
{
    for (int i = 0; i < topic->partition_cnt; i++)
        printf("%s %d %d %d %d\n", topic->topic, topic->partitions[i].id, topic->partitions[i].leader,
               topic->partitions[i].isr_cnt, topic->partitions[i].replica_cnt);
}

static int leaders(const char *brokers, int argc, char **argv)
{
    const struct rd_kafka_metadata *seen;
    rd_kafka_t *probe = made(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), brokers);
    rd_kafka_resp_err_t code = rd_kafka_metadata(probe, 1, NULL, &seen, ASK_MS);
    if (code)
        return die("leaders", rd_kafka_err2str(code));
    printf("brokers %d\n", seen->broker_cnt);
    for (int i = 0; i < seen->topic_cnt; i++)
        for (int t = 0; t < argc; t++)
            if (strcmp(argv[t], seen->topics[i].topic) == 0)
                leaders_print(&seen->topics[i]);
    rd_kafka_metadata_destroy(seen);
    rd_kafka_destroy(probe);
    return 0;
}

/* --- reading ----------------------------------------------------------------------------------- */

static void hex_print(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    putchar(' ');
    if (!bytes)
        putchar('-'); /* none: a tombstone, or no key */
    for (size_t i = 0; i < size; i++)
        printf("%02x", at[i]);
}

static void record_print(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    printf("%d %lld %lld", message->partition, (long long)message->offset,
           (long long)rd_kafka_message_timestamp(message, &type));
    hex_print(message->key, message->key_len);
    hex_print(message->payload, message->len);
    putchar('\n');
}

static int dump_all(rd_kafka_t *client, int left)
{
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, ASK_MS);
        if (!message)
            return die("dump", "nothing came within 30 s");
        if (!message->err)
            record_print(message);
        else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            left--;
        else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT)
            return die("dump", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    return 0;
}

static int dump(const char *brokers, const char *name)
{
    const struct rd_kafka_metadata *seen;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", "log_tool");
    set(conf, "isolation.level", "read_committed");
    set(conf, "enable.partition.eof", "true");
    set(conf, "auto.offset.reset", "earliest");
    rd_kafka_t *client = made(RD_KAFKA_CONSUMER, conf, brokers);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, &seen, ASK_MS);
    int count = code ? 0 : seen->topics[0].partition_cnt;
    if (count == 0)
        return die(name, code ? rd_kafka_err2str(code) : "no such topic");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(client, list);
    int failed = dump_all(client, count);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(seen);
    rd_kafka_topic_destroy(topic);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return failed;
}

/* --- producing --------------------------------------------------------------------------------- */

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    feeder *self = opaque;
    rd_kafka_timestamp_type_t type;
    (void)client;
    if (message->err)
        self->failures++;
    else if (self->acks)
        printf("ack %.*s %lld %lld\n", (int)message->key_len, (const char *)message->key,
               (long long)rd_kafka_message_timestamp(message, &type), (long long)now_ms());
    if (self->acks)
        fflush(stdout);
}

static rd_kafka_t *producer(feeder *self, const char *brokers, const char *id)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "linger.ms", "5");
    set(conf, "partitioner", "murmur2_random");
    /* Not idempotent: 2.0.2 gives up for good at some leader changes (out of order sequence number). What
     * comes twice then is twice in the log, and the log is what everything is compared with. */
    set(conf, "acks", "all");
    set(conf, "max.in.flight.requests.per.connection", "1");
    if (id)
        set(conf, "transactional.id", id);
    rd_kafka_conf_set_opaque(conf, self);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    return made(RD_KAFKA_PRODUCER, conf, brokers);
}

static int take(feeder *self, char *line)
{
    char *time = strchr(line, '\t');
    char *value = time ? strchr(time + 1, '\t') : NULL;
    if (!value)
        return die("feed", line);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = self->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {line, (size_t)(time - line)}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = strtoll(time + 1, NULL, 10)},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value + 1, strlen(value + 1)}},
    };
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(self->client, parts, sizeof parts / sizeof parts[0]);
        rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (error)
            rd_kafka_error_destroy(error);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return code ? die("feed", rd_kafka_err2str(code)) : 0;
        rd_kafka_poll(self->client, 50);
    }
}

static int obey(feeder *self, const char *word)
{
    rd_kafka_error_t *error = NULL;
    if (strcmp(word, "!begin") == 0)
        error = rd_kafka_begin_transaction(self->client);
    else if (strcmp(word, "!commit") == 0)
        error = rd_kafka_commit_transaction(self->client, CALL_MS);
    else if (strcmp(word, "!abort") == 0) /* after the records have reached the log: that is the point */
        error = rd_kafka_flush(self->client, CALL_MS) ? rd_kafka_error_new(1, "flush")
                                                      : rd_kafka_abort_transaction(self->client, CALL_MS);
    else if (strcmp(word, "!flush") == 0)
        rd_kafka_flush(self->client, CALL_MS);
    else if (strcmp(word, "!acks") == 0)
        self->acks = true;
    else
        return die("feed", word);
    if (error)
        return die(word, rd_kafka_error_string(error));
    puts("ok");
    fflush(stdout);
    return 0;
}

/* Takes whole lines; what is left of one stays for the next time. */
static int lines_take(feeder *self)
{
    char *at = self->text, *end;
    int code = 0;
    while (!code && (end = memchr(at, '\n', self->size - (size_t)(at - self->text)))) {
        *end = '\0';
        code = *at == '!' ? obey(self, at) : take(self, at);
        at = end + 1;
    }
    self->size -= (size_t)(at - self->text);
    memmove(self->text, at, self->size);
    return code;
}

/* What was delivered is told also while stdin is silent. */
static int feed_all(feeder *self)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        rd_kafka_poll(self->client, 0);
        if (poll(&in, 1, 10) == 0)
            continue;
        ssize_t got = read(STDIN_FILENO, self->text + self->size, sizeof self->text - self->size);
        if (got <= 0)
            return 0;
        self->size += (size_t)got;
        int code = lines_take(self);
        if (code)
            return code;
    }
}

static int feed(const char *brokers, const char *topic, const char *id)
{
    feeder *self = calloc(1, sizeof *self);
    self->topic = topic;
    self->client = producer(self, brokers, id);
    rd_kafka_error_t *error = id ? rd_kafka_init_transactions(self->client, CALL_MS) : NULL;
    int code = error ? die("feed", rd_kafka_error_string(error)) : feed_all(self);
    if (!code && (rd_kafka_flush(self->client, 5 * CALL_MS) || self->failures))
        code = die(topic, "not everything was delivered");
    rd_kafka_destroy(self->client);
    free(self);
    return code;
}

int main(int argc, char **argv)
{
    const char *word = argc > 3 ? argv[2] : "";
    if (strcmp(word, "create") == 0 && argc >= 6)
        return create(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "leaders") == 0)
        return leaders(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "dump") == 0 && argc == 4)
        return dump(argv[1], argv[3]);
    if (strcmp(word, "feed") == 0 && argc <= 5)
        return feed(argv[1], argv[3], argc == 5 ? argv[4] : NULL);
    fputs("log_tool BROKERS create|leaders|dump|feed …: see the head of tests/tools/log_tool.c\n", stderr);
    return 2;
}
