/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/nearest.h"
#include "cli/terminal.h"

enum { PATH_BYTES_MAX = 4096 };

/* One source's files. */
typedef struct stream {
    const char **paths; /* room for all words */
    int path_count;
    int next; /* path to open next */
    snag_lines *lines; /* NULL = none is open */
    snag_line *batch;
    size_t count; /* lines in hand … */
    size_t at;    /* … and the one that comes next */
    int64_t base; /* bytes of the files before this one: offsets rise over all of a source's files */
    int64_t end;  /* of the newest line, in this file */
    char own[PATH_BYTES_MAX]; /* the path of `file:` */
} stream;

struct snag_streams {
    const snag_pipeline *pipeline;
    snag_str base_dir;
    size_t batch;
    uint64_t done; /* of the files that are finished */
    bool caught_up;
    uint32_t count;
    stream list[SNAG_SOURCES_MAX];
};

static snag_err no_memory(snag_diag *diag)
{
    return snag_fail(diag, SNAG_MEMORY, "out of memory");
}

snag_err snag_streams_new(snag_streams **out, const snag_config *config, size_t batch, snag_diag *diag)
{
    snag_streams *streams = calloc(1, sizeof *streams);
    *out = streams;
    if (!streams)
        return no_memory(diag);
    streams->pipeline = &config->pipeline;
    streams->base_dir = config->base_dir;
    streams->batch = batch;
    streams->count = config->pipeline.source_count;
    for (uint32_t i = 0; i < streams->count; i++) {
        streams->list[i].batch = calloc(batch, sizeof(snag_line));
        if (!streams->list[i].batch)
            return no_memory(diag);
    }
    return SNAG_OK;
}

void snag_streams_free(snag_streams *streams)
{
    for (uint32_t i = 0; streams && i < streams->count; i++) {
        snag_lines_free(streams->list[i].lines);
        free(streams->list[i].batch);
        free(streams->list[i].paths);
    }
    free(streams);
}

/* --- which files ------------------------------------------------------------------------------- */

/* The source that a word names before its "="; SNAG_SOURCES_MAX = none. */
static uint32_t source_named(const snag_streams *streams, const char *word, snag_nearest *nearest)
{
    const char *equals = strchr(word, '=');
    nearest->wanted = snag_str_of(word, equals ? (size_t)(equals - word) : 0);
    for (uint32_t i = 0; i < streams->count && equals; i++) {
        if (snag_str_equal(streams->pipeline->sources[i].name, nearest->wanted))
            return i;
        snag_nearest_offer(nearest, streams->pipeline->sources[i].name);
    }
    return SNAG_SOURCES_MAX;
}

static snag_err word_take(snag_streams *streams, const char *word, snag_diag *diag)
{
    snag_nearest nearest = {.best = SNAG_STR("")};
    uint32_t source = source_named(streams, word, &nearest);
    const char *path = source < SNAG_SOURCES_MAX ? strchr(word, '=') + 1 : word;
    if (streams->count == 1 && (source == SNAG_SOURCES_MAX || access(word, F_OK) == 0)) {
        source = 0;
        path = word;
    }
    if (source == SNAG_SOURCES_MAX && nearest.best.size > 0)
        return snag_fail(diag, SNAG_USAGE, "there is no source %.*s; did you mean %.*s=FILE?",
                         SNAG_FMT(nearest.wanted), SNAG_FMT(nearest.best));
    if (source == SNAG_SOURCES_MAX)
        return snag_fail(diag, SNAG_USAGE,
                         "%s: of which source? The pipeline has %u: write %.*s=%s, or another's name", word,
                         streams->count, SNAG_FMT(streams->pipeline->sources[0].name), word);
    if (strcmp(path, "-") != 0 && access(path, R_OK) != 0)
        return snag_fail(diag, SNAG_USAGE, "%s cannot be read: %s", path, strerror(errno));
    stream *of = &streams->list[source];
    of->paths[of->path_count++] = path;
    return SNAG_OK;
}

/* A source's own `file:`, beside the pipeline file. */
static const char *own_path(snag_streams *streams, uint32_t i)
{
    stream *of = &streams->list[i];
    snag_str file = streams->pipeline->sources[i].file;
    snag_buf path = snag_buf_on(of->own, sizeof of->own - 1);
    if (file.data[0] != '/' && streams->base_dir.size > 0) {
        snag_buf_str_put(&path, streams->base_dir);
        snag_buf_byte(&path, '/');
    }
    snag_buf_str_put(&path, file);
    of->own[path.size] = '\0';
    return of->own;
}

static void own_take(snag_streams *streams)
{
    for (uint32_t i = 0; i < streams->count; i++) {
        stream *of = &streams->list[i];
        if (streams->pipeline->sources[i].file.size > 0)
            of->paths[of->path_count++] = own_path(streams, i);
    }
    stream *only = &streams->list[0];
    if (streams->count > 1 || only->path_count > 0)
        return;
    if (snag_terminal_is(stdin))
        fprintf(stderr, "snag: reading events from the terminal; Ctrl-D ends them\n");
    only->paths[only->path_count++] = "-";
}

/* Standard input is one stream; and whoever forgets a source's file would see stalls that are none. */
static snag_err all_check(const snag_streams *streams, snag_diag *diag)
{
    uint32_t piped = 0;
    for (uint32_t i = 0; i < streams->count; i++) {
        const stream *of = &streams->list[i];
        snag_str name = streams->pipeline->sources[i].name;
        bool pipe = false;
        if (of->path_count == 0)
            return snag_fail(diag, SNAG_USAGE,
                             "source %.*s has no file: write %.*s=FILE, or %.*s=/dev/null for no events",
                             SNAG_FMT(name), SNAG_FMT(name), SNAG_FMT(name));
        for (int k = 0; k < of->path_count; k++)
            pipe = pipe || strcmp(of->paths[k], "-") == 0;
        piped += pipe;
    }
    if (piped > 1)
        return snag_fail(diag, SNAG_USAGE, "standard input can be one source's only");
    return SNAG_OK;
}

