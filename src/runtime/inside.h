/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's insides, shared by the files of src/runtime: each does one step of the loop.
 *
 *     feed.c     decode a batch; the unreadable to the dead letter; feed the engines
 *     merge.c    the same for several sources, a record at a time
 *     tick.c     where the clock had passed what comes later, recorded for replays
 *     park.c     a partition that waits for a schema, or is busy, is not read, the others are
 *     rekey.c    the first hop of a source that is not keyed by the customer
 *     lane.c     what that hop writes beside each record, for the second
 *     forget.c   what was read of lanes may be deleted
 *     say.c      what the engines emit, and dead letters, into the bundle
 *     commit.c   outputs, state and offsets in one transaction
 *     flush.c    the same state to the store, after the commit
 *     idle.c     the clock, where it is proved that nothing is left to read
 *     silence.c  a source that brings nothing in any partition
 *     places.c   where each source of a partition is read on
 *     recover.c  a partition's state: store, then changelog up to the committed n
 *     ask.c      what a takeover asks the broker, again while the answer is "not now"
 *     upgrade.c  what an earlier version of the pipeline left in it
 *     worker.c   the loop, and what to do when any of it fails
 */
#ifndef SNAG_RUNTIME_INSIDE_H
#define SNAG_RUNTIME_INSIDE_H

#include "base/arena.h"
#include "base/planted.h"
#include "engine/engine.h"
#include "runtime/budget.h"
#include "runtime/bundle.h"
#include "runtime/tick.h"
#include "runtime/worker.h"

enum {
    SNAG_CHUNK_EVENTS = 512,     /* decoded, then fed; more than SNAG_EACH_MAX */
    SNAG_CHUNK_BYTES = 4 << 20,  /* their arena */
    SNAG_LARGE_BYTES = 24 << 20, /* of state, from which large pages are worth it */
    SNAG_STREAM_NAME_MAX = 80
};

struct snag_worker;

/* What this worker knows of a source that is watched for silence. */
typedef struct snag_pulse {
    int64_t known_ms; /* a partition of it has a record stamped then, or later; SNAG_TIME_NONE = none seen */
    int64_t asked_ms; /* monotonic: whether it is back is not asked again before */
    bool said;        /* it is silent: people were told … */
    int64_t said_ms;  /* … since when */
} snag_pulse;

/* What feeds a state partition: one source's partition, or, of a rekeyed source, what one partition of its
 * topic has for it (lane.h). Ranked as the engine's flows. */
typedef struct snag_stream {
    int64_t next;    /* to be read next */
    int64_t placed;  /* the offset last committed; -1 = none */
    int64_t forgotten; /* of a lane: what lies before it is deleted */
    int64_t resume;  /* N at the takeover: what lies before it was read before: no second dead letter */
    int64_t reached; /* the end that was reached, -1 = unknown */
    int64_t asked_ms; /* monotonic: the log's end is not asked again before */
    int64_t told_ms;  /* up to where the clock's moves of this source are recorded (tick.h) */
    bool parked;     /* not read now, because its partition is busy, or … */
    bool schemaless; /* … because its next record waits for a schema; it begins with: */
    char parked_head[64];
    size_t parked_size;
    size_t run_first; /* several sources: what is left of its run in the batch at hand */
    size_t run_end;
} snag_stream;

