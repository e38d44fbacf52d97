/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry's client on a thread of its own, so that no worker waits for HTTP: a worker asks,
 * gets AGAIN, and asks again. There is no lock between them; a slot for each schema id changes
 * hands by its word:
 *
 *     worker:  FREE or UNKNOWN -> CLAIMED -> ASKED          thread:  ASKED -> KNOWN (for ever)
 *                                                                    ASKED -> UNKNOWN (for a while)
 *
 * Whoever sees ASKED as the thread, or KNOWN as a worker, sees all that was written before.
 */
#ifndef SNAG_LOCAL_FETCHER_H
#define SNAG_LOCAL_FETCHER_H

#include "local/registry.h"

typedef struct snag_fetcher snag_fetcher;

/* Within patience_ms of the first question an id is known or given up; given up, it is asked for
 * again after ten seconds. The registry is borrowed. */
SNAG_MUST_CHECK snag_err snag_fetcher_new(snag_fetcher **out, snag_registry *registry,
                                          int64_t patience_ms, snag_diag *diag);
void snag_fetcher_free(snag_fetcher *fetcher);

/* A snag_schema_fetch that never waits; context is the fetcher, from any thread. */
snag_schema_fetch snag_fetcher_ask;

#endif
