/* SPDX-License-Identifier: Apache-2.0
 *
 * What rules and stages with `due:` have in common: whom to tell, and in which words.
 */
#ifndef SNAG_CONFIG_TOLD_H
#define SNAG_CONFIG_TOLD_H

#include "config/key.h"

/* Fills severity, owner, sla, playbook and a headline that is given; only what counts can insert
 * {observed}. */
void snag_told_load(snag_loader *loader, const snag_told_raw *raw, bool counts, snag_signal_spec *out);

#endif
