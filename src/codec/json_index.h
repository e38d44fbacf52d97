/* SPDX-License-Identifier: Apache-2.0
 *
 * The structural index of a JSON text, made by simdjson's first stage (Langdale and Lemire, "Parsing
 * Gigabytes of JSON per Second", 2019): where each bracket, brace, colon, comma, string and scalar
 * begins. It also checks that the text is UTF-8, that strings end, and that they hold no bare control
 * characters. It reads nothing behind the text, so that the record needs no padding and no copy.
 *
 *     {"a": [1, "x,y"]}   ->   0 1 4 6 7 8 10 15 16
 *     ^^  ^ ^^^ ^    ^^
 *
 * This header stands between C and the one C++ file of the house; it includes nothing of ours.
 */
#ifndef SNAG_CODEC_JSON_INDEX_H
#define SNAG_CODEC_JSON_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snag_json_index snag_json_index;

typedef enum snag_json_index_result {
    SNAG_JSON_INDEX_OK,
    SNAG_JSON_INDEX_EMPTY,    /* nothing but white space */
    SNAG_JSON_INDEX_UNCLOSED, /* a string without an end */
    SNAG_JSON_INDEX_CONTROL,  /* a bare control character in a string */
    SNAG_JSON_INDEX_UTF8,
    SNAG_JSON_INDEX_BROKEN /* anything else simdjson may say */
} snag_json_index_result;

/* For texts of up to `bytes_max` bytes. NULL = out of memory. */
snag_json_index *snag_json_index_new(size_t bytes_max);
void snag_json_index_free(snag_json_index *index);

/* *at gets the positions in rising order, borrowed until the next call. */
snag_json_index_result snag_json_index_make(snag_json_index *index, const char *data, size_t size,
                                            const uint32_t **at, uint32_t *count);

/* The double nearest to a number text (exact, whatever the locale). False: the text is no number as a
 * whole, or it is too large for a double; too small is 0. */
bool snag_json_double(const char *data, size_t size, double *out);

#ifdef __cplusplus
}
#endif

#endif
