/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/step.h"

#include "base/assert.h"
#include "base/pack.h"
#include "base/utf8.h"

void *snag_rule_state(snag_rule_step *step)
{
    enum { FEW_BYTES = 64 };
    snag_item *item = step->item;
    const snag_rule_kind *kind = step->rule->kind;
    size_t reach = kind->state_bytes_max;
    SNAG_ASSERT(reach <= sizeof item->state);
    SNAG_ASSERT(item->state_bytes <= reach);
    if (kind->state_grows > 0 && item->state_bytes + kind->state_grows < reach)
        reach = item->state_bytes + kind->state_grows;
    size_t from = step->clear > item->state_bytes ? step->clear : item->state_bytes;
    if (from >= reach)
        return item->state;
    if (reach - from <= FEW_BYTES && from + FEW_BYTES <= sizeof item->state)
        memset(item->state + from, 0, FEW_BYTES); /* of known size it costs less */
    else
        memset(item->state + from, 0, reach - from);
    step->clear = reach;
    return item->state;
}

size_t snag_rule_state_bytes(const snag_rule_step *step)
{
    return step->item->state_bytes;
}

void snag_rule_keep(snag_rule_step *step, size_t bytes)
{
    SNAG_ASSERT(bytes <= step->item->state_bytes || bytes <= step->clear);
    if (bytes < step->item->state_bytes)
        step->clear = bytes;
    step->item->state_bytes = (uint16_t)bytes;
    step->changed = true;
}

bool snag_rule_has_event(const snag_rule_step *step)
{
    return step->event != NULL;
}

bool snag_rule_answered(const snag_rule_step *step)
{
    return step->answered;
}

bool snag_rule_late(const snag_rule_step *step)
{
    return step->late;
}

void snag_rule_arm(snag_rule_step *step, int64_t deadline_ms)
{
    step->item->due_ms = deadline_ms;
    step->changed = true;
}

void snag_rule_hold(snag_rule_step *step, bool hold)
{
    step->item->hold = hold;
    step->changed = true;
}

int64_t snag_rule_due(snag_rule_step *step, const snag_levels *wait, snag_learned *learned)
{
    int64_t learned_ms = -1;
    *learned = (snag_learned){0, 0};
    if (step->rule->sketch)
        learned_ms = step->host->wait_began(step->context, step->rule, step->item, learned);
    if (learned_ms >= 0)
        return step->event->time_ms + learned_ms;
    return snag_wait_end(wait->ms, wait->span, step->event, &step->unzoned);
}

void snag_rule_waited(snag_rule_step *step, int64_t since_ms, bool ended)
{
    if (step->rule->sketch)
        step->host->wait_over(step->context, step->rule, step->item, since_ms, ended);
}

const snag_zone *snag_rule_zone(snag_rule_step *step, const snag_calendar_spec *calendar)
{
    bool unknown = false; /* counted where the event came */
    if (step->event)
        return snag_event_zone(calendar, step->event, &step->unzoned);
    return snag_item_zone(step->item, calendar, &unknown);
}

const snag_zone *snag_rule_wait_zone(const snag_rule_step *step)
{
    return snag_item_wait_zone(step->item, &step->rule->params.wait.after);
}

void snag_rule_tell(snag_rule_step *step, bool failed, bool tried)
{
    SNAG_ASSERT(step->event != NULL);
    if (step->rule->segments)
        step->host->tell(step->context, step->rule, step->item, step->event->time_ms, failed, tried);
}

bool snag_rule_usual(const snag_rule_step *step, int64_t at_ms, uint64_t *usual)
{
    SNAG_ASSERT(step->rule->segments > 0);
    return step->host->ask(step->context, step->rule, step->item, at_ms, usual);
}

uint64_t snag_rule_owner_hash(const snag_rule_step *step)
{
    return snag_hash64(step->owner, 0);
}

int64_t snag_rule_deadline(const snag_rule_step *step)
{
    return step->item->due_ms;
}

void snag_rule_note(snag_rule_step *step)
{
    SNAG_ASSERT(step->event != NULL);
    bool first = step->item->evidence_total == 0;
    snag_item_note(step->cell, step->item, step->event);
    if (first)
        snag_item_capture(step->item, &step->rule->signal, step->event);
    step->changed = true;
}

void snag_rule_capture(snag_rule_step *step)
{
    SNAG_ASSERT(step->event != NULL);
    snag_item_capture(step->item, &step->rule->signal, step->event);
    step->changed = true;
}

void snag_rule_forget_before(snag_rule_step *step, int64_t time_ms)
{
    snag_item_forget_before(step->cell, step->item, time_ms);
    step->changed = true;
}

void snag_rule_forget_all(snag_rule_step *step)
{
    snag_item_forget_all(step->item);
    step->changed = true;
}

int64_t snag_rule_first_ms(const snag_rule_step *step)
{
    snag_evidence evidence;
    if (!snag_item_evidence(step->cell, step->item, 0, &evidence))
        return SNAG_TIME_NONE;
    return evidence.time_ms;
}

bool snag_rule_is_open(const snag_rule_step *step)
{
    return step->item->open;
}

int64_t snag_rule_opened_ms(const snag_rule_step *step)
{
    SNAG_ASSERT(step->item->open);
    return step->item->opened_ms;
}

