/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/silence.h"

#include "base/time.h"

enum { MILLION = 1000000 };

const char *const snag_silence_sides[] = {"us", "customer", NULL};

snag_silence snag_silence_begin(int64_t deadline_ms, int64_t second_ms, int64_t at_ms)
{
    return (snag_silence){deadline_ms, at_ms, SNAG_TIME_NONE, SNAG_TIME_NONE, second_ms,
                          SNAG_TOLD_NOTHING, {0, 0}};
}

/* How long before it is due the warning comes: a share of the whole time, rounded down. Of a calendar's the
 * time is what it was before its clock stood. */
static int64_t warn_gap_ms(const snag_patience *wait, const snag_silence *silence)
{
    int64_t whole_ms = wait->after.ms;
    bool stood = wait->promise < 0 && silence->first_ms != SNAG_TIME_NONE;
    int64_t until_ms = stood ? silence->first_ms : silence->deadline_ms;
    if (wait->promise >= 0 || wait->after.span || silence->learned.n)
        whole_ms = until_ms > silence->at_ms ? until_ms - silence->at_ms : 0;
    return whole_ms / MILLION * wait->warn + whole_ms % MILLION * wait->warn / MILLION;
}

int64_t snag_silence_due(const snag_patience *wait, const snag_silence *silence)
{
    int64_t due_ms = SNAG_NEVER;
    if (silence->paused_ms != SNAG_TIME_NONE)
        return due_ms;
    if (silence->level < SNAG_TOLD_OVERDUE)
        due_ms = silence->deadline_ms;
    if (silence->level == SNAG_TOLD_NOTHING && wait->warn >= 0)
        due_ms -= warn_gap_ms(wait, silence);
    if (silence->level == SNAG_TOLD_OVERDUE && silence->second_ms != SNAG_TIME_NONE)
        due_ms = silence->second_ms;
    return due_ms;
}

void snag_silence_tell(snag_silence *silence, int64_t now_ms)
{
    if (silence->level == SNAG_TOLD_NOTHING && now_ms >= silence->deadline_ms)
        silence->level = SNAG_TOLD_WARNING; /* no warning in time: a moved promise, or none is wanted */
    if (silence->level < SNAG_TOLD_SECOND)
        silence->level++;
}

snag_rule_facts snag_silence_facts(const snag_patience *wait, const snag_silence *silence)
{
    snag_rule_facts facts = SNAG_RULE_FACTS_NONE;
    facts.within_ms = wait->after.ms;
    if (silence->deadline_ms > silence->at_ms || wait->promise >= 0)
        facts.deadline_ms = silence->deadline_ms; /* else both are the time of another product's word */
    facts.promised = wait->promise >= 0;
    if (facts.promised)
        facts.first_promise_ms = silence->first_ms;
    if (wait->waits_on >= 0)
        facts.waits_on = snag_silence_sides[wait->waits_on];
    if (wait->warn >= 0 || wait->after.then_ms >= 0)
        facts.level = silence->level - SNAG_TOLD_WARNING;
    facts.learned = silence->learned;
    if (facts.learned.n)
        facts.within_ms = silence->deadline_ms - silence->at_ms;
    else if (wait->promise < 0)
        facts.span = wait->after.span;
    facts.from_ms = silence->at_ms;
    return facts;
}

snag_rule_facts snag_silence_facts_told(const snag_patience *wait, const snag_silence *silence)
{
    snag_rule_facts facts = snag_silence_facts(wait, silence);
    if (silence->level == SNAG_TOLD_SECOND) {
        facts.within_ms = wait->after.then_ms;
        facts.deadline_ms = silence->second_ms;
        facts.span = wait->after.then_span;
    }
    return facts;
}

snag_reason snag_silence_ends(const snag_silence *silence, int64_t time_ms, snag_reason reason)
{
    bool in_time = time_ms <= silence->deadline_ms && silence->level != SNAG_TOLD_WARNING;
    return in_time ? SNAG_REASON_LATE_EVIDENCE : reason;
}

bool snag_silence_promise(int64_t slot, const snag_event *event, int64_t *deadline_ms)
{
    if (slot >= event->var_count || event->vars[slot].kind != SNAG_KIND_TIME)
        return false;
    const snag_value *value = &event->vars[slot];
    *deadline_ms = value->as.time.seconds * 1000 + value->as.time.nanos / 1000000;
    return snag_time_sane(*deadline_ms);
}

bool snag_silence_move(snag_silence *silence, int64_t deadline_ms, int64_t time_ms)
{
    if (silence->first_ms == SNAG_TIME_NONE)
        silence->first_ms = silence->deadline_ms;
    silence->deadline_ms = deadline_ms;
    return silence->level > SNAG_TOLD_NOTHING && deadline_ms >= time_ms;
}

bool snag_silence_turn(const snag_patience *wait, snag_silence *silence, const snag_zone *zone,
                       int64_t time_ms, bool stands)
{
    const snag_levels *after = &wait->after;
    bool stood = silence->paused_ms != SNAG_TIME_NONE;
    if (time_ms < silence->at_ms || stands == stood || (stood && time_ms < silence->paused_ms))
        return false; /* late: of an earlier turn */
    if (stands) {
        silence->paused_ms = time_ms;
        return true;
    }
    if (after->span && silence->first_ms == SNAG_TIME_NONE)
        silence->first_ms = silence->deadline_ms;
    if (silence->level < SNAG_TOLD_OVERDUE)
        silence->deadline_ms = snag_span_stood(after->span, zone, silence->at_ms, silence->deadline_ms,
                                               silence->paused_ms, time_ms);
    if (silence->second_ms != SNAG_TIME_NONE)
        silence->second_ms = snag_span_stood(after->then_span, zone, silence->at_ms, silence->second_ms,
                                             silence->paused_ms, time_ms);
    silence->paused_ms = SNAG_TIME_NONE;
    return true;
}

bool snag_silence_sound(const snag_patience *wait, const snag_silence *silence)
{
    if (!snag_time_sane_or_none(silence->paused_ms) || !snag_time_sane_or_none(silence->first_ms) ||
        !snag_time_sane_or_none(silence->second_ms) || silence->level < SNAG_TOLD_NOTHING ||
        silence->level > SNAG_TOLD_SECOND || silence->learned.millionths >= MILLION)
        return false;
    return (silence->level != SNAG_TOLD_SECOND || silence->second_ms != SNAG_TIME_NONE) &&
           (silence->second_ms != SNAG_TIME_NONE) == (wait->after.then_ms >= 0);
}

void snag_silence_explain(const snag_silence *silence, snag_buf *buf)
{
    if (silence->paused_ms == SNAG_TIME_NONE || silence->deadline_ms == SNAG_TIME_NONE)
        return;
    snag_buf_str_put(buf, SNAG_STR(",\"clock_stands_since\":\""));
    snag_time_print(buf, silence->paused_ms);
    snag_buf_byte(buf, '"');
}
