/* SPDX-License-Identifier: Apache-2.0
 *
 * store_walk URL SEED SECONDS: a random walk on the store port while somebody else breaks Redis.
 *
 * Writers commit, flush and reload the way src/runtime/flush.c does, against a model in memory; a zombie
 * repeats old flushes at odd moments; a reader loads partitions the way src/runtime/recover.c does. At any
 * time: what can be loaded whole (one head on all pages, its count, no token, no step) is the state of the
 * commit that the head names, and no operation takes longer than it may. At the end everything that was
 * lost has been mended. SIGTERM ends the walk before its time. Prints one line of JSON; exit 1 and words on
 * stderr if something was untrue.
 *
 * The environment's REDIS_USER and REDIS_PASSWORD go along.
 */
#include <inttypes.h>
#include <stdio.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/hash.h"
#include "redis/redis.h"

enum {
    PARTITIONS = 6,
    CELLS = 3000,
    MOST = 1400,       /* cells of a large commit: three scripts */
    SLOWEST_MS = 8000, /* 2 s, and what a loaded machine adds */
    MEND_MS = 200,
    ZOMBIE = 16, /* cells of a flush that a zombie repeats */
    LAST_S = 60
};

/* One cell's writes: n of each, negative where it was deleted. */
typedef struct history {
    int64_t *at;
    size_t count;
    size_t room;
} history;

typedef struct partition {
    uint8_t incarnation[16];
    int64_t n;
    history cells[CELLS];
    snag_store_head stored;
    bool stale;
    int64_t mend_at_ms;
    /* The zombie's: a flush that was made or tried long ago. */
    snag_store_head old_head, old_final;
    uint32_t old_cells[ZOMBIE];
    size_t old_count;
} partition;

typedef struct numbers {
    uint64_t commits, flushes, stale, reloads, loads, partial, zombies, zombie_wins, slowest_ms;
} numbers;

static partition world[PARTITIONS];
static numbers counted;
static snag_store_item items[MOST];
static char keys[CELLS][16];
static char blobs[MOST][128];
static uint32_t written[MOST]; /* cells of the last commit */
static uint64_t seed;
static atomic_bool enough; /* SIGTERM: the faults are over */
static char first_words[4][300];
static unsigned said;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t next(uint64_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (seed >> 33) % below;
}

static void say(void *self, const char *line)
{
    (void)self;
    if (said < 4)
        snprintf(first_words[said], sizeof first_words[0], "%s", line);
    said++;
    fprintf(stderr, "said: %s\n", line);
}

static void stop(int signal)
{
    (void)signal;
    atomic_store(&enough, true);
}

static void die(const char *words, uint32_t p, int64_t a, int64_t b)
{
    fprintf(stderr, "store_walk: %s (partition %" PRIu32 ", %" PRId64 " and %" PRId64 ")\n", words, p, a, b);
    exit(1);
}

/* The last write of a cell up to commit n: 0 = none, negative = deleted then. */
static int64_t last_write(const history *cell, int64_t n)
{
    for (size_t i = cell->count; i > 0; i--)
        if ((cell->at[i - 1] < 0 ? -cell->at[i - 1] : cell->at[i - 1]) <= n)
            return cell->at[i - 1];
    return 0;
}

static int64_t alive(const partition *of, int64_t n)
{
    int64_t count = 0;
    for (uint32_t i = 0; i < CELLS; i++)
        count += last_write(&of->cells[i], n) > 0;
    return count;
}

static snag_str blob_of(char text[128], uint32_t p, uint32_t cell, int64_t n)
{
    int size = snprintf(text, 128, "%" PRIu32 "/%" PRIu32 "/%" PRId64 "/", p, cell, n);
    while (size < 40 + (int)((cell * 7 + (uint32_t)n) % 80))
        text[size++] = '.';
    return snag_str_of(text, (size_t)size);
}

static void item_set(size_t i, uint32_t p, uint32_t cell, int64_t write)
{
    snag_str key = snag_str_from(keys[cell]);
    snag_str none = {NULL, 0};
    items[i] = (snag_store_item){key, write > 0 ? blob_of(blobs[i], p, cell, write) : none, key};
}

static void timed(int64_t from_ms, uint32_t p, const char *what)
{
    int64_t took_ms = now_ms() - from_ms;
    if ((uint64_t)took_ms > counted.slowest_ms)
        counted.slowest_ms = (uint64_t)took_ms;
    if (took_ms > SLOWEST_MS)
        die(what, p, took_ms, SLOWEST_MS);
}

static snag_err put(const snag_store *store, uint32_t p, snag_store_head *head, size_t count,
                    const snag_store_head *final)
{
    int64_t from_ms = now_ms();
    snag_err err = store->ops->write(store->self, p, head, items, count, final, NULL);
    timed(from_ms, p, "a write took too long, ms");
    return err;
}

static snag_store_head final_of(const partition *of)
{
    return (snag_store_head){.n = of->n, .log_offset = of->n * 10, .at_ms = of->n * 1000};
}

static void stale(partition *of)
{
    of->stale = true;
    of->mend_at_ms = now_ms() + MEND_MS;
    counted.stale++;
}

