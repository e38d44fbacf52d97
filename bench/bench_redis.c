/* SPDX-License-Identifier: Apache-2.0
 *
 * The copy of the state in a redis-server of our own: one partition with a million open journeys, as a
 * worker that takes over finds it. What a journey takes there; what a cell costs our side to write (a
 * reload: scripts that compare and set), to flush in small commits, and to load back into an engine. Skipped
 * aloud where there is no redis-server.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "common.h"
#include "config/config.h"
#include "engine/engine.h"
#include "local/memory.h"
#include "redis/redis.h"
#include "unit/free_port.h"

static const char pipeline_text[] =
    "pipeline: shop\n"
    "sources:\n"
    "  web: { topic: web, format: json, map: { time: ts, type: type, customer: customer } }\n"
    "journeys:\n"
    "  buying:\n"
    "    per: customer\n"
    "    stages:\n"
    "      looking: { event: Product Viewed }\n"
    "      basket: { event: Added To Basket, due: 2h, owner: shop }\n"
    "      bought: { event: Order Completed, end: bought }\n";

enum { BATCH = 512, PAGE = 4000, COMMIT = 50 };

typedef struct work {
    const snag_pipeline *pipeline;
    snag_memory memory;
    snag_engine *engine;
    uint64_t customers;
    pid_t server;
    int port;
    snag_redis *redis;
    snag_store store;
    snag_store_head head;
    snag_store_item items[PAGE];
    char bytes[PAGE][512]; /* their keys and blobs */
} work;

static void on_record(void *context, const snag_record *record)
{
    (void)context;
    (void)record;
}

static void say(void *self, const char *line)
{
    (void)self;
    fprintf(stderr, "%s\n", line);
}

/* --- redis-server -------------------------------------------------------------------------------- */

