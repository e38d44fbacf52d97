/* SPDX-License-Identifier: Apache-2.0 */
#include "event/record.h"

#include "base/assert.h"
#include "base/time.h"

/* One function a vocabulary: the word of a member. */
#define X(name, word) word,
#define WORDS(function, type, TABLE, COUNT)             \
    const char *function(type member)                   \
    {                                                   \
        static const char *const words[COUNT] = {TABLE(X)}; \
        SNAG_ASSERT(member < COUNT);                    \
        return words[member];                           \
    }

WORDS(snag_action_word, snag_action, SNAG_ACTION_TABLE, SNAG_ACTION_COUNT)
WORDS(snag_severity_word, snag_severity, SNAG_SEVERITY_TABLE, SNAG_SEVERITY_COUNT)
WORDS(snag_reason_word, snag_reason, SNAG_REASON_TABLE, SNAG_REASON_COUNT)
WORDS(snag_hold_word, snag_hold, SNAG_HOLD_TABLE, SNAG_HOLD_COUNT)
WORDS(snag_decision_word, snag_decision_kind, SNAG_DECISION_TABLE, SNAG_DECISION_COUNT)
WORDS(snag_move_word, snag_move, SNAG_MOVE_TABLE, SNAG_MOVE_COUNT)
WORDS(snag_basis_word, snag_basis, SNAG_BASIS_TABLE, SNAG_BASIS_COUNT)
WORDS(snag_cause_word, snag_cause, SNAG_CAUSE_TABLE, SNAG_CAUSE_COUNT)
WORDS(snag_outcome_word, snag_outcome, SNAG_OUTCOME_TABLE, SNAG_OUTCOME_COUNT)

void snag_record_future(snag_diag *words, const snag_record *record)
{
    char room[160];
    snag_buf buf = snag_buf_on(room, sizeof room);
    snag_time_print(&buf, record->as.late.time_ms);
    snag_buf_str_put(&buf, SNAG_STR(" lies "));
    snag_duration_brief(&buf, record->as.late.time_ms - record->as.late.came_ms);
    snag_buf_str_put(&buf, SNAG_STR(" after it was received"));
    if (record->as.late.clock_off_ms) {
        snag_buf_str_put(&buf, SNAG_STR(", its device's clock corrected by "));
        snag_duration_print(&buf, record->as.late.clock_off_ms);
    }
    snag_err err = snag_fail(words, SNAG_BAD_FUTURE, "time %.*s", SNAG_FMT(snag_buf_str(&buf)));
    (void)err;
}
