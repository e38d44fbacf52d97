/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/survey.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "codec/json.h"
#include "codec/json_index.h"

enum { BLOCK_BYTES = 64 << 20, PATH_BYTES_MAX = 256, DEPTH_MAX = 6 };
enum { TYPES_MOST = 200, TYPES_MOST_SURE = 2000, TYPE_NAMES_SURE = 4, ALL = 1000 };

/* Numbers that can be times: the years 1990 to 2100, in any of the four units. */
static const int64_t epoch_min_s = INT64_C(631152000), epoch_max_s = INT64_C(4102444800);

snag_err snag_survey_init(snag_survey *survey, snag_diag *diag)
{
    *survey = (snag_survey){.count = 0};
    survey->block = malloc(BLOCK_BYTES);
    if (!survey->block)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    snag_arena_init(&survey->arena, survey->block, BLOCK_BYTES);
    return snag_json_new(&survey->json, NULL, diag);
}

void snag_survey_finish(snag_survey *survey)
{
    for (uint32_t i = 0; i < survey->count; i++) {
        free(survey->paths[i].path);
        free(survey->paths[i].seen);
    }
    snag_json_free(survey->json);
    free(survey->block);
}

static snag_survey_path *path_of(snag_survey *survey, const snag_buf *path)
{
    for (uint32_t i = 0; i < survey->count; i++)
        if (snag_str_equal(snag_str_from(survey->paths[i].path), snag_buf_str(path)))
            return &survey->paths[i];
    if (survey->count == SNAG_SURVEY_PATHS_MAX)
        return NULL;
    snag_survey_path *added = &survey->paths[survey->count];
    added->path = malloc(path->size + 1);
    added->seen = calloc(SNAG_SURVEY_SEEN, sizeof *added->seen);
    SNAG_ASSERT(added->path && added->seen);
    memcpy(added->path, path->data, path->size);
    added->path[path->size] = '\0';
    survey->count++;
    return added;
}

/* A set by open addressing, at most half full. */
static void see(snag_survey_path *path, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (SNAG_SURVEY_SEEN - 1);
    hash += hash == 0;
    while (path->seen[at] && path->seen[at] != hash)
        at = (at + 1) & (SNAG_SURVEY_SEEN - 1);
    if (path->seen[at] == hash) {
        path->repeats = true;
    } else if (path->different < SNAG_SURVEY_SEEN / 2) {
        path->seen[at] = hash;
        path->different++;
    } else {
        path->many = true;
    }
}

static bool is_epoch(double number)
{
    for (double unit = 1; unit <= 1e9; unit *= 1000)
        if (number >= (double)epoch_min_s * unit && number <= (double)epoch_max_s * unit)
            return true;
    return false;
}

/* "1767607200" */
static bool is_epoch_text(snag_str text)
{
    double number;
    return snag_json_is_number(text) && snag_json_double(text.data, text.size, &number) && is_epoch(number);
}

static void take_scalar(snag_survey *survey, const snag_buf *name, const snag_value *value)
{
    char text[512];
    snag_buf buf = snag_buf_on(text, sizeof text);
    snag_survey_path *path = path_of(survey, name);
    int64_t time_ms;
    if (!path)
        return;
    path->count++;
    path->texts += value->kind == SNAG_KIND_TEXT;
    path->ints += value->kind == SNAG_KIND_INT || value->kind == SNAG_KIND_UINT;
    path->doubles += value->kind == SNAG_KIND_DOUBLE;
    path->bools += value->kind == SNAG_KIND_BOOL;
    if (value->kind == SNAG_KIND_TEXT) {
        path->times += snag_time_parse_ms(value->as.text, &time_ms);
        path->digits += is_epoch_text(value->as.text);
        see(path, snag_hash64(value->as.text, 0));
        return;
    }
    path->large += value->kind == SNAG_KIND_UINT && value->as.unsigned_integer > INT64_MAX;
    path->times += value->kind == SNAG_KIND_INT && is_epoch((double)value->as.integer);
    path->times += value->kind == SNAG_KIND_DOUBLE && is_epoch(value->as.number);
    snag_value_print(&buf, value);
    see(path, snag_hash64(snag_buf_str(&buf), 0));
}

