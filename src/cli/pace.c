/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pace.h"

#include <stdlib.h>

#include "base/limits.h"

enum { PAUSE_MAX_MS = 2000 };

bool snag_pace_init(snag_pace *pace, const char *speed, const snag_clock *clock)
{
    char *end = NULL;
    *pace = (snag_pace){.clock = clock, .time_ms = SNAG_TIME_NONE};
    if (!speed)
        return true;
    if (*speed < '0' || *speed > '9')
        return false;
    pace->speed = strtoll(speed, &end, 10);
    if (*end == 'x')
        end++;
    return *end == '\0' && pace->speed > 0 && pace->speed <= INT64_C(1000000000);
}

void snag_pace_wait(snag_pace *pace, int64_t newest_ms)
{
    if (pace->speed == 0 || newest_ms == SNAG_TIME_NONE)
        return;
    int64_t now_ms = pace->clock->monotonic_ms(pace->clock->self);
    if (pace->time_ms == SNAG_TIME_NONE) {
        pace->time_ms = newest_ms;
        pace->wall_ms = now_ms;
    }
    int64_t due_ms = pace->wall_ms + (newest_ms - pace->time_ms) / pace->speed;
    if (due_ms > now_ms + PAUSE_MAX_MS) {
        pace->time_ms = newest_ms;
        pace->wall_ms = due_ms = now_ms + PAUSE_MAX_MS;
    }
    if (due_ms > now_ms)
        pace->clock->sleep_ms(pace->clock->self, due_ms - now_ms);
}
