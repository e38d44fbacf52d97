/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sim_format.h"

#include "base/assert.h"

snag_sim_format snag_sim_format_find(snag_str word)
{
    static const char *const words[] = {
#define X(name, text) text,
        SNAG_SIM_FORMAT_TABLE(X)
#undef X
    };
    int at = 0;
    while (at < SNAG_SIM_FORMAT_COUNT && !snag_str_equal(word, snag_str_from(words[at])))
        at++;
    return (snag_sim_format)at;
}

static void text_put(snag_buf *buf, const char *text)
{
    snag_buf_str_put(buf, snag_str_from(text));
}

static void time_put(snag_buf *buf, int64_t time_ms)
{
    snag_buf_byte(buf, '"');
    snag_time_print(buf, time_ms);
    snag_buf_byte(buf, '"');
}

/* "shop-41": a stream's events have ids of their own, the same each time it is made. */
static void id_put(snag_buf *buf, const snag_sim_scenario *scenario, uint64_t number)
{
    snag_buf_printf(buf, "\"%s-%llu\"", scenario->name, (unsigned long long)number);
}

static void customer_put(snag_buf *buf, const snag_sim_entry *entry)
{
    snag_buf_printf(buf, "\"c-%llu\"", (unsigned long long)entry->customer);
}

static void props_put(snag_buf *buf, const snag_sim_entry *entry)
{
    for (uint32_t i = 0; i < entry->prop_count; i++) {
        const snag_sim_prop *prop = &entry->props[i];
        if (i > 0)
            snag_buf_byte(buf, ',');
        snag_buf_printf(buf, "\"%s\":%s", prop->name, prop->word ? "\"" : "");
        if (prop->word)
            text_put(buf, prop->word);
        if (!prop->word || prop->number >= 0)
            snag_buf_int(buf, prop->number);
        text_put(buf, prop->word ? "\"" : "");
    }
}

static void segment_put(snag_buf *buf, const snag_sim_scenario *scenario, const snag_sim_entry *entry,
                        uint64_t number)
{
    text_put(buf, "{\"messageId\":");
    id_put(buf, scenario, number);
    text_put(buf, ",\"type\":\"track\",\"userId\":");
    customer_put(buf, entry);
    snag_buf_printf(buf, ",\"event\":\"%s\",\"timestamp\":", entry->type);
    time_put(buf, entry->time_ms);
    text_put(buf, ",\"properties\":{");
    props_put(buf, entry);
    text_put(buf, "}}\n");
}

static void cloudevents_put(snag_buf *buf, const snag_sim_scenario *scenario, const snag_sim_entry *entry,
                            uint64_t number)
{
    text_put(buf, "{\"specversion\":\"1.0\",\"id\":");
    id_put(buf, scenario, number);
    snag_buf_printf(buf, ",\"source\":\"/simulate/%s\",\"type\":\"%s\",\"subject\":", scenario->name,
                    entry->type);
    customer_put(buf, entry);
    text_put(buf, ",\"time\":");
    time_put(buf, entry->time_ms);
    text_put(buf, ",\"data\":{");
    props_put(buf, entry);
    text_put(buf, "}}\n");
}

static void json_put(snag_buf *buf, const snag_sim_scenario *scenario, const snag_sim_entry *entry,
                     uint64_t number)
{
    if (scenario == &snag_sim_shop) {
        text_put(buf, "{\"session\":");
        customer_put(buf, entry);
        snag_buf_printf(buf, ",\"ts\":%lld,\"type\":\"%s\"", (long long)entry->time_ms, entry->type);
    } else {
        text_put(buf, "{\"id\":");
        id_put(buf, scenario, number);
        snag_buf_printf(buf, ",\"type\":\"%s\",\"customer\":", entry->type);
        customer_put(buf, entry);
        text_put(buf, ",\"time\":");
        time_put(buf, entry->time_ms);
    }
    if (entry->prop_count > 0)
        snag_buf_byte(buf, ',');
    props_put(buf, entry);
    text_put(buf, "}\n");
}

void snag_sim_event_put(snag_buf *buf, const snag_sim_scenario *scenario, snag_sim_format format,
                        const snag_sim_entry *entry, uint64_t number)
{
    switch (format) {
    case SNAG_SIM_FORMAT_SEGMENT: segment_put(buf, scenario, entry, number); return;
    case SNAG_SIM_FORMAT_CLOUDEVENTS: cloudevents_put(buf, scenario, entry, number); return;
    case SNAG_SIM_FORMAT_JSON: json_put(buf, scenario, entry, number); return;
    case SNAG_SIM_FORMAT_COUNT: break;
    }
    SNAG_ASSERT(false);
}

void snag_sim_label_put(snag_buf *buf, const snag_sim_entry *entry, const snag_sim_label *label)
{
    text_put(buf, "{\"customer\":");
    customer_put(buf, entry);
    snag_buf_printf(buf, ",\"friction\":\"%s\",\"rule\":\"%s\",\"time\":", label->friction, label->rule);
    time_put(buf, entry->time_ms);
    text_put(buf, "}\n");
}
