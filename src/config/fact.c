/* SPDX-License-Identifier: Apache-2.0
 *
 * `facts:`: each one question to the past, answered by a name that stands behind the kept ones.
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "config/key.h"

/* The one form that is given; SNAG_FACT_KIND_COUNT = none, or a finding was added. */
static snag_fact_kind form_find(snag_loader *loader, const snag_yaml *node, const snag_yaml **form)
{
    snag_fact_kind found = SNAG_FACT_KIND_COUNT;
    *form = NULL;
    for (const snag_yaml *child = node->first; child; child = child->next)
        for (int kind = 0; kind < SNAG_FACT_KIND_COUNT; kind++) {
            if (!snag_str_equal(child->key, snag_str_from(snag_fact_word((snag_fact_kind)kind))))
                continue;
            if (*form)
                snag_finding_add(loader, child->key_at,
                                 "two questions in one fact: %.*s and %.*s; write two facts",
                                 SNAG_FMT((*form)->key), SNAG_FMT(child->key));
            else
                found = (snag_fact_kind)kind;
            *form = *form ? *form : child;
        }
    bool meant = false;
    for (int kind = 0; kind < SNAG_FACT_KIND_COUNT; kind++)
        meant = meant || snag_key_given(loader, node, snag_fact_word((snag_fact_kind)kind));
    if (!meant)
        snag_finding_add(loader, node->key_at,
                         "fact \"%.*s\" asks nothing; add one of last:, first:, count:, sum:, share:, "
                         "distinct:",
                         SNAG_FMT(node->key));
    return found;
}

/* last, first, sum, distinct: the name they are about. */
static void name_load(snag_loader *loader, const snag_yaml *form, snag_fact *fact)
{
    snag_str name = {0};
    if (!snag_text_load(loader, form, &name))
        return;
    int slot = snag_name_slot(loader, name);
    if (slot < 0 || (uint32_t)slot >= loader->pipeline->name_count) {
        snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
        for (uint32_t i = 0; i < loader->pipeline->name_count; i++)
            snag_nearest_offer(&nearest, loader->names[i].name);
        snag_finding_add(loader, form->at,
                         "%.*s: \"%.*s\" is not kept; add it under keep: of the source%s%.*s%s",
                         SNAG_FMT(form->key), SNAG_FMT(name), nearest.best.size ? ", or did you mean \"" : "",
                         SNAG_FMT(nearest.best), nearest.best.size ? "\"?" : "");
        return;
    }
    snag_kind kind = loader->names[slot].kind;
    fact->from_slot = (uint16_t)slot;
    fact->value_kind = fact->kind == SNAG_FACT_DISTINCT ? SNAG_KIND_INT : kind;
    loader->names_used |= UINT64_C(1) << slot;
    snag_names_mapped_check(loader, form->at, UINT64_C(1) << slot);
    if (fact->kind == SNAG_FACT_SUM && kind != SNAG_KIND_INT && kind != SNAG_KIND_DOUBLE)
        snag_finding_add(loader, form->at,
                         "sum: \"%.*s\" is a %s; keep it as a number: { from: …, as: double } or as: int",
                         SNAG_FMT(name), snag_kind_word(kind));
}

static void every_event(snag_loader *loader, const snag_yaml *where, snag_matcher *out)
{
    snag_pattern *pattern = snag_loader_take(loader, sizeof *pattern);
    *pattern = (snag_pattern){{"", 0}, true};
    *out = (snag_matcher){.patterns = pattern, .count = 1};
    if (where)
        out->where = snag_where_load(loader, where);
}

static void events_load(snag_loader *loader, const snag_yaml *form, const snag_fact_raw *raw, snag_fact *fact)
{
    bool counts = fact->kind == SNAG_FACT_COUNT || fact->kind == SNAG_FACT_SHARE;
    if (counts && raw->event)
        snag_finding_add(loader, raw->event->key_at,
                         "event: belongs to last, first, sum and distinct; %.*s: names its events itself",
                         SNAG_FMT(form->key));
    if (raw->of && fact->kind != SNAG_FACT_SHARE)
        snag_finding_add(loader, raw->of->key_at, "of: belongs to share");
    if (counts)
        snag_matcher_load(loader, form, raw->where, &fact->event);
    else if (raw->event)
        snag_matcher_load(loader, raw->event, raw->where, &fact->event);
    else
        every_event(loader, raw->where, &fact->event);
    if (raw->of && fact->kind == SNAG_FACT_SHARE)
        snag_matcher_load(loader, raw->of, NULL, &fact->of);
}

