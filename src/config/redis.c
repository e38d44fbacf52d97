/* SPDX-License-Identifier: Apache-2.0
 *
 * `redis:`, and what the manual says of it. The addresses themselves are read by src/redis, which this room
 * does not see: a test holds the two tables together.
 */
#include "config/key.h"

const snag_redis_row snag_redis_rows[] = {
    {"redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]",
     "one server. A node of a Redis Cluster will do too: it says so itself, and leads to the others"},
    {"redis+cluster://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]",
     "a Redis Cluster, by some of its nodes (at most 16)"},
    {"redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/MASTER[/DB]",
     "the master of that name, by the Sentinels that watch it; user and password are the master's"},
    {"rediss://…, rediss+cluster://…, rediss+sentinel://…",
     "The same with TLS, where the program was built with hiredis_ssl (hiredis 1.0 or newer; Debian 12 has "
     "none). In an address a special character of the password is written as %XX; in `password:` it is not."},
    {"ACL SETUSER",
     "What the user of a server with ACLs needs: ~snag:* +hget +hmget +hgetall +hset +hdel +unlink +multi "
     "+exec +eval +evalsha +script|load +select; in a Redis Cluster +cluster|slots +asking, with Sentinels "
     "+role. `snag explain` alone: ~snag:* +hget +hmget +hgetall +multi +exec +select."},
    {"maxmemory-policy",
     "noeviction. A key that Redis throws away makes the copy useless; that is noticed, and the copy is "
     "written anew."},
};
const uint32_t snag_redis_row_count = sizeof snag_redis_rows / sizeof snag_redis_rows[0];

static const snag_str schemes[] = {
    {"redis://", 8},          {"rediss://", 9},          {"redis+cluster://", 16}, {"rediss+cluster://", 17},
    {"redis+sentinel://", 17}, {"rediss+sentinel://", 18}};

static bool scheme_known(snag_str url)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (snag_str_starts(url, schemes[i]))
            return true;
    return false;
}

/* redis://user:password@host holds a password as it stands. */
static bool holds_password(snag_str url)
{
    const char *at = memchr(url.data, '@', url.size);
    if (!at || snag_variable_in(url))
        return false;
    size_t user = (size_t)(at - url.data);
    size_t from = 0;
    while (from + 2 < user && memcmp(url.data + from, "://", 3) != 0)
        from++;
    from += from + 2 < user ? 3 : 0;
    return memchr(url.data + from, ':', user - from) != NULL;
}

static void secret_check(snag_loader *loader, const snag_yaml *node, const char *name)
{
    snag_finding_add(loader, node->at,
                     "%s: a secret does not belong into this file; write ${NAME} or { file: PATH }", name);
}

static void password_load(snag_loader *loader, const snag_yaml *node, const char *name, snag_str *out)
{
    if (node && node->kind == SNAG_YAML_TEXT && !snag_variable_in(node->text))
        secret_check(loader, node, name);
    else if (node)
        snag_secret_load(loader, node, out);
}

static void url_load(snag_loader *loader, const snag_yaml *node)
{
    snag_str *url = &loader->pipeline->redis.url;
    if (node->kind == SNAG_YAML_TEXT && holds_password(node->text)) {
        secret_check(loader, node, "url");
        return;
    }
    if (snag_secret_load(loader, node, url) && !scheme_known(*url))
        snag_finding_add(loader, node->at,
                         "url: expected redis://HOST:PORT, redis+cluster://HOST:PORT,HOST:PORT or "
                         "redis+sentinel://HOST:PORT,HOST:PORT/MASTER; rediss for TLS");
}

void snag_redis_load(snag_loader *loader, const snag_yaml *node)
{
    snag_redis_raw raw = {0};
    snag_pipeline_redis *redis = &loader->pipeline->redis;
    if (!node || !snag_section_load(loader, &snag_section_redis, node, &raw, NULL, NULL))
        return;
    redis->user = raw.user;
    redis->tls_ca = raw.tls_ca;
    redis->tls_cert = raw.tls_cert;
    redis->tls_key = raw.tls_key;
    password_load(loader, raw.password, "password", &redis->password);
    password_load(loader, raw.sentinel_password, "sentinel_password", &redis->sentinel_password);
    if (raw.url)
        url_load(loader, raw.url);
    else if (!snag_key_given(loader, node, "url"))
        snag_finding_add(loader, node->key_at, "redis: needs url:");
}
