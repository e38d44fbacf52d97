/* SPDX-License-Identifier: Apache-2.0
 *
 * A build without TLS says so at once, and what to do.
 */
#include "redis/secure.h"

#include "base/assert.h"

snag_err snag_redis_secure_new(snag_redis_secure **out, const snag_redis_options *options, snag_diag *diag)
{
    (void)options;
    *out = NULL;
    return snag_fail(diag, SNAG_CONFIG,
                     "redis: this build has no TLS, because its hiredis %d.%d has none: build it with "
                     "hiredis_ssl (hiredis 1.0 or newer, as in Debian 13), or use redis:// through a tunnel "
                     "(stunnel, a sidecar)",
                     HIREDIS_MAJOR, HIREDIS_MINOR);
}

void snag_redis_secure_free(snag_redis_secure *secure)
{
    SNAG_ASSERT(secure == NULL);
}

bool snag_redis_secure_start(snag_redis_secure *secure, redisContext *context, const char *host)
{
    (void)secure;
    (void)context;
    (void)host;
    return false;
}
