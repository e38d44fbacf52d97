/* SPDX-License-Identifier: Apache-2.0
 *
 * snag test: runs plain-text cases (cases.h), each with a fresh engine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cases.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/named.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "engine/engine.h"
#include "local/memory.h"

enum { STATE_BYTES = 64 * 1024 * 1024, FILE_BYTES_MAX = 64 * 1024 * 1024 };

typedef struct runner {
    const snag_command *command;
    const snag_pipeline *pipeline;
    const char *path;
    bool quiet;
    uint64_t passed;
    uint64_t failed;
    /* the case at hand */
    const snag_cases *cases;
    const snag_case *now;
    const snag_step *step;
    int64_t newest_ms; /* of its events so far */
    uint32_t met; /* of the step's expectations */
    bool broken;
} runner;

static void paint(FILE *file, snag_style style, const char *text)
{
    bool colour = snag_terminal_colour(file);
    fprintf(file, "%s%s%s", snag_style_code(colour, style), text,
            snag_style_code(colour, SNAG_STYLE_PLAIN));
}

static void fail_begin(runner *self, uint32_t line)
{
    self->broken = true;
    paint(stdout, SNAG_STYLE_RED, "FAIL");
    printf("  %s:%u: %.*s\n", self->path, line, SNAG_FMT(self->now->name));
}

static void line_print(const char *head, snag_str text)
{
    while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
        text.size--;
    printf("      %-9s %.*s\n", head, SNAG_FMT(text));
}

static void record_print(const runner *self, const char *head, const snag_record *record)
{
    const snag_view view = snag_view_of(self->pipeline, false);
    char bytes[16384];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes);
    snag_view_record(&buf, &view, record);
    line_print(head, snag_buf_str(&buf));
}

/* The rule or journey a record speaks of. */
static snag_str name_of(const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: return record->as.alert.rule;
    case SNAG_RECORD_CHANGE: return record->as.change.journey;
    case SNAG_RECORD_DECISION: return record->as.decision.rule;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: break;
    }
    return (snag_str){0};
}

static snag_str who_of(const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: /* of a source it has no customer */
        return record->as.alert.customer.size ? record->as.alert.customer : record->as.alert.key;
    case SNAG_RECORD_CHANGE:
        return record->as.change.instance.size ? record->as.change.instance
                                               : record->as.change.customer;
    case SNAG_RECORD_DECISION: return record->as.decision.customer;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: break;
    }
    return record->as.late.customer;
}

static int word_of(const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: return (int)record->as.alert.action;
    case SNAG_RECORD_CHANGE: return (int)record->as.change.move;
    case SNAG_RECORD_DECISION: return (int)record->as.decision.decision;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: break;
    }
    return 0;
}

static int64_t time_of(const snag_record *record)
{
    switch (record->kind) {
    case SNAG_RECORD_ALERT: return record->as.alert.time_ms;
    case SNAG_RECORD_CHANGE: return record->as.change.effective_ms;
    case SNAG_RECORD_DECISION: return record->as.decision.at_ms;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: break;
    }
    return record->as.late.time_ms;
}

static bool is_used(const snag_case *now, snag_str name)
{
    if (now->use_count == 0 || name.size == 0)
        return true;
    for (uint32_t i = 0; i < now->use_count; i++)
        if (snag_str_equal(now->use[i], name))
            return true;
    return false;
}

/* The first thing that differs, in words; false where nothing does. */
static bool difference(const snag_expectation *want, const snag_record *got, snag_buf *buf)
{
    if (want->kind != got->kind || want->word != word_of(got) || !snag_str_equal(want->name, name_of(got))) {
        snag_buf_str_put(buf, SNAG_STR("another record came"));
        return true;
    }
    if (!snag_str_equal(want->who, who_of(got))) {
        snag_buf_printf(buf, "its %s is %.*s", got->kind == SNAG_RECORD_CHANGE ? "instance" : "customer",
                        SNAG_FMT(who_of(got)));
        return true;
    }
    if (want->time_ms != SNAG_TIME_NONE && want->time_ms != time_of(got)) {
        snag_buf_str_put(buf, SNAG_STR("its time is "));
        snag_view_time(buf, time_of(got));
        return true;
    }
    for (uint32_t i = 0; i < want->pair_count; i++) {
        char bytes[2048];
        snag_buf text = snag_buf_on(bytes, sizeof bytes);
        snag_check_print(want->pairs[i].check, got, &text);
        if (snag_str_equal(snag_buf_str(&text), want->pairs[i].text))
            continue;
        snag_buf_printf(buf, "its %s is %.*s", want->pairs[i].check->name,
                        SNAG_FMT(text.size ? snag_buf_str(&text) : SNAG_STR("absent")));
        return true;
    }
    return false;
}

