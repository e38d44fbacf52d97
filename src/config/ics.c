/* SPDX-License-Identifier: Apache-2.0 */
#include "config/ics.h"

#include "base/assert.h"
#include "base/time.h"

enum { LINE_BYTES = 1024, YEAR_LAST = 2100, LENGTH_MAX = 366 };

/* What a VEVENT says so far. */
typedef struct event {
    int64_t day; /* INT64_MIN = not said */
    int64_t behind;
    int64_t length;
    bool yearly;
    bool cancelled;
    int64_t interval;
    int64_t repeats; /* COUNT, 0 = not said */
    int64_t until;
    int64_t month; /* BYMONTH, 0 = not said */
    int64_t month_day;
} event;

typedef struct reader {
    snag_str text;
    size_t at;
    uint32_t line; /* of the content line at hand, where it begins */
    uint32_t lines;
    char room[LINE_BYTES]; /* the line, unfolded; what is longer is cut */
    int64_t *days;
    uint32_t max;
    uint32_t *count;
    snag_diag *diag;
    const char *skipping; /* a component that is passed over */
    bool in_calendar;
    bool in_event;
    bool any; /* a calendar was read */
    event now;
} reader;

bool snag_date_parse(snag_str text, bool bare, int64_t *day)
{
    char full[21] = "0000-00-00T00:00:00Z";
    int64_t ms;
    if (text.size != (bare ? 8u : 10u))
        return false;
    memcpy(full, text.data, bare ? 4 : 10);
    if (bare) {
        memcpy(full + 5, text.data + 4, 2);
        memcpy(full + 8, text.data + 6, 2);
    }
    if (!snag_time_parse_ms(snag_str_of(full, 20), &ms))
        return false;
    *day = ms / SNAG_DAY_MS - (ms % SNAG_DAY_MS < 0);
    return true;
}

static snag_err refuse(const reader *r, const char *what, snag_str word)
{
    snag_err err = snag_fail(r->diag, SNAG_BAD_SYNTAX, "%s \"%.*s\"", what,
                             (int)(word.size < 60 ? word.size : 60), word.data);
    if (r->diag)
        r->diag->line = r->line;
    return err;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* The next content line, its continuations joined. False: there is none. */
static bool line_next(reader *r, snag_str *out)
{
    size_t size = 0;
    if (r->at >= r->text.size)
        return false;
    r->line = r->lines + 1;
    do {
        const char *from = r->text.data + r->at;
        const char *end = memchr(from, '\n', r->text.size - r->at);
        size_t bytes = end ? (size_t)(end - from) : r->text.size - r->at;
        r->at += bytes + (end != NULL);
        r->lines++;
        if (bytes > 0 && from[bytes - 1] == '\r')
            bytes--;
        bool folded = size > 0 && bytes > 0; /* without the blank that marks it */
        from += folded;
        bytes -= folded;
        bytes = bytes < LINE_BYTES - size ? bytes : LINE_BYTES - size;
        memcpy(r->room + size, from, bytes);
        size += bytes;
    } while (r->at < r->text.size && size > 0 && (r->text.data[r->at] == ' ' || r->text.data[r->at] == '\t'));
    *out = snag_str_of(r->room, size);
    return true;
}

static bool same(snag_str a, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i < a.size && i < size; i++) {
        char c = a.data[i] >= 'a' && a.data[i] <= 'z' ? (char)(a.data[i] - 'a' + 'A') : a.data[i];
        if (c != word[i])
            return false;
    }
    return a.size == size;
}

/* NAME[;PARAMETER…]:VALUE */
static bool line_split(snag_str line, snag_str *name, snag_str *value)
{
    bool quoted = false;
    size_t end = 0;
    while (end < line.size && line.data[end] != ';' && line.data[end] != ':')
        end++;
    *name = snag_str_of(line.data, end);
    for (size_t i = end; i < line.size; i++) {
        quoted ^= line.data[i] == '"';
        if (line.data[i] != ':' || quoted)
            continue;
        *value = snag_str_of(line.data + i + 1, line.size - i - 1);
        return end > 0;
    }
    return false;
}

/* --- an event ------------------------------------------------------------------------------------------- */

static bool whole_number(snag_str text, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || *out > 100000)
            return false;
        *out = *out * 10 + (text.data[i] - '0');
    }
    return text.size > 0;
}

