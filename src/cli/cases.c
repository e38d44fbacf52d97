/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cases.h"

#include <stdlib.h>

#include "base/assert.h"
#include "cli/cases_parse.h"

snag_err snag_case_fail(snag_case_parser *self, const snag_word *word, const char *message)
{
    self->diag->line = self->line;
    self->diag->column = word ? word->column : 1;
    return snag_fail(self->diag, SNAG_USAGE, "%s", message);
}

snag_err snag_case_fail_word(snag_case_parser *self, const snag_word *word, const char *message,
                             snag_str nearest)
{
    char bytes[400];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes - 1);
    snag_str text = {word->text.data, word->text.size < 100 ? word->text.size : 100};
    snag_buf_printf(&buf, "%s %.*s", message, SNAG_FMT(text));
    if (nearest.size > 0)
        snag_buf_printf(&buf, "; did you mean %.*s?", SNAG_FMT(nearest));
    bytes[buf.size] = '\0';
    return snag_case_fail(self, word, bytes);
}

snag_case *snag_case_newest(snag_case_parser *self)
{
    return self->cases->case_count ? &self->cases->cases[self->cases->case_count - 1] : NULL;
}

snag_step *snag_case_newest_step(snag_case_parser *self)
{
    const snag_case *owner = snag_case_newest(self);
    return owner && owner->step_count ? &self->cases->steps[self->step_count - 1] : NULL;
}

static snag_case *case_add(snag_case_parser *self, snag_str name)
{
    snag_case *added = &self->cases->cases[self->cases->case_count++];
    *added = (snag_case){.line = self->line, .name = name, .use = self->use,
                         .use_count = self->use_count, .step_first = self->step_count};
    self->time_ms = SNAG_TIME_NONE;
    return added;
}

snag_step *snag_case_step_add(snag_case_parser *self, bool moves_clock, int64_t time_ms)
{
    if (!snag_case_newest(self))
        case_add(self, (snag_str){0});
    snag_step *step = &self->cases->steps[self->step_count++];
    snag_case_newest(self)->step_count++;
    self->nothing = false;
    self->time_ms = time_ms;
    *step = (snag_step){.line = self->line, .text = self->line_text, .moves_clock = moves_clock,
                        .time_ms = time_ms, .expect_first = self->expect_count};
    return step;
}

/* --- use --------------------------------------------------------------------------------------- */

static bool watched_find(const snag_pipeline *pipeline, snag_nearest *nearest, bool rules, bool journeys)
{
    bool found = rules && pipeline->quiet && snag_str_equal(pipeline->quiet->signal.name, nearest->wanted);
    for (uint32_t i = 0; rules && pipeline->watches && i < pipeline->source_count; i++)
        found |= pipeline->watches[i].after_ms > 0 &&
                 snag_str_equal(pipeline->watches[i].signal.name, nearest->wanted);
    for (uint32_t i = 0; rules && i < pipeline->rule_count; i++) {
        found |= snag_str_equal(pipeline->rules[i].signal.name, nearest->wanted);
        snag_nearest_offer(nearest, pipeline->rules[i].signal.name);
    }
    for (uint32_t i = 0; i < pipeline->journey_count; i++) {
        const snag_journey *journey = &pipeline->journeys[i];
        found |= journeys && snag_str_equal(journey->name, nearest->wanted);
        if (journeys)
            snag_nearest_offer(nearest, journey->name);
        for (uint32_t j = 0; rules && j < journey->stage_count; j++) {
            if (!snag_stage_waits(&journey->stages[j]))
                continue;
            found |= snag_str_equal(journey->stages[j].late.name, nearest->wanted);
            snag_nearest_offer(nearest, journey->stages[j].late.name);
        }
    }
    return found;
}

snag_err snag_case_watched(snag_case_parser *self, const snag_word *word, bool rules, bool journeys)
{
    snag_nearest nearest = {.wanted = word->text};
    if (watched_find(self->pipeline, &nearest, rules, journeys))
        return SNAG_OK;
    return snag_case_fail_word(self, word, rules ? "the pipeline has no rule" : "the pipeline has no journey",
                     nearest.best);
}

static snag_err use_parse(snag_case_parser *self)
{
    uint32_t count = self->words.count - 1;
    if (count == 0)
        return snag_case_fail(self, NULL, "use: which rules or journeys?");
    if (snag_case_newest_step(self))
        return snag_case_fail(self, NULL, "use stands before the first event of a case");
    snag_str *names = snag_arena_take(&self->arena, count * sizeof *names);
    SNAG_ASSERT(names);
    for (uint32_t i = 0; i < count; i++) {
        const snag_word *word = &self->words.list[i + 1];
        snag_err err = snag_case_watched(self, word, true, true);
        if (err)
            return err;
        names[i] = word->text;
    }
    snag_case *owner = snag_case_newest(self);
    if (owner) {
        owner->use = names;
        owner->use_count = count;
    } else {
        self->use = names;
        self->use_count = count;
    }
    return SNAG_OK;
}

static snag_err at_parse(snag_case_parser *self)
{
    int64_t time_ms;
    if (self->words.count != 2 ||
        !snag_case_time_parse(self->words.list[1].text, self->time_ms, &time_ms))
        return snag_case_fail(self, NULL, "at: expected one time such as 10:29:59 or +5m");
    snag_case_step_add(self, true, time_ms);
    return SNAG_OK;
}

static int source_find(const snag_case_parser *self, snag_nearest *nearest)
{
    const snag_pipeline *pipeline = self->pipeline;
    int found = -1;
    for (uint32_t i = 0; i < pipeline->source_count; i++) {
        if (!pipeline->watches || pipeline->watches[i].after_ms == 0)
            continue;
        if (snag_str_equal(pipeline->sources[i].name, nearest->wanted))
            found = (int)i;
        snag_nearest_offer(nearest, pipeline->sources[i].name);
    }
    return found;
}

