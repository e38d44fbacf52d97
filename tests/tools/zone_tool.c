/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers questions about zones and calendars, one a line, for golden/test_zones.py:
 *
 *     zone PATH                                 the file from now on
 *     offset SECONDS      next SECONDS          of the zone
 *     local MS            instant LOCAL_MS      there and back
 *     plus DAYS MS  months N MS                 calendar days and months
 *     week D:FROM-TO[,D:FROM-TO…]               hours from now on: weekday 0 to 6, minutes since midnight
 *     off [DAY[,DAY…]]                          days off from now on
 *     hours AMOUNT_MS MS  days N MS             business time
 *     open FROM_MS TO_MS                        business hours between two times
 *
 * Every question but zone, week and off prints a number on a line of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/calendar.h"
#include "base/time.h"

enum { LINE_BYTES = 65536, ARENA_BYTES = 1 << 20 };

static unsigned char zone_block[ARENA_BYTES];
static unsigned char calendar_block[ARENA_BYTES];
static snag_zone zone;
static snag_calendar calendar;
static int64_t days_off[SNAG_DAYS_OFF_MAX];
static uint32_t day_off_count;

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "zone_tool: %s: %s\n", what, why);
    return 1;
}

static int zone_open(const char *path)
{
    static char bytes[SNAG_ZONE_BYTES_MAX + 1];
    snag_arena arena;
    snag_diag diag = {0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(path, "cannot be read");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    snag_arena_init(&arena, zone_block, sizeof zone_block);
    if (snag_zone_parse(&zone, &arena, SNAG_STR("zone"), snag_str_of(bytes, size), &diag))
        return fail(path, diag.text);
    return 0;
}

static int calendar_make(void)
{
    snag_arena arena;
    snag_arena_init(&arena, calendar_block, sizeof calendar_block);
    for (size_t i = 0; i < 7; i++)
        calendar.hours.before[i + 1] = calendar.days.before[i + 1] = 0;
    return snag_calendar_init(&calendar, &arena, days_off, day_off_count) ? 0 : fail("calendar", "no room");
}

static int week_read(char *text)
{
    for (size_t i = 0; i < 7; i++)
        calendar.week[i].count = 0;
    while (*text && *text != '\n') {
        long day = strtol(text, &text, 10);
        long from = strtol(text + 1, &text, 10);
        long to = strtol(text + 1, &text, 10);
        snag_workday *work = &calendar.week[day];
        work->shifts[work->count++] =
            (snag_shift){(int32_t)(from * SNAG_MINUTE_MS), (int32_t)(to * SNAG_MINUTE_MS)};
        text += *text == ',';
    }
    return calendar_make();
}

static int off_read(char *text)
{
    for (day_off_count = 0; *text && *text != '\n'; text += *text == ',')
        days_off[day_off_count++] = strtoll(text, &text, 10);
    return calendar_make();
}

static int answer(const char *word, const char *rest)
{
    char *end;
    int64_t first = strtoll(rest, &end, 10);
    int64_t second = strtoll(end, NULL, 10);
    int64_t said;
    if (strcmp(word, "offset") == 0)
        said = snag_zone_offset(&zone, first);
    else if (strcmp(word, "next") == 0)
        said = snag_zone_next(&zone, first);
    else if (strcmp(word, "local") == 0)
        said = snag_zone_local(&zone, first);
    else if (strcmp(word, "instant") == 0)
        said = snag_zone_instant(&zone, first);
    else if (strcmp(word, "plus") == 0)
        said = snag_zone_add_days(&zone, second, first);
    else if (strcmp(word, "months") == 0)
        said = snag_zone_add_months(&zone, second, first);
    else if (strcmp(word, "hours") == 0)
        said = snag_calendar_add_hours(&calendar, &zone, second, first);
    else if (strcmp(word, "open") == 0)
        said = snag_calendar_open(&calendar, &zone, first, second);
    else if (strcmp(word, "days") == 0)
        said = snag_calendar_add_days(&calendar, &zone, second, first);
    else
        return fail(word, "no such question");
    printf("%" PRId64 "\n", said);
    return 0;
}

static int line_do(char *line)
{
    char *rest = strchr(line, ' ');
    if (!rest)
        return fail(line, "no such line");
    *rest++ = '\0';
    rest[strcspn(rest, "\n")] = '\0';
    if (strcmp(line, "zone") == 0)
        return zone_open(rest);
    if (strcmp(line, "week") == 0)
        return week_read(rest);
    if (strcmp(line, "off") == 0)
        return off_read(rest);
    return answer(line, rest);
}

int main(void)
{
    static char line[LINE_BYTES];
    int failed = 0;
    while (!failed && fgets(line, sizeof line, stdin))
        failed = line_do(line);
    return failed;
}
