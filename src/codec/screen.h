/* SPDX-License-Identifier: Apache-2.0
 *
 * Screen: what is done to a mapped event last. Exclusions see the names as the record has them; only then
 * are those with `hash: true` replaced.
 */
#ifndef SNAG_CODEC_SCREEN_H
#define SNAG_CODEC_SCREEN_H

#include "base/arena.h"
#include "base/err.h"
#include "event/source.h"

/* Marks the event with the first exclusion of its source that is true of it. scratch is reset. */
void snag_event_exclude(const snag_source_spec *source, snag_event *event, snag_arena *scratch);
/* Whether any name of the source has `hash: true`. */
bool snag_source_hashes(const snag_source_spec *source);
/* Whether a record's key is its event's customer (by_account: its account); where the event has only a hash
 * of it, by that. */
bool snag_event_keyed(const snag_source_spec *source, bool by_account, snag_str key, const snag_event *event);
/* Replaces the names that have `hash: true`; vars are the event's own. SNAG_FULL: the arena is. */
SNAG_MUST_CHECK snag_err snag_event_hash(const snag_source_spec *source, snag_event *event,
                                         snag_value *vars, snag_arena *arena);

#endif
