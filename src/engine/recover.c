/* SPDX-License-Identifier: Apache-2.0
 *
 * State out and in: changed cells for the changelog and Redis, stored cells back, the engine's
 * part of the
 * changelog head.
 *
 *     head | version 1 | w 8 | target 8 | newest 8 | cursor 8 + 8 | counters 2 | counter 8 each |
 *          | exclusions 1 | name's tag 4, counter 8 each |      only where the pipeline has some
 *          | sources 1 | what is known of their silence |         only where some are watched (dark.c)
 *          | names 2 | how regularly each comes |               only where that is asked (quiet.c)
 *          | now 8 | answers 2 | time 8, name 8 each |          only where rules ask for them (ties.h)
 *     of several sources: version 2, and between cursor and counters
 *          | sources of w, target, cursor 1 each | count 1 | low 8 + newest 8 of each source |
 */
#include "base/assert.h"
#include "base/pack.h"
#include "base/hash.h"
#include "base/planted.h"
#include "engine/dark.h"
#include "engine/ties.h"

enum { HEAD_VERSION = 1, HEAD_VERSION_MERGED = 2, COUNTERS = sizeof(snag_counters) / sizeof(uint64_t) };

bool snag_engine_changed(snag_engine *engine, snag_str *key, snag_str *blob)
{
    return snag_table_changed(&engine->table, key, blob);
}

bool snag_engine_each(const snag_engine *engine, uint64_t *cursor, snag_str *key, snag_str *blob)
{
    const snag_table *table = &engine->table;
    uint64_t index = *cursor ? *cursor : 1;
    for (; index < table->node_top; index++) {
        if ((snag_table_node(table, (uint32_t)index)->flags & SNAG_NODE_LIVE) == 0)
            continue;
        *key = snag_table_key(table, (uint32_t)index);
        *blob = snag_table_bytes(table, (uint32_t)index);
        *cursor = index + 1;
        return true;
    }
    *cursor = index;
    return false;
}

/* The scope that a key's tag names; SNAG_SCOPE_GONE where the pipeline has no such scope any more. */
static uint32_t scope_of(const snag_pipeline *pipeline, uint16_t tag)
{
    uint32_t scope = 0;
    while (scope < pipeline->scope_count && pipeline->scopes[scope].tag != tag)
        scope++;
    return scope < pipeline->scope_count ? scope : SNAG_SCOPE_GONE;
}

/* Captures of format 1 get their names' tags; of what is not known any more nobody can say which names. */
static void upgrade(snag_engine *engine)
{
    snag_item *item = &engine->item;
    for (uint32_t i = 0; engine->cell.version == 1 && snag_cell_item(&engine->cell, i, item); i++) {
        const snag_signal_spec *spec = snag_fold_spec(engine->pipeline, item);
        if (item->capture_bytes == 0)
            continue;
        if (spec)
            snag_item_capture_tag(item, spec);
        else
            item->capture_bytes = 0;
        if (!snag_cell_put(&engine->cell, item)) {
            item->capture_bytes = 0; /* no room for the tags: its headline will do without the names */
            snag_cell_put(&engine->cell, item);
        }
    }
}

/* An episode that will expire may be armed only for that: of the test's own deadline nothing is known. */
static bool rule_sound(const snag_rule *rule, const snag_item *item)
{
    if (rule->kind->sound(rule, item->state, item->state_bytes, item->open, item->due_ms))
        return true;
    return snag_time_sane(item->opened_ms) && item->due_ms == snag_rule_expires(rule, item) &&
           rule->kind->sound(rule, item->state, item->state_bytes, item->open, SNAG_NEVER);
}

/* Of what an earlier version of the pipeline left behind only the bounds are looked at: it is retired. */
static bool item_sound(const snag_pipeline *pipeline, uint32_t scope, const snag_item *item)
{
    const snag_fact *fact = snag_fact_find(pipeline, item->fingerprint);
    if (fact)
        return scope == fact->scope && snag_fact_item_sound(fact, item);
    uint32_t stage;
    const snag_journey *promised = snag_promise_find(pipeline, item->fingerprint, &stage);
    if (promised)
        return promised->scope == scope && !item->keep && snag_promise_sound(&promised->stages[stage], item);
    if (item->fingerprint == SNAG_CLOCK_FINGERPRINT)
        return snag_device_sound(pipeline, scope, item);
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        if (journey->fingerprint == item->fingerprint)
            return journey->scope == scope && !item->keep && snag_walk_sound(journey, item);
    }
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        const snag_rule *rule = snag_rule_of(pipeline, &pipeline->rules[i], item);
        if (rule->signal.fingerprint == item->fingerprint)
            return rule->scope == scope && !item->keep && rule_sound(rule, item);
    }
    return true;
}

