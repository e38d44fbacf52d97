/* SPDX-License-Identifier: Apache-2.0
 *
 * snag run: the wiring of live workers, and what a person sees of them.
 *
 *     thread i:  consumer INSTANCE-i  ->  engines  ->  producer GROUP-INSTANCE-i        and its own Redis
 *     and for each rekeyed source
 *     thread i:  consumer INSTANCE-SOURCE-i in GROUP-rekey-SOURCE  ->  producer GROUP-INSTANCE-SOURCE-i
 *     main thread: signals, the status line, the end
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/hops.h"
#include "cli/status.h"
#include "cli/load.h"
#include "cli/terminal.h"
#include "local/memory.h"
#include "local/fetcher.h"
#include "runtime/budget.h"
#include "runtime/crew.h"

enum {
    DRAW_EVERY_MS = 250,
    TELL_EVERY_MS = 60000, /* where no terminal looks */
    LINE_BYTES = 1024,
    TOMBSTONES_MS = 86400000,
    REGISTRY_MS = 3000,
    PATIENCE_MS = 10000 /* for a schema; then the record is a dead letter */
};

typedef struct run {
    const snag_command *command;
    int64_t workers;
    const char *instance;
    const char *group;
    const char *from;
    bool keep_seat;
    const char *redis_url;
    const char *brokers;
    int64_t batch;
    int64_t commit_ms;

    snag_config config;
    snag_live live;
    snag_registry *registry; /* NULL = none is given */
    snag_fetcher *fetcher;
    int64_t schema_ids[SNAG_RECORD_KIND_COUNT];
    snag_voice voice;
    pthread_mutex_t voice_lock;
    bool drawn; /* a status line stands on the terminal */
    bool terminal;
    char host[128];
    unsigned threads; /* workers, and behind them the first hops of rekeyed sources, as many for each */
    snag_worker_options *options;
    snag_ports *ports;
    snag_hops hops;
    unsigned made; /* threads whose ports are open */
    int64_t started_ms;
    int64_t told_ms;
    uint64_t told_records;
} run;

/* --- talking ----------------------------------------------------------------------------------- */

static void line_clear(run *self)
{
    if (self->drawn)
        fputs("\r\033[K", stderr);
    self->drawn = false;
}

static void say(void *context, const char *line)
{
    run *self = context;
    char text[40];
    snag_buf buf = snag_buf_on(text, sizeof text - 1);
    snag_time_print(&buf, snag_clock_wall_ms());
    text[buf.size] = '\0';
    pthread_mutex_lock(&self->voice_lock);
    line_clear(self);
    fprintf(stderr, "%s snag: %s\n", text, line);
    pthread_mutex_unlock(&self->voice_lock);
}

static void status_print(run *self, const snag_stats *sum, snag_buf *buf)
{
    int64_t now_ms = snag_clock_monotonic_ms();
    double seconds = (double)(now_ms - self->told_ms) / 1000.0;
    uint64_t records = atomic_load(&sum->records);
    double rate = seconds > 0 ? (double)(records - self->told_records) / seconds : 0;
    self->told_ms = now_ms;
    self->told_records = records;
    snag_status_print(buf, self->config.pipeline.name, sum, rate);
}

static void status(run *self, const snag_crew *crew)
{
    char line[LINE_BYTES];
    snag_stats sum;
    snag_buf buf = snag_buf_on(line, sizeof line);
    int64_t every_ms = self->terminal ? DRAW_EVERY_MS : TELL_EVERY_MS;
    if (snag_clock_monotonic_ms() - self->told_ms < every_ms)
        return;
    snag_crew_stats(crew, &sum);
    status_print(self, &sum, &buf);
    if (!self->terminal) {
        line[buf.size < sizeof line ? buf.size : sizeof line - 1] = '\0';
        say(self, line);
        return;
    }
    size_t columns = snag_terminal_columns(stderr);
    pthread_mutex_lock(&self->voice_lock);
    line_clear(self);
    fwrite(line, 1, buf.size < columns ? buf.size : columns - 1, stderr);
    fflush(stderr);
    self->drawn = true;
    pthread_mutex_unlock(&self->voice_lock);
}

