/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/feed_inside.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "codec/screen.h"

enum {
    ARENA_BYTES = 16 * 1024 * 1024, /* a record of the greatest size, and thousands of usual ones */
    TIMERS_AT_ONCE = 1 << 20
};

static void on_record(void *context, const snag_record *record)
{
    feed_part *part = context;
    if (record->kind == SNAG_RECORD_LATE && record->as.late.future) {
        snag_feed_future(part->feed, record);
        return;
    }
    part->feed->options.emit(part->feed->options.context, part->index, record);
}

static snag_err part_init(snag_feed *feed, uint32_t index, snag_diag *diag)
{
    feed_part *part = &feed->partitions[index];
    part->feed = feed;
    part->index = index;
    part->room = feed->options.batch + SNAG_EACH_MAX;
    part->events = calloc(part->room, sizeof *part->events);
    if (!part->events)
        return snag_fail(diag, SNAG_MEMORY, "out of memory for a batch of %zu", feed->options.batch);
    snag_err err = snag_memory_init(&part->memory, snag_feed_memory_bytes(feed), diag);
    if (err)
        return err;
    err = snag_engine_init(&part->engine, &feed->config->pipeline, part->memory.block,
                           part->memory.size, on_record, part);
    if (!err && index > 0)
        snag_engine_mute(part->engine);
    return err ? snag_fail(diag, err, "the memory for state is too small for this pipeline") : SNAG_OK;
}

static snag_err decoder_init(snag_feed *feed, uint32_t i, snag_diag *diag)
{
    const snag_source_spec *source = &feed->config->pipeline.sources[i];
    if (source->format == SNAG_FORMAT_AVRO && !feed->options.placed)
        return snag_fail(diag, SNAG_USAGE,
                         "source %.*s is Avro, and reading Avro from files is not built yet: "
                         "only JSON Lines can be replayed",
                         SNAG_FMT(source->name));
    snag_decoder_options options = {.now_ms = feed->options.now_ms, .fetch = feed->options.fetch,
                                    .fetch_context = feed->options.fetch_context};
    feed->flows[i].low_ms = feed->flows[i].last_ms = feed->flows[i].gap_ms = SNAG_TIME_NONE;
    return snag_decoder_new(&feed->decoders[i], source, feed->config->base_dir, &options, diag);
}

snag_err snag_feed_new(snag_feed **out, const snag_config *config, const snag_feed_options *options,
                       snag_diag *diag)
{
    SNAG_ASSERT(options->partitions >= 1 && options->partitions <= SNAG_FEED_PARTITIONS_MAX);
    SNAG_ASSERT(options->batch >= 1 && options->batch <= SNAG_FEED_BATCH_MAX);
    *out = NULL;
    snag_feed *feed = calloc(1, sizeof *feed + options->partitions * sizeof(feed_part));
    if (!feed)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    feed->config = config;
    feed->options = *options;
    feed->partition_count = options->partitions;
    feed->source_count = config->pipeline.source_count;
    feed->counts.first_ms = SNAG_TIME_NONE;
    feed->counts.last_ms = SNAG_TIME_NONE;
    feed->arena_block = malloc(ARENA_BYTES);
    snag_err err = feed->arena_block ? SNAG_OK : snag_fail(diag, SNAG_MEMORY, "out of memory");
    if (!err) {
        snag_arena_init(&feed->arena, feed->arena_block, ARENA_BYTES);
    }
    for (uint32_t i = 0; !err && i < feed->source_count; i++)
        err = decoder_init(feed, i, diag);
    for (uint32_t i = 0; !err && i < feed->partition_count; i++)
        err = part_init(feed, i, diag);
    if (err)
        snag_feed_free(feed);
    else
        *out = feed;
    return err;
}

void snag_feed_free(snag_feed *feed)
{
    if (!feed)
        return;
    for (uint32_t i = 0; i < feed->partition_count; i++) {
        snag_memory_finish(&feed->partitions[i].memory);
        free(feed->partitions[i].events);
    }
    for (uint32_t i = 0; i < feed->source_count; i++)
        snag_decoder_free(feed->decoders[i]);
    if (feed->arena_block)
        snag_arena_reset(&feed->arena);
    free(feed->arena_block);
    free(feed);
}

