/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/address.h"

#include <stdio.h>
#include <stdlib.h>

enum { PORT = 6379, SENTINEL_PORT = 26379, DB_MAX = 1000000 };

static const struct {
    snag_str scheme;
    snag_redis_kind kind;
    bool tls;
} schemes[] = {
    {{"redis://", 8}, SNAG_REDIS_SERVER, false},
    {{"rediss://", 9}, SNAG_REDIS_SERVER, true},
    {{"redis+cluster://", 16}, SNAG_REDIS_CLUSTER, false},
    {{"rediss+cluster://", 17}, SNAG_REDIS_CLUSTER, true},
    {{"redis+sentinel://", 17}, SNAG_REDIS_SENTINEL, false},
    {{"rediss+sentinel://", 18}, SNAG_REDIS_SENTINEL, true},
};

/* By kind. */
const snag_redis_form snag_redis_forms[] = {
    {"redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]",
     "one server. A node of a Redis Cluster will do too: it says so itself, and leads to the others"},
    {"redis+cluster://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]",
     "a Redis Cluster, by some of its nodes (at most 16)"},
    {"redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/MASTER[/DB]",
     "the master of that name, by the Sentinels that watch it; user and password are the master's"},
};
const uint32_t snag_redis_form_count = sizeof snag_redis_forms / sizeof snag_redis_forms[0];

/* --- pieces ------------------------------------------------------------------------------------ */

/* Splits at the first `mark` (`last`: the last one); without one everything is the head. */
static bool split(snag_str text, char mark, bool last, snag_str *head, snag_str *tail)
{
    size_t at = text.size;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == mark && (at == text.size || last))
            at = i;
    *head = snag_str_of(text.data, at);
    *tail = at < text.size ? snag_str_of(text.data + at + 1, text.size - at - 1) : (snag_str){NULL, 0};
    return at < text.size;
}

static bool number(snag_str text, int most, int *out)
{
    int value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > most)
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = value;
    return text.size > 0 && value <= most;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy with %XX as the byte it stands for; NULL: a % without two digits (or no memory). */
static char *unescape(snag_str text)
{
    char *out = malloc(text.size + 1);
    size_t size = 0;
    for (size_t i = 0; out && i < text.size; i++) {
        if (text.data[i] != '%') {
            out[size++] = text.data[i];
            continue;
        }
        int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
        if (high < 0 || low < 0) {
            free(out);
            return NULL;
        }
        out[size++] = (char)(high * 16 + low);
        i += 2;
    }
    if (out)
        out[size] = '\0';
    return out;
}

/* --- places ------------------------------------------------------------------------------------ */

static bool host_set(snag_redis_place *place, snag_str host)
{
    if (host.size == 0 || host.size >= sizeof place->host)
        return false;
    memcpy(place->host, host.data, host.size);
    place->host[host.size] = '\0';
    return true;
}

bool snag_redis_place_read(snag_redis_place *place, snag_str text, const snag_redis_place *asked)
{
    snag_str host, port;
    if (!split(text, ':', true, &host, &port) || !number(port, 65535, &place->port) || place->port == 0)
        return false;
    if (host.size == 0 || snag_str_equal(host, SNAG_STR("?"))) {
        memcpy(place->host, asked->host, sizeof place->host);
        return true;
    }
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = snag_str_of(host.data + 1, host.size - 2);
    return host_set(place, host);
}

