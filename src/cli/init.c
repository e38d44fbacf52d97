/* SPDX-License-Identifier: Apache-2.0
 *
 * snag init --sample FILE: a first working pipeline from a sample of events. Reads the file twice: once to
 * see what the records look like, once through the mapping that this suggests.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "cli/command.h"
#include "cli/init.h"
#include "cli/received.h"
#include "cli/sample.h"

enum { LINES_AT_ONCE = 1024, TEXT_BYTES = 1 << 18 };

/* --- reading the sample -------------------------------------------------------------------------- */

typedef snag_err take_lines(snag_init *self, const snag_line *lines, size_t count, void *context,
                            snag_diag *diag);

static snag_err each_line(snag_init *self, take_lines *take, void *context, snag_diag *diag)
{
    snag_lines *lines;
    snag_line *batch = calloc(LINES_AT_ONCE, sizeof *batch);
    SNAG_ASSERT(batch != NULL);
    snag_err err = snag_lines_new(&lines, self->path, diag);
    if (err != SNAG_OK) {
        self->unreadable = true;
        free(batch);
        return err;
    }
    while (err == SNAG_OK) {
        size_t count = 0;
        err = snag_lines_read(lines, batch, LINES_AT_ONCE, &count, diag);
        self->unreadable = err != SNAG_OK && err != SNAG_END;
        if (err == SNAG_OK)
            err = take(self, batch, count, context, diag);
    }
    snag_lines_free(lines);
    free(batch);
    return err == SNAG_END ? SNAG_OK : err;
}

static snag_err survey_lines(snag_init *self, const snag_line *lines, size_t count, void *context,
                             snag_diag *diag)
{
    (void)context, (void)diag;
    for (size_t i = 0; i < count; i++)
        snag_survey_line(&self->survey, lines[i].text);
    return SNAG_OK;
}

static snag_err feed_lines(snag_init *self, const snag_line *lines, size_t count, void *context,
                           snag_diag *diag)
{
    uint8_t sha256[32] = {0};
    (void)self;
    return snag_feed_lines(context, lines, count, sha256, diag);
}

static void on_event(void *context, const snag_event *event)
{
    snag_init *self = context;
    snag_sample_event(self->sample, event);
    snag_sequence_add(&self->sequence, event);
}

static int64_t on_stamp(void *context, uint32_t source, snag_str line)
{
    snag_init *self = context;
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

/* --- together ------------------------------------------------------------------------------------ */

static void name_take(snag_init *self, const char *given)
{
    const char *file = strrchr(self->path, '/');
    file = given ? given : file ? file + 1 : self->path;
    char stem[256];
    snag_buf buf = snag_buf_on(stem, sizeof stem - 1);
    while (*file && (given || *file != '.'))
        snag_buf_byte(&buf, *file++);
    stem[buf.size] = '\0';
    snag_init_word(stem, self->name, sizeof self->name);
}

/* Reads the sample through the source that was guessed. */
static snag_err look_again(snag_init *self, snag_diag *diag)
{
    snag_config config;
    snag_feed *feed = NULL;
    snag_buf_printf(&self->text, "pipeline: %s\n", self->name);
    snag_init_source(self);
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

static snag_err write_all(snag_init *self, snag_diag *diag)
{
    snag_config config;
    snag_init_write(self);
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

static snag_err init_run(snag_init *self, snag_diag *diag)
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
    snag_init *self = calloc(1, sizeof *self);
    char *text = malloc(TEXT_BYTES);
    const char *name = NULL;
    snag_diag diag = {.text = ""};
    int words = 0;
    SNAG_ASSERT(self && text);
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
            code = snag_command_fail(command, SNAG_EXIT_USAGE, "%s%s%s", self->unreadable ? "" : self->path,
                                     self->unreadable ? "" : ": ", diag.text);
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
