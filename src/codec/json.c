/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "codec/json_index.h"

struct snag_json {
    snag_json_index *index;
    const snag_paths *paths;
    uint32_t *seen;    /* by node: the record in which its key was met; the first one wins */
    uint32_t *guess;   /* by cursor: the key that came next the last time; records of a source are alike */
    uint32_t record;   /* counts records; never 0 */
};

typedef struct frame {
    uint32_t node; /* SNAG_PATHS_NONE = nothing is wanted in here (the root's frame is marked by `root`) */
    uint32_t cursor; /* into guess: 2 * node = its first key, 2 * node + 1 = what follows it */
    int32_t slot;    /* where the container itself is wanted, else -1 */
    bool wanted;
    bool list;
} frame;

/* One walk. at[i] is the next structural character. */
typedef struct walk {
    const char *data;
    size_t size;
    const uint32_t *at;
    uint32_t count;
    uint32_t i;
    uint32_t depth;
    bool escapes; /* is there a backslash at all? */
    bool after;   /* a value was just read in the container on top */
    snag_json *json;
    snag_slot *slots;
    snag_diag *diag;
    frame stack[SNAG_DEPTH_MAX];
} walk;

snag_err snag_json_new(snag_json **out, const snag_paths *paths, snag_diag *diag)
{
    snag_json *json = calloc(1, sizeof *json);
    *out = NULL;
    if (json) {
        json->paths = paths;
        json->index = snag_json_index_new(SNAG_RECORD_BYTES_MAX);
        json->seen = calloc(paths ? paths->node_count : 1, sizeof *json->seen);
        json->guess = calloc(paths ? 2 * paths->node_count : 1, sizeof *json->guess);
    }
    if (!json || !json->index || !json->seen || !json->guess) {
        snag_json_free(json);
        return snag_fail(diag, SNAG_MEMORY, "no memory for a JSON reader");
    }
    *out = json;
    return SNAG_OK;
}

void snag_json_free(snag_json *json)
{
    if (!json)
        return;
    snag_json_index_free(json->index);
    free(json->seen);
    free(json->guess);
    free(json);
}

static snag_err truncated(walk *w)
{
    return snag_fail(w->diag, SNAG_BAD_TRUNCATED, "the record ends at byte %zu inside %s", w->size,
                     w->depth && w->stack[w->depth - 1].list ? "a list" : "an object");
}

static snag_err broken(walk *w, size_t at, const char *expected)
{
    if (at >= w->size)
        return truncated(w);
    return snag_fail(w->diag, SNAG_BAD_SYNTAX, "byte %zu: expected %s", at, expected);
}

/* --- scalars ----------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

bool snag_json_is_number(snag_str text)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    at += at < end && *at == '-';
    if (at == end || !is_digit(*at))
        return false;
    at = *at == '0' ? at + 1 : skip_digits(at, end);
    if (at < end && *at == '.') {
        const char *from = ++at;
        at = skip_digits(at, end);
        if (at == from)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        const char *from = at;
        at = skip_digits(at, end);
        if (at == from)
            return false;
    }
    return at == end;
}

bool snag_json_int(snag_str text, int64_t *out)
{
    size_t at = text.size > 0 && text.data[0] == '-';
    bool negative = at == 1;
    uint64_t value = 0;
    if (at == text.size || text.size - at > 19)
        return false;
    for (; at < text.size; at++) {
        if (!is_digit(text.data[at]))
            return false;
        value = value * 10 + (uint64_t)(text.data[at] - '0'); /* 19 digits fit in 64 bits */
    }
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool read_literal(snag_str text, snag_slot *slot)
{
    if (snag_str_equal(text, SNAG_STR("null"))) {
        slot->kind = SNAG_SLOT_NULL;
        return true;
    }
    slot->as.boolean = text.data[0] == 't';
    slot->kind = SNAG_SLOT_BOOL;
    return snag_str_equal(text, SNAG_STR("true")) || snag_str_equal(text, SNAG_STR("false"));
}

