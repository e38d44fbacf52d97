/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/named.h"

typedef struct naming {
    snag_str type;
    bool named;
} naming;

static void named_by(void *context, const snag_matcher *matcher, uint16_t role)
{
    naming *asked = context;
    (void)role;
    asked->named = asked->named || snag_matcher_takes(matcher, asked->type);
}

static bool is_of_every(const snag_fact *fact)
{
    return fact->event.patterns[0].prefix && fact->event.patterns[0].text.size == 0;
}

bool snag_is_named(const snag_pipeline *pipeline, snag_str type)
{
    naming asked = {type, false};
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        snag_rule_matchers(&pipeline->rules[i], named_by, &asked);
    for (uint32_t i = 0; i < pipeline->fact_count; i++) {
        const snag_fact *fact = &pipeline->facts[i];
        if (!is_of_every(fact))
            named_by(&asked, &fact->event, 0);
        named_by(&asked, &fact->of, 0);
    }
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        named_by(&asked, &pipeline->journeys[i].survey.event, 0);
        named_by(&asked, &pipeline->journeys[i].survey.asked, 0);
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++) {
            named_by(&asked, &pipeline->journeys[i].stages[k].event, 0);
            named_by(&asked, &pipeline->journeys[i].stages[k].pause, 0);
            named_by(&asked, &pipeline->journeys[i].stages[k].resume, 0);
        }
    }
    return asked.named;
}

static bool bears(const snag_event *event, int64_t slot)
{
    return slot >= 0 && slot < event->var_count && event->vars[slot].kind != SNAG_KIND_ABSENT;
}

bool snag_is_taken(const snag_pipeline *pipeline, const snag_event *event)
{
    if (snag_is_named(pipeline, event->type))
        return true;
    for (uint32_t i = 0; i < pipeline->fact_count; i++)
        if (is_of_every(&pipeline->facts[i]) && bears(event, pipeline->facts[i].from_slot))
            return true;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++)
            if (bears(event, pipeline->journeys[i].stages[k].wait.promise))
                return true;
    return false;
}
