/* SPDX-License-Identifier: Apache-2.0
 *
 * snag init --sample FILE: a first working pipeline from a sample of events. Reads the file twice: once to
 * see what the records look like, once through the mapping that this suggests.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/received.h"
#include "cli/sample.h"
#include "cli/scalar.h"
#include "cli/sequence.h"
#include "cli/survey.h"
#include "ports/clock.h"

enum { LINES_AT_ONCE = 1024, TEXT_BYTES = 1 << 18, KEPT_MOST = 12, TYPES_SHOWN = 30 };

static const int64_t remember_ms = INT64_C(30) * SNAG_DAY_MS; /* the default */
static const int64_t max_skew_ms = INT64_C(5) * SNAG_MINUTE_MS; /* too */

typedef struct init {
    const snag_command *command;
    const char *path;
    char name[65];
    snag_survey survey;
    snag_survey_guess guess;
    snag_sequence sequence;
    snag_sample *sample;
    uint64_t events;
    int64_t first_ms;
    int64_t last_ms;
    int64_t out_of_order_ms;
    int64_t delay_ms; /* -1 = no record says when it was received */
    snag_received *received;
    snag_buf text; /* the pipeline */
} init;

/* --- reading the sample -------------------------------------------------------------------------- */

typedef snag_err take_lines(init *self, const snag_line *lines, size_t count, void *context, snag_diag *diag);

static snag_err each_line(init *self, take_lines *take, void *context, snag_diag *diag)
{
    snag_lines *lines;
    snag_line *batch = calloc(LINES_AT_ONCE, sizeof *batch);
    SNAG_ASSERT(batch != NULL);
    snag_err err = snag_lines_new(&lines, self->path, diag);
    if (err != SNAG_OK) {
        free(batch);
        return err;
    }
    while (err == SNAG_OK) {
        size_t count = 0;
        err = snag_lines_read(lines, batch, LINES_AT_ONCE, &count, diag);
        if (err == SNAG_OK)
            err = take(self, batch, count, context, diag);
    }
    snag_lines_free(lines);
    free(batch);
    return err == SNAG_END ? SNAG_OK : err;
}

static snag_err survey_lines(init *self, const snag_line *lines, size_t count, void *context, snag_diag *diag)
{
    (void)context, (void)diag;
    for (size_t i = 0; i < count; i++)
        snag_survey_line(&self->survey, lines[i].text);
    return SNAG_OK;
}

static snag_err feed_lines(init *self, const snag_line *lines, size_t count, void *context, snag_diag *diag)
{
    uint8_t sha256[32] = {0};
    (void)self;
    return snag_feed_lines(context, lines, count, sha256, diag);
}

static void on_event(void *context, const snag_event *event)
{
    init *self = context;
    snag_sample_event(self->sample, event);
    snag_sequence_add(&self->sequence, event);
}

static int64_t on_stamp(void *context, uint32_t source, snag_str line)
{
    init *self = context;
    return snag_received_ms(self->received, source, line);
}

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    (void)context, (void)partition, (void)record;
}

static void on_dead(void *context, const snag_dead *dead)
{
    (void)context, (void)dead;
}

/* --- writing YAML -------------------------------------------------------------------------------- */

/* Letters, digits, _, small; a letter first. */
static void plain_word(const char *text, char *out, size_t room)
{
    size_t size = 0;
    for (const char *c = text; *c && size + 1 < room; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        bool letter = upper || (*c >= 'a' && *c <= 'z');
        bool digit = *c >= '0' && *c <= '9';
        if (letter || (digit && size > 0))
            out[size++] = (char)(upper ? *c + ('a' - 'A') : *c);
        else if (size > 0 && out[size - 1] != '_')
            out[size++] = '_';
    }
    while (size > 0 && out[size - 1] == '_')
        size--;
    if (size == 0)
        out[size++] = 'x';
    out[size] = '\0';
}