static void on_record(void *context, const snag_record *record)
{
    runner *self = context;
    char bytes[4096];
    snag_buf words = snag_buf_on(bytes, sizeof bytes);
    if (self->broken || !is_used(self->now, name_of(record)))
        return;
    if (self->met == self->step->expect_count) {
        fail_begin(self, self->step->line);
        line_print("after", self->step->text);
        record_print(self, "came", record);
        line_print("expected", self->met ? SNAG_STR("nothing more") : SNAG_STR("nothing"));
        return;
    }
    const snag_expectation *want =
        &self->cases->expectations[self->step->expect_first + self->met];
    if (difference(want, record, &words)) {
        fail_begin(self, want->line);
        line_print("expected", want->text);
        record_print(self, "came", record);
        line_print("so", snag_buf_str(&words));
        return;
    }
    self->met++;
}

/* The lines of a case stand in the order in which one heard of them: with several sources each line says that
 * the others brought nothing up to then. */
static bool others_moved(runner *self, snag_engine *engine, const snag_event *event)
{
    const snag_pipeline *pipeline = self->pipeline;
    bool there = true;
    int64_t time_ms = event->device ? event->device->came_ms : event->time_ms;
    if (time_ms > self->newest_ms)
        self->newest_ms = time_ms;
    for (uint32_t i = 0; i < pipeline->source_count && pipeline->source_count > 1; i++) {
        int64_t low_ms = self->newest_ms - pipeline->sources[i].out_of_order_ms;
        if (i != event->position.source)
            there = snag_engine_tick_source(engine, i, low_ms + (i < event->position.source), UINT32_MAX) &&
                    there;
    }
    return there;
}

static void step_run(runner *self, snag_engine *engine, const snag_step *step)
{
    size_t taken;
    self->step = step;
    self->met = 0;
    bool full = false;
    if (step->silences)
        snag_engine_silent(engine, step->event.position.source, step->time_ms);
    else if (step->moves_clock)
        full = !snag_engine_tick(engine, step->time_ms, UINT32_MAX);
    else
        full = !others_moved(self, engine, &step->event) ||
               snag_engine_take(engine, &step->event, 1, &taken) != SNAG_OK;
    if (full && !self->broken) {
        fail_begin(self, step->line);
        line_print("after", step->text);
        line_print("so", SNAG_STR("the memory for state is used up"));
    }
    if (self->broken || self->met == step->expect_count)
        return;
    const snag_expectation *want = &self->cases->expectations[step->expect_first + self->met];
    fail_begin(self, want->line);
    line_print("expected", want->text);
    line_print("came", SNAG_STR("nothing"));
}

/* An event that nothing names cannot fail a case: perhaps its name is misspelt. */
static void note_unnamed(const runner *self, const snag_case *now)
{
    for (uint32_t i = 0; i < now->step_count; i++) {
        const snag_step *step = &self->cases->steps[now->step_first + i];
        bool row = self->pipeline->sources[step->event.position.source].table;
        if (step->moves_clock || step->silences || row || snag_is_taken(self->pipeline, &step->event))
            continue;
        printf("      %s:%u: no rule, stage or fact names \"%.*s\"\n", self->path, step->line,
               SNAG_FMT(step->event.type));
        return;
    }
}

static snag_err case_run(runner *self, const snag_case *now, snag_diag *diag)
{
    snag_memory memory;
    snag_engine *engine;
    size_t least = snag_engine_bytes_min(self->pipeline);
    snag_err err = snag_memory_init(&memory, least > STATE_BYTES ? least : STATE_BYTES, diag);
    if (err)
        return err;
    self->now = now;
    self->newest_ms = SNAG_TIME_NONE;
    self->broken = false;
    err = snag_engine_init(&engine, self->pipeline, memory.block, memory.size, on_record, self);
    for (uint32_t i = 0; !err && i < now->step_count && !self->broken; i++)
        step_run(self, engine, &self->cases->steps[now->step_first + i]);
    snag_memory_finish(&memory);
    if (err)
        return snag_fail(diag, err, "%s", snag_err_sentence(err));
    self->failed += self->broken;
    self->passed += !self->broken;
    if (self->broken || self->quiet)
        return SNAG_OK;
    paint(stdout, SNAG_STYLE_GREEN, "ok");
    printf("    %s:%u: %.*s\n", self->path, now->line, SNAG_FMT(now->name));
    note_unnamed(self, now);
    return SNAG_OK;
}

