/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations that a calendar counts, and seasons that widen them (`due:`, `after:`, `sla:`, `during:`).
 *
 *     60s 15m 72h 30d                             elapsed time
 *     60 days, 2 weeks                            the same local time on a later day
 *     3 months, 2 quarters, 1 year                … on that day of a later month, or on its last one
 *     90 business minutes, 8 business hours       open time of the calendar
 *     3 business days
 *     3 business days of de                       of a calendar by name; without: the only one, or calendar:
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "base/time.h"
#include "base/utf8.h"
#include "config/wait.h"

enum { YEARS_MAX_DAYS = 3653, TENTHS = 10 };

static const int64_t years_max_ms = YEARS_MAX_DAYS * (int64_t)SNAG_DAY_MS;

/* The second and third word, what one of them is, and how many of the unit. */
static const struct {
    const char *word;
    snag_span_unit unit;
    int64_t times;
} forms[] = {
    {"day", SNAG_SPAN_DAYS, 1},
    {"days", SNAG_SPAN_DAYS, 1},
    {"week", SNAG_SPAN_DAYS, 7},
    {"weeks", SNAG_SPAN_DAYS, 7},
    {"month", SNAG_SPAN_MONTHS, 1},
    {"months", SNAG_SPAN_MONTHS, 1},
    {"quarter", SNAG_SPAN_MONTHS, 3},
    {"quarters", SNAG_SPAN_MONTHS, 3},
    {"year", SNAG_SPAN_MONTHS, 12},
    {"years", SNAG_SPAN_MONTHS, 12},
    {"business day", SNAG_SPAN_BUSINESS_DAYS, 1},
    {"business days", SNAG_SPAN_BUSINESS_DAYS, 1},
    {"business hour", SNAG_SPAN_BUSINESS_HOURS, SNAG_HOUR_MS},
    {"business hours", SNAG_SPAN_BUSINESS_HOURS, SNAG_HOUR_MS},
    {"business minute", SNAG_SPAN_BUSINESS_HOURS, SNAG_MINUTE_MS},
    {"business minutes", SNAG_SPAN_BUSINESS_HOURS, SNAG_MINUTE_MS},
};

/* "10 business days of de" taken apart. */
typedef struct said {
    int64_t number;
    snag_str unit;
    snag_str calendar; /* empty = not named */
} said;

static bool take_apart(snag_str text, said *out)
{
    size_t at = 0;
    *out = (said){.number = 0};
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && at < 7; at++)
        out->number = out->number * 10 + (text.data[at] - '0');
    if (at == 0 || at == text.size || text.data[at] != ' ')
        return false;
    out->unit = snag_str_of(text.data + at + 1, text.size - at - 1);
    for (size_t i = 0; i + 4 < out->unit.size; i++) {
        if (memcmp(out->unit.data + i, " of ", 4) != 0)
            continue;
        out->calendar = snag_str_of(out->unit.data + i + 4, out->unit.size - i - 4);
        out->unit.size = i;
    }
    return true;
}

static snag_str shown(snag_str text)
{
    return snag_utf8_cut(text, 60);
}

/* What is wrong with a text that is no duration at all. */
static void tell_unit(snag_loader *loader, const snag_yaml *node, const said *words)
{
    char text[32];
    snag_buf meant = snag_buf_on(text, sizeof text);
    snag_nearest nearest = {.wanted = words->unit, .best = SNAG_STR("")};
    if (snag_duration_meant(node->text, &meant)) {
        snag_finding_add(loader, node->at, "%.*s: \"%.*s\": write %.*s", SNAG_FMT(snag_yaml_name(node)),
                         SNAG_FMT(shown(node->text)), SNAG_FMT(snag_buf_str(&meant)));
        return;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        snag_nearest_offer(&nearest, snag_str_from(forms[i].word));
    snag_finding_add(loader, node->at,
                     "%.*s: expected elapsed time, as 15m or 72h, or days, weeks, months, quarters, years, "
                     "business minutes, business hours or business days, not \"%.*s\"%s%.*s%s",
                     SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(shown(node->text)),
                     nearest.best.size ? "; did you mean \"" : "", SNAG_FMT(nearest.best),
                     nearest.best.size ? "\"?" : "");
}

/* The calendar that is named, or the pipeline's own; NULL: a finding was added. */
static const snag_calendar_spec *calendar_of(snag_loader *loader, const snag_yaml *node, const said *words)
{
    if (words->calendar.size > 0)
        return snag_calendar_named(loader, node, words->calendar);
    if (loader->calendar)
        return loader->calendar;
    if (loader->calendar_fault)
        return NULL; /* what is wrong with them is told */
    if (loader->calendar_count == 0)
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" counts by a calendar: add calendars: { NAME: { zone: Europe/Berlin, "
                         "hours: { mon-fri: 09:00-17:00 } } }",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(shown(node->text)));
    else
        snag_finding_add(loader, node->at,
                         "%.*s: \"%.*s\" by which calendar? write \"%.*s of %.*s\", or say calendar: beside "
                         "calendars:",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(shown(node->text)),
                         SNAG_FMT(shown(node->text)), SNAG_FMT(loader->calendars[0].name));
    return NULL;
}

