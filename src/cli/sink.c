/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sink.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/base64.h"
#include "cli/view.h"
#include "codec/codec.h"

enum {
    BUFFER_BYTES = 4 * 1024 * 1024, /* the greatest dead letter in base64, and much room besides */
    FLUSH_BYTES = 256 * 1024
};

/* A kept record: its place in the order, and its text. */
typedef struct kept {
    int64_t time_ms;
    uint64_t number; /* order of arrival: breaks ties */
    uint32_t seq;
    uint32_t customer_size;
    size_t size;
    char bytes[]; /* customer, text */
} kept;

struct snag_sink {
    snag_sink_options options;
    snag_view view;
    snag_encode_context encode;
    snag_str topics[SNAG_SOURCES_MAX];
    bool failed;
    kept **rows;
    size_t row_count;
    size_t row_room;
    snag_buf buf;
    char bytes[BUFFER_BYTES];
};

bool snag_shown_parse(snag_str list, unsigned *shown, snag_str *word)
{
    static const char *const words[SNAG_SHOWN_COUNT] = {
#define X(name, text) text,
        SNAG_SHOWN_TABLE(X)
#undef X
    };
    *shown = 0;
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        *word = (snag_str){list.data, comma ? (size_t)(comma - list.data) : list.size};
        unsigned bit = 0;
        for (unsigned i = 0; i < SNAG_SHOWN_COUNT; i++)
            if (snag_str_equal(*word, snag_str_from(words[i])))
                bit = 1u << i;
        if (bit == 0)
            return false;
        *shown |= bit;
        size_t step = word->size + (comma ? 1 : 0);
        list = (snag_str){list.data + step, list.size - step};
    }
    return true;
}

static snag_encode_context context_of(const snag_pipeline *pipeline)
{
    return (snag_encode_context){.pipeline = pipeline->name, .version = pipeline->version,
                                 .config = pipeline->config, .detected_at_ms = SNAG_TIME_NONE};
}

snag_err snag_sink_new(snag_sink **out, const snag_sink_options *options)
{
    snag_sink *sink = malloc(sizeof *sink);
    *out = sink;
    if (!sink)
        return SNAG_MEMORY;
    sink->options = *options;
    sink->view = snag_view_of(options->pipeline, options->colour);
    sink->encode = context_of(options->pipeline);
    for (uint32_t s = 0; options->topics && s < options->pipeline->source_count; s++) {
        sink->topics[s] = snag_str_from(options->topics[s]);
        sink->encode.topics = sink->topics;
        sink->encode.topic_count = s + 1;
    }
    sink->failed = false;
    sink->rows = NULL;
    sink->row_count = 0;
    sink->row_room = 0;
    sink->buf = snag_buf_on(sink->bytes, sizeof sink->bytes);
    return SNAG_OK;
}

void snag_sink_free(snag_sink *sink)
{
    if (!sink)
        return;
    for (size_t i = 0; i < sink->row_count; i++)
        free(sink->rows[i]);
    free(sink->rows);
    free(sink);
}

static void buffer_write(snag_sink *sink, FILE *file)
{
    SNAG_ASSERT(!sink->buf.full); /* every line fits: bounds of limits.h */
    if (sink->buf.size > 0 && fwrite(sink->bytes, 1, sink->buf.size, file) != sink->buf.size)
        sink->failed = true;
    sink->buf.size = 0;
}

void snag_sink_flush(snag_sink *sink)
{
    buffer_write(sink, sink->options.out);
    if (fflush(sink->options.out) != 0)
        sink->failed = true;
}

static unsigned shown_bit(snag_record_kind kind)
{
    static const unsigned bits[SNAG_RECORD_KIND_COUNT] = {
        1u << SNAG_SHOWN_BIT_ALERTS, 1u << SNAG_SHOWN_BIT_JOURNEYS, 1u << SNAG_SHOWN_BIT_DECISIONS,
        1u << SNAG_SHOWN_BIT_LATE};
    return bits[kind];
}

