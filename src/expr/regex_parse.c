/* SPDX-License-Identifier: Apache-2.0
 *
 * RE2's syntax -> pieces.
 *
 *     either = chain {"|" chain}     chain = {piece ["*" | "+" | "?" | "{n,m}"] ["?"]}
 */
#include "base/utf8.h"
#include "expr/regex_class.h"

enum {
    NESTING_MAX = 100,
    REPEAT_MAX = 1000 /* RE2's own bound */
};

typedef struct flags {
    bool fold;  /* i */
    bool lines; /* m: ^ and $ mean lines */
    bool dot;   /* s: . takes newlines too */
} flags;

typedef struct reader {
    snag_arena *arena;
    snag_str text;
    size_t at;
    uint32_t nesting;
    flags flags;
    snag_diag *diag;
} reader;

static snag_err parse_either(reader *r, snag_piece **out);

static bool at_end(const reader *r)
{
    return r->at == r->text.size;
}

static char peek(const reader *r, size_t ahead)
{
    return r->at + ahead < r->text.size ? r->text.data[r->at + ahead] : '\0';
}

static bool skip(reader *r, const char *word)
{
    snag_str rest = snag_str_of(r->text.data + r->at, r->text.size - r->at);
    snag_str wanted = snag_str_from(word);
    if (!snag_str_starts(rest, wanted))
        return false;
    r->at += wanted.size;
    return true;
}

#define FAIL(r, ...) snag_fail((r)->diag, SNAG_EXPR, __VA_ARGS__)

static snag_err piece_new(reader *r, snag_piece_kind kind, snag_piece **out)
{
    *out = snag_arena_take(r->arena, sizeof **out);
    if (!*out)
        return FAIL(r, "it is too large");
    (*out)->kind = kind;
    return SNAG_OK;
}

static snag_err make_char(reader *r, uint32_t code, snag_piece **out)
{
    snag_err err = piece_new(r, SNAG_PIECE_CHAR, out);
    if (err)
        return err;
    uint32_t folded = snag_code_fold(code);
    (*out)->folded = r->flags.fold && (folded != code || snag_code_capital(code) != code);
    (*out)->code = (*out)->folded ? folded : code;
    return SNAG_OK;
}

static snag_err make_place(reader *r, snag_place place, snag_piece **out)
{
    snag_err err = piece_new(r, SNAG_PIECE_PLACE, out);
    if (!err)
        (*out)->code = (uint32_t)place;
    return err;
}

static snag_err make_class(reader *r, const snag_class_draft *draft, bool negated, snag_piece **out)
{
    if (draft->full)
        return FAIL(r, "[…] holds more than %d ranges", SNAG_CLASS_RANGES_MAX);
    snag_err err = piece_new(r, SNAG_PIECE_CLASS, out);
    if (err)
        return err;
    (*out)->chars = snag_class_keep(r->arena, draft, negated, r->flags.fold);
    return (*out)->chars ? SNAG_OK : FAIL(r, "it is too large");
}

static int digit_of(char c, unsigned base)
{
    int letter = c | 0x20;
    int digit = letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
    if (c >= '0' && c <= '9')
        digit = c - '0';
    return digit < (int)base ? digit : -1;
}

/* Up to `most` digits; false: none. */
static bool read_number(reader *r, unsigned base, size_t most, uint32_t *number)
{
    size_t from = r->at;
    *number = 0;
    while (r->at - from < most && digit_of(peek(r, 0), base) >= 0)
        *number = *number * base + (uint32_t)digit_of(r->text.data[r->at++], base);
    return r->at > from;
}

static snag_err read_hex(reader *r, uint32_t *code)
{
    bool braces = skip(r, "{");
    size_t from = r->at;
    bool read = read_number(r, 16, braces ? 6 : 2, code);
    if (!read || (braces ? !skip(r, "}") : r->at - from != 2) || *code > 0x10FFFF)
        return FAIL(r, "\\x needs two hex digits, or up to six in braces, as in \\x{1F600}");
    return SNAG_OK;
}

