/* SPDX-License-Identifier: Apache-2.0
 *
 *     2^-(elapsed / half_life) = 2^-whole x product of 2^-(2^-i) over the bits i of the fraction
 *
 * The fraction's bits come one by one, by doubling what is left of elapsed / half_life; behind the 32nd the
 * rest is so small that 2^-x is 1 - x ln 2.
 */
#include "base/decay.h"

#include <stdbool.h>

#include "base/assert.h"

enum { BITS = 32, REST_BITS = 28 };

/* 2^-(2^-i) in 64 bits behind the point, i from 1. */
static const uint64_t roots[BITS] = {
    UINT64_C(0xb504f333f9de6484), UINT64_C(0xd744fccad69d6af4), UINT64_C(0xeac0c6e7dd24392f),
    UINT64_C(0xf5257d152486cc2c), UINT64_C(0xfa83b2db722a033a), UINT64_C(0xfd3e0c0cf486c175),
    UINT64_C(0xfe9e115c7b8f884c), UINT64_C(0xff4ecb59511ec8a5), UINT64_C(0xffa756521c8daed2),
    UINT64_C(0xffd3a751c0f7e10c), UINT64_C(0xffe9d2b2f7db2756), UINT64_C(0xfff4e91bff1b8c3e),
    UINT64_C(0xfffa747ea0040664), UINT64_C(0xfffd3a3b7814eb54), UINT64_C(0xfffe9d1cc60ddab1),
    UINT64_C(0xffff4e8e25879bfa), UINT64_C(0xffffa7470363f451), UINT64_C(0xffffd3a37dda0313),
    UINT64_C(0xffffe9d1bdf703af), UINT64_C(0xfffff4e8debe025e), UINT64_C(0xfffffa746f4fa150),
    UINT64_C(0xfffffd3a37a3f8b0), UINT64_C(0xfffffe9d1bd1065a), UINT64_C(0xffffff4e8de845ae),
    UINT64_C(0xffffffa746f41377), UINT64_C(0xffffffd3a37a05e4), UINT64_C(0xffffffe9d1bd01fc),
    UINT64_C(0xfffffff4e8de80c0), UINT64_C(0xfffffffa746f4051), UINT64_C(0xfffffffd3a37a025),
    UINT64_C(0xfffffffe9d1bd011), UINT64_C(0xffffffff4e8de808),
};
static const uint64_t ln2 = UINT64_C(0xb17217f7d1cf79ac);

/* a x b / 2^64. */
static uint64_t mul_high(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)a * b >> 64);
}

uint64_t snag_decay(uint64_t value, int64_t elapsed, int64_t half_life)
{
    SNAG_ASSERT(elapsed >= 0 && half_life > 0 && half_life < INT64_MAX / 2);
    int64_t whole = elapsed / half_life;
    uint64_t left = (uint64_t)(elapsed % half_life);
    uint64_t factor = UINT64_MAX; /* 1, but for the last bit */
    if (whole > 63)
        return 0;
    if (left == 0)
        return value >> whole;
    for (int i = 0; i < BITS && left; i++) {
        left *= 2;
        if (left < (uint64_t)half_life)
            continue;
        left -= (uint64_t)half_life;
        factor = mul_high(factor, roots[i]);
    }
    uint64_t rest = 0; /* the next 28 bits */
    for (int i = 0; i < REST_BITS; i++) {
        left *= 2;
        bool bit = left >= (uint64_t)half_life;
        left -= bit ? (uint64_t)half_life : 0;
        rest = rest << 1 | bit;
    }
    factor -= (mul_high(factor, ln2) >> BITS) * rest >> REST_BITS;
    return mul_high(value, factor) >> whole;
}
