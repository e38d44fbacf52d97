/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as hex digits in the files of stored/.
 */
#ifndef SNAG_TESTS_HEX_H
#define SNAG_TESTS_HEX_H

#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"

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

#endif