/* A character written as an escape, behind its backslash; the same inside and outside of [ ]. */
static snag_err read_escape(reader *r, uint32_t *code)
{
    static const char letters[] = "afnrtv";
    static const char meant[] = "\a\f\n\r\t\v";
    if (at_end(r))
        return FAIL(r, "it ends in a single backslash");
    char c = r->text.data[r->at];
    const char *found = c ? strchr(letters, c) : NULL;
    if (c == '0') {
        read_number(r, 8, 3, code);
        return SNAG_OK;
    }
    if (c >= '1' && c <= '9')
        return FAIL(r, "\\%c looks back at a group; RE2 has no backreferences", c);
    if ((unsigned char)c < 0x80)
        r->at++;
    if (c == 'x')
        return read_hex(r, code);
    if (c == 'p' || c == 'P')
        return FAIL(r, "\\%c (classes of Unicode) is not built; write the letters as ranges", c);
    if (found) {
        *code = (unsigned char)meant[found - letters];
        return SNAG_OK;
    }
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
    if (word)
        return FAIL(r, "there is no escape \\%.*s", (unsigned char)c < 0x80 ? 1 : 0, &c);
    *code = (unsigned char)c;
    return SNAG_OK;
}

static uint32_t read_char(reader *r)
{
    int32_t code = snag_utf8_next(r->text, &r->at);
    return code < 0 ? 0xFFFD : (uint32_t)code;
}

/* One end of a range inside [ ]. */
static snag_err read_member(reader *r, uint32_t *code)
{
    if (skip(r, "\\"))
        return read_escape(r, code);
    *code = read_char(r);
    return SNAG_OK;
}

static snag_err read_range(reader *r, snag_class_draft *draft)
{
    uint32_t first;
    uint32_t last;
    snag_err err = read_member(r, &first);
    last = first;
    bool range = !err && peek(r, 0) == '-' && peek(r, 1) != ']' && r->at + 1 < r->text.size;
    if (range) {
        r->at++;
        err = read_member(r, &last);
    }
    if (!err && last < first)
        return FAIL(r, "a range in [ ] ends before it begins");
    if (!err)
        snag_class_add(draft, first, last);
    return err;
}

/* [:alpha:]; false: it is none. */
static snag_err read_name(reader *r, snag_class_draft *draft, bool *found)
{
    size_t end = r->at + 2;
    *found = false;
    while (end + 1 < r->text.size && r->text.data[end] != ':' && r->text.data[end] != ']')
        end++;
    if (end + 1 >= r->text.size || r->text.data[end] != ':' || r->text.data[end + 1] != ']')
        return SNAG_OK;
    snag_str name = snag_str_of(r->text.data + r->at + 2, end - r->at - 2);
    if (!snag_class_add_name(draft, name))
        return FAIL(r, "there is no class [:%.*s:]", name.size > 40 ? 40 : (int)name.size, name.data);
    r->at = end + 2;
    *found = true;
    return SNAG_OK;
}

static snag_err parse_class(reader *r, snag_piece **out)
{
    snag_class_draft draft = {.count = 0};
    bool negated = skip(r, "^");
    size_t from = r->at;
    snag_err err = SNAG_OK;
    while (!err && !at_end(r) && (peek(r, 0) != ']' || r->at == from)) {
        bool named = false;
        if (peek(r, 0) == '[' && peek(r, 1) == ':')
            err = read_name(r, &draft, &named);
        if (err || named)
            continue;
        if (peek(r, 0) == '\\' && snag_class_add_letter(&draft, peek(r, 1)))
            r->at += 2;
        else
            err = read_range(r, &draft);
    }
    if (err)
        return err;
    if (!skip(r, "]"))
        return FAIL(r, "a [ is not closed");
    return make_class(r, &draft, negated, out);
}