/* Adds ".step", with dots inside it escaped. False: it does not fit, or cannot be written as a path. */
static bool path_add(snag_buf *path, snag_str step)
{
    if (path->size > 0)
        snag_buf_byte(path, '.');
    for (size_t i = 0; i < step.size; i++) {
        if ((unsigned char)step.data[i] < 0x20)
            return false;
        if (step.data[i] == '.' || step.data[i] == '\\')
            snag_buf_byte(path, '\\');
        snag_buf_byte(path, step.data[i]);
    }
    return step.size > 0 && !path->full;
}

/* All scalars below a map; lists are not looked into. */
static void take_map(snag_survey *survey, snag_buf *path, const snag_value *map, int depth)
{
    for (size_t i = 0; i < map->as.list.count; i++) {
        const snag_value *key = &map->as.list.items[2 * i];
        const snag_value *value = key + 1;
        snag_buf inner = *path;
        if (!path_add(&inner, key->as.text))
            continue;
        if (value->kind == SNAG_KIND_MAP && depth < DEPTH_MAX)
            take_map(survey, &inner, value, depth + 1);
        else if (value->kind != SNAG_KIND_MAP && value->kind != SNAG_KIND_LIST &&
                 value->kind != SNAG_KIND_NULL)
            take_scalar(survey, &inner, value);
    }
}

void snag_survey_line(snag_survey *survey, snag_str line)
{
    char name[PATH_BYTES_MAX];
    snag_buf path = snag_buf_on(name, sizeof name);
    snag_slot slot;
    snag_value value;
    snag_diag diag;
    snag_arena_reset(&survey->arena);
    if (snag_json_check(survey->json, line, &slot, &diag) != SNAG_OK ||
        snag_json_value(&survey->arena, &slot, &value) != SNAG_OK || value.kind != SNAG_KIND_MAP) {
        survey->unreadable++;
        return;
    }
    survey->records++;
    take_map(survey, &path, &value, 0);
}

int snag_survey_find(const snag_survey *survey, const char *path)
{
    for (uint32_t i = 0; i < survey->count; i++)
        if (strcmp(survey->paths[i].path, path) == 0)
            return (int)i;
    return -1;
}

/* --- guessing ------------------------------------------------------------------------------------ */

static uint64_t count_of(const snag_survey *survey, const char *name)
{
    int path = snag_survey_find(survey, name);
    return path < 0 ? 0 : survey->paths[path].count;
}

static bool on_all(const snag_survey *survey, int path)
{
    return path >= 0 && survey->paths[path].count == survey->records;
}

/* The last step without signs and in small letters: eventTime, event_time and event-time are one. */
static void plain_name(const char *path, char *out, size_t room)
{
    const char *last = strrchr(path, '.');
    size_t size = 0;
    for (const char *c = last ? last + 1 : path; *c && size + 1 < room; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        bool good = upper || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        if (good)
            out[size++] = (char)(upper ? *c + ('a' - 'A') : *c);
    }
    out[size] = '\0';
}

static int rank_of(const char *path, const char *const *names)
{
    char plain[PATH_BYTES_MAX];
    int rank = 0;
    plain_name(path, plain, sizeof plain);
    while (names[rank] && strcmp(names[rank], plain) != 0)
        rank++;
    return rank;
}

static const char *const time_names[] = {"time", "timestamp", "ts", "at", "eventtime", "occurredat", "date",
                                         "datetime", "createdat", "when", NULL};
static const char *const type_names[] = {"type", "event", "eventtype", "eventname", "name", "action",
                                         "activity", "what", "kind", "status", "state", NULL};
static const char *const customer_names[] = {"customer", "customerid", "userid", "user", "account",
                                             "accountid", "clientid", "client", "contactid", "contact",
                                             "subject", "visitor", "visitorid", "anonymousid", "session",
                                             "sessionid", "caseid", "case", "who", "member", "person", NULL};
static const char *const id_names[] = {"id", "messageid", "eventid", "uuid", "uid", "guid", NULL};

/* Whether the path is called like one of the first `count` of these names. */
static bool is_called(const snag_survey_path *path, const char *const *names, int count)
{
    int rank = rank_of(path->path, names);
    return names[rank] && rank < count;
}

typedef bool fits(const snag_survey *survey, const snag_survey_path *path);

/* A text of digits is as likely an account's number: only a name can tell. */
static bool can_be_time(const snag_survey *survey, const snag_survey_path *path)
{
    return path->times == survey->records ||
           (path->times + path->digits == survey->records && is_called(path, time_names, ALL));
}

/* What is called type or event may have more names than what is called name or status. */
static bool can_be_type(const snag_survey *survey, const snag_survey_path *path)
{
    uint32_t most = is_called(path, type_names, TYPE_NAMES_SURE) ? TYPES_MOST_SURE : TYPES_MOST;
    return path->texts == survey->records && !path->many && path->different <= most && path->times == 0;
}

