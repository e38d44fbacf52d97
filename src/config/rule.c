/* SPDX-License-Identifier: Apache-2.0
 *
 * `rules:`: event, exactly one test, and the fields of that test by the table of its kind.
 */
#include "base/assert.h"
#include "base/time.h"
#include "config/field.h"
#include "config/preset.h"
#include "config/told.h"
#include "config/wait.h"

/* What is known of a rule while its keys are read. */
typedef struct reading {
    snag_rule *rule;
    const snag_yaml *test;  /* the key that selects the test; NULL = none yet */
    bool later;             /* a test that is not built yet was named */
    bool many;              /* two tests were named: fields of either are no further finding */
} reading;

/* Tests of the language that have no kind yet; their rows in key.c say what to do instead. */
static bool is_later_test(snag_str name)
{
    static const char *const tests[] = {"group"};
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (snag_str_equal(name, snag_str_from(tests[i])))
            return true;
    return false;
}

static const snag_rule_kind *kind_find(snag_str name)
{
    for (uint32_t i = 0; i < snag_rule_kind_count; i++)
        if (snag_str_equal(name, snag_str_from(snag_rule_kinds[i]->name)))
            return snag_rule_kinds[i];
    return NULL;
}

static const snag_field *field_find(const snag_rule_kind *kind, snag_str name)
{
    for (uint32_t i = 0; i < kind->field_count; i++)
        if (snag_str_equal(name, snag_str_from(kind->fields[i].name)))
            return &kind->fields[i];
    return NULL;
}

/* The one test of a rule, from its keys; a second is a finding. */
static void test_find(snag_loader *loader, const snag_yaml *node, reading *read)
{
    for (const snag_yaml *child = node->first; child; child = child->next) {
        const snag_rule_kind *kind = kind_find(child->key);
        read->later = read->later || is_later_test(child->key);
        if (!kind)
            continue;
        if (read->test) {
            read->many = true;
            snag_finding_add(loader, child->key_at, "two tests in one rule: %.*s and %.*s; write two rules",
                             SNAG_FMT(read->test->key), SNAG_FMT(child->key));
            continue;
        }
        read->test = child;
        read->rule->kind = kind;
    }
}

static void test_required(snag_loader *loader, const snag_yaml *node, const reading *read)
{
    char list[160];
    snag_buf names = snag_buf_on(list, sizeof list);
    bool given = read->test || read->later;
    for (uint32_t i = 0; i < snag_rule_kind_count; i++) {
        given = given || snag_key_given(loader, node, snag_rule_kinds[i]->name);
        snag_buf_printf(&names, "%s%s:", i ? ", " : "", snag_rule_kinds[i]->name);
    }
    if (!given)
        snag_finding_add(loader, node->key_at, "rule \"%.*s\" has no test; add one of %.*s",
                         SNAG_FMT(node->key), SNAG_FMT(snag_buf_str(&names)));
}

static void fields_default(const snag_rule_kind *kind, snag_rule_params *params)
{
    for (uint32_t i = 0; i < kind->field_count; i++)
        snag_field_default(&kind->fields[i], params);
}

/* A key that is no common key of rules: a field of the rule's test, of another test, or unknown. */
static bool other_key(snag_loader *loader, const snag_yaml *child, void *context)
{
    reading *read = context;
    const snag_rule_kind *mine = read->rule->kind;
    const char *names[32] = {NULL};
    size_t count = 0;
    const snag_field *field = mine ? field_find(mine, child->key) : NULL;
    if (field) {
        snag_field_load(loader, field, child, &read->rule->params);
        return true;
    }
    if (read->later || kind_find(child->key))
        return true; /* told already */
    for (uint32_t i = 0; i < snag_rule_kind_count; i++)
        if (mine && field_find(snag_rule_kinds[i], child->key)) {
            if (read->many)
                return true;
            snag_finding_add(loader, child->key_at, "%.*s: belongs to the test %s, not to %s",
                             SNAG_FMT(child->key), snag_rule_kinds[i]->name, mine->name);
            return true;
        }
    for (uint32_t i = 0; mine && i < mine->field_count && count + 1 < sizeof names / sizeof names[0]; i++)
        names[count++] = mine->fields[i].name;
    for (uint32_t i = 0; !mine && i < snag_rule_kind_count; i++)
        if (field_find(snag_rule_kinds[i], child->key))
            return true; /* the missing test is told */
    for (uint32_t i = 0; !mine && i < snag_rule_kind_count && i < 8; i++)
        names[count++] = snag_rule_kinds[i]->name;
    snag_key_unknown(loader, &snag_section_rule, child, names);
    return true;
}

static void required_check(snag_loader *loader, const snag_yaml *node, const snag_rule *rule)
{
    for (uint32_t i = 0; i < rule->kind->field_count; i++) {
        const snag_field *field = &rule->kind->fields[i];
        bool instead = field->instead && snag_key_given(loader, node, field->instead);
        if (field->required && !instead && !snag_key_given(loader, node, field->name))
            snag_finding_add(loader, node->key_at, "rule \"%.*s\" needs %s: %s", SNAG_FMT(node->key),
                             field->name, field->summary);
    }
}

