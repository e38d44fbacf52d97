/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "base/assert.h"

static int32_t tail_byte(snag_str text, size_t at)
{
    if (at >= text.size)
        return -1;
    unsigned char byte = (unsigned char)text.data[at];
    return (byte & 0xC0) == 0x80 ? byte & 0x3F : -1;
}

int32_t snag_utf8_next(snag_str text, size_t *at)
{
    static const int32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    SNAG_ASSERT(*at < text.size);
    size_t from = (*at)++;
    unsigned char first = (unsigned char)text.data[from];
    if (first < 0x80)
        return first;
    int size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4)
        return -1;
    int32_t code = first & (0xFF >> (size + 1));
    for (int i = 1; i < size; i++) {
        int32_t bits = tail_byte(text, from + (size_t)i);
        if (bits < 0)
            return -1;
        code = code << 6 | bits;
    }
    if (code < smallest[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return -1;
    *at = from + (size_t)size;
    return code;
}

bool snag_utf8_valid(snag_str text)
{
    size_t at = 0;
    while (at < text.size) {
        uint64_t eight;
        if (text.size - at >= sizeof eight) {
            memcpy(&eight, text.data + at, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        if (snag_utf8_next(text, &at) < 0)
            return false;
    }
    return true;
}

size_t snag_utf8_count(snag_str text)
{
    size_t count = 0;
    for (size_t at = 0; at < text.size; count++)
        snag_utf8_next(text, &at);
    return count;
}

snag_str snag_utf8_cut(snag_str text, size_t bytes)
{
    if (text.size <= bytes)
        return text;
    size_t size = bytes;
    while (size > 0 && ((unsigned char)text.data[size] & 0xC0) == 0x80)
        size--;
    return snag_str_of(text.data, size);
}

size_t snag_utf8_encode(uint32_t code, char bytes[4])
{
    SNAG_ASSERT(code <= 0x10FFFF);
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    bytes[0] = (char)(lead[size] | code);
    return size;
}
