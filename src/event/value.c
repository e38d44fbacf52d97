/* SPDX-License-Identifier: Apache-2.0 */
#include "event/value.h"

#include <math.h>

#include "base/assert.h"
#include "base/time.h"

static const char *const words[SNAG_KIND_COUNT] = {
#define X(name, word) word,
    SNAG_KIND_TABLE(X)
#undef X
};

const char *snag_kind_word(snag_kind kind)
{
    SNAG_ASSERT(kind < SNAG_KIND_COUNT);
    return words[kind];
}

static void print_number(snag_buf *buf, double number)
{
    if (isnan(number))
        snag_buf_put(buf, "NaN", 3);
    else if (isinf(number))
        snag_buf_str_put(buf, number < 0 ? SNAG_STR("-Infinity") : SNAG_STR("Infinity"));
    else
        snag_buf_double(buf, number);
}

static void print_uint(snag_buf *buf, uint64_t value)
{
    if (value > INT64_MAX) {
        snag_buf_int(buf, (int64_t)(value / 10));
        snag_buf_int(buf, (int64_t)(value % 10));
    } else {
        snag_buf_int(buf, (int64_t)value);
    }
}

static int64_t value_ms(const snag_value *value)
{
    int64_t nanos = value->as.time.nanos;
    return value->as.time.seconds * 1000 + nanos / 1000000 - (nanos < 0 && nanos % 1000000 != 0);
}

void snag_value_print(snag_buf *buf, const snag_value *value)
{
    switch (value->kind) {
    case SNAG_KIND_ABSENT:
    case SNAG_KIND_NULL: return;
    case SNAG_KIND_BOOL:
        snag_buf_str_put(buf, value->as.boolean ? SNAG_STR("true") : SNAG_STR("false"));
        return;
    case SNAG_KIND_INT: snag_buf_int(buf, value->as.integer); return;
    case SNAG_KIND_UINT: print_uint(buf, value->as.unsigned_integer); return;
    case SNAG_KIND_DOUBLE: print_number(buf, value->as.number); return;
    case SNAG_KIND_TEXT:
    case SNAG_KIND_BYTES: snag_buf_str_put(buf, value->as.text); return;
    case SNAG_KIND_TIME: snag_time_print(buf, value_ms(value)); return;
    case SNAG_KIND_DURATION: snag_duration_print(buf, value_ms(value)); return;
    case SNAG_KIND_TYPE: snag_buf_str_put(buf, snag_str_from(words[value->as.type])); return;
    case SNAG_KIND_ERROR: snag_buf_put(buf, "error", 5); return;
    default: snag_value_json(buf, value); return;
    }
}

static void json_items(snag_buf *buf, const snag_value *value)
{
    bool map = value->kind == SNAG_KIND_MAP;
    snag_buf_byte(buf, map ? '{' : '[');
    for (size_t i = 0; i < value->as.list.count; i++) {
        const snag_value *item = value->as.list.items + (map ? 2 * i : i);
        if (i)
            snag_buf_byte(buf, ',');
        if (map) {
            char key[SNAG_KIND_COUNT * 20];
            snag_buf text = snag_buf_on(key, sizeof key);
            if (item->kind != SNAG_KIND_TEXT)
                snag_value_print(&text, item);
            snag_buf_json(buf, item->kind == SNAG_KIND_TEXT ? item->as.text : snag_buf_str(&text));
            snag_buf_byte(buf, ':');
            item++;
        }
        snag_value_json(buf, item);
    }
    snag_buf_byte(buf, map ? '}' : ']');
}

void snag_value_json(snag_buf *buf, const snag_value *value)
{
    switch (value->kind) {
    case SNAG_KIND_ABSENT:
    case SNAG_KIND_NULL:
    case SNAG_KIND_ERROR: snag_buf_put(buf, "null", 4); return;
    case SNAG_KIND_BOOL:
    case SNAG_KIND_INT:
    case SNAG_KIND_UINT: snag_value_print(buf, value); return;
    case SNAG_KIND_DOUBLE:
        if (isfinite(value->as.number)) {
            snag_buf_double(buf, value->as.number);
            return;
        }
        break;
    case SNAG_KIND_TEXT:
    case SNAG_KIND_BYTES: snag_buf_json(buf, value->as.text); return;
    case SNAG_KIND_LIST:
    case SNAG_KIND_MAP: json_items(buf, value); return;
    default: break;
    }
    snag_buf_byte(buf, '"');
    snag_value_print(buf, value);
    snag_buf_byte(buf, '"');
}
