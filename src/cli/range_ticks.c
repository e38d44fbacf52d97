/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/range_ticks.h"

#include <stdlib.h>

#include "base/assert.h"

/* While the topic is read: which state wrote last of each partition, and which first hop. */
typedef struct reading {
    snag_range_ticks *ticks;
    const snag_live *live;
    uint8_t (*last)[16]; /* by partition of the state; behind them those of the rekeyed topics */
    uint32_t partitions;
    size_t count; /* of them all */
    bool full;
} reading;

/* Whose last writer it is by; reading->count = nobody's. */
static size_t whose(const reading *self, const snag_tick *tick)
{
    size_t at = self->partitions + tick->partition;
    if (!tick->hop)
        return tick->partition < self->partitions ? tick->partition : self->count;
    if (tick->source >= self->live->input_count || tick->partition >= self->live->sources[tick->source].lanes)
        return self->count;
    for (uint32_t s = 0; s < tick->source; s++)
        at += self->live->sources[s].lanes;
    return at;
}

static bool on_tick(void *context, const snag_raw *record)
{
    reading *self = context;
    snag_range_ticks *ticks = self->ticks;
    snag_tick tick;
    if (!snag_tick_read(&tick, record->value) || whose(self, &tick) == self->count)
        return true;
    memcpy(self->last[whose(self, &tick)], tick.incarnation, sizeof tick.incarnation);
    if (tick.offset < 0)
        return true;
    if (ticks->count == ticks->room) {
        size_t room = ticks->room ? ticks->room * 2 : 256;
        snag_tick *list = realloc(ticks->list, room * sizeof *list);
        self->full = list == NULL;
        if (!list)
            return false;
        ticks->list = list;
        ticks->room = room;
    }
    ticks->list[ticks->count++] = tick;
    return true;
}

static int by_place(const void *left, const void *right)
{
    const snag_tick *a = left, *b = right;
    if (a->hop != b->hop)
        return a->hop < b->hop ? -1 : 1;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->kind < b->kind ? -1 : a->kind > b->kind;
}

/* What earlier states of the same pipeline wrote is not about this one. */
static void forget_others(reading *self)
{
    snag_range_ticks *ticks = self->ticks;
    size_t count = 0;
    for (size_t i = 0; i < ticks->count; i++)
        if (memcmp(ticks->list[i].incarnation, self->last[whose(self, &ticks->list[i])], 16) == 0)
            ticks->list[count++] = ticks->list[i];
    ticks->count = count;
    if (count)
        qsort(ticks->list, count, sizeof *ticks->list, by_place);
}

snag_err snag_range_ticks_read(snag_range_ticks *ticks, const snag_live *live, uint32_t partitions,
                               snag_kafka_look *look, snag_diag *diag)
{
    const snag_kafka_topic *topic = &live->topics[SNAG_TOPIC_TICKS];
    reading self = {.ticks = ticks, .live = live, .partitions = partitions, .count = partitions};
    snag_err err = SNAG_OK;
    *ticks = (snag_range_ticks){.there = topic->partitions > 0};
    for (uint32_t s = 0; s < live->input_count; s++)
        self.count += live->sources[s].lanes;
    self.last = calloc(self.count, sizeof *self.last);
    if (!self.last)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    for (int32_t p = 0; p < topic->partitions && err == SNAG_OK; p++) {
        int64_t first, end;
        err = snag_kafka_look_range(look, live->names[SNAG_TOPIC_TICKS], (uint32_t)p, &first, &end, diag);
        if (err == SNAG_OK && end > first)
            err = snag_kafka_look_read(look, live->names[SNAG_TOPIC_TICKS], (uint32_t)p, first, on_tick,
                                       &self, diag);
    }
    if (self.full)
        err = snag_fail(diag, SNAG_MEMORY, "out of memory");
    forget_others(&self);
    free(self.last);
    return err;
}

void snag_range_ticks_finish(snag_range_ticks *ticks)
{
    free(ticks->list);
    *ticks = (snag_range_ticks){.list = NULL};
}

static bool before(const snag_tick *tick, bool hop, uint32_t partition, uint32_t source)
{
    if (tick->hop != hop)
        return tick->hop < hop;
    return tick->partition < partition || (tick->partition == partition && tick->source < source);
}

/* The first that does not lie before it. */
static size_t place_of(const snag_range_ticks *ticks, bool hop, uint32_t partition, uint32_t source)
{
    size_t low = 0, high = ticks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (before(&ticks->list[middle], hop, partition, source))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void snag_range_ticks_find(const snag_range_ticks *ticks, bool hop, uint32_t partition, uint32_t source,
                           size_t *first, size_t *end)
{
    *first = place_of(ticks, hop, partition, source);
    *end = place_of(ticks, hop, partition, source + 1);
}
