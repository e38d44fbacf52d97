/* SPDX-License-Identifier: Apache-2.0
 *
 * Apply: one event meets everything that watches its type.
 *
 *     row of ops --> for each scope: find the cell, take it apart, walks and rules, store it; the customer's
 *                    own cell last: its ring of event ids, and up to when it was judged
 */
#include "base/assert.h"
#include "base/hash.h"
#include "engine/dark.h"
#include "engine/host.h"
#include "engine/ring.h"
#include "engine/ties.h"

/* An id is its source's own. Seeds that differ in few bits could make ids meet that do. */
static const uint64_t source_seed = 0x9e3779b97f4a7c15u;

bool snag_engine_op_holds(snag_engine *engine, const snag_op *op, const snag_event *event)
{
    bool erred = false;
    if (op->where == NULL)
        return true;
    snag_arena_reset(&engine->eval);
    bool holds = snag_expr_true(op->where, event->vars, event->var_count, &engine->eval, &erred);
    engine->counters.where_erred += erred;
    return holds;
}

/* Of the one journey with the rule's `per`. */
static bool is_in_walk(snag_engine *engine, const snag_rule *rule)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_str stage;
    int64_t since_ms;
    for (uint32_t j = 0; j < pipeline->journey_count; j++)
        if (pipeline->journeys[j].scope == rule->scope)
            return snag_walk_where(&engine->cell, &pipeline->journeys[j], &stage, &since_ms);
    return false;
}

