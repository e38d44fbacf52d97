/* SPDX-License-Identifier: Apache-2.0
 *
 * Retire: state that an earlier version of the pipeline left behind, under fingerprints nobody knows.
 *
 *     a rule changed or gone      its episode resolves: rule_changed
 *     a journey changed           its walks go on at the stage of the same name, with the deadlines they
 *                                 have; an episode of a stage that is the same itself stays open
 *     journey, stage or `per` gone   the walk is let go, its episode resolves: rule_changed
 *
 * Only the earlier version's words (words.h) know how the episode was called. A cell is done for good when
 * it is stored again: what was half done before a crash goes on where it stopped.
 */
#include "base/assert.h"
#include "engine/state.h"
#include "engine/words.h"

static const snag_journey *heir_of(const snag_engine *engine, const snag_words_entry *was)
{
    const snag_pipeline *pipeline = engine->pipeline;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        if (snag_str_equal(pipeline->journeys[i].name, was->journey) &&
            pipeline->journeys[i].scope == engine->work.scope)
            return &pipeline->journeys[i];
    return NULL;
}

static int stage_of(const snag_journey *journey, snag_str name)
{
    for (uint32_t i = 0; i < journey->stage_count; i++)
        if (snag_str_equal(journey->stages[i].name, name))
            return (int)i;
    return -1;
}

/* The episode's end, in the words it began with. */
static void resolve(snag_engine *engine, const snag_words_entry *was, snag_item *item)
{
    snag_work *work = &engine->work;
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    work->at_ms = engine->w_ms > item->opened_ms ? engine->w_ms : item->opened_ms;
    work->gone = was;
    work->order = was->stage == SNAG_WORDS_RULE ? SNAG_RULES_MAX : was->stage;
    snag_fold_closed(engine, &was->spec, item, SNAG_REASON_RULE_CHANGED, &facts);
    work->gone = NULL;
}

static void item_drop(snag_cell *cell, snag_item *item)
{
    item->state_bytes = 0;
    item->open = false;
    item->cooldown_ms = SNAG_TIME_NONE;
    snag_cell_put(cell, item);
}

/* The walk goes on under the journey's new fingerprint; its place in the cell is the old one's. */
static void adopt(snag_engine *engine, const snag_journey *heir, uint8_t stage, snag_str words)
{
    snag_item *item = &engine->item;
    snag_item mine = *item;
    uint8_t stages[SNAG_STAGES_MAX]; /* of the old one: which they are now */
    snag_words_entry was;
    for (uint8_t i = 0; heir->survey.event.count && i < SNAG_STAGES_MAX; i++) {
        bool known = snag_words_find(words, item->fingerprint, i, &was);
        int now = known ? stage_of(heir, was.stage_name) : -1;
        stages[i] = now < 0 ? SNAG_STAGES_MAX : (uint8_t)now;
    }
    mine.fingerprint = heir->fingerprint;
    if (heir->survey.event.count)
        snag_poll_move(&mine, stages);
    snag_walk_move(engine->pipeline, &mine, heir, stage);
    item_drop(&engine->cell, item);
    if (!snag_walk_sound(heir, &mine)) /* stored bytes are not believed */
        return;
    if (!snag_cell_put(&engine->cell, &mine))
        engine->counters.bound++;
}

static void retire_item(snag_engine *engine, snag_str words, uint64_t *lost)
{
    snag_item *item = &engine->item;
    snag_words_entry was;
    bool known = snag_words_find(words, item->fingerprint, SNAG_WORDS_RULE, &was);
    bool walk = !known && snag_words_find(words, item->fingerprint, snag_walk_stage(item), &was);
    const snag_journey *heir = walk ? heir_of(engine, &was) : NULL;
    int stage = heir ? stage_of(heir, was.stage_name) : -1;
    const snag_stage *at = stage >= 0 ? &heir->stages[stage] : NULL;
    bool same = at && was.late && snag_stage_waits(at) && at->late.fingerprint == was.late;
    if (item->open && (known || walk) && !same)
        resolve(engine, &was, item);
    else if (item->open && !same)
        (*lost)++;
    if (item->held && (known || walk) && !same)
        snag_fold_withdrawn(engine, &was.spec, item);
    else if (item->held && !same)
        (*lost)++;
    if (at)
        adopt(engine, heir, (uint8_t)stage, words);
    else
        item_drop(&engine->cell, item);
}

static bool is_known(const snag_pipeline *pipeline, uint32_t fingerprint)
{
    uint32_t stage;
    if (fingerprint == SNAG_CLOCK_FINGERPRINT || snag_fact_find(pipeline, fingerprint) ||
        snag_promise_find(pipeline, fingerprint, &stage))
        return true;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        if (pipeline->journeys[i].fingerprint == fingerprint)
            return true;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (pipeline->rules[i].signal.fingerprint == fingerprint)
            return true;
    return false;
}

bool snag_engine_cell_strange(const snag_engine *engine, const snag_cell *cell, snag_item *item)
{
    for (uint32_t i = 0; snag_cell_item(cell, i, item); i++)
        if (!is_known(engine->pipeline, item->fingerprint))
            return true;
    return false;
}

void snag_engine_mark(snag_engine *engine, uint32_t index, bool strange)
{
    snag_node *node = snag_table_node(&engine->table, index);
    bool was = node->flags & SNAG_NODE_STRANGE;
    if (strange)
        node->flags |= SNAG_NODE_STRANGE;
    else
        node->flags &= (uint8_t)~SNAG_NODE_STRANGE;
    engine->strange += (uint64_t)strange - (uint64_t)was;
}

static void retire_cell(snag_engine *engine, uint32_t index, snag_str words, uint64_t *lost)
{
    snag_node *node = snag_table_node(&engine->table, index);
    snag_engine_work_on(engine, index);
    snag_cell_needs before = snag_cell_needs_of(&engine->cell);
    for (uint32_t i = 0; snag_cell_item(&engine->cell, i, &engine->item);) {
        if (is_known(engine->pipeline, engine->item.fingerprint))
            i++;
        else
            retire_item(engine, words, lost);
    }
    snag_engine_mark(engine, index, false);
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
    if (node->scope != SNAG_SCOPE_GONE) {
        snag_engine_store(engine, index, NULL);
        return;
    }
    engine->open_episodes -= before.open;
    engine->armed -= before.armed;
    engine->open_walks -= before.hold;
    engine->work.at_ms = engine->w_ms;
    snag_engine_let_go(engine, index);
}

uint64_t snag_engine_strange(const snag_engine *engine)
{
    return engine->strange;
}

bool snag_engine_retire(snag_engine *engine, snag_str words, uint64_t *cursor, uint32_t budget,
                        uint64_t *lost)
{
    snag_table *table = &engine->table;
    uint64_t index = *cursor ? *cursor : 1;
    for (; index < table->node_top && engine->strange > 0 && budget > 0 && !engine->full; index++) {
        uint8_t flags = snag_table_node(table, (uint32_t)index)->flags;
        if ((flags & SNAG_NODE_LIVE) == 0 || (flags & SNAG_NODE_STRANGE) == 0)
            continue;
        retire_cell(engine, (uint32_t)index, words, lost);
        budget--;
    }
    *cursor = index;
    return engine->strange == 0 || engine->full;
}
