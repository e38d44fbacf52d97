/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scalar.h"

void snag_yaml_scalar_put(snag_buf *buf, const char *text)
{
    static const char *const special[] = {"true", "false", "null", "yes", "no", "on", "off", "otherwise"};
    bool plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
    for (const char *c = text; *c; c++)
        plain = plain && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                          strchr("_.-/$", *c) || (*c == ' ' && c[1] && c[1] != ' '));
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        plain = plain && strcmp(text, special[i]) != 0;
    if (plain)
        snag_buf_str_put(buf, snag_str_from(text));
    else
        snag_buf_json(buf, snag_str_from(text));
}
