/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/words.h"

#include "base/pack.h"
#include "base/utf8.h"
#include "engine/state.h"

/* Of each text; the words of a whole pipeline must fit into one record. */
enum { TEXT_BYTES_MAX = 256, HEADLINE_BYTES_MAX = 512 };

static const char magic[8] = {'S', 'N', 'A', 'G', 'R', 'U', 'L', 'E'};

static void put_text(snag_buf *buf, snag_str text, size_t most)
{
    snag_pack_text(buf, snag_utf8_cut(text, most));
}

static void put_entry(snag_buf *buf, const snag_words_entry *entry, uint16_t scope_tag)
{
    const snag_signal_spec *spec = &entry->spec;
    snag_pack_u32(buf, entry->fingerprint);
    snag_pack_u8(buf, entry->stage);
    snag_pack_u16(buf, scope_tag);
    snag_pack_u32(buf, entry->late);
    snag_pack_u8(buf, (uint8_t)spec->severity);
    snag_pack_u8(buf, spec->shadow);
    put_text(buf, spec->name, TEXT_BYTES_MAX);
    put_text(buf, spec->test, TEXT_BYTES_MAX);
    put_text(buf, spec->owner, TEXT_BYTES_MAX);
    put_text(buf, spec->playbook, TEXT_BYTES_MAX);
    put_text(buf, spec->headline, HEADLINE_BYTES_MAX);
    put_text(buf, spec->clears_when, TEXT_BYTES_MAX);
    put_text(buf, entry->journey, TEXT_BYTES_MAX);
    put_text(buf, entry->stage_name, TEXT_BYTES_MAX);
    snag_pack_u8(buf, (uint8_t)spec->tag_count);
    for (uint32_t i = 0; i < spec->tag_count; i++)
        put_text(buf, spec->tags[i], SNAG_TAG_BYTES_MAX);
}

/* A promise is stored under its stage's own fingerprint: its entry is like a rule's. */
static void put_promises(snag_buf *buf, const snag_pipeline *pipeline, const snag_journey *journey)
{
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        const snag_stage *stage = &journey->stages[i];
        snag_words_entry entry = {.fingerprint = stage->late.fingerprint,
                                  .stage = SNAG_WORDS_RULE,
                                  .scope = journey->scope,
                                  .spec = stage->late};
        if (stage->wait.promise >= 0)
            put_entry(buf, &entry, pipeline->scopes[entry.scope].tag);
    }
}

static uint32_t promises_of(const snag_journey *journey)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < journey->stage_count; i++)
        count += journey->stages[i].wait.promise >= 0;
    return count;
}

static void put_journey(snag_buf *buf, const snag_pipeline *pipeline, const snag_journey *journey)
{
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        const snag_stage *stage = &journey->stages[i];
        snag_words_entry entry = {.fingerprint = journey->fingerprint,
                                  .stage = (uint8_t)i,
                                  .scope = journey->scope,
                                  .journey = journey->name,
                                  .stage_name = stage->name};
        if (snag_stage_waits(stage)) {
            entry.late = stage->late.fingerprint;
            entry.spec = stage->late;
        }
        put_entry(buf, &entry, pipeline->scopes[entry.scope].tag);
    }
}

static void get_tags(snag_unpack *unpack, snag_words_entry *entry)
{
    uint8_t count = snag_unpack_u8(unpack);
    unpack->bad |= count > SNAG_TAGS_MAX;
    for (uint8_t i = 0; i < count && !unpack->bad; i++)
        entry->tags[i] = snag_unpack_text(unpack);
    entry->spec.tags = entry->tags;
    entry->spec.tag_count = unpack->bad ? 0 : count;
}

static void get_entry(snag_unpack *unpack, uint16_t format, snag_words_entry *entry)
{
    snag_signal_spec *spec = &entry->spec;
    *entry = (snag_words_entry){.spec = {.sla_ms = -1}};
    entry->fingerprint = snag_unpack_u32(unpack);
    entry->stage = snag_unpack_u8(unpack);
    entry->scope = snag_unpack_u16(unpack);
    entry->late = snag_unpack_u32(unpack);
    uint8_t severity = snag_unpack_u8(unpack);
    unpack->bad |= severity >= SNAG_SEVERITY_COUNT;
    spec->severity = (snag_severity)severity;
    spec->shadow = snag_unpack_u8(unpack) != 0;
    spec->name = snag_unpack_text(unpack);
    spec->test = snag_unpack_text(unpack);
    spec->owner = snag_unpack_text(unpack);
    spec->playbook = snag_unpack_text(unpack);
    spec->headline = snag_unpack_text(unpack);
    spec->clears_when = snag_unpack_text(unpack);
    entry->journey = snag_unpack_text(unpack);
    entry->stage_name = snag_unpack_text(unpack);
    if (format >= 2)
        get_tags(unpack, entry);
    unpack->bad |= entry->stage == SNAG_WORDS_RULE && spec->name.size == 0;
}

