/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/typed.h"

#include <math.h>

#include "base/time.h"
#include "cli/base64.h"
#include "expr/builtin.h"

/* CEL's words, which differ from ours for texts and times. */
static const struct {
    snag_kind kind;
    const char *word;
} words[] = {
    {SNAG_KIND_INT, "int"},           {SNAG_KIND_UINT, "uint"},      {SNAG_KIND_DOUBLE, "double"},
    {SNAG_KIND_TEXT, "string"},       {SNAG_KIND_BYTES, "bytes"},    {SNAG_KIND_BOOL, "bool"},
    {SNAG_KIND_NULL, "null"},         {SNAG_KIND_LIST, "list"},      {SNAG_KIND_MAP, "map"},
    {SNAG_KIND_DURATION, "duration"}, {SNAG_KIND_TIME, "timestamp"}, {SNAG_KIND_TYPE, "type"},
};

static const char *word_of(snag_kind kind)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].kind == kind)
            return words[i].word;
    return snag_kind_word(kind);
}

static bool kind_of(snag_str word, snag_kind *kind)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        *kind = words[i].kind;
        if (snag_str_equal(word, snag_str_from(words[i].word)))
            return true;
    }
    return false;
}

/* --- out ---------------------------------------------------------------------------------------- */

static void put_items(snag_buf *buf, const snag_value *value)
{
    bool map = value->kind == SNAG_KIND_MAP;
    snag_buf_byte(buf, '[');
    for (size_t i = 0; i < value->as.list.count; i++) {
        if (i)
            snag_buf_put(buf, ", ", 2);
        if (!map) {
            snag_typed_put(buf, &value->as.list.items[i]);
            continue;
        }
        snag_buf_byte(buf, '[');
        snag_typed_put(buf, &value->as.list.items[2 * i]);
        snag_buf_put(buf, ", ", 2);
        snag_typed_put(buf, &value->as.list.items[2 * i + 1]);
        snag_buf_byte(buf, ']');
    }
    snag_buf_byte(buf, ']');
}

static void put_double(snag_buf *buf, double number)
{
    if (isnan(number))
        snag_buf_put(buf, "\"NaN\"", 5);
    else if (isinf(number))
        snag_buf_str_put(buf, number < 0 ? SNAG_STR("\"-Infinity\"") : SNAG_STR("\"Infinity\""));
    else if (number == 0 && signbit(number))
        snag_buf_put(buf, "-0.0", 4);
    else
        snag_buf_double(buf, number);
}

static void put_quoted(snag_buf *buf, const snag_value *value)
{
    snag_buf_byte(buf, '"');
    switch (value->kind) {
    case SNAG_KIND_BYTES: snag_base64_put(buf, value->as.text); break;
    case SNAG_KIND_DURATION: snag_span_print(buf, value); break;
    case SNAG_KIND_TIME: snag_instant_print(buf, value); break;
    default: snag_buf_str_put(buf, snag_str_from(word_of(value->as.type))); break;
    }
    snag_buf_byte(buf, '"');
}

void snag_typed_put(snag_buf *buf, const snag_value *value)
{
    snag_buf_put(buf, "{\"", 2);
    snag_buf_str_put(buf, snag_str_from(word_of(value->kind)));
    snag_buf_put(buf, "\": ", 3);
    switch (value->kind) {
    case SNAG_KIND_LIST:
    case SNAG_KIND_MAP: put_items(buf, value); break;
    case SNAG_KIND_DOUBLE: put_double(buf, value->as.number); break;
    case SNAG_KIND_BYTES:
    case SNAG_KIND_DURATION:
    case SNAG_KIND_TIME:
    case SNAG_KIND_TYPE: put_quoted(buf, value); break;
    default: snag_value_json(buf, value); break;
    }
    snag_buf_byte(buf, '}');
}

