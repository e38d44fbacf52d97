/* SPDX-License-Identifier: Apache-2.0
 *
 * What worlds must have said, some of them, or it was never tried: an alert of every rule that load.c prints,
 * and of what takes long to be known.
 */
#ifndef SIM_SAID_H
#define SIM_SAID_H

/* name, word, what an alert of it holds */
#define SIM_SAID_TABLE(X)                                                                                    \
    X(STUCK, "missing", "\"rule\":\"stuck\"")                                                                \
    X(LEARNED, "a learned deadline", "\"basis\":\"learned\"")                                                \
    X(OFTEN, "count", "\"rule\":\"often\"")                                                                  \
    X(SILENT, "silence", "\"rule\":\"silent\"")                                                              \
    X(FLAKY, "ratio", "\"rule\":\"flaky\"")                                                                  \
    X(WORSE, "a ratio to what is usual", "\"rule\":\"worse\"")                                               \
    X(BACK, "path", "\"rule\":\"back\"")                                                                     \
    X(AGAIN, "path in a journey", "\"rule\":\"again\"")                                                      \
    X(UNLIKE, "differs", "\"rule\":\"unlike\"")                                                              \
    X(CLICKS, "a burst", "\"rule\":\"clicks\"")                                                              \
    X(SLOW, "two levels", "\"rule\":\"slow\"")                                                               \
    X(USAGE, "change", "\"rule\":\"usage\"")                                                                 \
    X(EFFORT, "score", "\"rule\":\"effort\"")

typedef enum sim_said_kind {
#define X(name, word, text) SIM_SAID_##name,
    SIM_SAID_TABLE(X)
#undef X
        SIM_SAID_COUNT
} sim_said_kind;

#endif
