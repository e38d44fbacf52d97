/* SPDX-License-Identifier: Apache-2.0
 *
 * Clock and voice: the two things a worker needs of its surroundings besides its data.
 */
#ifndef SNAG_PORTS_CLOCK_H
#define SNAG_PORTS_CLOCK_H

#include <stdint.h>

typedef struct snag_clock {
    int64_t (*wall_ms)(void *self);      /* since the epoch; may jump */
    int64_t (*monotonic_ms)(void *self); /* never goes back */
    void (*sleep_ms)(void *self, int64_t ms);
    uint64_t (*random)(void *self); /* for names that must be unique, never for decisions */
    void *self;
} snag_clock;

/* One line for the people who watch; callable from any thread. */
typedef struct snag_voice {
    void (*say)(void *self, const char *line);
    void *self;
} snag_voice;

#endif
