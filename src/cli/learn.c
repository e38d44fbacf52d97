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
#include "cli/learn.h"
#include "cli/live.h"
#include "cli/load.h"
#include "cli/streams.h"
#include "cli/terminal.h"

typedef struct learn {
    const snag_command *command;
    snag_live_copy copy;
    int64_t partitions;
    int64_t now_ms;
    bool json;
    snag_config config;
    snag_live live;
    snag_learn_row *rows;
    int64_t at_ms;
} learn;

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
    snag_learn_row *to = &self->rows[which];
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
static snag_err store_take(void *context, snag_store *store, uint32_t partitions, snag_diag *diag)
{
    learn *self = context;
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; i < 2 * partitions && err == SNAG_OK; i++)
        err = partition_take(self, store, i % partitions, i < partitions, diag);
    return err;
}

static int from_redis(learn *self)
{
    if (self->config.pipeline.sketch_count == 0)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE,
                                 "no deadline of this pipeline is learned, so the workers keep no times; "
                                 "give FILEs of events");
    self->copy.instead = "give FILEs of events";
    self->copy.read = store_take;
    self->copy.context = self;
    return snag_live_read_copy(&self->live, self->command, &self->config.pipeline, &self->copy);
}

/* --- from files -------------------------------------------------------------------------------- */

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
    snag_feed *feed;
    snag_err err = snag_streams_state(&feed, &self->config, (const char *const *)words, count,
                                      (uint32_t)self->partitions, self->now_ms, &diag);
    if (err == SNAG_OK)
        err = feed_take(self, feed);
    snag_feed_free(feed);
    return err == SNAG_OK ? -1 : snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
}

/* Of a pipeline that reads files and no topics there is nothing in Redis. */
static bool has_files(const snag_pipeline *pipeline)
{
    bool all = pipeline->source_count > 0;
    for (uint32_t i = 0; i < pipeline->source_count; i++)
        all = all && pipeline->sources[i].file.size > 0;
    return all;
}

static int run_loaded(learn *self, char **paths, int count)
{
    bool files = count > 0 || has_files(&self->config.pipeline);
    if (files)
        snag_config_measure_all(&self->config);
    self->rows = calloc(self->config.pipeline.sketch_count + 1, sizeof *self->rows);
    if (!self->rows)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "out of memory");
    int code = files ? from_files(self, paths, count) : from_redis(self);
    if (code < 0) {
        snag_learn_show *show = self->json ? snag_learn_show_json : snag_learn_show_text;
        show(&self->config.pipeline, self->rows, self->at_ms);
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
        {"redis", SNAG_OPTION_TEXT, &self->copy.url, "URL", "redis://…, instead of the pipeline's"},
        {"group", SNAG_OPTION_TEXT, &self->copy.group, "ID",
         "the workers' group; default: the pipeline's name"},
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
