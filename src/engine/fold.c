/* SPDX-License-Identifier: Apache-2.0
 *
 * Fold: signals become alerts, or decisions that say why not. An episode is named here once and for all, by
 * what happened and never by where or when somebody looked.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "engine/dark.h"
#include "engine/headline.h"
#include "engine/state.h"
#include "engine/words.h"

static snag_arena *texts(snag_engine *engine)
{
    return &engine->outbox.arena;
}

snag_str snag_fold_copy(snag_engine *engine, snag_str text)
{
    return text.size ? snag_arena_copy(texts(engine), text) : (snag_str){"", 0};
}

snag_str snag_fold_keep(snag_engine *engine, snag_str text)
{
    /* Under `key: account` the customer may be one that only the cell remembers. */
    return engine->work.event && !engine->pipeline->key_account ? text : snag_fold_copy(engine, text);
}

/* An id is its source's own; that of the first source stands for itself. */
static snag_str anchor_source(const snag_engine *engine, uint32_t source)
{
    bool known = source > 0 && source < engine->pipeline->source_count;
    return known ? engine->pipeline->sources[source].name : (snag_str){"", 0};
}

typedef struct anchor {
    snag_str id;
    uint32_t source;
} anchor;

/* SHA-256 over (pipeline, rule, owner, per, anchor, and for a timer's the deadline); first 16 bytes.
 * again: the episode of that name was taken back, because of this silence; empty = it was not. */
static void episode_name(const snag_engine *engine, const snag_signal_spec *spec, anchor from,
                         int64_t deadline_ms, snag_str again, uint8_t episode[16])
{
    snag_sha256 sha;
    uint8_t digest[32];
    snag_sha256_init(&sha);
    sha.quick = engine->sha_quick;
    snag_sha256_add_text(&sha, engine->pipeline->name);
    snag_sha256_add_text(&sha, spec->name);
    snag_sha256_add_text(&sha, engine->work.owner);
    snag_sha256_add_text(&sha, engine->work.per);
    snag_sha256_add_text(&sha, from.id);
    if (from.source > 0)
        snag_sha256_add_text(&sha, anchor_source(engine, from.source));
    if (deadline_ms != SNAG_TIME_NONE) {
        char text[24];
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_buf_int(&buf, deadline_ms);
        snag_sha256_add_text(&sha, snag_buf_str(&buf));
    }
    if (again.size)
        snag_sha256_add_text(&sha, again);
    snag_sha256_end(&sha, digest);
    memcpy(episode, digest, 16);
}

/* The event that opened it: the one at hand, or for a timer the one that armed it. */
static anchor anchor_of(snag_engine *engine, const snag_item *item)
{
    snag_evidence first;
    if (engine->work.event)
        return (anchor){engine->work.event->id, engine->work.event->position.source};
    if (engine->work.feeding) /* a score that a timer's episode made true */
        return (anchor){snag_str_of(engine->work.fed_by, sizeof engine->work.fed_by), 0};
    if (snag_item_evidence(&engine->cell, item, 0, &first))
        return (anchor){first.id, first.position.source};
    return (anchor){(snag_str){"", 0}, 0};
}

/* pipeline/rule/owner[/per], the owner escaped, so that what follows him is no part of him; where it is
 * too long the tail is replaced by its hash. */
static snag_str dedup_key(snag_engine *engine, snag_str rule)
{
    char text[3 * SNAG_CUSTOMER_BYTES_MAX + SNAG_PER_BYTES_MAX + 1024];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, engine->pipeline->name);
    snag_buf_byte(&buf, '/');
    snag_buf_str_put(&buf, rule);
    snag_buf_byte(&buf, '/');
    snag_ahead_escape(&buf, engine->work.owner);
    if (engine->work.per.size)
        snag_buf_byte(&buf, '/');
    snag_buf_str_put(&buf, engine->work.per);
    if (buf.size > SNAG_DEDUP_BYTES_MAX) {
        uint64_t hash = __builtin_bswap64(snag_hash64(snag_buf_str(&buf), 0));
        buf.size = SNAG_DEDUP_BYTES_MAX - 17;
        while (buf.size > 0 && ((unsigned char)text[buf.size] & 0xC0) == 0x80)
            buf.size--;
        snag_buf_byte(&buf, '~');
        snag_buf_hex(&buf, &hash, sizeof hash);
    }
    return snag_fold_copy(engine, snag_buf_str(&buf));
}

