/* SPDX-License-Identifier: Apache-2.0
 *
 * What the integration tests need of a broker: topics, producing a file, single records, reading everything
 * committed, and how far a group still has to go. See usage() below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <librdkafka/rdkafka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/time.h"

enum { LINE_MAX_BYTES = 16 * 1024 * 1024, ASK_MS = 10000, PATHS_MAX = 8 };

static int usage(void)
{
    fputs("kafka_tool BROKERS topics\n"
          "kafka_tool BROKERS create TOPIC PARTITIONS [NAME=VALUE…]\n"
          "kafka_tool BROKERS delete TOPIC…\n"
          "kafka_tool BROKERS produce TOPIC FILE KEYPATH[,KEYPATH…] TIMEPATH   JSON Lines, .gz too\n"
          "kafka_tool BROKERS send TOPIC KEY VALUE|@FILE [TIME_MS [NAME=VALUE…]]\n"
          "kafka_tool BROKERS consume TOPIC [values]   all that is committed, as JSON Lines\n"
          "kafka_tool BROKERS lag GROUP TOPIC          records the group has not committed yet\n"
          "kafka_tool BROKERS latency TOPIC ALERTS COUNT RATE   ms from appended to readable, one a line\n",
          stderr);
    return 2;
}

static int die(const char *what, const char *words)
{
    fprintf(stderr, "kafka_tool: %s: %s\n", what, words);
    return 1;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *group,
                          const char *isolation)
{
    char words[256];
    const char *rows[][2] = {{"bootstrap.servers", brokers},
                             {"enable.partition.eof", "true"},
                             {"isolation.level", isolation},
                             {"fetch.wait.max.ms", "10"},
                             {"log_level", "0"},
                             {"group.id", group}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i][1] && rd_kafka_conf_set(conf, rows[i][0], rows[i][1], words, sizeof words))
            exit(die(rows[i][0], words));
    rd_kafka_t *made = rd_kafka_new(type, conf, words, sizeof words);
    if (!made)
        exit(die("client", words));
    return made;
}

/* --- topics ------------------------------------------------------------------------------------ */

static int topics(const char *brokers)
{
    rd_kafka_t *probe = client(RD_KAFKA_PRODUCER, brokers, NULL, "read_committed");
    const struct rd_kafka_metadata *seen;
    rd_kafka_resp_err_t code = rd_kafka_metadata(probe, 1, NULL, &seen, 2000);
    if (code)
        return die("topics", rd_kafka_err2str(code));
    for (int i = 0; i < seen->topic_cnt; i++)
        printf("%s %d\n", seen->topics[i].topic, seen->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(seen);
    rd_kafka_destroy(probe);
    return 0;
}

static int event_done(rd_kafka_queue_t *queue, const char *what)
{
    size_t count;
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS);
    if (!event || rd_kafka_event_error(event))
        return die(what, event ? rd_kafka_event_error_string(event) : "timed out");
    const rd_kafka_topic_result_t **results =
        rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT
            ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
            : rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_topic_result_error(results[i]))
            return die(what, rd_kafka_err2str(rd_kafka_topic_result_error(results[i])));
    rd_kafka_event_destroy(event);
    return 0;
}

static int create(const char *brokers, int argc, char **argv)
{
    char words[256];
    rd_kafka_t *admin = client(RD_KAFKA_PRODUCER, brokers, NULL, "read_committed");
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(argv[0], (int)strtol(argv[1], NULL, 10), 1, words, sizeof words);
    if (!topic)
        return die(argv[0], words);
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            return usage();
        *equals = '\0';
        rd_kafka_NewTopic_set_config(topic, argv[i], equals + 1);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_CreateTopics(admin, &topic, 1, NULL, queue);
    int code = event_done(queue, argv[0]);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
    return code;
}