/* A number or a literal: it reaches to the next structural character, but for white space. */
static snag_err take_scalar(walk *w, size_t from, snag_slot *slot)
{
    size_t end = w->i < w->count ? w->at[w->i] : w->size;
    if (w->i >= w->count && w->depth > 0)
        return truncated(w);
    while (is_space(w->data[end - 1]))
        end--;
    snag_str text = snag_str_of(w->data + from, end - from);
    if (is_digit(text.data[0]) || text.data[0] == '-') {
        slot->as.raw = text;
        slot->kind = SNAG_SLOT_NUMBER;
        if (snag_json_is_number(text))
            return SNAG_OK;
    } else if (read_literal(text, slot)) {
        return SNAG_OK;
    }
    return broken(w, from, "a value");
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    int letter = c | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Checks that each backslash begins an escape that JSON knows. */
static bool escapes_fine(snag_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\\')
            continue;
        if (++i == text.size || text.data[i] == '\0' || !strchr("\"\\/bfnrtu", text.data[i]))
            return false;
        if (text.data[i] != 'u')
            continue;
        if (text.size - i < 5)
            return false;
        for (size_t end = i + 4; i < end;)
            if (hex_digit(text.data[++i]) < 0)
                return false;
    }
    return true;
}

/* The inside of the string that begins at `from`, where `next` is what follows it. Stage 1 has seen its end:
 * only white space can stand between. */
static inline snag_str string_inside(const walk *w, size_t from, size_t next)
{
    size_t end = next - 1;
    while (w->data[end] != '"')
        end--;
    SNAG_ASSERT(end > from);
    return snag_str_of(w->data + from + 1, end - from - 1);
}

static inline snag_err take_string(walk *w, size_t from, snag_slot *slot)
{
    snag_str text = string_inside(w, from, w->i < w->count ? w->at[w->i] : w->size);
    slot->as.raw = text;
    slot->kind = SNAG_SLOT_TEXT;
    if (!w->escapes || text.size == 0 || !memchr(text.data, '\\', text.size))
        return SNAG_OK;
    slot->kind = SNAG_SLOT_ESCAPED;
    return escapes_fine(text) ? SNAG_OK : broken(w, from, "a string with proper escapes");
}

/* --- containers -------------------------------------------------------------------------------- */

static snag_err push(walk *w, size_t from, frame opened, snag_slot *slot)
{
    if (w->depth == SNAG_DEPTH_MAX)
        return snag_fail(w->diag, SNAG_BAD_DEPTH, "byte %zu: nested deeper than %u", from,
                         SNAG_DEPTH_MAX);
    opened.list = w->data[from] == '[';
    slot->as.raw = snag_str_of(w->data + from, 0);
    slot->kind = opened.list ? SNAG_SLOT_LIST : SNAG_SLOT_MAP;
    w->stack[w->depth++] = opened;
    w->after = false;
    return SNAG_OK;
}

/* The container on top ends with the structural character before at[i]. */
static void pop(walk *w)
{
    const frame *top = &w->stack[--w->depth];
    if (top->slot >= 0) {
        snag_str *raw = &w->slots[top->slot].as.raw;
        raw->size = (size_t)(w->data + w->at[w->i - 1] + 1 - raw->data);
    }
    w->after = true;
}

static inline snag_err take_value(walk *w, size_t from, frame inside, snag_slot *slot)
{
    switch (w->data[from]) {
    case '"': return take_string(w, from, slot);
    case '{':
    case '[': return push(w, from, inside, slot);
    case '}':
    case ']':
    case ',':
    case ':': return broken(w, from, "a value");
    default: return take_scalar(w, from, slot);
    }
}

/* The same for a key with escapes, which is rare. */
static uint32_t match_escaped(const walk *w, const frame *top, snag_str key)
{
    char plain[1024]; /* as long as a path may be */
    size_t size;
    if (key.size > sizeof plain || !snag_json_unescape_to(plain, key, &size))
        return SNAG_PATHS_NONE;
    return snag_paths_find(w->json->paths->nodes, top->node, plain, size);
}

