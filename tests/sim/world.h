/* SPDX-License-Identifier: Apache-2.0
 *
 * One simulated world: a Kafka, a Redis, some worker processes with src/runtime unchanged in them, and a
 * schedule of faults; all from one seed, on a clock of its own. README.md says how to read a failure.
 *
 *     sched.c   events in time; the baton; processes; requests that travel
 *     log.c     partitions of topics: offsets, control markers, last stable offset, compaction
 *     txn.c     transaction coordinator: epochs, markers written one by one, timeouts
 *     group.c   group coordinator: generations, static members, session timeouts, offsets with words
 *     redis.c   the store's server: heads and cells, copies that lag
 *     input.c output.c store.c others.c     the ports of one process
 *     lanes.c   a rekeyed source;  load.c  a pipeline and its input;  fault.c  what goes wrong, and when
 *     reference.c  the undisturbed run;  check.c  what must be the same;  loss.c  what does not heal
 *     run.c     one world from its seed to its verdict;  shrink.c, main.c  many worlds
 *
 * One thread runs at any time: it holds the baton, and takes the next event off the queue when it waits. So
 * nothing here is locked, and a seed always gives the same world.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "config/config.h"
#include "dice.h"
#include "engine/engine.h"
#include "fault.h"
#include "runtime/worker.h"
#include "said.h"

enum {
    SIM_SLOTS = 3,  /* instance names of workers */
    SIM_UPSTREAM = SIM_SLOTS, /* who fills the input topic in transactions */
    SIM_WRITERS,
    SIM_PARTS = 4,
    SIM_SOURCES = 3,
    SIM_PLACES = SIM_SOURCES * SIM_PARTS, /* by source, then partition */
    SIM_INPUT = SNAG_TOPIC_COUNT, /* index of the first source's logs; the others' follow */
    SIM_LOGS = SNAG_TOPIC_COUNT + SIM_SOURCES,
    SIM_PROCS = 200,
    SIM_BATCH = 16,
    SIM_FAULTS = 40,
    SIM_TICKS = 120,     /* of one partition in one transaction */
    SIM_COPIES = 6,      /* of a store's partition that lag */
    SIM_CELLS = 1024,
    SIM_SESSION_MS = 10000,
    SIM_TXN_MS = 10000,
    SIM_CALL_MS = 10000, /* a client waits so long for an answer */
    SIM_STEPS_MAX = 4000000
};
#define SIM_EPOCH_MS (1767225600000 - 25000) /* shortly before 2026-01-01: an hour passes */

typedef struct sim_world sim_world;
typedef struct sim_proc sim_proc;

/* --- what servers answer ----------------------------------------------------------------------- */

typedef enum sim_code {
    SIM_OK,
    SIM_SILENT,     /* no answer in time */
    SIM_CONCURRENT, /* the transaction before is not finished */
    SIM_FENCED,
    SIM_BAD_STATE,
    SIM_NOT_MEMBER,
    SIM_UNSTABLE,
    SIM_OTHER_HEAD, /* the store's compare failed */
    SIM_REFUSED     /* the store says no */
} sim_code;

typedef struct sim_reply {
    bool answered;
    sim_code code;
    int32_t epoch;
    int64_t offset;
    snag_store_head head;
} sim_reply;

/* A tick that was legal: all before `position` was read when the log's end was asked. */
typedef struct sim_tick {
    uint32_t source;
    int64_t position;
    int64_t target_ms;
    int64_t quiet_ms; /* the broker, right after: no partition has a record so new; SNAG_NEVER = not said */
    bool loud;        /* … or, to some question: one has */
} sim_tick;

typedef struct sim_ticks {
    uint32_t count;
    sim_tick list[SIM_TICKS];
} sim_ticks;

