/* SPDX-License-Identifier: Apache-2.0
 *
 * `keep:` and `const:`: the names that rules may use besides the fixed ones. All sources of a pipeline share
 * them: a name has one slot and one kind, whichever source an event comes from.
 *
 *     sources   web: keep amount, page     payments: keep amount, order     both: source, by itself
 *     slots     amount  page  order  source       what a source does not keep, its events lack
 */
#include "base/assert.h"
#include "config/format.h"
#include "config/key.h"

bool snag_kept_name_check(snag_loader *loader, snag_str name, snag_place at)
{
    static const char *const taken[] = {"true", "false", "null", "in", "elapsed", "observed", "as",
                                        "has", "size", "break", "const", "continue", "else", "for",
                                        "function", "if", "import", "let", "loop", "package",
                                        "namespace", "return", "var", "void", "while", "reached"};
    bool good = name.size > 0 && name.size <= 64 && !(name.data[0] >= '0' && name.data[0] <= '9');
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                        (c >= '0' && c <= '9'));
    }
    if (!good) {
        snag_finding_add(
            loader, at,
            "\"%.*s\": a kept name is letters, digits and _, not beginning with a digit",
            SNAG_FMT(name));
        return false;
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (snag_str_equal(name, snag_str_from(taken[i]))) {
            snag_finding_add(
                loader, at,
                "\"%s\" means something else in expressions or headlines; keep it under "
                "another name",
                taken[i]);
            return false;
        }
    if (snag_fixed_slot(name) >= 0) {
        snag_finding_add(loader, at, "\"%.*s\" is a name every event has; say where it stands under map:",
                         SNAG_FMT(name));
        return false;
    }
    return true;
}

/* The slot of a kept name, which may be another source's too; SNAG_KEPT_NAMES_MAX with a finding: no room. */
static uint32_t kept_slot(snag_loader *loader, snag_str name, snag_place at)
{
    uint32_t slot = 0;
    while (slot < loader->kept_count && !snag_str_equal(loader->kept_names[slot].name, name))
        slot++;
    if (slot == SNAG_KEPT_NAMES_MAX)
        snag_finding_add(loader, at, "more than %d kept names", (int)SNAG_KEPT_NAMES_MAX);
    if (slot < loader->kept_count || slot == SNAG_KEPT_NAMES_MAX)
        return slot;
    loader->kept_names[loader->kept_count++] =
        (snag_kept_name){name, SNAG_KIND_TEXT, (uint32_t)(loader->source - loader->sources), at};
    return slot;
}

/* Room for one more kept name; NULL with a finding where there is none or the name is bad. */
static snag_mapping *kept_add(snag_loader *loader, snag_str name, snag_place at)
{
    if (!snag_kept_name_check(loader, name, at))
        return NULL;
    if (loader->pipeline->source_count > 1 && snag_str_equal(name, SNAG_STR("source"))) {
        snag_finding_add(loader, at, "\"source\" is the name of the event's source where there are several; "
                                     "keep it under another name");
        return NULL;
    }
    uint32_t slot = kept_slot(loader, name, at);
    if (slot == SNAG_KEPT_NAMES_MAX)
        return NULL;
    snag_mapping *mapping = &loader->kept[slot];
    const snag_source_spec *first = &loader->sources[loader->kept_names[slot].source];
    if (first != loader->source && (first->table || loader->source->table)) {
        snag_finding_add(loader, at,
                         "\"%.*s\" is kept by source %.*s as well, and one of the two is a table: what it "
                         "knows and what happens need two names",
                         SNAG_FMT(name), SNAG_FMT(first->name));
        return NULL;
    }
    if (mapping->name.size > 0) {
        snag_finding_add(loader, at, "\"%.*s\" is kept already", SNAG_FMT(name));
        return NULL;
    }
    mapping->name = name;
    mapping->as = SNAG_KIND_TEXT;
    return mapping;
}

/* One name is of one kind, whichever source an event comes from. */
static void kept_as(snag_loader *loader, const snag_mapping *mapping, snag_place at)
{
    snag_kept_name *kept = &loader->kept_names[mapping - loader->kept];
    uint32_t source = (uint32_t)(loader->source - loader->sources);
    if (kept->source == source)
        kept->as = mapping->as;
    else if (kept->as != mapping->as)
        snag_finding_add(loader, at,
                         "%.*s is of kind %s here, and of kind %s in source %.*s (line %u): say the same "
                         "as: in both, or keep it under another name",
                         SNAG_FMT(mapping->name), snag_kind_word(mapping->as), snag_kind_word(kept->as),
                         SNAG_FMT(loader->sources[kept->source].name), kept->at.line);
}

