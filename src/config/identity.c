/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is who after a change of the file: tags of scopes, fingerprints of rules and journeys, the hash of all.
 * Each is SHA-256 over a canonical list of length-prefixed texts: layout and comments do not matter.
 *
 * A fingerprint covers what decides, not what only words it (headline, owner, sla, playbook, severity). The
 * hash covers all that is said as well, but not where it runs (topic, file, outputs, kafka, redis, budget).
 */
#include "base/assert.h"
#include "config/field.h"
#include "rules/step.h"

static void add_text(snag_sha256 *sha, snag_str text)
{
    snag_sha256_add_text(sha, text);
}

static void add_word(snag_sha256 *sha, const char *word)
{
    snag_sha256_add_text(sha, snag_str_from(word));
}

static void add_named(snag_sha256 *sha, const char *word, snag_str text)
{
    add_word(sha, word);
    add_text(sha, text);
}

static void add_int(snag_sha256 *sha, const char *name, int64_t value)
{
    char digits[24];
    snag_buf buf = snag_buf_on(digits, sizeof digits);
    snag_buf_int(&buf, value);
    add_word(sha, name);
    add_text(sha, snag_buf_str(&buf));
}

static void add_amount(snag_sha256 *sha, const snag_amount *amount)
{
    add_int(sha, "unit", amount->unit);
    add_int(sha, "amount", amount->amount);
}

/* Elapsed time as ever. Of calendars and seasons only the names: another holiday, or the end of an outage,
 * changes later deadlines and leaves what is open as it is. */
static void add_wait(snag_sha256 *sha, const char *name, snag_wait wait)
{
    if (wait.learned)
        add_int(sha, "learned", wait.learned);
    if (!wait.span) {
        add_int(sha, name, wait.ms);
        return;
    }
    add_word(sha, name);
    add_amount(sha, &wait.span->amount);
    add_text(sha, wait.span->calendar ? wait.span->calendar->name : SNAG_STR(""));
    for (uint32_t i = 0; i < wait.span->during_count; i++) {
        add_text(sha, wait.span->during[i].season->name);
        add_amount(sha, &wait.span->during[i].amount);
    }
}

static void add_calendar(snag_loader *loader, snag_sha256 *sha, const snag_calendar_spec *calendar)
{
    add_named(sha, "calendar", calendar->name);
    add_text(sha, calendar->zone->name);
    add_text(sha, calendar->zone_slot < 0 ? SNAG_STR("") : loader->names[calendar->zone_slot].name);
    for (uint32_t day = 0; day < 7; day++) {
        const snag_workday *work = &calendar->hours.week[day];
        add_int(sha, "day", work->count);
        for (uint32_t i = 0; i < work->count; i++) {
            add_int(sha, "from", work->shifts[i].from_ms);
            add_int(sha, "to", work->shifts[i].to_ms);
        }
    }
    for (uint32_t i = 0; i < calendar->hours.day_off_count; i++)
        add_int(sha, "off", calendar->hours.days_off[i]);
}

static void add_season(snag_sha256 *sha, const snag_season *season)
{
    add_named(sha, "season", season->name);
    add_int(sha, "from", season->from_ms);
    add_int(sha, "to", season->to_ms);
}

static void add_matcher(snag_loader *loader, snag_sha256 *sha, const char *name, const snag_matcher *matcher)
{
    add_int(sha, name, matcher->count);
    for (uint32_t i = 0; i < matcher->count; i++) {
        add_int(sha, "prefix", matcher->patterns[i].prefix);
        add_text(sha, matcher->patterns[i].text);
    }
    add_text(sha, snag_where_text(loader, matcher->where));
}

static void add_scope(snag_sha256 *sha, const snag_scope *scope)
{
    add_int(sha, "per", scope->count);
    for (uint32_t i = 0; i < scope->count; i++)
        add_text(sha, scope->names[i]);
}

static void add_steps(snag_loader *loader, snag_sha256 *sha, const char *name, const snag_steps *steps)
{
    add_int(sha, name, steps->count);
    for (uint32_t i = 0; i < steps->count; i++) {
        add_int(sha, "role", steps->roles[i]);
        add_matcher(loader, sha, "step", &steps->matchers[i]);
    }
}

