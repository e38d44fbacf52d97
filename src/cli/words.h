/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of a case, cut into words: plain ones, "quoted ones", key=value and key="quoted value". Inside
 * quotes \" and \\ stand for themselves; # at a word's beginning ends the line.
 */
#ifndef SNAG_CLI_WORDS_H
#define SNAG_CLI_WORDS_H

#include "base/arena.h"

enum { SNAG_WORDS_MAX = 128 };

typedef struct snag_word {
    snag_str text;  /* without the quotes; of a pair, key=value as it stands */
    snag_str key;   /* empty: not a pair */
    snag_str value; /* of a pair, without the quotes */
    bool quoted;
    uint32_t column; /* from 1 */
    uint32_t end;    /* the column behind it */
} snag_word;

typedef struct snag_words {
    snag_str line;
    uint32_t count;
    snag_word list[SNAG_WORDS_MAX];
} snag_words;

/* False: *message says what is wrong at *column. Texts are borrowed from the line or live in the arena. */
bool snag_words_split(snag_words *words, snag_str line, snag_arena *arena, const char **message,
                      uint32_t *column);
/* Words from..to as they stand in the line, blanks between them kept; one quoted word without its quotes. */
snag_str snag_words_joined(const snag_words *words, uint32_t from, uint32_t to);
bool snag_word_int(snag_str text, int64_t *value);
bool snag_word_double(snag_str text, double *value);

#endif