/* Lengths and slots are in order (snag_cell_check); whether the meaning can be ours is asked here. */
static bool cell_sound(snag_engine *engine, uint32_t scope)
{
    snag_cell *cell = &engine->cell;
    snag_item *item = &engine->item;
    snag_evidence evidence;
    if (!snag_time_sane_or_none(cell->judged_ms))
        return false;
    for (uint32_t i = 0; snag_cell_item(cell, i, item); i++) {
        if (!item_sound(engine->pipeline, scope, item) ||
            (item->open && !snag_time_sane(item->opened_ms)) ||
            (item->due_ms != SNAG_NEVER && !snag_time_sane(item->due_ms)) ||
            !snag_time_sane_or_none(item->cooldown_ms))
            return false;
        for (uint32_t k = 0; snag_item_evidence(cell, item, k, &evidence); k++)
            if (!snag_time_sane(evidence.time_ms))
                return false;
    }
    return true;
}

static void count_needs(snag_engine *engine, uint32_t index, int sign)
{
    bool whole = snag_cell_unpack(&engine->spare, snag_table_bytes(&engine->table, index));
    SNAG_ASSERT(whole);
    snag_cell_needs needs = snag_cell_needs_of(&engine->spare);
    engine->open_episodes += (uint64_t)(sign * (int64_t)needs.open);
    engine->armed += (uint64_t)(sign * (int64_t)needs.armed);
    engine->open_walks += (uint64_t)(sign * (int64_t)needs.hold);
}

static void restore_remove(snag_engine *engine, uint32_t index)
{
    snag_table *table = &engine->table;
    snag_node *node = snag_table_node(table, index);
    count_needs(engine, index, -1);
    snag_engine_mark(engine, index, false);
    if (node->scope != 0 || node->children == 0) {
        snag_table_remove(table, index, false);
        return;
    }
    /* Its cells come or go later in the log: an empty one stands in for it. */
    snag_buf buf = snag_buf_on(engine->packed, sizeof engine->packed);
    snag_cell_clear(&engine->cell);
    snag_cell_pack(&engine->cell, &buf);
    if (!snag_table_set(table, index, snag_buf_str(&buf)))
        engine->full = true;
}

/* The customer's own node for a cell that came before it. */
static uint32_t restore_parent(snag_engine *engine, snag_str owner)
{
    snag_buf key = snag_buf_on(engine->work.key, sizeof engine->work.key);
    snag_cell_key_put(&key, 0, owner, (snag_str){"", 0});
    uint32_t hash = snag_table_hash(snag_buf_str(&key));
    uint32_t index = snag_table_find(&engine->table, snag_buf_str(&key), hash);
    if (index)
        return index;
    return snag_engine_add_customer(engine, snag_buf_str(&key), hash);
}

snag_err snag_engine_restore(snag_engine *engine, snag_str key, snag_str blob)
{
    snag_table *table = &engine->table;
    uint16_t tag;
    snag_str owner;
    snag_str per;
    if (!snag_cell_key_get(key, &tag, &owner, &per) || per.size > SNAG_PER_BYTES_MAX)
        return SNAG_STATE;
    if (tag == SNAG_SCOPE_TAG_LEARNED)
        return snag_learn_restore(engine, key, blob);
    if (tag == SNAG_SCOPE_TAG_SEGMENT)
        return snag_segment_restore(engine, key, owner, blob);
    uint32_t scope = scope_of(engine->pipeline, tag);
    uint32_t hash = snag_table_hash(key);
    uint32_t index = snag_table_find(table, key, hash);
    if (blob.size == 0) {
        if (index)
            restore_remove(engine, index);
        return SNAG_OK;
    }
    if (blob.size > SNAG_CELL_BYTES_MAX || !snag_cell_unpack(&engine->cell, blob) ||
        !snag_cell_check(&engine->cell))
        return SNAG_STATE;
    if (!snag_table_has_room(table))
        return SNAG_FULL;
    upgrade(engine);
    if (!cell_sound(engine, scope))
        return SNAG_STATE;
    snag_buf buf = snag_buf_on(engine->packed, sizeof engine->packed);
    snag_cell_pack(&engine->cell, &buf);
    if (index) {
        count_needs(engine, index, -1);
        if (!snag_table_set(table, index, snag_buf_str(&buf)))
            return SNAG_FULL;
    } else {
        uint32_t parent = scope == 0 ? 0 : restore_parent(engine, owner);
        index = snag_table_add(table, key, hash, (uint8_t)scope, parent, snag_buf_str(&buf));
        if (index == 0)
            return SNAG_FULL;
    }
    count_needs(engine, index, 1);
    snag_engine_mark(engine, index, scope == SNAG_SCOPE_GONE ||
                                        snag_engine_cell_strange(engine, &engine->cell, &engine->item));
    snag_cell_needs needs = snag_cell_needs_of(&engine->cell);
    if (needs.frozen) /* perhaps under other rules, which wait for no silent source */
        engine->loosen = true;
    if (!snag_planted(TIMERS_DROPPED))
        snag_engine_arm(engine, index, &needs);
    return SNAG_OK;
}

