/* SPDX-License-Identifier: Apache-2.0
 *
 * snag replay: the engine over files. Records to stdout, the summary to stderr.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/sink.h"
#include "cli/tally.h"
#include "cli/terminal.h"

enum { BATCH_OTHERWISE = 1024, PAUSE_MAX_MS = 2000, PATH_BYTES_MAX = 4096 };

typedef struct replay {
    const snag_command *command;
    const char *format;
    const char *only;
    const char *dead_path;
    int64_t partitions;
    int64_t batch;
    int64_t now_ms;
    int64_t speed;
    bool drain;
    bool quiet;

    snag_config config;
    snag_feed *feed;
    snag_sink *sink;
    snag_tally *tally;
    snag_line *lines;
    snag_sink_options sink_options;
    snag_progress progress;
    uint64_t done_before; /* bytes of the files that are finished */
    int64_t paced_wall_ms; /* with --speed: the wall clock … */
    int64_t paced_time_ms; /* … that stands for this event time */
    char source_path[PATH_BYTES_MAX];
} replay;

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    replay *self = context;
    (void)partition;
    snag_tally_record(self->tally, record);
    snag_sink_record(self->sink, record);
}

static void on_dead(void *context, const snag_dead *dead)
{
    replay *self = context;
    snag_sink_dead(self->sink, dead);
}

static bool parse_format(const replay *self, snag_sink_format *format)
{
    static const char *const words[] = {"json", "text", "none"};
    if (!self->format) {
        *format = snag_terminal_is(stdout) ? SNAG_SINK_TEXT : SNAG_SINK_JSON;
        return true;
    }
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(self->format, words[i]) == 0) {
            *format = (snag_sink_format)i;
            return true;
        }
    }
    return false;
}

static int check_options(replay *self)
{
    snag_str word = {0};
    if (!parse_format(self, &self->sink_options.format))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--format %s: expected json, text or none", self->format);
    self->sink_options.shown = SNAG_SHOWN_ALL;
    if (self->only && !snag_shown_parse(snag_str_from(self->only), &self->sink_options.shown, &word))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--only %.*s: expected alerts, journeys, decisions, late, dead "
                                 "(several with commas)",
                                 SNAG_FMT(word));
    if (self->partitions < 1 || self->partitions > SNAG_FEED_PARTITIONS_MAX)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--partitions: from 1 to %d",
                                 SNAG_FEED_PARTITIONS_MAX);
    if (self->batch < 1 || self->batch > SNAG_FEED_BATCH_MAX)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--batch: from 1 to %d",
                                 SNAG_FEED_BATCH_MAX);
    if (self->speed < 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--speed: 1 or more");
    if (self->speed > 0)
        self->batch = 1; /* each event is shown when its time has come */
    return -1;
}

static int set_up(replay *self)
{
    snag_diag diag = {0};
    snag_feed_options options = {.partitions = (uint32_t)self->partitions,
                                 .batch = (size_t)self->batch,
                                 .now_ms = self->now_ms,
                                 .emit = on_record,
                                 .dead = on_dead,
                                 .context = self};
    snag_err err = snag_feed_new(&self->feed, &self->config, &options, &diag);
    if (err)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    self->sink_options.colour = snag_terminal_colour(stdout);
    self->sink_options.merged = self->partitions > 1;
    self->sink_options.out = stdout;
    self->sink_options.pipeline = &self->config.pipeline;
    if (self->dead_path) {
        self->sink_options.dead = fopen(self->dead_path, "wb");
        if (!self->sink_options.dead)
            return snag_command_fail(self->command, SNAG_EXIT_USAGE, "cannot write %s", self->dead_path);
    }
    self->lines = calloc((size_t)self->batch, sizeof *self->lines);
    if (!self->lines || snag_sink_new(&self->sink, &self->sink_options) != SNAG_OK ||
        snag_tally_new(&self->tally, &self->config.pipeline) != SNAG_OK)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    return -1;
}

