/* SPDX-License-Identifier: Apache-2.0
 *
 * `calendars:` and `seasons:`: zones, weekly hours, days off; stretches of time by name.
 *
 *     de: { zone: Europe/Berlin, hours: { mon-fri: [09:00-12:00, 13:00-17:00], sat: 10:00-14:00 },
 *           holidays: [2026-12-25, de.ics] }
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/nearest.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/ics.h"
#include "config/wait.h"
#include "rules/step.h"

enum { ICS_BYTES_MAX = 1 << 20 };

static const char *const day_words[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static snag_str shown(snag_str text)
{
    return snag_utf8_cut(text, 60);
}

snag_zones *snag_loader_zones(snag_loader *loader)
{
    if (!loader->config->zones)
        loader->config->zones = snag_zones_new(loader->environment);
    SNAG_ASSERT(loader->config->zones != NULL);
    return loader->config->zones;
}

static const snag_zone *expr_zone(void *context, snag_str name, snag_diag *diag)
{
    return snag_zones_get(snag_loader_zones(context), name, diag);
}

static const snag_zone_table *expr_zones(void *context, snag_diag *diag)
{
    return snag_zones_all(snag_loader_zones(context), diag);
}

snag_expr_zones snag_loader_expr_zones(snag_loader *loader)
{
    return (snag_expr_zones){expr_zone, expr_zones, loader};
}

/* --- zones -------------------------------------------------------------------------------------------- */

const snag_zone *snag_zone_load(snag_loader *loader, const snag_yaml *node)
{
    snag_diag diag = {.text = ""};
    snag_str name = {0};
    if (!snag_text_load(loader, node, &name))
        return NULL;
    const snag_zone *zone = snag_zones_get(snag_loader_zones(loader), name, &diag);
    if (!zone)
        snag_finding_add(loader, node->at, "%.*s: %s", SNAG_FMT(snag_yaml_name(node)), diag.text);
    return zone;
}

static void unkept(snag_loader *loader, const snag_yaml *node, snag_str name)
{
    snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
    for (uint32_t i = SNAG_VAR_KEPT; i < loader->name_count; i++)
        snag_nearest_offer(&nearest, loader->names[i].name);
    snag_finding_add(loader, node->at,
                     "from: expected a kept name or a fact that holds a time zone, not \"%.*s\"%s%.*s%s",
                     SNAG_FMT(shown(name)), nearest.best.size ? "; did you mean \"" : "",
                         SNAG_FMT(nearest.best),
                     nearest.best.size ? "\"?" : "");
}

/* { from: tz, else: Europe/Berlin } */
static void customers_zone_load(snag_loader *loader, const snag_yaml *node, snag_calendar_spec *out)
{
    snag_zone_raw raw = {0};
    snag_diag diag = {.text = ""};
    if (!snag_section_load(loader, &snag_section_zone, node, &raw, NULL, NULL))
        return;
    if (!raw.from.size && !snag_key_given(loader, node, "from"))
        snag_finding_add(loader, node->at, "zone: needs from: the kept name that holds the time zone");
    if (!raw.otherwise && !snag_key_given(loader, node, "else"))
        snag_finding_add(loader, node->at, "zone: needs else: the time zone where an event names none");
    if (raw.otherwise)
        out->zone = snag_zone_load(loader, raw.otherwise);
    if (!raw.from.size)
        return;
    out->zone_slot = snag_name_slot(loader, raw.from);
    if (out->zone_slot >= SNAG_VAR_KEPT && loader->names[out->zone_slot].kind != SNAG_KIND_TEXT) {
        snag_finding_add(loader, snag_yaml_get(node, "from")->at,
                         "from: \"%.*s\" is %s; a time zone is a text",
                         SNAG_FMT(raw.from), snag_kind_word(loader->names[out->zone_slot].kind));
        return;
    }
    if (out->zone_slot < SNAG_VAR_KEPT) {
        unkept(loader, snag_yaml_get(node, "from"), raw.from);
        return;
    }
    out->zone_tag = snag_capture_tag(raw.from);
    loader->names_used |= UINT64_C(1) << out->zone_slot;
    out->zones = snag_zones_all(snag_loader_zones(loader), &diag);
    if (!out->zones)
        snag_finding_add(loader, node->at, "zone: %s", diag.text);
}

