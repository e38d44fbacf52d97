/* SPDX-License-Identifier: Apache-2.0
 *
 * The one event: what every format is mapped to, and all that the rules ever see.
 */
#ifndef SNAG_EVENT_EVENT_H
#define SNAG_EVENT_EVENT_H

#include "base/limits.h"
#include "event/value.h"

/* The names every event has; they stand first in `vars`. name, word in pipeline files */
#define SNAG_FIXED_TABLE(X)  \
    X(ID, "id")              \
    X(TIME, "time")          \
    X(TYPE, "type")          \
    X(CUSTOMER, "customer")  \
    X(ACCOUNT, "account")    \
    X(CHANNEL, "channel")

enum {
#define X(name, word) SNAG_VAR_##name,
    SNAG_FIXED_TABLE(X)
#undef X
        SNAG_VAR_KEPT /* the first kept name */
};

/* Where a record came from: a topic's partition, or a file (partition 0, offset = byte position). */
typedef struct snag_position {
    int64_t offset;
    uint32_t partition;
    uint16_t source; /* index in the pipeline's sources */
    uint16_t item;   /* under `each:` which item of the record, from 0 */
} snag_position;

/* Which device's clock stamped an event, and what its record says about that clock. */
typedef struct snag_device_mark {
    snag_str id;     /* never empty */
    int64_t came_ms; /* when it was received, by a right clock; SNAG_TIME_NONE = nobody knows */
    int64_t sent_ms; /* when the device sent it, by its own; SNAG_TIME_NONE = not said */
} snag_device_mark;

/* Strings and vars are borrowed from whoever decoded the event, until the batch ends. */
typedef struct snag_event {
    int64_t time_ms;  /* event time */
    int64_t stamp_ms; /* the record's own (Kafka) timestamp, SNAG_TIME_NONE where there is none */
    snag_position position;
    snag_str id; /* given, or derived from the content: never empty */
    snag_str type;
    snag_str customer; /* never empty under `key: customer` */
    snag_str account;  /* empty = absent */
    snag_str channel;  /* empty = absent */
    /* SNAG_VAR_KEPT + kept_count values: the fixed names (absent where empty), then kept names. */
    const snag_value *vars;
    const snag_device_mark *device; /* NULL: its clock is right, or nobody knows whose it is */
    int64_t clock_off_ms; /* what was added to the stamp it came with: the device's clock is so far behind */
    uint32_t var_count;
    int64_t shift; /* of a rekeyed record: what its offset was before, less the one it has now */
    bool id_derived;
    bool exclude_erred; /* an exclusion had no value for it, and counted as false */
    uint8_t excluded;   /* by which of the pipeline's exclusions, from 1; 0 = it is judged */
} snag_event;

/* Its time as far as the record's stamp bears it out: what is stamped ahead of it moves no time ahead. */
static inline int64_t snag_event_borne_ms(const snag_event *event)
{
    bool ahead = event->stamp_ms != SNAG_TIME_NONE && event->stamp_ms < event->time_ms;
    return ahead ? event->stamp_ms : event->time_ms;
}

#endif