static snag_err file_read(const char *path, char **text, size_t *size, snag_diag *diag)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t room = 1 << 16;
    *size = 0;
    *text = malloc(room);
    if (!file || !*text)
        return snag_fail(diag, SNAG_IO, "%s cannot be read", path);
    size_t got;
    while ((got = fread(*text + *size, 1, room - *size, file)) > 0) {
        *size += got;
        if (*size < room)
            continue;
        char *more = room < FILE_BYTES_MAX ? realloc(*text, room * 2) : NULL;
        if (!more)
            break;
        *text = more;
        room *= 2;
    }
    bool failed = ferror(file) != 0 || *size == room;
    if (file != stdin)
        fclose(file);
    return failed ? snag_fail(diag, SNAG_IO, "%s cannot be read, or is too large", path) : SNAG_OK;
}

static snag_str base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return snag_str_from(slash ? slash + 1 : path);
}

static int file_run(runner *self, const char *path)
{
    snag_cases cases = {0};
    snag_diag diag = {0};
    char *text = NULL;
    size_t size;
    self->path = path;
    snag_err err = file_read(path, &text, &size, &diag);
    if (!err)
        err = snag_cases_parse(&cases, (snag_str){text, size}, base_name(path), self->pipeline, &diag);
    self->cases = &cases;
    for (uint32_t i = 0; !err && i < cases.case_count; i++)
        err = case_run(self, &cases.cases[i], &diag);
    snag_cases_free(&cases);
    free(text);
    if (!err)
        return -1;
    if (diag.line > 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s:%u:%u: %s", path, diag.line,
                                 diag.column, diag.text);
    return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
}

static int run(const snag_command *command, int argc, char **argv)
{
    runner self = {.command = command};
    snag_config config;
    int words;
    const snag_option_row rows[] = {
        {"quiet", SNAG_OPTION_FLAG, &self.quiet, NULL, "prints failures and the last line only"},
    };
    int code = snag_options_parse(command, rows, 1, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words < 2)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline and cases? %s",
                                 command->usage);
    code = snag_cli_load(command, argv[0], &config);
    if (code >= 0)
        return code;
    self.pipeline = &config.pipeline;
    for (int i = 1; i < words && code < 0; i++)
        code = file_run(&self, argv[i]);
    snag_config_free(&config);
    if (code >= 0)
        return code;
    printf("%llu passed, %llu failed\n", (unsigned long long)self.passed,
           (unsigned long long)self.failed);
    return self.failed > 0 ? SNAG_EXIT_FINDINGS : SNAG_EXIT_FINE;
}

const snag_command snag_command_test = {
    .name = "test",
    .usage = "snag test PIPELINE CASES…",
    .summary = "Runs plain-text cases against a pipeline; exit code 1 where one fails.",
    .help = "A case is events, the clock, and what must come of them:\n"
            "\n"
            "  case three declines in half an hour are one alert\n"
            "  use declined                       # only this rule's records are looked at\n"
            "  ann  10:00:00  Payment Failed   order=7\n"
            "  ann  10:10:00  Payment Failed   order=7\n"
            "  ann  10:29:59  Payment Failed   order=7\n"
            "  expect alert declined ann trigger at 10:29:59 observed=3\n"
            "  ann  10:31:00  Order Completed  order=7\n"
            "  expect alert declined ann resolve reason=until\n"
            "  at 12:00                           # the clock moves on: silence can be tested\n"
            "  expect nothing\n"
            "\n"
            "Also: expect journey NAME INSTANCE MOVE from= to=, expect decision RULE CUSTOMER suppressed\n"
            "reason=, expect late CUSTOMER. A record that is not expected fails the case; those of rules\n"
            "and journeys that `use` does not name are not looked at. Times without a date are\n"
            "2026-01-05 UTC; +90s counts from the line before. id=, account=, channel= and every kept\n"
            "name may stand behind the type; key= without a value in an expectation: it must be absent.\n"
            "Where there are several sources, source=NAME says whose event it is (without: the first's).\n"
            "An event that no rule, stage or fact names is noted: perhaps its name is misspelt.\n"
            "Where a source has device:, device=NAME sent=TIME received=TIME say what its records would.\n"
            "`silent NAME` says that this source (it has silent:) brings nothing more to anybody since its\n"
            "newest event here, `silent NAME since TIME` since then; an event of it says that it is back.",
    .run = run,
};
