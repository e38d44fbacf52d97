/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of single values. Each says what it expected and, where it can, what to write instead.
 */
#include <stdlib.h>

#include "base/nearest.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/wait.h"

enum { TEXT_BYTES_MAX = 1024, EXPRESSION_BYTES_MAX = 8192, SHOWN_BYTES = 60 };

static snag_str shown(snag_str text)
{
    return snag_utf8_cut(text, SHOWN_BYTES);
}

static bool wrong_near(snag_loader *loader, const snag_yaml *node, const char *expected,
                       snag_str nearest)
{
    if (node->told)
        return false;
    if (node->kind == SNAG_YAML_TEXT)
        snag_finding_add(loader, node->at, "%.*s: expected %s, not \"%.*s\"%s%.*s%s",
                         SNAG_FMT(shown(snag_yaml_name(node))), expected, SNAG_FMT(shown(node->text)),
                         nearest.size ? "; did you mean \"" : "", SNAG_FMT(nearest),
                         nearest.size ? "\"?" : "");
    else if (!snag_trap_tell(loader, node->at.line, node->key, node->parent && node->parent->flow))
        snag_finding_add(loader, node->at, "%.*s: expected %s, not %s",
                         SNAG_FMT(shown(snag_yaml_name(node))), expected, snag_yaml_kind_word(node));
    return false;
}

static bool wrong(snag_loader *loader, const snag_yaml *node, const char *expected)
{
    return wrong_near(loader, node, expected, SNAG_STR(""));
}

bool snag_text_load(snag_loader *loader, const snag_yaml *node, snag_str *out)
{
    if (node->kind != SNAG_YAML_TEXT || node->text.size == 0 || node->text.size > TEXT_BYTES_MAX)
        return wrong(loader, node, node->flow ? "a text (one that begins with { or [ needs quotes)"
                                              : "a text of 1 to 1024 bytes");
    *out = node->text;
    return true;
}

bool snag_expression_text_load(snag_loader *loader, const snag_yaml *node, snag_str *out)
{
    if (node->kind != SNAG_YAML_TEXT || node->text.size == 0 || node->text.size > EXPRESSION_BYTES_MAX)
        return wrong(loader, node, "an expression of 1 to 8192 bytes");
    *out = node->text;
    return true;
}

bool snag_bool_load(snag_loader *loader, const snag_yaml *node, bool *out)
{
    bool yes = node->kind == SNAG_YAML_TEXT && snag_str_equal(node->text, SNAG_STR("true"));
    bool no = node->kind == SNAG_YAML_TEXT && snag_str_equal(node->text, SNAG_STR("false"));
    if (!yes && !no)
        return wrong(loader, node, "true or false");
    *out = yes;
    return true;
}

/* Decimal digits only, at most 15: no sign, no surprise. */
static bool digits_parse(snag_str text, int64_t *out)
{
    int64_t value = 0;
    if (text.size == 0 || text.size > 15)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return true;
}

bool snag_count_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max,
                     int64_t *out)
{
    char expected[64];
    snag_buf buf = snag_buf_on(expected, sizeof expected);
    int64_t value = 0;
    if (node->kind == SNAG_YAML_TEXT && digits_parse(node->text, &value) && value >= min &&
        value <= max) {
        *out = value;
        return true;
    }
    snag_buf_printf(&buf, "a whole number from %lld to %lld", (long long)min, (long long)max);
    return wrong(loader, node, expected);
}

static bool holds(snag_str text, const char *word)
{
    size_t size = strlen(word);
    for (size_t at = 0; at + size <= text.size; at++)
        if (memcmp(text.data + at, word, size) == 0)
            return true;
    return false;
}

bool snag_duration_meant(snag_str text, snag_buf *meant)
{
    static const struct {
        const char *word;
        const char *unit;
    } words[] = {{"second", "s"}, {"sec", "s"}, {"minute", "m"}, {"min", "m"},
                 {"hour", "h"},   {"hr", "h"},  {"millisecond", "ms"}};
    size_t digits = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    size_t from = digits;
    while (from < text.size && text.data[from] == ' ')
        from++;
    snag_str unit = snag_str_of(text.data + from, text.size - from);
    if (unit.size > 1 && unit.data[unit.size - 1] == 's')
        unit.size--;
    for (size_t i = 0; digits > 0 && i < sizeof words / sizeof words[0]; i++) {
        if (!snag_str_equal(unit, snag_str_from(words[i].word)))
            continue;
        snag_buf_put(meant, text.data, digits);
        snag_buf_str_put(meant, snag_str_from(words[i].unit));
        return !meant->full;
    }
    return false;
}

