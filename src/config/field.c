/* SPDX-License-Identifier: Apache-2.0
 *
 * One field of a rule's test, read by the type its kind's table gives it.
 */
#include "base/nearest.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/field.h"

enum { MILLION = 1000000, DIGITS_MAX = 9, SHOWN_BYTES = 60 };

static void wrong(snag_loader *loader, const snag_yaml *node, const char *expected)
{
    if (node->told)
        return;
    if (node->kind == SNAG_YAML_TEXT)
        snag_finding_add(loader, node->at, "%.*s: expected %s, not \"%.*s\"", SNAG_FMT(snag_yaml_name(node)),
                         expected, SNAG_FMT(snag_utf8_cut(node->text, SHOWN_BYTES)));
    else
        snag_finding_add(loader, node->at, "%.*s: expected %s, not %s", SNAG_FMT(snag_yaml_name(node)),
                         expected, snag_yaml_kind_word(node));
}

/* Decimal digits with at most six behind a point, in millionths. */
static bool millionths(snag_str text, int64_t *out)
{
    int64_t value = 0;
    size_t at = 0;
    int64_t unit = MILLION;
    for (; at < text.size && at < DIGITS_MAX && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        value = value * 10 + (text.data[at] - '0');
    value *= MILLION;
    bool good = at > 0;
    if (at < text.size && text.data[at] == '.') {
        size_t from = ++at;
        for (; at < text.size && unit > 1 && text.data[at] >= '0' && text.data[at] <= '9'; at++)
            value += (text.data[at] - '0') * (unit /= 10);
        good = good && at > from;
    }
    *out = value;
    return good && at == text.size;
}

bool snag_share_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max, int64_t *out)
{
    int64_t value = 0;
    snag_str text = node->kind == SNAG_YAML_TEXT ? node->text : (snag_str){"", 0};
    char last = text.size ? text.data[text.size - 1] : '\0';
    if (last == 'x' && millionths(snag_str_of(text.data, text.size - 1), &value)) {
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" (against the segment's own base) is not built yet; instead: a "
                         "share, as 30%%",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(snag_utf8_cut(text, SHOWN_BYTES)));
        return false;
    }
    bool percent = last == '%';
    text.size -= percent;
    if (!millionths(text, &value) || (percent && value % 100)) {
        wrong(loader, node, "a share, as 30%, 2.5% or 0.3");
        return false;
    }
    value = percent ? value / 100 : value;
    if (value >= min && value <= max) {
        *out = value;
        return true;
    }
    wrong(loader, node, "a share from 0.0001% to 1000%");
    return false;
}

static void name_load(snag_loader *loader, const snag_yaml *node, int64_t *out)
{
    snag_str name = {0};
    if (!snag_text_load(loader, node, &name))
        return;
    int slot = snag_name_slot(loader, name);
    if (slot < 0) {
        snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
        for (uint32_t i = 0; i < loader->pipeline->name_count; i++)
            snag_nearest_offer(&nearest, loader->names[i].name);
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" is not kept; add it under keep: of the source%s%.*s%s",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(snag_utf8_cut(name, SHOWN_BYTES)),
                         nearest.best.size ? ", or did you mean \"" : "", SNAG_FMT(nearest.best),
                         nearest.best.size ? "\"?" : "");
        return;
    }
    if (slot == SNAG_VAR_ID || slot == SNAG_VAR_TIME) {
        snag_finding_add(loader, node->at, "%.*s: %.*s differs on every event",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(name));
        return;
    }
    snag_names_mapped_check(loader, node->at, UINT64_C(1) << slot);
    loader->names_used |= UINT64_C(1) << slot;
    *out = slot;
}

static void steps_load(snag_loader *loader, const snag_field *field, const snag_yaml *node, snag_steps *out)
{
    if (node->kind != SNAG_YAML_LIST) {
        wrong(loader, node, "a list of steps");
        return;
    }
    if (node->count < field->min || node->count > field->max) {
        snag_finding_add(loader, node->at, "%s: expected %lld to %lld steps, not %u", field->name,
                         (long long)field->min, (long long)field->max, node->count);
        return;
    }
    snag_matcher *matchers = snag_loader_take(loader, node->count * sizeof *matchers);
    uint32_t count = 0;
    for (const snag_yaml *step = node->first; step; step = step->next)
        count += snag_matcher_load(loader, step, NULL, &matchers[count]);
    out->matchers = matchers;
    out->count = count == node->count ? count : 0;
}

void snag_field_load(snag_loader *loader, const snag_field *field, const snag_yaml *node,
                     snag_rule_params *params)
{
    int64_t max_ms = INT64_C(3653) * SNAG_DAY_MS;
    int64_t most = field->max < max_ms ? field->max : max_ms;
    void *to = snag_field_of(field, params);
    if (node->told)
        return;
    if (snag_yaml_is_empty(node)) {
        snag_finding_add(loader, node->key_at, "\"%s\" has no value; %s", field->name, field->summary);
        return;
    }
    switch (field->type) {
    case SNAG_FIELD_MATCHER: snag_matcher_load(loader, node, NULL, to); return;
    case SNAG_FIELD_STEPS: steps_load(loader, field, node, to); return;
    case SNAG_FIELD_SPAN:
        if (node->kind == SNAG_YAML_TEXT && snag_str_equal(node->text, SNAG_STR("journey"))) {
            *(int64_t *)to = SNAG_WITHIN_JOURNEY;
            return;
        }
        snag_duration_load(loader, node, field->min, most, to);
        return;
    case SNAG_FIELD_DURATION: snag_duration_load(loader, node, field->min, most, to); return;
    case SNAG_FIELD_COUNT: snag_count_load(loader, node, field->min, field->max, to); return;
    case SNAG_FIELD_SHARE: snag_share_load(loader, node, field->min, field->max, to); return;
    case SNAG_FIELD_NAME: name_load(loader, node, to); return;
    case SNAG_FIELD_WORD: snag_word_load(loader, node, field->words, NULL, to); return;
    case SNAG_FIELD_BOOL: snag_bool_load(loader, node, to); return;
    }
}

bool snag_field_is_number(const snag_field *field)
{
    return field->type == SNAG_FIELD_DURATION || field->type == SNAG_FIELD_SPAN ||
           field->type == SNAG_FIELD_COUNT || field->type == SNAG_FIELD_SHARE ||
           field->type == SNAG_FIELD_NAME || field->type == SNAG_FIELD_WORD;
}
