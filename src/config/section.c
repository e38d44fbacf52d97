/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a map by the rows of its section: defaults first, then each key of the file in turn.
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "config/wait.h"

snag_str snag_yaml_name(const snag_yaml *node)
{
    return node->key.size ? node->key : SNAG_STR("this value");
}

static void *field(const snag_key *key, void *target)
{
    return (char *)target + key->target;
}

static bool value_load(snag_loader *loader, const snag_key *key, const snag_yaml *node, void *target)
{
    void *to = field(key, target);
    switch (key->type) {
    case SNAG_KEY_TEXT: return snag_text_load(loader, node, to);
    case SNAG_KEY_PLACE: return snag_place_load(loader, node, to);
    case SNAG_KEY_WORD: return snag_word_load(loader, node, key->words, key->later, to);
    case SNAG_KEY_COUNT: return snag_count_load(loader, node, key->min, key->max, to);
    case SNAG_KEY_BOOL: return snag_bool_load(loader, node, to);
    case SNAG_KEY_DURATION: return snag_duration_load(loader, node, key->min, key->max, to);
    case SNAG_KEY_WAIT: return snag_wait_load(loader, node, key->min, key->max, to);
    case SNAG_KEY_BYTES: return snag_bytes_load(loader, node, key->min, key->max, to);
    case SNAG_KEY_NODE: *(const snag_yaml **)to = node; return true;
    case SNAG_KEY_LATER: break;
    }
    snag_finding_add(loader, node->key_at, "\"%s\" is not built yet%s%s", key->name,
                     key->summary ? "; instead: " : "", key->summary ? key->summary : "");
    return false;
}

/* The defaults are read by the same code as the file, from the same words the manual prints. */
static void defaults_load(snag_loader *loader, const snag_section *section, void *target)
{
    for (uint32_t i = 0; i < section->key_count; i++) {
        const snag_key *key = &section->keys[i];
        if (key->otherwise) {
            snag_yaml node = {.kind = SNAG_YAML_TEXT, .plain = true,
                              .text = snag_str_from(key->otherwise)};
            SNAG_ASSERT(value_load(loader, key, &node, target));
        } else if (key->type == SNAG_KEY_COUNT || key->type == SNAG_KEY_DURATION ||
                   key->type == SNAG_KEY_WORD) {
            *(int64_t *)field(key, target) = -1;
        } else if (key->type == SNAG_KEY_WAIT) {
            *(snag_wait *)field(key, target) = (snag_wait){-1, NULL, 0};
        }
    }
}

static const snag_key *key_find(const snag_section *section, snag_str name)
{
    for (uint32_t i = 0; i < section->key_count; i++)
        if (snag_str_equal(name, snag_str_from(section->keys[i].name)))
            return &section->keys[i];
    return NULL;
}

static void put_known(snag_buf *buf, const char *name)
{
    if (buf->size > 0)
        snag_buf_put(buf, ", ", 2);
    snag_buf_str_put(buf, snag_str_from(name));
}

void snag_guess_add(snag_loader *loader, const snag_yaml *map, snag_str name)
{
    if (name.size == 0)
        return;
    snag_guess *guess = snag_loader_take(loader, sizeof *guess);
    *guess = (snag_guess){map, name, loader->guesses};
    loader->guesses = guess;
}

bool snag_key_given(const snag_loader *loader, const snag_yaml *map, const char *name)
{
    if (snag_yaml_get(map, name))
        return true;
    for (const snag_guess *guess = loader->guesses; guess; guess = guess->next)
        if (guess->map == map && snag_str_equal(guess->name, snag_str_from(name)))
            return true;
    return false;
}

void snag_key_unknown(snag_loader *loader, const snag_section *section, const snag_yaml *child,
                      const char *const *extra)
{
    char list[320];
    snag_buf known = snag_buf_on(list, sizeof list);
    snag_nearest nearest = {.wanted = child->key, .best = SNAG_STR("")};
    if (child->parent && child->parent->flow && snag_yaml_is_empty(child) &&
        snag_trap_tell(loader, child->key_at.line, (snag_str){0}, true))
        return;
    for (uint32_t i = 0; i < section->key_count; i++) {
        snag_nearest_offer(&nearest, snag_str_from(section->keys[i].name));
        if (section->keys[i].type != SNAG_KEY_LATER)
            put_known(&known, section->keys[i].name);
    }
    for (; extra && *extra; extra++) {
        snag_nearest_offer(&nearest, snag_str_from(*extra));
        put_known(&known, *extra);
    }
    snag_guess_add(loader, child->parent, nearest.best);
    const char *open = nearest.best.size ? "; did you mean \"" : "";
    const char *shut = nearest.best.size ? "\"?" : "";
    snag_finding_add(loader, child->key_at, "unknown key \"%.*s\" in %s%s%.*s%s (known: %.*s)",
                     (int)(child->key.size < 64 ? child->key.size : 64), child->key.data,
                     section->title, open, SNAG_FMT(nearest.best), shut,
                     SNAG_FMT(snag_buf_str(&known)));
}

static void child_load(snag_loader *loader, const snag_section *section, const snag_yaml *child,
                       void *target, snag_key_other *other, void *context)
{
    const snag_key *key = key_find(section, child->key);
    if (key && child->told)
        return;
    if (key && key->type != SNAG_KEY_LATER && snag_yaml_is_empty(child)) {
        snag_finding_add(loader, child->key_at, "\"%s\" has no value; expected %s", key->name,
                         key->form ? key->form : "one");
        return;
    }
    if (key)
        value_load(loader, key, child, target);
    else if (!other || !other(loader, child, context))
        snag_key_unknown(loader, section, child, NULL);
}

bool snag_section_load(snag_loader *loader, const snag_section *section, const snag_yaml *node,
                       void *target, snag_key_other *other, void *context)
{
    defaults_load(loader, section, target);
    if (node->told)
        return false;
    if (node->kind != SNAG_YAML_MAP) {
        snag_finding_add(loader, node->at, "expected %s as a map of keys, not %s", section->title,
                         snag_yaml_is_empty(node) ? "nothing" : snag_yaml_kind_word(node));
        return false;
    }
    for (const snag_yaml *child = node->first; child; child = child->next)
        child_load(loader, section, child, target, other, context);
    return true;
}