static int delete_topics(const char *brokers, int argc, char **argv)
{
    rd_kafka_t *admin = client(RD_KAFKA_PRODUCER, brokers, NULL, "read_committed");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    int code = 0;
    for (int i = 0; i < argc && !code; i++) {
        rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(argv[i]);
        rd_kafka_DeleteTopics(admin, &topic, 1, NULL, queue);
        code = event_done(queue, argv[i]);
        rd_kafka_DeleteTopic_destroy(topic);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
    return code;
}

/* --- producing --------------------------------------------------------------------------------- */

/* The end of the JSON value that begins at `at`; well-formed input is assumed. */
static const char *skip(const char *at, const char *end)
{
    int depth = 0;
    for (bool quoted = false; at < end; at++) {
        if (quoted) {
            if (*at == '\\')
                at++;
            else if (*at == '"')
                quoted = false;
        } else if (*at == '"') {
            quoted = true;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if ((*at == '}' || *at == ']' || *at == ',') && depth == 0) {
            return at;
        } else if (*at == '}' || *at == ']') {
            depth--;
        }
    }
    return end;
}

static const char *blank(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == ','))
        at++;
    return at;
}

/* The value at a dotted path; strings lose their quotes (no escapes expected in keys and times). */
static snag_str find(snag_str json, snag_str path)
{
    const char *end = json.data + json.size;
    const char *dot = memchr(path.data, '.', path.size);
    snag_str step = {path.data, dot ? (size_t)(dot - path.data) : path.size};
    for (const char *at = blank(json.data + 1, end); at < end && *at == '"'; at = blank(at, end)) {
        const char *name = at + 1;
        const char *close = memchr(name, '"', (size_t)(end - name));
        if (!close)
            break;
        const char *value = blank(close + 1, end);
        value = blank(value + 1, end); /* behind the colon */
        at = skip(value, end);
        if (!snag_str_equal(snag_str_of(name, (size_t)(close - name)), step))
            continue;
        snag_str found = {value, (size_t)(at - value)};
        while (found.size && found.data[found.size - 1] == ' ')
            found.size--;
        if (dot)
            return find(found, snag_str_of(dot + 1, path.size - step.size - 1));
        if (found.size >= 2 && found.data[0] == '"')
            return snag_str_of(found.data + 1, found.size - 2);
        return snag_str_equal(found, SNAG_STR("null")) ? (snag_str){NULL, 0} : found;
    }
    return (snag_str){NULL, 0};
}

static snag_str find_first(snag_str json, const char *paths)
{
    snag_str found = {NULL, 0};
    while (*paths && found.size == 0) {
        size_t size = strcspn(paths, ",");
        found = find(json, snag_str_of(paths, size));
        paths += size + (paths[size] == ',');
    }
    return found;
}

static int64_t time_of(snag_str text)
{
    char digits[32];
    int64_t time_ms;
    if (snag_time_parse_ms(text, &time_ms))
        return time_ms;
    snprintf(digits, sizeof digits, "%.*s", SNAG_FMT(text));
    return snag_time_from_epoch(strtod(digits, NULL), &time_ms) ? time_ms : 0;
}

static int64_t failures;

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    failures += message->err != 0;
}

static rd_kafka_t *producer(const char *brokers, const char *linger)
{
    char words[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *rows[][2] = {{"bootstrap.servers", brokers}, {"message.max.bytes", "20000000"},
                             {"queue.buffering.max.messages", "1000000"}, {"linger.ms", linger},
                             {"partitioner", "murmur2_random"}, {"enable.idempotence", "true"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rd_kafka_conf_set(conf, rows[i][0], rows[i][1], words, sizeof words))
            exit(die(rows[i][0], words));
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *made = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    if (!made)
        exit(die("producer", words));
    return made;
}

static rd_kafka_resp_err_t put(rd_kafka_t *rk, const char *topic, snag_str key, snag_str value,
                               int64_t time_ms, rd_kafka_headers_t *headers)
{
    /* An array, not rd_kafka_producev: its macros are not ISO C, which clang says. */
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.data, key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.data, value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = time_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_produceva(rk, parts, sizeof parts / sizeof parts[0]);
        rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_error_destroy(error);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return code;
        rd_kafka_poll(rk, 50);
    }
}

static int flushed(rd_kafka_t *rk, const char *topic)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(rk, 60000);
    rd_kafka_destroy(rk);
    return code || failures ? die(topic, "not everything was delivered") : 0;
}

