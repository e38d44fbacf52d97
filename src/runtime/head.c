/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "journey/cell.h"

static const char magic[8] = {'S', 'N', 'A', 'G', 'H', 'E', 'A', 'D'};

enum { FIXED_BYTES = 8 + 2 + 4 + 4 + 8 + 8 + 8 + 16 + 32, RULES_BYTES = 8 + 1 + 1, ZONES_BYTES = 8 + 16 };
enum { SNAG_HEAD_VERSION_SINGLE = 2, SNAG_HEAD_VERSION_SOURCES = 3 }; /* what earlier programs read too */

static void put(snag_buf *buf, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        snag_buf_byte(buf, (char)(value >> (8 * i)));
}

static uint64_t get(const char **at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(unsigned char)(*at)[i] << (8 * i);
    *at += bytes;
    return value;
}

static void sources_write(snag_buf *buf, const snag_head *head)
{
    put(buf, head->count, 1);
    for (uint32_t i = 0; i < head->count; i++) {
        const snag_head_source *source = &head->sources[i];
        put(buf, source->name.size, 1);
        snag_buf_str_put(buf, source->name);
        put(buf, (uint64_t)source->oldest, 8);
        put(buf, (uint64_t)source->next, 8);
    }
}

static bool sources_read(snag_head *head, const char **at, const char *end)
{
    if (*at == end)
        return false;
    head->count = (uint32_t)get(at, 1);
    if (head->count < 2 || head->count > SNAG_FLOWS_MAX)
        return false;
    for (uint32_t i = 0; i < head->count; i++) {
        snag_head_source *source = &head->sources[i];
        size_t size = *at < end ? (size_t)get(at, 1) : 0;
        if (size == 0 || (size_t)(end - *at) < size + 16)
            return false;
        source->name = snag_str_of(*at, size);
        *at += size;
        source->oldest = (int64_t)get(at, 8);
        source->next = (int64_t)get(at, 8);
    }
    return true;
}

void snag_head_write(snag_buf *buf, const snag_head *head)
{
    static const uint8_t none[sizeof head->zones] = {0};
    bool zoned = memcmp(head->zones, none, sizeof none) != 0;
    uint64_t version = head->count > 1 ? SNAG_HEAD_VERSION_SOURCES : SNAG_HEAD_VERSION_SINGLE;
    snag_buf_put(buf, magic, sizeof magic);
    put(buf, zoned ? SNAG_HEAD_VERSION : version, 2);
    put(buf, head->partitions, 4);
    put(buf, head->pipeline, 4);
    put(buf, (uint64_t)head->n, 8);
    put(buf, (uint64_t)head->sources[0].oldest, 8);
    put(buf, (uint64_t)head->sources[0].next, 8);
    snag_buf_put(buf, head->incarnation, 16);
    snag_buf_put(buf, head->config, 32);
    put(buf, (uint64_t)head->rules, 8);
    put(buf, head->told, 1);
    put(buf, SNAG_CELL_VERSION, 1);
    if (zoned) {
        snag_buf_put(buf, head->zones, sizeof head->zones);
        snag_buf_put(buf, head->zone_version, sizeof head->zone_version);
        put(buf, head->count > 1, 1);
    }
    if (head->count > 1)
        sources_write(buf, head);
    snag_buf_str_put(buf, head->engine);
}

snag_err snag_head_read(snag_head *head, snag_str bytes, snag_diag *diag)
{
    const char *at = bytes.data + sizeof magic;
    if (bytes.size < FIXED_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0)
        return snag_fail(diag, SNAG_STATE, "the changelog holds a head that snag did not write");
    uint64_t version = get(&at, 2);
    if (version == 0 || version > SNAG_HEAD_VERSION)
        return snag_fail(diag, SNAG_STATE,
                         "the state was stored by a newer snag (format %" PRIu64 ", this program knows up to "
                         "%d): run that one",
                         version, SNAG_HEAD_VERSION);
    head->partitions = (uint32_t)get(&at, 4);
    head->pipeline = (uint32_t)get(&at, 4);
    head->n = (int64_t)get(&at, 8);
    head->count = 1;
    head->sources[0].name = (snag_str){"", 0};
    head->sources[0].oldest = (int64_t)get(&at, 8);
    head->sources[0].next = (int64_t)get(&at, 8);
    memcpy(head->incarnation, at, 16);
    memcpy(head->config, at + 16, 32);
    at += 48;
    head->rules = -1;
    head->told = false;
    head->cells = 1;
    if (version >= 2) {
        if (bytes.size < FIXED_BYTES + RULES_BYTES)
            return snag_fail(diag, SNAG_STATE, "the changelog holds a head that was cut short");
        head->rules = (int64_t)get(&at, 8);
        head->told = get(&at, 1) != 0;
        head->cells = (uint8_t)get(&at, 1);
    }
    bool several = version == SNAG_HEAD_VERSION_SOURCES;
    memset(head->zones, 0, sizeof head->zones);
    memset(head->zone_version, 0, sizeof head->zone_version);
    if (version >= 4) {
        if (bytes.size < FIXED_BYTES + RULES_BYTES + ZONES_BYTES + 1)
            return snag_fail(diag, SNAG_STATE, "the changelog holds a head that was cut short");
        memcpy(head->zones, at, sizeof head->zones);
        memcpy(head->zone_version, at + 8, sizeof head->zone_version);
        at += ZONES_BYTES;
        several = get(&at, 1) != 0;
    }
    if (several && !sources_read(head, &at, bytes.data + bytes.size))
        return snag_fail(diag, SNAG_STATE, "the changelog holds a head that was cut short");
    head->engine = snag_str_of(at, bytes.size - (size_t)(at - bytes.data));
    return SNAG_OK;
}

void snag_head_words(char *text, size_t room, int64_t n, const uint8_t incarnation[16])
{
    char hex[33];
    snag_buf buf = snag_buf_on(hex, 32);
    snag_buf_hex(&buf, incarnation, 16);
    hex[32] = '\0';
    int size = snprintf(text, room, "snag 1 n=%" PRId64 " i=%s", n, hex);
    SNAG_ASSERT(size > 0 && (size_t)size < room);
}

static int digit(char hex)
{
    if (hex >= '0' && hex <= '9')
        return hex - '0';
    return hex >= 'a' && hex <= 'f' ? hex - 'a' + 10 : -1;
}

bool snag_head_words_read(const char *text, int64_t *n, uint8_t incarnation[16])
{
    static const char begins[] = "snag 1 n=";
    char *end;
    if (strncmp(text, begins, sizeof begins - 1) != 0)
        return false;
    *n = strtoll(text + sizeof begins - 1, &end, 10);
    if (strncmp(end, " i=", 3) != 0 || strlen(end) != 3 + 32 || *n < 0)
        return false;
    for (size_t i = 0; i < 16; i++) {
        int high = digit(end[3 + 2 * i]), low = digit(end[4 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        incarnation[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
