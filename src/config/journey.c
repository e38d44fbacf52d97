/* SPDX-License-Identifier: Apache-2.0
 *
 * `journeys:`: stages in file order. An event must lead to one stage only, and each stage must be reachable.
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "base/time.h"
#include "config/field.h"
#include "config/told.h"
#include "config/wait.h"

const snag_told_word snag_told_words[] = {{"elapsed", 0},
                                          {"observed", SNAG_TELLS_OBSERVED},
                                          {"attempts", SNAG_TELLS_ATTEMPTS},
                                          {"value", SNAG_TELLS_VALUE},
                                          {"usual", SNAG_TELLS_USUAL}};
const uint32_t snag_told_word_count = sizeof snag_told_words / sizeof snag_told_words[0];

static bool inserts(snag_str headline, const char *name)
{
    char text[32];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_printf(&buf, "{%s}", name);
    for (size_t i = 0; i + buf.size <= headline.size; i++) {
        if (memcmp(headline.data + i, text, buf.size) == 0)
            return true;
        i += headline.data[i] == '{' && headline.data[i + 1] == '{'; /* {{ is a { */
    }
    return false;
}

static void tags_load(snag_loader *loader, const snag_yaml *node, snag_signal_spec *out)
{
    const snag_yaml *item = node->kind == SNAG_YAML_LIST ? node->first : node;
    uint32_t count = node->kind == SNAG_YAML_LIST ? node->count : 1;
    if (node->kind == SNAG_YAML_MAP || count == 0 || count > SNAG_TAGS_MAX) {
        snag_finding_add(loader, node->at, "tags: expected a list of 1 to %u words", SNAG_TAGS_MAX);
        return;
    }
    snag_str *tags = snag_loader_take(loader, count * sizeof *tags);
    for (uint32_t i = 0; i < count; i++, item = item->next) {
        if (!snag_text_load(loader, item, &tags[i]))
            continue;
        if (tags[i].size > SNAG_TAG_BYTES_MAX)
            snag_finding_add(loader, item->at, "tags: a tag has at most %u bytes", SNAG_TAG_BYTES_MAX);
        for (uint32_t k = 0; k < i; k++)
            if (snag_str_equal(tags[k], tags[i]))
                snag_finding_add(loader, item->at, "tags: \"%.*s\" stands in the list twice",
                                 SNAG_FMT(tags[i]));
    }
    out->tags = tags;
    out->tag_count = count;
}

/* "count:, ratio: and differs:" */
static void put_tellers(snag_buf *buf, uint32_t tells)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < snag_rule_kind_count; i++)
        left += (snag_rule_kinds[i]->tells & tells) != 0;
    for (uint32_t i = 0; i < snag_rule_kind_count; i++) {
        if ((snag_rule_kinds[i]->tells & tells) == 0)
            continue;
        if (buf->size > 0)
            snag_buf_str_put(buf, left == 1 ? SNAG_STR(" and ") : SNAG_STR(", "));
        snag_buf_printf(buf, "%s:", snag_rule_kinds[i]->name);
        left--;
    }
}

void snag_told_load(snag_loader *loader, const snag_told_raw *raw, uint32_t tells, snag_signal_spec *out)
{
    char list[160];
    out->severity = raw->severity >= 0 ? (snag_severity)raw->severity : SNAG_SEVERITY_WARNING;
    out->owner = raw->owner;
    out->playbook = raw->playbook;
    out->sla_ms = raw->sla.ms;
    out->sla = raw->sla.span;
    if (raw->tags)
        tags_load(loader, raw->tags, out);
    if (!raw->headline || !snag_text_load(loader, raw->headline, &out->headline))
        return;
    snag_headline_check(loader, raw->headline, out->headline, &out->headline_vars);
    for (uint32_t i = 0; i < snag_told_word_count; i++) {
        const snag_told_word *word = &snag_told_words[i];
        snag_buf buf = snag_buf_on(list, sizeof list);
        if (word->tells == 0 || (tells & word->tells) || !inserts(out->headline, word->name) ||
            snag_name_slot(loader, snag_str_from(word->name)) >= 0)
            continue;
        put_tellers(&buf, word->tells);
        snag_finding_add(loader, raw->headline->at, "headline: {%s} is known to %.*s only", word->name,
                         SNAG_FMT(snag_buf_str(&buf)));
    }
}

void snag_zone_capture(snag_signal_spec *signal, const snag_span *span)
{
    if (span && span->calendar && span->calendar->zone_slot >= 0)
        signal->headline_vars |= UINT64_C(1) << span->calendar->zone_slot;
}

