/* SPDX-License-Identifier: Apache-2.0
 *
 * Places where YAML reads something else than a person wrote. Expressions and headlines meet them all:
 *
 *     where: amount > 3 ? a : b      ": " begins a new key
 *     where: !has(plan)              a leading ! is a tag
 *     where: name == "a #b"          " #" begins a comment
 *     { where: size(a, b), count: 3 }   a comma ends a value inside {}
 *     where: "a" in tags             a value that begins with a quote ends at the next one
 *     headline: {customer} waits     a value that begins with { is a map
 *
 * A line is read again here the way a person reads it: key, then all that belongs to its value. If YAML
 * would cut that value short, the line is told as it must be quoted.
 */
#include "base/utf8.h"
#include "config/loader.h"

typedef struct scan {
    snag_str line;
    size_t at;
    bool flow;
} scan;

typedef struct trap {
    snag_str key;
    snag_str value;
    size_t at; /* of the value in the line, in bytes */
    const char *why;
} trap;

static char peek(const scan *s, size_t ahead)
{
    return s->at + ahead < s->line.size ? s->line.data[s->at + ahead] : '\0';
}

static bool key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '$';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

/* A plain key and its colon here; moves past both. */
static bool take_key(scan *s, snag_str *key)
{
    size_t end = s->at;
    while (end < s->line.size && key_byte(s->line.data[end]))
        end++;
    if (end == s->at || end >= s->line.size || s->line.data[end] != ':')
        return false;
    if (end + 1 < s->line.size && !is_blank(s->line.data[end + 1]))
        return false;
    *key = snag_str_of(s->line.data + s->at, end - s->at);
    s->at = end + 1;
    while (s->at < s->line.size && is_blank(peek(s, 0)))
        s->at++;
    return true;
}

/* Past a quoted text, as CEL and YAML's double quotes have it; to the end where it is not closed. */
static size_t past_quote(snag_str line, size_t at)
{
    char quote = line.data[at++];
    while (at < line.size && line.data[at] != quote)
        at += line.data[at] == '\\' && at + 1 < line.size ? 2 : 1;
    return at < line.size ? at + 1 : at;
}

/* A comma that ends a value to a person's eye too: the next thing is a key, or the line ends. */
static bool comma_ends(snag_str line, size_t comma)
{
    scan next = {line, comma + 1, true};
    snag_str key;
    while (next.at < line.size && line.data[next.at] == ' ')
        next.at++;
    return next.at == line.size || line.data[next.at] == '#' || take_key(&next, &key);
}

static bool is_comment(snag_str line, size_t at)
{
    return line.data[at] == '#' && (at == 0 || is_blank(line.data[at - 1]));
}

/* Where the value that begins at `at` ends to a person's eye. */
static size_t value_end(snag_str line, size_t from, bool flow)
{
    size_t depth = 0;
    size_t at = from;
    while (at < line.size) {
        char c = line.data[at];
        if (c == '"' || c == '\'') {
            at = past_quote(line, at);
            continue;
        }
        if (is_comment(line, at))
            break;
        if (flow && depth == 0 && (c == '}' || c == ']' || (c == ',' && comma_ends(line, at))))
            break;
        if (c == '(' || c == '[' || c == '{')
            depth++;
        else if (depth > 0 && (c == ')' || c == ']' || c == '}'))
            depth--;
        at++;
    }
    while (at > from && is_blank(line.data[at - 1]))
        at--;
    return at;
}

static const char *leading_trap(snag_str value)
{
    switch (value.data[0]) {
    case '!': return "a leading \"!\" is a tag";
    case '*': return "a leading \"*\" is an alias";
    case '&': return "a leading \"&\" is an anchor";
    case '%': case '@': case '`': return "a value cannot begin with this character";
    case '"': case '\'': return "a value that begins with a quote ends at the next one";
    case '{': return "a value that begins with \"{\" is a map";
    case '[': return "a value that begins with \"[\" is a list";
    default: return NULL;
    }
}

static const char *inner_trap(snag_str value, bool flow)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        char next = i + 1 < value.size ? value.data[i + 1] : '\0';
        if (c == ':' && is_blank(next))
            return "\": \" begins a new key";
        if (c == ' ' && next == '#')
            return "\" #\" begins a comment";
        if (flow && c == ',')
            return "a comma ends a value inside {}";
        if (flow && strchr("[]{}", c))
            return "a bracket ends a value inside {}";
    }
    return NULL;
}

/* A quoted text, a list or a map that stands alone is what it looks like. */
static bool stands_alone(const scan *s, size_t end)
{
    snag_str value = snag_str_of(s->line.data + s->at, end - s->at);
    char first = value.data[0];
    if (first == '"' || first == '\'')
        return past_quote(value, 0) == value.size;
    if (first != '{' && first != '[')
        return false;
    size_t depth = 0;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '"' || c == '\'') {
            i = past_quote(value, i) - 1;
            continue;
        }
        depth += c == '{' || c == '[';
        if ((c == '}' || c == ']') && depth > 0 && --depth == 0)
            return i + 1 == value.size;
    }
    return true; /* goes on in the next line */
}

/* The value at s->at, whose key was just read: a trap, or the scan moves on (into a map, past all else). */
static bool check_value(scan *s, snag_str key, trap *found)
{
    if (s->at >= s->line.size || strchr("#|>", peek(s, 0)))
        return false;
    size_t end = value_end(s->line, s->at, s->flow);
    if (end <= s->at)
        return false;
    snag_str value = snag_str_of(s->line.data + s->at, end - s->at);
    if (stands_alone(s, end)) {
        if (value.data[0] == '{')
            s->flow = true;
        s->at += value.data[0] == '{' ? 1 : value.size;
        return false;
    }
    const char *why = leading_trap(value);
    if (!why)
        why = inner_trap(value, s->flow);
    *found = (trap){key, value, s->at, why};
    s->at = end;
    return why != NULL;
}

static bool find(snag_str line, snag_str wanted, bool flow, trap *found)
{
    scan s = {line, 0, flow};
    while (s.at < line.size) {
        snag_str key;
        if (is_comment(line, s.at))
            return false;
        if (!take_key(&s, &key)) {
            s.at++;
            continue;
        }
        if (check_value(&s, key, found) && (wanted.size == 0 || snag_str_equal(wanted, key)))
            return true;
    }
    return false;
}

bool snag_trap_tell(snag_loader *loader, uint32_t line, snag_str key, bool flow)
{
    trap found;
    snag_str text = snag_text_line(loader->config->text, line);
    if (!find(text, key, flow, &found))
        return false;
    char quoted[320];
    snag_buf buf = snag_buf_on(quoted, sizeof quoted);
    for (size_t i = 0; i < found.value.size; i++) {
        if (found.value.data[i] == '\'')
            snag_buf_byte(&buf, '\'');
        snag_buf_byte(&buf, found.value.data[i]);
    }
    snag_str value = snag_utf8_cut(snag_buf_str(&buf), 300);
    uint32_t column = (uint32_t)snag_utf8_count(snag_str_of(text.data, found.at)) + 1;
    snag_finding_add(loader, (snag_place){line, column}, "to YAML %s; write it quoted: %.*s: '%.*s'",
                     found.why, SNAG_FMT(found.key), SNAG_FMT(value));
    return true;
}
