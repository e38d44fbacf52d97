/* SPDX-License-Identifier: Apache-2.0
 *
 * `snag check --against OLD`: what another version of a pipeline changes for customers in flight.
 */
#ifndef SNAG_CLI_AGAINST_H
#define SNAG_CLI_AGAINST_H

#include <stdio.h>

#include "engine/pipeline.h"

/* Prints it, and returns how many findings there are: what is lost, ended or begun anew with the new version,
 * and what would be refused. */
uint32_t snag_against_print(const snag_pipeline *old, const snag_pipeline *new, FILE *file);

#endif
