/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that come no more (`quiet_event:`): an event that used to come regularly, a rule that used to find
 * something. Not a customer's trouble but the data's: a renamed event, a mapping that broke.
 *
 *     x  x x   x  x |  longest pause  |  twice that, and at least `quiet_event:`   | told, once
 *
 * Only names of the pipeline file are watched, so that their number is known; only by the partition that
 * speaks for all: its customers are a fair share of all. A pause while a source was silent is none.
 * What was told and comes again resolves, and its pause is from then on the longest.
 *
 *     head | names 2 | name's tag 4, count 4, told 8, newest 8, longest 8 each |
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/utf8.h"
#include "engine/dark.h"

enum { REGULAR_FROM = 20, LONGER = 2, TAG_FINDS = 1, TAG_PREFIX = 2 };

static uint32_t slots_of(const snag_quiet *quiet)
{
    uint32_t slots = 8;
    while (slots < quiet->exact_count * 2)
        slots *= 2;
    return slots;
}

size_t snag_quiet_bytes(const snag_pipeline *pipeline)
{
    const snag_quiet *quiet = pipeline->quiet;
    return quiet ? quiet->count * sizeof(snag_quiet_state) + slots_of(quiet) * sizeof(uint16_t) : 0;
}

/* Where a name stands, or the free place for it. */
static uint16_t *slot_of(const snag_engine *engine, snag_str name)
{
    const snag_quiet *quiet = engine->pipeline->quiet;
    uint32_t at = (uint32_t)snag_hash64(name, 0) & engine->quiet_mask;
    while (engine->quiet_slots[at] && !snag_str_equal(quiet->names[engine->quiet_slots[at] - 1].text, name))
        at = (at + 1) & engine->quiet_mask;
    return &engine->quiet_slots[at];
}

void snag_quiet_init(snag_engine *engine, void *memory)
{
    const snag_quiet *quiet = engine->pipeline->quiet;
    engine->quiet_due_ms = SNAG_NEVER;
    if (!quiet)
        return;
    engine->quiets = memory;
    engine->quiet_slots = (uint16_t *)(void *)(engine->quiets + quiet->count);
    engine->quiet_mask = slots_of(quiet) - 1;
    memset(engine->quiet_slots, 0, slots_of(quiet) * sizeof(uint16_t));
    for (uint32_t i = 0; i < quiet->count; i++)
        engine->quiets[i] = (snag_quiet_state){.newest_ms = SNAG_TIME_NONE, .told_ms = SNAG_TIME_NONE};
    for (uint32_t i = 0; i < quiet->exact_count; i++)
        *slot_of(engine, quiet->names[i].text) = (uint16_t)(i + 1);
    snag_dark_look_all(engine);
}

/* The newest end of a silence of any source: a pause across it is no pause of the name. */
static int64_t sources_back_ms(const snag_engine *engine)
{
    int64_t back_ms = SNAG_TIME_NONE;
    for (uint32_t s = 0; s < SNAG_SOURCES_MAX; s++)
        if (engine->darks[s].was_back_ms != SNAG_NEVER && engine->darks[s].was_back_ms > back_ms)
            back_ms = engine->darks[s].was_back_ms;
    return back_ms;
}

static int64_t pause_of(const snag_engine *engine, const snag_quiet_state *state)
{
    int64_t pause_ms = state->longest_ms * LONGER;
    int64_t least_ms = engine->pipeline->quiet->after_ms;
    return pause_ms > least_ms ? pause_ms : least_ms;
}

static int64_t due_of(const snag_engine *engine, const snag_quiet_state *state)
{
    int64_t from_ms = sources_back_ms(engine);
    if (state->told_ms != SNAG_TIME_NONE || state->count < REGULAR_FROM || engine->dark)
        return SNAG_NEVER;
    return (from_ms > state->newest_ms ? from_ms : state->newest_ms) + pause_of(engine, state);
}

void snag_quiet_look(snag_engine *engine)
{
    engine->quiet_due_ms = SNAG_NEVER;
    for (uint32_t i = 0; i < engine->pipeline->quiet->count; i++) {
        int64_t due_ms = due_of(engine, &engine->quiets[i]);
        if (due_ms < engine->quiet_due_ms)
            engine->quiet_due_ms = due_ms;
    }
}

/* "No Payment Failed for 2h", "Rule declined has found nothing for 2d". */
static void say(snag_engine *engine, uint32_t i, int64_t ended_ms)
{
    const snag_quiet_name *name = &engine->pipeline->quiet->names[i];
    const snag_quiet_state *state = &engine->quiets[i];
    const snag_signal_spec *spec = &engine->pipeline->quiet->signal;
    char text[SNAG_TYPE_BYTES_MAX + 256];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_str shown = snag_utf8_cut(name->text, 60);
    snag_buf_printf(&buf, name->finds ? "Rule %.*s has found nothing for " : "No %.*s for ", SNAG_FMT(shown));
    snag_duration_print(&buf, pause_of(engine, state));
    snag_buf_str_put(&buf, SNAG_STR("; its longest pause so far was "));
    snag_duration_print(&buf, state->longest_ms);
    snag_dark_say(engine, spec, name->text, snag_buf_str(&buf), state->newest_ms, state->told_ms, ended_ms);
}

