/* SPDX-License-Identifier: Apache-2.0
 *
 * snag topics: the topics a pipeline needs, what there is of them, and making what is missing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/live.h"
#include "cli/load.h"
#include "cli/terminal.h"

enum { TRIES = 50 };

typedef struct topics {
    const snag_command *command;
    const char *brokers;
    int64_t partitions; /* 0 = as many as the input */
    bool create;
    bool json;
    snag_config config;
    snag_live live;
} topics;

static void say(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "snag topics: %s\n", line);
}

static const char *purpose(const topics *self, int at)
{
    if (snag_live_is_lane(&self->live, (uint32_t)at))
        return "internal: a partition of a rekeyed input, by customer";
    return at >= SNAG_TOPIC_COUNT ? "the pipeline's input" : snag_topic_help((snag_topic)at);
}

static const char *policy(const snag_kafka_topic *topic, int at)
{
    if (topic->partitions > 0 && *topic->cleanup)
        return topic->cleanup;
    return at < SNAG_TOPIC_COUNT && snag_topic_compact((snag_topic)at) ? "compact" : "delete";
}

static void retention_print(snag_buf *buf, const snag_kafka_topic *topic)
{
    if (topic->partitions <= 0)
        snag_buf_byte(buf, '-');
    else if (topic->retention_ms < 0)
        snag_buf_str_put(buf, SNAG_STR("for ever"));
    else
        snag_duration_print(buf, topic->retention_ms);
}

static void row_print(const topics *self, int at, int width)
{
    const snag_kafka_topic *topic = &self->live.topics[at];
    char retention[40], partitions[24] = "missing";
    snag_buf buf = snag_buf_on(retention, sizeof retention - 1);
    retention_print(&buf, topic);
    retention[buf.size] = '\0';
    if (topic->partitions > 0)
        snprintf(partitions, sizeof partitions, "%" PRId32, topic->partitions);
    bool compact = strcmp(policy(topic, at), "compact") == 0;
    printf("%-*.*s  %10s  %-8s  %-9s  %s\n", width, SNAG_FMT(topic->name), partitions, policy(topic, at),
           compact ? "-" : retention, purpose(self, at));
}

static void row_json(const topics *self, int at)
{
    const snag_kafka_topic *topic = &self->live.topics[at];
    char line[1024];
    snag_buf buf = snag_buf_on(line, sizeof line);
    snag_buf_str_put(&buf, SNAG_STR("{\"topic\":"));
    snag_buf_json(&buf, topic->name);
    if (topic->partitions > 0)
        snag_buf_printf(&buf, ",\"partitions\":%" PRId32 ",\"retention_ms\":%" PRId64, topic->partitions,
                        topic->retention_ms);
    else
        snag_buf_str_put(&buf, SNAG_STR(",\"partitions\":null"));
    snag_buf_printf(&buf, ",\"cleanup\":\"%s\",\"purpose\":", policy(topic, at));
    snag_buf_json(&buf, snag_str_from(purpose(self, at)));
    printf("%.*s}\n", SNAG_FMT(snag_buf_str(&buf)));
}

static void list(const topics *self)
{
    int count = (int)self->live.topic_count, inputs = (int)self->live.input_count;
    int width = 32;
    for (int i = 0; i < count; i++)
        if (width < (int)self->live.topics[i].name.size)
            width = (int)self->live.topics[i].name.size;
    if (!self->json)
        printf("%-*s  %10s  %-8s  %-9s  %s\n", width, "topic", "partitions", "cleanup", "retention", "holds");
    for (int i = 0; i < count; i++) { /* the inputs first */
        int at = i < inputs ? i + SNAG_TOPIC_COUNT : i < inputs + SNAG_TOPIC_COUNT ? i - inputs : i;
        if (self->json)
            row_json(self, at);
        else
            row_print(self, at, width);
    }
}

/* As many partitions as what there is has: the inputs that are keyed, what was made before, a rekeyed
 * input. 0 = nothing is there. */
static int partitions_there(const snag_live *live, const char **which)
{
    int rekeyed = 0;
    for (uint32_t s = 0; s < live->input_count; s++) {
        int count = live->topics[SNAG_TOPIC_COUNT + s].partitions;
        *which = live->inputs[s];
        if (count > 0 && !live->sources[s].rekey)
            return count;
        rekeyed = rekeyed ? rekeyed : count > 0 ? count : 0;
    }
    *which = live->names[SNAG_TOPIC_CHANGELOG];
    if (live->partitions)
        return (int)live->partitions;
    *which = NULL;
    return rekeyed;
}

static snag_kafka_use use_of(const snag_live *live, uint32_t i)
{
    if (snag_live_is_lane(live, i))
        return SNAG_KAFKA_USE_LANE;
    return i < SNAG_TOPIC_COUNT && snag_topic_compact((snag_topic)i) ? SNAG_KAFKA_USE_TABLE
                                                                    : SNAG_KAFKA_USE_LOG;
}

