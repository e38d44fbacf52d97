/* SPDX-License-Identifier: Apache-2.0
 *
 * `sources:`: format, mapping and time bounds.
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "config/format.h"
#include "config/key.h"

enum {
    PATHS_MAX = 16,
    STEPS_MAX = 16
};

static const snag_kind kinds[] = {SNAG_KIND_TEXT, SNAG_KIND_INT,  SNAG_KIND_DOUBLE,
                                  SNAG_KIND_BOOL, SNAG_KIND_TIME, SNAG_KIND_DURATION};

/* A dotted path: no empty step; "\." is a dot inside a step. */
bool snag_path_check(snag_loader *loader, const snag_yaml *node)
{
    snag_str path = node->text;
    uint32_t steps = 1;
    bool empty = true;
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] == '.' && empty)
            break;
        empty = path.data[i] == '.';
        steps += empty;
        if (path.data[i] == '\\')
            i++;
    }
    if (empty || steps > STEPS_MAX || path.size > SNAG_TEXT_BYTES_MAX) {
        snag_finding_add(loader, node->at,
                         "%.*s: expected a path of steps joined by dots, as properties.amount",
                         SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    return true;
}

static void expression_load(snag_loader *loader, const snag_yaml *node, snag_mapping *out)
{
    snag_expr_zones zones = snag_loader_expr_zones(loader);
    snag_expr_scope scope = {.names = NULL, .count = 0, .open = true, .zones = &zones};
    snag_diag diag = {.text = ""};
    snag_str text = {0};
    if (!snag_expression_text_load(loader, node, &text))
        return;
    text = snag_str_of(text.data + 1, text.size - 1); /* without the = */
    out->expr = snag_expression_load(loader, text, &scope, SNAG_KIND_DYN, &diag);
    if (out->expr || snag_trap_tell(loader, node->at.line, node->key, node->parent->flow))
        return;
    snag_place at = node->at;
    if (node->plain && diag.column > 0)
        at.column += diag.column;
    snag_finding_add(loader, at, "%.*s: %s", SNAG_FMT(snag_yaml_name(node)), diag.text);
}

/* A path, a list of paths, or = EXPRESSION. */
static void from_load(snag_loader *loader, const snag_yaml *node, snag_mapping *out)
{
    if (node->kind == SNAG_YAML_TEXT && node->text.size > 0 && node->text.data[0] == '=') {
        expression_load(loader, node, out);
        return;
    }
    const snag_yaml *first = node->kind == SNAG_YAML_LIST ? node->first : node;
    uint32_t count = node->kind == SNAG_YAML_LIST ? node->count : 1;
    if (node->kind == SNAG_YAML_MAP || count == 0 || count > PATHS_MAX) {
        snag_finding_add(loader, node->at, "%.*s: expected a path, a list of 1 to 16 paths, or = EXPRESSION",
                         SNAG_FMT(snag_yaml_name(node)));
        return;
    }
    snag_str *paths = snag_loader_take(loader, count * sizeof *paths);
    out->path_count = count;
    out->paths = paths;
    for (const snag_yaml *item = first; count > 0; item = item->next, count--) {
        if (item->kind != SNAG_YAML_TEXT)
            snag_finding_add(loader, item->at, "%.*s: expected a path, not %s",
                             SNAG_FMT(snag_yaml_name(node)), snag_yaml_kind_word(item));
        else if (snag_path_check(loader, item))
            *paths++ = item->text;
    }
}

void snag_mapping_load(snag_loader *loader, const snag_yaml *node, snag_mapping *out)
{
    if (node->told)
        return;
    if (snag_yaml_is_empty(node)) {
        snag_finding_add(loader, node->key_at, "\"%.*s\" has no value; expected a path", SNAG_FMT(node->key));
        return;
    }
    if (node->kind != SNAG_YAML_MAP) {
        from_load(loader, node, out);
        return;
    }
    snag_mapping_raw raw = {0};
    snag_section_load(loader, &snag_section_mapping, node, &raw, NULL, NULL);
    if (raw.from)
        from_load(loader, raw.from, out);
    else if (!snag_key_given(loader, node, "from"))
        snag_finding_add(loader, node->at, "%.*s: from: is missing: where does it stand?",
                         SNAG_FMT(snag_yaml_name(node)));
    const snag_yaml *as = snag_yaml_get(node, "as");
    const snag_yaml *unit = snag_yaml_get(node, "unit");
    if (as && raw.as >= 0 && out->as == SNAG_KIND_TIME && kinds[raw.as] != SNAG_KIND_TIME)
        snag_finding_add(loader, as->at, "as: time is a time");
    else if (as && raw.as >= 0)
        out->as = kinds[raw.as];
    out->unit = (snag_time_unit)(raw.unit >= 0 ? raw.unit : 0);
    out->hash = raw.hash;
    if (raw.hash && out->as != SNAG_KIND_TEXT)
        snag_finding_add(loader, snag_yaml_get(node, "hash")->key_at, "hash: is for texts");
    if (unit && out->as != SNAG_KIND_TIME)
        snag_finding_add(loader, unit->key_at, "unit: is for times (as: time)");
}

int snag_fixed_slot(snag_str name)
{
    for (uint32_t slot = 0; slot < SNAG_VAR_KEPT; slot++)
        if (snag_str_equal(name, snag_str_from(snag_fixed_word(slot))))
            return (int)slot;
    return -1;
}

static void fixed_defaults(snag_loader *loader, snag_source_spec *source)
{
    for (uint32_t slot = 0; slot < SNAG_VAR_KEPT; slot++) {
        source->fixed[slot].name = snag_str_from(snag_fixed_word(slot));
        source->fixed[slot].as = slot == SNAG_VAR_TIME ? SNAG_KIND_TIME : SNAG_KIND_TEXT;
        source->fixed[slot].used = true;
    }
    for (uint32_t i = 0; i < snag_default_path_count; i++) {
        const snag_default_path *row = &snag_default_paths[i];
        if (row->format != source->format)
            continue;
        snag_str *paths = snag_loader_take(loader, 2 * sizeof *paths);
        for (uint32_t k = 0; k < 2 && row->paths[k]; k++) {
            paths[k] = snag_str_from(row->paths[k]);
            source->fixed[row->slot].path_count = k + 1;
        }
        source->fixed[row->slot].paths = paths;
    }
}

static void map_load(snag_loader *loader, const snag_yaml *node, snag_source_spec *source)
{
    if (!node)
        return;
    if (node->kind != SNAG_YAML_MAP) {
        snag_finding_add(loader, node->at, "map: expected a map of name to path, not %s",
                         snag_yaml_kind_word(node));
        return;
    }
    for (const snag_yaml *child = node->first; child; child = child->next) {
        int slot = snag_fixed_slot(child->key);
        snag_nearest nearest = {.wanted = child->key, .best = SNAG_STR("")};
        for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
            snag_nearest_offer(&nearest, snag_str_from(snag_fixed_word(i)));
        if (slot < 0) {
            snag_guess_add(loader, node, nearest.best);
            snag_finding_add(loader, child->key_at,
                             "map: \"%.*s\" is none of id, time, type, customer, account, channel%s%.*s%s",
                             SNAG_FMT(child->key), nearest.best.size ? "; did you mean \"" : "",
                             SNAG_FMT(nearest.best),
                             nearest.best.size ? "\"?" : "; names for rules stand under keep:");
            continue;
        }
        snag_mapping *fixed = &source->fixed[slot];
        fixed->path_count = 0;
        fixed->paths = NULL;
        snag_mapping_load(loader, child, fixed);
        if (fixed->hash && (slot == SNAG_VAR_TYPE || slot == SNAG_VAR_CHANNEL))
            snag_finding_add(loader, child->at, "map: a hashed %s would name nothing: rules go by it",
                             snag_fixed_word((uint32_t)slot));
        if (fixed->as != SNAG_KIND_TEXT && slot != SNAG_VAR_TIME)
            snag_finding_add(loader, child->at, "map: %s is always a text", snag_fixed_word((uint32_t)slot));
    }
}

bool snag_mapping_given(const snag_mapping *mapping)
{
    return mapping->path_count > 0 || mapping->expr || mapping->constant.kind != SNAG_KIND_ABSENT;
}

static void required_check(snag_loader *loader, const snag_yaml *node)
{
    snag_source_spec *source = loader->source;
    uint32_t wanted[] = {SNAG_VAR_TIME, SNAG_VAR_TYPE,
                         loader->pipeline->key_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER};
    const snag_yaml *map = snag_yaml_get(node, "map");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const char *word = snag_fixed_word(wanted[i]);
        if (source->table)
            continue; /* the record's key and timestamp stand in */
        if (!snag_mapping_given(&source->fixed[wanted[i]]) && !snag_key_given(loader, map, word))
            snag_finding_add(loader, map ? map->key_at : node->key_at,
                             "format %s does not say where %s stands: add it under map:",
                             snag_format_word(source->format), word);
    }
}

