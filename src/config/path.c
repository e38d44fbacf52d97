/* SPDX-License-Identifier: Apache-2.0
 *
 * What a path needs besides its own fields: the journey it lies in, and a role for each different step.
 */
#include "base/nearest.h"
#include "config/field.h"

static bool same_patterns(const snag_matcher *a, const snag_matcher *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; i < a->count && same; i++) {
        bool found = false;
        for (uint32_t k = 0; k < b->count; k++)
            found = found || (a->patterns[i].prefix == b->patterns[k].prefix &&
                              snag_str_equal(a->patterns[i].text, b->patterns[k].text));
        same = found;
    }
    return same;
}

bool snag_matcher_same(const snag_loader *loader, const snag_matcher *a, const snag_matcher *b)
{
    return same_patterns(a, b) &&
           snag_str_equal(snag_where_text(loader, a->where), snag_where_text(loader, b->where));
}

/* The one journey with this `per`; NULL where there is none or more than one (*many). */
static const snag_journey *journey_of(const snag_pipeline *pipeline, uint16_t scope, bool *many)
{
    const snag_journey *found = NULL;
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        if (pipeline->journeys[i].scope != scope)
            continue;
        *many = *many || found;
        found = &pipeline->journeys[i];
    }
    return found;
}

/* A step that is a stage's name means what enters that stage. */
static void stages_meant(const snag_yaml *path, const snag_journey *journey, snag_matcher *steps)
{
    uint32_t at = 0;
    for (const snag_yaml *step = path->first; step; step = step->next, at++)
        for (uint32_t i = 0; i < journey->stage_count; i++)
            if (step->kind == SNAG_YAML_TEXT && snag_str_equal(step->text, journey->stages[i].name))
                steps[at] = journey->stages[i].event;
}

/* What ends the walk would end the alert in the same moment. */
static void ends_check(snag_loader *loader, const snag_yaml *path, const snag_journey *journey,
                       const snag_matcher *steps)
{
    uint32_t at = 0;
    for (const snag_yaml *step = path->first; step; step = step->next, at++)
        for (uint32_t i = 0; i < journey->stage_count; i++)
            if (journey->stages[i].end.size && snag_matcher_same(loader, &steps[at],
                                                                 &journey->stages[i].event))
                snag_finding_add(loader, step->at,
                                 "path: this step enters %.*s, which ends the walk: nothing is within: "
                                 "journey any more; write a duration, as within: 30d",
                                 SNAG_FMT(journey->stages[i].name));
}

static void roles_give(const snag_loader *loader, snag_steps *path)
{
    uint16_t next = SNAG_ROLE_STEP;
    for (uint32_t i = 0; i < path->count; i++) {
        uint32_t k = 0;
        while (k < i && !snag_matcher_same(loader, &path->matchers[k], &path->matchers[i]))
            k++;
        path->roles[i] = k < i ? path->roles[k] : next;
        next = (uint16_t)(k < i ? next : next << 1);
    }
}

/* Milestones and ends of journeys with the path's `per`, but for what is a step itself. */
static void ends_find(snag_loader *loader, snag_rule *rule)
{
    const snag_pipeline *pipeline = loader->pipeline;
    snag_steps *ends = &rule->params.stages;
    snag_matcher *matchers = snag_loader_take(loader, SNAG_STEPS_MAX * sizeof *matchers);
    ends->matchers = matchers;
    for (uint32_t j = 0; j < pipeline->journey_count; j++) {
        const snag_journey *journey = &pipeline->journeys[j];
        for (uint32_t s = 0; s < journey->stage_count && journey->scope == rule->scope; s++) {
            const snag_stage *stage = &journey->stages[s];
            bool end = stage->end.size && rule->params.within_ms == SNAG_WITHIN_JOURNEY;
            bool own = false;
            for (uint32_t i = 0; i < rule->params.path.count; i++)
                own = own || snag_matcher_same(loader, &rule->params.path.matchers[i], &stage->event);
            if ((!end && (own || stage->milestone.size == 0)) || ends->count == SNAG_STEPS_MAX)
                continue;
            matchers[ends->count] = stage->event;
            ends->roles[ends->count++] = end ? SNAG_ROLE_END : SNAG_ROLE_MILESTONE;
        }
    }
}

void snag_path_finish(snag_loader *loader, const snag_yaml *node, snag_rule *rule)
{
    snag_steps *path = &rule->params.path;
    const snag_yaml *within = snag_yaml_get(node, "within");
    if (path->count == 0)
        return;
    if (rule->params.within_ms == SNAG_WITHIN_JOURNEY) {
        bool many = false;
        const snag_journey *journey = journey_of(loader->pipeline, rule->scope, &many);
        if (!journey || many) {
            snag_finding_add(loader, within->at,
                             "within: journey needs exactly one journey with the same per:");
            return;
        }
        stages_meant(snag_yaml_get(node, "path"), journey, (snag_matcher *)(uintptr_t)path->matchers);
        ends_check(loader, snag_yaml_get(node, "path"), journey, path->matchers);
    }
    roles_give(loader, path);
    ends_find(loader, rule);
    for (uint32_t i = 0; i < path->count; i++)
        if (rule->params.never.count && snag_matcher_same(loader, &path->matchers[i], &rule->params.never))
            snag_finding_add(loader, snag_yaml_get(node, "not")->at, "not: names a step of the path itself");
}
