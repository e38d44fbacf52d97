/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands: one file each, one row each in main.c's table. A command parses its options from a table
 * of rows, from which --help is printed too.
 */
#ifndef SNAG_CLI_COMMAND_H
#define SNAG_CLI_COMMAND_H

#include "base/err.h"

/* Exit codes (design.md, "Commands"). */
enum {
    SNAG_EXIT_FINE = 0,
    SNAG_EXIT_FINDINGS = 1, /* findings, failed cases, an expression that errs */
    SNAG_EXIT_USAGE = 2,    /* wrong usage, missing input, invalid pipeline */
    SNAG_EXIT_OUTSIDE = 3   /* broker or Redis failed for good */
};

typedef enum snag_option_type {
    SNAG_OPTION_FLAG,     /* bool *: --name */
    SNAG_OPTION_TEXT,     /* const char **: --name VALUE or --name=VALUE */
    SNAG_OPTION_INT,      /* int64_t * */
    SNAG_OPTION_DURATION, /* int64_t * in ms: 60s, 1h */
    SNAG_OPTION_TIME,     /* int64_t * in ms: RFC 3339 or epoch */
    SNAG_OPTION_LIST      /* snag_option_list *: --name VALUE, as often as one likes */
} snag_option_type;

enum { SNAG_OPTION_LIST_MAX = 64 };

typedef struct snag_option_list {
    const char *words[SNAG_OPTION_LIST_MAX];
    int count;
} snag_option_list;

typedef struct snag_option_row {
    const char *name;  /* without the dashes */
    snag_option_type type;
    void *target;
    const char *value; /* what stands for the value in --help, NULL for flags */
    const char *help;
} snag_option_row;

typedef struct snag_command {
    const char *name;
    const char *usage;   /* "snag replay PIPELINE [FILE…]" */
    const char *summary; /* one line for `snag --help` */
    const char *help;    /* paragraphs under the usage line, with examples; may be NULL */
    int (*run)(const struct snag_command *command, int argc, char **argv);
} snag_command;

/* Parses argv (argv[0] is the first word behind the command's name); options and plain words may mix,
 * "--" ends options. Plain words are moved to the front of argv and counted in *words. --help
 * prints usage,
 * help and rows to stdout. Returns -1 to go on, else the exit code to return at once (wrong usage
 * is told on
 * stderr with the nearest known option). */
int snag_options_parse(const snag_command *command, const snag_option_row *rows, size_t row_count,
                       int argc, char **argv, int *words);

/* "snag COMMAND: MESSAGE" on stderr; returns code. */
int snag_command_fail(const snag_command *command, int code, const char *format, ...)
    SNAG_PRINTF(3, 4);

/* The commands, each defined in its own file (run.c, replay.c …). */
extern const snag_command snag_command_init;
extern const snag_command snag_command_run;
extern const snag_command snag_command_replay;
extern const snag_command snag_command_check;
extern const snag_command snag_command_test;
extern const snag_command snag_command_topics;
extern const snag_command snag_command_simulate;
extern const snag_command snag_command_eval;
extern const snag_command snag_command_explain;
extern const snag_command snag_command_learn;
extern const snag_command snag_command_manual;

#endif