/* The tree's node for a key in `top`, or NONE: unknown, or met before in this record. */
static inline uint32_t match(walk *w, frame *top, snag_str key)
{
    const snag_path_node *nodes = w->json->paths->nodes;
    uint32_t *guess = &w->json->guess[top->cursor];
    uint32_t node = *guess;
    if (!(nodes[top->node].sizes >> (key.size & 63) & 1) && !w->escapes)
        return SNAG_PATHS_NONE;
    if (node == SNAG_PATHS_NONE ||
        !snag_path_is(&nodes[node], snag_path_mark_of(key.data, key.size), key.data))
        node = w->escapes && key.size > 0 && memchr(key.data, '\\', key.size)
                   ? match_escaped(w, top, key)
                   : snag_paths_find(nodes, top->node, key.data, key.size);
    if (node == SNAG_PATHS_NONE || w->json->seen[node] == w->json->record)
        return SNAG_PATHS_NONE;
    *guess = node;
    top->cursor = 2 * node + 1;
    w->json->seen[node] = w->json->record;
    return node;
}

/* Which of key, colon and value is not there? */
static snag_err broken_field(walk *w)
{
    if (w->i < w->count && w->data[w->at[w->i]] != '"')
        return broken(w, w->at[w->i], "a key");
    if (w->i + 1 < w->count && w->data[w->at[w->i + 1]] != ':')
        return broken(w, w->at[w->i + 1], "a colon");
    return truncated(w);
}

/* The field whose key stands at at[i]; its value may open a container. */
static inline snag_err take_field(walk *w, frame *top)
{
    const uint32_t *at = w->at + w->i;
    snag_slot ignored;
    if (w->i + 3 > w->count || w->data[at[0]] != '"' || w->data[at[1]] != ':')
        return broken_field(w);
    snag_str key = string_inside(w, at[0], at[1]);
    if (w->escapes && !escapes_fine(key))
        return broken(w, at[0], "a key with proper escapes");
    w->i += 3;
    uint32_t node = top->wanted ? match(w, top, key) : SNAG_PATHS_NONE;
    int32_t slot = node == SNAG_PATHS_NONE ? -1 : w->json->paths->nodes[node].slot;
    if (w->data[at[2]] == '"') /* most values are */
        return take_string(w, at[2], slot < 0 ? &ignored : &w->slots[slot]);
    frame inside = {.node = node, .cursor = 2 * node, .slot = slot};
    inside.wanted = node != SNAG_PATHS_NONE && w->json->paths->nodes[node].child != SNAG_PATHS_NONE;
    return take_value(w, at[2], inside, slot < 0 ? &ignored : &w->slots[slot]);
}

static snag_err take_item(walk *w)
{
    snag_slot ignored;
    if (w->i == w->count)
        return truncated(w);
    size_t from = w->at[w->i++];
    return take_value(w, from, (frame){.slot = -1}, &ignored);
}

/* The container on top ends here if it is empty, or after a value; else a comma has to follow that. */
static inline snag_err separate(walk *w, char end, bool *ended)
{
    *ended = false;
    if (w->i == w->count)
        return truncated(w);
    char separator = w->data[w->at[w->i]];
    if (separator == end) {
        w->i++;
        pop(w);
        *ended = true;
    } else if (w->after && separator == ',') {
        w->i++;
    } else if (w->after) {
        return broken(w, w->at[w->i], end == ']' ? "a comma or ]" : "a comma or }");
    }
    return SNAG_OK;
}

/* Fields of the object on top, until it ends or another container begins. */
static snag_err walk_object(walk *w, frame *top)
{
    const uint32_t depth = w->depth;
    for (;;) {
        bool ended;
        snag_err err = separate(w, '}', &ended);
        if (err || ended)
            return err;
        w->after = true;
        err = take_field(w, top);
        if (err || w->depth != depth)
            return err;
    }
}

