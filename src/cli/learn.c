/* SPDX-License-Identifier: Apache-2.0
 *
 * snag learn: how long stages and waits take, by shape, and the deadlines that follow, to be fixed in the
 * file. Replays files, every stage and wait measured; or, without files, reads what the workers keep in
 * Redis of those whose deadlines are learned. What several partitions know is added up; each has its own
 * deadline in force.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/time.h"
#include "cli/feed.h"
#include "cli/live.h"
#include "cli/load.h"
#include "cli/streams.h"
#include "cli/terminal.h"
#include "cli/view.h"
#include "engine/learn.h"

enum { BATCH = 1024, SHARE_OTHERWISE = 950000, LINE_BYTES = 4096, SHARES = 5 };

static const uint32_t shares[SHARES] = {500000, 750000, 900000, 950000, 990000};
static const char *const share_words[SHARES] = {"p50", "p75", "p90", "p95", "p99"};

/* What is known of one sketch. */
typedef struct row {
    snag_sketch sum;
    uint32_t partitions;   /* that know something … */
    uint32_t learned;      /* … and that have learned a deadline, between these: */
    int64_t least_ms;
    int64_t most_ms;
} row;

typedef struct learn {
    const snag_command *command;
    const char *redis_url;
    const char *group;
    int64_t partitions;
    int64_t now_ms;
    bool json;
    snag_config config;
    snag_live live;
    row *rows;
    int64_t at_ms;
} learn;

static void say(void *context, const char *line)
{
    (void)context;
    (void)line; /* what is wrong comes back as an error */
}

/* --- taking cells ------------------------------------------------------------------------------ */

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

static snag_err cell_take(learn *self, snag_str key, snag_str blob)
{
    uint32_t which = snag_learn_which(&self->config.pipeline, key);
    snag_learned_now now;
    if (which == self->config.pipeline.sketch_count)
        return SNAG_OK;
    row *to = &self->rows[which];
    if (!snag_learn_add(key, blob, self->at_ms, &to->sum))
        return SNAG_STATE;
    if (!snag_learn_now(key, blob, &now))
        return SNAG_OK;
    to->partitions++;
    if (now.value_ms < 0)
        return SNAG_OK;
    to->least_ms = to->learned && to->least_ms < now.value_ms ? to->least_ms : now.value_ms;
    to->most_ms = later(to->most_ms, now.value_ms);
    to->learned++;
    return SNAG_OK;
}

/* --- from Redis -------------------------------------------------------------------------------- */

static snag_err partition_take(learn *self, const snag_store *store, uint32_t partition, bool times,
                               snag_diag *diag)
{
    const snag_store_item *items;
    snag_store_head head;
    snag_learned_now now;
    size_t count;
    snag_err err = store->ops->customer(store->self, partition, SNAG_STR(""), &items, &count, &head, diag);
    for (size_t i = 0; i < count && err == SNAG_OK; i++) {
        if (!snag_learn_is_cell(items[i].key))
            continue;
        if (!times)
            err = cell_take(self, items[i].key, items[i].blob);
        else if (snag_learn_now(items[i].key, items[i].blob, &now))
            self->at_ms = later(self->at_ms, now.at_ms);
        if (err != SNAG_OK)
            snag_fail(diag, SNAG_STORE, "a cell in Redis: %s", snag_err_sentence(err));
    }
    if (err == SNAG_OK && !times && (head.token || head.step))
        fprintf(stderr,
                "snag learn: a worker is writing partition %" PRIu32 " just now: some may be missing\n",
                partition);
    return err;
}

/* All are counted as of the newest hour that one of them has come to. */
static snag_err store_take(learn *self, snag_store *store, snag_diag *diag)
{
    uint32_t partitions;
    snag_err err = snag_redis_partitions_get(store, &partitions, diag);
    if (err == SNAG_END)
        return snag_fail(diag, SNAG_STORE, "no worker of group %s has written to this Redis",
                         self->live.group);
    for (uint32_t i = 0; i < 2 * partitions && err == SNAG_OK; i++)
        err = partition_take(self, store, i % partitions, i < partitions, diag);
    return err;
}