uint32_t snag_fold_evidence(snag_engine *engine, const snag_item *item,
                            const snag_evidence **evidence)
{
    snag_evidence *list = snag_arena_take(texts(engine), sizeof *list * item->ref_count);
    uint32_t count = 0;
    snag_evidence next;
    SNAG_ASSERT(list != NULL);
    for (; snag_item_evidence(&engine->cell, item, count, &next); count++) {
        uint32_t at = count;
        for (; at > 0 && list[at - 1].time_ms > next.time_ms; at--)
            list[at] = list[at - 1];
        next.id = snag_fold_copy(engine, next.id);
        next.type = snag_fold_copy(engine, next.type);
        list[at] = next;
    }
    *evidence = list;
    return count;
}

/* A stall is of its own journey; whatever else is said of a `per` value, of the first one walked with it. */
static void fill_where(snag_engine *engine, const snag_item *item, snag_alert *alert)
{
    const snag_pipeline *pipeline = engine->pipeline;
    const snag_words_entry *gone = engine->work.gone;
    alert->instance = snag_fold_keep(engine, engine->work.per);
    if (gone) {
        alert->journey = gone->journey;
        alert->stage = gone->stage_name;
        return;
    }
    const snag_journey *own = snag_walk_stalled(pipeline, item->fingerprint);
    for (uint32_t j = 0; j < pipeline->journey_count; j++) {
        const snag_journey *journey = &pipeline->journeys[j];
        if (own ? own != journey : journey->scope != engine->work.scope)
            continue;
        bool walks = snag_walk_where(&engine->cell, journey, &alert->stage, &alert->since_ms);
        if (!walks && !own)
            continue;
        alert->journey = journey->name;
        return;
    }
}

static void fill_facts(snag_alert *alert, const snag_rule_facts *facts)
{
    alert->observed = facts->observed;
    alert->threshold = facts->threshold;
    alert->within_ms = facts->within_ms;
    alert->deadline_ms = facts->deadline_ms;
    alert->total = facts->total;
    alert->first_ms = facts->first_ms;
    alert->last_ms = facts->last_ms;
    alert->attempts = facts->attempts;
    alert->level = facts->level;
    alert->first_deadline_ms = facts->first_promise_ms;
    alert->waits_on = facts->waits_on ? snag_str_from(facts->waits_on) : (snag_str){"", 0};
    if (facts->deadline_ms != SNAG_TIME_NONE)
        alert->basis = facts->promised ? SNAG_BASIS_PROMISE : SNAG_BASIS_FIXED;
    if (facts->level == 0 && alert->severity > SNAG_SEVERITY_INFO)
        alert->severity--; /* a warning is not yet what it warns of */
    if (facts->level == 2 && alert->severity < SNAG_SEVERITY_CRITICAL)
        alert->severity++;
    alert->value = facts->value_den > 0 ? (double)facts->value_num / (double)facts->value_den : -1;
    alert->usual = facts->usual_den > 0 ? (double)facts->usual_num / (double)facts->usual_den : -1;
    alert->limit = facts->limit >= 0 ? (double)facts->limit / 1e6 : -1;
}

static void fill_contributions(snag_engine *engine, snag_alert *alert, const snag_rule_facts *facts)
{
    size_t bytes = facts->contribution_count * sizeof *facts->contributions;
    if (bytes == 0)
        return;
    snag_contribution *list = snag_arena_take(texts(engine), bytes);
    SNAG_ASSERT(list != NULL);
    memcpy(list, facts->contributions, bytes);
    alert->contributions = list;
    alert->contribution_count = facts->contribution_count;
}

static void fill_basis(snag_alert *alert, const snag_item *item, const snag_rule_facts *facts)
{
    const snag_season *season;
    bool unknown = false;
    if (facts->deadline_ms != SNAG_TIME_NONE && facts->learned.n) {
        alert->basis = SNAG_BASIS_LEARNED;
        alert->quantile = (double)facts->learned.millionths / 1e6;
        alert->learned_from = facts->learned.n;
    }
    if (facts->deadline_ms == SNAG_TIME_NONE || !facts->span)
        return;
    const snag_amount *amount = snag_span_at(facts->span, facts->from_ms, &season);
    alert->within_words = amount->text;
    if (season)
        alert->season = season->name;
    if (!snag_span_by_calendar(facts->span, amount))
        return;
    bool business = amount->unit == SNAG_SPAN_BUSINESS_DAYS || amount->unit == SNAG_SPAN_BUSINESS_HOURS;
    alert->basis = business ? SNAG_BASIS_BUSINESS : SNAG_BASIS_CALENDAR;
    alert->calendar = facts->span->calendar->name;
    alert->zone = snag_item_zone(item, facts->span->calendar, &unknown)->name;
}

