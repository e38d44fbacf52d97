/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/each.h"

#include "base/assert.h"

bool snag_each_inner(snag_str each, snag_str path, snag_str *inner)
{
    if (each.size == 0 || !snag_str_starts(path, each) ||
        (path.size > each.size && path.data[each.size] != '.'))
        return false;
    size_t skip = path.size > each.size ? each.size + 1 : each.size;
    *inner = snag_str_of(path.data + skip, path.size - skip);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static snag_str trim(snag_str text)
{
    while (text.size > 0 && is_space(text.data[0]))
        text = snag_str_of(text.data + 1, text.size - 1);
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

snag_str snag_each_begin(snag_str list)
{
    list = trim(list);
    SNAG_ASSERT(list.size >= 2 && list.data[0] == '[' && list.data[list.size - 1] == ']');
    return trim(snag_str_of(list.data + 1, list.size - 2));
}

bool snag_each_next(snag_str *rest, snag_str *item)
{
    size_t at = 0;
    uint32_t depth = 0;
    bool quoted = false;
    if (rest->size == 0)
        return false;
    for (; at < rest->size; at++) {
        char c = rest->data[at];
        if (quoted) {
            at += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            depth--;
        } else if (c == ',' && depth == 0) {
            break;
        }
    }
    at = at < rest->size ? at : rest->size;
    *item = trim(snag_str_of(rest->data, at));
    size_t skip = at < rest->size ? at + 1 : at;
    *rest = trim(snag_str_of(rest->data + skip, rest->size - skip));
    return true;
}
