/* SPDX-License-Identifier: Apache-2.0
 *
 * The first hop of a rekeyed source: each record goes to its customer's partition of the lane (lane.h) of the
 * topic's partition where it was found. It is decoded to find customer and time, and carried as it came; what
 * cannot be read goes to the dead letter here. There is no state but how far time has come, and that is kept
 * in the words beside the offset: one transaction carries records, marks, and
 *
 *     offset metadata   "snag rekey 1 w=1764320000000 i=<32 hex digits>"      "w=-" before the first event
 *                       … " q=1764319000000"           once it told of a silence since then
 *                       … " q=1764319000000 back"      and of its end
 *
 * A first start commits its place before anything is read, so a lane in which something lies belongs to
 * offsets that are there (cli/live.c looks).
 *
 * Marks tell a lane's other partitions how far its topic's partition has come; where it is silent (proved as
 * in idle.c), the clock moves it, and marks say so all the time: this hop cannot know what is due behind it.
 * Where that made a record late, a replay of the topic must know: it is recorded (tick.h), under the name i.
 *
 * Before the clock moves a partition past the time from which its source is silent, the brokers are asked
 * (silence.c). Each hop does so for itself, and says it in its own lane, at a place that all partitions of
 * the state, and replays, come to before they hear it: that time, and for the end where the lane is then.
 * Nobody's W passes that time before all lanes have, so the first word begins the silence just there; the
 * first word on its end, or event behind it, ends it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "runtime/inside.h"
#include "runtime/lane.h"

enum {
    MARK_EVERY_MS = 200,
    WAIT_MAX_MS = 100
};

static const char words_begin[] = "snag rekey 1 w=";

static void words_print(char *text, size_t room, const snag_partition *partition)
{
    snag_buf buf = snag_buf_on(text, room - 1);
    snag_buf_str_put(&buf, snag_str_from(words_begin));
    if (partition->low_ms == SNAG_TIME_NONE)
        snag_buf_byte(&buf, '-');
    else
        snag_buf_int(&buf, partition->low_ms);
    snag_buf_str_put(&buf, SNAG_STR(" i="));
    snag_buf_hex(&buf, partition->incarnation, sizeof partition->incarnation);
    if (partition->last_ms != SNAG_TIME_NONE)
        snag_buf_printf(&buf, " q=%" PRId64 "%s", partition->last_ms, partition->silent ? "" : " back");
    SNAG_ASSERT(!buf.full);
    text[buf.size] = '\0';
}

/* Of a source that never was silent, nothing. */
static bool silence_read(const char *text, snag_partition *partition)
{
    char *end;
    if (*text == '\0')
        return true;
    if (strncmp(text, " q=", 3) != 0)
        return false;
    partition->last_ms = strtoll(text + 3, &end, 10);
    partition->silent = *end == '\0';
    return end != text + 3 && (partition->silent || strcmp(end, " back") == 0);
}

/* Words of earlier versions name nothing: all zeros. */
static bool name_read(const char *text, snag_partition *partition)
{
    uint8_t *name = partition->incarnation;
    memset(name, 0, 16);
    if (*text == '\0')
        return true;
    if (strncmp(text, " i=", 3) != 0 || strspn(text + 3, "0123456789abcdef") != 32)
        return false;
    for (size_t i = 0; i < 32; i++) {
        int digit = text[3 + i] <= '9' ? text[3 + i] - '0' : text[3 + i] - 'a' + 10;
        name[i / 2] = (uint8_t)(name[i / 2] << 4 | digit);
    }
    return silence_read(text + 3 + 32, partition);
}

static bool words_read(const char *text, snag_partition *partition)
{
    const size_t size = sizeof words_begin - 1;
    char *end;
    if (strncmp(text, words_begin, size) != 0)
        return false;
    partition->low_ms = SNAG_TIME_NONE;
    if (text[size] == '-' && (text[size + 1] == '\0' || text[size + 1] == ' '))
        return name_read(text + size + 1, partition);
    partition->low_ms = strtoll(text + size, &end, 10);
    return end != text + size && name_read(end, partition);
}