static void tear_down(replay *self)
{
    if (self->sink_options.dead && fclose(self->sink_options.dead) != 0)
        snag_command_fail(self->command, SNAG_EXIT_USAGE, "cannot write %s", self->dead_path);
    snag_tally_free(self->tally);
    snag_sink_free(self->sink);
    free(self->lines);
    snag_feed_free(self->feed);
    snag_config_free(&self->config);
}

static void sleep_ms(int64_t ms)
{
    struct timespec rest = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&rest, NULL);
}

/* --speed N: waits until the newest event's time has come; a pause is cut to two seconds. */
static void pace(replay *self)
{
    int64_t newest_ms = snag_feed_counts_get(self->feed)->last_ms;
    int64_t now_ms = snag_clock_monotonic_ms();
    if (newest_ms == SNAG_TIME_NONE)
        return;
    if (self->paced_time_ms == SNAG_TIME_NONE) {
        self->paced_time_ms = newest_ms;
        self->paced_wall_ms = now_ms;
    }
    int64_t due_ms = self->paced_wall_ms + (newest_ms - self->paced_time_ms) / self->speed;
    if (due_ms > now_ms + PAUSE_MAX_MS) {
        self->paced_time_ms = newest_ms;
        self->paced_wall_ms = due_ms = now_ms + PAUSE_MAX_MS;
    }
    if (due_ms > now_ms)
        sleep_ms(due_ms - now_ms);
}

static int run_file(replay *self, const char *path)
{
    snag_lines *lines;
    snag_diag diag = {0};
    uint8_t sha256[32];
    size_t count = 0;
    snag_err err = snag_lines_new(&lines, path, &diag);
    while (!err) {
        err = snag_lines_read(lines, self->lines, (size_t)self->batch, &count, &diag);
        if (err)
            break;
        snag_lines_sha256(lines, sha256);
        err = snag_feed_lines(self->feed, self->lines, count, sha256, &diag);
        if (self->speed > 0)
            pace(self);
        if (count < (size_t)self->batch || self->speed > 0)
            snag_sink_flush(self->sink); /* the reader has caught up with what there is */
        snag_progress_step(&self->progress, self->done_before + snag_lines_done(lines),
                           snag_feed_counts_get(self->feed)->events);
    }
    if (lines)
        self->done_before += snag_lines_done(lines);
    snag_lines_free(lines);
    if (err == SNAG_END)
        return -1;
    snag_progress_clear(&self->progress);
    return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
}

/* The sizes of all files that have one; 0 where one has not. */
static uint64_t total_bytes(char **paths, int count)
{
    uint64_t total = 0;
    for (int i = 0; i < count; i++) {
        snag_lines *lines;
        if (strcmp(paths[i], "-") == 0 || snag_lines_new(&lines, paths[i], NULL) != SNAG_OK)
            return 0;
        uint64_t size = snag_lines_total(lines);
        snag_lines_free(lines);
        if (size == 0)
            return 0;
        total += size;
    }
    return total;
}

/* What there is without FILE: the source's own file, else standard input. */
static const char *input_otherwise(replay *self)
{
    const snag_source_spec *source = &self->config.pipeline.sources[0];
    snag_buf path = snag_buf_on(self->source_path, sizeof self->source_path - 1);
    if (source->file.size == 0) {
        if (snag_terminal_is(stdin))
            fprintf(stderr, "snag replay: reading events from the terminal; Ctrl-D ends them\n");
        return "-";
    }
    if (source->file.data[0] != '/' && self->config.base_dir.size > 0) {
        snag_buf_str_put(&path, self->config.base_dir);
        snag_buf_byte(&path, '/');
    }
    snag_buf_str_put(&path, source->file);
    self->source_path[path.size] = '\0';
    return self->source_path;
}

