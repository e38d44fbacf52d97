/* SPDX-License-Identifier: Apache-2.0
 *
 * The store port against a server that answers what a script says: what a real one does too rarely, or not
 * on request. Whatever comes, the store returns in time, and what is wrong is said once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <time.h>

#include <cmocka.h>

#include "redis/redis.h"
#include "unit/fake_redis.h"

enum { ANSWERS = FAKE_ANSWERS, CALL_MS = 2000, SLACK_MS = 8000 /* a machine may stand still */ };

typedef const char *const words_of[];

#define OK "+OK\r\n"
#define SHA "$40\r\n0123456789012345678901234567890123456789\r\n"
#define HEAD0 "*7\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"
#define WROTE "*2\r\n:1\r\n:1\r\n"

static char words[4][400];
static atomic_uint said;

static void say(void *self, const char *line)
{
    (void)self;
    unsigned i = atomic_fetch_add(&said, 1);
    if (i < 4)
        snprintf(words[i], sizeof words[0], "%s", line);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- the client ---------------------------------------------------------------------------------- */

typedef struct world {
    snag_redis *redis;
    snag_store store;
    snag_diag diag;
} world;

static void world_open(world *w, const char *scheme, int port, const char *path)
{
    char url[96];
    snprintf(url, sizeof url, "%s127.0.0.1:%d%s", scheme, port, path);
    const snag_voice voice = {.say = say};
    const snag_redis_options options = {.url = snag_str_from(url)};
    atomic_store(&said, 0);
    assert_int_equal(snag_redis_new(&w->redis, &options, SNAG_STR("g/t"), &voice, &w->diag), SNAG_OK);
    assert_int_equal(snag_redis_store_new(&w->store, w->redis, &w->diag), SNAG_OK);
}

static void world_close(world *w)
{
    w->store.ops->close(w->store.self);
    snag_redis_free(w->redis);
}

static snag_err head_get(world *w)
{
    snag_store_head head;
    int64_t from_ms = now_ms();
    snag_err err = w->store.ops->head(w->store.self, 0, &head, &w->diag);
    assert_true(now_ms() - from_ms <= CALL_MS + SLACK_MS);
    return err;
}

static snag_err write_one(world *w)
{
    const snag_store_item item = {SNAG_STR("k"), SNAG_STR("b"), SNAG_STR("ann")};
    const snag_store_head final = {.n = 1};
    snag_store_head head = {.present = true, .n = 0};
    int64_t from_ms = now_ms();
    snag_err err = w->store.ops->write(w->store.self, 0, &head, &item, 1, &final, &w->diag);
    assert_true(now_ms() - from_ms <= CALL_MS + SLACK_MS);
    return err;
}

static snag_redis_counts counts_of(const world *w)
{
    snag_redis_counts counts;
    snag_redis_counts_get(w->redis, &counts);
    return counts;
}

/* One server that answers so to a write; what the write gives, and what is said of it. */
static void write_against(const char *const answers[], snag_err wanted, const char *wanted_words)
{
    static fake_redis f;
    world w = {.redis = NULL};
    f = (fake_redis){.stop = false};
    for (size_t i = 0; i < ANSWERS && answers[i]; i++)
        f.answers[i] = answers[i];
    fake_redis_listen(&f);
    fake_redis_start(&f);
    world_open(&w, "redis://", f.port, "");
    assert_int_equal(write_one(&w), wanted);
    if (wanted_words) {
        assert_non_null(strstr(w.diag.text, wanted_words));
        assert_int_equal(atomic_load(&said), 1);
        assert_non_null(strstr(words[0], wanted_words));
        assert_int_equal(write_one(&w), SNAG_STORE); /* at once, and without a word */
        assert_int_equal(atomic_load(&said), 1);
    }
    world_close(&w);
    fake_redis_stop(&f);
}

/* --- one server ---------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    static const struct {
        const char *answer;
        const char *words;
    } rows[] = {
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "memory is full"},
        {"-ERR Error running script (call to f_1): @user_script:7: -OOM command not allowed.\r\n",
         "memory is full"},
        {"-NOPERM this user has no permissions to run the 'evalsha' command\r\n", "lacks a right"},
        {"-MISCONF Redis is configured to save RDB snapshots, but it is not able to\r\n", "MISCONF"},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", "too few replicas"},
        {"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", "somebody else uses"},
        {"-NOAUTH Authentication required.\r\n", "wants a password"},
        {"-ERR something new\r\n", "something new"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        write_against((words_of){SHA, SHA, rows[i].answer, NULL}, SNAG_STORE, rows[i].words);
}

/* What a moment sets right. */
static void test_waits(void **state)
{
    (void)state;
    write_against((words_of){"-LOADING Redis is loading\r\n", "-LOADING Redis is loading\r\n", SHA, SHA,
                                        WROTE, NULL},
                  SNAG_OK, NULL);
    write_against((words_of){SHA, SHA, "-BUSY Redis is busy running a script.\r\n", WROTE, NULL},
                  SNAG_OK, NULL);
    write_against((words_of){SHA, SHA, "-NOSCRIPT No matching script.\r\n", SHA, SHA, WROTE, NULL},
                  SNAG_OK, NULL);
    write_against((words_of){SHA, SHA, "-READONLY You can't write against a read only replica.\r\n",
                                        SHA, SHA, WROTE, NULL},
                  SNAG_OK, NULL);
}

/* And what it does not. */
static void test_never(void **state)
{
    static const char *const busy = "-BUSY Redis is busy running a script.\r\n";
    static const char *const none = "-NOSCRIPT No matching script.\r\n";
    (void)state;
    write_against((words_of){SHA, SHA, busy, busy, busy, busy, busy, busy, busy, busy, busy, busy, NULL},
                  SNAG_STORE, "running for long");
    write_against((words_of){SHA, SHA, none, SHA, SHA, none, SHA, SHA, none, SHA, SHA, none, SHA,
                                        SHA, none, SHA, SHA, none, SHA, SHA, none, SHA, SHA, none},
                  SNAG_STORE, NULL);
}

/* Answers that are none. */
static void test_rubbish(void **state)
{
    (void)state;
    write_against((words_of){SHA, SHA, "HTTP/1.1 400 Bad Request\r\n\r\n", NULL}, SNAG_STORE,
                  "Protocol error");
    write_against((words_of){SHA, SHA, "*2\r\n:1\r\n*-1\r\n", NULL}, SNAG_STORE, NULL);
    write_against((words_of){SHA, SHA, "+OK\r\n", NULL}, SNAG_STORE, NULL);
    write_against((words_of){SHA, SHA, "*1\r\n:1\r\n", NULL}, SNAG_STORE, NULL);
    write_against((words_of){SHA, SHA, "*8\r\n:0\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", NULL},
                  SNAG_STATE, NULL);
    write_against((words_of){"+short\r\n", NULL}, SNAG_STORE, NULL);
}

/* Reads of what is no head, no page. */
static void test_read_rubbish(void **state)
{
    static const char *const answers[] = {"+OK\r\n", "$-1\r\n", "*2\r\n:1\r\n:1\r\n",
                                          "*7\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        static fake_redis f;
        world w = {.redis = NULL};
        snag_store_head head;
        f = (fake_redis){.answers = {answers[i]}};
        fake_redis_listen(&f);
        fake_redis_start(&f);
        world_open(&w, "redis://", f.port, "");
        snag_err err = w.store.ops->head(w.store.self, 0, &head, &w.diag);
        assert_true(err == SNAG_STORE || (err == SNAG_OK && !head.present));
        world_close(&w);
        fake_redis_stop(&f);
    }
}

/* So soon. On a machine that stood still meanwhile it is tried, and is left alone for longer after that. */
static void not_tried_again(world *w)
{
    uint64_t before = 0;
    for (int tries = 0; tries < 5 && before != counts_of(w).connects; tries++) {
        before = counts_of(w).connects;
        assert_int_equal(head_get(w), SNAG_STORE);
    }
    assert_true(before > 0 && before == counts_of(w).connects);
}

/* Silent, half an answer and then silence, byte by byte, hanging up: never longer than 2 s, said once. */
static void test_slow(void **state)
{
    static const struct {
        const char *answer;
        int drip_ms;
        bool hang_up;
    } rows[] = {{NULL, 0, false}, {"*7\r\n$-1\r\n$-", 0, false}, {HEAD0, 200, false}, {"*7\r\n", 0, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static fake_redis f;
        world w = {.redis = NULL};
        f = (fake_redis){.drip_ms = rows[i].drip_ms, .hang_up = rows[i].hang_up};
        f.answers[0] = rows[i].answer;
        fake_redis_listen(&f);
        fake_redis_start(&f);
        world_open(&w, "redis://", f.port, "");
        assert_int_equal(head_get(&w), SNAG_STORE);
        not_tried_again(&w);
        assert_int_equal(atomic_load(&said), 1);
        assert_non_null(strstr(words[0], "is lost"));
        world_close(&w);
        fake_redis_stop(&f);
    }
}

/* A server that closed the connection while nobody used it is no outage. */
static void test_idle_close(void **state)
{
    static fake_redis f;
    world w = {.redis = NULL};
    (void)state;
    f = (fake_redis){.answers = {HEAD0, NULL, HEAD0}, .hang_up = true};
    fake_redis_listen(&f);
    fake_redis_start(&f);
    world_open(&w, "redis://", f.port, "");
    assert_int_equal(head_get(&w), SNAG_OK);
    fake_redis_closed(&f);
    atomic_store(&f.asked, 2);
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_int_equal(atomic_load(&said), 0);
    assert_int_equal(atomic_load(&f.connects), 2);
    world_close(&w);
    fake_redis_stop(&f);
}

/* Nor does it end the process, where much is written to it: the second piece goes to a socket that the answer
 * to the first has closed. */
static void test_idle_close_written(void **state)
{
    static fake_redis f;
    static snag_store_item items[2400];
    const snag_store_head final = {.n = 2};
    snag_store_head head = {.present = true, .n = 1};
    world w = {.redis = NULL};
    (void)state;
    f = (fake_redis){.answers = {SHA, SHA, WROTE, NULL, SHA, SHA, WROTE, WROTE, WROTE, WROTE, WROTE},
                     .hang_up = true};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        items[i] = (snag_store_item){SNAG_STR("k"), SNAG_STR("b"), SNAG_STR("ann")};
    fake_redis_listen(&f);
    fake_redis_start(&f);
    world_open(&w, "redis://", f.port, "");
    assert_int_equal(write_one(&w), SNAG_OK);
    fake_redis_closed(&f);
    atomic_store(&f.asked, 4);
    assert_int_equal(w.store.ops->write(w.store.self, 0, &head, items, sizeof items / sizeof items[0], &final,
                                        &w.diag),
                     SNAG_OK);
    assert_int_equal(atomic_load(&said), 0);
    world_close(&w);
    fake_redis_stop(&f);
}

/* --- a cluster of two ------------------------------------------------------------------------------ */

static fake_redis a, b;
static char texts[8][160];

/* CLUSTER SLOTS that gives everything to one server. */
static const char *map_of(char text[160], const fake_redis *owner)
{
    snprintf(text, 160, "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\nx\r\n",
             owner->port);
    return text;
}

static const char *to_of(char text[160], const char *word, const fake_redis *owner)
{
    snprintf(text, 160, "-%s 1 127.0.0.1:%d\r\n", word, owner->port);
    return text;
}

static void two_listen(void)
{
    a = b = (fake_redis){.stop = false};
    fake_redis_listen(&a);
    fake_redis_listen(&b);
}

static void two_start(world *w, const char *scheme, const char *path)
{
    fake_redis_start(&a);
    fake_redis_start(&b);
    world_open(w, scheme, a.port, path);
}

static void two_stop(world *w)
{
    world_close(w);
    fake_redis_stop(&a);
    fake_redis_stop(&b);
}

/* ASK leads to the other one this once, with ASKING before it; then A again. */
static void test_ask(void **state)
{
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    a.answers[0] = map_of(texts[0], &a);
    a.answers[1] = to_of(texts[1], "ASK", &b);
    a.answers[2] = HEAD0;
    b.answers[0] = OK;
    b.answers[1] = HEAD0;
    two_start(&w, "redis+cluster://", "");
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_string_equal(fake_redis_seen(&b, 0), "ASKING");
    assert_string_equal(fake_redis_seen(&b, 1), "HMGET");
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_int_equal(atomic_load(&a.asked), 3);
    assert_int_equal(counts_of(&w).asked, 1);
    two_stop(&w);
}

/* A plain address of a cluster's node: MOVED tells, the map is read, the other one has it. */
static void test_moved_plain(void **state)
{
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    a.answers[0] = to_of(texts[0], "MOVED", &b);
    a.answers[1] = map_of(texts[1], &b);
    b.answers[0] = HEAD0;
    b.answers[1] = HEAD0;
    two_start(&w, "redis://", "");
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_int_equal(atomic_load(&b.asked), 2);
    assert_int_equal(counts_of(&w).moved, 1);
    two_stop(&w);
}

/* Two that send to each other without end. */
static void test_moved_for_ever(void **state)
{
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    a.answers[0] = map_of(texts[0], &a);
    to_of(texts[1], "MOVED", &b);
    to_of(texts[2], "MOVED", &a);
    for (int i = 0; i < ANSWERS; i++) {
        a.answers[i] = i ? texts[1] : a.answers[0];
        b.answers[i] = texts[2];
    }
    two_start(&w, "redis+cluster://", "");
    assert_int_equal(head_get(&w), SNAG_STORE);
    assert_true(counts_of(&w).moved <= 12);
    assert_int_equal(atomic_load(&said), 1);
    two_stop(&w);
}

/* The keys of a slot are on two servers: waited for, then given up, and no word: this is no outage. */
static void test_tryagain(void **state)
{
    static const char *const again = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    a.answers[0] = map_of(texts[0], &a);
    a.answers[1] = a.answers[2] = SHA;
    for (int i = 3; i < ANSWERS; i++)
        a.answers[i] = again;
    two_start(&w, "redis+cluster://", "");
    assert_int_equal(write_one(&w), SNAG_STORE);
    assert_int_equal(atomic_load(&said), 0);
    assert_true(counts_of(&w).waited >= 3);
    unsigned asked = atomic_load(&a.asked);
    assert_true(asked <= 14);
    a.answers[asked] = WROTE;
    assert_int_equal(write_one(&w), SNAG_OK);
    two_stop(&w);
}

/* The cluster is down: said once; and back. */
static void test_clusterdown(void **state)
{
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    a.map = map_of(texts[0], &a);
    for (int i = 0; i < ANSWERS; i++)
        a.answers[i] = "-CLUSTERDOWN The cluster is down\r\n";
    two_start(&w, "redis+cluster://", "");
    assert_int_equal(head_get(&w), SNAG_STORE);
    assert_int_equal(atomic_load(&said), 1);
    assert_non_null(strstr(words[0], "Redis Cluster is down"));
    unsigned asked = atomic_load(&a.asked);
    assert_true(asked < ANSWERS - 2);
    a.answers[asked] = HEAD0;
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_int_equal(atomic_load(&said), 2);
    assert_string_equal(words[1], "Redis is back");
    two_stop(&w);
}

/* --- Sentinel --------------------------------------------------------------------------------------- */

/* The Sentinel's word is checked: who says he is a replica is none. */
static void test_sentinel_lies(void **state)
{
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    snprintf(texts[0], sizeof texts[0], "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n", b.port > 9999 ? 5 : 4,
             b.port);
    for (int i = 0; i < ANSWERS; i++) {
        a.answers[i] = texts[0];
        b.answers[i] = "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$9\r\nconnected\r\n:1\r\n";
    }
    two_start(&w, "redis+sentinel://", "/m");
    assert_int_equal(head_get(&w), SNAG_STORE);
    assert_non_null(strstr(w.diag.text, "is a slave, though a Sentinel names it as master"));
    assert_string_equal(fake_redis_seen(&a, 0), "SENTINEL");
    unsigned asked = atomic_load(&b.asked);
    b.answers[asked] = "*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n";
    b.answers[asked + 1] = HEAD0;
    assert_int_equal(head_get(&w), SNAG_OK);
    assert_string_equal(fake_redis_seen(&b, asked), "ROLE");
    assert_int_equal(atomic_load(&said), 2);
    two_stop(&w);
}

static void test_sentinel_unknown(void **state)
{
    world w = {.redis = NULL};
    (void)state;
    two_listen();
    for (int i = 0; i < ANSWERS; i++)
        a.answers[i] = "*-1\r\n";
    two_start(&w, "redis+sentinel://", "/nosuch");
    assert_int_equal(head_get(&w), SNAG_STORE);
    assert_non_null(strstr(w.diag.text, "knows no master \"nosuch\""));
    two_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_waits),
        cmocka_unit_test(test_never),         cmocka_unit_test(test_rubbish),
        cmocka_unit_test(test_read_rubbish),  cmocka_unit_test(test_slow),
        cmocka_unit_test(test_idle_close),    cmocka_unit_test(test_idle_close_written),
        cmocka_unit_test(test_ask),
        cmocka_unit_test(test_moved_plain),   cmocka_unit_test(test_moved_for_ever),
        cmocka_unit_test(test_tryagain),      cmocka_unit_test(test_clusterdown),
        cmocka_unit_test(test_sentinel_lies), cmocka_unit_test(test_sentinel_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