static void put_mapped(init *self, const char *word, int path, bool *first)
{
    if (path < 0)
        return;
    snag_buf_printf(&self->text, "%s%s: ", *first ? "    map: { " : ", ", word);
    snag_yaml_scalar_put(&self->text, self->survey.paths[path].path);
    *first = false;
}

/* --- kept names ---------------------------------------------------------------------------------- */

static bool is_mapped(const init *self, int path)
{
    static const char *const cloud[] = {"specversion", "id", "source", "type", "subject", "time",
                                        "datacontenttype", "dataschema", NULL};
    static const char *const segment[] = {"messageId", "timestamp", "event", "userId", "anonymousId", "type",
                                          "sentAt", "receivedAt", "originalTimestamp", NULL};
    static const char *const none[] = {NULL};
    const snag_survey_guess *guess = &self->guess;
    const char *const *names = guess->format == SNAG_FORMAT_CLOUDEVENTS ? cloud
                               : guess->format == SNAG_FORMAT_SEGMENT   ? segment
                                                                        : none;
    for (; *names; names++)
        if (strcmp(self->survey.paths[path].path, *names) == 0)
            return true;
    return path == guess->id || path == guess->time || path == guess->type || path == guess->customer;
}

/* A name that rules may use: not one that means something else already, and not one that is given. */
static bool name_of(const snag_survey_path *path, char (*names)[65], uint32_t count, char *name, size_t room)
{
    static const char *const taken[] = {
        "id", "time", "type", "customer", "account", "channel", "true", "false", "null", "in", "elapsed",
        "observed", "as", "has", "size", "break", "const", "continue", "else", "for", "function", "if",
        "import", "let", "loop", "package", "namespace", "return", "var", "void", "while", "reached",
        "attempts", "value", "shape", "x"};
    const char *last = strrchr(path->path, '.');
    plain_word(last ? last + 1 : path->path, name, room);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0)
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return false;
    return true;
}

static void put_kept(init *self)
{
    char names[KEPT_MOST][65];
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->survey.count && count < KEPT_MOST; i++) {
        const snag_survey_path *path = &self->survey.paths[i];
        if (is_mapped(self, (int)i) || path->count * 2 < self->survey.records || path->times == path->count ||
            !name_of(path, names, count, names[count], sizeof names[count]))
            continue;
        const char *as = path->ints == path->count && !path->large   ? "int"
                         : path->ints + path->doubles == path->count ? "double"
                         : path->bools == path->count                ? "bool"
                                                                     : NULL;
        snag_buf_printf(&self->text, "%s      %s: ", count ? "" : "    keep:\n", names[count]);
        if (as)
            snag_buf_printf(&self->text, "{ from: ");
        snag_yaml_scalar_put(&self->text, path->path);
        if (as)
            snag_buf_printf(&self->text, ", as: %s }", as);
        snag_buf_byte(&self->text, '\n');
        count++;
    }
}

/* --- the pipeline -------------------------------------------------------------------------------- */

/* A bound of the source, where it is longer than the default. */
static void put_time(init *self, const char *word, int64_t ms, int64_t default_ms)
{
    if (ms <= default_ms)
        return;
    snag_buf_printf(&self->text, "    %s: ", word);
    snag_duration_print(&self->text, ms);
    snag_buf_byte(&self->text, '\n');
}

static void put_source(init *self)
{
    const snag_survey_guess *guess = &self->guess;
    bool first = true;
    snag_buf_printf(&self->text, "sources:\n  %s:\n    topic: %s\n    format: %s\n", self->name, self->name,
                    snag_format_word(guess->format));
    put_mapped(self, "id", guess->id, &first);
    put_mapped(self, "time", guess->time, &first);
    put_mapped(self, "type", guess->type, &first);
    put_mapped(self, "customer", guess->customer, &first);
    if (!first)
        snag_buf_printf(&self->text, " }\n");
    put_kept(self);
    put_time(self, "delay", self->delay_ms, SNAG_SECOND_MS);
    put_time(self, "out_of_order", self->out_of_order_ms, 0);
    if (self->out_of_order_ms > remember_ms)
        put_time(self, "remember", 2 * self->out_of_order_ms, remember_ms);
}

