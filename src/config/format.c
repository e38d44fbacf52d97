/* SPDX-License-Identifier: Apache-2.0 */
#include "config/format.h"

#include "base/assert.h"

const snag_default_path snag_default_paths[] = {
    {SNAG_FORMAT_SEGMENT, SNAG_VAR_ID, {"messageId", NULL}},
    {SNAG_FORMAT_SEGMENT, SNAG_VAR_TIME, {"timestamp", NULL}},
    {SNAG_FORMAT_SEGMENT, SNAG_VAR_TYPE, {"event", NULL}},
    {SNAG_FORMAT_SEGMENT, SNAG_VAR_CUSTOMER, {"userId", "anonymousId"}},
    {SNAG_FORMAT_CLOUDEVENTS, SNAG_VAR_ID, {"id", NULL}},
    {SNAG_FORMAT_CLOUDEVENTS, SNAG_VAR_TIME, {"time", NULL}},
    {SNAG_FORMAT_CLOUDEVENTS, SNAG_VAR_TYPE, {"type", NULL}},
    {SNAG_FORMAT_CLOUDEVENTS, SNAG_VAR_CUSTOMER, {"subject", NULL}},
};
const uint32_t snag_default_path_count = sizeof snag_default_paths / sizeof snag_default_paths[0];

static const struct {
    const char *prefix;
    const char *summary;
} formats[SNAG_FORMAT_COUNT] = {
    [SNAG_FORMAT_JSON] = {"", "One JSON object a record; map: says where everything stands."},
    [SNAG_FORMAT_SEGMENT] = {"properties.", "Track calls as Segment and its kin write them (JSON)."},
    [SNAG_FORMAT_CLOUDEVENTS] = {"data.", "CloudEvents 1.0: structured JSON, or binary mode with ce_ "
                                          "headers and JSON data."},
    [SNAG_FORMAT_AVRO] = {"", "Avro by a schema file, or framed with the id of a registry's schema."},
};

const char *snag_format_prefix(snag_format format)
{
    SNAG_ASSERT(format < SNAG_FORMAT_COUNT);
    return formats[format].prefix;
}

const char *snag_format_summary(snag_format format)
{
    SNAG_ASSERT(format < SNAG_FORMAT_COUNT);
    return formats[format].summary;
}

const char *snag_fixed_word(uint32_t slot)
{
    static const char *const words[SNAG_VAR_KEPT] = {
#define X(name, word) word,
        SNAG_FIXED_TABLE(X)
#undef X
    };
    SNAG_ASSERT(slot < SNAG_VAR_KEPT);
    return words[slot];
}
