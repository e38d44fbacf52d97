/* SPDX-License-Identifier: Apache-2.0
 *
 * Crash points: the moments between two effects on the world outside at which a worker may die, by name.
 * Nothing happens there unless the worker's options have somebody to tell (tests/sim kills workers there, and
 * a test shows that each was reached and died at).
 */
#ifndef SNAG_RUNTIME_POINTS_H
#define SNAG_RUNTIME_POINTS_H

/* name, word, what a worker that dies there leaves behind */
#define SNAG_POINT_TABLE(X)                                                                             \
    X(FED, "fed", "records read and judged, nothing said")                                              \
    X(TICKED, "ticked", "time moved by the clock, deadlines fired, nothing said")                       \
    X(HALTED, "halted", "time moved by an event that is not taken, for much is due before it")          \
    X(DRAINED_PART, "drained-part", "some of the due deadlines committed, W short of W*")               \
    X(BEGUN, "begun", "a transaction without anything in it")                                           \
    X(SENT_PART, "sent-part", "a transaction with some of its records")                                 \
    X(SENT, "sent", "a transaction with all records and no offsets")                                    \
    X(PLACED, "placed", "a transaction that lacks only its end")                                        \
    X(COMMITTED, "committed", "a commit that the store knows nothing of")                               \
    X(FLUSHED, "flushed", "the store as new as the commit")                                             \
    X(COPY_TAKEN, "copy-taken", "the store emptied for a reload")                                       \
    X(COPY_PART, "copy-part", "the store half reloaded")                                                \
    X(COPY_MENDED, "copy-mended", "the store reloaded")                                                 \
    X(GIVEN, "given", "partitions given, nothing read of them")                                         \
    X(PLACES_READ, "places-read", "the group's offsets read, no state")                                 \
    X(STORE_PART, "store-part", "half of the store's copy loaded")                                      \
    X(LOG_PART, "log-part", "some of the changelog read")                                               \
    X(RECOVERED, "recovered", "a partition's state read back, its records not")                         \
    X(STARTED, "started", "reading began, nothing read")                                                \
    X(LEAVING, "leaving", "the last commit done, partitions not given back")                            \
    X(LEFT, "left", "partitions given back")                                                            \
    X(FAILED, "failed", "something failed: the old producer and membership are still there")            \
    X(RENEWED, "renewed", "a new producer, the old membership")                                         \
    X(REJOINED, "rejoined", "a new producer and membership, no partitions")                             \
    X(STOPPING, "stopping", "asked to stop, the last commit not done")

typedef enum snag_point {
#define X(name, word, left) SNAG_POINT_##name,
    SNAG_POINT_TABLE(X)
#undef X
        SNAG_POINT_COUNT
} snag_point;

/* Told of each point as it is passed. */
typedef void snag_point_passed(void *context, snag_point point);

#endif
