/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rule's clicks need besides its own fields: where they were (radius:), and which do not count
 * (exclude:).
 */
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

/* "!(has(role) && role in ["stepper"])" */
static bool put_excluded(snag_loader *loader, snag_buf *buf, const snag_yaml *name)
{
    int slot = snag_name_slot(loader, name->key);
    const snag_yaml *item = name->kind == SNAG_YAML_LIST ? name->first : name;
    bool good = true;
    if (slot < 0 || loader->names[slot].kind != SNAG_KIND_TEXT) {
        snag_finding_add(loader, name->key_at, "exclude: \"%.*s\" is no kept name that is a text",
                         (int)(name->key.size < 64 ? name->key.size : 64), name->key.data);
        return false;
    }
    snag_buf_printf(buf, "!(has(%.*s) && %.*s in [", SNAG_FMT(name->key), SNAG_FMT(name->key));
    if (name->kind == SNAG_YAML_LIST) {
        for (bool first = true; item && good; item = item->next, first = false)
            good = put_listed(loader, buf, item, first);
    } else {
        good = put_listed(loader, buf, item, true);
    }
    snag_buf_put(buf, "])", 2);
    return good;
}

void snag_exclude_load(snag_loader *loader, const snag_yaml *node, snag_matcher *event)
{
    char text[WHERE_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_diag diag = {.text = ""};
    bool good = node->kind == SNAG_YAML_MAP && node->count > 0;
    if (!good)
        snag_finding_add(loader, node->at, "exclude: expected a map, as { role: [stepper, slider] }");
    if (event->where) {
        snag_buf_byte(&buf, '(');
        snag_buf_str_put(&buf, snag_where_text(loader, event->where));
        snag_buf_byte(&buf, ')');
    }
    for (const snag_yaml *name = node->kind == SNAG_YAML_MAP ? node->first : NULL; name; name = name->next) {
        if (buf.size > 0)
            snag_buf_put(&buf, " && ", 4);
        good = put_excluded(loader, &buf, name) && good;
    }
    if (!good)
        return;
    snag_expr_zones zones = snag_loader_expr_zones(loader);
    snag_expr_scope scope = {loader->names, loader->name_count, false, &zones};
    snag_str whole = snag_loader_keep(loader, &buf);
    event->where = buf.full ? NULL : snag_expression_load(loader, whole, &scope, SNAG_KIND_BOOL, &diag);
    if (event->where)
        loader->names_used |= snag_expr_uses(event->where);
    else
        snag_finding_add(loader, node->at, "exclude: %s", buf.full ? "too long with where:" : diag.text);
}