/* Slots change with the kept names; what stands there is its name. */
static void add_slot(const snag_loader *loader, snag_sha256 *sha, const char *name, int64_t slot)
{
    add_word(sha, name);
    add_text(sha, slot >= 0 ? loader->names[slot].name : (snag_str){0});
}

/* As one duration where there is no second: as before there were levels. */
static void add_levels(snag_sha256 *sha, const char *name, const snag_levels *levels)
{
    add_wait(sha, name, (snag_wait){levels->ms, levels->span, levels->learned});
    if (levels->then_ms >= 0)
        add_wait(sha, "then", (snag_wait){levels->then_ms, levels->then_span, 0});
}

static void add_weights(snag_sha256 *sha, const char *name, const snag_weights *weights)
{
    add_int(sha, name, weights->count);
    for (uint32_t i = 0; i < weights->count; i++) {
        add_text(sha, weights->list[i].signal->name);
        add_int(sha, "weight", weights->list[i].millionths);
    }
}

static void add_margin(snag_sha256 *sha, const char *name, const snag_margin *margin)
{
    add_int(sha, name, margin->millionths);
    add_int(sha, "way", margin->way);
}

static bool is_given(const snag_field *field, const void *value)
{
    if (field->type == SNAG_FIELD_MATCHER)
        return ((const snag_matcher *)value)->count > 0;
    return *(const int64_t *)value != field->otherwise;
}

static void add_rule(snag_loader *loader, snag_sha256 *sha, const snag_rule *rule)
{
    add_named(sha, "rule", rule->signal.name);
    add_word(sha, rule->kind->name);
    add_scope(sha, &loader->scopes[rule->scope]);
    add_matcher(loader, sha, "event", &rule->event);
    for (uint32_t i = 0; i < rule->kind->field_count; i++) {
        const snag_field *field = &rule->kind->fields[i];
        const void *value = (const char *)&rule->params + field->offset;
        if (field->added && !is_given(field, value))
            continue;
        if (field->type == SNAG_FIELD_MATCHER)
            add_matcher(loader, sha, field->name, value);
        else if (field->type == SNAG_FIELD_STEPS)
            add_steps(loader, sha, field->name, value);
        else if (field->type == SNAG_FIELD_WEIGHTS)
            add_weights(sha, field->name, value);
        else if (field->type == SNAG_FIELD_LEVELS)
            add_levels(sha, field->name, value);
        else if (field->type == SNAG_FIELD_EACH)
            add_wait(sha, field->name, (snag_wait){.ms = -1, .span = *(const snag_span *const *)value});
        else if (field->type == SNAG_FIELD_MARGIN)
            add_margin(sha, field->name, value);
        else if (field->type == SNAG_FIELD_NAME)
            add_slot(loader, sha, field->name, *(const int64_t *)value);
        else if (field->type == SNAG_FIELD_BOOL)
            add_int(sha, field->name, *(const bool *)value);
        else
            add_int(sha, field->name, *(const int64_t *)value);
    }
    if (rule->params.stages.count)
        add_steps(loader, sha, "stages", &rule->params.stages);
    add_int(sha, "cooldown", rule->signal.cooldown_ms);
    add_int(sha, "shadow", rule->signal.shadow);
    if (rule->expire_ms > 0) /* what came later is added only where it is given: fingerprints stay */
        add_int(sha, "expire", rule->expire_ms);
    for (uint32_t i = 0; rule->by_shape && i < loader->pipeline->shape_count; i++) {
        add_text(sha, loader->pipeline->shapes[i].name);
        add_rule(loader, sha, &rule->by_shape[i]);
    }
}

/* What came later than due: is added only where it is given. */
static void add_patience(snag_loader *loader, snag_sha256 *sha, const snag_stage *stage)
{
    const snag_patience *wait = &stage->wait;
    add_levels(sha, "due", &wait->after);
    if (wait->warn >= 0)
        add_int(sha, "warn", wait->warn);
    if (wait->promise >= 0)
        add_slot(loader, sha, "promise", wait->promise);
    if (wait->waits_on >= 0)
        add_int(sha, "waits_on", wait->waits_on);
    if (stage->pause.count) {
        add_matcher(loader, sha, "pause", &stage->pause);
        add_matcher(loader, sha, "resume", &stage->resume);
    }
}

