/* SPDX-License-Identifier: Apache-2.0
 *
 * The order buffer: with `out_of_order` > 0 events wait here until W has passed them, and then apply in the
 * order of (time, source, offset, item), whatever the order in which they came.
 *
 *     soon      the earliest 32 of all, sorted: what they will meet is fetched meanwhile (ahead.c)
 *     ring      behind them, those that came in order
 *     heap      behind them too, the rest
 *
 *     ring  | 7 8 11 14 ... |--\
 *                               earlier of both --> | 1 2 2 3 5 6 |  soon --> apply
 *     heap  | 9 12 10 ...   |--/
 *
 * While ring or heap hold any, `soon` is full; nothing in it goes after anything in them. Where most events
 * come in order, the heap is small. Each event's copy is one block of the slab:
 *     | snag_event | vars ... | texts ... |      pointers inside lead into the same block
 */
#include "base/assert.h"
#include "engine/state.h"

enum { LINE_BYTES = 64, BLOCK_AHEAD_BYTES = 1024, RING_ROOM_MIN = 1024 };

static bool comes_first(const snag_waiting *a, const snag_waiting *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms;
    if (a->place != b->place)
        return a->place < b->place;
    return a->item < b->item;
}

/* --- the heap ---------------------------------------------------------------------------------- */

static void heap_add(snag_order *order, const snag_waiting *waiting)
{
    uint32_t at = order->heap_count++;
    if (order->heap_count > order->heap_room)
        order->heap_room = order->heap_count;
    for (; at > 0 && comes_first(waiting, &order->heap[(at - 1) / 2]); at = (at - 1) / 2)
        order->heap[at] = order->heap[(at - 1) / 2];
    order->heap[at] = *waiting;
}

static snag_waiting heap_take(snag_order *order)
{
    snag_waiting first = order->heap[0];
    snag_waiting moving = order->heap[--order->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= order->heap_count)
            break;
        if (child + 1 < order->heap_count && comes_first(&order->heap[child + 1], &order->heap[child]))
            child++;
        if (!comes_first(&order->heap[child], &moving))
            break;
        order->heap[at] = order->heap[child];
        at = child;
    }
    order->heap[at] = moving;
    return first;
}

/* --- an event's block -------------------------------------------------------------------------- */

static bool is_text(const snag_value *value)
{
    return value->kind == SNAG_KIND_TEXT || value->kind == SNAG_KIND_BYTES;
}

/* The event's own texts, by the slots under which expressions see them too. */
static snag_str *fixed_text(snag_event *event, uint32_t slot)
{
    switch (slot) {
    case SNAG_VAR_ID: return &event->id;
    case SNAG_VAR_TYPE: return &event->type;
    case SNAG_VAR_CUSTOMER: return &event->customer;
    case SNAG_VAR_ACCOUNT: return &event->account;
    case SNAG_VAR_CHANNEL: return &event->channel;
    default: return NULL;
    }
}

static size_t block_bytes(const snag_event *event)
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

static void block_fill(void *block, size_t bytes, const snag_event *event)
{
    snag_event *copy = block;
    snag_value *vars = (snag_value *)(void *)(copy + 1);
    char *texts = (char *)(vars + event->var_count);
    snag_buf buf = snag_buf_on(texts, bytes - (size_t)(texts - (char *)block));
    *copy = *event;
    if (event->var_count)
        memcpy(vars, event->vars, event->var_count * sizeof *vars);
    copy->vars = vars;
    copy->device = NULL; /* its time is right by now */
    move_text(&buf, &copy->id);
    move_text(&buf, &copy->type);
    move_text(&buf, &copy->customer);
    move_text(&buf, &copy->account);
    move_text(&buf, &copy->channel);
    for (uint32_t i = 0; i < event->var_count; i++) {
        snag_str *fixed = i < SNAG_VAR_KEPT ? fixed_text(copy, i) : NULL;
        if (!is_text(&vars[i]))
            continue;
        if (fixed && fixed->size == vars[i].as.text.size)
            vars[i].as.text = *fixed;
        else
            move_text(&buf, &vars[i].as.text);
    }
    SNAG_ASSERT(!buf.full);
}

static void block_prefetch(const snag_engine *engine, const snag_waiting *waiting)
{
    const char *block = snag_slab_at(&engine->table.slab, waiting->handle);
    uint32_t bytes = waiting->units * SNAG_SLAB_UNIT;
    for (uint32_t at = 0; at < bytes && at < BLOCK_AHEAD_BYTES; at += LINE_BYTES)
        __builtin_prefetch(block + at);
}

