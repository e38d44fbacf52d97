/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rule's clicks need besides its own fields: where they were (radius:), and which do not count
 * (exclude:).
 */
#include "base/nearest.h"
#include "config/field.h"

enum { WHERE_BYTES = 8192 };

void snag_radius_finish(snag_loader *loader, const snag_yaml *node, snag_rule *rule)
{
    static const char *const names[] = {"x", "y"};
    int64_t *slots[] = {&rule->params.x, &rule->params.y};
    const snag_yaml *radius = snag_yaml_get(node, "radius");
    for (size_t i = 0; i < 2; i++) {
        int slot = snag_name_slot(loader, snag_str_from(names[i]));
        bool kept = slot >= 0 && (uint32_t)slot < loader->pipeline->name_count;
        snag_kind kind = kept ? loader->names[slot].kind : SNAG_KIND_ABSENT;
        if (kind != SNAG_KIND_INT && kind != SNAG_KIND_DOUBLE) {
            snag_finding_add(loader, radius->key_at,
                             "radius: needs the kept names x and y as numbers, as "
                             "keep: { %s: { from: …, as: int } }",
                             names[i]);
            continue;
        }
        loader->names_used |= UINT64_C(1) << slot;
        *slots[i] = slot;
    }
}

/* One text of a list, as CEL writes it. */
static bool put_listed(snag_loader *loader, snag_buf *buf, const snag_yaml *node, bool first)
{
    snag_str text = {0};
    if (!snag_text_load(loader, node, &text))
        return false;
    if (!first)
        snag_buf_put(buf, ", ", 2);
    snag_buf_json(buf, text);
    return true;
}

/* "has(role) && role in ["stepper"]" */
static bool put_excluded(snag_loader *loader, snag_buf *buf, const snag_yaml *name)
{
    int slot = snag_name_slot(loader, name->key);
    const snag_yaml *item = name->kind == SNAG_YAML_LIST ? name->first : name;
    bool good = true;
    if (slot < 0 || loader->names[slot].kind != SNAG_KIND_TEXT) {
        snag_nearest nearest = {.wanted = name->key, .best = SNAG_STR("")};
        for (uint32_t i = 0; i < loader->name_count; i++)
            if (loader->names[i].kind == SNAG_KIND_TEXT)
                snag_nearest_offer(&nearest, loader->names[i].name);
        snag_finding_add(loader, name->key_at, "exclude: \"%.*s\" is no kept name that is a text%s%.*s%s",
                         (int)(name->key.size < 64 ? name->key.size : 64), name->key.data,
                         nearest.best.size ? "; did you mean \"" : "", SNAG_FMT(nearest.best),
                         nearest.best.size ? "\"?" : "");
        return false;
    }
    snag_buf_printf(buf, "(has(%.*s) && %.*s in [", SNAG_FMT(name->key), SNAG_FMT(name->key));
    if (name->kind == SNAG_YAML_LIST) {
        for (bool first = true; item && good; item = item->next, first = false)
            good = put_listed(loader, buf, item, first);
    } else {
        good = put_listed(loader, buf, item, true);
    }
    snag_buf_put(buf, "])", 2);
    return good;
}

/* Its counter's number, from 1: one for all shapes of the rule. */
static uint16_t exclusion_number(snag_loader *loader, const snag_rule *rule)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (!loader->rule_exclusions)
        loader->rule_exclusions = snag_loader_take(loader, SNAG_RULES_MAX * sizeof *loader->rule_exclusions);
    pipeline->rule_exclusions = loader->rule_exclusions;
    uint32_t count = pipeline->rule_exclusion_count;
    if (count == 0 || !snag_str_equal(loader->rule_exclusions[count - 1].name, rule->signal.name))
        loader->rule_exclusions[pipeline->rule_exclusion_count++] =
            (snag_exclusion){rule->signal.name, rule->excluded};
    return (uint16_t)pipeline->rule_exclusion_count;
}

/* An expression of which each name is one that the rule uses; NULL: a finding was added. */
static const snag_expr *joined_load(snag_loader *loader, const snag_yaml *node, const snag_buf *buf)
{
    snag_diag diag = {.text = ""};
    snag_expr_zones zones = snag_loader_expr_zones(loader);
    snag_expr_scope scope = {loader->names, loader->name_count, false, &zones};
    const snag_expr *expr =
        buf->full ? NULL : snag_expression_load(loader, snag_loader_keep(loader, buf), &scope, SNAG_KIND_BOOL,
                                                &diag);
    if (expr)
        loader->names_used |= snag_expr_uses(expr);
    else
        snag_finding_add(loader, node->at, "exclude: %s", buf->full ? "too long with where:" : diag.text);
    return expr;
}

/* One of the rule's matchers takes what is not excluded. The answer is what it would have taken; NULL: a
 * finding was added. */
static const snag_expr *exclude_join(snag_loader *loader, const snag_yaml *node, snag_matcher *event)
{
    char takes[WHERE_BYTES];
    char takes_not[WHERE_BYTES];
    snag_buf where = snag_buf_on(takes, sizeof takes);     /* (WHERE) && !(role …) && !(type …) */
    snag_buf but = snag_buf_on(takes_not, sizeof takes_not); /* (WHERE) && ((role …) || (type …)) */
    bool good = true;
    if (event->where) {
        snag_buf_byte(&where, '(');
        snag_buf_str_put(&where, snag_where_text(loader, event->where));
        snag_buf_byte(&where, ')');
        snag_buf_str_put(&but, snag_buf_str(&where));
        snag_buf_put(&but, " && ", 4);
    }
    snag_buf_byte(&but, '(');
    for (const snag_yaml *name = node->first; name; name = name->next) {
        if (where.size > 0)
            snag_buf_put(&where, " && ", 4);
        if (name != node->first)
            snag_buf_put(&but, " || ", 4);
        snag_buf_byte(&where, '!');
        good = put_excluded(loader, &where, name) && put_excluded(loader, &but, name) && good;
    }
    snag_buf_byte(&but, ')');
    if (!good)
        return NULL;
    event->where = joined_load(loader, node, &where);
    return event->where ? joined_load(loader, node, &but) : NULL;
}

void snag_exclude_load(snag_loader *loader, const snag_yaml *node, snag_rule *rule)
{
    if (node->kind != SNAG_YAML_MAP || node->count == 0) {
        snag_finding_add(loader, node->at, "exclude: expected a map, as { role: [stepper, slider] }");
        return;
    }
    rule->excluded = exclude_join(loader, node, &rule->event);
    if (!rule->excluded)
        return;
    rule->exclusion = exclusion_number(loader, rule);
    if (rule->params.found.count)
        rule->found_excluded = exclude_join(loader, node, &rule->params.found);
}