bool snag_redis_place_equal(const snag_redis_place *a, const snag_redis_place *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void snag_redis_place_text(char text[SNAG_REDIS_PLACE_TEXT], const snag_redis_place *place)
{
    if (place->port)
        snprintf(text, SNAG_REDIS_PLACE_TEXT, "%s:%d", place->host, place->port);
    else
        snprintf(text, SNAG_REDIS_PLACE_TEXT, "%s", place->host);
}

/* HOST, HOST:PORT, [HOST] or [HOST]:PORT of a url. */
static bool seed_read(snag_redis_place *place, snag_str text, int port)
{
    const char *close = text.size ? memchr(text.data, ']', text.size) : NULL;
    snag_str host, digits;
    *place = (snag_redis_place){.port = port};
    if (text.size && text.data[0] == '[' && close) {
        host = snag_str_of(text.data + 1, (size_t)(close - text.data) - 1);
        text = snag_str_of(close + 1, text.size - host.size - 2);
        if (text.size && text.data[0] != ':')
            return false;
        digits = text.size ? snag_str_of(text.data + 1, text.size - 1) : (snag_str){NULL, 0};
        return host_set(place, host) && (text.size == 0 || number(digits, 65535, &place->port));
    }
    bool given = split(text, ':', false, &host, &digits);
    return host_set(place, host) && (!given || number(digits, 65535, &place->port));
}

static bool seeds_read(snag_redis_address *address, snag_str list)
{
    int port = address->kind == SNAG_REDIS_SENTINEL ? SENTINEL_PORT : PORT;
    bool more = true;
    while (more) {
        snag_str one;
        more = split(list, ',', false, &one, &list);
        if (address->seed_count == SNAG_REDIS_SEEDS_MAX ||
            !seed_read(&address->seeds[address->seed_count++], one, port))
            return false;
    }
    return address->kind != SNAG_REDIS_SERVER || address->seed_count == 1;
}

/* --- the whole --------------------------------------------------------------------------------- */

static bool credentials_read(snag_redis_address *address, snag_str text)
{
    snag_str user, password;
    if (!split(text, ':', false, &user, &password))
        return false;
    if (user.size && !(address->user = unescape(user)))
        return false;
    return (address->password = unescape(password)) != NULL;
}

/* What stands behind the places: /DB, or /MASTER and /DB. */
static bool path_read(snag_redis_address *address, snag_str path)
{
    snag_str master = {NULL, 0}, db = path;
    if (address->kind == SNAG_REDIS_SENTINEL) {
        split(path, '/', false, &master, &db);
        if (master.size == 0 || !(address->master = snag_redis_text_new(master)))
            return false;
    }
    if (db.size == 0)
        return true;
    return number(db, DB_MAX, &address->db) && (address->db == 0 || address->kind != SNAG_REDIS_CLUSTER);
}

static bool rest_read(snag_redis_address *address, snag_str rest)
{
    snag_str where, path, credentials, seeds;
    split(rest, '/', false, &where, &path);
    if (!split(where, '@', true, &credentials, &seeds))
        seeds = where;
    else if (!credentials_read(address, credentials))
        return false;
    return path_read(address, path) && seeds_read(address, seeds);
}

char *snag_redis_text_new(snag_str text)
{
    char *copy = malloc(text.size + 1);
    if (!copy)
        return NULL;
    if (text.size)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static bool given(char **to, snag_str value)
{
    if (value.size == 0)
        return true;
    free(*to);
    *to = snag_redis_text_new(value);
    return *to != NULL;
}

snag_err snag_redis_address_init(snag_redis_address *address, const snag_redis_options *options,
                                 snag_diag *diag)
{
    bool known = false, fine = false;
    *address = (snag_redis_address){.db = 0};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0] && !known; i++) {
        snag_str scheme = schemes[i].scheme, url = options->url;
        known = snag_str_starts(url, scheme);
        if (!known)
            continue;
        address->kind = schemes[i].kind;
        address->tls = schemes[i].tls;
        fine = rest_read(address, snag_str_of(url.data + scheme.size, url.size - scheme.size));
    }
    if (!fine)
        return snag_fail(diag, SNAG_CONFIG,
                         "redis: expected %s%s (rediss for TLS; a special character of the password as %%XX)",
                         snag_redis_forms[known ? address->kind : SNAG_REDIS_SERVER].form,
                         known ? "" : ", redis+cluster://… or redis+sentinel://…/MASTER");
    if (!given(&address->user, options->user) || !given(&address->password, options->password) ||
        !given(&address->sentinel_password, options->sentinel_password))
        return snag_fail(diag, SNAG_MEMORY, "redis: out of memory");
    if (address->user && !address->password)
        return snag_fail(diag, SNAG_CONFIG, "redis: a user needs a password");
    return SNAG_OK;
}

/* A password does not stay in memory that is given back. */
static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void snag_redis_address_finish(snag_redis_address *address)
{
    free(address->user);
    free(address->master);
    wipe(address->password);
    wipe(address->sentinel_password);
    *address = (snag_redis_address){.db = 0};
}
