/* SPDX-License-Identifier: Apache-2.0
 *
 * The output port: records and input offsets that become visible together, or not at all.
 *
 *     renew -> [ begin -> send … -> offsets -> commit ] … ; any failure -> renew
 *
 * After a failure of begin, send, offsets or commit nobody may assume either outcome: the producer is thrown
 * away by renew, which settles what was left open, and all state is read back from what was committed.
 */
#ifndef SNAG_PORTS_OUTPUT_H
#define SNAG_PORTS_OUTPUT_H

#include "ports/input.h"

/* name, suffix behind the pipeline's prefix, compacted, what it holds. Printed by `snag topics`. */
#define SNAG_TOPIC_TABLE(X)                                                             \
    X(ALERTS, "alerts", false, "alerts for people and their tools")                     \
    X(JOURNEYS, "journeys", false, "every stage entered, stalled, resumed, ended")      \
    X(DECISIONS, "decisions", false, "signals that did not become an alert, and why")   \
    X(LATE, "late", false, "events that came behind what was judged")                   \
    X(DEAD_LETTER, "dead-letter", false, "records that cannot be read, with the reason") \
    X(SHADOW, "shadow", false, "alerts of rules in shadow mode")                        \
    X(CHANGELOG, "changelog", true, "internal: the truth about state")                  \
    X(TICKS, "ticks", false, "internal: where the clock had passed what came later")

#define X(name, suffix, compact, help) SNAG_TOPIC_##name,
typedef enum snag_topic { SNAG_TOPIC_TABLE(X) SNAG_TOPIC_COUNT } snag_topic;
#undef X

/* A transaction that is open for longer is given up by the coordinator; its worker then is fenced. */
enum { SNAG_OUTPUT_PATIENCE_MS = 10000 };

/* One record out. The bytes must stay where they are until commit or renew has returned. */
typedef struct snag_message {
    snag_topic topic;
    uint32_t partition;
    snag_str key;   /* data NULL = none */
    snag_str value; /* data NULL = tombstone */
    const snag_header *headers;
    uint32_t header_count;
    int64_t *offset; /* filled in by commit where not NULL */
} snag_message;

/* SNAG_FENCED: another producer took this id. SNAG_REFUSED: no retry will help (rights, the broker's bounds).
 * SNAG_STATE: a topic is gone. SNAG_BROKER: anything else. `offsets` may already know where messages came to
 * lie and fill in their `offset`, so that the worker can look before it commits. */
typedef struct snag_output_ops {
    snag_err (*renew)(void *self, snag_diag *diag);
    snag_err (*begin)(void *self, snag_diag *diag);
    snag_err (*send)(void *self, const snag_message *message, snag_diag *diag);
    snag_err (*offsets)(void *self, const snag_place *places, size_t count, snag_diag *diag);
    snag_err (*commit)(void *self, snag_diag *diag);
    void (*close)(void *self);
} snag_output_ops;

typedef struct snag_output {
    const snag_output_ops *ops;
    void *self;
} snag_output;

#endif
