/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference, printed from the tables that the loader, the engine and the codecs use: what is
 * not in a table cannot be said here, and what is cannot be left out.
 *
 *     chapter -> its words; `snag manual WORD` prints a whole chapter, or every entry of that name
 */
#include "base/assert.h"
#include "base/nearest.h"
#include "base/time.h"
#include "config/format.h"
#include "config/key.h"
#include "config/preset.h"
#include "engine/engine.h"
#include "expr/builtin.h"

enum { COLUMNS = 96, INDENT = 6 };

typedef struct manual {
    snag_buf *buf;
    snag_str word; /* empty = all */
    snag_nearest nearest;
    const char *chapter;
    const char *about;
    bool titled; /* the chapter's title is printed */
    bool whole;  /* all of the chapter is wanted */
    bool any;
} manual;

/* Text broken at blanks, each line indented. */
static void put_text(snag_buf *buf, snag_str text, size_t indent)
{
    size_t column = COLUMNS;
    size_t at = 0;
    while (at < text.size) {
        size_t from = at;
        while (at < text.size && text.data[at] != ' ')
            at++;
        if (column + 1 + (at - from) > COLUMNS) {
            snag_buf_printf(buf, "%s%*s", from > 0 ? "\n" : "", (int)indent, "");
            column = indent;
        } else {
            snag_buf_byte(buf, ' ');
            column++;
        }
        snag_buf_put(buf, text.data + from, at - from);
        column += at - from;
        at += at < text.size;
    }
    snag_buf_byte(buf, '\n');
}