static void places_load(snag_loader *loader, const snag_yaml *node, const snag_source_raw *raw)
{
    snag_source_spec *source = loader->source;
    source->topic = raw->topic;
    source->file = raw->file;
    source->schema_file = raw->schema;
    const snag_yaml *topic = snag_yaml_get(node, "topic");
    const snag_yaml *file = snag_yaml_get(node, "file");
    const snag_yaml *schema = snag_yaml_get(node, "schema");
    const snag_yaml *registry = snag_yaml_get(node, "registry");
    if (topic && file)
        snag_finding_add(loader, file->key_at, "a source is a topic or a file, not both");
    if (!snag_key_given(loader, node, "topic") && !snag_key_given(loader, node, "file"))
        snag_finding_add(loader, node->key_at, "source \"%.*s\" needs topic: or file:", SNAG_FMT(node->key));
    if (source->format != SNAG_FORMAT_AVRO) {
        const snag_yaml *odd = schema ? schema : registry;
        if (odd)
            snag_finding_add(loader, odd->key_at, "%.*s: is for format: avro", SNAG_FMT(odd->key));
        return;
    }
    if (schema && registry)
        snag_finding_add(loader, registry->key_at,
                         "records are read by a schema file or by a registry, not both");
    if (!snag_key_given(loader, node, "schema") && !snag_key_given(loader, node, "registry"))
        snag_finding_add(loader, node->key_at,
                         "format avro needs schema: (a file) or registry: (an address)");
    if (!registry)
        return;
    if (loader->registry && !snag_str_equal(loader->pipeline->registry_url, raw->registry))
        snag_finding_add(loader, registry->key_at, "a pipeline has one registry, and line %u names another",
                         loader->registry->key_at.line);
    loader->registry = loader->registry ? loader->registry : registry;
    loader->pipeline->registry_url = raw->registry;
}

