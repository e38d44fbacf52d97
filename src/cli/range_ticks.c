/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/range_ticks.h"

#include <stdlib.h>

#include "base/assert.h"

/* While the topic is read: which state wrote last of each partition. */
typedef struct reading {
    snag_range_ticks *ticks;
    uint8_t (*last)[16]; /* by partition of the input */
    uint32_t partitions;
    bool full;
} reading;

static bool on_tick(void *context, const snag_raw *record)
{
    reading *self = context;
    snag_range_ticks *ticks = self->ticks;
    snag_tick tick;
    if (!snag_tick_read(&tick, record->value) || tick.partition >= self->partitions)
        return true;
    memcpy(self->last[tick.partition], tick.incarnation, sizeof tick.incarnation);
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
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return a->time_ms < b->time_ms ? -1 : a->time_ms > b->time_ms;
}

/* What earlier states of the same pipeline wrote is not about this one. */
static void forget_others(reading *self)
{
    snag_range_ticks *ticks = self->ticks;
    size_t count = 0;
    for (size_t i = 0; i < ticks->count; i++)
        if (memcmp(ticks->list[i].incarnation, self->last[ticks->list[i].partition], 16) == 0)
            ticks->list[count++] = ticks->list[i];
    ticks->count = count;
    if (count)
        qsort(ticks->list, count, sizeof *ticks->list, by_place);
}

snag_err snag_range_ticks_read(snag_range_ticks *ticks, const snag_live *live, snag_kafka_look *look,
                               snag_diag *diag)
{
    const snag_kafka_topic *topic = &live->topics[SNAG_TOPIC_TICKS];
    reading self = {.ticks = ticks, .partitions = (uint32_t)live->topics[SNAG_TOPIC_COUNT].partitions};
    snag_err err = SNAG_OK;
    *ticks = (snag_range_ticks){.there = topic->partitions > 0};
    self.last = calloc(self.partitions, sizeof *self.last);
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

/* The first that does not lie before (partition, source). */
static size_t place_of(const snag_range_ticks *ticks, uint32_t partition, uint32_t source)
{
    size_t low = 0, high = ticks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const snag_tick *tick = &ticks->list[middle];
        bool before = tick->partition < partition || (tick->partition == partition && tick->source < source);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

void snag_range_ticks_find(const snag_range_ticks *ticks, uint32_t partition, uint32_t source, size_t *first,
                           size_t *end)
{
    *first = place_of(ticks, partition, source);
    *end = place_of(ticks, partition, source + 1);
}
