/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "rules/step.h"

static void print_alert(fixture *f, const snag_alert *alert)
{
    snag_buf_printf(&f->out, "alert %.*s %.*s", SNAG_FMT(alert->rule), SNAG_FMT(alert->customer));
    size_t fixed = f->pipeline.name.size + alert->rule.size + alert->key.size + 2;
    if (alert->dedup_key.size > fixed)
        snag_buf_str_put(&f->out, snag_str_of(alert->dedup_key.data + fixed,
                                              alert->dedup_key.size - fixed));
    snag_buf_printf(&f->out, " %s %lld", snag_action_word(alert->action),
                    (long long)alert->time_ms);
    if (alert->reason)
        snag_buf_printf(&f->out, " reason=%s", snag_reason_word(alert->reason));
    if (alert->observed >= 0)
        snag_buf_printf(&f->out, " observed=%lld", (long long)alert->observed);
    if (alert->total >= 0)
        snag_buf_printf(&f->out, " total=%lld", (long long)alert->total);
    snag_buf_printf(&f->out, " ev=");
    for (uint32_t i = 0; i < alert->evidence_count; i++)
        snag_buf_printf(&f->out, "%s%.*s", i ? "," : "", SNAG_FMT(alert->evidence[i].id));
    if (alert->evidence_total != alert->evidence_count)
        snag_buf_printf(&f->out, "/%u", alert->evidence_total);
    snag_buf_byte(&f->out, '\n');
}

static void print_change(fixture *f, const snag_change *change)
{
    snag_buf_printf(&f->out, "journey %.*s %.*s/%.*s %s %lld %.*s>%.*s seq=%u",
                    SNAG_FMT(change->journey), SNAG_FMT(change->customer),
                    SNAG_FMT(change->instance), snag_move_word(change->move),
                    (long long)change->effective_ms, SNAG_FMT(change->from), SNAG_FMT(change->to),
                    change->seq);
    if (change->outcome.size)
        snag_buf_printf(&f->out, " outcome=%.*s", SNAG_FMT(change->outcome));
    snag_buf_byte(&f->out, '\n');
}

static void on_record(void *context, const snag_record *record)
{
    fixture *f = context;
    const snag_decision *decision = &record->as.decision;
    switch (record->kind) {
    case SNAG_RECORD_ALERT: print_alert(f, &record->as.alert); return;
    case SNAG_RECORD_CHANGE: print_change(f, &record->as.change); return;
    case SNAG_RECORD_DECISION:
        snag_buf_printf(&f->out, "decision %.*s %.*s %s %s\n", SNAG_FMT(decision->rule),
                        SNAG_FMT(decision->customer), snag_decision_word(decision->decision),
                        snag_hold_word(decision->reason));
        return;
    default:
        snag_buf_printf(&f->out, "late %.*s %.*s %lld\n", SNAG_FMT(record->as.late.customer),
                        SNAG_FMT(record->as.late.id), (long long)record->as.late.time_ms);
        return;
    }
}

static const uint16_t call_slots[] = {FIXTURE_VAR_CALL};
static const snag_str call_names[] = {{"call", 4}};

fixture *fixture_new(void)
{
    fixture *f = calloc(1, sizeof *f);
    SNAG_ASSERT(f != NULL);
    static const char *const fixed[] = {
#define X(name, word) word,
        SNAG_FIXED_TABLE(X)
#undef X
    };
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        f->names[i] = (snag_expr_name){snag_str_from(fixed[i]), SNAG_KIND_TEXT, i};
    f->names[FIXTURE_VAR_CALL] = (snag_expr_name){SNAG_STR("call"), SNAG_KIND_TEXT, FIXTURE_VAR_CALL};
    f->call_tag = snag_capture_tag(SNAG_STR("call"));
    f->scopes[1] = (snag_scope){call_slots, call_names, 1, 0x1234};
    f->source.remember_ms = INT64_C(30) * 86400000;
    f->pipeline = (snag_pipeline){.name = SNAG_STR("test"),
                                  .version = 1,
                                  .sources = &f->source,
                                  .source_count = 1,
                                  .names = f->names,
                                  .name_count = SNAG_VAR_KEPT + 1,
                                  .scopes = f->scopes,
                                  .scope_count = 2,
                                  .journeys = f->journeys,
                                  .rules = f->rules,
                                  .remember_ms = f->source.remember_ms,
                                  .prefix = SNAG_STR("test.")};
    f->out = snag_buf_on(malloc(FIXTURE_TEXT_BYTES), FIXTURE_TEXT_BYTES);
    SNAG_ASSERT(f->out.data != NULL);
    /* Pages that a test does not touch cost it nothing: some make thousands of engines. */
    SNAG_ASSERT(snag_memory_init_small(&f->memory, FIXTURE_BLOCK_BYTES, NULL) == SNAG_OK);
    return f;
}

