/* SPDX-License-Identifier: Apache-2.0
 *
 * Promised stages: a walk that has not reached the stage by the time that was promised is overdue.
 *
 *     walk opens   any event of the walk that bears the promise     the stage is entered: kept, or moved_on
 *        |----------|··· later ones move it ···|promised|··········|
 *                                                       stalled, alert <journey>.<stage>.late
 *
 * It is awaited from whichever stage the walk stands in, beside what that stage itself waits for; so each has
 * an item of its own in the walk's cell, under the stage's fingerprint. A stage that was reached once is not
 * awaited again by this walk. An end of the walk ends the waiting (until).
 *
 * State: a snag_silence (deadline_ms SNAG_TIME_NONE: the stage was reached, at at_ms) and the promise as it
 * was made (8 bytes): a clock that stood has moved the deadline since.
 */
#include "base/assert.h"
#include "base/time.h"
#include "engine/dark.h"
#include "engine/walk.h"

typedef struct stored {
    snag_silence silence;
    int64_t promised_ms;
} stored;

typedef struct promise {
    snag_engine *engine;
    const snag_journey *journey;
    const snag_stage *stage;
    stored kept;
    bool known; /* something is stored of it */
    int64_t frozen_ms; /* armed for then when it was looked up */
    snag_item item;
} promise;

enum { SILENCE_BYTES = offsetof(snag_silence, learned), STORED_BYTES = SILENCE_BYTES + sizeof(int64_t) };

static bool item_get(const snag_item *item, stored *kept)
{
    if (item->state_bytes != STORED_BYTES)
        return false;
    memset(kept, 0, sizeof *kept);
    memcpy(&kept->silence, item->state, SILENCE_BYTES);
    memcpy(&kept->promised_ms, item->state + SILENCE_BYTES, sizeof kept->promised_ms);
    return true;
}

static void item_put(snag_item *item, const stored *kept)
{
    memcpy(item->state, &kept->silence, SILENCE_BYTES);
    memcpy(item->state + SILENCE_BYTES, &kept->promised_ms, sizeof kept->promised_ms);
    item->state_bytes = STORED_BYTES;
}

static void promise_get(promise *self, snag_engine *engine, const snag_journey *journey, uint32_t stage)
{
    self->engine = engine;
    self->journey = journey;
    self->stage = &journey->stages[stage];
    snag_cell_get(&engine->cell, self->stage->late.fingerprint, &self->item);
    self->known = item_get(&self->item, &self->kept);
    self->frozen_ms = self->item.due_ms;
    self->stage = snag_stage_of(engine->pipeline, self->stage, &self->item);
}

static bool is_waiting(const promise *self)
{
    return self->known && self->kept.silence.deadline_ms != SNAG_TIME_NONE;
}

static void promise_put(promise *self)
{
    snag_item *item = &self->item;
    if (item->frozen || item->held)
        snag_dark_look(self->engine, &self->stage->late, item, self->frozen_ms);
    item->state_bytes = 0;
    if (self->known)
        item_put(item, &self->kept);
    item->hold = is_waiting(self) && self->kept.silence.paused_ms != SNAG_TIME_NONE;
    if (!snag_cell_put(&self->engine->cell, item))
        self->engine->counters.bound++;
}

/* When there is more to tell, and not before now. */
static void arm(promise *self, int64_t now_ms)
{
    int64_t due_ms = snag_silence_due(&self->stage->wait, &self->kept.silence);
    self->item.due_ms = due_ms > now_ms ? due_ms : now_ms;
    promise_put(self);
}

/* Nothing is awaited any more: the stage was reached, or the walk is over. */
static void rest(promise *self, bool reached)
{
    self->known = reached;
    self->kept.promised_ms = SNAG_TIME_NONE;
    self->kept.silence = snag_silence_begin(SNAG_TIME_NONE, SNAG_TIME_NONE, self->engine->work.at_ms);
    self->item.due_ms = SNAG_NEVER;
    snag_item_forget_all(&self->item);
    self->item.capture_bytes = 0;
    promise_put(self);
}

/* The walk stands still, or goes on: a change of the walk that says which stage is awaited. */
static void change(promise *self, snag_move move)
{
    snag_engine *engine = self->engine;
    snag_item item;
    snag_walk walk;
    if (!snag_cell_get(&engine->cell, self->journey->fingerprint, &item) ||
        !snag_walk_get(&item, self->journey, &walk))
        return;
    snag_change *made = snag_walk_change(engine, self->journey, &self->item, &walk, move);
    made->from = self->journey->stages[walk.stage].name;
    made->to = self->stage->name;
    made->dwell_ms = engine->work.at_ms - walk.entered_ms;
    snag_walk_put(&item, self->journey, &walk);
    if (!snag_cell_put(&engine->cell, &item))
        engine->counters.bound++;
}

