/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings: a pointer and a length, never a C string.
 *
 * A snag_str borrows its bytes. Who owns them, and until when, is said where the string is handed
 * over ("borrowed until the batch ends"). The bytes may hold zeros and are not terminated.
 */
#ifndef SNAG_BASE_STR_H
#define SNAG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct snag_str {
    const char *data;
    size_t size;
} snag_str;

/* The string of a literal, without its end mark. */
#define SNAG_STR(literal) ((snag_str){.data = (literal), .size = sizeof(literal) - 1})
/* For printf's "%.*s". */
#define SNAG_FMT(str) (int)(str).size, (str).data

static inline snag_str snag_str_from(const char *text)
{
    return (snag_str){.data = text, .size = text ? strlen(text) : 0};
}

static inline snag_str snag_str_of(const void *data, size_t size)
{
    return (snag_str){.data = data, .size = size};
}

static inline bool snag_str_equal(snag_str a, snag_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Bytewise order; a prefix comes first. */
static inline int snag_str_compare(snag_str a, snag_str b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

static inline bool snag_str_starts(snag_str text, snag_str prefix)
{
    return text.size >= prefix.size &&
           (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

#endif
