/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/hops.h"

#include <inttypes.h>
#include <stdio.h>

uint32_t snag_hop_source(const snag_live *live, unsigned workers, unsigned i)
{
    unsigned hop = i / workers;
    for (uint32_t s = 0; s < live->input_count && hop > 0; s++)
        if (live->sources[s].rekey && --hop == 0)
            return s;
    return SNAG_SOURCES_MAX;
}

unsigned snag_hop_threads(const snag_live *live, unsigned workers)
{
    unsigned threads = workers;
    for (uint32_t s = 0; s < live->input_count; s++)
        threads += live->sources[s].rekey ? workers : 0;
    return threads;
}

void snag_hop_fill(snag_hops *hops, const snag_live *live, uint32_t source, snag_worker_options *options)
{
    snag_pipeline *pipeline = &hops->pipelines[source];
    *pipeline = *live->pipeline;
    pipeline->sources += source;
    pipeline->source_count = 1;
    pipeline->watches = pipeline->watches ? pipeline->watches + source : NULL;
    hops->rekeys[source] = (snag_rekey_options){.source = source, .lane_partitions = live->partitions};
    hops->instance = options->instance;
    snag_live_rekey_group(live, source, hops->groups[source], sizeof hops->groups[source]);
    options->pipeline = pipeline;
    options->partitions = live->sources[source].lanes;
    options->group = hops->groups[source];
    options->rekey = &hops->rekeys[source];
}

/* Outputs by snag_topic, behind them the source's lanes. */
static uint32_t names_fill(const snag_live *live, uint32_t source, const char *names[SNAG_KAFKA_OUTPUTS_MAX])
{
    uint32_t count = 0, lane = 0;
    for (uint32_t s = 0; s < source; s++)
        lane += live->sources[s].lanes;
    for (; count < SNAG_TOPIC_COUNT; count++)
        names[count] = live->names[count];
    for (uint32_t u = 0; u < live->sources[source].lanes; u++)
        names[count++] = live->lanes[lane + u];
    return count;
}

snag_err snag_hop_open(const snag_hops *hops, const snag_live *live, uint32_t source, unsigned number,
                       const snag_kafka_input_options *like, snag_ports *ports, snag_diag *diag)
{
    char member[SNAG_LIVE_NAME_MAX * 2], id[SNAG_LIVE_NAME_MAX * 3];
    const char *names[SNAG_KAFKA_OUTPUTS_MAX];
    uint32_t count = names_fill(live, source, names);
    snprintf(member, sizeof member, "%s-%.*s-%u", hops->instance,
             SNAG_FMT(live->pipeline->sources[source].name), number);
    snprintf(id, sizeof id, "%s-%s", live->group, member);
    const snag_kafka_input_options input = {.topics = {live->inputs[source]}, .topic_count = 1,
                                            .partitions = live->sources[source].lanes,
                                            .group = hops->groups[source], .instance = member,
                                            .batch_max = like->batch_max, .keep_seat = like->keep_seat};
    snag_err err = snag_kafka_input_new(&ports->input, live->kafka, &input, diag);
    if (err == SNAG_OK)
        err = snag_kafka_output_new(&ports->output, live->kafka, &ports->input, id, names, count, diag);
    return err;
}

void snag_hops_say(const snag_live *live, snag_buf *buf)
{
    for (uint32_t s = 0; s < live->input_count; s++)
        if (live->sources[s].rekey)
            snag_buf_printf(buf, ", rekeying %s (%" PRIu32 " partition%s)", live->inputs[s],
                            live->sources[s].lanes, live->sources[s].lanes == 1 ? "" : "s");
}