static bool business(snag_span_unit unit)
{
    return unit == SNAG_SPAN_BUSINESS_DAYS || unit == SNAG_SPAN_BUSINESS_HOURS;
}

/* An amount of ten years at the most, also where a week has few hours: `amount` is of the unit. */
static bool too_long(const snag_calendar_spec *calendar, snag_span_unit unit, int64_t amount)
{
    const snag_calendar *hours = &calendar->hours;
    if (unit == SNAG_SPAN_BUSINESS_HOURS)
        return amount / hours->hours.before[7] > YEARS_MAX_DAYS / 7;
    if (unit == SNAG_SPAN_BUSINESS_DAYS)
        return amount / hours->days.before[7] > YEARS_MAX_DAYS / 7;
    return unit == SNAG_SPAN_MONTHS ? amount > 120 : amount > YEARS_MAX_DAYS;
}

/* About as long as elapsed time, for bounds that compare. */
static int64_t about_ms(const snag_calendar_spec *calendar, const snag_amount *amount)
{
    const int64_t *hours = calendar->hours.hours.before;
    const int64_t *days = calendar->hours.days.before;
    switch (amount->unit) {
    case SNAG_SPAN_ELAPSED: return amount->amount;
    case SNAG_SPAN_DAYS: return amount->amount * SNAG_DAY_MS;
    case SNAG_SPAN_MONTHS: return amount->amount * 30 * SNAG_DAY_MS;
    case SNAG_SPAN_BUSINESS_DAYS: return amount->amount * 7 / days[7] * SNAG_DAY_MS + SNAG_HOUR_MS;
    case SNAG_SPAN_BUSINESS_HOURS:
        return amount->amount / hours[7] * 7 * SNAG_DAY_MS + amount->amount % hours[7];
    }
    SNAG_ASSERT(false);
    return 0;
}

/* A text that is no elapsed time. */
static bool by_calendar(snag_loader *loader, const snag_yaml *node, const said *words, snag_amount *amount,
                        const snag_calendar_spec **calendar)
{
    size_t form = 0;
    while (form < sizeof forms / sizeof forms[0] && !snag_str_equal(words->unit,
                                                                    snag_str_from(forms[form].word)))
        form++;
    if (form == sizeof forms / sizeof forms[0]) {
        tell_unit(loader, node, words);
        return false;
    }
    *calendar = calendar_of(loader, node, words);
    if (!*calendar)
        return false;
    *amount = (snag_amount){forms[form].unit, words->number * forms[form].times,
                           snag_str_of(node->text.data, (size_t)(words->unit.data - node->text.data) +
                                                            words->unit.size)};
    if (business(amount->unit) && !snag_calendar_has_hours(&(*calendar)->hours)) {
        if (!loader->calendar_fault)
            snag_finding_add(loader, node->at, "%.*s: the calendar \"%.*s\" has no hours: %.*s need them",
                             SNAG_FMT(snag_yaml_name(node)), SNAG_FMT((*calendar)->name),
                                 SNAG_FMT(words->unit));
        return false;
    }
    if (words->number == 0 || too_long(*calendar, amount->unit, amount->amount)) {
        snag_finding_add(loader, node->at, "%.*s: expected at least 1 and at most ten years, not \"%.*s\"",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(shown(node->text)));
        return false;
    }
    return true;
}

bool snag_wait_load(snag_loader *loader, const snag_yaml *node, int64_t min_ms, int64_t max_ms,
                    snag_wait *out)
{
    said words;
    int64_t elapsed_ms;
    snag_amount amount;
    const snag_calendar_spec *calendar;
    if (node->kind != SNAG_YAML_TEXT || snag_duration_parse(node->text, &elapsed_ms) ||
        !take_apart(node->text, &words)) {
        out->span = NULL;
        out->learned = 0;
        return snag_duration_load(loader, node, min_ms, max_ms, &out->ms);
    }
    if (!by_calendar(loader, node, &words, &amount, &calendar))
        return false;
    snag_span *span = snag_loader_take(loader, sizeof *span);
    *span = (snag_span){.amount = amount, .calendar = calendar};
    *out = (snag_wait){about_ms(calendar, &amount), span, 0};
    return true;
}

