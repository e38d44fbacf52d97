/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of functions, and those on texts.
 */
#include "base/utf8.h"
#include "expr/builtin.h"
#include "expr/regex.h"

#define BIT(kind) SNAG_KIND_BIT(kind)
enum {
    PLAIN = SNAG_CALL_PLAIN,
    METHOD = SNAG_CALL_METHOD,
    BOTH = SNAG_CALL_PLAIN | SNAG_CALL_METHOD
};
#define TEXTS BIT(TEXT)
#define ANY (~BIT(ERROR))

snag_value snag_fault_text(snag_evaluation *eval, snag_fault fault, snag_str text, snag_kind to)
{
    snag_str *kept = snag_arena_take(eval->scratch, sizeof *kept);
    if (kept)
        *kept = text;
    return snag_fault_value(fault, kept, SNAG_KIND_TEXT, to);
}

static snag_value call_size(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    switch (args->kind) {
    case SNAG_KIND_TEXT:
        if (!snag_evaluation_work(eval, args->as.text.size / 16))
            return snag_fault_plain(SNAG_FAULT_STEPS);
        return snag_value_int((int64_t)snag_utf8_count(args->as.text));
    case SNAG_KIND_BYTES: return snag_value_int((int64_t)args->as.text.size);
    default: return snag_value_int((int64_t)args->as.list.count);
    }
}

static bool test_starts(snag_evaluation *eval, snag_str text, snag_str begin)
{
    (void)eval;
    return snag_str_starts(text, begin);
}

static bool test_ends(snag_evaluation *eval, snag_str text, snag_str end)
{
    (void)eval;
    if (end.size > text.size)
        return false;
    return snag_str_equal(snag_str_of(text.data + text.size - end.size, end.size), end);
}

/* First byte by memchr, the rest by memcmp, with the work of false starts charged. */
bool snag_text_holds(snag_evaluation *eval, snag_str text, snag_str part)
{
    if (part.size == 0)
        return true;
    size_t at = 0;
    while (part.size <= text.size - at) {
        const char *found = memchr(text.data + at, part.data[0], text.size - at - part.size + 1);
        if (!found)
            return false;
        if (memcmp(found, part.data, part.size) == 0)
            return true;
        if (!snag_evaluation_work(eval, 1 + part.size / 32))
            return false;
        at = (size_t)(found - text.data) + 1;
    }
    return false;
}

/* A pattern known only now: compiled for this evaluation. */
static snag_value call_matches(snag_evaluation *eval, const snag_value *args, uint32_t count)
{
    (void)count;
    snag_diag words = {0};
    const snag_regex *regex;
    if (!snag_evaluation_work(eval, 64 + args[1].as.text.size))
        return snag_fault_plain(SNAG_FAULT_STEPS);
    if (snag_regex_compile(eval->scratch, args[1].as.text, &regex, &words))
        return snag_fault_text(eval, SNAG_FAULT_PATTERN, args[1].as.text, SNAG_KIND_TEXT);
    return snag_regex_evaluate(eval, regex, args[0].as.text);
}