static int by_count(const void *left, const void *right)
{
    const snag_sequence_type *a = *(const snag_sequence_type *const *)left;
    const snag_sequence_type *b = *(const snag_sequence_type *const *)right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->name, b->name);
}

/* Event names and how often, for whoever goes on from here. */
static void put_types(init *self)
{
    const snag_sequence_type *types[SNAG_SEQUENCE_TYPES_MAX];
    for (uint32_t i = 0; i < self->sequence.type_count; i++)
        types[i] = &self->sequence.types[i];
    qsort(types, self->sequence.type_count, sizeof types[0], by_count);
    snag_buf_printf(&self->text, "\n# Events in the sample:\n");
    for (uint32_t i = 0; i < self->sequence.type_count && i < TYPES_SHOWN; i++) {
        snag_buf_printf(&self->text, "# %11llu  ", (unsigned long long)types[i]->count);
        snag_yaml_scalar_put(&self->text, types[i]->name);
        snag_buf_byte(&self->text, '\n');
    }
    if (self->sequence.type_count > TYPES_SHOWN || self->sequence.left_out)
        snag_buf_printf(&self->text, "#              and others\n");
}

static void stage_name(const init *self, const snag_sequence_stage *stages, uint32_t at, char *name,
                       size_t room)
{
    char other[64];
    uint32_t same = 0;
    plain_word(self->sequence.types[stages[at].type].name, name, room - 4);
    for (uint32_t i = 0; i < at; i++) {
        plain_word(self->sequence.types[stages[i].type].name, other, sizeof other - 4);
        same += strcmp(name, other) == 0;
    }
    if (same) {
        snag_buf buf = snag_buf_on(name + strlen(name), 4);
        snag_buf_printf(&buf, "_%u", same + 1);
        snag_buf_byte(&buf, '\0');
    }
}

static void put_journey(init *self, const snag_sequence_stage *stages, uint32_t count)
{
    char name[64];
    snag_buf_printf(&self->text,
                    "\n# The way most of %llu customers go. A deadline is a round one that 95 of 100 of "
                    "those who went on kept.\njourneys:\n  way:\n    per: customer\n    stages:\n",
                    (unsigned long long)self->sequence.customers);
    for (uint32_t i = 0; i < count; i++) {
        stage_name(self, stages, i, name, sizeof name);
        snag_buf_printf(&self->text, "      %s: { event: ", name);
        snag_yaml_scalar_put(&self->text, self->sequence.types[stages[i].type].name);
        if (stages[i].due_ms >= 0) {
            snag_buf_printf(&self->text, ", due: ");
            snag_duration_print(&self->text, stages[i].due_ms);
        }
        snag_buf_printf(&self->text, "%s }\n", stages[i].end ? ", end: true" : "");
    }
}

/* What sounds like trouble: the most frequent such event. */
static const snag_sequence_type *trouble_of(const init *self)
{
    static const char *const words[] = {"fail",   "error", "reject",  "declin", "abandon",
                                        "cancel", "den",   "timeout", "refus",  "bounce"};
    const snag_sequence_type *found = NULL;
    for (uint32_t i = 0; i < self->sequence.type_count; i++) {
        const snag_sequence_type *type = &self->sequence.types[i];
        char plain[256];
        plain_word(type->name, plain, sizeof plain);
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            const char *at = strstr(plain, words[k]);
            bool begins = at && (at == plain || at[-1] == '_');
            if (begins && type->name[strlen(type->name) - 1] != '*' && (!found || type->count > found->count))
                found = type;
        }
    }
    return found;
}

