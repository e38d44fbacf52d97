/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lane's only reader has read for good, the broker may delete: lanes are written all the time, and
 * keep what is in them whatever its age, so that a stop of a week loses nothing. What lies before a place
 * that is committed is never needed again.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "runtime/inside.h"

enum { FORGET_EVERY_MS = 30000, LOOK_EVERY_MS = 500 };

void snag_worker_forget(snag_worker *worker)
{
    const snag_input *input = &worker->ports->input;
    size_t count = 0;
    if (!input->ops->forget || worker->now_ms < worker->forget_at_ms)
        return;
    snag_place *places = calloc((size_t)worker->options->partitions * worker->sources, sizeof *places);
    SNAG_ASSERT(places != NULL);
    for (uint32_t i = 0; i < worker->options->partitions; i++)
        for (uint32_t s = 0; s < worker->sources && worker->partitions[i]->engine; s++) {
            snag_stream *stream = &worker->partitions[i]->streams[s];
            if (worker->lane_of[s] < 0 || stream->placed <= stream->forgotten)
                continue;
            places[count++] = (snag_place){.partition = i, .source = s, .offset = stream->placed};
            stream->forgotten = stream->placed;
        }
    worker->forget_at_ms = worker->now_ms + (count ? FORGET_EVERY_MS : LOOK_EVERY_MS);
    if (count)
        input->ops->forget(input->self, places, count);
    free(places);
}
