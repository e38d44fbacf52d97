/* SPDX-License-Identifier: Apache-2.0
 *
 * snag explain: all that is known of one customer: walks, armed deadlines, open episodes, and the events that
 * led there. Reads the copy of the state in Redis, never a worker; or, with --file, replays files first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "cli/feed.h"
#include "cli/live.h"
#include "cli/load.h"
#include "cli/page.h"
#include "cli/streams.h"
#include "cli/terminal.h"

enum { PAGE_BYTES = 64 << 20 };

typedef struct explain {
    const snag_command *command;
    snag_live_copy copy;
    bool file;
    bool json;
    snag_config config;
    snag_live live;
    snag_str customer; /* as the state has it: perhaps a hash */
    snag_str given;    /* as the command has it */
    char hashed[SNAG_HASHED_BYTES];
    snag_buf out; /* the answer as JSON */
    snag_str *segments; /* what is usual, of the partition that is looked at */
    bool found;
} explain;

/* --- from Redis -------------------------------------------------------------------------------- */

static void head_put(explain *self, uint32_t partition, const snag_store_head *head)
{
    snag_buf_str_put(&self->out, SNAG_STR("{\"customer\":"));
    snag_buf_json(&self->out, self->customer);
    snag_buf_printf(&self->out, ",\"partition\":%" PRIu32 ",\"commit\":%" PRId64 ",\"written\":\"", partition,
                    head->n);
    snag_time_print(&self->out, head->at_ms);
    snag_buf_str_put(&self->out, SNAG_STR("\",\"cells\":["));
}

static void segments_forget(explain *self)
{
    for (uint32_t i = 0; self->segments && i < self->config.pipeline.segment_count; i++)
        free((void *)(uintptr_t)self->segments[i].data);
    free(self->segments);
    self->segments = NULL;
}

/* They lie where nobody's cells do. */
static snag_err segments_take(explain *self, const snag_store *store, uint32_t partition, snag_diag *diag)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    const snag_store_item *items;
    snag_store_head head;
    size_t count;
    segments_forget(self);
    if (pipeline->segment_count == 0)
        return SNAG_OK;
    self->segments = calloc(pipeline->segment_count, sizeof *self->segments);
    SNAG_ASSERT(self->segments != NULL);
    snag_err err = store->ops->customer(store->self, partition, SNAG_STR(""), &items, &count, &head, diag);
    for (size_t i = 0; i < count && err == SNAG_OK; i++) {
        uint32_t segment = snag_segment_of_cell(pipeline, items[i].key);
        char *copy = segment < pipeline->segment_count ? malloc(items[i].blob.size + 1) : NULL;
        if (!copy)
            continue;
        memcpy(copy, items[i].blob.data, items[i].blob.size);
        self->segments[segment] = snag_str_of(copy, items[i].blob.size);
    }
    return err;
}

static snag_err cells_put(explain *self, const snag_store_item *items, size_t count)
{
    const snag_segments_stored segments = {&self->config.pipeline, self->segments};
    snag_err err = SNAG_OK;
    bool first = true;
    for (size_t i = 0; i < count && err == SNAG_OK; i++) {
        if (!snag_str_equal(snag_cell_owner(items[i].key), self->customer))
            continue;
        if (!first)
            snag_buf_byte(&self->out, ',');
        first = false;
        err = snag_cell_explain(&segments, items[i].key, items[i].blob, &self->out);
    }
    snag_buf_str_put(&self->out, SNAG_STR("]}"));
    self->found = !first;
    return err;
}

static snag_err look_in(explain *self, const snag_store *store, uint32_t partition, snag_diag *diag)
{
    const snag_store_item *items;
    snag_store_head head;
    size_t count;
    self->out.size = 0;
    snag_err err = segments_take(self, store, partition, diag);
    if (err == SNAG_OK)
        err = store->ops->customer(store->self, partition, self->customer, &items, &count, &head, diag);
    if (err != SNAG_OK)
        return err;
    head_put(self, partition, &head);
    err = cells_put(self, items, count);
    if (err != SNAG_OK)
        return snag_fail(diag, SNAG_STORE, "a cell in Redis: %s", snag_err_sentence(err));
    if (self->found && (head.token || head.step))
        fprintf(stderr, "snag explain: a worker is writing this partition just now: some may be missing\n");
    return SNAG_OK;
}

/* Where a producer would have put the customer first, then everywhere else. */
static snag_err look(void *context, snag_store *store, uint32_t partitions, snag_diag *diag)
{
    explain *self = context;
    snag_err err = SNAG_OK;
    bool carried = self->config.pipeline.sources[0].rekey; /* by what rules see */
    uint32_t home = snag_murmur2(carried ? self->customer : self->given) % partitions;
    for (uint32_t i = 0; i < partitions && err == SNAG_OK && !self->found; i++)
        err = look_in(self, store, (home + i) % partitions, diag);
    return err;
}

