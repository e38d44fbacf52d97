/* SPDX-License-Identifier: Apache-2.0
 *
 * One field of a rule's test, read by the type its kind's table gives it.
 */
#include "base/nearest.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/field.h"
#include "config/wait.h"

enum { MILLION = 1000000, DIGITS_MAX = 9, TIMES_MAX = 100, SHOWN_BYTES = 60 };

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
    wrong(loader, node, max < MILLION ? "a share between 0% and 100%" : "a share from 0.0001% to 1000%");
    return false;
}

/* 2x, 1.5x: negated, in millionths. */
static void times_load(snag_loader *loader, const snag_field *field, const snag_yaml *node, int64_t *out)
{
    int64_t value = 0;
    snag_str text = node->kind == SNAG_YAML_TEXT ? node->text : (snag_str){"", 0};
    if (text.size == 0 || text.data[text.size - 1] != 'x') {
        snag_share_load(loader, node, field->min, field->max, out);
        return;
    }
    if (millionths(snag_str_of(text.data, text.size - 1), &value) && value >= MILLION &&
        value <= TIMES_MAX * (int64_t)MILLION)
        *out = -value;
    else
        wrong(loader, node, "a share, as 30%, or 1x to 100x of what is usual");
}

/* -30%: fewer; +50%: more; 30%: both. */
static void margin_load(snag_loader *loader, const snag_field *field, const snag_yaml *node, snag_margin *out)
{
    snag_margin margin = {0, 0};
    snag_str text = node->kind == SNAG_YAML_TEXT ? node->text : (snag_str){"", 0};
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        margin.way = text.data[0] == '-' ? -1 : 1;
        text = snag_str_of(text.data + 1, text.size - 1);
    }
    bool percent = text.size > 0 && text.data[text.size - 1] == '%';
    text.size -= percent;
    bool good = percent && millionths(text, &margin.millionths) && margin.millionths % 100 == 0;
    margin.millionths /= 100;
    int64_t most = margin.way > 0 ? field->max : MILLION - 1; /* nothing is fewer by all of it and more */
    if (good && margin.millionths >= field->min && margin.millionths <= most)
        *out = margin;
    else
        wrong(loader, node, "-30% (so many fewer, under 100%), +50% (more, up to 1000%) or 30% (either)");
}

static void decimal_load(snag_loader *loader, const snag_yaml *node, int64_t min, int64_t max,
                         int64_t *out)
{
    char expected[96];
    int64_t value = 0;
    if (node->kind == SNAG_YAML_TEXT && millionths(node->text, &value) && value >= min && value <= max) {
        *out = value;
        return;
    }
    snag_buf buf = snag_buf_on(expected, sizeof expected);
    snag_buf_printf(&buf, "a number above 0 and up to %lld, as 15 or 2.5%c", (long long)(max / MILLION),
                    '\0');
    wrong(loader, node, expected);
}

/* The signal of a rule above the one that is read, or of a stage with due:. */
static const snag_signal_spec *signal_find(const snag_loader *loader, snag_str name, snag_nearest *nearest)
{
    const snag_pipeline *pipeline = loader->pipeline;
    const snag_signal_spec *found = NULL;
    for (uint32_t i = 0; i + 1 < pipeline->rule_count; i++) {
        const snag_signal_spec *signal = &loader->rules[i].signal;
        snag_nearest_offer(nearest, signal->name);
        if (snag_str_equal(signal->name, name))
            found = signal;
    }
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++) {
            const snag_stage *stage = &pipeline->journeys[i].stages[k];
            if (!snag_stage_waits(stage))
                continue;
            snag_nearest_offer(nearest, stage->late.name);
            if (snag_str_equal(stage->late.name, name))
                found = &stage->late;
        }
    return found;
}

static void weight_unknown(snag_loader *loader, const snag_yaml *node, const snag_nearest *nearest)
{
    const snag_yaml *rule = node->parent->parent;
    for (const snag_yaml *other = rule->parent->first; other; other = other->next)
        if (snag_str_equal(other->key, node->key)) {
            snag_finding_add(loader, node->key_at,
                             "score: rule \"%.*s\" must stand above the score that weighs it",
                             SNAG_FMT(snag_utf8_cut(node->key, SHOWN_BYTES)));
            return;
        }
    snag_finding_add(loader, node->key_at,
                     "score: there is no rule \"%.*s\", nor a stage with due: of that name%s%.*s%s",
                     SNAG_FMT(snag_utf8_cut(node->key, SHOWN_BYTES)),
                     nearest->best.size ? "; did you mean \"" : "", SNAG_FMT(nearest->best),
                     nearest->best.size ? "\"?" : "");
}

static void weights_load(snag_loader *loader, const snag_field *field, const snag_yaml *node,
                         snag_weights *out)
{
    if (node->kind != SNAG_YAML_MAP) {
        wrong(loader, node, "a map of rules, each with its weight");
        return;
    }
    if (node->count == 0 || node->count > SNAG_WEIGHTS_MAX) {
        snag_finding_add(loader, node->at, "score: weighs 1 to %u rules, not %u", SNAG_WEIGHTS_MAX,
                         node->count);
        return;
    }
    snag_weight *list = snag_loader_take(loader, node->count * sizeof *list);
    uint32_t count = 0;
    for (const snag_yaml *child = node->first; child; child = child->next) {
        snag_nearest nearest = {.wanted = child->key, .best = SNAG_STR("")};
        list[count].signal = signal_find(loader, child->key, &nearest);
        if (!list[count].signal)
            weight_unknown(loader, child, &nearest);
        else
            decimal_load(loader, child, field->min, field->max, &list[count].millionths);
        count++;
    }
    *out = (snag_weights){list, count};
}