static snag_err walk_list(walk *w)
{
    const uint32_t depth = w->depth;
    for (;;) {
        bool ended;
        snag_err err = separate(w, ']', &ended);
        if (err || ended)
            return err;
        w->after = true;
        err = take_item(w);
        if (err || w->depth != depth)
            return err;
    }
}

static snag_err walk_all(walk *w, frame root, snag_slot *slot)
{
    snag_err err = take_value(w, w->at[w->i++], root, slot);
    while (!err && w->depth > 0) {
        frame *top = &w->stack[w->depth - 1];
        err = top->list ? walk_list(w) : walk_object(w, top);
    }
    if (!err && w->i < w->count)
        return snag_fail(w->diag, SNAG_BAD_SYNTAX, "byte %u: something follows the record's end",
                         w->at[w->i]);
    return err;
}

/* --- the whole text ---------------------------------------------------------------------------- */

static snag_err index_failed(snag_json_index_result result, size_t size, snag_diag *diag)
{
    switch (result) {
    case SNAG_JSON_INDEX_EMPTY: return snag_fail(diag, SNAG_BAD_TRUNCATED, "the record is empty");
    case SNAG_JSON_INDEX_UNCLOSED:
        return snag_fail(diag, SNAG_BAD_TRUNCATED, "the record ends at byte %zu inside a string",
                         size);
    case SNAG_JSON_INDEX_CONTROL:
        return snag_fail(diag, SNAG_BAD_SYNTAX, "a string holds a bare control character");
    case SNAG_JSON_INDEX_UTF8: return snag_fail(diag, SNAG_BAD_UTF8, "the record is not UTF-8");
    default: return snag_fail(diag, SNAG_BAD_SYNTAX, "the record is not JSON");
    }
}

static snag_err begin(walk *w, snag_json *json, snag_str text, snag_diag *diag)
{
    if (text.size > SNAG_RECORD_BYTES_MAX)
        return snag_fail(diag, SNAG_BAD_SIZE, "the record has %zu bytes, at most %u are read",
                         text.size, SNAG_RECORD_BYTES_MAX);
    if (snag_str_starts(text, SNAG_STR("\xEF\xBB\xBF"))) /* a byte order mark: files from Windows */
        text = snag_str_of(text.data + 3, text.size - 3);
    if (text.size == 0)
        return index_failed(SNAG_JSON_INDEX_EMPTY, 0, diag);
    w->data = text.data;
    w->size = text.size;
    w->i = 0;
    w->depth = 0;
    w->after = false;
    w->json = json;
    w->diag = diag;
    snag_json_index_result result =
        snag_json_index_make(json->index, text.data, text.size, &w->at, &w->count);
    if (result != SNAG_JSON_INDEX_OK)
        return index_failed(result, text.size, diag);
    w->escapes = memchr(text.data, '\\', text.size) != NULL;
    return SNAG_OK;
}

static void next_record(snag_json *json)
{
    if (++json->record)
        return;
    memset(json->seen, 0, json->paths->node_count * sizeof *json->seen);
    json->record = 1;
}

snag_err snag_json_read(snag_json *json, snag_str record, uint32_t node, snag_slot *slots,
                        snag_diag *diag)
{
    walk w;
    snag_slot whole;
    snag_err err = begin(&w, json, record, diag);
    if (err)
        return err;
    next_record(json);
    w.slots = slots;
    int32_t slot = json->paths->nodes[node].slot;
    err = walk_all(&w, (frame){.node = node, .cursor = 2 * node, .slot = slot, .wanted = true},
                   slot < 0 ? &whole : &slots[slot]);
    if (err || w.data[w.at[0]] == '{')
        return err;
    return snag_fail(diag, SNAG_BAD_TYPE, "the record is not an object but %s",
                     w.data[w.at[0]] == '[' ? "a list" : "a single value");
}

snag_err snag_json_check(snag_json *json, snag_str text, snag_slot *slot, snag_diag *diag)
{
    walk w;
    snag_err err = begin(&w, json, text, diag);
    if (err)
        return err;
    w.slots = slot;
    return walk_all(&w, (frame){.slot = 0}, slot);
}
