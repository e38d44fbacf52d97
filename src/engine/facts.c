/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of the event's customer: its own cell first takes the event into them, then they stand behind the
 * event's own names, for `where:`, headlines and shapes alike.
 *
 *     names | id | time | type | … | kept | facts |          as of the event's own time
 */
#include "base/assert.h"
#include "base/time.h"
#include "engine/state.h"

static void state_get(snag_cell *cell, const snag_fact *fact, snag_item *item, snag_fact_state *state)
{
    snag_cell_get(cell, fact->fingerprint, item);
    SNAG_ASSERT(item->state_bytes <= sizeof state->data);
    state->bytes = item->state_bytes;
    memcpy(state->data, item->state, state->bytes);
}

static void state_put(snag_engine *engine, const snag_fact_state *state, bool keep)
{
    snag_item *item = &engine->item;
    memcpy(item->state, state->data, state->bytes);
    item->state_bytes = state->bytes;
    item->keep = keep;
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
}

/* A cell as it stands, or empty where there is none; index 0 = none. */
static void cell_look(snag_engine *engine, uint32_t index, const snag_ahead_key *key)
{
    snag_cell_clear(&engine->cell);
    if (index) {
        bool whole = snag_cell_unpack(&engine->cell, snag_table_bytes(&engine->table, index));
        SNAG_ASSERT(whole);
    }
    engine->work.scope = key->scope;
    engine->work.per = snag_str_of(key->key + key->per_at, (size_t)key->bytes - key->per_at);
}

/* A row feeds the facts of its own table, and events feed all others. */
static bool feeds(const snag_work *work, const snag_fact *fact)
{
    return fact->table == (work->row ? work->event->position.source + 1u : 0);
}

/* A table's rows may be old: what they say holds until the next one. */
static bool holds(const snag_fact *fact, const snag_fact_state *state, int64_t time_ms)
{
    return fact->table && snag_fact_value(fact, state, time_ms).kind != SNAG_KIND_ABSENT;
}

static void take(snag_engine *engine, const snag_row *row, uint32_t index, const snag_ahead_key *key)
{
    snag_work *work = &engine->work;
    snag_fact_state state;
    for (uint32_t i = 0; i < row->count; i++) {
        const snag_op *op = &row->ops[i];
        if (op->stage != SNAG_OP_FACT || op->scope != key->scope ||
            !snag_engine_op_holds(engine, op, work->event))
            continue;
        const snag_fact *fact = &engine->pipeline->facts[op->index];
        if (!feeds(work, fact))
            continue;
        state_get(&engine->cell, fact, &engine->item, &state);
        if (snag_fact_take(fact, &state, work->event, op->role == SNAG_ROLE_ANSWER))
            state_put(engine, &state, holds(fact, &state, work->event->time_ms));
    }
    if (!engine->cell.changed)
        return;
    snag_engine_learn(engine);
    if (key == work->own && !work->row) {
        snag_cell_remember(&engine->cell, work->id_hash);
        work->touched = true;
    }
    snag_engine_store(engine, index, key);
}

static void fill(snag_engine *engine, uint32_t scope)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_fact_state state;
    for (uint32_t i = 0; i < pipeline->fact_count; i++) {
        const snag_fact *fact = &pipeline->facts[i];
        if (fact->scope != scope)
            continue;
        state_get(&engine->cell, fact, &engine->item, &state);
        snag_value value = snag_fact_value(fact, &state, engine->work.event->time_ms);
        if (value.kind == SNAG_KIND_TEXT) { /* the state goes with the cell at work */
            memcpy(engine->fact_texts[i], value.as.text.data, value.as.text.size);
            value.as.text.data = engine->fact_texts[i];
        }
        SNAG_ASSERT(fact->slot < SNAG_KEPT_MAX + SNAG_FACTS_MAX);
        engine->names[fact->slot] = value;
    }
}

/* Of the pipeline's key, and then of the customer inside an account: an event that names none sees no facts
 * of his. */
static void facts_of(snag_engine *engine, const snag_row *row, const snag_ahead *ahead)
{
    uint32_t scope = engine->pipeline->fact_scope;
    const snag_ahead_key *key = scope ? snag_ahead_key_of(ahead, scope) : NULL;
    cell_look(engine, engine->work.own_index, engine->work.own);
    take(engine, row, engine->work.own_index, engine->work.own);
    fill(engine, 0);
    if (!key || key->absent)
        return;
    uint32_t index = snag_table_find_at(&engine->table, key->node, snag_str_of(key->key, key->bytes),
                                        key->hash);
    cell_look(engine, index, key);
    take(engine, row, index, key);
    fill(engine, scope);
}

