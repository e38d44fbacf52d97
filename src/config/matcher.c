/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules and stages say about events: `event:`, `where:`, `per:`, and the names of things.
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "config/format.h"
#include "config/key.h"

int snag_name_slot(const snag_loader *loader, snag_str name)
{
    for (uint32_t i = 0; i < loader->name_count; i++)
        if (snag_str_equal(loader->names[i].name, name))
            return (int)loader->names[i].slot;
    return -1;
}

bool snag_name_check(snag_loader *loader, const snag_yaml *node, const char *what)
{
    snag_str name = node->key;
    bool good = name.size > 0 && name.size <= 64;
    for (size_t i = 0; i < name.size && good; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        good = letter || (i > 0 && ((c >= '0' && c <= '9') || c == '_' || c == '-'));
    }
    if (!good)
        snag_finding_add(
            loader, node->key_at,
            "\"%.*s\": the name of %s is 1 to 64 letters, digits, - and _, beginning with a letter",
            (int)(name.size < 64 ? name.size : 64), name.data, what);
    return good;
}

void snag_names_mapped_check(snag_loader *loader, snag_place at, uint64_t slots)
{
    for (uint32_t slot = 0; slot < SNAG_VAR_KEPT; slot++) {
        bool given = slot == SNAG_VAR_ID || (slots >> slot & 1) == 0;
        for (uint32_t i = 0; i < loader->pipeline->source_count; i++)
            given = given || snag_mapping_given(&loader->sources[i].fixed[slot]);
        if (!given)
            snag_finding_add(loader, at, "no event has %s: add it under map: (or const:) of the source",
                             snag_fixed_word(slot));
    }
}

/* --- where ---------------------------------------------------------------------------------------- */

static bool comment_follows(const snag_loader *loader, const snag_yaml *node)
{
    snag_str line = snag_text_line(loader->config->text, node->end.line);
    size_t at = node->end.column - 1; /* in bytes only for ASCII: good enough to ask the trap finder */
    while (at < line.size && line.data[at] == ' ')
        at++;
    return at < line.size && line.data[at] == '#';
}

static bool tell_lost_text(snag_loader *loader, const snag_yaml *node)
{
    bool flow = node->parent && node->parent->flow;
    return node->plain && (flow || comment_follows(loader, node)) &&
           snag_trap_tell(loader, node->at.line, node->key, flow);
}

const snag_expr *snag_expression_load(snag_loader *loader, snag_str text,
                                      const snag_expr_scope *scope, snag_kind want, snag_diag *diag)
{
    const snag_expr *expr = NULL;
    for (const snag_expr_text *known = loader->expr_texts; known; known = known->next)
        if (known->text.data == text.data && known->text.size == text.size)
            return known->expr; /* the same place in the file, read again for another shape */
    if (snag_expr_compile(&loader->arena, text, scope, want, &expr, diag) != SNAG_OK)
        return NULL;
    snag_expr_text *entry = snag_loader_take(loader, sizeof *entry);
    *entry = (snag_expr_text){expr, text, loader->expr_texts};
    loader->expr_texts = entry;
    return expr;
}

snag_str snag_where_text(const snag_loader *loader, const snag_expr *expr)
{
    for (const snag_expr_text *entry = loader->expr_texts; entry && expr; entry = entry->next)
        if (entry->expr == expr)
            return entry->text;
    return (snag_str){0};
}

/* The place of a text's column-th character in the file; its beginning where the lines were folded. */
static snag_place place_in(const snag_loader *loader, const snag_yaml *node, uint32_t column)
{
    snag_place at = node->at;
    size_t byte = 0;
    if (column == 0)
        return at;
    if (!node->literal) {
        if (node->at.line == node->end.line)
            at.column += column - (node->plain ? 1 : 0);
        return at;
    }
    at = (snag_place){node->at.line + 1, 1};
    for (uint32_t i = 1; i < column && byte < node->text.size; i++) {
        at.line += node->text.data[byte] == '\n';
        at.column = node->text.data[byte] == '\n' ? 1 : at.column + 1;
        snag_utf8_next(node->text, &byte);
    }
    snag_str line = snag_text_line(loader->config->text, node->at.line + 1);
    size_t indent = 0;
    while (indent < line.size && line.data[indent] == ' ')
        indent++;
    at.column += (uint32_t)indent;
    return at;
}

