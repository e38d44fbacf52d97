/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the engine's files: all that one engine is.
 *
 *     take/tick (engine.c) -> order.c -> apply.c -> walk.c, rules -> fold.c -> outbox.c -> emit
 *                                  \---> timers.c ----^
 */
#ifndef SNAG_ENGINE_STATE_H
#define SNAG_ENGINE_STATE_H

#include "base/pack.h"
#include "engine/dispatch.h"
#include "engine/engine.h"
#include "engine/learn.h"
#include "engine/outbox.h"
#include "engine/scores.h"
#include "engine/table.h"
#include "rules/step.h"

enum {
    SNAG_EVAL_BYTES = 16384, /* scratch of one `where` */
    SNAG_SCOPE_GONE = 0xFF, /* a node's scope: a `per` that this pipeline does not have */
    SNAG_SCOPE_LEARNED = 0xFE /* …: a sketch's cell, but its first */
};

/* An event waiting in the order buffer: its copy lies in the slab. */
typedef struct snag_waiting {
    int64_t time_ms; /* its place in the order: its own time, or with several sources a later one (merge.c) */
    int64_t place;   /* its source in the topmost byte, its offset below: source 0's is just the offset */
    uint32_t handle;
    uint16_t item;  /* of the record */
    uint16_t units; /* of the slab */
} snag_waiting;

enum { SNAG_PLACE_SOURCE_AT = 56, SNAG_AHEAD = 32 };

/* One of the next to be applied: what it will meet is being fetched, in engine.ahead[slot]. */
typedef struct snag_soon {
    snag_waiting waiting;
    uint8_t slot;
    uint8_t step; /* how far that is */
} snag_soon;

typedef struct snag_order {
    snag_waiting *heap; /* the earliest (time, source, offset) first */
    snag_waiting *ring; /* in order */
    uint32_t max;       /* of all together, and so of each; a power of two */
    uint32_t heap_count;
    uint32_t heap_room; /* memory that was touched so far */
    uint32_t ring_count;
    uint32_t ring_first;
    uint32_t ring_room; /* in use of the memory: a power of two, grows up to max */
    uint32_t slots_free; /* of the soon, one bit each */
    uint8_t soon_first;
    uint8_t soon_count;
    snag_soon soon[SNAG_AHEAD]; /* in order, from soon_first on around */
} snag_order;

/* One of several sources, as this partition sees it (merge.c). */
typedef struct snag_flow {
    int64_t low_ms; /* nothing before it is expected from this source any more */
    int64_t newest_ms;
    int64_t next_offset; /* offsets below were read before the last restart */
} snag_flow;

/* What is known of one source that is watched for silence (dark.c). */
typedef enum snag_dark_phase {
    SNAG_DARK_LIT,
    SNAG_DARK_DUE,    /* nothing came after last_ms: it is silent when W has passed from_ms */
    SNAG_DARK_TAKING, /* silent; what was said since last_ms is being taken back */
    SNAG_DARK_SILENT,
    SNAG_DARK_BACK,   /* something came again; what is held waits for lit_ms */
    SNAG_DARK_THAWING /* what was held is being armed again */
} snag_dark_phase;

typedef struct snag_dark {
    snag_dark_phase phase;
    int64_t last_ms;  /* its last record before the silence */
    int64_t from_ms;
    int64_t back_ms;  /* SNAG_NEVER = nothing came yet */
    int64_t lit_ms;
    int64_t was_back_ms; /* … and when it last was; what is released says so */
    int64_t again_ms; /* another silence, found before this one is over: its last record; SNAG_TIME_NONE … */
    int64_t again_back_ms; /* … and when that ended */
} snag_dark;

/* How regularly something comes (quiet.c). */
typedef struct snag_quiet_state {
    int64_t newest_ms;
    int64_t longest_ms; /* the longest pause so far */
    uint32_t count;
    int64_t told_ms; /* it is quiet since then, and that was said; SNAG_TIME_NONE = it is not */
} snag_quiet_state;

/* An event's keys, worked out some events ahead, so that its cells can be fetched into the cache
 * meanwhile. */
