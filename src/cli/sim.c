/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sim.h"

#include <stdlib.h>

#include "base/assert.h"

enum { PROBES_MAX = 64 };

typedef struct customer {
    uint64_t number;
    int64_t busy_ms;
} customer;

struct snag_sim {
    const snag_sim_scenario *scenario;
    uint64_t random[4];
    int64_t arrival_ms; /* of the next visit */
    int64_t gap_us;     /* between visits, on average */
    int64_t rest_us;    /* what is not a whole millisecond yet */
    uint64_t planned;
    int64_t fresh;
    uint64_t newest_customer;
    bool failed;
    snag_sim_entry out;
    snag_sim_entry spare; /* takes what is planned when memory is out */
    snag_sim_entry **heap;
    size_t count;
    size_t room;
    size_t customer_count;
    customer customers[];
};

/* --- random numbers: xoshiro256** of D. Blackman and S. Vigna (public domain), seeded by splitmix64 --- */

static uint64_t turn(uint64_t value, int by)
{
    return (value << by) | (value >> (64 - by));
}

static uint64_t random_next(snag_sim *sim)
{
    uint64_t *s = sim->random;
    uint64_t result = turn(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = turn(s[3], 45);
    return result;
}

static void random_seed(snag_sim *sim, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        sim->random[i] = z ^ (z >> 31);
    }
}

int64_t snag_sim_between(snag_sim *sim, int64_t from, int64_t to)
{
    SNAG_ASSERT(from <= to);
    uint64_t span = (uint64_t)(to - from) + 1;
    return from + (int64_t)(random_next(sim) % span);
}

bool snag_sim_percent(snag_sim *sim, int64_t percent)
{
    return snag_sim_between(sim, 1, 100) <= percent;
}

int64_t snag_sim_fresh(snag_sim *sim)
{
    return ++sim->fresh;
}

/* --- the heap: the smallest (time, number) on top ------------------------------------------------- */

static bool before(const snag_sim_entry *a, const snag_sim_entry *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->number < b->number;
}

static void heap_swap(snag_sim *sim, size_t a, size_t b)
{
    snag_sim_entry *entry = sim->heap[a];
    sim->heap[a] = sim->heap[b];
    sim->heap[b] = entry;
}

static bool heap_put(snag_sim *sim, snag_sim_entry *entry)
{
    if (sim->count == sim->room) {
        size_t room = sim->room ? sim->room * 2 : 1024;
        snag_sim_entry **heap = realloc(sim->heap, room * sizeof *heap);
        if (!heap)
            return false;
        sim->heap = heap;
        sim->room = room;
    }
    size_t at = sim->count++;
    sim->heap[at] = entry;
    while (at > 0 && before(sim->heap[at], sim->heap[(at - 1) / 2])) {
        heap_swap(sim, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    return true;
}

static snag_sim_entry *heap_take(snag_sim *sim)
{
    snag_sim_entry *top = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->count];
    size_t at = 0;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sim->count; child++)
            if (before(sim->heap[child], sim->heap[least]))
                least = child;
        if (least == at)
            return top;
        heap_swap(sim, at, least);
        at = least;
    }
}

/* --- life ------------------------------------------------------------------------------------------ */

snag_err snag_sim_new(snag_sim **out, const snag_sim_scenario *scenario, uint32_t customers,
                      uint64_t seed, int64_t start_ms, int64_t hour_events)
{
    SNAG_ASSERT(customers > 0 && hour_events > 0);
    snag_sim *sim = calloc(1, sizeof *sim + customers * sizeof(customer));
    *out = sim;
    if (!sim)
        return SNAG_MEMORY;
    sim->scenario = scenario;
    sim->arrival_ms = start_ms;
    sim->gap_us = scenario->visit_events * SNAG_HOUR_MS * 1000 / hour_events;
    sim->gap_us = sim->gap_us > 0 ? sim->gap_us : 1;
    sim->customer_count = customers;
    sim->newest_customer = customers;
    for (uint32_t i = 0; i < customers; i++)
        sim->customers[i] = (customer){i + 1, INT64_MIN};
    random_seed(sim, seed);
    return SNAG_OK;
}

void snag_sim_free(snag_sim *sim)
{
    if (!sim)
        return;
    for (size_t i = 0; i < sim->count; i++)
        free(sim->heap[i]);
    free(sim->heap);
    free(sim);
}

static void visit_next(snag_sim *sim)
{
    sim->scenario->visit(sim, sim->arrival_ms); /* nobody free: this one did not come */
    sim->rest_us += snag_sim_between(sim, 0, 2 * sim->gap_us);
    sim->arrival_ms += sim->rest_us / 1000;
    sim->rest_us %= 1000;
}

snag_err snag_sim_next(snag_sim *sim, const snag_sim_entry **entry)
{
    while (!sim->failed && (sim->count == 0 || sim->heap[0]->time_ms >= sim->arrival_ms))
        visit_next(sim);
    if (sim->failed)
        return SNAG_MEMORY;
    snag_sim_entry *top = heap_take(sim);
    sim->out = *top;
    free(top);
    *entry = &sim->out;
    return SNAG_OK;
}

size_t snag_sim_somebody(snag_sim *sim, int64_t time_ms)
{
    for (int i = 0; i < PROBES_MAX; i++) {
        size_t who = (size_t)snag_sim_between(sim, 0, (int64_t)sim->customer_count - 1);
        if (sim->customers[who].busy_ms < time_ms)
            return who;
    }
    return SIZE_MAX;
}

void snag_sim_busy(snag_sim *sim, size_t who, int64_t until_ms)
{
    sim->customers[who].busy_ms = until_ms;
}

void snag_sim_leaves(snag_sim *sim, size_t who)
{
    sim->customers[who] = (customer){++sim->newest_customer, INT64_MIN};
}

snag_sim_entry *snag_sim_event(snag_sim *sim, size_t who, int64_t time_ms, const char *type)
{
    snag_sim_entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        sim->failed = true;
        sim->spare = (snag_sim_entry){0};
        return &sim->spare;
    }
    entry->time_ms = time_ms;
    entry->number = sim->planned++;
    entry->customer = sim->customers[who].number;
    entry->type = type;
    if (heap_put(sim, entry))
        return entry;
    free(entry);
    sim->failed = true;
    return &sim->spare;
}

void snag_sim_prop_add(snag_sim_entry *entry, const char *name, const char *word, int64_t number)
{
    SNAG_ASSERT(entry->prop_count < SNAG_SIM_PROPS_MAX);
    entry->props[entry->prop_count++] = (snag_sim_prop){name, word, number};
}

void snag_sim_label_add(snag_sim_entry *entry, const char *friction, const char *rule)
{
    SNAG_ASSERT(entry->label_count < SNAG_SIM_LABELS_MAX);
    entry->labels[entry->label_count++] = (snag_sim_label){friction, rule};
}

void snag_sim_silence(snag_sim *sim, size_t who, int64_t deadline_ms, const char *friction,
                      const char *rule)
{
    snag_sim_entry *entry = snag_sim_event(sim, who, deadline_ms, NULL);
    snag_sim_label_add(entry, friction, rule);
}