static void fill_spec(snag_alert *alert, const snag_signal_spec *spec)
{
    alert->severity = spec->severity;
    alert->shadow = spec->shadow;
    alert->owner = spec->owner;
    alert->playbook = spec->playbook;
    alert->tags = spec->tags;
    alert->tag_count = spec->tag_count;
    alert->rule = spec->name;
    alert->test = spec->test;
    alert->clears_when = spec->clears_when;
    alert->respond_by_ms = SNAG_NEVER;
}

/* A gone rule's spec lives only while its item is retired, its record until the whole cell is done. */
static const snag_str *tags_keep(snag_engine *engine, const snag_signal_spec *spec)
{
    if (!spec->tag_count)
        return NULL;
    snag_str *tags = snag_arena_take(texts(engine), spec->tag_count * sizeof *tags);
    SNAG_ASSERT(tags != NULL);
    memcpy(tags, spec->tags, spec->tag_count * sizeof *tags);
    return tags;
}

static snag_alert *alert_new(snag_engine *engine, const snag_signal_spec *spec,
                             const snag_item *item, snag_action action,
                             const snag_rule_facts *facts)
{
    const snag_work *work = &engine->work;
    snag_outbox_class class =
        action == SNAG_ACTION_RESOLVE ? SNAG_CLASS_RESOLVE : SNAG_CLASS_TRIGGER;
    snag_record *record = snag_outbox_add(&engine->outbox, class, work->order, SNAG_RECORD_ALERT);
    snag_alert *alert = &record->as.alert;
    memset(alert, 0, sizeof *alert);
    memcpy(alert->episode, item->episode, sizeof alert->episode);
    alert->seq = item->seq;
    alert->time_ms = work->at_ms;
    alert->action = action;
    alert->customer = snag_fold_keep(engine, work->customer);
    alert->key = snag_fold_keep(engine, work->owner);
    alert->account = snag_fold_copy(engine, work->account);
    alert->channel = snag_fold_copy(engine, work->channel);
    if (engine->pipeline->shape_count)
        alert->shape = snag_shape_of(engine->pipeline, item);
    alert->since_ms = SNAG_TIME_NONE;
    alert->overdue_by_ms = -1;
    alert->lasted_ms = -1;
    alert->quantile = -1;
    alert->learned_from = -1;
    fill_spec(alert, spec);
    if (work->gone)
        alert->tags = tags_keep(engine, spec);
    fill_facts(alert, facts);
    fill_contributions(engine, alert, facts);
    fill_basis(alert, item, facts);
    fill_where(engine, item, alert);
    alert->dedup_key = dedup_key(engine, spec->name);
    alert->evidence_count = snag_fold_evidence(engine, item, &alert->evidence);
    alert->evidence_total = item->evidence_total;
    snag_headline_facts words = {.customer = work->customer,
                                 .observed = engine->work.gone  ? (int64_t)item->evidence_total
                                             : facts->total >= 0 ? facts->total
                                                                 : facts->observed,
                                 .attempts = facts->attempts,
                                 .warning = facts->level == 0,
                                 .value = alert->value,
                                 .usual = alert->usual,
                                 .level = facts->level,
                                 .within = alert->within_words,
                                 .within_ms = facts->within_ms,
                                 .untimed = facts->within_ms >= 0 && facts->deadline_ms == SNAG_TIME_NONE,
                                 .ran_ms = facts->ran_ms,
                                 .contributions = alert->contributions,
                                 .contribution_count = alert->contribution_count,
                                 .elapsed_ms = 0};
    if (alert->evidence_count)
        words.newest = alert->evidence[alert->evidence_count - 1].type;
    if (alert->evidence_count)
        words.elapsed_ms = work->at_ms - alert->evidence[0].time_ms;
    alert->headline = snag_headline_render(spec, item, &words, texts(engine));
    return alert;
}