/* Every name that `a` takes is taken by `b` too. */
static bool covered(const snag_pattern *a, const snag_pattern *b)
{
    return b->prefix ? snag_str_starts(a->text, b->text)
                     : !a->prefix && snag_str_equal(a->text, b->text);
}

/* The stages are asked in order, so an earlier one without where:, or with the same, takes the event for
 * good. */
static void pattern_reach_check(snag_loader *loader, const snag_yaml *node, const snag_stage *stage,
                                const snag_pattern *pattern, const snag_stage *earlier)
{
    for (uint32_t i = 0; i < earlier->event.count; i++) {
        const snag_pattern *other = &earlier->event.patterns[i];
        bool same = earlier->event.where && stage->event.where &&
                    snag_str_equal(snag_where_text(loader, earlier->event.where),
                                   snag_where_text(loader, stage->event.where));
        if (earlier->event.where && !same)
            continue;
        if (covered(pattern, other))
            snag_finding_add(loader, node->key_at,
                             "stage \"%.*s\" is never entered by \"%.*s%s\": stage \"%.*s\" takes "
                             "it; give it %s where:",
                             SNAG_FMT(stage->name), SNAG_FMT(pattern->text),
                             pattern->prefix ? "*" : "", SNAG_FMT(earlier->name), same ? "another" : "a");
        else if (covered(other, pattern) && !stage->event.where)
            snag_finding_add(loader, node->key_at,
                             "\"%.*s%s\" leads to stage \"%.*s\" and to stage \"%.*s\": which of them?",
                             SNAG_FMT(other->text), other->prefix ? "*" : "", SNAG_FMT(earlier->name),
                             SNAG_FMT(stage->name));
    }
}

static void reach_check(snag_loader *loader, const snag_yaml *node, const snag_stage *stages, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        for (uint32_t k = 0; k < stages[at].event.count; k++)
            pattern_reach_check(loader, node, &stages[at], &stages[at].event.patterns[k], &stages[i]);
}

/* Words that only an overdue stage can use. */
static void told_needs_due(snag_loader *loader, const snag_yaml *node)
{
    static const char *const words[] = {"severity", "owner", "sla",      "playbook", "headline", "tags",
                                        "during",   "warn",  "waits_on", "pause",    "resume"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const snag_yaml *child = snag_yaml_get(node, words[i]);
        if (child)
            snag_finding_add(loader, child->key_at,
                             "%s: is for the alert of an overdue stage: add due:", words[i]);
    }
}

static snag_str late_name(snag_loader *loader, const snag_journey *journey, const snag_stage *stage)
{
    char text[256];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, journey->name);
    snag_buf_byte(&buf, '.');
    snag_buf_str_put(&buf, stage->name);
    snag_buf_put(&buf, ".late", 5);
    return snag_loader_keep(loader, &buf);
}

/* What brings the promise: of a kept name any event, of a fact what feeds it. */
static void promised_by(snag_loader *loader, snag_stage *stage)
{
    static const snag_pattern any = {.text = {"", 0}, .prefix = true};
    stage->promised_by = (snag_matcher){.patterns = &any, .count = 1};
    for (uint32_t i = 0; i < loader->pipeline->fact_count; i++)
        if (loader->pipeline->facts[i].slot == stage->wait.promise)
            stage->promised_by = loader->pipeline->facts[i].event;
}

static void pause_load(snag_loader *loader, const snag_stage_raw *raw, snag_stage *stage)
{
    const snag_yaml *given = raw->pause ? raw->pause : raw->resume;
    if (!given)
        return;
    if (!raw->pause || !raw->resume)
        snag_finding_add(loader, given->key_at,
                         "%s needs the other: the clock stands from pause: to resume:",
                         raw->pause ? "pause" : "resume");
    else if (stage->wait.after.learned)
        snag_finding_add(loader, given->key_at,
                         "pause goes with elapsed time: a learned time cannot tell whose turn it was");
    if (raw->pause)
        snag_matcher_load(loader, raw->pause, NULL, &stage->pause);
    if (raw->resume)
        snag_matcher_load(loader, raw->resume, NULL, &stage->resume);
}

