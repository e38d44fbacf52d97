/* SPDX-License-Identifier: Apache-2.0
 *
 * Between a pattern's text and its program: pieces, in the arena of the pattern.
 */
#ifndef SNAG_EXPR_REGEX_TREE_H
#define SNAG_EXPR_REGEX_TREE_H

#include "base/arena.h"
#include "base/err.h"

typedef enum snag_piece_kind {
    SNAG_PIECE_EMPTY,
    SNAG_PIECE_CHAR,   /* code */
    SNAG_PIECE_CLASS,  /* ranges */
    SNAG_PIECE_ANY,    /* any character */
    SNAG_PIECE_PLACE,  /* code: a snag_place */
    SNAG_PIECE_CHAIN,  /* children one behind the other */
    SNAG_PIECE_EITHER, /* one of the children */
    SNAG_PIECE_REPEAT  /* its child, least..most times */
} snag_piece_kind;

typedef enum snag_place {
    SNAG_PLACE_TEXT_BEGIN, /* \A, and ^ without (?m) */
    SNAG_PLACE_TEXT_END,   /* \z, and $ without (?m) */
    SNAG_PLACE_LINE_BEGIN,
    SNAG_PLACE_LINE_END,
    SNAG_PLACE_WORD, /* \b */
    SNAG_PLACE_NOT_WORD
} snag_place;

typedef struct snag_code_range {
    uint32_t first;
    uint32_t last;
} snag_code_range;

/* Characters of [...]: those in a range, or, negated, all others. */
typedef struct snag_char_class {
    const snag_code_range *ranges;
    uint32_t count;
    bool negated;
    bool folded; /* (?i) */
} snag_char_class;

#define SNAG_REPEAT_FOREVER UINT32_MAX

typedef struct snag_piece {
    snag_piece_kind kind;
    bool folded; /* CHAR under (?i); its code is folded */
    uint32_t code;
    uint32_t least;
    uint32_t most;
    const snag_char_class *chars;
    struct snag_piece *first;
    struct snag_piece *next;
} snag_piece;

SNAG_MUST_CHECK snag_err snag_regex_parse(snag_arena *arena, snag_str pattern, snag_piece **out,
                                          snag_diag *diag);

/* The small letter of a capital one, as far as letters pair simply: Latin, Greek, Cyrillic. */
uint32_t snag_code_fold(uint32_t code);
uint32_t snag_code_capital(uint32_t code);

#endif
