/* SPDX-License-Identifier: Apache-2.0
 *
 * Silent sources: where a source brings nothing in any partition for longer than its `silent:` says, it is
 * the source that is in trouble, not its customers. Whoever runs the engine finds that out, for it takes a
 * look at all partitions (snag_engine_silent, snag_engine_back); what follows from it is done here.
 *
 *     last record          from = last + silent                    back                lit
 *     ----x--------------------|-----------------------------------|-------------------|------
 *           stalls: published  : taken back; from now on held       : still held        : those that still
 *                              : source_silent: trigger             : ... resolve       : wait are published
 *
 * Lit: an event of the source, not older than W, has come to this partition; or else twice `silent:` after
 * it was back, within which a source that only coughed is silent again. A cell's own event of that source
 * goes before that: what is due before it is published, what it answers in time is withdrawn.
 *
 *     head | sources 1 | name's tag 4, phase 1, last, from, back, lit, was back, again 8 + 8: 8 each |
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/utf8.h"
#include "engine/dark.h"

/* With rekeyed sources there are more flows than sources. */
static uint32_t sources(const snag_engine *engine)
{
    uint32_t count = engine->pipeline->source_count;
    return count > 1 ? count : 1;
}

static const snag_source_watch *watch_of(const snag_engine *engine, uint32_t source)
{
    return engine->pipeline->watches ? &engine->pipeline->watches[source] : NULL;
}

static bool watched(const snag_engine *engine, uint32_t source)
{
    const snag_source_watch *watch = watch_of(engine, source);
    return watch && watch->after_ms > 0;
}

static int64_t after_ms(const snag_engine *engine, uint32_t source)
{
    return engine->pipeline->watches[source].after_ms;
}

/* When there is something to do about it; SNAG_TIME_NONE = at once. */
static int64_t instant_of(const snag_engine *engine, uint32_t source)
{
    const snag_dark *dark = &engine->darks[source];
    int64_t again_ms = SNAG_NEVER;
    switch (dark->phase) {
    case SNAG_DARK_DUE: return dark->from_ms;
    case SNAG_DARK_SILENT: return dark->back_ms == SNAG_NEVER ? SNAG_NEVER : dark->back_ms - 1;
    case SNAG_DARK_BACK:
        if (dark->again_ms != SNAG_TIME_NONE)
            again_ms = dark->again_ms + after_ms(engine, source);
        return again_ms < dark->lit_ms ? again_ms : dark->lit_ms;
    case SNAG_DARK_TAKING:
    case SNAG_DARK_THAWING: return SNAG_TIME_NONE;
    case SNAG_DARK_LIT: break;
    }
    return SNAG_NEVER;
}

static void look(snag_engine *engine)
{
    uint8_t before = engine->dark;
    engine->watching = engine->quiets != NULL;
    engine->dark = 0;
    engine->instant_ms = SNAG_NEVER;
    for (uint32_t s = 0; s < sources(engine); s++) {
        snag_dark_phase phase = engine->darks[s].phase;
        int64_t instant_ms = instant_of(engine, s);
        engine->watching |= phase != SNAG_DARK_LIT;
        if (phase != SNAG_DARK_LIT && phase != SNAG_DARK_DUE)
            engine->dark |= (uint8_t)(1u << s);
        if (instant_ms < engine->instant_ms)
            engine->instant_ms = instant_ms;
    }
    if (engine->quiets && engine->dark != before)
        snag_quiet_look(engine);
    if (engine->quiets && engine->quiet_due_ms < engine->instant_ms)
        engine->instant_ms = engine->quiet_due_ms;
}

void snag_dark_look_all(snag_engine *engine)
{
    look(engine);
}

void snag_dark_init(snag_engine *engine)
{
    for (uint32_t s = 0; s < SNAG_SOURCES_MAX; s++)
        engine->darks[s] = (snag_dark){.last_ms = SNAG_TIME_NONE, .from_ms = SNAG_TIME_NONE,
                                       .back_ms = SNAG_NEVER, .lit_ms = SNAG_NEVER,
                                       .was_back_ms = SNAG_NEVER,
                                       .again_ms = SNAG_TIME_NONE, .again_back_ms = SNAG_NEVER};
    look(engine);
}

/* --- the alert --------------------------------------------------------------------------------- */