static void farewell(run *self, const snag_stats *sum)
{
    char line[LINE_BYTES];
    snag_buf buf = snag_buf_on(line, sizeof line - 1);
    snag_farewell_print(&buf, sum);
    line[buf.size] = '\0';
    say(self, line);
}

/* --- wiring ------------------------------------------------------------------------------------ */

static snag_err block_give(void *context, size_t size, void **block, snag_diag *diag)
{
    snag_memory memory;
    (void)context;
    snag_err err = snag_memory_init_small(&memory, size, diag);
    *block = memory.block;
    return err;
}

static void block_back(void *context, void *block, size_t size)
{
    snag_memory memory = {.block = block, .size = size};
    (void)context;
    snag_memory_finish(&memory);
}

static void block_large(void *context, void *block, size_t size)
{
    snag_memory memory = {.block = block, .size = size};
    (void)context;
    snag_memory_large(&memory);
}

static void options_fill(run *self, unsigned i)
{
    snag_worker_options *options = &self->options[i];
    const snag_kafka_topic *changelog = &self->live.topics[SNAG_TOPIC_CHANGELOG];
    *options = (snag_worker_options){
        .pipeline = &self->live.running,
        .base_dir = self->config.base_dir,
        .partitions = self->live.partitions,
        .workers = self->threads,
        .group = self->live.group,
        .instance = self->instance,
        .from_latest = strcmp(self->from, "latest") == 0,
        .batch_max = (size_t)self->batch,
        .commit_every_ms = self->commit_ms,
        .tombstones_ms = changelog->delete_retention_ms > 0 ? changelog->delete_retention_ms : TOMBSTONES_MS};
    memcpy(options->schema_ids, self->schema_ids, sizeof options->schema_ids);
    if (self->registry) {
        options->fetch = snag_fetcher_ask;
        options->fetch_context = self->fetcher;
    }
    for (int t = 0; t < SNAG_TOPIC_COUNT; t++)
        options->topic_partitions[t] = (uint32_t)self->live.topics[t].partitions;
    uint32_t hop = snag_hop_source(&self->live, (unsigned)self->workers, i);
    if (hop < SNAG_SOURCES_MAX)
        snag_hop_fill(&self->hops, &self->live, hop, options);
}

static snag_err ports_open(run *self, unsigned i, snag_diag *diag)
{
    char member[SNAG_LIVE_NAME_MAX * 2], id[SNAG_LIVE_NAME_MAX * 3];
    const char *names[SNAG_TOPIC_COUNT];
    snag_live *live = &self->live;
    snag_shares shares = snag_shares_of(self->config.pipeline.budget_bytes, self->threads);
    snag_ports *ports = &self->ports[i];
    snprintf(member, sizeof member, "%s-%u", self->instance, i);
    snprintf(id, sizeof id, "%s-%s", live->group, member);
    for (int t = 0; t < SNAG_TOPIC_COUNT; t++)
        names[t] = live->names[t];
    *ports = (snag_ports){.clock = snag_clock_system(), .voice = self->voice,
                          .blocks = {.give = block_give, .back = block_back, .large = block_large}};
    snag_kafka_input_options input = {.group = live->group, .partitions = live->partitions,
                                      .instance = member, .batch_max = (size_t)self->batch,
                                      .keep_seat = self->keep_seat};
    input.topic_count = snag_live_streams(live, input.topics);
    snag_kafka_prefetch_set(live->kafka, shares.prefetch_bytes);
    uint32_t hop = snag_hop_source(live, (unsigned)self->workers, i);
    if (hop < SNAG_SOURCES_MAX)
        return snag_hop_open(&self->hops, live, hop, i % (unsigned)self->workers, &input, ports, diag);
    snag_err err = snag_kafka_input_new(&ports->input, live->kafka, &input, diag);
    if (err == SNAG_OK)
        err = snag_kafka_output_new(&ports->output, live->kafka, &ports->input, id, names, SNAG_TOPIC_COUNT,
                                    diag);
    if (err == SNAG_OK)
        err = snag_kafka_log_new(&ports->changelog, live->kafka, names[SNAG_TOPIC_CHANGELOG], live->group,
                                 diag);
    if (err == SNAG_OK && live->redis)
        err = snag_redis_store_new(&ports->store, live->redis, diag);
    return err;
}

