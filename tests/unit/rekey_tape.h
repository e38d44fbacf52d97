/* SPDX-License-Identifier: Apache-2.0
 *
 * Records in memory, one partition of a topic: what a rekey_world.h is made of.
 */
#ifndef SNAG_TESTS_REKEY_TAPE_H
#define SNAG_TESTS_REKEY_TAPE_H

#include "codec/codec.h"

typedef struct entry {
    snag_str key;
    snag_str value;
    snag_header *headers;
    uint32_t header_count;
    int64_t stamp_ms;
} entry;

typedef struct tape {
    entry *list;
    size_t count;
} tape;

static snag_str copy(snag_str text)
{
    if (!text.data)
        return text;
    char *bytes = malloc(text.size + 1);
    assert_non_null(bytes);
    memcpy(bytes, text.data, text.size);
    bytes[text.size] = '\0'; /* test_rekey looks for names in it */
    return snag_str_of(bytes, text.size);
}

static void tape_add(tape *to, entry what)
{
    to->list = realloc(to->list, (to->count + 1) * sizeof *to->list);
    assert_non_null(to->list);
    to->list[to->count++] = what;
}

static void entry_free(entry *what)
{
    for (uint32_t i = 0; i < what->header_count; i++) {
        free((void *)(uintptr_t)what->headers[i].name.data);
        free((void *)(uintptr_t)what->headers[i].value.data);
    }
    free(what->headers);
    free((void *)(uintptr_t)what->key.data);
    free((void *)(uintptr_t)what->value.data);
}

static void tape_free(tape *of)
{
    for (size_t i = 0; i < of->count; i++)
        entry_free(&of->list[i]);
    free(of->list);
}

#endif
