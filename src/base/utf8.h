/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8: validity, code points, cutting without breaking a character.
 */
#ifndef SNAG_BASE_UTF8_H
#define SNAG_BASE_UTF8_H

#include "base/str.h"

/* Decodes the code point at *at (must be < text.size) and moves on; -1 and one byte on where the
 * bytes are not UTF-8 (overlong forms, surrogates and values past U+10FFFF are not). */
int32_t snag_utf8_next(snag_str text, size_t *at);
bool snag_utf8_valid(snag_str text);
/* Code points; each invalid byte counts as one. */
size_t snag_utf8_count(snag_str text);
/* The longest prefix of at most `bytes` bytes that does not break a character. */
snag_str snag_utf8_cut(snag_str text, size_t bytes);
/* Writes a code point's bytes (1 to 4) and returns how many. */
size_t snag_utf8_encode(uint32_t code, char bytes[4]);

#endif
