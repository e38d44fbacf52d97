/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/lexer.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/utf8.h"

static const char *const words[SNAG_TOKEN_COUNT] = {
#define X(name, word) word,
    SNAG_TOKEN_TABLE(X)
#undef X
};

/* Signs, longer ones before their beginnings. */
static const struct {
    char text[3];
    snag_token_kind kind;
} signs[] = {
    {"==", SNAG_TOKEN_EQUAL},     {"!=", SNAG_TOKEN_NOT_EQUAL}, {"<=", SNAG_TOKEN_LESS_EQUAL},
    {">=", SNAG_TOKEN_GREATER_EQUAL}, {"&&", SNAG_TOKEN_AND},   {"||", SNAG_TOKEN_OR},
    {"(", SNAG_TOKEN_OPEN},       {")", SNAG_TOKEN_CLOSE},      {"[", SNAG_TOKEN_LIST_OPEN},
    {"]", SNAG_TOKEN_LIST_CLOSE}, {"{", SNAG_TOKEN_MAP_OPEN},   {"}", SNAG_TOKEN_MAP_CLOSE},
    {".", SNAG_TOKEN_DOT},        {",", SNAG_TOKEN_COMMA},      {":", SNAG_TOKEN_COLON},
    {"?", SNAG_TOKEN_QUESTION},   {"!", SNAG_TOKEN_NOT},        {"-", SNAG_TOKEN_MINUS},
    {"+", SNAG_TOKEN_PLUS},       {"*", SNAG_TOKEN_TIMES},      {"/", SNAG_TOKEN_DIVIDE},
    {"%", SNAG_TOKEN_MODULO},     {"<", SNAG_TOKEN_LESS},       {">", SNAG_TOKEN_GREATER},
};

/* What people write who know other languages. */
static const struct {
    const char *text;
    const char *meant;
} slips[] = {
    {"=", "=="}, {"&", "&&"}, {"|", "||"}, {"<>", "!="}, {"\xe2\x80\x9c", "\""}, {"\xe2\x80\x9d", "\""},
    {"\xe2\x80\x98", "'"}, {"\xe2\x80\x99", "'"},
};

const char *snag_token_word(snag_token_kind kind)
{
    SNAG_ASSERT(kind < SNAG_TOKEN_COUNT);
    return words[kind];
}

uint32_t snag_lexer_column(snag_str text, size_t at)
{
    SNAG_ASSERT(at <= text.size);
    return (uint32_t)snag_utf8_count(snag_str_of(text.data, at)) + 1;
}

snag_err snag_lexer_fail(snag_str text, size_t at, snag_diag *diag, const char *format, ...)
{
    if (diag) {
        va_list args;
        va_start(args, format);
        vsnprintf(diag->text, sizeof diag->text, format, args);
        va_end(args);
        diag->column = snag_lexer_column(text, at);
    }
    return SNAG_EXPR;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(snag_lexer *lexer)
{
    snag_str text = lexer->text;
    while (lexer->at < text.size) {
        char c = text.data[lexer->at];
        bool comment = c == '/' && lexer->at + 1 < text.size && text.data[lexer->at + 1] == '/';
        if (comment)
            while (lexer->at < text.size && !ends_line(text.data[lexer->at]))
                lexer->at++;
        else if (c == ' ' || c == '\t' || c == '\f' || ends_line(c))
            lexer->at++;
        else
            return;
    }
}

static void take_name(snag_lexer *lexer, snag_token *token)
{
    size_t from = lexer->at;
    while (lexer->at < lexer->text.size &&
           (is_letter(lexer->text.data[lexer->at]) || is_digit(lexer->text.data[lexer->at])))
        lexer->at++;
    token->text = snag_str_of(lexer->text.data + from, lexer->at - from);
    token->kind = SNAG_TOKEN_NAME;
    if (snag_str_equal(token->text, SNAG_STR("in")))
        token->kind = SNAG_TOKEN_IN;
}

static snag_err take_quoted(snag_lexer *lexer, snag_token *token)
{
    size_t from = ++lexer->at;
    while (lexer->at < lexer->text.size && lexer->text.data[lexer->at] != '`' &&
           !ends_line(lexer->text.data[lexer->at]))
        lexer->at++;
    token->text = snag_str_of(lexer->text.data + from, lexer->at - from);
    token->kind = SNAG_TOKEN_QUOTED;
    if (lexer->at == lexer->text.size || lexer->text.data[lexer->at] != '`' || token->text.size == 0)
        return snag_lexer_fail(lexer->text, token->at, lexer->diag,
                               "expected a name between two backticks (`)");
    lexer->at++;
    return SNAG_OK;
}

static snag_err take_stranger(snag_lexer *lexer)
{
    snag_str rest = snag_str_of(lexer->text.data + lexer->at, lexer->text.size - lexer->at);
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++)
        if (snag_str_starts(rest, snag_str_from(slips[i].text)))
            return snag_lexer_fail(lexer->text, lexer->at, lexer->diag, "%s is written %s here",
                                   slips[i].text, slips[i].meant);
    size_t size = 0;
    int32_t code = snag_utf8_next(rest, &size);
    if (code >= 0x20 && code != 0x7f)
        return snag_lexer_fail(lexer->text, lexer->at, lexer->diag,
                               "%.*s means nothing in an expression", (int)size, rest.data);
    return snag_lexer_fail(lexer->text, lexer->at, lexer->diag,
                           "the byte 0x%02x means nothing in an expression",
                           (unsigned)(unsigned char)rest.data[0]);
}

static snag_err take_sign(snag_lexer *lexer, snag_token *token)
{
    snag_str rest = snag_str_of(lexer->text.data + lexer->at, lexer->text.size - lexer->at);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        snag_str sign = snag_str_from(signs[i].text);
        if (!snag_str_starts(rest, sign))
            continue;
        if (sign.data[0] == '<' && snag_str_starts(rest, SNAG_STR("<>")))
            break;
        lexer->at += sign.size;
        token->text = snag_str_of(rest.data, sign.size);
        token->kind = signs[i].kind;
        return SNAG_OK;
    }
    return take_stranger(lexer);
}

static bool number_starts(snag_str text, size_t at)
{
    return is_digit(text.data[at]) ||
           (text.data[at] == '.' && at + 1 < text.size && is_digit(text.data[at + 1]));
}

static snag_err take(snag_lexer *lexer, snag_token *token)
{
    char c = lexer->text.data[lexer->at];
    token->kind = SNAG_TOKEN_VALUE;
    if (snag_literal_text_starts(lexer->text, lexer->at))
        return snag_literal_text(lexer, &token->value);
    if (number_starts(lexer->text, lexer->at))
        return snag_literal_number(lexer, &token->value);
    if (c == '`')
        return take_quoted(lexer, token);
    if (!is_letter(c))
        return take_sign(lexer, token);
    take_name(lexer, token);
    return SNAG_OK;
}

snag_err snag_lexer_next(snag_lexer *lexer, snag_token *token)
{
    skip_blanks(lexer);
    *token = (snag_token){.kind = SNAG_TOKEN_END, .at = (uint32_t)lexer->at};
    if (lexer->at == lexer->text.size)
        return SNAG_OK;
    snag_err err = take(lexer, token);
    if (err == SNAG_OK && token->kind == SNAG_TOKEN_VALUE)
        token->text = snag_str_of(lexer->text.data + token->at, lexer->at - token->at);
    return err;
}
