/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated events and labels as JSON Lines.
 */
#ifndef SNAG_CLI_SIM_FORMAT_H
#define SNAG_CLI_SIM_FORMAT_H

#include "base/buf.h"
#include "cli/sim.h"

/* The formats of --format: segment, cloudevents, json (flat: shop in the words of the OTTO dataset). */
#define SNAG_SIM_FORMAT_TABLE(X) \
    X(SEGMENT, "segment")        \
    X(CLOUDEVENTS, "cloudevents") \
    X(JSON, "json")

#define X(name, word) SNAG_SIM_FORMAT_##name,
typedef enum snag_sim_format { SNAG_SIM_FORMAT_TABLE(X) SNAG_SIM_FORMAT_COUNT } snag_sim_format;
#undef X

/* SNAG_SIM_FORMAT_COUNT where there is no such word. */
snag_sim_format snag_sim_format_find(snag_str word);
/* `number` counts the events of the stream and makes the id. */
void snag_sim_event_put(snag_buf *buf, const snag_sim_scenario *scenario, snag_sim_format format,
                        const snag_sim_entry *entry, uint64_t number);
void snag_sim_label_put(snag_buf *buf, const snag_sim_entry *entry, const snag_sim_label *label);

#endif
