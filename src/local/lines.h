/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of files: JSON Lines, plain or gzip (told by the first two bytes), or standard input.
 *
 *     file --read--> [ packed ] --inflate--> [ ....line\nline\nline\nli | free ] --> batch of lines
 *                                              ^parsed             ^filled
 *
 * A line's offset is its first byte's place in the uncompressed stream. Memory is bounded: a line longer
 * than SNAG_RECORD_BYTES_MAX is handed out by its beginning, with its true size and its SHA-256, and the
 * rest is read past. Blank lines are skipped. Nothing waits for more input while a whole line is there,
 * so that a live pipe is followed as it comes.
 */
#ifndef SNAG_LOCAL_LINES_H
#define SNAG_LOCAL_LINES_H

#include "base/err.h"
#include "base/limits.h"

typedef struct snag_line {
    snag_str text;  /* without the line end; an over-long line's first SNAG_RECORD_BYTES_MAX bytes */
    int64_t offset;
    uint64_t size;  /* the true size; more than text.size = over-long */
} snag_line;

typedef struct snag_lines snag_lines;

/* path "-" is standard input. SNAG_IO: cannot be opened. */
SNAG_MUST_CHECK snag_err snag_lines_new(snag_lines **out, const char *path, snag_diag *diag);
void snag_lines_free(snag_lines *lines);

/* Up to `max` lines, at least one; they are borrowed until the next call. An over-long line is the last
 * of its batch. SNAG_END: no line is left; SNAG_IO: the file cannot be read on, or is cut short. */
SNAG_MUST_CHECK snag_err snag_lines_read(snag_lines *lines, snag_line *batch, size_t max, size_t *count,
                                         snag_diag *diag);

/* SHA-256 over all bytes of the over-long line that ended the newest batch. */
void snag_lines_sha256(const snag_lines *lines, uint8_t digest[32]);
/* Bytes of the file taken so far and in all (0 = unknown), both as stored: for progress. */
uint64_t snag_lines_done(const snag_lines *lines);
uint64_t snag_lines_total(const snag_lines *lines);

#endif
