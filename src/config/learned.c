/* SPDX-License-Identifier: Apache-2.0
 *
 * Learned deadlines in the file, and the sketches behind them.
 *
 *     due: learned 90% else 48h       the time by which 90 % of the stage's own times were over; 48h as
 *                                     long as fewer than 30 are known. Without a share: 95%
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "config/field.h"
#include "config/wait.h"

enum { SHARE_OTHERWISE = 950000, SHARE_LEAST = 1, SHARE_MOST = 999999, NAME_BYTES = 256 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word of the text, which is cut off from it. */
static snag_str word_take(snag_str *text)
{
    size_t from = 0;
    while (from < text->size && is_blank(text->data[from]))
        from++;
    size_t end = from;
    while (end < text->size && !is_blank(text->data[end]))
        end++;
    snag_str word = snag_str_of(text->data + from, end - from);
    *text = snag_str_of(text->data + end, text->size - end);
    return word;
}

bool snag_learned_is(const snag_yaml *node)
{
    snag_str text = node->kind == SNAG_YAML_TEXT ? node->text : (snag_str){"", 0};
    return snag_str_equal(word_take(&text), SNAG_STR("learned"));
}

/* A part of the node's text as a node of its own, so that findings point at it. */
static snag_yaml part_of(const snag_yaml *node, snag_str text)
{
    snag_yaml part = *node;
    while (text.size > 0 && is_blank(text.data[0]))
        text = snag_str_of(text.data + 1, text.size - 1);
    part.text = text;
    part.at.column += (uint32_t)(text.data - node->text.data) + (node->plain ? 0 : 1);
    return part;
}

static bool tell_form(snag_loader *loader, const snag_yaml *node)
{
    snag_finding_add(loader, node->at,
                     "%.*s: \"%.*s\" needs what holds while fewer than 30 are known, as learned else 48h, or "
                     "learned 90%% else 48h",
                     SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(snag_utf8_cut(node->text, 60)));
    return false;
}