static void close_with(promise *self, snag_reason reason, bool resumed)
{
    snag_rule_facts facts = snag_silence_facts(&self->stage->wait, &self->kept.silence);
    if (self->engine->work.event)
        snag_item_note(&self->engine->cell, &self->item, self->engine->work.event);
    if (resumed && self->kept.silence.level >= SNAG_TOLD_OVERDUE)
        change(self, SNAG_MOVE_RESUMED);
    snag_fold_closed(self->engine, &self->stage->late, &self->item, reason, &facts);
}

void snag_promise_enter(snag_engine *engine, const snag_journey *journey, uint8_t stage)
{
    promise self;
    int64_t at_ms = engine->work.at_ms;
    bool ends = journey->stages[stage].end.size > 0;
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        if (journey->stages[i].wait.promise < 0 || (i != stage && !ends))
            continue;
        promise_get(&self, engine, journey, i);
        if (self.known && !is_waiting(&self))
            continue;
        if (self.item.open)
            close_with(&self, i == stage ? snag_silence_ends(&self.kept.silence, at_ms, SNAG_REASON_MOVED_ON)
                                         : SNAG_REASON_UNTIL, true);
        if (self.known || i == stage)
            rest(&self, i == stage);
    }
}

void snag_promise_begin(snag_engine *engine, const snag_journey *journey, uint8_t stage)
{
    promise self;
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        if (journey->stages[i].wait.promise < 0)
            continue;
        promise_get(&self, engine, journey, i);
        if (self.known || i == stage)
            rest(&self, i == stage);
    }
}

void snag_promise_expire(snag_engine *engine, const snag_journey *journey)
{
    promise self;
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        if (journey->stages[i].wait.promise < 0)
            continue;
        promise_get(&self, engine, journey, i);
        if (self.item.open)
            close_with(&self, SNAG_REASON_EXPIRED, false);
        if (is_waiting(&self))
            rest(&self, false);
    }
}

/* An event of a walk that is open brings a promise where there is none. */
static void promise_first(promise *self, int64_t deadline_ms)
{
    snag_engine *engine = self->engine;
    const snag_event *event = engine->work.event;
    if (engine->pipeline->shape_count) {
        snag_shape_begin(engine, &self->item);
        self->stage = snag_stage_of(engine->pipeline, self->stage, &self->item);
    }
    self->known = true;
    self->kept.promised_ms = deadline_ms;
    self->kept.silence = snag_silence_begin(deadline_ms, SNAG_TIME_NONE, event->time_ms);
    snag_item_note(&engine->cell, &self->item, event);
    snag_item_capture(&self->item, &self->stage->late, event);
    arm(self, event->time_ms);
}

static void promise_moved(promise *self, int64_t deadline_ms)
{
    snag_engine *engine = self->engine;
    const snag_event *event = engine->work.event;
    snag_silence before = self->kept.silence;
    self->kept.promised_ms = deadline_ms;
    bool anew = snag_silence_move(&self->kept.silence, deadline_ms, event->time_ms);
    snag_silence moved = self->kept.silence;
    if (anew && self->item.open) { /* promised anew: overdue no more */
        self->kept.silence = before;
        self->kept.silence.first_ms = moved.first_ms;
        close_with(self, SNAG_REASON_MOVED_ON, true);
        snag_item_forget_all(&self->item); /* the next episode begins with the new promise */
        self->kept.silence = moved;
        self->kept.silence.level = SNAG_TOLD_NOTHING;
    }
    snag_item_note(&engine->cell, &self->item, event);
    arm(self, event->time_ms);
}

void snag_promise_look(snag_engine *engine, const snag_journey *journey, uint8_t stage)
{
    promise self;
    snag_walk walk;
    int64_t deadline_ms;
    const snag_event *event = engine->work.event;
    if (!snag_silence_promise(journey->stages[stage].wait.promise, event, &deadline_ms) ||
        !snag_cell_get(&engine->cell, journey->fingerprint, &self.item) ||
        !snag_walk_get(&self.item, journey, &walk) || walk.ended)
        return;
    promise_get(&self, engine, journey, stage);
    if (!self.known)
        promise_first(&self, deadline_ms);
    else if (is_waiting(&self) && event->time_ms >= self.kept.silence.at_ms &&
             deadline_ms != self.kept.promised_ms)
        promise_moved(&self, deadline_ms);
}

