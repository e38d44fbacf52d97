/* SPDX-License-Identifier: Apache-2.0
 *
 * `each:` of a source: one event for each item of a list.
 */
#include "config/key.h"

/* "lines" of "lines" and "lines.sku", not of "linesman". */
static bool is_below(snag_str path, snag_str each)
{
    return snag_str_starts(path, each) && (path.size == each.size || path.data[each.size] == '.');
}

static bool mapping_is_below(const snag_mapping *mapping, snag_str each)
{
    snag_str name;
    for (uint32_t i = 0; i < mapping->path_count; i++)
        if (is_below(mapping->paths[i], each))
            return true;
    for (uint32_t i = 0; mapping->expr && snag_expr_free_name(mapping->expr, i, &name); i++)
        if (is_below(name, each))
            return true;
    return false;
}

void snag_each_load(snag_loader *loader, const snag_yaml *node, snag_str each)
{
    snag_source_spec *source = loader->source;
    bool used = false;
    if (!snag_path_check(loader, node))
        return;
    source->each = each;
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        used = used || mapping_is_below(&source->fixed[i], each);
    for (uint32_t i = 0; i < loader->kept_count; i++)
        used = used || mapping_is_below(&loader->kept[i], each);
    if (!used)
        snag_finding_add(loader, node->at,
                         "each: nothing under map: or keep: lies below \"%.*s\": its items would all be the "
                         "same; write %.*s.NAME there",
                         SNAG_FMT(each), SNAG_FMT(each));
}

