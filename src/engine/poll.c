/* SPDX-License-Identifier: Apache-2.0
 *
 * Surveys: what a customer says of a stage, days later, as a change of the walk it is about.
 *
 *     paid ------------ sent ------------ done (ended)
 *           |asked            |asked: a question each, kept with its time and the stage the walk was in then
 *                                   |answered: score, from = sent, the outcome the walk had then
 *
 * An answer belongs to the newest question asked at or before it that has no answer yet; where each has
 * one, to the newest again (a survey may ask more than one thing). `by:` is a name that a question and its
 * answers share: then only questions with the same value are looked at. `about:` names the stage itself.
 * Where nobody says when it was asked, an answer is about the stage the walk was in then. An answer without
 * any of these is counted (unasked).
 *
 * What comes late is joined as if it had come in time: the walk remembers where it was (points), as far as
 * eight of them tell; questions that were asked of the walk before (`again: true`) stay, until that one is
 * the last but one.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "engine/poll.h"

static bool walk_look(snag_engine *engine, const snag_journey *journey, snag_walk *walk)
{
    return snag_cell_get(&engine->cell, journey->fingerprint, &engine->item) &&
           snag_walk_get(&engine->item, journey, walk);
}

static void walk_keep(snag_engine *engine, const snag_journey *journey, const snag_walk *walk,
                      const snag_polled *polled)
{
    snag_polled_put(&engine->item, polled);
    snag_walk_put(&engine->item, journey, walk);
    if (!snag_cell_put(&engine->cell, &engine->item))
        engine->counters.bound++;
}

/* --- where the walk was ------------------------------------------------------------------------- */

/* NULL: there was no walk then, or it is not known any more. */
static const snag_poll_point *point_at(const snag_polled *polled, int64_t time_ms)
{
    for (uint32_t i = polled->point_count; i-- > 0;)
        if (polled->points[i].at_ms <= time_ms)
            return &polled->points[i];
    return NULL;
}

/* How far the walk of a question had come; NULL: not known any more. */
static const snag_poll_point *point_of(const snag_polled *polled, bool before, int64_t time_ms)
{
    for (uint32_t i = polled->point_count; i-- > 0;)
        if (polled->points[i].before == before && polled->points[i].at_ms <= time_ms)
            return &polled->points[i];
    return NULL;
}

static void point_add(snag_polled *polled, const snag_poll_point *point)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < polled->point_count; i++) /* what it was after that was another way */
        if (polled->points[i].before || polled->points[i].at_ms <= point->at_ms)
            polled->points[kept++] = polled->points[i];
    if (kept == SNAG_POLL_POINTS)
        memmove(&polled->points[0], &polled->points[1], --kept * sizeof polled->points[0]);
    polled->points[kept++] = *point;
    polled->point_count = kept;
}

void snag_poll_ready(snag_item *item, const snag_journey *journey, const snag_walk *walk)
{
    snag_polled polled;
    if (item->state_bytes > SNAG_WALK_BYTES)
        return;
    snag_polled_get(item, journey, walk, &polled);
    snag_polled_put(item, &polled);
}

void snag_poll_again(snag_item *item, const snag_journey *journey, const snag_walk *walk)
{
    snag_polled polled;
    uint32_t points = 0;
    uint32_t asks = 0;
    snag_polled_get(item, journey, walk, &polled);
    for (uint32_t i = 0; i < polled.point_count; i++)
        if (!polled.points[i].before)
            polled.points[points++] = polled.points[i];
    for (uint32_t i = 0; i < polled.ask_count; i++)
        if (!polled.asks[i].before)
            polled.asks[asks++] = polled.asks[i];
    for (uint32_t i = 0; i < points; i++)
        polled.points[i].before = true;
    for (uint32_t i = 0; i < asks; i++)
        polled.asks[i].before = true;
    polled.point_count = points;
    polled.ask_count = asks;
    polled.before = true;
    memcpy(polled.walk_before, walk->walk, sizeof polled.walk_before);
    snag_polled_put(item, &polled);
}

void snag_poll_moved(const snag_engine *engine, snag_item *item, const snag_journey *journey,
                     const snag_walk *walk)
{
    snag_polled polled = {0};
    int64_t since_ms = walk->ended ? walk->closed_ms : walk->entered_ms;
    int64_t at_ms = engine->work.at_ms > since_ms ? engine->work.at_ms : since_ms;
    snag_poll_point now = {.at_ms = at_ms, .stage = walk->stage, .ended = walk->ended};
    if (walk->ended)
        now.outcome = walk->outcome;
    if (item->state_bytes > SNAG_WALK_BYTES)
        snag_polled_get(item, journey, walk, &polled);
    const snag_poll_point *last = polled.point_count ? &polled.points[polled.point_count - 1] : NULL;
    if (last && !last->before && last->stage == now.stage && last->ended == now.ended &&
        last->outcome == now.outcome)
        return;
    point_add(&polled, &now);
    snag_polled_put(item, &polled);
}

/* --- questions ---------------------------------------------------------------------------------- */

static const snag_value *value_of(const snag_event *event, uint16_t slot)
{
    return slot < event->var_count && event->vars[slot].kind != SNAG_KIND_ABSENT ? &event->vars[slot] : NULL;
}

