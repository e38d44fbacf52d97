/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/host.h"

const snag_rule_host snag_engine_host = {
    .opened = snag_fold_opened,
    .escalated = snag_fold_escalated,
    .closed = snag_fold_closed,
    .wait_began = snag_learn_wait_began,
    .wait_over = snag_learn_wait_over,
    .tell = snag_segment_tell,
    .ask = snag_segment_ask,
};