/* After the names are known. */
static void exclude_load(snag_loader *loader, const snag_yaml *node)
{
    snag_pipeline *pipeline = loader->pipeline;
    uint32_t room = SNAG_EXCLUSIONS_MAX - pipeline->exclusion_count;
    if (node->kind != SNAG_YAML_MAP || node->count > room) {
        snag_finding_add(loader, node->at,
                         "exclude: expected a map of 1 to %u names to expressions, as { staff: "
                         "customer.endsWith(\"@example.com\") }",
                         room);
        return;
    }
    if (!loader->exclusions)
        loader->exclusions = snag_loader_take(loader, SNAG_EXCLUSIONS_MAX * sizeof *loader->exclusions);
    snag_exclusion *list = loader->exclusions + pipeline->exclusion_count;
    uint32_t count = 0;
    for (const snag_yaml *child = node->first; child; child = child->next) {
        snag_name_check(loader, child, "an exclusion");
        list[count++] = (snag_exclusion){child->key, snag_where_load(loader, child)};
    }
    loader->source->exclusions = list;
    loader->source->exclusion_count = count;
    loader->source->exclusion_first = pipeline->exclusion_count;
    pipeline->exclusions = loader->exclusions;
    pipeline->exclusion_count += count;
}

static void hash_fill(snag_source_spec *source)
{
    static const uint32_t slots[] = {SNAG_VAR_CUSTOMER, SNAG_VAR_ACCOUNT};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        source->fixed[slots[i]].hash = true;
    source->device.id.hash = true;
}

/* With clock: log a partition of the topic that falls silent would hold back all others. */
static void rekey_check(snag_loader *loader, const snag_yaml *node, const snag_source_raw *raw)
{
    const snag_place at = snag_yaml_get(node, "rekey")->key_at;
    if (raw->clock == 1)
        snag_finding_add(loader, at,
                         "rekey: with clock: log, a partition of the topic that falls silent would hold back "
                         "all others for ever: leave clock: out, or key the topic by the %s",
                         loader->pipeline->key_account ? "account" : "customer");
    if (raw->file.size)
        snag_finding_add(loader, at, "rekey: is for a topic; a file is read as it is");
    if (raw->device) /* a device's records come through many partitions then, in no order of their own */
        snag_finding_add(loader, at,
                         "rekey: is not built yet for a source with device:; instead: key the topic by the "
                         "%s",
                         loader->pipeline->key_account ? "account" : "customer");
}

