/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the engine's files: silent sources, what is frozen for them, and
 * names that are quiet.
 */
#ifndef SNAG_ENGINE_DARK_H
#define SNAG_ENGINE_DARK_H

#include "engine/state.h"

/* --- dark.c: silent sources --- */
void snag_dark_init(snag_engine *engine);
/* An event is about to be applied: its source is not silent, or not any more. */
void snag_dark_event(snag_engine *engine, const snag_event *event);
/* Arms again what was restored as frozen and waits for no silent source any more. */
void snag_dark_loosen(snag_engine *engine);
/* Does what is to be done at instant_ms; false: the budget is used up. */
bool snag_dark_step(snag_engine *engine, uint32_t *budget);
/* Whether what is due at due_ms waits for a source that is silent. */
static inline bool snag_dark_waits(const snag_engine *engine, uint8_t waits, int64_t due_ms)
{
    uint32_t rest = (uint32_t)(waits & engine->dark & ~engine->released);
    for (; rest; rest &= rest - 1)
        if (due_ms > engine->darks[__builtin_ctz(rest)].last_ms)
            return true;
    return false;
}
/* Which silent source it is, and when it came back. */
snag_str snag_dark_by(const snag_engine *engine, uint8_t waits);
int64_t snag_dark_back_ms(const snag_engine *engine, uint8_t waits);
void snag_dark_write(const snag_engine *engine, snag_buf *buf);
void snag_dark_read(snag_engine *engine, snag_unpack *unpack);

/* An alert about no customer: key is what it is about; it began at began_ms, named by what is in `named`. */
void snag_dark_say(snag_engine *engine, const snag_signal_spec *spec, snag_str key, snag_str headline,
                   int64_t named_ms, int64_t began_ms, int64_t ended_ms);
/* What follows from the phases; after quiet_due_ms changed. */
void snag_dark_look_all(snag_engine *engine);

/* --- quiet.c: names that come no more --- */
size_t snag_quiet_bytes(const snag_pipeline *pipeline);
/* On that much zeroed memory. */
void snag_quiet_init(snag_engine *engine, void *memory);
void snag_quiet_event(snag_engine *engine, const snag_event *event);
/* A rule or stage has found something. */
void snag_quiet_found(snag_engine *engine, snag_str name);
/* W has passed quiet_due_ms. */
void snag_quiet_step(snag_engine *engine);
/* When the next may be quiet. */
void snag_quiet_look(snag_engine *engine);
void snag_quiet_write(const snag_engine *engine, snag_buf *buf);
void snag_quiet_read(snag_engine *engine, snag_unpack *unpack);

/* --- frozen.c: what that does to cells --- */
/* The item's deadline waits from now on. spec: and would open an episode of this, named by the deadline;
 * NULL: it would not. */
void snag_dark_freeze(snag_engine *engine, const snag_signal_spec *spec, snag_item *item,
                      int64_t deadline_ms);
/* An item was armed for due_ms, held or frozen, and is at work: what an event has made of it. */
void snag_dark_look(snag_engine *engine, const snag_signal_spec *spec, snag_item *item, int64_t due_ms);
/* Thaws what of a cell waits for the source of this event and is due before it. */
void snag_dark_release(snag_engine *engine, uint32_t index, const snag_event *event);
/* Takes back what began after the source's last record, at its turn … */
void snag_frozen_take_back(snag_engine *engine, uint32_t index);
/* … which is armed here, where an episode may have to be. */
void snag_frozen_arm(snag_engine *engine, uint32_t index, uint32_t source);
/* Frozen items that wait for none of these sources, and are due before before_ms, are armed again. */
bool snag_frozen_thaw(snag_engine *engine, uint32_t index, uint8_t dark, int64_t before_ms);

/* --- what apply.c asks of each event: next to nothing where no source is watched --- */
static inline void snag_dark_see(snag_engine *engine, const snag_event *event)
{
    if (engine->watching)
        snag_dark_event(engine, event);
}
/* An event is about to meet a cell: what waits for its source there. */
static inline void snag_dark_let(snag_engine *engine, uint32_t index, const snag_event *event, bool late)
{
    if (engine->dark && !late)
        snag_dark_release(engine, index, event);
}
/* When the item at work was due, if it waits for a silent source; and what the event has made of it. */
static inline int64_t snag_dark_before(const snag_engine *engine)
{
    return engine->item.frozen || engine->item.held ? engine->item.due_ms : SNAG_TIME_NONE;
}
static inline void snag_dark_after(snag_engine *engine, const snag_signal_spec *spec, int64_t due_ms)
{
    if (due_ms != SNAG_TIME_NONE)
        snag_dark_look(engine, spec, &engine->item, due_ms);
}

#endif
