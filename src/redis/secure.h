/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS, where the client library has it: secure_ssl.c is built where CMake finds hiredis_ssl (hiredis 1.0 and
 * newer), secure_none.c where not. Private to src/redis.
 */
#ifndef SNAG_REDIS_SECURE_H
#define SNAG_REDIS_SECURE_H

#include <hiredis/hiredis.h>

#include "redis/redis.h"

typedef struct snag_redis_secure snag_redis_secure;

/* SNAG_CONFIG: no TLS in this build, or a file that cannot be used. */
SNAG_MUST_CHECK snag_err snag_redis_secure_new(snag_redis_secure **out,
                                               const snag_redis_options *options, snag_diag *diag);
void snag_redis_secure_free(snag_redis_secure *secure);
/* Begins TLS on a connection that is up; host: whose certificate it must be. False: context->errstr. */
bool snag_redis_secure_start(snag_redis_secure *secure, redisContext *context, const char *host);

#endif
