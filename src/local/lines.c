/* SPDX-License-Identifier: Apache-2.0 */
#include "local/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/hash.h"

enum {
    PACKED_BYTES = 256 * 1024,
    TEXT_BYTES = 4 * 1024 * 1024, /* some thousand lines, and more than one line may be long */
    FILL_BYTES = 512 * 1024,      /* a read of its own: what is parsed next should still be in the cache */
    WINDOW_GZIP = 15 + 16         /* zlib: the largest window, gzip framing only */
};
_Static_assert(TEXT_BYTES > 2 * SNAG_RECORD_BYTES_MAX, "a line of the greatest size fits twice");

struct snag_lines {
    int fd;
    const char *path; /* for messages; the caller's */
    bool gzip;
    bool inflating; /* inside a gzip member: an end here means cut short */
    bool ended;     /* the file has no more bytes */
    z_stream stream;
    uint64_t packed_total;
    uint64_t packed_done;
    size_t packed_from; /* plain files: the first chunk is taken from `packed` too */
    size_t packed_to;
    int64_t base; /* offset of text[0] in the uncompressed stream */
    size_t parsed;
    size_t filled;
    uint8_t sha256[32];
    unsigned char packed[PACKED_BYTES];
    char text[TEXT_BYTES];
};

static snag_err read_some(snag_lines *lines, void *into, size_t room, size_t *got, snag_diag *diag)
{
    ssize_t size;
    do {
        size = read(lines->fd, into, room);
    } while (size < 0 && errno == EINTR);
    *got = 0;
    if (size < 0)
        return snag_fail(diag, SNAG_IO, "%s: %s", lines->path, strerror(errno));
    *got = (size_t)size;
    lines->packed_done += *got;
    return SNAG_OK;
}

static snag_err read_packed(snag_lines *lines, snag_diag *diag)
{
    size_t got;
    snag_err err = read_some(lines, lines->packed, PACKED_BYTES, &got, diag);
    lines->packed_from = 0;
    lines->packed_to = got;
    return err;
}

/* Reads the beginning and looks whether it is gzip: 1f 8b, which no text begins with. */
static snag_err look_at_start(snag_lines *lines, snag_diag *diag)
{
    while (lines->packed_to < 3) {
        size_t got;
        snag_err err = read_some(lines, lines->packed + lines->packed_to,
                                 PACKED_BYTES - lines->packed_to, &got, diag);
        if (err)
            return err;
        if (got == 0)
            break;
        lines->packed_to += got;
    }
    lines->gzip = lines->packed_to >= 2 && lines->packed[0] == 0x1f && lines->packed[1] == 0x8b;
    if (lines->gzip && inflateInit2(&lines->stream, WINDOW_GZIP) != Z_OK)
        return snag_fail(diag, SNAG_MEMORY, "%s: zlib cannot be started", lines->path);
    lines->inflating = lines->gzip;
    if (!lines->gzip && lines->packed_to >= 3 && memcmp(lines->packed, "\xef\xbb\xbf", 3) == 0) {
        lines->packed_from = 3; /* a byte order mark says nothing in UTF-8 */
        lines->base = 3;
    }
    return SNAG_OK;
}

snag_err snag_lines_new(snag_lines **out, const char *path, snag_diag *diag)
{
    struct stat about;
    bool standard = strcmp(path, "-") == 0;
    *out = NULL;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return snag_fail(diag, SNAG_IO, "%s: %s", path, strerror(errno));
    snag_lines *lines = calloc(1, sizeof *lines);
    if (!lines) {
        if (!standard)
            close(fd);
        return snag_fail(diag, SNAG_MEMORY, "%s: out of memory", path);
    }
    lines->fd = fd;
    lines->path = standard ? "standard input" : path;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        lines->packed_total = (uint64_t)about.st_size;
    snag_err err = look_at_start(lines, diag);
    if (err)
        snag_lines_free(lines);
    else
        *out = lines;
    return err;
}

void snag_lines_free(snag_lines *lines)
{
    if (!lines)
        return;
    if (lines->gzip)
        inflateEnd(&lines->stream);
    if (lines->fd != STDIN_FILENO)
        close(lines->fd);
    free(lines);
}

uint64_t snag_lines_done(const snag_lines *lines)
{
    return lines->packed_done - (lines->packed_to - lines->packed_from);
}

uint64_t snag_lines_total(const snag_lines *lines)
{
    return lines->packed_total;
}

void snag_lines_sha256(const snag_lines *lines, uint8_t digest[32])
{
    memcpy(digest, lines->sha256, sizeof lines->sha256);
}

/* Between two gzip members: another member follows, or nothing but padding. */
static snag_err next_member(snag_lines *lines, snag_diag *diag)
{
    while (lines->packed_from < lines->packed_to && lines->packed[lines->packed_from] == 0)
        lines->packed_from++;
    if (lines->packed_from == lines->packed_to)
        return SNAG_OK;
    if (lines->packed[lines->packed_from] != 0x1f || inflateReset(&lines->stream) != Z_OK)
        return snag_fail(diag, SNAG_IO, "%s: bytes that are not gzip follow its end", lines->path);
    lines->inflating = true;
    return SNAG_OK;
}

