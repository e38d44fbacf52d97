/* SPDX-License-Identifier: Apache-2.0
 *
 * Event lines of a case: customer time Type key=value…
 */
#include "base/assert.h"
#include "base/time.h"
#include "cli/cases_parse.h"
#include "codec/screen.h"

enum { EXCLUDE_BYTES = 16384 };

static snag_err value_parse(snag_case_parser *self, const snag_word *word, snag_kind kind, snag_value *out)
{
    snag_str text = word->value;
    int64_t ms;
    bool good = true;
    *out = snag_value_text(text);
    switch (kind) {
    case SNAG_KIND_INT: good = snag_word_int(text, &out->as.integer); break;
    case SNAG_KIND_DOUBLE: good = snag_word_double(text, &out->as.number); break;
    case SNAG_KIND_BOOL:
        out->as.boolean = snag_str_equal(text, SNAG_STR("true"));
        good = out->as.boolean || snag_str_equal(text, SNAG_STR("false"));
        break;
    case SNAG_KIND_TIME:
        good = snag_case_time_parse(text, self->time_ms, &ms);
        *out = good ? snag_value_time_ms(ms) : *out;
        break;
    case SNAG_KIND_DURATION:
        good = snag_duration_parse(text, &ms);
        out->as.time.seconds = good ? ms / 1000 : 0;
        out->as.time.nanos = good ? (int32_t)(ms % 1000) * 1000000 : 0;
        break;
    default: return SNAG_OK;
    }
    out->kind = kind;
    return good ? SNAG_OK : snag_case_fail_word(self, word, snag_kind_word(kind), (snag_str){0});
}

/* The slot of a name that an event line may give; -1 where there is none. */
static int slot_find(const snag_case_parser *self, snag_nearest *nearest)
{
    for (uint32_t i = 0; i < self->pipeline->name_count; i++) {
        const snag_expr_name *name = &self->pipeline->names[i];
        bool given = name->slot == SNAG_VAR_TIME || name->slot == SNAG_VAR_TYPE ||
                     name->slot == SNAG_VAR_CUSTOMER; /* they stand at the line's beginning */
        if (given)
            continue;
        if (snag_str_equal(name->name, nearest->wanted))
            return (int)name->slot;
        snag_nearest_offer(nearest, name->name);
    }
    const snag_source_spec *source = &self->pipeline->sources[0];
    for (uint32_t i = 0; i < source->kept_count; i++) /* of a table: rules know it as a fact */
        if (snag_str_equal(source->kept[i].name, nearest->wanted))
            return (int)(SNAG_VAR_KEPT + i);
    return -1;
}

static snag_kind slot_kind(const snag_case_parser *self, uint32_t slot)
{
    for (uint32_t i = 0; i < self->pipeline->name_count; i++)
        if (self->pipeline->names[i].slot == slot)
            return self->pipeline->names[i].kind;
    return SNAG_KIND_TEXT;
}

/* Constants of the source's mapping: a case need not repeat them. */
static void constants_fill(const snag_case_parser *self, uint32_t i_source, snag_value *vars)
{
    const snag_source_spec *source = &self->pipeline->sources[i_source];
    for (uint32_t i = 0; i < SNAG_VAR_KEPT; i++)
        if (source->fixed[i].constant.kind != SNAG_KIND_ABSENT)
            vars[i] = source->fixed[i].constant;
    for (uint32_t i = 0; i < source->kept_count && SNAG_VAR_KEPT + i < self->pipeline->name_count; i++)
        if (source->kept[i].constant.kind != SNAG_KIND_ABSENT)
            vars[SNAG_VAR_KEPT + i] = source->kept[i].constant;
}

/* Where there are several sources: the one that `source=` names, a table by its name, else the first that is
 * no table. */
static snag_err source_find(snag_case_parser *self, snag_str type, uint32_t from, uint32_t *source)
{
    const snag_pipeline *pipeline = self->pipeline;
    *source = 0;
    while (pipeline->sources[*source].table) /* one of them is none */
        (*source)++;
    for (uint32_t i = from; i < self->words.count && pipeline->source_count > 1; i++) {
        const snag_word *word = &self->words.list[i];
        snag_nearest nearest = {.wanted = word->value};
        if (!snag_str_equal(word->key, SNAG_STR("source")))
            continue;
        for (*source = 0; *source < pipeline->source_count; (*source)++) {
            if (snag_str_equal(pipeline->sources[*source].name, word->value))
                return SNAG_OK;
            snag_nearest_offer(&nearest, pipeline->sources[*source].name);
        }
        return snag_case_fail_word(self, word, "the pipeline has no source", nearest.best);
    }
    for (uint32_t i = 0; i < pipeline->source_count; i++)
        if (pipeline->sources[i].table && snag_str_equal(pipeline->sources[i].name, type))
            *source = i; /* a row is called by its table */
    return SNAG_OK;
}

/* Rows of accounts are nobody's in particular, whatever name stands in front of the line. */
static bool names_customer(const snag_pipeline *pipeline, uint32_t source)
{
    const snag_mapping *customer = &pipeline->sources[source].fixed[SNAG_VAR_CUSTOMER];
    return !pipeline->sources[source].table || !pipeline->key_account || customer->path_count > 0 ||
           customer->expr;
}

