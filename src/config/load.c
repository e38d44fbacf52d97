/* SPDX-License-Identifier: Apache-2.0
 *
 * From a file to a pipeline: the block, the parts in their order, the findings in theirs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "config/key.h"
#include "config/zones.h"
#include "engine/engine.h"
#include "journey/cell.h"

/* Fixed part of the block, and bytes for each byte of text. Findings, tables and secrets are
 * counted in the fixed part; of text, the dearest (stages, lists of single letters) takes some 60
 * bytes a byte, and an expression that is compiled may borrow half of what is free. Untouched
 * memory costs nothing. */
enum { BLOCK_BYTES = 2 << 20, BLOCK_BYTES_PER_BYTE = 512 };

static snag_str folder_of(snag_str path)
{
    size_t size = path.size;
    while (size > 0 && path.data[size - 1] != '/')
        size--;
    if (size == 0)
        return SNAG_STR(".");
    return size == 1 ? SNAG_STR("/") : snag_str_of(path.data, size - 1);
}

static void name_load(snag_loader *loader, const snag_yaml *root, const snag_yaml *node)
{
    snag_pipeline *pipeline = loader->pipeline;
    if (!node) {
        if (!snag_key_given(loader, root, "pipeline"))
            snag_finding_add(loader, root->at, "pipeline: is missing: begin with \"pipeline: NAME\"");
        return;
    }
    if (!snag_text_load(loader, node, &pipeline->name))
        return;
    snag_yaml named = *node; /* the value is the name that is checked */
    named.key = node->text;
    named.key_at = node->at;
    snag_name_check(loader, &named, "a pipeline");
}

static void prefix_default(snag_loader *loader)
{
    char text[SNAG_TEXT_BYTES_MAX + 1];
    snag_buf buf = snag_buf_on(text, sizeof text);
    if (loader->pipeline->prefix.size > 0)
        return;
    snag_buf_str_put(&buf, loader->pipeline->name);
    snag_buf_byte(&buf, '.');
    loader->pipeline->prefix = snag_loader_keep(loader, &buf);
}

static void watched_check(snag_loader *loader, const snag_yaml *root)
{
    const snag_pipeline *pipeline = loader->pipeline;
    if (snag_key_given(loader, root, "rules") || snag_key_given(loader, root, "journeys"))
        return;
    if (pipeline->rule_count + pipeline->journey_count == 0)
        snag_finding_add(loader, root->at, "nothing is watched: add rules: or journeys:");
}

static void root_load(snag_loader *loader, const snag_yaml *root)
{
    snag_pipeline_raw raw = {0};
    snag_pipeline *pipeline = loader->pipeline;
    if (!snag_section_load(loader, &snag_section_pipeline, root, &raw, NULL, NULL))
        return;
    name_load(loader, root, raw.name_node);
    pipeline->version = (uint32_t)raw.version;
    pipeline->key_account = raw.key == 1;
    pipeline->budget_bytes = (uint64_t)raw.budget_bytes;
    loader->scopes = snag_loader_take(loader, SNAG_SCOPES_MAX * sizeof *loader->scopes);
    pipeline->scopes = loader->scopes;
    pipeline->scope_count = 1;
    snag_sources_load(loader, root, raw.sources);
    snag_facts_load(loader, raw.facts);
    snag_shapes_load(loader, raw.shapes);
    snag_calendars_load(loader, raw.calendars, raw.calendar);
    snag_seasons_load(loader, raw.seasons);
    snag_journeys_load(loader, raw.journeys);
    snag_rules_load(loader, raw.rules);
    snag_silences_load(loader);
    snag_quiet_load(loader, raw.quiet_event);
    snag_clocks_load(loader);
    snag_outputs_load(loader, raw.outputs);
    snag_kafka_load(loader, raw.kafka);
    snag_redis_load(loader, raw.redis);
    prefix_default(loader);
    watched_check(loader, root);
}

