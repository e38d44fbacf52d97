/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

void snag_buf_printf(snag_buf *buf, const char *format, ...)
{
    size_t room = buf->capacity - buf->size;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(buf->data + buf->size, room, format, args);
    va_end(args);
    SNAG_ASSERT(size >= 0);
    if ((size_t)size >= room)
        buf->full = true;
    else
        buf->size += (size_t)size;
}

void snag_buf_int(snag_buf *buf, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    snag_buf_put(buf, digits + at, sizeof digits - at);
}

void snag_buf_double(snag_buf *buf, double value)
{
    char text[40];
    SNAG_ASSERT(!isnan(value));
    if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
        snag_buf_int(buf, (int64_t)value);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    snag_buf_str_put(buf, snag_str_from(text));
}

void snag_buf_figure(snag_buf *buf, double value)
{
    char text[48];
    double size = fabs(value);
    if (!isfinite(value)) {
        snag_buf_str_put(buf, isnan(value) ? SNAG_STR("NaN")
                              : value < 0  ? SNAG_STR("-Infinity")
                                           : SNAG_STR("Infinity"));
        return;
    }
    if (size >= 1e15) {
        snprintf(text, sizeof text, "%.15g", value);
        snag_buf_str_put(buf, snag_str_from(text));
        return;
    }
    int decimals = size >= 10 || size == 0 ? 2 : 3;
    for (double limit = 1; size > 0 && size < limit && decimals < 20; limit /= 10)
        decimals++; /* four digits that say something */
    snprintf(text, sizeof text, "%.*f", decimals, value);
    size_t length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    length -= text[length - 1] == '.';
    snag_str shown = snag_str_of(text, length);
    snag_buf_str_put(buf, snag_str_equal(shown, SNAG_STR("-0")) ? SNAG_STR("0") : shown);
}

/* Bytes that may stand in a JSON string as they are: all but ", \ and control characters. */
static bool json_plain(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
}

/* Does one of eight bytes need an escape? (Bit tricks for "a byte is 0" and "a byte is below n", Anderson's
 * collection; a byte of 0x80 and more never does.) */
static bool json_eight_plain(const char *data)
{
    static const uint64_t each = 0x0101010101010101u;
    uint64_t word;
    memcpy(&word, data, sizeof word);
    uint64_t quote = word ^ each * '"';
    uint64_t slash = word ^ each * '\\';
    uint64_t del = word ^ each * 0x7f;
    uint64_t found = ((word - each * 0x20) & ~word) | ((quote - each) & ~quote) |
                     ((slash - each) & ~slash) | ((del - each) & ~del);
    return (found & each * 0x80) == 0;
}

static void json_escape(snag_buf *buf, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    switch (byte) {
    case '"': snag_buf_put(buf, "\\\"", 2); return;
    case '\\': snag_buf_put(buf, "\\\\", 2); return;
    case '\n': snag_buf_put(buf, "\\n", 2); return;
    case '\r': snag_buf_put(buf, "\\r", 2); return;
    case '\t': snag_buf_put(buf, "\\t", 2); return;
    default: break;
    }
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
    snag_buf_put(buf, escape, sizeof escape);
}

void snag_buf_json(snag_buf *buf, snag_str text)
{
    size_t from = 0;
    snag_buf_byte(buf, '"');
    for (size_t i = 0; i < text.size; i++) {
        while (i + 8 <= text.size && json_eight_plain(text.data + i))
            i += 8;
        if (i == text.size)
            break;
        unsigned char byte = (unsigned char)text.data[i];
        if (json_plain(byte))
            continue;
        snag_buf_put(buf, text.data + from, i - from);
        json_escape(buf, byte);
        from = i + 1;
    }
    if (text.size > from)
        snag_buf_put(buf, text.data + from, text.size - from);
    snag_buf_byte(buf, '"');
}

void snag_buf_hex(snag_buf *buf, const void *data, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    if (size > (buf->capacity - buf->size) / 2) {
        buf->full = true;
        return;
    }
    for (size_t i = 0; i < size; i++) {
        buf->data[buf->size++] = hex[bytes[i] >> 4];
        buf->data[buf->size++] = hex[bytes[i] & 15];
    }
}