/* Behind the head; the number of entries, 0 where they are not ours. */
static uint16_t begin(snag_unpack *unpack, uint16_t *format)
{
    char mark[sizeof magic];
    snag_unpack_bytes(unpack, mark, sizeof mark);
    *format = snag_unpack_u16(unpack);
    uint16_t count = snag_unpack_u16(unpack);
    unpack->bad |= memcmp(mark, magic, sizeof magic) != 0 || *format == 0 || *format > SNAG_WORDS_FORMAT;
    return unpack->bad ? 0 : count;
}

static bool is_ours(const snag_pipeline *pipeline, const snag_words_entry *entry)
{
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        if (pipeline->journeys[i].fingerprint == entry->fingerprint &&
            entry->stage < pipeline->journeys[i].stage_count)
            return true;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (pipeline->rules[i].signal.fingerprint == entry->fingerprint && entry->stage == SNAG_WORDS_RULE)
            return true;
    uint32_t stage;
    return entry->stage == SNAG_WORDS_RULE && snag_promise_find(pipeline, entry->fingerprint, &stage);
}

/* Those that are not ours; returns how many. buf NULL = only counts. */
static uint32_t put_earlier(const snag_pipeline *pipeline, snag_str earlier, size_t room, snag_buf *buf)
{
    snag_unpack unpack = snag_unpack_on(earlier);
    snag_words_entry entry;
    uint32_t count = 0;
    uint16_t format;
    for (uint16_t left = begin(&unpack, &format); left > 0; left--) {
        const char *from = unpack.at;
        get_entry(&unpack, format, &entry);
        size_t size = (size_t)(unpack.at - from) + (format < 2); /* no tags are a byte */
        if (unpack.bad || size > room)
            break;
        if (is_ours(pipeline, &entry))
            continue;
        room -= size;
        count++;
        if (buf)
            put_entry(buf, &entry, entry.scope);
    }
    return count;
}

void snag_words_write(const snag_pipeline *pipeline, snag_str earlier, snag_buf *buf)
{
    const size_t room = SNAG_WORDS_BYTES_MAX / 2; /* ours take no more than the other half */
    uint32_t count = pipeline->rule_count + put_earlier(pipeline, earlier, room, NULL);
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        count += pipeline->journeys[i].stage_count + promises_of(&pipeline->journeys[i]);
    snag_buf_put(buf, magic, sizeof magic);
    snag_pack_u16(buf, SNAG_WORDS_FORMAT);
    snag_pack_u16(buf, (uint16_t)count);
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        put_journey(buf, pipeline, &pipeline->journeys[i]);
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        put_promises(buf, pipeline, &pipeline->journeys[i]);
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        const snag_rule *rule = &pipeline->rules[i];
        snag_words_entry entry = {.fingerprint = rule->signal.fingerprint,
                                  .stage = SNAG_WORDS_RULE,
                                  .scope = rule->scope,
                                  .spec = rule->signal};
        put_entry(buf, &entry, pipeline->scopes[entry.scope].tag);
    }
    put_earlier(pipeline, earlier, room, buf);
}

bool snag_words_sound(snag_str words)
{
    snag_unpack unpack = snag_unpack_on(words);
    snag_words_entry entry;
    uint16_t format;
    for (uint16_t left = begin(&unpack, &format); left > 0 && !unpack.bad; left--)
        get_entry(&unpack, format, &entry);
    return !unpack.bad && unpack.at == unpack.end;
}

bool snag_words_find(snag_str words, uint32_t fingerprint, uint8_t stage, snag_words_entry *entry)
{
    snag_unpack unpack = snag_unpack_on(words);
    uint16_t format;
    for (uint16_t left = begin(&unpack, &format); left > 0 && !unpack.bad; left--) {
        get_entry(&unpack, format, entry);
        if (entry->fingerprint == fingerprint && entry->stage == stage)
            return !unpack.bad;
    }
    return false;
}