/* --- the writer ---------------------------------------------------------------------------------- */

static size_t commit(uint32_t p)
{
    partition *of = &world[p];
    size_t count = next(20) == 0 ? MOST : 1 + next(40);
    uint32_t cell = (uint32_t)next(CELLS), step = 1 + (uint32_t)next(2);
    of->n++;
    for (size_t i = 0; i < count; i++, cell = (cell + step) % CELLS) {
        history *past = &of->cells[cell];
        if (past->count == past->room) {
            past->room = past->room ? past->room * 2 : 4;
            past->at = realloc(past->at, past->room * sizeof *past->at);
            if (!past->at)
                abort();
        }
        past->at[past->count++] = next(5) ? of->n : -of->n;
        item_set(i, p, cell, past->at[past->count - 1]);
        written[i] = cell;
    }
    counted.commits++;
    return count;
}

static void write_one(const snag_store *store, uint32_t p)
{
    partition *of = &world[p];
    size_t count = commit(p);
    snag_store_head final = final_of(of);
    if (of->stale)
        return; /* dropped, never queued */
    if (count <= ZOMBIE && next(3) == 0) {
        of->old_head = of->stored;
        of->old_final = final;
        of->old_count = count;
        memcpy(of->old_cells, written, count * sizeof *written);
    }
    counted.flushes++;
    if (put(store, p, &of->stored, count, &final) != SNAG_OK)
        stale(of);
    else if (of->stored.count != alive(of, of->n))
        stale(of);
}

static snag_err reload(const snag_store *store, uint32_t p)
{
    partition *of = &world[p];
    snag_store_head final = final_of(of);
    int64_t from_ms = now_ms();
    uint64_t token = next(1U << 30) * 2 + 1;
    snag_err err = store->ops->take(store->self, p, of->incarnation, token, &of->stored, NULL);
    timed(from_ms, p, "a take took too long, ms");
    size_t count = 0;
    for (uint32_t i = 0; i < CELLS && err == SNAG_OK; i++) {
        int64_t write = last_write(&of->cells[i], of->n);
        if (write > 0)
            item_set(count++, p, i, write);
        if (count == MOST) {
            err = put(store, p, &of->stored, count, NULL);
            count = 0;
        }
    }
    return err == SNAG_OK ? put(store, p, &of->stored, count, &final) : err;
}

static void mend(const snag_store *store, uint32_t p)
{
    partition *of = &world[p];
    if (!of->stale || now_ms() < of->mend_at_ms)
        return;
    of->mend_at_ms = now_ms() + MEND_MS;
    if (reload(store, p) != SNAG_OK)
        return;
    counted.reloads++;
    of->stale = of->stored.count != alive(of, of->n);
}

/* A worker that was replaced, and whose last flush arrives late. What it writes is true, but old. */
static void zombie(const snag_store *store, uint32_t p)
{
    partition *of = &world[p];
    snag_store_head head = of->old_head;
    if (of->old_count == 0 || head.n < 0)
        return;
    for (size_t i = 0; i < of->old_count; i++)
        item_set(i, p, of->old_cells[i], last_write(&of->cells[of->old_cells[i]], of->old_final.n));
    counted.zombies++;
    counted.zombie_wins += put(store, p, &head, of->old_count, &of->old_final) == SNAG_OK;
}

/* --- the reader ---------------------------------------------------------------------------------- */

static bool same(const snag_store_head *a, const snag_store_head *b)
{
    return a->present && b->present && memcmp(a->incarnation, b->incarnation, 16) == 0 && a->n == b->n &&
           a->step == b->step && a->token == b->token && a->count == b->count;
}

static void page_check(uint32_t p, const snag_store_item *found, size_t count, int64_t n, uint8_t *seen)
{
    char text[128];
    for (size_t i = 0; i < count; i++) {
        unsigned long cell = found[i].key.size > 5 ? strtoul(found[i].key.data + 5, NULL, 10) : CELLS;
        if (cell >= CELLS)
            die("a cell that nobody wrote", p, (int64_t)cell, n);
        int64_t write = last_write(&world[p].cells[cell], n);
        if (write <= 0 || !snag_str_equal(found[i].blob, blob_of(text, p, (uint32_t)cell, write)))
            die("a cell is not what it was at the head's commit", p, (int64_t)cell, n);
        if (seen[cell]++)
            die("a cell came twice", p, (int64_t)cell, n);
    }
}

