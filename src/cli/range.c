/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/range.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "cli/range_bound.h"
#include "cli/range_last.h"
#include "cli/range_ticks.h"
#include "cli/terminal.h"
#include "kafka/look.h"
#include "kafka/reader.h"
#include "local/registry.h"

enum { REGISTRY_MS = 10000 };

/* One flow of a state partition: a source's, or a partition of a rekeyed source's topic, which all share. */
typedef struct flow {
    uint32_t source;
    bool shared;
    size_t first; /* of the streams: by partition; where it is shared, the only one */
    uint32_t lane; /* … which is this partition of the topic */
} flow;

/* One partition of a source's topic; its part of the reader has the same index. */
typedef struct stream {
    int64_t first; /* of the log */
    int64_t next;
    size_t tick; /* of the recorded ticks the next … */
    size_t tick_end;
    bool ended;
    bool clocked; /* and the clock moved it to the end of the range */
} stream;

struct snag_range {
    const snag_config *config;
    snag_live *live;
    snag_range_options options;
    snag_range_bound from;
    snag_range_bound to;
    uint32_t sources;
    uint32_t partitions; /* of the state */
    uint32_t flow_count;
    flow flows[SNAG_FLOWS_MAX];
    bool shares; /* some are shared */
    const char *topics[SNAG_SOURCES_MAX];
    snag_kafka_look *look;
    snag_kafka_reader *reader;
    snag_registry *registry;
    size_t count;
    snag_kafka_part *parts;
    stream *streams;
    bool *done; /* by partition */
    int64_t last_ms[SNAG_SOURCES_MAX]; /* of sources that are watched: their last record's stamp */
    snag_range_ticks ticks;
    uint64_t ticked;
    uint64_t total;
};

/* --- from and to ------------------------------------------------------------------------------- */

static snag_err part_find(snag_range *range, size_t at, uint32_t source, uint32_t partition,
                          snag_diag *diag)
{
    snag_kafka_part *part = &range->parts[at];
    int64_t first, end;
    *part = (snag_kafka_part){.topic = source, .partition = partition};
    snag_err err = snag_kafka_look_range(range->look, range->topics[part->topic], part->partition, &first,
                                         &end, diag);
    part->from = first;
    part->end = end;
    if (err == SNAG_OK)
        err = snag_range_bound_find(&range->from, range->look, range->topics[source], part, first, end,
                                    &part->from, diag);
    if (err == SNAG_OK)
        err = snag_range_bound_find(&range->to, range->look, range->topics[source], part, first, end,
                                    &part->end, diag);
    if (part->end < part->from)
        part->end = part->from;
    range->streams[at] = (stream){.first = first, .next = part->from};
    range->total += (uint64_t)(part->end - part->from);
    return err;
}

/* Those of one flow, with their ticks. */
static snag_err parts_find(snag_range *range, const flow *of, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; i < (of->shared ? 1 : range->partitions) && err == SNAG_OK; i++) {
        uint32_t partition = of->shared ? of->lane : i;
        err = part_find(range, of->first + i, of->source, partition, diag);
        stream *to = &range->streams[of->first + i];
        snag_range_ticks_find(&range->ticks, of->shared, partition, of->source, &to->tick, &to->tick_end);
    }
    return err;
}

/* --- life -------------------------------------------------------------------------------------- */

/* As many as the state has, or would get (`snag topics --create`). */
static uint32_t partitions_of(const snag_live *live)
{
    return live->partitions ? live->partitions : (uint32_t)live->topics[SNAG_TOPIC_COUNT].partitions;
}