/* Named by what it is about and the last time it came: the same in every run. */
static void name(const snag_engine *engine, const snag_signal_spec *spec, snag_str key, int64_t named_ms,
                 uint8_t episode[16])
{
    snag_sha256 sha;
    uint8_t digest[32];
    char text[24];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_sha256_init(&sha);
    snag_sha256_add_text(&sha, engine->pipeline->name);
    snag_sha256_add_text(&sha, spec->name);
    snag_sha256_add_text(&sha, key);
    snag_buf_int(&buf, named_ms);
    snag_sha256_add_text(&sha, snag_buf_str(&buf));
    snag_sha256_end(&sha, digest);
    memcpy(episode, digest, 16);
}

static snag_str dedup_key(snag_engine *engine, const snag_signal_spec *spec, snag_str key)
{
    char text[SNAG_DEDUP_BYTES_MAX];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_str parts[] = {engine->pipeline->name, spec->name, key};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (i)
            snag_buf_byte(&buf, '/');
        snag_buf_str_put(&buf, snag_utf8_cut(parts[i], sizeof text - buf.size));
    }
    return snag_fold_copy(engine, snag_buf_str(&buf));
}

void snag_dark_say(snag_engine *engine, const snag_signal_spec *spec, snag_str key, snag_str headline,
                   int64_t named_ms, int64_t began_ms, int64_t ended_ms)
{
    bool begins = ended_ms == SNAG_NEVER;
    if (engine->mute)
        return;
    engine->counters.signals += begins;
    engine->counters.published += begins;
    engine->counters.resolved += !begins;
    snag_outbox_class class = begins ? SNAG_CLASS_TRIGGER : SNAG_CLASS_RESOLVE;
    snag_record *record = snag_outbox_add(&engine->outbox, class, 0, SNAG_RECORD_ALERT);
    snag_alert *alert = &record->as.alert;
    *alert = (snag_alert){.seq = begins ? 1 : 2, .severity = spec->severity,
                          .action = begins ? SNAG_ACTION_TRIGGER : SNAG_ACTION_RESOLVE,
                          .time_ms = begins ? began_ms : ended_ms, .key = key, .owner = spec->owner,
                          .playbook = spec->playbook, .rule = spec->name, .test = spec->test,
                          .clears_when = spec->clears_when, .respond_by_ms = SNAG_NEVER,
                          .since_ms = SNAG_TIME_NONE, .observed = -1, .threshold = -1,
                          .within_ms = began_ms - named_ms, .deadline_ms = began_ms,
                          .basis = SNAG_BASIS_FIXED, .first_deadline_ms = SNAG_TIME_NONE, .level = -1,
                          .overdue_by_ms = begins ? -1 : ended_ms - began_ms,
                          .lasted_ms = begins ? -1 : ended_ms - began_ms,
                          .reason = begins ? SNAG_REASON_NONE : SNAG_REASON_MOVED_ON,
                          .total = -1, .first_ms = SNAG_TIME_NONE, .last_ms = SNAG_TIME_NONE,
                          .attempts = -1, .value = -1, .limit = -1};
    name(engine, spec, key, named_ms, alert->episode);
    alert->headline = snag_fold_copy(engine, headline);
    alert->dedup_key = dedup_key(engine, spec, key);
}

static void tell(snag_engine *engine, uint32_t source, bool begins)
{
    const snag_dark *dark = &engine->darks[source];
    const snag_signal_spec *spec = &engine->pipeline->watches[source].signal;
    snag_dark_say(engine, spec, engine->pipeline->sources[source].name, spec->headline, dark->last_ms,
                  dark->from_ms, begins ? SNAG_NEVER : dark->back_ms);
}

/* --- steps ------------------------------------------------------------------------------------- */

/* Goes on through all cells and arms again what is frozen and waits for none of these sources; true: past the
 * last. */
static bool thaw_all(snag_engine *engine, uint8_t dark, uint32_t *budget)
{
    const snag_table *table = &engine->table;
    if (engine->scan == 0)
        engine->scan = 1;
    for (; engine->scan < table->node_top; engine->scan++) {
        uint8_t flags = snag_table_node(table, engine->scan)->flags;
        if ((flags & SNAG_NODE_LIVE) == 0 || (flags & SNAG_NODE_FROZEN) == 0)
            continue;
        if (*budget == 0 || engine->full)
            return false;
        *budget -= snag_frozen_thaw(engine, engine->scan, dark, SNAG_NEVER);
    }
    engine->scan = 0;
    return true;
}

/* By itself it is no reason for time to go on, or what is armed for a time that has passed would fire earlier
 * than without a restart. */
