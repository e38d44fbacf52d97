/* SPDX-License-Identifier: Apache-2.0
 *
 * snag manual [WORD]: the reference, from the tables the program itself uses.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "cli/command.h"
#include "config/config.h"

enum { MANUAL_BYTES = 1 << 18 };

static int print(const snag_command *command, const char *word)
{
    char *block = malloc(MANUAL_BYTES);
    SNAG_ASSERT(block != NULL);
    snag_buf buf = snag_buf_on(block, MANUAL_BYTES);
    snag_str nearest = {0};
    int code = SNAG_EXIT_FINE;
    if (snag_manual_print(&buf, snag_str_from(word), &nearest)) {
        SNAG_ASSERT(!buf.full);
        fwrite(buf.data, 1, buf.size, stdout);
    } else if (nearest.size > 0) {
        code = snag_command_fail(command, SNAG_EXIT_USAGE,
                                 "there is nothing on \"%s\"; did you mean \"%.*s\"?", word,
                                 SNAG_FMT(nearest));
    } else {
        code = snag_command_fail(command, SNAG_EXIT_USAGE,
                                 "there is nothing on \"%s\"; `snag manual` prints everything", word);
    }
    free(block);
    return code;
}

static int run(const snag_command *command, int argc, char **argv)
{
    int words = 0;
    int code = snag_options_parse(command, NULL, 0, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words > 1)
        return snag_command_fail(command, SNAG_EXIT_USAGE,
                                 "one word at a time; quote what has a blank in it");
    return print(command, words == 1 ? argv[0] : "");
}

const snag_command snag_command_manual = {
    .name = "manual",
    .usage = "snag manual [WORD]",
    .summary = "Prints the reference: every key, test, format, record, reason and counter.",
    .help = "Without a word all of it; with one, what is said of it, as in\n"
            "  snag manual missing\n"
            "  snag manual source\n"
            "  snag manual bad_time",
    .run = run,
};
