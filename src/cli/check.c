/* SPDX-License-Identifier: Apache-2.0
 *
 * snag check PIPELINE [--sample FILE] [--kafka] [--against OLD]: is the file valid, does it fit the records,
 * does the world that it would run in fit together, and what does it change for customers in flight?
 */
#include <stdlib.h>

#include "base/time.h"
#include "cli/against.h"
#include "cli/audit.h"
#include "cli/load.h"
#include "cli/received.h"
#include "cli/sample.h"
#include "cli/streams.h"
#include "cli/terminal.h"
#include "codec/codec.h"

enum { LINES_AT_ONCE = 1024 };

typedef struct check {
    const snag_command *command;
    snag_option_list samples;
    const char *received_path;
    snag_option_list asked;
    int64_t asked_ms[SNAG_OPTION_LIST_MAX];
    int64_t now_ms;
    bool kafka;
    const char *brokers;
    const char *group;
    const char *instance;
    const char *against;
    snag_config config;
    snag_sample *sample;
    snag_received *received;
    snag_feed *feed;
    snag_streams *streams;
    snag_progress progress;
} check;

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    check *self = context;
    (void)partition;
    snag_sample_record(self->sample, record);
}

static void on_dead(void *context, const snag_dead *dead)
{
    check *self = context;
    snag_sample_dead(self->sample, dead);
}

static void on_event(void *context, const snag_event *event)
{
    check *self = context;
    snag_sample_event(self->sample, event);
}

static int64_t on_stamp(void *context, uint32_t source, snag_str line)
{
    check *self = context;
    return snag_received_ms(self->received, source, line);
}

static void held_put(const snag_str *name, bool *first)
{
    printf("%s%.*s", *first ? "" : ", ", SNAG_FMT(*name));
    *first = false;
}

/* Which rules and stages are held while a source is silent. */
static void silences_print(const snag_pipeline *pipeline)
{
    for (uint32_t s = 0; pipeline->watches && s < pipeline->source_count; s++) {
        char text[48];
        snag_buf after = snag_buf_on(text, sizeof text);
        bool first = true;
        if (pipeline->watches[s].after_ms == 0)
            continue;
        snag_duration_print(&after, pipeline->watches[s].after_ms);
        printf("  source %.*s: silent where nothing comes for more than %.*s; held meanwhile: ",
               SNAG_FMT(pipeline->sources[s].name), SNAG_FMT(snag_buf_str(&after)));
        for (uint32_t i = 0; i < pipeline->journey_count; i++)
            for (uint32_t k = 0; k < pipeline->journeys[i].stage_count; k++)
                if ((pipeline->journeys[i].waits >> s & 1) &&
                    snag_stage_waits(&pipeline->journeys[i].stages[k]))
                    held_put(&pipeline->journeys[i].stages[k].late.name, &first);
        for (uint32_t i = 0; i < pipeline->rule_count; i++)
            if (pipeline->rules[i].signal.waits >> s & 1)
                held_put(&pipeline->rules[i].signal.name, &first);
        puts(first ? "nothing" : "");
    }
}

static void valid_print(const check *self, const char *path)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    bool colour = snag_terminal_colour(stdout);
    printf("%s: %svalid%s: %u rule%s, %u journey%s, version %u, config ", path,
           snag_style_code(colour, SNAG_STYLE_GREEN), snag_style_code(colour, SNAG_STYLE_PLAIN),
           pipeline->rule_count, pipeline->rule_count == 1 ? "" : "s", pipeline->journey_count,
           pipeline->journey_count == 1 ? "" : "s", pipeline->version);
    for (int i = 0; i < 6; i++)
        printf("%02x", pipeline->config[i]);
    putchar('\n');
    silences_print(pipeline);
}

/* What lies beside the pipeline file must be there too: the schema of an Avro source. */
static int schema_check(const check *self, const snag_source_spec *source)
{
    snag_decoder_options options = {.now_ms = SNAG_NEVER};
    snag_decoder *decoder = NULL;
    snag_diag diag = {.text = ""};
    if (source->format != SNAG_FORMAT_AVRO || source->schema_file.size == 0)
        return -1;
    snag_err err = snag_decoder_new(&decoder, source, self->config.base_dir, &options, &diag);
    snag_decoder_free(decoder);
    return err ? snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text) : -1;
}

