/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ties.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/pack.h"

bool snag_ties_wanted(const snag_rule *rule)
{
    return rule->kind->ties && rule->kind->ties(rule);
}

size_t snag_ties_bytes(const snag_pipeline *pipeline)
{
    for (uint32_t r = 0; r < pipeline->rule_count; r++)
        if (snag_ties_wanted(&pipeline->rules[r]))
            return sizeof(struct snag_ties);
    return 0;
}

void snag_ties_init(snag_engine *engine, void *memory)
{
    engine->ties = snag_ties_bytes(engine->pipeline) ? memory : NULL;
    if (engine->ties == NULL)
        return;
    engine->ties->now_ms = engine->ties->looked_ms = engine->ties->newest_ms = SNAG_TIME_NONE;
    engine->ties->count = 0;
    engine->ties->key = NULL;
}

static uint64_t name_of(struct snag_ties *ties, const snag_ahead_key *key, uint32_t fingerprint)
{
    if (ties->key != key) {
        ties->key = key;
        ties->key_hash = snag_hash64(snag_str_of(key->key, key->bytes), 0);
    }
    return ties->key_hash ^ fingerprint * UINT64_C(0x9e3779b97f4a7c15);
}

/* What is of an earlier moment, and the oldest where there is no room for one more. */
static void forget_past(struct snag_ties *ties)
{
    uint32_t kept = 0;
    if (ties->looked_ms == ties->now_ms && ties->count < SNAG_TIES_MAX)
        return;
    ties->looked_ms = ties->now_ms;
    for (uint32_t i = 0; i < ties->count; i++)
        if (ties->list[i].time_ms >= ties->now_ms)
            ties->list[kept++] = ties->list[i];
    if (kept == SNAG_TIES_MAX) {
        kept--;
        memmove(ties->list, ties->list + 1, kept * sizeof ties->list[0]);
    }
    ties->count = kept;
}

void snag_ties_note(snag_engine *engine, const snag_ahead_key *key, uint32_t fingerprint)
{
    struct snag_ties *ties = engine->ties;
    int64_t time_ms = engine->work.event->time_ms;
    if (time_ms < ties->now_ms)
        return;
    forget_past(ties);
    if (ties->newest_ms < time_ms)
        ties->newest_ms = time_ms;
    ties->list[ties->count++] = (snag_tie){time_ms, name_of(ties, key, fingerprint)};
}

void snag_ties_look(snag_engine *engine, const snag_ahead_key *key, const snag_op *ops, uint32_t from,
                    uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (ops[i].stage == SNAG_OP_RULE && ops[i].ties && ops[i].role == SNAG_ROLE_ANSWER &&
            snag_engine_op_role(engine, &ops[i]))
            snag_ties_note(engine, key, ops[i].fingerprint);
}

bool snag_ties_has(snag_engine *engine, const snag_ahead_key *key, uint32_t fingerprint)
{
    struct snag_ties *ties = engine->ties;
    int64_t time_ms = engine->work.event->time_ms;
    if (time_ms > ties->newest_ms || time_ms < ties->now_ms)
        return false;
    uint64_t name = name_of(ties, key, fingerprint);
    for (uint32_t i = 0; i < ties->count; i++)
        if (ties->list[i].name == name && ties->list[i].time_ms == time_ms)
            return true;
    return false;
}

void snag_ties_write(const snag_engine *engine, snag_buf *buf)
{
    const struct snag_ties *ties = engine->ties;
    uint32_t first = 0;
    while (first < ties->count && ties->list[first].time_ms < ties->now_ms)
        first++; /* most often all; those behind one that stays are written, and forgotten later */
    snag_pack_i64(buf, ties->now_ms);
    snag_pack_u16(buf, (uint16_t)(ties->count - first));
    for (uint32_t i = first; i < ties->count; i++) {
        snag_pack_i64(buf, ties->list[i].time_ms);
        snag_pack_i64(buf, (int64_t)ties->list[i].name);
    }
}

void snag_ties_read(snag_engine *engine, snag_unpack *unpack)
{
    struct snag_ties all = {
        .now_ms = SNAG_TIME_NONE, .looked_ms = SNAG_TIME_NONE, .newest_ms = SNAG_TIME_NONE};
    if (unpack->at == unpack->end)
        return;
    all.now_ms = snag_unpack_i64(unpack);
    uint32_t count = snag_unpack_u16(unpack);
    unpack->bad |= count > SNAG_TIES_MAX || !snag_time_sane_or_none(all.now_ms);
    for (; all.count < count && !unpack->bad; all.count++) {
        snag_tie *tie = &all.list[all.count];
        tie->time_ms = snag_unpack_i64(unpack);
        tie->name = (uint64_t)snag_unpack_i64(unpack);
        unpack->bad |= !snag_time_sane(tie->time_ms);
        if (all.newest_ms < tie->time_ms)
            all.newest_ms = tie->time_ms;
    }
    if (engine->ties && !unpack->bad)
        *engine->ties = all;
}
