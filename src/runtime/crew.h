/* SPDX-License-Identifier: Apache-2.0
 *
 * The crew: worker threads, started together and stopped together. One that fails for good stops the others.
 */
#ifndef SNAG_RUNTIME_CREW_H
#define SNAG_RUNTIME_CREW_H

#include "runtime/worker.h"

enum { SNAG_CREW_MAX = 256 };

typedef struct snag_crew snag_crew;

/* options[i] and ports[i] belong to thread i and are borrowed until the join. Signals should be blocked
 * before, so that only the caller's thread gets them. */
SNAG_MUST_CHECK snag_err snag_crew_start(snag_crew **out, const snag_worker_options *options,
                                         const snag_ports *ports, unsigned count, snag_diag *diag);
/* Asks every worker to commit what it has and return. */
void snag_crew_stop(snag_crew *crew);
/* Whether any worker still runs. */
bool snag_crew_runs(const snag_crew *crew);
/* The sums over all workers; caught_up is 1 where all are, behind_ms the largest. */
void snag_crew_stats(const snag_crew *crew, snag_stats *sum);
/* Waits for all; the first failure with its words. Frees the crew. */
SNAG_MUST_CHECK snag_err snag_crew_join(snag_crew *crew, snag_diag *diag);

/* The system's clocks and random numbers. */
snag_clock snag_clock_system(void);

#endif