static void flows_write(const snag_engine *engine, snag_buf *buf)
{
    snag_pack_u8(buf, (uint8_t)engine->w_source);
    snag_pack_u8(buf, (uint8_t)engine->target_source);
    snag_pack_u8(buf, (uint8_t)engine->cursor_source);
    snag_pack_u8(buf, (uint8_t)engine->flow_count);
    for (uint32_t i = 0; i < engine->flow_count; i++) {
        snag_pack_i64(buf, engine->flows[i].low_ms);
        snag_pack_i64(buf, engine->flows[i].newest_ms);
    }
}

/* What a head says of sources; one of format 1 says it of the only one. */
typedef struct flows_read {
    uint32_t w_source;
    uint32_t target_source;
    uint32_t cursor_source;
    uint32_t count;
    snag_flow flows[SNAG_FLOWS_MAX];
} flows_read;

static bool flows_unpack(snag_unpack *unpack, flows_read *out)
{
    out->w_source = snag_unpack_u8(unpack);
    out->target_source = snag_unpack_u8(unpack);
    out->cursor_source = snag_unpack_u8(unpack);
    out->count = snag_unpack_u8(unpack);
    if (unpack->bad || out->count < 2 || out->count > SNAG_FLOWS_MAX ||
        out->w_source > SNAG_FLOWS_MAX || out->target_source > SNAG_FLOWS_MAX ||
        out->cursor_source > SNAG_FLOWS_MAX)
        return false;
    for (uint32_t i = 0; i < out->count; i++) {
        out->flows[i].low_ms = snag_unpack_i64(unpack);
        out->flows[i].newest_ms = snag_unpack_i64(unpack);
    }
    return !unpack->bad;
}

/* The state may be of another list of sources: those behind its end are new, those behind ours are gone. */
static void flows_take(snag_engine *engine, const flows_read *read)
{
    if (engine->flow_count == 1) { /* at its time, what another source's place lies behind is applied */
        engine->merged_before = read->count > 1;
        engine->newest_ms = read->flows[0].newest_ms;
        if (read->cursor_source > 0)
            engine->cursor_offset = INT64_MAX;
        return;
    }
    engine->w_source = read->w_source;
    engine->target_source = read->target_source;
    engine->cursor_source = read->cursor_source;
    for (uint32_t i = 0; i < engine->flow_count && i < read->count; i++) {
        engine->flows[i].low_ms = read->flows[i].low_ms;
        engine->flows[i].newest_ms = read->flows[i].newest_ms;
    }
}

/* Names of sources' exclusions and those of rules are of two kinds. */
enum { OF_SOURCE = 0, OF_RULE = 1 };

static uint32_t exclusion_tag(snag_str name, uint64_t whose)
{
    return (uint32_t)snag_hash64(name, whose);
}

void snag_engine_head_write(const snag_engine *engine, snag_buf *buf)
{
    uint64_t counters[COUNTERS];
    memcpy(counters, &engine->counters, sizeof counters);
    bool merged = engine->flow_count > 1;
    snag_pack_u8(buf, merged ? HEAD_VERSION_MERGED : HEAD_VERSION);
    snag_pack_i64(buf, engine->w_ms);
    snag_pack_i64(buf, engine->target_ms);
    snag_pack_i64(buf, snag_engine_newest(engine));
    snag_pack_i64(buf, engine->cursor_ms);
    snag_pack_i64(buf, engine->cursor_offset);
    if (merged)
        flows_write(engine, buf);
    snag_pack_u16(buf, COUNTERS);
    snag_buf_put(buf, counters, sizeof counters);
    const snag_pipeline *pipeline = engine->pipeline;
    uint32_t exclusions = pipeline->exclusion_count + pipeline->rule_exclusion_count;
    bool ties = engine->ties != NULL; /* parts that stand before it are written, if empty */
    if (exclusions || pipeline->watches || pipeline->quiet || ties)
        snag_pack_u8(buf, (uint8_t)exclusions);
    for (uint32_t i = 0; i < pipeline->exclusion_count; i++) {
        snag_pack_u32(buf, exclusion_tag(pipeline->exclusions[i].name, OF_SOURCE));
        snag_pack_i64(buf, (int64_t)engine->excluded[i]);
    }
    for (uint32_t i = 0; i < pipeline->rule_exclusion_count; i++) {
        snag_pack_u32(buf, exclusion_tag(pipeline->rule_exclusions[i].name, OF_RULE));
        snag_pack_i64(buf, (int64_t)engine->excluded[SNAG_EXCLUSIONS_MAX + i]);
    }
    if (pipeline->watches || pipeline->quiet)
        snag_dark_write(engine, buf);
    else if (ties)
        snag_pack_u8(buf, 0);
    if (engine->quiets)
        snag_quiet_write(engine, buf);
    else if (ties)
        snag_pack_u16(buf, 0);
    if (ties)
        snag_ties_write(engine, buf);
}

