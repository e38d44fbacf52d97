/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: what a rule's `where:` costs an event, and what compiling one costs at load.
 */
#include <stdlib.h>

#include "common.h"
#include "expr/expr.h"

enum { ARENA_BYTES = 1 << 22, SCRATCH_BYTES = 1 << 16, EVENTS = 256, VARS = 4 };

typedef struct work {
    const char *text;
    uint64_t count;
    char *blocks;
    snag_arena arena;
    snag_arena scratch;
    const snag_expr *expr;
    snag_value vars[EVENTS][VARS];
} work;

static const snag_expr_name names[VARS] = {{{"amount", 6}, SNAG_KIND_DOUBLE, 0},
                                           {{"country", 7}, SNAG_KIND_TEXT, 1},
                                           {{"type", 4}, SNAG_KIND_TEXT, 2},
                                           {{"customer", 8}, SNAG_KIND_TEXT, 3}};
static const snag_expr_scope scope = {.names = names, .count = VARS};

static void make_events(work *todo)
{
    static const char *const countries[] = {"DE", "AT", "CH", "FR"};
    static const char *const types[] = {"Call Queued", "Call Answered", "Payment Failed"};
    static const char *const customers[] = {"c-48213", "ann@example.com", "c-7", "bob@example.org"};
    for (unsigned i = 0; i < EVENTS; i++) {
        todo->vars[i][0] = (snag_value){.as.number = (double)(i * 37 % 200), .kind = SNAG_KIND_DOUBLE};
        todo->vars[i][1] = snag_value_text(snag_str_from(countries[i * 7 % 4]));
        todo->vars[i][2] = snag_value_text(snag_str_from(types[i * 5 % 3]));
        todo->vars[i][3] = snag_value_text(snag_str_from(customers[i * 3 % 4]));
    }
}

static bool compile(work *todo)
{
    snag_diag diag = {0};
    snag_arena_reset(&todo->arena);
    if (!snag_expr_compile(&todo->arena, snag_str_from(todo->text), &scope, SNAG_KIND_BOOL, &todo->expr,
                           &diag))
        return true;
    fprintf(stderr, "%s: %s\n", todo->text, diag.text);
    return false;
}

static uint64_t evaluate_all(void *context, uint64_t *hash)
{
    work *todo = context;
    for (uint64_t i = 0; i < todo->count; i++) {
        bool erred;
        bool holds = snag_expr_true(todo->expr, todo->vars[i % EVENTS], VARS, &todo->scratch, &erred);
        *hash += holds ? i : 0;
        snag_arena_reset(&todo->scratch);
    }
    return todo->count;
}

static uint64_t compile_all(void *context, uint64_t *hash)
{
    work *todo = context;
    uint64_t count = todo->count / 100 + 1;
    for (uint64_t i = 0; i < count; i++)
        *hash += compile(todo) && snag_expr_uses(todo->expr) == 7;
    return count;
}

int main(int argc, char **argv)
{
    static const char usual[] =
        "amount > 100.0 && country in [\"DE\", \"AT\"] && type.startsWith(\"Call\")";
    static const struct {
        const char *name;
        const char *text;
        double target;
        double stretch;
    } rows[] = {
        {"where_three_conditions", usual, 100, 50},
        {"where_one_number", "amount > 100.0", 30, 15},
        {"where_one_text", "country == \"DE\"", 30, 15},
        {"where_long_list",
         "country in ['AD','AE','AF','AG','AL','AM','AO','AR','AU','AZ','BA','BB','BD','BE','BF','BG','BH',"
         "'BI','BJ','BN','BO','BR','BS','BT','BW','BY','BZ','CA','CD','CF','CG','CI','CL','CM','CN','FR']",
         100, 50},
        {"where_pattern", "customer.matches('^[a-z]+@example[.](com|org)$')", 1500, 500},
        {"where_arithmetic", "amount * 1.19 - 20.0 > 100.0 || has(customer) && size(customer) > 5", 150, 80},
    };
    snag_bench bench;
    work *todo = calloc(1, sizeof *todo);
    if (!todo || !snag_bench_begin(&bench, argc, argv))
        return 2;
    todo->count = snag_bench_size(&bench, 5000000, 1000);
    todo->blocks = malloc(ARENA_BYTES + SCRATCH_BYTES);
    if (!todo->blocks)
        return 2;
    snag_arena_init(&todo->arena, todo->blocks, ARENA_BYTES);
    snag_arena_init(&todo->scratch, todo->blocks + ARENA_BYTES, SCRATCH_BYTES);
    make_events(todo);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        todo->text = rows[i].text;
        if (!compile(todo))
            return 1;
        snag_bench_measure(&bench, &(snag_bench_task){.name = rows[i].name, .unit = "ns/event",
                                                      .target = rows[i].target, .stretch = rows[i].stretch,
                                                      .run = evaluate_all, .context = todo});
    }
    todo->text = usual;
    snag_bench_measure(&bench, &(snag_bench_task){.name = "compile", .unit = "ns/expression",
                                                  .target = 20000, .stretch = 10000, .run = compile_all,
                                                  .context = todo});
    free(todo->blocks);
    free(todo);
    return snag_bench_end(&bench);
}
