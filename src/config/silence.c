/* SPDX-License-Identifier: Apache-2.0
 *
 * `silent:` of the sources: a duration, or { after, events, owner, severity, playbook }; and which rules and
 * journeys wait for what a source brings.
 *
 *     chats: { silent: { after: 10m, events: [Chat Answered, "Chat Closed *"] } }
 *     rules: { waits: { event: Chat Asked, missing: Chat Answered } }        held while chats is silent
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "config/key.h"

static const char rule_name[] = "source_silent";

/* Whether some event has both patterns' names. */
static bool meet(const snag_pattern *a, const snag_pattern *b)
{
    if (a->prefix && b->prefix)
        return snag_str_starts(a->text, b->text) || snag_str_starts(b->text, a->text);
    return a->prefix ? snag_pattern_matches(a, b->text) : snag_pattern_matches(b, a->text);
}

/* What is awaited may be among the events of the source; without a list it may bring any. */
static bool brings(const snag_matcher *events, const snag_matcher *awaited)
{
    bool any = events->count == 0 && awaited->count > 0;
    for (uint32_t i = 0; i < events->count; i++)
        for (uint32_t k = 0; k < awaited->count; k++)
            any = any || meet(&events->patterns[i], &awaited->patterns[k]);
    return any;
}

/* Rules whose kind waits for an event: it comes, or another one makes waiting pointless. */
static bool rule_waits(const snag_rule *rule, const snag_matcher *events)
{
    return rule->kind && rule->kind->take_back &&
           (brings(events, &rule->params.missing) || brings(events, &rule->params.until) ||
            brings(events, &rule->params.pause));
}

static bool journey_waits(const snag_journey *journey, const snag_matcher *events)
{
    bool waits = false;
    for (uint32_t i = 0; i < journey->stage_count; i++)
        waits = waits || brings(events, &journey->stages[i].event) ||
                brings(events, &journey->stages[i].pause);
    return waits;
}

static void stages_mark(snag_loader *loader, snag_journey *journey, uint8_t bit)
{
    snag_stage *stages = (snag_stage *)(uintptr_t)journey->stages; /* ours until it is handed out */
    journey->waits |= bit;
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        snag_stage *each = (snag_stage *)(uintptr_t)stages[i].by_shape;
        stages[i].late.waits |= bit;
        for (uint32_t k = 0; each && k < loader->pipeline->shape_count; k++)
            each[k].late.waits |= bit;
    }
}

/* Whether anything waits for it. */
static bool waits_mark(snag_loader *loader, uint32_t source, const snag_matcher *events)
{
    const snag_pipeline *pipeline = loader->pipeline;
    uint8_t bit = (uint8_t)(1u << source);
    bool any = false;
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        if (!journey_waits(&loader->journeys[i], events))
            continue;
        stages_mark(loader, &loader->journeys[i], bit);
        any = true;
    }
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        snag_rule *rule = &loader->rules[i];
        snag_rule *each = (snag_rule *)(uintptr_t)rule->by_shape;
        if (!rule_waits(rule, events))
            continue;
        rule->signal.waits |= bit;
        for (uint32_t k = 0; each && k < pipeline->shape_count; k++)
            each[k].signal.waits |= bit;
        any = true;
    }
    return any;
}

static void signal_fill(snag_loader *loader, const snag_silence_raw *raw, snag_str source,
                        snag_source_watch *out)
{
    char text[SNAG_TEXT_BYTES_MAX];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_printf(&buf, "Source %.*s is silent: no record for more than ", SNAG_FMT(source));
    snag_duration_print(&buf, out->after_ms);
    snag_buf_str_put(&buf, SNAG_STR("; what waits for it is held"));
    out->signal = (snag_signal_spec){.name = snag_str_from(rule_name), .test = SNAG_STR("silent"),
                                     .severity = (snag_severity)(raw->severity >= 0 ? raw->severity : 0),
                                     .owner = raw->owner, .playbook = raw->playbook,
                                     .headline = snag_loader_keep(loader, &buf), .sla_ms = -1};
    buf.size = 0;
    snag_buf_printf(&buf, "a record of %.*s", SNAG_FMT(source));
    out->signal.clears_when = snag_loader_keep(loader, &buf);
}