void snag_dark_loosen(snag_engine *engine)
{
    uint32_t all = UINT32_MAX;
    engine->loosen = !thaw_all(engine, engine->dark, &all) && !engine->full;
}

/* Cells that have said something since are armed for now, so that the wheel puts them in their order. After a
 * restart in between this is done again: those that were taken back have nothing more to say. */
static bool take_back_all(snag_engine *engine, uint32_t source, uint32_t *budget)
{
    const snag_table *table = &engine->table;
    bool some = engine->open_episodes > 0 && engine->scan == 0;
    engine->taking = source;
    for (uint32_t i = 1; i < table->node_top && some; i++)
        if (snag_table_node(table, i)->flags & SNAG_NODE_LIVE)
            snag_frozen_arm(engine, i, source);
    engine->scan = 1; /* done with that */
    if (!snag_engine_fire_wheel(engine, engine->darks[source].from_ms + 1, budget))
        return false;
    engine->scan = 0;
    return true;
}

static void begin(snag_engine *engine, uint32_t source)
{
    engine->darks[source].phase = SNAG_DARK_TAKING;
    tell(engine, source, true);
}

static void back_set(snag_dark *dark, int64_t back_ms, int64_t gap_ms)
{
    dark->back_ms = back_ms;
    dark->lit_ms = back_ms == SNAG_NEVER ? SNAG_NEVER : back_ms + 2 * gap_ms;
}

static void arm(snag_dark *dark, int64_t last_ms, int64_t back_ms, int64_t gap_ms)
{
    dark->last_ms = last_ms;
    dark->from_ms = last_ms + gap_ms;
    dark->again_ms = SNAG_TIME_NONE;
    dark->again_back_ms = SNAG_NEVER;
    back_set(dark, back_ms, gap_ms);
}

/* Back, and now what is held may go, or another silence has begun. */
static void back_end(snag_engine *engine, uint32_t source)
{
    snag_dark *dark = &engine->darks[source];
    int64_t gap_ms = after_ms(engine, source);
    if (dark->again_ms == SNAG_TIME_NONE || dark->again_ms + gap_ms > dark->lit_ms) {
        dark->phase = SNAG_DARK_THAWING;
        return;
    }
    arm(dark, dark->again_ms, dark->again_back_ms, gap_ms);
    begin(engine, source);
}

static bool thaw_end(snag_engine *engine, uint32_t source, uint32_t *budget)
{
    snag_dark *dark = &engine->darks[source];
    if (!thaw_all(engine, engine->dark & (uint8_t)~(1u << source), budget))
        return false;
    dark->phase = SNAG_DARK_LIT;
    if (dark->again_ms != SNAG_TIME_NONE) {
        arm(dark, dark->again_ms, dark->again_back_ms, after_ms(engine, source));
        dark->phase = SNAG_DARK_DUE;
    }
    return true;
}

static bool source_step(snag_engine *engine, uint32_t source, uint32_t *budget)
{
    snag_dark *dark = &engine->darks[source];
    switch (dark->phase) {
    case SNAG_DARK_DUE: begin(engine, source); return true;
    case SNAG_DARK_TAKING:
        if (!take_back_all(engine, source, budget))
            return false;
        dark->phase = SNAG_DARK_SILENT;
        return true;
    case SNAG_DARK_SILENT:
        tell(engine, source, false);
        dark->was_back_ms = dark->back_ms;
        dark->phase = SNAG_DARK_BACK;
        return true;
    case SNAG_DARK_BACK: back_end(engine, source); return true;
    case SNAG_DARK_THAWING: return thaw_end(engine, source, budget);
    case SNAG_DARK_LIT: break;
    }
    return true;
}

bool snag_dark_step(snag_engine *engine, uint32_t *budget)
{
    bool done = true;
    if (engine->instant_ms == engine->quiet_due_ms && engine->quiets) {
        snag_quiet_step(engine);
    } else {
        for (uint32_t s = 0; s < sources(engine); s++)
            if (instant_of(engine, s) == engine->instant_ms) {
                done = source_step(engine, s, budget);
                break;
            }
    }
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
    look(engine);
    return done;
}

/* --- from outside ------------------------------------------------------------------------------ */