/* What has a place in the language, only not here. */
bool snag_duration_elsewhere(snag_loader *loader, const snag_yaml *node)
{
    char text[32];
    snag_buf meant = snag_buf_on(text, sizeof text);
    static const char *const counted[] = {" day", " week", " month", " quarter", " year", " business"};
    snag_str name = snag_yaml_name(node);
    if (node->kind == SNAG_YAML_MAP)
        return false;
    if (node->kind == SNAG_YAML_LIST) {
        snag_finding_add(loader, node->at,
                         "%.*s: two levels are for due: and after:; here one duration, as 60s, 15m, 72h, 30d",
                         SNAG_FMT(name));
        return true;
    }
    if (snag_learned_is(node)) {
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" is for due: and after:; here elapsed time, as 60s, 15m, 72h, 30d",
                         SNAG_FMT(name), SNAG_FMT(shown(node->text)));
        return true;
    }
    if (snag_str_equal(node->text, SNAG_STR("journey"))) {
        snag_finding_add(loader, node->at,
                         "%.*s: \"journey\" is for within: of path:; here elapsed time, as 60s, 15m, 72h, "
                         "30d",
                         SNAG_FMT(name));
        return true;
    }
    if (snag_duration_meant(node->text, &meant)) {
        snag_finding_add(loader, node->at, "%.*s: \"%.*s\": write %.*s", SNAG_FMT(name),
                         SNAG_FMT(shown(node->text)), SNAG_FMT(snag_buf_str(&meant)));
        return true;
    }
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        if (!holds(node->text, counted[i]))
            continue;
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" is counted by a calendar, which is for due:, after: and sla:; here "
                         "elapsed time, as 60s, 15m, 72h, 30d",
                         SNAG_FMT(name), SNAG_FMT(shown(node->text)));
        return true;
    }
    return false;
}

bool snag_duration_load(snag_loader *loader, const snag_yaml *node, int64_t min_ms, int64_t max_ms,
                        int64_t *out)
{
    char expected[96];
    snag_buf buf = snag_buf_on(expected, sizeof expected);
    int64_t value = 0;
    if (node->kind != SNAG_YAML_TEXT || !snag_duration_parse(node->text, &value)) {
        if (snag_duration_elsewhere(loader, node))
            return false;
        return wrong(loader, node, "a duration with its unit, as 60s, 15m, 72h, 30d");
    }
    if (value >= min_ms && value <= max_ms) {
        *out = value;
        return true;
    }
    snag_buf_put(&buf, "a duration from ", 16);
    snag_duration_print(&buf, min_ms);
    snag_buf_put(&buf, " to ", 4);
    snag_duration_print(&buf, max_ms);
    snag_buf_byte(&buf, '\0');
    return wrong(loader, node, expected);
}

bool snag_bytes_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max,
                     int64_t *out)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } units[] = {{"KiB", 1024},    {"MiB", 1048576},    {"GiB", INT64_C(1) << 30},
                 {"TiB", INT64_C(1) << 40}, {"KB", 1000}, {"MB", 1000000},
                 {"GB", 1000000000}, {"TB", INT64_C(1000000000000)}};
    for (size_t i = 0; node->kind == SNAG_YAML_TEXT && i < sizeof units / sizeof units[0]; i++) {
        snag_str unit = snag_str_from(units[i].name);
        int64_t value;
        if (node->text.size <= unit.size ||
            memcmp(node->text.data + node->text.size - unit.size, unit.data, unit.size) != 0 ||
            !digits_parse(snag_str_of(node->text.data, node->text.size - unit.size), &value))
            continue;
        if (value > max / units[i].bytes || value * units[i].bytes < min)
            break;
        *out = value * units[i].bytes;
        return true;
    }
    return wrong(loader, node, "a size from 16MiB to 16TiB with its unit, as 512MB, 512MiB, 4GB");
}