static void raise_to(int64_t *time_ms, int64_t to_ms)
{
    if (to_ms > *time_ms)
        *time_ms = to_ms;
}

/* --- carrying ---------------------------------------------------------------------------------- */

static snag_header note_header(snag_worker *worker, const snag_lane_note *note)
{
    char text[SNAG_LANE_NOTE_MAX];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_lane_note_print(&buf, note);
    SNAG_ASSERT(!buf.full);
    return (snag_header){SNAG_STR(SNAG_LANE_HEADER), snag_bundle_copy(&worker->bundle, snag_buf_str(&buf))};
}

static snag_str copy_or_none(snag_worker *worker, snag_str text)
{
    return text.data ? snag_bundle_copy(&worker->bundle, text) : text;
}

/* The record's own headers as copies, with room for ours behind them. */
static snag_header *headers_copy(snag_worker *worker, const snag_raw *raw)
{
    snag_header *list = snag_bundle_take(&worker->bundle, (raw->header_count + 2) * sizeof *list);
    for (uint32_t i = 0; i < raw->header_count; i++)
        list[i] = (snag_header){snag_bundle_copy(&worker->bundle, raw->headers[i].name),
                                copy_or_none(worker, raw->headers[i].value)};
    return list;
}

static void carry_to(snag_partition *partition, const snag_raw *raw, snag_str value, uint32_t to,
                     snag_str who, uint32_t count)
{
    snag_worker *worker = partition->worker;
    const snag_lane_note note = {.partition = partition->index, .offset = raw->position.offset,
                                 .stamp_ms = raw->stamp_ms, .low_ms = partition->low_ms, .count = count};
    snag_header *headers = headers_copy(worker, raw);
    snag_message message = {.topic = snag_lane_topic(partition->index), .partition = to, .value = value,
                            .key = snag_bundle_copy(&worker->bundle, who), .headers = headers,
                            .header_count = raw->header_count};
    headers[message.header_count++] = note_header(worker, &note);
    if (raw->key.data)
        headers[message.header_count++] = (snag_header){SNAG_STR(SNAG_LANE_KEY_HEADER),
                                                        snag_bundle_copy(&worker->bundle, raw->key)};
    snag_bundle_add(&worker->bundle, &message);
    atomic_fetch_add(&worker->stats->carried, 1);
}

/* Once to each partition that some of its events belong to. */
static void carry(snag_partition *partition, const snag_raw *raw, size_t count)
{
    snag_worker *worker = partition->worker;
    const uint32_t partitions = worker->options->rekey->lane_partitions;
    const snag_str value = snag_bundle_copy(&worker->bundle, raw->value);
    uint32_t to[SNAG_EACH_MAX];
    SNAG_ASSERT(count <= SNAG_EACH_MAX);
    for (size_t i = 0; i < count; i++) {
        const snag_event *event = &worker->events[i];
        to[i] = snag_murmur2(worker->pipeline->key_account ? event->account : event->customer) % partitions;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t same = 0;
        bool before = false;
        for (size_t k = 0; k < count; k++) {
            before = before || (k < i && to[k] == to[i]);
            same += to[k] == to[i];
        }
        const snag_event *event = &worker->events[i];
        if (!before)
            carry_to(partition, raw, value, to[i],
                     worker->pipeline->key_account ? event->account : event->customer, same);
    }
}

/* What the record says of time; excluded events say it too. */
static int64_t own_after(const snag_partition *partition, size_t count)
{
    const snag_worker *worker = partition->worker;
    int64_t own_ms = partition->own_ms;
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = snag_event_borne_ms(&worker->events[i]);
        raise_to(&own_ms, time_ms - worker->pipeline->sources[0].out_of_order_ms);
    }
    return own_ms;
}