/* Rows have no type: they are called by their source. */
static void table_load(snag_loader *loader, const snag_yaml *node, const snag_source_raw *raw)
{
    snag_source_spec *source = loader->source;
    const snag_yaml *type = raw->map ? snag_yaml_get(raw->map, "type") : NULL;
    const snag_yaml *odd = raw->each.size ? snag_yaml_get(node, "each") : NULL;
    snag_mapping *to = &source->fixed[SNAG_VAR_TYPE];
    if (type)
        snag_finding_add(loader, type->key_at, "map: a table's rows have no type: they are no happenings");
    if (odd)
        snag_finding_add(loader, odd->key_at, "each: does not go with table: a record is one row");
    if (raw->rekey)
        snag_finding_add(loader, snag_yaml_get(node, "rekey")->key_at,
                         "rekey: does not go with table: a table's records are keyed by whose rows they are");
    if (source->clock_log)
        snag_finding_add(loader, snag_yaml_get(node, "clock")->at,
                         "clock: log does not go with table: nothing may come for weeks, and all would wait");
    to->paths = NULL;
    to->path_count = 0;
    to->expr = NULL;
    to->constant = snag_value_text(source->name);
}

/* `zone:`, of all times that this source's records hold. */
static void zone_fill(snag_loader *loader, const snag_yaml *node, snag_source_spec *source)
{
    const snag_zone *zone = snag_zone_load(loader, node);
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        source->fixed[i].zone = zone;
    for (uint32_t i = 0; i < loader->kept_count; i++)
        loader->kept[i].zone = zone;
    source->device.sent.zone = source->device.received.zone = zone;
}

/* Returns its `exclude:`, which is read when all names are known. */
static const snag_yaml *source_load(snag_loader *loader, const snag_yaml *node)
{
    snag_source_spec *source = loader->source;
    snag_source_raw raw = {0};
    if (!snag_section_load(loader, &snag_section_source, node, &raw, NULL, NULL))
        return NULL;
    source->format = (snag_format)(raw.format >= 0 ? raw.format : 0);
    source->out_of_order_ms = raw.out_of_order_ms;
    source->delay_ms = raw.delay_ms;
    source->max_skew_ms = raw.max_skew_ms;
    source->remember_ms = raw.remember_ms;
    source->clock_log = raw.clock == 1;
    source->table = raw.table;
    source->key = loader->pipeline->key_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER;
    if (raw.table)
        loader->pipeline->tables |= (uint8_t)(1u << (source - loader->sources));
    loader->silent[source - loader->sources] = raw.silent;
    if (raw.remember_ms > loader->pipeline->remember_ms)
        loader->pipeline->remember_ms = raw.remember_ms;
    if (raw.out_of_order_ms > raw.remember_ms)
        snag_finding_add(loader, node->key_at, "out_of_order: must not be longer than remember:");
    fixed_defaults(loader, source);
    map_load(loader, raw.map, source);
    if (raw.table)
        table_load(loader, node, &raw);
    snag_keep_load(loader, raw.keep);
    snag_const_load(loader, raw.constants, raw.map);
    if (raw.each.size)
        snag_each_load(loader, snag_yaml_get(node, "each"), raw.each);
    if (raw.device)
        snag_device_load(loader, raw.device, raw.map);
    if (raw.hash)
        hash_fill(source);
    if (raw.zone)
        zone_fill(loader, raw.zone, source);
    source->rekey = raw.rekey;
    if (raw.rekey)
        rekey_check(loader, node, &raw);
    if (!snag_key_given(loader, node, "format")) {
        snag_finding_add(loader, node->key_at,
                         "source \"%.*s\" needs format: (json, segment, cloudevents or avro)",
                         SNAG_FMT(node->key));
        return raw.exclude;
    }
    if (raw.format < 0)
        return raw.exclude;
    places_load(loader, node, &raw);
    required_check(loader, node);
    return raw.exclude;
}