/* One request on its way; its texts lie in the world's memory. */
typedef struct sim_request {
    sim_code (*run)(sim_world *world, struct sim_request *request);
    sim_proc *from; /* NULL = upstream */
    sim_reply *reply;
    int32_t writer;
    int32_t epoch;
    uint32_t topic;
    uint32_t partition;
    const snag_message *messages;
    size_t count;
    const snag_place *places; /* of offsets */
    uint64_t client;
    int32_t generation;
    bool commit;
    bool store;       /* goes to Redis, not to Kafka */
    bool mute;        /* its answer gets lost */
    int64_t delay_ms; /* on its way; -1 = it gets lost itself */
    int64_t again_ms; /* a second copy arrives so much later; 0 = none */
    const sim_ticks *ticks; /* by partition, of the transaction that ends */
    snag_store_head head;   /* the store: what must be there … */
    snag_store_head final;  /* … and what the last chunk leaves */
    bool first;
    bool last;
    const snag_store_item *items;
} sim_request;

/* --- Kafka ------------------------------------------------------------------------------------- */

typedef enum sim_kind { SIM_RECORD, SIM_COMMIT_MARKER, SIM_ABORT_MARKER } sim_kind;
typedef enum sim_fate { SIM_OPEN, SIM_COMMITTED, SIM_ABORTED } sim_fate;

typedef struct sim_entry {
    sim_kind kind;
    sim_fate fate;
    int32_t writer; /* -1 = outside transactions */
    snag_str key;
    snag_str value; /* data NULL = tombstone */
    const snag_header *headers;
    uint32_t header_count;
    int64_t stamp_ms;
    int64_t cleaned_ms; /* a tombstone: when compaction first saw it; 0 = not yet */
    bool gone;          /* compacted away; its offset stays */
} sim_entry;

typedef struct sim_log {
    sim_entry *entries; /* by offset: control markers take one, too */
    int64_t end;
    int64_t room;
    int64_t open[SIM_WRITERS]; /* first offset of the open transaction, -1 = none */
    int32_t epoch[SIM_WRITERS];
} sim_log;

typedef enum sim_txn_state { SIM_EMPTY, SIM_ONGOING, SIM_PREPARE_COMMIT, SIM_PREPARE_ABORT } sim_txn_state;

typedef struct sim_txn {
    sim_txn_state state;
    bool ended_well; /* in EMPTY: the last one was committed */
    int32_t epoch;
    uint64_t serial;
    bool has[SIM_LOGS][SIM_PARTS];
    bool has_places;
    int markers; /* still to be written */
    bool pending[SIM_PLACES]; /* offsets that wait for their marker */
    snag_place places[SIM_PLACES];
} sim_txn;

typedef struct sim_member {
    bool live;
    bool joined; /* in the round that is going on */
    sim_proc *proc;
    uint64_t client;
    uint32_t given[SIM_PARTS];
    uint32_t given_count;
} sim_member;

typedef struct sim_group {
    sim_member members[SIM_SLOTS];
    bool preparing;
    uint64_t round;
    int32_t generation;
    snag_place places[SIM_PLACES];
} sim_group;

/* --- Redis ------------------------------------------------------------------------------------- */

typedef struct sim_cell {
    snag_str key;
    snag_str blob;
    snag_str owner;
} sim_cell;

typedef struct sim_copy {
    snag_store_head head;
    uint32_t count;
    sim_cell cells[SIM_CELLS];
} sim_copy;

typedef struct sim_shelf {
    sim_copy now;
    bool damaged; /* without a trace: only a takeover can notice */
    sim_copy *older[SIM_COPIES]; /* what a replica may have when it takes over */
} sim_shelf;

/* --- processes --------------------------------------------------------------------------------- */

typedef struct sim_client {
    uint64_t id; /* 0 = none; a rejoin makes a new one */
    int32_t generation;
    int32_t awaits; /* the generation from which on an assignment answers its join */
    bool assigned, fatal; /* fenced as a member */
    snag_seat seat;
    uint32_t given[SIM_PARTS];
    uint32_t given_count;
    int64_t at[SIM_SOURCES][SIM_PARTS]; /* where reading is; -1 = not started */
    int64_t told[SIM_SOURCES][SIM_PARTS]; /* the last end that was told since reading began */
    int64_t heard[SIM_SOURCES][SIM_PARTS]; /* … or before, and nothing came since */
    uint32_t want[SIM_PARTS];
} sim_client;

