/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/assert.h"
#include "base/pack.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t read64(const char *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

static uint64_t read32(const char *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

/* Up to 8 bytes, zero-padded, lowest first. Overlapping reads instead of a memcpy of unknown size, which
 * would be a call and most of the hash's time for short keys. */
static uint64_t read_tail(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size == 8)
        return read64(data);
    if (size >= 4)
        return read32(data) | read32(data + size - 4) << (8 * (size - 4));
    if (size == 0)
        return 0;
    return bytes[0] | (uint64_t)bytes[size / 2] << (8 * (size / 2)) |
           (uint64_t)bytes[size - 1] << (8 * (size - 1));
}

uint64_t snag_hash64(snag_str text, uint64_t seed)
{
    static const uint64_t k0 = 0xa0761d6478bd642fu;
    static const uint64_t k1 = 0xe7037ed1a0b428dbu;
    const char *data = text.data;
    size_t left = text.size;
    uint64_t hash = seed ^ k0;
    while (left > 16) {
        hash = mix(read64(data) ^ k1, read64(data + 8) ^ hash);
        data += 16;
        left -= 16;
    }
    size_t low = left < 8 ? left : 8;
    uint64_t a = read_tail(data, low);
    uint64_t b = left > 8 ? read_tail(data + 8, left - 8) : 0;
    hash = mix(a ^ k1, b ^ hash);
    return mix(hash ^ k0, (uint64_t)text.size ^ k1);
}

static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t value, unsigned bits)
{
    return (value >> bits) | (value << (32 - bits));
}

static void sha_schedule(uint32_t w[64], const unsigned char *block)
{
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | (uint32_t)block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
        uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

/* A round names its eight words anew instead of moving them: what it makes stands in *d and *h. */
static inline void sha_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f,
                             uint32_t g, uint32_t *h, uint32_t input)
{
    uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    uint32_t choice = (e & f) ^ (~e & g);
    uint32_t t1 = *h + s1 + choice + input;
    uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    *d += t1;
    *h = t1 + s0 + majority;
}

static void sha_block(snag_sha256 *sha, const unsigned char *block)
{
    uint32_t w[64];
    uint32_t *state = sha->state;
    if (sha->quick) {
        snag_sha256_block_quick(state, block, sha_k);
        return;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    sha_schedule(w, block);
    for (int i = 0; i < 64; i += 8) {
        sha_round(a, b, c, &d, e, f, g, &h, sha_k[i] + w[i]);
        sha_round(h, a, b, &c, d, e, f, &g, sha_k[i + 1] + w[i + 1]);
        sha_round(g, h, a, &b, c, d, e, &f, sha_k[i + 2] + w[i + 2]);
        sha_round(f, g, h, &a, b, c, d, &e, sha_k[i + 3] + w[i + 3]);
        sha_round(e, f, g, &h, a, b, c, &d, sha_k[i + 4] + w[i + 4]);
        sha_round(d, e, f, &g, h, a, b, &c, sha_k[i + 5] + w[i + 5]);
        sha_round(c, d, e, &f, g, h, a, &b, sha_k[i + 6] + w[i + 6]);
        sha_round(b, c, d, &e, f, g, h, &a, sha_k[i + 7] + w[i + 7]);
    }
    const uint32_t made[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += made[i];
}

void snag_sha256_init(snag_sha256 *sha)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(sha->state, start, sizeof start);
    sha->bytes = 0;
    sha->quick = false;
}

void snag_sha256_add(snag_sha256 *sha, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    while (size) {
        size_t at = sha->bytes % sizeof sha->block;
        size_t part = sizeof sha->block - at;
        if (part > size)
            part = size;
        memcpy(sha->block + at, bytes, part);
        sha->bytes += part;
        bytes += part;
        size -= part;
        if (at + part == sizeof sha->block)
            sha_block(sha, sha->block);
    }
}

void snag_sha256_add_text(snag_sha256 *sha, snag_str text)
{
    uint64_t length = __builtin_bswap64(text.size); /* hosts are little-endian (pack.h) */
    snag_sha256_add(sha, &length, sizeof length);
    snag_sha256_add(sha, text.data, text.size);
}

void snag_sha256_end(snag_sha256 *sha, uint8_t digest[32])
{
    static const unsigned char padding[64] = {0x80};
    uint64_t bits = __builtin_bswap64(sha->bytes * 8);
    size_t at = sha->bytes % 64;
    snag_sha256_add(sha, padding, at < 56 ? 56 - at : 120 - at);
    snag_sha256_add(sha, &bits, sizeof bits);
    SNAG_ASSERT(sha->bytes % 64 == 0);
    for (int i = 0; i < 8; i++) {
        uint32_t word = __builtin_bswap32(sha->state[i]);
        memcpy(digest + 4 * i, &word, sizeof word);
    }
}

uint32_t snag_murmur2(snag_str key)
{
    static const uint32_t m = 0x5bd1e995;
    const unsigned char *data = (const unsigned char *)key.data;
    uint32_t hash = 0x9747b28c ^ (uint32_t)key.size;
    size_t left = key.size;
    for (; left >= 4; data += 4, left -= 4) {
        uint32_t k = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                     (uint32_t)data[3] << 24;
        k *= m;
        k ^= k >> 24;
        hash = (hash * m) ^ (k * m);
    }
    if (left) {
        for (size_t i = left; i-- > 0;)
            hash ^= (uint32_t)data[i] << (8 * i);
        hash *= m;
    }
    hash ^= hash >> 13;
    hash *= m;
    hash ^= hash >> 15;
    return hash & 0x7fffffff;
}

void snag_text_hashed(snag_str text, char hex[SNAG_HASHED_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    snag_sha256 sha;
    uint8_t digest[32];
    snag_sha256_init(&sha);
    snag_sha256_add(&sha, text.data, text.size);
    snag_sha256_end(&sha, digest);
    for (size_t i = 0; i < SNAG_HASHED_BYTES / 2; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
}