snag_err snag_feed_stopped(const snag_feed *feed, snag_diag *diag)
{
    return snag_fail(diag, feed->stopped, "the memory for state (%zu MiB) is used up after %llu events",
                     feed->partitions[0].memory.size >> 20, (unsigned long long)feed->counts.events);
}

/* Judges what waits, in each partition. */
snag_err snag_feed_judge_events(snag_feed *feed, snag_diag *diag)
{
    for (uint32_t i = 0; i < feed->partition_count; i++) {
        feed_part *part = &feed->partitions[i];
        size_t taken = 0;
        if (part->count == 0)
            continue;
        feed->stopped = snag_engine_take(part->engine, part->events, part->count, &taken);
        part->count = 0;
        if (feed->stopped)
            return snag_feed_stopped(feed, diag);
    }
    return SNAG_OK;
}

/* … and the events' memory is free again. */
static snag_err judge(snag_feed *feed, snag_diag *diag)
{
    snag_err err = snag_feed_judge_events(feed, diag);
    if (!err)
        snag_arena_reset(&feed->arena);
    return err;
}

/* A record of one of several sources is taken at once: what comes next depends on it. */
static void merge(snag_feed *feed, feed_part *part, uint32_t source)
{
    size_t taken;
    /* A rekeyed source's own time goes by all its records, also those of other partitions: a file counts as
     * one partition of its topic. */
    bool shared = feed->config->pipeline.sources[source].rekey;
    bool alone = feed->partition_count == 1 || feed->options.placed;
    for (uint32_t i = 0; i < feed->source_count && !alone; i++)
        if ((i != source || shared) && feed->flows[i].low_ms != SNAG_TIME_NONE)
            snag_engine_tick_source(part->engine, i, feed->flows[i].low_ms, UINT32_MAX);
    feed->stopped = snag_engine_take(part->engine, part->events, part->count, &taken);
    part->count = 0;
}

static bool merges(const snag_feed *feed)
{
    return feed->source_count > 1 ||
           (feed->partition_count > 1 && feed->config->pipeline.sources[0].rekey);
}

static feed_part *part_of(snag_feed *feed, const snag_event *event)
{
    if (feed->options.placed)
        return &feed->partitions[event->position.partition];
    if (feed->partition_count == 1)
        return &feed->partitions[0];
    /* As its producer would place it, also where the event has only a hash of the key. */
    const snag_pipeline *pipeline = &feed->config->pipeline;
    snag_str key = snag_decoder_key(feed->decoders[event->position.source], pipeline->key_account);
    if (pipeline->sources[event->position.source].rekey) /* it is carried by what rules see */
        key = pipeline->key_account ? event->account : event->customer;
    return &feed->partitions[snag_murmur2(key) % feed->partition_count];
}

/* The items of the record at hand, in each partition; only then has their source come further. */
static void merge_items(snag_feed *feed, size_t count)
{
    uint32_t source = feed->items[0].position.source;
    int64_t bound_ms = feed->config->pipeline.sources[source].out_of_order_ms;
    for (uint32_t i = 0; i < feed->partition_count && !feed->stopped; i++)
        if (feed->partitions[i].count > 0)
            merge(feed, &feed->partitions[i], source);
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = snag_engine_time(part_of(feed, &feed->items[i])->engine, &feed->items[i]);
        if (time_ms != SNAG_TIME_NONE && time_ms - bound_ms > feed->flows[source].low_ms)
            feed->flows[source].low_ms = time_ms - bound_ms;
    }
}

void snag_feed_event_tell(snag_feed *feed, const snag_event *event)
{
    feed->counts.events++;
    if (feed->counts.first_ms == SNAG_TIME_NONE || event->time_ms < feed->counts.first_ms)
        feed->counts.first_ms = event->time_ms;
    if (event->time_ms > feed->counts.last_ms)
        feed->counts.last_ms = event->time_ms;
    if (feed->options.event)
        feed->options.event(feed->options.context, event);
}

/* Those that a device stamped, which are judged by now: only then is their time known, or that they are
 * unreadable. */