/* One step: takes packed bytes, gives text bytes. */
static snag_err inflate_some(snag_lines *lines, char *into, size_t room, size_t *got, snag_diag *diag)
{
    z_stream *stream = &lines->stream;
    stream->next_in = lines->packed + lines->packed_from;
    stream->avail_in = (unsigned)(lines->packed_to - lines->packed_from);
    stream->next_out = (unsigned char *)into;
    stream->avail_out = (unsigned)room;
    int code = inflate(stream, Z_NO_FLUSH);
    lines->packed_from = lines->packed_to - stream->avail_in;
    *got = room - stream->avail_out;
    if (code == Z_STREAM_END)
        lines->inflating = false;
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return snag_fail(diag, SNAG_IO, "%s: damaged gzip data near byte %llu: %s", lines->path,
                         (unsigned long long)snag_lines_done(lines),
                         stream->msg ? stream->msg : "no reason given");
    return SNAG_OK;
}

static snag_err fill_gzip(snag_lines *lines, char *into, size_t room, size_t *got, snag_diag *diag)
{
    *got = 0;
    while (*got == 0) {
        snag_err err = SNAG_OK;
        if (lines->packed_from == lines->packed_to) {
            err = read_packed(lines, diag);
            if (!err && lines->packed_to == 0)
                return lines->inflating ? snag_fail(diag, SNAG_IO, "%s: the gzip data is cut short",
                                                    lines->path)
                                        : SNAG_OK;
        }
        if (!err && !lines->inflating)
            err = next_member(lines, diag);
        if (!err && lines->inflating)
            err = inflate_some(lines, into, room, got, diag);
        if (err)
            return err;
    }
    return SNAG_OK;
}

static snag_err fill_plain(snag_lines *lines, char *into, size_t room, size_t *got, snag_diag *diag)
{
    size_t size = lines->packed_to - lines->packed_from;
    if (size == 0)
        return read_some(lines, into, room, got, diag);
    size = size < room ? size : room;
    memcpy(into, lines->packed + lines->packed_from, size);
    lines->packed_from += size;
    *got = size;
    return SNAG_OK;
}

/* More bytes behind text[filled]; `ended` where there are none. */
static snag_err fill(snag_lines *lines, snag_diag *diag)
{
    size_t got = 0;
    char *into = lines->text + lines->filled;
    size_t room = TEXT_BYTES - lines->filled;
    SNAG_ASSERT(room > 0);
    room = room < FILL_BYTES ? room : FILL_BYTES;
    snag_err err = lines->gzip ? fill_gzip(lines, into, room, &got, diag)
                               : fill_plain(lines, into, room, &got, diag);
    lines->filled += got;
    if (!err && got == 0)
        lines->ended = true;
    return err;
}

/* Moves the unfinished line to the front. */
static void compact(snag_lines *lines)
{
    size_t rest = lines->filled - lines->parsed;
    if (lines->parsed == 0)
        return;
    memmove(lines->text, lines->text + lines->parsed, rest);
    lines->base += (int64_t)lines->parsed;
    lines->parsed = 0;
    lines->filled = rest;
}

static bool is_blank(snag_str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] != ' ' && text.data[i] != '\t' && text.data[i] != '\r')
            return false;
    return true;
}

/* The next line that is wholly in memory, and not over-long. */
static bool next_whole(snag_lines *lines, snag_line *line)
{
    while (lines->parsed < lines->filled) {
        const char *from = lines->text + lines->parsed;
        size_t rest = lines->filled - lines->parsed;
        const char *end = memchr(from, '\n', rest);
        if (!end && !lines->ended)
            return false;
        size_t size = end ? (size_t)(end - from) : rest;
        if (size > SNAG_RECORD_BYTES_MAX)
            return false;
        *line = (snag_line){{from, size}, lines->base + (int64_t)lines->parsed, size};
        lines->parsed += size + (end ? 1 : 0);
        if (!is_blank(line->text))
            return true;
    }
    return false;
}

/* Reads past the rest of an over-long line, whose beginning stays at text[0]. */
static snag_err take_long(snag_lines *lines, snag_line *line, snag_diag *diag)
{
    snag_sha256 sha;
    snag_err err = SNAG_OK;
    size_t kept = SNAG_RECORD_BYTES_MAX;
    uint64_t size = kept;
    SNAG_ASSERT(lines->parsed == 0 && lines->filled > kept);
    *line = (snag_line){{lines->text, kept}, lines->base, 0};
    snag_sha256_init(&sha);
    snag_sha256_add(&sha, lines->text, kept);
    const char *end = NULL;
    while (!err && !end) {
        size_t rest = lines->filled - kept;
        end = memchr(lines->text + kept, '\n', rest);
        size_t part = end ? (size_t)(end - lines->text) - kept : rest;
        snag_sha256_add(&sha, lines->text + kept, part);
        size += part;
        if (end || lines->ended) {
            lines->parsed = kept + part + (end ? 1 : 0);
            break;
        }
        lines->base += (int64_t)part;
        lines->filled = kept;
        err = fill(lines, diag);
    }
    line->size = size;
    snag_sha256_end(&sha, lines->sha256);
    return err;
}

static bool has_long(const snag_lines *lines)
{
    size_t rest = lines->filled - lines->parsed;
    return rest > SNAG_RECORD_BYTES_MAX &&
           !memchr(lines->text + lines->parsed, '\n', SNAG_RECORD_BYTES_MAX + 1);
}

snag_err snag_lines_read(snag_lines *lines, snag_line *batch, size_t max, size_t *count,
                         snag_diag *diag)
{
    SNAG_ASSERT(max > 0);
    *count = 0;
    for (;;) {
        while (*count < max && next_whole(lines, &batch[*count]))
            ++*count;
        if (*count > 0)
            return SNAG_OK;
        compact(lines);
        if (has_long(lines)) {
            *count = 1;
            return take_long(lines, &batch[0], diag);
        }
        if (lines->ended)
            return SNAG_END;
        snag_err err = fill(lines, diag);
        if (err)
            return err;
    }
}
