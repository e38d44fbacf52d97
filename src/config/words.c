/* SPDX-License-Identifier: Apache-2.0
 *
 * Words for people: the headline a rule has if it is given none, what clears its alert, and the check of
 * headlines that are given.
 *
 * Where what is true differs from alert to alert it holds words of our own: see engine/headline.h.
 *
 *     missing   No Call Answered or Call Abandoned within 60s of Call Queued
 *     count     Call Abandoned {observed} times within 1h
 *     ratio     Payment Failed: {observed} of {attempts} within 30m
 *     path      rejected, submitted, rejected within 1d
 *     differs   price differs between channel within 24h
 *     change    Report Opened: {observed} in a week, {usual} is usual
 *     due       Stuck in queued for {elapsed}
 *     promise   Not yet in value by the time that was promised
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "base/time.h"
#include "config/told.h"

enum { WORDS_BYTES = 1024, PARTS_BYTES = 300 /* the words are stored, to at most 512 bytes */ };

/* {elapsed}, {observed} and their like come from the episode, all others from the event. */
static bool is_own_word(snag_str name)
{
    bool own = false;
    for (uint32_t i = 0; i < snag_told_word_count; i++)
        own = own || snag_str_equal(name, snag_str_from(snag_told_words[i].name));
    return own;
}

static void unknown_name(snag_loader *loader, snag_place at, snag_str name)
{
    snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
    for (uint32_t i = 0; i < snag_told_word_count; i++)
        snag_nearest_offer(&nearest, snag_str_from(snag_told_words[i].name));
    for (uint32_t i = 0; i < loader->name_count; i++)
        snag_nearest_offer(&nearest, loader->names[i].name);
    snag_finding_add(loader, at,
                     "headline: {%.*s} is no kept name, nor {customer}, {elapsed} or {observed}%s%.*s%s",
                     (int)(name.size < 64 ? name.size : 64), name.data,
                     nearest.best.size ? "; did you mean {" : "", SNAG_FMT(nearest.best),
                     nearest.best.size ? "}?" : "");
}

/* own: the loader's, which may hold words that only the engine knows (engine/headline.h). */
static void names_check(snag_loader *loader, const snag_yaml *node, snag_str headline, bool own,
                        uint64_t *vars)
{
    *vars = 0;
    for (size_t i = 0; i < headline.size; i++) {
        if (headline.data[i] != '{')
            continue;
        if (i + 1 < headline.size && headline.data[i + 1] == '{') { /* {{ is a { */
            i++;
            continue;
        }
        const char *shut = memchr(headline.data + i, '}', headline.size - i);
        if (!shut) {
            snag_finding_add(loader, node->at, "headline: a { without its }");
            return;
        }
        snag_str name = snag_str_of(headline.data + i + 1, (size_t)(shut - headline.data) - i - 1);
        int slot = snag_name_slot(loader, name);
        if (slot >= 0 && slot != SNAG_VAR_CUSTOMER) /* the engine knows whose state it is in */
            *vars |= UINT64_C(1) << slot;
        else if (slot < 0 && !is_own_word(name) && !(own && name.size > 0 && name.data[0] == '.'))
            unknown_name(loader, node->at, name);
        i += name.size + 1;
    }
    loader->names_used |= *vars;
    snag_names_mapped_check(loader, node->at, *vars);
}

void snag_headline_check(snag_loader *loader, const snag_yaml *node, snag_str headline, uint64_t *vars)
{
    names_check(loader, node, headline, false, vars);
}

snag_str snag_headline_plain(snag_str headline, snag_headline_room *room)
{
    snag_buf buf = snag_buf_on(room->text, sizeof room->text);
    if (headline.size >= sizeof room->text)
        return headline;
    for (size_t i = 0; i < headline.size; i++) {
        bool twice = i + 1 < headline.size && headline.data[i] == '{' && headline.data[i + 1] == '{';
        bool own = !twice && i + 1 < headline.size && headline.data[i] == '{' && headline.data[i + 1] == '.';
        const char *end = own ? memchr(headline.data + i, '}', headline.size - i) : NULL;
        const char *bar = end ? memchr(headline.data + i, '|', (size_t)(end - headline.data) - i) : NULL;
        if (bar) {
            if (headline.data[i + 2] != 'f') /* {.found|4} says nothing otherwise */
                snag_buf_put(&buf, bar + 1, (size_t)(end - bar) - 1);
            i = (size_t)(end - headline.data);
            continue;
        }
        snag_buf_byte(&buf, headline.data[i]);
        if (twice)
            snag_buf_byte(&buf, headline.data[++i]);
    }
    return snag_buf_str(&buf);
}

