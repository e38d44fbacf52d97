/* SPDX-License-Identifier: Apache-2.0
 *
 * What all clients of one process share; private to src/kafka.
 */
#ifndef SNAG_KAFKA_CLIENT_H
#define SNAG_KAFKA_CLIENT_H

#include <stdatomic.h>

#include <librdkafka/rdkafka.h>

#include "kafka/kafka.h"

typedef struct snag_kafka_default {
    const char *name;
    const char *value;
} snag_kafka_default;

/* What every client carries as its opaque, first in whoever owns it. */
typedef struct snag_kafka_owner {
    snag_kafka *kafka;
} snag_kafka_owner;

/* Prefetch is memory, and librdkafka 2.0.2 sleeps a second when it is full: it should hold that much. */
typedef struct snag_kafka_prefetch {
    char messages[16]; /* queued.min.messages */
    char kbytes[16];   /* queued.max.messages.kbytes */
} snag_kafka_prefetch;

/* queues: among which it is shared; 1 = all partitions have one. */
snag_kafka_prefetch snag_kafka_prefetch_of(const snag_kafka *kafka, size_t queues);

/* Hashes of the member ids that one input's clients have had, the oldest is forgotten first. */
typedef struct snag_kafka_seats {
    uint64_t ids[32];
    uint32_t count;
} snag_kafka_seats;

struct snag_kafka {
    snag_kafka_owner owner; /* itself */
    const snag_kafka_property *properties;
    size_t property_count;
    snag_voice voice;
    rd_kafka_t *probe;  /* a plain client that reads uncommitted ends and asks for metadata */
    rd_kafka_resp_err_t refusal; /* the probe's login or handshake was refused; 0 = no */
    char refusal_words[256];
    size_t prefetch_bytes; /* of one consumer; 0 = not bounded further */
    atomic_int offsets_version; /* newest TxnOffsetCommit that all brokers seen so far speak; -1 = unknown */
    atomic_bool doubted; /* a client said that no broker is left */
    atomic_bool lost;    /* and a question of our own went unanswered: it was said */
};

/* defaults < the user's properties < demands (each ends with a NULL name; NULL = none). NULL with diag on an
 * unknown property. The callbacks' opaque is owner. */
rd_kafka_conf_t *snag_kafka_conf(snag_kafka_owner *owner, const snag_kafka_default *defaults,
                                 const snag_kafka_default *demands, snag_diag *diag);
/* Takes conf in any case. */
rd_kafka_t *snag_kafka_client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, snag_diag *diag);
/* Ends the client (flags as of rd_kafka_destroy_flags), or leaves it behind after some seconds; false =
 * it did, and that was said. Whatever came from the client must be given back before. */
bool snag_kafka_client_end(const snag_kafka *kafka, rd_kafka_t *client, int flags);
bool snag_kafka_client_end_within(const snag_kafka *kafka, rd_kafka_t *client, int flags, int limit_ms);
/* Which of the three outcomes an error of the client is (ports/output.h). */
snag_err snag_kafka_judge(rd_kafka_resp_err_t code);
/* Words for a client's error, and its judgement. */
snag_err snag_kafka_fail(snag_diag *diag, rd_kafka_resp_err_t code, const char *doing,
                         const char *detail);
/* Up to max messages of a queue; the first is waited for, for a batch call that waits would wait until the
 * batch is full. */
size_t snag_kafka_consume(rd_kafka_queue_t *queue, int wait_ms, rd_kafka_message_t **messages, size_t max);
/* A record without its headers, and up to max of these, of which it says how many there are. Borrowed. */
snag_raw snag_kafka_raw(const rd_kafka_message_t *message, uint32_t source);
uint32_t snag_kafka_headers(const rd_kafka_message_t *message, snag_header *list, uint32_t max);
/* Looks into a doubt: says once that the broker is lost, and once that it is back. Cheap otherwise. */
void snag_kafka_watch(snag_kafka *kafka);
/* Whether a broker that answers says that there is no such topic. */
bool snag_kafka_topic_gone(snag_kafka *kafka, const char *topic);
/* The group's offsets with their words; topics by source. With isolation.level read_committed it asks for
 * stable ones. */
snag_err snag_kafka_committed(rd_kafka_t *client, const char *const *topics, snag_place *places, size_t count,
                              int timeout_ms, snag_diag *diag);
/* The first offset there is, and the end of what the client's isolation level lets it read. */
snag_err snag_kafka_range(rd_kafka_t *client, const char *topic, uint32_t partition, int64_t *first,
                          int64_t *end, int timeout_ms, snag_diag *diag);
/* The end alone; where it fails, the client has looked for a new leader when it is asked again. */
snag_err snag_kafka_end(rd_kafka_t *client, rd_kafka_topic_t *topic, uint32_t partition, int64_t *end,
                        int timeout_ms, snag_diag *diag);
/* Whether none of the topic's first `partitions` partitions has a record stamped since_ms or later. */
snag_err snag_kafka_quiet(rd_kafka_t *client, const char *topic, uint32_t partitions, int64_t since_ms,
                          bool *quiet, int timeout_ms, snag_diag *diag);
/* Whether the group's seat of this instance name is somebody else's; false where nobody can tell. `ours` =
 * the member ids under which we had it. */
bool snag_kafka_rival(snag_kafka *kafka, const char *group, const char *instance,
                      const snag_kafka_seats *ours);
/* Remembers the member id that the client has now. */
void snag_kafka_seat_note(snag_kafka_seats *seats, rd_kafka_t *client);
/* Leaves the group, so that others get the partitions at once: a static member does not leave by closing
 * (KIP-345), only by unsubscribing. Waits until the group does not list the member any more, for some seconds
 * at most. No message of the client may be held. */
void snag_kafka_leave(rd_kafka_t *client, snag_kafka *kafka, const char *group, const char *instance);
/* The group's metadata as of the last assignment; NULL before it. Borrowed. */
const rd_kafka_consumer_group_metadata_t *snag_kafka_input_group(const snag_input *input);
const char *snag_kafka_input_topic(const snag_input *input, uint32_t source);
/* The consumer itself, until the next rejoin; for the benchmark that commits without transactions. */
rd_kafka_t *snag_kafka_input_client(const snag_input *input);

#endif
