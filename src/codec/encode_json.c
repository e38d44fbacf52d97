/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as structured-mode CloudEvents JSON: the tables of output.c, unset fields left out.
 */
#include "base/assert.h"
#include "base/time.h"
#include "codec/output.h"

typedef struct writer {
    snag_buf *buf;
    const snag_encode_context *context;
    const snag_record *record;
} writer;

/* Between two members; the first has the bracket before it. */
static void put_name(writer *w, snag_str name)
{
    char last = w->buf->size ? w->buf->data[w->buf->size - 1] : '{';
    if (last != '{' && last != '[')
        snag_buf_byte(w->buf, ',');
    snag_buf_str_put(w->buf, name);
}

static void put_time(writer *w, int64_t time_ms)
{
    snag_buf_byte(w->buf, '"');
    snag_time_print(w->buf, time_ms);
    snag_buf_byte(w->buf, '"');
}

/* A text made of parts; only a pipeline's name could need escaping. */
static void put_printed(writer *w, const snag_output *field, const void *base)
{
    char room[SNAG_TEXT_BYTES_MAX + 32];
    snag_buf text = snag_buf_on(room, sizeof room);
    snag_output_print(&text, field, base, w->context);
    snag_buf_json(w->buf, snag_buf_str(&text));
}

static void put_timeline(writer *w)
{
    uint32_t count;
    const snag_evidence *items = snag_output_evidence(w->record, &count);
    snag_buf_byte(w->buf, '[');
    for (uint32_t i = 0; i < count; i++) {
        put_name(w, SNAG_STR("{\"at\":"));
        put_time(w, items[i].time_ms);
        put_name(w, SNAG_STR("\"type\":"));
        snag_buf_json(w->buf, items[i].type);
        snag_buf_byte(w->buf, '}');
    }
    snag_buf_byte(w->buf, ']');
}

static void put_evidence(writer *w)
{
    uint32_t count;
    const snag_evidence *items = snag_output_evidence(w->record, &count);
    snag_buf_byte(w->buf, '[');
    for (uint32_t i = 0; i < count; i++) {
        snag_str topic = snag_output_topic(w->context, &items[i].position);
        put_name(w, SNAG_STR("{\"id\":"));
        snag_buf_json(w->buf, items[i].id);
        if (topic.size) {
            put_name(w, SNAG_STR("\"topic\":"));
            snag_buf_json(w->buf, topic);
            put_name(w, SNAG_STR("\"partition\":"));
            snag_buf_int(w->buf, items[i].position.partition);
            put_name(w, SNAG_STR("\"offset\":"));
            snag_buf_int(w->buf, items[i].position.offset);
        }
        snag_buf_byte(w->buf, '}');
    }
    snag_buf_byte(w->buf, ']');
}

static void put_texts(writer *w, snag_output_type type)
{
    uint32_t count;
    const snag_str *items = snag_output_texts(type, w->record, &count);
    snag_buf_byte(w->buf, '[');
    for (uint32_t i = 0; i < count; i++) {
        put_name(w, (snag_str){0});
        snag_buf_json(w->buf, items[i]);
    }
    snag_buf_byte(w->buf, ']');
}

static void put_contributions(writer *w, const snag_alert *alert)
{
    snag_buf_byte(w->buf, '[');
    for (uint32_t i = 0; i < alert->contribution_count; i++) {
        put_name(w, SNAG_STR("{\"rule\":"));
        snag_buf_json(w->buf, alert->contributions[i].rule);
        put_name(w, SNAG_STR("\"value\":"));
        snag_buf_double(w->buf, alert->contributions[i].value);
        snag_buf_byte(w->buf, '}');
    }
    snag_buf_byte(w->buf, ']');
}

static void put_value(writer *w, const snag_output *field, const void *base)
{
    const void *at = (const char *)base + field->offset;
    switch (field->type) {
    case SNAG_OUTPUT_TEXT: snag_buf_json(w->buf, *(const snag_str *)at); return;
    case SNAG_OUTPUT_TIME: put_time(w, *(const int64_t *)at); return;
    case SNAG_OUTPUT_INT: snag_buf_int(w->buf, *(const int64_t *)at); return;
    case SNAG_OUTPUT_SCORE:
    case SNAG_OUTPUT_DOUBLE: snag_buf_double(w->buf, *(const double *)at); return;
    case SNAG_OUTPUT_THRESHOLD:
        if (snag_output_limited(base))
            snag_buf_double(w->buf, ((const snag_alert *)base)->limit);
        else
            snag_buf_int(w->buf, *(const int64_t *)at);
        return;
    case SNAG_OUTPUT_COUNT: snag_buf_int(w->buf, *(const uint32_t *)at); return;
    case SNAG_OUTPUT_DETECTED: put_time(w, w->context->detected_at_ms); return;
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
    default: snag_buf_json(w->buf, snag_output_word(field->type, at)); return;
    }
}

/* An inner record that came out empty is taken back. */
static void put_fields(writer *w, const snag_output *fields, size_t count, const void *base)
{
    size_t open_at = 0;
    for (size_t i = 0; i < count; i++) {
        const snag_output *field = &fields[i];
        if (field->type == SNAG_OUTPUT_OPEN) {
            open_at = w->buf->size;
            put_name(w, field->name);
            snag_buf_byte(w->buf, '{');
        } else if (field->type != SNAG_OUTPUT_CLOSE) {
            if (!snag_output_is_set(field, w->record, base, w->context))
                continue;
            put_name(w, field->name);
            put_value(w, field, base);
        } else if (w->buf->size > open_at && w->buf->data[w->buf->size - 1] == '{') {
            w->buf->size = open_at;
        } else {
            snag_buf_byte(w->buf, '}');
        }
    }
}

void snag_encode_json(snag_buf *buf, const snag_encode_context *context, const snag_record *record)
{
    writer w = {buf, context, record};
    snag_envelope envelope;
    size_t count;
    const snag_output *fields = snag_outputs(record->kind, &count);
    snag_envelope_fill(&envelope, context, record);
    snag_buf_byte(buf, '{');
    put_fields(&w, snag_envelope_outputs, snag_envelope_output_count, &envelope);
    snag_buf_str_put(buf, SNAG_STR(",\"data\":{"));
    put_fields(&w, fields, count, snag_output_base(record));
    snag_buf_str_put(buf, SNAG_STR("}}"));
}
