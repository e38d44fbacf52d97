/* SPDX-License-Identifier: Apache-2.0
 *
 * `snag check --kafka`: whether the world that `snag run` would start in fits together. It looks;
 * it joins no group, and what it tries to write it takes back. Every finding is one sentence that
 * says what to do.
 */
#ifndef SNAG_CLI_AUDIT_H
#define SNAG_CLI_AUDIT_H

#include <stdio.h>

#include "cli/live.h"
#include "kafka/look.h"
#include "runtime/head.h"

/* Kinds of findings that can come once for each partition: of each only a few are shown. */
typedef enum snag_audit_kind {
    SNAG_AUDIT_ONCE,
    SNAG_AUDIT_WORDS,
    SNAG_AUDIT_RANGE,
    SNAG_AUDIT_NO_OFFSETS,
    SNAG_AUDIT_NO_HEAD,
    SNAG_AUDIT_DISAGREE,
    SNAG_AUDIT_HEAD,
    SNAG_AUDIT_UNCLEAN,
    SNAG_AUDIT_KINDS
} snag_audit_kind;

typedef struct snag_audit {
    const snag_config *config;
    const snag_pipeline *pipeline;
    snag_live *live;
    snag_kafka_look *look;
    const char *instance; /* NULL = not said */
    FILE *file;
    bool colour;
    const int64_t *asked_ms; /* --out-of-order */
    size_t asked_count;
    uint32_t findings;
    uint32_t shown[SNAG_AUDIT_KINDS];
    uint32_t partitions; /* of the state; 0 = it cannot be seen */
    const char *streams[SNAG_FLOWS_MAX]; /* what each of its partitions reads: inputs, or lanes */
    uint32_t stream_count;
    bool changelog;      /* there is one, with as many partitions, and it may be read */
    bool barred;         /* the group may not be looked at */
    size_t members;      /* of the group, now */
} snag_audit;

/* SNAG_OK: looked at everything that could be; findings say the rest. Else the outside failed. */
SNAG_MUST_CHECK snag_err snag_audit_run(snag_audit *audit, snag_diag *diag);

void snag_audit_heading(const snag_audit *audit, const char *text);
void snag_audit_note(const snag_audit *audit, const char *format, ...) SNAG_PRINTF(2, 3);
void snag_audit_finding(snag_audit *audit, snag_audit_kind kind, const char *format, ...)
    SNAG_PRINTF(3, 4);

/* audit_keeps.c: what topics let go of, and when. */
void snag_audit_input_keeps(snag_audit *audit, const snag_kafka_topic *topic, uint32_t source);
void snag_audit_changelog_keeps(snag_audit *audit, const snag_kafka_topic *topic);
void snag_audit_lane_keeps(snag_audit *audit, const snag_kafka_topic *topic);
void snag_audit_leader_look(snag_audit *audit, const snag_kafka_topic *topic);
/* minutes: offsets.retention.minutes; -1 = could not be asked. */
void snag_audit_offsets_keep(snag_audit *audit, int64_t minutes);
/* audit_state.c: the group's offsets against the input and the changelog's heads. */
SNAG_MUST_CHECK snag_err snag_audit_state(snag_audit *audit, snag_diag *diag);
/* audit_sample.c: the newest records of the input: readable, and keyed by the customer. */
SNAG_MUST_CHECK snag_err snag_audit_sample(snag_audit *audit, snag_diag *diag);

#endif
