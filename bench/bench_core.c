/* SPDX-License-Identifier: Apache-2.0
 *
 * The core alone: decoded events in, records out. A shop with a million customers, each with an open journey;
 * eight rules with windows and timers, of which each event concerns one to three.
 *
 * First every customer opens a walk (what memory it takes is reported); then the day goes on: clicks,
 * searches, baskets, failing payments, calls, answers, with deadlines firing in between. Events come in one
 * of two ways:
 * - core_events: from 50,000 visits that go on at a time, about twenty events each, as a shop's log does;
 * - core_events_any_customer: each from any of the million, the worst there is for the processor's caches.
 * Only the engine's own time is measured, not the making of events.
 *
 * What order costs, with one event a millisecond, so that no two are of one time:
 * - core_events_in_order: they come in order, and apply on arrival (`out_of_order: 0s`);
 * - core_events_waiting: they come in order and wait for 30 s, as `out_of_order: 30s` asks;
 * - core_events_displaced: and of a hundred five come late, by up to 30 s.
 * All three must make the same records. core_order_lost is the share of core_events_in_order's speed that
 * core_events_displaced does not reach.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "common.h"
#include "config/config.h"
#include "engine/engine.h"
#include "local/memory.h"
#include "unit/seed.h"

static const char pipeline_text[] =
    "pipeline: shop\n"
    "sources:\n"
    "  web:\n"
    "    topic: web\n"
    "    out_of_order: %ds\n"
    "    format: json\n"
    "    map: { time: ts, type: type, customer: customer }\n"
    "    keep: { order: order, amount: { from: amount, as: double } }\n"
    "journeys:\n"
    "  buying:\n"
    "    per: customer\n"
    "    again: true\n"
    "    stages:\n"
    "      looking: { event: Product Viewed }\n"
    "      basket: { event: Added To Basket, due: 2h, owner: shop }\n"
    "      checkout: { event: Checkout Started, due: 30m, owner: shop }\n"
    "      bought: { event: Order Completed, milestone: bought, end: bought }\n"
    "rules:\n"
    "  declined: { event: Payment Failed, count: 3, within: 30m, until: Order Completed }\n"
    "  big_decline: { event: Payment Failed, where: amount > 400.0, count: 1, within: 1h }\n"
    "  not_paid: { event: Checkout Started, missing: Order Completed, after: 45m }\n"
    "  lost: { event: Searched, count: 6, within: 10m, until: Product Viewed }\n"
    "  rage: { event: Clicked, count: 4, within: 1s, burst: true, quiet: 1s }\n"
    "  callback: { event: Call Abandoned, missing: Call Answered, after: 1h }\n"
    "  hung_up: { event: Call Abandoned, count: 2, within: 1h }\n"
    "  errors: { event: Error Shown, count: 5, within: 15m }\n";

/* type, of a hundred events */
static const struct {
    const char *type;
    int share;
} mix[] = {{"Clicked", 40},         {"Searched", 18},       {"Product Viewed", 15}, {"Added To Basket", 6},
           {"Checkout Started", 4}, {"Order Completed", 4}, {"Payment Failed", 4},  {"Error Shown", 5},
           {"Call Abandoned", 2},   {"Call Answered", 2}};

enum { BATCH = 512, NAME_BYTES = 24, VARS = SNAG_VAR_KEPT + 2, VISITS = 50000, VISIT_EVENTS = 20 };

enum { WAIT_S = 30, LATE_SLOTS = 1 << 15, LATE_OF_100 = 5 }; /* a slot a millisecond: more than WAIT_S has */

/* An event that has happened and is still on its way. */
typedef struct late_one {
    int64_t time_ms; /* 0 = none */
    uint64_t customer;
    snag_str type;
} late_one;

typedef struct work {
    const snag_pipeline *pipeline;
    snag_memory memory;
    snag_engine *engine;
    char (*names)[NAME_BYTES];
    uint64_t customers;
    uint64_t events;
    uint64_t visits; /* that go on at a time */
    int64_t time_ms;
    int64_t offset;
    snag_seed seed;
    uint64_t records;
    uint64_t hash;
    uint64_t spent_ns;
    bool steady; /* one event a millisecond … */
    uint64_t late_of_100; /* … of which so many come late */
    late_one late[LATE_SLOTS]; /* by the millisecond in which they come */
    snag_str types[100];
    snag_value vars[BATCH][VARS];
    snag_event batch[BATCH];
    char ids[BATCH][24];
} work;

static void on_record(void *context, const snag_record *record)
{
    work *todo = context;
    todo->records++;
    uint64_t time = record->kind == SNAG_RECORD_ALERT    ? (uint64_t)record->as.alert.time_ms
                    : record->kind == SNAG_RECORD_CHANGE ? (uint64_t)record->as.change.effective_ms
                                                         : 0;
    todo->hash = todo->hash * 31 + time + record->kind;
}