static void come_back(snag_engine *engine, uint32_t source, int64_t at_ms)
{
    snag_dark *dark = &engine->darks[source];
    int64_t gap_ms = after_ms(engine, source);
    bool again = dark->again_ms != SNAG_TIME_NONE;
    int64_t from_ms = again ? dark->again_ms + gap_ms : dark->from_ms;
    int64_t back_ms = at_ms > from_ms ? at_ms : from_ms + 1;
    if (again && dark->again_back_ms == SNAG_NEVER)
        dark->again_back_ms = back_ms;
    else if (!again && dark->back_ms == SNAG_NEVER)
        back_set(dark, back_ms, gap_ms);
}

void snag_engine_silent(snag_engine *engine, uint32_t source, int64_t last_ms)
{
    SNAG_ASSERT(source < sources(engine) && watched(engine, source));
    snag_dark *dark = &engine->darks[source];
    if (last_ms <= dark->last_ms || last_ms <= dark->again_ms) /* SNAG_TIME_NONE is before all */
        return;
    if (dark->phase == SNAG_DARK_LIT || (dark->phase == SNAG_DARK_DUE && dark->back_ms == SNAG_NEVER)) {
        arm(dark, last_ms, SNAG_NEVER, after_ms(engine, source));
        dark->phase = SNAG_DARK_DUE;
    } else {
        come_back(engine, source, last_ms); /* of lanes, another than the one that will say so may be first */
        dark->again_ms = last_ms;
        dark->again_back_ms = SNAG_NEVER;
    }
    look(engine);
}

void snag_engine_back(snag_engine *engine, uint32_t source, int64_t last_ms, int64_t at_ms)
{
    SNAG_ASSERT(source < sources(engine));
    const snag_dark *dark = &engine->darks[source];
    bool another = last_ms != (dark->again_ms != SNAG_TIME_NONE ? dark->again_ms : dark->last_ms);
    if (dark->phase == SNAG_DARK_LIT || (last_ms != SNAG_TIME_NONE && another))
        return;
    come_back(engine, source, at_ms);
    look(engine);
}

/* Of a lane that was behind the one whose hop found the silence: its record came before that began. */
static bool came_before(const snag_engine *engine, const snag_event *event, int64_t last_ms)
{
    bool laned = engine->laned >> event->position.source & 1;
    return laned && event->stamp_ms != SNAG_TIME_NONE && event->stamp_ms <= last_ms;
}

void snag_dark_event(snag_engine *engine, const snag_event *event)
{
    uint32_t source = event->position.source;
    snag_dark *dark = &engine->darks[source];
    int64_t time_ms = snag_event_borne_ms(event);
    bool in_time = event->time_ms >= engine->w_ms; /* W here: of the last move, however far it was */
    int64_t now_ms = in_time ? event->time_ms : engine->w_ms;
    uint32_t budget = UINT32_MAX;
    if (engine->quiets)
        snag_quiet_event(engine, event);
    bool again = dark->again_ms != SNAG_TIME_NONE;
    int64_t last_ms = again ? dark->again_ms : dark->last_ms;
    bool before = (in_time && time_ms <= last_ms) || came_before(engine, event, last_ms);
    if (dark->phase == SNAG_DARK_LIT || dark->phase == SNAG_DARK_THAWING)
        return;
    if (again && time_ms > dark->again_ms && time_ms <= dark->again_ms + after_ms(engine, source))
        dark->again_ms = SNAG_TIME_NONE; /* it was not silent again */
    if (dark->phase == SNAG_DARK_DUE && time_ms > dark->last_ms && time_ms <= dark->from_ms)
        dark->phase = SNAG_DARK_LIT; /* it was not silent */
    else if (!before) /* else it waited its turn */
        come_back(engine, source, now_ms);
    if (in_time && dark->back_ms != SNAG_NEVER && now_ms - 1 < dark->lit_ms)
        dark->lit_ms = (now_ms > dark->back_ms ? now_ms : dark->back_ms) - 1;
    look(engine);
    if (engine->instant_ms < now_ms)
        (void)snag_engine_fire(engine, now_ms, &budget);
}

snag_engine_silence snag_engine_silence_of(const snag_engine *engine, uint32_t source)
{
    SNAG_ASSERT(source < sources(engine));
    const snag_dark *dark = &engine->darks[source];
    int64_t last_ms = dark->again_ms != SNAG_TIME_NONE ? dark->again_ms : dark->last_ms;
    bool lit = dark->phase == SNAG_DARK_LIT || dark->phase == SNAG_DARK_THAWING;
    bool back = !lit && dark->back_ms != SNAG_NEVER && dark->again_ms == SNAG_TIME_NONE;
    return (snag_engine_silence){.silent = !lit && !back, .back = back, .last_ms = last_ms,
                                 .from_ms = dark->from_ms};
}

