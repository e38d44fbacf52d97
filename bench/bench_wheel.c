/* SPDX-License-Identifier: Apache-2.0
 *
 * The timer wheel with a million deadlines armed: what every event of an open journey costs, which is to move
 * its customer's deadline; and what firing costs.
 */
#include <stdlib.h>

#include "base/wheel.h"
#include "common.h"
#include "unit/seed.h"

typedef struct node {
    snag_wheel_link link;
    char rest[48]; /* as in a table of customers: the links are not packed */
} node;

typedef struct work {
    snag_wheel wheel;
    node *nodes;
    uint32_t count;
    uint64_t steps;
    int64_t now_ms;
} work;

/* Deadlines within an hour, as of a stalled journey. */
static int64_t some_due(const work *todo, snag_seed *seed)
{
    return todo->now_ms + 1 + (int64_t)snag_seed_below(seed, 3600000);
}

static void arm_all(void *context)
{
    work *todo = context;
    snag_seed seed = snag_seed_from(1);
    memset(todo->nodes, 0, (todo->count + 1) * sizeof *todo->nodes);
    snag_wheel_init(&todo->wheel, &todo->nodes[0].link, sizeof *todo->nodes);
    todo->now_ms = INT64_C(1795143281000);
    (void)snag_wheel_pop(&todo->wheel, todo->now_ms);
    for (uint32_t i = 1; i <= todo->count; i++)
        snag_wheel_arm(&todo->wheel, i, some_due(todo, &seed));
}

/* Random customers' deadlines move to an hour from now; time goes on slowly and nothing is due yet. */
static uint64_t rearm(void *context, uint64_t *hash)
{
    work *todo = context;
    snag_seed seed = snag_seed_from(2);
    for (uint64_t i = 0; i < todo->steps; i++) {
        uint32_t index = 1 + (uint32_t)snag_seed_below(&seed, todo->count);
        snag_wheel_arm(&todo->wheel, index, todo->now_ms + 3600000 + (int64_t)(i >> 10));
    }
    *hash = (uint64_t)snag_wheel_next(&todo->wheel) ^ todo->wheel.count;
    return todo->steps;
}

static uint64_t fire_all(void *context, uint64_t *hash)
{
    work *todo = context;
    uint64_t fired = 0;
    for (uint32_t list; (list = snag_wheel_pop(&todo->wheel, INT64_MAX));)
        for (; list; list = todo->nodes[list].link.next, fired++)
            *hash += (uint64_t)todo->nodes[list].link.due_ms * (fired + 1) % 1000003;
    return fired;
}

int main(int argc, char **argv)
{
    snag_bench bench;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    work todo = {.count = (uint32_t)snag_bench_size(&bench, 1000000, 1000),
                 .steps = snag_bench_size(&bench, 10000000, 5000)};
    todo.nodes = calloc(todo.count + 1, sizeof *todo.nodes);
    if (!todo.nodes)
        return 1;
    snag_bench_measure(&bench, &(snag_bench_task){.name = "timer_rearm_1m_live", .unit = "ns/timer",
                                                  .target = 40, .stretch = 25, .prepare = arm_all,
                                                  .run = rearm, .context = &todo});
    snag_bench_measure(&bench, &(snag_bench_task){.name = "timer_fire_1m", .unit = "ns/timer",
                                                  .target = 100, .stretch = 50, .prepare = arm_all,
                                                  .run = fire_all, .context = &todo});
    free(todo.nodes);
    return snag_bench_end(&bench);
}
