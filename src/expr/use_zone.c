/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones that an expression names: found while it is compiled, so that evaluation reads nothing.
 *
 *     t.getHours("Europe/Berlin")     this zone, or an error of the expression
 *     t.getHours(tz)                  all there are, whatever tz will be
 */
#include "expr/builtin.h"
#include "expr/tree.h"

static void keep(snag_expr *expr, const snag_zone **zones, const snag_zone *zone)
{
    for (uint32_t i = 0; i < expr->zone_count; i++)
        if (zones[i] == zone)
            return;
    zones[expr->zone_count++] = zone;
}

snag_err snag_expr_use_zone(snag_compilation *compilation, const snag_node *asked, snag_expr *expr,
                            const snag_zone **zones)
{
    const snag_expr_zones *known = compilation->scope->zones;
    const snag_zone *zone = NULL;
    snag_diag words = {.text = ""};
    bool name = asked->kind == SNAG_NODE_VALUE && asked->value.kind == SNAG_KIND_TEXT;
    if (!known || (name && snag_zone_is_offset(asked->value.as.text)))
        return SNAG_OK;
    if (name)
        zone = known->get(known->context, asked->value.as.text, &words);
    else
        expr->all_zones = known->all(known->context, &words);
    if (zone)
        keep(expr, zones, zone);
    if (zone || (!name && expr->all_zones) || compilation->unchecked)
        return SNAG_OK;
    return snag_compilation_fail(compilation, asked->at, "%s", words.text);
}
