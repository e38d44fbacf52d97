/* SPDX-License-Identifier: Apache-2.0
 *
 * Joining the group, and what it gives.
 *
 * In the assign callback the client is given an empty assignment, so that the group settles; nothing is read
 * until the worker has its state and calls start. The revoke callback only notes that it was asked: give_back
 * answers, when the worker has committed.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/planted.h"
#include "kafka/member.h"

/* Partitions are given topic by topic, and the assignor gives the same ones of each topic while all members
 * read the same topics. A partition of which some topic is missing cannot be judged. */
static void given_take(snag_member *in, const rd_kafka_topic_partition_list_t *list)
{
    uint32_t of_topics = 0;
    in->torn = false;
    in->torn_polls = 0;
    for (int i = 0; i < list->cnt; i++) {
        of_topics = 0;
        for (int k = 0; k < list->cnt; k++)
            of_topics += list->elems[k].partition == list->elems[i].partition;
        in->torn = in->torn || of_topics < in->topic_count;
        if (of_topics < in->topic_count && !in->said_torn) {
            const snag_voice *voice = &in->owner.kafka->voice;
            voice->say(voice->self,
                       "the group gives partitions of some topics only: other members read other topics, as "
                       "those of another version of the pipeline do; such partitions wait until they stop");
            in->said_torn = true;
        }
        if (of_topics == in->topic_count && strcmp(list->elems[i].topic, in->topics[0]) == 0)
            in->given[in->given_count++] = (uint32_t)list->elems[i].partition;
    }
}

static void on_given(snag_member *in, const rd_kafka_topic_partition_list_t *list)
{
    uint32_t *given = realloc(in->given, sizeof *given * (size_t)(list->cnt + 1));
    SNAG_ASSERT(given != NULL);
    in->given = given;
    in->given_count = 0;
    given_take(in, list);
    if (in->group)
        rd_kafka_consumer_group_metadata_destroy(in->group);
    in->group = rd_kafka_consumer_group_metadata(in->client);
    in->seat = SNAG_SEAT_GIVEN;
    snag_kafka_seat_note(&in->seats, in->client);
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_assign(in->client, none);
    rd_kafka_topic_partition_list_destroy(none);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    snag_member *in = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !in->closing)
        on_given(in, list);
    else if (in->closing)
        rd_kafka_assign(client, NULL);
    else
        in->seat = rd_kafka_assignment_lost(client) ? SNAG_SEAT_LOST : SNAG_SEAT_ASKED;
    rd_kafka_yield(client);
}

/* Without rd_kafka_consumer_close: a static member has nothing to say there, and with the coordinator away
 * it waits for minutes. */
void snag_member_drop(snag_member *in)
{
    in->closing = true;
    snag_member_release(in);
    if (in->hands)
        snag_hands_end(in->hands);
    if (in->queue)
        rd_kafka_queue_destroy(in->queue);
    if (in->client) {
        if (in->group)
            rd_kafka_consumer_group_metadata_destroy(in->group);
        snag_kafka_seat_note(&in->seats, in->client);
        snag_kafka_client_end(in->owner.kafka, in->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    in->queue = NULL;
    in->client = NULL;
    in->group = NULL;
    in->given_count = 0;
    in->seat = SNAG_SEAT_KEPT;
    in->closing = false;
}

static snag_err input_client(snag_member *in, snag_diag *diag)
{
    size_t queues = in->hands ? in->topic_count * in->partitions : 1; /* each has its own, and its share */
    snag_kafka_prefetch prefetch = snag_kafka_prefetch_of(in->owner.kafka, queues);
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

static snag_err subscribe(snag_member *in, snag_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)in->topic_count);
    for (uint32_t s = 0; s < in->topic_count; s++)
        rd_kafka_topic_partition_list_add(list, in->topics[s], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(in->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? snag_kafka_fail(diag, code, "joining the group", NULL) : SNAG_OK;
}

snag_err snag_member_join(snag_member *in, snag_diag *diag)
{
    for (size_t i = 0; i < in->next_count; i++)
        in->next[i] = -1;
    snag_err err = input_client(in, diag);
    return err == SNAG_OK ? subscribe(in, diag) : err;
}
