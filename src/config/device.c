/* SPDX-License-Identifier: Apache-2.0
 *
 * `device:` of a source: whose clock stamps the events.
 */
#include "base/hash.h"
#include "base/time.h"
#include "config/key.h"

/* What Segment's servers wrote there is corrected already, record by record, by what is corrected here. */
static void segment_check(snag_loader *loader, const snag_yaml *node, const snag_yaml *map)
{
    if (loader->source->format == SNAG_FORMAT_SEGMENT && !snag_key_given(loader, map, "time"))
        snag_finding_add(loader, node->key_at,
                         "device: for format segment say which time the device itself stamped, as map: "
                         "{ time: originalTimestamp }: Segment has corrected timestamp already, upload by "
                         "upload");
}

static void map_load(snag_loader *loader, const snag_yaml *node, snag_device_spec *device)
{
    snag_device_raw raw = {0};
    if (!snag_section_load(loader, &snag_section_device, node, &raw, NULL, NULL))
        return;
    device->tolerance_ms = raw.tolerance_ms;
    if (raw.id)
        snag_mapping_load(loader, raw.id, &device->id);
    else if (!snag_key_given(loader, node, "id"))
        snag_finding_add(loader, node->key_at, "device: id: is missing: where does the device's name stand?");
    if (raw.sent)
        snag_mapping_load(loader, raw.sent, &device->sent);
    if (raw.received)
        snag_mapping_load(loader, raw.received, &device->received);
    device->has_sent = raw.sent != NULL;
    device->has_received = raw.received != NULL;
}

void snag_device_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *map)
{
    snag_device_spec *device = &loader->source->device;
    *device = (snag_device_spec){
        .id = {.name = SNAG_STR("device"), .as = SNAG_KIND_TEXT, .used = true},
        .sent = {.name = SNAG_STR("sent"), .as = SNAG_KIND_TIME, .used = true},
        .received = {.name = SNAG_STR("received"), .as = SNAG_KIND_TIME, .used = true},
        .tolerance_ms = 10 * SNAG_SECOND_MS, /* as device_keys says */
        .given = true};
    if (loader->device_at.line == 0)
        loader->device_at = node->key_at;
    if (node->kind == SNAG_YAML_MAP)
        map_load(loader, node, device);
    else
        snag_mapping_load(loader, node, &device->id);
    if (device->id.as != SNAG_KIND_TEXT)
        snag_finding_add(loader, node->key_at, "device: id is always a text");
    segment_check(loader, node, map);
}

void snag_clocks_load(snag_loader *loader)
{
    static const uint16_t no_slot = 0;
    static const snag_str name = {.data = "device clock", .size = 12}; /* no kept name can be called so */
    snag_pipeline *pipeline = loader->pipeline;
    if (loader->device_at.line == 0 || loader->config->error_count > 0)
        return;
    if (pipeline->scope_count == SNAG_SCOPES_MAX) {
        snag_finding_add(loader, loader->device_at,
                         "device: counts as one more per:, and there are %u of them already: the most that "
                         "one pipeline may have",
                         SNAG_SCOPES_MAX - 1);
        return;
    }
    pipeline->clock_scope = (uint8_t)pipeline->scope_count;
    loader->scopes[pipeline->scope_count++] = (snag_scope){.slots = &no_slot, .names = &name, .count = 1};
}

static void identity_add(const snag_loader *loader, snag_sha256 *sha, const snag_mapping *mapping)
{
    snag_sha256_add_text(sha, mapping->name);
    for (uint32_t i = 0; i < mapping->path_count; i++)
        snag_sha256_add_text(sha, mapping->paths[i]);
    snag_sha256_add_text(sha, snag_where_text(loader, mapping->expr));
    snag_sha256_add_text(sha, snag_str_of(&mapping->unit, sizeof mapping->unit));
    snag_sha256_add_text(sha, mapping->hash ? SNAG_STR("hash") : SNAG_STR(""));
}

void snag_clocks_identity(const snag_loader *loader, snag_sha256 *sha, const snag_source_spec *source)
{
    const snag_device_spec *device = &source->device;
    const snag_zone *zone = source->fixed[SNAG_VAR_TIME].zone;
    if (zone) {
        snag_sha256_add_text(sha, SNAG_STR("zone"));
        snag_sha256_add_text(sha, zone->name);
    }
    if (!device->given)
        return;
    snag_sha256_add_text(sha, SNAG_STR("device"));
    identity_add(loader, sha, &device->id);
    identity_add(loader, sha, &device->sent);
    identity_add(loader, sha, &device->received);
    snag_sha256_add_text(sha, snag_str_of(&device->tolerance_ms, sizeof device->tolerance_ms));
}