typedef struct sim_producer {
    int32_t epoch; /* -1 = none */
    bool open;
    sim_code failed;
    snag_message *messages; /* handed over, not yet sent */
    size_t count;
    size_t room;
    sim_ticks ticks[SIM_PARTS];      /* of the open transaction */
} sim_producer;

struct sim_proc {
    sim_world *world;
    uint32_t slot;
    uint32_t number;
    pthread_t thread;
    sem_t go;
    bool done;
    bool dead; /* killed: what it still does has no effect */
    bool stopping;
    bool waits;
    uint64_t wait; /* the wait in hand; wakes for older ones are stale */
    bool waits_reply;
    bool polls;
    int64_t store_at_ms; /* when its last request reaches the store: the connection keeps the order */
    int64_t frozen_until_ms; /* 0 = not frozen */
    uint64_t woken_late;     /* a wake that came while frozen */
    int64_t kill_calls; /* dies at the n-th call from now; 0 = no */
    int64_t clock_off_ms;
    int64_t wall_read_ms; /* what the clock last said */
    uint32_t lose_commits; /* EndTxn requests whose answer or selves get lost */
    uint32_t lose_sends;
    uint32_t lose_places;
    sim_client client;
    sim_producer producer;
    sim_ticks ticks[SIM_PARTS]; /* since the last transaction began */
    sim_ticks *asking; /* the last of them is what questions for silence belong to; NULL = none is */
    snag_raw raws[SIM_BATCH];
    snag_reached reached[SIM_PLACES];
    const snag_header *raw_headers[SIM_BATCH];
    uint32_t raw_header_counts[SIM_BATCH];
    uint32_t log_part; /* the changelog's reader */
    int64_t log_at;
    bool log_end_told;
    bool log_settled; /* when the end was told */
    snag_store_item page[SIM_CELLS];
    int64_t blocks;
    snag_shared shared;
    snag_stats stats;
    snag_ports ports;
    snag_worker_options options;
    snag_diag diag;
    snag_err err;
};

/* --- the world --------------------------------------------------------------------------------- */

typedef struct sim_event {
    int64_t at_ms;
    uint64_t order;
    void (*run)(sim_world *world, void *what, uint64_t number); /* NULL = wake proc `what` */
    void *what;
    uint64_t number;
} sim_event;

typedef struct sim_record {
    int64_t at_ms;
    uint32_t partition, source;
    snag_str key;
    snag_str value;
    bool upstream; /* written inside a transaction */
    bool aborted, again;
} sim_record;

/* name, word, what a worker that starts then must say before it ends */
#define SIM_LOSS_TABLE(X)                                                                              \
    X(OFFSETS, "offsets", "the changelog holds state, but group group has no offsets")                 \
    X(CHANGELOG, "changelog", "is not in the changelog: it was deleted or cut")                        \
    X(SIGHT, "sight", "lies behind a transaction in the changelog that nobody ends")

typedef enum sim_loss {
    SIM_LOSS_NONE,
#define X(name, word, says) SIM_LOSS_##name,
    SIM_LOSS_TABLE(X)
#undef X
        SIM_LOSS_COUNT
} sim_loss;

/* What one world is made with besides its seed: all that shrinking may change. */
typedef struct sim_setup {
    uint64_t seed;
    uint64_t drop;     /* bit i: fault i does not happen */
    uint32_t records;  /* at most so many; 0 = as the seed says */
    uint32_t slots;    /* 0 = as the seed says */
    bool no_faults;
    bool trace;
    sim_loss loss; /* at the horizon */
} sim_setup;

typedef struct sim_said {
    snag_str key;
    snag_str value;
    snag_str reason; /* of a dead letter */
} sim_said;

typedef struct sim_saids {
    sim_said *list;
    size_t count;
    size_t room;
} sim_saids;

