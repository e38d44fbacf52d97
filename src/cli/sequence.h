/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequence: what follows what, and after how long, over the events of a sample, customer by customer. From
 * that the stages of a first journey are proposed.
 */
#ifndef SNAG_CLI_SEQUENCE_H
#define SNAG_CLI_SEQUENCE_H

#include "base/err.h"
#include "event/event.h"

enum { SNAG_SEQUENCE_TYPES_MAX = 64, SNAG_SEQUENCE_STAGES_MAX = 6 };

typedef struct snag_sequence_type {
    char *name;
    uint64_t count;
    uint64_t first; /* customers that began with it */
    uint64_t last;  /* customers with nothing after it */
    uint64_t next[SNAG_SEQUENCE_TYPES_MAX]; /* how often each type came next (never itself) */
} snag_sequence_type;

typedef struct snag_sequence_event {
    uint64_t customer;
    int64_t time_ms;
    uint32_t order;
    uint32_t type;
} snag_sequence_event;

typedef struct snag_sequence {
    snag_sequence_type types[SNAG_SEQUENCE_TYPES_MAX];
    uint32_t type_count;
    uint64_t customers;
    snag_sequence_event *events;
    size_t count;
    size_t room;
    uint64_t left_out; /* events of still other types, or more than fit */
} snag_sequence;

typedef struct snag_sequence_stage {
    uint32_t type;
    int64_t due_ms; /* -1 = none */
    bool end;
} snag_sequence_stage;

void snag_sequence_add(snag_sequence *sequence, const snag_event *event);
void snag_sequence_finish(snag_sequence *sequence);
/* Counts what follows what; once, after the last event. */
void snag_sequence_count(snag_sequence *sequence);
/* The way most customers go, at most SNAG_SEQUENCE_STAGES_MAX stages; returns how many. */
uint32_t snag_sequence_stages(const snag_sequence *sequence, snag_sequence_stage *stages);

#endif
