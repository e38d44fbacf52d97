/* SPDX-License-Identifier: Apache-2.0
 *
 * Records in Avro's binary encoding by schemas/: the tables of output.c again. A field that may be unset is
 * a union of null and its type; times are timestamp-millis, durations are texts as in JSON.
 *
 *     single object   | C3 01 | fingerprint, 8 bytes, little-endian | body |
 *     registry        | 00 | schema id, 4 bytes, big-endian | body |
 */
#include "base/assert.h"
#include "codec/output.h"
#include "codec/schemas.h"

typedef struct writer {
    snag_buf *buf;
    const snag_encode_context *context;
    const snag_record *record;
} writer;

enum { BRANCH_NULL, BRANCH_VALUE, BRANCH_DOUBLE };

static void put_long(snag_buf *buf, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (0 - (uint64_t)(value < 0));
    while (zigzag > 0x7f) {
        snag_buf_byte(buf, (char)(0x80 | (zigzag & 0x7f)));
        zigzag >>= 7;
    }
    snag_buf_byte(buf, (char)zigzag);
}

static void put_double(snag_buf *buf, double value)
{
    snag_buf_put(buf, &value, sizeof value); /* little-endian, as every host we build for (base/pack.h) */
}

static void put_text(snag_buf *buf, snag_str text)
{
    put_long(buf, (int64_t)text.size);
    snag_buf_str_put(buf, text);
}

static void put_may_text(snag_buf *buf, snag_str text)
{
    put_long(buf, text.size ? BRANCH_VALUE : BRANCH_NULL);
    if (text.size)
        put_text(buf, text);
}

static void put_timeline(writer *w)
{
    uint32_t count;
    const snag_evidence *items = snag_output_evidence(w->record, &count);
    if (count)
        put_long(w->buf, count);
    for (uint32_t i = 0; i < count; i++) {
        put_long(w->buf, items[i].time_ms);
        put_text(w->buf, items[i].type);
    }
    put_long(w->buf, 0);
}

static void put_evidence(writer *w)
{
    uint32_t count;
    const snag_evidence *items = snag_output_evidence(w->record, &count);
    if (count)
        put_long(w->buf, count);
    for (uint32_t i = 0; i < count; i++) {
        snag_str topic = snag_output_topic(w->context, &items[i].position);
        put_text(w->buf, items[i].id);
        put_may_text(w->buf, topic);
        put_long(w->buf, topic.size ? BRANCH_VALUE : BRANCH_NULL);
        if (topic.size)
            put_long(w->buf, items[i].position.partition);
        put_long(w->buf, topic.size ? BRANCH_VALUE : BRANCH_NULL);
        if (topic.size)
            put_long(w->buf, items[i].position.offset);
    }
    put_long(w->buf, 0);
}

static void put_texts(writer *w, snag_output_type type)
{
    uint32_t count;
    const snag_str *items = snag_output_texts(type, w->record, &count);
    if (count)
        put_long(w->buf, count);
    for (uint32_t i = 0; i < count; i++)
        put_text(w->buf, items[i]);
    put_long(w->buf, 0);
}

static void put_printed(writer *w, const snag_output *field, const void *base)
{
    char room[SNAG_TEXT_BYTES_MAX + 32];
    snag_buf text = snag_buf_on(room, sizeof room);
    snag_output_print(&text, field, base, w->context);
    put_text(w->buf, snag_buf_str(&text));
}

static void put_contributions(writer *w, const snag_alert *alert)
{
    if (alert->contribution_count)
        put_long(w->buf, alert->contribution_count);
    for (uint32_t i = 0; i < alert->contribution_count; i++) {
        put_text(w->buf, alert->contributions[i].rule);
        put_double(w->buf, alert->contributions[i].value);
    }
    put_long(w->buf, 0);
}

static bool is_list(snag_output_type type)
{
    return type == SNAG_OUTPUT_TIMELINE || type == SNAG_OUTPUT_EVIDENCE || type == SNAG_OUTPUT_ALERTS ||
           type == SNAG_OUTPUT_TAGS ||
           type == SNAG_OUTPUT_CONTRIBUTIONS;
}

static void put_value(writer *w, const snag_output *field, const void *base)
{
    const void *at = (const char *)base + field->offset;
    switch (field->type) {
    case SNAG_OUTPUT_TEXT: put_text(w->buf, *(const snag_str *)at); return;
    case SNAG_OUTPUT_TIME:
    case SNAG_OUTPUT_INT: put_long(w->buf, *(const int64_t *)at); return;
    case SNAG_OUTPUT_SCORE:
    case SNAG_OUTPUT_DOUBLE: put_double(w->buf, *(const double *)at); return;
    case SNAG_OUTPUT_THRESHOLD:
        if (snag_output_limited(base))
            put_double(w->buf, ((const snag_alert *)base)->limit);
        else
            put_long(w->buf, *(const int64_t *)at);
        return;
    case SNAG_OUTPUT_COUNT: put_long(w->buf, *(const uint32_t *)at); return;
    case SNAG_OUTPUT_DETECTED: put_long(w->buf, w->context->detected_at_ms); return;
    case SNAG_OUTPUT_TIMELINE: put_timeline(w); return;
    case SNAG_OUTPUT_EVIDENCE: put_evidence(w); return;
    case SNAG_OUTPUT_CONTRIBUTIONS: put_contributions(w, base); return;
    case SNAG_OUTPUT_ALERTS:
    case SNAG_OUTPUT_TAGS: put_texts(w, field->type); return;
    case SNAG_OUTPUT_DURATION:
    case SNAG_OUTPUT_WITHIN:
    case SNAG_OUTPUT_HEX:
    case SNAG_OUTPUT_ALERT_ID:
    case SNAG_OUTPUT_CORRECTS:
    case SNAG_OUTPUT_PIPELINE:
    case SNAG_OUTPUT_CONFIG: put_printed(w, field, base); return;
    default: put_text(w->buf, snag_output_word(field->type, at)); return;
    }
}

