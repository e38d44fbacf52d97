/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of texts that is known at load, as a hash table: `customer in ["c-1", … 500 more]` costs the
 * same for long lists as for short ones.
 *
 *     slots  | 0 | 3 | 0 | 1 | 2 | 0 | …     0 = empty, else 1 + place in the list; linear probing
 */
#ifndef SNAG_EXPR_TEXT_SET_H
#define SNAG_EXPR_TEXT_SET_H

#include "base/arena.h"
#include "event/value.h"

enum { SNAG_TEXT_SET_LEAST = 8 }; /* shorter lists are walked */

typedef struct snag_text_set {
    const snag_value *items;
    const uint32_t *slots;
    uint32_t mask; /* slots - 1 */
} snag_text_set;

/* NULL: the value is no list of texts alone, too short to be worth it, or the arena is full. */
const snag_text_set *snag_text_set_make(snag_arena *arena, const snag_value *list);
bool snag_text_set_has(const snag_text_set *set, snag_str text);

#endif
