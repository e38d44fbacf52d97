/* SPDX-License-Identifier: Apache-2.0
 *
 * `as:` - what was found in a record -> the kind the pipeline file asked for. The same for all formats.
 */
#ifndef SNAG_CODEC_CONVERT_H
#define SNAG_CODEC_CONVERT_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/slot.h"
#include "event/source.h"

/* Converts a slot that is present and not null; of spec the unit and the zone are looked at. Texts stay
 * borrowed from the record where they can, else they live in the arena. BAD_TYPE, BAD_TIME, BAD_NUMBER,
 * BAD_UTF8: diag ends the sentence "NAME …"; SNAG_FULL: the arena. */
SNAG_MUST_CHECK snag_err snag_convert(const snag_slot *slot, snag_kind as, const snag_mapping *spec,
                                      snag_arena *arena, snag_value *out, snag_diag *diag);
/* The same for the result of an expression. */
SNAG_MUST_CHECK snag_err snag_convert_value(const snag_value *value, snag_kind as,
                                            const snag_mapping *spec, snag_arena *arena,
                                            snag_value *out, snag_diag *diag);

#endif
