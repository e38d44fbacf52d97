/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka behind the ports, through librdkafka.
 *
 *     snag_kafka          one a process: the client properties, a plain "probe" client, the outage flag
 *     snag_kafka_input    one a worker: a consumer in the group
 *     snag_kafka_output   one a worker: a transactional producer; sends its input's offsets
 *     snag_kafka_log      one a worker: reads a changelog partition while a partition is taken over
 */
#ifndef SNAG_KAFKA_KAFKA_H
#define SNAG_KAFKA_KAFKA_H

#include "ports/changelog.h"
#include "ports/clock.h"
#include "ports/input.h"
#include "ports/output.h"

typedef struct snag_kafka snag_kafka;

typedef struct snag_kafka_property {
    snag_str name;
    snag_str value;
} snag_kafka_property;

/* Properties go to every client as they are (ours are defaults below them; what exactly-once depends on
 * stands above them) and are borrowed. SNAG_CONFIG: a property the client does not know. */
SNAG_MUST_CHECK snag_err snag_kafka_new(snag_kafka **out, const snag_kafka_property *properties,
                                        size_t count, const snag_voice *voice, snag_diag *diag);
void snag_kafka_free(snag_kafka *kafka);
/* What one consumer made from now on may hold of records read ahead. */
void snag_kafka_prefetch_set(snag_kafka *kafka, size_t bytes);

/* --- looking and making (admin) ---------------------------------------------------------------- */

typedef struct snag_kafka_topic {
    snag_str name;
    int32_t partitions;       /* -1 = there is no such topic */
    char cleanup[32];         /* cleanup.policy; "" = could not be asked */
    int64_t retention_ms;     /* -1 = for ever */
    int64_t retention_bytes;  /* -1 = without a bound */
    bool unclean;             /* unclean.leader.election.enable */
    int64_t delete_retention_ms;
    int64_t max_message_bytes; /* 0 = could not be asked, as below */
    int32_t min_insync;
    int32_t replicas;
} snag_kafka_topic;

/* Fills partitions of each topic. SNAG_BROKER: no broker answered within timeout_ms. */
SNAG_MUST_CHECK snag_err snag_kafka_describe(snag_kafka *kafka, snag_kafka_topic *topics,
                                             size_t count, int timeout_ms, snag_diag *diag);
/* Fills cleanup and retention of the topics that exist. */
SNAG_MUST_CHECK snag_err snag_kafka_describe_configs(snag_kafka *kafka, snag_kafka_topic *topics,
                                                     size_t count, snag_diag *diag);
/* SNAG_REFUSED: a broker that was asked before is too old. */
SNAG_MUST_CHECK snag_err snag_kafka_age_check(const snag_kafka *kafka, snag_diag *diag);
/* What a topic is made for: records that go by age, a compacted table, or a lane, whose records go when they
 * have been read (the broker's settings for the first, none of its ageing for the last). */
typedef enum snag_kafka_use { SNAG_KAFKA_USE_LOG, SNAG_KAFKA_USE_TABLE, SNAG_KAFKA_USE_LANE } snag_kafka_use;

/* Creates the topic with the broker's default replication; one that exists already is fine. */
SNAG_MUST_CHECK snag_err snag_kafka_create(snag_kafka *kafka, const char *name, int partitions,
                                           snag_kafka_use use, snag_diag *diag);

/* --- the ports --------------------------------------------------------------------------------- */

typedef struct snag_kafka_input_options {
    const char *topics[SNAG_FLOWS_MAX]; /* by source */
    uint32_t topic_count;
    uint32_t partitions; /* of each */
    const char *group;
    const char *instance; /* group.instance.id: unique in the group, the same after a restart */
    size_t batch_max;
    bool keep_seat; /* closing keeps the partitions for this instance until the session times out */
} snag_kafka_input_options;

SNAG_MUST_CHECK snag_err snag_kafka_input_new(snag_input *out, snag_kafka *kafka,
                                              const snag_kafka_input_options *options,
                                              snag_diag *diag);

enum { SNAG_KAFKA_OUTPUTS_MAX = SNAG_TOPIC_COUNT + SNAG_FLOWS_MAX };

/* topics: full names by snag_topic, behind them the lanes of a first hop (runtime/lane.h). transactional_id:
 * unique in the cluster, the same after a restart. */
SNAG_MUST_CHECK snag_err snag_kafka_output_new(snag_output *out, snag_kafka *kafka,
                                               const snag_input *input, const char *transactional_id,
                                               const char *const *topics, uint32_t count,
                                               snag_diag *diag);
/* group: the workers' own, so that no rights on another one are needed; it is not joined. */
SNAG_MUST_CHECK snag_err snag_kafka_log_new(snag_changelog *out, snag_kafka *kafka,
                                            const char *topic, const char *group, snag_diag *diag);

#endif
