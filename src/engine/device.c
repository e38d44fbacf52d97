/* SPDX-License-Identifier: Apache-2.0
 *
 * Device clocks: an event's time by a right clock, before anything else looks at it (clock.h says how).
 *
 * A device's clock is a cell beside its customer's walks, so that it is stored, moved and forgotten like
 * them: key | tag of the clocks' scope | customer | "source/device" |, one item that holds the clock. It is
 * worked on when the record is read, not when the event is applied, in the order of the log.
 */
#include "base/assert.h"
#include "base/time.h"
#include "engine/clock.h"
#include "engine/state.h"

static void key_put(const snag_engine *engine, snag_ahead_key *key, uint8_t scope, snag_str owner,
                    snag_str source, snag_str device)
{
    snag_buf buf = snag_buf_on(key->key, sizeof key->key);
    char text[SNAG_PER_BYTES_MAX];
    snag_buf per = snag_buf_on(text, sizeof text);
    if (scope) {
        snag_buf_str_put(&per, source);
        snag_buf_byte(&per, '/');
        snag_buf_str_put(&per, device);
    }
    snag_cell_key_put(&buf, engine->pipeline->scopes[scope].tag, owner, snag_buf_str(&per));
    SNAG_ASSERT(!per.full && !buf.full);
    key->per_at = (uint16_t)(buf.size - per.size);
    key->bytes = (uint16_t)buf.size;
    key->scope = scope;
    key->absent = false;
    key->hash = snag_table_hash(snag_buf_str(&buf));
    key->node = 0;
}

static uint32_t find(const snag_engine *engine, const snag_ahead_key *key)
{
    return snag_table_find(&engine->table, snag_str_of(key->key, key->bytes), key->hash);
}

/* Takes the clock out of its cell, which is at work then. */
static bool clock_get(snag_engine *engine, uint32_t index, snag_device_clock *clock)
{
    snag_cell_clear(&engine->cell);
    if (index == 0)
        return false;
    bool whole = snag_cell_unpack(&engine->cell, snag_table_bytes(&engine->table, index));
    SNAG_ASSERT(whole);
    return snag_cell_get(&engine->cell, SNAG_CLOCK_FINGERPRINT, &engine->item) &&
           snag_device_read(clock, engine->item.state, engine->item.state_bytes);
}

/* The customer's cells may be full of walks: then this device goes without a clock. */
static bool has_place(const snag_engine *engine, uint32_t own)
{
    return own == 0 || snag_table_node(&engine->table, own)->children < SNAG_WALKS_MAX / 2;
}

static void clock_put(snag_engine *engine, uint32_t index, const snag_device_clock *clock)
{
    snag_cell_get(&engine->cell, SNAG_CLOCK_FINGERPRINT, &engine->item);
    engine->item.state_bytes = snag_device_write(clock, engine->item.state);
    bool put = snag_cell_put(&engine->cell, &engine->item);
    SNAG_ASSERT(put);
    int64_t newest_ms = snag_device_newest(clock);
    if (newest_ms > engine->cell.judged_ms)
        engine->cell.judged_ms = newest_ms; /* it is forgotten so long after it */
    snag_engine_store(engine, index, &engine->clock_key);
}

static snag_device_rule rule_of(const snag_source_spec *source)
{
    return (snag_device_rule){source->device.tolerance_ms, source->device.has_sent, source->max_skew_ms};
}

/* The device's clock, with what this record says of it. False: there is none. */
static bool clock_of(snag_engine *engine, const snag_event *event, const snag_device_sample *sample,
                     bool learn, snag_device_clock *clock)
{
    const snag_source_spec *source = &engine->pipeline->sources[event->position.source];
    snag_device_rule rule = rule_of(source);
    snag_work *work = &engine->work;
    work->owner = engine->pipeline->key_account ? event->account : event->customer;
    if (work->owner.size == 0)
        return false;
    key_put(engine, &engine->clock_key, engine->pipeline->clock_scope, work->owner, source->name,
            event->device->id);
    uint32_t index = find(engine, &engine->clock_key);
    bool there = clock_get(engine, index, clock);
    if (!learn || (there && !snag_device_learn(clock, sample, &rule, engine->w_ms)))
        return there;
    if (!there) {
        key_put(engine, &engine->own_key, 0, work->owner, source->name, event->device->id);
        work->own = &engine->own_key;
        work->own_index = find(engine, work->own);
        if (!has_place(engine, work->own_index) || !snag_device_begin(clock, sample, &rule))
            return false;
    }
    work->event = event;
    work->at_ms = event->time_ms;
    clock_put(engine, index, clock);
    if (!there && work->own_index) /* the customer's own cell may be as new, and is stored as all are */
        snag_table_change(&engine->table, work->own_index);
    if (engine->outbox.count)
        snag_outbox_flush(&engine->outbox);
    return true;
}