static int from_redis(learn *self)
{
    const snag_voice voice = {.say = say};
    snag_diag diag = {.text = ""};
    snag_store store = {.ops = NULL};
    if (self->config.pipeline.sketch_count == 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "no deadline of this pipeline is learned, so the workers keep no times; "
                                 "give FILEs of events");
    if (!snag_live_names(&self->live, &self->config.pipeline, self->group))
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "a name is too long");
    snag_err err = snag_live_redis(&self->live, self->redis_url, &voice, &diag);
    if (err == SNAG_END)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "no Redis is given: write `redis: { url: redis://HOST:PORT }` in the "
                                 "pipeline, or --redis URL; or give FILEs of events");
    if (err == SNAG_OK)
        err = snag_redis_store_new(&store, self->live.redis, &diag);
    if (err == SNAG_OK)
        err = store_take(self, &store, &diag);
    if (store.ops)
        store.ops->close(store.self);
    snag_live_finish(&self->live);
    return err == SNAG_OK ? -1 : snag_command_fail(self->command, snag_live_exit_code(err), "%s", diag.text);
}

/* --- from files -------------------------------------------------------------------------------- */

static void drop_record(void *context, uint32_t partition, const snag_record *record)
{
    (void)context;
    (void)partition;
    (void)record;
}

static void drop_dead(void *context, const snag_dead *dead)
{
    (void)context;
    (void)dead;
}

static snag_err feed_take(learn *self, const snag_feed *feed)
{
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; i < snag_feed_partitions(feed); i++)
        self->at_ms = later(self->at_ms, snag_engine_newest(snag_feed_engine(feed, i)));
    for (uint32_t i = 0; i < snag_feed_partitions(feed); i++) {
        uint64_t cursor = 0;
        snag_str key;
        snag_str blob;
        while (err == SNAG_OK && snag_engine_each(snag_feed_engine(feed, i), &cursor, &key, &blob))
            err = cell_take(self, key, blob);
    }
    return err;
}

static int from_files(learn *self, char **words, int count)
{
    snag_diag diag = {.text = ""};
    snag_feed *feed = NULL;
    snag_streams *streams;
    snag_feed_options options = {.partitions = (uint32_t)self->partitions, .batch = BATCH,
                                 .now_ms = self->now_ms,
                                 .emit = drop_record, .dead = drop_dead};
    snag_err err = snag_streams_new(&streams, &self->config, BATCH, &diag);
    if (err == SNAG_OK)
        err = snag_streams_take(streams, (const char *const *)words, count, &diag);
    if (err == SNAG_OK)
        err = snag_feed_new(&feed, &self->config, &options, &diag);
    while (err == SNAG_OK)
        err = snag_streams_step(streams, feed, &diag);
    if (err == SNAG_END) {
        snag_feed_finish(feed, false);
        err = feed_take(self, feed);
    }
    snag_feed_free(feed);
    snag_streams_free(streams);
    return err == SNAG_OK ? -1 : snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
}

/* --- showing ----------------------------------------------------------------------------------- */

static uint32_t share_of(const snag_sketch_spec *spec)
{
    return spec->millionths ? spec->millionths : SHARE_OTHERWISE;
}

static void wait_put(snag_buf *buf, const snag_wait *wait)
{
    if (wait->span)
        snag_buf_str_put(buf, wait->span->amount.text);
    else
        snag_duration_print(buf, wait->ms);
}

/* "95%", "99.9%" */
static void share_put(snag_buf *buf, uint32_t millionths)
{
    snag_buf_double(buf, (double)millionths / 1e4);
    snag_buf_byte(buf, '%');
}

