/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline's words: what a later version of it needs to close the episodes of rules it no longer has, and
 * to carry walks over. They stand in the changelog: stored items name their rule only by a fingerprint.
 *
 *     | "SNAGRULE" | format 2 | entries 2 | entry ... |                 format 1: entries without tags
 *     entry | fingerprint 4 | stage 1 | scope tag 2 | late fingerprint 4 | severity 1 | shadow 1 |
 *           | name | test | owner | playbook | headline | clears when | journey | stage name |
 *           | tags 1 | tag ... |
 *             (each text: length 2, text)
 *
 * A rule has one entry, with stage SNAG_WORDS_RULE; a journey one for each stage.
 */
#ifndef SNAG_ENGINE_WORDS_H
#define SNAG_ENGINE_WORDS_H

#include "base/buf.h"
#include "engine/pipeline.h"

enum { SNAG_WORDS_FORMAT = 2, SNAG_WORDS_RULE = 0xFF, SNAG_WORDS_BYTES_MAX = 768 << 10 };

typedef struct snag_words_entry {
    uint32_t fingerprint;
    uint8_t stage;     /* SNAG_WORDS_RULE: it is a rule */
    uint16_t scope;    /* tag */
    uint32_t late;     /* fingerprint of the stage's `due:`; 0 = it had none */
    snag_signal_spec spec; /* of the rule or the stage's `due:`, as far as an episode's end needs it */
    snag_str tags[SNAG_TAGS_MAX]; /* that spec.tags points to, in an entry that was found */
    snag_str journey;
    snag_str stage_name;
} snag_words_entry;

/* This pipeline's, and behind them those of `earlier` words (sound, or empty) that are not its own: as many
 * as fit into SNAG_WORDS_BYTES_MAX, so that the record stays one that a topic takes. */
void snag_words_write(const snag_pipeline *pipeline, snag_str earlier, snag_buf *buf);
/* Whether the bytes are words of a format this program knows, from the first to the last. */
bool snag_words_sound(snag_str words);
/* False: no such entry. Its texts are borrowed from the words, which must be sound (or empty); it is not to
 * be copied. */
bool snag_words_find(snag_str words, uint32_t fingerprint, uint8_t stage, snag_words_entry *entry);

#endif
