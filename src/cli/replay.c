/* SPDX-License-Identifier: Apache-2.0
 *
 * snag replay: the engine over files, or over a range of the pipeline's topics. Records to stdout, the
 * summary to stderr.
 */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/load.h"
#include "cli/pace.h"
#include "cli/range.h"
#include "cli/sink.h"
#include "cli/streams.h"
#include "cli/tally.h"
#include "cli/terminal.h"
#include "kafka/reader.h"
#include "runtime/crew.h"

enum { BATCH_OTHERWISE = 1024, UNSAID = -(1 << 20) };

typedef struct replay {
    const snag_command *command;
    const char *format;
    const char *only;
    const char *dead_path;
    int64_t partitions;
    int64_t batch;
    int64_t now_ms;
    const char *speed;
    const char *brokers;
    const char *from;
    const char *to;
    bool topics; /* a range of topics, not files */
    bool drain;
    bool quiet;

    snag_config config;
    snag_config running; /* the same as it is run: of topics, with lanes */
    snag_feed *feed;
    snag_sink *sink;
    snag_tally *tally;
    snag_streams *streams;
    snag_sink_options sink_options;
    snag_progress progress;
    snag_clock clock;
    snag_pace pace;
    snag_live live;
    snag_range *range;
    const char *inputs[SNAG_SOURCES_MAX];
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
    bool counted = self->partitions != UNSAID;
    if (counted && (self->partitions < 1 || self->partitions > SNAG_FEED_PARTITIONS_MAX))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--partitions: from 1 to %d",
                                 SNAG_FEED_PARTITIONS_MAX);
    if (self->batch < 1 || self->batch > SNAG_FEED_BATCH_MAX)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--batch: from 1 to %d",
                                 SNAG_FEED_BATCH_MAX);
    if (!snag_pace_init(&self->pace, self->speed, &self->clock))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--speed %s: expected 60 or 60x",
                                 self->speed);
    if (self->pace.speed > 0)
        self->batch = 1; /* each event is shown when its time has come */
    return -1;
}

/* Files are one thing, a range of topics another. */
static int check_topics(replay *self, int words)
{
    self->topics = self->brokers || self->from || self->to;
    if (self->topics && words > 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "files or a range of topics (--brokers, --from, --to), not both");
    if (self->topics && self->partitions != UNSAID)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--partitions: a range has those of its topics");
    if (self->topics && self->now_ms != SNAG_TIME_NONE)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "--now: records of topics have stamps of their own");
    if (self->partitions == UNSAID)
        self->partitions = 1;
    if (self->now_ms == SNAG_TIME_NONE)
        self->now_ms = snag_clock_wall_ms();
    return -1;
}

static void say(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "snag replay: %s\n", line);
}

static snag_err open_topics(replay *self, snag_feed_options *options, snag_diag *diag)
{
    static const snag_voice voice = {.say = say};
    const snag_pipeline *pipeline = &self->config.pipeline;
    snag_range_options range = {.from = self->from, .to = self->to, .now_ms = self->now_ms,
                                .step = self->pace.speed > 0 ? 1 : SNAG_READER_BATCH};
    snag_str without = snag_live_without_topic(pipeline);
    if (without.size > 0)
        return snag_fail(diag, SNAG_USAGE, "source %.*s has no topic", SNAG_FMT(without));
    if (!snag_live_names(&self->live, pipeline, NULL))
        return snag_fail(diag, SNAG_USAGE, "a topic's name is too long");
    snag_err err = snag_live_kafka(&self->live, self->brokers, &voice, diag);
    if (err == SNAG_OK)
        err = snag_range_new(&self->range, &self->live, &self->config, &range, diag);
    if (err != SNAG_OK)
        return err;
    snag_range_feed_options(self->range, options);
    self->partitions = options->partitions;
    for (uint32_t s = 0; s < self->live.input_count; s++)
        self->inputs[s] = self->live.inputs[s];
    self->running.pipeline = self->live.running; /* with the partitions of what is rekeyed */
    return SNAG_OK;
}

static snag_err open_files(replay *self, const char *const *words, int count, snag_diag *diag)
{
    snag_err err = snag_streams_new(&self->streams, &self->config, (size_t)self->batch, diag);
    return err ? err : snag_streams_take(self->streams, words, count, diag);
}

/* A broker that does not answer is the outside's fault, a file that is not there the user's. */
static int exit_code(const replay *self, snag_err err)
{
    return self->topics ? snag_live_exit_code(err) : SNAG_EXIT_USAGE;
}

static int set_up(replay *self, const char *const *words, int count)
{
    snag_diag diag = {0};
    self->running = self->config;
    snag_feed_options options = {.partitions = (uint32_t)self->partitions,
                                 .batch = (size_t)self->batch,
                                 .now_ms = self->now_ms,
                                 .emit = on_record,
                                 .dead = on_dead,
                                 .context = self};
    snag_err err = self->topics ? open_topics(self, &options, &diag)
                                : open_files(self, words, count, &diag);
    if (err)
        return snag_command_fail(self->command, exit_code(self, err), "%s", diag.text);
    err = snag_feed_new(&self->feed, &self->running, &options, &diag);
    if (err)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    self->sink_options.colour = snag_terminal_colour(stdout);
    self->sink_options.merged = self->partitions > 1 && !(self->topics && self->pace.speed > 0);
    self->sink_options.topics = self->topics ? self->inputs : NULL;
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
    snag_range_free(self->range);
    snag_live_finish(&self->live);
    snag_feed_free(self->feed);
    snag_config_free(&self->config);
}