/* The worker has closed its output itself where it ran. */
static void ports_close(const snag_ports *ports, bool ran)
{
    if (ports->output.ops && !ran)
        ports->output.ops->close(ports->output.self);
    if (ports->input.ops)
        ports->input.ops->close(ports->input.self);
    if (ports->changelog.ops)
        ports->changelog.ops->close(ports->changelog.self);
    if (ports->store.ops)
        ports->store.ops->close(ports->store.self);
}

/* Redis must answer at the start: a wrong address should not look like an outage. */
static snag_err redis_check(run *self, snag_diag *diag)
{
    snag_store store;
    snag_err err = snag_live_redis(&self->live, self->redis_url, &self->voice, diag);
    if (err == SNAG_END) {
        say(self, "no Redis is given: every start reads the whole changelog, `snag explain` sees nothing");
        return SNAG_OK;
    }
    if (err != SNAG_OK)
        return err;
    err = snag_redis_store_new(&store, self->live.redis, diag);
    if (err != SNAG_OK)
        return err;
    snag_redis_quiet(self->live.redis, true);
    err = snag_redis_probe(&store, diag);
    snag_redis_quiet(self->live.redis, false);
    snag_redis_partitions_set(self->live.redis, self->live.partitions);
    store.ops->close(store.self);
    return err;
}

/* Avro out needs the ids of our schemas, under the subjects that readers look for. */
static snag_err schemas_register(run *self, snag_diag *diag)
{
    static const struct {
        snag_topic topic;
        snag_record_kind kind;
    } rows[] = {{SNAG_TOPIC_ALERTS, SNAG_RECORD_ALERT}, {SNAG_TOPIC_SHADOW, SNAG_RECORD_ALERT},
                {SNAG_TOPIC_JOURNEYS, SNAG_RECORD_CHANGE}, {SNAG_TOPIC_DECISIONS, SNAG_RECORD_DECISION}};
    char subject[SNAG_LIVE_NAME_MAX + 8];
    snag_err err = SNAG_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && err == SNAG_OK; i++) {
        snprintf(subject, sizeof subject, "%s-value", self->live.names[rows[i].topic]);
        err = snag_registry_register(self->registry, snag_str_from(subject), snag_avro_schema(rows[i].kind),
                                     &self->schema_ids[rows[i].kind], diag);
    }
    return err;
}

static snag_err registry_check(run *self, snag_diag *diag)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    for (int kind = 0; kind < SNAG_RECORD_KIND_COUNT; kind++)
        self->schema_ids[kind] = -1;
    if (pipeline->registry_url.size == 0)
        return SNAG_OK;
    snag_err err = snag_registry_new(&self->registry, pipeline->registry_url, REGISTRY_MS, diag);
    if (err == SNAG_OK && pipeline->output_avro)
        err = schemas_register(self, diag);
    return err == SNAG_OK ? snag_fetcher_new(&self->fetcher, self->registry, PATIENCE_MS, diag) : err;
}

static snag_err outside_check(run *self, snag_diag *diag)
{
    snag_err err = snag_live_kafka(&self->live, self->brokers, &self->voice, diag);
    if (err == SNAG_OK)
        err = snag_live_topics_wait(&self->live, diag);
    if (err == SNAG_OK)
        err = snag_live_topics_check(&self->live, diag);
    if (err == SNAG_OK)
        err = snag_live_lanes_check(&self->live, diag);
    if (err == SNAG_OK)
        err = redis_check(self, diag);
    if (err == SNAG_OK)
        err = registry_check(self, diag);
    return err;
}