static const snag_builtin builtins[] = {
    {"size", BOTH, 1, 1, SNAG_KIND_INT, {TEXTS | BIT(BYTES) | BIT(LIST) | BIT(MAP), 0}, call_size, NULL,
     "how many characters, bytes or items"},
    {"startsWith", METHOD, 2, 2, SNAG_KIND_BOOL, {TEXTS, TEXTS}, NULL, test_starts,
     "whether a text begins with another: name.startsWith(\"Call\")"},
    {"endsWith", METHOD, 2, 2, SNAG_KIND_BOOL, {TEXTS, TEXTS}, NULL, test_ends,
     "whether a text ends with another: customer.endsWith(\"@example.com\")"},
    {"contains", METHOD, 2, 2, SNAG_KIND_BOOL, {TEXTS, TEXTS}, NULL, snag_text_holds,
     "whether a text holds another: name.contains(\"test\")"},
    {"matches", BOTH, 2, 2, SNAG_KIND_BOOL, {TEXTS, TEXTS}, call_matches, NULL,
     "whether a pattern (RE2's syntax) is found in a text: name.matches(\"^[A-Z]{2}\")"},
    {"int", PLAIN, 1, 1, SNAG_KIND_INT,
     {BIT(INT) | BIT(UINT) | BIT(DOUBLE) | TEXTS | BIT(TIME), 0}, snag_call_int, NULL,
     "a whole number of a number, a text or a time (seconds since 1970)"},
    {"uint", PLAIN, 1, 1, SNAG_KIND_UINT, {BIT(INT) | BIT(UINT) | BIT(DOUBLE) | TEXTS, 0},
     snag_call_uint, NULL, "a whole number without sign, of a number or a text"},
    {"double", PLAIN, 1, 1, SNAG_KIND_DOUBLE, {BIT(INT) | BIT(UINT) | BIT(DOUBLE) | TEXTS, 0},
     snag_call_double, NULL, "a floating-point number, of a number or a text"},
    {"string", PLAIN, 1, 1, SNAG_KIND_TEXT,
     {BIT(INT) | BIT(UINT) | BIT(DOUBLE) | TEXTS | BIT(BYTES) | BIT(BOOL) | BIT(TIME) | BIT(DURATION), 0},
     snag_call_string, NULL, "the text of a value"},
    {"bytes", PLAIN, 1, 1, SNAG_KIND_BYTES, {TEXTS | BIT(BYTES), 0}, snag_call_bytes, NULL,
     "the UTF-8 bytes of a text"},
    {"bool", PLAIN, 1, 1, SNAG_KIND_BOOL, {TEXTS | BIT(BOOL), 0}, snag_call_bool, NULL,
     "true or false of a text: true, t, 1, false, f, 0"},
    {"duration", PLAIN, 1, 1, SNAG_KIND_DURATION, {TEXTS | BIT(DURATION), 0}, snag_call_duration, NULL,
     "a duration of a text: duration(\"1h30m\"), with d h m s ms us ns"},
    {"timestamp", PLAIN, 1, 1, SNAG_KIND_TIME, {TEXTS | BIT(INT) | BIT(TIME), 0}, snag_call_timestamp,
     NULL, "a time of a text (RFC 3339) or of seconds since 1970"},
    {"type", PLAIN, 1, 1, SNAG_KIND_TYPE, {ANY, 0}, snag_call_type, NULL,
     "the type of a value: type(x) == int"},
    {"dyn", PLAIN, 1, 1, SNAG_KIND_DYN, {ANY, 0}, snag_call_dyn, NULL,
     "the same value, its type looked at only when it is used"},
#define X(name, part, words)                                                                        \
    {#name, METHOD, 1, 2, SNAG_KIND_INT, {BIT(TIME) | SNAG_ACCESSOR_OF_##part, TEXTS},              \
     snag_call_##name, NULL, words},
#define SNAG_ACCESSOR_OF_YEAR 0
#define SNAG_ACCESSOR_OF_MONTH 0
#define SNAG_ACCESSOR_OF_DATE 0
#define SNAG_ACCESSOR_OF_MONTH_DAY 0
#define SNAG_ACCESSOR_OF_WEEK_DAY 0
#define SNAG_ACCESSOR_OF_YEAR_DAY 0
#define SNAG_ACCESSOR_OF_HOURS BIT(DURATION)
#define SNAG_ACCESSOR_OF_MINUTES BIT(DURATION)
#define SNAG_ACCESSOR_OF_SECONDS BIT(DURATION)
#define SNAG_ACCESSOR_OF_MILLIS BIT(DURATION)
    SNAG_ACCESSOR_TABLE(X)
#undef X
};

const snag_builtin *snag_builtins(size_t *count)
{
    *count = sizeof builtins / sizeof builtins[0];
    return builtins;
}

const snag_builtin *snag_builtin_find(snag_str name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
        if (snag_str_equal(name, snag_str_from(builtins[i].name)))
            return &builtins[i];
    return NULL;
}
