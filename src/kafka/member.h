/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer behind the input port as a member of its group; private to src/kafka.
 */
#ifndef SNAG_KAFKA_MEMBER_H
#define SNAG_KAFKA_MEMBER_H

#include "kafka/client.h"
#include "kafka/hands.h"

enum { SNAG_MEMBER_PARTITIONS_MAX = 65536 };

typedef struct snag_member {
    snag_kafka_owner owner;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    rd_kafka_consumer_group_metadata_t *group;
    rd_kafka_topic_t *asked[SNAG_FLOWS_MAX]; /* the topics as the probe knows them */
    char *topics[SNAG_FLOWS_MAX];
    uint32_t topic_count;
    size_t partitions; /* of each */
    snag_hands *hands; /* several topics; NULL = one */
    bool torn;      /* the last assignment lacks topics of some partitions … */
    bool said_torn;
    unsigned torn_polls; /* … for so many polls */
    char *name; /* of the group */
    char *instance;
    snag_seat seat; /* what happened since the last poll */
    snag_kafka_seats seats; /* member ids we have had */
    bool closing;
    bool keep_seat;
    uint32_t *given;
    size_t given_count;
    int64_t *next; /* by source and partition: the lowest offset that may come; -1 = not started */
    size_t next_count;
    size_t max;
    rd_kafka_message_t **messages;
    size_t message_count;
    snag_raw *records;
    uint32_t *origin; /* of record i: its message */
    size_t record_count;
    snag_reached *reached;
    size_t reached_count;
    rd_kafka_queue_t *forgetting; /* answers to what was to be deleted; NULL = nothing was yet */
    bool said_kept;
} snag_member;

/* A new client, subscribed to all topics. */
SNAG_MUST_CHECK snag_err snag_member_join(snag_member *in, snag_diag *diag);
/* The client with all that it has read ahead; its seat stays. */
void snag_member_drop(snag_member *in);
/* Gives back what was handed out last. */
void snag_member_release(snag_member *in);

#endif
