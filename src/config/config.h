/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline file: YAML with positions -> checked, compiled pipeline.
 */
#ifndef SNAG_CONFIG_CONFIG_H
#define SNAG_CONFIG_CONFIG_H

#include "engine/pipeline.h"

/* One finding in the file. */
typedef struct snag_config_error {
    snag_diag diag;
} snag_config_error;

typedef struct snag_config {
    snag_pipeline pipeline;
    snag_str base_dir; /* folder of the file: relative paths start here */
    snag_config_error *errors; /* every finding, in file order */
    uint32_t error_count;
    snag_str text; /* the file, for showing the line of an error */
    snag_str path;
    struct snag_candidates *candidates; /* what could be measured (snag_config_measure_all) */
    struct snag_zones *zones; /* time zones that were read, and calendars; NULL = none */
    void *memory; /* everything else above lives here */
} snag_config;

/* Reads and compiles. SNAG_IO: cannot be read; SNAG_CONFIG: errors[] says why (each with line,
 * column, text, what was expected, nearest known name). Always fills out; free with
 * snag_config_free. `environment` gives ${NAME} (getenv-like; NULL = none). */
SNAG_MUST_CHECK snag_err snag_config_load(snag_config *out, const char *path,
                                          const char *(*environment)(const char *name),
                                          snag_diag *diag);
SNAG_MUST_CHECK snag_err snag_config_parse(snag_config *out, snag_str text, const char *path,
                                           const char *(*environment)(const char *name));
void snag_config_free(snag_config *config);
/* From now on every stage and every wait of a rule is measured, not only those whose deadline is learned;
 * engines made before must be gone. */
void snag_config_measure_all(snag_config *config);
/* Prints one error the way all commands do: file:line:column: message, the line, a caret. */
void snag_config_error_print(snag_buf *buf, const snag_config *config,
                             const snag_config_error *error);

/* The reference, from the tables the loader uses: all of it (word empty), or one word. False: no such word;
 * `nearest` then names the closest. */
bool snag_manual_print(snag_buf *buf, snag_str word, snag_str *nearest);

#endif