bool snag_word_load(snag_loader *loader, const snag_yaml *node, const char *const *words,
                    const char *const *later, int64_t *out)
{
    char list[160];
    snag_buf known = snag_buf_on(list, sizeof list);
    snag_nearest nearest = {.best = SNAG_STR("")};
    if (node->kind == SNAG_YAML_TEXT)
        nearest.wanted = node->text;
    for (; later && *later; later++)
        if (snag_str_equal(nearest.wanted, snag_str_from(*later))) {
            snag_finding_add(loader, node->at, "%.*s: \"%s\" is not built yet",
                             SNAG_FMT(snag_yaml_name(node)), *later);
            return false;
        }
    for (int64_t i = 0; words[i]; i++) {
        snag_str word = snag_str_from(words[i]);
        if (node->kind == SNAG_YAML_TEXT && snag_str_equal(node->text, word)) {
            *out = i;
            return true;
        }
        snag_nearest_offer(&nearest, word);
        if (i > 0)
            snag_buf_str_put(&known, words[i + 1] ? SNAG_STR(", ") : SNAG_STR(" or "));
        snag_buf_str_put(&known, word);
    }
    snag_buf_byte(&known, '\0');
    return wrong_near(loader, node, list, nearest.wanted.size ? nearest.best : SNAG_STR(""));
}

/* ${NAME}, or ${NAME:-what to take where it is not set}. */
typedef struct variable {
    snag_str name;
    snag_str otherwise;
    bool has_otherwise;
    size_t size; /* all of it, 0 = not of this form */
} variable;

static bool name_byte(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static variable variable_at(snag_str text, size_t at)
{
    variable found = {.size = 0};
    size_t from = at + 2;
    size_t end = from;
    while (end < text.size && name_byte(text.data[end], end == from))
        end++;
    const char *shut = end < text.size ? memchr(text.data + end, '}', text.size - end) : NULL;
    if (!shut || end == from || end - from > 100)
        return found;
    size_t last = (size_t)(shut - text.data);
    found.name = snag_str_of(text.data + from, end - from);
    found.has_otherwise = last - end >= 2 && memcmp(text.data + end, ":-", 2) == 0;
    if (last > end && !found.has_otherwise)
        return found;
    if (found.has_otherwise)
        found.otherwise = snag_str_of(text.data + end + 2, last - end - 2);
    found.size = last + 1 - at;
    return found;
}

static bool variable_put(snag_loader *loader, const snag_yaml *node, const variable *wanted, snag_buf *buf)
{
    char name[128];
    snag_buf copy = snag_buf_on(name, sizeof name);
    snag_buf_str_put(&copy, wanted->name);
    snag_buf_byte(&copy, '\0');
    const char *value = loader->environment ? loader->environment(name) : NULL;
    if (!value && !wanted->has_otherwise) {
        snag_finding_add(loader, node->at,
                         "%.*s: the environment has no variable %s; set it, or write ${%s:-otherwise}",
                         SNAG_FMT(snag_yaml_name(node)), name, name);
        return false;
    }
    snag_buf_str_put(buf, value ? snag_str_from(value) : wanted->otherwise);
    return true;
}

bool snag_place_load(snag_loader *loader, const snag_yaml *node, snag_str *out)
{
    char text[4096];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_str raw = {0};
    if (!snag_text_load(loader, node, &raw))
        return false;
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] != '$' || i + 1 >= raw.size || raw.data[i + 1] != '{') {
            snag_buf_byte(&buf, raw.data[i]);
            continue;
        }
        variable wanted = variable_at(raw, i);
        if (wanted.size == 0)
            return wrong(loader, node, "${NAME} or ${NAME:-otherwise} with a variable of the environment");
        if (!variable_put(loader, node, &wanted, &buf))
            return false;
        i += wanted.size - 1;
    }
    if (buf.full || buf.size == 0 || !snag_utf8_valid(snag_buf_str(&buf)))
        return wrong(loader, node, "a text of 1 to 4096 bytes once ${NAME} is replaced");
    *out = snag_loader_keep(loader, &buf);
    return true;
}
