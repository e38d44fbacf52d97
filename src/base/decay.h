/* SPDX-License-Identifier: Apache-2.0
 *
 * Decay by half-lives in whole numbers: the same on every machine, without floating point.
 */
#ifndef SNAG_BASE_DECAY_H
#define SNAG_BASE_DECAY_H

#include <stdint.h>

/* value x 2^-(elapsed / half_life), rounded down; relative error below 2^-56. elapsed >= 0, half_life > 0,
 * both in the same unit, half_life < 2^62. */
uint64_t snag_decay(uint64_t value, int64_t elapsed, int64_t half_life);

#endif