/* A name as a person says it: "Declaration REJECTED" for "Declaration REJECTED *". Braces would be read
 * as a name to insert. */
static void put_pattern(snag_buf *buf, const snag_pattern *pattern)
{
    snag_str text = pattern->text;
    while (pattern->prefix && text.size > 0 && strchr(" ._-:/", text.data[text.size - 1]))
        text.size--;
    if (text.size == 0) {
        snag_buf_str_put(buf, SNAG_STR("event"));
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        snag_buf_byte(buf, c == '{' ? '(' : c == '}' ? ')' : c);
    }
}

static void put_events(snag_buf *buf, const snag_matcher *matcher)
{
    for (uint32_t i = 0; i < matcher->count; i++) {
        if (i)
            snag_buf_str_put(buf, i + 1 == matcher->count ? SNAG_STR(" or ") : SNAG_STR(", "));
        put_pattern(buf, &matcher->patterns[i]);
    }
}

/* A duration as the file has it: who writes 72h thinks in hours. */
static void put_duration(snag_buf *buf, const snag_yaml *node, const char *key, int64_t duration_ms)
{
    const snag_yaml *given = snag_yaml_get(node, key);
    if (given && given->kind == SNAG_YAML_TEXT)
        snag_buf_str_put(buf, given->text);
    else
        snag_duration_print(buf, duration_ms);
}

/* event: "*" */
static bool is_any(const snag_matcher *matcher)
{
    return matcher->count == 1 && matcher->patterns[0].prefix && matcher->patterns[0].text.size == 0;
}

/* Where another product may have found it with less than we would ask for. */
static void put_found(snag_buf *buf, const snag_rule *rule)
{
    if (rule->params.found.count)
        snag_buf_printf(buf, "{.found|%lld}", (long long)rule->params.count);
}

static void missing_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    const snag_levels *after = &rule->params.wait.after;
    put_found(buf, rule);
    snag_buf_str_put(buf, SNAG_STR("No "));
    put_events(buf, &rule->params.missing);
    if (rule->params.wait.promise >= 0) {
        snag_buf_str_put(buf, SNAG_STR(" by the time that was promised"));
        return;
    }
    if (after->learned) {
        snag_buf_str_put(buf, SNAG_STR(" for {elapsed} after "));
        put_events(buf, &rule->event);
        return;
    }
    bool several = after->then_ms >= 0 || snag_yaml_get(node, "during");
    snag_buf_str_put(buf, several ? SNAG_STR(" within {.within|") : SNAG_STR(" within "));
    if (after->span && after->span->amount.unit != SNAG_SPAN_ELAPSED)
        snag_buf_str_put(buf, after->span->amount.text);
    else
        put_duration(buf, node, "after", after->ms);
    if (several)
        snag_buf_byte(buf, '}');
    if (is_any(&rule->event))
        return;
    snag_buf_str_put(buf, SNAG_STR(" of "));
    put_events(buf, &rule->event);
}

static void count_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    bool exact = rule->event.count == 1 && !rule->event.patterns[0].prefix;
    if (rule->params.count == 1 && !exact) {
        snag_buf_str_put(buf, SNAG_STR("{type}")); /* the one event that came says it best */
        return;
    }
    put_found(buf, rule);
    put_events(buf, &rule->event);
    if (rule->params.count == 1)
        return;
    snag_buf_str_put(buf, SNAG_STR(" {observed} times"));
    if (rule->params.within_ms < 0)
        return;
    snag_buf_str_put(buf, SNAG_STR(" within {.ran|"));
    put_duration(buf, node, "within", rule->params.within_ms);
    snag_buf_byte(buf, '}');
}

