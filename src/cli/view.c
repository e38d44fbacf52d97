/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include "base/assert.h"
#include "base/time.h"
#include "base/utf8.h"
#include "cli/terminal.h"

enum { WORD_WIDTH = 9, NAME_WIDTH_LEAST = 20, NAME_WIDTH_MOST = 40, CUSTOMER_WIDTH = 14 };

static void widen(snag_view *view, snag_str name)
{
    size_t width = snag_utf8_count(name);
    if (view->name_width < width)
        view->name_width = width < NAME_WIDTH_MOST ? width : NAME_WIDTH_MOST;
}

snag_view snag_view_of(const snag_pipeline *pipeline, bool colour)
{
    snag_view view = {.colour = colour, .name_width = NAME_WIDTH_LEAST};
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        widen(&view, pipeline->rules[i].signal.name);
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        widen(&view, journey->name);
        for (uint32_t k = 0; k < journey->stage_count; k++)
            if (snag_stage_waits(&journey->stages[k]))
                widen(&view, journey->stages[k].late.name);
    }
    return view;
}

static snag_style severity_style(snag_severity severity)
{
    static const snag_style styles[SNAG_SEVERITY_COUNT] = {SNAG_STYLE_BLUE, SNAG_STYLE_YELLOW,
                                                           SNAG_STYLE_RED, SNAG_STYLE_RED};
    return styles[severity];
}

static snag_style move_style(snag_move move)
{
    static const snag_style styles[SNAG_MOVE_COUNT] = {SNAG_STYLE_CYAN, SNAG_STYLE_YELLOW,
                                                       SNAG_STYLE_CYAN, SNAG_STYLE_BLUE,
                                                       SNAG_STYLE_CYAN};
    return styles[move];
}

/* Text without anything that moves a cursor: control characters become "?". */
static void safe_put(snag_buf *buf, snag_str text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t from = at;
        int32_t code = snag_utf8_next(text, &at);
        if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            snag_buf_byte(buf, '?');
        else
            snag_buf_put(buf, text.data + from, at - from);
    }
}

/* The same in a style, padded to a width. */
static void safe_style(snag_buf *buf, const snag_view *view, snag_style style, snag_str text, size_t width)
{
    char bytes[1024];
    snag_buf safe = snag_buf_on(bytes, sizeof bytes);
    safe_put(&safe, snag_utf8_cut(text, sizeof bytes));
    snag_style_put(buf, view->colour, style, snag_buf_str(&safe), width);
}

void snag_view_time(snag_buf *buf, int64_t time_ms)
{
    char bytes[64];
    snag_buf text = snag_buf_on(bytes, sizeof bytes);
    snag_time_print(&text, time_ms);
    SNAG_ASSERT(text.size >= 19);
    bytes[10] = ' ';
    snag_buf_put(buf, bytes, 19);
}

/* Everything before the sentence. */
static void line_begin(snag_buf *buf, const snag_view *view, int64_t time_ms, snag_style style,
                       const char *word, snag_str name, snag_str customer)
{
    char bytes[32];
    snag_buf time = snag_buf_on(bytes, sizeof bytes);
    snag_view_time(&time, time_ms);
    snag_style_put(buf, view->colour, SNAG_STYLE_DIM, snag_buf_str(&time), 0);
    snag_buf_put(buf, "  ", 2);
    snag_style_put(buf, view->colour, style, snag_str_from(word), WORD_WIDTH);
    snag_buf_byte(buf, ' ');
    safe_style(buf, view, SNAG_STYLE_BOLD, name, view->name_width);
    snag_buf_byte(buf, ' ');
    safe_style(buf, view, SNAG_STYLE_PLAIN, customer, CUSTOMER_WIDTH);
    snag_buf_byte(buf, ' ');
}

static void dim_put(snag_buf *buf, const snag_view *view, const char *words, snag_str text)
{
    snag_buf_str_put(buf, snag_str_from(snag_style_code(view->colour, SNAG_STYLE_DIM)));
    snag_buf_str_put(buf, snag_str_from(words));
    safe_put(buf, text);
    snag_buf_str_put(buf, snag_str_from(snag_style_code(view->colour, SNAG_STYLE_PLAIN)));
}

