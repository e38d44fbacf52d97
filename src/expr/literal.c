/* SPDX-License-Identifier: Apache-2.0
 *
 * Literals as CEL writes them:
 *     12  0x1F  12u  1.5  .5  6e23          numbers; u makes an unsigned one
 *     'a'  "a"  '''a'''  r'\d'  b'\xff'     texts; r: no escapes, b: bytes, three quotes: over lines
 */
#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "expr/lexer.h"

enum { DOUBLE_BYTES_MAX = 400 }; /* more digits than any double needs */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static char at_or_zero(snag_str text, size_t at)
{
    return at < text.size ? text.data[at] : '\0';
}

static size_t skip_digits(snag_str text, size_t at)
{
    while (is_digit(at_or_zero(text, at)))
        at++;
    return at;
}

/* The end of the exponent that begins at `at`, or `at` where there is none. */
static size_t skip_exponent(snag_str text, size_t at)
{
    if (at_or_zero(text, at) != 'e' && at_or_zero(text, at) != 'E')
        return at;
    size_t digits = at + 1;
    if (at_or_zero(text, digits) == '+' || at_or_zero(text, digits) == '-')
        digits++;
    size_t end = skip_digits(text, digits);
    return end > digits ? end : at;
}

/* The end of the number at `at`; *real says that it has a point or an exponent. */
static size_t skip_number(snag_str text, size_t at, bool *real)
{
    size_t end = skip_digits(text, at);
    *real = false;
    if (at_or_zero(text, end) == '.' && is_digit(at_or_zero(text, end + 1))) {
        end = skip_digits(text, end + 1);
        *real = true;
    }
    size_t exponent = skip_exponent(text, end);
    *real |= exponent > end;
    return exponent;
}

static bool read_double(snag_str text, double *number)
{
    char copy[DOUBLE_BYTES_MAX + 1];
    if (text.size > DOUBLE_BYTES_MAX)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *number = strtod(copy, NULL);
    return true;
}

bool snag_literal_double(snag_str text, double *number)
{
    size_t at = at_or_zero(text, 0) == '-' || at_or_zero(text, 0) == '+';
    snag_str word = snag_str_of(text.data + at, text.size - at);
    bool real;
    if (snag_str_equal(word, SNAG_STR("Infinity")) || snag_str_equal(word, SNAG_STR("Inf"))) {
        *number = text.data[0] == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (snag_str_equal(text, SNAG_STR("NaN"))) {
        *number = NAN;
        return true;
    }
    bool digits = is_digit(at_or_zero(text, at)) ||
                  (at_or_zero(text, at) == '.' && is_digit(at_or_zero(text, at + 1)));
    size_t end = skip_number(text, at, &real);
    if (end + 1 == text.size && text.data[end] == '.' && !real) /* "1." */
        end++;
    return digits && end == text.size && read_double(text, number);
}

static bool read_whole(snag_str digits, unsigned base, uint64_t *whole)
{
    *whole = 0;
    for (size_t i = 0; i < digits.size; i++) {
        uint64_t digit = (uint64_t)hex_digit(digits.data[i]);
        if (*whole > (UINT64_MAX - digit) / base)
            return false;
        *whole = *whole * base + digit;
    }
    return true;
}

/* 2^63 stands as INT64_MIN: only a minus sign before it makes it a value (the parser looks). */
static snag_err whole_number(snag_lexer *lexer, size_t from, snag_str digits, unsigned base,
                             snag_value *value)
{
    uint64_t whole;
    bool fits = read_whole(digits, base, &whole);
    char suffix = at_or_zero(lexer->text, lexer->at);
    if (suffix == 'u' || suffix == 'U') {
        lexer->at++;
        *value = (snag_value){.as.unsigned_integer = whole, .kind = SNAG_KIND_UINT};
    } else {
        fits = fits && whole <= (uint64_t)INT64_MAX + 1;
        *value = snag_value_int((int64_t)whole);
    }
    if (!fits)
        return snag_lexer_fail(lexer->text, from, lexer->diag, "the number does not fit into 64 bits");
    return SNAG_OK;
}

static snag_err number_end(snag_lexer *lexer, size_t from)
{
    char c = at_or_zero(lexer->text, lexer->at);
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !is_digit(c))
        return SNAG_OK;
    return snag_lexer_fail(lexer->text, from, lexer->diag,
                           "%.*s runs into a letter; texts stand in quotes, durations are written "
                           "duration(\"60s\")",
                           (int)(lexer->at - from), lexer->text.data + from);
}

snag_err snag_literal_number(snag_lexer *lexer, snag_value *value)
{
    snag_str text = lexer->text;
    size_t from = lexer->at;
    snag_err err = SNAG_OK;
    bool real = false;
    char x = at_or_zero(text, from + 1);
    if (text.data[from] == '0' && (x == 'x' || x == 'X')) {
        lexer->at += 2;
        while (hex_digit(at_or_zero(text, lexer->at)) >= 0)
            lexer->at++;
        snag_str digits = snag_str_of(text.data + from + 2, lexer->at - from - 2);
        if (digits.size == 0)
            return snag_lexer_fail(text, from, lexer->diag, "expected hex digits behind 0x");
        err = whole_number(lexer, from, digits, 16, value);
    } else {
        lexer->at = skip_number(text, from, &real);
        snag_str written = snag_str_of(text.data + from, lexer->at - from);
        value->kind = SNAG_KIND_DOUBLE;
        if (!real)
            err = whole_number(lexer, from, written, 10, value);
        else if (!read_double(written, &value->as.number))
            err = snag_lexer_fail(text, from, lexer->diag, "the number has too many digits");
    }
    return err ? err : number_end(lexer, from);
}

