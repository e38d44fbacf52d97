/* SPDX-License-Identifier: Apache-2.0
 *
 * What a new version does to what is under way is decided by fingerprints (config/identity.c) and names: a
 * rule that decides otherwise begins anew, a walk goes on at the stage of the same name (engine/retire.c). So
 * two files say all of it, without any state.
 */
#include "cli/against.h"

#include <stdarg.h>

#include "cli/figure.h"
#include "cli/terminal.h"

typedef struct against {
    const snag_pipeline *old;
    const snag_pipeline *new;
    FILE *file;
    bool colour;
    uint32_t findings;
    uint32_t lines;
} against;

static void finding(against *self, const char *format, ...) SNAG_PRINTF(2, 3);
static void finding(against *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(self->file, "  %sfinding:%s ", snag_style_code(self->colour, SNAG_STYLE_YELLOW),
            snag_style_code(self->colour, SNAG_STYLE_PLAIN));
    vfprintf(self->file, format, args);
    fputc('\n', self->file);
    va_end(args);
    self->findings++;
    self->lines++;
}

static void note(against *self, const char *format, ...) SNAG_PRINTF(2, 3);
static void note(against *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("  ", self->file);
    vfprintf(self->file, format, args);
    fputc('\n', self->file);
    va_end(args);
    self->lines++;
}

/* --- the whole ----------------------------------------------------------------------------------- */

static void whole_look(against *self)
{
    const snag_pipeline *old = self->old, *new = self->new;
    bool same = memcmp(old->config, new->config, sizeof old->config) == 0;
    if (!snag_str_equal(old->name, new->name))
        finding(self, "it is another pipeline: %.*s, not %.*s; alerts have other ids, and state is not found",
                SNAG_FMT(new->name), SNAG_FMT(old->name));
    if (!snag_str_equal(old->prefix, new->prefix))
        finding(self,
                "outputs: the prefix is %.*s, not %.*s: the changelog is another topic, and everything "
                "begins anew",
                SNAG_FMT(new->prefix), SNAG_FMT(old->prefix));
    if (old->key_account != new->key_account)
        finding(self, "key: is %s, not %s: state is kept under other names; begin a new --group",
                new->key_account ? "account" : "customer", old->key_account ? "account" : "customer");
    if (new->version < old->version)
        finding(self, "version: %u is older than %u: workers refuse it", new->version, old->version);
    else if (!same && new->version == old->version)
        finding(self, "version: is still %u, but the pipeline is another one: workers refuse it; write %u",
                new->version, old->version + 1);
}

/* --- sources ------------------------------------------------------------------------------------- */

static void source_look(against *self, const snag_source_spec *was, const snag_source_spec *is)
{
    if (!snag_str_equal(was->topic, is->topic))
        finding(self,
                "source %.*s: reads %.*s, not %.*s: what was read of the old topic says nothing of the new "
                "one; "
                "begin a new --group",
                SNAG_FMT(is->name), SNAG_FMT(is->topic), SNAG_FMT(was->topic));
    if (was->rekey != is->rekey)
        finding(self, "source %.*s: rekey is %s: its records take another way; begin a new --group",
                SNAG_FMT(is->name), is->rekey ? "true" : "false");
    if (was->fixed[SNAG_VAR_CUSTOMER].hash != is->fixed[SNAG_VAR_CUSTOMER].hash)
        finding(self,
                "source %.*s: hash is %s: customers have other names from now on, and what is known of them "
                "is "
                "not found",
                SNAG_FMT(is->name), is->fixed[SNAG_VAR_CUSTOMER].hash ? "true" : "false");
    if (was->table != is->table)
        finding(self, "source %.*s: table is %s: its records mean something else; begin a new --group",
                SNAG_FMT(is->name), is->table ? "true" : "false");
    if (is->remember_ms < was->remember_ms)
        note(self, "source %.*s: remember is %s, it was %s: what is older is forgotten", SNAG_FMT(is->name),
             snag_figure_duration(is->remember_ms).text, snag_figure_duration(was->remember_ms).text);
}