static void envelope_put(snag_buf *buf, const snag_encode_context *context, const char *type)
{
    snag_buf_str_put(buf, SNAG_STR(",\"type\":\"snag."));
    snag_buf_str_put(buf, snag_str_from(type));
    snag_buf_str_put(buf, SNAG_STR("\",\"source\":"));
    char bytes[512];
    snag_buf source = snag_buf_on(bytes, sizeof bytes);
    snag_buf_str_put(&source, SNAG_STR("snag/"));
    snag_buf_str_put(&source, context->pipeline);
    snag_buf_json(buf, snag_buf_str(&source));
}

static void time_put(snag_buf *buf, const char *name, int64_t time_ms)
{
    snag_buf_printf(buf, ",\"%s\":\"", name);
    snag_time_print(buf, time_ms);
    snag_buf_byte(buf, '"');
}

/* The topic `late` gets the original record; here its position says which line it was. */
static void late_json(snag_buf *buf, const snag_encode_context *context, const snag_record *record)
{
    snag_buf_str_put(buf, SNAG_STR("{\"specversion\":\"1.0\",\"id\":"));
    snag_buf_json(buf, record->as.late.id);
    envelope_put(buf, context, "late");
    snag_buf_str_put(buf, SNAG_STR(",\"subject\":"));
    snag_buf_json(buf, record->as.late.customer);
    time_put(buf, "time", record->as.late.time_ms);
    snag_buf_str_put(buf, SNAG_STR(",\"data\":{\"event\":"));
    snag_buf_json(buf, record->as.late.type);
    if (record->as.late.judged_ms != SNAG_TIME_NONE) /* else it is older than what is remembered */
        time_put(buf, "judged_to", record->as.late.judged_ms);
    if (record->as.late.clock_off_ms)
        snag_buf_printf(buf, ",\"clock_off_ms\":%lld", (long long)record->as.late.clock_off_ms);
    snag_buf_printf(buf, ",\"partition\":%u,\"offset\":%lld}}", record->as.late.position.partition,
                    (long long)record->as.late.position.offset);
}

static void dead_json(snag_buf *buf, const snag_sink *sink, const snag_dead *dead)
{
    snag_str source = sink->options.pipeline->sources[dead->position.source].name;
    snag_buf_str_put(buf, SNAG_STR("{\"specversion\":\"1.0\",\"id\":\""));
    snag_buf_printf(buf, "dead-%u-%u-%lld\"", dead->position.source, dead->position.partition,
                    (long long)dead->position.offset);
    envelope_put(buf, &sink->encode, "dead_letter");
    snag_buf_printf(buf, ",\"data\":{\"reason\":\"%s\",\"error\":", snag_err_name(dead->reason));
    snag_buf_json(buf, snag_str_from(dead->words));
    snag_buf_str_put(buf, SNAG_STR(",\"source\":"));
    snag_buf_json(buf, source);
    snag_buf_printf(buf, ",\"partition\":%u,\"offset\":%lld,\"size\":%llu", dead->position.partition,
                    (long long)dead->position.offset, (unsigned long long)dead->size);
    if (dead->sha256) {
        snag_buf_str_put(buf, SNAG_STR(",\"truncated\":true,\"sha256\":\""));
        snag_buf_hex(buf, dead->sha256, 32);
        snag_buf_byte(buf, '"');
    }
    snag_buf_str_put(buf, SNAG_STR(",\"value\":\""));
    snag_base64_put(buf, dead->value);
    snag_buf_str_put(buf, SNAG_STR("\"}}\n"));
}

static void json_put(snag_buf *buf, const snag_encode_context *context, const snag_record *record)
{
    if (record->kind == SNAG_RECORD_LATE)
        late_json(buf, context, record);
    else
        snag_encode_json(buf, context, record);
}

void snag_sink_json(snag_buf *buf, const snag_pipeline *pipeline, const snag_record *record)
{
    snag_encode_context context = context_of(pipeline);
    json_put(buf, &context, record);
}

static void record_put(snag_sink *sink, const snag_record *record)
{
    if (sink->options.format == SNAG_SINK_TEXT) {
        snag_view_record(&sink->buf, &sink->view, record);
        return;
    }
    json_put(&sink->buf, &sink->encode, record);
    snag_buf_byte(&sink->buf, '\n');
}