static bool server_start(work *todo)
{
    char port[8];
    todo->port = free_port();
    snprintf(port, sizeof port, "%d", todo->port);
    todo->server = fork();
    if (todo->server == 0) {
        FILE *quiet = freopen("/dev/null", "w", stdout);
        (void)quiet;
        execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
               "--appendonly", "no", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1200; i++) {
        redisContext *context = redisConnect("127.0.0.1", todo->port);
        bool up = context && !context->err;
        redisFree(context);
        if (up)
            return true;
        if (waitpid(todo->server, NULL, WNOHANG) == todo->server)
            break;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return false;
}

/* The memory of its data, as it says itself. */
static uint64_t server_bytes(const work *todo)
{
    redisContext *context = redisConnect("127.0.0.1", todo->port);
    redisReply *reply = context ? redisCommand(context, "INFO memory") : NULL;
    const char *at = reply && reply->str ? strstr(reply->str, "used_memory_dataset:") : NULL;
    uint64_t bytes = at ? strtoull(at + strlen("used_memory_dataset:"), NULL, 10) : 0;
    freeReplyObject(reply);
    redisFree(context);
    return bytes;
}

/* --- the engine ---------------------------------------------------------------------------------- */

static void engine_begin(work *todo)
{
    snag_diag diag = {0};
    SNAG_ASSERT(snag_memory_init(&todo->memory, UINT64_C(2) << 30, &diag) == SNAG_OK);
    SNAG_ASSERT(snag_engine_init(&todo->engine, todo->pipeline, todo->memory.block, todo->memory.size,
                                 on_record, todo) == SNAG_OK);
}

static void walks_open(work *todo)
{
    static snag_value vars[BATCH][SNAG_VAR_KEPT];
    static snag_event batch[BATCH];
    static char names[BATCH][24];
    for (uint64_t i = 0; i < todo->customers;) {
        size_t count = 0, taken = 0;
        for (; count < BATCH && i < todo->customers; count++, i++) {
            snag_str type = i % 2 ? SNAG_STR("Added To Basket") : SNAG_STR("Product Viewed");
            snprintf(names[count], sizeof names[0], "c-%08u", (unsigned)i);
            snag_str name = snag_str_from(names[count]);
            int64_t time_ms = INT64_C(1795143281000) + (int64_t)i / 8;
            memset(vars[count], 0, sizeof vars[count]);
            vars[count][SNAG_VAR_ID] = vars[count][SNAG_VAR_CUSTOMER] = snag_value_text(name);
            vars[count][SNAG_VAR_TIME] = snag_value_time_ms(time_ms);
            vars[count][SNAG_VAR_TYPE] = snag_value_text(type);
            batch[count] = (snag_event){.time_ms = time_ms, .stamp_ms = time_ms,
                                        .position = {.offset = (int64_t)i}, .id = name, .type = type,
                                        .customer = name, .vars = vars[count], .var_count = SNAG_VAR_KEPT};
        }
        SNAG_ASSERT(snag_engine_take(todo->engine, batch, count, &taken) == SNAG_OK && taken == count);
    }
}

/* Up to `most` cells, copied as a worker's bundle does; false: these are the last ones. */
static bool cells_next(work *todo, uint64_t *cursor, size_t most, size_t *count)
{
    snag_str key, blob;
    for (*count = 0; *count < most; ++*count) {
        if (!snag_engine_each(todo->engine, cursor, &key, &blob))
            return false;
        char *to = todo->bytes[*count];
        SNAG_ASSERT(key.size + blob.size <= sizeof todo->bytes[0]);
        memcpy(to, key.data, key.size);
        memcpy(to + key.size, blob.data, blob.size);
        key.data = to;
        blob.data = to + key.size;
        todo->items[*count] = (snag_store_item){key, blob, snag_cell_owner(key)};
    }
    return true;
}

/* --- tasks --------------------------------------------------------------------------------------- */

static uint64_t reload(void *context, uint64_t *hash)
{
    static const uint8_t incarnation[16] = {7};
    work *todo = context;
    const snag_store_head final = {.n = 1, .log_offset = 1, .at_ms = 1};
    uint64_t cursor = 0;
    size_t count;
    snag_diag diag;
    snag_err err = todo->store.ops->take(todo->store.self, 0, incarnation, 3, &todo->head, &diag);
    for (bool more = true; more && err == SNAG_OK;) {
        more = cells_next(todo, &cursor, PAGE, &count);
        err = todo->store.ops->write(todo->store.self, 0, &todo->head, todo->items, count,
                                     more ? NULL : &final, &diag);
    }
    if (err != SNAG_OK)
        fprintf(stderr, "%s\n", diag.text);
    SNAG_ASSERT(err == SNAG_OK);
    *hash = (uint64_t)todo->head.count;
    return (uint64_t)todo->head.count;
}

/* Commits of 50 cells each over all cells, which are there already. */
static uint64_t flush(void *context, uint64_t *hash)
{
    work *todo = context;
    uint64_t cursor = 0, done = 0;
    size_t count;
    for (bool more = true; more;) {
        more = cells_next(todo, &cursor, COMMIT, &count);
        const snag_store_head final = {.n = todo->head.n + 1, .log_offset = 1, .at_ms = 1};
        snag_err err =
            todo->store.ops->write(todo->store.self, 0, &todo->head, todo->items, count, &final, NULL);
        SNAG_ASSERT(err == SNAG_OK);
        done += count;
    }
    *hash = (uint64_t)todo->head.count;
    return done;
}

static void engine_anew(void *context)
{
    work *todo = context;
    snag_memory_finish(&todo->memory);
    engine_begin(todo);
}

/* As a takeover does it: pages with their heads, each cell into the engine. */
static uint64_t load(void *context, uint64_t *hash)
{
    work *todo = context;
    snag_store_head head = todo->head;
    uint64_t total = 0;
    for (uint64_t cursor = 0; cursor != UINT64_MAX;) {
        const snag_store_item *items;
        size_t count;
        snag_err err = todo->store.ops->page(todo->store.self, 0, &cursor, &items, &count, &head, NULL);
        SNAG_ASSERT(err == SNAG_OK && head.n == todo->head.n && head.count == todo->head.count);
        for (size_t i = 0; i < count; i++)
            SNAG_ASSERT(snag_engine_restore(todo->engine, items[i].key, items[i].blob) == SNAG_OK);
        total += count;
    }
    SNAG_ASSERT(total == (uint64_t)todo->head.count);
    *hash = total;
    return total;
}

static void measure(snag_bench *bench, work *todo)
{
    uint64_t empty = server_bytes(todo);
    snag_bench_measure(bench, &(snag_bench_task){.name = "redis_reload_cell", .unit = "ns/cell",
                                                 .run = reload, .context = todo});
    snag_bench_report(bench, "redis_bytes_per_open_journey", "bytes",
                      (double)(server_bytes(todo) - empty) / (double)todo->customers, 250, 165,
                      todo->customers);
    snag_bench_measure(bench, &(snag_bench_task){.name = "redis_flush_cell", .unit = "ns/cell",
                                                 .run = flush, .context = todo});
    engine_anew(todo);
    uint64_t hash, from = snag_bench_wall_ns();
    load(todo, &hash);
    double seconds = (double)(snag_bench_wall_ns() - from) / 1e9;
    snag_bench_report(bench, "redis_load_1m_open_journeys", "s", seconds * 1e6 / (double)todo->customers, 1.5,
                      1, hash);
    snag_bench_measure(bench, &(snag_bench_task){.name = "redis_load_cell", .unit = "ns/cell",
                                                 .prepare = engine_anew, .run = load,
                                                 .context = todo});
}

static bool store_open(work *todo)
{
    char url[64];
    const snag_voice voice = {.say = say};
    snag_diag diag;
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", todo->port);
    const snag_redis_options options = {.url = snag_str_from(url)};
    return snag_redis_new(&todo->redis, &options, SNAG_STR("shop/web"), &voice, &diag) == SNAG_OK &&
           snag_redis_store_new(&todo->store, todo->redis, &diag) == SNAG_OK;
}

int main(int argc, char **argv)
{
    snag_bench bench;
    snag_config config;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    work *todo = calloc(1, sizeof *todo);
    if (!todo ||
        snag_config_parse(&config, snag_str_from(pipeline_text), "bench_redis.yaml", NULL) != SNAG_OK)
        return 1;
    todo->pipeline = &config.pipeline;
    todo->customers = snag_bench_size(&bench, 1000000, 3000);
    engine_begin(todo);
    walks_open(todo);
    if (server_start(todo) && store_open(todo)) {
        measure(&bench, todo);
        todo->store.ops->close(todo->store.self);
        snag_redis_free(todo->redis);
    } else {
        fprintf(stderr, "SKIPPED: no redis-server\n");
    }
    kill(todo->server, SIGTERM);
    waitpid(todo->server, NULL, 0);
    snag_memory_finish(&todo->memory);
    snag_config_free(&config);
    free(todo);
    return snag_bench_end(&bench);
}
