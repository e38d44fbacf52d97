/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline file that `snag init` proposes, as text: what the sample suggests, with the reasons beside it.
 */
#include "cli/init.h"

#include <stdlib.h>

#include "base/time.h"
#include "cli/scalar.h"
#include "ports/clock.h"

enum { KEPT_MOST = 12, TYPES_SHOWN = 30 };

static const int64_t remember_ms = INT64_C(30) * SNAG_DAY_MS; /* the default */
static const int64_t max_skew_ms = INT64_C(5) * SNAG_MINUTE_MS; /* too */

/* --- writing YAML -------------------------------------------------------------------------------- */

void snag_init_word(const char *text, char *out, size_t room)
{
    size_t size = 0;
    for (const char *c = text; *c && size + 1 < room; c++) {
        bool upper = *c >= 'A' && *c <= 'Z';
        bool letter = upper || (*c >= 'a' && *c <= 'z');
        bool digit = *c >= '0' && *c <= '9';
        if (letter || (digit && size > 0))
            out[size++] = (char)(upper ? *c + ('a' - 'A') : *c);
        else if (size > 0 && out[size - 1] != '_')
            out[size++] = '_';
    }
    while (size > 0 && out[size - 1] == '_')
        size--;
    if (size == 0)
        out[size++] = 'x';
    out[size] = '\0';
}

static void put_mapped(snag_init *self, const char *word, int path, bool *first)
{
    if (path < 0)
        return;
    snag_buf_printf(&self->text, "%s%s: ", *first ? "    map: { " : ", ", word);
    snag_yaml_scalar_put(&self->text, self->survey.paths[path].path);
    *first = false;
}

/* --- kept names ---------------------------------------------------------------------------------- */

static bool is_mapped(const snag_init *self, int path)
{
    static const char *const cloud[] = {"specversion", "id", "source", "type", "subject", "time",
                                        "datacontenttype", "dataschema", NULL};
    static const char *const segment[] = {"messageId", "timestamp", "event", "userId", "anonymousId", "type",
                                          "sentAt", "receivedAt", "originalTimestamp", NULL};
    static const char *const none[] = {NULL};
    const snag_survey_guess *guess = &self->guess;
    const char *const *names = guess->format == SNAG_FORMAT_CLOUDEVENTS ? cloud
                               : guess->format == SNAG_FORMAT_SEGMENT   ? segment
                                                                        : none;
    for (; *names; names++)
        if (strcmp(self->survey.paths[path].path, *names) == 0)
            return true;
    return path == guess->id || path == guess->time || path == guess->type || path == guess->customer;
}

/* A name that rules may use: not one that means something else already, and not one that is given. */
static bool name_of(const snag_survey_path *path, char (*names)[65], uint32_t count, char *name, size_t room)
{
    static const char *const taken[] = {
        "id", "time", "type", "customer", "account", "channel", "true", "false", "null", "in", "elapsed",
        "observed", "as", "has", "size", "break", "const", "continue", "else", "for", "function", "if",
        "import", "let", "loop", "package", "namespace", "return", "var", "void", "while", "reached",
        "attempts", "value", "shape", "x"};
    const char *last = strrchr(path->path, '.');
    snag_init_word(last ? last + 1 : path->path, name, room);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0)
            return false;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return false;
    return true;
}

static void put_kept(snag_init *self)
{
    char names[KEPT_MOST][65];
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->survey.count && count < KEPT_MOST; i++) {
        const snag_survey_path *path = &self->survey.paths[i];
        if (is_mapped(self, (int)i) || path->count * 2 < self->survey.records || path->times == path->count ||
            !name_of(path, names, count, names[count], sizeof names[count]))
            continue;
        const char *as = path->ints == path->count && !path->large   ? "int"
                         : path->ints + path->doubles == path->count ? "double"
                         : path->bools == path->count                ? "bool"
                                                                     : NULL;
        snag_buf_printf(&self->text, "%s      %s: ", count ? "" : "    keep:\n", names[count]);
        if (as)
            snag_buf_printf(&self->text, "{ from: ");
        snag_yaml_scalar_put(&self->text, path->path);
        if (as)
            snag_buf_printf(&self->text, ", as: %s }", as);
        snag_buf_byte(&self->text, '\n');
        count++;
    }
}

