/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading a pipeline file, the same way and with the same words in every command.
 */
#ifndef SNAG_CLI_LOAD_H
#define SNAG_CLI_LOAD_H

#include "cli/command.h"
#include "config/config.h"

/* Loads the file with the process's environment; every finding is printed on stderr. Returns -1 to go on
 * (then snag_config_free is due), else the exit code to return at once (nothing is left to free). */
int snag_cli_load(const snag_command *command, const char *path, snag_config *config);

#endif