/* Whose fact: the customer's where per: does not say, as everywhere; under key: account also the account's */
static void per_load(snag_loader *loader, const snag_yaml *owner, const snag_yaml *node, snag_fact *fact)
{
    snag_pipeline *pipeline = loader->pipeline;
    snag_str name = SNAG_STR("customer");
    if (node && !snag_text_load(loader, node, &name))
        return;
    bool account = snag_str_equal(name, SNAG_STR("account"));
    if (account && !pipeline->key_account)
        snag_finding_add(loader, node->at,
                         "per: account is refused under key: customer: one account's customers lie on "
                         "several partitions; use key: account");
    else if (!account && !snag_str_equal(name, SNAG_STR("customer")))
        snag_finding_add(loader, node->at, "per: a fact is remembered per customer%s, not per \"%.*s\"",
                         pipeline->key_account ? " or account" : "", SNAG_FMT(name));
    if (account || !pipeline->key_account)
        return;
    fact->scope = snag_scope_load(loader, owner, NULL);
    pipeline->fact_scope = fact->scope;
}

/* The table that keeps a name: 1 + its source's number; 0 = none does. */
static uint16_t table_of(const snag_loader *loader, int slot)
{
    if (slot < SNAG_VAR_KEPT || slot >= (int)(SNAG_VAR_KEPT + loader->kept_count) ||
        snag_str_equal(loader->kept_names[slot - SNAG_VAR_KEPT].name, SNAG_STR("source")))
        return 0;
    uint32_t source = loader->kept_names[slot - SNAG_VAR_KEPT].source;
    return loader->sources[source].table ? (uint16_t)(source + 1) : 0;
}

/* A fact about what a table keeps. */
static void table_fact(snag_loader *loader, const snag_yaml *node, const snag_fact_raw *raw, snag_fact *fact)
{
    const snag_source_spec *source = &loader->sources[fact->table - 1];
    const snag_yaml *odd = raw->event ? raw->event : raw->where ? raw->where : raw->of;
    if (fact->kind != SNAG_FACT_LAST && fact->kind != SNAG_FACT_FIRST)
        snag_finding_add(loader, node->key_at,
                         "fact \"%.*s\": of what a table keeps there is last: and first:, its rows are no "
                         "happenings to count",
                         SNAG_FMT(node->key));
    if (!odd && raw->within_ms >= 0)
        odd = snag_yaml_get(node, "within");
    if (odd)
        snag_finding_add(loader, odd->key_at, "%.*s: is for events; a table's row holds until the next one",
                         SNAG_FMT(odd->key));
    if (fact->scope && !snag_mapping_given(&source->fixed[SNAG_VAR_CUSTOMER]))
        snag_finding_add(loader, node->key_at,
                         "fact \"%.*s\": the rows of %.*s name no customer: say per: account, or map "
                         "customer",
                         SNAG_FMT(node->key), SNAG_FMT(source->name));
    snag_pattern *pattern = snag_loader_take(loader, sizeof *pattern);
    *pattern = (snag_pattern){source->name, false};
    fact->event = (snag_matcher){.patterns = pattern, .count = 1};
}

static bool counts_events(const snag_fact *fact)
{
    return fact->kind == SNAG_FACT_COUNT || fact->kind == SNAG_FACT_SHARE;
}

static void fact_load(snag_loader *loader, const snag_yaml *node, snag_fact *fact)
{
    snag_fact_raw raw = {0};
    const snag_yaml *form;
    *fact = (snag_fact){.name = node->key, .within_ms = -1, .value_kind = SNAG_KIND_DYN};
    if (!snag_section_load(loader, &snag_section_fact, node, &raw, NULL, NULL))
        return;
    fact->within_ms = raw.within_ms;
    fact->kind = form_find(loader, node, &form);
    per_load(loader, node, raw.per, fact);
    if (raw.within_ms > loader->pipeline->remember_ms)
        snag_finding_add(loader, snag_yaml_get(node, "within")->at,
                         "within: is longer than remember: of the source, after which a silent customer is "
                         "forgotten");
    if (fact->kind == SNAG_FACT_KIND_COUNT)
        return;
    if (snag_yaml_is_empty(form) || form->told)
        return; /* said already */
    if (fact->kind == SNAG_FACT_COUNT)
        fact->value_kind = SNAG_KIND_INT;
    else if (fact->kind == SNAG_FACT_SHARE)
        fact->value_kind = SNAG_KIND_DOUBLE;
    else
        name_load(loader, form, fact);
    fact->table = counts_events(fact) ? 0 : table_of(loader, fact->from_slot);
    if (fact->table) {
        table_fact(loader, node, &raw, fact);
        return;
    }
    events_load(loader, form, &raw, fact);
    if (fact->kind == SNAG_FACT_SHARE && !snag_key_given(loader, node, "of"))
        snag_finding_add(loader, node->key_at, "fact \"%.*s\" needs of: the share of which events?",
                         SNAG_FMT(node->key));
}

