/* SPDX-License-Identifier: Apache-2.0
 *
 * An Avro source: which schema a record was written with, and where its body begins.
 *
 *     registry        | 00 | schema id, 4 bytes, big-endian | body |
 *     single object   | C3 01 | fingerprint, 8 bytes, little-endian | body |
 *     schema file     | body |, or one of the two above around it
 *
 * With a schema file the body is tried as it is first, and without five bytes of registry frame if that
 * fails: a plain body may begin with 00, but then it does not end where its schema does but by accident.
 */
#ifndef SNAG_CODEC_AVRO_SOURCE_H
#define SNAG_CODEC_AVRO_SOURCE_H

#include "codec/codec.h"
#include "codec/paths.h"
#include "codec/slot.h"

typedef struct snag_avro_source snag_avro_source;

SNAG_MUST_CHECK snag_err snag_avro_source_new(snag_avro_source **out,
                                              const snag_source_spec *source, snag_str base_dir,
                                              const snag_decoder_options *options,
                                              const snag_paths *paths, snag_diag *diag);
void snag_avro_source_free(snag_avro_source *avro);
/* Reads a record into the (cleared) slots. */
SNAG_MUST_CHECK snag_err snag_avro_source_read(snag_avro_source *avro, snag_str record,
                                               snag_slot *slots, snag_arena *arena,
                                               snag_diag *diag);
/* The record's next item of the list that `each:` names; a snag_item_next, avro is its context. */
SNAG_MUST_CHECK snag_err snag_avro_source_next(void *avro, snag_slot *slots, bool *any, snag_arena *arena,
                                               snag_diag *diag);

#endif