/* due: or promise:, and what goes with either. */
static void wait_load(snag_loader *loader, const snag_stage_raw *raw, snag_stage *stage)
{
    const int64_t most_ms = INT64_C(3653) * SNAG_DAY_MS;
    const int64_t all = 1000000;
    snag_patience *wait = &stage->wait;
    if (raw->due)
        snag_levels_load(loader, "due", raw->due, 1, most_ms, &wait->after);
    if (raw->end.size && wait->after.ms >= 0)
        snag_finding_add(loader, raw->due->key_at,
                         "due: on a stage with end: can never come true: the walk is over");
    if (raw->due && raw->promise)
        snag_finding_add(loader, raw->promise->key_at,
                         "promise: says by when the stage is reached, due: how long a walk stays: their "
                         "alerts would have one name; give the stage before it the due:");
    if (raw->promise) {
        snag_slot_load(loader, raw->promise, &wait->promise);
        snag_promise_check(loader, raw->promise, wait->promise);
        promised_by(loader, stage);
    }
    if (raw->during && raw->promise)
        snag_finding_add(loader, raw->during->key_at, "during: widens due:, and a promise is what it is");
    else if (raw->during)
        snag_levels_widen(loader, raw->during, &wait->after);
    if (raw->warn)
        snag_share_load(loader, raw->warn, 1, all - 1, &wait->warn);
    wait->waits_on = raw->waits_on;
    pause_load(loader, raw, stage);
}

static void stage_end_load(snag_loader *loader, const snag_yaml *node, const snag_stage_raw *raw,
                           snag_stage *stage)
{
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};
    const snag_yaml *given = snag_yaml_get(node, "end");
    stage->end = raw->end;
    for (size_t i = 0; raw->end.size && given->plain && i < sizeof words / sizeof words[0]; i++)
        if (snag_str_distance(raw->end, snag_str_from(words[i])) == 0)
            snag_finding_add(loader, given->at,
                             "end: %.*s is no outcome: expected its word (paid, lost), or true; one that is "
                             "called so stands in quotes",
                             SNAG_FMT(raw->end));
    stage->judged = snag_str_equal(raw->end, SNAG_STR("true"));
    if (stage->judged)
        stage->end = snag_str_from(snag_outcome_word(SNAG_OUTCOME_SMOOTH));
    if (snag_str_equal(raw->end, SNAG_STR("false")))
        snag_finding_add(loader, given->at,
                         "end: expected the outcome's word, or true; a stage that is no end has no end:");
}

static void stage_load(snag_loader *loader, const snag_yaml *node, const snag_journey *journey,
                       snag_stage *stage)
{
    snag_stage_raw raw = {0};
    stage->name = node->key;
    stage->wait = (snag_patience)SNAG_PATIENCE(-1);
    if (!snag_name_check(loader, node, "a stage") ||
        !snag_section_load(loader, &snag_section_stage, node, &raw, NULL, NULL))
        return;
    stage->milestone = raw.milestone;
    stage_end_load(loader, node, &raw, stage);
    if (raw.event)
        snag_matcher_load(loader, raw.event, raw.where, &stage->event);
    else if (!snag_key_given(loader, node, "event"))
        snag_finding_add(loader, node->key_at, "stage \"%.*s\" needs event: what enters it?",
                         SNAG_FMT(node->key));
    if (!raw.due && !raw.promise) {
        told_needs_due(loader, node);
        return;
    }
    wait_load(loader, &raw, stage);
    stage->late = (snag_signal_spec){.name = late_name(loader, journey, stage),
                                     .test = raw.promise ? SNAG_STR("promise") : SNAG_STR("due"),
                                     .shape_slot = loader->pipeline->shape_slot};
    snag_told_load(loader, &raw.told, 0, &stage->late);
    snag_words_stage(loader, journey, stage);
    snag_zone_capture(&stage->late, stage->wait.after.span);
    snag_zone_capture(&stage->late, stage->wait.after.then_span);
    snag_zone_capture(&stage->late, stage->late.sla);
}

/* A stage with values by shape is read for all others first, then for each shape. */
static void shaped_load(snag_loader *loader, const snag_yaml *node, const snag_journey *journey,
                        snag_stage *stage)
{
    uint32_t count = loader->pipeline->shape_count;
    if (!snag_by_shape(loader, node)) {
        stage_load(loader, node, journey, stage);
        return;
    }
    stage_load(loader, snag_shaped(loader, node, count), journey, stage);
    snag_stage *each = snag_loader_take(loader, count * sizeof *each);
    for (uint32_t i = 0; i < count; i++)
        stage_load(loader, snag_shaped(loader, node, i), journey, &each[i]);
    stage->by_shape = count ? each : NULL;
}

