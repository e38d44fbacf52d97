/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of one rule: what stands behind the functions of rule.h. The engine fills it, the rule
 * kinds see
 * only the functions.
 */
#ifndef SNAG_RULES_STEP_H
#define SNAG_RULES_STEP_H

#include "journey/cell.h"
#include "rules/rule.h"

struct snag_rule_step {
    const snag_rule *rule;
    snag_cell *cell;
    snag_item *item;
    const snag_event *event; /* NULL: a timer's step */
    bool late;
    bool changed; /* the item must be put back */
    /* The engine's part: an episode begins or ends. The item is already marked by the engine. */
    void (*opened)(void *context, const snag_signal_spec *spec, snag_item *item,
                   const snag_rule_facts *facts);
    void (*closed)(void *context, const snag_signal_spec *spec, snag_item *item,
                   snag_reason reason, const snag_rule_facts *facts);
    void *context;
};

/* Copies the values that a headline inserts (bits of `vars`) into the item. */
void snag_item_capture(snag_item *item, uint64_t vars, const snag_event *event);
/* The captured text of a slot; false where it was not captured. */
bool snag_item_captured(const snag_item *item, uint64_t vars, uint32_t slot, snag_str *text);

#endif
