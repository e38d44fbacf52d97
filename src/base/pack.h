/* SPDX-License-Identifier: Apache-2.0
 *
 * Little-endian numbers in packed bytes, and a reader that never runs past its end.
 */
#ifndef SNAG_BASE_PACK_H
#define SNAG_BASE_PACK_H

#include "base/buf.h"

/* Hosts are little-endian (x86-64, arm64); a build elsewhere stops here instead of writing other bytes. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed state is little-endian");

static inline void snag_pack_u8(snag_buf *buf, uint8_t value)
{
    snag_buf_byte(buf, (char)value);
}

static inline void snag_pack_u16(snag_buf *buf, uint16_t value)
{
    snag_buf_put(buf, &value, sizeof value);
}

static inline void snag_pack_u32(snag_buf *buf, uint32_t value)
{
    snag_buf_put(buf, &value, sizeof value);
}

static inline void snag_pack_i64(snag_buf *buf, int64_t value)
{
    snag_buf_put(buf, &value, sizeof value);
}

/* Length in two bytes, then the text. */
static inline void snag_pack_text(snag_buf *buf, snag_str text)
{
    snag_pack_u16(buf, (uint16_t)text.size);
    snag_buf_str_put(buf, text);
}

/* Past the end every read gives zero and `bad` stays set: look once, at the end. */
typedef struct snag_unpack {
    const char *at;
    const char *end;
    bool bad;
} snag_unpack;

static inline snag_unpack snag_unpack_on(snag_str bytes)
{
    return (snag_unpack){.at = bytes.data, .end = bytes.data + bytes.size, .bad = false};
}

static inline size_t snag_unpack_left(const snag_unpack *unpack)
{
    return (size_t)(unpack->end - unpack->at);
}

static inline bool snag_unpack_bytes(snag_unpack *unpack, void *to, size_t size)
{
    if (snag_unpack_left(unpack) < size) {
        unpack->bad = true;
        unpack->at = unpack->end;
        memset(to, 0, size);
        return false;
    }
    memcpy(to, unpack->at, size);
    unpack->at += size;
    return true;
}

static inline uint8_t snag_unpack_u8(snag_unpack *unpack)
{
    uint8_t value;
    snag_unpack_bytes(unpack, &value, sizeof value);
    return value;
}

static inline uint16_t snag_unpack_u16(snag_unpack *unpack)
{
    uint16_t value;
    snag_unpack_bytes(unpack, &value, sizeof value);
    return value;
}

static inline uint32_t snag_unpack_u32(snag_unpack *unpack)
{
    uint32_t value;
    snag_unpack_bytes(unpack, &value, sizeof value);
    return value;
}

static inline int64_t snag_unpack_i64(snag_unpack *unpack)
{
    int64_t value;
    snag_unpack_bytes(unpack, &value, sizeof value);
    return value;
}

/* Borrows `size` bytes in place. */
static inline snag_str snag_unpack_view(snag_unpack *unpack, size_t size)
{
    if (snag_unpack_left(unpack) < size) {
        unpack->bad = true;
        unpack->at = unpack->end;
        return (snag_str){unpack->end, 0};
    }
    snag_str view = snag_str_of(unpack->at, size);
    unpack->at += size;
    return view;
}

static inline snag_str snag_unpack_text(snag_unpack *unpack)
{
    return snag_unpack_view(unpack, snag_unpack_u16(unpack));
}

#endif