static void sources_look(against *self)
{
    const snag_pipeline *old = self->old, *new = self->new;
    for (uint32_t i = 0; i < old->source_count || i < new->source_count; i++) {
        const snag_source_spec *was = i < old->source_count ? &old->sources[i] : NULL;
        const snag_source_spec *is = i < new->source_count ? &new->sources[i] : NULL;
        if (!was)
            note(self, "source %.*s is new: stop all workers first; it begins as --from says",
                 SNAG_FMT(is->name));
        else if (!is)
            note(self, "source %.*s is gone: stop all workers first", SNAG_FMT(was->name));
        else if (!snag_str_equal(was->name, is->name))
            finding(self,
                    "source %.*s stands where %.*s stood: sources are told by their place; new ones come "
                    "behind the "
                    "others",
                    SNAG_FMT(is->name), SNAG_FMT(was->name));
        else
            source_look(self, was, is);
    }
}

/* --- rules --------------------------------------------------------------------------------------- */

static bool tags_same(const snag_signal_spec *a, const snag_signal_spec *b)
{
    bool same = a->tag_count == b->tag_count;
    for (uint32_t i = 0; same && i < a->tag_count; i++)
        same = snag_str_equal(a->tags[i], b->tags[i]);
    return same;
}

/* What only words an alert, or says whom it is for. */
static void words_look(against *self, const char *what, const snag_signal_spec *was,
                       const snag_signal_spec *is)
{
    const struct {
        const char *word;
        bool changed;
    } words[] = {{"severity", was->severity != is->severity},
                 {"owner", !snag_str_equal(was->owner, is->owner)},
                 {"sla", was->sla_ms != is->sla_ms},
                 {"playbook", !snag_str_equal(was->playbook, is->playbook)},
                 {"headline", !snag_str_equal(was->headline, is->headline)},
                 {"tags", !tags_same(was, is)}};
    char text[96];
    snag_buf list = snag_buf_on(text, sizeof text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].changed)
            snag_buf_printf(&list, "%s%s", list.size ? ", " : "", words[i].word);
    if (list.size)
        note(self, "%s %.*s: %.*s; open alerts stay open, and end in the new words", what, SNAG_FMT(is->name),
             SNAG_FMT(snag_buf_str(&list)));
}

static const snag_rule *rule_named(const snag_pipeline *pipeline, snag_str name)
{
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (snag_str_equal(pipeline->rules[i].signal.name, name))
            return &pipeline->rules[i];
    return NULL;
}

static void rules_look(against *self)
{
    const snag_pipeline *old = self->old, *new = self->new;
    for (uint32_t i = 0; i < old->rule_count; i++) {
        const snag_signal_spec *was = &old->rules[i].signal;
        const snag_rule *is = rule_named(new, was->name);
        if (!is)
            finding(self, "rule %.*s is gone: its open alerts end (rule_changed)", SNAG_FMT(was->name));
        else if (is->signal.fingerprint != was->fingerprint)
            finding(self,
                    "rule %.*s decides otherwise: its open alerts end (rule_changed), and what it counts or "
                    "waits "
                    "for begins anew",
                    SNAG_FMT(was->name));
        else
            words_look(self, "rule", was, &is->signal);
    }
    for (uint32_t i = 0; i < new->rule_count; i++)
        if (!rule_named(old, new->rules[i].signal.name))
            note(self, "rule %.*s is new: it sees what comes from now on",
                 SNAG_FMT(new->rules[i].signal.name));
}

/* --- journeys ------------------------------------------------------------------------------------ */

static const snag_journey *journey_named(const snag_pipeline *pipeline, snag_str name)
{
    for (uint32_t i = 0; i < pipeline->journey_count; i++)
        if (snag_str_equal(pipeline->journeys[i].name, name))
            return &pipeline->journeys[i];
    return NULL;
}

static const snag_stage *stage_named(const snag_journey *journey, snag_str name)
{
    for (uint32_t i = 0; i < journey->stage_count; i++)
        if (snag_str_equal(journey->stages[i].name, name))
            return &journey->stages[i];
    return NULL;
}

static bool scopes_same(const snag_scope *a, const snag_scope *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = snag_str_equal(a->names[i], b->names[i]);
    return same;
}

