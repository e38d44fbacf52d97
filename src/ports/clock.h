/* SPDX-License-Identifier: Apache-2.0
 *
 * Clock and voice: the two things a worker needs of its surroundings besides its data.
 */
#ifndef SNAG_PORTS_CLOCK_H
#define SNAG_PORTS_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef struct snag_clock {
    int64_t (*wall_ms)(void *self);      /* since the epoch; may jump */
    int64_t (*monotonic_ms)(void *self); /* never goes back */
    void (*sleep_ms)(void *self, int64_t ms);
    uint64_t (*random)(void *self); /* for names that must be unique, never for decisions */
    void *self;
} snag_clock;

static inline int64_t snag_clock_ms(clockid_t clock)
{
    struct timespec now = {0, 0};
    clock_gettime(clock, &now); /* fails only for a clock that there is not */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The system's own: for questions that must end in time, and what people are shown. A worker asks its
 * snag_clock. */
static inline int64_t snag_clock_monotonic_ms(void)
{
    return snag_clock_ms(CLOCK_MONOTONIC);
}

static inline int64_t snag_clock_wall_ms(void)
{
    return snag_clock_ms(CLOCK_REALTIME);
}

/* One line for the people who watch; callable from any thread. */
typedef struct snag_voice {
    void (*say)(void *self, const char *line);
    void *self;
} snag_voice;

#endif