void snag_slot_load(snag_loader *loader, const snag_yaml *node, int64_t *out)
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

void snag_promise_check(snag_loader *loader, const snag_yaml *node, int64_t slot)
{
    if (slot >= 0 && loader->names[slot].kind != SNAG_KIND_TIME)
        snag_finding_add(loader, node->at, "promise: needs a time, as keep: { %.*s: { from: …, as: time } }",
                         SNAG_FMT(loader->names[slot].name));
}

/* Two levels, counted alike, so that whatever the day the second is later. */
static void two_load(snag_loader *loader, const char *what, const snag_yaml *node, int64_t min, int64_t most,
                     snag_levels *out)
{
    const snag_yaml *list[] = {node->first, node->first->next};
    snag_wait waits[2] = {{-1, NULL, 0}, {-1, NULL, 0}};
    for (size_t i = 0; i < 2; i++) {
        if (snag_learned_is(list[i]))
            snag_finding_add(loader, list[i]->at,
                             "%s: two levels cannot be learned; give two durations, or one that is learned",
                             what);
        if (snag_learned_is(list[i]) || !snag_wait_load(loader, list[i], min, most, &waits[i]))
            return;
    }
    if (!snag_waits_alike(&waits[0], &waits[1]))
        snag_finding_add(loader, list[1]->at,
                         "%s: both levels must be counted alike: elapsed time, or days, business hours … of "
                         "one calendar",
                         what);
    else if (!snag_wait_less(&waits[0], &waits[1]))
        snag_finding_add(loader, list[1]->at, "%s: the second level must be later than the first", what);
    out->ms = waits[0].ms;
    out->then_ms = waits[1].ms;
    out->span = waits[0].span;
    out->then_span = waits[1].span;
}

void snag_levels_load(snag_loader *loader, const char *what, const snag_yaml *node, int64_t min, int64_t most,
                      snag_levels *out)
{
    if (node->kind != SNAG_YAML_LIST) {
        snag_wait wait = {out->ms, NULL, 0};
        if (snag_learned_is(node))
            snag_learned_load(loader, node, min, most, &wait);
        else
            snag_wait_load(loader, node, min, most, &wait);
        out->learned = wait.learned;
        out->ms = wait.ms;
        out->span = wait.span;
        return;
    }
    if (node->count != 2) {
        snag_finding_add(loader, node->at, "%s: expected one duration or two levels, not %u", what,
                         node->count);
        return;
    }
    two_load(loader, what, node, min, most, out);
}

void snag_levels_widen(snag_loader *loader, const snag_yaml *node, snag_levels *levels)
{
    bool two = levels->then_ms > 0;
    snag_wait waits[2] = {{levels->ms, levels->span, 0}, {levels->then_ms, levels->then_span, 0}};
    if (levels->learned > 0) {
        snag_finding_add(loader, node->key_at, "during: goes with a duration, not with a learned one");
        return;
    }
    if (levels->ms <= 0 || !snag_during_load(loader, node, waits, two ? 2 : 1))
        return;
    levels->span = waits[0].span;
    levels->then_span = waits[1].span;
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
    case SNAG_FIELD_LEVELS: snag_levels_load(loader, field->name, node, field->min, most, to); return;
    case SNAG_FIELD_EACH: snag_period_load(loader, node, to); return;
    case SNAG_FIELD_MARGIN: margin_load(loader, field, node, to); return;
    case SNAG_FIELD_COUNT: snag_count_load(loader, node, field->min, field->max, to); return;
    case SNAG_FIELD_SHARE: snag_share_load(loader, node, field->min, field->max, to); return;
    case SNAG_FIELD_TIMES: times_load(loader, field, node, to); return;
    case SNAG_FIELD_DECIMAL: decimal_load(loader, node, field->min, field->max, to); return;
    case SNAG_FIELD_WEIGHTS: weights_load(loader, field, node, to); return;
    case SNAG_FIELD_NAME: snag_slot_load(loader, node, to); return;
    case SNAG_FIELD_WORD: snag_word_load(loader, node, field->words, NULL, to); return;
    case SNAG_FIELD_BOOL: snag_bool_load(loader, node, to); return;
    }
}

void snag_field_default(const snag_field *field, snag_rule_params *params)
{
    int64_t *to = snag_field_of(field, params);
    if (field->type == SNAG_FIELD_LEVELS)
        params->wait.after = (snag_levels){field->otherwise, field->otherwise, NULL, NULL, 0};
    else if (snag_field_is_number(field))
        *to = field->otherwise;
}

bool snag_field_is_number(const snag_field *field)
{
    return field->type == SNAG_FIELD_DURATION || field->type == SNAG_FIELD_SPAN ||
           field->type == SNAG_FIELD_COUNT || field->type == SNAG_FIELD_SHARE ||
           field->type == SNAG_FIELD_TIMES || field->type == SNAG_FIELD_DECIMAL ||
           field->type == SNAG_FIELD_NAME || field->type == SNAG_FIELD_WORD;
}