/* The first that is true; those that have no value are not, and are counted. */
static void shape(snag_engine *engine)
{
    const snag_pipeline *pipeline = engine->pipeline;
    const snag_event *event = engine->work.event;
    bool found = false;
    for (engine->shape = 0; engine->shape < pipeline->shape_count; engine->shape++) {
        const snag_expr *when = pipeline->shapes[engine->shape].when;
        bool erred = false;
        snag_arena_reset(&engine->eval);
        found = !when || snag_expr_true(when, event->vars, event->var_count, &engine->eval, &erred);
        engine->counters.where_erred += erred;
        if (found)
            break;
    }
    if (found)
        engine->names[pipeline->shape_slot] = snag_value_text(pipeline->shapes[engine->shape].name);
}

void snag_facts_event(snag_engine *engine, const snag_row *row, const snag_ahead *ahead)
{
    const snag_event *event = engine->work.event;
    uint32_t own = engine->pipeline->name_count;
    SNAG_ASSERT(event->var_count <= own);
    SNAG_ASSERT(own + engine->pipeline->fact_count <= SNAG_KEPT_MAX + SNAG_FACTS_MAX);
    memset(engine->names, 0, sizeof engine->names);
    memcpy(engine->names, event->vars, event->var_count * sizeof engine->names[0]);
    if (engine->pipeline->fact_count)
        facts_of(engine, row, ahead);
    engine->with_facts = *event;
    engine->with_facts.vars = engine->names;
    engine->with_facts.var_count = own + engine->pipeline->fact_count;
    engine->work.event = &engine->with_facts;
    if (engine->pipeline->shape_count == 0)
        return;
    shape(engine);
    engine->with_facts.var_count++;
}

uint32_t snag_shape_index(const snag_pipeline *pipeline, const snag_item *item)
{
    snag_str name;
    uint32_t i = pipeline->shape_count;
    if (i == 0 || !snag_item_captured(item, snag_shape_tag(), &name))
        return i;
    for (i = 0; i < pipeline->shape_count; i++)
        if (snag_str_equal(pipeline->shapes[i].name, name))
            break;
    return i;
}

snag_str snag_shape_of(const snag_pipeline *pipeline, const snag_item *item)
{
    uint32_t i = snag_shape_index(pipeline, item);
    return i < pipeline->shape_count ? pipeline->shapes[i].name : (snag_str){"", 0};
}

const snag_rule *snag_rule_by_shape(const snag_pipeline *pipeline, const snag_rule *rule,
                                    const snag_item *item)
{
    uint32_t i = snag_shape_index(pipeline, item);
    return i < pipeline->shape_count ? &rule->by_shape[i] : rule;
}

const snag_stage *snag_stage_by_shape(const snag_pipeline *pipeline, const snag_stage *stage,
                                      const snag_item *item)
{
    uint32_t i = snag_shape_index(pipeline, item);
    return i < pipeline->shape_count ? &stage->by_shape[i] : stage;
}

void snag_shape_begin(const snag_engine *engine, snag_item *item)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_item_shape(item, engine->shape < pipeline->shape_count ? pipeline->shapes[engine->shape].name
                                                                : (snag_str){"", 0});
}

bool snag_shape_step(const snag_engine *engine, const snag_rule *rule, snag_item *item)
{
    const snag_rule *now = snag_rule_of(engine->pipeline, rule, item);
    bool holds = item->state_bytes > 0;
    if (item->open)
        return false;
    if (holds && (!now->kind->counts_until || now->kind->counts_until(now, item->state, item->state_bytes) >=
                                                  engine->work.event->time_ms))
        return false;
    item->state_bytes = 0;
    item->due_ms = SNAG_NEVER;
    snag_item_forget_all(item);
    snag_shape_begin(engine, item);
    return holds;
}

const snag_fact *snag_fact_find(const snag_pipeline *pipeline, uint32_t fingerprint)
{
    for (uint32_t i = 0; i < pipeline->fact_count; i++)
        if (pipeline->facts[i].fingerprint == fingerprint)
            return &pipeline->facts[i];
    return NULL;
}

bool snag_fact_item_sound(const snag_fact *fact, const snag_item *item)
{
    snag_fact_state state = {.bytes = item->state_bytes};
    if (item->open || item->hold || (item->keep && !fact->table) || item->due_ms != SNAG_NEVER ||
        item->ref_count || item->capture_bytes || item->state_bytes > sizeof state.data)
        return false;
    memcpy(state.data, item->state, state.bytes);
    return snag_fact_sound(fact, &state);
}

void snag_fact_explain(const snag_fact *fact, const snag_item *item, int64_t time_ms, snag_buf *buf)
{
    snag_fact_state state = {.bytes = item->state_bytes};
    if (!snag_fact_item_sound(fact, item)) {
        snag_buf_printf(buf, "{\"kind\":\"fact\"}");
        return;
    }
    memcpy(state.data, item->state, state.bytes);
    snag_value value = snag_fact_value(fact, &state, time_ms);
    snag_buf_printf(buf, "{\"kind\":\"fact\",\"name\":");
    snag_buf_json(buf, fact->name);
    snag_buf_printf(buf, ",\"value\":");
    snag_value_json(buf, &value);
    snag_buf_printf(buf, ",\"as_of\":\"");
    snag_time_print(buf, time_ms);
    snag_buf_printf(buf, "\"}");
}