void snag_engine_mute(snag_engine *engine)
{
    engine->mute = true;
    engine->quiets = NULL;
    look(engine);
}

void snag_engine_hush(snag_engine *engine)
{
    engine->quiets = NULL;
    look(engine);
}

/* Of several the first, as the file has them. */
static uint32_t silent_source(const snag_engine *engine, uint8_t waits)
{
    uint32_t of = waits & engine->dark ? waits & engine->dark : waits;
    for (uint32_t s = 0; s < sources(engine); s++)
        if ((of & 1u << s) && engine->darks[s].last_ms != SNAG_TIME_NONE)
            return s;
    return SNAG_SOURCES_MAX;
}

snag_str snag_dark_by(const snag_engine *engine, uint8_t waits)
{
    uint32_t source = silent_source(engine, waits);
    return source < SNAG_SOURCES_MAX ? engine->pipeline->sources[source].name : (snag_str){"", 0};
}

int64_t snag_dark_back_ms(const snag_engine *engine, uint8_t waits)
{
    uint32_t source = silent_source(engine, waits);
    int64_t back_ms = source < SNAG_SOURCES_MAX ? engine->darks[source].was_back_ms : SNAG_NEVER;
    return back_ms == SNAG_NEVER ? engine->work.at_ms : back_ms;
}

/* --- state ------------------------------------------------------------------------------------- */

static uint32_t tag_of(const snag_engine *engine, uint32_t source)
{
    return (uint32_t)snag_hash64(engine->pipeline->sources[source].name, 0);
}

void snag_dark_write(const snag_engine *engine, snag_buf *buf)
{
    snag_pack_u8(buf, (uint8_t)sources(engine));
    for (uint32_t s = 0; s < sources(engine); s++) {
        const snag_dark *dark = &engine->darks[s];
        snag_pack_u32(buf, tag_of(engine, s));
        snag_pack_u8(buf, (uint8_t)dark->phase);
        snag_pack_i64(buf, dark->last_ms);
        snag_pack_i64(buf, dark->from_ms);
        snag_pack_i64(buf, dark->back_ms);
        snag_pack_i64(buf, dark->lit_ms);
        snag_pack_i64(buf, dark->was_back_ms);
        snag_pack_i64(buf, dark->again_ms);
        snag_pack_i64(buf, dark->again_back_ms);
    }
}

static bool sound_time(int64_t time_ms)
{
    return time_ms == SNAG_TIME_NONE || time_ms == SNAG_NEVER || snag_time_sane(time_ms);
}

static bool sound(const snag_dark *dark)
{
    return dark->phase <= SNAG_DARK_THAWING && sound_time(dark->last_ms) && sound_time(dark->from_ms) &&
           sound_time(dark->back_ms) && sound_time(dark->lit_ms) && sound_time(dark->again_ms) &&
           sound_time(dark->again_back_ms) && sound_time(dark->was_back_ms) &&
           (dark->back_ms == SNAG_NEVER) == (dark->lit_ms == SNAG_NEVER) &&
           (dark->phase == SNAG_DARK_LIT ||
            (snag_time_sane(dark->last_ms) && snag_time_sane(dark->from_ms))) &&
           (dark->phase != SNAG_DARK_BACK || snag_time_sane(dark->back_ms));
}

/* Sources that are watched no more are forgotten; what is frozen for them is thawed. */
void snag_dark_read(snag_engine *engine, snag_unpack *unpack)
{
    uint8_t count = unpack->at < unpack->end ? snag_unpack_u8(unpack) : 0;
    for (; count > 0 && !unpack->bad; count--) {
        uint32_t tag = snag_unpack_u32(unpack);
        snag_dark dark = {.phase = (snag_dark_phase)snag_unpack_u8(unpack)};
        dark.last_ms = snag_unpack_i64(unpack);
        dark.from_ms = snag_unpack_i64(unpack);
        dark.back_ms = snag_unpack_i64(unpack);
        dark.lit_ms = snag_unpack_i64(unpack);
        dark.was_back_ms = snag_unpack_i64(unpack);
        dark.again_ms = snag_unpack_i64(unpack);
        dark.again_back_ms = snag_unpack_i64(unpack);
        unpack->bad |= !sound(&dark);
        for (uint32_t s = 0; s < sources(engine) && !unpack->bad; s++)
            if (watched(engine, s) && tag_of(engine, s) == tag)
                engine->darks[s] = dark;
    }
    look(engine);
}
