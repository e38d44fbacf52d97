/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/headline.h"

#include "base/assert.h"
#include "base/time.h"
#include "base/utf8.h"
#include "rules/step.h"

enum { RENDER_BYTES = 2048 };

/* A share where there are attempts or what is usual. */
static void put_figure(snag_buf *buf, double value, bool share)
{
    snag_buf_figure(buf, share ? value * 100 : value);
    if (share)
        snag_buf_byte(buf, '%');
}

static void put_name(snag_buf *buf, const snag_item *item, const snag_headline_facts *facts,
                     snag_str name)
{
    snag_str text;
    if (snag_str_equal(name, SNAG_STR("customer")))
        snag_buf_str_put(buf, facts->customer);
    else if (snag_str_equal(name, SNAG_STR("observed")) && facts->observed >= 0)
        snag_buf_int(buf, facts->observed);
    else if (snag_str_equal(name, SNAG_STR("elapsed")))
        snag_duration_print(buf, facts->elapsed_ms);
    else if (snag_item_captured(item, snag_capture_tag(name), &text))
        snag_buf_str_put(buf, text);
    else if (snag_str_equal(name, SNAG_STR("attempts")) && facts->attempts >= 0)
        snag_buf_int(buf, facts->attempts);
    else if (snag_str_equal(name, SNAG_STR("value")) && facts->value >= 0)
        put_figure(buf, facts->value, facts->attempts >= 0 || facts->usual >= 0);
    else if (snag_str_equal(name, SNAG_STR("usual")) && facts->usual >= 0)
        put_figure(buf, facts->usual, facts->attempts >= 0);
    else
        snag_buf_byte(buf, '?');
}

/* --- words of our own ---------------------------------------------------------------------------- */

static void put_within(snag_buf *buf, const snag_headline_facts *facts, snag_str otherwise)
{
    if (facts->within.size > 0)
        snag_buf_str_put(buf, facts->within);
    else if (facts->level == 2 && facts->within_ms >= 0)
        snag_duration_print(buf, facts->within_ms);
    else
        snag_buf_str_put(buf, otherwise);
}

static void put_ran(snag_buf *buf, const snag_headline_facts *facts, snag_str otherwise)
{
    int64_t window_ms = 0;
    if (snag_duration_parse(otherwise, &window_ms) && facts->ran_ms > window_ms)
        snag_duration_print(buf, facts->ran_ms);
    else
        snag_buf_str_put(buf, otherwise);
}

/* What says something of a score: a thousandth and more. */
static uint32_t parts_of(const snag_headline_facts *facts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < facts->contribution_count; i++)
        count += facts->contributions[i].value >= 0.001;
    return count;
}

static void put_parts(snag_buf *buf, const snag_headline_facts *facts, snag_str otherwise)
{
    uint32_t count = parts_of(facts);
    uint32_t at = 0;
    if (count == 0)
        snag_buf_str_put(buf, otherwise);
    for (uint32_t i = 0; i < facts->contribution_count; i++) {
        if (facts->contributions[i].value < 0.001)
            continue;
        if (at)
            snag_buf_str_put(buf, at + 1 == count ? SNAG_STR(" and ") : SNAG_STR(", "));
        snag_buf_str_put(buf, facts->contributions[i].rule);
        at++;
    }
}

/* Fewer than were asked for: another product says so. (Of a silence: no time was waited for.) */
static bool is_found(const snag_headline_facts *facts, snag_str least)
{
    int64_t count = 0;
    for (size_t i = 0; i < least.size; i++)
        count = count * 10 + (least.data[i] - '0');
    bool found = count > 0 ? facts->observed >= 0 && facts->observed < count : facts->untimed;
    return found && facts->newest.size > 0;
}

/* False: that was the headline. */
static bool put_own(snag_buf *buf, const snag_headline_facts *facts, snag_str word)
{
    const char *bar = memchr(word.data, '|', word.size);
    SNAG_ASSERT(bar != NULL);
    snag_str name = snag_str_of(word.data, (size_t)(bar - word.data));
    snag_str text = snag_str_of(bar + 1, word.size - name.size - 1);
    if (snag_str_equal(name, SNAG_STR(".within"))) {
        put_within(buf, facts, text);
    } else if (snag_str_equal(name, SNAG_STR(".ran"))) {
        put_ran(buf, facts, text);
    } else if (snag_str_equal(name, SNAG_STR(".parts"))) {
        put_parts(buf, facts, text);
    } else if (is_found(facts, text)) {
        snag_buf_str_put(buf, facts->newest);
        snag_buf_str_put(buf, SNAG_STR(", found by its source"));
        return false;
    }
    return true;
}