static void stamped_tell(snag_feed *feed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snag_event right = feed->items[i];
        if (right.device == NULL)
            continue;
        right.time_ms = snag_engine_time(part_of(feed, &right)->engine, &right);
        if (right.time_ms != SNAG_TIME_NONE)
            snag_feed_event_tell(feed, &right);
    }
}

static void event_add(snag_feed *feed, const snag_event *event)
{
    feed_part *part = part_of(feed, event);
    SNAG_ASSERT(part->count < part->room);
    part->events[part->count] = *event;
    part->events[part->count++].position.partition = part->index;
    if (event->device)
        return;
    snag_feed_event_tell(feed, event);
    feed->counts.unmarked += feed->config->pipeline.sources[event->position.source].device.given;
}

/* A record's events; where they are many, what waits is judged first. */
static snag_err events_add(snag_feed *feed, size_t count, snag_diag *diag)
{
    for (uint32_t i = 0; i < feed->partition_count; i++) {
        const feed_part *part = &feed->partitions[i];
        if (part->count + count <= part->room)
            continue;
        snag_err err = snag_feed_judge_events(feed, diag);
        if (err)
            return err;
    }
    bool stamped = count > 0 && feed->config->pipeline.sources[feed->items[0].position.source].device.given;
    snag_err err = SNAG_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = feed->config->pipeline.watches ? snag_gap_look(feed, &feed->items[i], diag) : SNAG_OK;
        if (!err)
            event_add(feed, &feed->items[i]);
    }
    if (err)
        return err;
    if (count > 0 && merges(feed))
        merge_items(feed, count);
    else if (stamped && snag_feed_judge_events(feed, diag))
        return feed->stopped;
    if (stamped && !feed->stopped)
        stamped_tell(feed, count);
    return SNAG_OK;
}

static snag_err dead_tell(snag_feed *feed, const snag_dead *dead, snag_diag *diag)
{
    snag_err err = judge(feed, diag);
    if (err)
        return err;
    snag_feed_dead_count(feed, dead);
    return SNAG_OK;
}

static snag_err too_long(snag_feed *feed, uint16_t source, const snag_line *line,
                         const uint8_t sha256[32], snag_diag *diag)
{
    snag_diag words;
    snag_fail(&words, SNAG_BAD_SIZE, "the record has %llu bytes; at most %u are taken",
              (unsigned long long)line->size, SNAG_RECORD_BYTES_MAX);
    snag_dead dead = {.reason = SNAG_BAD_SIZE, .words = words.text,
                      .position = {.offset = line->offset, .source = source},
                      .value = line->text, .size = line->size, .sha256 = sha256};
    return dead_tell(feed, &dead, diag);
}

static snag_err record_decode(snag_feed *feed, const snag_raw *raw, size_t *count, snag_diag *words)
{
    return snag_decode_all(feed->decoders[raw->position.source], raw, &feed->arena, feed->items,
                           SNAG_EACH_MAX, count, words);
}

static snag_err line_feed(snag_feed *feed, uint16_t source, const snag_line *line, snag_diag *diag)
{
    size_t count = 0;
    snag_diag words;
    words.text[0] = '\0';
    snag_raw raw = {.position = {.offset = line->offset, .source = source}, .stamp_ms = SNAG_TIME_NONE,
                    .value = line->text};
    if (feed->options.stamp)
        raw.stamp_ms = feed->options.stamp(feed->options.context, source, line->text);
    snag_err err = record_decode(feed, &raw, &count, &words);
    if (err == SNAG_FULL) { /* the batch's memory, not this record's fault: once more with all of it */
        snag_err judged = judge(feed, diag);
        if (judged)
            return judged;
        err = record_decode(feed, &raw, &count, &words);
    }
    feed->line = raw;
    if (err == SNAG_OK)
        return events_add(feed, count, diag);
    SNAG_ASSERT(err != SNAG_AGAIN);
    snag_dead dead = {.reason = err == SNAG_FULL ? SNAG_BAD_SIZE : err, .position = raw.position,
                      .words = words.text[0] ? words.text : snag_err_sentence(err),
                      .value = line->text, .size = line->size};
    return dead_tell(feed, &dead, diag);
}

