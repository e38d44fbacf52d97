/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the compiler's two files: what is being put together.
 */
#ifndef SNAG_CODEC_AVRO_COMPILER_H
#define SNAG_CODEC_AVRO_COMPILER_H

#include "codec/avro.h"

/* The node of a record or an item itself, in its tree: 0 means none. */
#define SNAG_AVRO_ROOT UINT32_MAX

enum { SNAG_AVRO_NAME_BYTES_MAX = 512 };

/* A named type that was met. */
typedef struct snag_avro_named {
    char text[SNAG_AVRO_NAME_BYTES_MAX];
    uint32_t size;
    bool open; /* its body is being laid out right now */
    const snag_value *type;
    snag_str space; /* the namespace it was met in */
} snag_avro_named;

typedef struct snag_avro_compiler {
    snag_avro_program *program;
    const snag_paths *paths;
    snag_avro_named *names;
    uint32_t name_count;
    uint32_t name_room;
    int32_t root_slot; /* of the item itself; -1 = nobody wants the record itself */
    uint32_t barrier; /* some jump leads here: what follows must not be merged with what is before */
    uint32_t depth;
    snag_err err;
    snag_diag *diag;
} snag_avro_compiler;

/* The least bytes a value of the type just laid out takes. */
typedef uint32_t snag_avro_least;

/* Remembers what is wrong; returns 0. */
snag_avro_least snag_avro_failed(snag_avro_compiler *c, snag_err err, const char *words, snag_str name);
/* Room for one more item; NULL and c->err where there is none. */
void *snag_avro_one_more(snag_avro_compiler *c, void *items, uint32_t count, uint32_t *room, size_t size);
/* The op's place. */
uint32_t snag_avro_emit(snag_avro_compiler *c, snag_avro_op op);
/* The slot that wants the node's value, -1 = none does. */
int32_t snag_avro_slot_of(const snag_avro_compiler *c, uint32_t node);

/* --- avro_scalar.c --- */
snag_avro_least snag_avro_primitive(snag_avro_compiler *c, snag_str word, const snag_value *type,
                                    uint32_t node);
snag_avro_least snag_avro_fixed(snag_avro_compiler *c, const snag_value *type, uint32_t node);
snag_avro_least snag_avro_enum(snag_avro_compiler *c, const snag_value *type, uint32_t node);

#endif
