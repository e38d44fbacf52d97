/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port of one process: what src/redis does. A write goes out in chunks of a few cells (500 there)
 * in one breath: what is behind a break in the connection never arrives, what is before it does, known or
 * not.
 */
#include <string.h>

#include "base/assert.h"
#include "world.h"

enum { CHUNK = 3, PAGE = 5, ANSWER_MS = 2000, CHUNKS = SIM_CELLS / CHUNK + 2 };

static snag_err refused(snag_diag *diag)
{
    return snag_fail(diag, SNAG_STORE, "the store does not answer, or refuses");
}

/* False: nobody there. */
static bool reach(sim_proc *proc)
{
    sim_world *world = proc->world;
    int64_t slow_ms = world->now_ms < world->store_slow_ms ? sim_below(&world->dice, 3000) : 0;
    if (!sim_step(proc, slow_ms + sim_below(&world->dice, 3)))
        return false;
    bool breaks = world->now_ms < world->store_flaky_ms && sim_chance(&world->dice, 40);
    return world->now_ms >= world->store_down_ms && !breaks;
}

static snag_err store_head(void *self, uint32_t partition, snag_store_head *head, snag_diag *diag)
{
    sim_proc *proc = self;
    if (!reach(proc))
        return refused(diag);
    *head = proc->world->shelves[partition].now.head;
    return SNAG_OK;
}

static snag_err store_page(void *self, uint32_t partition, uint64_t *cursor, const snag_store_item **items,
                           size_t *count, snag_store_head *head, snag_diag *diag)
{
    sim_proc *proc = self;
    *count = 0;
    *items = proc->page;
    if (!reach(proc))
        return refused(diag);
    const sim_copy *copy = &proc->world->shelves[partition].now;
    uint64_t end = *cursor + PAGE;
    for (uint64_t i = *cursor; i < end && i < copy->count; i++)
        proc->page[(*count)++] = (snag_store_item){copy->cells[i].key, copy->cells[i].blob, {"", 0}};
    *head = copy->head;
    *cursor = end < copy->count ? end : UINT64_MAX;
    return SNAG_OK;
}

static snag_err store_customer(void *self, uint32_t partition, snag_str customer,
                               const snag_store_item **items, size_t *count, snag_store_head *head,
                               snag_diag *diag)
{
    (void)self;
    (void)partition;
    (void)customer;
    (void)items;
    (void)count;
    (void)head;
    return refused(diag);
}

/* --- writing ----------------------------------------------------------------------------------- */

static const snag_store_item *items_copy(sim_world *world, const snag_store_item *items, size_t count)
{
    snag_store_item *copy = sim_take(world, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = (snag_store_item){sim_copy_of(world, items[i].key), sim_copy_of(world, items[i].blob),
                                    sim_copy_of(world, items[i].owner)};
    return copy;
}

/* Whether the connection breaks at this request: then it, and all behind it, are lost or come late. */
static void weather(sim_proc *proc, sim_request *request, bool *broken)
{
    sim_world *world = proc->world;
    if (world->now_ms < world->store_slow_ms)
        request->delay_ms = sim_below(&world->dice, 1500);
    if (*broken) {
        request->delay_ms = -1;
        return;
    }
    if (world->now_ms >= world->store_flaky_ms || !sim_chance(&world->dice, 30))
        return;
    *broken = true;
    request->mute = true;
    request->delay_ms = sim_chance(&world->dice, 50) ? -1 : sim_below(&world->dice, 2 * ANSWER_MS);
}

static snag_err answer(sim_proc *proc, sim_reply *const *replies, size_t count, snag_store_head *head,
                       snag_diag *diag)
{
    sim_code code = sim_await(proc, replies, count, ANSWER_MS);
    for (size_t i = 0; i < count; i++) {
        if (!replies[i]->answered) {
            proc->store_at_ms = 0; /* the next request takes a new connection */
            return refused(diag);
        }
        if (replies[i]->code == SIM_REFUSED)
            return refused(diag);
        *head = replies[i]->head;
        if (replies[i]->code == SIM_OTHER_HEAD)
            return snag_fail(diag, SNAG_STATE, "the store holds another state");
    }
    return code == SIM_OK ? SNAG_OK : refused(diag);
}

static snag_err store_write(void *self, uint32_t partition, snag_store_head *head,
                            const snag_store_item *items, size_t count, const snag_store_head *final,
                            snag_diag *diag)
{
    sim_proc *proc = self;
    sim_reply *replies[CHUNKS];
    size_t sent = 0;
    bool broken = false, last = false;
    if (!reach(proc))
        return refused(diag);
    items = items_copy(proc->world, items, count);
    sim_request request = {.run = sim_redis_write, .store = true, .partition = partition, .head = *head};
    for (size_t done = 0; !last; done += CHUNK) {
        SNAG_ASSERT(sent < CHUNKS);
        last = count - done <= CHUNK;
        request.items = items + done;
        request.count = last ? count - done : CHUNK;
        request.first = sent == 0;
        request.last = last && final != NULL;
        if (request.last)
            request.final = *final;
        weather(proc, &request, &broken);
        replies[sent++] = sim_post(proc, &request);
        request.head.step++;
    }
    return answer(proc, replies, sent, head, diag);
}

static snag_err store_take(void *self, uint32_t partition, const uint8_t incarnation[16], uint64_t token,
                           snag_store_head *head, snag_diag *diag)
{
    sim_proc *proc = self;
    bool broken = false;
    if (!reach(proc))
        return refused(diag);
    sim_request request = {.run = sim_redis_take, .store = true, .partition = partition,
                           .head = {.token = token}};
    memcpy(request.head.incarnation, incarnation, 16);
    weather(proc, &request, &broken);
    if (sim_chance(&proc->world->dice, 3))
        request.again_ms = 1 + sim_below(&proc->world->dice, 30);
    sim_reply *reply = sim_post(proc, &request);
    return answer(proc, &reply, 1, head, diag);
}

static void store_close(void *self)
{
    (void)self;
}

snag_store sim_store_port(sim_proc *proc)
{
    static const snag_store_ops ops = {.head = store_head, .page = store_page, .customer = store_customer,
                                       .write = store_write, .take = store_take, .close = store_close};
    return (snag_store){&ops, proc};
}