static snag_err parse_escape(reader *r, snag_piece **out)
{
    static const struct {
        char letter;
        snag_place place;
    } places[] = {{'A', SNAG_PLACE_TEXT_BEGIN},
                  {'z', SNAG_PLACE_TEXT_END},
                  {'b', SNAG_PLACE_WORD},
                  {'B', SNAG_PLACE_NOT_WORD}};
    snag_class_draft draft = {.count = 0};
    uint32_t code;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (peek(r, 0) != places[i].letter)
            continue;
        r->at++;
        return make_place(r, places[i].place, out);
    }
    if (snag_class_add_letter(&draft, peek(r, 0))) {
        r->at++;
        return make_class(r, &draft, false, out);
    }
    snag_err err = read_escape(r, &code);
    return err ? err : make_char(r, code, out);
}

/* i, m, s, U with - between on and off; ends at ")" or ":". */
static snag_err read_flags(reader *r)
{
    bool on = true;
    for (; !at_end(r) && peek(r, 0) != ')' && peek(r, 0) != ':'; r->at++) {
        switch (peek(r, 0)) {
        case 'i': r->flags.fold = on; break;
        case 'm': r->flags.lines = on; break;
        case 's': r->flags.dot = on; break;
        case 'U': break; /* which way is tried first does not matter to a yes or no */
        case '-': on = false; break;
        default: return FAIL(r, "(?%c is not part of RE2's syntax", peek(r, 0));
        }
    }
    return SNAG_OK;
}

static snag_err skip_group_name(reader *r)
{
    while (!at_end(r) && peek(r, 0) != '>')
        r->at++;
    return skip(r, ">") ? SNAG_OK : FAIL(r, "a group's name is not closed with >");
}

/* Behind "(": what kind of group; *body says whether pieces follow (not for "(?i)"). */
static snag_err read_group_head(reader *r, bool *body)
{
    *body = true;
    if (!skip(r, "?"))
        return SNAG_OK;
    if (peek(r, 0) == '=' || peek(r, 0) == '!' ||
        (peek(r, 0) == '<' && (peek(r, 1) == '=' || peek(r, 1) == '!')))
        return FAIL(r, "it looks ahead or behind; RE2 has no lookaround");
    if (skip(r, "P<") || skip(r, "<"))
        return skip_group_name(r);
    snag_err err = read_flags(r);
    if (err)
        return err;
    *body = skip(r, ":");
    return SNAG_OK;
}

static snag_err parse_group(reader *r, snag_piece **out)
{
    bool body;
    flags outside = r->flags;
    snag_err err = read_group_head(r, &body);
    if (err)
        return err;
    if (++r->nesting > NESTING_MAX)
        return FAIL(r, "its groups are nested more than %d deep", NESTING_MAX);
    err = body ? parse_either(r, out) : piece_new(r, SNAG_PIECE_EMPTY, out);
    if (err)
        return err;
    r->nesting--;
    if (body)
        r->flags = outside;
    return skip(r, ")") ? SNAG_OK : FAIL(r, "a ( is not closed");
}

static snag_err parse_dot(reader *r, snag_piece **out)
{
    snag_class_draft newline = {.count = 0};
    if (r->flags.dot)
        return piece_new(r, SNAG_PIECE_ANY, out);
    snag_class_add(&newline, '\n', '\n');
    return make_class(r, &newline, true, out);
}

static snag_err parse_atom(reader *r, snag_piece **out)
{
    char c = peek(r, 0);
    switch (c) {
    case '(': r->at++; return parse_group(r, out);
    case '[': r->at++; return parse_class(r, out);
    case '.': r->at++; return parse_dot(r, out);
    case '\\': r->at++; return parse_escape(r, out);
    case '^':
        r->at++;
        return make_place(r, r->flags.lines ? SNAG_PLACE_LINE_BEGIN : SNAG_PLACE_TEXT_BEGIN, out);
    case '$':
        r->at++;
        return make_place(r, r->flags.lines ? SNAG_PLACE_LINE_END : SNAG_PLACE_TEXT_END, out);
    case '*':
    case '+':
    case '?': return FAIL(r, "there is nothing before %c that could be repeated", c);
    default: return make_char(r, read_char(r), out);
    }
}

