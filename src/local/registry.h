/* SPDX-License-Identifier: Apache-2.0
 *
 * A schema registry over HTTP (Confluent Schema Registry API v1; Apicurio, Karapace and Redpanda speak it).
 *
 * Blocking, on the caller's thread, never longer than the timeout. Answers are remembered: a schema for ever
 * (an id never changes its schema), "unknown" and trouble for a while, so that a stream of records with an
 * unknown id, or a registry that is down, costs one request now and then. One client may serve several
 * threads: a lock is held during a request.
 */
#ifndef SNAG_LOCAL_REGISTRY_H
#define SNAG_LOCAL_REGISTRY_H

#include "codec/codec.h"

typedef struct snag_registry snag_registry;

/* `url` is http:// or https://, with or without user:password@ and a path. Make it before other threads
 * start (libcurl's own set-up). SNAG_CONFIG: no such address; SNAG_MEMORY. */
SNAG_MUST_CHECK snag_err snag_registry_new(snag_registry **out, snag_str url, int64_t timeout_ms,
                                           snag_diag *diag);
void snag_registry_free(snag_registry *registry);

/* A snag_schema_fetch: context is the registry, *schema lives as long as it does. SNAG_AGAIN: it did not
 * answer, or answered with trouble of its own, and was not asked again yet; diag says what it was.
 * SNAG_BAD_SCHEMA: it does not know the id, or what it knows is no Avro schema. */
snag_schema_fetch snag_registry_fetch;

/* Registers a schema under a subject ("<topic>-value") and gets its id; the same schema keeps its id.
 * SNAG_BROKER: it refused or is gone; diag says why. */
SNAG_MUST_CHECK snag_err snag_registry_register(snag_registry *registry, snag_str subject,
                                                snag_str schema, int64_t *id, snag_diag *diag);

#endif
