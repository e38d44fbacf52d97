/* SPDX-License-Identifier: Apache-2.0 */
#include "config/zones.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/nearest.h"

enum {
    BLOCK_BYTES = 8 << 20, /* all zones of 2025 take 0.6 MB of it; untouched memory costs nothing */
    ZONES_MAX = 2048,
    NAME_BYTES_MAX = 64,
    PATH_BYTES = 4096,
    DEPTH_MAX = 3 /* America/Argentina/Ushuaia */
};

struct snag_zones {
    char folder[PATH_BYTES];
    snag_arena arena;
    snag_zone *list; /* in the order they were read; once all are, sorted */
    uint8_t (*digests)[32]; /* of each one's bytes */
    uint32_t count;
    snag_zone *sorted; /* of `all` */
    snag_zone_table all;
    bool whole;
    char version[32];
    bool version_read;
    char bytes[SNAG_ZONE_BYTES_MAX + 1];
};

snag_zones *snag_zones_new(const char *(*environment)(const char *name))
{
    snag_zones *zones = malloc(sizeof *zones);
    void *block = malloc(BLOCK_BYTES);
    const char *folder = environment ? environment("TZDIR") : NULL;
    if (!zones || !block) {
        free(zones);
        free(block);
        return NULL;
    }
    zones->count = 0;
    zones->whole = false;
    zones->version_read = false;
    snprintf(zones->folder, sizeof zones->folder, "%s", folder && *folder ? folder : "/usr/share/zoneinfo");
    snag_arena_init(&zones->arena, block, BLOCK_BYTES);
    zones->list = snag_arena_take(&zones->arena, ZONES_MAX * sizeof *zones->list);
    zones->digests = snag_arena_take(&zones->arena, ZONES_MAX * sizeof *zones->digests);
    SNAG_ASSERT(zones->list && zones->digests);
    return zones;
}

void snag_zones_free(snag_zones *zones)
{
    if (!zones)
        return;
    void *block = zones->arena.block;
    snag_arena_reset(&zones->arena);
    free(block);
    free(zones);
}

snag_arena *snag_zones_arena(snag_zones *zones)
{
    return &zones->arena;
}

/* Letters, digits, + - _ in steps joined by slashes: nothing that leads out of the folder. */
static bool name_fine(snag_str name)
{
    bool step = false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            c == '+' ||
                      c == '-' || c == '_';
        if (!letter && (c != '/' || !step))
            return false;
        step = letter;
    }
    return step && name.size <= NAME_BYTES_MAX && !snag_str_starts(name, SNAG_STR("posix/")) &&
           !snag_str_starts(name, SNAG_STR("right/"));
}

/* The whole file; its size, or -1. */
static ssize_t file_read(const snag_zones *zones, snag_str name, char *to, size_t room)
{
    char path[PATH_BYTES + NAME_BYTES_MAX + 2];
    struct stat status;
    ssize_t size = -1;
    snprintf(path, sizeof path, "%s/%.*s", zones->folder, SNAG_FMT(name));
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return -1;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
        size = read(file, to, room);
    close(file);
    return size;
}

/* Reads one more zone; a file that is none is NULL without a word where diag is NULL. */
static const snag_zone *zone_read(snag_zones *zones, snag_str name, snag_diag *diag)
{
    ssize_t size = file_read(zones, name, zones->bytes, sizeof zones->bytes);
    if (size < 0 || zones->count == ZONES_MAX) {
        snag_fail(diag, SNAG_IO, "cannot be read");
        return NULL;
    }
    snag_str kept = snag_arena_copy(&zones->arena, name);
    snag_str bytes = snag_str_of(zones->bytes, (size_t)size);
    snag_zone *zone = &zones->list[zones->count];
    if (!kept.data || snag_zone_parse(zone, &zones->arena, kept, bytes, diag))
        return NULL;
    snag_sha256 sha;
    snag_sha256_init(&sha);
    snag_sha256_add_text(&sha, bytes);
    snag_sha256_end(&sha, zones->digests[zones->count]);
    zones->count++;
    return zone;
}

/* --- all of them -------------------------------------------------------------------------------------- */

typedef bool each_name(snag_zones *zones, snag_str name, void *context);