/* One owned partition. Between commits: engine state = committed state n + what the bundle says. */
typedef struct snag_partition {
    struct snag_worker *worker;
    uint32_t index;
    snag_engine *engine; /* NULL = not taken over */
    void *block;
    size_t block_bytes;
    uint64_t accounted; /* its bytes in shared->state_bytes */
    bool large;         /* its block has large pages */
    uint8_t incarnation[16];
    int64_t n;      /* the last commit; -1 = none yet */
    bool dirty;     /* something to commit */
    bool draining;  /* W* is not reached yet: nothing newer may be applied */
    bool kept;      /* found again in the current assignment */
    /* the first hop of a rekeyed source (rekey.c): nothing else of what follows then */
    bool carried;      /* taken over */
    int64_t low_ms;    /* nothing before it is expected any more */
    int64_t own_ms;    /* by its records alone; those before the takeover are not known */
    int64_t told_ms;   /* where the lanes believe it to be */
    int64_t told_at_ms; /* monotonic: since when */
    int64_t last_ms;   /* it told that the source was silent since this record; SNAG_TIME_NONE = never */
    bool silent;       /* and not yet that it is back */
    /* the rules' words in the changelog */
    bool told;         /* those in force are this pipeline's */
    bool sweeping;     /* the earlier version's are still needed */
    bool joining;      /* the next commit says both versions' */
    int64_t words_at;  /* where those in force lie, -1 = unknown */
    int64_t words_written; /* filled by the commit */
    char *words;       /* the earlier version's, while taking over */
    size_t words_bytes;
    /* the store's copy */
    snag_store_head stored;
    bool stale;         /* it must be reloaded */
    int64_t mend_at_ms; /* monotonic: not before */
    size_t item_first;  /* this commit's cells in worker->items */
    size_t item_count;
    int64_t head_offset; /* of the head in the changelog; filled by the commit */
    int64_t logged;      /* of the last committed head in the changelog; -1 = unknown */
    snag_stream streams[]; /* by source */
} snag_partition;

typedef struct snag_worker {
    const snag_worker_options *options;
    const snag_ports *ports;
    const snag_pipeline *pipeline;
    snag_shared *shared;
    snag_stats *stats;
    snag_shares shares;
    uint32_t sources; /* streams of a partition */
    uint8_t source_of[SNAG_FLOWS_MAX]; /* by stream: in the pipeline's sources */
    int16_t lane_of[SNAG_FLOWS_MAX];   /* by stream: partition of a rekeyed source's topic, else -1 */
    snag_decoder *decoders[SNAG_SOURCES_MAX];
    snag_arena arena;
    void *arena_block;
    snag_event *events;
    snag_bundle bundle;
    snag_store_item *items; /* cells of the commit in hand */
    size_t item_count;
    size_t item_room;
    snag_header *headers; /* of one record … */
    uint32_t header_count; /* … where snag_worker_origin was asked for them */
    snag_partition **partitions; /* by index */
    snag_encode_context encode;
    snag_str topics[SNAG_SOURCES_MAX]; /* by source */
    bool rekeys; /* it is the first hop of its only source */
    const snag_batch *batch; /* being fed, NULL otherwise: late events find their bytes in … */
    size_t run_first;        /* … these records of it, one partition's, in offset order */
    size_t run_end;
    snag_seat seat;
    int64_t wall_ms; /* read once a turn */
    int64_t now_ms;  /* monotonic, read once a turn */
    int64_t drift_ms; /* wall - monotonic; SNAG_TIME_NONE before the first turn */
    bool jumped;
    uint32_t parked; /* streams */
    snag_pulse pulses[SNAG_SOURCES_MAX];
    bool reseat;     /* the input shall read other partitions than before */
    bool away;       /* partitions were given back: kept warm, but not ours to move in time */
    uint32_t timers;      /* fired of one partition before a commit may come between */
    bool behind;          /* the last poll brought as much as it could: there is more */
    int64_t committed_ms; /* monotonic */
    int64_t dirty_ms;     /* since when something waits; SNAG_NEVER = nothing */
    int64_t forget_at_ms; /* monotonic: what lanes hold is not looked at before */
    int64_t left_ms;      /* monotonic: when the records left were last counted */
    int64_t fenced_ms;    /* monotonic, of the last fencing; SNAG_TIME_NONE = never */
    int64_t begun_ms;     /* monotonic, of the open transaction; SNAG_TIME_NONE = there is none */
    uint64_t from_store; /* of the takeover in hand: cells read from the store … */
    uint64_t from_log;   /* … records read from the changelog … */
    uint64_t recovered;  /* … and partitions brought back by them */
    bool said_wrong_key;
    bool said_lost;
    bool said_zones;
} snag_worker;