struct sim_world {
    sim_setup setup;
    sim_dice dice;       /* latencies, whom chance hits */
    sim_dice fault_dice; /* what faults do */
    /* time */
    int64_t now_ms;
    uint64_t orders, steps;
    sim_event *events;
    size_t event_count, event_room;
    sem_t main_go;
    bool over; /* main runs next */
    /* memory */
    struct sim_chunk *chunks;
    size_t taken;
    /* who is there */
    sim_proc *procs[SIM_PROCS];
    uint32_t proc_count;
    sim_proc *seats[SIM_SLOTS]; /* the newest process of each name */
    uint32_t slots, parts, sources;
    bool with_store;
    bool closing; /* everybody stops, nobody is started */
    snag_point kill_point[SIM_SLOTS]; /* whoever has the name dies at this point … */
    int64_t kill_after[SIM_SLOTS];    /* … passed so often; 0 = no */
    int64_t freeze_ms[SIM_SLOTS];     /* not 0: it is only frozen, for so long */
    bool healed;
    bool lost;                /* every worker must end, and say why */
    uint64_t commits_by_loss; /* there shall be no more */
    uint64_t clients;
    /* servers */
    sim_log logs[SIM_LOGS][SIM_PARTS];
    sim_txn txns[SIM_WRITERS];
    sim_group group;
    sim_shelf shelves[SIM_PARTS];
    int64_t decided[SIM_PARTS]; /* n of the last commit whose end was decided */
    int64_t decided_ms;         /* when anything was last decided */
    sim_ticks *ticks[SIM_PARTS]; /* committed, in order */
    uint32_t tick_count[SIM_PARTS], tick_room[SIM_PARTS];
    /* weather: until when */
    int64_t broker_down_ms, ends_unknown_ms;
    int64_t markers_slow_ms[SIM_WRITERS];
    int64_t fetch_stalls_ms[SIM_PARTS];
    int64_t upstream_open_ms;
    bool upstream_marking;
    int64_t store_down_ms, store_full_ms, store_slow_ms, store_flaky_ms;
    /* load */
    snag_config config;
    char *pipeline;
    const snag_pipeline *running; /* as the workers have it */
    uint32_t lanes; /* so many of `sources` are lanes of the pipeline's first one … */
    struct sim_lanes *hop; /* … which this fills (lanes.c) */
    sim_record *records;
    uint32_t record_count, record_given;
    int64_t horizon_ms;
    uint32_t timer_budget, reload_items;
    int64_t tombstones_ms;
    sim_fault faults[SIM_FAULTS];
    uint32_t fault_count;
    /* verdict */
    bool failed;
    char why[1024];
    uint64_t passed[SNAG_POINT_COUNT];
    uint64_t died[SNAG_POINT_COUNT];
    uint64_t happened[SIM_FAULT_COUNT], told[SIM_SAID_COUNT];
    uint64_t commits, aborts, alerts;
};

#define sim_place_of(place) ((place)->source * SIM_PARTS + (place)->partition)
/* --- sched.c --- */
void *sim_take(sim_world *world, size_t size); /* lives as long as the world; zeroed */
void sim_forget_memory(sim_world *world);
snag_str sim_copy_of(sim_world *world, snag_str text);
void sim_fail(sim_world *world, const char *format, ...) SNAG_PRINTF(2, 3);
void sim_trace(const sim_world *world, const char *format, ...) SNAG_PRINTF(2, 3);
void sim_at(sim_world *world, int64_t at_ms, void (*run)(sim_world *, void *, uint64_t), void *what,
            uint64_t number);
/* Main gives the baton away until the world is over. */
void sim_run_events(sim_world *world);
void sim_settle(sim_world *world); /* what is still under way arrives; nobody is woken */
sim_proc *sim_proc_start(sim_world *world, uint32_t slot);
void sim_proc_kill(sim_proc *proc, const char *why);
void sim_proc_freeze(sim_proc *proc, int64_t span_ms);
void sim_proc_wake(sim_proc *proc); /* out of its wait, now */
bool sim_frozen(const sim_proc *proc);
/* Each port call begins with this: false = killed, have no effect. */
bool sim_step(sim_proc *proc, int64_t wait_ms);
bool sim_wait(sim_proc *proc, int64_t wait_ms); /* may be woken earlier */
/* Copies the request, lets it travel, arrive, be answered; or not. sim_post does not wait. */
sim_reply *sim_post(sim_proc *proc, const sim_request *request);
sim_code sim_await(sim_proc *proc, sim_reply *const *replies, size_t count, int64_t limit_ms);
sim_code sim_call(sim_proc *proc, const sim_request *request, sim_reply *reply);
void sim_passed(void *context, snag_point point);

