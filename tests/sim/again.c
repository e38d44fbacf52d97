/* SPDX-License-Identifier: Apache-2.0
 *
 *     waiting   what was given and has not been reached, each at its place (time, flow, offset)
 *     customer  the ids of the last eight events that applied; one of them that comes again changes nothing
 *
 * Events of devices are put right by the engine, so their places are not known here: in worlds that have such
 * nothing is ever taken for forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "base/assert.h"
#include "base/hash.h"
#include "engine/state.h"

enum { LAST = 8, CUSTOMERS = 16 };

typedef struct brought {
    int64_t place_ms, time_ms, offset;
    uint32_t flow;
    uint64_t customer, id;
} brought;

typedef struct customer {
    uint64_t hash;
    uint64_t ids[LAST]; /* the newest last */
    uint32_t count;
    uint64_t *gone; /* ids that left */
    uint32_t gone_count;
    bool forgotten;
} customer;

struct sim_again {
    uint32_t most; /* records */
    brought *waiting;
    uint32_t count;
    customer customers[CUSTOMERS];
    uint32_t customer_count;
    bool devices;
};

sim_again *sim_again_new(const sim_world *world)
{
    sim_again *again = calloc(1, sizeof *again);
    SNAG_ASSERT(again != NULL);
    again->most = world->record_count;
    again->waiting = calloc(again->most, sizeof *again->waiting);
    SNAG_ASSERT(again->waiting != NULL);
    return again;
}

void sim_again_free(sim_again *again)
{
    for (uint32_t i = 0; again && i < again->customer_count; i++)
        free(again->customers[i].gone);
    free(again ? again->waiting : NULL);
    free(again);
}

static customer *customer_of(sim_again *again, uint64_t hash)
{
    for (uint32_t i = 0; i < again->customer_count; i++)
        if (again->customers[i].hash == hash)
            return &again->customers[i];
    SNAG_ASSERT(again->customer_count < CUSTOMERS);
    customer *of = &again->customers[again->customer_count++];
    of->hash = hash;
    of->gone = calloc(again->most, sizeof *of->gone);
    SNAG_ASSERT(of->gone != NULL);
    return of;
}

static bool is_among(const uint64_t *ids, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void bring(sim_again *again, const snag_engine *engine, const brought *one)
{
    customer *of = customer_of(again, one->customer);
    if (is_among(of->ids, of->count, one->id))
        return;
    if (engine->w_ms != SNAG_TIME_NONE && one->time_ms < engine->w_ms - engine->pipeline->remember_ms)
        return; /* nobody remembers so far back: it opens nothing */
    of->forgotten = of->forgotten || is_among(of->gone, of->gone_count, one->id);
    if (of->count == LAST) {
        SNAG_ASSERT(of->gone_count < again->most);
        of->gone[of->gone_count++] = of->ids[0];
        memmove(of->ids, of->ids + 1, (LAST - 1) * sizeof of->ids[0]);
        of->count--;
    }
    of->ids[of->count++] = one->id;
}

void sim_again_take(sim_again *again, const snag_event *event, uint32_t flow, int64_t low_ms)
{
    SNAG_ASSERT(again->count < again->most);
    again->devices = again->devices || event->device;
    again->waiting[again->count++] =
        (brought){.place_ms = event->time_ms > low_ms ? event->time_ms : low_ms,
                  .time_ms = event->time_ms,
                  .offset = event->position.offset,
                  .flow = flow,
                  .customer = snag_hash64(event->customer, 0),
                  .id = snag_hash64(event->id, event->position.source)};
}

static bool goes_before(const brought *a, const brought *b)
{
    if (a->place_ms != b->place_ms)
        return a->place_ms < b->place_ms;
    return a->flow != b->flow ? a->flow < b->flow : a->offset < b->offset;
}

static bool is_reached(const snag_engine *engine, const brought *one)
{
    if (engine->flow_count == 1)
        return engine->out_of_order_ms == 0 || one->place_ms <= engine->w_ms;
    return one->place_ms < engine->w_ms || (one->place_ms == engine->w_ms && one->flow <= engine->w_source);
}

void sim_again_reach(sim_again *again, const snag_engine *engine)
{
    for (;;) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < again->count; i++)
            if (goes_before(&again->waiting[i], &again->waiting[first]))
                first = i;
        if (again->count == 0 || !is_reached(engine, &again->waiting[first]))
            return;
        bring(again, engine, &again->waiting[first]);
        again->waiting[first] = again->waiting[--again->count];
    }
}

bool sim_again_forgotten(const sim_again *again, snag_str name)
{
    uint64_t hash = snag_hash64(name, 0);
    for (uint32_t i = 0; i < again->customer_count && !again->devices; i++)
        if (again->customers[i].hash == hash)
            return again->customers[i].forgotten;
    return false;
}
