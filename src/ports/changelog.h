/* SPDX-License-Identifier: Apache-2.0
 *
 * The changelog port: reads one partition of the compacted topic that holds the truth about state.
 * Writing it is the output port's work, inside the transaction.
 */
#ifndef SNAG_PORTS_CHANGELOG_H
#define SNAG_PORTS_CHANGELOG_H

#include "base/err.h"

typedef struct snag_change_record {
    int64_t offset;
    snag_str key;
    snag_str value; /* size 0 = tombstone */
} snag_change_record;

typedef struct snag_changelog_ops {
    /* Begins at `from`; 0 = the first record there is. */
    snag_err (*open)(void *self, uint32_t partition, int64_t from, snag_diag *diag);
    /* The next record, borrowed until the next call. SNAG_END: at the end that is visible now (more may come
     * into sight); SNAG_AGAIN: nothing within wait_ms. */
    snag_err (*next)(void *self, int wait_ms, snag_change_record *record, snag_diag *diag);
    /* At SNAG_END: whether nothing undecided lay behind it then, so that what is missing will not come into
     * sight. NULL = never known. */
    bool (*settled)(void *self);
    void (*shut)(void *self);
    void (*close)(void *self);
} snag_changelog_ops;

typedef struct snag_changelog {
    const snag_changelog_ops *ops;
    void *self;
} snag_changelog;

#endif
