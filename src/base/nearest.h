/* SPDX-License-Identifier: Apache-2.0
 *
 * The nearest known name: "did you mean …?" for commands, options, keys and names in expressions.
 */
#ifndef SNAG_BASE_NEAREST_H
#define SNAG_BASE_NEAREST_H

#include "base/str.h"

/* How many single changes (insert, drop, replace, swap two neighbours) turn a into b, letters in
 * either case alike; texts longer than 64 bytes are compared by their first 64. */
size_t snag_str_distance(snag_str a, snag_str b);

/* A search: start with {.wanted = text}, offer every known name; `best` is empty where nothing is
 * near enough to be worth saying (more than a third of the letters differ). */
typedef struct snag_nearest {
    snag_str wanted;
    snag_str best;
    size_t distance;
} snag_nearest;

void snag_nearest_offer(snag_nearest *nearest, snag_str name);

#endif