static bool is_rule(const snag_sketch_spec *spec)
{
    return memchr(spec->name.data, '.', spec->name.size) == NULL;
}

/* Rounded up, as a person would. */
static int64_t whole_seconds(int64_t ms)
{
    return (ms + SNAG_SECOND_MS - 1) / SNAG_SECOND_MS * SNAG_SECOND_MS;
}

/* The value to write for one sketch; false: nothing is known that one could write. */
static bool value_put(const learn *self, uint32_t i, snag_buf *buf)
{
    int64_t ms = snag_learn_quantile(&self->rows[i].sum, share_of(&self->config.pipeline.sketches[i]));
    if (ms >= 0)
        snag_duration_print(buf, ms < SNAG_MINUTE_MS ? ms : whole_seconds(ms));
    return ms >= 0;
}

/* "due: 103h16m", or "due: { vip: 2h, else: 3d }" where shapes differ; false: too little is known. */
static bool line_put(const learn *self, uint32_t base, snag_buf *buf)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    const snag_sketch_spec *specs = &pipeline->sketches[base];
    uint32_t known = 0;
    snag_buf_str_put(buf, is_rule(specs) ? SNAG_STR("after: ") : SNAG_STR("due: "));
    if (pipeline->shape_count == 0)
        return value_put(self, base, buf);
    snag_buf_str_put(buf, SNAG_STR("{ "));
    for (uint32_t i = 1; i <= pipeline->shape_count; i++) {
        size_t before = buf->size;
        snag_buf_str_put(buf, specs[i].shape);
        snag_buf_str_put(buf, SNAG_STR(": "));
        if (value_put(self, base + i, buf))
            snag_buf_str_put(buf, SNAG_STR(", "));
        else
            buf->size = before;
        known += buf->size > before;
    }
    snag_buf_str_put(buf, SNAG_STR("else: "));
    bool rest = value_put(self, base, buf);
    if (!rest && specs->wait.ms >= 0)
        wait_put(buf, &specs->wait);
    snag_buf_str_put(buf, SNAG_STR(" }"));
    return known > 0 && (rest || specs->wait.ms >= 0);
}

static void number_cell(snag_buf *buf, uint64_t number, size_t width)
{
    char text[32];
    snag_buf cell = snag_buf_on(text, sizeof text);
    snag_number_print(&cell, number);
    snag_buf_printf(buf, " %*.*s", (int)width, (int)cell.size, text);
}

static void time_cell(snag_buf *buf, int64_t ms)
{
    char text[32];
    snag_buf cell = snag_buf_on(text, sizeof text);
    if (ms >= 0)
        snag_duration_print(&cell, ms < 10 * SNAG_SECOND_MS ? ms : whole_seconds(ms));
    else
        snag_buf_byte(&cell, '-');
    snag_buf_printf(buf, " %9.*s", (int)cell.size, text);
}

/* What holds in the partitions now. */
static void force_put(const row *is, const snag_sketch_spec *spec, snag_buf *buf)
{
    if (spec->millionths == 0)
        return;
    snag_buf_str_put(buf, SNAG_STR("  "));
    share_put(buf, spec->millionths);
    snag_buf_str_put(buf, SNAG_STR(": "));
    if (is->learned < is->partitions || is->partitions == 0) {
        wait_put(buf, &spec->wait);
        snag_buf_str_put(buf, is->learned ? SNAG_STR(", elsewhere ") : SNAG_STR(" (nothing is learned yet)"));
    }
    if (is->learned)
        snag_duration_print(buf, is->least_ms);
    if (is->learned && is->most_ms > is->least_ms) {
        snag_buf_str_put(buf, SNAG_STR(" to "));
        snag_duration_print(buf, is->most_ms);
    }
}