/* --- hours -------------------------------------------------------------------------------------------- */

/* "09:00" in minutes, 24:00 included; -1: no such text. */
static int clock_of(snag_str text)
{
    const char *at = text.data;
    if (text.size != 5 || at[2] != ':')
        return -1;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (at[i] < '0' || at[i] > '9'))
            return -1;
    int hour = (at[0] - '0') * 10 + (at[1] - '0');
    int minute = (at[3] - '0') * 10 + (at[4] - '0');
    return minute > 59 || hour > 24 || (hour == 24 && minute > 0) ? -1 : hour * 60 + minute;
}

/* What stands there, for "expected …, not …": a text in quotes, else what kind of thing it is. */
static snag_str instead(snag_loader *loader, const snag_yaml *node)
{
    char text[80];
    snag_buf buf = snag_buf_on(text, sizeof text);
    bool quoted = node->kind == SNAG_YAML_TEXT;
    snag_buf_str_put(&buf, quoted ? SNAG_STR("\"") : SNAG_STR(""));
    snag_buf_str_put(&buf, quoted ? shown(node->text) : snag_str_from(snag_yaml_kind_word(node)));
    snag_buf_str_put(&buf, quoted ? SNAG_STR("\"") : SNAG_STR(""));
    return snag_loader_keep(loader, &buf);
}

static bool shift_load(snag_loader *loader, const snag_yaml *key, const snag_yaml *node, snag_shift *out)
{
    snag_str text = node->text;
    bool form = node->kind == SNAG_YAML_TEXT && text.size == 11 && text.data[5] == '-';
    int from = form ? clock_of(snag_str_of(text.data, 5)) : -1;
    int to = form ? clock_of(snag_str_of(text.data + 6, 5)) : -1;
    if (from < 0 || to < 0) {
        snag_finding_add(loader, node->at, "%.*s: expected hours as 09:00-12:00, or a list of them, not %.*s",
                         SNAG_FMT(shown(key->key)), SNAG_FMT(instead(loader, node)));
        return false;
    }
    if (from >= to) {
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" ends before it begins; over midnight write two: %.*s-24:00, and "
                         "00:00-%.*s of the next day",
                         SNAG_FMT(shown(key->key)), SNAG_FMT(text), 5, text.data, 5, text.data + 6);
        return false;
    }
    *out = (snag_shift){from * SNAG_MINUTE_MS, to * SNAG_MINUTE_MS};
    return true;
}

static bool workday_load(snag_loader *loader, const snag_yaml *node, snag_workday *out)
{
    const snag_yaml *item = node->kind == SNAG_YAML_LIST ? node->first : node;
    uint32_t count = node->kind == SNAG_YAML_LIST ? node->count : 1;
    *out = (snag_workday){.count = 0};
    if (count == 0 || count > SNAG_SHIFTS_MAX) {
        snag_finding_add(loader, node->at, "%.*s: expected 1 to %d intervals, as [09:00-12:00, 13:00-17:00]",
                         SNAG_FMT(shown(node->key)), SNAG_SHIFTS_MAX);
        return false;
    }
    for (; out->count < count; item = item->next, out->count++) {
        snag_shift *shift = &out->shifts[out->count];
        if (!shift_load(loader, node, item, shift))
            return false;
        if (out->count > 0 && shift->from_ms <= shift[-1].to_ms) {
            snag_finding_add(loader, item->at, "%.*s: \"%.*s\" begins before the one before it ends",
                             SNAG_FMT(shown(node->key)), SNAG_FMT(item->text));
            return false;
        }
    }
    return true;
}