/* SNAG_AGAIN: it waits for its schema. */
static snag_err record_take(snag_partition *partition, size_t at)
{
    snag_worker *worker = partition->worker;
    snag_raw raw = snag_worker_raw(worker, at);
    size_t count = 0;
    snag_diag why;
    snag_arena_reset(&worker->arena);
    snag_err err = snag_decode_all(worker->decoders[0], &raw, &worker->arena, worker->events,
                                   SNAG_CHUNK_EVENTS, &count, &why);
    if (err == SNAG_AGAIN) {
        snag_partition_park(partition, &partition->streams[0], &raw);
        return err;
    }
    raw = snag_worker_origin(worker, at);
    if (err == SNAG_OK)
        err = snag_lane_fits(&raw, &why);
    if (err == SNAG_FULL)
        err = snag_fail(&why, SNAG_BAD_SIZE, "the record does not fit into %d bytes decoded",
                        SNAG_CHUNK_BYTES);
    if (err != SNAG_OK) {
        snag_worker_dead_letter(worker, partition, at, err, why.text);
        return SNAG_OK;
    }
    int64_t own_ms = own_after(partition, count);
    snag_rekey_silence_see(partition, &raw, own_ms);
    snag_rekey_tick_tell(partition, raw.position.offset, worker->events, count);
    carry(partition, &raw, count);
    partition->own_ms = own_ms;
    raise_to(&partition->low_ms, own_ms);
    return SNAG_OK;
}

snag_err snag_rekey_feed(snag_partition *partition, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_stream *stream = &partition->streams[0];
    snag_err err = SNAG_OK;
    for (size_t at = worker->run_first; at < worker->run_end && err == SNAG_OK && !stream->parked; at++) {
        if (record_take(partition, at) == SNAG_AGAIN)
            break;
        atomic_fetch_add(&worker->stats->records, 1);
        stream->next = worker->batch->records[at].position.offset + 1;
        stream->reached = -1;
        snag_worker_dirty(worker, partition);
        if (worker->bundle.bytes >= worker->shares.bundle_bytes)
            err = snag_worker_commit(worker, diag);
    }
    return err;
}

/* --- time -------------------------------------------------------------------------------------- */

static bool marks_due(const snag_worker *worker, const snag_partition *partition)
{
    return partition->low_ms > partition->told_ms &&
           (partition->told_ms == SNAG_TIME_NONE || worker->now_ms - partition->told_at_ms >= MARK_EVERY_MS);
}

static void tick(snag_worker *worker, snag_partition *partition)
{
    const snag_source_spec *spec = &worker->pipeline->sources[0];
    snag_stream *stream = &partition->streams[0];
    int64_t wall_ms;
    bool read = stream->reached >= stream->next || snag_planted(TICK_WHILE_BEHIND);
    if (!read || worker->now_ms < stream->asked_ms || !snag_partition_is_silent(partition, 0, &wall_ms))
        return;
    stream->asked_ms = worker->now_ms + MARK_EVERY_MS;
    raise_to(&partition->low_ms, wall_ms - spec->out_of_order_ms - spec->delay_ms);
    snag_worker_pass(worker, SNAG_POINT_TICKED);
}

snag_err snag_rekey_tick(snag_worker *worker, snag_diag *diag)
{
    (void)diag;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        snag_partition *partition = worker->partitions[i];
        if (!partition->carried)
            continue;
        if (!worker->jumped)
            tick(worker, partition);
        if (marks_due(worker, partition))
            snag_worker_dirty(worker, partition);
    }
    return SNAG_OK;
}

int snag_rekey_wait(const snag_worker *worker)
{
    int64_t wait_ms = WAIT_MAX_MS;
    if (worker->dirty_ms != SNAG_NEVER)
        wait_ms = worker->dirty_ms + worker->options->commit_every_ms - worker->now_ms;
    for (uint32_t i = 0; i < worker->options->partitions; i++) {
        const snag_partition *partition = worker->partitions[i];
        const snag_stream *stream = &partition->streams[0];
        if (!partition->carried || stream->reached < stream->next)
            continue;
        int64_t left_ms = stream->asked_ms - worker->now_ms;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    return wait_ms < 1 ? 1 : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)wait_ms;
}