static snag_err wire(run *self, snag_diag *diag)
{
    snag_err err = outside_check(self, diag);
    self->threads = snag_hop_threads(&self->live, (unsigned)self->workers);
    if (err == SNAG_OK && self->threads > SNAG_CREW_MAX)
        return snag_fail(diag, SNAG_USAGE,
                         "--workers: each rekeyed source has as many threads besides; at most %d in all",
                         SNAG_CREW_MAX);
    self->options = calloc(self->threads, sizeof *self->options);
    self->ports = calloc(self->threads, sizeof *self->ports);
    if (!self->options || !self->ports)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    for (unsigned i = 0; i < self->threads && err == SNAG_OK; i++) {
        options_fill(self, i);
        self->made++;
        err = ports_open(self, i, diag);
    }
    return err;
}

/* --- running ----------------------------------------------------------------------------------- */

static sigset_t signals_block(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

static void watch(run *self, snag_crew *crew, const sigset_t *set)
{
    const struct timespec turn = {0, 100000000};
    unsigned asked = 0;
    while (snag_crew_runs(crew)) {
        int got = sigtimedwait(set, NULL, &turn);
        if (got > 0 && ++asked == 1) {
            say(self, "stopping: committing what is in hand (a second signal stops at once)");
            snag_crew_stop(crew);
        } else if (got > 0) {
            _exit(128 + got); /* nothing is lost: it was not committed */
        }
        status(self, crew);
    }
    pthread_mutex_lock(&self->voice_lock);
    line_clear(self);
    pthread_mutex_unlock(&self->voice_lock);
}

static void announce(run *self)
{
    char line[2 * LINE_BYTES];
    uint32_t partitions = self->live.partitions;
    snag_buf buf = snag_buf_on(line, sizeof line - 1);
    snag_buf_printf(&buf, "running %.*s version %" PRIu32 ": %s", SNAG_FMT(self->config.pipeline.name),
                    self->config.pipeline.version, self->live.inputs[0]);
    for (uint32_t s = 1; s < self->live.input_count; s++)
        snag_buf_printf(&buf, "%s%s", s + 1 < self->live.input_count ? ", " : " and ", self->live.inputs[s]);
    snag_buf_printf(&buf, " (%" PRIu32 " partition%s%s) at %s, group %s, ", partitions,
                    partitions == 1 ? "" : "s", self->live.input_count > 1 ? " each" : "", self->live.brokers,
                    self->live.group);
    snag_buf_printf(&buf, "%" PRId64 " worker%s as %s", self->workers, self->workers == 1 ? "" : "s",
                    self->instance);
    snag_hops_say(&self->live, &buf);
    line[buf.size < sizeof line ? buf.size : sizeof line - 1] = '\0';
    say(self, line);
}

static snag_err go(run *self, const sigset_t *set, snag_diag *diag)
{
    snag_stats sum;
    snag_crew *crew;
    snag_err err = snag_crew_start(&crew, self->options, self->ports, self->threads, diag);
    if (err != SNAG_OK)
        return err;
    self->started_ms = self->told_ms = snag_clock_monotonic_ms();
    announce(self);
    watch(self, crew, set);
    snag_crew_stats(crew, &sum);
    err = snag_crew_join(crew, diag);
    if (err == SNAG_OK)
        farewell(self, &sum);
    return err;
}

static int run_loaded(run *self)
{
    snag_diag diag = {.text = ""};
    bool ran = false;
    sigset_t set = signals_block();
    snag_memory_keep();
    snag_str without = snag_live_without_topic(&self->config.pipeline);
    if (without.size > 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "source %.*s has no topic: `snag replay` reads files", SNAG_FMT(without));
    if (!snag_live_names(&self->live, &self->config.pipeline, self->group))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "a topic's or group's name is too long");
    snag_err err = wire(self, &diag);
    if (err == SNAG_OK) {
        ran = true;
        err = go(self, &set, &diag);
    }
    for (unsigned i = 0; i < self->made; i++)
        ports_close(&self->ports[i], ran);
    snag_live_finish(&self->live);
    snag_fetcher_free(self->fetcher);
    snag_registry_free(self->registry);
    free(self->options);
    free(self->ports);
    return err == SNAG_OK ? SNAG_EXIT_FINE
                          : snag_command_fail(self->command, snag_live_exit_code(err), "%s", diag.text);
}