/* Better told here than when the engine starts. */
static void size_check(snag_loader *loader, const snag_yaml *root)
{
    const snag_pipeline *pipeline = loader->pipeline;
    const snag_yaml *rules = snag_yaml_get(root, "rules");
    uint32_t scope = 0;
    if (loader->config->error_count > 0 || snag_engine_fits(pipeline, &scope))
        return;
    snag_str name = SNAG_STR("customer");
    if (pipeline->key_account)
        name = SNAG_STR("account");
    if (scope > 0)
        name = pipeline->scopes[scope].names[0];
    snag_finding_add(loader, rules ? rules->at : root->at,
                     "too many rules and facts with per: %.*s: what they may have to remember is more than "
                     "one state of %u bytes holds; give some another per:, or leave some out",
                     SNAG_FMT(name), (unsigned)SNAG_ITEMS_BYTES_MAX);
}

static void zones_tell(snag_loader *loader)
{
    snag_zones *zones = loader->config->zones;
    if (!zones)
        return;
    snag_zones_hash(zones, loader->pipeline->zones);
    loader->pipeline->zone_version = snag_zones_version(zones);
}

static snag_err text_load(snag_loader *loader)
{
    snag_config *config = loader->config;
    const snag_yaml *root = snag_yaml_parse(loader);
    if (root)
        root_load(loader, root);
    if (root)
        size_check(loader, root);
    if (config->error_count > 0) {
        snag_findings_sort(loader);
        return SNAG_CONFIG;
    }
    snag_identity_fill(loader);
    snag_sketches_fill(loader);
    snag_segments_fill(loader);
    zones_tell(loader);
    return SNAG_OK;
}

snag_err snag_config_parse(snag_config *out, snag_str text, const char *path,
                           const char *(*environment)(const char *name))
{
    *out = (snag_config){.memory = NULL};
    snag_str kept = text.size > SNAG_FILE_BYTES_MAX ? (snag_str){0} : text;
    size_t bytes = BLOCK_BYTES + kept.size * BLOCK_BYTES_PER_BYTE;
    out->memory = malloc(bytes);
    if (!out->memory)
        return SNAG_MEMORY;
    snag_loader loader = {.config = out, .pipeline = &out->pipeline, .environment = environment};
    snag_arena_init(&loader.arena, out->memory, bytes);
    out->path = snag_loader_copy(&loader, snag_str_from(path));
    out->base_dir = folder_of(out->path);
    out->errors = snag_loader_take(&loader, SNAG_FINDINGS_MAX * sizeof *out->errors);
    if (kept.size < text.size) {
        snag_finding_add(&loader, (snag_place){0, 0}, "the file has more than %d bytes", SNAG_FILE_BYTES_MAX);
        return SNAG_CONFIG;
    }
    out->text = snag_loader_copy(&loader, text);
    return text_load(&loader);
}

/* The whole file in fresh memory, one byte more than a pipeline may have so that too much is seen. */
static char *file_read(const char *path, size_t *size, snag_diag *diag)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        snag_fail(diag, SNAG_IO, "%s: cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(SNAG_FILE_BYTES_MAX + 1);
    SNAG_ASSERT(text != NULL);
    *size = fread(text, 1, SNAG_FILE_BYTES_MAX + 1, file);
    if (ferror(file)) {
        snag_fail(diag, SNAG_IO, "%s: cannot be read: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

snag_err snag_config_load(snag_config *out, const char *path,
                          const char *(*environment)(const char *name), snag_diag *diag)
{
    size_t size = 0;
    *out = (snag_config){.memory = NULL};
    char *text = file_read(path, &size, diag);
    if (!text)
        return SNAG_IO;
    snag_err err = snag_config_parse(out, snag_str_of(text, size), path, environment);
    free(text);
    if (err == SNAG_CONFIG)
        snag_fail(diag, err, "%s: %u finding%s", path, out->error_count, out->error_count == 1 ? "" : "s");
    else if (err != SNAG_OK)
        snag_fail(diag, err, "%s: %s", path, snag_err_sentence(err));
    return err;
}

void snag_config_free(snag_config *config)
{
    if (!config)
        return;
    free(config->memory);
    snag_zones_free(config->zones);
    *config = (snag_config){.memory = NULL};
}
