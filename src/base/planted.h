/* SPDX-License-Identifier: Apache-2.0
 *
 * Planted bugs: the ways in which exactly-once is usually lost, each in one place of the code, so that the
 * tests that promise to find them can be tested themselves.
 *
 *     if (snag_planted(EARLY_FLUSH)) ...
 *
 * In the program that people run the word is the constant false and the branch does not exist. With
 * -DSNAG_PLANTED=ON the build makes a variant of some rooms beside the real ones (program snag_planted),
 * for the tests only; there SNAG_PLANT=name in the environment, or the simulator's --plant, chooses one.
 */
#ifndef SNAG_BASE_PLANTED_H
#define SNAG_BASE_PLANTED_H

#include <stdbool.h>

/* name, word, where, what is wrong */
#define SNAG_PLANTED_TABLE(X)                                                                               \
    X(EARLY_FLUSH, "early-flush", "runtime", "the store is written before the transaction is committed")    \
    X(CAS_IGNORED, "cas-ignored", "store", "writes to the store compare no head")                           \
    X(NO_OFFSETS, "no-offsets", "runtime", "transactions carry no offsets")                                 \
    X(NO_OFFSETS_TICK, "no-offsets-tick", "runtime", "transactions that move no offset carry none")         \
    X(PRODUCER_KEPT, "producer-kept", "runtime", "after an error without an answer the producer is kept")   \
    X(LOG_TO_END, "log-to-end", "runtime", "the changelog is read to its visible end, not to the head n")   \
    X(TIMERS_DROPPED, "timers-dropped", "engine", "a takeover arms no timers")                              \
    X(SEVEN_IDS, "seven-ids", "engine", "of a customer's last eight ids the oldest is forgotten")           \
    X(TICK_WHILE_BEHIND, "tick-while-behind", "runtime", "the clock moves time although records wait")      \
    X(TICKS_UNTOLD, "ticks-untold", "runtime", "where the clock had passed what comes later is not told")   \
    X(HALTED_TAKEN, "halted-taken", "runtime", "an event that is left counts as taken")                     \
    X(AWAY_DRAINED, "away-drained", "runtime", "partitions that were given back go on moving in time")       \
    X(READ_UNCOMMITTED, "read-uncommitted", "kafka", "input and changelog are read uncommitted")            \
    X(AUTO_COMMIT, "auto-commit", "kafka", "the consumer commits offsets by itself")                        \
    X(LANES_ONE_TIME, "lanes-one-time", "runtime", "a mark in one lane moves the time of all")              \
    X(ITEMS_EVERYWHERE, "items-everywhere", "rekey", "every partition judges all items of a record")

typedef enum snag_plant {
    SNAG_PLANTED_NONE,
#define X(name, word, where, help) SNAG_PLANTED_##name,
    SNAG_PLANTED_TABLE(X)
#undef X
        SNAG_PLANTED_COUNT
} snag_plant;

#ifdef SNAG_PLANTED
extern snag_plant snag_planted_now; /* tests/tools/planted.c; set before any thread starts */
#define snag_planted(name) (snag_planted_now == SNAG_PLANTED_##name)
#else
#define snag_planted(name) false
#endif

#endif
