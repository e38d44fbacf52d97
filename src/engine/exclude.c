/* SPDX-License-Identifier: Apache-2.0
 *
 * What `exclude:` leaves out is counted: of a source under the exclusion's name, of a rule under the rule's.
 * Part of the head (recover.c). An event counts once for a rule, by however many of its keys it is named:
 *
 *     excluded       of sources; behind them of rules, in the order of their exclusions
 *     excluded_at    of rules: the event that was counted last, by its number among those that were applied
 */
#include "base/assert.h"
#include "engine/state.h"

void snag_engine_exclude(snag_engine *engine, const snag_op *op)
{
    const snag_rule *rule = &engine->pipeline->rules[op->index];
    const snag_expr *excluded = op->role == SNAG_ROLE_EVENT   ? rule->excluded
                                : op->role == SNAG_ROLE_FOUND ? rule->found_excluded
                                                              : NULL;
    if (excluded == NULL)
        return;
    bool erred = false; /* said when it was asked whether the rule takes it */
    const snag_event *event = engine->work.event;
    uint64_t *last = &engine->excluded_at[rule->exclusion - 1u];
    snag_arena_reset(&engine->eval);
    if (*last == engine->counters.events ||
        !snag_expr_true(excluded, event->vars, event->var_count, &engine->eval, &erred))
        return;
    *last = engine->counters.events;
    engine->excluded[SNAG_EXCLUSIONS_MAX + rule->exclusion - 1u]++;
}

uint64_t snag_engine_excluded(const snag_engine *engine, uint32_t i)
{
    SNAG_ASSERT(i < engine->pipeline->exclusion_count);
    return engine->excluded[i];
}

uint64_t snag_engine_rule_excluded(const snag_engine *engine, uint32_t i)
{
    SNAG_ASSERT(i < engine->pipeline->rule_exclusion_count);
    return engine->excluded[SNAG_EXCLUSIONS_MAX + i];
}

uint64_t snag_engine_excluded_all(const snag_engine *engine)
{
    const snag_pipeline *pipeline = engine->pipeline;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < pipeline->exclusion_count; i++)
        sum += engine->excluded[i];
    for (uint32_t i = 0; i < pipeline->rule_exclusion_count; i++)
        sum += engine->excluded[SNAG_EXCLUSIONS_MAX + i];
    return sum;
}