const snag_expr *snag_where_load(snag_loader *loader, const snag_yaml *node)
{
    snag_str text = {0};
    if (!snag_expression_text_load(loader, node, &text))
        return NULL;
    snag_expr_zones zones = snag_loader_expr_zones(loader);
    snag_expr_scope scope = {loader->names, loader->name_count, false, &zones};
    snag_diag diag = {.text = ""};
    const snag_expr *expr = snag_expression_load(loader, text, &scope, SNAG_KIND_BOOL, &diag);
    if (expr) {
        loader->names_used |= snag_expr_uses(expr);
        snag_names_mapped_check(loader, node->at, snag_expr_uses(expr));
        return expr;
    }
    if (tell_lost_text(loader, node))
        return NULL;
    snag_finding_add(loader, place_in(loader, node, diag.column), "%.*s: %s", SNAG_FMT(snag_yaml_name(node)),
                     diag.text);
    return NULL;
}

/* --- event ---------------------------------------------------------------------------------------- */

static bool pattern_load(snag_loader *loader, const snag_yaml *node, snag_pattern *out)
{
    snag_str text = {0};
    if (node->kind == SNAG_YAML_MAP) {
        snag_finding_add(loader, node->at, "expected the name of an event, not a map");
        return false;
    }
    if (!snag_text_load(loader, node, &text))
        return false;
    if (text.size > SNAG_TYPE_BYTES_MAX) {
        snag_finding_add(loader, node->at, "an event's name has at most %u bytes", SNAG_TYPE_BYTES_MAX);
        return false;
    }
    bool prefix = text.data[text.size - 1] == '*';
    snag_str stem = snag_str_of(text.data, text.size - prefix);
    if (stem.size > 0 && memchr(stem.data, '*', stem.size)) {
        snag_finding_add(loader, node->at, "\"%.*s\": a * may stand only at the end of a name",
                         SNAG_FMT(text));
        return false;
    }
    *out = (snag_pattern){stem, prefix};
    return true;
}

static bool patterns_equal(const snag_pattern *a, const snag_pattern *b)
{
    return a->prefix == b->prefix && snag_str_equal(a->text, b->text);
}

/* A rule with values by shape is read several times: its lists of events only once. */
typedef struct snag_matcher_cache {
    const char *text; /* of the first item, in the file */
    snag_matcher matcher;
    struct snag_matcher_cache *next;
} snag_matcher_cache;

static bool matcher_known(const snag_loader *loader, const snag_yaml *first, snag_matcher *out)
{
    const snag_matcher_cache *entry = loader->matchers;
    while (entry && first && entry->text != first->text.data)
        entry = entry->next;
    if (!entry || !first)
        return false;
    *out = entry->matcher;
    return true;
}

static void matcher_keep(snag_loader *loader, const snag_yaml *first, const snag_matcher *matcher)
{
    snag_matcher_cache *entry = snag_loader_take(loader, sizeof *entry);
    *entry = (snag_matcher_cache){first->text.data, *matcher, loader->matchers};
    loader->matchers = entry;
}