static void make_event(work *todo, uint32_t at, int64_t time_ms, uint64_t customer, snag_str type)
{
    snag_event *event = &todo->batch[at];
    snag_value *vars = todo->vars[at];
    snag_buf id = snag_buf_on(todo->ids[at], sizeof todo->ids[at]);
    snag_buf_put(&id, "e-", 2);
    snag_buf_int(&id, todo->offset);
    *event = (snag_event){.time_ms = time_ms,
                          .stamp_ms = todo->time_ms,
                          .position = {.offset = todo->offset++},
                          .id = snag_buf_str(&id),
                          .type = type,
                          .customer = snag_str_from(todo->names[customer]),
                          .vars = vars,
                          .var_count = VARS};
    memset(vars, 0, sizeof todo->vars[at]);
    vars[SNAG_VAR_ID] = snag_value_text(event->id);
    vars[SNAG_VAR_TIME] = snag_value_time_ms(event->time_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(type);
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(event->customer);
    vars[SNAG_VAR_KEPT] = snag_value_text(event->id);
    vars[SNAG_VAR_KEPT + 1] = (snag_value){.as.number = (double)(customer % 500), .kind = SNAG_KIND_DOUBLE};
}

static void take(work *todo, size_t count)
{
    size_t taken = 0;
    uint64_t from = snag_bench_cpu_ns();
    snag_err err = snag_engine_take(todo->engine, todo->batch, count, &taken);
    todo->spent_ns += snag_bench_cpu_ns() - from;
    SNAG_ASSERT(err == SNAG_OK && taken == count);
}

/* Every customer looks at a product: a walk is open, in an order that is not the table's own. */
static void open_walks(work *todo)
{
    uint32_t filled = 0;
    for (uint64_t i = 0; i < todo->customers; i++) {
        uint64_t customer = i * 7919 % todo->customers;
        snag_str type = i % 2 ? SNAG_STR("Added To Basket") : SNAG_STR("Product Viewed");
        make_event(todo, filled++, todo->time_ms, customer, type);
        if (filled == BATCH || i + 1 == todo->customers) {
            take(todo, filled);
            filled = 0;
        }
    }
    todo->time_ms += 1000;
}

/* 2,000 events a second. The visits that go on are a window over the customers that moves along. */
static void go_on(work *todo)
{
    for (uint64_t done = 0; done < todo->events; done += BATCH) {
        for (uint32_t at = 0; at < BATCH; at++) {
            uint64_t luck = snag_seed_next(&todo->seed);
            todo->time_ms += (int64_t)(luck & 1);
            uint64_t visit = (luck >> 1) % todo->visits + (done + at) / VISIT_EVENTS;
            make_event(todo, at, todo->time_ms, visit % todo->customers, todo->types[(luck >> 40) % 100]);
        }
        take(todo, BATCH);
    }
}

/* A free millisecond within WAIT_S. */
static late_one *late_slot(work *todo, uint64_t luck)
{
    for (;; luck++) {
        int64_t comes_ms = todo->time_ms + 1 + (int64_t)(luck % (WAIT_S * 1000 - 1));
        late_one *slot = &todo->late[comes_ms % LATE_SLOTS];
        if (slot->time_ms == 0)
            return slot;
    }
}

static void give(work *todo, uint32_t *filled)
{
    take(todo, *filled);
    *filled = 0;
}

/* The events of one millisecond: its own, unless that is late; and the late one that comes now. */
static void millisecond(work *todo, const late_one *own, bool is_late, uint64_t luck, uint32_t *filled)
{
    late_one *slot = &todo->late[todo->time_ms % LATE_SLOTS];
    if (slot->time_ms) {
        make_event(todo, (*filled)++, slot->time_ms, slot->customer, slot->type);
        slot->time_ms = 0;
    }
    if (is_late)
        *late_slot(todo, luck) = *own;
    else if (own)
        make_event(todo, (*filled)++, own->time_ms, own->customer, own->type);
    if (*filled > BATCH - 2)
        give(todo, filled);
}

static void go_on_steadily(work *todo)
{
    uint32_t filled = 0;
    for (uint64_t done = 0; done < todo->events; done++) {
        uint64_t luck = snag_seed_next(&todo->seed);
        uint64_t visit = (luck >> 1) % todo->visits + done / VISIT_EVENTS;
        late_one own = {++todo->time_ms, visit % todo->customers, todo->types[(luck >> 40) % 100]};
        luck = snag_seed_next(&todo->seed);
        millisecond(todo, &own, luck % 100 < todo->late_of_100, luck >> 8, &filled);
    }
    for (int i = 0; i < WAIT_S * 1000; i++) { /* the last of them come */
        todo->time_ms++;
        millisecond(todo, NULL, false, 0, &filled);
    }
    give(todo, &filled);
    uint64_t from = snag_bench_cpu_ns();
    SNAG_ASSERT(snag_engine_tick(todo->engine, todo->time_ms, UINT32_MAX));
    todo->spent_ns += snag_bench_cpu_ns() - from;
}

static void begin(work *todo)
{
    snag_diag diag = {0};
    todo->time_ms = INT64_C(1795143281000);
    todo->offset = 0;
    todo->seed = snag_seed_from(1);
    todo->records = 0;
    todo->hash = 0;
    todo->spent_ns = 0;
    SNAG_ASSERT(snag_memory_init(&todo->memory, UINT64_C(4) << 30, &diag) == SNAG_OK);
    SNAG_ASSERT(snag_engine_init(&todo->engine, todo->pipeline, todo->memory.block, todo->memory.size,
                                 on_record, todo) == SNAG_OK);
}

static void report_run(snag_bench *bench, work *todo, bool first)
{
    snag_engine_usage usage;
    uint64_t opening_ns = todo->spent_ns;
    snag_engine_usage_get(todo->engine, &usage);
    if (first) {
        snag_bench_report(bench, "core_open_walk", "ns/walk", (double)opening_ns / (double)todo->customers,
                          0, 0, todo->hash);
        snag_bench_report(bench, "core_bytes_per_open_journey", "bytes",
                          (double)usage.bytes_used / (double)usage.open_walks, 200, 130, usage.open_walks);
    }
    todo->spent_ns = 0;
}

/* One whole run; returns events a second of the second part. */
static double run(snag_bench *bench, work *todo, bool first)
{
    begin(todo);
    open_walks(todo);
    report_run(bench, todo, first);
    if (todo->steady)
        go_on_steadily(todo);
    else
        go_on(todo);
    double rate = (double)todo->events * 1e9 / (double)todo->spent_ns;
    snag_memory_finish(&todo->memory);
    return rate;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static bool prepare(snag_bench *bench, work *todo)
{
    size_t filled = 0;
    todo->customers = snag_bench_size(bench, 1000000, 2000);
    todo->events = snag_bench_size(bench, 10000000, 10000) / BATCH * BATCH;
    for (size_t i = 0; i < sizeof mix / sizeof mix[0]; i++)
        for (int n = 0; n < mix[i].share && filled < 100; n++)
            todo->types[filled++] = snag_str_from(mix[i].type);
    todo->names = malloc(todo->customers * sizeof todo->names[0]);
    for (uint64_t i = 0; todo->names && i < todo->customers; i++)
        snprintf(todo->names[i], NAME_BYTES, "c-%08u", (unsigned)i);
    return todo->names && filled == 100;
}

/* Runs it several times and reports the middle one. */
static double measure(snag_bench *bench, work *todo, const char *name, uint64_t visits, double target,
                      double stretch)
{
    double rates[101];
    uint64_t hash = 0;
    todo->visits = visits < todo->customers ? visits : todo->customers;
    for (int i = 0; i < bench->runs; i++) {
        rates[i] = run(bench, todo, i == 0 && target > 0);
        bench->failed |= i > 0 && hash != todo->hash;
        hash = todo->hash;
    }
    qsort(rates, (size_t)bench->runs, sizeof rates[0], by_size);
    snag_bench_report(bench, name, "events/s", rates[bench->runs / 2], target, stretch, hash);
    fprintf(stderr, "%llu events, %llu records\n", (unsigned long long)todo->events,
            (unsigned long long)todo->records);
    return rates[bench->runs / 2];
}

static void measure_order(snag_bench *bench, work *todo, const snag_pipeline *at_once,
                          const snag_pipeline *waiting)
{
    todo->steady = true;
    todo->pipeline = at_once;
    double in_order = measure(bench, todo, "core_events_in_order", VISITS, 0, 0);
    uint64_t hash = todo->hash;
    todo->pipeline = waiting;
    measure(bench, todo, "core_events_waiting", VISITS, 0, 0);
    bench->failed |= hash != todo->hash;
    todo->late_of_100 = LATE_OF_100;
    double displaced = measure(bench, todo, "core_events_displaced", VISITS, 0, 0);
    bench->failed |= hash != todo->hash;
    snag_bench_report(bench, "core_order_lost", "% of the speed", 100 * (1 - displaced / in_order), 25, 0,
                      hash);
}

static bool load(snag_config *config, int out_of_order_s)
{
    char text[sizeof pipeline_text + 16];
    snprintf(text, sizeof text, pipeline_text, out_of_order_s);
    if (snag_config_parse(config, snag_str_from(text), "bench_core.yaml", NULL) == SNAG_OK)
        return true;
    fprintf(stderr, "%s\n", config->error_count ? config->errors[0].diag.text : "not a pipeline");
    return false;
}

int main(int argc, char **argv)
{
    snag_bench bench;
    snag_config at_once;
    snag_config waiting;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    work *todo = calloc(1, sizeof *todo);
    if (!todo || !prepare(&bench, todo) || !load(&at_once, 0) || !load(&waiting, WAIT_S))
        return 1;
    todo->pipeline = &at_once.pipeline;
    measure(&bench, todo, "core_events", VISITS, 3e6, 5e6);
    measure(&bench, todo, "core_events_any_customer", UINT64_MAX, 0, 0);
    measure_order(&bench, todo, &at_once.pipeline, &waiting.pipeline);
    snag_config_free(&at_once);
    snag_config_free(&waiting);
    free(todo->names);
    free(todo);
    return snag_bench_end(&bench);
}
