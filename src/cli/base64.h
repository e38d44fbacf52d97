/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648, with padding): dead letters carry their original bytes in it.
 */
#ifndef SNAG_CLI_BASE64_H
#define SNAG_CLI_BASE64_H

#include "base/buf.h"

void snag_base64_put(snag_buf *buf, snag_str bytes);

#endif