snag_err snag_streams_take(snag_streams *streams, const char *const *words, int count, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (uint32_t i = 0; i < streams->count; i++) {
        streams->list[i].paths = calloc((size_t)count + 1, sizeof(const char *));
        if (!streams->list[i].paths)
            return no_memory(diag);
    }
    for (int i = 0; i < count && err == SNAG_OK; i++)
        err = word_take(streams, words[i], diag);
    if (count == 0)
        own_take(streams);
    return err == SNAG_OK ? all_check(streams, diag) : err;
}

/* --- reading ----------------------------------------------------------------------------------- */

static void close_file(snag_streams *streams, stream *of)
{
    if (of->lines)
        streams->done += snag_lines_done(of->lines);
    snag_lines_free(of->lines);
    of->lines = NULL;
    of->base += of->end;
    of->end = 0;
}

/* The next lines of a source, from its next file where one ends. SNAG_END: it has no more. */
static snag_err refill(snag_streams *streams, stream *of, snag_diag *diag)
{
    snag_err err = SNAG_END;
    of->count = of->at = 0;
    while (err == SNAG_END) {
        if (!of->lines && of->next == of->path_count)
            return SNAG_END;
        err = of->lines ? SNAG_OK : snag_lines_new(&of->lines, of->paths[of->next++], diag);
        if (err == SNAG_OK)
            err = snag_lines_read(of->lines, of->batch, streams->batch, &of->count, diag);
        if (err == SNAG_END)
            close_file(streams, of);
    }
    if (err == SNAG_OK) {
        const snag_line *last = &of->batch[of->count - 1];
        of->end = last->offset + (int64_t)last->size + 1;
    }
    return err;
}

static snag_err step_single(snag_streams *streams, snag_feed *feed, snag_diag *diag)
{
    uint8_t sha256[32];
    stream *of = &streams->list[0];
    snag_err err = refill(streams, of, diag);
    if (err)
        return err;
    snag_lines_sha256(of->lines, sha256);
    streams->caught_up = of->count < streams->batch;
    return snag_feed_lines(feed, of->batch, of->count, sha256, diag);
}

static snag_err line_give(stream *of, snag_feed *feed, uint32_t source, snag_diag *diag)
{
    uint8_t sha256[32];
    snag_line line = of->batch[of->at++];
    bool cut = line.size > line.text.size; /* it is the last of its batch then */
    line.offset += of->base;
    if (cut)
        snag_lines_sha256(of->lines, sha256);
    return snag_feed_line(feed, source, &line, cut ? sha256 : NULL, diag);
}

static snag_err step_merged(snag_streams *streams, snag_feed *feed, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    uint32_t source;
    streams->caught_up = false;
    for (size_t i = 0; i < streams->batch && err == SNAG_OK; i++) {
        if (!snag_feed_turn(feed, &source))
            return SNAG_END;
        stream *of = &streams->list[source];
        if (of->at == of->count) {
            err = refill(streams, of, diag);
            streams->caught_up = err == SNAG_OK && of->count < streams->batch;
        }
        if (err == SNAG_OK)
            err = line_give(of, feed, source, diag);
        else if (err == SNAG_END)
            err = snag_feed_end(feed, source, diag);
    }
    return err;
}

snag_err snag_streams_step(snag_streams *streams, snag_feed *feed, snag_diag *diag)
{
    return streams->count > 1 ? step_merged(streams, feed, diag) : step_single(streams, feed, diag);
}

bool snag_streams_caught_up(const snag_streams *streams)
{
    return streams->caught_up;
}

/* --- progress ---------------------------------------------------------------------------------- */

uint64_t snag_streams_done(const snag_streams *streams)
{
    uint64_t done = streams->done;
    for (uint32_t i = 0; i < streams->count; i++)
        if (streams->list[i].lines)
            done += snag_lines_done(streams->list[i].lines);
    return done;
}

static uint64_t file_bytes(const char *path)
{
    snag_lines *lines;
    if (strcmp(path, "-") == 0 || snag_lines_new(&lines, path, NULL) != SNAG_OK)
        return 0;
    uint64_t size = snag_lines_total(lines);
    snag_lines_free(lines);
    return size;
}

uint64_t snag_streams_total(const snag_streams *streams)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < streams->count; i++)
        for (int k = 0; k < streams->list[i].path_count; k++) {
            uint64_t size = file_bytes(streams->list[i].paths[k]);
            if (size == 0)
                return 0;
            total += size;
        }
    return total;
}

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

snag_err snag_streams_state(snag_feed **out, const snag_config *config, const char *const *words, int count,
                            uint32_t partitions, int64_t now_ms, snag_diag *diag)
{
    enum { BATCH = 1024 };
    snag_streams *streams;
    const snag_feed_options options = {.partitions = partitions, .batch = BATCH, .now_ms = now_ms,
                                       .emit = drop_record, .dead = drop_dead};
    *out = NULL;
    snag_err err = snag_streams_new(&streams, config, BATCH, diag);
    if (err == SNAG_OK)
        err = snag_streams_take(streams, words, count, diag);
    if (err == SNAG_OK)
        err = snag_feed_new(out, config, &options, diag);
    while (err == SNAG_OK)
        err = snag_streams_step(streams, *out, diag);
    snag_streams_free(streams);
    if (err == SNAG_END) {
        snag_feed_finish(*out, false);
        return SNAG_OK;
    }
    snag_feed_free(*out);
    *out = NULL;
    return err;
}
