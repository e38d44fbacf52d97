/* SPDX-License-Identifier: Apache-2.0
 *
 * A feed: lines -> decoder -> one engine a partition -> records and dead letters. `snag replay`, the
 * embedding API and the benchmarks share it; it needs neither Kafka nor Redis.
 *
 *     lines --decode--> events --murmur2(key) % N--> engine 0 ... engine N-1 --> emit(partition, record)
 *              |                                                                  (in each one's order)
 *              +-- unreadable --> dead
 *
 * With several sources a line comes at a time, from the source whose turn it is; each partition then counts
 * the other sources as read up to where they are read for all partitions.
 *
 * A source with `silent:` is silent where no partition has an event of it for longer. Idle partitions then
 * go on as by the clock, up to what the source has last been seen at.
 *
 * What comes out, and in which order, does not depend on how the lines are cut into batches: events before
 * an unreadable line are judged before it is told. One batch's events live in an arena, reset after it:
 * nothing is allocated for a line.
 */
#ifndef SNAG_CLI_FEED_H
#define SNAG_CLI_FEED_H

#include "codec/codec.h"
#include "config/config.h"
#include "engine/engine.h"
#include "local/lines.h"

/* A line that could not be made an event. Borrowed during the call. */
typedef struct snag_dead {
    snag_err reason;
    const char *words; /* one sentence with byte offset or field */
    snag_position position;
    snag_str value;        /* the original bytes; the first of them where the line is over-long */
    uint64_t size;         /* true size */
    const uint8_t *sha256; /* of all bytes where value is cut, else NULL */
} snag_dead;

typedef void snag_feed_emit(void *context, uint32_t partition, const snag_record *record);
typedef void snag_feed_dead(void *context, const snag_dead *dead);
/* An event before it is judged, in the order of the lines; one that a device stamped is judged then, and has
 * its right time. Borrowed during the call. */
typedef void snag_feed_event(void *context, const snag_event *event);

/* The stamp that a topic would have given this line; SNAG_TIME_NONE where nobody knows. */
typedef int64_t snag_feed_stamp(void *context, uint32_t source, snag_str line);

typedef struct snag_feed_options {
    uint32_t partitions; /* 1 to SNAG_FEED_PARTITIONS_MAX */
    size_t batch;        /* events judged at once, >= 1 */
    int64_t now_ms;      /* for max_skew; SNAG_NEVER = no check */
    size_t state_bytes;  /* of one engine; 0 = what the machine has, shared out, touched as needed */
    snag_feed_emit *emit;
    snag_feed_dead *dead;
    snag_feed_event *event; /* may be NULL */
    snag_feed_stamp *stamp; /* NULL: lines have no stamps */
    bool placed;            /* records of a topic: their partition, key and stamp are their own */
    snag_schema_fetch *fetch; /* placed: a registry that waits; NULL = none */
    void *fetch_context;
    void *context;
} snag_feed_options;

enum { SNAG_FEED_PARTITIONS_MAX = 1024, SNAG_FEED_BATCH_MAX = 1000000 };

typedef struct snag_feed snag_feed;

/* config is borrowed for the feed's life. Free with snag_feed_free (takes NULL). */
SNAG_MUST_CHECK snag_err snag_feed_new(snag_feed **out, const snag_config *config,
                                       const snag_feed_options *options, snag_diag *diag);
void snag_feed_free(snag_feed *feed);

/* Feeds whole lines, at most `batch` of them. sha256 is of the last line where that is over-long (else it may
 * be NULL). SNAG_FULL: the state outgrew its memory, and the feed takes nothing
 * more. */
SNAG_MUST_CHECK snag_err snag_feed_lines(snag_feed *feed, const snag_line *lines, size_t count,
                                         const uint8_t sha256[32], snag_diag *diag);
/* The same for one line of this source; so are the lines of several sources fed. */
SNAG_MUST_CHECK snag_err snag_feed_line(snag_feed *feed, uint32_t source, const snag_line *line,
                                        const uint8_t sha256[32], snag_diag *diag);
/* The source whose line shall come next, so that the order is that of time; false: all have ended. */
bool snag_feed_turn(const snag_feed *feed, uint32_t *source);
/* This source has no more lines: the others do not wait for it. SNAG_FULL as above. */
SNAG_MUST_CHECK snag_err snag_feed_end(snag_feed *feed, uint32_t source, snag_diag *diag);

/* --- records of topics (placed) ----------------------------------------------------------------- */

/* Feeds records of one source's partition, in offset order; at most `batch` of them, and where there are
 * several sources one, of the source whose turn it is in that partition. SNAG_AGAIN: its schema cannot be
 * had. */
SNAG_MUST_CHECK snag_err snag_feed_records(snag_feed *feed, const snag_raw *records, size_t count,
                                           snag_diag *diag);
/* The same for one record of a rekeyed source, whose position is its topic's (its flow's, engine/pipeline.h):
 * its events go each to its customer's partition, but for those `without`, where nothing is judged any more.
 * Then that flow has come equally far in all of them. */
SNAG_MUST_CHECK snag_err snag_feed_carry(snag_feed *feed, const snag_raw *record, const bool *without,
                                         snag_diag *diag);
/* The source of this partition whose record shall come next, and up to where its time has come. With rekeyed
 * sources: the flow. */
uint32_t snag_feed_turn_in(const snag_feed *feed, uint32_t partition, int64_t *low_ms);
/* The clock had moved the time of this source (flow) there. SNAG_FULL as above. */
SNAG_MUST_CHECK snag_err snag_feed_tick_source(snag_feed *feed, uint32_t partition, uint32_t source,
                                               int64_t low_ms, snag_diag *diag);

/* What a worker found of a source that is watched (`silent:`), and this partition heard: nothing in any
 * partition since last_ms; or, with back_ms, something again, and the silence since last_ms (SNAG_TIME_NONE:
 * whichever there is) has ended. */
void snag_feed_silence(snag_feed *feed, uint32_t partition, uint32_t source, int64_t last_ms,
                       int64_t back_ms);
/* Moves every partition's time to time_ms (never back); timers before it fire. SNAG_FULL as above. */
snag_err snag_feed_tick(snag_feed *feed, int64_t time_ms);
/* The input has ended: time moves to the newest event of all partitions, but no further. drain: all
 * armed timers fire. SNAG_FULL as above. */
snag_err snag_feed_finish(snag_feed *feed, bool drain);

typedef struct snag_feed_counts {
    uint64_t lines;
    uint64_t events;
    uint64_t unmarked; /* of a source with `device:`, those that say no device, or not when they came */
    uint64_t dead;
    uint64_t dead_by[SNAG_ERR_COUNT];
    int64_t first_ms; /* oldest and newest event time; SNAG_TIME_NONE before the first event */
    int64_t last_ms;
} snag_feed_counts;

const snag_feed_counts *snag_feed_counts_get(const snag_feed *feed);
uint32_t snag_feed_partitions(const snag_feed *feed);
const snag_engine *snag_feed_engine(const snag_feed *feed, uint32_t partition);
const snag_pipeline *snag_feed_pipeline(const snag_feed *feed);
/* The sums over all partitions; excluded: by the i-th of the pipeline's exclusions. */
uint64_t snag_feed_excluded(const snag_feed *feed, uint32_t i);
uint64_t snag_feed_rule_excluded(const snag_feed *feed, uint32_t i);
void snag_feed_counters(const snag_feed *feed, snag_counters *out);
void snag_feed_usage(const snag_feed *feed, snag_engine_usage *out);

#endif
