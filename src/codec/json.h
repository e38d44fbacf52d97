/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON: simdjson's structural index, then one walk over it that checks the whole grammar and
 * fills the slots of the wanted paths.
 *
 *     bytes --simdjson stage 1--> positions --walk--> slots
 *
 * Everything in a record is checked, wanted or not: brackets, commas, literals, numbers, escapes,
 * nesting. (simdjson's own on-demand API leaves unread what it skips: a record cut off behind the last
 * wanted name would pass.) The first of two equal keys wins. Numbers keep their text and are read only
 * when somebody asks for one, so that a huge number nobody wants does no harm.
 */
#ifndef SNAG_CODEC_JSON_H
#define SNAG_CODEC_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/paths.h"
#include "codec/slot.h"
#include "event/value.h"

typedef struct snag_json snag_json;

/* A reader for records of up to SNAG_RECORD_BYTES_MAX. `paths` is borrowed and must not grow any more;
 * NULL = no paths, for texts that are only checked. */
SNAG_MUST_CHECK snag_err snag_json_new(snag_json **out, const snag_paths *paths, snag_diag *diag);
void snag_json_free(snag_json *json);

/* Walks through one record, beginning with the tree's `node` (0 = its root). Fills slots[] (as many as
 * the paths have; the caller has cleared them). The record must be an object, or BAD_TYPE. */
SNAG_MUST_CHECK snag_err snag_json_read(snag_json *json, snag_str record, uint32_t node,
                                        snag_slot *slots, snag_diag *diag);
/* The same for any JSON value: checks it and says where it stands without the white space around it. */
SNAG_MUST_CHECK snag_err snag_json_check(snag_json *json, snag_str text, snag_slot *slot,
                                         snag_diag *diag);

/* The decoded inside of a JSON string whose escapes were checked, into as many bytes as the inside has:
 * decoding never makes a text longer. False: a surrogate has no partner, and no UTF-8 text says that. */
bool snag_json_unescape_to(char *text, snag_str inside, size_t *size);
/* The same in the arena. data is NULL where the arena is full, or (*broken) there is no such text. */
snag_str snag_json_unescape(snag_arena *arena, snag_str inside, bool *broken);
/* A checked JSON value with all that is in it; lists and maps in the arena, texts in the record. Whole
 * numbers are INT, then UINT, then DOUBLE. SNAG_FULL: arena; SNAG_BAD_NUMBER, SNAG_BAD_UTF8. */
SNAG_MUST_CHECK snag_err snag_json_value(snag_arena *arena, const snag_slot *slot, snag_value *out);

/* A number's text: whole and in range of int64? */
bool snag_json_int(snag_str text, int64_t *out);
/* Is it a number as JSON writes them? */
bool snag_json_is_number(snag_str text);

#endif