/* --- the ring ---------------------------------------------------------------------------------- */

static snag_waiting *ring_at(const snag_order *order, uint32_t i)
{
    return &order->ring[(order->ring_first + i) & (order->ring_room - 1)];
}

/* Twice as much of the memory: what stood before the first, going round, stands behind the old end now. */
static void ring_grow(snag_order *order)
{
    uint32_t first = order->ring_first & (order->ring_room - 1);
    memcpy(order->ring + order->ring_room, order->ring, first * sizeof *order->ring);
    order->ring_first = first;
    order->ring_room *= 2;
    SNAG_ASSERT(order->ring_room <= order->max);
}

static void ring_add(snag_order *order, const snag_waiting *waiting)
{
    if (order->ring_count == order->ring_room)
        ring_grow(order);
    *ring_at(order, order->ring_count++) = *waiting;
}

/* In front of all that are in it. */
static void ring_put_back(snag_order *order, const snag_waiting *waiting)
{
    if (order->ring_count == order->ring_room)
        ring_grow(order);
    order->ring_first--;
    order->ring_count++;
    *ring_at(order, 0) = *waiting;
}

/* Whether it may stand behind all that are in it. */
static bool ring_suits(const snag_order *order, const snag_waiting *waiting)
{
    return order->ring_count == 0 || comes_first(ring_at(order, order->ring_count - 1), waiting);
}

/* --- the soon ---------------------------------------------------------------------------------- */

static snag_soon *soon_at(snag_order *order, uint32_t i)
{
    return &order->soon[(order->soon_first + i) % SNAG_AHEAD];
}

/* Takes its place among the soon, of which one is free; the work ahead is still to do. */
static void soon_add(snag_order *order, const snag_waiting *waiting)
{
    uint32_t at = order->soon_count++;
    SNAG_ASSERT(at < SNAG_AHEAD && order->slots_free != 0);
    for (; at > 0 && comes_first(waiting, &soon_at(order, at - 1)->waiting); at--)
        *soon_at(order, at) = *soon_at(order, at - 1);
    uint32_t slot = (uint32_t)__builtin_ctz(order->slots_free);
    order->slots_free &= ~(UINT32_C(1) << slot);
    *soon_at(order, at) = (snag_soon){.waiting = *waiting, .slot = (uint8_t)slot};
}

/* The last of the soon makes place for one that goes before it. */
static void soon_put_back(snag_order *order)
{
    const snag_soon *last = soon_at(order, --order->soon_count);
    order->slots_free |= UINT32_C(1) << last->slot;
    ring_put_back(order, &last->waiting);
}

/* The next of ring and heap joins the soon. */
static void soon_fill(snag_engine *engine)
{
    snag_order *order = &engine->order;
    if (order->ring_count + order->heap_count == 0)
        return;
    bool of_ring = order->ring_count && (order->heap_count == 0 ||
                                         comes_first(ring_at(order, 0), &order->heap[0]));
    snag_waiting next = of_ring ? *ring_at(order, 0) : heap_take(order);
    order->ring_first += of_ring;
    order->ring_count -= of_ring;
    block_prefetch(engine, &next);
    soon_add(order, &next);
}

/* The steps of ahead.c, each at its distance from the first; one that took a later place catches up. */
static void soon_look(snag_engine *engine, uint32_t i)
{
    if (i >= engine->order.soon_count)
        return;
    snag_soon *soon = soon_at(&engine->order, i);
    snag_ahead *ahead = &engine->ahead[soon->slot];
    switch (soon->step++) {
    case 0:
        snag_ahead_look(engine, snag_slab_at(&engine->table.slab, soon->waiting.handle), ahead);
        break;
    case 1: snag_ahead_nodes(engine, ahead); break;
    case 2:
    case 3: snag_ahead_chains(engine, ahead); break;
    case 4: snag_ahead_cells(engine, ahead); break;
    case 5: snag_ahead_tails(engine, ahead); break;
    default: soon->step--; break;
    }
}

static void look_ahead(snag_engine *engine)
{
    static const uint8_t distances[] = {28, 24, 19, 15, 11, 6};
    for (uint32_t i = 0; i < sizeof distances; i++)
        soon_look(engine, distances[i]);
}

/* --- in and out -------------------------------------------------------------------------------- */

