/* SPDX-License-Identifier: Apache-2.0
 *
 * What an output record says: one table a kind, read by the JSON writer, the Avro writer and the tests, so
 * that the two formats cannot drift apart.
 *
 *     { "specversion" … "time",            <- the envelope's table
 *       "data": { "headline" …             <- the kind's table, in order
 *                 "who": { … } } }         <- OPEN … CLOSE
 */
#ifndef SNAG_CODEC_OUTPUT_H
#define SNAG_CODEC_OUTPUT_H

#include "codec/codec.h"

typedef enum snag_output_type {
    SNAG_OUTPUT_TEXT,     /* snag_str, empty = unset */
    SNAG_OUTPUT_TIME,     /* int64 ms; SNAG_NEVER and SNAG_TIME_NONE = unset */
    SNAG_OUTPUT_DURATION, /* int64 ms as text ("30m"); below 0 = unset */
    SNAG_OUTPUT_INT,      /* int64; below 0 = unset */
    SNAG_OUTPUT_DOUBLE,   /* below 0 = unset */
    SNAG_OUTPUT_SCORE,    /* of a change that is scored */
    SNAG_OUTPUT_THRESHOLD, /* of an alert: an int64, or its limit; in Avro a union of both */
    SNAG_OUTPUT_COUNT,    /* uint32, always there */
    SNAG_OUTPUT_HEX,      /* 16 bytes, always there */
    SNAG_OUTPUT_ACTION,
    SNAG_OUTPUT_SEVERITY,
    SNAG_OUTPUT_REASON, /* SNAG_REASON_NONE = unset */
    SNAG_OUTPUT_HOLD,
    SNAG_OUTPUT_DECISION,
    SNAG_OUTPUT_CAUSE,
    SNAG_OUTPUT_MODE,     /* live or shadow, of bool */
    SNAG_OUTPUT_BASIS,    /* SNAG_BASIS_NONE = unset */
    SNAG_OUTPUT_WITHIN,   /* of an alert: its words, else as a duration */
    SNAG_OUTPUT_ALERT_ID, /* hex(episode)-action-seq of a decision */
    SNAG_OUTPUT_CORRECTS, /* hex(walk)-ended-seq of a change; seq 0 = unset */
    SNAG_OUTPUT_TIMELINE, /* the evidence as {at, type} */
    SNAG_OUTPUT_CONTRIBUTIONS, /* of an alert, as {rule, value} */
    SNAG_OUTPUT_EVIDENCE, /* the evidence as {id, topic, partition, offset} */
    SNAG_OUTPUT_ALERTS,   /* dedup keys */
    SNAG_OUTPUT_TAGS,     /* words */
    SNAG_OUTPUT_PIPELINE, /* name@version, of the context, as all below */
    SNAG_OUTPUT_CONFIG,
    SNAG_OUTPUT_DETECTED,
    SNAG_OUTPUT_OPEN, /* an inner record; left out where nothing in it is set, unless it must be there */
    SNAG_OUTPUT_CLOSE
} snag_output_type;

typedef struct snag_output {
    snag_str name; /* as JSON: quoted, with its colon */
    snag_output_type type;
    bool must; /* never unset: in Avro no union with null */
    size_t offset;
} snag_output;

/* CloudEvents 1.0 attributes (cloudevents/spec, "Context Attributes"). */
typedef struct snag_envelope {
    snag_str specversion;
    snag_str id;
    snag_str type;
    snag_str source;
    snag_str subject;
    int64_t time_ms;
    snag_str dataschema;
    snag_str datacontenttype;
    char room[1024]; /* id, type and source are written here */
} snag_envelope;

extern const snag_output snag_envelope_outputs[];
extern const size_t snag_envelope_output_count;
/* The fields of a kind's data. */
const snag_output *snag_outputs(snag_record_kind kind, size_t *count);

void snag_envelope_fill(snag_envelope *envelope, const snag_encode_context *context,
                        const snag_record *record);

/* The word of an enum field; empty = unset. */
snag_str snag_output_word(snag_output_type type, const void *at);
/* The lists of a record, whatever its kind. */
const snag_evidence *snag_output_evidence(const snag_record *record, uint32_t *count);
/* type: ALERTS or TAGS. */
const snag_str *snag_output_texts(snag_output_type type, const snag_record *record, uint32_t *count);
/* Where the fields of a record's data begin. */
const void *snag_output_base(const snag_record *record);
/* Texts made of several parts; unset prints nothing. */
void snag_output_print(snag_buf *buf, const snag_output *field, const void *base,
                       const snag_encode_context *context);
/* Is there anything to say? (Not for OPEN and CLOSE.) */
bool snag_output_is_set(const snag_output *field, const snag_record *record, const void *base,
                        const snag_encode_context *context);
/* Of SNAG_OUTPUT_THRESHOLD: whether it is the limit. */
bool snag_output_limited(const void *base);
/* A position's topic; empty = the position is not told. */
snag_str snag_output_topic(const snag_encode_context *context, const snag_position *position);

#endif
