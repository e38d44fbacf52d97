/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines by calendars: what arming one costs, however far ahead; and how long all the zones of the system
 * take to load, which is done once and only where events name their customers' zones.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"
#include "common.h"
#include "config/zones.h"
#include "journey/span.h"
#include "unit/seed.h"

enum { DAYS_OFF = 400, ARENA_BYTES = 1 << 16 };

typedef struct work {
    snag_calendar_spec calendar;
    const snag_zone_table *zones; /* each customer's own; NULL = the calendar's */
    snag_span span;
    uint64_t steps;
} work;

static void calendar_fill(snag_calendar *calendar, snag_arena *arena)
{
    int64_t *off = snag_arena_take(arena, DAYS_OFF * sizeof *off);
    SNAG_ASSERT(off != NULL);
    for (uint32_t i = 0; i < DAYS_OFF; i++) /* some ten a year from 2015 on */
        off[i] = 16436 + (int64_t)i * 36;
    for (uint32_t i = 0; i < 5; i++)
        calendar->week[i] = (snag_workday){
            {{9 * SNAG_HOUR_MS, 12 * SNAG_HOUR_MS}, {13 * SNAG_HOUR_MS, 17 * SNAG_HOUR_MS}}, 2};
    SNAG_ASSERT(snag_calendar_init(calendar, arena, off, DAYS_OFF));
}

/* Deadlines from moments of the years 2025 to 2028. */
static uint64_t arm(void *context, uint64_t *hash)
{
    const work *todo = context;
    snag_seed seed = snag_seed_from(1);
    for (uint64_t i = 0; i < todo->steps; i++) {
        int64_t from_ms = INT64_C(1735689600000) + (int64_t)snag_seed_below(&seed, INT64_C(126230400000));
        const snag_zone *zone = todo->calendar.zone;
        if (todo->zones)
            zone = &todo->zones->zones[snag_seed_below(&seed, todo->zones->count)];
        *hash = *hash * 31 + (uint64_t)snag_span_end(&todo->span, zone, from_ms);
    }
    return todo->steps;
}

static uint64_t load_all(void *context, uint64_t *hash)
{
    snag_diag diag;
    (void)context;
    snag_zones *zones = snag_zones_new(NULL);
    SNAG_ASSERT(zones != NULL);
    const snag_zone_table *all = snag_zones_all(zones, &diag);
    *hash = all ? all->count : 0;
    snag_zones_free(zones);
    return 1;
}

static void measure(snag_bench *bench, work *todo, const char *name, snag_span_unit unit, int64_t amount)
{
    todo->span = (snag_span){.amount = {unit, amount, SNAG_STR("")}, .calendar = &todo->calendar};
    snag_bench_measure(bench, &(snag_bench_task){.name = name, .unit = "ns/deadline", .run = arm,
                                                 .context = todo});
}

int main(int argc, char **argv)
{
    snag_bench bench;
    snag_diag diag = {.text = ""};
    static unsigned char block[ARENA_BYTES];
    snag_arena arena;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    snag_arena_init(&arena, block, sizeof block);
    work todo = {.steps = snag_bench_size(&bench, 1000000, 1000), .calendar = {.zone_slot = -1}};
    snag_zones *zones = snag_zones_new(NULL);
    SNAG_ASSERT(zones != NULL);
    todo.calendar.zone = snag_zones_get(zones, SNAG_STR("Europe/Berlin"), &diag);
    if (!todo.calendar.zone) {
        fprintf(stderr, "bench_calendar: %s\n", diag.text);
        snag_zones_free(zones);
        return 1;
    }
    calendar_fill(&todo.calendar.hours, &arena);
    measure(&bench, &todo, "deadline_8_business_hours", SNAG_SPAN_BUSINESS_HOURS, 8 * SNAG_HOUR_MS);
    measure(&bench, &todo, "deadline_3_business_days", SNAG_SPAN_BUSINESS_DAYS, 3);
    measure(&bench, &todo, "deadline_60_days", SNAG_SPAN_DAYS, 60);
    measure(&bench, &todo, "deadline_year_of_business_hours", SNAG_SPAN_BUSINESS_HOURS,
            INT64_C(1750) * SNAG_HOUR_MS);
    measure(&bench, &todo, "deadline_year_of_business_days", SNAG_SPAN_BUSINESS_DAYS, 250);
    todo.zones = snag_zones_all(zones, &diag);
    measure(&bench, &todo, "deadline_year_in_any_zone", SNAG_SPAN_BUSINESS_HOURS,
            INT64_C(1750) * SNAG_HOUR_MS);
    snag_bench_measure(&bench, &(snag_bench_task){.name = "zones_load_all", .unit = "ns/load",
                                                  .run = load_all});
    snag_bench_report(&bench, "zones_memory", "bytes", (double)snag_zones_arena(zones)->used, 0, 0,
                      todo.zones->count);
    snag_zones_free(zones);
    return snag_bench_end(&bench);
}
