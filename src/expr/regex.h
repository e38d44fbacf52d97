/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions in RE2's syntax, matched in time linear in the text (times the pattern's size):
 * all ways through the pattern are walked at once, nothing is ever tried twice (Thompson 1968, Pike).
 *
 *     ba(na)*      0 b   1 a   2 split 3,6   3 n   4 a   5 jump 2   6 match
 *
 * A match anywhere in the text counts. Not there, as in RE2: backreferences, lookaround. Not built:
 * \pN and the like (Unicode classes).
 */
#ifndef SNAG_EXPR_REGEX_H
#define SNAG_EXPR_REGEX_H

#include "expr/program.h"

typedef struct snag_regex snag_regex; /* immutable; lives in the arena it was compiled into */

/* On failure diag says what is wrong with the pattern. */
SNAG_MUST_CHECK snag_err snag_regex_compile(snag_arena *arena, snag_str pattern, const snag_regex **out,
                                            snag_diag *diag);
/* A bool, or a fault (steps, scratch). */
snag_value snag_regex_evaluate(snag_evaluation *eval, const snag_regex *regex, snag_str text);

#endif