static void step_rule(snag_engine *engine, const snag_rule *rule, uint32_t roles, bool answered)
{
    bool had = snag_cell_get(&engine->cell, rule->signal.fingerprint, &engine->item);
    snag_rule_step step = snag_engine_step(engine, rule);
    int64_t due_ms = snag_dark_before(engine);
    step.answered = answered;
    if (engine->pipeline->shape_count) {
        step.changed = snag_shape_step(engine, rule, &engine->item);
        step.rule = rule = snag_rule_of(engine->pipeline, rule, &engine->item);
    }
    if (rule->params.within_ms == SNAG_WITHIN_JOURNEY && !is_in_walk(engine, rule))
        roles &= SNAG_ROLE_STEP - 1; /* before a walk, or after it, is no step */
    if (!had && !rule->kind->starts(rule, roles))
        return;
    rule->kind->event(rule, &step, engine->work.event, roles);
    snag_rule_expiry(rule, &engine->item);
    snag_dark_after(engine, &rule->signal, due_ms);
    engine->counters.zone_default += step.unzoned;
    if (step.changed && !snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
}

/* Looks for a promise. */
static bool is_look(const snag_op *op)
{
    return op->stage < SNAG_STAGES_MAX && op->role == SNAG_ROLE_FOUND;
}

static void step_walk(snag_engine *engine, const snag_journey *journey, const snag_op *op)
{
    bool promised = journey->stages[op->stage].wait.promise >= 0;
    if (op->role == 0)
        snag_walk_event(engine, journey, op->stage);
    else if (op->role == SNAG_ROLE_EVENT)
        snag_poll_asked(engine, journey);
    else if (op->role == SNAG_ROLE_ANSWER)
        snag_poll_answered(engine, journey);
    else if (op->role == SNAG_ROLE_FOUND)
        snag_promise_look(engine, journey, op->stage);
    else if (promised)
        snag_promise_turn(engine, journey, op->stage, op->role == SNAG_ROLE_PAUSE);
    else
        snag_walk_turn(engine, journey, op->stage, op->role == SNAG_ROLE_PAUSE);
}

static inline void rule_prefetch(const snag_rule *rule) /* forty are more than the nearest cache holds */
{
    __builtin_prefetch(&rule->signal.fingerprint);
    __builtin_prefetch(&rule->params.within_ms);
}

/* Whether the event asks what was answered at its own time already. Notes an answer. */
static bool is_answered(snag_engine *engine, const snag_ahead_key *key, const snag_op *op, uint32_t roles)
{
    bool asks = (roles & SNAG_ROLE_EVENT) && snag_ties_has(engine, key, op->fingerprint);
    if (roles & SNAG_ROLE_ANSWER)
        snag_ties_note(engine, key, op->fingerprint);
    return asks;
}

/* The ops of one scope, from `from` to before `to`; ops of one rule stand together and make one step. */
static void run_ops(snag_engine *engine, const snag_ahead_key *key, const snag_op *ops, uint32_t from,
                    uint32_t to)
{
    const snag_pipeline *pipeline = engine->pipeline;
    for (uint32_t i = from; i < to; i++) {
        const snag_op *op = &ops[i];
        if (op->stage == SNAG_OP_FACT || (engine->work.row && !is_look(op)))
            continue; /* facts are done before all scopes; rows are no happenings */
        if (op->stage != SNAG_OP_RULE) {
            engine->work.order = op->index;
            if (snag_engine_op_holds(engine, op, engine->work.event))
                step_walk(engine, &pipeline->journeys[op->index], op);
            continue;
        }
        if (i + 1 < to && op[1].stage == SNAG_OP_RULE)
            rule_prefetch(&pipeline->rules[op[1].index]);
        uint32_t roles = snag_engine_op_role(engine, op);
        bool starts = op->starts;
        for (const snag_op *last = op + op->more; op < last; i++) {
            roles |= snag_engine_op_role(engine, ++op);
            starts = starts || op->starts;
        }
        engine->work.order = pipeline->journey_count + op->index;
        bool answered = op->ties && is_answered(engine, key, op, roles);
        if (roles && (starts || snag_cell_has(&engine->cell, op->fingerprint)))
            step_rule(engine, &pipeline->rules[op->index], roles, answered); /* else it has nothing to end */
    }
}

/* Whether any op could begin something where there is no cell yet (their `where` is asked later). */
static bool could_start(const snag_engine *engine, const snag_op *ops, uint32_t from, uint32_t to)
{
    const snag_pipeline *pipeline = engine->pipeline;
    for (uint32_t i = from; i < to; i++) {
        if (ops[i].stage == SNAG_OP_FACT)
            continue;
        if (ops[i].stage != SNAG_OP_RULE) {
            if (ops[i].role == 0 || ops[i].role == SNAG_ROLE_ANSWER) /* answers begin nothing: counted */
                return true;
            continue;
        }
        const snag_rule *rule = &pipeline->rules[ops[i].index];
        if (rule->by_shape && engine->shape < pipeline->shape_count)
            rule = &rule->by_shape[engine->shape];
        if (rule->kind->starts(rule, ops[i].role))
            return true;
    }
    return false;
}

uint32_t snag_engine_add_customer(snag_engine *engine, snag_str key, uint32_t hash)
{
    char bytes[64];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_cell_clear(&engine->spare);
    snag_cell_pack(&engine->spare, &buf);
    return snag_table_add(&engine->table, key, hash, 0, 0, snag_buf_str(&buf));
}

/* The customer's own node, made where it is not there yet. 0: memory is used up. */
static uint32_t customer_node(snag_engine *engine)
{
    const snag_ahead_key *own = engine->work.own;
    SNAG_ASSERT(own != NULL);
    if (engine->work.own_index == 0)
        engine->work.own_index =
            snag_engine_add_customer(engine, snag_str_of(own->key, own->bytes), own->hash);
    return engine->work.own_index;
}

static bool cell_open(snag_engine *engine, uint32_t index)
{
    if (index == 0) {
        snag_cell_clear(&engine->cell);
        return true;
    }
    bool whole = snag_cell_unpack(&engine->cell, snag_table_bytes(&engine->table, index));
    SNAG_ASSERT(whole);
    return whole;
}

static inline void cell_learn(snag_engine *engine)
{
    snag_cell *cell = &engine->cell;
    const snag_event *event = engine->work.event;
    if (event->account.size)
        cell->account = event->account;
    if (event->channel.size)
        cell->channel = event->channel;
    if (engine->pipeline->key_account && event->customer.size)
        cell->customer = event->customer;
    engine->work.account = engine->pipeline->key_account ? engine->work.owner : cell->account;
    engine->work.channel = cell->channel;
    engine->work.customer = engine->pipeline->key_account ? cell->customer : engine->work.owner;
    if (cell->judged_ms < event->time_ms && !engine->work.row)
        cell->judged_ms = event->time_ms;
}

void snag_engine_learn(snag_engine *engine)
{
    cell_learn(engine);
}

/* A deadline of this cell lies before the event, though the stamp holds W back: for it, it has passed. */
static void fire_overdue(snag_engine *engine, uint32_t index)
{
    snag_work *work = &engine->work;
    const snag_node *node = snag_table_node(&engine->table, index);
    const snag_event *event = work->event;
    bool late = work->late, alerted = work->alerted;
    snag_str owner = work->owner, per = work->per;
    snag_dark_let(engine, index, event, late);
    while (!late && snag_wheel_armed(&engine->table.wheel, index) &&
           (node->flags & SNAG_NODE_FORGET) == 0 && node->timer.due_ms < event->time_ms) {
        if (work->fed_count)
            snag_scores_feed(engine, work->own_index); /* what began so far is no part of the timer's step */
        snag_wheel_disarm(&engine->table.wheel, index);
        snag_engine_fire_cell(engine, index, engine->w_ms);
    }
    engine->released = 0;
    work->event = event;
    work->at_ms = event->time_ms;
    work->alerted = alerted;
    work->late = late;
    work->owner = owner;
    work->per = per;
}

/* Whether an event that lacks the `per` name is skipped by more than facts and looks for a promise. */
static bool asks_more(const snag_op *ops, uint32_t from, uint32_t to)
{
    bool more = false;
    for (uint32_t i = from; i < to; i++)
        more = more || (ops[i].stage != SNAG_OP_FACT && !is_look(&ops[i]));
    return more;
}

static void apply_scope(snag_engine *engine, const snag_ahead_key *key, const snag_op *ops,
                        uint32_t from, uint32_t to)
{
    snag_work *work = &engine->work;
    if (key->absent) {
        engine->counters.no_per += !work->row && asks_more(ops, from, to);
        return;
    }
    work->per = snag_str_of(key->key + key->per_at, (size_t)key->bytes - key->per_at);
    uint32_t index = key == work->own
                         ? work->own_index
                         : snag_table_find_at(&engine->table, key->node,
                                              snag_str_of(key->key, key->bytes), key->hash);
    if (index == 0 && (work->row || !could_start(engine, ops, from, to))) {
        if (engine->ties && !work->row)
            snag_ties_look(engine, key, ops, from, to);
        return;
    }
    if (index)
        fire_overdue(engine, index);
    work->scope = key->scope;
    cell_open(engine, index);
    cell_learn(engine);
    run_ops(engine, key, ops, from, to);
    if (!engine->cell.changed)
        return;
    if (key == work->own && !work->touched && !work->row) {
        snag_cell_remember(&engine->cell, work->id_hash);
        work->touched = true;
    }
    snag_engine_store(engine, index, key);
}

static void note_late(snag_engine *engine, const snag_event *event, int64_t judged_ms)
{
    snag_record *record =
        snag_outbox_add(&engine->outbox, SNAG_CLASS_LATE, 0, SNAG_RECORD_LATE);
    record->as.late.position = event->position;
    record->as.late.time_ms = event->time_ms;
    record->as.late.judged_ms = judged_ms;
    record->as.late.clock_off_ms = event->clock_off_ms;
    record->as.late.came_ms = event->stamp_ms;
    record->as.late.future = false;
    record->as.late.customer = engine->work.owner;
    record->as.late.id = event->id;
    record->as.late.type = event->type;
}

/* Duplicates and events older than what is remembered go no further. */
static bool admit(snag_engine *engine, const snag_event *event, uint64_t id_hash)
{
    int64_t judged_ms = SNAG_TIME_NONE;
    snag_ties_pass(engine, event);
    if (engine->work.own_index) {
        snag_str bytes = snag_table_bytes(&engine->table, engine->work.own_index);
        if (snag_ring_knows(bytes, id_hash)) {
            engine->counters.duplicate++;
            return false;
        }
        judged_ms = snag_packed_judged(bytes.data);
    }
    engine->work.late = event->time_ms < judged_ms;
    bool too_old = engine->w_ms != SNAG_TIME_NONE &&
                   event->time_ms < engine->w_ms - engine->pipeline->remember_ms;
    engine->counters.late += engine->work.late;
    engine->counters.too_old += too_old;
    if (engine->work.late || too_old)
        note_late(engine, event, judged_ms);
    return !too_old;
}

/* The row's ops, scope by scope; the customer's own scope stands last in the row and first in ahead. */
static void apply_row(snag_engine *engine, const snag_row *row, const snag_ahead *ahead)
{
    uint32_t k = 1;
    for (uint32_t from = 0, to = 0; from < row->count; from = to) {
        uint8_t scope = row->ops[from].scope;
        for (to = from; to < row->count && row->ops[to].scope == scope; to++)
            continue;
        const snag_ahead_key *key = scope == 0 ? &ahead->keys[0] : &ahead->keys[k++];
        SNAG_ASSERT(key->scope == scope);
        apply_scope(engine, key, row->ops, from, to);
    }
}

/* A row of a table is neither late nor too old, nor a duplicate: the newest counts, whenever it comes. */
static void apply_table(snag_engine *engine, const snag_row *row, const snag_ahead *ahead)
{
    snag_work *work = &engine->work;
    work->late = work->own_index &&
                 work->event->time_ms <
                     snag_packed_judged(snag_table_bytes(&engine->table, work->own_index).data);
    engine->counters.rows++;
    snag_facts_event(engine, row, ahead);
    apply_row(engine, row, ahead);
}

void snag_engine_apply(snag_engine *engine, const snag_event *event, const snag_ahead *ahead)
{
    snag_work *work = &engine->work;
    engine->counters.events++;
    snag_dark_see(engine, event);
    if (ahead->count == 0) {
        engine->counters.unwatched++;
        return;
    }
    const snag_row *row =
        ahead->row ? ahead->row : snag_dispatch_find(&engine->dispatch, event->type);
    SNAG_ASSERT(row != NULL);
    work->event = event;
    work->at_ms = event->time_ms;
    work->owner = engine->pipeline->key_account ? event->account : event->customer;
    work->alerted = false;
    work->own = &ahead->keys[0];
    work->own_index = snag_table_find_at(&engine->table, work->own->node,
                                         snag_str_of(work->own->key, work->own->bytes), work->own->hash);
    work->id_hash = snag_hash64(event->id, event->position.source * source_seed);
    work->touched = false;
    uint32_t source = event->position.source;
    work->row = source < SNAG_SOURCES_MAX && engine->pipeline->tables >> source & 1;
    if (work->row) {
        apply_table(engine, row, ahead);
    } else if (admit(engine, event, work->id_hash)) {
        if (engine->pipeline->fact_count || engine->pipeline->shape_count)
            snag_facts_event(engine, row, ahead);
        apply_row(engine, row, ahead);
        if (work->fed_count)
            snag_scores_feed(engine, work->own_index);
        if (work->own_index && !work->touched)
            snag_ring_touch(engine, work->own_index);
    }
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
}

/* Bounds a customer's cells: the oldest ended one goes, else the oldest (looked for among the oldest 64). */
static void make_place(snag_engine *engine, uint32_t parent)
{
    enum { LOOK_MAX = 64 };
    snag_table *table = &engine->table;
    snag_node *head = snag_table_node(table, parent);
    if (head->children < SNAG_WALKS_MAX)
        return;
    uint32_t goes = snag_table_node(table, head->parent)->prev; /* the oldest */
    uint8_t clocks = engine->pipeline->clock_scope;
    while (clocks && snag_table_node(table, goes)->scope == clocks)
        goes = snag_table_node(table, goes)->prev; /* at most half of them are clocks, and these stay */
    for (uint32_t i = 0, at = goes; i < LOOK_MAX; i++, at = snag_table_node(table, at)->prev) {
        const snag_node *node = snag_table_node(table, at);
        if ((node->flags & SNAG_NODE_FORGET) == 0 || (clocks && node->scope == clocks))
            continue;
        goes = at;
        break;
    }
    engine->counters.bound++;
    bool whole = snag_cell_unpack(&engine->spare, snag_table_bytes(table, goes));
    SNAG_ASSERT(whole);
    snag_cell_needs needs = snag_cell_needs_of(&engine->spare);
    engine->open_episodes -= needs.open;
    engine->armed -= needs.armed;
    engine->open_walks -= needs.hold;
    snag_learn_lost(engine, &engine->spare);
    snag_fold_bound(engine, &engine->spare);
    snag_engine_let_go(engine, goes);
}

/* A cell that is new: the customer's own, or one beside it. 0: memory is used up. */
static uint32_t cell_add(snag_engine *engine, const snag_ahead_key *key, snag_str bytes)
{
    uint32_t parent = 0;
    snag_str name = snag_str_of(key->key, key->bytes);
    if (key->scope != 0) {
        parent = customer_node(engine);
        if (parent == 0)
            return 0;
        make_place(engine, parent);
    }
    uint32_t index = snag_table_add(&engine->table, name, key->hash, key->scope, parent, bytes);
    if (key->scope == 0)
        engine->work.own_index = index;
    return index;
}

void snag_engine_store(snag_engine *engine, uint32_t index, const snag_ahead_key *key)
{
    snag_table *table = &engine->table;
    snag_buf buf = snag_buf_on(engine->packed, sizeof engine->packed);
    engine->open_episodes += (uint64_t)(int64_t)engine->cell.open_delta;
    engine->armed += (uint64_t)(int64_t)engine->cell.armed_delta;
    engine->open_walks += (uint64_t)(int64_t)engine->cell.hold_delta;
    snag_cell_needs needs = snag_cell_pack(&engine->cell, &buf);
    bool stored = index ? snag_table_set(table, index, snag_buf_str(&buf))
                        : (index = cell_add(engine, key, snag_buf_str(&buf))) != 0;
    if (!stored) {
        engine->full = true;
        return;
    }
    snag_table_change(table, index);
    snag_engine_arm(engine, index, &needs);
}

void snag_engine_arm(snag_engine *engine, uint32_t index, const snag_cell_needs *needs)
{
    snag_table *table = &engine->table;
    snag_node *node = snag_table_node(table, index);
    snag_pending_leave(engine, index);
    bool forget = needs->armed == 0 && needs->open == 0 && needs->hold == 0 && !needs->keep;
    int64_t due_ms = needs->due_ms;
    if (forget)
        due_ms = engine->cell.judged_ms == SNAG_TIME_NONE
                     ? SNAG_TIME_NONE
                     : engine->cell.judged_ms + engine->pipeline->remember_ms;
    bool armed = snag_wheel_armed(&table->wheel, index);
    if (forget && armed && (node->flags & SNAG_NODE_FORGET) && node->timer.due_ms <= due_ms)
        return; /* it is looked at when it comes, and armed again */
    if (forget)
        node->flags |= SNAG_NODE_FORGET;
    else
        node->flags &= (uint8_t)~SNAG_NODE_FORGET;
    node->flags |= needs->frozen ? SNAG_NODE_FROZEN : 0;
    if (due_ms == SNAG_NEVER)
        snag_wheel_disarm(&table->wheel, index);
    else if (!armed || node->timer.due_ms != due_ms)
        snag_wheel_arm(&table->wheel, index, due_ms);
}