static bool can_tell_types(const snag_survey *survey, const snag_survey_path *path)
{
    return can_be_type(survey, path) && path->different > 1;
}

/* Few enough values that each comes again, many enough to be people; one alone if it is called so. */
static bool can_be_customer(const snag_survey *survey, const snag_survey_path *path)
{
    return path->texts + path->ints == survey->records && (path->repeats || survey->records < 20) &&
           path->times < survey->records &&
           (path->many || path->different >= 2 || survey->records < 5 ||
            is_called(path, customer_names, ALL));
}

static bool can_be_id(const snag_survey *survey, const snag_survey_path *path)
{
    return path->texts + path->ints == survey->records && !path->repeats && path->times < survey->records;
}

/* The path that fits and is best called so; of those with other names the one with the most values, where
 * any will do. -1: none. */
static int best_of(const snag_survey *survey, fits *fit, const char *const *names, bool any, int not_this)
{
    int best = -1;
    int best_rank = 0;
    int none = 0;
    while (names[none])
        none++;
    for (uint32_t i = 0; i < survey->count; i++) {
        const snag_survey_path *path = &survey->paths[i];
        int rank = rank_of(path->path, names);
        if ((int)i == not_this || !fit(survey, path) || (rank == none && !any))
            continue;
        bool better = best < 0 || rank < best_rank ||
                      (rank == best_rank && path->different > survey->paths[best].different);
        if (better) {
            best = (int)i;
            best_rank = rank;
        }
    }
    return best;
}

static bool all_found(const snag_survey *survey, const snag_survey_guess *guess, snag_diag *diag)
{
    if (survey->records == 0)
        snag_fail(diag, SNAG_USAGE, "there is no JSON object a line in it");
    else if (guess->format == SNAG_FORMAT_JSON && guess->time < 0)
        snag_fail(diag, SNAG_USAGE, "no name holds a time on every record (RFC 3339, or an epoch number)");
    else if (guess->format == SNAG_FORMAT_JSON && guess->type < 0)
        snag_fail(diag, SNAG_USAGE, "no name can be the event's type: a text on every record, of at most %d "
                                    "different (%d of one that is called type or event)",
                  TYPES_MOST, TYPES_MOST_SURE);
    else if (guess->format == SNAG_FORMAT_JSON && guess->customer < 0)
        snag_fail(diag, SNAG_USAGE, "no name can be the customer: a text or whole number on every record, "
                                    "with values that come again, of several customers (of one alone only "
                                    "where it is called customer, user, account, session …)");
    else
        return true;
    return false;
}

bool snag_survey_guess_of(const snag_survey *survey, snag_survey_guess *guess, snag_diag *diag)
{
    *guess = (snag_survey_guess){SNAG_FORMAT_JSON, -1, -1, -1, -1};
    bool named = on_all(survey, snag_survey_find(survey, "specversion")) &&
                 on_all(survey, snag_survey_find(survey, "type")) &&
                 on_all(survey, snag_survey_find(survey, "time"));
    bool tracked = on_all(survey, snag_survey_find(survey, "event")) &&
                   on_all(survey, snag_survey_find(survey, "timestamp")) &&
                   snag_survey_find(survey, "messageId") >= 0;
    if (named && on_all(survey, snag_survey_find(survey, "subject"))) {
        guess->format = SNAG_FORMAT_CLOUDEVENTS;
        return all_found(survey, guess, diag);
    }
    uint64_t people = count_of(survey, "userId") + count_of(survey, "anonymousId");
    if (tracked && people >= survey->records) {
        guess->format = SNAG_FORMAT_SEGMENT;
        return all_found(survey, guess, diag);
    }
    guess->time = best_of(survey, can_be_time, time_names, true, -1);
    /* A constant is better than a stranger's name, and both are worse than a name that tells events apart. */
    guess->type = best_of(survey, can_tell_types, type_names, false, -1);
    if (guess->type < 0)
        guess->type = best_of(survey, can_be_type, type_names, false, -1);
    if (guess->type < 0)
        guess->type = best_of(survey, can_tell_types, type_names, true, -1);
    guess->customer = best_of(survey, can_be_customer, customer_names, true, guess->type);
    guess->id = best_of(survey, can_be_id, id_names, false, guess->customer);
    return all_found(survey, guess, diag);
}
