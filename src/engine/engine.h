/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: events and ticks in, records out. One engine = one state partition.
 *
 *     events (source order) --> order buffer --W--> customers' cells --> rules, journeys --> emit
 *                                                       ^                    |
 *                              timers due before W -----+     dirty cells ---+--> changelog, Redis
 *
 * Pure: no clock, no I/O, no allocation after snag_engine_init. Time comes with events and ticks; all
 * memory is the block given at init. The same calls give the same records.
 */
#ifndef SNAG_ENGINE_ENGINE_H
#define SNAG_ENGINE_ENGINE_H

#include "engine/pipeline.h"

typedef struct snag_engine snag_engine;

/* Counters; they are part of the head and survive restarts. name, help text for metrics */
#define SNAG_COUNTER_TABLE(X)                                                  \
    X(events, "events applied")                                                \
    X(unwatched, "events that no rule or stage names")                         \
    X(late, "events behind what their customer was already judged by")        \
    X(too_old, "events older than the time that is remembered")               \
    X(duplicate, "events whose id this customer already brought")             \
    X(no_per, "times a rule skipped an event that lacks its `per` name")      \
    X(where_erred, "times a `where` had no value and counted as false")       \
    X(overflow, "times the order buffer was full and time moved on early")    \
    X(signals, "tests that came true")                                         \
    X(published, "signals published as alerts")                                \
    X(suppressed, "signals not published, with a decision")                    \
    X(held, "signals held back for now")                                       \
    X(resolved, "episodes ended")                                              \
    X(walks_opened, "walks begun")                                             \
    X(walks_ended, "walks ended")                                              \
    X(bound, "times a walk or value was let go because a bound was reached")  \
    X(zone_default, "deadlines in a calendar's own zone: the event named none that is known") \
    X(rows, "rows of tables among the events") \
    X(corrected, "events whose time was corrected: their device's clock is off") \
    X(unasked, "answers of surveys for which no walk, or no question, was found")

typedef struct snag_counters {
#define X(name, help) uint64_t name;
    SNAG_COUNTER_TABLE(X)
#undef X
} snag_counters;

typedef struct snag_engine_usage {
    uint64_t cells;          /* live cells: customers, walks, `per` values */
    uint64_t customers;
    uint64_t bytes_used;     /* of the block, without the untouched rest */
    uint64_t bytes_capacity;
    uint64_t waiting;        /* events in the order buffer */
    uint64_t open_episodes;
    uint64_t armed;          /* deadlines of rules and stages */
    uint64_t open_walks;     /* and waits whose clock stands: what `remember` does not end */
} snag_engine_usage;

/* The engine lives in `block` (16-byte aligned, zeroed or fresh from mmap), touched only as it is
 * needed: a
 * large reserved mapping costs nothing until it is used. SNAG_FULL: the block is too small. */
SNAG_MUST_CHECK snag_err snag_engine_init(snag_engine **out, const snag_pipeline *pipeline,
                                          void *block, size_t block_bytes, snag_emit *emit,
                                          void *emit_context);
/* Whether all that the rules and facts of one `per` may have to remember fits one cell; else *scope is one
 * that is too large, and init answers SNAG_FULL. */
bool snag_engine_fits(const snag_pipeline *pipeline, uint32_t *scope);
/* The smallest block that init accepts for this pipeline. */
size_t snag_engine_bytes_min(const snag_pipeline *pipeline);

/* Takes events in the order of their source. Their strings are borrowed only during the call.
 * Emits whatever becomes due. With several sources each event waits until no source can bring one that
 * goes before it in the order of (time, source, offset); taken in turn (snag_engine_turn), few wait.
 * One whose device's clock is off gets its right time first; one that lies too far in the future even then is
 * emitted as such, and nothing else is done with it.
 * SNAG_FULL: the block is used up; the event at *taken was not applied and the engine is unchanged by it. */
SNAG_MUST_CHECK snag_err snag_engine_take(snag_engine *engine, const snag_event *events,
                                          size_t count, size_t *taken);

