/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to poll.c and poll_stored.c: what of a walk answers of a survey may be about. It lies behind the
 * walk's state, of journeys with a survey only:
 *
 *     | version 1 | flags 1 | points 1 | asks 1 | walk before 16 ? | point ... | ask ... |
 *     point | since when 8 | stage 1 | ended 1, and bit 7: of the walk before | outcome 1 |
 *     ask   | when 8 | by 4 | stage 1 | bit 0: it has an answer, bit 7: of the walk before |
 *
 * Points stand in the order in which they came to be, asks in the order of their times. Version 1 is the
 * first; state without it is read as that of a walk that has always been where it is, and was asked there.
 */
#ifndef SNAG_ENGINE_POLL_H
#define SNAG_ENGINE_POLL_H

#include "engine/walk.h"

enum { SNAG_POLL_POINTS = 8, SNAG_POLL_ASKS = 8 }; /* past that the oldest goes */

/* From then on the walk was at this stage, or had ended with this outcome. */
typedef struct snag_poll_point {
    int64_t at_ms;
    uint8_t stage;
    uint8_t ended;   /* SNAG_WALK_* */
    uint8_t outcome; /* SNAG_OUTCOME_* */
    bool before;     /* of the walk before */
} snag_poll_point;

typedef struct snag_poll_ask {
    int64_t at_ms;
    uint32_t by; /* hash of the name that its answer will bear; 0 = it bore none */
    uint8_t stage;
    bool answered;
    bool before;
} snag_poll_ask;

typedef struct snag_polled {
    uint32_t point_count;
    uint32_t ask_count;
    bool before; /* something is known of a walk before */
    uint8_t walk_before[16];
    snag_poll_point points[SNAG_POLL_POINTS];
    snag_poll_ask asks[SNAG_POLL_ASKS];
} snag_polled;

/* What lies behind the state of a walk, or what follows from the state alone. */
void snag_polled_get(const snag_item *item, const snag_journey *journey, const snag_walk *walk,
                     snag_polled *polled);
/* Puts it behind the state, which is put after it (snag_walk_put). */
void snag_polled_put(snag_item *item, const snag_polled *polled);

#endif