/* What stands before the text: r, b, the quote once or three times. */
typedef struct style {
    bool raw;
    bool bytes;
    char quote;
    size_t quotes; /* 1 or 3 */
} style;

/* Bytes up to and with the quotes; 0 where no text begins at `at`. */
static size_t read_style(snag_str text, size_t at, style *out)
{
    size_t from = at;
    *out = (style){.quotes = 1};
    for (;; at++) {
        char c = at_or_zero(text, at);
        if ((c == 'r' || c == 'R') && !out->raw)
            out->raw = true;
        else if ((c == 'b' || c == 'B') && !out->bytes)
            out->bytes = true;
        else
            break;
    }
    out->quote = at_or_zero(text, at);
    if (out->quote != '\'' && out->quote != '"')
        return 0;
    if (at_or_zero(text, at + 1) == out->quote && at_or_zero(text, at + 2) == out->quote)
        out->quotes = 3;
    return at + out->quotes - from;
}

bool snag_literal_text_starts(snag_str text, size_t at)
{
    style unused;
    return read_style(text, at, &unused) > 0;
}

static bool closes(snag_str text, size_t at, const style *how)
{
    for (size_t i = 0; i < how->quotes; i++)
        if (at_or_zero(text, at + i) != how->quote)
            return false;
    return true;
}

/* The offset of the closing quotes; SIZE_MAX where the text does not end. */
static size_t find_end(snag_str text, size_t at, const style *how, bool *escapes)
{
    *escapes = false;
    while (at < text.size && !closes(text, at, how)) {
        if (how->quotes == 1 && (text.data[at] == '\n' || text.data[at] == '\r'))
            return SIZE_MAX;
        bool escape = text.data[at] == '\\' && !how->raw;
        *escapes |= escape;
        at += escape ? 2 : 1;
    }
    return at < text.size ? at : SIZE_MAX;
}

static bool read_code(snag_str text, size_t *at, size_t digits, unsigned base, uint32_t *code)
{
    *code = 0;
    for (size_t i = 0; i < digits; i++, (*at)++) {
        int digit = hex_digit(at_or_zero(text, *at));
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        *code = *code * base + (uint32_t)digit;
    }
    return true;
}

/* The letters of one-letter escapes and what they stand for. */
static const char simple_from[] = "abfnrtv\\?\"'`";
static const char simple_to[] = "\a\b\f\n\r\t\v\\?\"'`";

/* One escape behind its backslash at *at; the code point, or the byte for bytes. */
static bool read_escape(snag_str text, size_t *at, bool bytes, uint32_t *code)
{
    char c = at_or_zero(text, *at);
    const char *simple = c ? strchr(simple_from, c) : NULL;
    if (simple) {
        (*at)++;
        *code = (unsigned char)simple_to[simple - simple_from];
        return true;
    }
    if (c >= '0' && c <= '3')
        return read_code(text, at, 3, 8, code);
    (*at)++;
    if (c == 'x' || c == 'X')
        return read_code(text, at, 2, 16, code);
    if (bytes || (c != 'u' && c != 'U'))
        return false;
    return read_code(text, at, c == 'u' ? 4 : 8, 16, code) && *code <= 0x10FFFF &&
           (*code < 0xD800 || *code > 0xDFFF);
}

static snag_err decode(snag_lexer *lexer, snag_str inner, bool bytes, snag_str *out)
{
    char *to = snag_arena_bytes(lexer->arena, inner.size); /* no escape is shorter than its bytes */
    size_t size = 0;
    if (!to)
        return snag_lexer_fail(lexer->text, lexer->at, lexer->diag, "the expression is too large");
    for (size_t at = 0; at < inner.size;) {
        uint32_t code;
        if (inner.data[at] != '\\') {
            to[size++] = inner.data[at++];
            continue;
        }
        size_t from = at++;
        if (!read_escape(inner, &at, bytes, &code))
            return snag_lexer_fail(lexer->text, (size_t)(inner.data - lexer->text.data) + from,
                                   lexer->diag,
                                   "expected an escape such as \\n \\t \\\" \\x41%s; a backslash itself is "
                                   "\\\\, or write r\"…\" for none",
                                   bytes ? " \\377" : " \\u00e9");
        if (bytes)
            to[size++] = (char)(unsigned char)code;
        else
            size += snag_utf8_encode(code, to + size);
    }
    *out = snag_str_of(to, size);
    return SNAG_OK;
}

snag_err snag_literal_text(snag_lexer *lexer, snag_value *value)
{
    style how;
    bool escapes;
    size_t from = lexer->at;
    size_t start = from + read_style(lexer->text, from, &how);
    size_t end = find_end(lexer->text, start, &how, &escapes);
    if (end == SIZE_MAX)
        return snag_lexer_fail(lexer->text, from, lexer->diag,
                               "the text that begins here has no closing %.*s%s", (int)how.quotes,
                               how.quote == '"' ? "\"\"\"" : "'''",
                               how.quotes == 1 ? " on its line" : "");
    snag_str inner = snag_str_of(lexer->text.data + start, end - start);
    if (escapes) {
        snag_err err = decode(lexer, inner, how.bytes, &inner);
        if (err)
            return err;
    }
    *value = snag_value_text(inner);
    if (how.bytes)
        value->kind = SNAG_KIND_BYTES;
    lexer->at = end + how.quotes;
    return SNAG_OK;
}