/* Time, customer and seq of a record. */
static snag_str order_of(const snag_record *record, int64_t *time_ms, uint32_t *seq)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT:
        *time_ms = record->as.alert.time_ms;
        *seq = record->as.alert.seq;
        return record->as.alert.customer;
    case SNAG_RECORD_CHANGE:
        *time_ms = record->as.change.effective_ms;
        *seq = record->as.change.seq;
        return record->as.change.customer;
    case SNAG_RECORD_DECISION:
        *time_ms = record->as.decision.at_ms;
        *seq = record->as.decision.seq;
        return record->as.decision.customer;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: break;
    }
    *time_ms = record->as.late.time_ms;
    *seq = 0;
    return record->as.late.customer;
}

/* Moves the text behind `from` in the buffer into a kept row. */
static void keep(snag_sink *sink, const snag_record *record, size_t from)
{
    int64_t time_ms;
    uint32_t seq;
    snag_str customer = order_of(record, &time_ms, &seq);
    size_t size = sink->buf.size - from;
    if (sink->row_count == sink->row_room) {
        size_t room = sink->row_room ? sink->row_room * 2 : 1024;
        kept **rows = realloc(sink->rows, room * sizeof *rows);
        sink->failed |= rows == NULL;
        sink->rows = rows ? rows : sink->rows;
        sink->row_room = rows ? room : sink->row_room;
    }
    kept *row = sink->failed ? NULL : malloc(sizeof *row + customer.size + size);
    if (row) {
        *row = (kept){.time_ms = time_ms, .number = sink->row_count, .seq = seq,
                      .customer_size = (uint32_t)customer.size, .size = size};
        if (customer.size) /* an alert about a source is about no customer */
            memcpy(row->bytes, customer.data, customer.size);
        memcpy(row->bytes + customer.size, sink->bytes + from, size);
        sink->rows[sink->row_count++] = row;
    }
    sink->failed |= row == NULL;
    sink->buf.size = from;
}

void snag_sink_record(snag_sink *sink, const snag_record *record)
{
    if (sink->options.format == SNAG_SINK_NONE || !(sink->options.shown & shown_bit(record->kind)))
        return;
    size_t from = sink->buf.size;
    record_put(sink, record);
    if (sink->options.merged)
        keep(sink, record, from);
    if (sink->buf.size > FLUSH_BYTES)
        buffer_write(sink, sink->options.out);
}

void snag_sink_dead(snag_sink *sink, const snag_dead *dead)
{
    if (sink->options.dead) {
        buffer_write(sink, sink->options.out);
        dead_json(&sink->buf, sink, dead);
        buffer_write(sink, sink->options.dead);
        return;
    }
    if (sink->options.format == SNAG_SINK_NONE ||
        !(sink->options.shown & (1u << SNAG_SHOWN_BIT_DEAD)))
        return;
    if (sink->options.format == SNAG_SINK_TEXT)
        snag_view_dead(&sink->buf, &sink->view, dead);
    else
        dead_json(&sink->buf, sink, dead);
    if (sink->buf.size > FLUSH_BYTES)
        buffer_write(sink, sink->options.out);
}

static int compare(const void *a_row, const void *b_row)
{
    const kept *a = *(kept *const *)a_row;
    const kept *b = *(kept *const *)b_row;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    int order = snag_str_compare(snag_str_of(a->bytes, a->customer_size),
                                 snag_str_of(b->bytes, b->customer_size));
    if (order != 0)
        return order;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

bool snag_sink_finish(snag_sink *sink)
{
    if (sink->row_count > 0)
        qsort(sink->rows, sink->row_count, sizeof *sink->rows, compare);
    buffer_write(sink, sink->options.out);
    for (size_t i = 0; i < sink->row_count; i++) {
        const kept *row = sink->rows[i];
        snag_buf_put(&sink->buf, row->bytes + row->customer_size, row->size);
        if (sink->buf.size > FLUSH_BYTES)
            buffer_write(sink, sink->options.out);
    }
    snag_sink_flush(sink);
    if (sink->options.dead && fflush(sink->options.dead) != 0)
        sink->failed = true;
    return !sink->failed;
}
