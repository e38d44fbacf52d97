/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that may be lost at any time, and conversations over them that end in time. Sockets do not
 * block: whoever waits waits in poll(), and no longer than the conversation's until_ms; so a server that
 * hangs, or that sends an answer byte by byte, cannot keep a worker.
 */
#include "redis/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/assert.h"

/* --- nodes --------------------------------------------------------------------------------------- */

void snag_redis_node_drop(snag_redis_node *node)
{
    if (node->context)
        redisFree(node->context);
    node->context = NULL;
    node->scripts = false;
    node->served = false;
    node->ahead = false;
}

snag_redis_node *snag_redis_node_at(snag_redis_client *client, const snag_redis_place *place, bool sentinel)
{
    for (uint32_t i = 0; i < client->node_count; i++)
        if (client->nodes[i]->sentinel == sentinel &&
            snag_redis_place_equal(&client->nodes[i]->place, place))
            return client->nodes[i];
    snag_redis_node *node =
        client->node_count < SNAG_REDIS_NODES_MAX ? calloc(1, sizeof *node) : NULL;
    if (!node)
        return NULL;
    node->place = *place;
    node->sentinel = sentinel;
    return client->nodes[client->node_count++] = node;
}

static int64_t backoff_next(int64_t backoff_ms)
{
    backoff_ms = backoff_ms ? backoff_ms * 2 : SNAG_REDIS_BACKOFF_MIN_MS;
    return backoff_ms < SNAG_REDIS_BACKOFF_MAX_MS ? backoff_ms : SNAG_REDIS_BACKOFF_MAX_MS;
}

snag_err snag_redis_node_lose(snag_redis_client *client, snag_redis_node *node, const char *words,
                              snag_diag *diag)
{
    char where[SNAG_REDIS_PLACE_TEXT], line[256];
    bool served = node->served, written = node->context != NULL;
    bool shaking = client->redis->secure && written && !served; /* its library has few words for that */
    int64_t now_ms = snag_clock_monotonic_ms();
    snprintf(line, sizeof line, "%s%.150s",
             shaking ? "TLS: is it the right port, and is its certificate trusted and of this name? " : "",
             words && *words ? words : "the connection was closed");
    snag_redis_node_drop(node);
    client->route_old = true;
    atomic_fetch_add(&client->redis->counts.losses, written);
    /* One that served before may just have been restarted, or closed for having been silent. */
    if (served && !client->reconnected && now_ms < client->until_ms) {
        client->reconnected = true;
        return SNAG_AGAIN;
    }
    node->backoff_ms = backoff_next(node->backoff_ms);
    node->retry_at_ms = now_ms + node->backoff_ms;
    snag_redis_place_text(where, &node->place);
    snag_fail(diag, SNAG_STORE, "Redis at %s: %s", where, line);
    if (!client->seeking)
        snag_redis_trouble_note(client->redis, &node->place, SNAG_REDIS_LOST, line);
    return SNAG_STORE;
}

/* --- bytes --------------------------------------------------------------------------------------- */

/* False: not in time. */
static bool ready_wait(const redisContext *context, short events, int64_t until_ms)
{
    struct pollfd one = {.fd = context->fd, .events = events};
    for (;;) {
        int64_t left_ms = until_ms - snag_clock_monotonic_ms();
        int got = left_ms > 0 ? poll(&one, 1, (int)left_ms) : 0;
        if (got > 0 || (got < 0 && errno != EINTR))
            return true; /* an error shows when the socket is used */
        if (got == 0)
            return false;
    }
}

/* NULL or what went wrong. */
static const char *written(redisContext *context, int64_t until_ms)
{
    int done = 0;
    for (;;) {
        if (redisBufferWrite(context, &done) != REDIS_OK)
            return context->errstr;
        if (done)
            return NULL;
        if (!ready_wait(context, POLLOUT, until_ms))
            return "it takes nothing, too slow";
    }
}

static const char *reply_read(redisContext *context, int64_t until_ms, redisReply **reply)
{
    const char *wrong = written(context, until_ms);
    while (!wrong) {
        void *got = NULL;
        if (redisGetReplyFromReader(context, &got) != REDIS_OK)
            return context->errstr;
        if (got) {
            *reply = got;
            return NULL;
        }
        size_t had = context->reader->len;
        if (redisBufferRead(context) != REDIS_OK)
            return context->errstr;
        if (snag_clock_monotonic_ms() >= until_ms ||
            (context->reader->len == had && !ready_wait(context, POLLIN, until_ms)))
            wrong = "no answer in time";
    }
    return wrong;
}