static void row_print(const learn *self, uint32_t i)
{
    char text[LINE_BYTES];
    const snag_sketch_spec *spec = &self->config.pipeline.sketches[i];
    const row *is = &self->rows[i];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_printf(&buf, "%-34.*s", SNAG_FMT(spec->owner));
    number_cell(&buf, is->sum.ended, 9);
    number_cell(&buf, is->sum.waiting, 9);
    for (uint32_t k = 0; k < SHARES; k++)
        time_cell(&buf, snag_learn_quantile(&is->sum, shares[k]));
    force_put(is, spec, &buf);
    printf("%.*s\n", SNAG_FMT(snag_buf_str(&buf)));
}

static bool is_shown(const learn *self, uint32_t i)
{
    const row *is = &self->rows[i];
    return is->sum.ended + is->sum.waiting > 0 || self->config.pipeline.sketches[i].millionths > 0;
}

static void lines_print(const learn *self)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    char text[LINE_BYTES];
    bool any = false;
    for (uint32_t i = 0; i < pipeline->sketch_count; i += pipeline->shape_count + 1) {
        const snag_sketch_spec *spec = &pipeline->sketches[i];
        snag_buf buf = snag_buf_on(text, sizeof text);
        if (!line_put(self, i, &buf))
            continue;
        snag_buf_str_put(&buf, SNAG_STR("   # by then "));
        share_put(&buf, share_of(spec));
        snag_buf_str_put(&buf, SNAG_STR(" were over"));
        if (spec->wait.ms >= 0) {
            snag_buf_str_put(&buf, spec->millionths ? SNAG_STR("; in the file: learned, else ")
                                                    : SNAG_STR("; in the file: "));
            wait_put(&buf, &spec->wait);
        }
        printf("%s  %-32.*s %.*s\n", any ? "" : "\nto be fixed in the file:\n", SNAG_FMT(spec->name),
               SNAG_FMT(snag_buf_str(&buf)));
        any = true;
    }
}

static void text_show(const learn *self)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    char text[64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (self->at_ms == SNAG_TIME_NONE) {
        printf("nothing is known yet\n");
        return;
    }
    snag_view_time(&buf, self->at_ms);
    printf("as of %.*s UTC, from what began in the newest 12 to 16 weeks\n", SNAG_FMT(snag_buf_str(&buf)));
    printf("%-34s %9s %9s %9s %9s %9s %9s %9s  in force\n", "stage or rule", "ended", "waiting", "p50",
           "p75", "p90", "p95", "p99");
    for (uint32_t i = 0; i < pipeline->sketch_count; i++)
        if (is_shown(self, i))
            row_print(self, i);
    lines_print(self);
}

static void ms_json(snag_buf *buf, const char *name, int64_t ms)
{
    snag_buf_printf(buf, ",\"%s\":", name);
    if (ms >= 0)
        snag_buf_int(buf, ms);
    else
        snag_buf_str_put(buf, SNAG_STR("null"));
}

static void row_json(const learn *self, uint32_t i, snag_buf *buf)
{
    const snag_sketch_spec *spec = &self->config.pipeline.sketches[i];
    const row *is = &self->rows[i];
    snag_buf_printf(buf, "{\"%s\":", is_rule(spec) ? "rule" : "stage");
    snag_buf_json(buf, spec->name);
    if (spec->shape.size) {
        snag_buf_printf(buf, ",\"shape\":");
        snag_buf_json(buf, spec->shape);
    }
    snag_buf_printf(buf, ",\"ended\":%" PRIu64 ",\"waiting\":%" PRIu64, is->sum.ended, is->sum.waiting);
    for (uint32_t k = 0; k < SHARES; k++)
        ms_json(buf, share_words[k], snag_learn_quantile(&is->sum, shares[k]));
    snag_buf_printf(buf, ",\"share\":");
    snag_buf_double(buf, (double)share_of(spec) / 1e6);
    ms_json(buf, "suggested", snag_learn_quantile(&is->sum, share_of(spec)));
    ms_json(buf, "in_file", spec->wait.ms);
    snag_buf_printf(buf, ",\"learned\":%s", spec->millionths ? "true" : "false");
    if (spec->millionths) {
        snag_buf_printf(buf, ",\"partitions\":%u,\"partitions_learned\":%u", is->partitions, is->learned);
        ms_json(buf, "least_in_force", is->learned ? is->least_ms : -1);
        ms_json(buf, "most_in_force", is->learned ? is->most_ms : -1);
    }
    snag_buf_byte(buf, '}');
}

