/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled schema with its wanted paths and slots, for the tests of the Avro reader.
 */
#ifndef SNAG_TESTS_AVRO_FIXTURE_H
#define SNAG_TESTS_AVRO_FIXTURE_H

#include <stdlib.h>

#include "check.h"
#include "codec/avro.h"

enum { FIXTURE_SLOTS = 32 };

typedef struct fixture {
    snag_paths paths;
    snag_avro_program *program;
    snag_slot slots[FIXTURE_SLOTS];
    snag_arena arena;
    char room[1024];
    snag_diag diag;
} fixture;

static inline fixture *new_fixture(const char *schema, const char *const *paths, size_t count)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(snag_paths_init(&f->paths, &f->diag), SNAG_OK);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot;
        assert_int_equal(snag_paths_add(&f->paths, snag_str_from(paths[i]), &slot, &f->diag), SNAG_OK);
    }
    snag_err err = snag_avro_compile(&f->program, snag_str_from(schema), &f->paths, &f->diag);
    if (err)
        fail_msg("%s", f->diag.text);
    return f;
}

static inline void free_fixture(fixture *f)
{
    snag_avro_program_free(f->program);
    snag_paths_finish(&f->paths);
    free(f);
}

/* From a copy that ends with the record: AddressSanitizer sees a read behind it. */
static inline snag_err read_bytes(fixture *f, const void *data, size_t size, char **copy)
{
    *copy = malloc(size ? size : 1);
    assert_non_null(*copy);
    if (size)
        memcpy(*copy, data, size);
    snag_arena_init(&f->arena, f->room, sizeof f->room);
    memset(f->slots, 0, sizeof f->slots);
    return snag_avro_read(f->program, &f->paths, snag_str_of(*copy, size), f->slots, NULL, &f->arena,
                          &f->diag);
}

static inline snag_err read_only(fixture *f, const void *data, size_t size)
{
    char *copy;
    snag_err err = read_bytes(f, data, size, &copy);
    free(copy);
    return err;
}

#endif