void snag_promise_turn(snag_engine *engine, const snag_journey *journey, uint8_t stage, bool stands)
{
    promise self;
    promise_get(&self, engine, journey, stage);
    if (is_waiting(&self) && snag_silence_turn(&self.stage->wait, &self.kept.silence, NULL,
                                               engine->work.event->time_ms, stands))
        arm(&self, engine->work.event->time_ms);
}

bool snag_promise_timer(snag_engine *engine, const snag_journey *journey, uint32_t stage, int64_t due_ms)
{
    promise self;
    promise_get(&self, engine, journey, stage);
    if (!is_waiting(&self) || self.item.due_ms > due_ms || self.item.frozen)
        return false;
    if (engine->dark && snag_dark_waits(engine, journey->waits, due_ms)) {
        snag_dark_freeze(engine, self.item.open ? NULL : &self.stage->late, &self.item,
                         self.kept.silence.deadline_ms);
        promise_put(&self);
        return true;
    }
    snag_silence_tell(&self.kept.silence, due_ms);
    snag_rule_facts facts = snag_silence_facts_told(&self.stage->wait, &self.kept.silence);
    if (self.kept.silence.level == SNAG_TOLD_OVERDUE)
        change(&self, SNAG_MOVE_STALLED);
    if (self.item.open)
        snag_fold_escalated(engine, &self.stage->late, &self.item, &facts);
    else
        snag_fold_opened(engine, &self.stage->late, &self.item, &facts);
    arm(&self, due_ms);
    return true;
}

bool snag_promise_take_back(snag_engine *engine, const snag_journey *journey, uint32_t stage,
                            int64_t last_ms, int64_t *deadline_ms)
{
    promise self;
    promise_get(&self, engine, journey, stage);
    if (!is_waiting(&self) || !self.item.open || self.item.suppressed || self.item.opened_ms <= last_ms ||
        self.kept.silence.paused_ms != SNAG_TIME_NONE)
        return false;
    self.item.due_ms = self.item.opened_ms;
    close_with(&self, SNAG_REASON_SOURCE_SILENT, true);
    self.kept.silence.level = SNAG_TOLD_NOTHING;
    *deadline_ms = self.kept.silence.deadline_ms;
    promise_put(&self);
    engine->item = self.item;
    return true;
}

const snag_journey *snag_promise_find(const snag_pipeline *pipeline, uint32_t fingerprint, uint32_t *stage)
{
    for (uint32_t j = 0; j < pipeline->journey_count; j++) {
        const snag_journey *journey = &pipeline->journeys[j];
        for (uint32_t i = 0; i < journey->stage_count && journey->promised; i++) {
            *stage = i;
            if (journey->stages[i].wait.promise >= 0 && journey->stages[i].late.fingerprint == fingerprint)
                return journey;
        }
    }
    return NULL;
}

bool snag_promise_sound(const snag_stage *stage, const snag_item *item)
{
    stored kept;
    if (item->state_bytes == 0)
        return !item->open && item->due_ms == SNAG_NEVER;
    if (!item_get(item, &kept) || !snag_silence_sound(&stage->wait, &kept.silence) ||
        !snag_time_sane(kept.silence.at_ms))
        return false;
    if (kept.silence.deadline_ms == SNAG_TIME_NONE)
        return !item->open && item->due_ms == SNAG_NEVER;
    return snag_time_sane(kept.silence.deadline_ms) &&
           item->open == (kept.silence.level > SNAG_TOLD_NOTHING) &&
           (item->due_ms == SNAG_NEVER || kept.silence.paused_ms == SNAG_TIME_NONE);
}

void snag_promise_explain(const snag_stage *stage, const snag_item *item, snag_buf *buf)
{
    stored kept;
    if (!snag_promise_sound(stage, item) || !item_get(item, &kept))
        return;
    bool reached = kept.silence.deadline_ms == SNAG_TIME_NONE;
    snag_buf_str_put(buf, reached ? SNAG_STR(",\"reached\":\"") : SNAG_STR(",\"promised\":\""));
    snag_time_print(buf, reached ? kept.silence.at_ms : kept.silence.deadline_ms);
    snag_buf_byte(buf, '"');
    if (kept.silence.first_ms != SNAG_TIME_NONE) {
        snag_buf_str_put(buf, SNAG_STR(",\"first_promised\":\""));
        snag_time_print(buf, kept.silence.first_ms);
        snag_buf_byte(buf, '"');
    }
    snag_silence_explain(&kept.silence, buf);
}
