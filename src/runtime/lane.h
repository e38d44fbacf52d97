/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes: where the two hops of a rekeyed source meet. For partition u of the source's topic there is lane u,
 * an internal topic with as many partitions as the state has; the first hop of u alone writes there.
 *
 *     calls/2: 81233 (ann)  81234 (bob)  81235 (eve)             calls.rekey.2, by murmur2 of the customer
 *       | first hop                                                /0:  81233 ann   W   81235 eve
 *       +---------------------------------------------------->     /1:  W   81234 bob   W
 *
 * A lane's record is the topic's: value, headers, and two headers more, behind all others:
 *
 *     snag.rekey      "1 partition offset stamp low count"       times in ms or "-"
 *     snag.rekey.key  the key it had; not there where it had none
 *
 *     low     nothing before it was expected of u, before this record: what comes late, comes late to this
 *     count   events of the record that belong to this partition of the lane (several only under each:);
 *             0 = there is no record, only low (a mark): u has come so far, also where nothing is for us
 *
 * Where `silent:` watches the source, a mark of its own says what u's hop found, once, to all partitions:
 *
 *     snag.rekey      "2 partition offset - low 0 last back"
 *
 *     low     the place of that: here the lane stands when it is heard (rekey.c)
 *     last    the source was silent since this record of any partition
 *     back    0 = it was just found to be; or it has brought something again, which was found at this time
 *
 * So each partition of the state merges as many ordered streams as the topic has partitions, each with its
 * own W, and which of the first hops came further changes nothing (merge.c).
 */
#ifndef SNAG_RUNTIME_LANE_H
#define SNAG_RUNTIME_LANE_H

#include "base/buf.h"
#include "codec/codec.h"
#include "ports/output.h"

#define SNAG_LANE_HEADER "snag.rekey"
#define SNAG_LANE_KEY_HEADER "snag.rekey.key"

enum {
    SNAG_LANE_NOTE_MAX = 112,
    SNAG_LANE_BYTES_MAX = 900000 /* of a record with its headers: a producer's default limit is 1,000,000 */
};

typedef struct snag_lane_note {
    int64_t offset;
    int64_t stamp_ms; /* of the record; SNAG_TIME_NONE = it had none */
    int64_t low_ms;   /* SNAG_TIME_NONE = nothing is known yet */
    uint32_t partition;
    uint32_t count;
    int64_t last_ms; /* 0 = it says nothing of a silence */
    int64_t back_ms; /* 0 = it begins */
} snag_lane_note;

void snag_lane_note_print(snag_buf *buf, const snag_lane_note *note);
/* False: it is none. */
bool snag_lane_note_read(snag_lane_note *note, snag_str text);

/* SNAG_BAD_SIZE: the record is too large to be carried. */
SNAG_MUST_CHECK snag_err snag_lane_fits(const snag_raw *raw, snag_diag *diag);

/* The output that is lane `lane`. */
static inline snag_topic snag_lane_topic(uint32_t lane)
{
    return (snag_topic)(SNAG_TOPIC_COUNT + lane);
}

#endif
