/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/expect.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"

#define ALERT(name, type, field) {name, SNAG_CHECK_##type, offsetof(snag_alert, field)}
#define CHANGE(name, type, field) {name, SNAG_CHECK_##type, offsetof(snag_change, field)}
#define DECISION(name, type, field) {name, SNAG_CHECK_##type, offsetof(snag_decision, field)}
#define LATE(name, type, field) \
    {name, SNAG_CHECK_##type, offsetof(snag_record, as.late.field) - offsetof(snag_record, as)}

static const snag_check alert_checks[] = {
    ALERT("headline", TEXT, headline),
    ALERT("severity", SEVERITY, severity),
    ALERT("owner", TEXT, owner),
    ALERT("playbook", TEXT, playbook),
    ALERT("tags", TAGS, tags),
    ALERT("respond_by", TIME, respond_by_ms),
    ALERT("reason", REASON, reason),
    ALERT("lasted", DURATION, lasted_ms),
    ALERT("observed", INT, observed),
    ALERT("threshold", INT, threshold),
    ALERT("within", WITHIN, within_ms),
    ALERT("deadline", TIME, deadline_ms),
    ALERT("basis", BASIS, basis),
    ALERT("calendar", TEXT, calendar),
    ALERT("zone", TEXT, zone),
    ALERT("season", TEXT, season),
    ALERT("overdue_by", DURATION, overdue_by_ms),
    ALERT("clears_when", TEXT, clears_when),
    ALERT("test", TEXT, test),
    ALERT("total", INT, total),
    ALERT("first", TIME, first_ms),
    ALERT("last", TIME, last_ms),
    ALERT("attempts", INT, attempts),
    ALERT("value", NUMBER, value),
    ALERT("level", INT, level),
    ALERT("first_deadline", TIME, first_deadline_ms),
    ALERT("waits_on", TEXT, waits_on),
    ALERT("contributions", CONTRIBUTIONS, contributions),
    ALERT("limit", NUMBER, limit),
    ALERT("quantile", NUMBER, quantile),
    ALERT("n", INT, learned_from),
    ALERT("usual", NUMBER, usual),
    ALERT("evidence", COUNT, evidence_total),
    ALERT("seq", COUNT, seq),
    ALERT("account", TEXT, account),
    ALERT("channel", TEXT, channel),
    ALERT("shape", TEXT, shape),
    ALERT("journey", TEXT, journey),
    ALERT("instance", TEXT, instance),
    ALERT("stage", TEXT, stage),
    ALERT("since", TIME, since_ms),
    ALERT("dedup_key", TEXT, dedup_key),
    ALERT("shadow", BOOL, shadow),
};

static const snag_check change_checks[] = {
    CHANGE("from", TEXT, from),         CHANGE("to", TEXT, to),
    CHANGE("outcome", TEXT, outcome),   CHANGE("milestone", TEXT, milestone),
    CHANGE("dwell", DURATION, dwell_ms), CHANGE("cause", CAUSE, cause),
    CHANGE("customer", TEXT, customer), CHANGE("account", TEXT, account),
    CHANGE("channel", TEXT, channel),   CHANGE("instance", TEXT, instance),
    CHANGE("seq", COUNT, seq),          CHANGE("open_alerts", COUNT, open_alert_count),
    CHANGE("evidence", COUNT, evidence_count), CHANGE("shape", TEXT, shape),
    CHANGE("corrects", COUNT, corrects), CHANGE("score", SCORE, score),
};

static const snag_check decision_checks[] = {
    DECISION("reason", HOLD, reason),
    DECISION("by", TEXT, by),
    DECISION("until", TIME, until_ms),
    DECISION("seq", COUNT, seq),
};

static const snag_check late_checks[] = {
    LATE("type", TEXT, type),
    LATE("id", TEXT, id),
    LATE("judged_to", TIME, judged_ms),
};

const snag_check *snag_checks_of(snag_record_kind kind, size_t *count)
{
    static const struct {
        const snag_check *checks;
        size_t count;
    } tables[SNAG_RECORD_KIND_COUNT] = {
        {alert_checks, sizeof alert_checks / sizeof alert_checks[0]},
        {change_checks, sizeof change_checks / sizeof change_checks[0]},
        {decision_checks, sizeof decision_checks / sizeof decision_checks[0]},
        {late_checks, sizeof late_checks / sizeof late_checks[0]},
    };
    SNAG_ASSERT(kind < SNAG_RECORD_KIND_COUNT);
    *count = tables[kind].count;
    return tables[kind].checks;
}

static void int_print(snag_buf *buf, const snag_check *check, int64_t value)
{
    bool absent = check->type == SNAG_CHECK_TIME ? value == SNAG_TIME_NONE || value == SNAG_NEVER
                                                 : value < 0;
    if (absent)
        return;
    if (check->type == SNAG_CHECK_TIME)
        snag_time_print(buf, value);
    else if (check->type == SNAG_CHECK_DURATION)
        snag_duration_print(buf, value);
    else
        snag_buf_int(buf, value);
}

void snag_check_print(const snag_check *check, const snag_record *record, snag_buf *buf)
{
    const void *at = (const char *)&record->as + check->offset;
    switch (check->type) {
    case SNAG_CHECK_TEXT: snag_buf_str_put(buf, *(const snag_str *)at); return;
    case SNAG_CHECK_INT:
    case SNAG_CHECK_DURATION:
    case SNAG_CHECK_TIME: int_print(buf, check, *(const int64_t *)at); return;
    case SNAG_CHECK_TAGS:
        for (uint32_t i = 0; i < record->as.alert.tag_count; i++) {
            snag_buf_str_put(buf, i ? SNAG_STR(",") : SNAG_STR(""));
            snag_buf_str_put(buf, record->as.alert.tags[i]);
        }
        return;
    case SNAG_CHECK_CONTRIBUTIONS:
        for (uint32_t i = 0; i < record->as.alert.contribution_count; i++) {
            snag_buf_str_put(buf, i ? SNAG_STR(",") : SNAG_STR(""));
            snag_buf_str_put(buf, record->as.alert.contributions[i].rule);
            snag_buf_byte(buf, ':');
            snag_buf_double(buf, record->as.alert.contributions[i].value);
        }
        return;
    case SNAG_CHECK_NUMBER:
        if (*(const double *)at >= 0)
            snag_buf_double(buf, *(const double *)at);
        return;
    case SNAG_CHECK_SCORE:
        if (record->as.change.scored)
            snag_buf_double(buf, *(const double *)at);
        return;
    case SNAG_CHECK_COUNT: snag_buf_int(buf, *(const uint32_t *)at); return;
    case SNAG_CHECK_BOOL:
        snag_buf_str_put(buf, *(const bool *)at ? SNAG_STR("true") : SNAG_STR("false"));
        return;
    case SNAG_CHECK_SEVERITY:
        snag_buf_str_put(buf, snag_str_from(snag_severity_word(*(const snag_severity *)at)));
        return;
    case SNAG_CHECK_REASON:
        snag_buf_str_put(buf, snag_str_from(snag_reason_word(*(const snag_reason *)at)));
        return;
    case SNAG_CHECK_HOLD:
        snag_buf_str_put(buf, snag_str_from(snag_hold_word(*(const snag_hold *)at)));
        return;
    case SNAG_CHECK_BASIS:
        snag_buf_str_put(buf, snag_str_from(snag_basis_word(*(const snag_basis *)at)));
        return;
    case SNAG_CHECK_WITHIN:
        if (record->as.alert.within_words.size > 0)
            snag_buf_str_put(buf, record->as.alert.within_words);
        else if (record->as.alert.within_ms >= 0)
            snag_duration_print(buf, record->as.alert.within_ms);
        return;
    case SNAG_CHECK_CAUSE:
        snag_buf_str_put(buf, snag_str_from(snag_cause_word(*(const snag_cause *)at)));
        return;
    }
    SNAG_ASSERT(false);
}

static bool is_word(snag_check_type type, snag_str text)
{
    bool found = false;
#define X(name, word) found |= snag_str_equal(text, snag_str_from(word));
    switch (type) {
    case SNAG_CHECK_SEVERITY: SNAG_SEVERITY_TABLE(X) break;
    case SNAG_CHECK_REASON: SNAG_REASON_TABLE(X) break;
    case SNAG_CHECK_HOLD: SNAG_HOLD_TABLE(X) break;
    case SNAG_CHECK_CAUSE: SNAG_CAUSE_TABLE(X) break;
    case SNAG_CHECK_BASIS: SNAG_BASIS_TABLE(X) break;
    case SNAG_CHECK_WITHIN:
    case SNAG_CHECK_BOOL:
        found = snag_str_equal(text, SNAG_STR("true")) || snag_str_equal(text, SNAG_STR("false"));
        break;
    case SNAG_CHECK_TEXT:
    case SNAG_CHECK_TAGS:
    case SNAG_CHECK_INT:
    case SNAG_CHECK_CONTRIBUTIONS:
    case SNAG_CHECK_NUMBER:
    case SNAG_CHECK_SCORE:
    case SNAG_CHECK_COUNT:
    case SNAG_CHECK_DURATION:
    case SNAG_CHECK_TIME: found = true; break;
    }
#undef X
    return found;
}

static bool is_count(snag_str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0 && text.size < 19;
}

/* A number as the record prints it: 0.40 is 0.4. */
static bool is_number(snag_str text, snag_buf *buf)
{
    char digits[32];
    char *end = digits;
    if (text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    double value = strtod(digits, &end);
    if (end != digits + text.size || !(value > -1e18 && value < 1e18))
        return false;
    snag_buf_double(buf, value);
    return true;
}

snag_err snag_check_canonical(const snag_check *check, snag_str text, snag_buf *buf, snag_diag *diag)
{
    int64_t value;
    if (text.size == 0) /* key= : it must be absent */
        return SNAG_OK;
    switch (check->type) {
    case SNAG_CHECK_DURATION:
        if (!snag_duration_parse(text, &value))
            return snag_fail(diag, SNAG_USAGE, "%s: expected a duration such as 60s", check->name);
        snag_duration_print(buf, value);
        return SNAG_OK;
    case SNAG_CHECK_WITHIN: /* or in words: "3 business days" */
        if (snag_duration_parse(text, &value))
            snag_duration_print(buf, value);
        else
            snag_buf_str_put(buf, text);
        return SNAG_OK;
    case SNAG_CHECK_TIME:
        if (!snag_case_time_parse(text, SNAG_TIME_NONE, &value))
            return snag_fail(diag, SNAG_USAGE, "%s: expected a time such as 10:29:59", check->name);
        snag_time_print(buf, value);
        return SNAG_OK;
    case SNAG_CHECK_SCORE:
    case SNAG_CHECK_NUMBER:
        if (!is_number(text, buf))
            return snag_fail(diag, SNAG_USAGE, "%s: expected a number such as 0.4", check->name);
        return SNAG_OK;
    case SNAG_CHECK_INT:
    case SNAG_CHECK_COUNT:
        if (!is_count(text))
            return snag_fail(diag, SNAG_USAGE, "%s: expected a number", check->name);
        break;
    case SNAG_CHECK_TEXT:
    case SNAG_CHECK_CONTRIBUTIONS:
    case SNAG_CHECK_TAGS:
    case SNAG_CHECK_BOOL:
    case SNAG_CHECK_SEVERITY:
    case SNAG_CHECK_REASON:
    case SNAG_CHECK_HOLD:
    case SNAG_CHECK_CAUSE:
    case SNAG_CHECK_BASIS:
        if (!is_word(check->type, text))
            return snag_fail(diag, SNAG_USAGE, "%s has no value %.*s", check->name, SNAG_FMT(text));
        break;
    }
    snag_buf_str_put(buf, text);
    return SNAG_OK;
}

static size_t count_of(snag_str text, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == byte;
    return count;
}

/* Where the zone of a clock text begins; its size where there is none. */
static size_t zone_at(snag_str clock)
{
    for (size_t i = 0; i < clock.size; i++)
        if (strchr("Zz+-", clock.data[i]) && clock.data[i] != '\0')
            return i;
    return clock.size;
}

bool snag_case_time_parse(snag_str text, int64_t from_ms, int64_t *time_ms)
{
    char bytes[64];
    snag_buf full = snag_buf_on(bytes, sizeof bytes);
    int64_t gap_ms;
    if (text.size > 1 && text.data[0] == '+') {
        snag_str gap = {text.data + 1, text.size - 1};
        if (from_ms == SNAG_TIME_NONE || !snag_duration_parse(gap, &gap_ms))
            return false;
        return !__builtin_add_overflow(from_ms, gap_ms, time_ms);
    }
    size_t date_size = text.size > 10 && text.data[4] == '-' ? 11 : 0;
    snag_str date = {text.data, date_size};
    snag_str clock = {text.data + date_size, text.size - date_size};
    size_t zone = zone_at(clock);
    snag_str hands = {clock.data, zone};
    snag_buf_str_put(&full, date_size > 0 ? date : SNAG_STR("2026-01-05T"));
    snag_buf_str_put(&full, hands);
    if (count_of(hands, ':') == 1)
        snag_buf_str_put(&full, SNAG_STR(":00"));
    if (zone < clock.size)
        snag_buf_put(&full, clock.data + zone, clock.size - zone);
    else
        snag_buf_byte(&full, 'Z');
    return !full.full && snag_time_parse_ms(snag_buf_str(&full), time_ms);
}
