/* SPDX-License-Identifier: Apache-2.0
 *
 * Codecs: bytes -> event, record -> bytes.
 */
#ifndef SNAG_CODEC_CODEC_H
#define SNAG_CODEC_CODEC_H

#include "base/arena.h"
#include "base/err.h"
#include "event/record.h"
#include "event/source.h"

typedef struct snag_header {
    snag_str name;
    snag_str value;
} snag_header;

/* A raw record, from a topic's partition or a line of a file. Borrowed during the call. */
typedef struct snag_raw {
    snag_position position;
    int64_t stamp_ms; /* Kafka timestamp; SNAG_TIME_NONE for files */
    snag_str key;
    snag_str value;
    const snag_header *headers; /* CloudEvents binary mode reads ce_* */
    uint32_t header_count;
} snag_raw;

/* Fetches a writer's schema by id (registry). AGAIN = not yet known, ask later (the caller parks the
 * partition), never for longer than the fetcher's patience; BAD_SCHEMA = unknown for good. *schema is
 * borrowed until the next call. */
typedef snag_err snag_schema_fetch(void *context, uint32_t id, snag_str *schema, snag_diag *diag);

typedef struct snag_decoder snag_decoder;

typedef struct snag_decoder_options {
    /* "Now" for max_skew where a record has no stamp (files): SNAG_NEVER = no check. */
    int64_t now_ms;
    snag_schema_fetch *fetch; /* NULL = no registry */
    void *fetch_context;
} snag_decoder_options;

/* Compiles a decoder from a source's mapping. base_dir resolves relative schema files. Free with
 * snag_decoder_free (takes NULL). The spec is borrowed for the decoder's life. */
SNAG_MUST_CHECK snag_err snag_decoder_new(snag_decoder **out, const snag_source_spec *source,
                                          snag_str base_dir, const snag_decoder_options *options,
                                          snag_diag *diag);
void snag_decoder_free(snag_decoder *decoder);

/* Decodes one record. The event's strings and vars live in `arena` or in the raw record until the
 * batch ends.
 * SNAG_OK; a SNAG_BAD_* reason (dead letter; diag = one sentence with byte offset or field);
 * SNAG_AGAIN (schema not there yet); SNAG_FULL (arena too small: reset it and try again). */
SNAG_MUST_CHECK snag_err snag_decode(snag_decoder *decoder, const snag_raw *raw, snag_arena *arena,
                                     snag_event *event, snag_diag *diag);
/* The same for all events of a record: with `each:` there may be none, or up to SNAG_EACH_MAX; without it
 * there is one. SNAG_FULL: the arena or `room` is too small. */
SNAG_MUST_CHECK snag_err snag_decode_all(snag_decoder *decoder, const snag_raw *raw, snag_arena *arena,
                                         snag_event *events, size_t room, size_t *count, snag_diag *diag);
/* The customer (account) of the event decoded last as its record has it, which its producer's key should
 * be; the event itself may have a hash of it. Borrowed like the event. */
snag_str snag_decoder_key(const snag_decoder *decoder, bool account);

/* What an encoder needs to know of the pipeline and the moment. */
typedef struct snag_encode_context {
    snag_str pipeline;
    uint32_t version;
    const uint8_t *config; /* 32 bytes */
    const snag_str *topics; /* by source index, for evidence; NULL entries print nothing */
    uint32_t topic_count;
    int64_t detected_at_ms; /* live only; SNAG_TIME_NONE = absent (replay) */
} snag_encode_context;

/* One record (alert, change or decision) as structured-mode CloudEvents JSON, without a line end. */
void snag_encode_json(snag_buf *buf, const snag_encode_context *context, const snag_record *record);

/* The same fields by schemas/{alert,change,decision}.avsc, without framing. */
void snag_encode_avro(snag_buf *buf, const snag_encode_context *context, const snag_record *record);
/* Framing: with schema_id >= 0 0x00 + 4 bytes big-endian, else Avro single-object (C3 01 + CRC-64-AVRO
 * fingerprint of the schema's parsing canonical form). Call it before snag_encode_avro. */
void snag_encode_avro_frame(snag_buf *buf, snag_record_kind kind, int64_t schema_id);
/* The schema's text as in schemas/, compiled in. SNAG_RECORD_LATE is schemas/event.avsc. */
snag_str snag_avro_schema(snag_record_kind kind);

/* What a schema registry says and is told, in JSON (Confluent Schema Registry API v1): the schema in the
 * reply to GET /schemas/ids/{id}, unescaped (SNAG_BAD_SCHEMA: no Avro schema in it); the id in the reply to
 * POST /subjects/{subject}/versions; the body of that request. */
SNAG_MUST_CHECK snag_err snag_registry_read_schema(snag_str reply, snag_buf *schema,
                                                   snag_diag *diag);
SNAG_MUST_CHECK snag_err snag_registry_read_id(snag_str reply, int64_t *id, snag_diag *diag);
void snag_registry_write_schema(snag_buf *body, snag_str schema);

#endif
