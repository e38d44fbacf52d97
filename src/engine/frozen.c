/* SPDX-License-Identifier: Apache-2.0
 *
 * What the silence of a source does to cells (dark.c says when).
 *
 *     freeze      a deadline comes meanwhile: kept with its item, but not in the wheel; a signal, held
 *     take back   what was published since the source's last record: resolved, and held from now on
 *     thaw        armed again, for a time long past: it fires like any other, and is published
 *     look        an event ended the wait: what is held is withdrawn
 */
#include "base/assert.h"
#include "engine/dark.h"

void snag_dark_freeze(snag_engine *engine, const snag_signal_spec *spec, snag_item *item,
                      int64_t deadline_ms)
{
    item->frozen = true;
    if (spec && !item->held)
        snag_fold_held(engine, spec, item, deadline_ms, (snag_str){"", 0});
}

void snag_dark_look(snag_engine *engine, const snag_signal_spec *spec, snag_item *item, int64_t due_ms)
{
    if (item->due_ms == due_ms)
        return; /* it waits on */
    if (item->held)
        snag_fold_withdrawn(engine, spec, item);
    item->frozen = false;
}

typedef struct took {
    snag_engine *engine;
    snag_rule_facts facts;
} took;

static void note_closed(void *context, const snag_signal_spec *spec, snag_item *item, snag_reason reason,
                        const snag_rule_facts *facts)
{
    took *note = context;
    note->facts = *facts;
    snag_fold_closed(note->engine, spec, item, reason, facts);
}

static bool rule_take_back(snag_engine *engine, const snag_rule *rule, int64_t last_ms,
                           int64_t *deadline_ms)
{
    const snag_item *item = &engine->item;
    took note = {engine, SNAG_RULE_FACTS_NONE};
    if (!item->open || item->suppressed || item->opened_ms <= last_ms || !rule->kind->take_back)
        return false;
    rule = snag_rule_of(engine->pipeline, rule, item);
    static const snag_rule_host host = {.closed = note_closed};
    snag_rule_step step = {.rule = rule, .cell = &engine->cell, .item = &engine->item, .host = &host,
                           .context = &note};
    bool took_it = rule->kind->take_back(rule, &step);
    *deadline_ms = note.facts.deadline_ms;
    return took_it;
}

/* What was published is held from now on: a signal of its own, under a name of its own. */
static void hold_again(snag_engine *engine, const snag_signal_spec *spec, int64_t deadline_ms)
{
    snag_item *item = &engine->item;
    char text[128];
    snag_buf again = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&again, engine->pipeline->sources[engine->taking].name);
    snag_buf_byte(&again, ' ');
    snag_buf_int(&again, engine->darks[engine->taking].last_ms);
    item->cooldown_ms = SNAG_TIME_NONE;
    item->frozen = true;
    snag_fold_held(engine, spec, item, deadline_ms, snag_buf_str(&again));
    if (!snag_cell_put(&engine->cell, item))
        engine->counters.bound++;
}

/* What a journey's walk and its promises said. */
static void walk_take_back(snag_engine *engine, const snag_journey *journey, int64_t last_ms)
{
    int64_t deadline_ms;
    for (uint32_t k = 0; journey->promised && k < journey->stage_count; k++) {
        const snag_stage *stage = &journey->stages[k];
        if (stage->wait.promise < 0 || !snag_promise_take_back(engine, journey, k, last_ms, &deadline_ms))
            continue;
        hold_again(engine, &stage->late, deadline_ms);
    }
    if (snag_cell_get(&engine->cell, journey->fingerprint, &engine->item) &&
        snag_walk_take_back(engine, journey, last_ms, &deadline_ms))
        hold_again(engine, snag_walk_spec(journey, &engine->item), deadline_ms);
}

