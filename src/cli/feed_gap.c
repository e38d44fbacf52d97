/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a source with `silent:` was silent, from its records' own times: a gap between two of them, in all
 * partitions together.
 */
#include "cli/feed_inside.h"

/* For how long the source may be silent; 0 = it is not watched. */
static int64_t silent_ms(const snag_feed *feed, uint32_t source)
{
    const snag_source_watch *watches = feed->config->pipeline.watches;
    return watches ? watches[source].after_ms : 0;
}

/* Nothing came of it in any partition since then; whether time goes on is the engines' to see. */
static void fall_silent(snag_feed *feed, uint32_t source, int64_t last_ms)
{
    for (uint32_t i = 0; i < feed->partition_count; i++)
        snag_engine_silent(feed->partitions[i].engine, source, last_ms);
}

/* All of the source was read up to there: partitions without events of their own go on as by the clock. */
static void go_on(snag_feed *feed, uint32_t source, int64_t low_ms)
{
    bool some = feed->partition_count > 1 && low_ms != SNAG_NEVER;
    for (uint32_t i = 0; i < feed->partition_count && some; i++)
        snag_engine_tick_source(feed->partitions[i].engine, source, low_ms, UINT32_MAX);
}

void snag_gap_tell(snag_feed *feed, uint32_t source, int64_t low_ms)
{
    feed_flow *flow = &feed->flows[source];
    if (flow->gap_ms == SNAG_TIME_NONE || low_ms <= flow->gap_ms + silent_ms(feed, source))
        return;
    fall_silent(feed, source, flow->gap_ms);
    for (uint32_t i = 0; i < feed->partition_count && low_ms >= flow->gap_end_ms; i++)
        snag_engine_back(feed->partitions[i].engine, source, SNAG_TIME_NONE, flow->gap_end_ms);
    if (low_ms >= flow->gap_end_ms)
        flow->gap_ms = SNAG_TIME_NONE;
    go_on(feed, source, low_ms);
}

snag_err snag_gap_look(snag_feed *feed, const snag_event *event, snag_diag *diag)
{
    uint32_t source = event->position.source;
    feed_flow *flow = &feed->flows[source];
    int64_t silent = silent_ms(feed, source);
    int64_t time_ms = event->time_ms;
    if (silent == 0 || feed->options.placed) /* of topics the workers know better */
        return SNAG_OK;
    if (flow->gap_ms != SNAG_TIME_NONE && time_ms > flow->gap_ms && time_ms < flow->gap_end_ms)
        flow->gap_end_ms = time_ms;
    if (flow->gap_ms != SNAG_TIME_NONE && flow->gap_end_ms <= flow->gap_ms + silent)
        flow->gap_ms = SNAG_TIME_NONE;
    int64_t newest_ms = time_ms > flow->last_ms ? time_ms : flow->last_ms;
    int64_t low_ms = newest_ms - feed->config->pipeline.sources[source].out_of_order_ms;
    bool opens = flow->last_ms != SNAG_TIME_NONE && time_ms - flow->last_ms > silent;
    snag_err err = opens || flow->gap_ms != SNAG_TIME_NONE ? snag_feed_judge_events(feed, diag) : SNAG_OK;
    if (err)
        return err;
    snag_gap_tell(feed, source, low_ms);
    if (opens) {
        flow->gap_ms = flow->last_ms;
        flow->gap_end_ms = time_ms;
        snag_gap_tell(feed, source, low_ms);
    }
    flow->last_ms = newest_ms;
    return SNAG_OK;
}

void snag_feed_silence(snag_feed *feed, uint32_t partition, uint32_t source, int64_t last_ms, int64_t back_ms)
{
    snag_engine *engine = feed->partitions[partition].engine;
    if (silent_ms(feed, source) == 0)
        return;
    if (back_ms != SNAG_TIME_NONE)
        snag_engine_back(engine, source, last_ms, back_ms);
    else
        snag_engine_silent(engine, source, last_ms);
}

void snag_gap_end(snag_feed *feed, uint32_t source)
{
    if (silent_ms(feed, source) > 0 && feed->flows[source].last_ms != SNAG_TIME_NONE)
        fall_silent(feed, source, feed->flows[source].last_ms);
}
