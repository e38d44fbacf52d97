/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON that was checked -> values. Used for texts with escapes, and for lists and maps that an
 * expression of a mapping looks into; both are rare, so this walks over characters.
 */
#include "base/assert.h"
#include "base/utf8.h"
#include "codec/json.h"
#include "codec/json_index.h"

static uint32_t hex4(const char *digits)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

/* The code point of the escape at *at (behind "\u"), a surrogate with its partner; UINT32_MAX = alone. */
static uint32_t unicode_escape(snag_str inside, size_t *at)
{
    uint32_t code = hex4(inside.data + *at);
    *at += 4;
    if (code < 0xD800 || code > 0xDFFF)
        return code;
    if (code > 0xDBFF || inside.size - *at < 6 || inside.data[*at] != '\\' ||
        inside.data[*at + 1] != 'u')
        return UINT32_MAX;
    uint32_t low = hex4(inside.data + *at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return UINT32_MAX;
    *at += 6;
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

static char plain_escape(char letter)
{
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter;
    }
}

bool snag_json_unescape_to(char *text, snag_str inside, size_t *size)
{
    *size = 0;
    for (size_t at = 0; at < inside.size;) {
        char c = inside.data[at++];
        if (c != '\\') {
            text[(*size)++] = c;
            continue;
        }
        c = inside.data[at++];
        if (c != 'u') {
            text[(*size)++] = plain_escape(c);
            continue;
        }
        uint32_t code = unicode_escape(inside, &at);
        if (code == UINT32_MAX)
            return false;
        *size += snag_utf8_encode(code, text + *size);
    }
    return true;
}

snag_str snag_json_unescape(snag_arena *arena, snag_str inside, bool *broken)
{
    size_t size;
    char *text = snag_arena_bytes(arena, inside.size);
    *broken = text && !snag_json_unescape_to(text, inside, &size);
    return text && !*broken ? snag_str_of(text, size) : (snag_str){0};
}

/* --- values ------------------------------------------------------------------------------------ */

static snag_err number_value(snag_str text, snag_value *out)
{
    if (snag_json_int(text, &out->as.integer)) {
        out->kind = SNAG_KIND_INT;
        return SNAG_OK;
    }
    uint64_t value = 0;
    bool fits = text.size > 0 && text.size <= 20;
    for (size_t i = 0; fits && i < text.size; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        fits = text.data[i] >= '0' && text.data[i] <= '9' && value <= (UINT64_MAX - digit) / 10;
        value = fits ? value * 10 + digit : 0;
    }
    if (fits) {
        out->as.unsigned_integer = value;
        out->kind = SNAG_KIND_UINT;
        return SNAG_OK;
    }
    out->kind = SNAG_KIND_DOUBLE;
    return snag_json_double(text.data, text.size, &out->as.number) ? SNAG_OK : SNAG_BAD_NUMBER;
}

static snag_err text_value(snag_arena *arena, snag_str inside, bool escaped, snag_value *out)
{
    bool broken = false;
    snag_str text = escaped ? snag_json_unescape(arena, inside, &broken) : inside;
    *out = snag_value_text(text);
    if (broken)
        return SNAG_BAD_UTF8;
    return escaped && !text.data ? SNAG_FULL : SNAG_OK;
}

/* A reader over text that is known to be JSON. */
typedef struct reader {
    const char *at;
    const char *end;
    snag_arena *arena;
} reader;

static snag_err read_value(reader *r, snag_value *out);

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

static snag_err read_string(reader *r, snag_value *out)
{
    const char *from = ++r->at;
    bool escaped = false;
    while (*r->at != '"') {
        escaped = escaped || *r->at == '\\';
        r->at += *r->at == '\\' ? 2 : 1;
    }
    snag_str inside = snag_str_of(from, (size_t)(r->at - from));
    r->at++;
    return text_value(r->arena, inside, escaped, out);
}

static snag_err read_scalar(reader *r, snag_value *out)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at != ',' && *r->at != ']' && *r->at != '}' && *r->at != ' ' &&
           *r->at != '\n' && *r->at != '\t' && *r->at != '\r')
        r->at++;
    *out = (snag_value){.kind = SNAG_KIND_NULL};
    if (*from == 'n')
        return SNAG_OK;
    if (*from == 't' || *from == 'f') {
        *out = (snag_value){.as.boolean = *from == 't', .kind = SNAG_KIND_BOOL};
        return SNAG_OK;
    }
    return number_value(snag_str_of(from, (size_t)(r->at - from)), out);
}