void snag_frozen_take_back(snag_engine *engine, uint32_t index)
{
    const snag_pipeline *pipeline = engine->pipeline;
    const snag_dark *dark = &engine->darks[engine->taking];
    uint32_t bit = 1u << engine->taking;
    int64_t deadline_ms;
    snag_table_node(&engine->table, index)->flags &= (uint8_t)~SNAG_NODE_TAKEN;
    engine->work.at_ms = dark->from_ms;
    for (uint32_t i = 0; i < pipeline->journey_count + pipeline->rule_count; i++) {
        const snag_journey *journey = i < pipeline->journey_count ? &pipeline->journeys[i] : NULL;
        const snag_rule *rule = journey ? NULL : &pipeline->rules[i - pipeline->journey_count];
        engine->work.order = i;
        if (journey && journey->scope == engine->work.scope && (journey->waits & bit))
            walk_take_back(engine, journey, dark->last_ms);
        if (!rule || (rule->signal.waits & bit) == 0 ||
            !snag_cell_get(&engine->cell, rule->signal.fingerprint, &engine->item) ||
            !rule_take_back(engine, rule, dark->last_ms, &deadline_ms))
            continue;
        hold_again(engine, &rule->signal, deadline_ms);
    }
    const snag_node *node = snag_table_node(&engine->table, index);
    uint32_t own = node->scope == 0 ? index : node->parent;
    snag_engine_store(engine, index, NULL);
    if (engine->work.fed_count)
        snag_scores_feed(engine, own);
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
}

/* What an item's deadline may wait for. */
static uint8_t waits_of(const snag_pipeline *pipeline, uint32_t fingerprint)
{
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        if (pipeline->journeys[i].fingerprint == fingerprint)
            return pipeline->journeys[i].waits;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (pipeline->rules[i].signal.fingerprint == fingerprint)
            return pipeline->rules[i].signal.waits;
    uint32_t stage;
    const snag_journey *promised = snag_promise_find(pipeline, fingerprint, &stage);
    return promised ? promised->waits : 0;
}

void snag_frozen_arm(snag_engine *engine, uint32_t index, uint32_t source)
{
    snag_node *node = snag_table_node(&engine->table, index);
    snag_str key = snag_table_key(&engine->table, index);
    if (snag_learn_is_cell(key) || snag_segment_is_cell(key))
        return;
    bool whole = snag_cell_unpack(&engine->spare, snag_table_bytes(&engine->table, index));
    SNAG_ASSERT(whole);
    bool any = false;
    for (uint32_t i = 0; !any && snag_cell_item(&engine->spare, i, &engine->item); i++)
        any = engine->item.open && !engine->item.suppressed &&
              engine->item.opened_ms > engine->darks[source].last_ms &&
              (waits_of(engine->pipeline, engine->item.fingerprint) & 1u << source);
    if (!any)
        return;
    node->flags |= SNAG_NODE_TAKEN;
    node->flags &= (uint8_t)~SNAG_NODE_FORGET;
    snag_wheel_arm(&engine->table.wheel, index, engine->darks[source].from_ms);
}

bool snag_frozen_thaw(snag_engine *engine, uint32_t index, uint8_t dark, int64_t before_ms)
{
    snag_cell *cell = &engine->spare;
    bool any = false;
    bool whole = snag_cell_unpack(cell, snag_table_bytes(&engine->table, index));
    SNAG_ASSERT(whole);
    for (uint32_t i = 0; snag_cell_item(cell, i, &engine->item); i++) {
        uint8_t waits = waits_of(engine->pipeline, engine->item.fingerprint);
        if (!engine->item.frozen || (waits & dark) || engine->item.due_ms >= before_ms)
            continue;
        engine->item.frozen = false;
        any |= snag_cell_put(cell, &engine->item);
    }
    snag_cell_needs needs = snag_cell_needs_of(cell);
    if (needs.frozen == 0) /* it is only looked at where it was set */
        snag_table_node(&engine->table, index)->flags &= (uint8_t)~SNAG_NODE_FROZEN;
    if (!any)
        return false;
    snag_buf buf = snag_buf_on(engine->packed, sizeof engine->packed);
    snag_cell_pack(cell, &buf);
    if (!snag_table_set(&engine->table, index, snag_buf_str(&buf))) {
        engine->full = true;
        return false;
    }
    snag_table_change(&engine->table, index);
    snag_engine_arm(engine, index, &needs);
    return true;
}

void snag_dark_release(snag_engine *engine, uint32_t index, const snag_event *event)
{
    uint8_t bit = (uint8_t)(1u << event->position.source);
    const snag_node *node = snag_table_node(&engine->table, index);
    engine->released = engine->dark & bit;
    if (engine->released && (node->flags & SNAG_NODE_FROZEN))
        snag_frozen_thaw(engine, index, engine->dark & (uint8_t)~bit, event->time_ms);
}