static void add_stage(snag_loader *loader, snag_sha256 *sha, const snag_stage *stage)
{
    add_named(sha, "stage", stage->name);
    add_matcher(loader, sha, "event", &stage->event);
    add_patience(loader, sha, stage);
    add_text(sha, stage->milestone);
    add_text(sha, stage->end);
    if (stage->judged)
        add_word(sha, "judged");
    for (uint32_t i = 0; stage->by_shape && i < loader->pipeline->shape_count; i++) {
        add_text(sha, loader->pipeline->shapes[i].name);
        add_stage(loader, sha, &stage->by_shape[i]);
    }
}

static void add_journey(snag_loader *loader, snag_sha256 *sha, const snag_journey *journey)
{
    add_named(sha, "journey", journey->name);
    add_scope(sha, &loader->scopes[journey->scope]);
    add_int(sha, "again", journey->again);
    for (uint32_t i = 0; i < snag_terms_count(loader->pipeline, journey); i++) {
        const snag_stage *stage = snag_terms_of(journey, i);
        if (stage->expire_ms > 0)
            add_int(sha, "expire", stage->expire_ms);
        if (stage->settle_ms > 0)
            add_int(sha, "settle", stage->settle_ms);
    }
    if (journey->survey.event.count) {
        add_matcher(loader, sha, "survey", &journey->survey.event);
        add_matcher(loader, sha, "asked", &journey->survey.asked);
        add_slot(loader, sha, "score", journey->survey.score);
        add_slot(loader, sha, "about", journey->survey.about);
        if (journey->survey.by)
            add_slot(loader, sha, "by", journey->survey.by);
    }
    for (uint32_t i = 0; i < journey->stage_count; i++)
        add_stage(loader, sha, &journey->stages[i]);
}

static void add_words(snag_sha256 *sha, const snag_signal_spec *signal)
{
    add_int(sha, "severity", signal->severity);
    add_text(sha, signal->owner);
    add_text(sha, signal->playbook);
    add_text(sha, snag_headline_plain(signal->headline, &(snag_headline_room){{0}}));
    for (uint32_t i = 0; i < signal->tag_count; i++)
        add_text(sha, signal->tags[i]);
    add_wait(sha, "sla", (snag_wait){signal->sla_ms, signal->sla, 0});
}

static void add_mapping(snag_loader *loader, snag_sha256 *sha, const snag_mapping *mapping)
{
    add_text(sha, mapping->name);
    add_word(sha, snag_kind_word(mapping->as));
    add_int(sha, "unit", mapping->unit);
    add_int(sha, "paths", mapping->path_count);
    for (uint32_t i = 0; i < mapping->path_count; i++)
        add_text(sha, mapping->paths[i]);
    add_text(sha, snag_where_text(loader, mapping->expr));
    if (mapping->constant.kind == SNAG_KIND_TEXT)
        add_text(sha, mapping->constant.as.text);
    if (mapping->hash)
        add_word(sha, "hash");
}

static void add_source(snag_loader *loader, snag_sha256 *sha, const snag_source_spec *source)
{
    add_named(sha, "source", source->name);
    add_word(sha, snag_format_word(source->format));
    add_text(sha, source->schema_file);
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        add_mapping(loader, sha, &source->fixed[i]);
    for (uint32_t i = 0; i < source->kept_count; i++)
        add_mapping(loader, sha, &source->kept[i]);
    add_int(sha, "out_of_order", source->out_of_order_ms);
    add_int(sha, "delay", source->delay_ms);
    add_int(sha, "max_skew", source->max_skew_ms);
    add_int(sha, "remember", source->remember_ms);
    add_int(sha, "clock_log", source->clock_log);
    if (source->rekey)
        add_word(sha, "rekey");
    if (source->table)
        add_word(sha, "table");
    snag_clocks_identity(loader, sha, source);
    if (source->each.size)
        add_named(sha, "each", source->each);
    for (uint32_t i = 0; i < source->exclusion_count; i++) {
        add_named(sha, "exclude", source->exclusions[i].name);
        add_text(sha, snag_where_text(loader, source->exclusions[i].expr));
    }
}