/* --- the pipeline -------------------------------------------------------------------------------- */

/* A bound of the source, where it is longer than the default. */
static void put_time(snag_init *self, const char *word, int64_t ms, int64_t default_ms)
{
    if (ms <= default_ms)
        return;
    snag_buf_printf(&self->text, "    %s: ", word);
    snag_duration_print(&self->text, ms);
    snag_buf_byte(&self->text, '\n');
}

void snag_init_source(snag_init *self)
{
    const snag_survey_guess *guess = &self->guess;
    bool first = true;
    snag_buf_printf(&self->text, "sources:\n  %s:\n    topic: %s\n    format: %s\n", self->name, self->name,
                    snag_format_word(guess->format));
    put_mapped(self, "id", guess->id, &first);
    put_mapped(self, "time", guess->time, &first);
    put_mapped(self, "type", guess->type, &first);
    put_mapped(self, "customer", guess->customer, &first);
    if (!first)
        snag_buf_printf(&self->text, " }\n");
    put_kept(self);
    put_time(self, "delay", self->delay_ms, SNAG_SECOND_MS);
    put_time(self, "out_of_order", self->out_of_order_ms, 0);
    if (self->out_of_order_ms > remember_ms)
        put_time(self, "remember", 2 * self->out_of_order_ms, remember_ms);
}

static int by_count(const void *left, const void *right)
{
    const snag_sequence_type *a = *(const snag_sequence_type *const *)left;
    const snag_sequence_type *b = *(const snag_sequence_type *const *)right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->name, b->name);
}

/* Event names and how often, for whoever goes on from here. */
static void put_types(snag_init *self)
{
    const snag_sequence_type *types[SNAG_SEQUENCE_TYPES_MAX];
    for (uint32_t i = 0; i < self->sequence.type_count; i++)
        types[i] = &self->sequence.types[i];
    qsort(types, self->sequence.type_count, sizeof types[0], by_count);
    snag_buf_printf(&self->text, "\n# Events in the sample:\n");
    for (uint32_t i = 0; i < self->sequence.type_count && i < TYPES_SHOWN; i++) {
        snag_buf_printf(&self->text, "# %11llu  ", (unsigned long long)types[i]->count);
        snag_yaml_scalar_put(&self->text, types[i]->name);
        snag_buf_byte(&self->text, '\n');
    }
    if (self->sequence.type_count > TYPES_SHOWN || self->sequence.left_out)
        snag_buf_printf(&self->text, "#              and others\n");
}

static void stage_name(const snag_init *self, const snag_sequence_stage *stages, uint32_t at, char *name,
                       size_t room)
{
    char other[64];
    uint32_t same = 0;
    snag_init_word(self->sequence.types[stages[at].type].name, name, room - 4);
    for (uint32_t i = 0; i < at; i++) {
        snag_init_word(self->sequence.types[stages[i].type].name, other, sizeof other - 4);
        same += strcmp(name, other) == 0;
    }
    if (same) {
        snag_buf buf = snag_buf_on(name + strlen(name), 4);
        snag_buf_printf(&buf, "_%u", same + 1);
        snag_buf_byte(&buf, '\0');
    }
}