void snag_worker_say(const snag_worker *worker, const char *format, ...) SNAG_PRINTF(2, 3);
void snag_worker_dirty(snag_worker *worker, snag_partition *partition);
uint32_t snag_worker_timer_budget(const snag_worker *worker);

/* A moment at which the worker may die (points.h). */
static inline void snag_worker_pass(const snag_worker *worker, snag_point point)
{
    if (worker->options->passed)
        worker->options->passed(worker->options->passed_context, point);
}

static inline const snag_source_spec *snag_worker_spec(const snag_worker *worker, uint32_t stream)
{
    return &worker->pipeline->sources[worker->source_of[stream]];
}

/* As heads and people call it: the source, with "/3" behind it where it is partition 3 of its topic. */
typedef struct snag_stream_name {
    char text[SNAG_STREAM_NAME_MAX];
    size_t size;
} snag_stream_name;

snag_stream_name snag_worker_stream_name(const snag_worker *worker, uint32_t stream);

static inline bool snag_partition_is_owned(const snag_partition *partition)
{
    return partition->engine || partition->carried;
}

/* feed.c */
snag_err snag_worker_feed(snag_worker *worker, const snag_batch *batch, snag_diag *diag);
/* Whether everything of this stream that was read before the takeover is read again. */
static inline bool snag_stream_is_back(const snag_stream *stream)
{
    return stream->next >= stream->resume || stream->reached >= stream->resume;
}
struct snag_lane_note;
/* Record `at` of the batch, with its headers where its format needs them. */
snag_raw snag_worker_raw(snag_worker *worker, size_t at);
/* The same as it first came, always with headers: of a lane's record, as it was in its source's topic. */
snag_raw snag_worker_origin(snag_worker *worker, size_t at);
/* The same with what the first hop wrote beside it. SNAG_BAD_SYNTAX: nothing that a hop writes. */
snag_err snag_worker_lane_raw(snag_worker *worker, size_t at, snag_raw *raw, struct snag_lane_note *note);
/* SNAG_BAD_KEY: the record's key is not its customer. */
snag_err snag_worker_check_key(snag_worker *worker, const snag_raw *raw, const snag_event *event,
                               snag_diag *diag);
/* Gives the engine the first events of worker->events. *taken < count: much is due before the next of them,
 * and the partition is busy; it comes again. */
snag_err snag_partition_take(snag_partition *partition, size_t count, size_t *taken, snag_diag *diag);
/* Empty, before anything is known of it. */
void snag_partition_clear(snag_partition *partition);
/* Whether more is due than one turn may fire: some fire each turn, with a commit between, up to W*, so that
 * other partitions need not wait; nothing newer of this one is taken until that is done. */
bool snag_partition_is_busy(const snag_partition *partition);
/* Fires some of it. */
snag_err snag_partition_drain(snag_partition *partition, snag_diag *diag);

/* forget.c */
void snag_worker_forget(snag_worker *worker);

/* merge.c: several sources */
/* Takes from the runs of one partition, which are the batch's from run_first to before run_end. */
snag_err snag_partition_merge(snag_partition *partition, snag_diag *diag);
/* The source whose records of this partition are to be taken next. */
uint32_t snag_partition_turn(const snag_partition *partition);
/* Tells the input so; nothing to tell where there is one source. */
void snag_partition_want(const snag_partition *partition);

/* tick.c */
/* Before the engine takes them, events of one source: records the clock's move where it matters to one. */
void snag_partition_ticks_tell(snag_partition *partition, const snag_event *events, size_t count);
/* Says that a state begins here; what other states recorded before it is not about this one. */
void snag_partition_ticks_begin(snag_partition *partition);
/* Before the clock moves this stream to to_ms: what the engine heard of its source's silence (tick.h). */
void snag_partition_ticks_found(snag_partition *partition, uint32_t stream, snag_tick_kind kind,
                                int64_t last_ms, int64_t to_ms);
