/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person sees: colours only where a terminal reads them (NO_COLOR and TERM=dumb are obeyed),
 * numbers with thousands, and one progress line with rate and time left.
 */
#ifndef SNAG_CLI_TERMINAL_H
#define SNAG_CLI_TERMINAL_H

#include <stdio.h>

#include "base/buf.h"
#include "ports/clock.h"

typedef enum snag_style {
    SNAG_STYLE_PLAIN,
    SNAG_STYLE_BOLD,
    SNAG_STYLE_DIM,
    SNAG_STYLE_RED,
    SNAG_STYLE_GREEN,
    SNAG_STYLE_YELLOW,
    SNAG_STYLE_BLUE,
    SNAG_STYLE_CYAN,
    SNAG_STYLE_COUNT
} snag_style;

/* Whether a person's terminal reads this file. */
bool snag_terminal_is(FILE *file);
/* Whether colours may be written to it (see no-color.org). */
bool snag_terminal_colour(FILE *file);
/* Its width in characters; 100 where it is no terminal. */
unsigned snag_terminal_columns(FILE *file);

/* The bytes that begin a style; empty without colour. SNAG_STYLE_PLAIN ends every style. */
const char *snag_style_code(bool colour, snag_style style);
/* Text in a style, into a buffer; padded with blanks to `width` characters. */
void snag_style_put(snag_buf *buf, bool colour, snag_style style, snag_str text, size_t width);

/* 1234567 -> "1,234,567". */
void snag_number_print(snag_buf *buf, uint64_t number);
/* 1234567 -> "1.2 M", for rates. */
void snag_rate_print(snag_buf *buf, double rate);
/* `text` broken at blanks into lines of at most `columns` characters; lines after the first begin with
 * `indent` blanks, and the first is thought to begin there. */
void snag_wrapped_print(FILE *file, const char *text, unsigned indent, unsigned columns);

/* One line on stderr that is drawn over itself at most ten times a second, and only on a terminal:
 *     replay  61%  1,203,112 events  1.4 M/s  3 s left
 */
typedef struct snag_progress {
    const char *what;
    uint64_t total; /* in the units of `done`; 0 = unknown */
    int64_t started_ms;
    int64_t drawn_ms;
    bool on;
    bool drawn;
} snag_progress;

void snag_progress_init(snag_progress *progress, const char *what, uint64_t total);
/* done of total (bytes, say), and how many things that were. Cheap enough to call for every batch. */
void snag_progress_step(snag_progress *progress, uint64_t done, uint64_t count);
/* Wipes the line, so that other text may be written. */
void snag_progress_clear(snag_progress *progress);

#endif
