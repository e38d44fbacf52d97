/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/output.h"

#include "base/assert.h"
#include "base/time.h"

#define ROW(word, kind, must_be, at)                                                  \
    {                                                                             \
        .name = {"\"" word "\":", sizeof(word) + 2}, .type = SNAG_OUTPUT_##kind,      \
        .must = must_be, .offset = at                                                 \
    }
#define MUST(word, kind, type, field) ROW(word, kind, true, offsetof(type, field))
#define MAY(word, kind, type, field) ROW(word, kind, false, offsetof(type, field))
#define OPEN(word) ROW(word, OPEN, false, 0)
#define OPEN_MUST(word) ROW(word, OPEN, true, 0)
#define CLOSE() ROW("", CLOSE, false, 0)
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const snag_output snag_envelope_outputs[] = {
    MUST("specversion", TEXT, snag_envelope, specversion),
    MUST("id", TEXT, snag_envelope, id),
    MUST("type", TEXT, snag_envelope, type),
    MUST("source", TEXT, snag_envelope, source),
    MAY("subject", TEXT, snag_envelope, subject),
    MUST("time", TIME, snag_envelope, time_ms),
    MUST("dataschema", TEXT, snag_envelope, dataschema),
    MUST("datacontenttype", TEXT, snag_envelope, datacontenttype),
};
const size_t snag_envelope_output_count = COUNT(snag_envelope_outputs);

static const snag_output alert_outputs[] = {
    MAY("headline", TEXT, snag_alert, headline),
    MUST("action", ACTION, snag_alert, action),
    MUST("severity", SEVERITY, snag_alert, severity),
    MAY("owner", TEXT, snag_alert, owner),
    MAY("respond_by", TIME, snag_alert, respond_by_ms),
    MAY("tags", TAGS, snag_alert, tags),
    OPEN("do"),
    MAY("playbook", TEXT, snag_alert, playbook),
    CLOSE(),
    OPEN("who"),
    MAY("customer", TEXT, snag_alert, customer),
    MAY("account", TEXT, snag_alert, account),
    MAY("shape", TEXT, snag_alert, shape),
    CLOSE(),
    OPEN("where"),
    MAY("journey", TEXT, snag_alert, journey),
    MAY("instance", TEXT, snag_alert, instance),
    MAY("stage", TEXT, snag_alert, stage),
    MAY("since", TIME, snag_alert, since_ms),
    MAY("channel", TEXT, snag_alert, channel),
    CLOSE(),
    OPEN("why"),
    MAY("rule", TEXT, snag_alert, rule),
    MAY("test", TEXT, snag_alert, test),
    MAY("observed", INT, snag_alert, observed),
    MAY("threshold", THRESHOLD, snag_alert, threshold),
    MAY("within", WITHIN, snag_alert, within_ms),
    MAY("clears_when", TEXT, snag_alert, clears_when),
    MAY("deadline", TIME, snag_alert, deadline_ms),
    MAY("basis", BASIS, snag_alert, basis),
    MAY("calendar", TEXT, snag_alert, calendar),
    MAY("zone", TEXT, snag_alert, zone),
    MAY("season", TEXT, snag_alert, season),
    MAY("overdue_by", DURATION, snag_alert, overdue_by_ms),
    MAY("total", INT, snag_alert, total),
    MAY("first", TIME, snag_alert, first_ms),
    MAY("last", TIME, snag_alert, last_ms),
    MAY("attempts", INT, snag_alert, attempts),
    MAY("value", DOUBLE, snag_alert, value),
    MAY("level", INT, snag_alert, level),
    MAY("first_deadline", TIME, snag_alert, first_deadline_ms),
    MAY("waits_on", TEXT, snag_alert, waits_on),
    MAY("contributions", CONTRIBUTIONS, snag_alert, contributions),
    MAY("quantile", DOUBLE, snag_alert, quantile),
    MAY("n", INT, snag_alert, learned_from),
    MAY("usual", DOUBLE, snag_alert, usual),
    CLOSE(),
    MAY("reason", REASON, snag_alert, reason),
    MAY("lasted", DURATION, snag_alert, lasted_ms),
    MAY("timeline", TIMELINE, snag_alert, evidence),
    MAY("dedup_key", TEXT, snag_alert, dedup_key),
    MUST("episode", HEX, snag_alert, episode),
    MUST("seq", COUNT, snag_alert, seq),
    OPEN_MUST("snag"),
    MUST("mode", MODE, snag_alert, shadow),
    MUST("pipeline", PIPELINE, snag_alert, rule),
    MAY("config", CONFIG, snag_alert, rule),
    MAY("detected_at", DETECTED, snag_alert, rule),
    MAY("evidence", EVIDENCE, snag_alert, evidence),
    MUST("evidence_total", COUNT, snag_alert, evidence_total),
    CLOSE(),
};

