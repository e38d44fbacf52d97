/* SPDX-License-Identifier: Apache-2.0
 *
 * Expectations of a case: expect alert|journey|decision|late …, expect nothing.
 */
#include "base/assert.h"
#include "cli/cases_parse.h"

typedef struct expect_form {
    const char *word;
    snag_record_kind kind;
    uint32_t plain; /* plain words behind it: name, who, word */
    const char *usage;
} expect_form;

static const expect_form forms[] = {
    {"alert", SNAG_RECORD_ALERT, 3, "expect alert RULE CUSTOMER ACTION [at TIME] key=value…"},
    {"journey", SNAG_RECORD_CHANGE, 3, "expect journey NAME INSTANCE MOVE [at TIME] key=value…"},
    {"decision", SNAG_RECORD_DECISION, 3,
     "expect decision RULE CUSTOMER suppressed|held|released [at TIME] key=value…"},
    {"late", SNAG_RECORD_LATE, 1, "expect late CUSTOMER [at TIME] key=value…"},
};

/* The number of a word in its vocabulary; -1 where it is none. */
static int word_number(snag_record_kind kind, snag_nearest *nearest)
{
    int found = -1;
    int number = 0;
#define X(name, word)                                               \
    if (snag_str_equal(nearest->wanted, snag_str_from(word)))       \
        found = number;                                             \
    snag_nearest_offer(nearest, snag_str_from(word));               \
    number++;
    switch (kind) {
    case SNAG_RECORD_ALERT: SNAG_ACTION_TABLE(X) break;
    case SNAG_RECORD_CHANGE: SNAG_MOVE_TABLE(X) break;
    case SNAG_RECORD_DECISION: SNAG_DECISION_TABLE(X) break;
    case SNAG_RECORD_LATE:
    case SNAG_RECORD_KIND_COUNT: found = 0; break;
    }
#undef X
    return found;
}

/* Where nothing is near, all that such a record has is listed. */
static snag_err pair_unknown(snag_case_parser *self, const snag_word *word, snag_record_kind kind,
                             snag_str nearest)
{
    size_t count;
    char bytes[1024];
    snag_buf buf = snag_buf_on(bytes, sizeof bytes - 1);
    const snag_check *checks = snag_checks_of(kind, &count);
    if (nearest.size > 0)
        return snag_case_fail_word(self, word, "such a record has no", nearest);
    snag_buf_printf(&buf, "such a record has no \"%.*s\"; it has ",
                    (int)(word->key.size < 64 ? word->key.size : 64), word->key.data);
    for (size_t i = 0; i < count; i++)
        snag_buf_printf(&buf, "%s%s", i ? ", " : "", checks[i].name);
    bytes[buf.size] = '\0';
    return snag_case_fail(self, word, bytes);
}

static snag_err pair_parse(snag_case_parser *self, const snag_word *word, snag_record_kind kind,
                           snag_expect_pair *pair)
{
    size_t count;
    snag_diag words;
    const snag_check *checks = snag_checks_of(kind, &count);
    snag_nearest nearest = {.wanted = word->key};
    if (word->key.size == 0)
        return snag_case_fail_word(self, word, "expected key=value, not", (snag_str){0});
    for (size_t i = 0; i < count; i++) {
        snag_nearest_offer(&nearest, snag_str_from(checks[i].name));
        if (!snag_str_equal(word->key, snag_str_from(checks[i].name)))
            continue;
        size_t room = word->value.size + 64;
        char *bytes = snag_arena_bytes(&self->arena, room);
        SNAG_ASSERT(bytes);
        snag_buf text = snag_buf_on(bytes, room);
        if (snag_check_canonical(&checks[i], word->value, &text, &words))
            return snag_case_fail(self, word, words.text);
        *pair = (snag_expect_pair){&checks[i], snag_buf_str(&text)};
        return SNAG_OK;
    }
    return pair_unknown(self, word, kind, nearest.best);
}

/* at TIME and the pairs, from word `at` on. */
static snag_err rest_parse(snag_case_parser *self, uint32_t from, snag_expectation *expectation)
{
    const snag_word *list = self->words.list;
    uint32_t count = self->words.count;
    if (from < count && snag_str_equal(list[from].text, SNAG_STR("at"))) {
        if (from + 1 >= count ||
            !snag_case_time_parse(list[from + 1].text, self->time_ms, &expectation->time_ms))
            return snag_case_fail(self, &list[from], "at: expected a time such as 10:29:59");
        from += 2;
    }
    if (from == count)
        return SNAG_OK;
    snag_expect_pair *pairs = snag_arena_take(&self->arena, (count - from) * sizeof *pairs);
    SNAG_ASSERT(pairs);
    expectation->pairs = pairs;
    for (; from < count; from++) {
        snag_err err = pair_parse(self, &list[from], expectation->kind,
                                  &pairs[expectation->pair_count]);
        if (err)
            return err;
        expectation->pair_count++;
    }
    return SNAG_OK;
}

static bool is_used(const snag_case *owner, snag_str name)
{
    bool used = owner->use_count == 0;
    for (uint32_t i = 0; i < owner->use_count; i++)
        used = used || snag_str_equal(owner->use[i], name);
    return used;
}

static snag_err form_parse(snag_case_parser *self, const expect_form *form)
{
    const snag_word *list = self->words.list + 2;
    snag_expectation *expectation = &self->cases->expectations[self->expect_count];
    *expectation = (snag_expectation){.line = self->line, .kind = form->kind,
                                      .text = self->line_text, .time_ms = SNAG_TIME_NONE};
    if (self->words.count < 2 + form->plain)
        return snag_case_fail(self, &self->words.list[1], form->usage);
    if (form->plain == 3) {
        bool journey = form->kind == SNAG_RECORD_CHANGE;
        snag_err err = snag_case_watched(self, &list[0], !journey, journey);
        if (err)
            return err;
        snag_nearest nearest = {.wanted = list[2].text};
        if (!is_used(snag_case_newest(self), list[0].text))
            return snag_case_fail(self, &list[0], "this case looks at other names only; add it to `use`");
        expectation->name = list[0].text;
        expectation->who = list[1].text;
        expectation->word = word_number(form->kind, &nearest);
        if (expectation->word < 0)
            return snag_case_fail_word(self, &list[2], "there is no", nearest.best);
    } else {
        expectation->who = list[0].text;
    }
    self->expect_count++;
    snag_case_newest_step(self)->expect_count++;
    return rest_parse(self, 2 + form->plain, expectation);
}

snag_err snag_case_expect(snag_case_parser *self)
{
    snag_step *step = snag_case_newest_step(self);
    if (!step)
        return snag_case_fail(self, NULL, "expect follows an event or `at`");
    if (self->words.count < 2)
        return snag_case_fail(self, NULL, "expect what? alert, journey, decision, late or nothing");
    if (self->nothing)
        return snag_case_fail(self, NULL, "`expect nothing` was said already");
    const snag_word *word = &self->words.list[1];
    if (snag_str_equal(word->text, SNAG_STR("nothing"))) {
        self->nothing = true;
        if (self->words.count == 2 && step->expect_count == 0)
            return SNAG_OK;
        return snag_case_fail(self, word, "`expect nothing` stands alone");
    }
    snag_nearest nearest = {.wanted = word->text};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        snag_nearest_offer(&nearest, snag_str_from(forms[i].word));
        if (snag_str_equal(word->text, snag_str_from(forms[i].word)))
            return form_parse(self, &forms[i]);
    }
    return snag_case_fail_word(self, word, "expected alert, journey, decision, late or nothing, not",
                               nearest.best);
}
