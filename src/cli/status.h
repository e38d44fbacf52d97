/* SPDX-License-Identifier: Apache-2.0
 *
 * What `snag run` says of itself: one line now and then, one at the end.
 */
#ifndef SNAG_CLI_STATUS_H
#define SNAG_CLI_STATUS_H

#include "runtime/worker.h"

/* rate: records a second since the last one. */
void snag_status_print(snag_buf *buf, snag_str name, const snag_stats *sum, double rate);
void snag_farewell_print(snag_buf *buf, const snag_stats *sum);

#endif
