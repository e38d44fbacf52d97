/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts as YAML scalars, for what `snag init` writes.
 */
#ifndef SNAG_CLI_SCALAR_H
#define SNAG_CLI_SCALAR_H

#include "base/buf.h"

/* A text as a plain scalar where that is safe also inside {}, else in quotes. */
void snag_yaml_scalar_put(snag_buf *buf, const char *text);

#endif
