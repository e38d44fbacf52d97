/* SPDX-License-Identifier: Apache-2.0
 *
 * The first hops of rekeyed sources in `snag run`: which thread is one, and how it is wired.
 *
 *     threads with --workers 2, sources web (keyed), calls and mails (rekeyed)
 *     0 1  workers        2 3  hops of calls        4 5  hops of mails
 */
#ifndef SNAG_CLI_HOPS_H
#define SNAG_CLI_HOPS_H

#include "cli/live.h"
#include "runtime/worker.h"

typedef struct snag_hops {
    const char *instance;
    snag_pipeline pipelines[SNAG_SOURCES_MAX]; /* with only this source */
    snag_rekey_options rekeys[SNAG_SOURCES_MAX];
    char groups[SNAG_SOURCES_MAX][SNAG_LIVE_NAME_MAX + 80];
} snag_hops;

/* The source of thread i's hop; SNAG_SOURCES_MAX = it is a worker. */
uint32_t snag_hop_source(const snag_live *live, unsigned workers, unsigned i);
/* All threads: workers, and as many hops for each rekeyed source. */
unsigned snag_hop_threads(const snag_live *live, unsigned workers);
/* options: as a worker's; what is another thing for the hop is changed. Borrows hops. */
void snag_hop_fill(snag_hops *hops, const snag_live *live, uint32_t source, snag_worker_options *options);
/* like: the worker's input. After fill. */
SNAG_MUST_CHECK snag_err snag_hop_open(const snag_hops *hops, const snag_live *live, uint32_t source,
                                       unsigned number, const snag_kafka_input_options *like,
                                       snag_ports *ports, snag_diag *diag);
/* ", rekeying calls (3 partitions)" for each. */
void snag_hops_say(const snag_live *live, snag_buf *buf);

#endif