static const snag_output change_outputs[] = {
    MAY("customer", TEXT, snag_change, customer),
    MAY("account", TEXT, snag_change, account),
    MAY("journey", TEXT, snag_change, journey),
    MAY("instance", TEXT, snag_change, instance),
    MUST("seq", COUNT, snag_change, seq),
    MAY("from", TEXT, snag_change, from),
    MAY("to", TEXT, snag_change, to),
    MAY("milestone", TEXT, snag_change, milestone),
    MUST("effective_at", TIME, snag_change, effective_ms),
    MUST("cause", CAUSE, snag_change, cause),
    MAY("evidence", EVIDENCE, snag_change, evidence),
    MAY("dwell_ms", INT, snag_change, dwell_ms),
    MAY("outcome", TEXT, snag_change, outcome),
    MAY("open_alerts", ALERTS, snag_change, open_alerts),
    MAY("corrects", CORRECTS, snag_change, corrects),
    MAY("shape", TEXT, snag_change, shape),
    MAY("channel", TEXT, snag_change, channel),
    MUST("walk", HEX, snag_change, walk),
    MAY("score", SCORE, snag_change, score),
};

static const snag_output decision_outputs[] = {
    MAY("customer", TEXT, snag_decision, customer),
    MAY("rule", TEXT, snag_decision, rule),
    MUST("would_be", ALERT_ID, snag_decision, episode),
    MUST("decision", DECISION, snag_decision, decision),
    MUST("reason", HOLD, snag_decision, reason),
    MAY("by", TEXT, snag_decision, by),
    MAY("until", TIME, snag_decision, until_ms),
    MUST("at", TIME, snag_decision, at_ms),
};

#define LATE(member) (offsetof(snag_record, as.late.member))
static const snag_output late_outputs[] = {
    ROW("id", TEXT, false, LATE(id)),
    ROW("type", TEXT, false, LATE(type)),
    ROW("customer", TEXT, false, LATE(customer)),
    ROW("time", TIME, true, LATE(time_ms)),
    ROW("judged_up_to", TIME, false, LATE(judged_ms)),
};

const snag_output *snag_outputs(snag_record_kind kind, size_t *count)
{
    static const struct {
        const snag_output *rows;
        size_t count;
    } tables[SNAG_RECORD_KIND_COUNT] = {
        [SNAG_RECORD_ALERT] = {alert_outputs, COUNT(alert_outputs)},
        [SNAG_RECORD_CHANGE] = {change_outputs, COUNT(change_outputs)},
        [SNAG_RECORD_DECISION] = {decision_outputs, COUNT(decision_outputs)},
        [SNAG_RECORD_LATE] = {late_outputs, COUNT(late_outputs)},
    };
    SNAG_ASSERT(kind < SNAG_RECORD_KIND_COUNT);
    *count = tables[kind].count;
    return tables[kind].rows;
}

const void *snag_output_base(const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: return &record->as.alert;
    case SNAG_RECORD_CHANGE: return &record->as.change;
    case SNAG_RECORD_DECISION: return &record->as.decision;
    default: return record;
    }
}

/* --- the envelope ------------------------------------------------------------------------------ */

static void put_id(snag_buf *buf, const uint8_t owner[16], const char *word, uint32_t seq)
{
    snag_buf_hex(buf, owner, 16);
    snag_buf_byte(buf, '-');
    snag_buf_str_put(buf, snag_str_from(word));
    snag_buf_byte(buf, '-');
    snag_buf_int(buf, seq);
}

static void put_record_id(snag_buf *buf, const snag_record *record)
{
    const snag_alert *alert = &record->as.alert;
    const snag_change *change = &record->as.change;
    const snag_decision *decision = &record->as.decision;
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        put_id(buf, alert->episode, snag_action_word(alert->action), alert->seq);
        return;
    case SNAG_RECORD_CHANGE:
        put_id(buf, change->walk, snag_move_word(change->move), change->seq);
        return;
    case SNAG_RECORD_DECISION: /* one alert may be held, and released later: two decisions */
        put_id(buf, decision->episode, snag_action_word(decision->action), decision->seq);
        snag_buf_byte(buf, '-');
        snag_buf_str_put(buf, snag_str_from(snag_decision_word(decision->decision)));
        return;
    default:
        snag_buf_str_put(buf, record->as.late.id);
        snag_buf_str_put(buf, SNAG_STR("-late"));
        return;
    }
}

