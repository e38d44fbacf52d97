/* SPDX-License-Identifier: Apache-2.0
 *
 * snag eval: the value of one expression, or a file of cases with the values they must have.
 *
 *     EXPR --compile--> program --values of --with--> {"bool": true}
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/typed.h"
#include "codec/json.h"
#include "config/zones.h"
#include "expr/expr.h"
#include "local/lines.h"

enum {
    ARENA_BYTES = 16 * 1024 * 1024, /* the longest expression, the largest record */
    OUT_BYTES = 4 * 1024 * 1024,
    NAMES_MAX = 256,
    VARS_MAX = 2 * NAMES_MAX,
    LINES_AT_ONCE = 256
};

typedef struct evaluator {
    const snag_command *command;
    snag_json *json;
    snag_zones *zones; /* read when an expression names one */
    char *blocks; /* arena, scratch, out */
    snag_arena arena;
    snag_arena scratch;
    snag_buf out;
    snag_expr_name names[NAMES_MAX];
    snag_value vars[VARS_MAX];
    size_t count; /* of names */
} evaluator;

static void reset(evaluator *self)
{
    snag_arena_reset(&self->arena);
    snag_arena_reset(&self->scratch);
    self->out.size = 0;
    self->out.full = false;
    self->count = 0;
}

static evaluator *evaluator_new(const snag_command *command)
{
    snag_diag diag = {0};
    evaluator *self = calloc(1, sizeof *self);
    SNAG_ASSERT(self != NULL);
    self->command = command;
    self->blocks = malloc(2 * (size_t)ARENA_BYTES + OUT_BYTES);
    SNAG_ASSERT(self->blocks != NULL);
    snag_err err = snag_json_new(&self->json, NULL, &diag);
    SNAG_ASSERT(err == SNAG_OK);
    snag_arena_init(&self->arena, self->blocks, ARENA_BYTES);
    snag_arena_init(&self->scratch, self->blocks + ARENA_BYTES, ARENA_BYTES);
    self->out = snag_buf_on(self->blocks + 2 * (size_t)ARENA_BYTES, OUT_BYTES);
    return self;
}

static void evaluator_free(evaluator *self)
{
    reset(self);
    snag_json_free(self->json);
    snag_zones_free(self->zones);
    free(self->blocks);
    free(self);
}

static const char *environment(const char *name)
{
    return getenv(name);
}

static snag_zones *zones_open(evaluator *self)
{
    if (!self->zones)
        self->zones = snag_zones_new(environment);
    SNAG_ASSERT(self->zones != NULL);
    return self->zones;
}

static const snag_zone *zone_get(void *self, snag_str name, snag_diag *diag)
{
    return snag_zones_get(zones_open(self), name, diag);
}

static const snag_zone_table *zones_all(void *self, snag_diag *diag)
{
    return snag_zones_all(zones_open(self), diag);
}

static snag_expr_zones zones_of(evaluator *self)
{
    return (snag_expr_zones){zone_get, zones_all, self};
}

/* A JSON text as a value in the arena. */
static bool json_read(evaluator *self, snag_str text, snag_value *out, snag_diag *diag)
{
    snag_slot slot = {.kind = SNAG_SLOT_ABSENT};
    if (snag_json_check(self->json, text, &slot, diag))
        return false;
    snag_err err = snag_json_value(&self->arena, &slot, out);
    if (err)
        snag_fail(diag, err, "%s", snag_err_sentence(err));
    return err == SNAG_OK;
}

/* Everything that JSON's key names, or NULL. */
static const snag_value *member(const snag_value *map, snag_str key)
{
    for (size_t i = 0; i < map->as.list.count; i++)
        if (snag_str_equal(map->as.list.items[2 * i].as.text, key))
            return &map->as.list.items[2 * i + 1];
    return NULL;
}

static bool add_name(evaluator *self, snag_str name, snag_kind kind, const snag_value *value)
{
    if (self->count == NAMES_MAX)
        return false;
    self->names[self->count] = (snag_expr_name){name, kind, (uint32_t)self->count};
    self->vars[self->count++] = *value;
    return true;
}

/* Variables from --with: their kinds are known to the check, but for null. */
static int read_with(evaluator *self, const char *with)
{
    snag_diag diag = {0};
    snag_value record;
    if (!json_read(self, snag_str_from(with), &record, &diag))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--with is not JSON: %s", diag.text);
    if (record.kind != SNAG_KIND_MAP)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--with must be an object of names, such as '{\"amount\": 5}'");
    for (size_t i = 0; i < record.as.list.count; i++) {
        const snag_value *pair = &record.as.list.items[2 * i];
        snag_kind kind = pair[1].kind == SNAG_KIND_NULL ? SNAG_KIND_DYN : pair[1].kind;
        if (!add_name(self, pair->as.text, kind, pair + 1))
            return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--with holds more than %d names",
                                     NAMES_MAX);
    }
    return -1;
}

