/* SPDX-License-Identifier: Apache-2.0 */
#include "local/fetcher.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "ports/clock.h"

enum {
    SLOTS = 1024,
    UNKNOWN_MS = 10000, /* an id that was given up is asked for again after this */
    TURN_MS = 50,
    REASONS_MAX = 256 /* different sentences kept; further ones are told in general */
};

typedef enum state { FREE, CLAIMED, ASKED, KNOWN, UNKNOWN } state;

typedef struct slot {
    _Atomic uint64_t word;     /* id << 8 | state */
    _Atomic int64_t until_ms;  /* ASKED: given up then; UNKNOWN: asked again then */
    _Atomic(const char *) why; /* UNKNOWN */
    snag_str schema;           /* KNOWN: written before, never after */
} slot;

struct snag_fetcher {
    snag_registry *registry;
    int64_t patience_ms;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    sem_t work;
    slot slots[SLOTS];
    char *reasons[REASONS_MAX]; /* the thread's; each stays as long as the fetcher */
    size_t reason_count;
};

static uint64_t word_of(uint32_t id, state is)
{
    return (uint64_t)id << 8 | is;
}

/* --- the workers' side -------------------------------------------------------------------------
 */

static snag_err place_order(snag_fetcher *fetcher, slot *at, uint64_t seen, uint32_t id)
{
    if (!atomic_compare_exchange_strong(&at->word, &seen, word_of(id, CLAIMED)))
        return SNAG_AGAIN; /* another worker was faster: the next question finds it */
    atomic_store(&at->until_ms, snag_clock_monotonic_ms() + fetcher->patience_ms);
    atomic_store(&at->word, word_of(id, ASKED));
    sem_post(&fetcher->work);
    return SNAG_AGAIN;
}

/* The id's slot, else one that may be taken for it: the first free, else one that is unknown. */
static slot *slot_for(snag_fetcher *fetcher, uint32_t id, uint64_t *seen)
{
    slot *spare = NULL;
    uint64_t spare_seen = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        *seen = atomic_load(&fetcher->slots[i].word);
        state is = (state)(*seen & 0xff);
        if (is == FREE)
            return &fetcher->slots[i];
        if (*seen >> 8 == id)
            return &fetcher->slots[i];
        if (is == UNKNOWN && !spare) {
            spare = &fetcher->slots[i];
            spare_seen = *seen;
        }
    }
    *seen = spare_seen;
    return spare;
}

snag_err snag_fetcher_ask(void *context, uint32_t id, snag_str *schema, snag_diag *diag)
{
    snag_fetcher *fetcher = context;
    uint64_t seen;
    slot *at = slot_for(fetcher, id, &seen);
    state is = (state)(seen & 0xff);
    if (!at)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "more than %d schemas are in use", SLOTS);
    if (is == FREE || seen >> 8 != id)
        return place_order(fetcher, at, seen, id);
    if (is == KNOWN) {
        *schema = at->schema;
        return SNAG_OK;
    }
    if (is != UNKNOWN)
        return SNAG_AGAIN;
    if (snag_clock_monotonic_ms() >= atomic_load(&at->until_ms))
        return place_order(fetcher, at, seen, id);
    return snag_fail(diag, SNAG_BAD_SCHEMA, "%s", atomic_load(&at->why));
}

/* --- the thread --------------------------------------------------------------------------------
 */

static const char *reason_keep(snag_fetcher *fetcher, const char *words)
{
    for (size_t i = 0; i < fetcher->reason_count; i++)
        if (strcmp(fetcher->reasons[i], words) == 0)
            return fetcher->reasons[i];
    char *copy = fetcher->reason_count < REASONS_MAX ? strdup(words) : NULL;
    if (!copy)
        return "the registry has no such Avro schema";
    return fetcher->reasons[fetcher->reason_count++] = copy;
}

static void give_up(snag_fetcher *fetcher, slot *at, uint32_t id, const char *words)
{
    atomic_store(&at->why, reason_keep(fetcher, words));
    atomic_store(&at->until_ms, snag_clock_monotonic_ms() + UNKNOWN_MS);
    atomic_store(&at->word, word_of(id, UNKNOWN));
}

static void serve(snag_fetcher *fetcher, slot *at, uint32_t id)
{
    snag_diag why = {.text = ""};
    snag_err err = snag_registry_fetch(fetcher->registry, id, &at->schema, &why);
    if (err == SNAG_OK)
        atomic_store(&at->word, word_of(id, KNOWN));
    else if (err != SNAG_AGAIN || snag_clock_monotonic_ms() >= atomic_load(&at->until_ms))
        give_up(fetcher, at, id, why.text);
}

/* Whether something is still asked for. */
static bool serve_all(snag_fetcher *fetcher)
{
    bool open = false;
    for (size_t i = 0; i < SLOTS && !atomic_load(&fetcher->stop); i++) {
        uint64_t word = atomic_load(&fetcher->slots[i].word);
        if ((word & 0xff) == FREE)
            break;
        if ((word & 0xff) != ASKED)
            continue;
        serve(fetcher, &fetcher->slots[i], (uint32_t)(word >> 8));
        open = open || (atomic_load(&fetcher->slots[i].word) & 0xff) == ASKED;
    }
    return open;
}

static void *work(void *context)
{
    snag_fetcher *fetcher = context;
    const struct timespec turn = {0, TURN_MS * 1000000};
    while (!atomic_load(&fetcher->stop)) {
        if (serve_all(fetcher))
            nanosleep(&turn, NULL);
        else
            sem_wait(&fetcher->work);
    }
    return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

snag_err snag_fetcher_new(snag_fetcher **out, snag_registry *registry, int64_t patience_ms,
                          snag_diag *diag)
{
    snag_fetcher *fetcher = calloc(1, sizeof *fetcher);
    *out = NULL;
    if (!fetcher || sem_init(&fetcher->work, 0, 0)) {
        free(fetcher);
        return snag_fail(diag, SNAG_MEMORY, "no memory for the registry's thread");
    }
    fetcher->registry = registry;
    fetcher->patience_ms = patience_ms;
    fetcher->started = pthread_create(&fetcher->thread, NULL, work, fetcher) == 0;
    if (!fetcher->started) {
        snag_fetcher_free(fetcher);
        return snag_fail(diag, SNAG_MEMORY, "no thread for the registry");
    }
    *out = fetcher;
    return SNAG_OK;
}

void snag_fetcher_free(snag_fetcher *fetcher)
{
    if (!fetcher)
        return;
    atomic_store(&fetcher->stop, true);
    sem_post(&fetcher->work);
    if (fetcher->started)
        pthread_join(fetcher->thread, NULL);
    for (size_t i = 0; i < fetcher->reason_count; i++)
        free(fetcher->reasons[i]);
    sem_destroy(&fetcher->work);
    free(fetcher);
}
