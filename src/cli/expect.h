/* SPDX-License-Identifier: Apache-2.0
 *
 * What a case may say of a record: `key=value` pairs, from one table per kind of record. A value is brought
 * into its one canonical text when the case is read, so that comparing is comparing texts.
 */
#ifndef SNAG_CLI_EXPECT_H
#define SNAG_CLI_EXPECT_H

#include "base/err.h"
#include "event/record.h"

typedef enum snag_check_type {
    SNAG_CHECK_TEXT,
    SNAG_CHECK_TAGS, /* of an alert, joined by commas */
    SNAG_CHECK_INT,      /* int64_t, -1 = absent */
    SNAG_CHECK_CONTRIBUTIONS, /* of an alert: rule:value,rule:value */
    SNAG_CHECK_NUMBER,   /* double, below 0 = absent */
    SNAG_CHECK_SCORE, /* of an answer */
    SNAG_CHECK_COUNT,    /* uint32_t */
    SNAG_CHECK_DURATION, /* int64_t ms, -1 = absent */
    SNAG_CHECK_TIME,     /* int64_t ms, SNAG_TIME_NONE or SNAG_NEVER = absent */
    SNAG_CHECK_BOOL,
    SNAG_CHECK_SEVERITY,
    SNAG_CHECK_REASON,
    SNAG_CHECK_HOLD,
    SNAG_CHECK_BASIS,
    SNAG_CHECK_WITHIN, /* a duration or words */
    SNAG_CHECK_CAUSE
} snag_check_type;

typedef struct snag_check {
    const char *name;
    snag_check_type type;
    size_t offset; /* in the record's struct */
} snag_check;

/* The table of a kind of record. */
const snag_check *snag_checks_of(snag_record_kind kind, size_t *count);
/* What the record has there, as canonical text; nothing where it is absent. */
void snag_check_print(const snag_check *check, const snag_record *record, snag_buf *buf);
/* The canonical text of what a case says. SNAG_USAGE: it is no such value (diag says what was expected). */
SNAG_MUST_CHECK snag_err snag_check_canonical(const snag_check *check, snag_str text, snag_buf *buf,
                                              snag_diag *diag);

/* A time in a case: 10:29, 10:29:59.5 (2026-01-05, UTC), 2026-01-06T10:00[:00][zone], or +90s after
 * `from_ms`. */
bool snag_case_time_parse(snag_str text, int64_t from_ms, int64_t *time_ms);

#endif
