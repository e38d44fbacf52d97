/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <stdio.h>
#include <stdlib.h>

static const char *environment(const char *name)
{
    return getenv(name);
}

static void errors_print(const snag_config *config)
{
    char text[8192];
    for (uint32_t i = 0; i < config->error_count; i++) {
        snag_buf buf = snag_buf_on(text, sizeof text);
        snag_config_error_print(&buf, config, &config->errors[i]);
        fwrite(text, 1, buf.size, stderr);
    }
}

int snag_cli_load(const snag_command *command, const char *path, snag_config *config)
{
    snag_diag diag = {0};
    snag_err err = snag_config_load(config, path, environment, &diag);
    if (err == SNAG_OK)
        return -1;
    if (config->error_count > 0)
        errors_print(config);
    else
        snag_command_fail(command, SNAG_EXIT_USAGE, "%s", diag.text);
    snag_config_free(config);
    return SNAG_EXIT_USAGE;
}