typedef struct snag_ahead_key {
    uint32_t hash;
    uint32_t node; /* where the cell probably is: its bucket's chain, followed a node a step; 0 = nowhere */
    uint16_t bytes;
    uint16_t per_at; /* where the `per` text begins in the key */
    uint8_t scope;
    bool absent; /* a `per` name is absent */
    char key[4 + SNAG_CUSTOMER_BYTES_MAX + SNAG_PER_BYTES_MAX];
} snag_ahead_key;

enum { SNAG_AHEAD_KEYS = SNAG_SCOPES_MAX };

typedef struct snag_ahead {
    const snag_row *row; /* NULL = look again: a cached row may have been replaced since */
    uint32_t count; /* [0] is the customer's own cell; then the other scopes in the row's order */
    snag_ahead_key keys[SNAG_AHEAD_KEYS];
} snag_ahead;

/* What one step works on: one cell, one event or one deadline. */
typedef struct snag_work {
    const snag_event *event; /* NULL: a timer */
    int64_t at_ms;           /* the event's time, or the deadline */
    bool late;
    bool row;                /* of a table: it feeds facts and moves promises, and nothing else */
    bool alerted;       /* an episode began: the customer is judged up to here */
    uint32_t scope;
    uint32_t order;     /* place in the file of what is at work: journeys first, then rules */
    snag_str owner;     /* the pipeline's key: customer or account */
    snag_str per;       /* empty in scope 0 */
    snag_str customer;
    snag_str account;
    snag_str channel;
    const snag_ahead_key *own; /* the customer's own key … */
    uint32_t own_index;        /* … and node, 0 = not there */
    uint64_t id_hash;          /* of the event's id */
    snag_fed fed[SNAG_FED_MAX]; /* what began in this step, for scores */
    uint32_t fed_count;
    bool feeding;    /* scores are at work … */
    uint32_t fed_shape; /* of the newest's customer, as snag_shape_index */
    char fed_by[32]; /* … and this episode, in hex, is the newest that led there */
    bool touched;              /* the customer's own cell already has this id and time */
    const struct snag_words_entry *gone; /* the alert at hand is about what this pipeline no longer has */
    char key[4 + SNAG_CUSTOMER_BYTES_MAX + SNAG_PER_BYTES_MAX];
} snag_work;