static void alert_put(snag_buf *buf, const snag_view *view, const snag_alert *alert)
{
    bool begins = alert->action != SNAG_ACTION_RESOLVE;
    const char *word = alert->action == SNAG_ACTION_TRIGGER  ? "ALERT"
                       : alert->action == SNAG_ACTION_RESOLVE ? "resolved"
                                                              : snag_action_word(alert->action);
    line_begin(buf, view, alert->time_ms, begins ? severity_style(alert->severity) : SNAG_STYLE_GREEN,
               word, alert->rule, alert->customer);
    if (begins) {
        safe_put(buf, alert->headline);
    } else {
        safe_put(buf, snag_str_from(snag_reason_word(alert->reason)));
        if (alert->lasted_ms >= 0) {
            snag_buf_str_put(buf, SNAG_STR(", after "));
            snag_duration_brief(buf, alert->lasted_ms);
        }
    }
    if (alert->instance.size > 0)
        dim_put(buf, view, "  ", alert->instance);
    if (begins && alert->owner.size > 0)
        dim_put(buf, view, "  -> ", alert->owner);
    if (alert->shadow)
        dim_put(buf, view, "  ", SNAG_STR("(shadow)"));
}

static void change_put(snag_buf *buf, const snag_view *view, const snag_change *change)
{
    line_begin(buf, view, change->effective_ms, move_style(change->move),
               snag_move_word(change->move), change->journey, change->customer);
    if (change->from.size > 0)
        safe_put(buf, change->from);
    if (change->to.size > 0) {
        if (change->from.size > 0)
            snag_buf_str_put(buf, SNAG_STR(" -> "));
        safe_put(buf, change->to);
    }
    if (change->scored) {
        snag_buf_str_put(buf, SNAG_STR(" score "));
        snag_buf_double(buf, change->score);
    }
    if (change->outcome.size > 0) {
        snag_buf_str_put(buf, SNAG_STR(", "));
        safe_style(buf, view, SNAG_STYLE_BOLD, change->outcome, 0);
    }
    if (change->dwell_ms >= 0) {
        snag_buf_str_put(buf, SNAG_STR(" after "));
        snag_duration_brief(buf, change->dwell_ms);
    }
    if (change->instance.size > 0 && !snag_str_equal(change->instance, change->customer))
        dim_put(buf, view, "  ", change->instance);
}

static void decision_put(snag_buf *buf, const snag_view *view, const snag_decision *decision)
{
    line_begin(buf, view, decision->at_ms, SNAG_STYLE_DIM, snag_decision_word(decision->decision),
               decision->rule, decision->customer);
    safe_put(buf, snag_str_from(snag_hold_word(decision->reason)));
    if (decision->by.size > 0)
        dim_put(buf, view, " by ", decision->by);
}

static void late_put(snag_buf *buf, const snag_view *view, const snag_record *record)
{
    line_begin(buf, view, record->as.late.time_ms, SNAG_STYLE_YELLOW, "late", record->as.late.type,
               record->as.late.customer);
    if (record->as.late.future) {
        snag_buf_str_put(buf, SNAG_STR("unreadable: too far after it was received"));
    } else if (record->as.late.judged_ms == SNAG_TIME_NONE) {
        snag_buf_str_put(buf, SNAG_STR("older than what is remembered"));
    } else {
        snag_buf_str_put(buf, SNAG_STR("already judged up to "));
        snag_view_time(buf, record->as.late.judged_ms);
    }
    dim_put(buf, view, "  ", record->as.late.id);
}

void snag_view_record(snag_buf *buf, const snag_view *view, const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: alert_put(buf, view, &record->as.alert); break;
    case SNAG_RECORD_CHANGE: change_put(buf, view, &record->as.change); break;
    case SNAG_RECORD_DECISION: decision_put(buf, view, &record->as.decision); break;
    case SNAG_RECORD_LATE: late_put(buf, view, record); break;
    case SNAG_RECORD_KIND_COUNT: SNAG_ASSERT(false); /* a kind of record: there is no other */
    }
    snag_buf_byte(buf, '\n');
}

void snag_view_dead(snag_buf *buf, const snag_view *view, const snag_dead *dead)
{
    snag_style_put(buf, view->colour, SNAG_STYLE_DIM, SNAG_STR("(unreadable)"), 19);
    snag_buf_put(buf, "  ", 2);
    snag_style_put(buf, view->colour, SNAG_STYLE_RED, SNAG_STR("dead"), WORD_WIDTH);
    snag_buf_byte(buf, ' ');
    snag_style_put(buf, view->colour, SNAG_STYLE_BOLD, snag_str_from(snag_err_name(dead->reason)),
                   view->name_width);
    snag_buf_byte(buf, ' ');
    safe_put(buf, snag_str_from(dead->words));
    snag_buf_printf(buf, ", at byte %lld\n", (long long)dead->position.offset);
}
