/* SPDX-License-Identifier: Apache-2.0
 *
 * What bench/live_timers.sh needs: many events at chosen times in a chosen partition, and, of every alert,
 * how long after its deadline it was readable (read_committed). See usage() below.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "base/buf.h"
#include "base/time.h"

enum { BATCH = 2000, PARTITIONS_MAX = 64 };

static int usage(void)
{
    fputs("timer_tool BROKERS arm TOPIC PARTITION COUNT TYPE PREFIX FROM_MS SPAN_MS\n"
          "    COUNT events of customers PREFIX-0 …, their times (and stamps) spread evenly over the span\n"
          "timer_tool BROKERS watch TOPIC COUNT SECONDS\n"
          "    until COUNT alerts were readable: of each \"partition ms-after-its-deadline epoch-ms\"\n",
          stderr);
    return 2;
}

static void die(const char *what, const char *words)
{
    fprintf(stderr, "timer_tool: %s: %s\n", what, words);
    exit(1);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers)
{
    char words[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *rows[][2] = {{"bootstrap.servers", brokers}, {"log_level", "0"}};
    const char *reads[][2] = {{"group.id", "timer_tool"}, {"isolation.level", "read_committed"},
                              {"fetch.wait.max.ms", "5"}, {"queued.min.messages", "100000"},
                              {"enable.auto.commit", "false"}};
    const char *writes[][2] = {{"queue.buffering.max.messages", "1000000"}, {"linger.ms", "20"},
                               {"batch.num.messages", "10000"}, {"enable.idempotence", "true"}};
    bool reader = type == RD_KAFKA_CONSUMER;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rd_kafka_conf_set(conf, rows[i][0], rows[i][1], words, sizeof words))
            die(rows[i][0], words);
    for (size_t i = 0; i < (reader ? sizeof reads / sizeof reads[0] : sizeof writes / sizeof writes[0]); i++)
        if (rd_kafka_conf_set(conf, reader ? reads[i][0] : writes[i][0], reader ? reads[i][1] : writes[i][1],
                              words, sizeof words))
            die("a property", words);
    rd_kafka_t *made = rd_kafka_new(type, conf, words, sizeof words);
    if (!made)
        die("client", words);
    return made;
}

/* --- arming ------------------------------------------------------------------------------------ */

static void put(rd_kafka_t *rk, const char *topic, int32_t partition, const char *key, const char *value,
                int64_t time_ms)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, strlen(key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value, strlen(value)}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = time_ms},
    };
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(rk, parts, sizeof parts / sizeof parts[0]);
        rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_error_destroy(error);
        if (!code)
            return;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die(topic, rd_kafka_err2str(code));
        rd_kafka_poll(rk, 20);
    }
}

static int arm(const char *brokers, char **argv)
{
    int32_t partition = (int32_t)strtol(argv[1], NULL, 10);
    int64_t count = strtoll(argv[2], NULL, 10), from_ms = strtoll(argv[5], NULL, 10),
            span_ms = strtoll(argv[6], NULL, 10);
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, brokers);
    for (int64_t i = 0; i < count; i++) {
        char at[40] = "", key[64], value[256];
        snag_buf buf = snag_buf_on(at, sizeof at - 1);
        int64_t time_ms = from_ms + i * span_ms / count;
        snag_time_print(&buf, time_ms);
        snprintf(key, sizeof key, "%s-%" PRId64, argv[4], i);
        snprintf(value, sizeof value, "{\"id\":\"%s\",\"at\":\"%s\",\"what\":\"%s\",\"who\":\"%s\"}", key, at,
                 argv[3], key);
        put(rk, argv[0], partition, key, value, time_ms);
        if (i % 1000 == 0)
            rd_kafka_poll(rk, 0);
    }
    if (rd_kafka_flush(rk, 60000))
        die(argv[0], "not everything was taken");
    rd_kafka_destroy(rk);
    return 0;
}

/* --- watching ---------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The deadline of an alert; false: it has none. */
static bool deadline_of(const rd_kafka_message_t *message, int64_t *deadline_ms)
{
    static const char mark[] = "\"deadline\":\"";
    const char *end = (const char *)message->payload + message->len;
    const char *at = message->payload;
    for (; at && at + sizeof mark < end; at++) {
        at = memchr(at, '"', (size_t)(end - at));
        if (!at || at + sizeof mark >= end)
            return false;
        if (memcmp(at, mark, sizeof mark - 1) == 0)
            break;
    }
    if (!at || at + sizeof mark >= end)
        return false;
    at += sizeof mark - 1;
    const char *quote = memchr(at, '"', (size_t)(end - at));
    return quote && snag_time_parse_ms(snag_str_of(at, (size_t)(quote - at)), deadline_ms);
}

static rd_kafka_queue_t *watch_begin(rd_kafka_t *rk, const char *name)
{
    const struct rd_kafka_metadata *seen;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &seen, 10000);
    if (code || seen->topic_cnt != 1)
        die(name, rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS_MAX);
    for (int i = 0; i < seen->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset = 0;
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(seen);
    rd_kafka_topic_destroy(topic);
    return rd_kafka_queue_get_consumer(rk);
}

static int watch(const char *brokers, char **argv)
{
    static rd_kafka_message_t *messages[BATCH];
    int64_t left = strtoll(argv[1], NULL, 10), deadline_ms;
    int64_t end_ms = now_ms() + strtoll(argv[2], NULL, 10) * 1000;
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers);
    rd_kafka_queue_t *queue = watch_begin(rk, argv[0]);
    while (left > 0 && now_ms() < end_ms) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 100, messages, 1);
        if (count == 1)
            count += rd_kafka_consume_batch_queue(queue, 0, messages + 1, BATCH - 1);
        int64_t at_ms = now_ms();
        for (ssize_t i = 0; i < count; i++) {
            if (!messages[i]->err && deadline_of(messages[i], &deadline_ms)) {
                printf("%" PRId32 " %" PRId64 " %" PRId64 "\n", messages[i]->partition, at_ms - deadline_ms,
                       at_ms);
                left--;
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    if (left > 0)
        fprintf(stderr, "timer_tool: %" PRId64 " alerts did not come\n", left);
    return left > 0;
}

int main(int argc, char **argv)
{
    const char *word = argc > 2 ? argv[2] : "";
    if (strcmp(word, "arm") == 0 && argc == 10)
        return arm(argv[1], argv + 3);
    if (strcmp(word, "watch") == 0 && argc == 6)
        return watch(argv[1], argv + 3);
    return usage();
}