size_t snag_order_bytes(uint32_t max)
{
    return 2 * (size_t)max * sizeof(snag_waiting);
}

size_t snag_order_used(const snag_order *order)
{
    return ((size_t)order->ring_room + order->heap_room) * sizeof(snag_waiting);
}

void snag_order_init(snag_order *order, void *memory, uint32_t max)
{
    SNAG_ASSERT((max & (max - 1)) == 0);
    *order = (snag_order){.heap = memory, .max = max, .slots_free = UINT32_MAX};
    order->ring_room = max < RING_ROOM_MIN ? max : RING_ROOM_MIN;
    order->ring = order->heap + max;
}

uint32_t snag_order_count(const snag_order *order)
{
    return order->soon_count + order->ring_count + order->heap_count;
}

static void add(snag_order *order, const snag_waiting *waiting)
{
    bool all_soon = order->ring_count + order->heap_count == 0;
    if (order->soon_count && comes_first(waiting, &soon_at(order, order->soon_count - 1)->waiting)) {
        if (order->soon_count == SNAG_AHEAD)
            soon_put_back(order);
        soon_add(order, waiting);
    } else if (all_soon && order->soon_count < SNAG_AHEAD) {
        soon_add(order, waiting);
    } else if (ring_suits(order, waiting)) {
        ring_add(order, waiting);
    } else {
        heap_add(order, waiting);
    }
}

bool snag_order_add(snag_engine *engine, const snag_event *event, int64_t time_ms)
{
    snag_order *order = &engine->order;
    size_t bytes = block_bytes(event);
    size_t units = (bytes + SNAG_SLAB_UNIT - 1) / SNAG_SLAB_UNIT;
    SNAG_ASSERT(units <= UINT16_MAX);
    if (snag_order_count(order) == order->max)
        return false;
    uint32_t handle = snag_slab_take(&engine->table.slab, bytes);
    if (handle == 0)
        return false;
    block_fill(snag_slab_at(&engine->table.slab, handle), bytes, event);
    int64_t flow = snag_flow_of(engine, &event->position);
    int64_t place = flow << SNAG_PLACE_SOURCE_AT | event->position.offset;
    add(order, &(snag_waiting){time_ms, place, handle, event->position.item, (uint16_t)units});
    return true;
}

bool snag_order_peek(const snag_engine *engine, int64_t *time_ms, int64_t *place)
{
    const snag_order *order = &engine->order;
    if (order->soon_count == 0)
        return false;
    const snag_waiting *first = &order->soon[order->soon_first].waiting;
    *time_ms = first->time_ms;
    *place = first->place;
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

static int64_t earlier_of_source(int64_t place, uint32_t source, int64_t oldest)
{
    int64_t offset = place & ((INT64_C(1) << SNAG_PLACE_SOURCE_AT) - 1);
    return place >> SNAG_PLACE_SOURCE_AT == source && offset < oldest ? offset : oldest;
}

int64_t snag_order_oldest(const snag_order *order, uint32_t source)
{
    int64_t oldest = INT64_MAX;
    for (uint32_t i = 0; i < order->soon_count; i++) {
        const snag_soon *soon = &order->soon[(order->soon_first + i) % SNAG_AHEAD];
        oldest = earlier_of_source(soon->waiting.place, source, oldest);
    }
    for (uint32_t i = 0; i < order->ring_count; i++)
        oldest = earlier_of_source(ring_at(order, i)->place, source, oldest);
    for (uint32_t i = 0; i < order->heap_count; i++)
        oldest = earlier_of_source(order->heap[i].place, source, oldest);
    return oldest;
}

void snag_order_apply_first(snag_engine *engine)
{
    snag_order *order = &engine->order;
    SNAG_ASSERT(order->soon_count > 0);
    look_ahead(engine);
    if (soon_at(order, 0)->step == 0)
        soon_look(engine, 0);
    snag_soon first = *soon_at(order, 0);
    order->soon_first = (uint8_t)((order->soon_first + 1) % SNAG_AHEAD);
    order->soon_count--;
    const snag_event *event = snag_slab_at(&engine->table.slab, first.waiting.handle);
    snag_engine_apply(engine, event, &engine->ahead[first.slot]);
    snag_slab_give(&engine->table.slab, first.waiting.handle,
                   (size_t)first.waiting.units * SNAG_SLAB_UNIT);
    order->slots_free |= UINT32_C(1) << first.slot;
    soon_fill(engine);
}
