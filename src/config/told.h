/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules and stages with `due:` have in common: whom to tell, and in which words.
 */
#ifndef SNAG_CONFIG_TOLD_H
#define SNAG_CONFIG_TOLD_H

#include "config/key.h"

/* Fills severity, owner, sla, playbook and a headline that is given; tells: SNAG_TELLS_*, the numbers that
 * it may insert. */
void snag_told_load(snag_loader *loader, const snag_told_raw *raw, uint32_t tells, snag_signal_spec *out);
/* The words for these numbers, {observed} and its like. */
typedef struct snag_told_word {
    const char *name;
    uint32_t tells; /* one bit; 0 = every alert knows it */
} snag_told_word;
extern const snag_told_word snag_told_words[];
extern const uint32_t snag_told_word_count;

/* The zone that a customer's event names is remembered with the names of the headline: it counts, or is
 * shown, when a timer fires. After the headline is there. */
void snag_zone_capture(snag_signal_spec *signal, const snag_span *span);

#endif