static void missing_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    (void)node;
    snag_matcher_print(buf, &rule->params.missing);
    if (rule->params.until.count == 0)
        return;
    snag_buf_str_put(buf, SNAG_STR(" or "));
    snag_matcher_print(buf, &rule->params.until);
}

static void count_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    const snag_rule_params *params = &rule->params;
    bool gap = params->within_ms < 0;
    int64_t span_ms = gap ? params->gap_ms : params->within_ms;
    snag_matcher_print(buf, &params->until);
    if (span_ms < 0)
        return;
    if (params->until.count)
        snag_buf_str_put(buf, SNAG_STR(" or "));
    bool quiet = params->burst && params->quiet_ms >= 0;
    put_duration(buf, node, quiet ? "quiet" : gap ? "gap" : "within", quiet ? params->quiet_ms : span_ms);
    snag_buf_str_put(buf, SNAG_STR(" without "));
    snag_matcher_print(buf, &rule->event);
}

static void put_until(snag_buf *buf, const snag_rule *rule)
{
    if (rule->params.until.count == 0)
        return;
    snag_matcher_print(buf, &rule->params.until);
    snag_buf_str_put(buf, SNAG_STR(" or "));
}

static void ratio_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    put_events(buf, &rule->params.failed);
    snag_buf_str_put(buf, SNAG_STR(": {observed} of {attempts} within "));
    put_duration(buf, node, "within", rule->params.within_ms);
    if (snag_is_times(rule->params.enter))
        snag_buf_str_put(buf, SNAG_STR(", {usual} is usual"));
}

/* "under 15% for 15m" */
static void ratio_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    const snag_yaml *leave = snag_yaml_get(node, "leave");
    put_until(buf, rule);
    if (!leave)
        leave = snag_yaml_get(node, "enter");
    snag_buf_str_put(buf, SNAG_STR("under "));
    if (leave && leave->kind == SNAG_YAML_TEXT)
        snag_buf_str_put(buf, leave->text);
    if (snag_is_times(rule->params.enter))
        snag_buf_str_put(buf, SNAG_STR(" of what is usual"));
    if (rule->params.hold_ms == 0)
        return;
    snag_buf_str_put(buf, SNAG_STR(" for "));
    put_duration(buf, node, "hold", rule->params.hold_ms);
}

static void path_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    const snag_steps *path = &rule->params.path;
    for (uint32_t i = 0; i < path->count; i++) {
        if (i)
            snag_buf_str_put(buf, SNAG_STR(", "));
        put_events(buf, &path->matchers[i]);
    }
    if (rule->params.never.count) {
        snag_buf_str_put(buf, SNAG_STR(" without "));
        put_events(buf, &rule->params.never);
    }
    if (rule->params.within_ms < 0)
        return;
    snag_buf_str_put(buf, SNAG_STR(" within "));
    put_duration(buf, node, "within", rule->params.within_ms);
}

static void path_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    const snag_rule_params *params = &rule->params;
    snag_matcher_print(buf, &params->until);
    for (uint32_t i = 0; i < params->stages.count; i++) {
        if (buf->size > 0)
            snag_buf_str_put(buf, SNAG_STR(" or "));
        snag_matcher_print(buf, &params->stages.matchers[i]);
    }
    if (params->within_ms < 0)
        return;
    if (buf->size > 0)
        snag_buf_str_put(buf, SNAG_STR(" or "));
    put_duration(buf, node, "within", params->within_ms);
    snag_buf_str_put(buf, SNAG_STR(" after it came last"));
}

static void put_name(snag_buf *buf, const snag_yaml *node, const char *key)
{
    const snag_yaml *name = snag_yaml_get(node, key);
    if (name && name->kind == SNAG_YAML_TEXT)
        snag_buf_str_put(buf, name->text);
}

static void differs_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    put_name(buf, node, "differs");
    snag_buf_str_put(buf, SNAG_STR(" differs between "));
    put_name(buf, node, "between");
    snag_buf_str_put(buf, SNAG_STR(" within "));
    put_duration(buf, node, "within", rule->params.within_ms);
}