static void stage_look(against *self, const snag_stage *was, const snag_stage *is)
{
    bool waited = snag_stage_waits(was), waits = snag_stage_waits(is);
    if (waited && !waits)
        finding(self, "%.*s is gone: its open alerts end (rule_changed)", SNAG_FMT(was->late.name));
    else if (waited && was->late.fingerprint != is->late.fingerprint)
        finding(self,
                "%.*s decides otherwise: its open alerts end (rule_changed); deadlines that are armed stay "
                "as they are",
                SNAG_FMT(was->late.name));
    else if (waited)
        words_look(self, "stage", &was->late, &is->late);
    else if (waits)
        note(self, "%.*s is new: it holds for walks that enter the stage from now "
                   "on", SNAG_FMT(is->late.name));
}

static void journey_look(against *self, const snag_journey *was, const snag_journey *is)
{
    if (!scopes_same(&self->old->scopes[was->scope], &self->new->scopes[is->scope])) {
        finding(self,
                "journey %.*s: per: is another one: walks under way are let go, their alerts end "
                "(rule_changed)",
                SNAG_FMT(was->name));
        return;
    }
    for (uint32_t i = 0; i < was->stage_count; i++) {
        const snag_stage *stage = stage_named(is, was->stages[i].name);
        if (stage)
            stage_look(self, &was->stages[i], stage);
        else
            finding(self,
                    "stage %.*s of journey %.*s is gone: walks that stand there are let go, their alerts end "
                    "(rule_changed)",
                    SNAG_FMT(was->stages[i].name), SNAG_FMT(was->name));
    }
    if (was->fingerprint != is->fingerprint)
        note(self, "journey %.*s is another one: walks under way go on at the stage of the same name",
             SNAG_FMT(was->name));
}

static void journeys_look(against *self)
{
    const snag_pipeline *old = self->old, *new = self->new;
    for (uint32_t i = 0; i < old->journey_count; i++) {
        const snag_journey *is = journey_named(new, old->journeys[i].name);
        if (is)
            journey_look(self, &old->journeys[i], is);
        else
            finding(self, "journey %.*s is gone: walks under way are let go, their alerts end (rule_changed)",
                    SNAG_FMT(old->journeys[i].name));
    }
    for (uint32_t i = 0; i < new->journey_count; i++)
        if (!journey_named(old, new->journeys[i].name))
            note(self, "journey %.*s is new: a walk begins with the next event of any stage",
                 SNAG_FMT(new->journeys[i].name));
}

/* --- facts --------------------------------------------------------------------------------------- */

static const snag_fact *fact_named(const snag_pipeline *pipeline, snag_str name)
{
    for (uint32_t i = 0; i < pipeline->fact_count; i++)
        if (snag_str_equal(pipeline->facts[i].name, name))
            return &pipeline->facts[i];
    return NULL;
}

static void facts_look(against *self)
{
    const snag_pipeline *old = self->old, *new = self->new;
    for (uint32_t i = 0; i < new->fact_count; i++) {
        const snag_fact *was = fact_named(old, new->facts[i].name);
        if (!was)
            note(self, "fact %.*s is new: it knows what comes from now on", SNAG_FMT(new->facts[i].name));
        else if (was->fingerprint != new->facts[i].fingerprint)
            finding(self, "fact %.*s is another one: what it knew is "
                          "forgotten", SNAG_FMT(new->facts[i].name));
    }
    for (uint32_t i = 0; i < old->fact_count; i++)
        if (!fact_named(new, old->facts[i].name))
            note(self, "fact %.*s is gone: what it knew is forgotten", SNAG_FMT(old->facts[i].name));
}

uint32_t snag_against_print(const snag_pipeline *old, const snag_pipeline *new, FILE *file)
{
    against self = {.old = old, .new = new, .file = file, .colour = snag_terminal_colour(file)};
    fprintf(file, "\n%sfrom version %u to version %u%s\n", snag_style_code(self.colour, SNAG_STYLE_BOLD),
            old->version, new->version, snag_style_code(self.colour, SNAG_STYLE_PLAIN));
    whole_look(&self);
    sources_look(&self);
    facts_look(&self);
    journeys_look(&self);
    rules_look(&self);
    if (self.lines == 0)
        note(&self, "nothing changes for customers in flight");
    return self.findings;
}
