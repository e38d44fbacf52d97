/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/headline.h"

#include "base/assert.h"
#include "base/time.h"
#include "base/utf8.h"
#include "rules/step.h"

enum { RENDER_BYTES = 2048 };

static void put_value(snag_buf *buf, const snag_headline_facts *facts)
{
    bool share = facts->attempts >= 0 || facts->usual >= 0;
    snag_buf_printf(buf, share ? "%.4g%%" : "%.4g", share ? facts->value * 100 : facts->value);
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
        put_value(buf, facts);
    else if (snag_str_equal(name, SNAG_STR("usual")) && facts->usual >= 0)
        snag_buf_printf(buf, facts->attempts >= 0 ? "%.4g%%" : "%.4g",
                        facts->attempts >= 0 ? facts->usual * 100 : facts->usual);
    else
        snag_buf_byte(buf, '?');
}

/* Control characters to blanks, in place; cut to the bound with an ellipsis. */
static snag_str tidy(char *text, size_t size, snag_arena *arena)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
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
        put_name(&buf, item, facts, name);
        i += name.size + 1;
    }
    return tidy(text, buf.size, arena);
}