static void title(manual *m)
{
    if (m->titled)
        return;
    if (m->any)
        snag_buf_byte(m->buf, '\n');
    m->titled = true;
    m->any = true;
    for (const char *c = m->chapter; *c; c++)
        snag_buf_byte(m->buf, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    snag_buf_byte(m->buf, '\n');
    if (m->about)
        put_text(m->buf, snag_str_from(m->about), 2);
}

static bool wanted(manual *m, const char *name)
{
    if (m->word.size == 0 || snag_str_equal(m->word, snag_str_from(name)))
        return true;
    snag_nearest_offer(&m->nearest, snag_str_from(name));
    return false;
}

static void chapter(manual *m, const char *name, const char *about)
{
    m->chapter = name;
    m->about = about;
    m->titled = false;
    m->whole = wanted(m, name);
    if (m->whole)
        title(m);
}

/* "  name: shape" and what it means below. */
static void entry(manual *m, const char *name, const char *shape, const char *about)
{
    bool mine = wanted(m, name);
    if (!mine && !m->whole)
        return;
    title(m);
    snag_buf_printf(m->buf, "\n  %s%s%s\n", name, *shape ? ": " : "", shape);
    if (*about)
        put_text(m->buf, snag_str_from(about), INDENT);
}

/* --- keys ------------------------------------------------------------------------------------------ */

static void put_range(snag_buf *buf, const snag_key *key)
{
    if (key->type == SNAG_KEY_COUNT)
        snag_buf_printf(buf, " from %lld", (long long)key->min);
    if (key->otherwise)
        snag_buf_printf(buf, ", default %s", key->otherwise);
}

static void put_words(snag_buf *buf, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        snag_buf_printf(buf, "%s%s", i ? " | " : "", words[i]);
}

static void key_entry(manual *m, const snag_key *key)
{
    static const char *const forms[] = {
        [SNAG_KEY_TEXT] = "a text",         [SNAG_KEY_PLACE] = "a text",
        [SNAG_KEY_COUNT] = "a whole number", [SNAG_KEY_BOOL] = "true or false",
        [SNAG_KEY_DURATION] = "a duration", [SNAG_KEY_WAIT] = "a duration, also by a calendar",
        [SNAG_KEY_BYTES] = "a size",
    };
    char text[256];
    snag_buf shape = snag_buf_on(text, sizeof text - 1);
    if (key->type == SNAG_KEY_WORD)
        put_words(&shape, key->words);
    else
        snag_buf_str_put(&shape, snag_str_from(key->form ? key->form : forms[key->type]));
    put_range(&shape, key);
    if (key->later)
        snag_buf_str_put(&shape, SNAG_STR("; not built yet: "));
    if (key->later)
        put_words(&shape, key->later);
    text[shape.size] = '\0';
    entry(m, key->name, text, key->summary);
}

static void later_entry(manual *m, const snag_key *key)
{
    char text[256];
    snag_buf about = snag_buf_on(text, sizeof text - 1);
    if (key->summary)
        snag_buf_printf(&about, "Instead: %s", key->summary);
    text[about.size] = '\0';
    entry(m, key->name, "not built yet", text);
}

static void section_chapter(manual *m, const snag_section *section)
{
    chapter(m, section->name, section->summary);
    for (uint32_t i = 0; i < section->key_count; i++)
        if (section->keys[i].type == SNAG_KEY_LATER)
            later_entry(m, &section->keys[i]);
        else
            key_entry(m, &section->keys[i]);
}

/* --- tests ----------------------------------------------------------------------------------------- */

static void field_entry(manual *m, const snag_field *field)
{
    static const char *const forms[] = {
        [SNAG_FIELD_MATCHER] = "a name, a list, or {event, where}",
        [SNAG_FIELD_STEPS] = "a list of names, lists or {event, where}",
        [SNAG_FIELD_DURATION] = "a duration",
        [SNAG_FIELD_SPAN] = "a duration, or journey",
        [SNAG_FIELD_LEVELS] = "a duration, also by a calendar or learned, or a list of two",
        [SNAG_FIELD_EACH] = "day or week, or week of CALENDAR",
        [SNAG_FIELD_MARGIN] = "-30%, +50% or 30%",
        [SNAG_FIELD_COUNT] = "a whole number",
        [SNAG_FIELD_SHARE] = "a share, as 30% or 0.3",
        [SNAG_FIELD_TIMES] = "a share, as 30%, or times what is usual, as 2x",
        [SNAG_FIELD_DECIMAL] = "a number, as 15 or 2.5",
        [SNAG_FIELD_WEIGHTS] = "a map: rule to weight",
        [SNAG_FIELD_NAME] = "a kept name",
        [SNAG_FIELD_BOOL] = "true or false",
    };
    char text[160];
    snag_buf shape = snag_buf_on(text, sizeof text - 1);
    if (field->type == SNAG_FIELD_WORD)
        put_words(&shape, field->words);
    else
        snag_buf_str_put(&shape, snag_str_from(forms[field->type]));
    if (field->type == SNAG_FIELD_COUNT)
        snag_buf_printf(&shape, " from %lld to %lld", (long long)field->min, (long long)field->max);
    if (field->required && field->instead)
        snag_buf_printf(&shape, ", needed unless %s is given", field->instead);
    else if (field->required)
        snag_buf_str_put(&shape, SNAG_STR(", needed"));
    else if (field->type == SNAG_FIELD_DURATION && field->otherwise >= 0) {
        snag_buf_str_put(&shape, SNAG_STR(", default "));
        snag_duration_print(&shape, field->otherwise);
    } else if (field->type == SNAG_FIELD_COUNT && field->otherwise > 0) {
        snag_buf_printf(&shape, ", default %lld", (long long)field->otherwise);
    } else if (field->type == SNAG_FIELD_WORD && field->otherwise >= 0) {
        snag_buf_printf(&shape, ", default %s", field->words[0]);
    } else if (field->type == SNAG_FIELD_BOOL) {
        snag_buf_str_put(&shape, SNAG_STR(", default false"));
    }
    text[shape.size] = '\0';
    entry(m, field->name, text, field->summary);
}

static void tests_chapters(manual *m)
{
    for (uint32_t i = 0; i < snag_rule_kind_count; i++) {
        const snag_rule_kind *kind = snag_rule_kinds[i];
        char name[64];
        snag_buf buf = snag_buf_on(name, sizeof name - 1);
        snag_buf_printf(&buf, "test %s", kind->name);
        name[buf.size] = '\0';
        chapter(m, name, kind->summary);
        m->whole = m->whole || snag_str_equal(m->word, snag_str_from(kind->name));
        if (m->whole)
            title(m);
        for (uint32_t k = 0; k < kind->field_count; k++)
            field_entry(m, &kind->fields[k]);
    }
}

/* --- formats --------------------------------------------------------------------------------------- */

static void format_entry(manual *m, snag_format format)
{
    char text[512];
    snag_buf about = snag_buf_on(text, sizeof text - 1);
    const char *prefix = snag_format_prefix(format);
    snag_buf_str_put(&about, snag_str_from(snag_format_summary(format)));
    bool first = true;
    for (uint32_t i = 0; i < snag_default_path_count; i++) {
        const snag_default_path *row = &snag_default_paths[i];
        if (row->format != format)
            continue;
        snag_buf_printf(&about, "%s%s = %s%s%s%s", first ? " Default map: " : ", ",
                        snag_fixed_word(row->slot), row->paths[1] ? "[" : "", row->paths[0],
                        row->paths[1] ? ", " : "", row->paths[1] ? row->paths[1] : "");
        if (row->paths[1])
            snag_buf_byte(&about, ']');
        first = false;
    }
    if (!first)
        snag_buf_byte(&about, '.');
    else
        snag_buf_str_put(&about, SNAG_STR(" No default map: time, type and customer must be mapped."));
    snag_buf_printf(&about, " keep: [amount] is short for keep: { amount: %samount }.", prefix);
    text[about.size] = '\0';
    entry(m, snag_format_word(format), "", text);
}

/* --- lists of words -------------------------------------------------------------------------------- */

typedef struct row {
    const char *name;
    const char *about;
} row;

static void rows_chapter(manual *m, const char *name, const char *about, const row *rows, size_t count)
{
    chapter(m, name, about);
    for (size_t i = 0; i < count; i++)
        entry(m, rows[i].name, "", rows[i].about);
}

static const row value_rows[] = {
    {"duration", "A number and its unit, joined as one likes: 500ms, 60s, 15m, 1h30m, 72h, 30d. "
                 "Elapsed time; a day is "
                 "24 hours."},
    {"duration by a calendar",
     "In due:, after: and sla: also 60 days or 2 weeks (the same local time on that day; a time that the "
     "clocks leave out is as much later, one that comes twice the earlier), 3 months, 2 quarters or 1 year "
     "(on the same day of that month, or its last one), 8 business hours or 90 business minutes (open "
     "time), 3 business days (the same time of day so many days with hours later); outside of the hours "
     "these begin at the next opening. Of the only calendar, of calendar:, or \"of NAME\". Two levels, as "
     "[3 business days, 5 business days], are counted alike."},
    {"learned 95% else 48h",
     "In due: and after:, the time by which 95 % of the stage's (or the wait's) own times were over, by "
     "shape where there are shapes; without a share, 95%. Those under way count as long as they have been "
     "seen (Kaplan and Meier). It is learned anew at each whole hour, from what began in the newest 12 to 16 "
     "weeks (generations of 28 days) in the same partition; what is armed keeps its deadline. The duration "
     "behind else holds while fewer than 30 have ended, and where so many never end. An alert says so: basis "
     "learned, quantile, n. `snag learn` prints the numbers."},
    {"2x",
     "In enter: and leave: of ratio:, against what is usual in the customer's segment (its shape; where "
     "there are none, all), in the same partition: usual = (f + 100 all) / (a + 100), where f of the "
     "segment's a attempts failed in the 28 panes of six hours (seven days) that were over before, and "
     "all = (F + 1) / (A + 2) is the same of all segments together: a small segment is believed as far "
     "as it is known (empirical Bayes). Nothing is judged before A is 100. An alert says what is usual: "
     "why.usual."},
    {"season's factor",
     "In during: a factor as 2x or 1.5x, or a duration (of two levels [DURATION, DURATION]); the first "
     "season that holds when the count begins."},
    {"size",
     "A number and its unit: 512MB (of 1,000,000 bytes), 512MiB (of 1,048,576), 4GB, 4GiB."},
    {"path", "Steps joined by dots into a record: properties.amount. A dot inside a step is "
             "written \"\\.\". Of a "
             "list of paths the first that is present and not null is taken."},
    {"= EXPRESSION", "In a mapping, a value computed from the record: = properties.cents / 100."},
    {"${NAME}", "In topic:, file:, registry:, kafka: and redis:, a variable of the environment; "
                "${NAME:-otherwise} where it may be unset."},
    {"{name}",
     "In a headline, a kept name, {customer}, {elapsed} (since the alert's first event), {observed} (how "
     "many so far), of ratio: also {attempts}, {value} and {usual}, of score: {value}, of change: {usual} "
     "and {value}. {{ is a {. At most 130 characters are shown."},
};

static const row record_rows[] = {
    {"alert", "<prefix>alerts (of shadow rules <prefix>shadow): trigger, escalate and resolve of an "
              "episode (a warning one severity lower, a second level one higher), with "
              "headline, owner, playbook, why and evidence."},
    {"journey change", "<prefix>journeys: every stage entered, stalled, resumed, ended, with dwell "
                       "time and outcome."},
    {"decision", "<prefix>decisions: every signal that did not become an alert, and why."},
    {"late",
     "<prefix>late: the records of events behind what their customer was already judged by."},
    {"dead letter",
     "<prefix>dead-letter: records that cannot be read, unchanged, with snag.reason and snag.error "
     "as headers."},
};

static const row exit_rows[] = {
    {"0", "Fine; dead letters do not change it."},
    {"1", "Findings of check --sample, failed cases, an expression that errs."},
    {"2", "Wrong usage, missing input, or an invalid pipeline in any command."},
    {"3", "The outside (broker, Redis) failed for good."},
};

static const row expression_rows[] = {
    {"names",
     "id, type, customer, account, channel (text), time (timestamp), the kept names with their kinds, "
     "the facts, shape where shapes: is given, and source (its name) where there are several. "
     "has(name) tells whether the event has it; using one that is absent is an error, and a "
     "where: that errs is false and counted."},
    {"literals", "\"text\", 'text', 7, 7u, 7.5, true, null, [1, 2]; duration(\"1h30m\"), "
                 "timestamp(\"2026-01-05T00:00:00Z\")."},
    {"operators",
     "== != < <= > >= in && || ! + - * / % and A ? B : C. int and double do not mix: write 3.0, or "
     "double(n)."},
    {"zones", "The parts of a time are UTC's, or a zone's: time.getHours(\"Europe/Berlin\"), "
              "time.getDayOfWeek(\"+02:00\")."},
    {"left out", "Of CEL's language: messages of protobuf (Name{field: 1}), its wrapper types and "
                 "enums, since events have none; and the extensions that are no part of it (optional, "
                 "math, strings)."},
};

static const row reason_rows[] = {
#define X(name, sentence) {#name, sentence},
    SNAG_ERR_TABLE(X)
#undef X
};

static const row counter_rows[] = {
#define X(name, help) {#name, help},
    SNAG_COUNTER_TABLE(X)
#undef X
};

#define ROWS(rows) rows, sizeof(rows) / sizeof(rows)[0]

/* "contains: text.contains(…)", with the kinds it gives. */
static void functions_chapter(manual *m)
{
    size_t count = 0;
    const snag_builtin *functions = snag_builtins(&count);
    chapter(m, "functions",
            "In expressions; the macros has, all, exists, exists_one, map and filter stand beside "
            "them.");
    for (size_t i = 0; i < count; i++) {
        char text[160];
        snag_buf shape = snag_buf_on(text, sizeof text - 1);
        bool plain = functions[i].calls & SNAG_CALL_PLAIN;
        snag_buf_printf(&shape, "%s%s gives %s", plain ? functions[i].name : "X.",
                        plain ? "(X)" : functions[i].name, snag_kind_word(functions[i].result));
        text[shape.size] = '\0';
        entry(m, functions[i].name, text, functions[i].help);
    }
}

/* The files themselves: they are written to be read. */
static void presets_chapter(manual *m)
{
    snag_str text = snag_str_of((const char *)snag_presets, snag_presets_bytes);
    chapter(m, "presets", "Rules by name, for use: as others publish them.");
    if (!m->whole)
        return;
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        snag_buf_printf(m->buf, "%s%.*s\n", size ? "  " : "", (int)size, text.data);
        size += end != NULL;
        text = snag_str_of(text.data + size, text.size - size);
    }
}