static void put_journey(snag_init *self, const snag_sequence_stage *stages, uint32_t count)
{
    char name[64];
    snag_buf_printf(&self->text,
                    "\n# The way most of %llu customers go. A deadline is a round one that 95 of 100 of "
                    "those who went on kept.\njourneys:\n  way:\n    per: customer\n    stages:\n",
                    (unsigned long long)self->sequence.customers);
    for (uint32_t i = 0; i < count; i++) {
        stage_name(self, stages, i, name, sizeof name);
        snag_buf_printf(&self->text, "      %s: { event: ", name);
        snag_yaml_scalar_put(&self->text, self->sequence.types[stages[i].type].name);
        if (stages[i].due_ms >= 0) {
            snag_buf_printf(&self->text, ", due: ");
            snag_duration_print(&self->text, stages[i].due_ms);
        }
        snag_buf_printf(&self->text, "%s }\n", stages[i].end ? ", end: true" : "");
    }
}

/* What sounds like trouble: the most frequent such event. */
static const snag_sequence_type *trouble_of(const snag_init *self)
{
    static const char *const words[] = {"fail",   "error", "reject",  "declin", "abandon",
                                        "cancel", "den",   "timeout", "refus",  "bounce"};
    const snag_sequence_type *found = NULL;
    for (uint32_t i = 0; i < self->sequence.type_count; i++) {
        const snag_sequence_type *type = &self->sequence.types[i];
        char plain[256];
        snag_init_word(type->name, plain, sizeof plain);
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            const char *at = strstr(plain, words[k]);
            bool begins = at && (at == plain || at[-1] == '_');
            if (begins && type->name[strlen(type->name) - 1] != '*' && (!found || type->count > found->count))
                found = type;
        }
    }
    return found;
}

static void put_rule(snag_init *self, bool needed)
{
    const snag_sequence_type *type = trouble_of(self);
    char name[56];
    if (!type && needed)
        type = &self->sequence.types[0];
    if (!type)
        return;
    snag_init_word(type->name, name, sizeof name);
    snag_buf_printf(&self->text, "\nrules:\n  # Three within an hour: is it too many, or too few?\n"
                                 "  %s_often: { event: ",
                    name);
    snag_yaml_scalar_put(&self->text, type->name);
    snag_buf_printf(&self->text, ", count: 3, within: 1h, severity: info }\n");
}

/* What is after the clock is unreadable to all others but for who says what is "now". */
static void put_future(snag_init *self)
{
    if (self->last_ms <= snag_clock_wall_ms() + max_skew_ms)
        return;
    snag_buf_printf(&self->text, " --now ");
    snag_time_print(&self->text, self->last_ms);
    snag_buf_printf(&self->text, "\n# Times are in the future: unreadable (bad_future) without --now.");
}

static void put_head(snag_init *self)
{
    const char *file = strrchr(self->path, '/');
    file = file ? file + 1 : self->path;
    snag_buf_printf(&self->text, "# What `snag init` made of ");
    snag_yaml_scalar_put(&self->text, file);
    snag_buf_printf(&self->text, ": %llu events, ", (unsigned long long)self->events);
    snag_time_print(&self->text, self->first_ms);
    snag_buf_printf(&self->text, " to ");
    snag_time_print(&self->text, self->last_ms);
    snag_buf_printf(&self->text, ".\n# A beginning: read it, call things as you call them, then:\n"
                                 "#   snag check %s.yaml --sample ",
                    self->name);
    snag_yaml_scalar_put(&self->text, self->path);
    put_future(self);
    snag_buf_printf(&self->text, "\npipeline: %s\n\n", self->name);
}

static void put_tail(snag_init *self)
{
    snag_buf_printf(&self->text, "\nkafka: { bootstrap.servers: \"${KAFKA:-localhost:9092}\" }\n"
                                 "redis: { url: \"${REDIS_URL:-redis://localhost:6379}\" }\n");
}

void snag_init_write(snag_init *self)
{
    snag_sequence_stage stages[SNAG_SEQUENCE_STAGES_MAX];
    snag_sequence_count(&self->sequence);
    uint32_t count = snag_sequence_stages(&self->sequence, stages);
    put_head(self);
    snag_init_source(self);
    put_types(self);
    if (count > 1)
        put_journey(self, stages, count);
    put_rule(self, count < 2);
    put_tail(self);
}