void snag_quiet_step(snag_engine *engine)
{
    int64_t now_ms = engine->quiet_due_ms;
    for (uint32_t i = 0; i < engine->pipeline->quiet->count; i++) {
        int64_t due_ms = due_of(engine, &engine->quiets[i]);
        if (due_ms > now_ms)
            continue;
        engine->quiets[i].told_ms = due_ms;
        say(engine, i, SNAG_NEVER);
    }
    snag_quiet_look(engine);
}

static void came(snag_engine *engine, uint32_t i, int64_t time_ms)
{
    snag_quiet_state *state = &engine->quiets[i];
    int64_t pause_ms = state->count > 0 ? time_ms - state->newest_ms : 0;
    if (state->count > 0 && pause_ms < 0)
        return;
    bool begins = state->told_ms != SNAG_TIME_NONE || state->count + 1 == REGULAR_FROM;
    if (state->told_ms != SNAG_TIME_NONE)
        say(engine, i, time_ms);
    if (pause_ms > state->longest_ms && sources_back_ms(engine) <= state->newest_ms)
        state->longest_ms = pause_ms;
    state->newest_ms = time_ms;
    state->told_ms = SNAG_TIME_NONE;
    state->count += state->count < UINT32_MAX;
    if (begins && due_of(engine, state) < engine->quiet_due_ms) {
        engine->quiet_due_ms = due_of(engine, state);
        snag_dark_look_all(engine);
    }
}

void snag_quiet_event(snag_engine *engine, const snag_event *event)
{
    const snag_quiet *quiet = engine->pipeline->quiet;
    uint16_t exact = *slot_of(engine, event->type);
    if (exact)
        came(engine, exact - 1u, event->time_ms);
    for (uint32_t i = quiet->exact_count; i < quiet->event_count; i++)
        if (snag_str_starts(event->type, quiet->names[i].text))
            came(engine, i, event->time_ms);
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
}

void snag_quiet_found(snag_engine *engine, snag_str name)
{
    const snag_quiet *quiet = engine->pipeline->quiet;
    for (uint32_t i = quiet->event_count; i < quiet->count; i++)
        if (snag_str_equal(quiet->names[i].text, name))
            came(engine, i, engine->work.at_ms);
}

/* --- state ------------------------------------------------------------------------------------- */

static uint32_t tag_of(const snag_quiet_name *name)
{
    uint64_t seed = (name->finds ? TAG_FINDS : 0u) | (name->prefix ? TAG_PREFIX : 0u);
    return (uint32_t)snag_hash64(name->text, seed);
}

void snag_quiet_write(const snag_engine *engine, snag_buf *buf)
{
    const snag_quiet *quiet = engine->pipeline->quiet;
    snag_pack_u16(buf, (uint16_t)quiet->count);
    for (uint32_t i = 0; i < quiet->count; i++) {
        const snag_quiet_state *state = &engine->quiets[i];
        snag_pack_u32(buf, tag_of(&quiet->names[i]));
        snag_pack_u32(buf, state->count);
        snag_pack_i64(buf, state->told_ms);
        snag_pack_i64(buf, state->newest_ms);
        snag_pack_i64(buf, state->longest_ms);
    }
}

static void state_take(snag_engine *engine, uint32_t tag, const snag_quiet_state *state)
{
    const snag_quiet *quiet = engine->pipeline->quiet;
    for (uint32_t i = 0; engine->quiets && i < quiet->count; i++)
        if (tag_of(&quiet->names[i]) == tag)
            engine->quiets[i] = *state;
}

/* Names that are gone are forgotten. */
void snag_quiet_read(snag_engine *engine, snag_unpack *unpack)
{
    uint16_t count = unpack->at < unpack->end ? snag_unpack_u16(unpack) : 0;
    for (; count > 0 && !unpack->bad; count--) {
        uint32_t tag = snag_unpack_u32(unpack);
        snag_quiet_state state = {.count = snag_unpack_u32(unpack)};
        state.told_ms = snag_unpack_i64(unpack);
        state.newest_ms = snag_unpack_i64(unpack);
        state.longest_ms = snag_unpack_i64(unpack);
        unpack->bad |= state.longest_ms < 0 || !snag_time_sane(state.longest_ms) ||
                       (state.count > 0 && !snag_time_sane(state.newest_ms)) ||
                       !snag_time_sane_or_none(state.told_ms);
        if (!unpack->bad)
            state_take(engine, tag, &state);
    }
    if (!engine->quiets)
        return;
    snag_quiet_look(engine);
    snag_dark_look_all(engine);
}
