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
    snag_buf_printf(buf, " %c=%" PRIu32, tick->hop ? 'u' : 'p', tick->partition);
    if (tick->hop || tick->offset >= 0)
        snag_buf_printf(buf, " s=%" PRIu32, tick->source);
    if (tick->offset >= 0)
        snag_buf_printf(buf, " o=%" PRId64 " w=%" PRId64, tick->offset, tick->time_ms);
    if (tick->kind == SNAG_TICK_SILENT)
        snag_buf_printf(buf, " q=%" PRId64, tick->last_ms);
    else if (tick->kind == SNAG_TICK_BACK && tick->hop)
        snag_buf_printf(buf, " q=%" PRId64 " b=%" PRId64, tick->last_ms, tick->back_ms);
    else if (tick->kind == SNAG_TICK_BACK)
        snag_buf_str_put(buf, SNAG_STR(" back"));
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

static bool found_read(snag_tick *tick, snag_str *words)
{
    if (skip(words, " q=")) {
        tick->kind = SNAG_TICK_SILENT;
        if (!number(words, INT64_MAX, &tick->last_ms))
            return false;
        if (!tick->hop || !skip(words, " b="))
            return true;
        tick->kind = SNAG_TICK_BACK;
        return number(words, INT64_MAX, &tick->back_ms);
    }
    if (!tick->hop && skip(words, " back")) {
        tick->kind = SNAG_TICK_BACK;
        tick->back_ms = tick->time_ms;
    }
    return true;
}

bool snag_tick_read(snag_tick *tick, snag_str words)
{
    int64_t partition, source;
    *tick = (snag_tick){.offset = -1, .time_ms = SNAG_TIME_NONE, .last_ms = SNAG_TIME_NONE,
                        .back_ms = SNAG_TIME_NONE};
    if (!skip(&words, "snag 1 i=") || !hex(&words, tick->incarnation, sizeof tick->incarnation))
        return false;
    tick->hop = skip(&words, " u=");
    if ((!tick->hop && !skip(&words, " p=")) || !number(&words, INT32_MAX, &partition) || partition < 0)
        return false;
    tick->partition = (uint32_t)partition;
    if (words.size == 0)
        return !tick->hop;
    if (!skip(&words, " s=") || !number(&words, SNAG_SOURCES_MAX - 1, &source) || source < 0)
        return false;
    tick->source = (uint32_t)source;
    if (words.size == 0)
        return tick->hop;
    return skip(&words, " o=") && number(&words, INT64_MAX, &tick->offset) && tick->offset >= 0 &&
           skip(&words, " w=") && number(&words, INT64_MAX, &tick->time_ms) && found_read(tick, &words) &&
           words.size == 0;
}

/* --- telling ----------------------------------------------------------------------------------- */

bool snag_tick_matters(int64_t low_ms, int64_t own_ms, const snag_event *events, size_t count)
{
    bool matters = false;
    for (size_t i = 0; i < count; i++)
        matters = matters || events[i].time_ms <= low_ms;
    return matters && own_ms < low_ms;
}

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
    snag_tick tick = {.partition = partition->index, .offset = -1, .time_ms = SNAG_TIME_NONE,
                      .last_ms = SNAG_TIME_NONE, .back_ms = SNAG_TIME_NONE};
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

static uint32_t stream_of(const snag_worker *worker, uint32_t source)
{
    uint32_t stream = 0;
    while (worker->source_of[stream] != source)
        stream++;
    return stream;
}

/* Of what was carried the first hop tells: lanes are deleted as they are read, no later reader finds them. */
void snag_partition_ticks_tell(snag_partition *partition, const snag_event *events, size_t count)
{
    const uint32_t source = events[0].position.source, of = stream_of(partition->worker, source);
    if (partition->worker->lane_of[of] >= 0)
        return;
    snag_stream *stream = &partition->streams[of];
    int64_t out_of_order_ms = partition->worker->pipeline->sources[source].out_of_order_ms;
    int64_t low_ms = snag_engine_low(partition->engine, of);
    int64_t newest_ms = snag_engine_newest_of(partition->engine, of);
    bool at_once = partition->worker->sources > 1; /* items of one record are taken at its place */
    if (low_ms <= stream->told_ms || snag_planted(TICKS_UNTOLD))
        return;
    for (size_t i = 0; i < count && own_low(newest_ms, out_of_order_ms) < low_ms; i++) {
        const snag_event *event = &events[i];
        int64_t time_ms = snag_event_borne_ms(event);
        if (event->position.offset < stream->resume)
            continue; /* judged before: it was told then */
        if (event->time_ms <= low_ms || event->device) { /* its right time is not known yet */
            snag_tick tick = tick_of(partition);
            tick.source = source;
            tick.offset = event->position.offset;
            tick.time_ms = low_ms;
            tell(partition, &tick);
            stream->told_ms = low_ms;
            return;
        }
        newest_ms = time_ms > newest_ms && !at_once ? time_ms : newest_ms;
    }
}

void snag_partition_ticks_found(snag_partition *partition, uint32_t of, snag_tick_kind kind, int64_t last_ms,
                                int64_t to_ms)
{
    snag_stream *stream = &partition->streams[of];
    snag_tick tick = tick_of(partition);
    tick.source = partition->worker->source_of[of];
    tick.offset = stream->next;
    tick.time_ms = snag_engine_low(partition->engine, of);
    if (snag_planted(TICKS_UNTOLD))
        return;
    if (tick.time_ms > stream->told_ms) /* from here it was found */
        tell(partition, &tick);
    tick.time_ms = stream->told_ms = to_ms;
    tick.kind = kind;
    tick.last_ms = last_ms;
    tell(partition, &tick);
}

/* --- of a first hop ----------------------------------------------------------------------------- */

static snag_tick tick_of_hop(const snag_partition *partition)
{
    snag_tick tick = tick_of(partition);
    tick.hop = true;
    tick.source = partition->worker->options->rekey->source;
    return tick;
}

void snag_rekey_tick_begin(snag_partition *partition)
{
    snag_tick tick = tick_of_hop(partition);
    tell(partition, &tick);
}

void snag_rekey_tick_tell(snag_partition *partition, int64_t offset, const snag_event *events, size_t count)
{
    snag_stream *stream = &partition->streams[0];
    if (partition->low_ms <= stream->told_ms || snag_planted(TICKS_UNTOLD) ||
        !snag_tick_matters(partition->low_ms, partition->own_ms, events, count))
        return;
    snag_tick tick = tick_of_hop(partition);
    tick.offset = offset;
    tick.time_ms = partition->low_ms;
    tell(partition, &tick);
    stream->told_ms = partition->low_ms;
}

void snag_rekey_tick_found(snag_partition *partition, int64_t offset, snag_tick_kind kind, int64_t back_ms)
{
    snag_stream *stream = &partition->streams[0];
    snag_tick tick = tick_of_hop(partition);
    tick.offset = offset;
    tick.time_ms = partition->low_ms;
    if (snag_planted(TICKS_UNTOLD))
        return;
    if (tick.time_ms > stream->told_ms) /* the place comes first: then it may be another partition's turn */
        tell(partition, &tick);
    stream->told_ms = tick.time_ms;
    tick.kind = kind;
    tick.last_ms = partition->last_ms;
    tick.back_ms = back_ms;
    tell(partition, &tick);
}
