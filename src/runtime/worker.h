/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: one thread with an input, an output, a store and an engine for each partition it owns. It shares
 * nothing with other workers but the memory budget and the counters people look at. It sees only ports.
 */
#ifndef SNAG_RUNTIME_WORKER_H
#define SNAG_RUNTIME_WORKER_H

#include <stdatomic.h>

#include "engine/pipeline.h"
#include "ports/changelog.h"
#include "ports/clock.h"
#include "ports/input.h"
#include "ports/memory.h"
#include "ports/output.h"
#include "ports/store.h"
#include "runtime/points.h"

/* What people see of a worker; written by its thread, read by any. name, help */
#define SNAG_STAT_TABLE(X)                                                          \
    X(records, "records read")                                                      \
    X(events, "events given to the engine")                                         \
    X(carried, "records carried to the customer's partition (rekey)")               \
    X(alerts, "alerts said (shadow ones too)")                                      \
    X(changes, "journey changes said")                                              \
    X(decisions, "decisions said")                                                  \
    X(dead, "records sent to the dead letter")                                      \
    X(wrong_key, "of these: the key is not the customer")                           \
    X(late, "events that came too late")                                            \
    X(duplicates, "events that came twice")                                         \
    X(excluded, "events that an exclude: took, of a source or of a rule")           \
    X(commits, "transactions committed")                                            \
    X(restarts, "times the worker went back to what was committed")                 \
    X(ticks, "times the clock moved an idle partition's time")                      \
    X(no_ticks, "times it could not be proved that a partition is idle")            \
    X(jumps, "jumps of the wall clock")                                             \
    X(flushed, "cells written to the store")                                        \
    X(reloads, "partitions written to the store anew")                              \
    X(partitions, "partitions owned now")                                           \
    X(silent, "sources that are silent now: counted by whoever has partition 0")     \
    X(walks, "journeys open now")                                                   \
    X(episodes, "alerts open now")                                                  \
    X(armed, "deadlines armed now")                                                 \
    X(state_bytes, "memory used by state now")                                      \
    X(left, "records still to be read, as far as is known")                         \
    X(behind_ms, "how far the oldest partition's newest event lies behind the clock") \
    X(caught_up, "1 while every partition is read to its end")

typedef struct snag_stats {
#define X(name, help) _Atomic uint64_t name;
    SNAG_STAT_TABLE(X)
#undef X
} snag_stats;

/* Shared by the workers of a process. */
typedef struct snag_shared {
    atomic_bool stop;             /* drain and return */
    _Atomic uint64_t state_bytes; /* of all partitions of the process */
} snag_shared;

typedef struct snag_ports {
    snag_input input;
    snag_output output;
    snag_changelog changelog;
    snag_store store; /* ops NULL = none */
    snag_clock clock;
    snag_voice voice;
    snag_blocks blocks;
} snag_ports;

/* The first hop reads a rekeyed source's topic and writes each record to the partition of its customer: for
 * partition u of the topic there is lane u, an internal topic of its own, output SNAG_TOPIC_COUNT + u. */
typedef struct snag_rekey_options {
    uint32_t source; /* which it is in the whole pipeline */
    uint32_t lane_partitions; /* of each lane: those of the state */
} snag_rekey_options;

typedef struct snag_worker_options {
    const snag_pipeline *pipeline;
    snag_str base_dir;          /* for schema files */
    snag_schema_fetch *fetch;   /* NULL = no registry */
    void *fetch_context;
    int64_t schema_ids[SNAG_RECORD_KIND_COUNT]; /* Avro out: registry ids; -1 = single object */
    uint32_t partitions;                        /* of the input topic */
    uint32_t topic_partitions[SNAG_TOPIC_COUNT];
    const char *group;          /* for words */
    const char *instance;
    const snag_rekey_options *rekey; /* it is the first hop of the only source; NULL = not */
    bool from_latest;           /* first start: read only what comes from now on */
    size_t batch_max;           /* records a poll */
    int64_t commit_every_ms;    /* where nothing is urgent */
    int64_t tombstones_ms;      /* the changelog's delete.retention.ms */
    unsigned workers;           /* of the process: they share the budget; 0 = 1 */
    uint32_t timer_budget;      /* timers fired before a commit may come between; 0 = the usual */
    uint32_t reload_items;      /* cells written in one piece of a reload; 0 = the usual */
    snag_point_passed *passed;  /* for tests of crashes; NULL = nobody */
    void *passed_context;
} snag_worker_options;

/* Runs until shared->stop, then commits what is in hand and returns SNAG_OK. Anything else ends the program:
 * SNAG_CONFIG = the pipeline does not fit the stored state, other errors = the outside failed for good. */
SNAG_MUST_CHECK snag_err snag_worker_run(const snag_worker_options *options, const snag_ports *ports,
                                         snag_shared *shared, snag_stats *stats, snag_diag *diag);

#endif
