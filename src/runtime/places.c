/* SPDX-License-Identifier: Apache-2.0
 *
 * Where each source of a partition is read on: at a first start, and after what was committed.
 *
 *     group's offsets   topic of source 0: C0 "n, i"    topic of source 1: C1 "n, i"      one commit: one n
 *     head with n       sources by name, C and N of each
 *
 * The list of sources may have grown or shrunk at its end since: a new source has no place yet, that of one
 * that is gone is left alone. Ranks and stored evidence count on the order, so it must not change otherwise.
 */
#include <inttypes.h>

#include "runtime/head.h"
#include "runtime/inside.h"

/* " of TOPIC" where that needs to be said. */
typedef struct of_topic {
    char text[300];
} of_topic;

static of_topic of(const snag_partition *partition, uint32_t source)
{
    of_topic to = {.text = ""};
    snag_buf buf = snag_buf_on(to.text, sizeof to.text - 1);
    if (partition->worker->sources == 1)
        return to;
    snag_buf_str_put(&buf, SNAG_STR(" of "));
    const snag_stream_name name = snag_worker_stream_name(partition->worker, source);
    if (partition->worker->lane_of[source] < 0)
        snag_buf_str_put(&buf, partition->worker->topics[partition->worker->source_of[source]]);
    else
        snag_buf_printf(&buf, "what %.*s has for it", (int)name.size, name.text);
    to.text[buf.size] = '\0';
    return to;
}

/* All rows of a table are news to a first start, and lanes are new. */
static bool from_latest(const snag_worker *worker, uint32_t source)
{
    return worker->options->from_latest && worker->lane_of[source] < 0 &&
           !worker->pipeline->sources[source].table;
}

snag_err snag_partition_stream_first(snag_partition *partition, uint32_t source, snag_diag *diag)
{
    snag_stream *stream = &partition->streams[source];
    int64_t first, end;
    snag_err err = snag_worker_ask_range(partition->worker, partition->index, source, &first, &end, diag);
    if (err != SNAG_OK)
        return err;
    stream->next = from_latest(partition->worker, source) ? end : first;
    stream->resume = stream->next;
    return SNAG_OK;
}

void snag_partition_name(snag_partition *partition)
{
    const snag_clock *clock = &partition->worker->ports->clock;
    for (size_t i = 0; i < sizeof partition->incarnation; i += 8) {
        uint64_t random = clock->random(clock->self);
        memcpy(partition->incarnation + i, &random, 8);
    }
}

snag_err snag_partition_places_first(snag_partition *partition, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (uint32_t s = 0; s < partition->worker->sources && err == SNAG_OK; s++)
        err = snag_partition_stream_first(partition, s, diag);
    return err;
}

snag_err snag_partition_range_check(const snag_partition *partition, const snag_place *place,
                                    snag_diag *diag)
{
    int64_t first, end;
    snag_err err =
        snag_worker_ask_range(partition->worker, partition->index, place->source, &first, &end, diag);
    if (err != SNAG_OK || (place->offset >= first && place->offset <= end))
        return err;
    return snag_fail(diag, SNAG_STATE,
                     "partition %" PRIu32 "%s: the next record to read is %" PRId64
                     ", but the topic holds %" PRId64 " to %" PRId64 ": records were deleted before they "
                     "were read, or the topic was made anew. Begin a new --group",
                     partition->index, of(partition, place->source).text, place->offset, first, end);
}

/* The newest words of all sources are those of the last commit; older ones are of a source that was taken out
 * of the list and is back. */
static snag_err words_newest(snag_partition *partition, const snag_place *places, int64_t *n, snag_diag *diag)
{
    *n = -1;
    for (uint32_t s = 0; s < partition->worker->sources; s++) {
        int64_t of_place;
        uint8_t incarnation[16];
        if (places[s].offset < 0)
            continue;
        if (!snag_head_words_read(places[s].text, &of_place, incarnation))
            return snag_fail(diag, SNAG_STATE,
                             "partition %" PRIu32 "%s: the offsets of group %s were not written by snag (or "
                             "were reset by hand): its state does not fit them. Begin a new --group",
                             partition->index, of(partition, s).text, partition->worker->options->group);
        if (of_place <= *n)
            continue;
        *n = of_place;
        memcpy(partition->incarnation, incarnation, sizeof incarnation);
    }
    return SNAG_OK;
}

bool snag_place_is_of(const snag_place *place, int64_t n, const uint8_t incarnation[16])
{
    int64_t of_place;
    uint8_t found[16];
    return place->offset >= 0 && snag_head_words_read(place->text, &of_place, found) && of_place == n &&
           memcmp(found, incarnation, sizeof found) == 0;
}