static void put_record_type(snag_buf *buf, const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        snag_buf_str_put(buf, SNAG_STR("snag.alert."));
        snag_buf_str_put(buf, snag_str_from(snag_action_word(record->as.alert.action)));
        return;
    case SNAG_RECORD_CHANGE:
        snag_buf_str_put(buf, SNAG_STR("snag.journey."));
        snag_buf_str_put(buf, snag_str_from(snag_move_word(record->as.change.move)));
        return;
    case SNAG_RECORD_DECISION:
        snag_buf_str_put(buf, SNAG_STR("snag.decision."));
        snag_buf_str_put(buf, snag_str_from(snag_decision_word(record->as.decision.decision)));
        return;
    default: snag_buf_str_put(buf, SNAG_STR("snag.event.late")); return;
    }
}

/* A URI reference (RFC 3986): what is not unreserved is written as %XX. */
static void put_source(snag_buf *buf, snag_str pipeline)
{
    static const char hex[] = "0123456789ABCDEF";
    snag_buf_str_put(buf, SNAG_STR("snag/"));
    for (size_t i = 0; i < pipeline.size; i++) {
        unsigned char c = (unsigned char)pipeline.data[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (!plain)
            snag_buf_byte(buf, '%');
        if (!plain)
            snag_buf_byte(buf, hex[c >> 4]);
        snag_buf_byte(buf, plain ? (char)c : hex[c & 15]);
    }
}

static snag_str piece_from(const snag_buf *buf, size_t from)
{
    return snag_str_of(buf->data + from, buf->size - from);
}

static snag_str first_set(snag_str a, snag_str b)
{
    return a.size ? a : b;
}

void snag_envelope_fill(snag_envelope *envelope, const snag_encode_context *context,
                        const snag_record *record)
{
    snag_buf buf = snag_buf_on(envelope->room, sizeof envelope->room);
    put_record_id(&buf, record);
    envelope->id = snag_buf_str(&buf);
    put_record_type(&buf, record);
    envelope->type = piece_from(&buf, envelope->id.size);
    put_source(&buf, context->pipeline);
    envelope->source = piece_from(&buf, envelope->id.size + envelope->type.size);
    envelope->specversion = SNAG_STR("1.0");
    envelope->datacontenttype = SNAG_STR("application/json");
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        envelope->subject = first_set(record->as.alert.customer, record->as.alert.key);
        envelope->time_ms = record->as.alert.time_ms;
        envelope->dataschema = SNAG_STR("urn:snag:alert:1");
        return;
    case SNAG_RECORD_CHANGE:
        envelope->subject = first_set(record->as.change.customer, record->as.change.key);
        envelope->time_ms = record->as.change.effective_ms;
        envelope->dataschema = SNAG_STR("urn:snag:journey:1");
        return;
    case SNAG_RECORD_DECISION:
        envelope->subject = first_set(record->as.decision.customer, record->as.decision.key);
        envelope->time_ms = record->as.decision.at_ms;
        envelope->dataschema = SNAG_STR("urn:snag:decision:1");
        return;
    default:
        envelope->subject = record->as.late.customer;
        envelope->time_ms = record->as.late.time_ms;
        envelope->dataschema = SNAG_STR("urn:snag:event:1");
        return;
    }
}

/* --- single fields ----------------------------------------------------------------------------- */

snag_str snag_output_word(snag_output_type type, const void *at)
{
    switch (type) {
    case SNAG_OUTPUT_ACTION: return snag_str_from(snag_action_word(*(const snag_action *)at));
    case SNAG_OUTPUT_SEVERITY: return snag_str_from(snag_severity_word(*(const snag_severity *)at));
    case SNAG_OUTPUT_REASON: return snag_str_from(snag_reason_word(*(const snag_reason *)at));
    case SNAG_OUTPUT_HOLD: return snag_str_from(snag_hold_word(*(const snag_hold *)at));
    case SNAG_OUTPUT_DECISION:
        return snag_str_from(snag_decision_word(*(const snag_decision_kind *)at));
    case SNAG_OUTPUT_CAUSE: return snag_str_from(snag_cause_word(*(const snag_cause *)at));
    case SNAG_OUTPUT_MODE: return *(const bool *)at ? SNAG_STR("shadow") : SNAG_STR("live");
    case SNAG_OUTPUT_BASIS: return snag_str_from(snag_basis_word(*(const snag_basis *)at));
    default:
        SNAG_ASSERT(false); /* not a word */
        return (snag_str){0};
    }
}

const snag_evidence *snag_output_evidence(const snag_record *record, uint32_t *count)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        *count = record->as.alert.evidence_count;
        return record->as.alert.evidence;
    case SNAG_RECORD_CHANGE:
        *count = record->as.change.evidence_count;
        return record->as.change.evidence;
    default: *count = 0; return NULL;
    }
}

