/* SPDX-License-Identifier: Apache-2.0
 *
 * Many worlds, each in a process of its own, so that a crash is a verdict too. Usage: README.md, or --help.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/planted.h"
#include "many.h"

static const char usage[] =
    "sim [--worlds N] [--seed S]   worlds S, S+1 ... S+N-1 (100 from seed 1)\n"
    "    --jobs N                  processes at a time (default: as many as processors)\n"
    "    --world S                 one world; prints its faults\n"
    "    --drop HEX                bit i: its fault i does not happen\n"
    "    --records N  --slots N    no more records, so many workers\n"
    "    --no-faults               nothing goes wrong\n"
    "    --lose WHAT               at the end: offsets, changelog or sight of it (loss.c)\n"
    "    --trace                   every step of it\n"
    "    --plant NAME              with a planted bug (only in sim_planted)\n"
    "    --red                     a failure is what is wanted: stops at the first\n"
    "    --points                  fails where a crash point was not died at, a fault never happened, or an\n"
    "                              alert of some rule was never said\n"
    "    --no-shrink               a failing world is told as it is\n";

static bool plant_choose(const char *name)
{
#define X(bug, word, where, help) word,
    static const char *const words[] = {SNAG_PLANTED_TABLE(X)};
#undef X
    for (int i = 0; i < SNAG_PLANTED_COUNT - 1; i++)
        if (strcmp(words[i], name) == 0)
            return sim_plant((snag_plant)(i + 1));
    fprintf(stderr, "sim: there is no planted bug %s\n", name);
    return false;
}

/* Options that take no value; false: it is none of them. */
static bool flag_read(sim_many *many, const char *word)
{
    if (strcmp(word, "--no-faults") == 0)
        many->setup.no_faults = true;
    else if (strcmp(word, "--trace") == 0)
        many->setup.trace = true;
    else if (strcmp(word, "--red") == 0)
        many->red = true;
    else if (strcmp(word, "--points") == 0)
        many->points = true;
    else if (strcmp(word, "--no-shrink") == 0)
        many->no_shrink = true;
    else
        return false;
    return true;
}

static const char *const losses[] = {
    "",
#define X(name, word, says) word,
    SIM_LOSS_TABLE(X)
#undef X
};

const char *sim_loss_word(sim_loss loss)
{
    return losses[loss];
}

static bool loss_choose(sim_setup *setup, const char *name)
{
    for (int i = 1; i < SIM_LOSS_COUNT; i++)
        if (strcmp(losses[i], name) == 0)
            setup->loss = (sim_loss)i;
    return setup->loss != SIM_LOSS_NONE;
}

static bool value_read(sim_many *many, const char *word, const char *value)
{
    if (strcmp(word, "--lose") == 0)
        return loss_choose(&many->setup, value);
    if (strcmp(word, "--plant") == 0) {
        many->plant = value;
        return plant_choose(value);
    }
    char *end;
    uint64_t number = strtoull(value, &end, strcmp(word, "--drop") == 0 ? 16 : 10);
    if (*end || !*value)
        return false;
    if (strcmp(word, "--worlds") == 0)
        many->worlds = number;
    else if (strcmp(word, "--seed") == 0)
        many->seed = number;
    else if (strcmp(word, "--jobs") == 0)
        many->jobs = (uint32_t)number;
    else if (strcmp(word, "--world") == 0) {
        many->one = true;
        many->setup.seed = number;
    } else if (strcmp(word, "--drop") == 0)
        many->setup.drop = number;
    else if (strcmp(word, "--records") == 0)
        many->setup.records = (uint32_t)number;
    else if (strcmp(word, "--slots") == 0)
        many->setup.slots = (uint32_t)number;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    sim_many many = {.program = argv[0], .worlds = 100, .seed = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (flag_read(&many, argv[i]))
            continue;
        if (i + 1 == argc || !value_read(&many, argv[i], argv[i + 1])) {
            fprintf(stderr, "sim: cannot make sense of %s\n%s", argv[i], usage);
            return 2;
        }
        i++;
    }
    return many.one ? sim_one(&many) : sim_all(&many);
}
