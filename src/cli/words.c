/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/words.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/assert.h"

typedef struct cursor {
    snag_str line;
    size_t at;
    snag_arena *arena;
    const char *message;
} cursor;

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool is_name(char byte, bool first)
{
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
    return letter || (!first && ((byte >= '0' && byte <= '9') || byte == '.' || byte == '-'));
}

/* The size of `key` where the text goes on as key=…; 0 where it does not. */
static size_t key_size(const cursor *self)
{
    size_t size = 0;
    while (self->at + size < self->line.size && is_name(self->line.data[self->at + size], size == 0))
        size++;
    bool equals = self->at + size < self->line.size && self->line.data[self->at + size] == '=';
    return equals ? size : 0;
}

static bool is_escape(const cursor *self)
{
    return self->line.data[self->at] == '\\' && self->at + 1 < self->line.size &&
           (self->line.data[self->at + 1] == '"' || self->line.data[self->at + 1] == '\\');
}

/* A quoted text, the cursor on its first quote. */
static bool quoted_take(cursor *self, snag_str *out)
{
    size_t from = ++self->at;
    while (self->at < self->line.size && self->line.data[self->at] != '"')
        self->at += is_escape(self) ? 2 : 1;
    self->message = "the quote is not closed";
    if (self->at == self->line.size)
        return false;
    size_t end = self->at;
    char *bytes = snag_arena_bytes(self->arena, end - from);
    SNAG_ASSERT(bytes);
    size_t size = 0;
    for (self->at = from; self->at < end; self->at++) {
        self->at += is_escape(self);
        bytes[size++] = self->line.data[self->at];
    }
    self->at = end + 1;
    self->message = "a blank is missing behind the quote";
    *out = (snag_str){bytes, size};
    return self->at == self->line.size || is_blank(self->line.data[self->at]);
}

static bool plain_take(cursor *self, snag_str *out)
{
    size_t from = self->at;
    while (self->at < self->line.size && !is_blank(self->line.data[self->at]))
        self->at++;
    *out = (snag_str){self->line.data + from, self->at - from};
    return true;
}

static bool text_take(cursor *self, snag_str *out, bool *quoted)
{
    *quoted = self->at < self->line.size && self->line.data[self->at] == '"';
    return *quoted ? quoted_take(self, out) : plain_take(self, out);
}

static bool word_take(cursor *self, snag_word *word)
{
    size_t from = self->at;
    size_t key = key_size(self);
    *word = (snag_word){.column = (uint32_t)from + 1};
    if (key > 0) {
        word->key = (snag_str){self->line.data + from, key};
        self->at += key + 1;
        bool quoted;
        if (!text_take(self, &word->value, &quoted))
            return false;
        word->text = (snag_str){self->line.data + from, self->at - from};
    } else if (!text_take(self, &word->text, &word->quoted)) {
        return false;
    }
    word->end = (uint32_t)self->at + 1;
    return true;
}

bool snag_words_split(snag_words *words, snag_str line, snag_arena *arena, const char **message,
                      uint32_t *column)
{
    cursor self = {.line = line, .arena = arena};
    words->line = line;
    words->count = 0;
    for (;;) {
        while (self.at < line.size && is_blank(line.data[self.at]))
            self.at++;
        if (self.at == line.size || line.data[self.at] == '#')
            return true;
        *column = (uint32_t)self.at + 1;
        *message = "there are too many words in this line";
        if (words->count == SNAG_WORDS_MAX)
            return false;
        if (!word_take(&self, &words->list[words->count])) {
            *message = self.message;
            return false;
        }
        words->count++;
    }
}

snag_str snag_words_joined(const snag_words *words, uint32_t from, uint32_t to)
{
    SNAG_ASSERT(from < to && to <= words->count);
    if (to == from + 1)
        return words->list[from].text;
    size_t first = words->list[from].column - 1;
    size_t end = words->list[to - 1].end - 1;
    return (snag_str){words->line.data + first, end - first};
}

/* strtoll and strtod want a terminated text. */
static bool terminated(snag_str text, char bytes[64])
{
    if (text.size == 0 || text.size > 63 || is_blank(text.data[0]))
        return false;
    memcpy(bytes, text.data, text.size);
    bytes[text.size] = '\0';
    return true;
}

bool snag_word_int(snag_str text, int64_t *value)
{
    char bytes[64];
    char *end;
    if (!terminated(text, bytes))
        return false;
    errno = 0;
    *value = strtoll(bytes, &end, 10);
    return errno == 0 && *end == '\0' && end == bytes + text.size;
}

bool snag_word_double(snag_str text, double *value)
{
    char bytes[64];
    char *end;
    if (!terminated(text, bytes))
        return false;
    *value = strtod(bytes, &end);
    return *end == '\0' && end == bytes + text.size && isfinite(*value);
}