void snag_period_load(snag_loader *loader, const snag_yaml *node, const snag_span **out)
{
    char text[80];
    said words;
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_buf_str_put(&buf, SNAG_STR("1 "));
    if (node->kind == SNAG_YAML_TEXT)
        snag_buf_str_put(&buf, node->text);
    bool known = !buf.full && take_apart(snag_buf_str(&buf), &words);
    bool week = known && snag_str_equal(words.unit, SNAG_STR("week"));
    *out = NULL;
    if (!week && !(known && snag_str_equal(words.unit, SNAG_STR("day")))) {
        snag_finding_add(loader, node->at, "%.*s: expected day or week, as week, or week of NAME",
                         SNAG_FMT(snag_yaml_name(node)));
        return;
    }
    const snag_calendar_spec *calendar = calendar_of(loader, node, &words);
    snag_span *span = snag_loader_take(loader, sizeof *span);
    span->amount = (snag_amount){SNAG_SPAN_DAYS, week ? 7 : 1, week ? SNAG_STR("7d") : SNAG_STR("1d")};
    span->calendar = calendar;
    *out = calendar ? span : NULL;
}

/* --- seasons -------------------------------------------------------------------------------------------- */

/* "2x", "1.5x": in tenths. */
static bool factor_parse(snag_str text, int64_t *tenths)
{
    int64_t value = 0;
    size_t at = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && at < 4; at++)
        value = value * TENTHS + (text.data[at] - '0');
    if (at == 0)
        return false;
    value *= TENTHS;
    if (at + 2 < text.size && text.data[at] == '.' && text.data[at + 1] >= '0' && text.data[at + 1] <= '9') {
        value += text.data[at + 1] - '0';
        at += 2;
    }
    *tenths = value;
    return at + 1 == text.size && text.data[at] == 'x';
}

/* "20 business days" for 2x of 10; parts of a day are rounded up. */
static snag_str amount_words(snag_loader *loader, const snag_amount *amount)
{
    char text[64];
    snag_buf buf = snag_buf_on(text, sizeof text);
    int64_t minutes = amount->amount / SNAG_MINUTE_MS;
    switch (amount->unit) {
    case SNAG_SPAN_ELAPSED: snag_duration_print(&buf, amount->amount); break;
    case SNAG_SPAN_DAYS: snag_buf_printf(&buf, "%lld days", (long long)amount->amount); break;
    case SNAG_SPAN_MONTHS: snag_buf_printf(&buf, "%lld months", (long long)amount->amount); break;
    case SNAG_SPAN_BUSINESS_DAYS: snag_buf_printf(&buf, "%lld business days",
                                                  (long long)amount->amount); break;
    case SNAG_SPAN_BUSINESS_HOURS:
        snag_buf_printf(&buf, "%lld business %s", (long long)(minutes % 60 ? minutes : minutes / 60),
                        minutes % 60 ? "minutes" : "hours");
        break;
    }
    return snag_loader_keep(loader, &buf);
}

static bool amount_widen(snag_loader *loader, const snag_yaml *node, const snag_span *span, int64_t tenths,
                         snag_amount *out)
{
    int64_t amount;
    int64_t step = span->amount.unit == SNAG_SPAN_BUSINESS_HOURS ? SNAG_MINUTE_MS : 1;
    bool over = __builtin_mul_overflow(span->amount.amount, tenths, &amount);
    amount = over ? 0 : (amount + TENTHS * step - 1) / (TENTHS * step) * step;
    over = over || (span->amount.unit == SNAG_SPAN_ELAPSED ? amount > years_max_ms
                                                           : too_long(span->calendar, span->amount.unit,
                                                                      amount));
    if (over || tenths == 0) {
        snag_finding_add(loader, node->at,
                         "%.*s: expected a factor that leads to at most ten years, not \"%.*s\"",
                         SNAG_FMT(snag_yaml_name(node)), SNAG_FMT(shown(node->text)));
        return false;
    }
    *out = (snag_amount){span->amount.unit, amount, {0}};
    out->text = amount_words(loader, out);
    return true;
}

/* A factor, or a duration of its own; both by the calendar that the wait has. value: the node itself, or the
 * level's in its list. */
