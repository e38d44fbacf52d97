/* SPDX-License-Identifier: Apache-2.0
 *
 * What each rule kind costs an event: the core alone with one rule (for score: with the rule that it weighs),
 * 10,000 customers, five types of event of which the rule means some. A kind of rules/list.h without a figure
 * makes the run fail. Then many rules at once:
 * - rules_4: four rules over five types;
 * - rules_40: ten times as many rules and types, in one customer's state; it should keep a quarter of that;
 * - rules_40_each: forty rules that all look at the same five types: ten times as many steps and alerts.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "common.h"
#include "config/config.h"
#include "engine/engine.h"
#include "local/memory.h"
#include "unit/seed.h"

static const char source_text[] =
    "pipeline: rules\n"
    "calendars: { here: { zone: Europe/Berlin } }\n"
    "sources:\n"
    "  s: { topic: s, format: json, map: { time: t, type: e, customer: c, channel: ch },\n"
    "       keep: { item: item, n: { from: n, as: int } } }\n"
    "rules:\n";

static const struct {
    const char *name;
    const char *rule; /* the last rule that it makes is of the kind that is measured */
} kinds[] = {
    /* @ is the number of a group of types; the first four are the rules of rules_4 and rules_40 */
    {"rule_missing", "event: Asked@, missing: Answered@, after: 1h"},
    {"rule_count", "event: Failed@, count: 3, within: 30m, until: Done@"},
    {"rule_ratio", "ratio: Failed@, of: [Failed@, Done@], within: 30m, enter: 60%, leave: 30%, min: 5"},
    {"rule_path", "path: [Asked@, Failed@, Asked@], within: 30m, dwell: 10m"},
    {"rule_burst", "event: Failed@, count: 4, within: 1s, burst: true, quiet: 1s"},
    {"rule_usual", "ratio: Failed@, of: [Failed@, Done@], within: 30m, enter: 2x, leave: 1x, min: 5"},
    {"rule_differs", "event: Done@, differs: n, between: channel, within: 30m"},
    {"rule_change", "change: Failed@, each: day, by: 50%, min: 5"},
    {"rule_levels", "event: Asked@, missing: Answered@, after: [20m, 1h], warn: 20%"},
    {"rule_score",
     "event: Failed@, count: 1, within: 1s }\n  s: { score: { r0: 3 }, half_life: 30m, enter: 9"},
};

static const char *const types[] = {"Asked", "Answered", "Failed", "Done", "Other"};

enum {
    CUSTOMERS = 10000,
    BATCH = 512,
    NAME_BYTES = 16,
    VARS = SNAG_VAR_KEPT + 2,
    TEXT_BYTES = 8192,
    GROUPS = 10,
    TYPES = sizeof types / sizeof types[0]
};

typedef struct work {
    snag_config config;
    uint64_t measured; /* which of snag_rule_kinds have a figure */
    snag_memory memory;
    snag_engine *engine;
    uint64_t events;
    uint64_t records;
    uint64_t hash;
    uint64_t groups; /* of types that come */
    char type_names[GROUPS * TYPES][NAME_BYTES];
    char names[CUSTOMERS][NAME_BYTES];
    char ids[BATCH][NAME_BYTES];
    snag_value vars[BATCH][VARS];
    snag_event batch[BATCH];
} work;

static void on_record(void *context, const snag_record *record)
{
    work *todo = context;
    todo->records++;
    if (record->kind == SNAG_RECORD_ALERT)
        todo->hash = todo->hash * 31 + (uint64_t)record->as.alert.time_ms + record->as.alert.action;
}

