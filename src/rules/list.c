/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rule.h"

#define X(name) extern const snag_rule_kind snag_rule_##name;
#include "rules/list.h"
#undef X

const snag_rule_kind *const snag_rule_kinds[] = {
#define X(name) &snag_rule_##name,
#include "rules/list.h"
#undef X
};

const uint32_t snag_rule_kind_count = sizeof snag_rule_kinds / sizeof snag_rule_kinds[0];

static void each_step(const snag_steps *steps, snag_rule_each *each, void *context)
{
    for (uint32_t i = 0; i < steps->count; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again = again || (steps->roles[k] == steps->roles[i] && steps->roles[i] >= SNAG_ROLE_STEP);
        if (!again)
            each(context, &steps->matchers[i], steps->roles[i]);
    }
}

void snag_rule_matchers(const snag_rule *rule, snag_rule_each *each, void *context)
{
    for (uint32_t i = 0; i < rule->kind->field_count; i++) {
        const snag_field *field = &rule->kind->fields[i];
        const void *value = (const char *)&rule->params + field->offset;
        if (field->type == SNAG_FIELD_STEPS)
            each_step(value, each, context);
        else if (field->type == SNAG_FIELD_MATCHER && ((const snag_matcher *)value)->count)
            each(context, value, field->role);
    }
    each_step(&rule->params.stages, each, context);
    if (rule->event.count)
        each(context, &rule->event, SNAG_ROLE_EVENT);
}