struct snag_engine {
    const snag_pipeline *pipeline;
    snag_emit *emit;
    void *emit_context;
    snag_table table;
    snag_dispatch dispatch;
    snag_order order;
    int64_t out_of_order_ms;
    /* time */
    int64_t w_ms;
    int64_t target_ms;
    int64_t newest_ms;
    int64_t cursor_ms; /* everything at or before (cursor_ms, cursor_offset) is applied */
    int64_t cursor_offset;
    int64_t next_offset; /* offsets below were read before the last restart */
    uint32_t pending;    /* timers taken from the wheel, sorted, not yet fired */
    /* silent sources (dark.c) */
    int64_t instant_ms; /* something is to be done about one when W has passed it */
    uint32_t scan;      /* how far the cells are looked through for it */
    uint32_t taking;    /* the source that what was said is taken back for */
    uint8_t dark;       /* bit = a source that is silent, or not yet back in full */
    uint8_t released;   /* … whose own event is at hand: it has come past what is due before that */
    bool watching;      /* some source is not lit */
    bool loosen;        /* restored: something frozen may wait for no silent source any more */
    bool mute;          /* another partition speaks of sources */
    snag_quiet_state *quiets; /* by the pipeline's names; NULL = nobody asks, or another partition tells */
    uint16_t *quiet_slots;    /* events named in full, by hash: 1 + which; 0 = none */
    uint32_t quiet_mask;
    int64_t quiet_due_ms; /* none is quiet before W has passed it */
    struct snag_ties *ties; /* NULL = no rule asks for them */
    bool full;
    bool sha_quick;     /* this processor has instructions for episodes' names (base/hash.h) */
    bool merged_before; /* one source now, but what was read comes from a state of several */
    /* sums */
    snag_counters counters;
    uint64_t excluded[SNAG_EXCLUSIONS_MAX + SNAG_RULES_MAX], excluded_at[SNAG_RULES_MAX]; /* exclude.c */
    uint64_t open_episodes;
    uint64_t armed;
    uint64_t open_walks;
    uint64_t strange; /* cells with state of an earlier version of the pipeline */
    struct {          /* learn.c */
        bool ready;   /* first[] is filled; always where nothing is learned */
        bool strange; /* there are cells of sketches that this pipeline has not */
        int64_t since_ms;  /* W of the state that was read */
        uint64_t cells;    /* first ones: no customers */
        uint32_t *first;   /* each sketch's first cell */
        snag_sketch *sum;  /* scratch */
    } learn;
    struct { /* segment.c */
        bool ready;      /* index[] is filled; always where nothing is compared */
        bool strange;    /* there are cells of segments that this pipeline has not */
        uint64_t cells;  /* no customers */
        uint32_t *index; /* each segment's cell; 0 = none yet */
    } segments;
    /* scratch of one step */
    snag_work work;
    snag_cell cell; /* from here to ahead_now nothing is read before it was written: zeroed never */
    snag_cell spare; /* for a look at another cell while `cell` is at work */
    snag_item item;
    snag_outbox outbox;
    snag_ahead ahead[SNAG_AHEAD]; /* of a batch's events that apply on arrival, or of those soon applied */
    snag_ahead ahead_now;         /* of one that is looked at only when it is applied */
    snag_event with_facts; /* the event at hand, with the facts behind its own names … */
    snag_value names[SNAG_KEPT_MAX + SNAG_FACTS_MAX + 1];
    char fact_texts[SNAG_FACTS_MAX][SNAG_TEXT_BYTES_MAX]; /* … and the texts of these */
    uint32_t shape; /* of the event's customer; shape_count = none */
    /* the event at hand as it is read, its device's clock corrected (device.c) */
    snag_event corrected;
    snag_value corrected_vars[SNAG_KEPT_MAX];
    snag_ahead_key clock_key;
    snag_ahead_key own_key;
    snag_position refused; /* the last one that was */
    snag_arena eval;
    unsigned char eval_bytes[SNAG_EVAL_BYTES];
    char packed[SNAG_CELL_BYTES_MAX + 64];
    /* several sources: W, W* and the cursor are places in the order, (time, source) */
    uint32_t flow_count;
    uint32_t w_source;
    uint32_t target_source;
    uint32_t cursor_source;
    uint8_t flow_first[SNAG_SOURCES_MAX]; /* of each source; of a rekeyed one its partition 0's */
    uint8_t laned;                        /* bit s: source s has a flow for each partition */
    snag_flow flows[SNAG_FLOWS_MAX];
    snag_dark darks[SNAG_SOURCES_MAX];
};

_Static_assert(SNAG_SOURCES_MAX <= 8, "a bit each");
_Static_assert(SNAG_FLOWS_MAX <= 127, "the topmost byte of a place");

static inline uint32_t snag_flow_of(const snag_engine *engine, const snag_position *position)
{
    uint32_t flow = engine->flow_first[position->source];
    return engine->laned >> position->source & 1 ? flow + position->partition : flow;
}

/* --- merge.c: several sources; each does what its namesake in engine.c does for one --- */
SNAG_MUST_CHECK snag_err snag_merge_take(snag_engine *engine, const snag_event *events, size_t count,
                                         uint32_t budget, size_t *taken);
bool snag_merge_tick(snag_engine *engine, int64_t target_w_ms, uint32_t budget);
bool snag_merge_drain(snag_engine *engine, uint32_t budget);

/* --- ahead.c: keys, and fetching cells into the cache --- */
/* One of several texts that are joined by "/": this and "%" inside it as %2F and %25. */
void snag_ahead_escape(snag_buf *buf, snag_str text);
/* Works out the keys of all cells that an event may meet, and fetches their buckets. */
void snag_ahead_look(snag_engine *engine, const snag_event *event, snag_ahead *ahead);
/* The key of a scope's cell; NULL where the event meets none. */
const snag_ahead_key *snag_ahead_key_of(const snag_ahead *ahead, uint32_t scope);
/* The next steps, each some events later: the first node of a bucket, those behind it (twice), the packed
 * cell's begin and the rest of it. */
