/* SPDX-License-Identifier: Apache-2.0
 *
 * A client that cannot end is left behind in bounded time and told; one that can is ended. The brokers are
 * the client's own mock cluster.
 */
#include "unit/check.h"

#include "kafka/client.h"

static unsigned said;

static void say(void *self, const char *line)
{
    (void)self;
    assert_non_null(strstr(line, "does not end"));
    said++;
}

static snag_kafka kafka = {.voice = {.say = say}};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char words[256];
    assert_int_equal(rd_kafka_conf_set(conf, name, value, words, sizeof words), RD_KAFKA_CONF_OK);
}

static rd_kafka_t *consumer(void)
{
    char words[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "test.mock.num.brokers", "1");
    set(conf, "group.id", "g");
    set(conf, "enable.partition.eof", "true");
    set(conf, "allow.auto.create.topics", "true");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, words, sizeof words);
    assert_non_null(client);
    return client;
}

static void test_ends(void **state)
{
    (void)state;
    said = 0;
    assert_true(snag_kafka_client_end_within(&kafka, consumer(), 0, 60000));
    assert_int_equal(said, 0);
}

static void test_left_behind(void **state)
{
    (void)state;
    said = 0;
    const int flags = RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE;
    rd_kafka_t *client = consumer();
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "t", 0)->offset = 0;
    assert_int_equal(rd_kafka_assign(client, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_message_t *held = NULL; /* it refers to the partition, that to the broker */
    for (int i = 0; i < 600 && !held; i++) {
        held = rd_kafka_consumer_poll(client, 100);
        if (held && held->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            rd_kafka_message_destroy(held); /* the topic is only now being made */
            held = NULL;
        }
    }
    assert_non_null(held);
    assert_false(snag_kafka_client_end_within(&kafka, client, flags, 300));
    assert_int_equal(said, 1);
    rd_kafka_message_destroy(held); /* and then it may end, in its own time */
    assert_int_equal(rd_kafka_wait_destroyed(60000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_left_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
