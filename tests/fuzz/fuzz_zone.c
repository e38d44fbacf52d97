/* SPDX-License-Identifier: Apache-2.0
 *
 * A TZif file from hostile hands: what is taken answers every question, and there and back agree.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1 << 17 };

static void calendar_fill(snag_calendar *calendar, snag_arena *arena)
{
    int64_t *off = snag_arena_take(arena, 64 * sizeof *off);
    SNAG_ASSERT(off != NULL);
    for (uint32_t i = 0; i < 64; i++)
        off[i] = (int64_t)(i * 7919 % 20000);
    for (uint32_t i = 0; i < 7; i += 2)
        calendar->week[i] = (snag_workday){{{0, SNAG_HOUR_MS}, {9 * SNAG_HOUR_MS, SNAG_DAY_MS}}, 2};
    SNAG_ASSERT(snag_calendar_init(calendar, arena, off, 64));
}

static void check_at(const snag_zone *zone, const snag_calendar *calendar, int64_t time_ms)
{
    int64_t time_s = time_ms / SNAG_SECOND_MS;
    int64_t next_s = snag_zone_next(zone, time_s);
    SNAG_ASSERT(next_s > time_s);
    if (next_s != INT64_MAX)
        SNAG_ASSERT(snag_zone_offset(zone, next_s) != snag_zone_offset(zone, time_s));
    if (next_s != INT64_MAX)
        SNAG_ASSERT(snag_zone_offset(zone, next_s - 1) == snag_zone_offset(zone, time_s));
    int64_t local_ms = snag_zone_local(zone, time_ms);
    SNAG_ASSERT(snag_zone_instant(zone, local_ms) <= time_ms); /* the earlier of two */
    SNAG_ASSERT(snag_zone_local(zone, snag_zone_instant(zone, local_ms)) == local_ms);
    int64_t open_ms = snag_calendar_opening(calendar, zone, time_ms);
    SNAG_ASSERT(open_ms >= time_ms);
    SNAG_ASSERT(snag_calendar_add_hours(calendar, zone, time_ms, SNAG_HOUR_MS) >= open_ms + SNAG_HOUR_MS);
    SNAG_ASSERT(snag_calendar_add_days(calendar, zone, time_ms, 3) > open_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times_ms[] = {0, -1, INT64_C(-2208988800000), INT64_C(1767225600000),
                                       INT64_C(4102444800000), INT64_C(253402300799999),
                                       INT64_C(1143334800000)};
    snag_arena arena;
    snag_zone zone;
    snag_calendar calendar = {0};
    snag_diag diag = {0};
    void *block = malloc(ARENA_BYTES);
    SNAG_ASSERT(block != NULL);
    snag_arena_init(&arena, block, ARENA_BYTES);
    snag_err err = snag_zone_parse(&zone, &arena, SNAG_STR("fuzz"), snag_str_of(data, size), &diag);
    if (err == SNAG_OK) {
        calendar_fill(&calendar, &arena);
        for (size_t i = 0; i < sizeof times_ms / sizeof times_ms[0]; i++)
            check_at(&zone, &calendar, times_ms[i]);
        for (uint32_t i = 0; i < zone.count && i < 64; i++)
            if (zone.at_s[i] > -(INT64_C(1) << 40))
                check_at(&zone, &calendar, zone.at_s[i] * SNAG_SECOND_MS);
    } else {
        SNAG_ASSERT(err == SNAG_FULL || diag.text[0] != '\0');
    }
    snag_arena_reset(&arena);
    free(block);
    return 0;
}
