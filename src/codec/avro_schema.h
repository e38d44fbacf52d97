/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro schemas as texts: parsed into a tree of values, printed in Parsing Canonical Form, fingerprinted
 * (Apache Avro 1.11 specification, "Parsing Canonical Form for Schemas", "Schema Fingerprints").
 */
#ifndef SNAG_CODEC_AVRO_SCHEMA_H
#define SNAG_CODEC_AVRO_SCHEMA_H

#include "base/err.h"
#include "event/value.h"

/* A schema's text and its tree. The text is copied. */
typedef struct snag_avro_schema_tree {
    char *text;
    void *memory;
    snag_value root;
} snag_avro_schema_tree;

/* Parses; Avro C has to accept it too, so that a schema we misread is found by a second reader.
 * SNAG_BAD_SCHEMA: diag says why. Always fills out; finish in any case. */
SNAG_MUST_CHECK snag_err snag_avro_tree_init(snag_avro_schema_tree *out, snag_str text,
                                             snag_diag *diag);
void snag_avro_tree_finish(snag_avro_schema_tree *tree);

/* The member of an object, or NULL. */
const snag_value *snag_avro_member(const snag_value *object, const char *name);
/* The same where it is a text; empty where it is not. */
snag_str snag_avro_member_text(const snag_value *object, const char *name);
/* Writes "namespace.name" as the specification resolves it: a dotted name stands for itself. */
void snag_avro_fullname(snag_buf *buf, snag_str name, snag_str space);
/* The namespace inside of a named type: that of its full name. */
snag_str snag_avro_space_of(const snag_value *type, snag_str space);
bool snag_avro_is_primitive(snag_str type);

/* Parsing Canonical Form; buf is full where it does not fit. */
void snag_avro_canonical(snag_buf *buf, const snag_value *schema);
/* CRC-64-AVRO of any bytes. */
uint64_t snag_avro_crc64(snag_str bytes);
/* CRC-64-AVRO of the canonical form. */
SNAG_MUST_CHECK snag_err snag_avro_fingerprint(const snag_avro_schema_tree *tree, uint64_t *out,
                                               snag_diag *diag);

#endif
