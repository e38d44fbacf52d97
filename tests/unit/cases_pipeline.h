/* SPDX-License-Identifier: Apache-2.0
 *
 * A small pipeline for the tests of the case reader, made by hand: one rule, one journey with a deadline.
 */
#ifndef SNAG_TESTS_CASES_PIPELINE_H
#define SNAG_TESTS_CASES_PIPELINE_H

#include "engine/pipeline.h"

typedef struct cases_pipeline {
    snag_expr_name names[SNAG_VAR_KEPT + 3];
    snag_source_spec source;
    snag_mapping kept[3];
    snag_rule rule;
    snag_stage stages[2];
    snag_journey journey;
    snag_pipeline pipeline;
} cases_pipeline;

/* Fills it in place: it points into itself. */
static inline void cases_pipeline_init(cases_pipeline *self)
{
    static const char *const fixed[] = {
#define X(name, word) word,
        SNAG_FIXED_TABLE(X)
#undef X
    };
    *self = (cases_pipeline){0};
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        self->names[i] = (snag_expr_name){snag_str_from(fixed[i]), SNAG_KIND_TEXT, i};
    self->names[SNAG_VAR_KEPT] = (snag_expr_name){SNAG_STR("order"), SNAG_KIND_TEXT, SNAG_VAR_KEPT};
    self->names[SNAG_VAR_KEPT + 1] =
        (snag_expr_name){SNAG_STR("amount"), SNAG_KIND_DOUBLE, SNAG_VAR_KEPT + 1};
    self->names[SNAG_VAR_KEPT + 2] =
        (snag_expr_name){SNAG_STR("wait"), SNAG_KIND_DURATION, SNAG_VAR_KEPT + 2};
    self->source.fixed[SNAG_VAR_CHANNEL].constant = snag_value_text(SNAG_STR("web"));
    self->source.kept = self->kept;
    self->source.kept_count = 3;
    self->rule.signal.name = SNAG_STR("declined");
    self->stages[0] = (snag_stage){.name = SNAG_STR("checkout"), .wait = SNAG_PATIENCE(1000),
                                   .late = {.name = SNAG_STR("order.checkout.late")}};
    self->stages[1] = (snag_stage){.name = SNAG_STR("paid"), .wait = SNAG_PATIENCE(-1)};
    self->journey = (snag_journey){.name = SNAG_STR("order"), .stages = self->stages, .stage_count = 2};
    self->pipeline = (snag_pipeline){.sources = &self->source, .source_count = 1,
                                     .names = self->names, .name_count = SNAG_VAR_KEPT + 3,
                                     .journeys = &self->journey, .journey_count = 1,
                                     .rules = &self->rule, .rule_count = 1};
}

#endif
