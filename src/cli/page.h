/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON of our own as a page a person reads: names before values, one line each, deeper things farther to the
 * right; things that have a time and a type (events) on one line.
 */
#ifndef SNAG_CLI_PAGE_H
#define SNAG_CLI_PAGE_H

#include <stdio.h>

#include "base/str.h"

/* json must be well-formed; control characters in texts are not passed on. */
void snag_page_print(FILE *file, bool colour, snag_str json);

#endif
