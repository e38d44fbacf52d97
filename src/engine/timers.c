/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers: deadlines that W has passed are fired in the order (deadline, customer, walk, rule).
 *
 * The wheel hands out all cells of one millisecond at once; they are sorted here. Cells armed only to be
 * forgotten come the same way, are looked at, and go or are armed again.
 */
#include "base/assert.h"
#include "engine/dark.h"
#include "engine/host.h"

/* Customer bytewise, then `per` text, then scope. */
static int cell_compare(const snag_table *table, uint32_t a, uint32_t b)
{
    uint16_t tag_a;
    uint16_t tag_b;
    snag_str owner_a;
    snag_str owner_b;
    snag_str per_a;
    snag_str per_b;
    snag_cell_key_get(snag_table_key(table, a), &tag_a, &owner_a, &per_a);
    snag_cell_key_get(snag_table_key(table, b), &tag_b, &owner_b, &per_b);
    int order = snag_str_compare(owner_a, owner_b);
    if (order == 0)
        order = snag_str_compare(per_a, per_b);
    if (order == 0)
        order = (int)snag_table_node(table, a)->scope - (int)snag_table_node(table, b)->scope;
    return order;
}

static bool goes_first(const snag_table *table, uint32_t a, uint32_t b)
{
    const snag_node *node_a = snag_table_node(table, a);
    const snag_node *node_b = snag_table_node(table, b);
    if (node_a->timer.due_ms != node_b->timer.due_ms)
        return node_a->timer.due_ms < node_b->timer.due_ms;
    return cell_compare(table, a, b) < 0;
}

static uint32_t merge(const snag_table *table, uint32_t a, uint32_t b)
{
    uint32_t first = 0;
    uint32_t last = 0;
    while (a || b) {
        uint32_t *from = b == 0 || (a && !goes_first(table, b, a)) ? &a : &b;
        uint32_t index = *from;
        *from = snag_table_node(table, index)->timer.next;
        if (last)
            snag_table_node(table, last)->timer.next = index;
        else
            first = index;
        last = index;
    }
    if (last)
        snag_table_node(table, last)->timer.next = 0;
    return first;
}

/* Merge sort, bottom up, in the links themselves; marks each node as pending. */
static uint32_t sort(const snag_table *table, uint32_t list)
{
    if (list == 0)
        return 0;
    uint32_t runs[32] = {0};
    if (snag_table_node(table, list)->timer.next == 0) {
        snag_table_node(table, list)->flags |= SNAG_NODE_PENDING;
        return list;
    }
    while (list) {
        uint32_t next = snag_table_node(table, list)->timer.next;
        uint32_t run = list;
        uint32_t level = 0;
        snag_table_node(table, list)->flags |= SNAG_NODE_PENDING;
        snag_table_node(table, list)->timer.next = 0;
        for (; level < 31 && runs[level]; level++) {
            run = merge(table, runs[level], run);
            runs[level] = 0;
        }
        runs[level] = run;
        list = next;
    }
    uint32_t all = 0;
    for (uint32_t level = 0; level < 32; level++)
        if (runs[level])
            all = all ? merge(table, runs[level], all) : runs[level];
    return all;
}

/* Another cell's step arms it anew before its turn (a score is fed by what fires): its link is needed. Where
 * cells are thawed, many of many times are about to be fired at once. */
void snag_pending_drop(snag_engine *engine, uint32_t index)
{
    const snag_table *table = &engine->table;
    snag_node *node = snag_table_node(table, index);
    uint32_t *link = &engine->pending;
    while (*link && *link != index)
        link = &snag_table_node(table, *link)->timer.next;
    SNAG_ASSERT(*link == index);
    *link = node->timer.next;
    node->timer.next = 0;
    node->flags &= (uint8_t)~SNAG_NODE_PENDING;
}

void snag_engine_let_go(snag_engine *engine, uint32_t index)
{
    snag_table *table = &engine->table;
    snag_node *node = snag_table_node(table, index);
    uint32_t parent = node->scope == 0 ? 0 : node->parent;
    snag_table_remove(table, index, true);
    if (parent == 0)
        return;
    snag_node *head = snag_table_node(table, parent);
    if (head->children == 0 && !snag_wheel_armed(&table->wheel, parent) &&
        (head->flags & SNAG_NODE_PENDING) == 0) {
        /* The customer goes after the last of its cells: look at it as soon as may be. */
        head->flags |= SNAG_NODE_FORGET;
        snag_wheel_arm(&table->wheel, parent, engine->work.at_ms);
    }
}

