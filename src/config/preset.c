/* SPDX-License-Identifier: Apache-2.0 */
#include "config/preset.h"

#include "base/assert.h"
#include "base/nearest.h"
#include "config/key.h"

/* The presets as a tree, in the loader's memory. Our own text: a finding in it is a bug. */
static const snag_yaml *presets_parse(snag_loader *loader)
{
    snag_config config = *loader->config;
    snag_loader reader = *loader;
    config.text = snag_str_of((const char *)snag_presets, snag_presets_bytes);
    reader.config = &config;
    const snag_yaml *root = snag_yaml_parse(&reader);
    SNAG_ASSERT(root && config.error_count == loader->config->error_count);
    loader->arena = reader.arena;
    return root;
}

/* Everything taken from a preset stands where `use:` stands. */
static snag_yaml *copy_at(snag_loader *loader, const snag_yaml *node, const snag_yaml *use,
                          const snag_yaml *parent)
{
    snag_yaml *copy = snag_loader_take(loader, sizeof *copy);
    snag_yaml **link = &copy->first;
    *copy = *node;
    copy->key_at = use->key_at;
    copy->at = use->at;
    copy->end = use->end;
    copy->parent = parent;
    copy->next = NULL;
    copy->first = NULL;
    for (const snag_yaml *child = node->first; child; child = child->next) {
        *link = copy_at(loader, child, use, copy);
        link = &(*link)->next;
    }
    return copy;
}

static void unknown(snag_loader *loader, const snag_yaml *root, const snag_yaml *use)
{
    snag_nearest nearest = {.wanted = use->text, .best = SNAG_STR("")};
    for (const snag_yaml *preset = root->first; preset; preset = preset->next)
        snag_nearest_offer(&nearest, preset->key);
    snag_finding_add(loader, use->at, "use: there is no preset \"%.*s\"%s%.*s%s (snag manual presets)",
                     (int)(use->text.size < 64 ? use->text.size : 64), use->text.data,
                     nearest.best.size ? "; did you mean \"" : "", SNAG_FMT(nearest.best),
                     nearest.best.size ? "\"?" : "");
}

void snag_preset_merge(snag_loader *loader, snag_yaml *rule)
{
    const snag_yaml *use = snag_yaml_get(rule, "use");
    snag_str name = {0};
    if (!use || snag_yaml_is_empty(use))
        return;
    if (!snag_text_load(loader, use, &name)) {
        rule->told = true; /* what it would have had is no further finding */
        return;
    }
    const snag_yaml *root = presets_parse(loader);
    char key[128];
    snag_buf buf = snag_buf_on(key, sizeof key - 1);
    snag_buf_str_put(&buf, name);
    key[buf.size] = '\0';
    const snag_yaml *preset = buf.full ? NULL : snag_yaml_get(root, key);
    if (!preset) {
        unknown(loader, root, use);
        rule->told = true;
        return;
    }
    snag_yaml *last = rule->first;
    while (last->next)
        last = last->next;
    for (const snag_yaml *child = snag_yaml_get(preset, "rule")->first; child; child = child->next) {
        bool given = false;
        for (const snag_yaml *own = rule->first; own; own = own->next)
            given = given || snag_str_equal(own->key, child->key);
        if (given)
            continue;
        last->next = copy_at(loader, child, use, rule);
        last = last->next;
        rule->count++;
    }
}