void snag_ahead_nodes(const snag_engine *engine, snag_ahead *ahead);
void snag_ahead_chains(const snag_engine *engine, snag_ahead *ahead);
void snag_ahead_cells(const snag_engine *engine, const snag_ahead *ahead);
void snag_ahead_tails(const snag_engine *engine, const snag_ahead *ahead);

/* --- device.c: clocks that are off --- */
enum { SNAG_CLOCK_FINGERPRINT = 0x636c6f63 }; /* of the one item in a clock's cell */
/* The event with its right time, by what its device's clock is known to be off; `again`: it was read before
 * the last restart, and nothing is learned from it. Borrowed until the next call. NULL: it is too far in the
 * future, which was said. */
const snag_event *snag_device_correct(snag_engine *engine, const snag_event *event, bool again);
/* Whether a stored item can be a clock. */
bool snag_device_sound(const snag_pipeline *pipeline, uint32_t scope, const snag_item *item);
void snag_device_explain(const snag_item *item, snag_buf *buf);

/* --- apply.c: one event --- */
void snag_engine_apply(snag_engine *engine, const snag_event *event, const snag_ahead *ahead);
/* Whether the op's `where` is true of the event. */
bool snag_engine_op_holds(snag_engine *engine, const snag_op *op, const snag_event *event);
/* A rule does not take the event at hand: counted where its `exclude:` is why (exclude.c). */
void snag_engine_exclude(snag_engine *engine, const snag_op *op);
/* The role in which the event at hand meets a rule by one of its ops; 0 = in none. */
static inline uint32_t snag_engine_op_role(snag_engine *engine, const snag_op *op)
{
    if (snag_engine_op_holds(engine, op, engine->work.event))
        return op->role;
    snag_engine_exclude(engine, op);
    return 0;
}
/* The worked-on cell learns account, channel and time of the event at hand, and work what the cell knows. */
void snag_engine_learn(snag_engine *engine);
/* Stores the worked-on cell; index 0 = not yet in the table, then under this key. */
void snag_engine_store(snag_engine *engine, uint32_t index, const snag_ahead_key *key);
/* Adds a customer's own cell, still empty; 0: memory is used up. */
uint32_t snag_engine_add_customer(snag_engine *engine, snag_str key, uint32_t hash);
/* When a stored cell must be looked at again. */
void snag_engine_arm(snag_engine *engine, uint32_t index, const snag_cell_needs *needs);

/* Removes a cell for good (timers.c). */
void snag_engine_let_go(snag_engine *engine, uint32_t index);

/* --- facts.c --- */
/* Takes the event at hand into the customer's facts, and puts them and the shape behind its names. */
void snag_facts_event(snag_engine *engine, const snag_row *row, const snag_ahead *ahead);
/* The fact that a fingerprint names; NULL where it is none's. */
const snag_fact *snag_fact_find(const snag_pipeline *pipeline, uint32_t fingerprint);
/* Whether a stored item can be this fact's own. */
bool snag_fact_item_sound(const snag_fact *fact, const snag_item *item);
/* The name of the shape that an item began under, as the pipeline has it; empty where it has none. */
snag_str snag_shape_of(const snag_pipeline *pipeline, const snag_item *item);
/* The same as its number; shape_count = none. */
uint32_t snag_shape_index(const snag_pipeline *pipeline, const snag_item *item);
/* The rule as it is for this item, and the stage. */
const snag_rule *snag_rule_by_shape(const snag_pipeline *pipeline, const snag_rule *rule,
                                    const snag_item *item);
const snag_stage *snag_stage_by_shape(const snag_pipeline *pipeline, const snag_stage *stage,
                                      const snag_item *item);