/* The same, firing at most `budget` deadlines: SNAG_OK with *taken < count says that more of them are due
 * before the event at *taken, to which it has moved W*; drain, then give it again, as the next of its source.
 * The budget does not hold between the items of one record of a single source, where a device's clock learns
 * from the event, and where a full order buffer moves time. */
SNAG_MUST_CHECK snag_err snag_engine_take_some(snag_engine *engine, const snag_event *events, size_t count,
                                               uint32_t budget, size_t *taken);

/* The time at which an event that was taken is judged: by a right clock, if its device's is known to be off.
 * SNAG_TIME_NONE: too far in the future, and not judged. */
int64_t snag_engine_time(snag_engine *engine, const snag_event *event);

/* Logs the target W*; time moves there (never back) and due timers fire, at most `budget` of them.
 * Returns whether W* is reached; if not, call snag_engine_drain until it is. */
bool snag_engine_tick(snag_engine *engine, int64_t target_w_ms, uint32_t budget);
bool snag_engine_drain(snag_engine *engine, uint32_t budget);

/* Whether there is nothing left to drain. */
bool snag_engine_at_rest(const snag_engine *engine);

/* The source that has come least far, and so holds W back: 0 where there is one source. What a state shall
 * be recovered from must be taken only from the source whose turn it is. */
uint32_t snag_engine_turn(const snag_engine *engine);
/* Nothing before it is expected from this source any more. */
int64_t snag_engine_low(const snag_engine *engine, uint32_t source);
/* The newest event time (bounded by its stamp) of this source; SNAG_TIME_NONE before its first event. */
int64_t snag_engine_newest_of(const snag_engine *engine, uint32_t source);
/* Nothing before low_ms is expected from this source any more (SNAG_NEVER: it has ended, and others go on);
 * what becomes due fires as with snag_engine_tick. */
bool snag_engine_tick_source(snag_engine *engine, uint32_t source, int64_t low_ms, uint32_t budget);

/* --- silent sources (`silent:` in the pipeline file) ------------------------------------------- */

typedef struct snag_engine_silence {
    bool silent;       /* or about to be, once W has passed from_ms */
    bool back;         /* something came again; what is held waits until it may be released */
    int64_t last_ms;   /* the last record before the silence; SNAG_TIME_NONE: there was no silence yet */
    int64_t from_ms;
} snag_engine_silence;

/* No partition of this source has a record newer than last_ms, and now is later than that by more than
 * `silent:`: when W has passed that time the source is silent. What waits for it is held from then on, and
 * what was published since last_ms is taken back. Nothing happens where that is known already. */
void snag_engine_silent(snag_engine *engine, uint32_t source, int64_t last_ms);
/* A partition of it brought something again, seen at at_ms; its own events the engine sees itself. last_ms:
 * since when it was silent then, and nothing happens where the engine knows of another silence;
 * SNAG_TIME_NONE = whichever. */
void snag_engine_back(snag_engine *engine, uint32_t source, int64_t last_ms, int64_t at_ms);
snag_engine_silence snag_engine_silence_of(const snag_engine *engine, uint32_t source);
/* Of all partitions one speaks of its sources, and of names that are quiet: this one does not. Before the
 * first event or head. */
void snag_engine_mute(snag_engine *engine);
/* From now on no name is quiet: time goes on for other reasons than that it does. */
void snag_engine_hush(snag_engine *engine);

/* W: no event at or before it is expected any more (SNAG_TIME_NONE before the first event). */
int64_t snag_engine_w(const snag_engine *engine);
int64_t snag_engine_target_w(const snag_engine *engine);
/* The newest event time (bounded by its stamp) seen; SNAG_TIME_NONE before the first event. */
int64_t snag_engine_newest(const snag_engine *engine);
/* The earliest armed deadline (rules and stages only), SNAG_NEVER where nothing is armed: ask the log's
 * end only when a timer is due. May be early, never late. */
