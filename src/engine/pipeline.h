/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled pipeline: what the config makes of the file and everything else reads. Immutable.
 */
#ifndef SNAG_ENGINE_PIPELINE_H
#define SNAG_ENGINE_PIPELINE_H

#include "event/source.h"
#include "journey/fact.h"
#include "rules/rule.h"

typedef struct snag_option {
    snag_str name;
    snag_str value;
} snag_option;

/* Where the copy of the state is; what is not given is empty. */
typedef struct snag_pipeline_redis {
    snag_str url;
    snag_str user;
    snag_str password;
    snag_str sentinel_password;
    snag_str tls_ca;
    snag_str tls_cert;
    snag_str tls_key;
} snag_pipeline_redis;

/* What is kept of the times that one stage, or one rule's wait, takes, for one shape of customers. */
typedef struct snag_sketch_spec {
    snag_str owner;      /* names its cells: JOURNEY.STAGE or RULE, and /SHAPE */
    snag_str name;       /* JOURNEY.STAGE or RULE … */
    snag_str shape;      /* … and the shape; empty = of customers that have none */
    uint32_t millionths; /* the share that a deadline is learned from; 0 = none is */
    uint32_t stamp;      /* another one where what it measures changed: who waits then is not waited for */
    snag_wait wait;      /* the stage's or the rule's own */
    uint16_t base;       /* the first of the same stage or rule */
} snag_sketch_spec;

/* Customers of one shape (or of none), as a rule with `enter: 2x` compares with. */
typedef struct snag_segment_spec {
    snag_str owner; /* names its cell: RULE, or RULE/SHAPE */
    uint32_t stamp; /* the rule's fingerprint */
} snag_segment_spec;

/* A source that is watched for silence (`silent:`). */
typedef struct snag_source_watch {
    int64_t after_ms; /* no record for longer than this: it is silent; 0 = it is not watched */
    snag_signal_spec signal; /* its alert; the headline is no template */
} snag_source_watch;

/* What is watched by `quiet_event:`: an event that the file names, a rule or a stage that finds something. */
typedef struct snag_quiet_name {
    snag_str text; /* without a trailing star */
    bool prefix;   /* it had one */
    bool finds;    /* a rule or stage */
} snag_quiet_name;

typedef struct snag_quiet {
    int64_t after_ms; /* no pause shorter than this is told */
    snag_signal_spec signal;
    const snag_quiet_name *names; /* events named in full, then with a star, then rules and stages */
    uint32_t exact_count;
    uint32_t event_count;
    uint32_t count;
} snag_quiet;

typedef struct snag_pipeline {
    snag_str name;
    uint32_t version;
    bool key_account; /* `key: account` */
    uint8_t config[32]; /* SHA-256 of the canonical compiled pipeline */
    uint8_t zones[8];   /* of the bytes of the time zones it uses; zeros = it uses none. Not part of config:
                           the same pipeline may go on with newer zones, its armed deadlines stay */
    snag_str zone_version; /* what the system calls them ("2025b"); empty where it does not say */

    const snag_source_spec *sources;
    uint32_t source_count;
    const snag_quiet *quiet; /* NULL = not wanted */
    const snag_source_watch *watches; /* by source; NULL = none is watched */
    const snag_exclusion *exclusions; /* of all sources, in file order */
    uint32_t exclusion_count;
    const snag_exclusion *rule_exclusions; /* of rules, by their names, in file order */
    uint32_t rule_exclusion_count;
    const snag_expr_name *names; /* every name an expression may use: fixed, then kept; by slot */
    uint32_t name_count;         /* SNAG_VAR_KEPT + kept names */

    /* Facts stand behind the event's own names, in slots name_count and up; then the shape's name. */
    const snag_fact *facts; /* in file order */
    uint32_t fact_count;
    uint8_t tables;      /* bit = a source whose records are rows of a table */
    uint16_t fact_scope; /* of the customers inside an account, where they have facts of their own; else 0 */
    const snag_shape *shapes; /* in file order */
    uint32_t shape_count;
    uint16_t shape_slot; /* behind the facts; 0 = there are no shapes */

    const snag_scope *scopes; /* [0] is the key itself */
    uint32_t scope_count;
    uint8_t clock_scope; /* that of device clocks (engine/device.c); 0 = no source has `device:` */
    const snag_journey *journeys; /* in file order */
    uint32_t journey_count;
    bool walks_judged; /* some journey's are */
    const snag_rule *rules; /* in file order */
    uint32_t rule_count;
    bool feeds; /* some rule is a score: episodes that begin are its input */

    const snag_sketch_spec *sketches; /* number i of a stage or rule is [i - 1] */
    uint32_t sketch_count;
    const snag_segment_spec *segments; /* number i of a rule is [i - 1] */
    uint32_t segment_count;

    int64_t remember_ms; /* the longest of the sources' */

    /* outputs */
    snag_str prefix;   /* default "<pipeline>." */
    bool output_avro;
    snag_str registry_url; /* empty = none */
    const snag_option *kafka; /* as in the file, ${NAME} already replaced */
    uint32_t kafka_count;
    snag_pipeline_redis redis;
    uint64_t budget_bytes; /* memory for state a process; default 512 MiB */
} snag_pipeline;

/* A flow is what has an order and a W of its own: a source, or one partition of a rekeyed source's topic.
 * Ranks of flows: the sources in file order, the partitions of one in theirs. */
static inline uint32_t snag_source_flows(const snag_source_spec *source)
{
    return source->lanes ? source->lanes : 1;
}

static inline uint32_t snag_pipeline_flows(const snag_pipeline *pipeline)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < pipeline->source_count; s++)
        count += snag_source_flows(&pipeline->sources[s]);
    return count ? count : 1;
}

#endif
