/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of characters while a pattern is read: [a-z_], \d, [[:alpha:]], [^\s].
 */
#ifndef SNAG_EXPR_REGEX_CLASS_H
#define SNAG_EXPR_REGEX_CLASS_H

#include "expr/regex_tree.h"

enum { SNAG_CLASS_RANGES_MAX = 256 };

typedef struct snag_class_draft {
    snag_code_range ranges[SNAG_CLASS_RANGES_MAX];
    uint32_t count;
    bool full; /* more ranges than there is room for */
} snag_class_draft;

void snag_class_add(snag_class_draft *draft, uint32_t first, uint32_t last);
/* \d \w \s and their capitals; false: no such letter. */
bool snag_class_add_letter(snag_class_draft *draft, char letter);
/* "alpha" or "^alpha" of [[:alpha:]]; false: no such name. */
bool snag_class_add_name(snag_class_draft *draft, snag_str name);
/* NULL: the arena is full. */
const snag_char_class *snag_class_keep(snag_arena *arena, const snag_class_draft *draft, bool negated,
                                       bool folded);
bool snag_class_has(const snag_char_class *chars, uint32_t code);

#endif