static void json_show(const learn *self)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    char text[LINE_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    bool any = false;
    snag_buf_printf(&buf, "{\"as_of\":");
    if (self->at_ms == SNAG_TIME_NONE) {
        snag_buf_printf(&buf, "null");
    } else {
        snag_buf_byte(&buf, '"');
        snag_time_print(&buf, self->at_ms);
        snag_buf_byte(&buf, '"');
    }
    printf("%.*s,\"times\":[", SNAG_FMT(snag_buf_str(&buf)));
    for (uint32_t i = 0; i < pipeline->sketch_count; i++) {
        buf.size = 0;
        if (!is_shown(self, i))
            continue;
        row_json(self, i, &buf);
        printf("%s%.*s", any ? "," : "", SNAG_FMT(snag_buf_str(&buf)));
        any = true;
    }
    printf("]}\n");
}

static int run_loaded(learn *self, char **paths, int count)
{
    if (count > 0)
        snag_config_measure_all(&self->config);
    self->rows = calloc(self->config.pipeline.sketch_count + 1, sizeof *self->rows);
    if (!self->rows)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    int code = count > 0 ? from_files(self, paths, count) : from_redis(self);
    if (code < 0) {
        if (self->json)
            json_show(self);
        else
            text_show(self);
        code = SNAG_EXIT_FINE;
    }
    free(self->rows);
    return code;
}

static int run_command(const snag_command *command, int argc, char **argv)
{
    learn *self = calloc(1, sizeof *self);
    int words;
    SNAG_ASSERT(self != NULL);
    self->command = command;
    self->partitions = 1;
    self->at_ms = SNAG_TIME_NONE;
    self->now_ms = snag_clock_wall_ms();
    const snag_option_row rows[] = {
        {"json", SNAG_OPTION_FLAG, &self->json, NULL, "one JSON object; times in milliseconds"},
        {"partitions", SNAG_OPTION_INT, &self->partitions, "N",
         "of FILEs: learns as N partitions would, each for itself"},
        {"now", SNAG_OPTION_TIME, &self->now_ms, "TIME",
         "of FILEs: what counts as now, as for replay; default: the clock"},
        {"redis", SNAG_OPTION_TEXT, &self->redis_url, "URL", "redis://…, instead of the pipeline's"},
        {"group", SNAG_OPTION_TEXT, &self->group, "ID", "the workers' group; default: the pipeline's name"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    if (code < 0 && words < 1)
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline? %s", command->usage);
    if (code < 0 && (self->partitions < 1 || self->partitions > SNAG_FEED_PARTITIONS_MAX))
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "--partitions: from 1 to %d",
                                 SNAG_FEED_PARTITIONS_MAX);
    if (code < 0)
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0) {
        code = run_loaded(self, argv + 1, words - 1);
        snag_config_free(&self->config);
    }
    free(self);
    return code;
}

const snag_command snag_command_learn = {
    .name = "learn",
    .usage = "snag learn PIPELINE [FILE…|SOURCE=FILE…]",
    .summary = "The deadlines that the data suggest, to be fixed in the file.",
    .help = "Replays FILEs and measures how long every stage, and every wait of a rule, takes; without\n"
            "FILEs it reads from Redis what the workers have learned. What still waits counts as long as it\n"
            "was seen.\n"
            "\n"
            "  snag learn care.yaml events.jsonl.gz\n"
            "  snag learn care.yaml --json",
    .run = run_command,
};