static void properties_chapter(manual *m)
{
    chapter(m, "kafka",
            "Client properties that snag sets itself and kafka: may not hold, and one that it may.");
    for (uint32_t i = 0; i < snag_owned_property_count; i++)
        entry(m, snag_owned_properties[i].name, "", snag_owned_properties[i].instead);
    entry(m, "compression.type", "",
          "lz4 unless kafka: says otherwise. All of Kafka's own clients read it; where a reader of the "
          "output topics cannot, write none, or gzip.");
}

static void reasons_chapter(manual *m)
{
    chapter(m, "bad-record reasons", "Why a record went to the dead letter: its header snag.reason.");
    for (size_t i = 0; i < sizeof reason_rows / sizeof reason_rows[0]; i++)
        if (strncmp(reason_rows[i].name, "BAD_", 4) == 0)
            entry(m, snag_err_name((snag_err)i), "", reason_rows[i].about);
}

bool snag_manual_print(snag_buf *buf, snag_str word, snag_str *nearest)
{
    manual m = {.buf = buf, .word = word, .nearest = {.wanted = word, .best = SNAG_STR("")}};
    for (uint32_t i = 0; i < snag_section_count; i++) {
        section_chapter(&m, snag_sections[i]);
        if (snag_sections[i] == &snag_section_rule)
            tests_chapters(&m);
        for (uint32_t k = 0; snag_sections[i] == &snag_section_redis && k < snag_redis_row_count; k++)
            entry(&m, snag_redis_rows[k].name, "", snag_redis_rows[k].about);
    }
    presets_chapter(&m);
    properties_chapter(&m);
    rows_chapter(&m, "values", "How durations, sizes, paths and templates are written.", ROWS(value_rows));
    chapter(&m, "formats", "How a record is written, and where its names stand unless map: says otherwise.");
    for (snag_format format = 0; format < SNAG_FORMAT_COUNT; format++)
        format_entry(&m, format);
    rows_chapter(&m, "expressions", "After where: and =; CEL (cel.dev), checked when the file is loaded.",
                 ROWS(expression_rows));
    functions_chapter(&m);
    rows_chapter(&m, "records", "What is published: CloudEvents 1.0, as JSON or Avro.", ROWS(record_rows));
    rows_chapter(&m, "exit codes", "Of every command.", ROWS(exit_rows));
    reasons_chapter(&m);
    rows_chapter(&m, "counters", "What the engine counts; told at the end of a replay and by run.",
                 ROWS(counter_rows));
    *nearest = m.nearest.best;
    return m.any;
}