static snag_err inputs_check(const snag_live *live, snag_diag *diag)
{
    const snag_kafka_topic *inputs = &live->topics[SNAG_TOPIC_COUNT];
    const snag_kafka_topic *keyed = NULL;
    for (uint32_t s = 0; s < live->input_count; s++) {
        if (inputs[s].partitions <= 0)
            return snag_fail(diag, SNAG_BROKER,
                             "the input topic %s does not exist at %s, or snag may not see it",
                             live->inputs[s], live->brokers);
        if (live->sources[s].rekey)
            continue;
        keyed = keyed ? keyed : &inputs[s];
        if (inputs[s].partitions != keyed->partitions)
            return snag_fail(diag, SNAG_BROKER,
                             "the input topics %.*s and %s have %" PRId32 " and %" PRId32
                             " partitions: all of a pipeline's must have as many",
                             SNAG_FMT(keyed->name), live->inputs[s], keyed->partitions,
                             inputs[s].partitions);
    }
    if (partitions_of(live) > SNAG_FEED_PARTITIONS_MAX)
        return snag_fail(diag, SNAG_BROKER,
                         "the state of %.*s has %" PRIu32 " partitions; a replay takes at most %d",
                         SNAG_FMT(live->pipeline->name), partitions_of(live), SNAG_FEED_PARTITIONS_MAX);
    return SNAG_OK;
}

static snag_err registry_open(snag_range *range, snag_diag *diag)
{
    snag_str url = range->config->pipeline.registry_url;
    return url.size ? snag_registry_new(&range->registry, url, REGISTRY_MS, diag) : SNAG_OK;
}

static snag_err memory(snag_range *range, snag_diag *diag)
{
    range->parts = calloc(range->count, sizeof *range->parts);
    range->streams = calloc(range->count, sizeof *range->streams);
    range->done = calloc(range->partitions, sizeof *range->done);
    bool fine = range->parts && range->streams && range->done;
    return fine ? SNAG_OK : snag_fail(diag, SNAG_MEMORY, "out of memory");
}

/* The clock time that the range ends at. */
static int64_t end_ms(const snag_range *range)
{
    bool timed = range->to.kind == SNAG_BOUND_TIME && range->to.value < range->options.now_ms;
    return timed ? range->to.value : range->options.now_ms;
}

static int64_t silent_ms(const snag_range *range, uint32_t source)
{
    const snag_source_watch *watches = range->config->pipeline.watches;
    return watches && range->to.kind != SNAG_BOUND_OFFSET ? watches[source].after_ms : 0;
}

static snag_err lasts_find(snag_range *range, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (uint32_t f = 0; f < range->flow_count && err == SNAG_OK; f++) {
        const flow *of = &range->flows[f];
        size_t count = of->shared ? range->live->sources[of->source].lanes : range->partitions;
        if (silent_ms(range, of->source) > 0 && of->lane == 0)
            err = snag_range_last(range->look, range->topics[of->source], &range->parts[of->first], count,
                                  end_ms(range), &range->last_ms[of->source], diag);
    }
    return err;
}

/* In the order of the engine's flows. */
static void flows_find(snag_range *range)
{
    range->flow_count = 0;
    range->count = 0;
    for (uint32_t s = 0; s < range->sources; s++)
        for (uint32_t lane = 0; lane < snag_source_flows(&range->live->sources[s]); lane++) {
            flow *to = &range->flows[range->flow_count++];
            *to = (flow){.source = s, .shared = range->live->sources[s].rekey, .first = range->count,
                         .lane = lane};
            range->count += to->shared ? 1 : range->partitions;
            range->shares = range->shares || to->shared;
        }
}

static snag_err open(snag_range *range, snag_diag *diag)
{
    snag_live *live = range->live;
    snag_err err = inputs_check(live, diag);
    range->partitions = partitions_of(live);
    if (err == SNAG_OK)
        flows_find(range);
    if (err == SNAG_OK)
        err = memory(range, diag);
    if (err == SNAG_OK)
        err = registry_open(range, diag);
    if (err == SNAG_OK)
        err = snag_kafka_look_new(&range->look, live->kafka, live->group, diag);
    if (err == SNAG_OK)
        err = snag_range_ticks_read(&range->ticks, live, range->partitions, range->look, diag);
    for (uint32_t f = 0; f < range->flow_count && err == SNAG_OK; f++)
        err = parts_find(range, &range->flows[f], diag);
    if (err == SNAG_OK)
        err = lasts_find(range, diag);
    if (err != SNAG_OK)
        return err;
    snag_kafka_prefetch_set(live->kafka, (size_t)(range->config->pipeline.budget_bytes / 2));
    return snag_kafka_reader_new(&range->reader, live->kafka, live->group, range->topics, range->parts,
                                 range->count, diag);
}

