/* SPDX-License-Identifier: Apache-2.0
 *
 * Three hashes, each for one use:
 * - snag_hash64: fast, for tables in memory and the duplicate ring (stored: never change it);
 * - snag_sha256: identity that outside readers may rely on (FIPS 180-4);
 * - snag_murmur2: Kafka's default partitioner, so that a replay places keys as a producer does.
 */
#ifndef SNAG_BASE_HASH_H
#define SNAG_BASE_HASH_H

#include "base/str.h"

/* 64 bits from 128-bit multiplication, after Wang Yi's wyhash (public domain). */
uint64_t snag_hash64(snag_str text, uint64_t seed);

typedef struct snag_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
    bool quick; /* by the processor's own instructions: who has asked snag_sha256_quick may set it */
} snag_sha256;

/* Whether this processor has instructions for it; asking costs more than a digest: ask once. */
bool snag_sha256_quick(void);
/* One block by them, into the state (sha_quick.c). */
void snag_sha256_block_quick(uint32_t state[8], const unsigned char *block, const uint32_t constants[64]);

void snag_sha256_init(snag_sha256 *sha);
void snag_sha256_add(snag_sha256 *sha, const void *data, size_t size);
/* Adds the length as 8 bytes, big-endian, then the bytes: no two lists of texts run together. */
void snag_sha256_add_text(snag_sha256 *sha, snag_str text);
void snag_sha256_end(snag_sha256 *sha, uint8_t digest[32]);

/* What stands for a text that must not be told (`hash: true`): the first 16 bytes of its SHA-256 in hex. */
enum { SNAG_HASHED_BYTES = 32 };
void snag_text_hashed(snag_str text, char hex[SNAG_HASHED_BYTES]);

/* Kafka's murmur2 of a key, already made positive: partition = value % partitions. */
uint32_t snag_murmur2(snag_str key);

#endif
