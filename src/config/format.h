/* SPDX-License-Identifier: Apache-2.0
 *
 * What each format brings along: where the fixed names stand, and where the kept ones usually do.
 */
#ifndef SNAG_CONFIG_FORMAT_H
#define SNAG_CONFIG_FORMAT_H

#include "event/source.h"

typedef struct snag_default_path {
    snag_format format;
    uint32_t slot;        /* SNAG_VAR_* */
    const char *paths[2]; /* the first present wins; the second may be NULL */
} snag_default_path;

extern const snag_default_path snag_default_paths[];
extern const uint32_t snag_default_path_count;

/* Before a name in `keep: [name]`: "properties.", "data.", or nothing. */
const char *snag_format_prefix(snag_format format);
/* One sentence for the manual. */
const char *snag_format_summary(snag_format format);
/* The word of a fixed name, e.g. "customer". */
const char *snag_fixed_word(uint32_t slot);

#endif