static inline const snag_rule *snag_rule_of(const snag_pipeline *pipeline, const snag_rule *rule,
                                            const snag_item *item)
{
    return rule->by_shape ? snag_rule_by_shape(pipeline, rule, item) : rule;
}
static inline const snag_stage *snag_stage_of(const snag_pipeline *pipeline, const snag_stage *stage,
                                              const snag_item *item)
{
    return stage->by_shape ? snag_stage_by_shape(pipeline, stage, item) : stage;
}
/* An item that begins with the event at hand begins under its customer's shape. */
void snag_shape_begin(const snag_engine *engine, snag_item *item);
/* So does a rule's item that holds nothing which still counts; true: what it held is dropped. */
bool snag_shape_step(const snag_engine *engine, const snag_rule *rule, snag_item *item);
void snag_fact_explain(const snag_fact *fact, const snag_item *item, int64_t time_ms, snag_buf *buf);

/* --- walk.c: journeys --- */
void snag_walk_event(snag_engine *engine, const snag_journey *journey, uint8_t stage);
void snag_walk_timer(snag_engine *engine, const snag_journey *journey, int64_t deadline_ms);
/* The other side's turn begins (stands) or ends, as the stage's `pause:` and `resume:` say. */
void snag_walk_turn(snag_engine *engine, const snag_journey *journey, uint8_t stage, bool stands);
/* The stall of the item at work is taken back (reason source_silent) and armed anew; *deadline_ms names it.
 * False: it has none that began after last_ms. */
bool snag_walk_take_back(snag_engine *engine, const snag_journey *journey, int64_t last_ms,
                         int64_t *deadline_ms);
/* The same for what was promised of a stage; it becomes the item at work. */
bool snag_promise_take_back(snag_engine *engine, const snag_journey *journey, uint32_t stage,
                            int64_t last_ms, int64_t *deadline_ms);
/* The stage at which a journey's walk in this cell stands; false: no open walk. */
bool snag_walk_where(snag_cell *cell, const snag_journey *journey, snag_str *stage,
                     int64_t *since_ms);
/* An episode of the cell at work began (+1), or proved to be none (-1): friction of its walks. */
void snag_walk_friction(snag_engine *engine, const snag_item *at_work, int by);
/* The journey whose own stall an item is, of a walk or of what was promised; NULL: it is no stall. */
const snag_journey *snag_walk_stalled(const snag_pipeline *pipeline, uint32_t fingerprint);
/* Whether a stored walk can be this journey's own. */
bool snag_walk_sound(const snag_journey *journey, const snag_item *item);
/* What an open episode of a walk's item is about: its stage's `due:`. */
const snag_signal_spec *snag_walk_spec(const snag_journey *journey, const snag_item *item);
/* At which stage a stored walk stands, whatever journey it belongs to; SNAG_STAGES_MAX: it is no walk. */
uint8_t snag_walk_stage(const snag_item *item);
/* Puts a walk at a stage of another version of its journey, where it goes on. */
void snag_walk_move(const snag_pipeline *pipeline, snag_item *item, const snag_journey *journey,
                    uint8_t stage);
void snag_walk_explain(const snag_pipeline *pipeline, const snag_journey *journey, const snag_item *item,
                       snag_buf *buf);

/* --- promise.c: stages that were promised by a time --- */
/* The event at hand may bring or move the promise of a stage. */
void snag_promise_look(snag_engine *engine, const snag_journey *journey, uint8_t stage);
void snag_promise_turn(snag_engine *engine, const snag_journey *journey, uint8_t stage, bool stands);
/* False: nothing is due of it. */
bool snag_promise_timer(snag_engine *engine, const snag_journey *journey, uint32_t stage, int64_t due_ms);
/* The journey of the promised stage that a fingerprint names; NULL where it is none's. */
const snag_journey *snag_promise_find(const snag_pipeline *pipeline, uint32_t fingerprint, uint32_t *stage);
bool snag_promise_sound(const snag_stage *stage, const snag_item *item);
void snag_promise_explain(const snag_stage *stage, const snag_item *item, snag_buf *buf);

/* Since when an open walk is at its stage, and the first of this stage's sketches; SNAG_TIME_NONE: it is
 * not open, or nothing is learned there. */