static bool raw_load(snag_loader *loader, const snag_yaml *node, snag_silence_raw *raw, snag_matcher *events)
{
    snag_yaml none = {.kind = SNAG_YAML_MAP};
    bool whole = node->kind == SNAG_YAML_MAP;
    if (!snag_section_load(loader, &snag_section_silence, whole ? node : &none, raw, NULL, NULL))
        return false;
    if (!whole)
        return snag_duration_load(loader, node, SNAG_SECOND_MS, INT64_C(3653) * SNAG_DAY_MS, &raw->after_ms);
    if (!snag_yaml_get(node, "after") && !snag_key_given(loader, node, "after"))
        snag_finding_add(loader, node->at,
                         "silent: after: is missing: for how long may the source be silent?");
    if (raw->events && raw->events->kind == SNAG_YAML_MAP) {
        snag_finding_add(loader, raw->events->at, "events: expected a name or a list of names");
        return false;
    }
    if (raw->events && !snag_matcher_load(loader, raw->events, NULL, events))
        return false;
    return raw->after_ms > 0;
}

static void silence_load(snag_loader *loader, uint32_t source, const snag_yaml *node)
{
    snag_silence_raw raw = {0};
    snag_matcher events = {0};
    const snag_source_spec *spec = &loader->sources[source];
    snag_source_watch *out = &loader->watches[source];
    if (!raw_load(loader, node, &raw, &events))
        return;
    if (spec->table) {
        snag_finding_add(loader, node->key_at,
                         "silent: does not go with table: a table's rows answer nothing, so nothing waits "
                         "for them");
        return;
    }
    if (spec->clock_log) {
        snag_finding_add(loader, node->key_at,
                         "silent: needs clock: wall: with clock: log nobody can say how long nothing came");
        return;
    }
    if (raw.after_ms < spec->out_of_order_ms) {
        snag_finding_add(loader, node->key_at, "silent: must not be shorter than out_of_order:");
        return;
    }
    out->after_ms = raw.after_ms;
    signal_fill(loader, &raw, spec->name, out);
    if (!waits_mark(loader, source, &events) && events.count > 0)
        snag_finding_add(loader, raw.events->at, "events: no rule or journey waits for any of these");
}

void snag_silences_load(snag_loader *loader)
{
    snag_pipeline *pipeline = loader->pipeline;
    const snag_yaml *first = NULL;
    for (uint32_t i = 0; i < pipeline->source_count; i++)
        first = first ? first : loader->silent[i];
    if (!first)
        return;
    loader->watches = snag_loader_take(loader, SNAG_SOURCES_MAX * sizeof *loader->watches);
    pipeline->watches = loader->watches;
    for (uint32_t i = 0; i < pipeline->source_count; i++)
        if (loader->silent[i])
            silence_load(loader, i, loader->silent[i]);
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (snag_str_equal(pipeline->rules[i].signal.name, snag_str_from(rule_name)))
            snag_finding_add(loader, first->key_at,
                             "silent: alerts of sources are called source_silent, and a rule has that name");
}

static void add_int(snag_sha256 *sha, const char *name, int64_t value)
{
    char digits[24];
    snag_buf buf = snag_buf_on(digits, sizeof digits);
    snag_buf_int(&buf, value);
    snag_sha256_add_text(sha, snag_str_from(name));
    snag_sha256_add_text(sha, snag_buf_str(&buf));
}

static void add_signal(snag_sha256 *sha, const char *name, int64_t after_ms, const snag_signal_spec *signal)
{
    add_int(sha, name, after_ms);
    add_int(sha, "severity", signal->severity);
    snag_sha256_add_text(sha, signal->owner);
    snag_sha256_add_text(sha, signal->playbook);
}

/* What follows from `events:`, the rules' and journeys' waits, is the same again where they are. */
void snag_silences_hash(const snag_pipeline *pipeline, snag_sha256 *sha)
{
    for (uint32_t s = 0; pipeline->watches && s < pipeline->source_count; s++) {
        if (pipeline->watches[s].after_ms == 0)
            continue;
        add_int(sha, "silent", s);
        add_signal(sha, "after", pipeline->watches[s].after_ms, &pipeline->watches[s].signal);
        for (uint32_t i = 0; i < pipeline->journey_count; i++)
            add_int(sha, "waits", pipeline->journeys[i].waits >> s & 1);
        for (uint32_t i = 0; i < pipeline->rule_count; i++)
            add_int(sha, "waits", pipeline->rules[i].signal.waits >> s & 1);
    }
    if (pipeline->quiet)
        add_signal(sha, "quiet_event", pipeline->quiet->after_ms, &pipeline->quiet->signal);
}