static int run_all(replay *self, char **paths, int count)
{
    int64_t started_ms = snag_clock_monotonic_ms();
    int code = -1;
    snag_progress_init(&self->progress, "replay", total_bytes(paths, count));
    bool crowded = snag_terminal_is(stdout) && self->sink_options.format != SNAG_SINK_NONE;
    self->progress.on &= !self->quiet && !crowded;
    for (int i = 0; i < count && code < 0; i++)
        code = run_file(self, paths[i]);
    if (snag_feed_finish(self->feed, self->drain && code < 0) && code < 0)
        code = snag_command_fail(self->command, SNAG_EXIT_USAGE, "the memory for state is used up");
    double seconds = (double)(snag_clock_monotonic_ms() - started_ms) / 1000.0;
    snag_progress_clear(&self->progress);
    if (!snag_sink_finish(self->sink))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "not all output could be written");
    if (snag_tally_census(self->tally, self->feed) != SNAG_OK)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    if (!self->quiet)
        snag_tally_print(self->tally, self->feed, seconds, stderr);
    return code < 0 ? SNAG_EXIT_FINE : code;
}

static int run_loaded(replay *self, char **words, int count)
{
    char *paths[1];
    int code = set_up(self);
    if (code < 0 && count > 1)
        code = run_all(self, words + 1, count - 1);
    else if (code < 0) {
        paths[0] = (char *)(uintptr_t)input_otherwise(self);
        code = run_all(self, paths, 1);
    }
    tear_down(self);
    return code;
}

static int missing_file(const replay *self, char **paths, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(paths[i], "-") != 0 && access(paths[i], R_OK) != 0)
            return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s cannot be read", paths[i]);
    return -1;
}

static int run(const snag_command *command, int argc, char **argv)
{
    replay *self = calloc(1, sizeof *self);
    int words;
    if (!self)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "out of memory");
    self->command = command;
    self->partitions = 1;
    self->batch = BATCH_OTHERWISE;
    self->now_ms = snag_clock_wall_ms();
    self->paced_time_ms = SNAG_TIME_NONE;
    const snag_option_row rows[] = {
        {"format", SNAG_OPTION_TEXT, &self->format, "HOW",
         "json, text or none; default: text on a terminal, json where piped"},
        {"only", SNAG_OPTION_TEXT, &self->only, "WHAT",
         "only these records: alerts, journeys, decisions, late, dead (several with commas)"},
        {"dead", SNAG_OPTION_TEXT, &self->dead_path, "FILE",
         "writes unreadable records there, as JSON Lines with the original bytes in base64"},
        {"partitions", SNAG_OPTION_INT, &self->partitions, "N",
         "judges as N partitions would: key placed as by a Kafka producer, each with its own time"},
        {"drain", SNAG_OPTION_FLAG, &self->drain, NULL,
         "fires the deadlines that lie after the newest event too"},
        {"now", SNAG_OPTION_TIME, &self->now_ms, "TIME",
         "what counts as now: events more than max_skew after it are unreadable; default: the clock"},
        {"speed", SNAG_OPTION_INT, &self->speed, "N",
         "shows it N times as fast as it happened, pauses of at most two seconds"},
        {"batch", SNAG_OPTION_INT, &self->batch, "N", "lines judged at once; changes no output"},
        {"quiet", SNAG_OPTION_FLAG, &self->quiet, NULL, "no summary and no progress"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0)
        code = words < 1 ? snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline? %s",
                                             command->usage)
                         : check_options(self);
    if (code < 0)
        code = missing_file(self, argv + 1, words - 1);
    if (code < 0)
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0)
        code = run_loaded(self, argv, words);
    free(self);
    return code;
}

const snag_command snag_command_replay = {
    .name = "replay",
    .usage = "snag replay PIPELINE [FILE…]",
    .summary = "Runs a pipeline over recorded events; needs neither Kafka nor Redis.",
    .help = "Reads JSON Lines, plain or gzip, one file after the other; without FILE the source's own\n"
            "file, else standard input. Records go to standard output, the summary to standard error.\n"
            "\n"
            "  snag replay pipelines/shop.yaml pipelines/data/shop.jsonl.gz\n"
            "  snag replay care.yaml events.jsonl --only alerts | jq .data.headline\n"
            "\n"
            "At the end of the input time stands at its newest event: a deadline that lies later stays\n"
            "armed and is counted so, unless --drain is given.",
    .run = run,
};