static void stages_load(snag_loader *loader, const snag_yaml *node, snag_journey *journey)
{
    if (node->kind != SNAG_YAML_MAP || node->count == 0 || node->count > SNAG_STAGES_MAX) {
        snag_finding_add(loader, node->at, "stages: expected a map of 1 to %u stages", SNAG_STAGES_MAX);
        return;
    }
    snag_stage *stages = snag_loader_take(loader, node->count * sizeof *stages);
    uint32_t count = 0;
    for (const snag_yaml *child = node->first; child; child = child->next, count++) {
        shaped_load(loader, child, journey, &stages[count]);
        reach_check(loader, child, stages, count);
    }
    journey->stages = stages;
    journey->stage_count = count;
}

/* Whether a walk that waits here has more to remember than one deadline. */
static bool is_patient(const snag_loader *loader, const snag_stage *stage)
{
    bool more = stage->wait.warn >= 0 || stage->wait.after.then_ms >= 0 || stage->pause.count;
    for (uint32_t i = 0; stage->by_shape && i < loader->pipeline->shape_count; i++)
        more = more || stage->by_shape[i].wait.after.then_ms >= 0;
    return more;
}

/* Whether the warning needs to know how long the wait was before its clock stood. */
static bool stands(const snag_loader *loader, const snag_stage *stage)
{
    bool counted = stage->wait.warn >= 0 && stage->wait.after.span;
    for (uint32_t i = 0; stage->by_shape && i < loader->pipeline->shape_count; i++)
        counted = counted || (stage->by_shape[i].wait.warn >= 0 && stage->by_shape[i].wait.after.span);
    return counted && stage->pause.count > 0;
}

static bool is_too_late(const snag_stage *stage)
{
    const snag_levels *after = &stage->wait.after;
    return stage->expire_ms > 0 && (after->ms >= stage->expire_ms || after->then_ms >= stage->expire_ms);
}

/* A stall that nobody would live to see, of whatever shape. */
static void expiry_check(snag_loader *loader, const snag_yaml *node, const snag_stage *stage)
{
    const snag_yaml *due = snag_yaml_get(node, "due");
    bool never = is_too_late(stage);
    for (uint32_t i = 0; stage->by_shape && i < loader->pipeline->shape_count; i++)
        never = never && is_too_late(&stage->by_shape[i]);
    if (due && never)
        snag_finding_add(loader, due->at, "due: can never come true: the walk has expired by then (expire:)");
}

/* What the journey's outcomes need. */
static void outcomes_check(snag_loader *loader, const snag_yaml *node, snag_journey *journey)
{
    const snag_yaml *child = node->first;
    for (uint32_t i = 0; i < journey->stage_count && child; i++, child = child->next) {
        const snag_stage *stage = &journey->stages[i];
        journey->judged = journey->judged || stage->judged;
        journey->patient = journey->patient || is_patient(loader, stage);
        journey->stands = journey->stands || stands(loader, stage);
        journey->promised = journey->promised || stage->wait.promise >= 0;
        expiry_check(loader, child, stage);
    }
    loader->pipeline->walks_judged |= journey->judged;
}

static void survey_load(snag_loader *loader, const snag_yaml *node, snag_journey *journey)
{
    snag_survey_raw raw = {0};
    int64_t score = 0;
    int64_t about = 0;
    int64_t by = 0;
    if (!snag_section_load(loader, &snag_section_survey, node, &raw, NULL, NULL))
        return;
    if (raw.event)
        snag_matcher_load(loader, raw.event, raw.where, &journey->survey.event);
    else if (!snag_key_given(loader, node, "event"))
        snag_finding_add(loader, node->key_at, "survey: needs event: what is an answer?");
    if (raw.asked)
        snag_matcher_load(loader, raw.asked, NULL, &journey->survey.asked);
    if (raw.score)
        snag_slot_load(loader, raw.score, &score);
    else if (!snag_key_given(loader, node, "score"))
        snag_finding_add(loader, node->key_at,
                         "survey: needs score: the kept number that says what was said");
    if (raw.about)
        snag_slot_load(loader, raw.about, &about);
    if (raw.by)
        snag_slot_load(loader, raw.by, &by);
    if (raw.by && !snag_key_given(loader, node, "asked"))
        snag_finding_add(loader, raw.by->at,
                         "by: needs asked:, the event that bears the same name when it is asked");
    snag_kind kind = score ? loader->names[score].kind : SNAG_KIND_INT;
    if (kind != SNAG_KIND_INT && kind != SNAG_KIND_DOUBLE)
        snag_finding_add(loader, raw.score->at,
                         "score: needs a number, as keep: { %.*s: { from: …, as: int } }",
                         SNAG_FMT(loader->names[score].name));
    if (about && loader->names[about].kind != SNAG_KIND_TEXT)
        snag_finding_add(loader, raw.about->at, "about: needs a text, the name of a stage");
    journey->survey.score = (uint16_t)score;
    journey->survey.about = (uint16_t)about;
    journey->survey.by = (uint16_t)by;
    journey->stands = true; /* what answers may be about lies behind the whole state */
}