/* The same for a first hop, before it carries a record of one partition of its topic. */
void snag_rekey_tick_tell(snag_partition *partition, int64_t offset, const snag_event *events, size_t count);
void snag_rekey_tick_begin(snag_partition *partition);
/* What it tells at low_ms of the silence since last_ms, before it takes the record at this offset. */
void snag_rekey_tick_found(snag_partition *partition, int64_t offset, snag_tick_kind kind, int64_t back_ms);

/* park.c */
/* The record waits for its schema: its source's partition is not read until it is there. */
void snag_partition_park(snag_partition *partition, snag_stream *stream, const snag_raw *raw);
/* The partition is busy: of this stream nothing is read until it is done. */
void snag_partition_set_aside(snag_partition *partition, snag_stream *stream);
/* Once a turn: asks again for what is waited for, and reads what may be read. */
snag_err snag_worker_parked(snag_worker *worker, snag_diag *diag);
void snag_worker_unpark(snag_worker *worker);

/* say.c */
void snag_partition_emit(void *context, const snag_record *record);
void snag_worker_dead_letter(snag_worker *worker, snag_partition *partition, size_t at, snag_err reason,
                             const char *words);

/* Tells how much state the partition holds; large pages where it is much. */
void snag_partition_usage(snag_partition *partition);

/* commit.c */
snag_err snag_worker_commit(snag_worker *worker, snag_diag *diag);

/* flush.c */
void snag_partition_flush(snag_partition *partition);
/* Mends stale copies; only where nothing uncommitted is in hand. */
void snag_worker_mend(snag_worker *worker, bool idle);

/* idle.c */
/* Whether some partition is: then the loop does not wait, and each turn commits. */
bool snag_worker_is_busy(const snag_worker *worker);
snag_err snag_worker_tick(snag_worker *worker, snag_diag *diag);
/* How long the loop may wait for records, in ms. */
int snag_worker_wait(const snag_worker *worker);
void snag_worker_clock(snag_worker *worker);

/* silence.c */
/* Once a turn: which sources are silent, and which are back. */
void snag_worker_silences(snag_worker *worker);
/* When it must be asked whether the source is silent, before time goes on; SNAG_NEVER: not at all. */
int64_t snag_partition_silence_due(const snag_partition *partition, uint32_t stream);
/* Before the clock moves this source's time to to_ms: if it is silent, the engine hears it first. An error:
 * it could not be asked, and time must not move. */
snag_err snag_partition_silence(snag_partition *partition, uint32_t stream, int64_t to_ms);
/* A first hop is about to carry a record stamped then, which moves its partition to low_ms. */
void snag_rekey_silence_see(snag_partition *partition, const snag_raw *raw, int64_t low_ms);
/* What a first hop found is said here in its lane, at the place where that lane stands. */
void snag_lane_silence(snag_partition *partition, uint32_t stream, const struct snag_lane_note *note);

/* upgrade.c */
struct snag_head;
/* Whether the stored state is one that this pipeline may go on with. */
/* Says once that the time zones are others than those the state was made with; deadlines are stored. */
void snag_partition_zones_check(snag_partition *partition, const struct snag_head *head);
snag_err snag_partition_head_check(const snag_partition *partition, const struct snag_head *head,
                                   snag_diag *diag);
/* Why a stored cell was refused with `err`. */
snag_err snag_partition_cell_refused(const snag_partition *partition, snag_str cell, snag_err err,
                                     snag_diag *diag);
/* Words met while the changelog is read. */
void snag_partition_words_keep(snag_partition *partition, int64_t offset, snag_str words);
/* After the state was read: looks for the words where they are needed. SNAG_AGAIN is not returned. */
snag_err snag_partition_words_find(snag_partition *partition, snag_diag *diag);
/* Adds this pipeline's words to the transaction. */
void snag_partition_words_add(snag_partition *partition);
/* Between taking over and the first record: resolves, with commits in between where it is much. */
snag_err snag_worker_upgrade(snag_worker *worker, snag_diag *diag);