/* Names nobody gave a value: absent, as a kept name that a record does not have. */
static size_t fill_free(evaluator *self, const snag_expr *expr, snag_nearest *nearest)
{
    snag_str name;
    size_t i = 0;
    *nearest = (snag_nearest){.best = {NULL, 0}};
    for (; snag_expr_free_name(expr, i, &name); i++) {
        SNAG_ASSERT(self->count + i < VARS_MAX);
        self->vars[self->count + i] = (snag_value){.kind = SNAG_KIND_ABSENT};
        snag_nearest one = {.wanted = name};
        for (size_t j = 0; j < self->count; j++)
            snag_nearest_offer(&one, self->names[j].name);
        if (one.best.size > 0)
            *nearest = one;
    }
    return self->count + i;
}

/* The line of the expression that holds the place, with a mark under it. */
static void mark_print(snag_str text, uint32_t column)
{
    enum { SHOWN_MAX = 160 };
    size_t from = 0;
    uint32_t before = 0;
    size_t at = 0;
    for (uint32_t i = 1; i < column && at < text.size; i++) {
        bool line = text.data[at] == '\n';
        snag_utf8_next(text, &at);
        before = line ? 0 : before + 1;
        from = line ? at : from;
    }
    const char *end = memchr(text.data + from, '\n', text.size - from);
    size_t size = end ? (size_t)(end - text.data) - from : text.size - from;
    if (size <= SHOWN_MAX)
        fprintf(stderr, "  %.*s\n  %*s^\n", (int)size, text.data + from, (int)before, "");
}

static int tell(const evaluator *self, snag_str text, const snag_diag *diag, const snag_nearest *nearest)
{
    if (nearest->best.size > 0)
        snag_command_fail(self->command, SNAG_EXIT_FINDINGS, "%s; did you mean %.*s?", diag->text,
                          SNAG_FMT(nearest->best));
    else
        snag_command_fail(self->command, SNAG_EXIT_FINDINGS, "%s", diag->text);
    if (diag->column > 0)
        mark_print(text, diag->column);
    return SNAG_EXIT_FINDINGS;
}

static int eval_one(evaluator *self, const char *text, const char *with)
{
    const snag_expr *expr;
    snag_diag diag = {0};
    snag_value value;
    snag_nearest nearest = {.best = {NULL, 0}};
    int code = with ? read_with(self, with) : -1;
    if (code >= 0)
        return code;
    snag_str written = snag_str_from(text);
    const snag_expr_zones zones = zones_of(self);
    const snag_expr_scope scope = {.names = self->names, .count = self->count, .open = true,
                                   .zones = &zones};
    if (snag_expr_compile(&self->arena, written, &scope, SNAG_KIND_DYN, &expr, &diag))
        return tell(self, written, &diag, &nearest);
    size_t vars = fill_free(self, expr, &nearest);
    if (snag_expr_eval(expr, self->vars, vars, &self->scratch, &value, &diag))
        return tell(self, written, &diag, &nearest);
    snag_typed_put(&self->out, &value);
    if (self->out.full)
        return snag_command_fail(self->command, SNAG_EXIT_FINDINGS, "the value is larger than %d bytes",
                                 OUT_BYTES);
    printf("%.*s\n", SNAG_FMT(snag_buf_str(&self->out)));
    return SNAG_EXIT_FINE;
}

/* --- cases -------------------------------------------------------------------------------------- */

typedef struct expectation {
    snag_str name;
    snag_str expr;
    bool error;
    snag_value want;
} expectation;

/* One line of the file; NULL, or what is wrong with it. */
static const char *read_case(evaluator *self, snag_str line, expectation *out, snag_diag *diag)
{
    snag_value json;
    *out = (expectation){.name = SNAG_STR("(unnamed)")};
    if (!json_read(self, line, &json, diag))
        return diag->text;
    if (json.kind != SNAG_KIND_MAP)
        return "expected an object";
    const snag_value *name = member(&json, SNAG_STR("name"));
    const snag_value *expr = member(&json, SNAG_STR("expr"));
    const snag_value *with = member(&json, SNAG_STR("with"));
    const snag_value *want = member(&json, SNAG_STR("want"));
    const snag_value *error = member(&json, SNAG_STR("error"));
    if (name && name->kind == SNAG_KIND_TEXT)
        out->name = name->as.text;
    if (!expr || expr->kind != SNAG_KIND_TEXT)
        return "expected \"expr\", a text";
    out->expr = expr->as.text;
    out->error = error && error->kind == SNAG_KIND_BOOL && error->as.boolean;
    if (out->error == (want != NULL))
        return "expected either \"want\" or \"error\": true";
    if (want && !snag_typed_read(&self->arena, want, &out->want))
        return "\"want\" is no typed value such as {\"int\": 5}";
    if (with && with->kind != SNAG_KIND_MAP)
        return "expected \"with\" to be an object of typed values";
    for (size_t i = 0; with && i < with->as.list.count; i++) {
        snag_value value;
        if (!snag_typed_read(&self->arena, &with->as.list.items[2 * i + 1], &value) ||
            !add_name(self, with->as.list.items[2 * i].as.text, SNAG_KIND_DYN, &value))
            return "\"with\" holds a value that is not typed, or too many";
    }
    return NULL;
}

