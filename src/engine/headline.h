/* SPDX-License-Identifier: Apache-2.0
 *
 * Headlines: the rule's template with names put in, at most SNAG_HEADLINE_MAX code points.
 */
#ifndef SNAG_ENGINE_HEADLINE_H
#define SNAG_ENGINE_HEADLINE_H

#include "base/arena.h"
#include "engine/pipeline.h"
#include "journey/cell.h"

typedef struct snag_headline_facts {
    snag_str customer;
    int64_t observed; /* -1 = absent */
    int64_t attempts; /* -1 = absent */
    double value;     /* a share where there are attempts or what is usual; below 0 = absent */
    double usual;     /* below 0 = absent */
    int64_t elapsed_ms;
    bool warning; /* not due yet */
} snag_headline_facts;

/* {name} inserts a captured name, {customer}, {observed}, {attempts}, {value}, {usual}, {elapsed}; "{{" is a
 * brace. What is absent prints as "?". Control characters become blanks; what is too long is cut with "…". */
snag_str snag_headline_render(const snag_signal_spec *spec, const snag_item *item,
                              const snag_headline_facts *facts, snag_arena *arena);

#endif
