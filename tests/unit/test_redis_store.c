/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port against a redis-server of its own (skipped aloud where there is none).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "redis/redis.h"
#include "redis/slot.h"
#include "unit/free_port.h"

enum { CELLS = 1234 };

static int said;

static void say(void *self, const char *line)
{
    (void)self;
    (void)line;
    said++;
}

static const snag_voice voice = {.say = say};

typedef struct server {
    pid_t pid;
    int port;
} server;

static redisContext *dial(int port)
{
    for (int i = 0; i < 3000; i++) {
        redisContext *context = redisConnect("127.0.0.1", port);
        if (context && !context->err)
            return context;
        redisFree(context);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return NULL;
}

static void server_start(server *at)
{
    char port[16];
    at->port = at->port ? at->port : free_port();
    snprintf(port, sizeof port, "%d", at->port);
    at->pid = fork();
    if (at->pid == 0) {
        FILE *quiet = freopen("/dev/null", "w", stdout);
        /* One that outlives a failed test holds no pipe that somebody waits for. */
        quiet = freopen("/dev/null", "w", stderr);
        (void)quiet;
        execlp("redis-server", "redis-server", "--port", port, "--save", "", "--bind", "127.0.0.1",
               (char *)NULL);
        _exit(127);
    }
    redisContext *context = dial(at->port);
    assert_non_null(context);
    redisFree(context);
}

static void server_stop(server *at)
{
    if (at->pid > 0) {
        kill(at->pid, SIGKILL);
        waitpid(at->pid, NULL, 0);
    }
    at->pid = 0;
}

static void order(const server *at, const char *command)
{
    redisContext *context = dial(at->port);
    assert_non_null(context);
    freeReplyObject(redisCommand(context, command));
    redisFree(context);
}

static bool have_server(void)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        FILE *quiet = freopen("/dev/null", "w", stdout);
        (void)quiet;
        execlp("redis-server", "redis-server", "--version", (char *)NULL);
        _exit(127);
    }
    if (waitpid(child, &status, 0) == child && status == 0)
        return true;
    fputs("SKIPPED: no redis-server\n", stderr);
    return false;
}

typedef struct world {
    server server;
    snag_redis *redis;
    snag_store store;
    snag_diag diag;
} world;

static void world_open(world *w)
{
    char url[64];
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", w->server.port);
    const snag_redis_options options = {.url = snag_str_from(url)};
    assert_int_equal(snag_redis_new(&w->redis, &options, SNAG_STR("c/g/t"), &voice, &w->diag), SNAG_OK);
    assert_int_equal(snag_redis_store_new(&w->store, w->redis, &w->diag), SNAG_OK);
}

static void world_close(world *w)
{
    w->store.ops->close(w->store.self);
    snag_redis_free(w->redis);
    server_stop(&w->server);
}

static char names[CELLS][16];

static void items_make(snag_store_item items[CELLS], const char *blob)
{
    for (int i = 0; i < CELLS; i++) {
        snprintf(names[i], sizeof names[i], "cell-%d", i);
        items[i] = (snag_store_item){snag_str_from(names[i]), snag_str_from(blob), snag_str_from(names[i])};
    }
}

static int64_t load(world *w, snag_store_head *head)
{
    uint64_t cursor = 0;
    int64_t total = 0;
    while (cursor != UINT64_MAX) {
        const snag_store_item *items;
        size_t count;
        assert_int_equal(w->store.ops->page(w->store.self, 3, &cursor, &items, &count, head, &w->diag),
                         SNAG_OK);
        total += (int64_t)count;
    }
    return total;
}

/* A reload, three flushes, and what a replaced worker may not do. */
static void test_writes(void **state)
{
    static snag_store_item items[CELLS];
    const uint8_t incarnation[16] = {1, 2, 3};
    world w = {.redis = NULL};
    snag_store_head head = {.n = 0}, other = {.n = 0};
    (void)state;
    if (!have_server())
        skip();
    server_start(&w.server);
    world_open(&w);
    const snag_store_ops *ops = w.store.ops;
    assert_int_equal(ops->head(w.store.self, 3, &head, &w.diag), SNAG_OK);
    assert_false(head.present);

    items_make(items, "first");
    assert_int_equal(ops->take(w.store.self, 3, incarnation, 77, &head, &w.diag), SNAG_OK);
    assert_int_equal(ops->write(w.store.self, 3, &head, items, 700, NULL, &w.diag), SNAG_OK);
    assert_int_equal(head.step, 2);
    assert_int_equal(head.count, 700);
    snag_store_head final = {.n = 5, .log_offset = 40, .at_ms = 99};
    assert_int_equal(ops->write(w.store.self, 3, &head, items + 700, CELLS - 700, &final, &w.diag), SNAG_OK);
    assert_int_equal(head.count, CELLS);
    assert_int_equal(load(&w, &other), CELLS);
    assert_int_equal(other.n, 5);
    assert_int_equal(other.token, 0);
    assert_int_equal(other.log_offset, 40);
    assert_memory_equal(other.incarnation, incarnation, 16);

    /* The next commit, with the scripts forgotten by the server, and half of the cells gone. */
    snag_store_head stale = head;
    order(&w.server, "SCRIPT FLUSH");
    for (int i = 0; i < CELLS; i += 2)
        items[i].blob = (snag_str){NULL, 0};
    final = (snag_store_head){.n = 6, .log_offset = 50, .at_ms = 100};
    assert_int_equal(ops->write(w.store.self, 3, &head, items, CELLS, &final, &w.diag), SNAG_OK);
    assert_int_equal(head.count, CELLS / 2);
    assert_int_equal(load(&w, &other), CELLS / 2);

    /* A worker that still believes in n = 5 writes nothing and learns of n = 6. */
    items_make(items, "untrue");
    assert_int_equal(ops->write(w.store.self, 3, &stale, items, CELLS, &final, &w.diag), SNAG_STATE);
    assert_int_equal(stale.n, 6);
    assert_int_equal(load(&w, &other), CELLS / 2);

    /* Somebody reloads meanwhile: no flush fits any more, though n may come to be the same. */
    assert_int_equal(ops->take(w.store.self, 3, incarnation, 78, &other, &w.diag), SNAG_OK);
    assert_int_equal(ops->write(w.store.self, 3, &head, items, 1, &final, &w.diag), SNAG_STATE);
    assert_int_equal(head.token, 78);
    assert_int_equal(load(&w, &other), 0);
    world_close(&w);
}