static void add_fact(snag_loader *loader, snag_sha256 *sha, const snag_fact *fact)
{
    add_named(sha, "fact", fact->name);
    add_word(sha, snag_fact_word(fact->kind));
    if (fact->kind != SNAG_FACT_COUNT && fact->kind != SNAG_FACT_SHARE)
        add_text(sha, loader->names[fact->from_slot].name);
    add_word(sha, snag_kind_word(fact->value_kind));
    add_int(sha, "within", fact->within_ms);
    add_matcher(loader, sha, "event", &fact->event);
    add_matcher(loader, sha, "of", &fact->of);
    if (fact->scope)
        add_scope(sha, &loader->scopes[fact->scope]);
}

static void add_stage_words(snag_loader *loader, snag_sha256 *sha, const snag_stage *stage)
{
    add_words(sha, &stage->late);
    for (uint32_t i = 0; stage->by_shape && i < loader->pipeline->shape_count; i++)
        add_words(sha, &stage->by_shape[i].late);
}

static void config_hash(snag_loader *loader)
{
    snag_pipeline *pipeline = loader->pipeline;
    snag_sha256 sha;
    snag_sha256_init(&sha);
    add_word(&sha, "snag pipeline 1");
    add_text(&sha, pipeline->name);
    add_int(&sha, "version", pipeline->version);
    add_int(&sha, "key_account", pipeline->key_account);
    for (uint32_t i = 0; i < pipeline->source_count; i++)
        add_source(loader, &sha, &loader->sources[i]);
    for (uint32_t i = 0; i < pipeline->fact_count; i++)
        add_fact(loader, &sha, &loader->facts[i]);
    for (uint32_t i = 0; i < pipeline->shape_count; i++) {
        add_word(&sha, "shape");
        add_text(&sha, pipeline->shapes[i].name);
        add_text(&sha, snag_where_text(loader, pipeline->shapes[i].when));
    }
    for (uint32_t i = 0; i < loader->calendar_count; i++)
        add_calendar(loader, &sha, &loader->calendars[i]);
    for (uint32_t i = 0; i < loader->season_count; i++)
        add_season(&sha, &loader->seasons[i]);
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &loader->journeys[i];
        add_journey(loader, &sha, journey);
        for (uint32_t k = 0; k < journey->stage_count; k++)
            if (snag_stage_waits(&journey->stages[k]))
                add_stage_words(loader, &sha, &journey->stages[k]);
    }
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        add_rule(loader, &sha, &loader->rules[i]);
        add_words(&sha, &loader->rules[i].signal);
        for (uint32_t k = 0; loader->rules[i].by_shape && k < pipeline->shape_count; k++)
            add_words(&sha, &loader->rules[i].by_shape[k].signal);
    }
    snag_silences_hash(pipeline, &sha);
    snag_sha256_end(&sha, pipeline->config);
}

/* --- short names: unique and never 0, by hashing on where two meet --------------------------------- */

typedef struct names {
    uint32_t taken[SNAG_RULES_MAX * 2 + SNAG_RULES_MAX * SNAG_STAGES_MAX + SNAG_FACTS_MAX];
    uint32_t count;
} names;

static uint32_t name_from(names *all, uint8_t digest[32], size_t bytes)
{
    for (;;) {
        uint32_t name = 0;
        for (size_t i = 0; i < bytes; i++)
            name = name << 8 | digest[i];
        bool good = name != 0;
        for (uint32_t i = 0; i < all->count && good; i++)
            good = all->taken[i] != name;
        if (good) {
            all->taken[all->count++] = name;
            return name;
        }
        snag_sha256 sha;
        snag_sha256_init(&sha);
        snag_sha256_add(&sha, digest, 32);
        snag_sha256_end(&sha, digest);
    }
}

static void scope_tags(snag_loader *loader, names *all)
{
    for (uint32_t i = 1; i < loader->pipeline->scope_count; i++) {
        uint8_t digest[32];
        snag_sha256 sha;
        snag_sha256_init(&sha);
        add_scope(&sha, &loader->scopes[i]);
        snag_sha256_end(&sha, digest);
        loader->scopes[i].tag = (uint16_t)name_from(all, digest, 2);
    }
}