static snag_err create_missing(topics *self, int wanted, snag_diag *diag)
{
    const snag_live *live = &self->live;
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; i < live->topic_count && err == SNAG_OK; i++) {
        const char *name = snag_live_name(live, i);
        if (live->topics[i].partitions > 0)
            continue;
        err = snag_kafka_create(live->kafka, name, wanted, use_of(live, i), diag);
        if (err == SNAG_OK)
            fprintf(stderr, "created %s with %d partition%s\n", name, wanted, wanted == 1 ? "" : "s");
    }
    return err;
}

/* Outputs, and inputs that are missing, get as many partitions as the inputs there are: a customer stays in
 * one partition, in order, everywhere. Where all inputs are rekeyed, --partitions is free. */
static snag_err create(topics *self, snag_diag *diag)
{
    const char *which;
    int there = partitions_there(&self->live, &which);
    int wanted = there > 0 && (which || self->partitions == 0) ? there : (int)self->partitions;
    bool input = which != self->live.names[SNAG_TOPIC_CHANGELOG];
    if (there > 0 && which && self->partitions > 0 && self->partitions != there)
        return snag_fail(diag, SNAG_USAGE, "--partitions %" PRId64 ", but %s%s has %d already",
                         self->partitions, input ? "the input " : "", which, there);
    if (wanted <= 0)
        return snag_fail(diag, SNAG_USAGE,
                         "the input %s does not exist: say with --partitions N how many it shall have",
                         self->live.inputs[0]);
    return create_missing(self, wanted, diag);
}

/* A topic that was made is told to everybody a moment later. */
static snag_err wait_for_all(topics *self, snag_diag *diag)
{
    const struct timespec rest = {0, 100000000};
    for (int tries = 0; tries < TRIES; tries++) {
        bool complete = true;
        snag_err err = snag_live_look(&self->live, diag);
        if (err != SNAG_OK)
            return err;
        for (size_t i = 0; i < self->live.topic_count; i++)
            complete = complete && self->live.topics[i].partitions > 0;
        if (complete)
            break;
        nanosleep(&rest, NULL);
    }
    return SNAG_OK;
}

static snag_err look(topics *self, snag_diag *diag)
{
    const snag_voice voice = {.say = say};
    snag_err err = snag_live_kafka(&self->live, self->brokers, &voice, diag);
    if (err == SNAG_OK && self->create) {
        uint32_t known = self->live.topic_count;
        err = create(self, diag);
        if (err == SNAG_OK)
            err = wait_for_all(self, diag);
        if (err == SNAG_OK && self->live.topic_count > known) /* inputs made now: their lanes are known now */
            err = create(self, diag);
        if (err == SNAG_OK && self->live.topic_count > known)
            err = wait_for_all(self, diag);
        if (err == SNAG_OK)
            err = snag_kafka_describe_configs(self->live.kafka, self->live.topics, self->live.topic_count,
                                              diag);
    }
    return err;
}

static int run_loaded(topics *self)
{
    snag_diag diag = {.text = ""};
    if (snag_live_without_topic(&self->config.pipeline).size > 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "the source reads a file, not a topic");
    if (!snag_live_names(&self->live, &self->config.pipeline, NULL))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "a topic's name is too long");
    snag_err err = look(self, &diag);
    if (err == SNAG_OK)
        list(self);
    snag_live_finish(&self->live);
    return err == SNAG_OK ? SNAG_EXIT_FINE
                          : snag_command_fail(self->command, snag_live_exit_code(err), "%s", diag.text);
}

static int run_command(const snag_command *command, int argc, char **argv)
{
    topics *self = calloc(1, sizeof *self);
    int words;
    SNAG_ASSERT(self != NULL);
    self->command = command;
    const snag_option_row rows[] = {
        {"create", SNAG_OPTION_FLAG, &self->create, NULL, "makes the topics that are missing"},
        {"partitions", SNAG_OPTION_INT, &self->partitions, "N",
         "where the input is missing too: how many partitions all of them get"},
        {"brokers", SNAG_OPTION_TEXT, &self->brokers, "LIST", "bootstrap.servers, instead of the pipeline's"},
        {"json", SNAG_OPTION_FLAG, &self->json, NULL, "one JSON object a topic"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0 && words != 1)
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline? %s", command->usage);
    if (code < 0 && (self->partitions < 0 || self->partitions > 10000))
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "--partitions: from 1 to 10000");
    if (code < 0)
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0) {
        code = run_loaded(self);
        snag_config_free(&self->config);
    }
    free(self);
    return code;
}

const snag_command snag_command_topics = {
    .name = "topics",
    .usage = "snag topics PIPELINE",
    .summary = "The topics a pipeline needs: partitions, cleanup policy, retention; prints or creates them.",
    .help = "Output topics get as many partitions as the input, so that a customer's records stay together\n"
            "and in order everywhere. The changelog is compacted and must never be deleted by age. A source\n"
            "with `rekey: true` has an internal topic for each partition of its own; where all have it,\n"
            "--partitions says how many the state gets (default: as many as the first one's topic).\n"
            "\n"
            "  snag topics care.yaml                        what there is\n"
            "  snag topics care.yaml --create               makes what is missing\n"
            "  snag topics care.yaml --create --partitions 4   the input too",
    .run = run_command,
};
