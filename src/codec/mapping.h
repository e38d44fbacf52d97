/* SPDX-License-Identifier: Apache-2.0
 *
 * A source's mapping, compiled: slots -> event. The same for all formats.
 *
 *     mapping names --paths--> tree of wanted paths --reader--> slots
 *     slots --first present, `as`, constants, expressions, bounds--> event with its vars
 *
 * Rules that are the same wherever a record comes from:
 * - a name counts as absent only where all its paths are missing or null; a value of the wrong type is the
 *   record's fault (dead letter), never silently absent;
 * - an id that is not given is 16 hex digits over every mapped path that is there, so that a resent record
 *   is the same event, whatever the rules happen to use;
 * - ids and names of customers are refused past their bound, kept texts are cut with a mark.
 */
#ifndef SNAG_CODEC_MAPPING_H
#define SNAG_CODEC_MAPPING_H

#include "codec/codec.h"
#include "codec/paths.h"
#include "codec/slot.h"

typedef struct snag_mapper snag_mapper;

SNAG_MUST_CHECK snag_err snag_mapper_new(snag_mapper **out, const snag_source_spec *source,
                                         int64_t now_ms, snag_diag *diag);
void snag_mapper_free(snag_mapper *mapper);

/* The paths it wants, for a reader. */
const snag_paths *snag_mapper_paths(const snag_mapper *mapper);
/* All slots, cleared, to be filled for one record. Borrowed until the next call. */
snag_slot *snag_mapper_slots(snag_mapper *mapper);
/* The event that the filled slots make. See snag_decode for the results. */
SNAG_MUST_CHECK snag_err snag_mapper_apply(snag_mapper *mapper, const snag_raw *raw,
                                           snag_arena *arena, snag_event *event, snag_diag *diag);
/* A table's row that is gone: a record with a key and no value. */
SNAG_MUST_CHECK snag_err snag_mapper_gone(snag_mapper *mapper, const snag_raw *raw, snag_arena *arena,
                                          snag_event *event, snag_diag *diag);
/* Reads a list's next item into slots that are cleared, the last of them for the item itself; *any: false
 * past the last. */
typedef snag_err snag_item_next(void *context, snag_slot *slots, bool *any, snag_arena *arena,
                                snag_diag *diag);
/* With `each:`: the events of all items, none where one of them is none. next: NULL = the items are JSON.
 * SNAG_FULL: the arena, or `room` (SNAG_EACH_MAX is always enough). */
SNAG_MUST_CHECK snag_err snag_mapper_items(snag_mapper *mapper, const snag_raw *raw, snag_item_next *next,
                                           void *context, snag_arena *arena, snag_event *events, size_t room,
                                           size_t *count, snag_diag *diag);
/* The customer (account) of the last event as its record has it, also where the event has a hash of it. */
snag_str snag_mapper_key(const snag_mapper *mapper, bool account);

#endif
