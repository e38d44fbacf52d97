/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to walk.c, walk_stored.c, promise.c and poll.c: a walk as it is stored, and the changes it makes.
 */
#ifndef SNAG_ENGINE_WALK_H
#define SNAG_ENGINE_WALK_H

#include "engine/state.h"
#include "rules/silence.h"

enum { SNAG_WALK_OPEN, SNAG_WALK_ENDED, SNAG_WALK_EXPIRED };

typedef struct snag_walk {
    int64_t entered_ms;
    uint32_t seq;
    uint8_t stage;
    uint8_t ended; /* SNAG_WALK_* */
    uint8_t walk[16];
    uint16_t friction; /* of the way so far; past what it can hold it stays */
    int64_t closed_ms;
    uint32_t closed_seq; /* of the newest closing change */
    uint8_t outcome;     /* SNAG_OUTCOME_* */
    uint8_t level;       /* SNAG_TOLD_* of the stage's `due:` */
    uint8_t asked; /* written once: 1 + the stage at which the survey was asked last; now see poll.h */
    uint8_t padding[1];
    int64_t deadline_ms; /* of the stage's `due:`; SNAG_TIME_NONE = none */
    int64_t paused_ms;
    int64_t second_ms;
    snag_learned learned; /* how the deadline was come by */
    int64_t first_ms;     /* as of snag_silence */
} snag_walk;

enum { SNAG_WALK_BYTES = sizeof(snag_walk) }; /* behind them, what answers may be about (poll.h) */

/* False: no walk of this journey. */
bool snag_walk_get(const snag_item *item, const snag_journey *journey, snag_walk *walk);
void snag_walk_put(snag_item *item, const snag_journey *journey, const snag_walk *walk);
/* The wait of the stage that the walk stands in, and back. */
snag_silence snag_walk_silence(const snag_walk *walk);
void snag_walk_wait(snag_walk *walk, const snag_silence *silence);
/* When the walk has more to tell, not before now; or when it expires. */
int64_t snag_walk_due(const snag_stage *stage, const snag_walk *walk, int64_t now_ms);
int64_t snag_walk_expires(const snag_stage *stage, const snag_walk *walk);
snag_str snag_walk_outcome(const snag_journey *journey, const snag_walk *walk);
/* A change of a walk with everything but from, to, dwell and outcome. */
snag_change *snag_walk_change(snag_engine *engine, const snag_journey *journey, const snag_item *item,
                              snag_walk *walk, snag_move move);

/* --- poll.c: of journeys with a survey; each works on the item before its walk is put --- */
/* What an earlier version of the program stored becomes what answers may be about. */
void snag_poll_ready(snag_item *item, const snag_journey *journey, const snag_walk *walk);
/* The walk, which has ended, is followed by another. */
void snag_poll_again(snag_item *item, const snag_journey *journey, const snag_walk *walk);
/* The walk is somewhere else, or has another outcome. */
void snag_poll_moved(const snag_engine *engine, snag_item *item, const snag_journey *journey,
                     const snag_walk *walk);
/* --- poll_stored.c --- */
bool snag_poll_sound(const snag_journey *journey, const snag_item *item);
void snag_poll_explain(const snag_journey *journey, const snag_item *item, snag_buf *buf);

/* --- promise.c: each looks up the walk in the cell at work and puts it back --- */
/* The event at hand enters `stage`: what was promised of it is kept; an end ends all of them. */
void snag_promise_enter(snag_engine *engine, const snag_journey *journey, uint8_t stage);
/* The walk has just begun: whatever an earlier one was promised is forgotten. */
void snag_promise_begin(snag_engine *engine, const snag_journey *journey, uint8_t stage);
/* The walk expires. */
void snag_promise_expire(snag_engine *engine, const snag_journey *journey);

#endif
