/* SPDX-License-Identifier: Apache-2.0
 *
 * A block of SHA-256 by the instructions that newer x86-64 processors have for it (Gulley et al., "Intel SHA
 * Extensions", 2013). They want the eight words as | a b e f | and | c d g h |, the lowest word last.
 */
#include "base/hash.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

enum { HAS_SSSE3 = 1 << 9, HAS_SSE41 = 1 << 19, HAS_SHA = 1 << 29 };

bool snag_sha256_quick(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & HAS_SSSE3) == 0 || (c & HAS_SSE41) == 0)
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & HAS_SHA) != 0;
}

__attribute__((target("sha,ssse3,sse4.1"))) void
snag_sha256_block_quick(uint32_t state[8], const unsigned char *block, const uint32_t constants[64])
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i w[16];
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    for (int i = 0; i < 16; i++) {
        if (i < 4) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
            w[i] = _mm_shuffle_epi8(bytes, swap);
        } else {
            __m128i sum = _mm_sha256msg1_epu32(w[i - 4], w[i - 3]);
            sum = _mm_add_epi32(sum, _mm_alignr_epi8(w[i - 1], w[i - 2], 4));
            w[i] = _mm_sha256msg2_epu32(sum, w[i - 1]);
        }
        __m128i input = _mm_loadu_si128((const __m128i *)(const void *)(constants + 4 * i));
        input = _mm_add_epi32(input, w[i]);
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(input, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#else

#include "base/assert.h"

bool snag_sha256_quick(void)
{
    return false;
}

void snag_sha256_block_quick(uint32_t state[8], const unsigned char *block, const uint32_t constants[64])
{
    (void)state;
    (void)block;
    (void)constants;
    SNAG_ASSERT(!"never asked for");
}

#endif
