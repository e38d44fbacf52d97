/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of a rekeyed source's topic, as both hops of a live run take them (runtime/rekey.c, merge.c): what
 * cannot be read or carried goes to the dead letter; the events go to their customers' partitions, where each
 * partition of the topic is a flow of its own; and all of these hear how far it has come.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "cli/feed_inside.h"
#include "runtime/lane.h"

static feed_part *part_of(snag_feed *feed, const snag_event *event)
{
    snag_str who = feed->config->pipeline.key_account ? event->account : event->customer;
    return &feed->partitions[snag_murmur2(who) % feed->partition_count];
}

static snag_err decode(snag_feed *feed, const snag_raw *record, size_t *count, snag_diag *words)
{
    snag_arena_reset(&feed->arena);
    snag_err err = snag_decode_all(feed->decoders[record->position.source], record, &feed->arena, feed->items,
                                   SNAG_EACH_MAX, count, words);
    return err == SNAG_OK ? snag_lane_fits(record, words) : err == SNAG_FULL ? SNAG_BAD_SIZE : err;
}

static void items_put(snag_feed *feed, size_t count, const bool *without)
{
    for (size_t i = 0; i < count; i++) {
        feed_part *part = part_of(feed, &feed->items[i]);
        if (without[part->index])
            continue;
        SNAG_ASSERT(part->count < part->room);
        part->events[part->count++] = feed->items[i];
        snag_feed_event_tell(feed, &feed->items[i]);
    }
}

static void items_judge(snag_feed *feed)
{
    size_t taken;
    for (uint32_t p = 0; p < feed->partition_count && !feed->stopped; p++) {
        feed_part *part = &feed->partitions[p];
        if (part->count > 0)
            feed->stopped = snag_engine_take(part->engine, part->events, part->count, &taken);
        part->count = 0;
    }
}

static uint32_t flow_of(const snag_feed *feed, const snag_position *position)
{
    uint32_t flow = position->partition;
    for (uint32_t s = 0; s < position->source; s++)
        flow += snag_source_flows(&feed->config->pipeline.sources[s]);
    return flow;
}

/* What a lane's next record or mark would say, in each partition. */
static snag_err all_hear(snag_feed *feed, uint32_t flow, snag_diag *diag)
{
    int64_t low_ms = SNAG_TIME_NONE;
    snag_err err = SNAG_OK;
    for (uint32_t p = 0; p < feed->partition_count; p++) {
        int64_t there_ms = snag_engine_low(feed->partitions[p].engine, flow);
        low_ms = there_ms > low_ms ? there_ms : low_ms;
    }
    for (uint32_t p = 0; p < feed->partition_count && err == SNAG_OK; p++)
        if (snag_engine_low(feed->partitions[p].engine, flow) < low_ms)
            err = snag_feed_tick_source(feed, p, flow, low_ms, diag);
    return err;
}

snag_err snag_feed_carry(snag_feed *feed, const snag_raw *record, const bool *without, snag_diag *diag)
{
    size_t count = 0;
    snag_diag words = {.text = ""};
    if (feed->stopped)
        return snag_feed_stopped(feed, diag);
    snag_err err = decode(feed, record, &count, &words);
    if (err == SNAG_AGAIN)
        return snag_fail(diag, SNAG_BROKER, "the registry does not give a schema at offset %lld: %s",
                         (long long)record->position.offset, words.text);
    feed->line = *record;
    feed->counts.lines++;
    if (err != SNAG_OK) {
        const snag_dead dead = {.reason = err, .position = record->position,
                                .words = words.text[0] ? words.text : snag_err_sentence(err),
                                .value = record->value, .size = record->value.size};
        snag_feed_dead_count(feed, &dead);
        return SNAG_OK;
    }
    items_put(feed, count, without);
    items_judge(feed);
    if (feed->stopped)
        return snag_feed_stopped(feed, diag);
    return count ? all_hear(feed, flow_of(feed, &record->position), diag) : SNAG_OK;
}