static snag_decision *decide(snag_engine *engine, const snag_signal_spec *spec, const snag_item *item,
                             snag_hold reason, int64_t until_ms)
{
    snag_record *record = snag_outbox_add(&engine->outbox, SNAG_CLASS_TRIGGER, engine->work.order,
                                          SNAG_RECORD_DECISION);
    snag_decision *decision = &record->as.decision;
    memset(decision, 0, sizeof *decision);
    memcpy(decision->episode, item->episode, sizeof decision->episode);
    decision->seq = 1;
    decision->action = SNAG_ACTION_TRIGGER;
    decision->decision = SNAG_DECISION_SUPPRESSED;
    decision->reason = reason;
    decision->at_ms = engine->work.at_ms;
    decision->until_ms = until_ms;
    decision->customer = snag_fold_copy(engine, engine->work.customer);
    decision->key = snag_fold_copy(engine, engine->work.owner);
    decision->rule = spec->name;
    decision->by = spec->name;
    return decision;
}

/* … because a source is silent, or was. */
static snag_decision *decide_silent(snag_engine *engine, const snag_signal_spec *spec, const snag_item *item,
                                    snag_decision_kind kind)
{
    snag_decision *decision = decide(engine, spec, item, SNAG_HOLD_SOURCE_SILENT, SNAG_NEVER);
    decision->decision = kind;
    decision->by = snag_dark_by(engine, spec->waits);
    return decision;
}

void snag_fold_held(snag_engine *engine, const snag_signal_spec *spec, snag_item *item, int64_t deadline_ms,
                    snag_str again)
{
    SNAG_ASSERT(!item->open && !item->held);
    episode_name(engine, spec, anchor_of(engine, item), deadline_ms, again, item->episode);
    item->held = true;
    engine->counters.signals++;
    engine->counters.held++;
    decide_silent(engine, spec, item, SNAG_DECISION_HELD);
}

void snag_fold_withdrawn(snag_engine *engine, const snag_signal_spec *spec, snag_item *item)
{
    SNAG_ASSERT(item->held && engine->counters.held > 0);
    item->held = item->frozen = false;
    engine->counters.held--;
    engine->counters.suppressed++;
    decide_silent(engine, spec, item, SNAG_DECISION_SUPPRESSED);
}

/* A signal that was held is published after all, under the name it has. */
static void release(snag_engine *engine, const snag_signal_spec *spec, snag_item *item)
{
    SNAG_ASSERT(engine->counters.held > 0);
    engine->counters.held--;
    item->held = false;
    if (!item->suppressed)
        decide_silent(engine, spec, item, SNAG_DECISION_RELEASED)->at_ms =
            snag_dark_back_ms(engine, spec->waits);
}

static int64_t respond_by(snag_engine *engine, const snag_signal_spec *spec, const snag_item *item)
{
    int64_t at_ms = engine->work.at_ms;
    bool unknown = false;
    if (!spec->sla)
        return at_ms + spec->sla_ms;
    int64_t by_ms = snag_span_end(spec->sla, snag_item_zone(item, spec->sla->calendar, &unknown), at_ms);
    engine->counters.zone_default += unknown;
    return by_ms;
}

void snag_fold_opened(void *context, const snag_signal_spec *spec, snag_item *item,
                      const snag_rule_facts *facts)
{
    snag_engine *engine = context;
    int64_t at_ms = engine->work.at_ms;
    SNAG_ASSERT(!item->open);
    item->open = true;
    item->opened_ms = at_ms;
    item->seq = 0;
    item->frozen = false;
    bool held = item->held;
    if (!held)
        episode_name(engine, spec, anchor_of(engine, item), facts->deadline_ms, (snag_str){"", 0},
                     item->episode);
    engine->work.alerted = true;
    if (engine->pipeline->walks_judged && !spec->shadow)
        snag_walk_friction(engine, item, 1);
    engine->counters.signals += !held;
    if (engine->quiets)
        snag_quiet_found(engine, spec->name);
    if (engine->pipeline->feeds)
        snag_scores_note(engine, spec, item, SNAG_REASON_NONE);
    item->suppressed = item->cooldown_ms != SNAG_TIME_NONE && at_ms <= item->cooldown_ms;
    if (held)
        release(engine, spec, item);
    if (item->suppressed) {
        engine->counters.suppressed++;
        decide(engine, spec, item, SNAG_HOLD_COOLDOWN, item->cooldown_ms);
        return;
    }
    engine->counters.published++;
    item->seq = 1;
    item->cooldown_ms = spec->cooldown_ms > 0 ? at_ms + spec->cooldown_ms : SNAG_TIME_NONE;
    snag_alert *alert = alert_new(engine, spec, item, SNAG_ACTION_TRIGGER, facts);
    if (spec->sla_ms >= 0)
        alert->respond_by_ms = respond_by(engine, spec, item);
}

