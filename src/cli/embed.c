/* SPDX-License-Identifier: Apache-2.0
 *
 * The public embedding API over a feed of one partition and one event at a time.
 */
#include <snag/snag.h>

#include <stdio.h>
#include <stdlib.h>

#include "cli/feed.h"
#include "cli/sink.h"

struct snag_embed {
    snag_config config;
    snag_feed *feed;
    snag_embed_record *record;
    void *context;
    int64_t offset; /* bytes fed: what stands for a position */
    bool unreadable;
    snag_diag diag;
    char bytes[SNAG_SINK_LINE_MAX];
};

static void on_record(void *context, uint32_t partition, const snag_record *record)
{
    snag_embed *self = context;
    snag_buf buf = snag_buf_on(self->bytes, sizeof self->bytes);
    (void)partition;
    snag_sink_json(&buf, &self->config.pipeline, record);
    self->record(self->context, buf.data, buf.size);
}

static void on_dead(void *context, const snag_dead *dead)
{
    snag_embed *self = context;
    self->unreadable = true;
    snag_fail(&self->diag, dead->reason, "%s: %s", snag_err_name(dead->reason), dead->words);
}

static const char *environment(const char *name)
{
    return getenv(name);
}

static snag_err embed_init(snag_embed *self, const char *path)
{
    snag_err err = snag_config_load(&self->config, path, environment, &self->diag);
    if (err && self->config.error_count > 0) {
        const snag_diag *first = &self->config.errors[0].diag;
        return snag_fail(&self->diag, err, "%s:%u:%u: %s", path, first->line, first->column, first->text);
    }
    if (err)
        return err;
    snag_feed_options options = {.partitions = 1, .batch = 1, .now_ms = SNAG_NEVER,
                                 .emit = on_record, .dead = on_dead, .context = self};
    return snag_feed_new(&self->feed, &self->config, &options, &self->diag);
}

snag_embed *snag_embed_open(const char *pipeline_path, snag_embed_record *record, void *context,
                            char *error, size_t error_size)
{
    snag_embed *self = calloc(1, sizeof *self);
    snag_err err = SNAG_MEMORY;
    if (self) {
        self->record = record;
        self->context = context;
        err = embed_init(self, pipeline_path);
    }
    if (!err)
        return self;
    if (error && error_size > 0)
        snprintf(error, error_size, "%s", self ? self->diag.text : "out of memory");
    snag_embed_close(self);
    return NULL;
}

static int feed(snag_embed *self, uint32_t source, const char *json, size_t size)
{
    snag_line line = {.text = {json, size}, .offset = self->offset, .size = size};
    self->offset += (int64_t)size + 1;
    self->unreadable = false;
    if (snag_feed_line(self->feed, source, &line, NULL, &self->diag))
        return SNAG_EMBED_FULL;
    return self->unreadable ? SNAG_EMBED_UNREADABLE : SNAG_EMBED_OK;
}

int snag_embed_feed(snag_embed *self, const char *json, size_t size)
{
    return feed(self, 0, json, size);
}

int snag_embed_feed_source(snag_embed *self, const char *source, const char *json, size_t size)
{
    const snag_pipeline *pipeline = &self->config.pipeline;
    for (uint32_t i = 0; i < pipeline->source_count; i++)
        if (snag_str_equal(pipeline->sources[i].name, snag_str_from(source)))
            return feed(self, i, json, size);
    snag_fail(&self->diag, SNAG_USAGE, "the pipeline has no source %s", source);
    return SNAG_EMBED_UNREADABLE;
}

int snag_embed_tick(snag_embed *self, int64_t time_ms)
{
    snag_err err = snag_feed_tick(self->feed, time_ms);
    if (!err)
        return SNAG_EMBED_OK;
    snag_fail(&self->diag, err, "the memory for state is used up");
    return SNAG_EMBED_FULL;
}

const char *snag_embed_error(const snag_embed *self)
{
    return self->diag.text;
}

void snag_embed_close(snag_embed *self)
{
    if (!self)
        return;
    snag_feed_free(self->feed);
    snag_config_free(&self->config);
    free(self);
}