/* What a question and its answers share: the value's text, as of a `per`. 0 = the event has none. */
static uint32_t by_of(const snag_journey *journey, const snag_event *event)
{
    char text[64];
    const snag_value *by = journey->survey.by ? value_of(event, journey->survey.by) : NULL;
    if (!by)
        return 0;
    snag_buf printed = snag_buf_on(text, sizeof text);
    if (by->kind != SNAG_KIND_TEXT)
        snag_value_print(&printed, by);
    snag_str said = by->kind == SNAG_KIND_TEXT ? by->as.text : snag_buf_str(&printed);
    uint32_t hash = (uint32_t)snag_hash64(said, 0);
    return hash ? hash : 1;
}

/* Room for one more: the oldest that has its answer goes, or else the oldest. */
static void ask_drop(snag_engine *engine, snag_polled *polled)
{
    uint32_t goes = 0;
    while (goes < polled->ask_count && !polled->asks[goes].answered)
        goes++;
    if (goes == polled->ask_count) {
        goes = 0;
        engine->counters.bound++;
    }
    polled->ask_count--;
    memmove(&polled->asks[goes], &polled->asks[goes + 1],
            (polled->ask_count - goes) * sizeof polled->asks[0]);
}

void snag_poll_asked(snag_engine *engine, const snag_journey *journey)
{
    snag_walk walk;
    snag_polled polled;
    const snag_event *event = engine->work.event;
    if (!walk_look(engine, journey, &walk))
        return;
    snag_polled_get(&engine->item, journey, &walk, &polled);
    const snag_poll_point *point = point_at(&polled, event->time_ms);
    if (!point)
        return; /* there was no walk yet */
    snag_poll_ask ask = {.at_ms = event->time_ms,
                         .by = by_of(journey, event),
                         .stage = point->stage,
                         .before = point->before};
    if (polled.ask_count == SNAG_POLL_ASKS)
        ask_drop(engine, &polled);
    uint32_t at = polled.ask_count++;
    for (; at > 0 && polled.asks[at - 1].at_ms > ask.at_ms; at--)
        polled.asks[at] = polled.asks[at - 1];
    polled.asks[at] = ask;
    walk.asked = 0; /* it stands there no more */
    walk_keep(engine, journey, &walk, &polled);
}

/* --- answers ------------------------------------------------------------------------------------ */

/* The stage that the answer names; -1: none of this journey's. */
static int stage_named(const snag_journey *journey, const snag_event *event)
{
    const snag_value *about = journey->survey.about ? value_of(event, journey->survey.about) : NULL;
    for (uint32_t i = 0; about && i < journey->stage_count; i++)
        if (about->kind == SNAG_KIND_TEXT && snag_str_equal(about->as.text, journey->stages[i].name))
            return (int)i;
    return -1;
}

/* The newest question that it may answer, without an answer if there is one; NULL: there is none. */
static snag_poll_ask *ask_of(snag_polled *polled, int64_t time_ms, uint32_t by, int stage)
{
    snag_poll_ask *answered = NULL;
    for (uint32_t i = polled->ask_count; i-- > 0;) {
        snag_poll_ask *ask = &polled->asks[i];
        if (ask->at_ms > time_ms || (by && ask->by != by) || (stage >= 0 && ask->stage != stage))
            continue;
        if (!ask->answered)
            return ask;
        answered = answered ? answered : ask;
    }
    return answered;
}

/* What an answer is about. */
typedef struct subject {
    uint8_t stage;
    bool before; /* of the walk before */
} subject;

/* False: nobody was asked, and the answer does not say what it is about. */
static bool subject_of(snag_polled *polled, const snag_journey *journey, const snag_event *event,
                       subject *about)
{
    int named = stage_named(journey, event);
    snag_poll_ask *ask = ask_of(polled, event->time_ms, by_of(journey, event), named);
    const snag_poll_point *point = point_at(polled, event->time_ms);
    if (ask) {
        ask->answered = true;
        *about = (subject){ask->stage, ask->before};
        return true;
    }
    if (!point || (named < 0 && journey->survey.asked.count))
        return false;
    *about = (subject){named >= 0 ? (uint8_t)named : point->stage, point->before};
    return true;
}

/* The outcome that the walk had by then; empty: it went on. */
static snag_str outcome_at(const snag_polled *polled, const snag_journey *journey, bool before,
                           int64_t time_ms)
{
    const snag_poll_point *point = point_of(polled, before, time_ms);
    if (!point || !point->ended)
        return (snag_str){"", 0};
    snag_walk then = {.stage = point->stage, .outcome = point->outcome};
    return snag_walk_outcome(journey, &then);
}

void snag_poll_answered(snag_engine *engine, const snag_journey *journey)
{
    snag_walk walk;
    snag_item said;
    snag_polled polled;
    subject about;
    const snag_event *event = engine->work.event;
    const snag_value *score = value_of(event, journey->survey.score);
    if (!score)
        return;
    bool walking = walk_look(engine, journey, &walk);
    if (walking)
        snag_polled_get(&engine->item, journey, &walk, &polled);
    if (!walking || !subject_of(&polled, journey, event, &about)) {
        engine->counters.unasked++;
        return;
    }
    said = engine->item; /* the answer alone is its evidence */
    snag_item_forget_all(&said);
    snag_item_note(&engine->cell, &said, event);
    snag_change *change = snag_walk_change(engine, journey, &said, &walk, SNAG_MOVE_ANSWERED);
    change->from = journey->stages[about.stage].name;
    change->scored = true;
    change->score = score->kind == SNAG_KIND_INT ? (double)score->as.integer : score->as.number;
    change->outcome = outcome_at(&polled, journey, about.before, event->time_ms);
    if (about.before)
        memcpy(change->walk, polled.walk_before, sizeof change->walk);
    walk.asked = 0;
    walk_keep(engine, journey, &walk, &polled);
}