static snag_str text_of(const snag_value *value)
{
    return value->kind == SNAG_KIND_TEXT ? value->as.text : (snag_str){0};
}

static snag_str id_of_line(snag_case_parser *self)
{
    char *bytes = snag_arena_bytes(&self->arena, 24);
    SNAG_ASSERT(bytes);
    snag_buf buf = snag_buf_on(bytes, 24);
    snag_buf_str_put(&buf, SNAG_STR("line-"));
    snag_buf_int(&buf, self->line);
    return snag_buf_str(&buf);
}

static snag_err pairs_fill(snag_case_parser *self, uint32_t from, uint32_t source, snag_value *vars)
{
    for (uint32_t i = from; i < self->words.count; i++) {
        const snag_word *word = &self->words.list[i];
        snag_nearest nearest = {.wanted = word->key};
        if (word->key.size == 0)
            return snag_case_fail_word(self, word, "expected key=value, not", (snag_str){0});
        int slot = slot_find(self, &nearest);
        if (slot < 0 && snag_case_device_word(self, source, word->key))
            continue;
        if (slot < 0)
            return snag_case_fail_word(self, word, "an event has no name", nearest.best);
        snag_err err = value_parse(self, word, slot_kind(self, (uint32_t)slot), &vars[slot]);
        if (err)
            return err;
    }
    return SNAG_OK;
}

static snag_err lengths_check(snag_case_parser *self, const snag_event *event)
{
    if (event->customer.size > SNAG_CUSTOMER_BYTES_MAX || event->account.size > SNAG_CUSTOMER_BYTES_MAX)
        return snag_case_fail(self, NULL, "the customer or account is too long");
    if (event->id.size == 0 || event->id.size > SNAG_ID_BYTES_MAX)
        return snag_case_fail(self, NULL, "the id is empty or too long");
    if (event->type.size > SNAG_TYPE_BYTES_MAX)
        return snag_case_fail(self, NULL, "the event's type is too long");
    for (uint32_t i = SNAG_VAR_KEPT; i < event->var_count; i++)
        if (event->vars[i].kind == SNAG_KIND_TEXT &&
            event->vars[i].as.text.size > SNAG_TEXT_BYTES_MAX)
            return snag_case_fail(self, NULL, "a value is too long");
    if (self->pipeline->key_account ? event->account.size == 0 : event->customer.size == 0)
        return snag_case_fail(self, NULL, self->pipeline->key_account ? "the pipeline's key is the account: "
                                                                 "account= is needed"
                                                               : "the customer is empty");
    return SNAG_OK;
}

snag_err snag_case_event(snag_case_parser *self)
{
    const snag_word *list = self->words.list;
    uint32_t pairs = 2;
    while (pairs < self->words.count && list[pairs].key.size == 0)
        pairs++;
    if (self->words.count < 3 || pairs == 2 || list[0].key.size > 0 || list[1].key.size > 0)
        return snag_case_fail(self, NULL, "expected an event (customer time Type key=value…), or case, use, "
                                   "at, expect");
    int64_t time_ms;
    if (!snag_case_time_parse(list[1].text, self->time_ms, &time_ms))
        return snag_case_fail_word(self, &list[1], "expected a time such as 10:29:59, not", (snag_str){0});
    snag_value *vars = snag_arena_take(&self->arena, self->pipeline->name_count * sizeof *vars);
    SNAG_ASSERT(vars);
    self->time_ms = time_ms;
    uint32_t source;
    snag_str type = snag_words_joined(&self->words, 2, pairs);
    snag_err err = source_find(self, type, pairs, &source);
    if (err)
        return err;
    constants_fill(self, source, vars);
    vars[SNAG_VAR_ID] = snag_value_text(id_of_line(self));
    vars[SNAG_VAR_TIME] = snag_value_time_ms(time_ms);
    if (self->pipeline->sources[source].table && !snag_str_equal(self->pipeline->sources[source].name, type))
        return snag_case_fail(self, NULL, "a row of a table has the table's name for its type");
    vars[SNAG_VAR_TYPE] = snag_value_text(type);
    snag_str customer = names_customer(self->pipeline, source) ? list[0].text : (snag_str){"", 0};
    if (customer.size)
        vars[SNAG_VAR_CUSTOMER] = snag_value_text(customer);
    err = pairs_fill(self, pairs, source, vars);
    if (err)
        return err;
    snag_step *step = snag_case_step_add(self, false, time_ms);
    step->event = (snag_event){.time_ms = time_ms, .stamp_ms = SNAG_TIME_NONE,
                               .position = {.offset = self->line, .source = (uint16_t)source},
                               .id = text_of(&vars[SNAG_VAR_ID]),
                               .type = text_of(&vars[SNAG_VAR_TYPE]), .customer = customer,
                               .account = text_of(&vars[SNAG_VAR_ACCOUNT]),
                               .channel = text_of(&vars[SNAG_VAR_CHANNEL]), .vars = vars,
                               .var_count = self->pipeline->name_count};
    err = snag_case_device(self, pairs, source, &step->event);
    if (err)
        return err;
    _Alignas(16) unsigned char scratch[EXCLUDE_BYTES];
    snag_arena room;
    snag_arena_init(&room, scratch, sizeof scratch);
    snag_event_exclude(&self->pipeline->sources[source], &step->event, &room);
    return lengths_check(self, &step->event);
}