static snag_err node_answer(snag_redis_client *client, snag_redis_node *node, int64_t until_ms,
                            redisReply **reply, snag_diag *diag)
{
    const char *wrong = node->context ? reply_read(node->context, until_ms, reply) : "not connected";
    if (wrong)
        return snag_redis_node_lose(client, node, wrong, diag);
    return SNAG_OK;
}

snag_err snag_redis_node_call(snag_redis_client *client, snag_redis_node *node, int argc,
                              const char **argv, redisReply **reply, snag_diag *diag)
{
    if (node->context)
        redisAppendCommandArgv(node->context, argc, argv, NULL);
    return node_answer(client, node, client->until_ms, reply, diag);
}

/* --- connecting ---------------------------------------------------------------------------------- */

static const char *opened(redisContext *context, int64_t until_ms)
{
    int wrong = 0;
    socklen_t size = sizeof wrong;
    if (!context)
        return "out of memory";
    if (context->err)
        return context->errstr;
    if (!ready_wait(context, POLLOUT, until_ms))
        return "no connection in time";
    if (getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &wrong, &size) != 0 || wrong)
        return strerror(wrong ? wrong : errno);
    redisEnableKeepAlive(context);
    return NULL;
}

/* A call whose answer does not matter. */
static snag_err order(snag_redis_client *client, snag_redis_node *node, int argc, const char **argv,
                      snag_diag *diag)
{
    redisReply *reply = NULL;
    snag_err err = snag_redis_node_call(client, node, argc, argv, &reply, diag);
    if (err == SNAG_OK && reply->type == REDIS_REPLY_ERROR) {
        char words[256];
        snag_redis_words(words, client, reply);
        err = snag_redis_node_lose(client, node, words, diag);
    }
    freeReplyObject(reply);
    return err;
}

static snag_err greet(snag_redis_client *client, snag_redis_node *node, snag_diag *diag)
{
    const snag_redis_address *address = &client->redis->address;
    const char *password = node->sentinel ? address->sentinel_password : address->password;
    const char *user = node->sentinel ? NULL : address->user;
    snag_err err = SNAG_OK;
    char db[16];
    if (password && user)
        err = order(client, node, 3, (const char *[]){"AUTH", user, password}, diag);
    else if (password)
        err = order(client, node, 2, (const char *[]){"AUTH", password}, diag);
    if (err != SNAG_OK || node->sentinel || address->db == 0)
        return err;
    snprintf(db, sizeof db, "%d", address->db);
    return order(client, node, 2, (const char *[]){"SELECT", db}, diag);
}

static snag_err connect_now(snag_redis_client *client, snag_redis_node *node, snag_diag *diag)
{
    snag_redis *redis = client->redis;
    atomic_fetch_add(&redis->counts.connects, 1);
    node->context = redisConnectNonBlock(node->place.host, node->place.port);
    const char *wrong = opened(node->context, client->until_ms);
    if (!wrong && redis->secure &&
        !snag_redis_secure_start(redis->secure, node->context, node->place.host))
        wrong = *node->context->errstr ? node->context->errstr : "TLS cannot be begun";
    if (wrong)
        return snag_redis_node_lose(client, node, wrong, diag);
    return greet(client, node, diag);
}

snag_err snag_redis_node_connect(snag_redis_client *client, snag_redis_node *node, snag_diag *diag)
{
    char where[SNAG_REDIS_PLACE_TEXT];
    int64_t now_ms = snag_clock_monotonic_ms(), until_ms = client->until_ms;
    if (node->context)
        return SNAG_OK;
    if (now_ms < node->retry_at_ms) {
        snag_redis_place_text(where, &node->place);
        return snag_fail(diag, SNAG_STORE, "Redis at %s is lost", where);
    }
    if (until_ms > now_ms + SNAG_REDIS_CONNECT_MS)
        client->until_ms = now_ms + SNAG_REDIS_CONNECT_MS;
    snag_err err = connect_now(client, node, diag);
    client->until_ms = until_ms;
    if (err == SNAG_OK)
        node->backoff_ms = 0;
    return err;
}

/* --- conversations ------------------------------------------------------------------------------- */

void snag_redis_begin(snag_redis_client *client, unsigned slot, bool writes)
{
    client->node = client->asked = NULL;
    client->slot = slot;
    client->writes = writes;
    client->hops = 0;
    client->slept_ms = 0;
    client->reconnected = false;
    client->until_ms = snag_clock_monotonic_ms() + SNAG_REDIS_CALL_MS;
}

