/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripts that run inside Redis. Each compares before it writes, so nothing else may write these keys.
 */
#ifndef SNAG_REDIS_SCRIPTS_H
#define SNAG_REDIS_SCRIPTS_H

typedef enum snag_script { SNAG_SCRIPT_WRITE, SNAG_SCRIPT_TAKE, SNAG_SCRIPT_COUNT } snag_script;

/* Cells of one script: it blocks its server while it runs. */
enum { SNAG_SCRIPT_ITEMS_MAX = 500 };

/* Arguments of WRITE before its pairs of cell key and blob; its keys are m, then one bucket a pair. */
enum { SNAG_WRITE_ARGS = 9 };

const char *snag_script_text(snag_script script);

#endif