static void differs_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    put_until(buf, rule);
    snag_buf_str_put(buf, SNAG_STR("the same "));
    put_name(buf, node, "differs");
    snag_buf_str_put(buf, SNAG_STR(" everywhere"));
}

static void score_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    const snag_weights *weights = &rule->params.score;
    (void)node;
    snag_buf_str_put(buf, SNAG_STR("Score {value} from {.parts|"));
    size_t most = buf->size + PARTS_BYTES;
    for (uint32_t i = 0; i < weights->count; i++) {
        snag_str name = weights->list[i].signal->name;
        if (buf->size + name.size > most) {
            snag_buf_str_put(buf, SNAG_STR(" and others"));
            break;
        }
        if (i)
            snag_buf_str_put(buf, i + 1 == weights->count ? SNAG_STR(" and ") : SNAG_STR(", "));
        snag_buf_str_put(buf, name);
    }
    snag_buf_byte(buf, '}');
}

static void score_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    (void)node;
    put_until(buf, rule);
    snag_buf_printf(buf, "score under %.12g", (double)snag_score_leave(rule) / 1e6);
}

static const char *each_word(const snag_rule *rule)
{
    return rule->params.each->amount.amount == 7 ? "week" : "day";
}

static void change_headline(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    (void)node;
    put_events(buf, &rule->params.change);
    snag_buf_printf(buf, ": {observed} in a %s, {usual} is usual", each_word(rule));
}

static void change_clears(snag_buf *buf, const snag_rule *rule, const snag_yaml *node)
{
    (void)node;
    snag_buf_printf(buf, "a %s within %.10g%% of what is usual", each_word(rule),
                    (double)rule->params.by.millionths / 20000);
}

typedef void put_words(snag_buf *buf, const snag_rule *rule, const snag_yaml *node);

static const struct {
    const char *kind;
    put_words *headline;
    put_words *clears;
} kinds[] = {{"missing", missing_headline, missing_clears}, {"count", count_headline, count_clears},
             {"ratio", ratio_headline, ratio_clears},       {"path", path_headline, path_clears},
             {"differs", differs_headline, differs_clears}, {"score", score_headline, score_clears},
             {"change", change_headline, change_clears}};

/* A template too long for the buffer is cut: the alert shows 130 characters of it anyway. */
static snag_str keep_words(snag_loader *loader, const snag_buf *buf)
{
    return snag_loader_keep(loader, buf);
}

void snag_words_rule(snag_loader *loader, snag_rule *rule, const snag_yaml *node)
{
    char text[WORDS_BYTES];
    size_t i = 0;
    while (strcmp(kinds[i].kind, rule->kind->name) != 0) {
        i++;
        SNAG_ASSERT(i < sizeof kinds / sizeof kinds[0]);
    }
    snag_buf buf = snag_buf_on(text, sizeof text);
    kinds[i].clears(&buf, rule, node);
    rule->signal.clears_when = keep_words(loader, &buf);
    if (rule->signal.headline.size > 0)
        return;
    buf = snag_buf_on(text, sizeof text);
    kinds[i].headline(&buf, rule, node);
    rule->signal.headline = keep_words(loader, &buf);
    names_check(loader, node, rule->signal.headline, true, &rule->signal.headline_vars);
}

void snag_words_stage(snag_loader *loader, const snag_journey *journey, snag_stage *stage)
{
    char text[WORDS_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    bool promised = stage->wait.promise >= 0;
    snag_buf_printf(&buf, "%s%.*s", promised ? "the stage " : "any other stage of ",
                    SNAG_FMT(promised ? stage->name : journey->name));
    stage->late.clears_when = keep_words(loader, &buf);
    if (stage->late.headline.size > 0)
        return;
    buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, promised ? SNAG_STR("Not yet in ") : SNAG_STR("Stuck in "));
    snag_buf_str_put(&buf, stage->name);
    snag_buf_printf(&buf, "%s", promised ? " by the time that was promised" : " for {elapsed}");
    stage->late.headline = keep_words(loader, &buf);
}
