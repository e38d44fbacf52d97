/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores: episodes that begin are inputs of the rules further down that weigh them (rules/score.c).
 *
 *     rule's cell --> episode begins --> work.fed --+
 *     another of the customer's cells --------------+--> the customer's own cell: scores, in file order
 *
 * All that began in one step is fed at once, after the step's cells are stored: so it does not matter in
 * which cell it began, and a score is judged once a step. A score that comes true feeds those below it. A
 * score that begins with a timer's episode begins under the shape that this one has.
 */
#include "base/assert.h"
#include "engine/host.h"

void snag_scores_note(snag_engine *engine, const snag_signal_spec *spec, const snag_item *item,
                      snag_reason back)
{
    snag_work *work = &engine->work;
    work->fed_shape = work->event ? engine->shape : snag_shape_index(engine->pipeline, item);
    if (work->fed_count == SNAG_FED_MAX) {
        engine->counters.bound++;
        return;
    }
    int64_t at_ms = back ? item->opened_ms : work->at_ms;
    work->fed[work->fed_count++] = (snag_fed){spec->fingerprint, back, at_ms, work->at_ms};
    if (back)
        return;
    snag_buf hex = snag_buf_on(work->fed_by, sizeof work->fed_by);
    snag_buf_hex(&hex, item->episode, 16);
}

/* The rule as it is for the score at hand; one that begins, begins under the shape of what feeds it. */
static const snag_rule *shaped(snag_engine *engine, const snag_rule *rule)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_item *item = &engine->item;
    if (item->state_bytes == 0 && !item->open)
        snag_item_shape(item, engine->work.fed_shape < pipeline->shape_count
                                  ? pipeline->shapes[engine->work.fed_shape].name
                                  : (snag_str){"", 0});
    return snag_rule_of(pipeline, rule, item);
}

static void feed_rule(snag_engine *engine, const snag_rule *rule, uint32_t order)
{
    snag_rule_step step = snag_engine_step(engine, rule);
    engine->work.order = order;
    snag_cell_get(&engine->cell, rule->signal.fingerprint, &engine->item);
    if (engine->pipeline->shape_count)
        step.rule = rule = shaped(engine, rule);
    rule->kind->fed(rule, &step, engine->work.fed, engine->work.fed_count);
    snag_rule_expiry(rule, &engine->item);
    if (step.changed && !snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
}

/* Whose cell it is: a timer's step began in another cell, whose bytes may have moved since. */
static void own_cell(snag_engine *engine, uint32_t index)
{
    snag_work *work = &engine->work;
    bool alerted = work->alerted;
    if (work->event == NULL) {
        snag_engine_work_on(engine, index);
        work->alerted = alerted;
        return;
    }
    bool whole = snag_cell_unpack(&engine->cell, snag_table_bytes(&engine->table, index));
    SNAG_ASSERT(whole);
    work->scope = 0;
    work->per = (snag_str){"", 0};
    snag_engine_learn(engine);
}

void snag_scores_feed(snag_engine *engine, uint32_t own)
{
    const snag_pipeline *pipeline = engine->pipeline;
    snag_work *work = &engine->work;
    if (own == 0) { /* memory is used up: the caller is told by engine->full */
        work->fed_count = 0;
        return;
    }
    own_cell(engine, own);
    work->feeding = true;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (pipeline->rules[i].kind->fed)
            feed_rule(engine, &pipeline->rules[i], pipeline->journey_count + i);
    work->fed_count = 0;
    work->feeding = false;
    if (!engine->cell.changed)
        return;
    if (work->alerted && engine->cell.judged_ms < work->at_ms)
        engine->cell.judged_ms = work->at_ms;
    snag_engine_store(engine, own, NULL);
}
