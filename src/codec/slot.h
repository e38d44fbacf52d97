/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: what a format's reader found at each wanted path. A reader fills slots and knows nothing of
 * mappings; a mapping turns slots into an event and knows nothing of formats.
 *
 *     record bytes --reader--> slot[path] --mapping--> event
 */
#ifndef SNAG_CODEC_SLOT_H
#define SNAG_CODEC_SLOT_H

#include "base/str.h"

typedef enum snag_slot_kind {
    SNAG_SLOT_ABSENT,
    SNAG_SLOT_NULL,
    SNAG_SLOT_BOOL,
    SNAG_SLOT_NUMBER,  /* a JSON number as it is written: read only when somebody asks */
    SNAG_SLOT_INT,
    SNAG_SLOT_DOUBLE,
    SNAG_SLOT_TEXT,    /* valid UTF-8 */
    SNAG_SLOT_ESCAPED, /* a JSON string's inside, with backslashes that are known to be well formed */
    SNAG_SLOT_BYTES,
    SNAG_SLOT_TIME,    /* since the epoch, from a format that has times */
    SNAG_SLOT_LIST,    /* raw: the JSON text, or empty where the format cannot show it */
    SNAG_SLOT_MAP
} snag_slot_kind;

/* raw is borrowed from the record. */
typedef struct snag_slot {
    union {
        snag_str raw; /* NUMBER, TEXT, ESCAPED, BYTES, LIST, MAP */
        bool boolean;
        int64_t integer;
        double number;
        struct {
            int64_t seconds;
            int32_t nanos;
        } time;
    } as;
    snag_slot_kind kind;
} snag_slot;

#endif
