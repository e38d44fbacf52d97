/* SPDX-License-Identifier: Apache-2.0
 *
 * Hierarchical timer wheel, intrusive: links live inside the caller's nodes and are named by index, so the
 * nodes' array may be saved, moved or mapped elsewhere. Index 0 is no node.
 *
 *     level 0: 1024 slots of 1 ms    | all links of one slot are due in the same millisecond
 *     level 1: 1024 slots of 1 s     | a link sits at the level of the highest bit in which its due time
 *     level 2: 1024 slots of 17 min  | differs from `now`; it sinks a level each time `now` enters its slot
 *     level 3: 1024 slots of 12 days | Slots are many because a link is cold when it sinks: with 64 a
 *     level 4: 1024 slots of 35 years| deadline of some minutes sank three times, here once.
 *
 * Arming and disarming are O(1); the earliest slot is found by bit scan. (Varghese and Lauck, 1987.)
 * Arming a link for later, which every event of an open journey does, leaves it in its slot and notes the new
 * time: one cache line instead of four. Found too early there, it is placed anew.
 */
#ifndef SNAG_BASE_WHEEL_H
#define SNAG_BASE_WHEEL_H

#include "base/limits.h"
#include "base/str.h"

typedef struct snag_wheel_link {
    int64_t due_ms;
    uint32_t next;
    uint32_t prev; /* 0 = not armed; with the top bit: first of the slot named by the other bits */
} snag_wheel_link;

enum { SNAG_WHEEL_LEVELS = 5, SNAG_WHEEL_SLOTS = 1024, SNAG_WHEEL_WORDS = SNAG_WHEEL_SLOTS / 64 };

typedef struct snag_wheel {
    char *links; /* of index 0 */
    size_t stride;
    uint64_t now; /* in biased milliseconds; nothing before it is armed at another place than its slot */
    uint64_t earliest; /* no slot that has links begins before it: time mostly moves on without a look */
    uint64_t count;
    uint32_t words[SNAG_WHEEL_LEVELS]; /* which words of `occupied` are not 0 */
    uint64_t occupied[SNAG_WHEEL_LEVELS][SNAG_WHEEL_WORDS];
    uint32_t slots[SNAG_WHEEL_LEVELS][SNAG_WHEEL_SLOTS];
} snag_wheel;

/* first is the address of the link inside node 0; stride the bytes from node to node. Borrowed. */
void snag_wheel_init(snag_wheel *wheel, void *first, size_t stride);
/* Arms a link that is not armed, or moves one that is. A time already past is due at once. */
void snag_wheel_arm(snag_wheel *wheel, uint32_t index, int64_t due_ms);
/* Takes a link out; nothing happens where it is not armed. */
void snag_wheel_disarm(snag_wheel *wheel, uint32_t index);
bool snag_wheel_armed(const snag_wheel *wheel, uint32_t index);
/* Takes out all links of the earliest millisecond that is at or before until_ms: a list by `next`, in no
 * particular order; 0 where there is none, and time has moved to until_ms. Links armed for a time already
 * past come at the present one, with their own due_ms; where until_ms itself is past, those come that are due
 * up to it, and time stays where it is. */
uint32_t snag_wheel_pop(snag_wheel *wheel, int64_t until_ms);
/* Moves time to until_ms where surely no link is due up to it; false: it takes a pop. */
bool snag_wheel_pass(snag_wheel *wheel, int64_t until_ms);
/* Like pop, but only what lies at the present time, where links armed for a time already past are; of those
 * what is due up to until_ms. */
uint32_t snag_wheel_past(snag_wheel *wheel, int64_t until_ms);
/* A link that will come soon (within a second) if time goes on, to be fetched into the cache; 0 where
 * none does. */
uint32_t snag_wheel_soon(const snag_wheel *wheel);
/* A time that is at or before the earliest due one; SNAG_NEVER where nothing is armed. */
int64_t snag_wheel_next(const snag_wheel *wheel);

#endif