/* Which branch of its union a field that is set takes. */
static int64_t branch_of(const snag_output *field, const void *base)
{
    bool limit = field->type == SNAG_OUTPUT_THRESHOLD && snag_output_limited(base);
    return limit ? BRANCH_DOUBLE : BRANCH_VALUE;
}

/* An inner record with nothing set becomes null. */
static void put_fields(writer *w, const snag_output *fields, size_t count, const void *base)
{
    size_t open_at = 0;
    bool any = true;
    for (size_t i = 0; i < count; i++) {
        const snag_output *field = &fields[i];
        bool set = field->type != SNAG_OUTPUT_CLOSE && field->type != SNAG_OUTPUT_OPEN &&
                   snag_output_is_set(field, w->record, base, w->context);
        if (field->type == SNAG_OUTPUT_OPEN) {
            open_at = w->buf->size;
            any = field->must;
            if (!field->must)
                put_long(w->buf, BRANCH_VALUE);
        } else if (field->type == SNAG_OUTPUT_CLOSE) {
            if (any)
                continue;
            w->buf->size = open_at;
            put_long(w->buf, BRANCH_NULL);
        } else {
            any = any || set;
            if (!field->must && !is_list(field->type))
                put_long(w->buf, set ? branch_of(field, base) : BRANCH_NULL);
            if (set || is_list(field->type))
                put_value(w, field, base);
        }
    }
}

/* An event that came too late, by schemas/event.avsc: what is known of it. */
static void put_event(writer *w)
{
    snag_buf *buf = w->buf;
    put_text(buf, w->record->as.late.id);
    put_long(buf, w->record->as.late.time_ms);
    put_text(buf, w->record->as.late.type);
    put_may_text(buf, w->record->as.late.customer);
    put_may_text(buf, (snag_str){0}); /* account */
    put_may_text(buf, (snag_str){0}); /* channel */
    put_long(buf, 0);                 /* kept: no entries */
}

void snag_encode_avro(snag_buf *buf, const snag_encode_context *context, const snag_record *record)
{
    writer w = {buf, context, record};
    snag_envelope envelope;
    size_t count;
    if (record->kind == SNAG_RECORD_LATE) {
        put_event(&w);
        return;
    }
    const snag_output *fields = snag_outputs(record->kind, &count);
    snag_envelope_fill(&envelope, context, record);
    envelope.datacontenttype = SNAG_STR("application/avro");
    put_fields(&w, snag_envelope_outputs, snag_envelope_output_count, &envelope);
    put_fields(&w, fields, count, snag_output_base(record));
}

/* --- schemas and framing ----------------------------------------------------------------------- */

snag_str snag_avro_schema(snag_record_kind kind)
{
    switch (kind) {
    case SNAG_RECORD_ALERT: return snag_str_of(snag_schema_alert, snag_schema_alert_bytes);
    case SNAG_RECORD_CHANGE: return snag_str_of(snag_schema_change, snag_schema_change_bytes);
    case SNAG_RECORD_DECISION: return snag_str_of(snag_schema_decision, snag_schema_decision_bytes);
    default: return snag_str_of(snag_schema_event, snag_schema_event_bytes);
    }
}

void snag_encode_avro_frame(snag_buf *buf, snag_record_kind kind, int64_t schema_id)
{
    /* CRC-64-AVRO of each schema; a test computes them anew from the texts. */
    static const uint64_t fingerprints[SNAG_RECORD_KIND_COUNT] = {
        [SNAG_RECORD_ALERT] = 0x12814ab9b92aaaafu,
        [SNAG_RECORD_CHANGE] = 0x2e7ba933d81a26cdu,
        [SNAG_RECORD_DECISION] = 0x64bc29ca9172fa39u,
        [SNAG_RECORD_LATE] = 0xec078f77a252cf0fu,
    };
    SNAG_ASSERT(kind < SNAG_RECORD_KIND_COUNT && schema_id <= UINT32_MAX);
    if (schema_id < 0) {
        snag_buf_put(buf, "\xC3\x01", 2);
        for (int shift = 0; shift < 64; shift += 8)
            snag_buf_byte(buf, (char)(fingerprints[kind] >> shift & 0xff));
        return;
    }
    snag_buf_byte(buf, 0);
    for (int shift = 24; shift >= 0; shift -= 8)
        snag_buf_byte(buf, (char)(schema_id >> shift & 0xff));
}