bool snag_learned_load(snag_loader *loader, const snag_yaml *node, int64_t min_ms, int64_t max_ms,
                       snag_wait *out)
{
    int64_t share = SHARE_OTHERWISE;
    snag_str rest = node->text;
    word_take(&rest); /* learned */
    snag_str before = rest;
    snag_str word = word_take(&rest);
    if (word.size > 0 && word.data[word.size - 1] == '%') {
        snag_yaml part = part_of(node, before);
        part.text = word;
        if (!snag_share_load(loader, &part, SHARE_LEAST, SHARE_MOST, &share))
            return false;
        word = word_take(&rest);
    }
    if (!snag_str_equal(word, SNAG_STR("else")))
        return tell_form(loader, node);
    snag_yaml part = part_of(node, rest);
    if (part.text.size == 0)
        return tell_form(loader, node);
    if (snag_learned_is(&part)) {
        snag_finding_add(loader, part.at, "%.*s: what holds while nothing is known cannot be learned itself",
                         SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    if (!snag_wait_load(loader, &part, min_ms, max_ms, out))
        return false;
    out->learned = (uint32_t)share;
    return true;
}

/* --- sketches ------------------------------------------------------------------------------------------ */

/* A stage or a rule whose times can be measured; its sketches: for customers without a shape, then for each
 * shape. */
typedef struct candidate {
    snag_stage *stage; /* or … */
    snag_rule *rule;
    snag_sketch_spec *specs;
    bool learned; /* some deadline is */
} candidate;

struct snag_candidates {
    candidate *list;
    uint32_t count;
    snag_sketch_spec *chosen; /* room for all of them */
};

static snag_str joined(snag_loader *loader, snag_str a, char between, snag_str b)
{
    char text[NAME_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, a);
    snag_buf_byte(&buf, between);
    snag_buf_str_put(&buf, b);
    return snag_loader_keep(loader, &buf);
}

static snag_wait wait_of(const candidate *one, uint32_t i)
{
    if (one->stage) {
        const snag_stage *stage = i > 0 && one->stage->by_shape ? &one->stage->by_shape[i - 1] : one->stage;
        return (snag_wait){stage->wait.after.ms, stage->wait.after.span, stage->wait.after.learned};
    }
    const snag_rule *rule = i > 0 && one->rule->by_shape ? &one->rule->by_shape[i - 1] : one->rule;
    const snag_levels *after = &rule->params.wait.after;
    return (snag_wait){after->ms, after->span, after->learned};
}

static void candidate_add(snag_loader *loader, struct snag_candidates *all, candidate one, snag_str name,
                          uint32_t fingerprint)
{
    const snag_pipeline *pipeline = loader->pipeline;
    uint64_t stamp = fingerprint;
    for (uint32_t i = 0; i < pipeline->shape_count; i++)
        stamp = snag_hash64(pipeline->shapes[i].name, stamp);
    one.specs = snag_loader_take(loader, (pipeline->shape_count + 1) * sizeof *one.specs);
    for (uint32_t i = 0; i <= pipeline->shape_count; i++) {
        snag_sketch_spec *spec = &one.specs[i];
        spec->name = spec->owner = name;
        spec->stamp = (uint32_t)stamp;
        spec->wait = wait_of(&one, i);
        spec->millionths = spec->wait.learned;
        one.learned |= spec->millionths > 0;
        if (i == 0)
            continue;
        spec->shape = pipeline->shapes[i - 1].name;
        spec->owner = joined(loader, name, '/', spec->shape);
    }
    all->list[all->count++] = one;
}

static bool can_measure(const snag_rule *rule)
{
    return rule->kind && rule->kind->waits_since && rule->params.wait.promise < 0 &&
           rule->params.pause.count == 0;
}

static void choose(snag_pipeline *pipeline, struct snag_candidates *all, bool every)
{
    uint32_t each = pipeline->shape_count + 1;
    pipeline->sketches = all->chosen;
    pipeline->sketch_count = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        candidate *one = &all->list[i];
        uint16_t base = every || one->learned ? (uint16_t)(pipeline->sketch_count + 1) : 0;
        for (uint32_t k = 0; base && k < each; k++) {
            snag_sketch_spec *spec = &all->chosen[pipeline->sketch_count++];
            *spec = one->specs[k];
            spec->base = base;
        }
        if (one->stage)
            one->stage->sketch = base;
        else
            one->rule->sketch = base;
        for (uint32_t k = 0; k + 1 < each; k++) {
            if (one->stage && one->stage->by_shape)
                ((snag_stage *)(uintptr_t)one->stage->by_shape)[k].sketch = base;
            if (one->rule && one->rule->by_shape)
                ((snag_rule *)(uintptr_t)one->rule->by_shape)[k].sketch = base;
        }
    }
}

static void journey_candidates(snag_loader *loader, struct snag_candidates *all, snag_journey *journey)
{
    snag_stage *stages = (snag_stage *)(uintptr_t)journey->stages; /* ours until it is handed out */
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        candidate one = {.stage = &stages[i]};
        if (stages[i].end.size > 0)
            continue;
        candidate_add(loader, all, one, joined(loader, journey->name, '.', stages[i].name),
                      journey->fingerprint);
        journey->learns |= all->list[all->count - 1].learned;
    }
}

void snag_sketches_fill(snag_loader *loader)
{
    snag_pipeline *pipeline = loader->pipeline;
    struct snag_candidates *all = snag_loader_take(loader, sizeof *all);
    size_t most = pipeline->rule_count;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        most += loader->journeys[i].stage_count;
    all->list = snag_loader_take(loader, most * sizeof *all->list);
    all->chosen = snag_loader_take(loader, most * (pipeline->shape_count + 1) * sizeof *all->chosen);
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        journey_candidates(loader, all, &loader->journeys[i]);
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (can_measure(&loader->rules[i]))
            candidate_add(loader, all, (candidate){.rule = &loader->rules[i]}, loader->rules[i].signal.name,
                          loader->rules[i].signal.fingerprint);
    loader->config->candidates = all;
    choose(pipeline, all, false);
}

void snag_config_measure_all(snag_config *config)
{
    SNAG_ASSERT(config->candidates != NULL);
    choose(&config->pipeline, config->candidates, true);
}