/* ask.c */
/* The group forgets a member that does not poll. Nothing can come but a change of the assignment, which is
 * SNAG_AGAIN, as is a wish to stop. */
snag_err snag_worker_keep_seat(snag_worker *worker, snag_diag *diag);
/* The input port's `committed` and `range`, asked again for a while. SNAG_AGAIN as above. */
snag_err snag_worker_ask_places(snag_worker *worker, snag_place *places, size_t count, snag_diag *diag);
/* There was no place of this partition, but there is state. SNAG_AGAIN: somebody committed both meanwhile;
 * SNAG_STATE: there is still none, and diag is as it was. */
snag_err snag_worker_ask_begun(snag_worker *worker, uint32_t partition, snag_diag *diag);
snag_err snag_worker_ask_range(snag_worker *worker, uint32_t partition, uint32_t source, int64_t *first,
                               int64_t *end, snag_diag *diag);

/* places.c */
/* A name for what begins here. */
void snag_partition_name(snag_partition *partition);
/* A first start: each source's stream begins where the options say. */
snag_err snag_partition_places_first(snag_partition *partition, snag_diag *diag);
/* places: the group's, one of each source. n and incarnation of the last commit; *n = -1: there was none. */
snag_err snag_partition_places_read(snag_partition *partition, const snag_place *places, int64_t *n,
                                    snag_diag *diag);
/* Whether it was written by this commit. */
bool snag_place_is_of(const snag_place *place, int64_t n, const uint8_t incarnation[16]);
/* SNAG_STATE: what is to be read next is no longer in its topic. */
snag_err snag_partition_range_check(const snag_partition *partition, const snag_place *place,
                                    snag_diag *diag);
/* A first start of one stream. */
snag_err snag_partition_stream_first(snag_partition *partition, uint32_t stream, snag_diag *diag);
/* Where the head says that each source is read on; new sources begin as at a first start. */
snag_err snag_partition_places_take(snag_partition *partition, const struct snag_head *head, snag_diag *diag);
/* Whether the file's sources stand where those of the state stood. */
snag_err snag_partition_sources_check(const snag_partition *partition, const struct snag_head *head,
                                      snag_diag *diag);

/* idle.c */
/* Whether all of the stream up to the log's end is processed; *wall_ms = the clock, read before the end was
 * asked. Where not, it is not asked again at once. */
bool snag_partition_is_silent(snag_partition *partition, uint32_t stream, int64_t *wall_ms);

/* rekey.c */
snag_err snag_rekey_feed(snag_partition *partition, snag_diag *diag);
/* Moves time where it is proved that nothing is left to read, and tells the lanes how far it came. */
snag_err snag_rekey_tick(snag_worker *worker, snag_diag *diag);
int snag_rekey_wait(const snag_worker *worker);
/* What a commit says of the partition besides its records; place: its only one. */
void snag_rekey_prepare(snag_worker *worker, snag_partition *partition, snag_place *place);
void snag_rekey_committed(snag_partition *partition, const snag_place *place);
/* Where the partition is carried on; its offset becomes that. */
snag_err snag_rekey_take_over(snag_partition *partition, snag_place *place, snag_diag *diag);
/* Its source was silent since last_ms, for more than after_ms, and all of this partition is read. */
void snag_rekey_silent(snag_partition *partition, int64_t last_ms, int64_t after_ms);
/* It is back, found at back_ms, before the record at this offset. */
void snag_rekey_back(snag_partition *partition, int64_t offset, int64_t back_ms);

/* recover.c */
/* Takes over what the input gave and begins to read. SNAG_AGAIN: the assignment changed meanwhile. */
snag_err snag_worker_take_over(snag_worker *worker, snag_diag *diag);
void snag_partition_drop(snag_partition *partition);
void snag_worker_drop_all(snag_worker *worker);

#endif