static int produce(const char *brokers, char **argv)
{
    gzFile file = gzopen(argv[1], "rb");
    char *line = malloc(LINE_MAX_BYTES);
    if (!file || !line)
        return die(argv[1], "cannot be read");
    rd_kafka_t *rk = producer(brokers, "20");
    while (gzgets(file, line, LINE_MAX_BYTES)) {
        snag_str json = {line, strcspn(line, "\n")};
        snag_str key = find_first(json, argv[2]);
        int64_t time_ms = time_of(find_first(json, argv[3]));
        if (put(rk, argv[0], key, json, time_ms, NULL))
            return die(argv[0], "cannot be produced");
        rd_kafka_poll(rk, 0);
    }
    gzclose(file);
    free(line);
    return flushed(rk, argv[0]);
}

static snag_str whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(LINE_MAX_BYTES);
    if (!file || !bytes)
        exit(die(path, "cannot be read"));
    size_t size = fread(bytes, 1, LINE_MAX_BYTES, file);
    fclose(file);
    return snag_str_of(bytes, size);
}

static int send_one(const char *brokers, int argc, char **argv)
{
    rd_kafka_t *rk = producer(brokers, "20");
    bool from_file = argv[2][0] == '@';
    snag_str value = from_file ? whole(argv[2] + 1) : snag_str_from(argv[2]);
    int64_t time_ms = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
    rd_kafka_headers_t *headers = argc > 4 ? rd_kafka_headers_new((size_t)argc) : NULL;
    for (int i = 4; i < argc; i++) {
        size_t name = strcspn(argv[i], "=");
        rd_kafka_header_add(headers, argv[i], (ssize_t)name, argv[i] + name + 1, -1);
    }
    rd_kafka_resp_err_t code = put(rk, argv[0], snag_str_from(argv[1]), value, time_ms, headers);
    if (from_file)
        free((void *)(uintptr_t)value.data);
    return code ? die(argv[0], rd_kafka_err2str(code)) : flushed(rk, argv[0]);
}

/* --- consuming --------------------------------------------------------------------------------- */

static void print(const rd_kafka_message_t *message, snag_buf *buf, bool values)
{
    rd_kafka_headers_t *headers;
    snag_str value = snag_str_of(message->payload, message->len);
    buf->size = 0;
    if (values) {
        snag_buf_str_put(buf, value);
    } else {
        snag_buf_printf(buf, "{\"partition\":%d,\"offset\":%lld,\"key\":", message->partition,
                        (long long)message->offset);
        snag_buf_json(buf, snag_str_of(message->key, message->key_len));
        snag_buf_str_put(buf, SNAG_STR(",\"headers\":{"));
        const char *name;
        const void *bytes;
        size_t size;
        bool any = !rd_kafka_message_headers(message, &headers);
        for (size_t i = 0; any && !rd_kafka_header_get_all(headers, i, &name, &bytes, &size); i++) {
            snag_buf_str_put(buf, i ? SNAG_STR(",") : SNAG_STR(""));
            snag_buf_json(buf, snag_str_from(name));
            snag_buf_byte(buf, ':');
            snag_buf_json(buf, snag_str_of(bytes, size));
        }
        snag_buf_str_put(buf, SNAG_STR("},\"value\":"));
        snag_buf_json(buf, value);
        snag_buf_byte(buf, '}');
    }
    fwrite(buf->data, 1, buf->size, stdout);
    putchar('\n');
}

static int consume(const char *brokers, int argc, char **argv)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers, "kafka_tool", "read_committed");
    const struct rd_kafka_metadata *seen;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[0], NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &seen, ASK_MS);
    if (code || seen->topic_cnt != 1 || seen->topics[0].partition_cnt == 0)
        return die(argv[0], code ? rd_kafka_err2str(code) : "no such topic");
    int left = seen->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(left);
    for (int i = 0; i < left; i++)
        rd_kafka_topic_partition_list_add(list, argv[0], i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(rk, list);
    snag_buf buf = snag_buf_on(malloc(8u * LINE_MAX_BYTES), 8u * LINE_MAX_BYTES);
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, ASK_MS);
        if (!message)
            return die(argv[0], "nothing came within 10 s");
        if (!message->err)
            print(message, &buf, argc > 1);
        else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            left--;
        else
            return die(argv[0], rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    free(buf.data);
    rd_kafka_metadata_destroy(seen);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_destroy(topic);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}

