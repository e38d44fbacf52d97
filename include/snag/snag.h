/* SPDX-License-Identifier: Apache-2.0
 *
 * snag inside another program: a pipeline, its state in memory, neither Kafka nor Redis.
 *
 *     static void on_record(void *context, const char *json, size_t size)
 *     {
 *         printf("%.*s\n", (int)size, json);
 *     }
 *     ...
 *     char error[512];
 *     snag_embed *snag = snag_embed_open("care.yaml", on_record, NULL, error, sizeof error);
 *     snag_embed_feed(snag, line, strlen(line));
 *     snag_embed_tick(snag, now_ms);        // silence counts: say what time it is
 *     snag_embed_close(snag);
 *
 * Records are CloudEvents in JSON, exactly those of `snag replay` (alerts, journey changes, decisions,
 * late events). One handle is used by one thread at a time; different handles know nothing of each other.
 * Link with libsnag_cli and what it needs (see CMakeLists.txt). The API is young: it may change until 1.0.
 */
#ifndef SNAG_SNAG_H
#define SNAG_SNAG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snag_embed snag_embed;

enum {
    SNAG_EMBED_OK = 0,
    SNAG_EMBED_UNREADABLE = 1, /* this event only; snag_embed_error says why. Go on. */
    SNAG_EMBED_FULL = 2        /* the state outgrew its memory: only closing is left */
};

/* One record, without a line end; borrowed during the call. The callback must not call snag_embed_*. */
typedef void snag_embed_record(void *context, const char *json, size_t size);

/* Loads a pipeline file. NULL: `error` (may be NULL) holds a terminated message, cut to error_size. */
snag_embed *snag_embed_open(const char *pipeline_path, snag_embed_record *record, void *context,
                            char *error, size_t error_size);

/* One event as a JSON text, in the format of the pipeline's (first) source. Records it causes come before
 * this returns. */
int snag_embed_feed(snag_embed *embed, const char *json, size_t size);

/* The same where the pipeline has several sources: an event of the source of this name. Events of all
 * sources are judged in the order of their time: each waits until no other source can bring one that goes
 * before it, that is until the others' events, or a tick, have come as far. SNAG_EMBED_UNREADABLE: also
 * where there is no such source. */
int snag_embed_feed_source(snag_embed *embed, const char *source, const char *json, size_t size);

/* It is time_ms (milliseconds since the epoch), and everything that happened up to then has been fed:
 * deadlines before it fire. Time never goes back; without ticks it moves with the events. */
int snag_embed_tick(snag_embed *embed, int64_t time_ms);

/* Why the last call did not return SNAG_EMBED_OK; terminated, borrowed until the next call. */
const char *snag_embed_error(const snag_embed *embed);

/* Takes NULL. What is still armed is forgotten: state lives in memory only. */
void snag_embed_close(snag_embed *embed);

#ifdef __cplusplus
}
#endif

#endif
