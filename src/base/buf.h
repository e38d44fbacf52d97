/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer over memory of the caller. Writing past the end sets `full` and writes nothing more: the
 * caller looks once, at the end, instead of after each piece.
 */
#ifndef SNAG_BASE_BUF_H
#define SNAG_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

typedef struct snag_buf {
    char *data;
    size_t size; /* written */
    size_t capacity;
    bool full;
} snag_buf;

static inline snag_buf snag_buf_on(void *data, size_t capacity)
{
    return (snag_buf){.data = data, .size = 0, .capacity = capacity, .full = false};
}

static inline snag_str snag_buf_str(const snag_buf *buf)
{
    return (snag_str){.data = buf->data, .size = buf->size};
}

static inline size_t snag_buf_left(const snag_buf *buf)
{
    return buf->capacity - buf->size;
}

static inline void snag_buf_put(snag_buf *buf, const void *data, size_t size)
{
    if (size > buf->capacity - buf->size) {
        buf->full = true;
        return;
    }
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

static inline void snag_buf_byte(snag_buf *buf, char byte)
{
    if (buf->size == buf->capacity) {
        buf->full = true;
        return;
    }
    buf->data[buf->size++] = byte;
}

static inline void snag_buf_str_put(snag_buf *buf, snag_str text)
{
    snag_buf_put(buf, text.data, text.size);
}

void snag_buf_printf(snag_buf *buf, const char *format, ...) SNAG_PRINTF(2, 3);
/* Decimal, without printf: used for every offset and time. */
void snag_buf_int(snag_buf *buf, int64_t value);
/* The shortest text that reads back the same double, as in JSON ("3", "0.1", "1e+300"). */
void snag_buf_double(snag_buf *buf, double value);
/* A number as a person reads it: 12340, 999.99, 0.3, 0.01235: no exponent below 1e15, no more decimals than
 * say something. What is not finite stands as a word. */
void snag_buf_figure(snag_buf *buf, double value);
/* A quoted JSON string; control characters, quotes and backslashes are escaped. */
void snag_buf_json(snag_buf *buf, snag_str text);
void snag_buf_hex(snag_buf *buf, const void *data, size_t size);

#endif
