/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tick.h"

#include <inttypes.h>

#include "base/assert.h"
#include "engine/engine.h"
#include "runtime/inside.h"

/* --- the words --------------------------------------------------------------------------------- */

void snag_tick_write(snag_buf *buf, const snag_tick *tick)
{
    snag_buf_str_put(buf, SNAG_STR("snag 1 i="));
    snag_buf_hex(buf, tick->incarnation, sizeof tick->incarnation);
    snag_buf_printf(buf, " p=%" PRIu32, tick->partition);
    if (tick->offset >= 0)
        snag_buf_printf(buf, " s=%" PRIu32 " o=%" PRId64 " w=%" PRId64, tick->source, tick->offset,
                        tick->time_ms);
}

static bool skip(snag_str *words, const char *text)
{
    size_t size = strlen(text);
    if (words->size < size || memcmp(words->data, text, size) != 0)
        return false;
    *words = snag_str_of(words->data + size, words->size - size);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex(snag_str *words, uint8_t *bytes, size_t count)
{
    if (words->size < 2 * count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int high = hex_digit(words->data[2 * i]), low = hex_digit(words->data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *words = snag_str_of(words->data + 2 * count, words->size - 2 * count);
    return true;
}

/* A whole number from 0 to max, or with a sign down to -max. */
static bool number(snag_str *words, int64_t max, int64_t *value)
{
    size_t at = words->size > 0 && words->data[0] == '-';
    size_t first = at;
    *value = 0;
    for (; at < words->size && words->data[at] >= '0' && words->data[at] <= '9'; at++) {
        int digit = words->data[at] - '0';
        if (*value > max / 10 || *value * 10 > max - digit)
            return false;
        *value = *value * 10 + digit;
    }
    if (first == 1)
        *value = -*value;
    bool any = at > first;
    *words = snag_str_of(words->data + at, words->size - at);
    return any;
}

bool snag_tick_read(snag_tick *tick, snag_str words)
{
    int64_t partition, source;
    *tick = (snag_tick){.offset = -1, .time_ms = SNAG_TIME_NONE};
    if (!skip(&words, "snag 1 i=") || !hex(&words, tick->incarnation, sizeof tick->incarnation) ||
        !skip(&words, " p=") || !number(&words, INT32_MAX, &partition) || partition < 0)
        return false;
    tick->partition = (uint32_t)partition;
    if (words.size == 0)
        return true;
    bool whole = skip(&words, " s=") && number(&words, SNAG_SOURCES_MAX - 1, &source) && source >= 0 &&
                 skip(&words, " o=") && number(&words, INT64_MAX, &tick->offset) && tick->offset >= 0 &&
                 skip(&words, " w=") && number(&words, INT64_MAX, &tick->time_ms) && words.size == 0;
    tick->source = whole ? (uint32_t)source : 0;
    return whole;
}

/* --- telling ----------------------------------------------------------------------------------- */

static void tell(snag_partition *partition, const snag_tick *tick)
{
    snag_worker *worker = partition->worker;
    uint32_t count = worker->options->topic_partitions[SNAG_TOPIC_TICKS];
    snag_buf buf = snag_bundle_buf(&worker->bundle, SNAG_TICK_WORDS_MAX);
    snag_tick_write(&buf, tick);
    SNAG_ASSERT(!buf.full);
    snag_message message = {.topic = SNAG_TOPIC_TICKS,
                            .partition = count ? partition->index % count : partition->index,
                            .value = snag_bundle_used(&worker->bundle, &buf)};
    snag_bundle_add(&worker->bundle, &message);
    snag_worker_dirty(worker, partition);
}

static snag_tick tick_of(const snag_partition *partition)
{
    snag_tick tick = {.partition = partition->index, .offset = -1, .time_ms = SNAG_TIME_NONE};
    memcpy(tick.incarnation, partition->incarnation, sizeof tick.incarnation);
    return tick;
}

void snag_partition_ticks_begin(snag_partition *partition)
{
    snag_tick tick = tick_of(partition);
    tell(partition, &tick);
}

/* How far a source's own events have moved its time. */
static int64_t own_low(int64_t newest_ms, int64_t out_of_order_ms)
{
    return newest_ms == SNAG_TIME_NONE ? SNAG_TIME_NONE : newest_ms - out_of_order_ms;
}

/* A rekeyed source's records lie in lanes that are deleted as they are read: no later reader finds them. */
static bool is_rekeyed(const snag_worker *worker)
{
    bool rekeyed = false;
    for (uint32_t s = 0; s < worker->pipeline->source_count; s++)
        rekeyed = rekeyed || worker->pipeline->sources[s].rekey || worker->pipeline->sources[s].lanes > 0;
    return rekeyed;
}

void snag_partition_ticks_tell(snag_partition *partition, const snag_event *events, size_t count)
{
    uint32_t source = events[0].position.source;
    if (is_rekeyed(partition->worker))
        return;
    snag_stream *stream = &partition->streams[source];
    int64_t out_of_order_ms = partition->worker->pipeline->sources[source].out_of_order_ms;
    int64_t low_ms = snag_engine_low(partition->engine, source);
    int64_t newest_ms = snag_engine_newest_of(partition->engine, source);
    if (low_ms <= stream->told_ms || snag_planted(TICKS_UNTOLD))
        return;
    for (size_t i = 0; i < count && own_low(newest_ms, out_of_order_ms) < low_ms; i++) {
        const snag_event *event = &events[i];
        int64_t time_ms = event->time_ms;
        if (event->position.offset < stream->resume)
            continue; /* judged before: it was told then */
        if (time_ms <= low_ms) {
            snag_tick tick = tick_of(partition);
            tick.source = source;
            tick.offset = event->position.offset;
            tick.time_ms = low_ms;
            tell(partition, &tick);
            stream->told_ms = low_ms;
            return;
        }
        if (event->stamp_ms != SNAG_TIME_NONE && event->stamp_ms < time_ms)
            time_ms = event->stamp_ms;
        newest_ms = time_ms > newest_ms ? time_ms : newest_ms;
    }
}
