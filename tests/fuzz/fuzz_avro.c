/* SPDX-License-Identifier: Apache-2.0
 *
 * Avro from hostile bytes. The first byte says what the others are: a body, read with a schema of many kinds
 * (once with nothing wanted, once with much), or a schema.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/limits.h"
#include "codec/avro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"l\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}},"
    "{\"name\":\"o\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":[\"null\","
    "\"int\","
    "\"double\"]}}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"record\",\"name\":\"In\","
    "\"fields\":["
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"n\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}]}}},"
    "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,"
    "\"scale\":3}},"
    "{\"name\":\"f\",\"type\":\"float\"},"
    "{\"name\":\"b\",\"type\":\"boolean\"}]}";

/* A schema compiled once with its wanted paths: what a worker does. */
typedef struct compiled {
    snag_paths paths;
    snag_avro_program *program;
} compiled;

static const compiled *compile(bool much)
{
    static const char *const wanted[] = {"s", "l", "o", "m.k.e", "m.q.n", "a", "d", "f", "b"};
    static compiled both[2];
    compiled *one = &both[much];
    snag_diag diag;
    if (one->program)
        return one;
    snag_err err = snag_paths_init(&one->paths, &diag);
    for (size_t i = 0; much && i < sizeof wanted / sizeof wanted[0] && !err; i++) {
        uint32_t slot;
        err = snag_paths_add(&one->paths, snag_str_from(wanted[i]), &slot, &diag);
    }
    if (!err)
        err = snag_avro_compile(&one->program, SNAG_STR(schema), &one->paths, &diag);
    SNAG_ASSERT(err == SNAG_OK);
    return one;
}

static void read_body(snag_str body, bool much)
{
    const compiled *with = compile(much);
    static unsigned char room[256];
    snag_slot slots[16] = {{.kind = SNAG_SLOT_ABSENT}};
    snag_arena arena = {.block = room, .size = sizeof room};
    snag_diag diag;
    snag_err err = snag_avro_read(with->program, &with->paths, body, slots, NULL, &arena, &diag);
    SNAG_ASSERT(err == SNAG_OK || (err >= SNAG_BAD_TRUNCATED && err <= SNAG_BAD_SIZE));
}

static void read_schema(snag_str text)
{
    snag_paths paths;
    snag_avro_program *program;
    snag_diag diag;
    uint32_t slot;
    if (text.size > SNAG_RECORD_BYTES_MAX)
        return;
    snag_err err = snag_paths_init(&paths, &diag);
    if (!err)
        err = snag_paths_add(&paths, SNAG_STR("m.k.e"), &slot, &diag);
    SNAG_ASSERT(err == SNAG_OK);
    err = snag_avro_compile(&program, text, &paths, &diag);
    SNAG_ASSERT(err == SNAG_OK || err == SNAG_BAD_SCHEMA);
    snag_avro_program_free(program);
    snag_paths_finish(&paths);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    snag_str rest = snag_str_of(data + 1, size - 1);
    if (data[0] == 's') {
        read_schema(rest);
        return 0;
    }
    read_body(rest, false);
    read_body(rest, true);
    return 0;
}