void fixture_free(fixture *f)
{
    for (uint32_t i = 0; i < f->pipeline.rule_count; i++) {
        free((void *)(uintptr_t)f->rules[i].event.patterns);
        free((void *)(uintptr_t)f->rules[i].params.missing.patterns);
        free((void *)(uintptr_t)f->rules[i].params.until.patterns);
    }
    free(f->out.data);
    snag_memory_finish(&f->memory);
    free(f);
}

snag_matcher fixture_matcher(const char *text)
{
    enum { PATTERNS_MAX = 8 };
    snag_matcher matcher = {0};
    if (text == NULL)
        return matcher;
    snag_pattern *patterns = calloc(PATTERNS_MAX, sizeof *patterns);
    SNAG_ASSERT(patterns != NULL);
    while (*text) {
        size_t size = strcspn(text, "|");
        bool star = size > 0 && text[size - 1] == '*';
        patterns[matcher.count++] = (snag_pattern){snag_str_of(text, size - star), star};
        text += size + (text[size] == '|');
    }
    matcher.patterns = patterns;
    return matcher;
}

snag_rule *fixture_rule(fixture *f, const char *kind, const char *name, uint16_t scope,
                        const char *event, const char *missing, const char *until)
{
    snag_rule *rule = &f->rules[f->pipeline.rule_count++];
    for (uint32_t i = 0; i < snag_rule_kind_count; i++)
        if (strcmp(snag_rule_kinds[i]->name, kind) == 0)
            rule->kind = snag_rule_kinds[i];
    SNAG_ASSERT(rule->kind != NULL);
    rule->scope = scope;
    rule->event = fixture_matcher(event);
    rule->params = (snag_rule_params){.missing = fixture_matcher(missing),
                                      .until = fixture_matcher(until),
                                      .within_ms = -1,
                                      .wait = SNAG_PATIENCE(0),
                                      .gap_ms = -1,
                                      .radius = -1,
                                      .quiet_ms = -1};
    rule->signal = (snag_signal_spec){.name = snag_str_from(name),
                                      .test = snag_str_from(kind),
                                      .headline = SNAG_STR("{customer} is stuck with {call}"),
                                      .sla_ms = -1,
                                      .headline_vars = UINT64_C(1) << FIXTURE_VAR_CALL,
                                      .headline_tags = &f->call_tag,
                                      .fingerprint = 100 + f->pipeline.rule_count};
    return rule;
}

void fixture_journey(fixture *f, const char *name, uint16_t scope, const snag_stage *stages,
                     uint32_t count)
{
    snag_journey *journey = &f->journeys[f->pipeline.journey_count++];
    *journey = (snag_journey){.name = snag_str_from(name),
                              .scope = scope,
                              .stages = stages,
                              .stage_count = count,
                              .fingerprint = 200 + f->pipeline.journey_count};
}

void fixture_start(fixture *f)
{
    snag_err err = snag_engine_init(&f->engine, &f->pipeline, f->memory.block, f->memory.size,
                                    on_record, f);
    SNAG_ASSERT(err == SNAG_OK);
}

void fixture_event(fixture *f, const char *customer, int64_t time_ms, const char *type,
                   const char *call, const char *id)
{
    char made[32];
    snprintf(made, sizeof made, "e%lld", (long long)f->offset);
    snag_value vars[SNAG_VAR_KEPT + 1] = {0};
    snag_event event = {.time_ms = time_ms,
                        .stamp_ms = SNAG_TIME_NONE,
                        .position = {.offset = f->offset++},
                        .id = snag_str_from(id ? id : made),
                        .type = snag_str_from(type),
                        .customer = snag_str_from(customer),
                        .account = {"", 0},
                        .channel = {"", 0},
                        .vars = vars,
                        .var_count = SNAG_VAR_KEPT + 1};
    vars[SNAG_VAR_ID] = snag_value_text(event.id);
    vars[SNAG_VAR_TYPE] = snag_value_text(event.type);
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(event.customer);
    if (call)
        vars[FIXTURE_VAR_CALL] = snag_value_text(snag_str_from(call));
    size_t taken;
    snag_err err = snag_engine_take(f->engine, &event, 1, &taken);
    SNAG_ASSERT(err == SNAG_OK);
    SNAG_ASSERT(taken == 1);
}

const char *fixture_lines(fixture *f)
{
    SNAG_ASSERT(!f->out.full);
    snag_buf_byte(&f->out, '\0');
    f->out.size = 0;
    return f->out.data;
}

void fixture_move(fixture *from, fixture *to)
{
    uint64_t cursor = 0;
    snag_str key;
    snag_str blob;
    char head[1024];
    snag_buf buf = snag_buf_on(head, sizeof head);
    while (snag_engine_each(from->engine, &cursor, &key, &blob)) {
        snag_err err = snag_engine_restore(to->engine, key, blob);
        SNAG_ASSERT(err == SNAG_OK);
    }
    snag_engine_head_write(from->engine, &buf);
    snag_err err = snag_engine_head_read(to->engine, snag_buf_str(&buf));
    SNAG_ASSERT(err == SNAG_OK);
    to->offset = from->offset;
    snag_engine_resume(to->engine, 0, from->offset);
}