static int from_redis(explain *self)
{
    self->copy.instead = "replay files with --file";
    self->copy.read = look;
    self->copy.context = self;
    int code = snag_live_read_copy(&self->live, self->command, &self->config.pipeline, &self->copy);
    segments_forget(self);
    return code;
}

/* --- from files -------------------------------------------------------------------------------- */

static int from_files(explain *self, char **words, int count)
{
    snag_diag diag = {.text = ""};
    snag_feed *feed;
    snag_err err = snag_streams_state(&feed, &self->config, (const char *const *)words, count, 1,
                                      snag_clock_wall_ms(), &diag);
    if (err != SNAG_OK)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "%s", diag.text);
    snag_buf_str_put(&self->out, SNAG_STR("{\"customer\":"));
    snag_buf_json(&self->out, self->customer);
    snag_buf_str_put(&self->out, SNAG_STR(",\"cells\":"));
    self->found = snag_engine_explain(snag_feed_engine(feed, 0), self->customer, &self->out);
    snag_buf_byte(&self->out, '}');
    snag_feed_free(feed);
    return -1;
}

/* --- showing ----------------------------------------------------------------------------------- */

static int show(explain *self)
{
    if (self->out.full)
        return snag_command_fail(self->command, SNAG_EXIT_USAGE, "more is known than fits into %d MiB",
                                 PAGE_BYTES >> 20);
    if (!self->found) {
        self->out.size = 0;
        snag_buf_str_put(&self->out, SNAG_STR("{\"customer\":"));
        snag_buf_json(&self->out, self->customer);
        snag_buf_str_put(&self->out, SNAG_STR(",\"cells\":[]}"));
    }
    if (self->json)
        printf("%.*s\n", SNAG_FMT(snag_buf_str(&self->out)));
    else if (!self->found)
        printf("nothing is known of %.*s\n", SNAG_FMT(self->given));
    else
        snag_page_print(stdout, snag_terminal_colour(stdout), snag_buf_str(&self->out));
    return SNAG_EXIT_FINE;
}

/* Under `hash:` people know the customer, the state and the alerts its hash: either finds it. */
static void name_take(explain *self, const char *word)
{
    const snag_source_spec *source = &self->config.pipeline.sources[0];
    uint32_t slot = self->config.pipeline.key_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER;
    self->given = self->customer = snag_str_from(word);
    bool is_hash = self->given.size == SNAG_HASHED_BYTES;
    for (size_t i = 0; is_hash && i < SNAG_HASHED_BYTES; i++)
        is_hash = strchr("0123456789abcdef", word[i]) != NULL;
    if (!source->fixed[slot].hash || is_hash)
        return;
    snag_text_hashed(self->given, self->hashed);
    self->customer = snag_str_of(self->hashed, sizeof self->hashed);
}

static int run_loaded(explain *self, char **paths, int count)
{
    void *page = malloc(PAGE_BYTES);
    SNAG_ASSERT(page != NULL);
    self->out = snag_buf_on(page, PAGE_BYTES);
    int code = self->file ? from_files(self, paths, count) : from_redis(self);
    if (code < 0)
        code = show(self);
    free(page);
    return code;
}

static int run_command(const snag_command *command, int argc, char **argv)
{
    explain *self = calloc(1, sizeof *self);
    int words;
    SNAG_ASSERT(self != NULL);
    self->command = command;
    const snag_option_row rows[] = {
        {"file", SNAG_OPTION_FLAG, &self->file, NULL,
         "replays the FILEs behind the customer instead of reading Redis"},
        {"json", SNAG_OPTION_FLAG, &self->json, NULL, "one JSON object"},
        {"redis", SNAG_OPTION_TEXT, &self->copy.url, "URL", "redis://…, instead of the pipeline's"},
        {"group", SNAG_OPTION_TEXT, &self->copy.group, "ID",
         "the workers' group; default: the pipeline's name"},
    };
    int code = snag_options_parse(command, rows, sizeof rows / sizeof rows[0], argc, argv, &words);
    bool fits = self->file ? words >= 3 : words == 2;
    if (code < 0 && !fits)
        code = snag_command_fail(command, SNAG_EXIT_USAGE, "which pipeline, which customer? %s",
                                 command->usage);
    if (code < 0)
        code = snag_cli_load(command, argv[0], &self->config);
    if (code < 0) {
        name_take(self, argv[1]);
        code = run_loaded(self, argv + 2, words - 2);
        snag_config_free(&self->config);
    }
    free(self);
    return code;
}

const snag_command snag_command_explain = {
    .name = "explain",
    .usage = "snag explain PIPELINE CUSTOMER [--file FILE…|SOURCE=FILE…]",
    .summary = "All that is known of one customer: walks, deadlines, open alerts, and why.",
    .help = "Reads the copy of the state in Redis; the workers do not notice.\n"
            "\n"
            "  snag explain care.yaml c-48213\n"
            "  snag explain care.yaml c-48213 --file events.jsonl.gz   replays it first; needs no Redis",
    .run = run_command,
};
