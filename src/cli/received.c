/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/received.h"

#include <stdlib.h>

#include "base/time.h"
#include "codec/json.h"

struct snag_received {
    const snag_pipeline *pipeline;
    bool everywhere; /* the path is of every source, whatever its format */
    snag_paths paths;
    snag_json *json;
};

snag_err snag_received_new(snag_received **out, const snag_pipeline *pipeline, const char *path,
                           snag_diag *diag)
{
    uint32_t slot;
    snag_received *received = calloc(1, sizeof *received);
    *out = NULL;
    if (!received)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    received->pipeline = pipeline;
    received->everywhere = path != NULL;
    snag_err err = snag_paths_init(&received->paths, diag);
    if (err == SNAG_OK)
        err = snag_paths_add(&received->paths, snag_str_from(path ? path : "receivedAt"), &slot, diag);
    if (err == SNAG_OK)
        err = snag_json_new(&received->json, &received->paths, diag);
    if (err == SNAG_OK)
        *out = received;
    else
        snag_received_free(received);
    return err;
}

void snag_received_free(snag_received *received)
{
    if (!received)
        return;
    snag_json_free(received->json);
    snag_paths_finish(&received->paths);
    free(received);
}

static int64_t slot_time(const snag_slot *slot)
{
    int64_t time_ms;
    int64_t number;
    if (slot->kind == SNAG_SLOT_TEXT && snag_time_parse_ms(slot->as.raw, &time_ms))
        return time_ms;
    if (slot->kind == SNAG_SLOT_NUMBER && snag_json_int(slot->as.raw, &number) &&
        snag_time_from_epoch_int(number, &time_ms))
        return time_ms;
    return SNAG_TIME_NONE;
}

int64_t snag_received_ms(snag_received *received, uint32_t source, snag_str record)
{
    snag_slot slot = {.kind = SNAG_SLOT_ABSENT};
    bool has = received->everywhere || received->pipeline->sources[source].format == SNAG_FORMAT_SEGMENT;
    if (!has || snag_json_read(received->json, record, 0, &slot, NULL) != SNAG_OK)
        return SNAG_TIME_NONE;
    return slot_time(&slot);
}