static int check_options(run *self)
{
    if (self->workers < 1 || self->workers > SNAG_CREW_MAX)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--workers: from 1 to %d", SNAG_CREW_MAX);
    if (strcmp(self->from, "earliest") != 0 && strcmp(self->from, "latest") != 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--from %s: expected earliest or latest",
                                 self->from);
    if (self->batch < 1 || self->batch > 1000000)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--max-batch: from 1 to 1000000");
    if (self->commit_ms < 1 || self->commit_ms > 5000)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "--commit-every: from 1ms to 5s");
    if (!self->instance) {
        if (gethostname(self->host, sizeof self->host - 1) != 0)
            return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                     "this host has no name: give --instance");
        self->instance = self->host;
    }
    return -1;
}

static int run_command(const snag_command *command, int argc, char **argv)
{
    run *self = calloc(1, sizeof *self);
    int words;
    SNAG_ASSERT(self != NULL);
    self->command = command;
    self->workers = 1;
    self->batch = 10000;
    self->commit_ms = 50;
    self->from = "earliest";
    self->voice = (snag_voice){.say = say, .self = self};
    self->terminal = snag_terminal_is(stderr);
    pthread_mutex_init(&self->voice_lock, NULL);
    const snag_option_row rows[] = {
        {"workers", SNAG_OPTION_INT, &self->workers, "N",
         "worker threads; more than the topic has partitions are of no use"},
        {"instance", SNAG_OPTION_TEXT, &self->instance, "NAME",
         "this process's name in the group: unique, and the same after a restart; default: the host's name"},
        {"group", SNAG_OPTION_TEXT, &self->group, "ID", "the consumer group; default: the pipeline's name"},
        {"from", SNAG_OPTION_TEXT, &self->from, "WHERE",
         "where the very first start begins: earliest (default) or latest"},
        {"keep-seat", SNAG_OPTION_FLAG, &self->keep_seat, NULL,
         "a stop keeps the partitions for this instance (until session.timeout.ms), for a quick restart; "
         "otherwise the others get them at once"},
        {"brokers", SNAG_OPTION_TEXT, &self->brokers, "LIST", "bootstrap.servers, instead of the pipeline's"},
        {"redis", SNAG_OPTION_TEXT, &self->redis_url, "URL", "redis://…, instead of the pipeline's"},
        {"max-batch", SNAG_OPTION_INT, &self->batch, "N", "records taken at once; default 10000"},
        {"commit-every", SNAG_OPTION_DURATION, &self->commit_ms, "TIME",
         "how long what is not urgent may wait for its commit; default 50ms"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0)
        code = words != 1 ? snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline? %s", command->usage)
                          : check_options(self);
    if (code < 0)
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0) {
        code = run_loaded(self);
        snag_config_free(&self->config);
    }
    pthread_mutex_destroy(&self->voice_lock);
    free(self);
    return code;
}

const snag_command snag_command_run = {
    .name = "run",
    .usage = "snag run PIPELINE",
    .summary = "Runs a pipeline live: Kafka in, state in Redis, alerts and journey changes out to Kafka.",
    .help = "Start as many processes as you like with the same group and different --instance names: the\n"
            "partitions are shared out among their workers. Every record counts exactly once, whatever is\n"
            "killed when; readers of the output topics must use isolation.level=read_committed.\n"
            "\n"
            "  snag topics care.yaml --create\n"
            "  snag run care.yaml --workers 2\n"
            "\n"
            "SIGTERM and SIGINT commit what is in hand and end with 0. A broker or Redis that is lost while\n"
            "running is waited for; one that is not there at the start ends it with 3.",
    .run = run_command,
};