static bool patterns_load(snag_loader *loader, const snag_yaml *node, snag_matcher *out)
{
    const snag_yaml *item = node->kind == SNAG_YAML_LIST ? node->first : node;
    const snag_yaml *first = item;
    uint32_t count = node->kind == SNAG_YAML_LIST ? node->count : 1;
    if (matcher_known(loader, item, out))
        return true;
    if (count == 0) {
        snag_finding_add(loader, node->at, "%.*s: an empty list of events", SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    snag_pattern *patterns = snag_loader_take(loader, count * sizeof *patterns);
    bool good = true;
    for (uint32_t i = 0; i < count; i++, item = item->next) {
        good = pattern_load(loader, item, &patterns[i]) && good;
        for (uint32_t k = 0; k < i && good; k++)
            if (patterns_equal(&patterns[k], &patterns[i])) {
                snag_finding_add(loader, item->at, "\"%.*s\" stands in this list twice",
                                 SNAG_FMT(item->text));
                good = false;
            }
    }
    uint32_t before = loader->pattern_count;
    loader->pattern_count += count;
    if (before <= SNAG_PATTERNS_MAX && loader->pattern_count > SNAG_PATTERNS_MAX)
        snag_finding_add(loader, node->at, "more than %u event names in one pipeline", SNAG_PATTERNS_MAX);
    if (good) {
        *out = (snag_matcher){.patterns = patterns, .count = count};
        matcher_keep(loader, first, out);
    }
    return good;
}

bool snag_matcher_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *where,
                       snag_matcher *out)
{
    const snag_yaml *event = node;
    if (node->kind == SNAG_YAML_MAP) {
        snag_matcher_raw raw = {0};
        snag_section_load(loader, &snag_section_matcher, node, &raw, NULL, NULL);
        if (!raw.event && snag_key_given(loader, node, "event"))
            return false;
        if (!raw.event) {
            snag_finding_add(loader, node->at, "%.*s: expected a name, a list, or { event: …, where: … }",
                             SNAG_FMT(snag_yaml_name(node)));
            return false;
        }
        if (raw.where && where)
            snag_finding_add(loader, where->key_at, "where: stands here and inside event:; keep one");
        event = raw.event;
        where = raw.where ? raw.where : where;
    }
    bool good = patterns_load(loader, event, out);
    if (where)
        out->where = snag_where_load(loader, where);
    return good;
}

/* --- per ------------------------------------------------------------------------------------------ */

static bool per_slot(snag_loader *loader, const snag_yaml *node, uint16_t *slot)
{
    bool key_account = loader->pipeline->key_account;
    snag_str name = {0};
    if (!snag_text_load(loader, node, &name))
        return false;
    int found = snag_name_slot(loader, name);
    if (found < 0) {
        snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
        for (uint32_t i = 0; i < loader->pipeline->name_count; i++)
            snag_nearest_offer(&nearest, loader->names[i].name);
        snag_finding_add(loader, node->at,
                         "per: \"%.*s\" is not kept; add it under keep: of the source%s%.*s%s",
                         SNAG_FMT(name), nearest.best.size ? ", or did you mean \"" : "",
                         SNAG_FMT(nearest.best), nearest.best.size ? "\"?" : "");
        return false;
    }
    if ((uint32_t)found >= loader->pipeline->name_count) {
        snag_finding_add(loader, node->at,
                         "per: \"%.*s\" is no name of events, and changes under what it would name",
                         SNAG_FMT(name));
        return false;
    }
    if (found == SNAG_VAR_ID || found == SNAG_VAR_TIME) {
        snag_finding_add(loader, node->at, "per: %s differs on every event",
                         snag_fixed_word((uint32_t)found));
        return false;
    }
    if (found == SNAG_VAR_ACCOUNT && !key_account) {
        snag_finding_add(
            loader, node->at,
            "per: account is refused under key: customer: one account's customers lie on several "
            "partitions; use key: account");
        return false;
    }
    *slot = (uint16_t)found;
    return true;
}

/* The scope of these slots: an old one, or a new one. */
static uint16_t scope_find(snag_loader *loader, snag_place at, const uint16_t *slots,
                           uint32_t count)
{
    snag_pipeline *pipeline = loader->pipeline;
    uint16_t key = pipeline->key_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER;
    if (count == 1 && slots[0] == key)
        return 0;
    for (uint32_t i = 1; i < pipeline->scope_count; i++)
        if (loader->scopes[i].count == count &&
            memcmp(loader->scopes[i].slots, slots, count * sizeof *slots) == 0)
            return (uint16_t)i;
    if (pipeline->scope_count == SNAG_SCOPES_MAX) {
        snag_finding_add(loader, at, "more than %u different per: in one pipeline", SNAG_SCOPES_MAX - 1);
        return 0;
    }
    uint16_t *kept = snag_loader_take(loader, count * sizeof *kept);
    snag_str *names = snag_loader_take(loader, count * sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        snag_names_mapped_check(loader, at, UINT64_C(1) << slots[i]);
        kept[i] = slots[i];
        names[i] = loader->names[slots[i]].name;
        loader->names_used |= UINT64_C(1) << slots[i];
    }
    loader->scopes[pipeline->scope_count] = (snag_scope){.slots = kept, .names = names, .count = count};
    return (uint16_t)pipeline->scope_count++;
}

static void per_list_check(snag_loader *loader, const snag_yaml *node, const uint16_t *slots,
                           uint32_t count)
{
    uint16_t key = loader->pipeline->key_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < i; k++)
            if (slots[k] == slots[i])
                snag_finding_add(loader, node->at, "per: \"%.*s\" stands in the list twice",
                                 SNAG_FMT(loader->names[slots[i]].name));
        if (slots[i] == key && count > 1)
            snag_finding_add(loader, node->at, "per: leave %s out: every value belongs to one anyway",
                             snag_fixed_word(key));
    }
}

uint16_t snag_scope_load(snag_loader *loader, const snag_yaml *owner, const snag_yaml *node)
{
    uint16_t slots[SNAG_PER_MAX] = {SNAG_VAR_CUSTOMER};
    if (!node)
        return scope_find(loader, owner->key_at, slots, 1);
    const snag_yaml *item = node->kind == SNAG_YAML_LIST ? node->first : node;
    uint32_t count = node->kind == SNAG_YAML_LIST ? node->count : 1;
    if (node->kind == SNAG_YAML_MAP || count == 0 || count > SNAG_PER_MAX) {
        snag_finding_add(loader, node->at, "per: expected a name or a list of 1 to %u names", SNAG_PER_MAX);
        return 0;
    }
    bool good = true;
    for (uint32_t i = 0; i < count; i++, item = item->next)
        good = per_slot(loader, item, &slots[i]) && good;
    if (!good)
        return 0;
    per_list_check(loader, node, slots, count);
    return scope_find(loader, node->at, slots, count);
}
