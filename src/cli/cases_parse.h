/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the reader of cases: cases.c (the file), cases_event.c (event lines), cases_expect.c.
 */
#ifndef SNAG_CLI_CASES_PARSE_H
#define SNAG_CLI_CASES_PARSE_H

#include "base/arena.h"
#include "base/nearest.h"
#include "cli/cases.h"
#include "cli/words.h"

typedef struct snag_case_parser {
    const snag_pipeline *pipeline;
    snag_cases *cases;
    snag_arena arena;
    snag_diag *diag;
    uint32_t line;
    snag_str line_text;
    uint32_t step_count;
    uint32_t expect_count;
    const snag_str *use; /* of the beginning: what each case starts with */
    uint32_t use_count;
    bool named;      /* a `case` line was seen */
    bool nothing;    /* `expect nothing` was said of the newest step */
    int64_t time_ms; /* of the newest step */
    snag_words words;
} snag_case_parser;

/* A fault of the line at hand; column 1 where word is NULL. */
snag_err snag_case_fail(snag_case_parser *self, const snag_word *word, const char *message);
/* "MESSAGE WORD; did you mean NEAREST?" */
snag_err snag_case_fail_word(snag_case_parser *self, const snag_word *word, const char *message,
                             snag_str nearest);
/* NULL before the first. */
snag_case *snag_case_newest(snag_case_parser *self);
/* The newest step of the newest case. */
snag_step *snag_case_newest_step(snag_case_parser *self);
/* Adds a step to the newest case, or to the unnamed first one. */
snag_step *snag_case_step_add(snag_case_parser *self, bool moves_clock, int64_t time_ms);
/* That the pipeline has such a rule or journey. */
SNAG_MUST_CHECK snag_err snag_case_watched(snag_case_parser *self, const snag_word *word, bool rules,
                                           bool journeys);
SNAG_MUST_CHECK snag_err snag_case_event(snag_case_parser *self);
SNAG_MUST_CHECK snag_err snag_case_expect(snag_case_parser *self);
/* cases_device.c: whether the word behind an event is about its device's clock; and what they say. */
bool snag_case_device_word(const snag_case_parser *self, uint32_t source, snag_str key);
SNAG_MUST_CHECK snag_err snag_case_device(snag_case_parser *self, uint32_t from, uint32_t source,
                                          snag_event *event);

#endif
