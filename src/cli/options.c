/* SPDX-License-Identifier: Apache-2.0
 *
 * Options from rows: one row binds a name to a variable and is its line in --help.
 *
 *     argv  --batch 7 care.yaml --quiet a.jsonl        words -> care.yaml a.jsonl
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/terminal.h"

static const snag_option_row help_row = {"help", SNAG_OPTION_FLAG, NULL, NULL, "prints this help"};

int snag_command_fail(const snag_command *command, int code, const char *format, ...)
{
    bool colour = snag_terminal_colour(stderr);
    fprintf(stderr, "%ssnag %s:%s ", snag_style_code(colour, SNAG_STYLE_RED), command->name,
            snag_style_code(colour, SNAG_STYLE_PLAIN));
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

/* "--partitions N" */
static size_t row_width(const snag_option_row *row)
{
    return 2 + strlen(row->name) + (row->value ? 1 + strlen(row->value) : 0);
}

static void row_print(const snag_option_row *row, size_t width, unsigned columns, bool colour)
{
    const char *value = row->value ? row->value : "";
    printf("  %s--%s%s%s%s%*s  ", snag_style_code(colour, SNAG_STYLE_GREEN), row->name,
           snag_style_code(colour, SNAG_STYLE_PLAIN), row->value ? " " : "", value,
           (int)(width - row_width(row)), "");
    snag_wrapped_print(stdout, row->help, (unsigned)width + 4, columns);
    putchar('\n');
}

static void help_print(const snag_command *command, const snag_option_row *rows, size_t row_count)
{
    unsigned columns = snag_terminal_columns(stdout);
    bool colour = snag_terminal_colour(stdout);
    size_t width = row_width(&help_row);
    for (size_t i = 0; i < row_count; i++)
        if (row_width(&rows[i]) > width)
            width = row_width(&rows[i]);
    printf("%s\n\nusage: %s%s%s\n", command->summary, snag_style_code(colour, SNAG_STYLE_BOLD),
           command->usage, snag_style_code(colour, SNAG_STYLE_PLAIN));
    if (command->help)
        printf("\n%s\n", command->help);
    printf("\noptions:\n");
    for (size_t i = 0; i < row_count; i++)
        row_print(&rows[i], width, columns, colour);
    row_print(&help_row, width, columns, colour);
}

static bool parse_int(const char *text, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return end != text && *end == '\0' && errno == 0;
}

static bool parse_time(const char *text, int64_t *time_ms)
{
    int64_t epoch;
    if (parse_int(text, &epoch))
        return snag_time_from_epoch_int(epoch, time_ms);
    return snag_time_parse_ms(snag_str_from(text), time_ms);
}

static bool list_add(snag_option_list *list, const char *value)
{
    if (list->count == SNAG_OPTION_LIST_MAX)
        return false;
    list->words[list->count++] = value;
    return true;
}

/* What a value must look like, for the message. */
static const char *bind(const snag_option_row *row, const char *value)
{
    switch (row->type) {
    case SNAG_OPTION_FLAG: *(bool *)row->target = true; return NULL;
    case SNAG_OPTION_TEXT: *(const char **)row->target = value; return NULL;
    case SNAG_OPTION_INT: return parse_int(value, row->target) ? NULL : "a whole number";
    case SNAG_OPTION_DURATION:
        return snag_duration_parse(snag_str_from(value), row->target) ? NULL
                                                                       : "a duration such as 60s or 1h";
    case SNAG_OPTION_LIST: return list_add(row->target, value) ? NULL : "no more of them";
    case SNAG_OPTION_TIME:
        return parse_time(value, row->target) ? NULL
                                               : "a time such as 2026-01-05T10:00:00Z, or epoch seconds";
    }
    SNAG_ASSERT(false && "a type of option");
    return NULL;
}

static const snag_option_row *row_find(const snag_option_row *rows, size_t row_count, snag_str name)
{
    for (size_t i = 0; i < row_count; i++)
        if (snag_str_equal(name, snag_str_from(rows[i].name)))
            return &rows[i];
    return NULL;
}

static int unknown(const snag_command *command, const snag_option_row *rows, size_t row_count,
                   snag_str name)
{
    snag_nearest nearest = {.wanted = name};
    for (size_t i = 0; i < row_count; i++)
        snag_nearest_offer(&nearest, snag_str_from(rows[i].name));
    if (nearest.best.size > 0)
        return snag_command_fail(command, SNAG_EXIT_USAGE,
                                 "there is no option --%.*s; did you mean --%.*s?", SNAG_FMT(name),
                                 SNAG_FMT(nearest.best));
    return snag_command_fail(command, SNAG_EXIT_USAGE,
                             "there is no option --%.*s; `snag %s --help` lists them",
                             SNAG_FMT(name), command->name);
}

/* One option at argv[*at], with its value; *at is left on its last word. */
static int take_option(const snag_command *command, const snag_option_row *rows, size_t row_count,
                       int argc, char **argv, int *at)
{
    const char *text = argv[*at] + 2;
    const char *equals = strchr(text, '=');
    snag_str name = {text, equals ? (size_t)(equals - text) : strlen(text)};
    const snag_option_row *row = row_find(rows, row_count, name);
    if (!row)
        return unknown(command, rows, row_count, name);
    const char *value = equals ? equals + 1 : NULL;
    if (row->type == SNAG_OPTION_FLAG && value)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "--%s takes no value", row->name);
    if (row->type != SNAG_OPTION_FLAG && !value) {
        if (*at + 1 >= argc)
            return snag_command_fail(command, SNAG_EXIT_USAGE, "--%s needs %s", row->name, row->value);
        value = argv[++*at];
    }
    const char *expected = bind(row, value);
    if (expected)
        return snag_command_fail(command, SNAG_EXIT_USAGE, "--%s %s: expected %s", row->name, value,
                                 expected);
    return -1;
}

static bool asks_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int snag_options_parse(const snag_command *command, const snag_option_row *rows, size_t row_count,
                       int argc, char **argv, int *words)
{
    *words = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[(*words)++] = argv[i];
            break;
        }
        if (asks_help(argv[i])) {
            help_print(command, rows, row_count);
            return SNAG_EXIT_FINE;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            int code = take_option(command, rows, row_count, argc, argv, &i);
            if (code >= 0)
                return code;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return snag_command_fail(command, SNAG_EXIT_USAGE,
                                     "%s: options are written with two dashes (see --help); what begins "
                                     "with a dash and is none comes after --", argv[i]);
        } else {
            argv[(*words)++] = argv[i];
        }
    }
    return -1;
}