/* --- marks ------------------------------------------------------------------------------------- */

/* last_ms 0: only how far the partition has come. */
static void marks_add(snag_worker *worker, snag_partition *partition, int64_t last_ms, int64_t back_ms)
{
    const snag_lane_note note = {.partition = partition->index, .offset = partition->streams[0].next,
                                 .stamp_ms = SNAG_TIME_NONE, .low_ms = partition->low_ms,
                                 .last_ms = last_ms, .back_ms = back_ms};
    snag_header *header = snag_bundle_take(&worker->bundle, sizeof *header);
    *header = note_header(worker, &note);
    for (uint32_t p = 0; p < worker->options->rekey->lane_partitions; p++) {
        const snag_message message = {.topic = snag_lane_topic(partition->index), .partition = p,
                                      .headers = header, .header_count = 1};
        snag_bundle_add(&worker->bundle, &message);
    }
    partition->told_ms = partition->low_ms;
    partition->told_at_ms = worker->now_ms;
}

void snag_rekey_silent(snag_partition *partition, int64_t last_ms, int64_t after_ms)
{
    if (last_ms <= partition->last_ms) /* that one was told */
        return;
    partition->last_ms = last_ms;
    partition->silent = true;
    raise_to(&partition->low_ms, last_ms + after_ms);
    snag_rekey_tick_found(partition, partition->streams[0].next, SNAG_TICK_SILENT, SNAG_TIME_NONE);
    marks_add(partition->worker, partition, last_ms, 0);
    snag_worker_dirty(partition->worker, partition);
}

void snag_rekey_back(snag_partition *partition, int64_t offset, int64_t back_ms)
{
    raise_to(&back_ms, partition->low_ms + 1);
    partition->silent = false;
    snag_rekey_tick_found(partition, offset, SNAG_TICK_BACK, back_ms);
    marks_add(partition->worker, partition, partition->last_ms, back_ms);
    snag_worker_dirty(partition->worker, partition);
}

/* --- committing -------------------------------------------------------------------------------- */

void snag_rekey_prepare(snag_worker *worker, snag_partition *partition, snag_place *place)
{
    if (partition->streams[0].placed < 0)
        snag_rekey_tick_begin(partition);
    if (marks_due(worker, partition))
        marks_add(worker, partition, 0, 0);
    *place = (snag_place){.partition = partition->index, .offset = partition->streams[0].next};
    words_print(place->text, sizeof place->text, partition);
}

void snag_rekey_committed(snag_partition *partition, const snag_place *place)
{
    partition->streams[0].placed = place->offset;
    partition->dirty = false;
    snag_worker_pass(partition->worker, SNAG_POINT_COMMITTED);
}

/* --- taking over ------------------------------------------------------------------------------- */

snag_err snag_rekey_take_over(snag_partition *partition, snag_place *place, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_stream *stream = &partition->streams[0];
    snag_err err;
    snag_partition_drop(partition);
    partition->kept = true;
    if (place->offset < 0) {
        err = snag_partition_stream_first(partition, 0, diag);
        snag_partition_name(partition);
        snag_worker_dirty(worker, partition);
    } else if (!words_read(place->text, partition)) {
        return snag_fail(diag, SNAG_STATE,
                         "partition %" PRIu32 " of %.*s: the offsets of group %s were not written by snag "
                         "(or were reset by hand): what was carried does not fit them. Begin a new --group",
                         partition->index, SNAG_FMT(worker->topics[0]), worker->options->group);
    } else {
        err = snag_partition_range_check(partition, place, diag);
        stream->next = stream->resume = stream->placed = place->offset;
    }
    if (err != SNAG_OK)
        return err;
    partition->carried = true;
    place->offset = stream->next;
    return SNAG_OK;
}