snag_err snag_range_new(snag_range **out, snag_live *live, const snag_config *config,
                        const snag_range_options *options, snag_diag *diag)
{
    snag_range *range = calloc(1, sizeof *range);
    *out = NULL;
    if (!range)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    range->config = config;
    range->live = live;
    range->options = *options;
    range->sources = live->input_count;
    for (uint32_t s = 0; s < range->sources; s++)
        range->topics[s] = live->inputs[s];
    snag_err err = SNAG_OK;
    if (err == SNAG_OK)
        err = snag_range_bound_parse(&range->from, "from", options->from, "earliest", diag);
    if (err == SNAG_OK)
        err = snag_range_bound_parse(&range->to, "to", options->to, "latest", diag);
    if (err == SNAG_OK && range->from.kind == range->to.kind && range->from.kind != SNAG_BOUND_LOG &&
        range->from.value >= range->to.value)
        err = snag_fail(diag, SNAG_USAGE, "--from %s does not lie before --to %s", options->from,
                        options->to);
    if (err == SNAG_OK)
        err = open(range, diag);
    if (err == SNAG_OK)
        *out = range;
    else
        snag_range_free(range);
    return err;
}

void snag_range_free(snag_range *range)
{
    if (!range)
        return;
    snag_kafka_reader_free(range->reader);
    snag_kafka_look_free(range->look);
    snag_registry_free(range->registry);
    snag_range_ticks_finish(&range->ticks);
    free(range->parts);
    free(range->streams);
    free(range->done);
    free(range);
}

void snag_range_feed_options(const snag_range *range, snag_feed_options *options)
{
    options->partitions = range->partitions;
    options->batch = SNAG_READER_BATCH;
    options->now_ms = SNAG_NEVER; /* as live: by the records' stamps */
    options->placed = true;
    if (range->registry) {
        options->fetch = snag_registry_fetch;
        options->fetch_context = range->registry;
    }
}

/* --- going through it -------------------------------------------------------------------------- */

static size_t stream_at(const snag_range *range, uint32_t partition, uint32_t of)
{
    return range->flows[of].first + (range->flows[of].shared ? 0 : partition);
}

/* The clock moved this flow, which may be one of all partitions. */
static snag_err move(snag_range *range, snag_feed *feed, uint32_t partition, uint32_t of, int64_t low_ms,
                     snag_diag *diag)
{
    snag_err err = SNAG_OK;
    if (!range->flows[of].shared)
        return snag_feed_tick_source(feed, partition, of, low_ms, diag);
    for (uint32_t p = 0; p < range->partitions && err == SNAG_OK; p++)
        err = snag_feed_tick_source(feed, p, of, low_ms, diag);
    return err;
}

/* What was found of its source's silence. */
static void silence_tell(const snag_range *range, snag_feed *feed, uint32_t partition, uint32_t of,
                         int64_t last_ms, int64_t back_ms)
{
    bool shared = range->flows[of].shared;
    for (uint32_t p = shared ? 0 : partition; p < (shared ? range->partitions : partition + 1); p++)
        snag_feed_silence(feed, p, range->flows[of].source, last_ms, back_ms);
}

static snag_err tick(snag_range *range, snag_feed *feed, uint32_t partition, uint32_t of,
                     const snag_tick *what, snag_diag *diag)
{
    range->ticked++;
    if (what->kind != SNAG_TICK_MOVED)
        silence_tell(range, feed, partition, of, what->last_ms, what->back_ms);
    return move(range, feed, partition, of, what->time_ms, diag);
}