/* --- log.c --- */
void sim_log_init(sim_log *log);
void sim_log_finish(sim_log *log);
int64_t sim_log_add(sim_world *world, sim_log *log, const snag_message *message, int32_t writer,
                    int64_t stamp_ms);
void sim_log_mark(sim_world *world, sim_log *log, int32_t writer, bool commit);
int64_t sim_log_stable(const sim_log *log);
/* The next record a read_committed reader may see at or behind *at; NULL: none, *at is the stable end. */
const sim_entry *sim_log_next(const sim_log *log, int64_t *at);
void sim_log_compact(sim_world *world, sim_log *log);

/* --- txn.c --- */
sim_code sim_txn_init(sim_world *world, sim_request *request);
sim_code sim_txn_add(sim_world *world, sim_request *request);
sim_code sim_txn_add_places(sim_world *world, sim_request *request);
sim_code sim_txn_produce(sim_world *world, sim_request *request);
sim_code sim_txn_end(sim_world *world, sim_request *request);
void sim_txn_give_up(sim_world *world, int32_t writer);

/* --- group.c --- */
void sim_group_join(sim_proc *proc);
void sim_group_expire_later(sim_proc *proc);
void sim_group_remove(sim_world *world, uint32_t slot);
void sim_group_rebalance(sim_world *world);
sim_code sim_group_places(sim_world *world, sim_request *request);
sim_code sim_group_fetch(sim_world *world, sim_request *request);

/* --- redis.c --- */
sim_code sim_redis_write(sim_world *world, sim_request *request);
sim_code sim_redis_take(sim_world *world, sim_request *request);
void sim_redis_wipe(sim_world *world, uint32_t partition);
void sim_redis_fall_back(sim_world *world, uint32_t partition);
void sim_redis_evict(sim_world *world, uint32_t partition);
void sim_redis_cut(sim_world *world, uint32_t partition);

/* --- the ports --- */
snag_input sim_input_port(sim_proc *proc);
snag_output sim_output_port(sim_proc *proc);
snag_store sim_store_port(sim_proc *proc);
snag_changelog sim_changelog_port(sim_proc *proc);
void sim_other_ports(sim_proc *proc, snag_ports *ports);
void sim_ticks_forget(sim_proc *proc);
/* Something new can be read of the input's partition. */
void sim_input_arrived(sim_world *world, uint32_t source, uint32_t partition);

/* --- load.c, fault.c --- */
void sim_load_make(sim_world *world);
void sim_faults_make(sim_world *world);
void sim_fault_print(const sim_world *world, uint32_t i, FILE *to);

void sim_lanes_make(sim_world *world);
void sim_lanes_free(sim_world *world);
void sim_lane_give(sim_world *world, const sim_record *record);

/* --- loss.c --- */
/* All die; what they had open is settled; the loss; all start again, and must end. `then` goes on with the
 * world where nothing was lost for good. */
void sim_loss_begin(sim_world *world, void (*then)(sim_world *, void *, uint64_t));
/* A worker ended after the loss. */
void sim_loss_ended(sim_world *world, const sim_proc *proc);

/* --- reference.c, check.c --- */
void sim_check(sim_world *world);

typedef struct sim_reference sim_reference;
sim_reference *sim_reference_run(sim_world *world, uint32_t partition);
sim_reference *sim_reference_told(const sim_reference *run); /* again, with only the recorded ticks */
const sim_saids *sim_reference_said(const sim_reference *reference, snag_topic topic);
snag_engine *sim_reference_engine(const sim_reference *reference);
void sim_reference_free(sim_reference *reference);

/* --- run.c --- */
typedef struct sim_verdict {
    bool failed;
    char why[1024];
    uint32_t slots, records, faults;
    uint64_t died[SNAG_POINT_COUNT], happened[SIM_FAULT_COUNT], told[SIM_SAID_COUNT];
    uint64_t commits, aborts, alerts, steps;
    int64_t took_ms; /* on its own clock */
} sim_verdict;

/* One world, from its seed to its verdict. */
void sim_world_run(const sim_setup *setup, sim_verdict *verdict, FILE *tell);

#endif
