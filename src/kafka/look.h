/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a cluster from outside, as `snag check --kafka` does: it joins no group, and writes
 * nothing but one transaction that it takes back. Never used while events flow.
 */
#ifndef SNAG_KAFKA_LOOK_H
#define SNAG_KAFKA_LOOK_H

#include "kafka/kafka.h"

typedef struct snag_kafka_look snag_kafka_look;

/* A reader under the group's name, so that it needs the rights the workers need. */
SNAG_MUST_CHECK snag_err snag_kafka_look_new(snag_kafka_look **out, snag_kafka *kafka,
                                             const char *group, snag_diag *diag);
void snag_kafka_look_free(snag_kafka_look *look);

/* SNAG_END: no such topic; SNAG_REFUSED: no right to see it; SNAG_BROKER. */
SNAG_MUST_CHECK snag_err snag_kafka_look_topic(snag_kafka_look *look, const char *topic,
                                               snag_diag *diag);
/* The first offset, and the end of what may be read (read_committed). */
SNAG_MUST_CHECK snag_err snag_kafka_look_range(snag_kafka_look *look, const char *topic,
                                               uint32_t partition, int64_t *first, int64_t *end,
                                               snag_diag *diag);
/* The first offset whose record was stamped at time_ms or later. SNAG_END: there is none. */
SNAG_MUST_CHECK snag_err snag_kafka_look_at(snag_kafka_look *look, const char *topic, uint32_t partition,
                                            int64_t time_ms, int64_t *offset, snag_diag *diag);
/* The group's offsets of a topic, as the input port's `committed`. */
SNAG_MUST_CHECK snag_err snag_kafka_look_places(snag_kafka_look *look, const char *topic,
                                                snag_place *places, size_t count, snag_diag *diag);
/* Hands every record from offset `from` up to the end there is now to on_record, until that returns
 * false. The record is borrowed during the call. */
typedef bool snag_kafka_on_record(void *context, const snag_raw *record);
SNAG_MUST_CHECK snag_err snag_kafka_look_read(snag_kafka_look *look, const char *topic,
                                              uint32_t partition, int64_t from,
                                              snag_kafka_on_record *on_record, void *context,
                                              snag_diag *diag);

/* What the brokers allow; -1 = it could not be asked. */
typedef struct snag_kafka_bounds {
    int64_t transaction_max_timeout_ms;
    int64_t session_min_ms;
    int64_t session_max_ms;
    int64_t offsets_minutes; /* offsets.retention.minutes */
} snag_kafka_bounds;

SNAG_MUST_CHECK snag_err snag_kafka_look_bounds(snag_kafka *kafka, snag_kafka_bounds *bounds,
                                                snag_diag *diag);

typedef struct snag_kafka_member {
    char instance[128]; /* group.instance.id; "" = it has none, so it is none of ours */
    char client[64];
    char host[64];
} snag_kafka_member;

/* The members the group has now; at most `max` are filled in, *count are there. */
SNAG_MUST_CHECK snag_err snag_kafka_look_members(snag_kafka *kafka, const char *group,
                                                 snag_kafka_member *members, size_t max,
                                                 size_t *count, snag_diag *diag);

/* Tries the rights to write: a transaction under `transactional_id` with one record for each topic
 * that there is and the offset `place` of the input, which is then aborted: readers of committed
 * records see nothing. SNAG_REFUSED with the words of what was refused first. */
SNAG_MUST_CHECK snag_err snag_kafka_look_try(snag_kafka_look *look, const char *transactional_id,
                                             const char *input, const snag_place *place,
                                             const char *const *topics, size_t count,
                                             snag_diag *diag);

#endif
