/* SPDX-License-Identifier: Apache-2.0
 *
 * The small things every event pays for: the hash of its customer, the check of its UTF-8, its time as text.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "base/utf8.h"
#include "common.h"

enum { KEYS = 1024 };

typedef struct work {
    uint64_t count;
    char keys[KEYS][24];
    size_t sizes[KEYS];
} work;

/* Customer ids of 10 to 17 bytes, as they are met. */
static void make_keys(work *todo)
{
    for (unsigned i = 0; i < KEYS; i++)
        todo->sizes[i] = (size_t)snprintf(todo->keys[i], sizeof todo->keys[i], "customer-%u", i * i * i);
}

static uint64_t hash_keys(void *context, uint64_t *hash)
{
    const work *todo = context;
    for (uint64_t i = 0; i < todo->count; i++)
        *hash += snag_hash64(snag_str_of(todo->keys[i % KEYS], todo->sizes[i % KEYS]), 0);
    return todo->count;
}

static uint64_t check_utf8(void *context, uint64_t *hash)
{
    static const char text[] =
        "{\"event\":\"Payment Failed\",\"userId\":\"c-48213\",\"timestamp\":\"2026-11-20T02:54:41.000Z\""
        ",\"properties\":{\"order\":\"o-7731\",\"amount\":49.90,\"city\":\"K\xc3\xb6ln\",\"by\":\"card\"}}";
    const work *todo = context;
    for (uint64_t i = 0; i < todo->count; i++)
        *hash += snag_utf8_valid(snag_str_of(text + i % 8, sizeof text - 9));
    return todo->count;
}

static uint64_t parse_times(void *context, uint64_t *hash)
{
    const work *todo = context;
    char text[] = "2026-11-20T02:54:41.000Z";
    for (uint64_t i = 0; i < todo->count; i++) {
        int64_t time_ms = 0;
        text[22] = (char)('0' + i % 10);
        text[18] = (char)('0' + i / 10 % 10);
        if (snag_time_parse_ms(SNAG_STR(text), &time_ms))
            *hash += (uint64_t)time_ms;
    }
    return todo->count;
}

int main(int argc, char **argv)
{
    snag_bench bench;
    if (!snag_bench_begin(&bench, argc, argv))
        return 2;
    work todo = {.count = snag_bench_size(&bench, 20000000, 1000)};
    make_keys(&todo);
    snag_bench_measure(&bench, &(snag_bench_task){.name = "hash64_key", .unit = "ns/key", .target = 5,
                                                  .stretch = 3, .run = hash_keys, .context = &todo});
    snag_bench_measure(&bench, &(snag_bench_task){.name = "utf8_check_170_bytes", .unit = "ns/text",
                                                  .target = 40, .stretch = 20, .run = check_utf8,
                                                  .context = &todo});
    snag_bench_measure(&bench, &(snag_bench_task){.name = "time_parse", .unit = "ns/time", .target = 40,
                                                  .stretch = 20, .run = parse_times, .context = &todo});
    return snag_bench_end(&bench);
}
