/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Avro's binary encoding: a writer's schema is compiled once, together with the wanted paths, to a
 * flat program; a small interpreter runs it over each record and fills slots.
 *
 *     {id: string, n: long, who: [null, {name: string, age: int}]}     wanted: id, who.name
 *       0 TEXT slot 0
 *       1 SKIP_VARINT
 *       2 OPTIONAL null = 0, else go on, end = 5
 *       3   TEXT slot 1
 *       4   SKIP_VARINT
 *       5 END
 *
 * The items of a list that is wanted one by one (`each:`) have a program of their own: the record's steps
 * over the list and says where it lies.
 *
 * Nothing is copied or allocated per record (a decimal's digits go into the arena). Every length is checked
 * against the bytes that are left, every count against what its items need at least, and nesting is
 * bounded when the schema is compiled: hostile data is refused and costs no more than honest data of its
 * size. (Avro C's generic reader leaks on truncated input and takes negative lengths; it only checks schemas
 * here, and tests compare with it.) A schema that holds itself is refused: no fixed path could end.
 */
#ifndef SNAG_CODEC_AVRO_H
#define SNAG_CODEC_AVRO_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/avro_schema.h"
#include "codec/paths.h"
#include "codec/slot.h"

typedef enum snag_avro_code {
    SNAG_AVRO_END,
    SNAG_AVRO_SKIP_VARINT,
    SNAG_AVRO_SKIP_FIXED, /* a = bytes */
    SNAG_AVRO_SKIP_SIZED, /* bytes, string */
    SNAG_AVRO_NULL,       /* slot; takes no bytes */
    SNAG_AVRO_BOOL,
    SNAG_AVRO_INT,
    SNAG_AVRO_LONG,
    SNAG_AVRO_FLOAT,
    SNAG_AVRO_DOUBLE,
    SNAG_AVRO_BYTES,
    SNAG_AVRO_TEXT,
    SNAG_AVRO_FIXED,   /* a = bytes */
    SNAG_AVRO_ENUM,    /* a = first symbol, b = how many */
    SNAG_AVRO_DATE,
    SNAG_AVRO_TIME,    /* a = units in a second */
    SNAG_AVRO_DECIMAL, /* a = bytes of the fixed, 0 = sized; b = scale */
    SNAG_AVRO_MARK,    /* slot holds a container: a = SNAG_SLOT_LIST or SNAG_SLOT_MAP */
    SNAG_AVRO_OPTIONAL, /* a = branch of null, b = behind the other branch */
    SNAG_AVRO_UNION,   /* a = first of its jumps, b = branches */
    SNAG_AVRO_JUMP,    /* a = where to */
    SNAG_AVRO_ARRAY,   /* a = behind its END, b = least bytes of an item, c = the program of an item that is
                        * wanted, 0 = none is; what skips an item follows */
    SNAG_AVRO_MAP /* the same; c = first of its children, slot = how many; the others' skip follows */
} snag_avro_code;

typedef struct snag_avro_op {
    snag_avro_code code;
    int32_t slot;
    uint32_t a;
    uint32_t b;
    uint32_t c;
} snag_avro_op;

/* A wanted key of a map: the tree's node and where its value's program begins. */
typedef struct snag_avro_child {
    uint32_t node;
    uint32_t at;
} snag_avro_child;

typedef struct snag_avro_program {
    snag_avro_op *ops;
    uint32_t op_count;
    uint32_t op_room;
    uint32_t *jumps; /* of unions */
    uint32_t jump_count;
    uint32_t jump_room;
    snag_avro_child *children;
    uint32_t child_count;
    uint32_t child_room;
    snag_str *symbols; /* of enums; their bytes in the tree */
    uint32_t symbol_count;
    uint32_t symbol_room;
    uint64_t fingerprint;
    snag_avro_schema_tree tree;
} snag_avro_program;

/* Compiles a writer's schema. SNAG_BAD_SCHEMA: not a schema, not a record, holds itself, too large. */
SNAG_MUST_CHECK snag_err snag_avro_compile(snag_avro_program **out, snag_str schema,
                                           const snag_paths *paths, snag_diag *diag);
void snag_avro_program_free(snag_avro_program *program);

/* A list whose items are wanted one by one, on its way through them. */
typedef struct snag_avro_list {
    const snag_avro_program *program;
    const unsigned char *begin; /* of the record: errors say how far in they are */
    const unsigned char *at;
    const unsigned char *end; /* of the list */
    const unsigned char *block_end; /* where the block says that it ends, NULL = it does not say */
    int64_t left;             /* in this block */
    uint32_t item;            /* its program; 0 = there was no list */
} snag_avro_list;

/* Runs it over a body, which must end where the schema does. The caller has cleared the slots. A failed run
 * leaves them half filled. list: where the items lie that paths->items wants; NULL where it wants none. */
SNAG_MUST_CHECK snag_err snag_avro_read(const snag_avro_program *program, const snag_paths *paths,
                                        snag_str body, snag_slot *slots, snag_avro_list *list,
                                        snag_arena *arena, snag_diag *diag);
/* The next item into slots that the caller has cleared; behind those of its paths one for the item itself.
 * *any: false past the last. */
SNAG_MUST_CHECK snag_err snag_avro_next(snag_avro_list *list, const snag_paths *items, snag_slot *slots,
                                        bool *any, snag_arena *arena, snag_diag *diag);

#endif