static void journey_fingerprints(snag_loader *loader, names *all, snag_journey *journey)
{
    uint8_t digest[32];
    snag_sha256 sha;
    snag_sha256_init(&sha);
    add_journey(loader, &sha, journey);
    snag_sha256_end(&sha, digest);
    journey->fingerprint = name_from(all, digest, 4);
    snag_stage *stages = (snag_stage *)(uintptr_t)journey->stages; /* ours until it is handed out */
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        if (!snag_stage_waits(&stages[i]))
            continue;
        snag_sha256_init(&sha);
        add_text(&sha, stages[i].late.name);
        add_scope(&sha, &loader->scopes[journey->scope]);
        add_stage(loader, &sha, &stages[i]);
        snag_sha256_end(&sha, digest);
        stages[i].late.fingerprint = name_from(all, digest, 4);
        snag_stage *each = (snag_stage *)(uintptr_t)stages[i].by_shape;
        for (uint32_t k = 0; each && k < loader->pipeline->shape_count; k++)
            each[k].late.fingerprint = stages[i].late.fingerprint;
    }
}

static void rule_fingerprint(snag_loader *loader, names *all, snag_rule *rule)
{
    uint8_t digest[32];
    snag_sha256 sha;
    snag_sha256_init(&sha);
    add_rule(loader, &sha, rule);
    snag_sha256_end(&sha, digest);
    rule->signal.fingerprint = name_from(all, digest, 4);
    snag_rule *each = (snag_rule *)(uintptr_t)rule->by_shape;
    for (uint32_t i = 0; each && i < loader->pipeline->shape_count; i++)
        each[i].signal.fingerprint = rule->signal.fingerprint;
}

static void fact_fingerprint(snag_loader *loader, names *all, snag_fact *fact)
{
    uint8_t digest[32];
    snag_sha256 sha;
    snag_sha256_init(&sha);
    add_fact(loader, &sha, fact);
    snag_sha256_end(&sha, digest);
    fact->fingerprint = name_from(all, digest, 4);
}

static void tags_fill(snag_loader *loader, snag_signal_spec *spec)
{
    size_t count = (size_t)__builtin_popcountll(spec->headline_vars);
    uint32_t *tags = snag_loader_take(loader, count * sizeof *tags);
    spec->headline_tags = tags;
    for (uint64_t rest = spec->headline_vars; rest; rest &= rest - 1)
        *tags++ = snag_capture_tag(loader->names[__builtin_ctzll(rest)].name);
}

static void tags_fill_all(snag_loader *loader)
{
    const snag_pipeline *pipeline = loader->pipeline;
    for (uint32_t i = 0; i < pipeline->rule_count; i++) {
        snag_rule *each = (snag_rule *)(uintptr_t)loader->rules[i].by_shape;
        tags_fill(loader, &loader->rules[i].signal);
        for (uint32_t k = 0; each && k < pipeline->shape_count; k++)
            tags_fill(loader, &each[k].signal);
    }
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        snag_stage *stages = (snag_stage *)(uintptr_t)loader->journeys[i].stages;
        for (uint32_t k = 0; k < loader->journeys[i].stage_count; k++) {
            snag_stage *each = (snag_stage *)(uintptr_t)stages[k].by_shape;
            if (snag_stage_waits(&stages[k]))
                tags_fill(loader, &stages[k].late);
            for (uint32_t s = 0; each && s < pipeline->shape_count; s++)
                if (snag_stage_waits(&each[s]))
                    tags_fill(loader, &each[s].late);
        }
    }
}

void snag_identity_fill(snag_loader *loader)
{
    snag_pipeline *pipeline = loader->pipeline;
    names *all = snag_loader_take(loader, sizeof *all);
    for (uint32_t i = 0; i < pipeline->source_count * loader->kept_count; i++) {
        snag_source_spec *source = &loader->sources[i / loader->kept_count];
        snag_mapping *kept = (snag_mapping *)(uintptr_t)&source->kept[i % loader->kept_count];
        bool used = loader->names_used >> (SNAG_VAR_KEPT + i % loader->kept_count) & 1;
        kept->used = used && snag_mapping_given(kept);
    }
    tags_fill_all(loader);
    all->taken[all->count++] = SNAG_SCOPE_TAG_LEARNED;
    all->taken[all->count++] = SNAG_SCOPE_TAG_SEGMENT;
    scope_tags(loader, all);
    all->count = 0;
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        journey_fingerprints(loader, all, &loader->journeys[i]);
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        rule_fingerprint(loader, all, &loader->rules[i]);
    for (uint32_t i = 0; i < pipeline->fact_count; i++)
        fact_fingerprint(loader, all, &loader->facts[i]);
    config_hash(loader);
}