static void put_rule(init *self, bool needed)
{
    const snag_sequence_type *type = trouble_of(self);
    char name[56];
    if (!type && needed)
        type = &self->sequence.types[0];
    if (!type)
        return;
    plain_word(type->name, name, sizeof name);
    snag_buf_printf(&self->text, "\nrules:\n  # Three within an hour: is it too many, or too few?\n"
                                 "  %s_often: { event: ",
                    name);
    snag_yaml_scalar_put(&self->text, type->name);
    snag_buf_printf(&self->text, ", count: 3, within: 1h, severity: info }\n");
}

/* What is after the clock is unreadable to all others but for who says what is "now". */
static void put_future(init *self)
{
    if (self->last_ms <= snag_clock_wall_ms() + max_skew_ms)
        return;
    snag_buf_printf(&self->text, " --now ");
    snag_time_print(&self->text, self->last_ms);
    snag_buf_printf(&self->text, "\n# Times are in the future: unreadable (bad_future) without --now.");
}

static void put_head(init *self)
{
    const char *file = strrchr(self->path, '/');
    file = file ? file + 1 : self->path;
    snag_buf_printf(&self->text, "# What `snag init` made of ");
    snag_yaml_scalar_put(&self->text, file);
    snag_buf_printf(&self->text, ": %llu events, ", (unsigned long long)self->events);
    snag_time_print(&self->text, self->first_ms);
    snag_buf_printf(&self->text, " to ");
    snag_time_print(&self->text, self->last_ms);
    snag_buf_printf(&self->text, ".\n# A beginning: read it, call things as you call them, then:\n"
                                 "#   snag check %s.yaml --sample ",
                    self->name);
    snag_yaml_scalar_put(&self->text, self->path);
    put_future(self);
    snag_buf_printf(&self->text, "\npipeline: %s\n\n", self->name);
}

static void put_tail(init *self)
{
    snag_buf_printf(&self->text, "\nkafka: { bootstrap.servers: \"${KAFKA:-localhost:9092}\" }\n"
                                 "redis: { url: \"${REDIS_URL:-redis://localhost:6379}\" }\n");
}

/* --- together ------------------------------------------------------------------------------------ */

static void name_take(init *self, const char *given)
{
    const char *file = strrchr(self->path, '/');
    file = given ? given : file ? file + 1 : self->path;
    char stem[256];
    snag_buf buf = snag_buf_on(stem, sizeof stem - 1);
    while (*file && (given || *file != '.'))
        snag_buf_byte(&buf, *file++);
    stem[buf.size] = '\0';
    plain_word(stem, self->name, sizeof self->name);
}

/* Reads the sample through the source that was guessed. */
static snag_err look_again(init *self, snag_diag *diag)
{
    snag_config config;
    snag_feed *feed = NULL;
    snag_buf_printf(&self->text, "pipeline: %s\n", self->name);
    put_source(self);
    snag_buf_printf(&self->text, "rules: { any: { event: \"*\", missing: \"*\", after: 1d } }\n");
    snag_err err = snag_config_parse(&config, snag_buf_str(&self->text), "init.yaml", NULL);
    if (err != SNAG_OK) {
        snag_fail(diag, err, "the records' names cannot be written as a mapping: %s",
                  config.error_count ? config.errors[0].diag.text : "");
        snag_config_free(&config);
        return err;
    }
    snag_feed_options options = {.partitions = 1, .batch = LINES_AT_ONCE, .now_ms = SNAG_NEVER,
                                 .emit = on_record, .dead = on_dead, .event = on_event, .stamp = on_stamp,
                                 .context = self};
    self->sample = snag_sample_new(&config.pipeline, NULL, 0);
    SNAG_ASSERT(self->sample != NULL);
    err = snag_received_new(&self->received, &config.pipeline, NULL, diag);
    if (err == SNAG_OK)
        err = snag_feed_new(&feed, &config, &options, diag);
    if (err == SNAG_OK)
        err = each_line(self, feed_lines, feed, diag);
    if (err == SNAG_OK) {
        const snag_feed_counts *counts = snag_feed_counts_get(feed);
        self->events = counts->events;
        self->first_ms = counts->first_ms;
        self->last_ms = counts->last_ms;
        self->out_of_order_ms = snag_disorder_suggest(&self->sample->sources[0].disorder);
        self->delay_ms = snag_disorder_suggest_delay(&self->sample->sources[0].disorder);
    }
    snag_feed_free(feed);
    snag_received_free(self->received);
    snag_config_free(&config);
    self->text.size = 0;
    return err;
}

