/* SPDX-License-Identifier: Apache-2.0
 *
 * What an event line may say where its source has `device:`: device=NAME sent=TIME received=TIME. The line's
 * own time is then what the device stamped.
 */
#include "base/assert.h"
#include "cli/cases_parse.h"

static const char *const words[] = {"device", "sent", "received"};

bool snag_case_device_word(const snag_case_parser *self, uint32_t source, snag_str key)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (snag_str_equal(key, snag_str_from(words[i])))
            return self->pipeline->sources[source].device.given;
    return false;
}

snag_err snag_case_device(snag_case_parser *self, uint32_t from, uint32_t source, snag_event *event)
{
    snag_device_mark mark = {.came_ms = SNAG_TIME_NONE, .sent_ms = SNAG_TIME_NONE};
    for (uint32_t i = from; i < self->words.count; i++) {
        const snag_word *word = &self->words.list[i];
        if (!snag_case_device_word(self, source, word->key))
            continue;
        int64_t *time_ms = snag_str_equal(word->key, SNAG_STR("sent")) ? &mark.sent_ms : &mark.came_ms;
        if (snag_str_equal(word->key, SNAG_STR("device")))
            mark.id = word->value;
        else if (!snag_case_time_parse(word->value, self->time_ms, time_ms))
            return snag_case_fail_word(self, word, "expected a time such as 10:29:59, not", (snag_str){0});
    }
    if (mark.id.size > SNAG_ID_BYTES_MAX)
        return snag_case_fail(self, NULL, "the device's name is too long");
    event->stamp_ms = mark.came_ms;
    if (mark.came_ms != SNAG_TIME_NONE)
        self->time_ms = mark.came_ms;
    if (mark.id.size == 0 || mark.came_ms == SNAG_TIME_NONE)
        return SNAG_OK;
    snag_device_mark *kept = snag_arena_take(&self->arena, sizeof *kept);
    SNAG_ASSERT(kept);
    *kept = mark;
    event->device = kept;
    return SNAG_OK;
}
