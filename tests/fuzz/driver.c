/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target without a fuzzer, so that corpora are ordinary tests with every compiler.
 *
 *     fuzz_NAME [--mutations N] [--seed S] [FOLDER | FILE]…
 *
 * Each file is given to LLVMFuzzerTestOneInput as it is, then N seeded mutations of it (bits, bytes, pieces
 * cut, doubled or taken from another file). Every input stands in memory of exactly its size, so that
 * AddressSanitizer sees the first byte read past it. The same arguments do the same things, but for mutations
 * past the first 20 s, which are left out. A crash, or an input that takes over 20 s, prints which one it was
 * and the arguments that repeat it.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit/seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sanitizers call this before they end the process; absent without them. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { FILES_MAX = 4096, INPUT_MAX = 1 << 20, TOTAL_MAX = 30000, SECONDS_MAX = 20, BUDGET_S = 20, TURN = 20 };

typedef struct input {
    char *name;
    uint8_t *data;
    size_t size;
} input;

/* What is run now, for the words at a crash: written before each run, read by the handler only. */
static char now_text[512];

static void say_now(void)
{
    size_t size = strlen(now_text);
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, now_text, size);
        if (written <= 0)
            return;
        size -= (size_t)written;
    }
}

static void died(int signal_number)
{
    say_now();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void *must(void *memory)
{
    if (!memory) {
        perror("fuzz driver");
        exit(1);
    }
    return memory;
}

static bool read_file(const char *name, input *to)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        return false;
    uint8_t *data = must(malloc(INPUT_MAX));
    to->size = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    to->name = must(strdup(name));
    to->data = must(realloc(data, to->size + 1));
    return true;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const input *)left)->name, ((const input *)right)->name);
}

/* The file, or every file of the folder; -1 where it cannot be read. */
static int read_all(const char *name, input *inputs, size_t *count)
{
    struct stat about;
    if (stat(name, &about) != 0)
        return -1;
    if (!S_ISDIR(about.st_mode))
        return *count < FILES_MAX && read_file(name, &inputs[*count]) ? ((*count)++, 0) : -1;
    DIR *folder = must(opendir(name));
    size_t first = *count;
    for (struct dirent *entry; (entry = readdir(folder)) && *count < FILES_MAX;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        if (read_file(path, &inputs[*count]))
            (*count)++;
    }
    closedir(folder);
    qsort(inputs + first, *count - first, sizeof inputs[0], by_name); /* the order decides the mutations */
    return 0;
}

static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = must(malloc(size ? size : 1));
    if (size)
        memcpy(exact, data, size);
    alarm(SECONDS_MAX);
    LLVMFuzzerTestOneInput(exact, size);
    alarm(0);
    free(exact);
}

/* Opens or closes a gap of `by` bytes at `at`. */
static size_t shift(uint8_t *data, size_t size, size_t at, size_t by, bool open)
{
    if (open) {
        memmove(data + at + by, data + at, size - at);
        return size + by;
    }
    memmove(data + at, data + at + by, size - at - by);
    return size - by;
}

/* One change; data has room for INPUT_MAX + 256 bytes. */
static size_t mutate_once(snag_seed *seed, uint8_t *data, size_t size, const input *other)
{
    static const uint8_t odd[] = {0,   0xff, 0x7f, 0x80, '"',  '\\', '{',
                                  '[', '-',  '9',  'e',  '\n', 0xc3, 0xed};
    size_t at = size ? snag_seed_below(seed, size) : 0;
    size_t part = 1 + snag_seed_below(seed, 64);
    switch (snag_seed_below(seed, size ? 7 : 2)) {
    case 0: /* a piece of another file */
        part = part < other->size ? part : other->size;
        size = shift(data, size, at, part, true);
        if (part)
            memcpy(data + at, other->data + snag_seed_below(seed, other->size - part + 1), part);
        return size;
    case 1: /* an odd byte, perhaps many times */
        part = snag_seed_below(seed, 4) ? 1 : part;
        size = shift(data, size, at, part, true);
        memset(data + at, odd[snag_seed_below(seed, sizeof odd)], part);
        return size;
    case 2: data[at] ^= (uint8_t)(1u << snag_seed_below(seed, 8)); return size;
    case 3: data[at] = odd[snag_seed_below(seed, sizeof odd)]; return size;
    case 4: return at; /* the end is missing */
    case 5: return shift(data, size, at, part < size - at ? part : size - at, false);
    default: /* a piece again */
        part = part < size - at ? part : size - at;
        size = shift(data, size, at, part, true);
        memcpy(data + at, data + at + part, part);
        return size;
    }
}

/* A share of the mutations of one file; all files get theirs in turns. */
static void run_mutations(const input *inputs, size_t count, size_t which, uint64_t from, uint64_t to,
                          uint64_t seed_from)
{
    uint8_t *data = must(malloc(INPUT_MAX + 1024));
    for (uint64_t i = from; i < to; i++) {
        snag_seed seed = snag_seed_from(seed_from + i);
        size_t size = inputs[which].size;
        memcpy(data, inputs[which].data, size);
        for (uint64_t steps = 1 + snag_seed_below(&seed, 4); steps-- > 0;) {
            size = mutate_once(&seed, data, size, &inputs[snag_seed_below(&seed, count)]);
            size = size < INPUT_MAX ? size : INPUT_MAX;
        }
        snprintf(now_text, sizeof now_text, "\nfuzz driver: %s, mutation %llu (--seed %llu --mutations 1)\n",
                 inputs[which].name, (unsigned long long)i, (unsigned long long)(seed_from + i));
        run(data, size);
    }
    free(data);
}

static void watch(void)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (!__sanitizer_set_death_callback || signals[i] == SIGALRM)
            signal(signals[i], died);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_now);
}

int main(int argc, char **argv)
{
    input *inputs = must(calloc(FILES_MAX, sizeof *inputs));
    size_t count = 0;
    uint64_t mutations = UINT64_MAX;
    uint64_t seed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutations") == 0 && i + 1 < argc)
            mutations = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (read_all(argv[i], inputs, &count) != 0)
            fprintf(stderr, "fuzz driver: %s cannot be read\n", argv[i]);
    }
    if (count == 0) {
        fprintf(stderr, "fuzz driver: no input: a corpus needs at least one file\n");
        return 1;
    }
    if (mutations == UINT64_MAX)
        mutations = TOTAL_MAX / count < 1000 ? TOTAL_MAX / count : 1000;
    watch();
    for (size_t i = 0; i < count; i++) {
        snprintf(now_text, sizeof now_text, "\nfuzz driver: %s as it is\n", inputs[i].name);
        run(inputs[i].data, inputs[i].size);
    }
    uint64_t done = 0;
    for (time_t end = time(NULL) + BUDGET_S; done < mutations && time(NULL) < end;) {
        uint64_t to = done + TURN < mutations ? done + TURN : mutations;
        for (size_t i = 0; i < count; i++)
            run_mutations(inputs, count, i, done, to, seed);
        done = to;
    }
    printf("%zu files, %llu mutations of each\n", count, (unsigned long long)done);
    for (size_t i = 0; i < count; i++) {
        free(inputs[i].name);
        free(inputs[i].data);
    }
    free(inputs);
    return 0;
}