void snag_rule_open(snag_rule_step *step, const snag_rule_facts *facts)
{
    SNAG_ASSERT(!step->item->open);
    if (step->event)
        snag_item_capture(step->item, &step->rule->signal, step->event);
    step->host->opened(step->context, &step->rule->signal, step->item, facts);
    SNAG_ASSERT(step->item->open);
    step->changed = true;
}

void snag_rule_escalate(snag_rule_step *step, const snag_rule_facts *facts)
{
    SNAG_ASSERT(step->item->open);
    step->host->escalated(step->context, &step->rule->signal, step->item, facts);
    step->changed = true;
}

void snag_rule_close(snag_rule_step *step, snag_reason reason, const snag_rule_facts *facts)
{
    SNAG_ASSERT(step->item->open);
    step->host->closed(step->context, &step->rule->signal, step->item, reason, facts);
    SNAG_ASSERT(!step->item->open);
    step->changed = true;
}

/* False: no room for more. */
static bool capture_put(snag_buf *buf, uint32_t tag, snag_str text)
{
    enum { HEAD_BYTES = 6 };
    size_t room = buf->capacity - buf->size;
    if (room < HEAD_BYTES)
        return false;
    snag_pack_u32(buf, tag);
    snag_pack_text(buf, snag_utf8_cut(text, room - HEAD_BYTES));
    return true;
}

void snag_item_shape(snag_item *item, snag_str shape)
{
    snag_buf buf = snag_buf_on(item->capture, sizeof item->capture);
    if (shape.size)
        capture_put(&buf, snag_shape_tag(), shape);
    item->capture_bytes = (uint16_t)buf.size;
}

/* What began under a shape stays under it. */
static void shape_keep(snag_item *item, const snag_signal_spec *spec, const snag_event *event)
{
    char kept[SNAG_TEXT_BYTES_MAX];
    snag_str shape = {"", 0};
    if (snag_item_captured(item, snag_shape_tag(), &shape)) {
        shape = snag_utf8_cut(shape, sizeof kept);
        memcpy(kept, shape.data, shape.size);
        shape.data = kept;
    } else if (spec->shape_slot < event->var_count && event->vars[spec->shape_slot].kind == SNAG_KIND_TEXT) {
        shape = event->vars[spec->shape_slot].as.text;
    }
    snag_item_shape(item, shape);
}

void snag_item_capture(snag_item *item, const snag_signal_spec *spec, const snag_event *event)
{
    if (spec->shape_slot)
        shape_keep(item, spec, event);
    else
        item->capture_bytes = 0;
    snag_buf buf = snag_buf_on(item->capture, sizeof item->capture);
    buf.size = item->capture_bytes;
    const uint32_t *tag = spec->headline_tags;
    for (uint64_t rest = spec->headline_vars; rest; rest &= rest - 1) {
        char text[SNAG_TEXT_BYTES_MAX + 64];
        snag_buf value = snag_buf_on(text, sizeof text);
        uint32_t slot = (uint32_t)__builtin_ctzll(rest);
        if (slot < event->var_count && event->vars[slot].kind == SNAG_KIND_DOUBLE)
            snag_buf_figure(&value, event->vars[slot].as.number);
        else if (slot < event->var_count)
            snag_value_print(&value, &event->vars[slot]);
        if (!capture_put(&buf, *tag++, snag_buf_str(&value)))
            break;
    }
    item->capture_bytes = (uint16_t)buf.size;
}

bool snag_item_captured(const snag_item *item, uint32_t tag, snag_str *text)
{
    snag_unpack unpack = snag_unpack_on(snag_str_of(item->capture, item->capture_bytes));
    while (unpack.at < unpack.end) {
        bool wanted = snag_unpack_u32(&unpack) == tag;
        *text = snag_unpack_text(&unpack);
        if (wanted)
            return !unpack.bad && text->size > 0;
    }
    return false;
}

const snag_zone *snag_item_zone(const snag_item *item, const snag_calendar_spec *calendar, bool *unknown)
{
    snag_str named = {"", 0};
    if (calendar->zone_slot >= 0)
        snag_item_captured(item, calendar->zone_tag, &named);
    return snag_span_zone(calendar, named, unknown);
}

const snag_zone *snag_item_wait_zone(const snag_item *item, const snag_levels *wait)
{
    bool unknown = false; /* said when it began */
    const snag_calendar_spec *calendar = wait->span ? wait->span->calendar : NULL;
    return calendar ? snag_item_zone(item, calendar, &unknown) : NULL;
}

void snag_item_capture_tag(snag_item *item, const snag_signal_spec *spec)
{
    char old[SNAG_CAPTURE_BYTES_MAX];
    memcpy(old, item->capture, item->capture_bytes);
    snag_unpack unpack = snag_unpack_on(snag_str_of(old, item->capture_bytes));
    snag_buf buf = snag_buf_on(item->capture, sizeof item->capture);
    const uint32_t *tag = spec->headline_tags;
    for (uint64_t rest = spec->headline_vars; rest && unpack.at < unpack.end; rest &= rest - 1) {
        snag_str text = snag_unpack_text(&unpack);
        if (unpack.bad || !capture_put(&buf, *tag++, text))
            break;
    }
    item->capture_bytes = (uint16_t)buf.size;
}