/* How many items the container at r has: commas on its own level, strings passed over. */
static size_t count_items(const reader *r)
{
    size_t commas = 0;
    size_t depth = 0;
    bool any = false;
    for (const char *at = r->at; at < r->end; at++) {
        if (*at == '"') {
            for (at++; *at != '"'; at++)
                at += *at == '\\';
            any = true;
        } else if (*at == '{' || *at == '[') {
            any = any || depth > 0;
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (--depth == 0)
                break;
        } else if (*at == ',') {
            commas += depth == 1;
        } else if (*at != ' ' && *at != '\n' && *at != '\t' && *at != '\r') {
            any = true;
        }
    }
    return any ? commas + 1 : 0;
}

/* Depth is bounded: the text was checked against SNAG_DEPTH_MAX. */
static snag_err read_container(reader *r, snag_value *out)
{
    bool map = *r->at == '{';
    size_t count = count_items(r);
    size_t values = map ? 2 * count : count;
    snag_value *items = snag_arena_take(r->arena, values * sizeof *items);
    if (!items)
        return SNAG_FULL;
    r->at++;
    for (size_t i = 0; i < values; i++) {
        skip_space(r);
        snag_err err = read_value(r, &items[i]);
        if (err)
            return err;
        skip_space(r);
        r->at++; /* a comma, a colon, or the end of the container */
    }
    skip_space(r);
    r->at += values == 0;
    *out = (snag_value){.as.list = {items, count}, .kind = map ? SNAG_KIND_MAP : SNAG_KIND_LIST};
    return SNAG_OK;
}

static snag_err read_value(reader *r, snag_value *out)
{
    SNAG_ASSERT(r->at < r->end);
    if (*r->at == '"')
        return read_string(r, out);
    if (*r->at == '{' || *r->at == '[')
        return read_container(r, out);
    return read_scalar(r, out);
}

snag_err snag_json_value(snag_arena *arena, const snag_slot *slot, snag_value *out)
{
    *out = (snag_value){.kind = SNAG_KIND_ABSENT};
    switch (slot->kind) {
    case SNAG_SLOT_ABSENT: return SNAG_OK;
    case SNAG_SLOT_NULL: out->kind = SNAG_KIND_NULL; return SNAG_OK;
    case SNAG_SLOT_BOOL:
        *out = (snag_value){.as.boolean = slot->as.boolean, .kind = SNAG_KIND_BOOL};
        return SNAG_OK;
    case SNAG_SLOT_INT: *out = snag_value_int(slot->as.integer); return SNAG_OK;
    case SNAG_SLOT_DOUBLE:
        *out = (snag_value){.as.number = slot->as.number, .kind = SNAG_KIND_DOUBLE};
        return SNAG_OK;
    case SNAG_SLOT_TIME:
        out->as.time.seconds = slot->as.time.seconds;
        out->as.time.nanos = slot->as.time.nanos;
        out->kind = SNAG_KIND_TIME;
        return SNAG_OK;
    case SNAG_SLOT_BYTES:
        *out = (snag_value){.as.text = slot->as.raw, .kind = SNAG_KIND_BYTES};
        return SNAG_OK;
    case SNAG_SLOT_NUMBER: return number_value(slot->as.raw, out);
    case SNAG_SLOT_TEXT:
    case SNAG_SLOT_ESCAPED:
        return text_value(arena, slot->as.raw, slot->kind == SNAG_SLOT_ESCAPED, out);
    default: break;
    }
    if (slot->as.raw.size == 0)
        return SNAG_OK; /* a container of a format that cannot show it */
    reader r = {slot->as.raw.data, slot->as.raw.data + slot->as.raw.size, arena};
    return read_value(&r, out);
}