int64_t snag_walk_since(const snag_journey *journey, const snag_item *item, uint16_t *base);

/* --- learn.c: learned deadlines --- */
/* Before the first event or tick. */
void snag_learn_begin(snag_engine *engine);
/* Which sketch of a stage or rule an item's times go to. */
uint32_t snag_learn_sketch(const snag_pipeline *pipeline, uint16_t base, const snag_item *item);
/* Something begins at at_ms; the answer is how long it may take, -1 = as the file says. */
int64_t snag_learn_began(snag_engine *engine, uint32_t sketch, int64_t at_ms, snag_learned *learned);
/* What began then is over: it ended, or nobody will see its end. */
void snag_learn_over(snag_engine *engine, uint32_t sketch, int64_t began_ms, int64_t at_ms, bool ended);
/* A cell is let go with all that waits in it. */
void snag_learn_lost(snag_engine *engine, const snag_cell *cell);
/* The same two for rules (rules/step.h). */
int64_t snag_learn_wait_began(void *context, const snag_rule *rule, const snag_item *item,
                              snag_learned *learned);
void snag_learn_wait_over(void *context, const snag_rule *rule, const snag_item *item, int64_t since_ms,
                          bool ended);
snag_err snag_learn_restore(snag_engine *engine, snag_str key, snag_str blob);

/* --- segment.c: what is usual in a segment --- */
/* Before the first event or tick. */
void snag_segments_begin(snag_engine *engine);
void snag_segment_count(snag_engine *engine, uint32_t segment, int64_t time_ms, bool failed, bool tried);
/* As of at_ms, in whole numbers of 2^-SNAG_USUAL_BITS; first: of the rule's segments. False: too little is
 * known yet. */
bool snag_segment_usual(const snag_engine *engine, uint32_t first, uint32_t segment, int64_t at_ms,
                        uint64_t *usual);
/* A segment's cell; {"", 0}: there is none yet. */
snag_str snag_segment_blob(const snag_engine *engine, uint32_t segment);
/* The same from what is stored. */
bool snag_segment_usual_stored(const snag_segments_stored *stored, const snag_rule *rule,
                               const snag_item *item, int64_t at_ms, uint64_t *usual);
/* The same two for rules (rules/step.h). */
void snag_segment_tell(void *context, const snag_rule *rule, const snag_item *item, int64_t time_ms,
                       bool failed, bool tried);
bool snag_segment_ask(void *context, const snag_rule *rule, const snag_item *item, int64_t at_ms,
                      uint64_t *usual);
snag_err snag_segment_restore(snag_engine *engine, snag_str key, snag_str owner, snag_str blob);

/* --- poll.c: answers of customers, joined to the walk and the stage they are about --- */
void snag_poll_asked(snag_engine *engine, const snag_journey *journey);
void snag_poll_answered(snag_engine *engine, const snag_journey *journey);
/* poll_stored.c: each stage, by its number, is another one now; SNAG_STAGES_MAX: it is gone. */
void snag_poll_move(snag_item *item, const uint8_t *stages);

/* --- fold.c: signals to alerts --- */
void snag_fold_opened(void *engine, const snag_signal_spec *spec, snag_item *item,
                      const snag_rule_facts *facts);
void snag_fold_escalated(void *engine, const snag_signal_spec *spec, snag_item *item,
                         const snag_rule_facts *facts);
void snag_fold_closed(void *engine, const snag_signal_spec *spec, snag_item *item,
                      snag_reason reason, const snag_rule_facts *facts);
/* A signal that is held because a source is silent; again: for which silence it was taken back, or empty. */
void snag_fold_held(snag_engine *engine, const snag_signal_spec *spec, snag_item *item, int64_t deadline_ms,
                    snag_str again);
