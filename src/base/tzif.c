/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a TZif file (RFC 8536): bytes in, compiled zone out.
 *
 *     | header 44 | 32-bit data |  and from version 2 on  | header 44 | 64-bit data | \n TZ string \n |
 *     header  "TZif" version 15 reserved, then six counts of 4 bytes: utc, std, leap, time, type, char
 *     data    times | which type each | types: offset 4, dst 1, name 1 | names | leap … | std | utc
 *
 * All numbers are big-endian. Every length is checked before it is used; bytes are not believed.
 */
#include "base/limits.h"
#include "base/time.h"
#include "base/zone.h"

enum { HEADER_BYTES = 44, TYPES_MAX = 256, RULE_HOURS_MAX = 167 };

typedef struct counts {
    uint32_t utc;
    uint32_t std;
    uint32_t leap;
    uint32_t time;
    uint32_t type;
    uint32_t letter;
} counts;

static int64_t big(const char *at, size_t bytes)
{
    uint64_t value = (unsigned char)at[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | (unsigned char)at[i];
    return (int64_t)value;
}

static snag_err bad(snag_diag *diag, const char *what)
{
    return snag_fail(diag, SNAG_BAD_SYNTAX, "not a usable TZif file: %s", what);
}

static bool header_read(snag_str bytes, size_t at, char *version, counts *out)
{
    uint32_t *fields[6] = {&out->utc, &out->std, &out->leap, &out->time, &out->type, &out->letter};
    if (bytes.size < at || bytes.size - at < HEADER_BYTES || memcmp(bytes.data + at, "TZif", 4) != 0)
        return false;
    *version = bytes.data[at + 4];
    for (size_t i = 0; i < 6; i++) {
        int64_t value = big(bytes.data + at + 20 + 4 * i, 4);
        if (value < 0 || value > SNAG_ZONE_BYTES_MAX)
            return false;
        *fields[i] = (uint32_t)value;
    }
    return true;
}

/* Bytes of the data behind a header, with times of `width` bytes. */
static size_t data_bytes(const counts *n, size_t width)
{
    return n->time * (width + 1) + n->type * 6 + n->letter + n->leap * (width + 4) + n->std + n->utc;
}

/* --- the footer: std offset [dst [offset] , begin [/time] , end [/time]] ------------------------------ */

typedef struct words {
    const char *at;
    const char *end;
} words;

static bool next_is(words *w, char c)
{
    if (w->at == w->end || *w->at != c)
        return false;
    w->at++;
    return true;
}

static bool number(words *w, int32_t most, int32_t *out)
{
    const char *from = w->at;
    *out = 0;
    while (w->at < w->end && *w->at >= '0' && *w->at <= '9' && *out <= most)
        *out = *out * 10 + (*w->at++ - '0');
    return w->at > from && *out <= most;
}

/* Three letters or more, or <anything else of letters, digits and signs>. */
static bool zone_word(words *w)
{
    bool quoted = next_is(w, '<');
    const char *from = w->at;
    while (w->at < w->end) {
        char c = *w->at;
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool more = quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-');
        if (!letter && !more)
            break;
        w->at++;
    }
    bool enough = w->at - from >= 3;
    return enough && (!quoted || next_is(w, '>'));
}

/* [+|-]hh[:mm[:ss]] in seconds. */
static bool clock_read(words *w, int32_t hours_max, int32_t *out)
{
    int32_t hours;
    int32_t minutes = 0;
    int32_t seconds = 0;
    bool minus = next_is(w, '-');
    if (!minus)
        next_is(w, '+');
    if (!number(w, hours_max, &hours))
        return false;
    if (next_is(w, ':')) {
        if (!number(w, 59, &minutes))
            return false;
        if (next_is(w, ':') && !number(w, 59, &seconds))
            return false;
    }
    *out = (hours * 3600 + minutes * 60 + seconds) * (minus ? -1 : 1);
    return true;
}

static bool turn_read(words *w, snag_zone_turn *turn)
{
    *turn = (snag_zone_turn){.time_s = 7200};
    if (next_is(w, 'M')) {
        turn->kind = SNAG_ZONE_DAY_MONTH;
        if (!number(w, 12, &turn->month) || turn->month < 1 || !next_is(w, '.') ||
            !number(w, 5, &turn->week) || turn->week < 1 || !next_is(w, '.') || !number(w, 6, &turn->day))
            return false;
    } else {
        turn->kind = next_is(w, 'J') ? SNAG_ZONE_DAY_JULIAN : SNAG_ZONE_DAY_ZERO;
        if (!number(w, 365, &turn->day) || (turn->kind == SNAG_ZONE_DAY_JULIAN && turn->day < 1))
            return false;
    }
    return !next_is(w, '/') || clock_read(w, RULE_HOURS_MAX, &turn->time_s);
}

/* A POSIX offset counts westward. */
static bool rule_read(snag_zone *zone, snag_str text)
{
    words w = {text.data, text.data + text.size};
    int32_t west;
    if (!zone_word(&w) || !clock_read(&w, 24, &west))
        return false;
    zone->standard_s = -west;
    if (w.at == w.end)
        return true;
    if (!zone_word(&w))
        return false;
    zone->summer_s = zone->standard_s + 3600;
    if (w.at < w.end && *w.at != ',') {
        if (!clock_read(&w, 24, &west))
            return false;
        zone->summer_s = -west;
    }
    if (!next_is(&w, ',') || !turn_read(&w, &zone->begin) || !next_is(&w, ',') || !turn_read(&w, &zone->end))
        return false;
    zone->ruled = zone->summer_s != zone->standard_s;
    return w.at == w.end;
}

/* The rule goes on from the table: at its last change both must say the same. */
static snag_err footer_read(snag_zone *zone, snag_str rest, snag_diag *diag)
{
    bool begun = rest.size > 1 && rest.data[0] == '\n';
    const char *end = begun ? memchr(rest.data + 1, '\n', rest.size - 1) : NULL;
    if (!end)
        return bad(diag, "the footer is cut short");
    snag_str text = snag_str_of(rest.data + 1, (size_t)(end - rest.data) - 1);
    if (text.size == 0)
        return SNAG_OK; /* nothing is known of later times: the last offset stays */
    if (!rule_read(zone, text))
        return bad(diag, "the footer is no TZ string");
    int32_t last_s = zone->offset_s[zone->count];
    if (!zone->ruled && zone->standard_s != last_s && zone->count == 0)
        return bad(diag, "the footer is not what the table says");
    if (zone->count > 0 && (zone->ruled ? snag_zone_offset(zone, zone->at_s[zone->count - 1])
                                        : zone->standard_s) != last_s)
        return bad(diag, "the footer does not go on where the table ends");
    return SNAG_OK;
}

/* --- the table -------------------------------------------------------------------------------------- */

static snag_err offsets_read(const char *types, const counts *n, int32_t offsets[TYPES_MAX], snag_diag *diag)
{
    if (n->type == 0 || n->type > TYPES_MAX)
        return bad(diag, "it has no local time, or too many");
    for (uint32_t i = 0; i < n->type; i++) {
        int64_t offset_s = big(types + 6 * i, 4);
        if (offset_s > SNAG_ZONE_OFFSET_MAX || offset_s < -SNAG_ZONE_OFFSET_MAX)
            return bad(diag, "an offset of more than a day");
        offsets[i] = (int32_t)offset_s;
    }
    return SNAG_OK;
}

/* Changes of name alone are left out. */
static snag_err table_read(snag_zone *zone, snag_arena *arena, const char *data, const counts *n,
                           size_t width, snag_diag *diag)
{
    int32_t offsets[TYPES_MAX];
    const char *which = data + n->time * width;
    int64_t *at_s = snag_arena_take(arena, n->time * sizeof *at_s);
    int32_t *offset_s = snag_arena_take(arena, (n->time + 1) * sizeof *offset_s);
    if (!at_s || !offset_s)
        return SNAG_FULL;
    snag_err err = offsets_read(which + n->time, n, offsets, diag);
    if (err)
        return err;
    offset_s[0] = offsets[0];
    int64_t before_s = INT64_MIN;
    for (uint32_t i = 0; i < n->time; i++) {
        int64_t time_s = big(data + i * width, width);
        uint32_t type = (unsigned char)which[i];
        if (type >= n->type || (i > 0 && time_s <= before_s))
            return bad(diag, "its changes are not in order");
        before_s = time_s;
        if (offsets[type] == offset_s[zone->count] || time_s > SNAG_TIME_SANE / SNAG_SECOND_MS)
            continue;
        at_s[zone->count] = time_s;
        offset_s[++zone->count] = offsets[type];
    }
    zone->at_s = at_s;
    zone->offset_s = offset_s;
    return SNAG_OK;
}

snag_err snag_zone_parse(snag_zone *out, snag_arena *arena, snag_str name, snag_str bytes, snag_diag *diag)
{
    counts n;
    char version;
    size_t width = 4;
    size_t at = HEADER_BYTES;
    *out = (snag_zone){.name = name};
    if (bytes.size > SNAG_ZONE_BYTES_MAX || !header_read(bytes, 0, &version, &n))
        return bad(diag, "it does not begin as one");
    if (version >= '2') {
        at += data_bytes(&n, width);
        width = 8;
        if (!header_read(bytes, at, &version, &n) || version < '2')
            return bad(diag, "the second header is not there");
        at += HEADER_BYTES;
    }
    if (bytes.size - at < data_bytes(&n, width))
        return bad(diag, "it is cut short");
    if (n.leap > 0)
        return bad(diag, "it counts leap seconds");
    if (n.time > SNAG_ZONE_CHANGES_MAX)
        return bad(diag, "too many changes");
    snag_err err = table_read(out, arena, bytes.data + at, &n, width, diag);
    if (err || width == 4)
        return err;
    at += data_bytes(&n, width);
    return footer_read(out, snag_str_of(bytes.data + at, bytes.size - at), diag);
}