/* --- records of topics ------------------------------------------------------------------------- */

static snag_err keys_check(const snag_feed *feed, const snag_raw *raw, size_t count, snag_diag *words)
{
    bool by_account = feed->config->pipeline.key_account;
    for (size_t i = 0; i < count; i++)
        if (!snag_event_keyed(&feed->config->pipeline.sources[raw->position.source], by_account, raw->key,
                              &feed->items[i]))
            return snag_fail(words, SNAG_BAD_KEY, "the record's key is not the %s",
                             by_account ? "account" : "customer");
    return SNAG_OK;
}

static snag_err record_feed(snag_feed *feed, const snag_raw *raw, snag_diag *diag)
{
    size_t count = 0;
    snag_diag words = {.text = ""};
    snag_err err = record_decode(feed, raw, &count, &words);
    if (err == SNAG_FULL) {
        snag_err judged = judge(feed, diag);
        if (judged)
            return judged;
        err = record_decode(feed, raw, &count, &words);
    }
    feed->line = *raw;
    if (err == SNAG_OK)
        err = keys_check(feed, raw, count, &words);
    if (err == SNAG_OK)
        return events_add(feed, count, diag);
    if (err == SNAG_AGAIN)
        return snag_fail(diag, SNAG_BROKER, "the registry does not give a schema at offset %lld: %s",
                         (long long)raw->position.offset, words.text);
    snag_dead dead = {.reason = err == SNAG_FULL ? SNAG_BAD_SIZE : err, .position = raw->position,
                      .words = words.text[0] ? words.text : snag_err_sentence(err),
                      .value = raw->value, .size = raw->value.size};
    return dead_tell(feed, &dead, diag);
}

snag_err snag_feed_records(snag_feed *feed, const snag_raw *records, size_t count, snag_diag *diag)
{
    SNAG_ASSERT(feed->options.placed && count <= feed->options.batch);
    SNAG_ASSERT(feed->source_count == 1 || count == 1);
    if (feed->stopped)
        return snag_feed_stopped(feed, diag);
    for (size_t i = 0; i < count; i++) {
        SNAG_ASSERT(records[i].position.partition < feed->partition_count);
        snag_err err = record_feed(feed, &records[i], diag);
        if (err)
            return err;
        feed->counts.lines++;
    }
    if (feed->source_count == 1)
        return judge(feed, diag);
    snag_arena_reset(&feed->arena);
    return feed->stopped ? snag_feed_stopped(feed, diag) : SNAG_OK;
}

uint32_t snag_feed_turn_in(const snag_feed *feed, uint32_t partition, int64_t *low_ms)
{
    SNAG_ASSERT(partition < feed->partition_count);
    const snag_engine *engine = feed->partitions[partition].engine;
    uint32_t source = snag_engine_turn(engine);
    *low_ms = snag_engine_low(engine, source);
    return source;
}

snag_err snag_feed_tick_source(snag_feed *feed, uint32_t partition, uint32_t source, int64_t low_ms,
                               snag_diag *diag)
{
    SNAG_ASSERT(partition < feed->partition_count);
    size_t taken;
    snag_engine *engine = feed->partitions[partition].engine;
    if (!feed->stopped && !snag_engine_tick_source(engine, source, low_ms, UINT32_MAX))
        feed->stopped = snag_engine_take(engine, NULL, 0, &taken);
    return feed->stopped ? snag_feed_stopped(feed, diag) : SNAG_OK;
}

/* --- lines ------------------------------------------------------------------------------------- */

snag_err snag_feed_lines(snag_feed *feed, const snag_line *lines, size_t count,
                         const uint8_t sha256[32], snag_diag *diag)
{
    SNAG_ASSERT(count <= feed->options.batch);
    if (feed->stopped)
        return snag_feed_stopped(feed, diag);
    for (size_t i = 0; i < count; i++) {
        const snag_line *line = &lines[i];
        snag_err err = line->size > line->text.size ? too_long(feed, 0, line, sha256, diag)
                                                    : line_feed(feed, 0, line, diag);
        if (err)
            return err;
        feed->counts.lines++;
    }
    return judge(feed, diag);
}