static void make_event(work *todo, uint32_t at, uint64_t number, int64_t time_ms, uint64_t luck)
{
    snag_event *event = &todo->batch[at];
    snag_value *vars = todo->vars[at];
    snag_buf id = snag_buf_on(todo->ids[at], sizeof todo->ids[at]);
    snag_buf_int(&id, (int64_t)number);
    *event = (snag_event){.time_ms = time_ms,
                          .stamp_ms = time_ms,
                          .position = {.offset = (int64_t)number},
                          .id = snag_buf_str(&id),
                          .type = snag_str_from(todo->type_names[luck % (todo->groups * TYPES)]),
                          .customer = snag_str_from(todo->names[(luck >> 8) % CUSTOMERS]),
                          .channel = (luck >> 32) & 1 ? SNAG_STR("web") : SNAG_STR("shop"),
                          .vars = vars,
                          .var_count = VARS};
    memset(vars, 0, sizeof todo->vars[at]);
    vars[SNAG_VAR_ID] = snag_value_text(event->id);
    vars[SNAG_VAR_TIME] = snag_value_time_ms(time_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(event->type);
    vars[SNAG_VAR_CUSTOMER] = snag_value_text(event->customer);
    vars[SNAG_VAR_CHANNEL] = snag_value_text(event->channel);
    vars[SNAG_VAR_KEPT] = snag_value_text(SNAG_STR("7"));
    vars[SNAG_VAR_KEPT + 1] = snag_value_int((int64_t)(luck >> 40) % 3);
}

static void prepare(void *context)
{
    work *todo = context;
    if (todo->engine)
        snag_memory_finish(&todo->memory);
    todo->records = 0;
    todo->hash = 0;
    SNAG_ASSERT(snag_memory_init(&todo->memory, UINT64_C(1) << 30, NULL) == SNAG_OK);
    SNAG_ASSERT(snag_engine_init(&todo->engine, &todo->config.pipeline, todo->memory.block, todo->memory.size,
                                 on_record, todo) == SNAG_OK);
}

/* About twenty events a customer an hour. */
static uint64_t run(void *context, uint64_t *hash)
{
    work *todo = context;
    snag_seed seed = snag_seed_from(7);
    int64_t time_ms = INT64_C(1795143281000);
    for (uint64_t done = 0; done < todo->events; done += BATCH) {
        size_t taken = 0;
        for (uint32_t at = 0; at < BATCH; at++) {
            uint64_t luck = snag_seed_next(&seed);
            time_ms += (int64_t)(luck >> 50) % 36;
            make_event(todo, at, done + at, time_ms, luck);
        }
        snag_err err = snag_engine_take(todo->engine, todo->batch, BATCH, &taken);
        SNAG_ASSERT(err == SNAG_OK && taken == BATCH);
    }
    *hash = todo->hash + todo->records;
    return todo->events;
}

static bool measure(snag_bench *bench, work *todo, const char *name, const char *unit, snag_str rules)
{
    char text[TEXT_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (!snag_bench_wants(bench, name))
        return true;
    snag_buf_str_put(&buf, snag_str_from(source_text));
    snag_buf_str_put(&buf, rules);
    SNAG_ASSERT(!buf.full);
    if (snag_config_parse(&todo->config, snag_buf_str(&buf), "bench_rules.yaml", NULL) != SNAG_OK) {
        fprintf(stderr, "%s: %s\n", name, todo->config.error_count ? todo->config.errors[0].diag.text : "?");
        return false;
    }
    const snag_pipeline *pipeline = &todo->config.pipeline;
    for (uint32_t i = 0; i < snag_rule_kind_count; i++)
        if (pipeline->rules[pipeline->rule_count - 1].kind == snag_rule_kinds[i])
            todo->measured |= UINT64_C(1) << i;
    snag_bench_measure(bench, &(snag_bench_task){.name = name, .unit = unit, .run = run, .prepare = prepare,
                                                 .context = todo});
    snag_memory_finish(&todo->memory);
    todo->engine = NULL;
    snag_config_free(&todo->config);
    return true;
}

static void put_rule(snag_buf *buf, uint32_t number, const char *rule, uint32_t group)
{
    snag_buf_printf(buf, "  r%u: { ", number);
    for (const char *c = rule; *c; c++)
        snag_buf_byte(buf, *c == '@' ? (char)('0' + group) : *c);
    snag_buf_printf(buf, " }\n");
}

/* `count` rules, four a group. */
static snag_str many(char *text, size_t size, uint32_t count, uint32_t groups)
{
    snag_buf buf = snag_buf_on(text, size);
    for (uint32_t i = 0; i < count; i++)
        put_rule(&buf, i, kinds[i % 4].rule, i / 4 % groups);
    SNAG_ASSERT(!buf.full);
    return snag_buf_str(&buf);
}

static bool measure_many(snag_bench *bench, work *todo)
{
    char text[TEXT_BYTES];
    todo->groups = 1;
    if (!measure(bench, todo, "rules_4", "events/s", many(text, sizeof text, 4, 1)) ||
        !measure(bench, todo, "rules_40_each", "events/s", many(text, sizeof text, 40, 1)))
        return false;
    todo->groups = GROUPS;
    return measure(bench, todo, "rules_40", "events/s", many(text, sizeof text, 40, GROUPS));
}

static bool measure_kinds(snag_bench *bench, work *todo)
{
    char text[512];
    todo->groups = 1;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snag_buf buf = snag_buf_on(text, sizeof text);
        put_rule(&buf, 0, kinds[i].rule, 0);
        if (!measure(bench, todo, kinds[i].name, "ns/event", snag_buf_str(&buf)))
            return false;
    }
    bool whole = true;
    for (uint32_t i = 0; i < snag_rule_kind_count && !bench->only; i++) {
        bool has = todo->measured & UINT64_C(1) << i;
        if (!has)
            fprintf(stderr, "rules/list.h has a kind without a figure: add %s to kinds[] in bench_rules.c\n",
                    snag_rule_kinds[i]->name);
        whole = whole && has;
    }
    return whole;
}

int main(int argc, char **argv)
{
    static work todo;
    snag_bench bench;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    todo.events = snag_bench_size(&bench, 2000000, 10000) / BATCH * BATCH;
    for (uint32_t i = 0; i < CUSTOMERS; i++)
        snprintf(todo.names[i], NAME_BYTES, "c-%05u", i);
    for (uint32_t i = 0; i < GROUPS * TYPES; i++)
        snprintf(todo.type_names[i], NAME_BYTES, "%s%u", types[i % TYPES], i / TYPES);
    if (!measure_kinds(&bench, &todo) || !measure_many(&bench, &todo))
        return 1;
    return snag_bench_end(&bench);
}
