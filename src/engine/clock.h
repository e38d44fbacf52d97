/* SPDX-License-Identifier: Apache-2.0
 *
 * A device's clock: how far it is off, and what its stamps are by a right one.
 *
 * Each record is a sample: when it came less when the device says it sent it. No record comes before it was
 * sent, so that a sample is how far the clock is behind, and the way on top of it: the least of several is
 * the best that can be known. The first record says it; after that the offset is left alone until several
 * uploads in a row deny it, all to the same side, by more than the tolerance.
 *
 *     off by   | ------- 3 h 0 min -------|-- 3 h 2 min --|          corrected = stamp + what its piece says
 *     pieces         [0]                  |     [1]       |
 *     stamps   .....................seen ^                           [1] holds only behind the newest stamp
 *                                                                    that [0] has corrected
 *
 * A piece holds for stamps behind its `after`, and corrects none to before its `least`, which is where [0]
 * put its newest stamp. So as long as the clock goes on, a corrected time never falls where the stamp rises:
 * a device's own order is kept, whatever the order in which its records come. A clock that was set back gives
 * the same stamps twice: from the record on at which that is known, they are those of the new setting.
 *
 * And since a piece also holds only for records from its `from` on, a record that is read again after a
 * restart is corrected as it was the first time, by what is stored, though newer ones have been learned from
 * since.
 */
#ifndef SNAG_ENGINE_CLOCK_H
#define SNAG_ENGINE_CLOCK_H

#include "base/limits.h"
#include "base/str.h"

enum {
    SNAG_CLOCK_VERSION = 1,
    SNAG_CLOCK_PIECES = 3,
    SNAG_CLOCK_UPLOADS = 4, /* in a row, that deny an offset, until it is changed */
    SNAG_CLOCK_MISSES = 4,  /* between two of them, where a delay may hide that a clock runs ahead */
    SNAG_CLOCK_STATE_MAX = 48 + SNAG_CLOCK_PIECES * 40
};

typedef struct snag_device_piece {
    int64_t from;     /* place of the record that it begins with */
    int64_t after_ms; /* only stamps after this one; SNAG_TIME_NONE: the clock was set back, all stamps */
    int64_t floor_ms; /* all that went before is corrected to this or an earlier time */
    int64_t least_ms; /* it corrects none to before this: where the newest stamp before it was put */
    int64_t off_ms;   /* what is added to a stamp */
} snag_device_piece;

typedef struct snag_device_clock {
    int64_t seen_ms; /* no stamp of this clock that was taken lies behind; in whole minutes */
    /* uploads in a row that deny the offset */
    int64_t run_ms;     /* the least of their samples */
    int64_t run_time_ms; /* the latest time that one of them was given */
    int64_t run_mark;   /* the last upload's, denying or not */
    uint8_t run_count;  /* those that deny it; 0 = there is no such row */
    uint8_t run_misses; /* since the last of them, those that do not */
    bool run_denied;    /* the last upload is one that does */
    uint8_t version;    /* of these bytes */
    uint32_t piece_count;
    snag_device_piece pieces[SNAG_CLOCK_PIECES]; /* [0] is the oldest */
} snag_device_clock;

typedef struct snag_device_sample {
    int64_t place;   /* of the record: rises as they are read */
    int64_t stamp_ms;
    int64_t came_ms; /* SNAG_TIME_NONE = nobody knows: it is corrected, and nothing is learned from it */
    int64_t sent_ms; /* by the same clock; SNAG_TIME_NONE = not said */
} snag_device_sample;

typedef struct snag_device_rule {
    int64_t tolerance_ms;
    bool has_sent;       /* records say when they were sent; else only a clock that runs ahead can be known:
                            a late record and a slow clock look alike */
    int64_t max_skew_ms; /* a time so long after the record came is not taken */
} snag_device_rule;

/* A device's first record. False: nothing can be learned from it. */
bool snag_device_begin(snag_device_clock *clock, const snag_device_sample *sample,
                       const snag_device_rule *rule);
/* One of its later records; w_ms: nothing at or before it will be judged any more. Returns whether the
 * clock's state is another now. */
bool snag_device_learn(snag_device_clock *clock, const snag_device_sample *sample,
                       const snag_device_rule *rule, int64_t w_ms);
/* The stamp's time by a right clock. */
int64_t snag_device_time(const snag_device_clock *clock, const snag_device_sample *sample);
/* Where it puts the newest stamp it has seen. */
int64_t snag_device_newest(const snag_device_clock *clock);
/* How far it is off now: what is added to its newest stamps. */
int64_t snag_device_off(const snag_device_clock *clock);

/* As bytes of a cell, at most SNAG_CLOCK_STATE_MAX. */
uint16_t snag_device_write(const snag_device_clock *clock, unsigned char *bytes);
/* False: not a clock, or damaged. */
bool snag_device_read(snag_device_clock *clock, const unsigned char *bytes, uint16_t size);

#endif