snag_err snag_feed_line(snag_feed *feed, uint32_t source, const snag_line *line,
                        const uint8_t sha256[32], snag_diag *diag)
{
    SNAG_ASSERT(source < feed->source_count);
    if (feed->stopped)
        return snag_feed_stopped(feed, diag);
    snag_err err = line->size > line->text.size ? too_long(feed, (uint16_t)source, line, sha256, diag)
                                                : line_feed(feed, (uint16_t)source, line, diag);
    if (err)
        return err;
    feed->counts.lines++;
    if (feed->source_count == 1)
        return judge(feed, diag);
    snag_arena_reset(&feed->arena); /* nothing waits for its batch */
    return feed->stopped ? snag_feed_stopped(feed, diag) : SNAG_OK;
}

bool snag_feed_turn(const snag_feed *feed, uint32_t *source)
{
    bool any = false;
    for (uint32_t i = 0; i < feed->source_count; i++) {
        if (feed->flows[i].ended || (any && feed->flows[i].low_ms >= feed->flows[*source].low_ms))
            continue;
        *source = i;
        any = true;
    }
    return any;
}

snag_err snag_feed_end(snag_feed *feed, uint32_t source, snag_diag *diag)
{
    uint32_t other;
    SNAG_ASSERT(source < feed->source_count);
    feed->flows[source].ended = true;
    if (feed->source_count == 1 || !snag_feed_turn(feed, &other))
        return SNAG_OK; /* the last one: time stays at the newest event */
    feed->flows[source].low_ms = SNAG_NEVER;
    snag_gap_tell(feed, source, SNAG_NEVER);
    snag_gap_end(feed, source);
    for (uint32_t i = 0; i < feed->partition_count && !feed->stopped; i++) {
        snag_engine *engine = feed->partitions[i].engine;
        size_t taken;
        snag_engine_tick_source(engine, source, SNAG_NEVER, UINT32_MAX);
        feed->stopped = snag_engine_take(engine, NULL, 0, &taken);
    }
    return feed->stopped ? snag_feed_stopped(feed, diag) : SNAG_OK;
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* An engine whose memory is used up never gets there: taking nothing tells it apart from a large drain. */
static snag_err engine_move(snag_engine *engine, int64_t time_ms)
{
    size_t taken;
    snag_err err = SNAG_OK;
    bool reached = snag_engine_tick(engine, time_ms, TIMERS_AT_ONCE);
    while (!reached && !err) {
        err = snag_engine_take(engine, NULL, 0, &taken);
        if (!err)
            reached = snag_engine_drain(engine, TIMERS_AT_ONCE);
    }
    return err;
}

snag_err snag_feed_tick(snag_feed *feed, int64_t time_ms)
{
    for (uint32_t i = 0; i < feed->source_count; i++)
        feed->flows[i].low_ms = later(feed->flows[i].low_ms, time_ms);
    for (uint32_t i = 0; i < feed->partition_count && !feed->stopped; i++)
        feed->stopped = engine_move(feed->partitions[i].engine, time_ms);
    return feed->stopped;
}

snag_err snag_feed_finish(snag_feed *feed, bool drain)
{
    int64_t newest_ms = SNAG_TIME_NONE;
    for (uint32_t i = 0; i < feed->partition_count; i++)
        newest_ms = later(newest_ms, snag_engine_newest(feed->partitions[i].engine));
    for (uint32_t i = 0; i < feed->source_count; i++)
        snag_gap_tell(feed, i, newest_ms);
    if (newest_ms == SNAG_TIME_NONE || snag_feed_tick(feed, newest_ms))
        return feed->stopped;
    for (uint32_t i = 0; drain && i < feed->source_count; i++)
        snag_gap_end(feed, i);
    for (uint32_t i = 0; drain && i < feed->partition_count; i++) {
        snag_engine *engine = feed->partitions[i].engine;
        snag_engine_hush(engine);
        while (!feed->stopped && snag_engine_next_due(engine) != SNAG_NEVER)
            feed->stopped =
                engine_move(engine, later(snag_engine_next_due(engine), snag_engine_w(engine)) + 1);
    }
    return feed->stopped;
}