void snag_fold_escalated(void *context, const snag_signal_spec *spec, snag_item *item,
                         const snag_rule_facts *facts)
{
    snag_engine *engine = context;
    SNAG_ASSERT(item->open);
    engine->work.alerted = true;
    if (item->suppressed)
        return; /* nobody knows of the episode */
    item->seq++;
    snag_alert *alert = alert_new(engine, spec, item, SNAG_ACTION_ESCALATE, facts);
    if (spec->sla_ms >= 0)
        alert->respond_by_ms = respond_by(engine, spec, item);
}

void snag_fold_closed(void *context, const snag_signal_spec *spec, snag_item *item,
                      snag_reason reason, const snag_rule_facts *facts)
{
    snag_engine *engine = context;
    SNAG_ASSERT(item->open);
    SNAG_ASSERT(reason != SNAG_REASON_NONE);
    bool none = reason == SNAG_REASON_LATE_EVIDENCE || reason == SNAG_REASON_SOURCE_SILENT;
    if (none && engine->pipeline->walks_judged && !spec->shadow)
        snag_walk_friction(engine, item, -1);
    if (none && engine->pipeline->feeds)
        snag_scores_note(engine, spec, item, reason);
    if (!item->suppressed) {
        item->seq++;
        engine->counters.resolved++;
        snag_alert *alert = alert_new(engine, spec, item, SNAG_ACTION_RESOLVE, facts);
        alert->reason = reason;
        alert->lasted_ms = engine->work.at_ms - item->opened_ms;
        if (facts->deadline_ms != SNAG_TIME_NONE && engine->work.at_ms >= facts->deadline_ms)
            alert->overdue_by_ms = engine->work.at_ms - facts->deadline_ms;
        if (alert->lasted_ms < 0)
            alert->lasted_ms = 0; /* late evidence from before the deadline */
    }
    item->open = false;
    item->suppressed = false;
    item->frozen = false;
}

const snag_signal_spec *snag_fold_spec(const snag_pipeline *pipeline, const snag_item *item)
{
    for (uint32_t r = 0; r < pipeline->rule_count; r++)
        if (pipeline->rules[r].signal.fingerprint == item->fingerprint)
            return &snag_rule_of(pipeline, &pipeline->rules[r], item)->signal;
    for (uint32_t j = 0; j < pipeline->journey_count; j++)
        if (pipeline->journeys[j].fingerprint == item->fingerprint)
            return snag_walk_spec(&pipeline->journeys[j], item);
    uint32_t stage;
    const snag_journey *promised = snag_promise_find(pipeline, item->fingerprint, &stage);
    return promised ? &promised->stages[stage].late : NULL;
}

uint32_t snag_fold_open_alerts(snag_engine *engine, const snag_str **keys)
{
    enum { KEYS_MAX = 8 };
    snag_item item;
    uint32_t count = 0;
    snag_str *list = snag_arena_take(texts(engine), KEYS_MAX * sizeof *list);
    SNAG_ASSERT(list != NULL);
    for (uint32_t i = 0; count < KEYS_MAX && snag_cell_item(&engine->cell, i, &item); i++) {
        const snag_signal_spec *spec =
            item.open && !item.suppressed ? snag_fold_spec(engine->pipeline, &item) : NULL;
        if (spec && !spec->shadow)
            list[count++] = dedup_key(engine, spec->name);
    }
    *keys = list;
    return count;
}

void snag_fold_bound(snag_engine *engine, snag_cell *cell)
{
    snag_item item;
    for (uint32_t i = 0; snag_cell_item(cell, i, &item); i++) {
        const snag_signal_spec *spec = snag_fold_spec(engine->pipeline, &item);
        snag_evidence first = {.id = {"", 0}};
        if (spec == NULL || (!item.open && item.due_ms == SNAG_NEVER))
            continue;
        snag_item_evidence(cell, &item, 0, &first);
        if (item.held) {
            snag_fold_withdrawn(engine, spec, &item);
            continue;
        }
        if (!item.open)
            episode_name(engine, spec, (anchor){first.id, first.position.source}, item.due_ms,
                         (snag_str){"", 0}, item.episode);
        decide(engine, spec, &item, SNAG_HOLD_BOUND, SNAG_NEVER);
    }
}