/* Nothing is due here: forget the cell, or arm it for when that may be. */
static void look_to_forget(snag_engine *engine, uint32_t index, int64_t w_ms)
{
    snag_node *node = snag_table_node(&engine->table, index);
    snag_cell_needs needs = snag_cell_needs_of(&engine->cell);
    int64_t judged_ms = engine->cell.judged_ms;
    bool idle = needs.armed == 0 && needs.open == 0 && needs.hold == 0 && !needs.keep;
    bool old = judged_ms == SNAG_TIME_NONE || judged_ms + engine->pipeline->remember_ms < w_ms;
    if (idle && node->scope == 0 && node->children > 0)
        return; /* its last cell takes it along */
    if (idle && old)
        snag_engine_let_go(engine, index);
    else
        snag_engine_arm(engine, index, &needs);
}

/* All that led there is forgotten: the test begins anew. */
static void expire(snag_engine *engine, const snag_rule *rule, snag_rule_step *step)
{
    int64_t since_ms = SNAG_TIME_NONE;
    if (rule->sketch)
        since_ms = rule->kind->waits_since(engine->item.state, engine->item.state_bytes);
    if (since_ms != SNAG_TIME_NONE)
        snag_rule_waited(step, since_ms, false);
    if (engine->item.open)
        rule->kind->close(rule, step, engine->work.at_ms, SNAG_REASON_EXPIRED);
    if (rule->kind->fed)
        return;
    snag_rule_arm(step, SNAG_NEVER);
    snag_rule_forget_all(step);
    snag_rule_keep(step, 0);
}

static void note_opened(void *context, const snag_signal_spec *spec, snag_item *item,
                        const snag_rule_facts *facts)
{
    (void)spec;
    *(snag_rule_facts *)context = *facts;
    item->open = true;
}

static void note_escalated(void *context, const snag_signal_spec *spec, snag_item *item,
                           const snag_rule_facts *facts)
{
    (void)spec, (void)item;
    *(snag_rule_facts *)context = *facts;
}

