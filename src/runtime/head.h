/* SPDX-License-Identifier: Apache-2.0
 *
 * What every commit writes about itself, twice: the changelog's head record, and the words beside the
 * group's offset. Recovery trusts a state only where the two agree on incarnation and n.
 *
 *     offset metadata   "snag 1 n=41 i=<32 hex digits>"
 *     changelog key     'h' = the head, 'c' + cell key = a cell, 'r' = the rules' words (upgrade.c)
 *     head value        SNAGHEAD format:u16 - partitions:u32 pipeline:u32 n:i64 C:i64 N:i64
 *                       incarnation[16] config[32] | rules:i64 told:u8 cells:u8 | engine's own bytes …
 *                       (integers little-endian; format 1 has nothing between config and the engine's bytes)
 *     of several sources: format 3, and behind cells: count:u8 and of each source size:u8 name C:i64 N:i64
 *     with time zones:  format 4, and behind cells: zones[8] zone version[16] several:u8, then the sources
 */
#ifndef SNAG_RUNTIME_HEAD_H
#define SNAG_RUNTIME_HEAD_H

#include "base/buf.h"
#include "base/limits.h"

enum { SNAG_HEAD_KEY = 'h', SNAG_CELL_KEY = 'c', SNAG_RULES_KEY = 'r', SNAG_HEAD_VERSION = 4 };

typedef struct snag_head_source {
    snag_str name; /* borrowed; empty = the only one of a state of one source */
    int64_t oldest; /* C: the oldest record not yet applied; the committed offset */
    int64_t next;   /* N: the next record not yet read */
} snag_head_source;

typedef struct snag_head {
    uint8_t incarnation[16];
    uint8_t config[32];
    int64_t n;
    snag_head_source sources[SNAG_FLOWS_MAX];
    uint32_t count;      /* of them; with 0 or 1 the only one has no name */
    uint32_t partitions; /* of the input topic */
    uint32_t pipeline;   /* version of the pipeline file */
    int64_t rules;       /* where the words in force lie in the changelog; -1 = in this commit, or nowhere */
    bool told;           /* they are those of this config */
    uint8_t cells;       /* newest format of a cell */
    uint8_t zones[8];    /* names the bytes of the time zones that are used; zeros = none are */
    char zone_version[16]; /* what the system calls them ("2025b"), filled with zeros */
    snag_str engine;     /* snag_engine_head_write's bytes; borrowed */
} snag_head;

void snag_head_write(snag_buf *buf, const snag_head *head);
/* SNAG_STATE: not a head, or of a format newer than this program. engine is borrowed from bytes. */
SNAG_MUST_CHECK snag_err snag_head_read(snag_head *head, snag_str bytes, snag_diag *diag);

/* Terminated, fits in 96 bytes. */
void snag_head_words(char *text, size_t room, int64_t n, const uint8_t incarnation[16]);
/* False: the words are not ours. */
bool snag_head_words_read(const char *text, int64_t *n, uint8_t incarnation[16]);

#endif
