/* SPDX-License-Identifier: Apache-2.0
 *
 * Presets: rules by name, as others publish them (pipelines/presets). Their text is part of the program.
 */
#ifndef SNAG_CONFIG_PRESET_H
#define SNAG_CONFIG_PRESET_H

#include "config/loader.h"

/* The presets' files, one behind the other. */
extern const unsigned char snag_presets[];
extern const size_t snag_presets_bytes;

/* Adds the keys of the preset that `use:` names to the rule, as far as it does not give them itself. What
 * is wrong with them is told at `use:`. */
void snag_preset_merge(snag_loader *loader, snag_yaml *rule);

#endif
