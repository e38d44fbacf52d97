/* SPDX-License-Identifier: Apache-2.0
 *
 * What may go wrong in a world, in one table.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <stdint.h>

/* name, word, what happens */
#define SIM_FAULT_TABLE(X)                                                                             \
    X(KILL, "kill", "dies at its n-th call from then on, comes back later")                            \
    X(KILL_AT, "kill-at", "dies at a named point, comes back later")                                   \
    X(FREEZE, "freeze", "is stopped and woken")                                                        \
    X(FREEZE_AT, "freeze-at", "is stopped at a named point and woken")                                 \
    X(KICK, "kick", "the group lets its session run out; it learns of it late")                        \
    X(REBALANCE, "rebalance", "the group rebalances")                                                  \
    X(TWIN, "twin", "a second process starts with its name")                                           \
    X(STOP, "stop", "is asked to stop, comes back later")                                              \
    X(FENCE, "fence", "somebody opens a producer with its id")                                         \
    X(TXN_EXPIRES, "txn-expires", "the coordinator gives up its open transaction")                     \
    X(COMMIT_LOST, "commit-lost", "its next EndTxn gets no answer, now and then arrives late")         \
    X(SEND_LOST, "send-lost", "its next records are refused")                                          \
    X(PLACES_LOST, "places-lost", "its next offsets are refused")                                      \
    X(MARKERS_SLOW, "markers-slow", "transaction markers take seconds")                                \
    X(BROKER_DOWN, "broker-down", "nobody answers for a while")                                        \
    X(FETCH_STALLS, "fetch-stalls", "a partition gives no records, its end can be asked")              \
    X(ENDS_UNKNOWN, "ends-unknown", "the ends of logs cannot be asked")                                \
    X(UPSTREAM_OPEN, "upstream-open", "a transaction of somebody else hides input for a while")        \
    X(STORE_WIPED, "store-wiped", "the store is emptied")                                              \
    X(STORE_BACK, "store-back", "an earlier copy of the store takes over")                             \
    X(STORE_DOWN, "store-down", "the store does not answer")                                           \
    X(STORE_FULL, "store-full", "the store refuses writes")                                            \
    X(STORE_SLOW, "store-slow", "the store takes seconds")                                             \
    X(STORE_FLAKY, "store-flaky", "connections to the store break, before or after the effect")        \
    X(STORE_EVICTS, "store-evicts", "cells of a customer, or the head, are gone without a trace")       \
    X(STORE_CUT, "store-cut", "a stored cell is cut")                                                  \
    X(COMPACT, "compact", "the changelog is compacted")                                                \
    X(CLOCK_JUMP, "clock-jump", "a wall clock jumps")

typedef enum sim_fault_kind {
#define X(name, word, help) SIM_FAULT_##name,
    SIM_FAULT_TABLE(X)
#undef X
        SIM_FAULT_COUNT
} sim_fault_kind;

typedef struct sim_fault {
    sim_fault_kind kind;
    int64_t at_ms;
    uint32_t slot;      /* worker or partition */
    int64_t span_ms;    /* how long, or how far */
    int64_t number;     /* the n-th call, the point … */
} sim_fault;

#endif
