/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/slot.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"

enum { GOLDEN = 10127, WINDOW = 64, TRIES = 4096 };

static unsigned crc16(unsigned crc, snag_str bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= (unsigned)(unsigned char)bytes.data[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1 & 0xffff;
    }
    return crc;
}

unsigned snag_redis_slot(snag_str key)
{
    const char *open = key.size ? memchr(key.data, '{', key.size) : NULL;
    if (open) {
        size_t rest = key.size - (size_t)(open + 1 - key.data);
        const char *close = rest ? memchr(open + 1, '}', rest) : NULL;
        if (close && close != open + 1)
            key = snag_str_of(open + 1, (size_t)(close - open - 1));
    }
    return crc16(0, key) % SNAG_REDIS_SLOTS;
}

unsigned snag_redis_tag(char tag[SNAG_REDIS_TAG_MAX], snag_str space, uint32_t partition)
{
    SNAG_ASSERT(space.size <= SNAG_REDIS_TAG_MAX - 32);
    uint64_t base = snag_hash64(space, 0) % SNAG_REDIS_SLOTS;
    unsigned aim = (unsigned)((base + (uint64_t)partition * GOLDEN) % SNAG_REDIS_SLOTS);
    int size = snprintf(tag, SNAG_REDIS_TAG_MAX, "%.*s/%" PRIu32 ".", SNAG_FMT(space), partition);
    unsigned begun = crc16(0, snag_str_of(tag, (size_t)size)), slot = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        int digits = snprintf(tag + size, SNAG_REDIS_TAG_MAX - (size_t)size, "%u", i);
        slot = crc16(begun, snag_str_of(tag + size, (size_t)digits)) % SNAG_REDIS_SLOTS;
        if ((slot - aim) % SNAG_REDIS_SLOTS < WINDOW)
            break;
    }
    return slot;
}
