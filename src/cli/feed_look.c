/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be seen of a feed from outside: sums over its partitions.
 */
#include <unistd.h>

#include "base/assert.h"
#include "cli/feed_inside.h"

const snag_feed_counts *snag_feed_counts_get(const snag_feed *feed)
{
    return &feed->counts;
}

uint32_t snag_feed_partitions(const snag_feed *feed)
{
    return feed->partition_count;
}

const snag_engine *snag_feed_engine(const snag_feed *feed, uint32_t partition)
{
    SNAG_ASSERT(partition < feed->partition_count);
    return feed->partitions[partition].engine;
}

const snag_pipeline *snag_feed_pipeline(const snag_feed *feed)
{
    return &feed->config->pipeline;
}

uint64_t snag_feed_excluded(const snag_feed *feed, uint32_t i)
{
    uint64_t sum = 0;
    for (uint32_t p = 0; p < feed->partition_count; p++)
        sum += snag_engine_excluded(feed->partitions[p].engine, i);
    return sum;
}

uint64_t snag_feed_rule_excluded(const snag_feed *feed, uint32_t i)
{
    uint64_t sum = 0;
    for (uint32_t p = 0; p < feed->partition_count; p++)
        sum += snag_engine_rule_excluded(feed->partitions[p].engine, i);
    return sum;
}

void snag_feed_counters(const snag_feed *feed, snag_counters *out)
{
    *out = (snag_counters){0};
    for (uint32_t i = 0; i < feed->partition_count; i++) {
        snag_counters one;
        snag_engine_counters(feed->partitions[i].engine, &one);
#define X(name, help) out->name += one.name;
        SNAG_COUNTER_TABLE(X)
#undef X
    }
}

void snag_feed_usage(const snag_feed *feed, snag_engine_usage *out)
{
    *out = (snag_engine_usage){0};
    for (uint32_t i = 0; i < feed->partition_count; i++) {
        snag_engine_usage one;
        snag_engine_usage_get(feed->partitions[i].engine, &one);
        out->cells += one.cells;
        out->customers += one.customers;
        out->bytes_used += one.bytes_used;
        out->bytes_capacity += one.bytes_capacity;
        out->waiting += one.waiting;
        out->open_episodes += one.open_episodes;
        out->armed += one.armed;
        out->open_walks += one.open_walks;
    }
}

size_t snag_feed_memory_bytes(const snag_feed *feed)
{
    const snag_pipeline *pipeline = &feed->config->pipeline;
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t wanted = physical > pipeline->budget_bytes ? physical : pipeline->budget_bytes;
    uint64_t share = feed->options.state_bytes ? feed->options.state_bytes
                                               : wanted / feed->partition_count;
    size_t least = snag_engine_bytes_min(pipeline);
    return share > least ? (size_t)share : least;
}
