/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of stored/, in which bytes are hex digits: what an engine left behind.
 *
 *     head HEX                what stands in the changelog under the key 'h', or the engine's part of it
 *     cell KEYHEX BYTESHEX    one each cell
 */
#ifndef SNAG_TESTS_STORED_FILE_H
#define SNAG_TESTS_STORED_FILE_H

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"

enum { STORED_LINE_BYTES = 1 << 16 };

static inline void put_hex(FILE *to, snag_str bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(to, "%02x", (unsigned char)bytes.data[i]);
}

static inline int hex_digit(char c)
{
    assert_true((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The word at *at, made bytes in place; *at moves behind the blank or line end that follows. */
static inline snag_str from_hex(char **at)
{
    char *first = *at;
    size_t size = 0;
    for (; **at != ' ' && **at != '\n' && **at != '\0'; *at += 2)
        first[size++] = (char)(hex_digit((*at)[0]) << 4 | hex_digit((*at)[1]));
    *at += **at != '\0';
    return snag_str_of(first, size);
}

static inline void stored_print(const snag_engine *engine, snag_str head, FILE *to)
{
    snag_str key, blob;
    fputs("head ", to);
    put_hex(to, head);
    for (uint64_t cursor = 0; snag_engine_each(engine, &cursor, &key, &blob);) {
        fputs("\ncell ", to);
        put_hex(to, key);
        fputc(' ', to);
        put_hex(to, blob);
    }
    fputc('\n', to);
}

/* Byte by byte what is written today. */
static inline void assert_stored_as(const snag_engine *engine, snag_str head, const char *path)
{
    FILE *mine = tmpfile();
    FILE *kept = fopen(path, "r");
    assert_true(mine && kept);
    stored_print(engine, head, mine);
    rewind(mine);
    for (int c = fgetc(mine); c != EOF; c = fgetc(mine))
        assert_int_equal(c, fgetc(kept));
    assert_int_equal(fgetc(kept), EOF);
    fclose(mine);
    fclose(kept);
}

/* Reads a file whose head is the engine's part alone. */
static inline void stored_revive(snag_engine *engine, const char *path)
{
    static char line[STORED_LINE_BYTES];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char *at = line + 5;
        bool head = strncmp(line, "head ", 5) == 0;
        assert_true(head || strncmp(line, "cell ", 5) == 0);
        snag_str first = from_hex(&at);
        assert_int_equal(head ? snag_engine_head_read(engine, first)
                              : snag_engine_restore(engine, first, from_hex(&at)),
                         SNAG_OK);
    }
    fclose(file);
}

#endif