/* How long walks may stay, and settle, as it is for a shape (by its number; shape_count = else). False: what
 * is wrong is told. */
static bool terms_read(snag_loader *loader, const snag_yaml *node, uint32_t shape, snag_journey *journey,
                       snag_journey_raw *raw)
{
    const snag_yaml *mine = journey->shaped ? snag_shaped(loader, node, shape) : node;
    if (!snag_section_load(loader, &snag_section_journey, mine, raw, NULL, NULL))
        return false;
    if (raw->settle_ms > loader->pipeline->remember_ms)
        snag_finding_add(loader, snag_yaml_get(mine, "settle")->at,
                         "settle: is longer than remember: of the source, after which a walk that ended is "
                         "forgotten");
    journey->expires = journey->expires || raw->expire_ms > 0;
    journey->judged = journey->judged || raw->expire_ms > 0 || raw->settle_ms > 0;
    return true;
}

/* The stage as it is for each shape, where it has been one for all so far. */
static void stage_part(snag_loader *loader, snag_stage *stage)
{
    uint32_t shapes = loader->pipeline->shape_count;
    if (stage->by_shape || shapes == 0)
        return;
    snag_stage *each = snag_loader_take(loader, shapes * sizeof *each);
    for (uint32_t i = 0; i < shapes; i++)
        each[i] = *stage;
    stage->by_shape = each;
}

/* Every stage knows them, for each shape where they differ. */
static void terms_put(snag_loader *loader, const snag_yaml *node, const snag_journey_raw *raw,
                      snag_journey *journey)
{
    snag_stage *stages = (snag_stage *)(uintptr_t)journey->stages; /* ours until they are handed out */
    for (uint32_t i = 0; i < journey->stage_count; i++) {
        stages[i].expire_ms = raw->expire_ms;
        stages[i].settle_ms = raw->settle_ms;
        if (journey->shaped)
            stage_part(loader, &stages[i]);
    }
    for (uint32_t k = 0; k < loader->pipeline->shape_count; k++) {
        snag_journey_raw own = *raw;
        if (journey->shaped && !terms_read(loader, node, k, journey, &own))
            continue; /* what is wrong is told */
        for (uint32_t i = 0; i < journey->stage_count; i++) {
            snag_stage *each = (snag_stage *)(uintptr_t)stages[i].by_shape;
            if (each) {
                each[k].expire_ms = own.expire_ms;
                each[k].settle_ms = own.settle_ms;
            }
        }
    }
}

uint32_t snag_terms_count(const snag_pipeline *pipeline, const snag_journey *journey)
{
    return journey->stage_count == 0 ? 0 : journey->shaped ? 1 + pipeline->shape_count : 1;
}

const snag_stage *snag_terms_of(const snag_journey *journey, uint32_t i)
{
    return i ? &journey->stages[0].by_shape[i - 1] : &journey->stages[0];
}

static void journey_load(snag_loader *loader, const snag_yaml *node, snag_journey *journey)
{
    snag_journey_raw raw = {0};
    journey->name = node->key;
    snag_name_check(loader, node, "a journey");
    journey->shaped = snag_by_shape(loader, node);
    if (!terms_read(loader, node, loader->pipeline->shape_count, journey, &raw))
        return;
    journey->again = raw.again;
    journey->scope = snag_scope_load(loader, node, raw.per);
    if (raw.survey)
        survey_load(loader, raw.survey, journey);
    if (raw.stages)
        stages_load(loader, raw.stages, journey);
    terms_put(loader, node, &raw, journey);
    if (raw.stages)
        outcomes_check(loader, raw.stages, journey);
    else if (!snag_key_given(loader, node, "stages"))
        snag_finding_add(loader, node->key_at, "journey \"%.*s\" needs stages:", SNAG_FMT(node->key));
}

void snag_journeys_load(snag_loader *loader, const snag_yaml *node)
{
    if (!node)
        return;
    if (node->kind != SNAG_YAML_MAP || node->count > SNAG_RULES_MAX) {
        snag_finding_add(loader, node->at, "journeys: expected a map of at most %u journeys", SNAG_RULES_MAX);
        return;
    }
    loader->journeys = snag_loader_take(loader, node->count * sizeof *loader->journeys);
    loader->pipeline->journeys = loader->journeys;
    for (const snag_yaml *child = node->first; child; child = child->next)
        journey_load(loader, child, &loader->journeys[loader->pipeline->journey_count++]);
}
