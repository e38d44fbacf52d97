/* SPDX-License-Identifier: Apache-2.0 */
#include "local/registry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "base/assert.h"
#include "base/limits.h"
#include "ports/clock.h"

enum {
    ENTRIES_MAX = 1024,         /* schemas one process ever sees; past it more are refused */
    REPLY_BYTES_MAX = 1 << 21,  /* a schema of a record's size, escaped */
    UNKNOWN_MS = 10000,         /* an unknown id is asked for again after this */
    TROUBLE_MS = 250,           /* a registry in trouble is asked again after this, doubled each time … */
    TROUBLE_MAX_MS = 5000,      /* … up to this */
    URL_BYTES_MAX = 2048
};

/* What is known of an id. */
typedef struct entry {
    uint32_t id;
    char *schema; /* NULL = unknown, or no Avro schema: see why, until a time */
    size_t size;
    int64_t until_ms;
    snag_diag why;
} entry;

struct snag_registry {
    pthread_mutex_t lock;
    CURL *curl;
    struct curl_slist *headers;
    char url[URL_BYTES_MAX];
    int64_t timeout_ms;
    char *reply; /* REPLY_BYTES_MAX */
    size_t reply_size;
    bool reply_cut;
    int64_t quiet_until_ms; /* in trouble: not asked before */
    int64_t trouble_ms;
    snag_diag trouble;
    entry *entries;
    uint32_t entry_count;
};

/* --- life -------------------------------------------------------------------------------------- */

static snag_err prepare(snag_registry *registry, snag_str url, snag_diag *diag)
{
    while (url.size > 0 && url.data[url.size - 1] == '/')
        url.size--;
    if ((!snag_str_starts(url, SNAG_STR("http://")) && !snag_str_starts(url, SNAG_STR("https://"))) ||
        url.size >= URL_BYTES_MAX / 2)
        return snag_fail(diag, SNAG_CONFIG, "the registry's address must begin with http:// or https://");
    memcpy(registry->url, url.data, url.size);
    registry->curl = curl_easy_init();
    registry->reply = malloc(REPLY_BYTES_MAX);
    registry->entries = calloc(ENTRIES_MAX, sizeof *registry->entries);
    registry->headers =
        curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    if (!registry->curl || !registry->reply || !registry->entries || !registry->headers)
        return snag_fail(diag, SNAG_MEMORY, "no memory for the registry's client");
    return SNAG_OK;
}

snag_err snag_registry_new(snag_registry **out, snag_str url, int64_t timeout_ms, snag_diag *diag)
{
    snag_registry *registry = calloc(1, sizeof *registry);
    *out = NULL;
    if (!registry || pthread_mutex_init(&registry->lock, NULL)) {
        free(registry);
        return snag_fail(diag, SNAG_MEMORY, "no memory for the registry's client");
    }
    registry->timeout_ms = timeout_ms;
    registry->trouble_ms = TROUBLE_MS;
    snag_err err = prepare(registry, url, diag);
    if (err)
        snag_registry_free(registry);
    else
        *out = registry;
    return err;
}

void snag_registry_free(snag_registry *registry)
{
    if (!registry)
        return;
    for (uint32_t i = 0; i < registry->entry_count; i++)
        free(registry->entries[i].schema);
    curl_slist_free_all(registry->headers);
    curl_easy_cleanup(registry->curl);
    free(registry->entries);
    free(registry->reply);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* --- one request ------------------------------------------------------------------------------- */

static size_t take_reply(char *data, size_t size, size_t count, void *context)
{
    snag_registry *registry = context;
    size_t bytes = size * count;
    if (bytes > REPLY_BYTES_MAX - registry->reply_size) {
        registry->reply_cut = true;
        return 0;
    }
    memcpy(registry->reply + registry->reply_size, data, bytes);
    registry->reply_size += bytes;
    return bytes;
}

/* GET, or POST where there is a body. *status is HTTP's; SNAG_AGAIN: no answer. */
static snag_err request(snag_registry *registry, const char *url, snag_str body, long *status,
                        snag_diag *diag)
{
    CURL *curl = registry->curl;
    char words[CURL_ERROR_SIZE] = {0};
    registry->reply_size = 0;
    registry->reply_cut = false;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* other threads must not get its alarm */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)registry->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "snag/" SNAG_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, registry);
    if (body.size > 0) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, registry->headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    *status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    if (code == CURLE_OK)
        return SNAG_OK;
    if (registry->reply_cut)
        return snag_fail(diag, SNAG_AGAIN, "the registry's reply is too large");
    return snag_fail(diag, SNAG_AGAIN, "the registry does not answer: %s",
                     words[0] ? words : curl_easy_strerror(code));
}

static snag_str reply_of(const snag_registry *registry)
{
    return snag_str_of(registry->reply, registry->reply_size);
}

/* --- fetching ---------------------------------------------------------------------------------- */

static entry *find(snag_registry *registry, uint32_t id)
{
    for (uint32_t i = 0; i < registry->entry_count; i++)
        if (registry->entries[i].id == id)
            return &registry->entries[i];
    return NULL;
}

/* A place for an id: its own, a new one, or that of the unknown id whose time runs out first. */
static entry *place_for(snag_registry *registry, uint32_t id)
{
    entry *place = find(registry, id);
    if (!place && registry->entry_count < ENTRIES_MAX)
        place = &registry->entries[registry->entry_count++];
    for (uint32_t i = 0; !place && i < ENTRIES_MAX; i++)
        if (!registry->entries[i].schema)
            place = &registry->entries[i];
    if (place)
        *place = (entry){.id = id};
    return place;
}

