/* SPDX-License-Identifier: Apache-2.0
 *
 * A silence that is borne for so long: what rules that await an event, and stages that walks stand in, have
 * in common.
 *
 *     |-------------|warn|--------|        two levels; each one told is an escalation of the episode
 *     began         :    deadline second
 *
 * A deadline is worked out once, when the silence begins. Two things move it: a promise that is moved (the
 * first one is told beside the newest), and a clock that stands while it is the other side's turn: it moves
 * on by as long as that was, a deadline in business hours or days by the open time of it (snag_span_stood).
 */
#ifndef SNAG_RULES_SILENCE_H
#define SNAG_RULES_SILENCE_H

#include "rules/rule.h"

enum { SNAG_TOLD_NOTHING, SNAG_TOLD_WARNING, SNAG_TOLD_OVERDUE, SNAG_TOLD_SECOND };

/* As it lies in stored state: fields are added at the end only. */
typedef struct snag_silence {
    int64_t deadline_ms;
    int64_t at_ms;     /* since when */
    int64_t paused_ms; /* SNAG_TIME_NONE: the clock runs */
    int64_t first_ms;  /* the deadline as it was at first, where a promise was moved or a calendar's clock
                          stood; else SNAG_TIME_NONE */
    int64_t second_ms; /* the second level's deadline; SNAG_TIME_NONE where there is none */
    int64_t level;     /* SNAG_TOLD_* */
    snag_learned learned; /* how the deadline was come by */
} snag_silence;

/* us, customer: in the order of snag_patience.waits_on. */
extern const char *const snag_silence_sides[];

/* second_ms: the second level's deadline (snag_levels_end). */
snag_silence snag_silence_begin(int64_t deadline_ms, int64_t second_ms, int64_t at_ms);
/* When there is more to tell, seen from what is told already; SNAG_NEVER while the clock stands. */
int64_t snag_silence_due(const snag_patience *wait, const snag_silence *silence);
/* A timer has come: one level further. */
void snag_silence_tell(snag_silence *silence, int64_t now_ms);
/* What an alert says of it; after snag_silence_tell also at its second level. */
snag_rule_facts snag_silence_facts(const snag_patience *wait, const snag_silence *silence);
/* The same for the second level when it is told. */
snag_rule_facts snag_silence_facts_told(const snag_patience *wait, const snag_silence *silence);
/* Why an open episode ends with what came at time_ms: late evidence, or `reason`. */
snag_reason snag_silence_ends(const snag_silence *silence, int64_t time_ms, snag_reason reason);
/* The promise that an event brings under a name; false: none. */
bool snag_silence_promise(int64_t slot, const snag_event *event, int64_t *deadline_ms);
/* It is promised anew; true: so that what was told holds no more. */
bool snag_silence_move(snag_silence *silence, int64_t deadline_ms, int64_t time_ms);
/* The other side's turn begins (stands) or ends; false: nothing changes. zone: in which the wait is counted;
 * not looked at where it is by no calendar. */
bool snag_silence_turn(const snag_patience *wait, snag_silence *silence, const snag_zone *zone,
                       int64_t time_ms, bool stands);
/* Whether stored bytes can be a silence: times that arithmetic can bear, levels that go with the patience. */
bool snag_silence_sound(const snag_patience *wait, const snag_silence *silence);
/* As JSON members, each with its comma before it. */
void snag_silence_explain(const snag_silence *silence, snag_buf *buf);

#endif
