/* SPDX-License-Identifier: Apache-2.0
 *
 * What the live commands share: names of topics, the Kafka and Redis a pipeline names, and whether the
 * outside is as it must be before anything starts.
 */
#ifndef SNAG_CLI_LIVE_H
#define SNAG_CLI_LIVE_H

#include "cli/command.h"
#include "config/config.h"
#include "kafka/kafka.h"
#include "redis/redis.h"

enum { SNAG_LIVE_NAME_MAX = 256, SNAG_LIVE_PROPERTIES_MAX = 256 };

typedef struct snag_live {
    const snag_pipeline *pipeline;
    snag_kafka_property properties[SNAG_LIVE_PROPERTIES_MAX];
    size_t property_count;
    snag_kafka *kafka;
    snag_redis *redis;
    char brokers[512];                            /* as given, for words */
    char inputs[SNAG_SOURCES_MAX][SNAG_LIVE_NAME_MAX]; /* by source */
    uint32_t input_count;
    char lanes[SNAG_FLOWS_MAX][SNAG_LIVE_NAME_MAX]; /* of the rekeyed sources, in their order */
    uint32_t lane_count;
    uint32_t partitions; /* of the state: of the inputs that are keyed, else of the lanes; 0 = unknown yet */
    /* The pipeline with the lanes of its sources, as the workers run it. */
    snag_pipeline running;
    snag_source_spec sources[SNAG_SOURCES_MAX];
    char names[SNAG_TOPIC_COUNT][SNAG_LIVE_NAME_MAX];
    char group[SNAG_LIVE_NAME_MAX];
    /* the outputs by snag_topic, then the inputs, then the lanes */
    snag_kafka_topic topics[SNAG_TOPIC_COUNT + SNAG_SOURCES_MAX + SNAG_FLOWS_MAX];
    uint32_t topic_count;
} snag_live;

/* The suffix, policy and purpose of an output topic. */
snag_str snag_topic_suffix(snag_topic topic);
bool snag_topic_compact(snag_topic topic);
const char *snag_topic_help(snag_topic topic);

/* That every source has a topic; else the first that has none, as a name for a message (empty = all have). */
snag_str snag_live_without_topic(const snag_pipeline *pipeline);
/* The name of topics[at]. */
const char *snag_live_name(const snag_live *live, uint32_t at);
/* Fills names; NULL group = the pipeline's name. False: a name is too long. */
bool snag_live_names(snag_live *live, const snag_pipeline *pipeline, const char *group);
/* What topics[at] is: an output, an input, or a lane. */
bool snag_live_is_input(const snag_live *live, uint32_t at);
bool snag_live_is_lane(const snag_live *live, uint32_t at);
/* What a partition of the state reads: topics of keyed sources, lanes of rekeyed ones; by flow. */
uint32_t snag_live_streams(const snag_live *live, const char *names[SNAG_FLOWS_MAX]);
/* Whether any source is rekeyed. */
bool snag_live_rekeys(const snag_live *live);
/* Looks at the topics again; the lanes become known with the partitions of their sources' topics. */
SNAG_MUST_CHECK snag_err snag_live_look(snag_live *live, snag_diag *diag);
/* The group of the first hop of a source; room for SNAG_LIVE_NAME_MAX + 80. */
void snag_live_rekey_group(const snag_live *live, uint32_t source, char *name, size_t room);
/* SNAG_STATE: a lane holds records, but its source's topic was never read by this group: they are of another
 * start. */
SNAG_MUST_CHECK snag_err snag_live_lanes_check(const snag_live *live, snag_diag *diag);
/* Connects to Kafka and looks at the topics; brokers overrides the pipeline's (NULL = as in the file). */
SNAG_MUST_CHECK snag_err snag_live_kafka(snag_live *live, const char *brokers,
                                         const snag_voice *voice, snag_diag *diag);
/* Looks again for some seconds while topics are missing: of one made just now the broker that is asked may
 * not have heard. */
SNAG_MUST_CHECK snag_err snag_live_topics_wait(snag_live *live, snag_diag *diag);
/* That the topics are there and fit. SNAG_BROKER with one sentence that says what to do. */
SNAG_MUST_CHECK snag_err snag_live_topics_check(const snag_live *live, snag_diag *diag);
/* The address of Redis: url overrides the pipeline's; SNAG_END = none is given. */
SNAG_MUST_CHECK snag_err snag_live_redis(snag_live *live, const char *url, const snag_voice *voice,
                                         snag_diag *diag);
void snag_live_finish(snag_live *live);

/* A command that reads the copy of the state in Redis. */
typedef struct snag_live_copy {
    const char *url;     /* overrides the pipeline's; NULL = as in the file */
    const char *group;   /* NULL = the pipeline's name */
    const char *instead; /* what can be done where no Redis is given, for words */
    /* Has the store, of so many partitions, for as long as it runs. */
    snag_err (*read)(void *context, snag_store *store, uint32_t partitions, snag_diag *diag);
    void *context;
} snag_live_copy;

/* Connects, reads, and lets go of it all. -1: it was read; else the exit code, told. live is zeroed. */
int snag_live_read_copy(snag_live *live, const snag_command *command, const snag_pipeline *pipeline,
                        const snag_live_copy *copy);

/* The exit code of an error of the outside. */
int snag_live_exit_code(snag_err err);

#endif
