/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sample of records says about a pipeline (`snag check --sample`): event names, names that
 * are absent, disorder of time, bad records, alerts of each rule.
 *
 * Memory is bounded: past SNAG_SAMPLE_TYPES_MAX event names further ones are only counted.
 */
#ifndef SNAG_CLI_SAMPLE_H
#define SNAG_CLI_SAMPLE_H

#include <stdio.h>

#include "cli/disorder.h"
#include "cli/feed.h"

enum { SNAG_SAMPLE_TYPES_MAX = 4096 };

typedef struct snag_sample_type {
    char *name; /* of the sample; not terminated */
    size_t size;
    uint64_t count;
} snag_sample_type;

typedef struct snag_sample_bad {
    uint64_t count;
    int64_t offset; /* of the first */
    uint16_t source;
    char words[512];
} snag_sample_bad;

/* What is counted for each source apart: its disorder, and the names it lacks. */
typedef struct snag_sample_source {
    uint64_t events;
    int64_t newest_ms; /* a sample is one partition */
    uint64_t unmarked; /* under `device:`, those that say no device, or not when they came */
    snag_disorder disorder;
    int64_t gap_max_ms; /* the longest time without an event, by their own times … */
    int64_t gap_from_ms; /* … and since when */
    uint64_t silences;   /* longer than its silent: */
    uint64_t absent[SNAG_KEPT_MAX + SNAG_VAR_KEPT]; /* by slot */
} snag_sample_source;

typedef struct snag_sample {
    const snag_pipeline *pipeline;
    uint64_t events;
    snag_sample_type types[SNAG_SAMPLE_TYPES_MAX]; /* by hash, then the next free place */
    uint32_t type_count;
    uint64_t types_left_out; /* events whose name found no place */

    uint64_t excluded[SNAG_EXCLUSIONS_MAX];
    snag_sample_source sources[SNAG_SOURCES_MAX];
    snag_sample_bad bad[SNAG_ERR_COUNT];
    uint64_t rule_alerts[SNAG_RULES_MAX];
    uint64_t stage_alerts[SNAG_RULES_MAX][SNAG_STAGES_MAX];
} snag_sample;

/* On the heap, because it is large; NULL: out of memory. Free with snag_sample_free (takes NULL). asked:
 * bounds besides the file's whose late events are counted, at most SNAG_OPTION_LIST_MAX. */
snag_sample *snag_sample_new(const snag_pipeline *pipeline, const int64_t *asked_ms, size_t asked_count);
void snag_sample_free(snag_sample *sample);

void snag_sample_event(snag_sample *sample, const snag_event *event);
void snag_sample_dead(snag_sample *sample, const snag_dead *dead);
void snag_sample_record(snag_sample *sample, const snag_record *record);

/* How many events bear a name that the pattern takes. */
uint64_t snag_sample_count(const snag_sample *sample, const snag_pattern *pattern);

/* The report for a person; returns the number of findings. */
uint32_t snag_sample_print(const snag_sample *sample, const snag_feed *feed, FILE *file);

#endif
