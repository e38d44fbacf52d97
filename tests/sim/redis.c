/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's server: for each partition a head and cells, changed by the two scripts exactly as
 * src/redis/scripts.c has them. A replica that takes over has an earlier copy (replication is asynchronous,
 * WAIT or not), each partition's its own, because a Cluster's slots fail by themselves.
 *
 * Watched all the time: no head may ever name a commit that the coordinator has not decided.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "world.h"

enum { COPIED = 25, CUT_LEAST = 4 };

static void remember(sim_world *world, sim_shelf *shelf)
{
    if (!sim_chance(&world->dice, COPIED))
        return;
    sim_copy **copy = &shelf->older[sim_below(&world->dice, SIM_COPIES)];
    if (!*copy)
        *copy = sim_take(world, sizeof **copy);
    (*copy)->head = shelf->now.head;
    (*copy)->count = shelf->now.count;
    memcpy((*copy)->cells, shelf->now.cells, shelf->now.count * sizeof shelf->now.cells[0]);
}

static sim_cell *find(sim_copy *copy, snag_str key)
{
    for (uint32_t i = 0; i < copy->count; i++)
        if (snag_str_equal(copy->cells[i].key, key))
            return &copy->cells[i];
    return NULL;
}

static void cell_set(sim_copy *copy, const snag_store_item *item)
{
    sim_cell *cell = find(copy, item->key);
    if (item->blob.size == 0) {
        if (!cell)
            return;
        *cell = copy->cells[--copy->count];
        copy->head.count--;
        return;
    }
    if (!cell) {
        SNAG_ASSERT(copy->count < SIM_CELLS);
        cell = &copy->cells[copy->count++];
        copy->head.count++;
    }
    *cell = (sim_cell){item->key, item->blob, item->owner};
}

static bool as_expected(const snag_store_head *found, const sim_request *request)
{
    const snag_store_head *wanted = &request->head;
    bool same = found->present && memcmp(found->incarnation, wanted->incarnation, 16) == 0 &&
                found->n == wanted->n && found->step == wanted->step && found->token == wanted->token;
    return snag_planted(CAS_IGNORED) || (same && (!request->first || found->count == wanted->count));
}

static void head_leave(sim_world *world, snag_store_head *head, const sim_request *request)
{
    if (!request->last) {
        head->step++;
        return;
    }
    if (request->final.n > world->decided[request->partition])
        sim_fail(world, "the store of partition %u names commit %" PRId64 ", decided is %" PRId64,
                 request->partition, request->final.n, world->decided[request->partition]);
    head->n = request->final.n;
    head->token = request->final.token;
    head->log_offset = request->final.log_offset;
    head->at_ms = request->final.at_ms;
    head->step = 0;
}

sim_code sim_redis_write(sim_world *world, sim_request *request)
{
    sim_shelf *shelf = &world->shelves[request->partition];
    if (world->now_ms < world->store_full_ms)
        return SIM_REFUSED;
    if (!as_expected(&shelf->now.head, request)) {
        request->reply->head = shelf->now.head;
        return SIM_OTHER_HEAD;
    }
    remember(world, shelf);
    for (size_t i = 0; i < request->count; i++)
        cell_set(&shelf->now, &request->items[i]);
    head_leave(world, &shelf->now.head, request);
    request->reply->head = shelf->now.head;
    return SIM_OK;
}

sim_code sim_redis_take(sim_world *world, sim_request *request)
{
    sim_shelf *shelf = &world->shelves[request->partition];
    if (world->now_ms < world->store_full_ms)
        return SIM_REFUSED;
    remember(world, shelf);
    shelf->now.count = 0;
    shelf->now.head = (snag_store_head){.present = true, .n = -1, .token = request->head.token,
                                        .log_offset = -1};
    memcpy(shelf->now.head.incarnation, request->head.incarnation, 16);
    request->reply->head = shelf->now.head;
    return SIM_OK;
}

/* --- faults ------------------------------------------------------------------------------------ */

void sim_redis_wipe(sim_world *world, uint32_t partition)
{
    sim_shelf *shelf = &world->shelves[partition];
    shelf->now.count = 0;
    shelf->now.head = (snag_store_head){.present = false};
}

void sim_redis_fall_back(sim_world *world, uint32_t partition)
{
    sim_shelf *shelf = &world->shelves[partition];
    const sim_copy *copy = shelf->older[sim_below(&world->fault_dice, SIM_COPIES)];
    if (!copy)
        return;
    shelf->now.head = copy->head;
    shelf->now.count = copy->count;
    memcpy(shelf->now.cells, copy->cells, copy->count * sizeof copy->cells[0]);
}

/* A server that is full throws out whole keys: a hash with all cells of some customers, or the head. */
void sim_redis_evict(sim_world *world, uint32_t partition)
{
    sim_copy *copy = &world->shelves[partition].now;
    world->shelves[partition].damaged = true;
    if (sim_chance(&world->fault_dice, 20)) {
        copy->head = (snag_store_head){.present = false};
        return;
    }
    if (copy->count == 0)
        return;
    snag_str owner = copy->cells[sim_below(&world->fault_dice, copy->count)].owner;
    for (uint32_t i = 0; i < copy->count;) {
        if (snag_str_equal(copy->cells[i].owner, owner))
            copy->cells[i] = copy->cells[--copy->count];
        else
            i++;
    }
}

void sim_redis_cut(sim_world *world, uint32_t partition)
{
    sim_copy *copy = &world->shelves[partition].now;
    if (copy->count == 0)
        return;
    world->shelves[partition].damaged = true;
    sim_cell *cell = &copy->cells[sim_below(&world->fault_dice, copy->count)];
    if (cell->blob.size > CUT_LEAST)
        cell->blob.size = (size_t)sim_between(&world->fault_dice, 1, (int64_t)cell->blob.size - 1);
}
