/* SPDX-License-Identifier: Apache-2.0
 *
 * Text -> tokens. Numbers and strings come out decoded; a token's place is its byte offset, which
 * becomes a column only in messages.
 *
 *     amount > 10     NAME amount, GREATER, VALUE 10
 */
#ifndef SNAG_EXPR_LEXER_H
#define SNAG_EXPR_LEXER_H

#include "base/arena.h"
#include "base/err.h"
#include "event/value.h"

/* kind, how it is called in messages */
#define SNAG_TOKEN_TABLE(X)            \
    X(END, "the end of the expression") \
    X(NAME, "a name")                  \
    X(QUOTED, "a name in backticks")   \
    X(VALUE, "a literal")              \
    X(OPEN, "(")                       \
    X(CLOSE, ")")                      \
    X(LIST_OPEN, "[")                  \
    X(LIST_CLOSE, "]")                 \
    X(MAP_OPEN, "{")                   \
    X(MAP_CLOSE, "}")                  \
    X(DOT, ".")                        \
    X(COMMA, ",")                      \
    X(COLON, ":")                      \
    X(QUESTION, "?")                   \
    X(NOT, "!")                        \
    X(MINUS, "-")                      \
    X(PLUS, "+")                       \
    X(TIMES, "*")                      \
    X(DIVIDE, "/")                     \
    X(MODULO, "%")                     \
    X(EQUAL, "==")                     \
    X(NOT_EQUAL, "!=")                 \
    X(LESS, "<")                       \
    X(LESS_EQUAL, "<=")                \
    X(GREATER, ">")                    \
    X(GREATER_EQUAL, ">=")             \
    X(AND, "&&")                       \
    X(OR, "||")                        \
    X(IN, "in")

typedef enum snag_token_kind {
#define X(name, word) SNAG_TOKEN_##name,
    SNAG_TOKEN_TABLE(X)
#undef X
        SNAG_TOKEN_COUNT
} snag_token_kind;

typedef struct snag_token {
    snag_token_kind kind;
    uint32_t at;      /* byte offset in the text */
    snag_str text;    /* as written; NAME and QUOTED: the name */
    snag_value value; /* VALUE; a text borrows from the expression or from the lexer's arena */
} snag_token;

typedef struct snag_lexer {
    snag_str text;
    size_t at;
    snag_arena *arena; /* for strings with escapes */
    snag_diag *diag;
} snag_lexer;

SNAG_MUST_CHECK snag_err snag_lexer_next(snag_lexer *lexer, snag_token *token);
/* The word of a kind, e.g. "&&". */
const char *snag_token_word(snag_token_kind kind);
/* Code points before byte `at`, from 1. */
uint32_t snag_lexer_column(snag_str text, size_t at);
/* snag_fail with SNAG_EXPR at a place of the text. */
snag_err snag_lexer_fail(snag_str text, size_t at, snag_diag *diag, const char *format, ...)
    SNAG_PRINTF(4, 5);

/* literal.c: a number or a quoted text at lexer->at, which moves past it. */
SNAG_MUST_CHECK snag_err snag_literal_number(snag_lexer *lexer, snag_value *value);
SNAG_MUST_CHECK snag_err snag_literal_text(snag_lexer *lexer, snag_value *value);
/* Whether a quoted text begins here, perhaps with r and b before its quote. */
bool snag_literal_text_starts(snag_str text, size_t at);
/* A decimal double, e.g. "-84.32e7"; false where the text is not one in full. */
bool snag_literal_double(snag_str text, double *number);

#endif
