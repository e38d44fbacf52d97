/* SPDX-License-Identifier: Apache-2.0
 *
 * The order buffer: with `out_of_order` > 0 events wait here until W has passed them, and then apply in the
 * order of (time, source, offset, item), whatever the order in which they came.
 *
 * A binary heap of (time, source, offset); each event's copy is one block of the slab:
 *     | snag_event | vars ... | texts ... |      pointers inside lead into the same block
 */
#include "base/assert.h"
#include "engine/state.h"

static bool comes_first(const snag_waiting *a, const snag_waiting *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms;
    if (a->place != b->place)
        return a->place < b->place;
    return a->item < b->item;
}

static void heap_up(snag_order *order, uint32_t at)
{
    snag_waiting moving = order->heap[at];
    while (at > 0 && comes_first(&moving, &order->heap[(at - 1) / 2])) {
        order->heap[at] = order->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    order->heap[at] = moving;
}

static void heap_down(snag_order *order, uint32_t at)
{
    snag_waiting moving = order->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= order->count)
            break;
        if (child + 1 < order->count && comes_first(&order->heap[child + 1], &order->heap[child]))
            child++;
        if (!comes_first(&order->heap[child], &moving))
            break;
        order->heap[at] = order->heap[child];
        at = child;
    }
    order->heap[at] = moving;
}

static bool is_text(const snag_value *value)
{
    return value->kind == SNAG_KIND_TEXT || value->kind == SNAG_KIND_BYTES;
}

static size_t event_bytes(const snag_event *event)
{
    size_t bytes = sizeof *event + event->var_count * sizeof event->vars[0];
    bytes += event->id.size + event->type.size + event->customer.size + event->account.size +
             event->channel.size;
    for (uint32_t i = 0; i < event->var_count; i++)
        if (is_text(&event->vars[i]))
            bytes += event->vars[i].as.text.size;
    return bytes;
}

static void move_text(snag_buf *buf, snag_str *text)
{
    char *to = buf->data + buf->size;
    snag_buf_str_put(buf, *text);
    text->data = to;
}

static void event_copy(void *block, size_t bytes, const snag_event *event)
{
    snag_event *copy = block;
    snag_value *vars = (snag_value *)(void *)(copy + 1);
    snag_buf buf = snag_buf_on(vars + event->var_count,
                               bytes - sizeof *event - event->var_count * sizeof *vars);
    *copy = *event;
    if (event->var_count)
        memcpy(vars, event->vars, event->var_count * sizeof *vars);
    copy->vars = vars;
    move_text(&buf, &copy->id);
    move_text(&buf, &copy->type);
    move_text(&buf, &copy->customer);
    move_text(&buf, &copy->account);
    move_text(&buf, &copy->channel);
    for (uint32_t i = 0; i < event->var_count; i++)
        if (is_text(&vars[i]))
            move_text(&buf, &vars[i].as.text);
    SNAG_ASSERT(!buf.full);
}

bool snag_order_add(snag_engine *engine, const snag_event *event, int64_t time_ms)
{
    snag_order *order = &engine->order;
    size_t bytes = event_bytes(event);
    if (order->count == order->max)
        return false;
    uint32_t handle = snag_slab_take(&engine->table.slab, bytes);
    if (handle == 0)
        return false;
    event_copy(snag_slab_at(&engine->table.slab, handle), bytes, event);
    int64_t place = (int64_t)event->position.source << SNAG_PLACE_SOURCE_AT | event->position.offset;
    order->heap[order->count] = (snag_waiting){time_ms, place, handle, (uint32_t)bytes,
                                               event->position.item};
    heap_up(order, order->count++);
    return true;
}

bool snag_order_peek(const snag_engine *engine, int64_t *time_ms, int64_t *place)
{
    const snag_order *order = &engine->order;
    if (order->count == 0)
        return false;
    *time_ms = order->heap[0].time_ms;
    *place = order->heap[0].place;
    return true;
}

bool snag_order_peek_source(const snag_engine *engine, int64_t *time_ms, uint32_t *source, int64_t *offset)
{
    int64_t place;
    if (!snag_order_peek(engine, time_ms, &place))
        return false;
    *source = (uint32_t)(place >> SNAG_PLACE_SOURCE_AT);
    *offset = place & ((INT64_C(1) << SNAG_PLACE_SOURCE_AT) - 1);
    return true;
}

void snag_order_apply_first(snag_engine *engine)
{
    snag_order *order = &engine->order;
    SNAG_ASSERT(order->count > 0);
    snag_waiting first = order->heap[0];
    order->heap[0] = order->heap[--order->count];
    if (order->count)
        heap_down(order, 0);
    const snag_event *event = snag_slab_at(&engine->table.slab, first.handle);
    snag_ahead_look(engine, event, &engine->ahead[0]);
    snag_engine_apply(engine, event, &engine->ahead[0]);
    snag_slab_give(&engine->table.slab, first.handle, first.bytes);
}
