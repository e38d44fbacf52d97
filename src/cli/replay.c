/* SPDX-License-Identifier: Apache-2.0
 *
 * snag replay: the engine over files. Records to stdout, the summary to stderr.
 */
#include <stdlib.h>
#include <time.h>

#include "cli/command.h"
#include "cli/load.h"
#include "cli/sink.h"
#include "cli/streams.h"
#include "cli/tally.h"
#include "cli/terminal.h"

enum { BATCH_OTHERWISE = 1024, PAUSE_MAX_MS = 2000 };

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
    snag_streams *streams;
    snag_sink_options sink_options;
    snag_progress progress;
    int64_t paced_wall_ms; /* with --speed: the wall clock … */
    int64_t paced_time_ms; /* … that stands for this event time */
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

static int set_up(replay *self, const char *const *words, int count)
{
    snag_diag diag = {0};
    snag_feed_options options = {.partitions = (uint32_t)self->partitions,
                                 .batch = (size_t)self->batch,
                                 .now_ms = self->now_ms,
                                 .emit = on_record,
                                 .dead = on_dead,
                                 .context = self};
    snag_err err = snag_streams_new(&self->streams, &self->config, (size_t)self->batch, &diag);
    if (!err)
        err = snag_streams_take(self->streams, words, count, &diag);
    if (!err)
        err = snag_feed_new(&self->feed, &self->config, &options, &diag);
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
    if (snag_sink_new(&self->sink, &self->sink_options) != SNAG_OK ||
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
    snag_streams_free(self->streams);
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

static int run_files(replay *self)
{
    snag_diag diag = {0};
    snag_err err = SNAG_OK;
    while (!err) {
        err = snag_streams_step(self->streams, self->feed, &diag);
        if (err)
            break;
        if (self->speed > 0)
            pace(self);
        if (snag_streams_caught_up(self->streams) || self->speed > 0)
            snag_sink_flush(self->sink); /* the reader has caught up with what there is */
        snag_progress_step(&self->progress, snag_streams_done(self->streams),
                           snag_feed_counts_get(self->feed)->events);
    }
    if (err == SNAG_END)
        return -1;
    snag_progress_clear(&self->progress);
    return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
}

static int run_all(replay *self)
{
    int64_t started_ms = snag_clock_monotonic_ms();
    snag_progress_init(&self->progress, "replay", snag_streams_total(self->streams));
    bool crowded = snag_terminal_is(stdout) && self->sink_options.format != SNAG_SINK_NONE;
    self->progress.on &= !self->quiet && !crowded;
    int code = run_files(self);
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
    int code = set_up(self, (const char *const *)words, count);
    if (code < 0)
        code = run_all(self);
    tear_down(self);
    return code;
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
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0)
        code = run_loaded(self, argv + 1, words - 1);
    free(self);
    return code;
}

const snag_command snag_command_replay = {
    .name = "replay",
    .usage = "snag replay PIPELINE [FILE…|SOURCE=FILE…]",
    .summary = "Runs a pipeline over recorded events; needs neither Kafka nor Redis.",
    .help = "Reads JSON Lines, plain or gzip, one file after the other; without FILE the source's own\n"
            "file, else standard input. Records go to standard output, the summary to standard error.\n"
            "Where the pipeline has several sources, each file is given with its source's name; events are\n"
            "then judged in the order of their time, whatever the files' order and speed.\n"
            "\n"
            "  snag replay pipelines/shop.yaml pipelines/data/shop.jsonl.gz\n"
            "  snag replay care.yaml events.jsonl --only alerts | jq .data.headline\n"
            "  snag replay pipelines/contact.yaml calls=calls.jsonl chats=chats.jsonl.gz\n"
            "\n"
            "At the end of the input time stands at its newest event: a deadline that lies later stays\n"
            "armed and is counted so, unless --drain is given.",
    .run = run,
};
