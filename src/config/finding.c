/* SPDX-License-Identifier: Apache-2.0
 *
 * The loader's memory and its findings: added in any order, handed out in file order, printed with
 * the line and a caret under the place.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "config/loader.h"

void *snag_loader_take(snag_loader *loader, size_t size)
{
    void *piece = snag_arena_take(&loader->arena, size);
    SNAG_ASSERT(piece != NULL);
    return piece;
}

snag_str snag_loader_copy(snag_loader *loader, snag_str text)
{
    snag_str copy = snag_arena_copy(&loader->arena, text);
    SNAG_ASSERT(copy.data != NULL);
    return copy;
}

snag_str snag_loader_keep(snag_loader *loader, const snag_buf *buf)
{
    return snag_loader_copy(loader, snag_buf_str(buf));
}

static bool told_already(const snag_config *config, const snag_diag *diag)
{
    for (uint32_t i = 0; i < config->error_count; i++) {
        const snag_diag *other = &config->errors[i].diag;
        if (other->line == diag->line && other->column == diag->column &&
            strcmp(other->text, diag->text) == 0)
            return true;
    }
    return false;
}

void snag_finding_add(snag_loader *loader, snag_place at, const char *format, ...)
{
    snag_config *config = loader->config;
    loader->findings++;
    if (config->error_count == SNAG_FINDINGS_MAX) {
        loader->findings_left_out++;
        return;
    }
    snag_diag *diag = &config->errors[config->error_count].diag;
    va_list args;
    va_start(args, format);
    vsnprintf(diag->text, sizeof diag->text, format, args);
    va_end(args);
    snag_str cut = snag_str_from(diag->text);
    if (cut.size + 1 == sizeof diag->text) /* cut: not in the middle of a character */
        diag->text[snag_utf8_cut(cut, cut.size - 3).size] = '\0';
    diag->line = at.line;
    diag->column = at.column;
    if (!told_already(config, diag))
        config->error_count++;
}

static bool before(const snag_diag *a, const snag_diag *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Insertion: stable, and there are never many. */
void snag_findings_sort(snag_loader *loader)
{
    snag_config *config = loader->config;
    for (uint32_t i = 1; i < config->error_count; i++) {
        snag_config_error moved = config->errors[i];
        uint32_t to = i;
        while (to > 0 && before(&moved.diag, &config->errors[to - 1].diag)) {
            config->errors[to] = config->errors[to - 1];
            to--;
        }
        config->errors[to] = moved;
    }
    if (loader->findings_left_out > 0) {
        snag_diag *last = &config->errors[config->error_count - 1].diag;
        snag_fail(last, SNAG_CONFIG, "and %u more findings from here on",
                  loader->findings_left_out + 1);
    }
}

snag_str snag_text_line(snag_str text, uint32_t number)
{
    size_t from = 0;
    for (uint32_t line = 1; line < number && from < text.size; from++)
        if (text.data[from] == '\n')
            line++;
    size_t end = from;
    while (end < text.size && text.data[end] != '\n')
        end++;
    if (end > from && text.data[end - 1] == '\r')
        end--;
    return snag_str_of(text.data + from, end - from);
}

/* The caret stands under the character, tabs kept so that it lines up on any terminal. */
static void put_caret(snag_buf *buf, snag_str line, uint32_t column)
{
    size_t at = 0;
    for (uint32_t i = 1; i < column && at < line.size; i++) {
        char blank = line.data[at] == '\t' ? '\t' : ' ';
        snag_utf8_next(line, &at);
        snag_buf_byte(buf, blank);
    }
    snag_buf_byte(buf, '^');
}

static void put_printable(snag_buf *buf, snag_str line)
{
    for (size_t i = 0; i < line.size; i++) {
        unsigned char byte = (unsigned char)line.data[i];
        snag_buf_byte(buf, (byte < 0x20 && byte != '\t') || byte == 0x7f ? '?' : (char)byte);
    }
}

void snag_config_error_print(snag_buf *buf, const snag_config *config,
                             const snag_config_error *error)
{
    const snag_diag *diag = &error->diag;
    snag_buf_str_put(buf, config->path);
    if (diag->line > 0)
        snag_buf_printf(buf, ":%u:%u", diag->line, diag->column);
    snag_buf_put(buf, ": ", 2);
    put_printable(buf, snag_str_from(diag->text));
    snag_buf_byte(buf, '\n');
    if (diag->line == 0)
        return;
    snag_str line = snag_utf8_cut(snag_text_line(config->text, diag->line), 200);
    snag_buf_printf(buf, "%6u | ", diag->line);
    put_printable(buf, line);
    snag_buf_put(buf, "\n       | ", 10);
    put_caret(buf, line, diag->column);
    snag_buf_byte(buf, '\n');
}
