/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/screen.h"

#include "base/hash.h"
#include "expr/expr.h"

void snag_event_exclude(const snag_source_spec *source, snag_event *event, snag_arena *scratch)
{
    event->excluded = 0;
    event->exclude_erred = false;
    for (uint32_t i = 0; i < source->exclusion_count && event->excluded == 0; i++) {
        bool erred = false;
        snag_arena_reset(scratch);
        if (snag_expr_true(source->exclusions[i].expr, event->vars, event->var_count, scratch, &erred))
            event->excluded = (uint8_t)(source->exclusion_first + i + 1);
        event->exclude_erred |= erred;
    }
}

static const snag_mapping *spec_of(const snag_source_spec *source, uint32_t i)
{
    return i < SNAG_VAR_KEPT ? &source->fixed[i] : &source->kept[i - SNAG_VAR_KEPT];
}

bool snag_event_keyed(const snag_source_spec *source, bool by_account, snag_str key, const snag_event *event)
{
    char hex[SNAG_HASHED_BYTES];
    snag_str who = by_account ? event->account : event->customer;
    if (!source->fixed[by_account ? SNAG_VAR_ACCOUNT : SNAG_VAR_CUSTOMER].hash)
        return snag_str_equal(key, who);
    snag_text_hashed(key, hex);
    return snag_str_equal(snag_str_of(hex, sizeof hex), who);
}

bool snag_source_hashes(const snag_source_spec *source)
{
    for (uint32_t i = 0; i < SNAG_VAR_KEPT + source->kept_count; i++)
        if (spec_of(source, i)->hash)
            return true;
    return false;
}

snag_err snag_event_hash(const snag_source_spec *source, snag_event *event, snag_value *vars,
                         snag_arena *arena)
{
    for (uint32_t i = 0; i < SNAG_VAR_KEPT + source->kept_count; i++) {
        if (!spec_of(source, i)->hash || vars[i].kind != SNAG_KIND_TEXT || vars[i].as.text.size == 0)
            continue;
        char *hex = snag_arena_bytes(arena, SNAG_HASHED_BYTES);
        if (!hex)
            return SNAG_FULL;
        snag_text_hashed(vars[i].as.text, hex);
        vars[i].as.text = snag_str_of(hex, SNAG_HASHED_BYTES);
    }
    /* The event's own texts are those of its names. */
    snag_str *own[SNAG_VAR_KEPT] = {[SNAG_VAR_ID] = &event->id,
                                    [SNAG_VAR_CUSTOMER] = &event->customer,
                                    [SNAG_VAR_ACCOUNT] = &event->account};
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        if (own[i] && source->fixed[i].hash && vars[i].kind == SNAG_KIND_TEXT)
            *own[i] = vars[i].as.text;
    return SNAG_OK;
}
