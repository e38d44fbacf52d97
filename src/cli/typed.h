/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed values as JSON, one form for what `snag eval` prints and for files of cases:
 *
 *     {"int": 5} {"uint": 5} {"double": 1.5} {"string": "a"} {"bytes": "YQ=="} {"bool": true} {"null": null}
 *     {"list": [...]} {"map": [[key, value] ...]} {"duration": "90s"} {"timestamp": "..."} {"type": "int"}
 */
#ifndef SNAG_CLI_TYPED_H
#define SNAG_CLI_TYPED_H

#include "base/arena.h"
#include "event/value.h"

void snag_typed_put(snag_buf *buf, const snag_value *value);
/* From a JSON value; false: not of this form, or the arena is full. */
bool snag_typed_read(snag_arena *arena, const snag_value *json, snag_value *out);
/* The same kind and value throughout; NaN equals NaN, 0.0 differs from -0.0; maps in any order. */
bool snag_typed_equal(const snag_value *a, const snag_value *b);

#endif