/* A load that is left off in the middle does not spoil what is asked next; nor does one that goes on. */
static void test_load_left_off(void **state)
{
    static snag_store_item items[CELLS];
    const uint8_t incarnation[16] = {1};
    world w = {.redis = NULL};
    snag_store_head head = {.n = 0}, other = {.n = 0};
    const snag_store_item *found;
    size_t count;
    uint64_t cursor = 0;
    (void)state;
    if (!have_server())
        skip();
    server_start(&w.server);
    world_open(&w);
    const snag_store_ops *ops = w.store.ops;
    const snag_store_head final = {.n = 5};
    items_make(items, "first");
    assert_int_equal(ops->take(w.store.self, 3, incarnation, 77, &head, &w.diag), SNAG_OK);
    assert_int_equal(ops->write(w.store.self, 3, &head, items, CELLS, &final, &w.diag), SNAG_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ops->page(w.store.self, 3, &cursor, &found, &count, &other, &w.diag), SNAG_OK);
        if (i == 0)
            assert_int_equal(ops->head(w.store.self, 3, &other, &w.diag), SNAG_OK);
        if (i == 1)
            assert_int_equal(ops->write(w.store.self, 3, &head, items, 3, &final, &w.diag), SNAG_OK);
        assert_int_equal(other.count, CELLS);
    }
    assert_int_equal(load(&w, &other), CELLS);
    assert_int_equal(ops->page(w.store.self, 4, &(uint64_t){0}, &found, &count, &other, &w.diag), SNAG_OK);
    assert_int_equal(count, 0);
    assert_false(other.present);
    assert_int_equal(load(&w, &other), CELLS);
    world_close(&w);
}

static void test_customer(void **state)
{
    const uint8_t incarnation[16] = {9};
    world w = {.redis = NULL};
    snag_store_head head = {.n = 0};
    const snag_store_item *found;
    size_t count;
    uint32_t partitions;
    (void)state;
    if (!have_server())
        skip();
    server_start(&w.server);
    world_open(&w);
    snag_store_item items[2] = {{SNAG_STR("k1"), SNAG_STR("b\0b"), SNAG_STR("ann")},
                          {SNAG_STR("k2"), SNAG_STR("b2"), SNAG_STR("bob")}};
    snag_store_head final = {.n = 1};
    assert_int_equal(snag_redis_partitions_get(&w.store, &partitions, &w.diag), SNAG_END);
    snag_redis_partitions_set(w.redis, 12);
    assert_int_equal(w.store.ops->take(w.store.self, 0, incarnation, 5, &head, &w.diag), SNAG_OK);
    assert_int_equal(w.store.ops->write(w.store.self, 0, &head, items, 2, &final, &w.diag), SNAG_OK);
    assert_int_equal(
        w.store.ops->customer(w.store.self, 0, SNAG_STR("ann"), &found, &count, &head, &w.diag), SNAG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(found[0].blob.size, 3);
    assert_int_equal(snag_redis_partitions_get(&w.store, &partitions, &w.diag), SNAG_OK);
    assert_int_equal(partitions, 12);
    world_close(&w);
}

static void test_outage(void **state)
{
    world w = {.redis = NULL};
    snag_store_head head = {.n = 0};
    (void)state;
    if (!have_server())
        skip();
    server_start(&w.server);
    world_open(&w);
    assert_int_equal(snag_redis_probe(&w.store, &w.diag), SNAG_OK);
    said = 0;
    server_stop(&w.server);
    for (int i = 0; i < 50; i++)
        assert_int_equal(w.store.ops->head(w.store.self, 0, &head, &w.diag), SNAG_STORE);
    assert_int_equal(said, 1);
    server_start(&w.server);
    for (int i = 0; i < 1200 && w.store.ops->head(w.store.self, 0, &head, &w.diag) != SNAG_OK; i++)
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    assert_int_equal(said, 2);
    world_close(&w);
}

/* Keys that somebody else uses are refused, not overwritten. */
static void test_foreign(void **state)
{
    world w = {.redis = NULL};
    char tag[SNAG_REDIS_TAG_MAX], command[SNAG_REDIS_TAG_MAX + 32];
    (void)state;
    if (!have_server())
        skip();
    server_start(&w.server);
    world_open(&w);
    snag_redis_tag(tag, SNAG_STR("c/g/t"), 0);
    snprintf(command, sizeof command, "SET snag:{%.400s}:m text", tag);
    order(&w.server, command);
    assert_int_equal(snag_redis_probe(&w.store, &w.diag), SNAG_STORE); /* WRONGTYPE is not a head */
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),  cmocka_unit_test(test_customer), cmocka_unit_test(test_outage),
        cmocka_unit_test(test_foreign), cmocka_unit_test(test_load_left_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