bool snag_device_sound(const snag_pipeline *pipeline, uint32_t scope, const snag_item *item)
{
    snag_device_clock clock;
    bool place = scope == SNAG_SCOPE_GONE || (scope != 0 && scope == pipeline->clock_scope);
    return place && !item->open && item->due_ms == SNAG_NEVER &&
           snag_device_read(&clock, item->state, item->state_bytes);
}

void snag_device_explain(const snag_item *item, snag_buf *buf)
{
    snag_device_clock clock;
    snag_buf_printf(buf, "{\"kind\":\"clock\"");
    if (snag_device_read(&clock, item->state, item->state_bytes)) {
        snag_buf_printf(buf, ",\"added_to_its_stamps_ms\":%lld,\"newest_stamp_up_to\":\"",
                        (long long)snag_device_off(&clock));
        snag_time_print(buf, clock.seen_ms);
        snag_buf_printf(buf, "\",\"corrected_to\":\"");
        snag_time_print(buf, snag_device_newest(&clock));
        snag_buf_byte(buf, '"');
    }
    snag_buf_byte(buf, '}');
}

/* The same event with another time. */
static const snag_event *retimed(snag_engine *engine, const snag_event *event, int64_t time_ms)
{
    snag_event *copy = &engine->corrected;
    *copy = *event;
    SNAG_ASSERT(event->var_count <= sizeof engine->corrected_vars / sizeof engine->corrected_vars[0]);
    memcpy(engine->corrected_vars, event->vars, event->var_count * sizeof event->vars[0]);
    copy->vars = engine->corrected_vars;
    copy->time_ms = time_ms;
    copy->clock_off_ms = time_ms - event->time_ms;
    if (event->var_count > SNAG_VAR_TIME)
        engine->corrected_vars[SNAG_VAR_TIME] = snag_value_time_ms(time_ms);
    return copy;
}

/* One record is told once, though several of its items may be so. */
static void refuse(snag_engine *engine, const snag_event *event)
{
    const snag_position *at = &engine->refused;
    if (at->offset == event->position.offset && at->source == event->position.source)
        return;
    engine->refused = event->position;
    snag_record *record = snag_outbox_add(&engine->outbox, SNAG_CLASS_LATE, 0, SNAG_RECORD_LATE);
    record->as.late.future = true;
    record->as.late.position = event->position;
    record->as.late.time_ms = event->time_ms;
    record->as.late.judged_ms = SNAG_TIME_NONE;
    record->as.late.came_ms = event->device->came_ms;
    record->as.late.clock_off_ms = event->clock_off_ms;
    record->as.late.customer = event->customer;
    record->as.late.id = event->id;
    record->as.late.type = event->type;
    snag_outbox_flush(&engine->outbox);
}

static snag_device_sample sample_of(const snag_event *event)
{
    return (snag_device_sample){.place = event->position.offset << 8 | event->position.item,
                               .stamp_ms = event->time_ms,
                               .came_ms = event->device->came_ms,
                               .sent_ms = event->device->sent_ms};
}

static bool is_future(const snag_engine *engine, const snag_event *event, int64_t time_ms)
{
    return time_ms - engine->pipeline->sources[event->position.source].max_skew_ms > event->device->came_ms;
}

/* A record that is read again may have been read before its device's clock was known at all. */
static bool came_before(const snag_device_clock *clock, const snag_device_sample *sample)
{
    return sample->place < clock->pieces[0].from && clock->pieces[0].floor_ms == SNAG_NEVER;
}

/* learn: from this record, first. An event that nothing watches leaves no state: where its device is not
 * known, what its own record says must do. */
static int64_t right_time(snag_engine *engine, const snag_event *event, bool learn, bool watched)
{
    snag_device_clock clock;
    snag_device_sample sample = sample_of(event);
    snag_device_rule rule = rule_of(&engine->pipeline->sources[event->position.source]);
    bool known = clock_of(engine, event, &sample, learn, &clock) && !came_before(&clock, &sample);
    known = known || (!watched && snag_device_begin(&clock, &sample, &rule));
    return known ? snag_device_time(&clock, &sample) : event->time_ms;
}

static bool is_watched(snag_engine *engine, const snag_event *event)
{
    return event->excluded == 0 && snag_dispatch_find(&engine->dispatch, event->type) != NULL;
}

int64_t snag_engine_time(snag_engine *engine, const snag_event *event)
{
    if (event->device == NULL)
        return event->time_ms;
    int64_t time_ms = right_time(engine, event, false, is_watched(engine, event));
    return is_future(engine, event, time_ms) ? SNAG_TIME_NONE : time_ms;
}

const snag_event *snag_device_correct(snag_engine *engine, const snag_event *event, bool again)
{
    bool watched = is_watched(engine, event);
    int64_t time_ms = right_time(engine, event, watched && !again, watched);
    if (time_ms != event->time_ms) {
        engine->counters.corrected += !again;
        event = retimed(engine, event, time_ms);
    }
    if (!is_future(engine, event, time_ms))
        return event;
    if (!again)
        refuse(engine, event);
    return NULL;
}