/* --- in ----------------------------------------------------------------------------------------- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool read_base64(snag_arena *arena, snag_str text, snag_value *out)
{
    char *bytes = snag_arena_bytes(arena, text.size);
    size_t size = 0;
    uint32_t bits = 0;
    int held = 0;
    while (text.size > 0 && text.data[text.size - 1] == '=')
        text.size--;
    for (size_t i = 0; bytes && i < text.size; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[size++] = (char)(unsigned char)(bits >> held);
        }
    }
    *out = (snag_value){.as.text = {bytes, size}, .kind = SNAG_KIND_BYTES};
    return bytes != NULL;
}

static bool read_list(snag_arena *arena, const snag_value *json, snag_value *out)
{
    if (json->kind != SNAG_KIND_LIST)
        return false;
    snag_value *items = snag_arena_take(arena, json->as.list.count * sizeof *items);
    *out = (snag_value){.as.list = {items, json->as.list.count}, .kind = SNAG_KIND_LIST};
    for (size_t i = 0; items && i < json->as.list.count; i++)
        if (!snag_typed_read(arena, &json->as.list.items[i], &items[i]))
            return false;
    return items != NULL;
}

static bool read_map(snag_arena *arena, const snag_value *json, snag_value *out)
{
    if (json->kind != SNAG_KIND_LIST)
        return false;
    snag_value *items = snag_arena_take(arena, 2 * json->as.list.count * sizeof *items);
    *out = (snag_value){.as.list = {items, json->as.list.count}, .kind = SNAG_KIND_MAP};
    for (size_t i = 0; items && i < json->as.list.count; i++) {
        const snag_value *pair = &json->as.list.items[i];
        if (pair->kind != SNAG_KIND_LIST || pair->as.list.count != 2 ||
            !snag_typed_read(arena, &pair->as.list.items[0], &items[2 * i]) ||
            !snag_typed_read(arena, &pair->as.list.items[1], &items[2 * i + 1]))
            return false;
    }
    return items != NULL;
}

static bool read_number(snag_kind kind, const snag_value *json, snag_value *out)
{
    bool whole = json->kind == SNAG_KIND_INT;
    bool large = json->kind == SNAG_KIND_UINT;
    *out = (snag_value){.kind = kind};
    if (kind == SNAG_KIND_DOUBLE && json->kind == SNAG_KIND_TEXT) {
        snag_str text = json->as.text;
        out->as.number = snag_str_equal(text, SNAG_STR("NaN")) ? NAN : INFINITY;
        if (snag_str_equal(text, SNAG_STR("-Infinity")))
            out->as.number = -INFINITY;
        return isnan(out->as.number) || text.size >= sizeof "Infinity" - 1;
    }
    if (kind == SNAG_KIND_DOUBLE)
        out->as.number = whole   ? (double)json->as.integer
                         : large ? (double)json->as.unsigned_integer
                                 : json->as.number;
    else if (kind == SNAG_KIND_UINT)
        out->as.unsigned_integer = large ? json->as.unsigned_integer : (uint64_t)json->as.integer;
    else
        out->as.integer = json->as.integer;
    return whole || (large && kind != SNAG_KIND_INT) ||
           (json->kind == SNAG_KIND_DOUBLE && kind == SNAG_KIND_DOUBLE);
}

static bool read_quoted(snag_arena *arena, snag_kind kind, const snag_value *json, snag_value *out)
{
    if (json->kind != SNAG_KIND_TEXT)
        return false;
    *out = (snag_value){.kind = kind};
    switch (kind) {
    case SNAG_KIND_TEXT: *out = *json; return true;
    case SNAG_KIND_BYTES: return read_base64(arena, json->as.text, out);
    case SNAG_KIND_DURATION: return snag_span_parse(json->as.text, out);
    case SNAG_KIND_TIME:
        return snag_time_parse(json->as.text, &out->as.time.seconds, &out->as.time.nanos);
    default: return kind_of(json->as.text, &out->as.type);
    }
}

bool snag_typed_read(snag_arena *arena, const snag_value *json, snag_value *out)
{
    snag_kind kind;
    if (json->kind != SNAG_KIND_MAP || json->as.list.count != 1 ||
        !kind_of(json->as.list.items[0].as.text, &kind))
        return false;
    const snag_value *inner = &json->as.list.items[1];
    switch (kind) {
    case SNAG_KIND_LIST: return read_list(arena, inner, out);
    case SNAG_KIND_MAP: return read_map(arena, inner, out);
    case SNAG_KIND_INT:
    case SNAG_KIND_UINT:
    case SNAG_KIND_DOUBLE: return read_number(kind, inner, out);
    case SNAG_KIND_BOOL:
    case SNAG_KIND_NULL: *out = *inner; return inner->kind == kind;
    default: return read_quoted(arena, kind, inner, out);
    }
}

/* --- the same? ---------------------------------------------------------------------------------- */

static bool items_equal(const snag_value *a, const snag_value *b)
{
    if (a->as.list.count != b->as.list.count)
        return false;
    for (size_t i = 0; i < a->as.list.count; i++)
        if (!snag_typed_equal(&a->as.list.items[i], &b->as.list.items[i]))
            return false;
    return true;
}

static bool maps_equal(const snag_value *a, const snag_value *b)
{
    size_t count = a->as.list.count;
    bool same = count == b->as.list.count;
    for (size_t i = 0; same && i < count; i++) {
        const snag_value *pair = &a->as.list.items[2 * i];
        same = false;
        for (size_t j = 0; !same && j < count; j++) {
            const snag_value *other = &b->as.list.items[2 * j];
            same = snag_typed_equal(pair, other) && snag_typed_equal(pair + 1, other + 1);
        }
    }
    return same;
}

bool snag_typed_equal(const snag_value *a, const snag_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case SNAG_KIND_NULL: return true;
    case SNAG_KIND_BOOL: return a->as.boolean == b->as.boolean;
    case SNAG_KIND_INT: return a->as.integer == b->as.integer;
    case SNAG_KIND_UINT: return a->as.unsigned_integer == b->as.unsigned_integer;
    case SNAG_KIND_DOUBLE:
        return (isnan(a->as.number) && isnan(b->as.number)) ||
               (a->as.number == b->as.number && signbit(a->as.number) == signbit(b->as.number));
    case SNAG_KIND_TEXT:
    case SNAG_KIND_BYTES: return snag_str_equal(a->as.text, b->as.text);
    case SNAG_KIND_TIME:
    case SNAG_KIND_DURATION:
        return a->as.time.seconds == b->as.time.seconds && a->as.time.nanos == b->as.time.nanos;
    case SNAG_KIND_LIST: return items_equal(a, b);
    case SNAG_KIND_MAP: return maps_equal(a, b);
    case SNAG_KIND_TYPE: return a->as.type == b->as.type;
    default: return false;
    }
}
