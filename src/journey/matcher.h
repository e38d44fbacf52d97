/* SPDX-License-Identifier: Apache-2.0
 *
 * A matcher: which events a rule or a stage means. `event: Call Queued`, a list, a trailing `*`,
 * and an optional `where:`.
 */
#ifndef SNAG_JOURNEY_MATCHER_H
#define SNAG_JOURNEY_MATCHER_H

#include "expr/expr.h"

typedef struct snag_pattern {
    snag_str text; /* without the trailing star */
    bool prefix;   /* it had a trailing star */
} snag_pattern;

typedef struct snag_matcher {
    const snag_pattern *patterns;
    uint32_t count; /* 0 = the matcher is not given */
    const snag_expr *where; /* NULL = always */
} snag_matcher;

static inline bool snag_pattern_matches(const snag_pattern *pattern, snag_str type)
{
    return pattern->prefix ? snag_str_starts(type, pattern->text)
                           : snag_str_equal(type, pattern->text);
}

/* By type alone; `where` is not looked at. */
bool snag_matcher_takes(const snag_matcher *matcher, snag_str type);
/* "Call Answered or Call Abandoned", as in headlines and clears_when. */
void snag_matcher_print(snag_buf *buf, const snag_matcher *matcher);

#endif
