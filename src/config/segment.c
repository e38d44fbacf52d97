/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose shares a rule with `enter: 2x` compares with: customers without a shape, and those of each.
 */
#include "base/assert.h"
#include "config/loader.h"

enum { OWNER_BYTES = 256 };

static bool compares(const snag_loader *loader, const snag_rule *rule)
{
    bool any = snag_is_times(rule->params.enter);
    for (uint32_t i = 0; rule->by_shape && i < loader->pipeline->shape_count; i++)
        any = any || snag_is_times(rule->by_shape[i].params.enter);
    return any;
}

static snag_str owner_of(snag_loader *loader, snag_str rule, snag_str shape)
{
    char text[OWNER_BYTES];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, rule);
    snag_buf_byte(&buf, '/');
    snag_buf_str_put(&buf, shape);
    return snag_loader_keep(loader, &buf);
}

static void rule_fill(snag_loader *loader, snag_rule *rule, snag_segment_spec *segments)
{
    snag_pipeline *pipeline = loader->pipeline;
    rule->segments = (uint16_t)(pipeline->segment_count + 1);
    for (uint32_t i = 0; i <= pipeline->shape_count; i++) {
        snag_segment_spec *segment = &segments[pipeline->segment_count++];
        segment->stamp = rule->signal.fingerprint;
        segment->owner = rule->signal.name;
        if (i > 0)
            segment->owner = owner_of(loader, rule->signal.name, pipeline->shapes[i - 1].name);
    }
    snag_rule *each = (snag_rule *)(uintptr_t)rule->by_shape; /* ours until it is handed out */
    for (uint32_t i = 0; each && i < pipeline->shape_count; i++)
        each[i].segments = rule->segments;
}

void snag_segments_fill(snag_loader *loader)
{
    snag_pipeline *pipeline = loader->pipeline;
    size_t most = pipeline->rule_count * ((size_t)pipeline->shape_count + 1);
    snag_segment_spec *segments = snag_loader_take(loader, most * sizeof *segments);
    pipeline->segments = segments;
    for (uint32_t i = 0; i < pipeline->rule_count; i++)
        if (compares(loader, &loader->rules[i]))
            rule_fill(loader, &loader->rules[i], segments);
}