/* A name no event and no other fact has; what a table keeps is known by facts only. */
static bool name_check(snag_loader *loader, const snag_yaml *node)
{
    if (!snag_kept_name_check(loader, node->key, node->key_at))
        return false;
    int slot = snag_name_slot(loader, node->key);
    if (slot < 0 || table_of(loader, slot))
        return true;
    snag_finding_add(loader, node->key_at,
                     "\"%.*s\" is what an event says itself, and in an expression nobody could tell that "
                     "from what is remembered: call the fact otherwise",
                     SNAG_FMT(node->key));
    return false;
}

/* What a table keeps is a fact of its own name, where facts: has none. */
static void table_facts(snag_loader *loader, snag_fact *facts)
{
    snag_pipeline *pipeline = loader->pipeline;
    for (uint32_t i = 0; i < loader->kept_count; i++) {
        uint16_t table = table_of(loader, (int)(SNAG_VAR_KEPT + i));
        const snag_kept_name *kept = &loader->kept_names[i];
        bool named = false;
        for (uint32_t k = 0; k < pipeline->fact_count; k++)
            named = named || snag_str_equal(facts[k].name, kept->name);
        if (!table || named)
            continue;
        if (pipeline->fact_count == SNAG_FACTS_MAX) {
            snag_finding_add(loader, kept->at, "more than %u facts, those that tables keep among them",
                             SNAG_FACTS_MAX);
            return;
        }
        const snag_yaml node = {.key = kept->name, .key_at = kept->at};
        const snag_fact_raw raw = {.within_ms = -1};
        snag_fact *fact = &facts[pipeline->fact_count];
        *fact = (snag_fact){.name = kept->name, .kind = SNAG_FACT_LAST, .within_ms = -1,
                            .value_kind = kept->as, .from_slot = (uint16_t)(SNAG_VAR_KEPT + i),
                            .table = table, .slot = (uint16_t)(pipeline->name_count + pipeline->fact_count)};
        if (snag_mapping_given(&loader->sources[table - 1].fixed[SNAG_VAR_CUSTOMER]))
            per_load(loader, &node, NULL, fact);
        loader->names_used |= UINT64_C(1) << fact->from_slot;
        table_fact(loader, &node, &raw, fact);
        pipeline->fact_count++;
    }
}

/* Their names stand for the facts from here on. */
static void table_names_hide(snag_loader *loader)
{
    char text[128];
    for (uint32_t i = 0; i < loader->kept_count; i++) {
        uint16_t table = table_of(loader, (int)(SNAG_VAR_KEPT + i));
        snag_buf buf = snag_buf_on(text, sizeof text);
        if (!table)
            continue;
        snag_buf_printf(&buf, "%.*s.%.*s", SNAG_FMT(loader->sources[table - 1].name),
                        SNAG_FMT(loader->kept_names[i].name));
        loader->names[SNAG_VAR_KEPT + i].name = snag_loader_keep(loader, &buf);
    }
}

static void facts_read(snag_loader *loader, const snag_yaml *node, snag_fact *facts)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (node->kind != SNAG_YAML_MAP || node->count > SNAG_FACTS_MAX) {
        snag_finding_add(loader, node->at,
                         "facts: expected a map of at most %u facts, as { approvers: { count: Approver "
                         "Invited } }",
                         SNAG_FACTS_MAX);
        return;
    }
    if (pipeline->name_count + node->count > SNAG_KEPT_MAX) {
        snag_finding_add(loader, node->key_at, "more than %u names: kept names and facts together",
                         SNAG_KEPT_MAX - SNAG_VAR_KEPT);
        return;
    }
    for (const snag_yaml *child = node->first; child; child = child->next) {
        snag_fact *fact = &facts[pipeline->fact_count];
        bool named = name_check(loader, child);
        fact_load(loader, child, fact);
        fact->slot = (uint16_t)(pipeline->name_count + pipeline->fact_count);
        pipeline->fact_count += named;
    }
}

void snag_facts_load(snag_loader *loader, const snag_yaml *node)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (!node && pipeline->tables == 0)
        return;
    snag_fact *facts = snag_loader_take(loader, (SNAG_FACTS_MAX + 1) * sizeof *facts);
    loader->facts = facts;
    pipeline->facts = facts;
    if (node)
        facts_read(loader, node, facts);
    if (pipeline->tables)
        table_facts(loader, facts);
    table_names_hide(loader);
    /* Only now: facts do not look at one another. */
    for (uint32_t i = 0; i < pipeline->fact_count; i++)
        loader->names[loader->name_count++] =
            (snag_expr_name){facts[i].name, facts[i].value_kind, facts[i].slot};
}