/* "{2}", "{2,}", "{2,5}"; anything else in braces is taken literally, as in RE2. */
static bool read_braces(reader *r, uint32_t *least, uint32_t *most)
{
    size_t from = r->at;
    if (skip(r, "{") && read_number(r, 10, 6, least)) {
        *most = *least;
        if (skip(r, ",") && !read_number(r, 10, 6, most))
            *most = SNAG_REPEAT_FOREVER;
        if (skip(r, "}"))
            return true;
    }
    r->at = from;
    return false;
}

static bool read_repeat(reader *r, uint32_t *least, uint32_t *most)
{
    *least = 0;
    *most = SNAG_REPEAT_FOREVER;
    if (skip(r, "*"))
        return true;
    if (skip(r, "+")) {
        *least = 1;
        return true;
    }
    if (skip(r, "?")) {
        *most = 1;
        return true;
    }
    return read_braces(r, least, most);
}

static snag_err parse_piece(reader *r, snag_piece **out)
{
    uint32_t least;
    uint32_t most;
    snag_piece *child;
    snag_err err = parse_atom(r, out);
    if (err || !read_repeat(r, &least, &most))
        return err;
    skip(r, "?"); /* lazy: matters only to where a match ends */
    if (most < least)
        return FAIL(r, "{%u,%u} ends before it begins", least, most);
    if (least > REPEAT_MAX || (most > REPEAT_MAX && most != SNAG_REPEAT_FOREVER))
        return FAIL(r, "more than %d repetitions", REPEAT_MAX);
    child = *out;
    if ((err = piece_new(r, SNAG_PIECE_REPEAT, out)))
        return err;
    (*out)->first = child;
    (*out)->least = least;
    (*out)->most = most;
    uint32_t again;
    if (read_repeat(r, &again, &again))
        return FAIL(r, "a repetition of a repetition; write it with a group, as in (a*)*");
    return SNAG_OK;
}

/* \Q…\E: every character for itself. */
static snag_err parse_quoted(reader *r, snag_piece ***tail)
{
    snag_err err = SNAG_OK;
    while (!err && !at_end(r) && !skip(r, "\\E")) {
        err = make_char(r, read_char(r), *tail);
        if (!err)
            *tail = &(**tail)->next;
    }
    return err;
}

static snag_err parse_chain(reader *r, snag_piece **out)
{
    snag_err err = piece_new(r, SNAG_PIECE_CHAIN, out);
    if (err)
        return err;
    snag_piece **tail = &(*out)->first;
    while (!err && !at_end(r) && peek(r, 0) != '|' && peek(r, 0) != ')') {
        if (skip(r, "\\Q")) {
            err = parse_quoted(r, &tail);
            continue;
        }
        err = parse_piece(r, tail);
        if (!err)
            tail = &(*tail)->next;
    }
    return err;
}

static snag_err parse_either(reader *r, snag_piece **out)
{
    snag_piece *first;
    snag_err err = parse_chain(r, &first);
    *out = first;
    if (err || peek(r, 0) != '|')
        return err;
    if ((err = piece_new(r, SNAG_PIECE_EITHER, out)))
        return err;
    (*out)->first = first;
    snag_piece **tail = &first->next;
    while (!err && skip(r, "|")) {
        err = parse_chain(r, tail);
        if (!err)
            tail = &(*tail)->next;
    }
    return err;
}

snag_err snag_regex_parse(snag_arena *arena, snag_str pattern, snag_piece **out, snag_diag *diag)
{
    reader r = {.arena = arena, .text = pattern, .diag = diag};
    snag_err err = parse_either(&r, out);
    if (err)
        return err;
    return at_end(&r) ? SNAG_OK : FAIL(&r, "a ) closes nothing");
}
