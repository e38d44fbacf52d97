/* SPDX-License-Identifier: Apache-2.0
 *
 * Where zones come from: the system's folder or TZDIR; what is no zone is told; other bytes are another hash
 * of the zone data and the same config.
 */
#include "config/zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "config/config.h"

static char folder[64];
static const char *tzdir;

static const char *environment(const char *name)
{
    return strcmp(name, "TZDIR") == 0 ? tzdir : NULL;
}

static void path_of(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", folder, name);
}

static void copy(const char *from, const char *name, size_t most)
{
    char path[256];
    char bytes[65536];
    FILE *in = fopen(from, "rb");
    assert_non_null(in);
    size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    path_of(path, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fwrite(bytes, 1, size < most ? size : most, out);
    fclose(out);
}

/* A folder in which Berlin has Moscow's clocks, and Paris is cut short. */
static int set_up(void **state)
{
    char path[256];
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/snag-zones-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    path_of(path, "Europe");
    if (mkdir(path, 0700) != 0)
        return -1;
    copy("/usr/share/zoneinfo/Europe/Moscow", "Europe/Berlin", SIZE_MAX);
    copy("/usr/share/zoneinfo/Europe/Paris", "Europe/Paris", 300);
    path_of(path, "tzdata.zi");
    FILE *version = fopen(path, "w");
    if (!version)
        return -1;
    fputs("# version 2099z\n# more\n", version);
    fclose(version);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"Europe/Berlin", "Europe/Paris", "tzdata.zi"};
    char path[256];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(path, names[i]);
        unlink(path);
    }
    path_of(path, "Europe");
    rmdir(path);
    return rmdir(folder);
}

static void load(snag_config *config, const char *zone, const char *from)
{
    char text[512];
    tzdir = from;
    snprintf(text, sizeof text,
             "pipeline: w\ncalendars: { c: { zone: %s, hours: { mon-fri: 09:00-17:00 } } }\n"
             "sources: { s: { topic: t, format: json, map: { id: i, time: t, type: e, customer: c } } }\n"
             "rules: { r: { event: A, missing: B, after: 2 business days } }\n",
             zone);
    snag_err err = snag_config_parse(config, snag_str_from(text), "w.yaml", environment);
    assert_true(err == SNAG_OK || config->error_count > 0);
}

static void other_data(void **state)
{
    static const uint8_t none[8] = {0};
    snag_config ours;
    snag_config theirs;
    (void)state;
    load(&ours, "Europe/Berlin", NULL);
    load(&theirs, "Europe/Berlin", folder);
    assert_int_equal(ours.error_count + theirs.error_count, 0);
    assert_memory_equal(ours.pipeline.config, theirs.pipeline.config, 32);
    assert_memory_not_equal(ours.pipeline.zones, theirs.pipeline.zones, 8);
    assert_memory_not_equal(ours.pipeline.zones, none, 8);
    assert_true(snag_str_equal(theirs.pipeline.zone_version, SNAG_STR("2099z")));
    const snag_span *berlin = ours.pipeline.rules[0].params.wait.after.span;
    const snag_span *moscow = theirs.pipeline.rules[0].params.wait.after.span;
    assert_int_equal(snag_zone_offset(berlin->calendar->zone, 1767225600), 3600);
    assert_int_equal(snag_zone_offset(moscow->calendar->zone, 1767225600), 10800);
    snag_config_free(&ours);
    snag_config_free(&theirs);
}

static void told(const char *zone, const char *from, const char *words)
{
    snag_config config;
    load(&config, zone, from);
    assert_int_equal(config.error_count, 1);
    if (!strstr(config.errors[0].diag.text, words))
        fail_msg("%s", config.errors[0].diag.text);
    snag_config_free(&config);
}

static void what_is_no_zone(void **state)
{
    (void)state;
    told("Europe/Berlin", "/no/such/folder",
         "zone: there is no zone data in /no/such/folder (Debian: apt-get install tzdata)");
    told("Europe/Paris", folder,
         "zone: the time zone \"Europe/Paris\": not a usable TZif file: the second header is not there");
    told("Europe/Rome", folder, "zone: there is no time zone \"Europe/Rome\"");
    told("tzdata.zi", folder, "zone: there is no time zone \"tzdata.zi\"");
    told("Europe", NULL, "zone: there is no time zone \"Europe\"");
    told("../zoneinfo/Europe/Berlin", NULL, "zone: there is no time zone \"../zoneinfo/Europe/Berlin\"");
    told("/etc/localtime", NULL, "zone: there is no time zone \"/etc/localtime\"");
    told("posix/Europe/Berlin", NULL, "did you mean \"Europe/Berlin\"?");
}

static void all_of_them(void **state)
{
    snag_diag diag = {.text = ""};
    uint8_t one[8];
    uint8_t many[8];
    (void)state;
    tzdir = NULL;
    snag_zones *zones = snag_zones_new(environment);
    assert_non_null(zones);
    const snag_zone *berlin = snag_zones_get(zones, SNAG_STR("Europe/Berlin"), &diag);
    assert_non_null(berlin);
    assert_ptr_equal(snag_zones_get(zones, SNAG_STR("Europe/Berlin"), &diag), berlin);
    snag_zones_hash(zones, one);
    const snag_zone_table *all = snag_zones_all(zones, &diag);
    assert_non_null(all);
    snag_zones_hash(zones, many);
    assert_memory_not_equal(one, many, 8);
    assert_true(all->count > 300);
    for (uint32_t i = 0; i < all->count; i++) {
        if (i > 0)
            assert_true(snag_str_compare(all->zones[i - 1].name, all->zones[i].name) < 0);
        assert_ptr_equal(snag_zone_find(all, all->zones[i].name), &all->zones[i]);
    }
    assert_null(snag_zone_find(all, SNAG_STR("Europe")));
    assert_null(snag_zone_find(all, SNAG_STR("")));
    snag_zones_free(zones);
    snag_zones_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_data),
        cmocka_unit_test(what_is_no_zone),
        cmocka_unit_test(all_of_them),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
