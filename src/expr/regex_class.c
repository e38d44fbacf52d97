/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/regex_class.h"

enum { CODE_MAX = 0x10FFFF };

/* Names of POSIX and the letters of Perl, all ASCII as in RE2. */
static const struct {
    const char *name;
    char letter; /* \d; 0 = none */
    uint32_t count;
    snag_code_range ranges[4];
} sets[] = {
    {"alnum", 0, 3, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"alpha", 0, 2, {{'A', 'Z'}, {'a', 'z'}}},
    {"ascii", 0, 1, {{0, 0x7f}}},
    {"blank", 0, 2, {{'\t', '\t'}, {' ', ' '}}},
    {"cntrl", 0, 2, {{0, 0x1f}, {0x7f, 0x7f}}},
    {"digit", 'd', 1, {{'0', '9'}}},
    {"graph", 0, 1, {{'!', '~'}}},
    {"lower", 0, 1, {{'a', 'z'}}},
    {"print", 0, 1, {{' ', '~'}}},
    {"punct", 0, 4, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", 0, 2, {{'\t', '\r'}, {' ', ' '}}},
    {"perl space", 's', 3, {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}},
    {"upper", 0, 1, {{'A', 'Z'}}},
    {"word", 'w', 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"xdigit", 0, 3, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
};

void snag_class_add(snag_class_draft *draft, uint32_t first, uint32_t last)
{
    if (draft->count == SNAG_CLASS_RANGES_MAX) {
        draft->full = true;
        return;
    }
    draft->ranges[draft->count++] = (snag_code_range){first, last};
}

/* A set's ranges are in order, so the gaps between them are its opposite. */
static void add_set(snag_class_draft *draft, size_t set, bool negated)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < sets[set].count; i++) {
        snag_code_range range = sets[set].ranges[i];
        if (!negated)
            snag_class_add(draft, range.first, range.last);
        else if (range.first > from)
            snag_class_add(draft, from, range.first - 1);
        from = range.last + 1;
    }
    if (negated)
        snag_class_add(draft, from, CODE_MAX);
}

bool snag_class_add_letter(snag_class_draft *draft, char letter)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (sets[i].letter == 0 || (sets[i].letter | 0x20) != (letter | 0x20))
            continue;
        add_set(draft, i, sets[i].letter != letter);
        return true;
    }
    return false;
}

bool snag_class_add_name(snag_class_draft *draft, snag_str name)
{
    bool negated = name.size > 0 && name.data[0] == '^';
    snag_str plain = snag_str_of(name.data + negated, name.size - negated);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (!snag_str_equal(plain, snag_str_from(sets[i].name)))
            continue;
        add_set(draft, i, negated);
        return true;
    }
    return false;
}

const snag_char_class *snag_class_keep(snag_arena *arena, const snag_class_draft *draft, bool negated,
                                       bool folded)
{
    snag_char_class *chars = snag_arena_take(arena, sizeof *chars);
    snag_code_range *ranges = snag_arena_take(arena, (draft->count + 1) * sizeof *ranges);
    if (!chars || !ranges)
        return NULL;
    memcpy(ranges, draft->ranges, draft->count * sizeof *ranges);
    *chars = (snag_char_class){ranges, draft->count, negated, folded};
    return chars;
}

static bool in_ranges(const snag_char_class *chars, uint32_t code)
{
    for (uint32_t i = 0; i < chars->count; i++)
        if (code >= chars->ranges[i].first && code <= chars->ranges[i].last)
            return true;
    return false;
}

bool snag_class_has(const snag_char_class *chars, uint32_t code)
{
    bool found = in_ranges(chars, code);
    if (!found && chars->folded)
        found = in_ranges(chars, snag_code_fold(code)) || in_ranges(chars, snag_code_capital(code));
    return found != chars->negated;
}

/* Where small and capital letters lie a fixed distance apart. */
static const struct {
    uint32_t first;
    uint32_t last;
    uint32_t apart;
} capitals[] = {{'A', 'Z', 32},      {0xC0, 0xD6, 32},   {0xD8, 0xDE, 32},  {0x391, 0x3A1, 32},
                {0x3A3, 0x3AB, 32},  {0x400, 0x40F, 80}, {0x410, 0x42F, 32}};
/* Where they take turns: even capitals, odd small ones. */
static const snag_code_range turns[] = {{0x100, 0x12F}, {0x132, 0x137}, {0x14A, 0x177},
                                        {0x1E00, 0x1E95}, {0x1EA0, 0x1EFF}, {0x460, 0x481}};

uint32_t snag_code_fold(uint32_t code)
{
    for (size_t i = 0; i < sizeof capitals / sizeof capitals[0]; i++)
        if (code >= capitals[i].first && code <= capitals[i].last)
            return code + capitals[i].apart;
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++)
        if (code >= turns[i].first && code <= turns[i].last)
            return code | 1;
    return code;
}

uint32_t snag_code_capital(uint32_t code)
{
    for (size_t i = 0; i < sizeof capitals / sizeof capitals[0]; i++)
        if (code >= capitals[i].first + capitals[i].apart &&
            code <= capitals[i].last + capitals[i].apart)
            return code - capitals[i].apart;
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++)
        if (code >= turns[i].first && code <= turns[i].last)
            return code & ~1u;
    return code;
}