/* One NAME=VALUE of a rule. */
static bool rule_part(event *now, snag_str name, snag_str value)
{
    if (same(name, "FREQ"))
        return now->yearly = same(value, "YEARLY");
    if (same(name, "INTERVAL"))
        return whole_number(value, &now->interval) && now->interval > 0;
    if (same(name, "COUNT"))
        return whole_number(value, &now->repeats) && now->repeats > 0;
    if (same(name, "BYMONTH"))
        return whole_number(value, &now->month);
    if (same(name, "BYMONTHDAY"))
        return whole_number(value, &now->month_day);
    if (same(name, "UNTIL"))
        return snag_date_parse(snag_str_of(value.data, value.size < 8 ? value.size : 8), true, &now->until);
    return same(name, "WKST");
}

static snag_err rule_read(reader *r, snag_str value)
{
    size_t from = 0;
    for (size_t i = 0; i <= value.size; i++) {
        if (i < value.size && value.data[i] != ';')
            continue;
        snag_str part = snag_str_of(value.data + from, i - from);
        const char *sign = memchr(part.data, '=', part.size);
        size_t size = sign ? (size_t)(sign - part.data) : part.size;
        if (!sign || !rule_part(&r->now, snag_str_of(part.data, size),
                                snag_str_of(part.data + size + 1, part.size - size - 1)))
            return refuse(r,
                          "only FREQ=YEARLY with INTERVAL, COUNT, UNTIL and the day itself is "
                             "understood, not", part);
        from = i + 1;
    }
    return r->now.yearly ? SNAG_OK : refuse(r, "a repetition without FREQ=YEARLY:", value);
}

/* P2D, P1W. */
static bool length_read(snag_str value, int64_t *days)
{
    if (value.size < 3 || (value.data[0] != 'P' && value.data[0] != 'p'))
        return false;
    char unit = value.data[value.size - 1];
    if (!whole_number(snag_str_of(value.data + 1, value.size - 2), days) || *days > LENGTH_MAX)
        return false;
    *days *= unit == 'W' ? 7 : 1;
    return (unit == 'W' || unit == 'D') && *days > 0;
}

