/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/page.h"

#include "cli/terminal.h"

enum { STEP = 2, DEPTH_MAX = 32 };

typedef struct page {
    FILE *file;
    bool colour;
    const char *at;
    const char *end;
} page;

static void value(page *self, unsigned depth, bool inline_first);

static char peek(const page *self)
{
    return self->at < self->end ? *self->at : '\0';
}

static void indent(const page *self, unsigned depth)
{
    fprintf(self->file, "%*s", (int)(depth * STEP), "");
}

/* A text without its quotes; simple escapes are undone, control characters become blanks. */
static void text(page *self, bool name)
{
    for (self->at++; self->at < self->end && *self->at != '"'; self->at++) {
        char byte = *self->at;
        if (byte == '\\' && self->at + 1 < self->end) {
            byte = *++self->at;
            if (byte == 'u')
                self->at += self->end - self->at > 4 ? 4 : 0;
            if (byte == 'n' || byte == 't' || byte == 'r' || byte == 'u')
                byte = ' ';
        }
        fputc(name && byte == '_' ? ' ' : byte, self->file);
    }
    self->at += self->at < self->end;
}

static void word(page *self)
{
    while (self->at < self->end && !strchr(",]}", *self->at))
        fputc(*self->at++, self->file);
}

/* An event: its values on one line, in their order. */
static void event_line(page *self)
{
    while (self->at < self->end && *self->at != '}') {
        self->at++; /* the brace or the comma, then the name is passed over */
        while (self->at < self->end && *self->at != ':')
            self->at++;
        self->at += self->at < self->end;
        if (peek(self) == '"')
            text(self, false);
        else
            word(self);
        fputs("  ", self->file);
    }
    self->at += self->at < self->end;
    fputc('\n', self->file);
}

static bool is_event(const page *self)
{
    static const char begins[] = "{\"at\":";
    return (size_t)(self->end - self->at) > sizeof begins && memcmp(self->at, begins, sizeof begins - 1) == 0;
}

static void pair(page *self, unsigned depth)
{
    fputs(snag_style_code(self->colour, SNAG_STYLE_CYAN), self->file);
    text(self, true);
    fputs(snag_style_code(self->colour, SNAG_STYLE_PLAIN), self->file);
    fputc(':', self->file);
    self->at += self->at < self->end; /* the colon */
    value(self, depth, false);
}

static void object(page *self, unsigned depth, bool inline_first)
{
    bool first = true;
    if (!inline_first)
        fputc('\n', self->file);
    while (peek(self) == '{' || peek(self) == ',') {
        self->at++;
        if (peek(self) == '}')
            break;
        if (!first || !inline_first)
            indent(self, depth);
        first = false;
        pair(self, depth + 1);
    }
    self->at += self->at < self->end;
}

static void array(page *self, unsigned depth)
{
    if (self->end - self->at > 1 && self->at[1] == ']') {
        fputs(" none\n", self->file);
        self->at += 2;
        return;
    }
    fputc('\n', self->file);
    while (peek(self) == '[' || peek(self) == ',') {
        self->at++;
        indent(self, depth);
        fputs("- ", self->file);
        value(self, depth + 1, true);
    }
    self->at += self->at < self->end;
}

static void value(page *self, unsigned depth, bool inline_first)
{
    if (depth > DEPTH_MAX) {
        self->at = self->end;
        return;
    }
    switch (peek(self)) {
    case '{':
        if (inline_first && is_event(self))
            event_line(self);
        else
            object(self, depth, inline_first);
        return;
    case '[': array(self, depth); return;
    case '"':
        fputs(inline_first ? "" : " ", self->file);
        text(self, false);
        break;
    default:
        fputs(inline_first ? "" : " ", self->file);
        word(self);
        break;
    }
    fputc('\n', self->file);
}

void snag_page_print(FILE *file, bool colour, snag_str json)
{
    page self = {.file = file, .colour = colour, .at = json.data, .end = json.data + json.size};
    value(&self, 0, true);
}