/* Those of exclusions that are gone are dropped; new ones begin at nothing. */
static void excluded_read(snag_engine *engine, snag_unpack *unpack)
{
    uint8_t count = unpack->at < unpack->end ? snag_unpack_u8(unpack) : 0;
    for (; count > 0 && !unpack->bad; count--) {
        uint32_t tag = snag_unpack_u32(unpack);
        uint64_t value = (uint64_t)snag_unpack_i64(unpack);
        const snag_pipeline *pipeline = engine->pipeline;
        for (uint32_t i = 0; i < pipeline->exclusion_count; i++)
            if (exclusion_tag(pipeline->exclusions[i].name, OF_SOURCE) == tag)
                engine->excluded[i] = value;
        for (uint32_t i = 0; i < pipeline->rule_exclusion_count; i++)
            if (exclusion_tag(pipeline->rule_exclusions[i].name, OF_RULE) == tag)
                engine->excluded[SNAG_EXCLUSIONS_MAX + i] = value;
    }
}

snag_err snag_engine_head_read(snag_engine *engine, snag_str bytes)
{
    uint64_t counters[COUNTERS] = {0};
    flows_read read = {.count = 1};
    snag_unpack unpack = snag_unpack_on(bytes);
    uint8_t version = snag_unpack_u8(&unpack);
    if (version != HEAD_VERSION && version != HEAD_VERSION_MERGED)
        return SNAG_STATE;
    int64_t w_ms = snag_unpack_i64(&unpack);
    int64_t target_ms = snag_unpack_i64(&unpack);
    int64_t newest_ms = snag_unpack_i64(&unpack);
    int64_t cursor_ms = snag_unpack_i64(&unpack);
    int64_t cursor_offset = snag_unpack_i64(&unpack);
    read.flows[0] = (snag_flow){.low_ms = target_ms, .newest_ms = newest_ms};
    if (version == HEAD_VERSION_MERGED && !flows_unpack(&unpack, &read))
        return SNAG_STATE;
    /* New counters are added at the end of the table: a head may hold fewer than we know. */
    uint16_t count = snag_unpack_u16(&unpack);
    for (uint16_t i = 0; i < count; i++) {
        uint64_t value = (uint64_t)snag_unpack_i64(&unpack);
        if (i < COUNTERS)
            counters[i] = value;
    }
    excluded_read(engine, &unpack);
    snag_dark_read(engine, &unpack);
    snag_quiet_read(engine, &unpack);
    snag_ties_read(engine, &unpack);
    if (unpack.bad || target_ms < w_ms ||
        (target_ms == w_ms && read.target_source < read.w_source))
        return SNAG_STATE;
    engine->w_ms = w_ms;
    engine->learn.since_ms = w_ms;
    engine->target_ms = target_ms;
    engine->newest_ms = newest_ms;
    engine->cursor_ms = cursor_ms;
    engine->cursor_offset = cursor_offset;
    flows_take(engine, &read);
    memcpy(&engine->counters, counters, sizeof counters);
    if (engine->loosen && engine->strange == 0) /* so that what it arms counts among what is due */
        snag_dark_loosen(engine);
    return SNAG_OK;
}

snag_str snag_cell_owner(snag_str key)
{
    uint16_t tag;
    snag_str owner;
    snag_str per;
    if (!snag_cell_key_get(key, &tag, &owner, &per) || tag == SNAG_SCOPE_TAG_LEARNED ||
        tag == SNAG_SCOPE_TAG_SEGMENT)
        return (snag_str){"", 0};
    return owner;
}