/* The kind's own check names a field first: its place is the finding's. */
static void kind_check(snag_loader *loader, const snag_yaml *node, const reading *read)
{
    snag_diag diag = {.text = ""};
    snag_place at = read->test->key_at;
    if (!read->rule->kind->check || read->rule->kind->check(read->rule, &diag) == SNAG_OK)
        return;
    snag_str word = {diag.text, strcspn(diag.text, " ")};
    for (const snag_yaml *child = node->first; child; child = child->next)
        if (snag_str_equal(child->key, word))
            at = child->key_at;
    snag_finding_add(loader, at, "%s", diag.text);
}

/* Without where: only: whether two expressions overlap nobody can say. */
static bool same_events(const snag_loader *loader, const snag_matcher *a, const snag_matcher *b)
{
    return !a->where && !b->where && snag_matcher_same(loader, a, b);
}

static void until_check(snag_loader *loader, const snag_yaml *node, const snag_rule *rule)
{
    const snag_yaml *until = snag_yaml_get(node, "until");
    const snag_rule_params *params = &rule->params;
    if (!until || params->until.count == 0)
        return;
    if (same_events(loader, &rule->event, &params->until))
        snag_finding_add(loader, until->at, "until: names the rule's own event: it would end what it begins");
    if (same_events(loader, &params->missing, &params->until))
        snag_finding_add(loader, until->at, "until: names the awaited event, which ends the waiting anyway");
}

/* <journey>.<stage>.late is the name of that stage's own stall. */
static bool name_taken(snag_loader *loader, const snag_yaml *node)
{
    const snag_pipeline *pipeline = loader->pipeline;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++) {
            char text[256];
            snag_buf buf = snag_buf_on(text, sizeof text);
            snag_buf_str_put(&buf, pipeline->journeys[i].name);
            snag_buf_byte(&buf, '.');
            snag_buf_str_put(&buf, pipeline->journeys[i].stages[k].name);
            snag_buf_put(&buf, ".late", 5);
            if (!snag_str_equal(snag_buf_str(&buf), node->key))
                continue;
            snag_finding_add(loader, node->key_at,
                             "\"%.*s\" is the name of that stage's own stall (due:); name the rule otherwise",
                             SNAG_FMT(node->key));
            return true;
        }
    return false;
}

/* `event:` is needed, may be left out, or is none of this test's keys. */
static void event_load(snag_loader *loader, const snag_yaml *node, const reading *read,
                       const snag_rule_raw *raw)
{
    static const snag_pattern any = {.text = {"", 0}, .prefix = true};
    snag_rule *rule = read->rule;
    const snag_rule_kind *kind = rule->kind;
    if (kind && kind->own_events) {
        const snag_yaml *extra = raw->event ? raw->event : raw->where ? raw->where : raw->exclude;
        if (extra)
            snag_finding_add(loader, extra->key_at,
                             "%.*s: %s names its events itself, each as a name or { event: …, where: … }",
                             SNAG_FMT(extra->key), kind->name);
        return;
    }
    if (raw->event) {
        if (snag_matcher_load(loader, raw->event, raw->where, &rule->event) && raw->exclude)
            snag_exclude_load(loader, raw->exclude, rule);
        return;
    }
    if (kind && kind->any_event) {
        rule->event = (snag_matcher){.patterns = &any, .count = 1};
        if (raw->where)
            rule->event.where = snag_where_load(loader, raw->where);
        if (raw->exclude)
            snag_exclude_load(loader, raw->exclude, rule);
        return;
    }
    if (!read->later && !snag_key_given(loader, node, "event"))
        snag_finding_add(loader, node->key_at, "rule \"%.*s\" needs event:", SNAG_FMT(node->key));
}

static snag_levels *wait_of(snag_rule *rule, uint32_t field)
{
    return snag_field_of(&rule->kind->fields[field], &rule->params);
}

/* `during:` widens the one wait that the test has. */
static void during_load(snag_loader *loader, const snag_yaml *node, snag_rule *rule)
{
    for (uint32_t i = 0; i < rule->kind->field_count; i++) {
        snag_levels *levels = wait_of(rule, i);
        if (rule->kind->fields[i].type != SNAG_FIELD_LEVELS)
            continue;
        snag_levels_widen(loader, node, levels);
        return;
    }
    snag_finding_add(loader, node->key_at, "during: widens a deadline; the test %s has none",
                     rule->kind->name);
}

static void zones_capture(snag_rule *rule)
{
    snag_zone_capture(&rule->signal, rule->signal.sla);
    for (uint32_t i = 0; i < rule->kind->field_count; i++)
        if (rule->kind->fields[i].type == SNAG_FIELD_LEVELS) {
            snag_zone_capture(&rule->signal, wait_of(rule, i)->span);
            snag_zone_capture(&rule->signal, wait_of(rule, i)->then_span);
        }
    snag_zone_capture(&rule->signal, rule->params.each);
}

