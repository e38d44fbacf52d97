/* SPDX-License-Identifier: Apache-2.0
 *
 * What a takeover asks the broker. A leader that has just moved answers "not me" for a moment, a coordinator
 * "not yet"; to start over for that would throw away what was read back of other partitions. So a question is
 * asked again, a little later each time, with the seat in the group kept meanwhile; but not for ever, and not
 * where the answer is a refusal.
 */
#include "runtime/inside.h"

enum { PATIENCE_MS = 30000, REST_MIN_MS = 50, REST_MAX_MS = 1000 };

snag_err snag_worker_keep_seat(snag_worker *worker, snag_diag *diag)
{
    const snag_input *input = &worker->ports->input;
    snag_batch batch;
    snag_err err = input->ops->poll(input->self, 0, 1, &batch, &worker->seat, diag);
    input->ops->release(input->self);
    if (err != SNAG_OK)
        return err;
    return worker->seat == SNAG_SEAT_KEPT && !atomic_load(&worker->shared->stop) ? SNAG_OK : SNAG_AGAIN;
}

static snag_err rest(snag_worker *worker, int64_t rest_ms, snag_diag *diag)
{
    const snag_clock *clock = &worker->ports->clock;
    snag_err err = SNAG_OK;
    for (int64_t rested_ms = 0; rested_ms < rest_ms && err == SNAG_OK; rested_ms += REST_MIN_MS) {
        clock->sleep_ms(clock->self, REST_MIN_MS);
        err = snag_worker_keep_seat(worker, diag);
    }
    return err;
}

typedef struct question {
    snag_place *places; /* NULL: it is the range of … */
    size_t count;
    uint32_t partition;
    uint32_t source;
    int64_t *first;
    int64_t *end;
} question;

static snag_err ask(const snag_input *input, const question *what, snag_diag *diag)
{
    if (what->places)
        return input->ops->committed(input->self, what->places, what->count, diag);
    return input->ops->range(input->self, what->partition, what->source, what->first, what->end, diag);
}

static snag_err insist(snag_worker *worker, const question *what, snag_diag *diag)
{
    const snag_clock *clock = &worker->ports->clock;
    int64_t end_ms = clock->monotonic_ms(clock->self) + PATIENCE_MS, rest_ms = REST_MIN_MS;
    for (;;) {
        snag_diag why = {.text = ""};
        snag_err err = ask(&worker->ports->input, what, &why);
        if (err != SNAG_BROKER || clock->monotonic_ms(clock->self) >= end_ms) {
            if (err != SNAG_OK)
                *diag = why;
            return err;
        }
        err = rest(worker, rest_ms, diag);
        if (err != SNAG_OK)
            return err;
        rest_ms = rest_ms * 2 < REST_MAX_MS ? rest_ms * 2 : REST_MAX_MS;
    }
}

snag_err snag_worker_ask_places(snag_worker *worker, snag_place *places, size_t count, snag_diag *diag)
{
    return insist(worker, &(question){.places = places, .count = count}, diag);
}

snag_err snag_worker_ask_begun(snag_worker *worker, uint32_t partition, snag_diag *diag)
{
    snag_place place = {.partition = partition, .offset = -1};
    snag_err err = snag_worker_ask_places(worker, &place, 1, diag);
    return err != SNAG_OK ? err : place.offset >= 0 ? SNAG_AGAIN : SNAG_STATE;
}

snag_err snag_worker_ask_range(snag_worker *worker, uint32_t partition, uint32_t source, int64_t *first,
                               int64_t *end, snag_diag *diag)
{
    const question what = {.partition = partition, .source = source, .first = first, .end = end};
    return insist(worker, &what, diag);
}