/* Where this flow stands when its records have ended; SNAG_TIME_NONE: where it is. */
static int64_t end_low(const snag_range *range, const flow *of)
{
    const snag_source_spec *spec = &range->config->pipeline.sources[of->source];
    if (range->to.kind == SNAG_BOUND_OFFSET)
        return range->flow_count == 1 ? SNAG_TIME_NONE : SNAG_NEVER;
    return spec->clock_log ? SNAG_TIME_NONE : end_ms(range) - spec->out_of_order_ms - spec->delay_ms;
}

/* A source that is silent there, or is back, though no worker was there to see it. True: as by a
 * first hop it is told at *low_ms, and the flow is not there yet. */
static bool silence_look(const snag_range *range, snag_feed *feed, uint32_t partition, uint32_t of,
                         int64_t *low_ms)
{
    uint32_t source = range->flows[of].source;
    int64_t last_ms = range->last_ms[source], gap_ms = silent_ms(range, source);
    if (gap_ms == 0 || last_ms == SNAG_TIME_NONE)
        return false;
    const snag_engine *engine = snag_feed_engine(feed, partition);
    snag_engine_silence silence = snag_engine_silence_of(engine, source);
    if (silence.silent && last_ms > silence.last_ms) {
        silence_tell(range, feed, partition, of, SNAG_TIME_NONE, *low_ms);
    } else if (!silence.silent && *low_ms > last_ms + gap_ms) {
        bool ahead = range->flows[of].shared && snag_engine_low(engine, of) < last_ms + gap_ms;
        *low_ms = ahead ? last_ms + gap_ms : *low_ms;
        if (ahead)
            return true;
        silence_tell(range, feed, partition, of, last_ms, SNAG_TIME_NONE);
    }
    return false;
}

/* Nothing more comes of this flow: what a worker would know of it now; where the range ends at an offset, at
 * no time of the clock, it has ended as a file does. SNAG_END: no more than before. */
static snag_err stream_end(snag_range *range, snag_feed *feed, uint32_t partition, uint32_t of,
                           snag_diag *diag)
{
    stream *from = &range->streams[stream_at(range, partition, of)];
    const snag_tick *next = from->tick < from->tick_end ? &range->ticks.list[from->tick] : NULL;
    int64_t low_ms = end_low(range, &range->flows[of]);
    if (from->clocked || low_ms == SNAG_TIME_NONE)
        return SNAG_END;
    if (next && low_ms != SNAG_NEVER && next->time_ms <= low_ms) { /* what was found before the range's end */
        from->tick++;
        return tick(range, feed, partition, of, next, diag);
    }
    from->clocked = !silence_look(range, feed, partition, of, &low_ms);
    return move(range, feed, partition, of, low_ms, diag);
}

static snag_err carry(snag_range *range, snag_feed *feed, const snag_raw *records, size_t count,
                      snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (size_t i = 0; i < count && err == SNAG_OK; i++)
        err = snag_feed_carry(feed, &records[i], range->done, diag);
    return err;
}

/* The next records or the next tick of a partition; *taken: how many records. SNAG_END: it has come as far
 * as it can. */
static snag_err advance(snag_range *range, snag_feed *feed, uint32_t partition, size_t max, size_t *taken,
                        snag_diag *diag)
{
    int64_t low_ms, offset;
    const snag_raw *records;
    uint32_t turn = snag_feed_turn_in(feed, partition, &low_ms);
    size_t at = stream_at(range, partition, turn);
    stream *of = &range->streams[at];
    snag_err err = of->ended ? SNAG_END : snag_kafka_reader_peek(range->reader, at, &offset, diag);
    of->ended = err == SNAG_END;
    if (of->ended)
        return stream_end(range, feed, partition, turn, diag);
    if (err != SNAG_OK)
        return err;
    int64_t before = of->tick < of->tick_end ? range->ticks.list[of->tick].offset : INT64_MAX;
    if (before <= offset)
        return tick(range, feed, partition, turn, &range->ticks.list[of->tick++], diag);
    *taken = snag_kafka_reader_take(range->reader, at, before, range->flow_count > 1 ? 1 : max, &records);
    of->next = records[*taken - 1].position.offset + 1;
    if (range->flows[turn].shared)
        return carry(range, feed, records, *taken, diag);
    return snag_feed_records(feed, records, *taken, diag);
}

