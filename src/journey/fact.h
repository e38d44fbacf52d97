/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts: values remembered per customer (or account) as of event time: the last or first value of a name, how
 * many events came, the sum of a name, the share of one kind of event in another, how many different values.
 *
 *     event --take--> state (an item of the customer's own cell) --value at a time--> a name like the others
 *
 * An event counts in its own facts: what is asked of it sees them with it. Windows of count, sum and share
 * slide in 64 panes aligned to the epoch: a pane lasts ceil(within / 64), and at t the newest
 * within / pane panes count, the one t lies in among them. So a window is never longer than it says, and at
 * most two panes shorter.
 * The windows of last, first and distinct are exact: what came at t counts up to and including t + within.
 *
 * State, by kind (little-endian, no gaps):
 *     last, first        | time 8 | value ... |            text: its bytes; bool 1; int, double 8; time 8 + 4
 *                                                          of a table's row without the value: nothing
 *     count, sum, share  | amount 8 |                      share: two counts of 4 bytes
 *       with `within`    | newest pane 8 | age 1, amount 8 | ...        oldest first
 *     distinct           | hash 8 | ...
 *       with `within`    | newest time 8 | hash 8, age 5 | ...          age in ms behind the newest
 */
#ifndef SNAG_JOURNEY_FACT_H
#define SNAG_JOURNEY_FACT_H

#include "journey/matcher.h"

#define SNAG_FACT_TABLE(X)                                                            \
    X(LAST, "last", "the newest value of a name")                                     \
    X(FIRST, "first", "the oldest value of a name")                                   \
    X(COUNT, "count", "how many of these events came")                                \
    X(SUM, "sum", "the sum of a name over the events that bear it")                   \
    X(SHARE, "share", "how many of these events for each of those under of: 0 to 1")  \
    X(DISTINCT, "distinct", "how many different values of a name came; exact to 64")

typedef enum snag_fact_kind {
#define X(name, word, summary) SNAG_FACT_##name,
    SNAG_FACT_TABLE(X)
#undef X
        SNAG_FACT_KIND_COUNT
} snag_fact_kind;

enum { SNAG_FACT_STATE_MAX = 856, SNAG_FACT_PANES = 64, SNAG_FACT_DISTINCT_MAX = 64 };

typedef struct snag_fact {
    snag_str name;
    snag_fact_kind kind;
    snag_kind value_kind;
    uint16_t slot;      /* where its value stands among the names */
    uint16_t from_slot; /* the name it is about; not of count and share */
    int64_t within_ms;  /* -1 = for as long as the customer is remembered */
    uint16_t table;     /* 1 + the number of the source whose rows it is of; 0 = of events */
    uint16_t scope;     /* whose fact: 0 the pipeline's key itself; or the customers' inside an account */
    snag_matcher event; /* never empty: a lone star where the file names none */
    snag_matcher of;    /* of share */
    uint32_t fingerprint; /* as in snag_signal_spec */
} snag_fact;

typedef struct snag_fact_state {
    uint16_t bytes; /* 0 = nothing is remembered */
    unsigned char data[SNAG_FACT_STATE_MAX];
} snag_fact_state;

const char *snag_fact_word(snag_fact_kind kind);

/* Takes an event that `event:` means, or `of:` (of_event). False: the state is as it was. Of a table the
 * newest row decides: where it has no value, there is none. */
bool snag_fact_take(const snag_fact *fact, snag_fact_state *state, const snag_event *event, bool of_event);
/* The value at a time, ABSENT where there is none; a text is borrowed from the state. */
snag_value snag_fact_value(const snag_fact *fact, const snag_fact_state *state, int64_t time_ms);
/* Whether stored bytes can be this fact's own. */
bool snag_fact_sound(const snag_fact *fact, const snag_fact_state *state);

#endif
