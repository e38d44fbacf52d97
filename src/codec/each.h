/* SPDX-License-Identifier: Apache-2.0
 *
 * Items of a list in a record: `each: lines` makes an event of each.
 *
 *     {"order":7,"lines":[{"sku":1},{"sku":2}]}      each: lines, keep: { order: order, sku: lines.sku }
 *         event 1: order 7, sku 1      event 2: order 7, sku 2
 */
#ifndef SNAG_CODEC_EACH_H
#define SNAG_CODEC_EACH_H

#include "base/str.h"

/* Whether a path lies in the items of `each`; *inner = what is left of it, empty for the item itself. */
bool snag_each_inner(snag_str each, snag_str path, snag_str *inner);
/* A JSON list that was checked, with its brackets: what lies between them. */
snag_str snag_each_begin(snag_str list);
/* The next item of it, without the white space around; false: none is left. */
bool snag_each_next(snag_str *rest, snag_str *item);

#endif