/* keep: [line, call]: from where the format usually has such names. */
static void keep_short(snag_loader *loader, const snag_yaml *item)
{
    char text[SNAG_TEXT_BYTES_MAX];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (item->kind != SNAG_YAML_TEXT) {
        snag_finding_add(loader, item->at, "keep: expected a name, not %s", snag_yaml_kind_word(item));
        return;
    }
    snag_mapping *mapping = kept_add(loader, item->text, item->at);
    if (!mapping)
        return;
    snag_buf_str_put(&buf, snag_str_from(snag_format_prefix(loader->source->format)));
    snag_buf_str_put(&buf, item->text);
    snag_str *path = snag_loader_take(loader, sizeof *path);
    *path = snag_loader_keep(loader, &buf);
    mapping->paths = path;
    mapping->path_count = 1;
    kept_as(loader, mapping, item->at);
}

void snag_keep_load(snag_loader *loader, const snag_yaml *node)
{
    if (node && node->kind == SNAG_YAML_TEXT)
        snag_finding_add(loader, node->at, "keep: expected a map of name to path, as { amount: %samount }",
                         snag_format_prefix(loader->source->format));
    for (const snag_yaml *child = node ? node->first : NULL; child; child = child->next) {
        if (node->kind == SNAG_YAML_LIST) {
            keep_short(loader, child);
            continue;
        }
        snag_mapping *mapping = kept_add(loader, child->key, child->key_at);
        snag_mapping spare = {.as = SNAG_KIND_TEXT}; /* a bad name's mapping is still checked */
        snag_mapping_load(loader, child, mapping ? mapping : &spare);
        if (mapping)
            kept_as(loader, mapping, child->key_at);
    }
}

void snag_const_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *map)
{
    if (node && node->kind != SNAG_YAML_MAP)
        snag_finding_add(loader, node->at, "const: expected a map of name to text, as { channel: phone }");
    for (const snag_yaml *child = node ? node->first : NULL; child && child->key.size; child = child->next) {
        int slot = snag_fixed_slot(child->key);
        snag_str value = {0};
        if (!snag_text_load(loader, child, &value))
            continue;
        if (slot == SNAG_VAR_ID || slot == SNAG_VAR_TIME) {
            snag_finding_add(loader, child->key_at, "const: %s differs on every event",
                             snag_fixed_word((uint32_t)slot));
            continue;
        }
        char key[16];
        snag_buf buf = snag_buf_on(key, sizeof key);
        snag_buf_str_put(&buf, snag_str_from(slot >= 0 ? snag_fixed_word((uint32_t)slot) : ""));
        snag_buf_byte(&buf, '\0');
        if (slot >= 0 && snag_yaml_get(map, key)) {
            snag_finding_add(loader, child->key_at, "const: %s is under map: already", key);
            continue;
        }
        snag_mapping *mapping = slot >= 0 ? &loader->source->fixed[slot]
                                          : kept_add(loader, child->key, child->key_at);
        if (!mapping)
            continue;
        mapping->paths = NULL;
        mapping->path_count = 0;
        mapping->constant = snag_value_text(value);
        if (slot < 0)
            kept_as(loader, mapping, child->key_at);
    }
}

/* Where there are several sources, every event says which one it came from. */
static void source_name_keep(snag_loader *loader)
{
    static const snag_str name = {"source", 6};
    uint32_t slot = kept_slot(loader, name, (snag_place){1, 1});
    for (uint32_t i = 0; i < loader->pipeline->source_count && slot < SNAG_KEPT_NAMES_MAX; i++) {
        snag_mapping *kept = (snag_mapping *)(uintptr_t)loader->sources[i].kept;
        kept[slot] = (snag_mapping){.name = name, .as = SNAG_KIND_TEXT,
                                    .constant = snag_value_text(loader->sources[i].name)};
    }
}

/* Fixed names, then every name that any source keeps; where a source does not, its events lack it. */
void snag_names_fill(snag_loader *loader)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (pipeline->source_count > 1)
        source_name_keep(loader);
    loader->names = snag_loader_take(loader, (SNAG_KEPT_MAX + SNAG_FACTS_MAX) * sizeof *loader->names);
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        loader->names[i] =
            (snag_expr_name){loader->sources[0].fixed[i].name, loader->sources[0].fixed[i].as, i};
    for (uint32_t i = 0; i < loader->kept_count; i++)
        loader->names[SNAG_VAR_KEPT + i] =
            (snag_expr_name){loader->kept_names[i].name, loader->kept_names[i].as, SNAG_VAR_KEPT + i};
    for (uint32_t k = 0; k < pipeline->source_count; k++) {
        snag_mapping *kept = (snag_mapping *)(uintptr_t)loader->sources[k].kept;
        loader->sources[k].kept_count = loader->kept_count;
        for (uint32_t i = 0; i < loader->kept_count; i++) {
            kept[i].name = loader->kept_names[i].name;
            kept[i].as = loader->kept_names[i].as;
        }
    }
    pipeline->names = loader->names;
    loader->name_count = SNAG_VAR_KEPT + loader->kept_count;
    pipeline->name_count = loader->name_count;
}