static int schemas_check(const check *self)
{
    int code = -1;
    for (uint32_t i = 0; i < self->config.pipeline.source_count && code < 0; i++)
        code = schema_check(self, &self->config.pipeline.sources[i]);
    return code;
}

static int set_up(check *self)
{
    snag_diag diag = {.text = ""};
    snag_feed_options options = {.partitions = 1, .batch = LINES_AT_ONCE, .now_ms = self->now_ms,
                                 .emit = on_record, .dead = on_dead, .event = on_event, .stamp = on_stamp,
                                 .context = self};
    self->sample = snag_sample_new(&self->config.pipeline, self->asked_ms, (size_t)self->asked.count);
    if (!self->sample)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    snag_err err = snag_streams_new(&self->streams, &self->config, LINES_AT_ONCE, &diag);
    if (err == SNAG_OK)
        err = snag_streams_take(self->streams, self->samples.words, self->samples.count, &diag);
    if (err == SNAG_OK)
        err = snag_received_new(&self->received, &self->config.pipeline, self->received_path, &diag);
    if (err == SNAG_OK)
        err = snag_feed_new(&self->feed, &self->config, &options, &diag);
    if (err != SNAG_OK)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    snag_progress_init(&self->progress, "check", snag_streams_total(self->streams));
    return -1;
}

static int feed_all(check *self)
{
    snag_diag diag = {.text = ""};
    snag_err err = SNAG_OK;
    while (!err) {
        err = snag_streams_step(self->streams, self->feed, &diag);
        snag_progress_step(&self->progress, snag_streams_done(self->streams), self->sample->events);
    }
    snag_progress_clear(&self->progress);
    if (err != SNAG_END)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    snag_feed_finish(self->feed, false);
    return -1;
}

static int sample_check(check *self)
{
    int code = set_up(self);
    if (code < 0)
        code = feed_all(self);
    if (code >= 0)
        return code;
    uint32_t findings = snag_sample_print(self->sample, self->feed, stdout);
    printf("\n%u finding%s\n", findings, findings == 1 ? "" : "s");
    return findings > 0 ? SNAG_EXIT_FINDINGS : SNAG_EXIT_FINE;
}

static void say(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "snag check: %s\n", line);
}

static int audit_fail(const check *self, snag_err err, const snag_diag *diag)
{
    return snag_command_fail(self->command, snag_live_exit_code(err), "%s", diag->text);
}

static int kafka_check(check *self)
{
    const snag_voice voice = {.say = say};
    const snag_pipeline *pipeline = &self->config.pipeline;
    snag_diag diag = {.text = ""};
    snag_live live = {.pipeline = pipeline};
    snag_audit audit = {.config = &self->config, .pipeline = pipeline, .live = &live, .file = stdout,
                        .instance = self->instance, .colour = snag_terminal_colour(stdout),
                        .asked_ms = self->asked_ms, .asked_count = (size_t)self->asked.count};
    if (snag_live_without_topic(pipeline).size > 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "the source reads a file, not a topic");
    if (!snag_live_names(&live, pipeline, self->group))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "a topic's or group's name is too long");
    snag_err err = snag_live_kafka(&live, self->brokers, &voice, &diag);
    if (err == SNAG_OK)
        err = snag_audit_run(&audit, &diag);
    snag_live_finish(&live);
    if (err != SNAG_OK)
        return audit_fail(self, err, &diag);
    printf("\n%u finding%s\n", audit.findings, audit.findings == 1 ? "" : "s");
    return audit.findings > 0 ? SNAG_EXIT_FINDINGS : SNAG_EXIT_FINE;
}

