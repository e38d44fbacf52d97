/* SPDX-License-Identifier: Apache-2.0
 *
 * snag COMMAND …: the table of commands, `snag --help`, `snag --version`. Nothing else lives here.
 */
#include <stdio.h>

#include "base/nearest.h"
#include "cli/command.h"
#include "cli/terminal.h"

/* In the order of `snag --help`: what one meets first stands first. */
static const snag_command *const commands[] = {
    &snag_command_init,
    &snag_command_check,
    &snag_command_test,
    &snag_command_replay,
    &snag_command_run,
    &snag_command_explain,
    &snag_command_learn,
    &snag_command_topics,
    &snag_command_simulate,
    &snag_command_eval,
    &snag_command_manual,
    NULL, /* ends the table */
};

static void help_print(FILE *file)
{
    bool colour = snag_terminal_colour(file);
    const char *bold = snag_style_code(colour, SNAG_STYLE_BOLD);
    const char *green = snag_style_code(colour, SNAG_STYLE_GREEN);
    const char *plain = snag_style_code(colour, SNAG_STYLE_PLAIN);
    fprintf(file, "snag notices when a customer is stuck or failing, as it happens.\n\n");
    fprintf(file, "usage: %ssnag COMMAND%s …\n\ncommands:\n", bold, plain);
    for (size_t i = 0; commands[i]; i++) {
        fprintf(file, "  %s%-9s%s ", green, commands[i]->name, plain);
        snag_wrapped_print(file, commands[i]->summary, 12, snag_terminal_columns(file));
        fputc('\n', file);
    }
    fprintf(file, "\n`snag COMMAND --help` says more; `snag --version` prints the version.\n");
    fprintf(file, "exit codes: 0 fine, 1 findings, 2 wrong usage or invalid pipeline, "
                  "3 broker or Redis failed for good\n");
}

static const snag_command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    snag_nearest nearest = {.wanted = snag_str_from(name)};
    for (size_t i = 0; commands[i]; i++)
        snag_nearest_offer(&nearest, snag_str_from(commands[i]->name));
    if (nearest.best.size > 0)
        fprintf(stderr, "snag: there is no command %s; did you mean %.*s?\n", name,
                SNAG_FMT(nearest.best));
    else
        fprintf(stderr, "snag: there is no command %s; `snag --help` lists them\n", name);
    return SNAG_EXIT_USAGE;
}

/* What was printed must have arrived: a full disk is no success. */
static int finish(int code)
{
    bool lost = ferror(stdout) != 0;
    lost |= fflush(stdout) != 0;
    if (!lost)
        return code;
    fprintf(stderr, "snag: not all of the output could be written\n");
    return code == SNAG_EXIT_FINE ? SNAG_EXIT_USAGE : code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_print(stderr);
        return SNAG_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help_print(stdout);
        return finish(SNAG_EXIT_FINE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("snag %s\n", SNAG_VERSION);
        return finish(SNAG_EXIT_FINE);
    }
    const snag_command *command = command_find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    return finish(command->run(command, argc - 2, argv + 2));
}