const snag_str *snag_output_texts(snag_output_type type, const snag_record *record, uint32_t *count)
{
    if (type == SNAG_OUTPUT_TAGS) {
        SNAG_ASSERT(record->kind == SNAG_RECORD_ALERT);
        *count = record->as.alert.tag_count;
        return record->as.alert.tags;
    }
    SNAG_ASSERT(type == SNAG_OUTPUT_ALERTS && record->kind == SNAG_RECORD_CHANGE);
    *count = record->as.change.open_alert_count;
    return record->as.change.open_alerts;
}

snag_str snag_output_topic(const snag_encode_context *context, const snag_position *position)
{
    if (!context->topics || position->source >= context->topic_count)
        return (snag_str){0};
    return context->topics[position->source];
}

static bool within_is_set(const snag_alert *alert)
{
    return alert->within_words.size > 0 || alert->within_ms >= 0;
}

static void put_within(snag_buf *buf, const snag_alert *alert)
{
    if (alert->within_words.size > 0)
        snag_buf_str_put(buf, alert->within_words);
    else
        snag_duration_print(buf, alert->within_ms);
}

void snag_output_print(snag_buf *buf, const snag_output *field, const void *base,
                       const snag_encode_context *context)
{
    const char *at = (const char *)base + field->offset;
    const snag_decision *decision = base;
    const snag_change *change = base;
    switch (field->type) {
    case SNAG_OUTPUT_DURATION: snag_duration_print(buf, *(const int64_t *)(const void *)at); return;
    case SNAG_OUTPUT_WITHIN: put_within(buf, base); return;
    case SNAG_OUTPUT_HEX: snag_buf_hex(buf, at, 16); return;
    case SNAG_OUTPUT_ALERT_ID:
        put_id(buf, decision->episode, snag_action_word(decision->action), decision->seq);
        return;
    case SNAG_OUTPUT_CORRECTS:
        put_id(buf, change->walk, snag_move_word(SNAG_MOVE_ENDED), change->corrects);
        return;
    case SNAG_OUTPUT_PIPELINE:
        snag_buf_str_put(buf, context->pipeline);
        snag_buf_byte(buf, '@');
        snag_buf_int(buf, context->version);
        return;
    case SNAG_OUTPUT_CONFIG: snag_buf_hex(buf, context->config, 32); return;
    default: SNAG_ASSERT(false); /* not a printed field */ return;
    }
}

bool snag_output_limited(const void *base)
{
    const snag_alert *alert = base;
    return alert->limit >= 0;
}

static bool time_is_set(int64_t time_ms)
{
    return time_ms != SNAG_NEVER && time_ms != SNAG_TIME_NONE;
}

bool snag_output_is_set(const snag_output *field, const snag_record *record, const void *base,
                        const snag_encode_context *context)
{
    const void *at = (const char *)base + field->offset;
    uint32_t count;
    switch (field->type) {
    case SNAG_OUTPUT_TEXT: return field->must || ((const snag_str *)at)->size > 0;
    case SNAG_OUTPUT_BASIS: return *(const snag_basis *)at != SNAG_BASIS_NONE;
    case SNAG_OUTPUT_WITHIN: return within_is_set(base);
    case SNAG_OUTPUT_TIME: return field->must || time_is_set(*(const int64_t *)at);
    case SNAG_OUTPUT_DURATION:
    case SNAG_OUTPUT_INT: return *(const int64_t *)at >= 0;
    case SNAG_OUTPUT_DOUBLE: return *(const double *)at >= 0;
    case SNAG_OUTPUT_SCORE: return ((const snag_change *)base)->scored;
    case SNAG_OUTPUT_THRESHOLD: return *(const int64_t *)at >= 0 || snag_output_limited(base);
    case SNAG_OUTPUT_REASON: return *(const snag_reason *)at != SNAG_REASON_NONE;
    case SNAG_OUTPUT_TIMELINE:
    case SNAG_OUTPUT_EVIDENCE: snag_output_evidence(record, &count); return count > 0;
    case SNAG_OUTPUT_ALERTS:
    case SNAG_OUTPUT_TAGS: snag_output_texts(field->type, record, &count); return count > 0;
    case SNAG_OUTPUT_CORRECTS: return *(const uint32_t *)at > 0;
    case SNAG_OUTPUT_CONTRIBUTIONS: return ((const snag_alert *)base)->contribution_count > 0;
    case SNAG_OUTPUT_CONFIG: return context->config != NULL;
    case SNAG_OUTPUT_DETECTED: return time_is_set(context->detected_at_ms);
    default: return true;
    }
}