/* The newest event of a source in the case at hand. */
static int64_t newest_of(snag_case_parser *self, uint32_t source)
{
    const snag_case *owner = snag_case_newest(self);
    int64_t newest_ms = SNAG_TIME_NONE;
    for (uint32_t i = 0; owner && i < owner->step_count; i++) {
        const snag_step *step = &self->cases->steps[owner->step_first + i];
        bool event = !step->moves_clock && !step->silences && step->event.position.source == source;
        if (event && step->time_ms > newest_ms)
            newest_ms = step->time_ms;
    }
    return newest_ms;
}

static snag_err silent_parse(snag_case_parser *self)
{
    const snag_word *words = self->words.list;
    bool since = self->words.count == 4 && snag_str_equal(words[2].text, SNAG_STR("since"));
    if (self->words.count != 2 && !since)
        return snag_case_fail(self, NULL,
                              "silent: expected a source, and since TIME where others had events");
    snag_nearest nearest = {.wanted = words[1].text};
    int source = source_find(self, &nearest);
    if (source < 0)
        return snag_case_fail_word(self, &words[1], "the pipeline has no source with silent:", nearest.best);
    int64_t newest_ms = newest_of(self, (uint32_t)source);
    int64_t since_ms = newest_ms;
    if (since && !snag_case_time_parse(words[3].text, self->time_ms, &since_ms))
        return snag_case_fail(self, &words[3], "silent: expected a time such as 10:29:59");
    if (since_ms == SNAG_TIME_NONE)
        return snag_case_fail(self, NULL, "silent: no event of this source came before; say since TIME");
    if (since_ms < newest_ms)
        return snag_case_fail(self, &words[3], "silent: an event of this source came after that");
    int64_t now_ms = self->time_ms;
    snag_step *step = snag_case_step_add(self, false, since_ms);
    step->silences = true;
    step->event.position.source = (uint16_t)source;
    self->time_ms = now_ms;
    return SNAG_OK;
}

/* --- the file ---------------------------------------------------------------------------------- */

static snag_err case_parse(snag_case_parser *self)
{
    if (self->words.count < 2)
        return snag_case_fail(self, NULL, "case: what is its name?");
    self->named = true;
    self->nothing = false;
    case_add(self, snag_words_joined(&self->words, 1, self->words.count));
    return SNAG_OK;
}

static snag_err line_parse(snag_case_parser *self)
{
    const char *message;
    uint32_t column;
    if (!snag_words_split(&self->words, self->line_text, &self->arena, &message, &column)) {
        snag_word at = {.column = column};
        return snag_case_fail(self, &at, message);
    }
    if (self->words.count == 0)
        return SNAG_OK;
    snag_str first = self->words.list[0].quoted ? SNAG_STR("") : self->words.list[0].text;
    if (snag_str_equal(first, SNAG_STR("case")))
        return case_parse(self);
    if (snag_str_equal(first, SNAG_STR("use")))
        return use_parse(self);
    if (snag_str_equal(first, SNAG_STR("at")))
        return at_parse(self);
    if (snag_str_equal(first, SNAG_STR("silent")))
        return silent_parse(self);
    if (snag_str_equal(first, SNAG_STR("expect")))
        return snag_case_expect(self);
    return snag_case_event(self);
}

/* Every line makes at most one of each; words copy at most the text once, pairs once more. */
static size_t memory_bytes(const snag_pipeline *pipeline, snag_str text, size_t lines)
{
    size_t a_line = sizeof(snag_case) + sizeof(snag_step) + sizeof(snag_expectation) +
                    pipeline->name_count * sizeof(snag_value) + 256;
    return lines * a_line + text.size * (4 + sizeof(snag_expect_pair) + sizeof(snag_str) + 64) + 4096;
}

static snag_err lines_parse(snag_case_parser *self, snag_str text)
{
    size_t from = 0;
    while (from < text.size) {
        const char *end = memchr(text.data + from, '\n', text.size - from);
        size_t size = end ? (size_t)(end - text.data) - from : text.size - from;
        self->line++;
        self->line_text = (snag_str){text.data + from, size};
        snag_err err = line_parse(self);
        if (err)
            return err;
        from += size + 1;
    }
    return SNAG_OK;
}

snag_err snag_cases_parse(snag_cases *cases, snag_str text, snag_str file_name,
                          const snag_pipeline *pipeline, snag_diag *diag)
{
    size_t lines = 2;
    *cases = (snag_cases){0};
    *diag = (snag_diag){0};
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    size_t size = memory_bytes(pipeline, text, lines);
    cases->memory = malloc(size + sizeof(snag_case_parser));
    if (!cases->memory)
        return snag_fail(diag, SNAG_MEMORY, "out of memory");
    snag_case_parser *self = cases->memory;
    *self = (snag_case_parser){.pipeline = pipeline, .cases = cases, .diag = diag, .time_ms = SNAG_TIME_NONE};
    snag_arena_init(&self->arena, (char *)cases->memory + sizeof *self, size);
    cases->cases = snag_arena_take(&self->arena, lines * sizeof *cases->cases);
    cases->steps = snag_arena_take(&self->arena, lines * sizeof *cases->steps);
    cases->expectations = snag_arena_take(&self->arena, lines * sizeof *cases->expectations);
    SNAG_ASSERT(cases->cases && cases->steps && cases->expectations);
    snag_err err = lines_parse(self, text);
    if (cases->case_count > 0 && cases->cases[0].name.size == 0)
        cases->cases[0].name = file_name;
    return err;
}

void snag_cases_free(snag_cases *cases)
{
    free(cases->memory);
    *cases = (snag_cases){0};
}