static snag_err write_all(init *self, snag_diag *diag)
{
    snag_sequence_stage stages[SNAG_SEQUENCE_STAGES_MAX];
    snag_config config;
    snag_sequence_count(&self->sequence);
    uint32_t count = snag_sequence_stages(&self->sequence, stages);
    put_head(self);
    put_source(self);
    put_types(self);
    if (count > 1)
        put_journey(self, stages, count);
    put_rule(self, count < 2);
    put_tail(self);
    if (self->text.full)
        return snag_fail(diag, SNAG_FULL, "the names in the sample are too long to be written down");
    snag_err err = snag_config_parse(&config, snag_buf_str(&self->text), "init.yaml", NULL);
    if (err != SNAG_OK)
        snag_fail(diag, err, "what was written is not valid: line %u: %s",
                  config.error_count ? config.errors[0].diag.line : 0,
                  config.error_count ? config.errors[0].diag.text : "");
    snag_config_free(&config);
    return err;
}

static snag_err init_run(init *self, snag_diag *diag)
{
    snag_err err = snag_survey_init(&self->survey, diag);
    if (err == SNAG_OK)
        err = each_line(self, survey_lines, NULL, diag);
    if (err == SNAG_OK && !snag_survey_guess_of(&self->survey, &self->guess, diag))
        err = SNAG_USAGE;
    if (err == SNAG_OK)
        err = look_again(self, diag);
    if (err == SNAG_OK && self->events == 0)
        err = snag_fail(diag, SNAG_USAGE, "no record of it can be read");
    if (err == SNAG_OK)
        err = write_all(self, diag);
    snag_survey_finish(&self->survey);
    snag_sequence_finish(&self->sequence);
    snag_sample_free(self->sample);
    return err;
}

static int run(const snag_command *command, int argc, char **argv)
{
    init *self = calloc(1, sizeof *self);
    char *text = malloc(TEXT_BYTES);
    const char *name = NULL;
    snag_diag diag = {.text = ""};
    int words = 0;
    SNAG_ASSERT(self && text);
    self->command = command;
    self->text = snag_buf_on(text, TEXT_BYTES);
    const snag_option_row rows[] = {
        {"sample", SNAG_OPTION_TEXT, &self->path, "FILE", "records, one JSON object a line, plain or gzip"},
        {"name", SNAG_OPTION_TEXT, &name, "NAME", "the pipeline's name; default: the file's"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0 && (words > 0 || !self->path || strcmp(self->path, "-") == 0))
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "which sample? %s (a file: it is read twice)",
                                 command->usage);
    if (code < 0) {
        name_take(self, name);
        code = SNAG_EXIT_FINE;
        if (init_run(self, &diag) == SNAG_OK)
            fwrite(self->text.data, 1, self->text.size, stdout);
        else
            code = snag_command_fail(command, SNAG_EXIT_USAGE, "%s: %s", self->path, diag.text);
    }
    free(text);
    free(self);
    return code;
}

const snag_command snag_command_init = {
    .name = "init",
    .usage = "snag init --sample FILE [--name NAME]",
    .summary = "Writes a first working pipeline from a sample of events.",
    .help = "Finds the records' ids, times, types and customers, lists event names with their counts,\n"
            "and proposes the stages of a journey from what follows what. What it writes passes\n"
            "`snag check` on the same sample (with --now where it says so); what it means is for you\n"
            "to say.\n"
            "\n"
            "  snag init --sample events.jsonl.gz > care.yaml\n"
            "  snag check care.yaml --sample events.jsonl.gz",
    .run = run,
};
