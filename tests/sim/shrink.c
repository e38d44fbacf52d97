/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a failing world small: faults are left out one by one, workers and records taken away, for as long
 * as it still fails in any way. Leaving out one thing changes the chance of all that follows, so this is a
 * search with luck, not a proof that the rest is needed.
 */
#include <time.h>

#include "many.h"

enum { TRIES = 150, PATIENCE_S = 60 };

typedef struct search {
    sim_setup best;
    sim_verdict verdict;
    int tries;
    time_t until;
} search;

static bool still_fails(search *self, const sim_setup *setup)
{
    sim_child child;
    sim_verdict verdict;
    if (self->tries++ > TRIES || time(NULL) > self->until)
        return false;
    sim_child_start(&child, setup, NULL);
    sim_child_end(&child, &verdict);
    if (!verdict.failed)
        return false;
    self->best = *setup;
    self->verdict = verdict;
    return true;
}

static bool fewer_faults(search *self)
{
    bool any = false;
    for (uint32_t i = 0; i < SIM_FAULTS; i++) {
        sim_setup setup = self->best;
        if (setup.drop >> i & 1)
            continue;
        setup.drop |= (uint64_t)1 << i;
        if (i < self->verdict.faults)
            any = still_fails(self, &setup) || any;
    }
    return any;
}

static bool fewer_workers(search *self)
{
    sim_setup setup = self->best;
    setup.slots = self->verdict.slots - 1;
    return setup.slots > 0 && still_fails(self, &setup);
}

static bool fewer_records(search *self)
{
    for (uint32_t less = self->verdict.records / 2; less > 0; less /= 2) {
        sim_setup setup = self->best;
        setup.records = self->verdict.records - less;
        if (still_fails(self, &setup))
            return true;
    }
    return false;
}

void sim_shrink(sim_setup *setup, sim_verdict *verdict)
{
    search self = {.best = *setup, .verdict = *verdict, .until = time(NULL) + PATIENCE_S};
    if (!verdict->slots) { /* it died without a verdict: only faults can be tried */
        self.verdict.slots = 1;
        self.verdict.faults = SIM_FAULTS;
    }
    for (bool more = true; more && self.tries < TRIES && time(NULL) <= self.until;) {
        more = fewer_faults(&self);
        more = fewer_workers(&self) || more;
        more = fewer_records(&self) || more;
    }
    *setup = self.best;
    *verdict = self.verdict;
}