static snag_err step(replay *self, snag_diag *diag)
{
    snag_err err = self->topics ? snag_range_step(self->range, self->feed, diag)
                                : snag_streams_step(self->streams, self->feed, diag);
    if (err)
        return err;
    bool paced = self->pace.speed > 0;
    snag_pace_wait(&self->pace, snag_feed_counts_get(self->feed)->last_ms);
    if (paced || (!self->topics && snag_streams_caught_up(self->streams)))
        snag_sink_flush(self->sink); /* the reader has caught up with what there is */
    uint64_t done = self->topics ? snag_range_done(self->range) : snag_streams_done(self->streams);
    snag_progress_step(&self->progress, done, snag_feed_counts_get(self->feed)->events);
    return SNAG_OK;
}

static int run_input(replay *self)
{
    snag_diag diag = {0};
    snag_err err = SNAG_OK;
    while (!err)
        err = step(self, &diag);
    if (err == SNAG_END)
        return -1;
    snag_progress_clear(&self->progress);
    return snag_command_fail(self->command, exit_code(self, err), "%s", diag.text);
}

/* Files end where they end; behind a range of topics more may come, and it has moved time itself. */
static snag_err finish_input(replay *self, bool fine)
{
    if (self->topics && !(self->drain && fine))
        return SNAG_OK;
    return snag_feed_finish(self->feed, self->drain && fine);
}

static int run_all(replay *self)
{
    int64_t started_ms = snag_clock_monotonic_ms();
    snag_progress_init(&self->progress, "replay",
                       self->topics ? snag_range_total(self->range) : snag_streams_total(self->streams));
    bool crowded = snag_terminal_is(stdout) && self->sink_options.format != SNAG_SINK_NONE;
    self->progress.on &= !self->quiet && !crowded;
    int code = run_input(self);
    if (finish_input(self, code < 0) && code < 0)
        code = snag_command_fail(self->command, SNAG_EXIT_USAGE, "the memory for state is used up");
    double seconds = (double)(snag_clock_monotonic_ms() - started_ms) / 1000.0;
    snag_progress_clear(&self->progress);
    if (!snag_sink_finish(self->sink))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "not all output could be written");
    if (snag_tally_census(self->tally, self->feed) != SNAG_OK)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    if (!self->quiet && self->topics)
        snag_range_print(self->range, self->feed, stderr);
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
    self->partitions = UNSAID;
    self->batch = BATCH_OTHERWISE;
    self->now_ms = SNAG_TIME_NONE;
    self->clock = snag_clock_system();
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
        {"speed", SNAG_OPTION_TEXT, &self->speed, "N",
         "shows it N (or Nx) times as fast as it happened, pauses of at most two seconds"},
        {"from", SNAG_OPTION_TEXT, &self->from, "WHERE",
         "instead of files the pipeline's topics, from there on: earliest (default), a time "
         "(2026-01-05T10:00:00Z: the first record stamped then or later), or an offset of every partition"},
        {"to", SNAG_OPTION_TEXT, &self->to, "WHERE",
         "… and up to there: latest (default), a time, or an offset; what lies there is no more read"},
        {"brokers", SNAG_OPTION_TEXT, &self->brokers, "LIST",
         "bootstrap.servers for --from and --to, instead of the pipeline's"},
        {"batch", SNAG_OPTION_INT, &self->batch, "N", "lines judged at once; changes no output"},
        {"quiet", SNAG_OPTION_FLAG, &self->quiet, NULL, "no summary and no progress"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0)
        code = words < 1 ? snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline? %s",
                                             command->usage)
                         : check_options(self);
    if (code < 0)
        code = check_topics(self, words - 1);
    if (code < 0)
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0)
        code = run_loaded(self, argv + 1, words - 1);
    free(self);
    return code;
}

const snag_command snag_command_replay = {
    .name = "replay",
    .usage = "snag replay PIPELINE [FILE…|SOURCE=FILE…|--from WHERE --to WHERE]",
    .summary = "Runs a pipeline over recorded events: files, which need neither Kafka nor Redis, or a range "
               "of its topics.",
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
            "armed and is counted so, unless --drain is given.\n"
            "\n"
            "With --from, --to or --brokers the pipeline's own topics are read, as the workers read them,\n"
            "but in no group: the same records give the same alerts as the live run, also where the clock\n"
            "had proved silence before a late event came, and where a source was silent (the workers\n"
            "recorded both). Time stands at the end where it stood for a worker at the time --to. What is\n"
            "open where it begins is not known: earliest knows it.\n"
            "\n"
            "  snag replay care.yaml --from 2026-01-05T00:00:00Z --to 2026-01-06T00:00:00Z --only alerts\n"
            "  snag replay care.yaml --from earliest --speed 60x --format text",
    .run = run,
};