/* --- the whole ----------------------------------------------------------------------------------- */

/* How many bytes at `at` would steer a terminal or turn the text around: control characters (C0, C1), marks
 * of direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), line separators. 0: none. */
static size_t steering(const unsigned char *at, size_t size)
{
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    if (size >= 2 && at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0)
        return 2;
    if (size >= 2 && at[0] == 0xD8 && at[1] == 0x9C)
        return 2;
    if (size < 3 || at[0] != 0xE2)
        return 0;
    bool low = at[1] == 0x80 && (at[2] == 0x8E || at[2] == 0x8F || (at[2] >= 0xA8 && at[2] <= 0xAE));
    bool high = at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9;
    return low || high ? 3 : 0;
}

/* Whether all is plain ASCII, eight bytes at a time: a byte's top bit is set where it is above 0x7e, or where
 * it is below 0x20 (and others' behind the first such). */
static bool is_plain(const char *text, size_t size)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t found = 0;
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t eight;
        memcpy(&eight, text + at, sizeof eight);
        found |= eight | (eight + each) | (eight - each * 0x20);
    }
    for (; at < size; at++)
        found |= (uint64_t)((unsigned char)(text[at] - 0x20) >= 0x7f - 0x20) << 7;
    return (found & each * 0x80) == 0;
}

/* In place; each becomes one blank. Returns the new size. */
static size_t steering_blank(char *text, size_t size)
{
    size_t to = 0;
    if (is_plain(text, size))
        return size;
    for (size_t i = 0; i < size;) {
        size_t bytes = steering((const unsigned char *)text + i, size - i);
        text[to++] = bytes ? ' ' : text[i];
        i += bytes ? bytes : 1;
    }
    return to;
}

/* Control characters to blanks, in place; cut to the bound with an ellipsis. */
static snag_str tidy(char *text, size_t size, snag_arena *arena)
{
    size = steering_blank(text, size);
    snag_str whole = snag_str_of(text, size);
    if (size <= SNAG_HEADLINE_MAX || snag_utf8_count(whole) <= SNAG_HEADLINE_MAX)
        return snag_arena_copy(arena, whole);
    size_t at = 0;
    for (uint32_t i = 0; i + 1 < SNAG_HEADLINE_MAX; i++)
        snag_utf8_next(whole, &at);
    char *bytes = snag_arena_bytes(arena, at + 3);
    SNAG_ASSERT(bytes != NULL);
    memcpy(bytes, text, at);
    memcpy(bytes + at, "\xE2\x80\xA6", 3);
    return snag_str_of(bytes, at + 3);
}

snag_str snag_headline_render(const snag_signal_spec *spec, const snag_item *item,
                              const snag_headline_facts *facts, snag_arena *arena)
{
    char text[RENDER_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_str template = spec->headline;
    if (facts->warning)
        snag_buf_str_put(&buf, SNAG_STR("Due soon: "));
    for (size_t i = 0; i < template.size; i++) {
        const char *next = memchr(template.data + i, '{', template.size - i);
        size_t plain = next ? (size_t)(next - template.data) - i : template.size - i;
        size_t room = sizeof text - buf.size;
        snag_buf_put(&buf, template.data + i, plain < room ? plain : room);
        i += plain;
        if (next == NULL)
            break;
        const char *brace = template.data + i;
        const char *end = memchr(brace, '}', template.size - i);
        bool twice = i + 1 < template.size && brace[1] == '{';
        if (twice || end == NULL) {
            snag_buf_byte(&buf, *brace);
            i += twice;
            continue;
        }
        snag_str name = snag_str_of(brace + 1, (size_t)(end - brace) - 1);
        i += name.size + 1;
        if (name.size == 0 || name.data[0] != '.' || !memchr(name.data, '|', name.size))
            put_name(&buf, item, facts, name);
        else if (!put_own(&buf, facts, name))
            break;
    }
    return tidy(text, buf.size, arena);
}