snag_err snag_partition_places_read(snag_partition *partition, const snag_place *places, int64_t *n,
                                    snag_diag *diag)
{
    snag_err err = words_newest(partition, places, n, diag);
    for (uint32_t s = 0; s < partition->worker->sources && err == SNAG_OK; s++) {
        bool counts = snag_place_is_of(&places[s], *n, partition->incarnation);
        partition->streams[s].placed = counts ? places[s].offset : -1;
        if (counts)
            err = snag_partition_range_check(partition, &places[s], diag);
    }
    return err;
}

/* A source that the state does not know yet begins like at a first start. */
static snag_err stream_new(snag_partition *partition, uint32_t source, snag_diag *diag)
{
    snag_worker *worker = partition->worker;
    snag_err err = snag_partition_stream_first(partition, source, diag);
    if (err != SNAG_OK)
        return err;
    snag_worker_dirty(worker, partition);
    const snag_stream_name name = snag_worker_stream_name(worker, source);
    snag_worker_say(worker,
                    "partition %" PRIu32 ": source %.*s is new: it is read from its %s (offset %" PRId64 ")",
                    partition->index, (int)name.size, name.text,
                    from_latest(worker, source) ? "end" : "beginning",
                    partition->streams[source].next);
    return SNAG_OK;
}

static snag_err stream_take(snag_partition *partition, const snag_head *head, uint32_t source,
                            snag_diag *diag)
{
    snag_stream *stream = &partition->streams[source];
    if (source >= head->count)
        return stream_new(partition, source, diag);
    const snag_stream_name name = snag_worker_stream_name(partition->worker, source);
    if (stream->placed < 0)
        return snag_fail(diag, SNAG_STATE,
                         "partition %" PRIu32 "%s: the group has no offsets that fit the stored state: they "
                         "were deleted, or source %.*s reads another topic than before. Begin a new --group",
                         partition->index, of(partition, source).text,
                         (int)name.size, name.text);
    stream->next = head->sources[source].oldest;
    stream->resume = head->sources[source].next;
    return SNAG_OK;
}

snag_err snag_partition_places_take(snag_partition *partition, const snag_head *head, snag_diag *diag)
{
    const snag_worker *worker = partition->worker;
    snag_err err = SNAG_OK;
    for (uint32_t s = 0; s < worker->sources && err == SNAG_OK; s++)
        err = stream_take(partition, head, s, diag);
    for (uint32_t s = worker->sources; s < head->count && err == SNAG_OK; s++)
        snag_worker_say(worker, "partition %" PRIu32 ": source %.*s is read no more; its place is forgotten",
                        partition->index, SNAG_FMT(head->sources[s].name));
    return err;
}

/* How many partitions of the source at place `at` of the head's list stand in it. */
static uint32_t lanes_of(const snag_head *head, uint32_t at, snag_str source)
{
    uint32_t count = 0;
    for (; at < head->count; at++) {
        snag_str name = head->sources[at].name;
        if (name.size <= source.size || name.data[source.size] != '/' ||
            !snag_str_equal(snag_str_of(name.data, source.size), source))
            break;
        count++;
    }
    return count;
}

/* A customer does not move where a rekeyed topic gets more partitions, but behind them others have their
 * places. */
static snag_err lanes_check(const snag_worker *worker, const snag_head *head, uint32_t stream,
                            snag_diag *diag)
{
    const snag_source_spec *spec = snag_worker_spec(worker, stream);
    uint32_t was = lanes_of(head, stream, spec->name);
    bool last = stream + spec->lanes == worker->sources && spec->lanes >= was;
    if (was == 0 || was == spec->lanes || last)
        return SNAG_OK;
    return snag_fail(diag, SNAG_STATE,
                     "%.*s, the topic of the rekeyed source %.*s, had %" PRIu32 " partitions and has %" PRIu32
                     " now: only the last of `sources:` may grow, and none may shrink. Begin a new --group",
                     SNAG_FMT(spec->topic), SNAG_FMT(spec->name), was, spec->lanes);
}

snag_err snag_partition_sources_check(const snag_partition *partition, const snag_head *head, snag_diag *diag)
{
    const snag_worker *worker = partition->worker;
    snag_err err = SNAG_OK;
    for (uint32_t s = 0; s < worker->sources && s < head->count && head->count > 1 && err == SNAG_OK; s++) {
        const snag_stream_name name = snag_worker_stream_name(worker, s);
        if (worker->lane_of[s] == 0)
            err = lanes_check(worker, head, s, diag);
        if (err == SNAG_OK && !snag_str_equal(head->sources[s].name, snag_str_of(name.text, name.size)))
            return snag_fail(diag, SNAG_CONFIG,
                             "the stored state was made with source %.*s at place %" PRIu32 " of `sources:`, "
                             "and now %.*s stands there: sources keep their places. Write a new one behind "
                             "the others, and take away only the last; or begin a new --group",
                             SNAG_FMT(head->sources[s].name), s + 1, (int)name.size, name.text);
    }
    return err;
}