static int against_check(const check *self)
{
    snag_config old;
    int code = snag_cli_load(self->command, self->against, &old);
    if (code >= 0)
        return code;
    uint32_t findings = snag_against_print(&old.pipeline, &self->config.pipeline, stdout);
    snag_config_free(&old);
    printf("\n%u finding%s\n", findings, findings == 1 ? "" : "s");
    return findings > 0 ? SNAG_EXIT_FINDINGS : SNAG_EXIT_FINE;
}

static int run(const snag_command *command, int argc, char **argv)
{
    check self = {.command = command, .now_ms = snag_clock_wall_ms()};
    const snag_option_row rows[] = {
        {"sample", SNAG_OPTION_LIST, &self.samples, "FILE",
         "records of the source, one JSON object a line, plain or gzip, - for standard input: how they "
         "map, how disordered time is, which event names rules miss, alerts a day; where there are several "
         "sources, --sample SOURCE=FILE for each"},
        {"received", SNAG_OPTION_TEXT, &self.received_path, "PATH",
         "with --sample: where a record says when it was received, as the topic's own stamp would; default: "
         "receivedAt of segment, else nothing"},
        {"out-of-order", SNAG_OPTION_LIST, &self.asked, "D",
         "says what share of events would be late with this out_of_order, too (as often as one likes)"},
        {"now", SNAG_OPTION_TIME, &self.now_ms, "TIME",
         "what counts as now: events more than max_skew after it are unreadable; default: the clock"},
        {"kafka", SNAG_OPTION_FLAG, &self.kafka, NULL,
         "looks at the brokers, topics, stored state, keys and rights that `snag run` would meet; joins no "
         "group, and takes back the one transaction with which it tries the rights"},
        {"brokers", SNAG_OPTION_TEXT, &self.brokers, "LIST",
         "with --kafka: bootstrap.servers, instead of the pipeline's"},
        {"group", SNAG_OPTION_TEXT, &self.group, "ID",
         "with --kafka: the consumer group; default: the pipeline's name"},
        {"instance", SNAG_OPTION_TEXT, &self.instance, "NAME",
         "with --kafka: a name that `snag run` shall have: is it free?"},
        {"against", SNAG_OPTION_TEXT, &self.against, "OLD",
         "the pipeline file of the version that runs now: what the new one changes for customers in flight"},
    };
    int words = 0;
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 1)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "%s? %s",
                                 words < 1 ? "which pipeline" : "one pipeline at a time", command->usage);
    snag_diag diag = {.text = ""};
    if (snag_disorder_asked(&self.asked, self.asked_ms, &diag) != SNAG_OK)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "%s", diag.text);
    code = snag_cli_load(command, argv[0], &self.config);
    if (code >= 0)
        return code;
    code = schemas_check(&self);
    if (code < 0)
        valid_print(&self, argv[0]);
    if (code < 0)
        code = self.samples.count > 0 ? sample_check(&self) : SNAG_EXIT_FINE;
    if (self.against && code <= SNAG_EXIT_FINDINGS) {
        int found = against_check(&self);
        code = found > code ? found : code;
    }
    if (self.kafka && code <= SNAG_EXIT_FINDINGS) {
        int found = kafka_check(&self);
        code = found > code ? found : code;
    }
    snag_feed_free(self.feed);
    snag_streams_free(self.streams);
    snag_received_free(self.received);
    snag_sample_free(self.sample);
    snag_config_free(&self.config);
    return code;
}

const snag_command snag_command_check = {
    .name = "check",
    .usage = "snag check PIPELINE [--sample FILE] [--kafka] [--against OLD]",
    .summary = "Says whether a pipeline file is valid, how it fits a sample of records, and Kafka as it is.",
    .help = "Every finding in the file is printed with its line, what was expected and what was probably\n"
            "meant; the exit code is then 2. Findings about a sample's records, about Kafka, or about "
            "customers\n"
            "in flight make it 1; a broker that does not answer makes it 3.\n"
            "\n"
            "  snag check pipelines/shop.yaml --sample pipelines/data/shop.jsonl.gz\n"
            "  snag check care.yaml --kafka\n"
            "  snag check care.yaml --against care.before.yaml",
    .run = run,
};