/* Whether the case holds; else the line that says why not is printed. */
static bool run_case(evaluator *self, const expectation *wanted)
{
    const snag_expr *expr;
    snag_diag diag = {0};
    snag_value value;
    snag_nearest unused;
    const snag_expr_zones zones = zones_of(self);
    const snag_expr_scope scope = {.names = self->names, .count = self->count, .open = true,
                                   .zones = &zones};
    snag_err err = snag_expr_compile_unchecked(&self->arena, wanted->expr, &scope, &expr, &diag);
    if (!err) {
        size_t vars = fill_free(self, expr, &unused);
        err = snag_expr_eval(expr, self->vars, vars, &self->scratch, &value, &diag);
    }
    if (err ? wanted->error : !wanted->error && snag_typed_equal(&value, &wanted->want))
        return true;
    if (err)
        snag_buf_printf(&self->out, "error: %s", diag.text);
    else
        snag_typed_put(&self->out, &value);
    snag_buf_put(&self->out, ", want ", 7);
    if (wanted->error)
        snag_buf_put(&self->out, "an error", 8);
    else
        snag_typed_put(&self->out, &wanted->want);
    bool colour = snag_terminal_colour(stdout);
    printf("%sFAIL%s  %.*s: %.*s\n      got %.*s\n", snag_style_code(colour, SNAG_STYLE_RED),
           snag_style_code(colour, SNAG_STYLE_PLAIN), SNAG_FMT(wanted->name), SNAG_FMT(wanted->expr),
           SNAG_FMT(snag_buf_str(&self->out)));
    return false;
}

static bool take_line(evaluator *self, snag_str line, uint64_t number)
{
    expectation wanted;
    snag_diag diag = {0};
    reset(self);
    const char *wrong = read_case(self, line, &wanted, &diag);
    if (!wrong)
        return run_case(self, &wanted);
    printf("FAIL  line %llu: %s\n", (unsigned long long)number, wrong);
    return false;
}

static int eval_cases(evaluator *self, const char *path)
{
    snag_lines *lines;
    snag_line batch[LINES_AT_ONCE];
    size_t count;
    uint64_t passed = 0;
    uint64_t failed = 0;
    snag_diag diag = {0};
    if (snag_lines_new(&lines, path, &diag))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    snag_err err;
    while ((err = snag_lines_read(lines, batch, LINES_AT_ONCE, &count, &diag)) == SNAG_OK)
        for (size_t i = 0; i < count; i++) {
            bool holds = take_line(self, batch[i].text, passed + failed + 1);
            passed += holds;
            failed += !holds;
        }
    snag_lines_free(lines);
    if (err != SNAG_END)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    if (passed + failed == 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s holds no case", path);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed > 0 ? SNAG_EXIT_FINDINGS : SNAG_EXIT_FINE;
}

static int run(const snag_command *command, int argc, char **argv)
{
    const char *with = NULL;
    const char *cases = NULL;
    const snag_option_row rows[] = {
        {"with", SNAG_OPTION_TEXT, &with, "JSON", "an object: the names the expression may use"},
        {"cases", SNAG_OPTION_TEXT, &cases, "FILE", "runs a file of cases, one JSON object a line"},
    };
    int words = 0;
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code >= 0)
        return code;
    if (cases ? words > 0 || with : words != 1)
        return snag_command_fail(command, SNAG_EXIT_USAGE,
                                 words > 1 ? "one expression, in quotes: snag eval '1 + 1'"
                                           : "an expression, or --cases FILE; see --help");
    evaluator *self = evaluator_new(command);
    code = cases ? eval_cases(self, cases) : eval_one(self, argv[0], with);
    evaluator_free(self);
    return code;
}

const snag_command snag_command_eval = {
    .name = "eval",
    .usage = "snag eval EXPR [--with JSON] | snag eval --cases FILE",
    .summary = "Prints the value of an expression, as `where:` would see it.",
    .help =
        "The value is printed with its type, {\"bool\": true}; without a value the exit code is 1.\n"
        "  snag eval '1 + 2 * 3'\n"
        "  snag eval 'amount > 100 && country in [\"DE\", \"AT\"]' \\\n"
        "      --with '{\"amount\": 150, \"country\": \"AT\"}'\n"
        "  snag eval 'has(user.plan) && user.plan.size() > 3' --with '{\"user\": {\"plan\": \"free\"}}'\n"
        "A name without a value is absent: has() is false, using it is an error. An expression that begins\n"
        "with a dash stands behind --. A file of cases holds lines such as\n"
        "  {\"name\": \"sum\", \"expr\": \"x+1\", \"with\": {\"x\": {\"int\": 1}}, \"want\": {\"int\": 2}}\n"
        "or \"error\": true instead of \"want\"; kinds are checked while evaluating, as CEL's cases expect.",
    .run = run,
};
