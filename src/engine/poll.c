/* SPDX-License-Identifier: Apache-2.0
 *
 * Surveys: what a customer says of a stage, days later, as a change of the walk it is about.
 *
 *     paid -------- sent -------- done (ended)
 *             |asked: remembered                    |answered: score, from = sent, outcome
 *
 * The walk is the one with the answer's `per` value, whether it goes on or has ended. The stage is the one
 * that the answer names (`about:`); else the one the walk was in when it was asked (`asked:`); else where it
 * is now.
 */
#include "base/assert.h"
#include "engine/walk.h"

static bool walk_look(snag_engine *engine, const snag_journey *journey, snag_walk *walk)
{
    return snag_cell_get(&engine->cell, journey->fingerprint, &engine->item) &&
           snag_walk_get(&engine->item, journey, walk);
}

static void walk_keep(snag_engine *engine, const snag_journey *journey, const snag_walk *walk)
{
    snag_walk_put(&engine->item, journey, walk);
    if (!snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
}

void snag_poll_asked(snag_engine *engine, const snag_journey *journey)
{
    snag_walk walk;
    if (!walk_look(engine, journey, &walk))
        return;
    walk.asked = (uint8_t)(walk.stage + 1);
    walk_keep(engine, journey, &walk);
}

static const snag_value *value_of(const snag_event *event, uint16_t slot)
{
    return slot < event->var_count && event->vars[slot].kind != SNAG_KIND_ABSENT ? &event->vars[slot] : NULL;
}

/* The stage that the answer names; NULL: none of this journey's. */
static const snag_stage *stage_named(const snag_journey *journey, const snag_event *event)
{
    const snag_value *about = journey->survey.about ? value_of(event, journey->survey.about) : NULL;
    for (uint32_t i = 0; about && i < journey->stage_count; i++)
        if (about->kind == SNAG_KIND_TEXT && snag_str_equal(about->as.text, journey->stages[i].name))
            return &journey->stages[i];
    return NULL;
}

/* NULL: nobody was asked, and the answer does not say what it is about. */
static const snag_stage *stage_of(const snag_journey *journey, const snag_event *event, const snag_walk *walk)
{
    const snag_stage *named = stage_named(journey, event);
    if (named)
        return named;
    if (walk->asked > 0 && walk->asked <= journey->stage_count)
        return &journey->stages[walk->asked - 1];
    return journey->survey.asked.count ? NULL : &journey->stages[walk->stage];
}

void snag_poll_answered(snag_engine *engine, const snag_journey *journey)
{
    snag_walk walk;
    snag_item said;
    const snag_event *event = engine->work.event;
    const snag_value *score = value_of(event, journey->survey.score);
    if (!score || !walk_look(engine, journey, &walk))
        return;
    const snag_stage *stage = stage_of(journey, event, &walk);
    if (!stage)
        return;
    said = engine->item; /* the answer alone is its evidence */
    snag_item_forget_all(&said);
    snag_item_note(&engine->cell, &said, event);
    snag_change *change = snag_walk_change(engine, journey, &said, &walk, SNAG_MOVE_ANSWERED);
    change->from = stage->name;
    change->scored = true;
    change->score = score->kind == SNAG_KIND_INT ? (double)score->as.integer : score->as.number;
    if (walk.ended)
        change->outcome = snag_walk_outcome(journey, &walk);
    walk_keep(engine, journey, &walk);
}