/* The one that has come least far; as many as there are: all are done. What is shared has come equally far in
 * all of them: so it is its turn everywhere, where it is that here. */
static uint32_t partition_pick(const snag_range *range, const snag_feed *feed)
{
    int64_t least_ms = SNAG_NEVER;
    uint32_t least = range->partitions, least_turn = 0;
    for (uint32_t p = 0; p < range->partitions; p++) {
        int64_t low_ms;
        if (range->done[p])
            continue;
        uint32_t turn = snag_feed_turn_in(feed, p, &low_ms);
        if (least < range->partitions &&
            (low_ms > least_ms || (low_ms == least_ms && turn >= least_turn)))
            continue;
        least_ms = low_ms;
        least_turn = turn;
        least = p;
    }
    return least;
}

snag_err snag_range_step(snag_range *range, snag_feed *feed, snag_diag *diag)
{
    uint32_t partition = partition_pick(range, feed);
    size_t left = range->options.step;
    if (partition == range->partitions)
        return SNAG_END;
    while (left > 0) {
        size_t taken = 0;
        snag_err err = advance(range, feed, partition, left, &taken, diag);
        range->done[partition] = err == SNAG_END;
        if (err != SNAG_OK)
            return err == SNAG_END ? SNAG_OK : err;
        left = range->shares ? 0 : left - taken; /* it may be another one's turn now */
    }
    return SNAG_OK;
}

uint64_t snag_range_done(const snag_range *range)
{
    uint64_t done = 0;
    for (size_t i = 0; i < range->count; i++)
        done += (uint64_t)(range->streams[i].next - range->parts[i].from);
    return done;
}

uint64_t snag_range_total(const snag_range *range)
{
    return range->total;
}

/* --- words ------------------------------------------------------------------------------------- */

static void left_print(const snag_range *range, FILE *file)
{
    uint64_t left = 0;
    bool by_log = false;
    for (uint32_t s = 0; s < range->sources; s++)
        by_log = by_log || range->config->pipeline.sources[s].clock_log;
    for (size_t i = 0; i < range->count; i++)
        if (!range->streams[i].ended)
            left += (uint64_t)(range->parts[i].end - range->streams[i].next);
    if (left > 0)
        fprintf(file, "%" PRIu64 " records were not judged: %s\n", left,
                by_log ? "a source of clock: log has ended, and holds time"
                       : "they lie ahead of where time stands at the end of the range");
}

void snag_range_print(const snag_range *range, const snag_feed *feed, FILE *file)
{
    bool middle = false;
    for (size_t i = 0; i < range->count; i++)
        middle = middle || range->parts[i].from > range->streams[i].first;
    fprintf(file, "%" PRIu64 " records of %" PRIu32 " partition%s from %s to %s",
            snag_feed_counts_get(feed)->lines, range->partitions, range->partitions == 1 ? "" : "s",
            range->options.from ? range->options.from : "earliest",
            range->options.to ? range->options.to : "latest");
    fprintf(file, ", %" PRIu64 " recorded tick%s of the clock\n", range->ticked,
            range->ticked == 1 ? "" : "s");
    if (!range->ticks.there)
        fprintf(file, "there is no topic %s: late judgements may differ from a live run's\n",
                range->live->names[SNAG_TOPIC_TICKS]);
    if (middle)
        fprintf(file, "it begins in the middle of the log: what was open, armed or counted before is not "
                      "known (--from earliest knows it)\n");
    left_print(range, file);
}