static int day_number(snag_str word)
{
    for (int i = 0; i < 7; i++)
        if (snag_str_equal(word, snag_str_from(day_words[i])))
            return i;
    return -1;
}

/* "mon-fri" or "sat"; false: a finding was added. */
static bool days_parse(snag_loader *loader, const snag_yaml *node, int *first, int *last)
{
    snag_str text = node->key;
    const char *dash = memchr(text.data, '-', text.size);
    size_t size = dash ? (size_t)(dash - text.data) : text.size;
    *first = day_number(snag_str_of(text.data, size));
    *last = dash ? day_number(snag_str_of(dash + 1, text.size - size - 1)) : *first;
    if (*first >= 0 && *last >= *first)
        return true;
    snag_finding_add(loader, node->key_at,
                     "hours: expected a day or a range of days, as mon-fri, of mon tue wed thu fri sat sun, "
                     "not \"%.*s\"",
                     SNAG_FMT(shown(text)));
    return false;
}

static void hours_load(snag_loader *loader, const snag_yaml *node, snag_calendar *out)
{
    if (node->kind != SNAG_YAML_MAP || node->count == 0) {
        snag_finding_add(loader, node->at, "hours: expected a map of days to intervals, as { mon-fri: "
                                           "[09:00-12:00, 13:00-17:00] }");
        return;
    }
    for (const snag_yaml *child = node->first; child; child = child->next) {
        int first;
        int last;
        snag_workday work;
        if (!days_parse(loader, child, &first, &last) || !workday_load(loader, child, &work))
            continue;
        for (int day = first; day <= last; day++) {
            if (out->week[day].count > 0)
                snag_finding_add(loader, child->key_at, "hours: %s has hours already", day_words[day]);
            out->week[day] = work;
        }
    }
}

/* --- days off ----------------------------------------------------------------------------------------- */