static bool says_nothing(snag_str name)
{
    static const char *const words[] = {
        "UID", "DTSTAMP", "SUMMARY", "DESCRIPTION", "CLASS", "CATEGORIES", "TRANSP", "LOCATION", "SEQUENCE",
        "CREATED", "LAST-MODIFIED", "URL", "COMMENT", "CONTACT", "PRIORITY", "ORGANIZER", "ATTENDEE",
            "ATTACH",
        "GEO", "RESOURCES", "RELATED-TO", "COLOR", "IMAGE", "VERSION", "PRODID", "METHOD", "NAME",
        "REFRESH-INTERVAL", "SOURCE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (same(name, words[i]))
            return true;
    return name.size > 2 && (name.data[0] == 'X' || name.data[0] == 'x') && name.data[1] == '-';
}

static snag_err property_read(reader *r, snag_str name, snag_str value)
{
    if (same(name, "DTSTART"))
        return snag_date_parse(value, true, &r->now.day) ? SNAG_OK
                                                         : refuse(r, "DTSTART: expected a whole day, not",
                                                                  value);
    if (same(name, "DTEND"))
        return snag_date_parse(value, true, &r->now.behind) ? SNAG_OK
                                                            : refuse(r, "DTEND: expected a whole day, not",
                                                                     value);
    if (same(name, "DURATION"))
        return length_read(value, &r->now.length) ? SNAG_OK
                                                  : refuse(r, "DURATION: expected days, as P2D, not", value);
    if (same(name, "RRULE"))
        return rule_read(r, value);
    if (same(name, "STATUS")) {
        r->now.cancelled = same(value, "CANCELLED");
        return SNAG_OK;
    }
    return says_nothing(name) ? SNAG_OK : refuse(r, "not understood:", name);
}

static snag_err day_add(reader *r, int64_t first, int64_t length)
{
    for (int64_t day = first; day < first + length; day++) {
        if (*r->count == r->max)
            return snag_fail(r->diag, SNAG_FULL, "more than %u days off", r->max);
        r->days[(*r->count)++] = day;
    }
    return SNAG_OK;
}

static snag_err years_add(reader *r, int64_t length)
{
    const event *now = &r->now;
    int64_t year;
    int month;
    int day;
    int64_t repeats = 0;
    snag_civil_from_days(now->day, &year, &month, &day);
    if ((now->month && now->month != month) || (now->month_day && now->month_day != day))
        return refuse(r, "a repetition on another day than its first:", SNAG_STR("BYMONTH"));
    for (; year <= YEAR_LAST; year += now->interval) {
        int64_t first = snag_days_from_civil(year, month, 1) + day - 1;
        bool there = month != 2 || day != 29 || first < snag_days_from_civil(year, 3, 1);
        if (first > now->until || (now->repeats > 0 && repeats == now->repeats))
            break;
        snag_err err = there ? day_add(r, first, length) : SNAG_OK;
        if (err)
            return err;
        repeats += there;
    }
    return SNAG_OK;
}

static snag_err event_end(reader *r)
{
    const event *now = &r->now;
    int64_t length = now->length;
    if (now->cancelled)
        return SNAG_OK;
    if (now->day == INT64_MIN)
        return refuse(r, "an event without DTSTART ends here:", SNAG_STR("END:VEVENT"));
    if (now->behind != INT64_MIN)
        length = now->behind - now->day;
    if (length < 1 || length > LENGTH_MAX)
        return refuse(r, "an event of no day or more than a year ends here:", SNAG_STR("END:VEVENT"));
    return now->yearly ? years_add(r, length) : day_add(r, now->day, length);
}

/* --- components ----------------------------------------------------------------------------------------- */

static snag_err component_begin(reader *r, snag_str value)
{
    if (same(value, "VCALENDAR") && !r->in_calendar) {
        r->in_calendar = true;
        r->any = true;
    } else if (same(value, "VEVENT") && r->in_calendar && !r->in_event) {
        r->in_event = true;
        r->now = (event){.day = INT64_MIN, .behind = INT64_MIN, .length = 1, .interval = 1, .until =
                         INT64_MAX};
    } else if (same(value, "VTIMEZONE") && !r->in_event) {
        r->skipping = "VTIMEZONE";
    } else if (same(value, "VALARM") && r->in_event) {
        r->skipping = "VALARM";
    } else {
        return refuse(r, "not understood: a", value);
    }
    return SNAG_OK;
}

static snag_err component_end(reader *r, snag_str value)
{
    if (same(value, "VEVENT") && r->in_event) {
        r->in_event = false;
        return event_end(r);
    }
    if (!same(value, "VCALENDAR") || r->in_event || !r->in_calendar)
        return refuse(r, "nothing that ends here:", value);
    r->in_calendar = false;
    return SNAG_OK;
}

static snag_err line_read(reader *r, snag_str line)
{
    snag_str name;
    snag_str value;
    if (line.size == 0)
        return SNAG_OK;
    if (!line_split(line, &name, &value))
        return refuse(r, "expected NAME:VALUE, not", line);
    if (r->skipping) {
        if (same(name, "END") && same(value, r->skipping))
            r->skipping = NULL;
        return SNAG_OK;
    }
    if (same(name, "BEGIN"))
        return component_begin(r, value);
    if (same(name, "END"))
        return component_end(r, value);
    if (!r->in_calendar)
        return refuse(r, "expected BEGIN:VCALENDAR, not", line);
    if (r->in_event)
        return property_read(r, name, value);
    if (same(name, "CALSCALE"))
        return same(value, "GREGORIAN") ? SNAG_OK : refuse(r, "a calendar other than GREGORIAN:", value);
    return says_nothing(name) ? SNAG_OK : refuse(r, "not understood:", name);
}

snag_err snag_ics_read(snag_str text, int64_t *days, uint32_t max, uint32_t *count, snag_diag *diag)
{
    reader r = {.text = text, .days = days, .max = max, .count = count, .diag = diag};
    snag_str line;
    snag_err err = SNAG_OK;
    if (snag_str_starts(text, SNAG_STR("\xEF\xBB\xBF")))
        r.at = 3;
    while (!err && line_next(&r, &line))
        err = line_read(&r, line);
    if (!err && (r.in_calendar || r.skipping || !r.any))
        err = refuse(&r, "the file ends before", SNAG_STR("END:VCALENDAR"));
    return err;
}
