/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/range_bound.h"

#include <stdlib.h>

#include "base/time.h"

static bool is_number(const char *text)
{
    return *text != '\0' && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19;
}

snag_err snag_range_bound_parse(snag_range_bound *to, const char *option, const char *text, const char *log,
                                snag_diag *diag)
{
    *to = (snag_range_bound){.kind = SNAG_BOUND_LOG};
    if (!text || strcmp(text, log) == 0)
        return SNAG_OK;
    if (is_number(text)) {
        *to = (snag_range_bound){.kind = SNAG_BOUND_OFFSET, .value = strtoll(text, NULL, 10)};
        return SNAG_OK;
    }
    to->kind = SNAG_BOUND_TIME;
    if (snag_time_parse_ms(snag_str_from(text), &to->value))
        return SNAG_OK;
    return snag_fail(diag, SNAG_USAGE,
                     "--%s %s: expected %s, a time such as 2026-01-05T10:00:00Z, or an offset of every "
                     "partition",
                     option, text, log);
}

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

snag_err snag_range_bound_find(const snag_range_bound *of, snag_kafka_look *look, const char *topic,
                               const snag_kafka_part *part, int64_t first, int64_t end, int64_t *offset,
                               snag_diag *diag)
{
    if (of->kind == SNAG_BOUND_OFFSET)
        *offset = within(of->value, first, end);
    if (of->kind != SNAG_BOUND_TIME)
        return SNAG_OK;
    snag_err err = snag_kafka_look_at(look, topic, part->partition, of->value, offset, diag);
    if (err == SNAG_OK)
        *offset = within(*offset, first, end);
    else if (err == SNAG_END) /* all that there is is older */
        *offset = end;
    return err == SNAG_END ? SNAG_OK : err;
}
