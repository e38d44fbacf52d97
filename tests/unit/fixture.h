/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline built by hand, and an engine whose records come out as lines of text:
 *     alert stuck ann/7 trigger 60000 deadline=60000 ev=a1
 *     journey call ann/7 entered 0 -> queued seq=1
 * so that a test of the core needs neither the pipeline file nor a codec.
 */
#ifndef SNAG_TESTS_FIXTURE_H
#define SNAG_TESTS_FIXTURE_H

#include "engine/engine.h"
#include "local/memory.h"

enum { FIXTURE_BLOCK_BYTES = 12 << 20, FIXTURE_TEXT_BYTES = 1 << 20, FIXTURE_VAR_CALL = SNAG_VAR_KEPT };

typedef struct fixture {
    snag_pipeline pipeline;
    snag_source_spec source;
    snag_scope scopes[2]; /* the customer; call */
    snag_rule rules[8];
    snag_journey journeys[2];
    snag_expr_name names[SNAG_VAR_KEPT + 1];
    uint32_t call_tag;
    snag_engine *engine;
    snag_memory memory;
    snag_buf out; /* the lines */
    int64_t offset;
} fixture;

/* One kept name, `call`; no rules yet. The fixture owns everything. */
fixture *fixture_new(void);
void fixture_free(fixture *f);
/* Adds a rule whose matchers are given as a name, "A|B" for a list, a trailing * allowed; NULL =
 * not given. Returns it, to
 * set its params. */
snag_rule *fixture_rule(fixture *f, const char *kind, const char *name, uint16_t scope,
                        const char *event, const char *missing, const char *until);
snag_matcher fixture_matcher(const char *text);
void fixture_journey(fixture *f, const char *name, uint16_t scope, const snag_stage *stages,
                     uint32_t count);
void fixture_start(fixture *f);
/* Feeds one event; call may be NULL. An id NULL gets "e<offset>". */
void fixture_event(fixture *f, const char *customer, int64_t time_ms, const char *type,
                   const char *call, const char *id);
/* The lines so far, then forgets them. Valid until the next event. */
const char *fixture_lines(fixture *f);
/* Copies all cells and the head into a fresh engine of a fixture built the same way. */
void fixture_move(fixture *from, fixture *to);

#endif