static int lag(const char *brokers, char **argv)
{
    /* What was committed last, whatever is under way. */
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers, argv[0], "read_uncommitted");
    const struct rd_kafka_metadata *seen;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[1], NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &seen, ASK_MS);
    if (code)
        return die(argv[1], rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (int i = 0; i < seen->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, argv[1], i);
    if ((code = rd_kafka_committed(rk, list, ASK_MS)))
        return die(argv[0], rd_kafka_err2str(code));
    int64_t sum = 0;
    for (int i = 0; i < list->cnt; i++) {
        int64_t low, high;
        code = rd_kafka_query_watermark_offsets(rk, argv[1], i, &low, &high, ASK_MS);
        if (code)
            return die(argv[1], rd_kafka_err2str(code));
        sum += high - (list->elems[i].offset >= 0 ? list->elems[i].offset : low);
    }
    printf("%lld\n", (long long)sum);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(seen);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}

/* --- latency ----------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Customer N's event goes out with its number as key; its alert comes back under the same key. */
static void latency_send(rd_kafka_t *rk, const char *topic, int number)
{
    char key[16], value[160], text[40];
    snag_buf buf = snag_buf_on(memset(text, 0, sizeof text), sizeof text - 1);
    snag_time_print(&buf, now_us() / 1000);
    snprintf(key, sizeof key, "%d", number);
    snprintf(value, sizeof value, "{\"id\":\"e%s\",\"at\":\"%s\",\"what\":\"Hit\",\"who\":\"%s\"}", key, text,
             key);
    if (put(rk, topic, snag_str_from(key), snag_str_from(value), 0, NULL))
        exit(die(topic, "cannot be produced"));
}

static rd_kafka_t *latency_reader(const char *brokers, const char *topic)
{
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, brokers, "kafka_tool", "read_committed");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static int latency(const char *brokers, char **argv)
{
    int count = (int)strtol(argv[2], NULL, 10), rate = (int)strtol(argv[3], NULL, 10), sent = 0, seen = 0;
    int64_t *sent_us = calloc((size_t)count + 1, sizeof *sent_us);
    rd_kafka_t *out = producer(brokers, "0"), *in = latency_reader(brokers, argv[1]);
    if (!sent_us || rate < 1)
        return 2;
    latency_send(out, argv[0], count); /* a producer's first record waits for its id */
    rd_kafka_flush(out, 10000);
    int64_t began_us = now_us() + 1000000, patience_us = 30000000;
    while (seen < count && now_us() < began_us + (int64_t)count * 1000000 / rate + patience_us) {
        while (sent < count && now_us() >= began_us + (int64_t)sent * 1000000 / rate) {
            sent_us[sent] = now_us();
            latency_send(out, argv[0], sent++);
        }
        rd_kafka_poll(out, 0);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(in, 1);
        if (message && !message->err) {
            char key[16] = "";
            memcpy(key, message->key, message->key_len < 15 ? message->key_len : 15);
            int number = (int)strtol(key, NULL, 10);
            if (number < count) {
                printf("%.1f\n", (double)(now_us() - sent_us[number]) / 1000.0);
                seen++;
            }
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy(in);
    free(sent_us);
    return flushed(out, argv[0]) || seen < count;
}

int main(int argc, char **argv)
{
    const char *word = argc > 2 ? argv[2] : "";
    if (strcmp(word, "topics") == 0)
        return topics(argv[1]);
    if (strcmp(word, "create") == 0 && argc >= 5)
        return create(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "delete") == 0 && argc >= 4)
        return delete_topics(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "produce") == 0 && argc == 7)
        return produce(argv[1], argv + 3);
    if (strcmp(word, "send") == 0 && argc >= 6)
        return send_one(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "consume") == 0 && argc >= 4)
        return consume(argv[1], argc - 3, argv + 3);
    if (strcmp(word, "lag") == 0 && argc == 5)
        return lag(argv[1], argv + 3);
    if (strcmp(word, "latency") == 0 && argc == 7)
        return latency(argv[1], argv + 3);
    return usage();
}
