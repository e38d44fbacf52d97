/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of one rule: what stands behind the functions of rule.h. The engine fills it, the rule
 * kinds see
 * only the functions.
 */
#ifndef SNAG_RULES_STEP_H
#define SNAG_RULES_STEP_H

#include "base/hash.h"
#include "journey/cell.h"
#include "rules/rule.h"

/* The engine's part of a step. */
typedef struct snag_rule_host {
    /* An episode begins, goes further or ends; the item is marked by the engine. */
    void (*opened)(void *context, const snag_signal_spec *spec, snag_item *item,
                   const snag_rule_facts *facts);
    void (*escalated)(void *context, const snag_signal_spec *spec, snag_item *item,
                      const snag_rule_facts *facts);
    void (*closed)(void *context, const snag_signal_spec *spec, snag_item *item,
                   snag_reason reason, const snag_rule_facts *facts);
    /* Its sketch hears of waits that begin (the answer is the learned time, -1 = none) and end. */
    int64_t (*wait_began)(void *context, const snag_rule *rule, const snag_item *item, snag_learned *learned);
    void (*wait_over)(void *context, const snag_rule *rule, const snag_item *item, int64_t since_ms,
                      bool ended);
    /* What its segment does. */
    void (*tell)(void *context, const snag_rule *rule, const snag_item *item, int64_t time_ms, bool failed,
                 bool tried);
    bool (*ask)(void *context, const snag_rule *rule, const snag_item *item, int64_t at_ms, uint64_t *usual);
} snag_rule_host;

struct snag_rule_step {
    const snag_rule *rule;
    snag_cell *cell;
    snag_item *item;
    const snag_event *event; /* NULL: a timer's step */
    const snag_rule_host *host;
    void *context; /* the host's */
    size_t clear;  /* up to where the state is what was kept, or zero, or the kind's own */
    snag_str owner; /* the customer or account whose state it is */
    bool late;
    bool answered; /* snag_rule_answered */
    bool changed; /* the item must be put back */
    bool unzoned; /* a calendar stood in with its own zone: the event named none that is known */
};

/* Names a captured value: the same in every version of a pipeline, whatever slot the name has there. */
static inline uint32_t snag_capture_tag(snag_str name)
{
    return (uint32_t)snag_hash64(name, 0);
}

/* The tag under which the shape's name is captured. */
static inline uint32_t snag_shape_tag(void)
{
    return snag_capture_tag((snag_str){"shape", 5});
}

/* Forgets all captured values but the shape, which becomes this one; empty = none. */
void snag_item_shape(snag_item *item, snag_str shape);
/* Copies the values that the headline inserts into the item: | tag 4 | length 2, text | each; before them the
 * shape, where there are shapes: the item's own, if it has one already. */
void snag_item_capture(snag_item *item, const snag_signal_spec *spec, const snag_event *event);
/* The captured text of a name; false where it was not captured. */
bool snag_item_captured(const snag_item *item, uint32_t tag, snag_str *text);
/* The zone that the event named which the captured values are of; the calendar's own where it named none
 * that is known (then *unknown is set). */
const snag_zone *snag_item_zone(const snag_item *item, const snag_calendar_spec *calendar, bool *unknown);
/* The same for a wait; NULL where no calendar counts it. */
const snag_zone *snag_item_wait_zone(const snag_item *item, const snag_levels *wait);
/* A capture of format 1 has no tags: they are those of the headline it was made for. */
void snag_item_capture_tag(snag_item *item, const snag_signal_spec *spec);

#endif
