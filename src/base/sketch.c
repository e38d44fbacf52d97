/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sketch.h"

#include "base/assert.h"

enum { FORMAT = 1, MILLION = 1000000, ONE_BITS = 62 };

_Static_assert(SNAG_SKETCH_BUCKETS % SNAG_SKETCH_BLOCK == 0, "blocks are whole");
_Static_assert(SNAG_SKETCH_BLOCK == 64, "a bit each of 64");

uint32_t snag_sketch_bucket(int64_t ms)
{
    const int64_t first = INT64_C(1) << SNAG_SKETCH_BITS;
    if (ms < first)
        return ms < 0 ? 0 : (uint32_t)ms;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll((uint64_t)ms) - SNAG_SKETCH_BITS;
    if (octave >= SNAG_SKETCH_OCTAVES)
        return SNAG_SKETCH_BUCKETS - 1;
    return (octave << SNAG_SKETCH_BITS) + (uint32_t)(ms >> octave);
}

int64_t snag_sketch_last_ms(uint32_t bucket)
{
    SNAG_ASSERT(bucket < SNAG_SKETCH_BUCKETS);
    if (bucket < 2u << SNAG_SKETCH_BITS)
        return bucket;
    uint32_t octave = (bucket >> SNAG_SKETCH_BITS) - 1;
    int64_t next = (int64_t)(bucket - (octave << SNAG_SKETCH_BITS)) + 1;
    return (next << octave) - 1;
}

void snag_sketch_pack(const uint32_t counts[SNAG_SKETCH_BLOCK], snag_buf *buf)
{
    snag_pack_u8(buf, FORMAT);
    for (uint32_t i = 0; i < SNAG_SKETCH_BLOCK; i++) {
        if (counts[i] == 0)
            continue;
        snag_pack_u8(buf, (uint8_t)i);
        uint32_t left = counts[i];
        for (; left >= 0x80; left >>= 7)
            snag_pack_u8(buf, (uint8_t)(left | 0x80));
        snag_pack_u8(buf, (uint8_t)left);
    }
}

static uint32_t count_read(snag_unpack *unpack)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 35; shift += 7) {
        uint8_t byte = snag_unpack_u8(unpack);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
        unpack->bad |= shift == 28;
    }
    unpack->bad |= value == 0 || value > UINT32_MAX;
    return (uint32_t)value;
}

snag_sketch_read snag_sketch_read_on(snag_str bytes)
{
    snag_sketch_read read = {.unpack = snag_unpack_on(bytes), .place = -1};
    read.unpack.bad = snag_unpack_u8(&read.unpack) != FORMAT;
    return read;
}

bool snag_sketch_next(snag_sketch_read *read)
{
    if (read->unpack.at == read->unpack.end || read->unpack.bad)
        return false;
    uint8_t place = snag_unpack_u8(&read->unpack);
    read->unpack.bad |= place >= SNAG_SKETCH_BLOCK || place <= read->place;
    read->place = place;
    read->count = count_read(&read->unpack);
    return !read->unpack.bad;
}

bool snag_sketch_unpack(snag_str bytes, uint32_t counts[SNAG_SKETCH_BLOCK])
{
    snag_sketch_read read = snag_sketch_read_on(bytes);
    memset(counts, 0, SNAG_SKETCH_BLOCK * sizeof counts[0]);
    while (snag_sketch_next(&read))
        counts[read.place] = read.count;
    return !read.unpack.bad;
}

void snag_sketch_clear(snag_sketch *sketch)
{
    for (uint32_t block = 0; block < SNAG_SKETCH_BLOCKS; block++) {
        for (uint64_t left = sketch->used[block]; left; left &= left - 1) {
            uint32_t bucket = block * SNAG_SKETCH_BLOCK + (uint32_t)__builtin_ctzll(left);
            sketch->ends[bucket] = sketch->waits[bucket] = 0;
        }
        sketch->used[block] = 0;
    }
    sketch->ended = sketch->waiting = 0;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void snag_sketch_add(snag_sketch *sketch, uint32_t bucket, uint32_t ends, uint32_t waits)
{
    SNAG_ASSERT(bucket < SNAG_SKETCH_BUCKETS);
    sketch->used[bucket / SNAG_SKETCH_BLOCK] |= UINT64_C(1) << bucket % SNAG_SKETCH_BLOCK;
    sketch->ends[bucket] = sum(sketch->ends[bucket], ends);
    sketch->waits[bucket] = sum(sketch->waits[bucket], waits);
    sketch->ended += ends;
    sketch->waiting += waits;
}

/* share x (at_risk - ends) / at_risk, rounded down. */
static uint64_t survive(uint64_t share, uint64_t at_risk, uint64_t ends)
{
    __extension__ typedef unsigned __int128 wide;
    if (ends >= at_risk)
        return 0;
    return (uint64_t)((wide)share * (at_risk - ends) / at_risk);
}

int64_t snag_sketch_quantile(const snag_sketch *sketch, uint32_t millionths)
{
    SNAG_ASSERT(millionths < MILLION);
    const uint64_t one = UINT64_C(1) << ONE_BITS;
    uint64_t enough = survive(one, MILLION, millionths);
    uint64_t at_risk = sketch->ended + sketch->waiting;
    uint64_t share = one; /* that has not ended yet */
    for (uint32_t block = 0; block < SNAG_SKETCH_BLOCKS; block++)
        for (uint64_t left = sketch->used[block]; left; left &= left - 1) {
            uint32_t bucket = block * SNAG_SKETCH_BLOCK + (uint32_t)__builtin_ctzll(left);
            uint64_t ends = sketch->ends[bucket];
            if (ends)
                share = survive(share, at_risk, ends);
            if (ends && share <= enough)
                return snag_sketch_last_ms(bucket);
            uint64_t gone = ends + sketch->waits[bucket];
            at_risk = at_risk > gone ? at_risk - gone : 0;
        }
    return -1;
}