static bool widening_load(snag_loader *loader, const snag_yaml *node, const snag_yaml *value, snag_span *span,
                          snag_widening *out)
{
    int64_t tenths;
    snag_wait wait = {-1, NULL, 0};
    said words;
    bool text = value->kind == SNAG_YAML_TEXT;
    if (text && factor_parse(value->text, &tenths))
        return amount_widen(loader, value, span, tenths, &out->amount);
    if (!text || (!snag_duration_parse(value->text, &wait.ms) && !take_apart(value->text, &words))) {
        snag_finding_add(loader, value->at, "%.*s: expected a factor, as 2x, or a duration",
                         SNAG_FMT(shown(snag_yaml_name(node))));
        return false;
    }
    if (!snag_wait_load(loader, value, 1, years_max_ms, &wait))
        return false;
    if (wait.span && span->calendar && wait.span->calendar != span->calendar) {
        snag_finding_add(loader, value->at, "%.*s: counts by another calendar than the duration it widens",
                         SNAG_FMT(snag_yaml_name(node)));
        return false;
    }
    if (wait.span)
        span->calendar = wait.span->calendar;
    out->amount = wait.span ? wait.span->amount : (snag_amount){SNAG_SPAN_ELAPSED, wait.ms, {0}};
    if (!wait.span)
        out->amount.text = amount_words(loader, &out->amount);
    return true;
}

/* What a wait is as a span, with room for what it is in each season. */
static snag_span *span_widened(snag_loader *loader, const snag_yaml *node, const snag_wait *wait)
{
    snag_span *span = snag_loader_take(loader, sizeof *span);
    if (wait->span)
        *span = *wait->span;
    else
        span->amount = (snag_amount){SNAG_SPAN_ELAPSED, wait->ms, {0}};
    if (!wait->span)
        span->amount.text = amount_words(loader, &span->amount);
    span->during = snag_loader_take(loader, node->count * sizeof *span->during);
    span->during_count = node->count;
    return span;
}

/* One line of during: for a wait's one level, or for its two. */
static bool season_load(snag_loader *loader, const snag_yaml *node, snag_span *const spans[2], uint32_t count,
                        uint32_t at)
{
    int64_t tenths;
    snag_widening *mine[2] = {NULL, NULL};
    bool list = node->kind == SNAG_YAML_LIST;
    const snag_season *season = snag_season_named(loader, node);
    bool factor = node->kind == SNAG_YAML_TEXT && factor_parse(node->text, &tenths);
    if (season && count == 2 && !factor && !(list && node->count == 2)) {
        snag_finding_add(loader, node->at, "%.*s: two levels take a factor, as 2x, or two durations",
                         SNAG_FMT(shown(snag_yaml_name(node))));
        return false;
    }
    for (uint32_t i = 0; season && i < count; i++) {
        const snag_yaml *value = list && count == 2 ? (i ? node->first->next : node->first) : node;
        mine[i] = (snag_widening *)(uintptr_t)&spans[i]->during[at]; /* ours until it is handed out */
        mine[i]->season = season;
        if (!widening_load(loader, node, value, spans[i], mine[i]))
            return false;
    }
    if (season && count == 2 &&
        (mine[0]->amount.unit != mine[1]->amount.unit || mine[0]->amount.amount >= mine[1]->amount.amount)) {
        snag_finding_add(loader, node->at,
                         "%.*s: the second level must be later than the first, and counted alike",
                         SNAG_FMT(shown(snag_yaml_name(node))));
        return false;
    }
    return season != NULL;
}

bool snag_waits_alike(const snag_wait *a, const snag_wait *b)
{
    if (!a->span || !b->span)
        return !a->span && !b->span;
    return a->span->calendar == b->span->calendar && a->span->amount.unit == b->span->amount.unit;
}

bool snag_wait_less(const snag_wait *a, const snag_wait *b)
{
    return a->span ? a->span->amount.amount < b->span->amount.amount : a->ms < b->ms;
}

bool snag_during_load(snag_loader *loader, const snag_yaml *node, snag_wait *waits, uint32_t count)
{
    snag_span *spans[2] = {NULL, NULL};
    uint32_t at = 0;
    bool fine = true;
    if (node->kind != SNAG_YAML_MAP || node->count == 0) {
        snag_finding_add(loader, node->at,
                         "during: expected a map of season to factor or duration, as { peak: 2x }");
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        spans[i] = span_widened(loader, node, &waits[i]);
    for (const snag_yaml *child = node->first; child; child = child->next)
        fine = season_load(loader, child, spans, count, at++) && fine;
    for (uint32_t i = 0; i < count; i++)
        waits[i].span = spans[i];
    return fine;
}