static snag_err ready(snag_redis_client *client, snag_diag *diag)
{
    char where[SNAG_REDIS_PLACE_TEXT];
    client->node = client->asked;
    snag_err err = client->asked ? SNAG_OK : snag_redis_route(client, diag);
    if (err == SNAG_OK)
        err = snag_redis_node_connect(client, client->node, diag);
    if (err == SNAG_OK && client->writes && snag_clock_monotonic_ms() < client->node->write_at_ms) {
        snag_redis_place_text(where, &client->node->place);
        err = snag_fail(diag, SNAG_STORE, "Redis at %s refuses writes", where);
    }
    return err;
}

snag_err snag_redis_ready(snag_redis_client *client, snag_diag *diag)
{
    snag_err err = ready(client, diag);
    if (err == SNAG_AGAIN) /* a connection was closed under us: once more */
        err = ready(client, diag);
    if (err == SNAG_STORE && client->kind != SNAG_REDIS_SERVER && client->route_old && client->node) {
        snag_redis_place dead = client->node->place; /* its successor may be known by now */
        client->asked = NULL;
        err = snag_redis_route(client, diag);
        if (err == SNAG_OK)
            err = snag_redis_place_equal(&client->node->place, &dead) ? SNAG_STORE : ready(client, diag);
    }
    return err == SNAG_AGAIN ? SNAG_STORE : err;
}

void snag_redis_send(snag_redis_client *client, bool first, int argc, const char **argv, const size_t *sizes)
{
    if (first && client->asked)
        redisAppendCommandArgv(client->node->context, 1, (const char *[]){"ASKING"}, NULL);
    redisAppendCommandArgv(client->node->context, argc, argv, sizes);
}

void snag_redis_push(snag_redis_client *client)
{
    int done;
    (void)redisBufferWrite(client->node->context, &done);
}

snag_err snag_redis_answer(snag_redis_client *client, bool first, redisReply **reply, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    if (first && client->asked) {
        err = node_answer(client, client->node, client->until_ms, reply, diag);
        if (err != SNAG_OK)
            return err;
        freeReplyObject(*reply);
    }
    return node_answer(client, client->node, client->until_ms, reply, diag);
}

void snag_redis_end(snag_redis_client *client)
{
    snag_redis_node *node = client->node;
    node->served = true;
    if (client->writes)
        node->write_backoff_ms = 0;
    unsigned over = SNAG_REDIS_LOST | (client->writes ? SNAG_REDIS_REFUSING : 0U);
    snag_redis_trouble_clear(client->redis, &node->place, over);
}

bool snag_redis_pause(snag_redis_client *client)
{
    int64_t ms = client->slept_ms ? client->slept_ms : 5; /* in all 5, 10, 20, 40 … */
    if (client->slept_ms + ms > SNAG_REDIS_PATIENCE_MS || snag_clock_monotonic_ms() + ms >= client->until_ms)
        return false;
    client->slept_ms += ms;
    atomic_fetch_add(&client->redis->counts.waited, 1);
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    return true;
}

snag_err snag_redis_scripts_load(snag_redis_client *client, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    for (int i = 0; i < SNAG_SCRIPT_COUNT && err == SNAG_OK && !client->node->scripts; i++) {
        const char *argv[] = {"SCRIPT", "LOAD", snag_script_text((snag_script)i)};
        redisReply *reply = NULL;
        err = snag_redis_node_call(client, client->node, 3, argv, &reply, diag);
        if (err == SNAG_OK && reply->type == REDIS_REPLY_ERROR)
            err = snag_redis_refused(client, reply, diag);
        else if (err == SNAG_OK && (reply->type != REDIS_REPLY_STRING || reply->len != SNAG_REDIS_SHA_BYTES))
            err = snag_fail(diag, SNAG_STORE, "Redis: SCRIPT LOAD gave no name");
        else if (err == SNAG_OK)
            memcpy(client->sha[i], reply->str, SNAG_REDIS_SHA_BYTES + 1);
        freeReplyObject(reply);
    }
    if (err == SNAG_OK)
        client->node->scripts = true;
    return err;
}

/* --- life ---------------------------------------------------------------------------------------- */

void snag_redis_client_init(snag_redis_client *client, snag_redis *redis)
{
    client->redis = redis;
    client->kind = redis->address.kind;
    client->route_old = true;
    memset(client->serves, SNAG_REDIS_NO_NODE, sizeof client->serves);
    SNAG_ASSERT(client->node_count == 0);
}

void snag_redis_client_finish(snag_redis_client *client)
{
    for (uint32_t i = 0; i < client->node_count; i++) {
        snag_redis_node_drop(client->nodes[i]);
        free(client->nodes[i]);
    }
    client->node_count = 0;
}
