/* SPDX-License-Identifier: Apache-2.0
 *
 * `quiet_event:`: a duration, or { after, severity, owner, playbook }; and the names that it watches: every
 * event that rules and stages name, and what they find.
 */
#include "base/time.h"
#include "config/key.h"

static const char rule_name[] = "quiet_event";

typedef struct names {
    snag_quiet_name *list;
    uint32_t count;
    uint32_t left_out;
} names;

static void name_add(names *all, snag_str text, bool prefix, bool finds)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (snag_str_equal(all->list[i].text, text) && all->list[i].prefix == prefix &&
            all->list[i].finds == finds)
            return;
    if (text.size == 0)
        return; /* any event: that is a source's silence */
    if (all->count == SNAG_QUIETS_MAX)
        all->left_out++;
    else
        all->list[all->count++] = (snag_quiet_name){text, prefix, finds};
}

static void matcher_add(names *all, const snag_matcher *matcher, bool prefix)
{
    for (uint32_t i = 0; i < matcher->count; i++)
        if (matcher->patterns[i].prefix == prefix)
            name_add(all, matcher->patterns[i].text, prefix, false);
}

typedef struct adding {
    names *all;
    bool prefix;
} adding;

static void each_add(void *context, const snag_matcher *matcher, uint16_t role)
{
    const adding *to = context;
    if (role != SNAG_ROLE_END && role != SNAG_ROLE_MILESTONE) /* stages are added themselves */
        matcher_add(to->all, matcher, to->prefix);
}

static void events_add(const snag_pipeline *pipeline, names *all, bool prefix)
{
    adding to = {all, prefix};
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++)
            matcher_add(all, &pipeline->journeys[i].stages[k].event, prefix);
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (pipeline->rules[i].kind)
            snag_rule_matchers(&pipeline->rules[i], each_add, &to);
}

static void finds_add(const snag_pipeline *pipeline, names *all)
{
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++)
            if (snag_stage_waits(&pipeline->journeys[i].stages[k]))
                name_add(all, pipeline->journeys[i].stages[k].late.name, false, true);
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        name_add(all, pipeline->rules[i].signal.name, false, true);
}

static void names_fill(snag_loader *loader, const snag_yaml *node, snag_quiet *out)
{
    const snag_pipeline *pipeline = loader->pipeline;
    names all = {.list = snag_loader_take(loader, SNAG_QUIETS_MAX * sizeof *all.list)};
    events_add(pipeline, &all, false);
    out->exact_count = all.count;
    events_add(pipeline, &all, true);
    out->event_count = all.count;
    finds_add(pipeline, &all);
    out->count = all.count;
    out->names = all.list;
    if (all.left_out)
        snag_finding_add(loader, node->key_at,
                         "quiet_event: the file names %u events and rules; at most %u can be watched",
                         all.count + all.left_out, SNAG_QUIETS_MAX);
}

static bool raw_load(snag_loader *loader, const snag_yaml *node, snag_quiet_raw *raw)
{
    snag_yaml none = {.kind = SNAG_YAML_MAP};
    bool whole = node->kind == SNAG_YAML_MAP;
    if (!snag_section_load(loader, &snag_section_quiet, whole ? node : &none, raw, NULL, NULL))
        return false;
    if (!whole)
        return snag_duration_load(loader, node, SNAG_SECOND_MS, INT64_C(3653) * SNAG_DAY_MS, &raw->after_ms);
    if (!snag_yaml_get(node, "after") && !snag_key_given(loader, node, "after"))
        snag_finding_add(loader, node->at,
                         "quiet_event: after: is missing: which pause is too short to tell?");
    return raw->after_ms > 0;
}

void snag_quiet_load(snag_loader *loader, const snag_yaml *node)
{
    snag_pipeline *pipeline = loader->pipeline;
    snag_quiet_raw raw = {0};
    if (!node || !raw_load(loader, node, &raw))
        return;
    snag_quiet *out = snag_loader_take(loader, sizeof *out);
    out->after_ms = raw.after_ms;
    out->signal = (snag_signal_spec){.name = snag_str_from(rule_name), .test = SNAG_STR("quiet"),
                                     .severity = (snag_severity)(raw.severity >= 0 ? raw.severity : 0),
                                     .owner = raw.owner, .playbook = raw.playbook, .sla_ms = -1,
                                     .clears_when = SNAG_STR("it comes again")};
    names_fill(loader, node, out);
    pipeline->quiet = out;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (snag_str_equal(pipeline->rules[i].signal.name, snag_str_from(rule_name)))
            snag_finding_add(loader, node->key_at,
                             "quiet_event: its alerts are called quiet_event, and a rule has that name");
}