static void source_begin(snag_loader *loader, uint32_t i)
{
    loader->source = &loader->sources[i];
    loader->kept = snag_loader_take(loader, SNAG_KEPT_NAMES_MAX * sizeof *loader->kept);
    loader->source->kept = loader->kept;
}

/* Offsets are kept by topic, so no two sources can read the same one. */
static void topics_check(snag_loader *loader, const snag_yaml *first)
{
    const snag_yaml *node = first;
    for (uint32_t i = 0; i < loader->pipeline->source_count; i++, node = node->next)
        for (uint32_t k = 0; k < i; k++)
            if (loader->sources[i].topic.size > 0 &&
                snag_str_equal(loader->sources[i].topic, loader->sources[k].topic))
                snag_finding_add(loader, node->key_at,
                                 "source \"%.*s\" reads the topic of source \"%.*s\": one source can map all "
                                 "of a topic's records",
                                 SNAG_FMT(node->key), SNAG_FMT(loader->sources[k].name));
}

/* A keyed topic's records lie where their key as it is puts them, carried ones where the hash does. */
static void hashes_check(snag_loader *loader, const snag_yaml *first)
{
    uint32_t slot = loader->pipeline->key_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER;
    const snag_yaml *node = first;
    bool keyed = false, hashed = false;
    for (uint32_t i = 0; i < loader->pipeline->source_count; i++) {
        keyed = keyed || !loader->sources[i].rekey;
        hashed = hashed || loader->sources[i].fixed[slot].hash;
    }
    for (uint32_t i = 0; i < loader->pipeline->source_count; i++, node = node->next)
        if (keyed && hashed && loader->sources[i].rekey) {
            snag_finding_add(loader, snag_yaml_get(node, "rekey")->key_at,
                             "rekey: with a hashed %s all sources are rekeyed, or none: carried records lie "
                             "where its hash puts them, the others where it does itself",
                             snag_fixed_word(slot));
            return;
        }
}

static void sources_read(snag_loader *loader, const snag_yaml *node,
                         const snag_yaml *exclusions[SNAG_SOURCES_MAX])
{
    snag_pipeline *pipeline = loader->pipeline;
    if (node->count > SNAG_SOURCES_MAX)
        snag_finding_add(loader, node->at, "more than %u sources", SNAG_SOURCES_MAX);
    pipeline->source_count = node->count < SNAG_SOURCES_MAX ? node->count : SNAG_SOURCES_MAX;
    const snag_yaml *child = node->first;
    for (uint32_t i = 0; i < pipeline->source_count; i++, child = child->next)
        loader->sources[i].name = child->key;
    child = node->first;
    for (uint32_t i = 0; i < pipeline->source_count; i++, child = child->next) {
        source_begin(loader, i);
        snag_name_check(loader, child, "a source");
        exclusions[i] = source_load(loader, child);
    }
    topics_check(loader, node->first);
    hashes_check(loader, node->first);
    if (pipeline->source_count && pipeline->tables == (1u << pipeline->source_count) - 1)
        snag_finding_add(loader, node->first->key_at,
                         "every source is a table: what happens comes from a source without table: true");
}

void snag_sources_load(snag_loader *loader, const snag_yaml *root, const snag_yaml *node)
{
    const snag_yaml *exclusions[SNAG_SOURCES_MAX] = {NULL};
    snag_pipeline *pipeline = loader->pipeline;
    loader->sources = snag_loader_take(loader, SNAG_SOURCES_MAX * sizeof *loader->sources);
    loader->kept_names = snag_loader_take(loader, SNAG_KEPT_NAMES_MAX * sizeof *loader->kept_names);
    pipeline->sources = loader->sources;
    pipeline->source_count = 1;
    source_begin(loader, 0);
    if (node && node->kind == SNAG_YAML_MAP && node->first)
        sources_read(loader, node, exclusions);
    else if (node)
        snag_finding_add(loader, node->at,
                         "sources: expected a map of name to source, as calls: { topic: … }");
    else if (!snag_key_given(loader, root, "sources"))
        snag_finding_add(loader, (snag_place){1, 1}, "sources: is missing: where do events come from?");
    snag_names_fill(loader);
    for (uint32_t i = 0; i < pipeline->source_count; i++) {
        loader->source = &loader->sources[i];
        if (exclusions[i])
            exclude_load(loader, exclusions[i]);
    }
}
