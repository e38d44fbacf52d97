/* SPDX-License-Identifier: Apache-2.0
 *
 * Repeatable random numbers for property tests. A test draws from a seed it prints when it fails:
 *
 *     for (uint64_t round = 0; round < 1000; round++) {
 *         snag_seed seed = snag_seed_from(round);
 *         ...
 *     }
 *
 * SplitMix64 (Steele, Lea, Flood 2014; public domain constants).
 */
#ifndef SNAG_TESTS_SEED_H
#define SNAG_TESTS_SEED_H

#include <stddef.h>
#include <stdint.h>

typedef struct snag_seed {
    uint64_t state;
} snag_seed;

static inline snag_seed snag_seed_from(uint64_t number)
{
    return (snag_seed){.state = number * 0x9e3779b97f4a7c15u + 1};
}

static inline uint64_t snag_seed_next(snag_seed *seed)
{
    uint64_t z = seed->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number below `bound` (> 0). */
static inline uint64_t snag_seed_below(snag_seed *seed, uint64_t bound)
{
    return snag_seed_next(seed) % bound;
}

static inline void snag_seed_bytes(snag_seed *seed, void *to, size_t size)
{
    unsigned char *bytes = to;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)snag_seed_next(seed);
}

#endif