/* What was waited for came, or the wait is over: it will not be published. */
void snag_fold_withdrawn(snag_engine *engine, const snag_signal_spec *spec, snag_item *item);
/* The spec behind an item, as far as it can have an episode; NULL where the pipeline has none. */
const snag_signal_spec *snag_fold_spec(const snag_pipeline *pipeline, const snag_item *item);
/* A copy of a text in the outbox, for what lies in a cell. */
snag_str snag_fold_copy(snag_engine *engine, snag_str text);
/* A text of the step's own names (owner, per): copied into the outbox where only a cell holds it. */
snag_str snag_fold_keep(snag_engine *engine, snag_str text);
/* A cell that goes because a bound was reached: a decision for each thing that was armed or open. */
void snag_fold_bound(snag_engine *engine, snag_cell *cell);
/* The open episodes of the cell at hand, as dedup keys in the outbox's arena. */
uint32_t snag_fold_open_alerts(snag_engine *engine, const snag_str **keys);
/* Copies an item's evidence into the outbox's arena, oldest first. */
uint32_t snag_fold_evidence(snag_engine *engine, const snag_item *item,
                            const snag_evidence **evidence);

/* --- timers.c --- */
/* A cell leaves those that are about to be fired, if it is among them. */
void snag_pending_drop(snag_engine *engine, uint32_t index);
static inline void snag_pending_leave(snag_engine *engine, uint32_t index)
{
    if (snag_table_node(&engine->table, index)->flags & SNAG_NODE_PENDING)
        snag_pending_drop(engine, index);
}
/* Only what is in the wheel; and with what is to be done about sources in between. */
bool snag_engine_fire_wheel(snag_engine *engine, int64_t w_ms, uint32_t *budget);
bool snag_engine_fire_instants(snag_engine *engine, int64_t w_ms, uint32_t *budget);
/* Fires deadlines before w_ms, at most `budget`; true: none is left. */
static inline bool snag_engine_fire(snag_engine *engine, int64_t w_ms, uint32_t *budget)
{
    return engine->instant_ms < w_ms ? snag_engine_fire_instants(engine, w_ms, budget)
                                     : snag_engine_fire_wheel(engine, w_ms, budget);
}

/* When an open episode expires, SNAG_NEVER where it does not. */
static inline int64_t snag_rule_expires(const snag_rule *rule, const snag_item *item)
{
    return rule->expire_ms > 0 && item->open ? item->opened_ms + rule->expire_ms : SNAG_NEVER;
}
/* The item armed for no later than that: an open episode ends by itself before what its test waits for. */
static inline void snag_rule_expiry(const snag_rule *rule, snag_item *item)
{
    int64_t expires_ms = snag_rule_expires(rule, item);
    if (expires_ms < item->due_ms)
        item->due_ms = expires_ms;
}

/* Fires what is due in one cell (its timer is not armed any more); or looks whether to forget it. */
void snag_engine_fire_cell(snag_engine *engine, uint32_t index, int64_t w_ms);

/* Takes the cell apart and says whose it is, for work without an event. */
void snag_engine_work_on(snag_engine *engine, uint32_t index);

/* --- retire.c --- */
/* Whether the cell has an item that this pipeline does not know; `item` is scratch. */
bool snag_engine_cell_strange(const snag_engine *engine, const snag_cell *cell, snag_item *item);
void snag_engine_mark(snag_engine *engine, uint32_t index, bool strange);

/* --- order.c --- */
size_t snag_order_bytes(uint32_t max);
/* Of these, what was ever touched. */
size_t snag_order_used(const snag_order *order);
void snag_order_init(snag_order *order, void *memory, uint32_t max);
uint32_t snag_order_count(const snag_order *order);
/* The smallest offset of this source; INT64_MAX where there is none. */
int64_t snag_order_oldest(const snag_order *order, uint32_t source);
/* False: no room at all. */
bool snag_order_add(snag_engine *engine, const snag_event *event, int64_t time_ms);
/* The earliest waiting event; false: none. */
bool snag_order_peek(const snag_engine *engine, int64_t *time_ms, int64_t *place);
/* The same with the place taken apart. */
bool snag_order_peek_source(const snag_engine *engine, int64_t *time_ms, uint32_t *source, int64_t *offset);
/* Takes the earliest waiting event out and applies it. */
void snag_order_apply_first(snag_engine *engine);

#endif