static char *file_read(snag_loader *loader, snag_str name, size_t *size)
{
    char path[4096];
    const char *folder = name.data[0] == '/' ? "" : loader->config->base_dir.data;
    int bytes = snprintf(path, sizeof path, "%.*s%s%.*s", *folder ? (int)loader->config->base_dir.size : 0,
                         folder,
                         *folder ? "/" : "", SNAG_FMT(name));
    FILE *file = bytes > 0 && (size_t)bytes < sizeof path ? fopen(path, "rb") : NULL;
    char *text = file ? malloc(ICS_BYTES_MAX + 1) : NULL;
    if (text)
        *size = fread(text, 1, ICS_BYTES_MAX + 1, file);
    if (text && (ferror(file) || *size > ICS_BYTES_MAX)) {
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

static void ics_load(snag_loader *loader, const snag_yaml *node, int64_t *days, uint32_t *count)
{
    snag_diag diag = {.text = ""};
    size_t size = 0;
    char *text = file_read(loader, node->text, &size);
    if (!text) {
        snag_finding_add(loader, node->at,
                         "holidays: the file \"%.*s\" cannot be read, or has more than 1 MiB",
                         SNAG_FMT(shown(node->text)));
        return;
    }
    snag_err err = snag_ics_read(snag_str_of(text, size), days, SNAG_DAYS_OFF_MAX, count, &diag);
    free(text);
    if (err == SNAG_BAD_SYNTAX)
        snag_finding_add(loader, node->at, "holidays: %.*s:%u: %s", SNAG_FMT(shown(node->text)), diag.line,
                         diag.text);
    else if (err)
        snag_finding_add(loader, node->at, "holidays: %.*s: %s", SNAG_FMT(shown(node->text)), diag.text);
}

static void holiday_load(snag_loader *loader, const snag_yaml *node, int64_t *days, uint32_t *count)
{
    int64_t day;
    bool text = node->kind == SNAG_YAML_TEXT;
    if (text && node->text.size > 4 &&
        memcmp(node->text.data + node->text.size - 4, ".ics", 4) == 0) {
        ics_load(loader, node, days, count);
        return;
    }
    if (!text || !snag_date_parse(node->text, false, &day)) {
        snag_finding_add(loader, node->at, "holidays: expected a date as 2026-12-25 or a file.ics, not %.*s",
                         SNAG_FMT(instead(loader, node)));
        return;
    }
    if (*count == SNAG_DAYS_OFF_MAX)
        snag_finding_add(loader, node->at, "holidays: more than %d days", SNAG_DAYS_OFF_MAX);
    else
        days[(*count)++] = day;
}

/* --- calendars ---------------------------------------------------------------------------------------- */

static void calendar_load(snag_loader *loader, const snag_yaml *node, snag_calendar_spec *out)
{
    snag_calendar_raw raw = {0};
    uint32_t count = 0;
    *out = (snag_calendar_spec){.name = node->key, .zone_slot = -1};
    snag_name_check(loader, node, "a calendar");
    if (!snag_section_load(loader, &snag_section_calendar, node, &raw, NULL, NULL))
        return;
    snag_arena *arena = snag_zones_arena(snag_loader_zones(loader));
    int64_t *days = snag_arena_take(arena, SNAG_DAYS_OFF_MAX * sizeof *days);
    SNAG_ASSERT(days != NULL);
    if (!raw.zone && !snag_key_given(loader, node, "zone"))
        snag_finding_add(loader, node->key_at, "calendar \"%.*s\" needs zone:, as Europe/Berlin",
                         SNAG_FMT(node->key));
    if (raw.zone && raw.zone->kind == SNAG_YAML_MAP)
        customers_zone_load(loader, raw.zone, out);
    else if (raw.zone)
        out->zone = snag_zone_load(loader, raw.zone);
    if (raw.hours)
        hours_load(loader, raw.hours, &out->hours);
    if (raw.holidays && raw.holidays->kind == SNAG_YAML_LIST)
        for (const snag_yaml *item = raw.holidays->first; item; item = item->next)
            holiday_load(loader, item, days, &count);
    else if (raw.holidays)
        holiday_load(loader, raw.holidays, days, &count);
    if (raw.holidays && !raw.hours)
        snag_finding_add(loader, raw.holidays->key_at, "holidays: are days without hours: add hours:");
    SNAG_ASSERT(snag_calendar_init(&out->hours, arena, days, count));
}

const snag_calendar_spec *snag_calendar_named(snag_loader *loader, const snag_yaml *node, snag_str name)
{
    snag_nearest nearest = {.wanted = name, .best = SNAG_STR("")};
    for (uint32_t i = 0; i < loader->calendar_count; i++) {
        if (snag_str_equal(loader->calendars[i].name, name))
            return &loader->calendars[i];
        snag_nearest_offer(&nearest, loader->calendars[i].name);
    }
    snag_finding_add(loader, node->at, "%.*s: there is no calendar \"%.*s\"%s%.*s%s",
                     SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(shown(name)),
                     nearest.best.size ? "; did you mean \"" : "", SNAG_FMT(nearest.best),
                     nearest.best.size ? "\"?" : "");
    return NULL;
}

void snag_calendars_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *chosen)
{
    uint32_t findings = loader->config->error_count;
    if (node && (node->kind != SNAG_YAML_MAP || node->count == 0 || node->count > SNAG_CALENDARS_MAX)) {
        snag_finding_add(loader, node->at, "calendars: expected a map of 1 to %d calendars",
                         SNAG_CALENDARS_MAX);
    } else if (node) {
        loader->calendars = snag_loader_take(loader, node->count * sizeof *loader->calendars);
        for (const snag_yaml *child = node->first; child; child = child->next)
            calendar_load(loader, child, &loader->calendars[loader->calendar_count++]);
    }
    if (loader->calendar_count == 1)
        loader->calendar = &loader->calendars[0];
    if (chosen && chosen->kind == SNAG_YAML_TEXT)
        loader->calendar = snag_calendar_named(loader, chosen, chosen->text);
    else if (chosen)
        snag_finding_add(loader, chosen->at, "calendar: expected the name of one of calendars:");
    loader->calendar_fault = loader->config->error_count > findings;
}

/* --- seasons ------------------------------------------------------------------------------------------ */

/* A day is its first moment, with `through` the last one's end; or a time with its zone. */
static bool moment_load(snag_loader *loader, const snag_yaml *node, const snag_zone *zone, bool through,
                        int64_t *out)
{
    int64_t day;
    if (node->kind == SNAG_YAML_TEXT && snag_time_parse_ms(node->text, out))
        return true;
    if (node->kind != SNAG_YAML_TEXT || !snag_date_parse(node->text, false, &day)) {
        snag_finding_add(loader, node->at,
                         "%.*s: expected a day as 2026-11-20, or a time as 2026-11-20T08:00:00Z",
                         SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    if (!zone) {
        if (!loader->calendar_fault)
            snag_finding_add(loader, node->at,
                             "%.*s: a day begins by the clocks of a zone: add zone: to the season",
                             SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    *out = snag_zone_instant(zone, (day + through) * SNAG_DAY_MS);
    return true;
}

static void season_load(snag_loader *loader, const snag_yaml *node, snag_season *out)
{
    snag_season_raw raw = {0};
    const snag_zone *zone = loader->calendar ? loader->calendar->zone : NULL;
    out->name = node->key;
    snag_name_check(loader, node, "a season");
    if (!snag_section_load(loader, &snag_section_season, node, &raw, NULL, NULL))
        return;
    if (raw.zone)
        zone = snag_zone_load(loader, raw.zone);
    if (!raw.from || !raw.to) {
        snag_finding_add(loader, node->key_at, "season \"%.*s\" needs from: and to:", SNAG_FMT(node->key));
        return;
    }
    if (raw.zone && !zone)
        return;
    if (moment_load(loader, raw.from, zone, false, &out->from_ms) &&
        moment_load(loader, raw.to, zone, true, &out->to_ms) && out->from_ms >= out->to_ms)
        snag_finding_add(loader, raw.to->at, "to: the season ends before it begins");
}

void snag_seasons_load(snag_loader *loader, const snag_yaml *node)
{
    if (!node)
        return;
    if (node->kind != SNAG_YAML_MAP || node->count == 0 || node->count > SNAG_SEASONS_MAX) {
        snag_finding_add(loader, node->at, "seasons: expected a map of 1 to %d seasons", SNAG_SEASONS_MAX);
        return;
    }
    loader->seasons = snag_loader_take(loader, node->count * sizeof *loader->seasons);
    for (const snag_yaml *child = node->first; child; child = child->next)
        season_load(loader, child, &loader->seasons[loader->season_count++]);
}

const snag_season *snag_season_named(snag_loader *loader, const snag_yaml *node)
{
    snag_nearest nearest = {.wanted = node->key, .best = SNAG_STR("")};
    for (uint32_t i = 0; i < loader->season_count; i++) {
        if (snag_str_equal(loader->seasons[i].name, node->key))
            return &loader->seasons[i];
        snag_nearest_offer(&nearest, loader->seasons[i].name);
    }
    snag_finding_add(loader, node->key_at, "during: there is no season \"%.*s\"%s%.*s%s%s",
                     SNAG_FMT(shown(node->key)),
                     nearest.best.size ? "; did you mean \"" : "", SNAG_FMT(nearest.best),
                     nearest.best.size ? "\"?" : "",
                     loader->season_count ? ""
                         : "; add seasons: { NAME: { from: 2026-11-20, to: 2026-12-27 } }");
    return NULL;
}