/* What it waits for may come from a silent source: if its timer would say something, it freezes instead. */
static bool freeze(snag_engine *engine, const snag_rule *rule, int64_t due_ms)
{
    snag_item trial = engine->item;
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    static const snag_rule_host notes = {.opened = note_opened, .escalated = note_escalated};
    snag_rule_step step = {.rule = rule, .cell = &engine->cell, .item = &trial, .host = &notes,
                           .context = &facts};
    rule->kind->timer(rule, &step, due_ms);
    bool opens = trial.open && !engine->item.open;
    if (!opens && facts.deadline_ms == SNAG_TIME_NONE)
        return false; /* it only tidies up */
    snag_dark_freeze(engine, opens ? &rule->signal : NULL, &engine->item, facts.deadline_ms);
    if (!snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
    return true;
}

static void fire_rule(snag_engine *engine, const snag_rule *rule, int64_t due_ms)
{
    rule = snag_rule_of(engine->pipeline, rule, &engine->item);
    if (engine->dark && snag_rule_expires(rule, &engine->item) > due_ms &&
        snag_dark_waits(engine, rule->signal.waits, due_ms) && freeze(engine, rule, due_ms))
        return;
    engine->item.frozen = false;
    snag_rule_step step = snag_engine_step(engine, rule);
    if (snag_rule_expires(rule, &engine->item) <= due_ms)
        expire(engine, rule, &step);
    else
        rule->kind->timer(rule, &step, due_ms);
    snag_rule_expiry(rule, &engine->item);
    if (step.changed && !snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
}

/* A walk that ended by a timer takes along what lies within it: paths, and their episodes. */
static void end_paths(snag_engine *engine, const snag_journey *journey)
{
    const snag_pipeline *pipeline = engine->pipeline;
    for (uint32_t r = 0; r < pipeline->rule_count; r++) {
        const snag_rule *rule = &pipeline->rules[r];
        if (rule->scope != journey->scope || rule->params.within_ms != SNAG_WITHIN_JOURNEY ||
            !snag_cell_get(&engine->cell, rule->signal.fingerprint, &engine->item))
            continue;
        rule = snag_rule_of(pipeline, rule, &engine->item);
        snag_rule_step step = snag_engine_step(engine, rule);
        engine->work.order = pipeline->journey_count + r;
        expire(engine, rule, &step);
        if (!snag_cell_put(&engine->cell, &engine->item))
            engine->counters.bound++;
    }
}

static bool is_among(const uint32_t *list, uint32_t count, uint32_t wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == wanted)
            return true;
    return false;
}

/* Those of a cell's items that are due at this deadline, journeys first, in file order. */
static void fire_items(snag_engine *engine, int64_t due_ms, const uint32_t *due, uint32_t count)
{
    const snag_pipeline *pipeline = engine->pipeline;
    uint32_t left = count;
    for (uint32_t i = 0; left > 0 && i < pipeline->journey_count + pipeline->rule_count; i++) {
        uint32_t fingerprint = engine->dispatch.watched[i].fingerprint;
        bool walk = i < pipeline->journey_count;
        const snag_journey *journey = walk ? &pipeline->journeys[i] : NULL;
        if (engine->dispatch.watched[i].scope != engine->work.scope)
            continue;
        engine->work.order = i;
        for (uint32_t k = 0; walk && journey->promised && k < journey->stage_count; k++)
            if (journey->stages[k].wait.promise >= 0)
                snag_promise_timer(engine, journey, k, due_ms);
        bool listed = is_among(due, count, fingerprint);
        left -= listed;
        if (!listed && !(walk && journey->promised)) /* what a promise did may make its walk due */
            continue;
        if (!snag_cell_get(&engine->cell, fingerprint, &engine->item) ||
            engine->item.due_ms > due_ms || engine->item.frozen)
            continue;
        if (walk)
            snag_walk_timer(engine, journey, due_ms);
        else
            fire_rule(engine, &pipeline->rules[i - pipeline->journey_count], due_ms);
        if (walk && !engine->item.hold)
            end_paths(engine, journey);
    }
}

/* An alert says something up to its deadline, and with it: W has passed it, so that what is stamped just then
 * comes too late as well. */
static void judge(snag_engine *engine, uint32_t parent)
{
    int64_t judged_ms = engine->work.at_ms + 1;
    if (engine->cell.judged_ms < judged_ms)
        engine->cell.judged_ms = judged_ms;
    if (parent == 0)
        return;
    snag_node *head = snag_table_node(&engine->table, parent);
    char *bytes = (char *)snag_slab_at(&engine->table.slab, head->blob) + head->key_bytes;
    if (snag_packed_judge(bytes, judged_ms))
        snag_table_change(&engine->table, parent);
}

void snag_engine_work_on(snag_engine *engine, uint32_t index)
{
    const snag_table *table = &engine->table;
    snag_work *work = &engine->work;
    uint16_t tag;
    bool known = snag_cell_key_get(snag_table_key(table, index), &tag, &work->owner, &work->per);
    bool whole = snag_cell_unpack(&engine->cell, snag_table_bytes(table, index));
    SNAG_ASSERT(known && whole);
    work->event = NULL;
    work->late = false;
    work->alerted = false;
    work->scope = snag_table_node(table, index)->scope;
    bool by_account = engine->pipeline->key_account;
    work->customer = by_account ? engine->cell.customer : work->owner;
    work->account = by_account ? work->owner : engine->cell.account;
    work->channel = engine->cell.channel;
}

void snag_engine_fire_cell(snag_engine *engine, uint32_t index, int64_t w_ms)
{
    snag_node *node = snag_table_node(&engine->table, index);
    snag_work *work = &engine->work;
    int64_t due_ms = node->timer.due_ms;
    uint32_t due[SNAG_ITEMS_MAX];
    snag_engine_work_on(engine, index);
    work->at_ms = due_ms;
    if (node->flags & SNAG_NODE_TAKEN) {
        snag_frozen_take_back(engine, index);
        return;
    }
    uint32_t due_count = snag_cell_due(&engine->cell, due_ms, due);
    if (due_count == 0) {
        look_to_forget(engine, index, w_ms);
        return;
    }
    fire_items(engine, due_ms, due, due_count);
    if (work->alerted)
        judge(engine, node->scope == 0 ? 0 : node->parent);
    uint32_t own = node->scope == 0 ? index : node->parent;
    snag_engine_store(engine, index, NULL);
    if (work->fed_count)
        snag_scores_feed(engine, own);
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
}

bool snag_engine_fire_wheel(snag_engine *engine, int64_t w_ms, uint32_t *budget)
{
    snag_table *table = &engine->table;
    for (;;) {
        uint32_t past = engine->pending ? snag_wheel_past(&table->wheel, w_ms - 1) : 0;
        if (past) /* what was fired is armed again for a time before that of others: they wait */
            engine->pending = merge(table, engine->pending, sort(table, past));
        if (engine->pending == 0)
            engine->pending = sort(table, snag_wheel_pop(&table->wheel, w_ms - 1));
        if (engine->pending == 0)
            return true;
        if (*budget == 0)
            return false;
        if (engine->full)
            return false;
        uint32_t index = engine->pending;
        engine->pending = snag_table_node(table, index)->timer.next;
        uint32_t soon = engine->pending ? engine->pending : snag_wheel_soon(&table->wheel);
        snag_table_prefetch_cell(table, soon, 0, SNAG_CELL_AHEAD_BYTES);
        snag_table_node(table, index)->timer.next = 0;
        snag_table_node(table, index)->flags &= (uint8_t)~SNAG_NODE_PENDING;
        snag_engine_fire_cell(engine, index, w_ms);
        (*budget)--;
    }
}

bool snag_engine_fire_instants(snag_engine *engine, int64_t w_ms, uint32_t *budget)
{
    while (engine->instant_ms < w_ms) { /* deadlines up to it come first */
        bool at_once = engine->instant_ms == SNAG_TIME_NONE;
        if (!at_once && !snag_engine_fire_wheel(engine, engine->instant_ms + 1, budget))
            return false;
        if (!snag_dark_step(engine, budget))
            return false;
    }
    return snag_engine_fire_wheel(engine, w_ms, budget);
}
