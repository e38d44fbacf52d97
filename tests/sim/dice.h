/* SPDX-License-Identifier: Apache-2.0
 *
 * Chance that repeats itself: splitmix64 from a seed.
 */
#ifndef SIM_DICE_H
#define SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_dice {
    uint64_t state;
} sim_dice;

static inline uint64_t sim_bits(sim_dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline int64_t sim_below(sim_dice *dice, int64_t n)
{
    return (int64_t)(sim_bits(dice) % (uint64_t)n);
}

/* from .. to, both included */
static inline int64_t sim_between(sim_dice *dice, int64_t from, int64_t to)
{
    return from + sim_below(dice, to - from + 1);
}

static inline bool sim_chance(sim_dice *dice, int percent)
{
    return sim_below(dice, 100) < percent;
}

#endif