static void rule_load(snag_loader *loader, const snag_yaml *node, snag_rule *rule)
{
    snag_rule_raw raw = {0};
    reading read = {.rule = rule};
    uint32_t findings = loader->findings;
    rule->signal = (snag_signal_spec){
        .name = node->key, .sla_ms = -1, .shape_slot = loader->pipeline->shape_slot};
    if (!name_taken(loader, node))
        snag_name_check(loader, node, "a rule");
    if (node->kind == SNAG_YAML_MAP)
        test_find(loader, node, &read);
    if (rule->kind)
        fields_default(rule->kind, &rule->params);
    if (!snag_section_load(loader, &snag_section_rule, node, &raw, other_key, &read))
        return;
    test_required(loader, node, &read);
    event_load(loader, node, &read, &raw);
    if (raw.per || !rule->kind || !rule->kind->fed) /* a score without is the key's own */
        rule->scope = snag_scope_load(loader, node, raw.per);
    snag_told_load(loader, &raw.told, rule->kind ? rule->kind->tells : UINT32_MAX, &rule->signal);
    rule->signal.cooldown_ms = raw.cooldown_ms;
    rule->expire_ms = raw.expire_ms;
    rule->signal.shadow = raw.mode == 1;
    if (!rule->kind)
        return;
    rule->signal.test = snag_str_from(rule->kind->name);
    if (raw.during)
        during_load(loader, raw.during, rule);
    required_check(loader, node, rule);
    if (rule->params.path.count)
        snag_path_finish(loader, node, rule);
    if (rule->kind->fed) {
        loader->pipeline->feeds = true;
        if (rule->scope != 0)
            snag_finding_add(loader, raw.per->at,
                             "per: a score adds up over all of %s; leave per: out",
                             loader->pipeline->key_account ? "an account" : "a customer");
    }
    if (snag_yaml_get(node, "promise"))
        snag_promise_check(loader, snag_yaml_get(node, "promise"), rule->params.wait.promise);
    if (snag_yaml_get(node, "radius") && rule->params.radius >= 0)
        snag_radius_finish(loader, node, rule);
    until_check(loader, node, rule);
    if (loader->findings == findings)
        kind_check(loader, node, &read);
    if (loader->findings == 0) /* else nobody will read them, and what they insert may not be there */
        snag_words_rule(loader, rule, node);
    zones_capture(rule);
}

/* A rule with values by shape is read for all others first, then for each shape. */
static void shaped_load(snag_loader *loader, const snag_yaml *node, snag_rule *rule)
{
    uint32_t count = loader->pipeline->shape_count;
    if (!snag_by_shape(loader, node)) {
        rule_load(loader, node, rule);
        return;
    }
    rule_load(loader, snag_shaped(loader, node, count), rule);
    snag_rule *each = snag_loader_take(loader, count * sizeof *each);
    for (uint32_t i = 0; i < count; i++)
        rule_load(loader, snag_shaped(loader, node, i), &each[i]);
    rule->by_shape = count ? each : NULL;
}

static bool has_mode(const snag_loader *loader, const snag_rule *rule, bool shadow)
{
    bool any = rule->signal.shadow == shadow;
    for (uint32_t i = 0; rule->by_shape && i < loader->pipeline->shape_count; i++)
        any = any || rule->by_shape[i].signal.shadow == shadow;
    return any;
}

/* What is only tried out must not reach what people are told: a live score weighs live rules. */
static void shadow_check(snag_loader *loader, const snag_yaml *node, const snag_rule *rule)
{
    const snag_yaml *score = snag_yaml_get(node, "score");
    if (!score || score->kind != SNAG_YAML_MAP || !has_mode(loader, rule, false))
        return;
    for (const snag_yaml *weight = score->first; weight; weight = weight->next)
        for (uint32_t i = 0; i + 1 < loader->pipeline->rule_count; i++)
            if (snag_str_equal(loader->rules[i].signal.name, weight->key) &&
                has_mode(loader, &loader->rules[i], true))
                snag_finding_add(loader, weight->key_at,
                                 "score: rule \"%.*s\" is in shadow mode and this score is live; "
                                 "leave it out, or give the score mode: shadow",
                                 SNAG_FMT(weight->key));
}

void snag_rules_load(snag_loader *loader, const snag_yaml *node)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (!node)
        return;
    if (node->kind != SNAG_YAML_MAP || node->count + pipeline->journey_count > SNAG_RULES_MAX) {
        snag_finding_add(loader, node->at, "rules: expected a map; at most %u rules and journeys together",
                         SNAG_RULES_MAX);
        return;
    }
    loader->rules = snag_loader_take(loader, node->count * sizeof *loader->rules);
    pipeline->rules = loader->rules;
    for (snag_yaml *child = node->first; child; child = child->next) {
        snag_preset_merge(loader, child);
        shaped_load(loader, child, &loader->rules[pipeline->rule_count++]);
        shadow_check(loader, child, &loader->rules[pipeline->rule_count - 1]);
    }
}