/* Calls `each` for every file below the folder that may be a zone; false: it said stop. */
static bool names_walk(snag_zones *zones, snag_str below, uint32_t depth, each_name *each, void *context)
{
    char path[PATH_BYTES + NAME_BYTES_MAX + 2];
    bool more = true;
    snprintf(path, sizeof path, "%s/%.*s", zones->folder, SNAG_FMT(below));
    DIR *folder = opendir(path);
    if (!folder)
        return true;
    for (struct dirent *entry; more && (entry = readdir(folder));) {
        char name[2 * NAME_BYTES_MAX + 2];
        struct stat status;
        int size = snprintf(name, sizeof name, "%.*s%s%s", SNAG_FMT(below), below.size ? "/" : "",
                            entry->d_name);
        if (size < 0 || (size_t)size >= sizeof name || strcmp(name, "posix") == 0 || strcmp(name,
                                                                                            "right") == 0 ||
            !name_fine(snag_str_from(name)) || fstatat(dirfd(folder), entry->d_name, &status, 0) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            more = depth == DEPTH_MAX || names_walk(zones, snag_str_from(name), depth + 1, each, context);
        else if (S_ISREG(status.st_mode))
            more = each(zones, snag_str_from(name), context);
    }
    closedir(folder);
    return more;
}

static const snag_zone *zone_have(const snag_zones *zones, snag_str name)
{
    for (uint32_t i = 0; i < zones->count; i++)
        if (snag_str_equal(zones->list[i].name, name))
            return &zones->list[i];
    return NULL;
}

static bool read_each(snag_zones *zones, snag_str name, void *context)
{
    (void)context;
    if (!zone_have(zones, name))
        zone_read(zones, name, NULL);
    return zones->count < ZONES_MAX;
}

static bool offer_each(snag_zones *zones, snag_str name, void *context)
{
    char magic[4];
    if (file_read(zones, name, magic, sizeof magic) == 4 && memcmp(magic, "TZif", 4) == 0)
        snag_nearest_offer(context, snag_arena_copy(&zones->arena, name));
    return true;
}

static int by_name(const void *left, const void *right)
{
    return snag_str_compare(((const snag_zone *)left)->name, ((const snag_zone *)right)->name);
}

const snag_zone_table *snag_zones_all(snag_zones *zones, snag_diag *diag)
{
    if (zones->whole)
        return &zones->all;
    names_walk(zones, SNAG_STR(""), 1, read_each, NULL);
    snag_zone *sorted = snag_arena_take(&zones->arena, zones->count * sizeof *sorted);
    if (zones->count == 0 || !sorted) {
        snag_fail(diag, SNAG_IO, "there is no zone data in %.200s (Debian: apt-get install tzdata)",
                  zones->folder);
        return NULL;
    }
    memcpy(sorted, zones->list, zones->count * sizeof *sorted);
    qsort(sorted, zones->count, sizeof *sorted, by_name);
    zones->all = (snag_zone_table){sorted, zones->count};
    zones->whole = true;
    return &zones->all;
}

/* --- one ---------------------------------------------------------------------------------------------- */

static void tell_unknown(snag_zones *zones, snag_str name, snag_diag *diag)
{
    struct stat status;
    snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
    size_t used = zones->arena.used;
    if (stat(zones->folder, &status) != 0) {
        snag_fail(diag, SNAG_IO, "there is no zone data in %.200s (Debian: apt-get install tzdata)",
                  zones->folder);
        return;
    }
    names_walk(zones, SNAG_STR(""), 1, offer_each, &nearest);
    snag_fail(diag, SNAG_IO, "there is no time zone \"%.*s\"%s%.*s%s", (int)(name.size < 64 ? name.size : 64),
              name.data, nearest.best.size ? "; did you mean \"" : "", SNAG_FMT(nearest.best),
              nearest.best.size ? "\"?" : "");
    zones->arena.used = used;
}

const snag_zone *snag_zones_get(snag_zones *zones, snag_str name, snag_diag *diag)
{
    snag_diag words = {.text = ""};
    const snag_zone *zone = zone_have(zones, name);
    char magic[4];
    if (zone)
        return zone;
    if (!name_fine(name) || file_read(zones, name, magic, sizeof magic) < 4 || memcmp(magic, "TZif",
                                                                                      4) != 0) {
        tell_unknown(zones, name, diag);
        return NULL;
    }
    zone = zone_read(zones, name, &words);
    if (!zone)
        snag_fail(diag, SNAG_IO, "the time zone \"%.*s\": %s", SNAG_FMT(name), words.text);
    return zone;
}

/* --- which data --------------------------------------------------------------------------------------- */

snag_str snag_zones_version(snag_zones *zones)
{
    static const char begin[] = "# version ";
    char text[64] = "";
    if (!zones->version_read) {
        ssize_t size = file_read(zones, SNAG_STR("tzdata.zi"), text, sizeof text - 1);
        const char *from = text + sizeof begin - 1;
        zones->version[0] = '\0';
        if (size > 0 && strncmp(text, begin, sizeof begin - 1) == 0)
            snprintf(zones->version, sizeof zones->version, "%.*s", (int)strcspn(from, " \r\n"), from);
        zones->version_read = true;
    }
    return snag_str_from(zones->version);
}

void snag_zones_hash(const snag_zones *zones, uint8_t hash[8])
{
    uint8_t digest[32];
    snag_sha256 sha;
    snag_str last = SNAG_STR("");
    memset(hash, 0, 8);
    snag_sha256_init(&sha);
    for (uint32_t done = 0; done < zones->count; done++) { /* by name, whatever the order of reading */
        uint32_t next = zones->count;
        for (uint32_t i = 0; i < zones->count; i++)
            if (snag_str_compare(zones->list[i].name, last) > 0 &&
                (next == zones->count ||
                 snag_str_compare(zones->list[i].name, zones->list[next].name) < 0))
                next = i;
        SNAG_ASSERT(next < zones->count);
        last = zones->list[next].name;
        snag_sha256_add_text(&sha, last);
        snag_sha256_add(&sha, zones->digests[next], 32);
    }
    snag_sha256_end(&sha, digest);
    if (zones->count > 0)
        memcpy(hash, digest, 8);
}
