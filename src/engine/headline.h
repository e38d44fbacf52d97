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
    /* For the headline that a rule has if it is given none: */
    int64_t level;       /* 2 = the second one */
    snag_str within;     /* the time it was counted by, where a calendar or a season says it; else empty: */
    int64_t within_ms;   /* below 0 = absent */
    bool untimed;        /* a silence that another product found: no time was waited for */
    int64_t ran_ms;      /* how long what was observed went on; below 0 = absent */
    snag_str newest;     /* the newest evidence's type */
    const snag_contribution *contributions;
    uint32_t contribution_count;
} snag_headline_facts;

/* {name} inserts a captured name, {customer}, {observed}, {attempts}, {value}, {usual}, {elapsed}; "{{" is a
 * brace. What is absent prints as "?". Words of our own, for the headline that a rule has if it is given none
 * (no file can hold them):
 *     {.within|72h}   the time that passed: another one for a second level or in a season, else 72h
 *     {.ran|1000ms}   the time it took, where it went on for longer than its window
 *     {.found|4}      where fewer than 4 were observed, another product found it: that is then the headline
 *     {.parts|a, b}   the rules that a score comes from; a, b where it is not known any more
 * Control characters become blanks; what is too long is cut with "…". */
snag_str snag_headline_render(const snag_signal_spec *spec, const snag_item *item,
                              const snag_headline_facts *facts, snag_arena *arena);

#endif