static snag_err keep_schema(snag_registry *registry, entry *place, snag_diag *diag)
{
    char *text = malloc(registry->reply_size);
    if (!text)
        return snag_fail(diag, SNAG_MEMORY, "no memory for a schema");
    snag_buf buf = snag_buf_on(text, registry->reply_size);
    snag_err err = snag_registry_read_schema(reply_of(registry), &buf, diag);
    if (err) {
        free(text);
        return err;
    }
    place->schema = text;
    place->size = buf.size;
    return SNAG_OK;
}

static snag_err in_trouble(snag_registry *registry, snag_diag *diag)
{
    registry->quiet_until_ms = snag_clock_monotonic_ms() + registry->trouble_ms;
    registry->trouble_ms *= 2;
    if (registry->trouble_ms > TROUBLE_MAX_MS)
        registry->trouble_ms = TROUBLE_MAX_MS;
    registry->trouble = *diag;
    return SNAG_AGAIN;
}

/* Asks for an id and remembers what came. */
static snag_err ask(snag_registry *registry, uint32_t id, snag_diag *diag)
{
    char url[URL_BYTES_MAX];
    long status;
    snag_buf buf = snag_buf_on(url, sizeof url);
    snag_buf_printf(&buf, "%s/schemas/ids/%" PRIu32, registry->url, id);
    SNAG_ASSERT(!buf.full);
    snag_err err = request(registry, url, (snag_str){0}, &status, diag);
    if (!err && status != 200 && status != 404)
        err = snag_fail(diag, SNAG_AGAIN, "the registry answers with status %ld to schema id %" PRIu32,
                        status, id);
    if (err)
        return in_trouble(registry, diag);
    registry->trouble_ms = TROUBLE_MS;
    entry *place = place_for(registry, id);
    if (!place)
        return snag_fail(diag, SNAG_BAD_SCHEMA, "more than %d schemas are in use", ENTRIES_MAX);
    if (status == 404)
        err = snag_fail(diag, SNAG_BAD_SCHEMA, "the registry does not know schema id %" PRIu32, id);
    else
        err = keep_schema(registry, place, diag);
    place->until_ms = snag_clock_monotonic_ms() + UNKNOWN_MS;
    place->why = *diag;
    return err;
}

static snag_err fetch(snag_registry *registry, uint32_t id, snag_str *schema, snag_diag *diag)
{
    const entry *known = find(registry, id);
    if (known && !known->schema && snag_clock_monotonic_ms() < known->until_ms) {
        *diag = known->why;
        return SNAG_BAD_SCHEMA;
    }
    if (!known || !known->schema) {
        if (snag_clock_monotonic_ms() < registry->quiet_until_ms) {
            *diag = registry->trouble;
            return SNAG_AGAIN;
        }
        snag_err err = ask(registry, id, diag);
        if (err)
            return err;
        known = find(registry, id);
    }
    *schema = snag_str_of(known->schema, known->size);
    return SNAG_OK;
}

snag_err snag_registry_fetch(void *context, uint32_t id, snag_str *schema, snag_diag *diag)
{
    snag_registry *registry = context;
    snag_diag words = {0};
    pthread_mutex_lock(&registry->lock);
    snag_err err = fetch(registry, id, schema, &words);
    pthread_mutex_unlock(&registry->lock);
    if (diag)
        *diag = words;
    return err;
}

/* --- registering ------------------------------------------------------------------------------- */

static snag_err post_schema(snag_registry *registry, snag_str subject, snag_str schema, int64_t *id,
                            snag_diag *diag)
{
    char url[URL_BYTES_MAX];
    long status;
    size_t room = 6 * schema.size + 64; /* all escaped */
    char *body = malloc(room);
    char *name = curl_easy_escape(registry->curl, subject.data, (int)subject.size);
    snag_buf url_buf = snag_buf_on(url, sizeof url);
    snag_buf buf = snag_buf_on(body, room);
    snag_err err = SNAG_OK;
    if (body && name) {
        snag_buf_printf(&url_buf, "%s/subjects/%s/versions", registry->url, name);
        snag_registry_write_schema(&buf, schema);
    }
    if (!body || !name || url_buf.full)
        err = snag_fail(diag, SNAG_MEMORY, "no room for the subject or its schema");
    else if (request(registry, url, snag_buf_str(&buf), &status, diag))
        err = SNAG_BROKER;
    else if (status != 200)
        err = snag_fail(diag, SNAG_BROKER, "the registry refuses the schema of %.*s with status %ld: %.*s",
                        SNAG_FMT(subject), status,
                        (int)(registry->reply_size < 200 ? registry->reply_size : 200), registry->reply);
    else if (snag_registry_read_id(reply_of(registry), id, diag))
        err = SNAG_BROKER;
    curl_free(name);
    free(body);
    return err;
}

snag_err snag_registry_register(snag_registry *registry, snag_str subject, snag_str schema,
                                int64_t *id, snag_diag *diag)
{
    pthread_mutex_lock(&registry->lock);
    snag_err err = post_schema(registry, subject, schema, id, diag);
    pthread_mutex_unlock(&registry->lock);
    return err;
}