/* True: it could be loaded whole, and was right. */
static bool load(const snag_store *store, uint32_t p)
{
    static uint8_t seen[CELLS];
    snag_store_head head = {.n = 0}, page = {.n = 0};
    int64_t total = 0, from_ms = now_ms();
    snag_err err = store->ops->head(store->self, p, &head, NULL);
    timed(from_ms, p, "a head took too long, ms");
    if (err != SNAG_OK || !head.present || head.token || head.step)
        return false;
    if (memcmp(head.incarnation, world[p].incarnation, 16) != 0 || head.n > world[p].n)
        die("a head above the truth", p, head.n, world[p].n);
    page = head;
    memset(seen, 0, sizeof seen);
    for (uint64_t cursor = 0; cursor != UINT64_MAX;) {
        const snag_store_item *found;
        size_t count;
        from_ms = now_ms();
        err = store->ops->page(store->self, p, &cursor, &found, &count, &page, NULL);
        timed(from_ms, p, "a page took too long, ms");
        if (err != SNAG_OK || !same(&head, &page))
            return false;
        page_check(p, found, count, head.n, seen);
        total += (int64_t)count;
    }
    if (total != head.count)
        return false;
    if (total != alive(&world[p], head.n))
        die("a whole copy with too many or too few cells", p, total, alive(&world[p], head.n));
    return true;
}

/* --- the walk ------------------------------------------------------------------------------------ */

static void step(const snag_store *writer, const snag_store *other)
{
    uint32_t p = (uint32_t)next(PARTITIONS);
    uint64_t what = next(100);
    mend(writer, p);
    if (what < 70)
        write_one(writer, p);
    else if (what < 75)
        zombie(other, p);
    else if (what < 80)
        *(load(other, p) ? &counted.loads : &counted.partial) += 1;
    nanosleep(&(struct timespec){0, 500000}, NULL);
}

/* The faults are over: all is mended, and all can be loaded. */
static void settle(const snag_store *writer, const snag_store *other)
{
    int64_t until_ms = now_ms() + LAST_S * 1000;
    for (uint32_t p = 0; p < PARTITIONS;) {
        if (now_ms() > until_ms)
            die("not mended in time, s", p, LAST_S, world[p].n);
        if (!world[p].stale)
            write_one(writer, p);
        mend(writer, p);
        if (!world[p].stale && load(other, p) && world[p].stored.n == world[p].n)
            p++;
        else
            nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
}

static void print(const snag_redis *redis)
{
    snag_redis_counts ways;
    struct rusage used;
    snag_redis_counts_get(redis, &ways);
    getrusage(RUSAGE_SELF, &used);
    printf("{\"commits\":%" PRIu64 ",\"flushes\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"reloads\":%" PRIu64
           ",\"loads\":%" PRIu64 ",\"partial\":%" PRIu64 ",\"zombies\":%" PRIu64 ",\"zombie_wins\":%" PRIu64
           ",\"slowest_ms\":%" PRIu64,
           counted.commits, counted.flushes, counted.stale, counted.reloads, counted.loads, counted.partial,
           counted.zombies, counted.zombie_wins, counted.slowest_ms);
    printf(",\"moved\":%" PRIu64 ",\"asked\":%" PRIu64 ",\"waited\":%" PRIu64 ",\"readonly\":%" PRIu64
           ",\"routes\":%" PRIu64 ",\"connects\":%" PRIu64 ",\"losses\":%" PRIu64
           ",\"said\":%u,\"rss_kib\":%ld}\n",
           ways.moved, ways.asked, ways.waited, ways.readonly, ways.routes, ways.connects, ways.losses, said,
           used.ru_maxrss);
}

static void world_init(void)
{
    for (uint32_t i = 0; i < CELLS; i++)
        snprintf(keys[i], sizeof keys[i], "cell-%" PRIu32, i);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        memset(world[p].incarnation, (int)p + 1, 16);
        world[p].stale = true;
        world[p].old_head.n = -1;
    }
}

static void run(const snag_store *writer, const snag_store *other, int64_t seconds)
{
    int64_t until_ms = now_ms() + seconds * 1000;
    while (now_ms() < until_ms && !atomic_load(&enough))
        step(writer, other);
    settle(writer, other);
}

int main(int argc, char **argv)
{
    snag_diag diag = {.text = ""};
    snag_redis *redis = NULL;
    snag_store writer = {.ops = NULL}, other = {.ops = NULL};
    const snag_voice voice = {.say = say};
    if (argc != 4)
        return 2;
    signal(SIGTERM, stop);
    const snag_redis_options options = {.url = snag_str_from(argv[1]),
                                        .user = snag_str_from(getenv("REDIS_USER")),
                                        .password = snag_str_from(getenv("REDIS_PASSWORD"))};
    seed = strtoull(argv[2], NULL, 10) * 2 + 1;
    world_init();
    snag_err err = snag_redis_new(&redis, &options, SNAG_STR("walk/input"), &voice, &diag);
    if (err == SNAG_OK)
        err = snag_redis_store_new(&writer, redis, &diag);
    if (err == SNAG_OK)
        err = snag_redis_store_new(&other, redis, &diag);
    if (err == SNAG_OK)
        err = snag_redis_probe(&writer, &diag);
    if (err != SNAG_OK) {
        fprintf(stderr, "store_walk: %s\n", diag.text);
        return 1;
    }
    snag_redis_partitions_set(redis, PARTITIONS);
    run(&writer, &other, strtoll(argv[3], NULL, 10));
    print(redis);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        for (uint32_t i = 0; i < CELLS; i++)
            free(world[p].cells[i].at);
    writer.ops->close(writer.self);
    other.ops->close(other.self);
    snag_redis_free(redis);
    return 0;
}