int64_t snag_engine_next_due(const snag_engine *engine);
/* The smallest offset of this source waiting in the order buffer; INT64_MAX where there is none. */
int64_t snag_engine_oldest_waiting(const snag_engine *engine, uint32_t source);
void snag_engine_counters(const snag_engine *engine, snag_counters *out);
/* Events that the i-th of the pipeline's exclusions took. */
uint64_t snag_engine_excluded(const snag_engine *engine, uint32_t i);
/* The same of rules: events that the rule would have taken. */
uint64_t snag_engine_rule_excluded(const snag_engine *engine, uint32_t i);
/* All of both. */
uint64_t snag_engine_excluded_all(const snag_engine *engine);
void snag_engine_usage_get(const snag_engine *engine, snag_engine_usage *out);

/* --- state out: after-images of what changed since the last call ------------------------------- */

/* One changed cell: its key and its packed bytes; blob.size 0 = the cell is gone (tombstone). Both are
 * borrowed until the next call on the engine. Returns false when no changed cell is left. */
bool snag_engine_changed(snag_engine *engine, snag_str *key, snag_str *blob);
/* Every cell there is, in no particular order; *cursor starts at 0. For full reloads of Redis. */
bool snag_engine_each(const snag_engine *engine, uint64_t *cursor, snag_str *key, snag_str *blob);

/* --- state in: recovery ------------------------------------------------------------------------ */

/* Puts a stored cell back and arms its timers; an empty blob removes it. Nothing is emitted and nothing
 * becomes "changed". SNAG_STATE: the bytes are not a cell of this version. */
SNAG_MUST_CHECK snag_err snag_engine_restore(snag_engine *engine, snag_str key, snag_str blob);
/* Cells restored that hold state of rules, journeys or `per`s this pipeline does not have. */
uint64_t snag_engine_strange(const snag_engine *engine);
/* Closes the episodes of what is gone or changed (reason rule_changed), carries walks over, and lets the rest
 * go: at most `budget` cells, which become "changed". words: the earlier version's (engine/words.h), sound
 * or empty. *cursor starts at 0; *lost counts episodes that nobody knows words for: they go unsaid. True:
 * done. To be called before the first event or tick; what is strange then is let go without a word. */
bool snag_engine_retire(snag_engine *engine, snag_str words, uint64_t *cursor, uint32_t budget,
                        uint64_t *lost);
/* The engine's own part of the changelog head: W, W*, newest (of each source), cursor, counters. A head of
 * one source is read by a pipeline that has more, as its first, and the other way round. */
void snag_engine_head_write(const snag_engine *engine, snag_buf *buf);
SNAG_MUST_CHECK snag_err snag_engine_head_read(snag_engine *engine, snag_str bytes);
/* After recovery, on re-reading a source from its C: an event before `next_offset` (its N) is skipped where
 * it was applied already, that is at or before the head's cursor (time, source, offset), or late on arrival.
 * The engine does this by itself inside snag_engine_take for offsets < next_offset; ticks, drains and newer
 * events must wait until these are all back, of every source. */
void snag_engine_resume(snag_engine *engine, uint32_t source, int64_t next_offset);

/* --- looking in -------------------------------------------------------------------------------- */

/* Prints all state of one customer as JSON: cells, walks, armed deadlines, open episodes, evidence.
 * False: nothing is known of that customer. */
bool snag_engine_explain(const snag_engine *engine, snag_str customer, snag_buf *buf);
/* The cells of the pipeline's segments, by their numbers; {"", 0} where there is none (yet). NULL: none. */
typedef struct snag_segments_stored {
    const snag_pipeline *pipeline;
    const snag_str *blobs;
} snag_segments_stored;

/* The segment that a stored cell is of; segment_count: it is of none. */
uint32_t snag_segment_of_cell(const snag_pipeline *pipeline, snag_str key);
/* The same from a stored cell's key and blob, without an engine (for `snag explain` over Redis). */
SNAG_MUST_CHECK snag_err snag_cell_explain(const snag_segments_stored *segments, snag_str key,
                                           snag_str blob, snag_buf *buf);
/* Whether a stored cell is of a segment (engine/segment.c), and not of a customer. */
bool snag_segment_is_cell(snag_str key);
/* Which customer (pipeline key) a cell's key belongs to; empty for what was learned from all of them. */
snag_str snag_cell_owner(snag_str key);

#endif
