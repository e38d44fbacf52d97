/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases: plain-text tests of a pipeline (language.md, "Cases").
 *
 *     case three declines                     a fresh engine; a file without such lines is one case
 *     use declined                            only these rules' and journeys' records are looked at
 *     ann  10:00:00  Payment Failed  order=7 method="credit card" id=p1
 *     expect alert declined ann trigger at 10:00:00 observed=3
 *     expect journey order 7 entered from=cart to=paid
 *     expect decision declined ann suppressed reason=cooldown
 *     expect late ann type="Payment Failed"
 *     expect nothing                          says what is so anyway where no `expect` stands
 *     at 12:00                                the clock moves on
 *     silent web                              from its newest event on source web brings nothing to anybody;
 *     silent web since 11:40                  from then on (it brought something to others)
 *
 * A record is compared with the expectations that follow the step (event or `at`) that made it, in order;
 * whatever came and is not expected fails the case. Times without a date are 2026-01-05 UTC.
 */
#ifndef SNAG_CLI_CASES_H
#define SNAG_CLI_CASES_H

#include "cli/expect.h"
#include "engine/pipeline.h"

typedef struct snag_expect_pair {
    const snag_check *check;
    snag_str text; /* canonical; empty = must be absent */
} snag_expect_pair;

typedef struct snag_expectation {
    uint32_t line;
    snag_record_kind kind;
    snag_str text; /* the line, for messages */
    snag_str name; /* rule or journey; empty for late */
    snag_str who;  /* customer; of a journey the instance */
    int word;      /* action, move or decision */
    int64_t time_ms; /* SNAG_TIME_NONE = any */
    const snag_expect_pair *pairs;
    uint32_t pair_count;
} snag_expectation;

typedef struct snag_step {
    uint32_t line;
    snag_str text;
    bool moves_clock; /* `at`: to time_ms; else an event, or … */
    bool silences;    /* … `silent`: event.position.source, since time_ms */
    int64_t time_ms;
    snag_event event;
    uint32_t expect_first; /* in the file's expectations */
    uint32_t expect_count;
} snag_step;

typedef struct snag_case {
    uint32_t line;
    snag_str name;
    const snag_str *use; /* empty = everything */
    uint32_t use_count;
    uint32_t step_first;
    uint32_t step_count;
} snag_case;

typedef struct snag_cases {
    snag_case *cases;
    uint32_t case_count;
    snag_step *steps;
    snag_expectation *expectations;
    void *memory;
} snag_cases;

/* Reads a file's text, which is borrowed for the life of the cases. SNAG_USAGE: diag has line and column.
 * Free with snag_cases_free in any case. */
SNAG_MUST_CHECK snag_err snag_cases_parse(snag_cases *cases, snag_str text, snag_str file_name,
                                          const snag_pipeline *pipeline, snag_diag *diag);
void snag_cases_free(snag_cases *cases);

#endif
