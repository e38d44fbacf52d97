/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of a rule's test: the rows of the rule kinds, read from the file.
 */
#ifndef SNAG_CONFIG_FIELD_H
#define SNAG_CONFIG_FIELD_H

#include "config/key.h"

/* Where a field lies. */
static inline void *snag_field_of(const snag_field *field, snag_rule_params *params)
{
    return (char *)params + field->offset;
}

/* Whether it lies there as an int64_t. */
bool snag_field_is_number(const snag_field *field);
/* What it is where it is not given. */
void snag_field_default(const snag_field *field, snag_rule_params *params);
/* Reads one field; what is wrong is a finding. */
void snag_field_load(snag_loader *loader, const snag_field *field, const snag_yaml *node,
                     snag_rule_params *params);
/* 30%, 2.5%, 0.3 in millionths; false: a finding was added. */
bool snag_share_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max, int64_t *out);

/* A name that events or facts have: its slot. What is wrong is a finding, and *out as it was. */
void snag_slot_load(snag_loader *loader, const snag_yaml *node, int64_t *out);
/* One duration, or [first, second]; what: the key's name. */
void snag_levels_load(snag_loader *loader, const char *what, const snag_yaml *node, int64_t min, int64_t most,
                      snag_levels *out);
/* during: of levels that are given: it goes with one. */
void snag_levels_widen(snag_loader *loader, const snag_yaml *node, snag_levels *levels);
/* A promise is a time. */
void snag_promise_check(snag_loader *loader, const snag_yaml *node, int64_t slot);

/* Whether two matchers mean the same events. */
bool snag_matcher_same(const snag_loader *loader, const snag_matcher *a, const snag_matcher *b);
/* The names that say where a match was, for radius:. */
void snag_radius_finish(snag_loader *loader, const snag_yaml *node, snag_rule *rule);
/* exclude: of a rule, joined with its event's where:, and counted. */
void snag_exclude_load(snag_loader *loader, const snag_yaml *node, snag_rule *rule);
/* A path's steps: names of stages where it is within a journey, a role for each different step, and the
 * stages that end it. */
void snag_path_finish(snag_loader *loader, const snag_yaml *node, snag_rule *rule);

#endif
