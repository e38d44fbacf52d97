/* SPDX-License-Identifier: Apache-2.0
 *
 * What a feed is made of; private to feed.c (in), feed_carry.c (rekeyed) and feed_look.c (what can be seen).
 */
#ifndef SNAG_CLI_FEED_INSIDE_H
#define SNAG_CLI_FEED_INSIDE_H

#include "base/arena.h"
#include "cli/feed.h"
#include "codec/codec.h"
#include "local/memory.h"

/* One emulated partition: an engine, its memory and the events that wait for it. */
typedef struct feed_part {
    snag_feed *feed;
    uint32_t index;
    snag_engine *engine;
    snag_memory memory;
    snag_event *events;
    size_t count;
    size_t room; /* a batch, and the items of one more record */
} feed_part;

/* How far one of several sources is read, for all partitions together. */
typedef struct feed_flow {
    int64_t low_ms; /* nothing before it is expected; SNAG_NEVER: it has ended */
    bool ended;
    /* of a source that is watched for silence: */
    int64_t last_ms;    /* its newest event */
    int64_t gap_ms;     /* the event before a gap, SNAG_TIME_NONE = none that is not told … */
    int64_t gap_end_ms; /* … and the one behind it */
} feed_flow;

struct snag_feed {
    const snag_config *config;
    snag_feed_options options;
    uint32_t source_count;
    snag_decoder *decoders[SNAG_SOURCES_MAX];
    feed_flow flows[SNAG_SOURCES_MAX];
    snag_arena arena;
    void *arena_block;
    snag_feed_counts counts;
    snag_err stopped; /* the state outgrew its memory: nothing more is taken */
    snag_event items[SNAG_EACH_MAX]; /* of the record at hand … */
    snag_raw line;                   /* … which is this */
    uint32_t partition_count;
    feed_part partitions[];
};

/* Counts an event and tells it. */
void snag_feed_event_tell(snag_feed *feed, const snag_event *event);
/* feed->stopped, with words. */
snag_err snag_feed_stopped(const snag_feed *feed, snag_diag *diag);
/* feed_dead.c: counts a dead letter and tells it; and the line at hand, which a device stamped too far in the
 * future, even by a right clock. */
void snag_feed_dead_count(snag_feed *feed, const snag_dead *dead);
void snag_feed_future(snag_feed *feed, const snag_record *record);
/* Judges what waits, in each partition. */
snag_err snag_feed_judge_events(snag_feed *feed, snag_diag *diag);
/* feed_gap.c. Before an event is judged: whether its source was silent in all partitions. A gap is looked at
 * as the events' own order has it: what comes late, but within out_of_order, may still end it sooner or fill
 * it. */
snag_err snag_gap_look(snag_feed *feed, const snag_event *event, snag_diag *diag);
/* Time of this source is about to go to low_ms: what is certain of its gap is told before. */
void snag_gap_tell(snag_feed *feed, uint32_t source, int64_t low_ms);
/* The source brings nothing more, and time goes on. */
void snag_gap_end(snag_feed *feed, uint32_t source);

/* Address space for the state of one engine: what the machine has, shared out; touched only as needed. */
size_t snag_feed_memory_bytes(const snag_feed *feed);

#endif
