/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/mapper.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/convert.h"
#include "codec/json.h"
#include "codec/screen.h"
#include "expr/expr.h"

enum { SCRATCH_BYTES = 1 << 18 }; /* for the expressions of one name; the result is copied out */

/* --- compiling --------------------------------------------------------------------------------- */

static const snag_mapping *spec_of(const snag_source_spec *source, uint32_t i)
{
    if (i < SNAG_VAR_KEPT)
        return &source->fixed[i];
    i -= SNAG_VAR_KEPT;
    if (i < source->kept_count)
        return &source->kept[i];
    const snag_mapping *device[SNAG_DEVICE_ENTRIES] = {&source->device.id, &source->device.sent,
                                                  &source->device.received};
    return device[i - source->kept_count];
}

static snag_err no_memory(snag_diag *diag)
{
    return snag_fail(diag, SNAG_MEMORY, "no memory for the mapping of a source");
}

static uint32_t names_of(const snag_mapping *spec)
{
    uint32_t count = 0;
    snag_str name;
    if (!spec->expr)
        return spec->path_count;
    while (snag_expr_free_name(spec->expr, count, &name))
        count++;
    return count;
}

static snag_err compile_entry(snag_mapper *mapper, uint32_t i, snag_diag *diag)
{
    const snag_mapping *spec = spec_of(mapper->source, i);
    snag_mapper_entry *to = &mapper->entries[i];
    to->spec = spec;
    to->slot_count = names_of(spec);
    to->slots = calloc(to->slot_count + 1, sizeof *to->slots);
    if (!to->slots)
        return no_memory(diag);
    for (uint32_t n = 0; n < to->slot_count; n++) {
        snag_str path = {0};
        if (!spec->expr)
            path = spec->paths[n];
        else if (!snag_expr_free_name(spec->expr, n, &path))
            SNAG_ASSERT(false); /* the expression's names changed */
        snag_err err = snag_mapper_slot_add(mapper, path, &to->slots[n], diag);
        if (err)
            return err;
    }
    return SNAG_OK;
}

/* When a record is sent again it may say another time of sending: that makes no other event of it. */
static void apart_find(snag_mapper *mapper)
{
    for (uint32_t i = mapper->entry_count; i-- > 0;)
        for (uint32_t n = 0; n < mapper->entries[i].slot_count; n++)
            mapper->apart[mapper->entries[i].slots[n]] = i >= mapper->count;
}

static snag_err compile(snag_mapper *mapper, snag_diag *diag)
{
    uint32_t names = 0;
    snag_err err = snag_paths_init(&mapper->paths, diag);
    if (!err)
        err = snag_paths_init(&mapper->items, diag);
    if (!err && mapper->source->each.size)
        err = snag_paths_add(&mapper->paths, mapper->source->each, &mapper->each_slot, diag);
    mapper->entries = calloc(mapper->entry_count, sizeof *mapper->entries);
    if (!err && !mapper->entries)
        err = no_memory(diag);
    for (uint32_t i = 0; !err && i < mapper->entry_count; i++) {
        err = compile_entry(mapper, i, diag);
        if (mapper->entries[i].spec->expr && mapper->entries[i].slot_count >= names)
            names = mapper->entries[i].slot_count + 1;
    }
    if (err)
        return err;
    mapper->slot_count = mapper->paths.slot_count + mapper->items.slot_count + 1;
    for (uint32_t i = 0; i < mapper->entry_count; i++)
        snag_mapper_slots_place(mapper, &mapper->entries[i]);
    uint32_t slots = mapper->slot_count;
    mapper->slots = calloc(slots + 1, sizeof *mapper->slots);
    mapper->salts = calloc(slots + 1, sizeof *mapper->salts);
    mapper->vars = calloc(names + 1, sizeof *mapper->vars);
    bool scratch = names || mapper->source->exclusion_count;
    mapper->scratch = scratch ? malloc(SCRATCH_BYTES) : NULL;
    mapper->apart = calloc(slots + 1, sizeof *mapper->apart);
    if (!mapper->slots || !mapper->salts || !mapper->apart || !mapper->vars || (scratch && !mapper->scratch))
        return no_memory(diag);
    apart_find(mapper);
    for (uint32_t i = 0; i < slots; i++)
        mapper->salts[i] = snag_hash64(snag_mapper_slot_path(mapper, i), 0);
    if (mapper->source->each.size == 0)
        return SNAG_OK;
    mapper->paths.items = &mapper->items;
    mapper->paths.items_slot = mapper->each_slot;
    return snag_json_new(&mapper->item_json, &mapper->items, diag);
}

snag_err snag_mapper_new(snag_mapper **out, const snag_source_spec *source, int64_t now_ms,
                         snag_diag *diag)
{
    snag_mapper *mapper = calloc(1, sizeof *mapper);
    *out = NULL;
    if (!mapper)
        return no_memory(diag);
    mapper->source = source;
    mapper->now_ms = now_ms;
    mapper->count = SNAG_VAR_KEPT + source->kept_count;
    mapper->entry_count = mapper->count + (source->device.given ? SNAG_DEVICE_ENTRIES : 0u);
    mapper->hashes = snag_source_hashes(source);
    snag_err err = compile(mapper, diag);
    if (err)
        snag_mapper_free(mapper);
    else
        *out = mapper;
    return err;
}

void snag_mapper_free(snag_mapper *mapper)
{
    if (!mapper)
        return;
    for (uint32_t i = 0; mapper->entries && i < mapper->entry_count; i++)
        free(mapper->entries[i].slots);
    snag_paths_finish(&mapper->paths);
    snag_paths_finish(&mapper->items);
    snag_json_free(mapper->item_json);
    free(mapper->entries);
    free(mapper->slots);
    free(mapper->salts);
    free(mapper->apart);
    free(mapper->vars);
    free(mapper->scratch);
    free(mapper);
}

const snag_paths *snag_mapper_paths(const snag_mapper *mapper)
{
    return &mapper->paths;
}

snag_slot *snag_mapper_slots(snag_mapper *mapper)
{
    memset(mapper->slots, 0, mapper->paths.slot_count * sizeof *mapper->slots);
    return mapper->slots;
}

/* --- one name ---------------------------------------------------------------------------------- */

/* "amount (properties.amount) "x" is not a number". */
static snag_err fail_name(const snag_mapper *mapper, const snag_mapper_entry *from, uint32_t slot,
                          snag_err err, const snag_diag *words, snag_diag *diag)
{
    if (err == SNAG_FULL)
        return err;
    if (from->spec->expr)
        return snag_fail(diag, err, "%.*s %s", SNAG_FMT(from->spec->name), words->text);
    return snag_fail(diag, err, "%.*s (%.*s) %s", SNAG_FMT(from->spec->name),
                     SNAG_FMT(snag_mapper_slot_path(mapper, slot)), words->text);
}

static snag_err evaluate(snag_mapper *mapper, const snag_mapper_entry *from, snag_kind as, snag_arena *arena,
                         snag_value *out, snag_diag *diag)
{
    snag_arena scratch;
    snag_value result;
    snag_diag words = {0};
    snag_arena_init(&scratch, mapper->scratch, SCRATCH_BYTES);
    for (uint32_t i = 0; i < from->slot_count; i++) {
        snag_err err = snag_json_value(&scratch, &mapper->slots[from->slots[i]], &mapper->vars[i]);
        if (err)
            return snag_fail(diag, err == SNAG_FULL ? SNAG_BAD_SIZE : err,
                             "%.*s: %.*s cannot be read as a value", SNAG_FMT(from->spec->name),
                             SNAG_FMT(snag_mapper_slot_path(mapper, from->slots[i])));
    }
    if (snag_expr_eval(from->spec->expr, mapper->vars, from->slot_count, &scratch, &result, NULL))
        result.kind = SNAG_KIND_ABSENT; /* an expression without a value: the name is not there */
    snag_err err = snag_convert_value(&result, as, from->spec, arena, out, &words);
    return err ? fail_name(mapper, from, 0, err, &words, diag) : SNAG_OK;
}

/* The slot of a name that is a plain text, nearly always; NULL = look closer. */
static inline const snag_slot *plain_text(const snag_mapper *mapper, const snag_mapper_entry *from)
{
    if (from->spec->expr)
        return NULL;
    for (uint32_t i = 0; i < from->slot_count; i++) {
        const snag_slot *slot = &mapper->slots[from->slots[i]];
        if (slot->kind == SNAG_SLOT_TEXT)
            return slot;
        if (slot->kind != SNAG_SLOT_ABSENT && slot->kind != SNAG_SLOT_NULL)
            return NULL;
    }
    return NULL;
}

snag_err snag_mapper_value(snag_mapper *mapper, const snag_mapper_entry *from, snag_kind as,
                           snag_arena *arena, snag_value *out, snag_diag *diag)
{
    const snag_mapping *spec = from->spec;
    if (spec->constant.kind != SNAG_KIND_ABSENT) {
        *out = spec->constant;
        return SNAG_OK;
    }
    if (spec->expr)
        return evaluate(mapper, from, as, arena, out, diag);
    for (uint32_t i = 0; i < from->slot_count; i++) {
        const snag_slot *slot = &mapper->slots[from->slots[i]];
        if (slot->kind == SNAG_SLOT_ABSENT || slot->kind == SNAG_SLOT_NULL)
            continue;
        snag_diag words;
        snag_err err = snag_convert(slot, as, spec, arena, out, &words);
        return err ? fail_name(mapper, from, from->slots[i], err, &words, diag) : SNAG_OK;
    }
    out->kind = SNAG_KIND_ABSENT;
    return SNAG_OK;
}

/* "customer (userId, anonymousId)" */
static void describe(const snag_mapper_entry *from, snag_buf *buf)
{
    snag_buf_str_put(buf, from->spec->name);
    for (uint32_t i = 0; !from->spec->expr && i < from->spec->path_count; i++) {
        snag_buf_str_put(buf, i ? SNAG_STR(", ") : SNAG_STR(" ("));
        snag_buf_str_put(buf, from->spec->paths[i]);
    }
    if (!from->spec->expr && from->spec->path_count)
        snag_buf_byte(buf, ')');
}

static snag_err missing(const snag_mapper_entry *from, const char *what, snag_diag *diag)
{
    char room[300];
    snag_buf words = snag_buf_on(room, sizeof room);
    describe(from, &words);
    return snag_fail(diag, SNAG_BAD_MISSING, "%.*s is %s", SNAG_FMT(snag_buf_str(&words)), what);
}

static bool is_mapped(const snag_mapping *spec)
{
    return spec->path_count > 0 || spec->expr || spec->constant.kind != SNAG_KIND_ABSENT;
}

/* --- the fixed names --------------------------------------------------------------------------- */

static snag_err map_text(snag_mapper *mapper, uint32_t var, size_t bytes_max, snag_arena *arena,
                         snag_value *vars, snag_str *out, snag_diag *diag)
{
    const snag_mapper_entry *from = &mapper->entries[var];
    snag_value *value = &vars[var];
    const snag_slot *plain = plain_text(mapper, from);
    snag_str text = {0};
    if (plain) {
        text = plain->as.raw;
    } else {
        snag_err err = snag_mapper_value(mapper, from, SNAG_KIND_TEXT, arena, value, diag);
        if (err)
            return err;
        if (value->kind != SNAG_KIND_ABSENT)
            text = value->as.text;
    }
    *value = (snag_value){.as.text = text, .kind = text.size ? SNAG_KIND_TEXT : SNAG_KIND_ABSENT};
    *out = text;
    if (text.size <= bytes_max)
        return SNAG_OK;
    return snag_fail(diag, SNAG_BAD_SIZE, "%.*s has %zu bytes, at most %zu are allowed",
                     SNAG_FMT(from->spec->name), text.size, bytes_max);
}

static snag_err check_skew(const snag_mapper *mapper, const snag_event *event, snag_diag *diag)
{
    int64_t now_ms = event->stamp_ms != SNAG_TIME_NONE ? event->stamp_ms : mapper->now_ms;
    int64_t skew_ms = mapper->source->max_skew_ms;
    if (now_ms == SNAG_NEVER || skew_ms < 0 || event->time_ms - skew_ms <= now_ms)
        return SNAG_OK;
    char room[120];
    snag_buf words = snag_buf_on(room, sizeof room);
    snag_time_print(&words, event->time_ms);
    snag_buf_put(&words, " lies ", 6);
    snag_duration_brief(&words, event->time_ms - now_ms);
    return snag_fail(diag, SNAG_BAD_FUTURE, "time %.*s after %s", SNAG_FMT(snag_buf_str(&words)),
                     event->stamp_ms != SNAG_TIME_NONE ? "the record's own timestamp" : "now");
}

/* Whose row it is, by the record's key. */
static snag_err key_take(const snag_mapper *mapper, const snag_raw *raw, snag_value *vars, snag_event *event,
                          snag_diag *diag)
{
    uint32_t var = mapper->source->key;
    if (raw->key.size == 0)
        return snag_fail(diag, SNAG_BAD_MISSING, "the record has no key, which says whose row it is");
    if (raw->key.size > SNAG_CUSTOMER_BYTES_MAX)
        return snag_fail(diag, SNAG_BAD_SIZE, "the record's key has %zu bytes, at most %u are allowed",
                         raw->key.size, SNAG_CUSTOMER_BYTES_MAX);
    if (!snag_utf8_valid(raw->key))
        return snag_fail(diag, SNAG_BAD_UTF8, "the record's key is not UTF-8");
    *(var == SNAG_VAR_ACCOUNT ? &event->account : &event->customer) = raw->key;
    vars[var] = snag_value_text(raw->key);
    return SNAG_OK;
}

static snag_err table_key(const snag_mapper *mapper, const snag_raw *raw, snag_value *vars, snag_event *event,
                          snag_diag *diag)
{
    bool mapped = is_mapped(mapper->entries[mapper->source->key].spec);
    return mapped ? SNAG_OK : key_take(mapper, raw, vars, event, diag);
}

/* A table may leave out when its row came: the record's own timestamp says it. */
static bool time_is_stamp(const snag_mapper *mapper, const snag_event *event)
{
    return mapper->source->table && event->stamp_ms != SNAG_TIME_NONE &&
           !is_mapped(mapper->entries[SNAG_VAR_TIME].spec);
}

static snag_err map_time(snag_mapper *mapper, snag_arena *arena, snag_value *vars,
                         snag_event *event, snag_diag *diag)
{
    snag_value *value = &vars[SNAG_VAR_TIME];
    const snag_mapper_entry *from = &mapper->entries[SNAG_VAR_TIME];
    if (time_is_stamp(mapper, event)) {
        event->time_ms = event->stamp_ms;
        *value = snag_value_time_ms(event->time_ms);
        return SNAG_OK;
    }
    snag_err err = snag_mapper_value(mapper, from, SNAG_KIND_TIME, arena, value, diag);
    if (err)
        return err;
    if (value->kind == SNAG_KIND_ABSENT)
        return missing(from, "absent", diag);
    if (!snag_mapper_time(value, &event->time_ms))
        return snag_fail(diag, SNAG_BAD_TIME, "time lies outside of the years 0 to 9999");
    if (mapper->source->device.given)
        err = snag_mapper_device(mapper, arena, event, diag);
    /* Of what a device stamped is asked when its clock is corrected. */
    return err || event->device ? err : check_skew(mapper, event, diag);
}

static snag_err require(const snag_mapper *mapper, uint32_t var, snag_str text, snag_diag *diag)
{
    const snag_mapper_entry *from = &mapper->entries[var];
    if (text.size > 0 || (var == SNAG_VAR_CUSTOMER && !is_mapped(from->spec)))
        return SNAG_OK;
    return missing(from, "absent or empty", diag);
}

static snag_err map_fixed(snag_mapper *mapper, const snag_raw *raw, snag_arena *arena, snag_value *vars,
                          snag_event *event, snag_diag *diag)
{
    const struct {
        uint32_t var;
        size_t bytes_max;
        snag_str *to;
    } names[] = {{SNAG_VAR_ID, SNAG_ID_BYTES_MAX, &event->id},
                 {SNAG_VAR_TYPE, SNAG_TYPE_BYTES_MAX, &event->type},
                 {SNAG_VAR_CUSTOMER, SNAG_CUSTOMER_BYTES_MAX, &event->customer},
                 {SNAG_VAR_ACCOUNT, SNAG_CUSTOMER_BYTES_MAX, &event->account},
                 {SNAG_VAR_CHANNEL, SNAG_TEXT_BYTES_MAX, &event->channel}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snag_err err = map_text(mapper, names[i].var, names[i].bytes_max, arena, vars, names[i].to,
                                diag);
        if (err)
            return err;
    }
    snag_err err = mapper->source->table ? table_key(mapper, raw, vars, event, diag) : SNAG_OK;
    if (!err)
        err = require(mapper, SNAG_VAR_TYPE, event->type, diag);
    if (!err)
        err = require(mapper, SNAG_VAR_CUSTOMER, event->customer, diag);
    return err ? err : map_time(mapper, arena, vars, event, diag);
}

/* --- the rest ---------------------------------------------------------------------------------- */

/* A text past its bound ends with a mark. */
static snag_err cut_text(snag_value *value, snag_arena *arena)
{
    static const snag_str mark = {.data = "\xE2\x80\xA6", .size = 3};
    if (value->kind != SNAG_KIND_TEXT || value->as.text.size <= SNAG_TEXT_BYTES_MAX)
        return SNAG_OK;
    snag_str kept = snag_utf8_cut(value->as.text, SNAG_TEXT_BYTES_MAX - mark.size);
    char *room = snag_arena_bytes(arena, kept.size + mark.size);
    if (!room)
        return SNAG_FULL;
    memcpy(room, kept.data, kept.size);
    memcpy(room + kept.size, mark.data, mark.size);
    value->as.text = snag_str_of(room, kept.size + mark.size);
    return SNAG_OK;
}

static snag_err map_kept(snag_mapper *mapper, snag_arena *arena, snag_value *vars, snag_diag *diag)
{
    for (uint32_t i = SNAG_VAR_KEPT; i < mapper->count; i++) {
        const snag_mapper_entry *from = &mapper->entries[i];
        if (!from->spec->used)
            continue;
        const snag_slot *plain = from->spec->as == SNAG_KIND_TEXT ? plain_text(mapper, from) : NULL;
        snag_err err = SNAG_OK;
        if (plain)
            vars[i] = snag_value_text(plain->as.raw);
        else
            err = snag_mapper_value(mapper, from, from->spec->as, arena, &vars[i], diag);
        if (!err)
            err = cut_text(&vars[i], arena);
        if (err)
            return err;
    }
    return SNAG_OK;
}

/* Exclusions, then hashes. */
static snag_err screen(snag_mapper *mapper, snag_arena *arena, snag_value *vars, snag_event *event)
{
    mapper->customer = event->customer;
    mapper->account = event->account;
    if (mapper->source->exclusion_count) {
        snag_arena scratch;
        snag_arena_init(&scratch, mapper->scratch, SCRATCH_BYTES);
        snag_event_exclude(mapper->source, event, &scratch);
    }
    return mapper->hashes ? snag_event_hash(mapper->source, event, vars, arena) : SNAG_OK;
}

snag_str snag_mapper_key(const snag_mapper *mapper, bool account)
{
    return account ? mapper->account : mapper->customer;
}

/* An event of which nothing is known but where it stood. */
static bool event_begin(const snag_mapper *mapper, const snag_raw *raw, snag_arena *arena, snag_event *event)
{
    snag_value *vars = snag_arena_take(arena, mapper->count * sizeof *vars);
    if (!vars)
        return false;
    event->stamp_ms = raw->stamp_ms;
    event->position = raw->position;
    event->shift = 0;
    event->vars = vars;
    event->device = NULL;
    event->clock_off_ms = 0;
    event->var_count = mapper->count;
    event->id_derived = false;
    event->exclude_erred = false;
    event->excluded = 0;
    return true;
}

snag_err snag_mapper_gone(snag_mapper *mapper, const snag_raw *raw, snag_arena *arena, snag_event *event,
                          snag_diag *diag)
{
    memset(event, 0, sizeof *event);
    if (!event_begin(mapper, raw, arena, event))
        return SNAG_FULL;
    snag_value *vars = (snag_value *)(uintptr_t)event->vars; /* ours until it is handed out */
    if (raw->stamp_ms == SNAG_TIME_NONE)
        return snag_fail(diag, SNAG_BAD_MISSING, "a row that is gone has no time but its record's own");
    event->time_ms = raw->stamp_ms;
    event->type = mapper->source->fixed[SNAG_VAR_TYPE].constant.as.text;
    vars[SNAG_VAR_TIME] = snag_value_time_ms(event->time_ms);
    vars[SNAG_VAR_TYPE] = snag_value_text(event->type);
    snag_err err = key_take(mapper, raw, vars, event, diag);
    if (!err)
        err = snag_mapper_put_id(arena, snag_hash64(raw->key, (uint64_t)raw->stamp_ms), vars, event);
    return err ? err : screen(mapper, arena, vars, event);
}

snag_err snag_mapper_apply(snag_mapper *mapper, const snag_raw *raw, snag_arena *arena,
                           snag_event *event, snag_diag *diag)
{
    if (!event_begin(mapper, raw, arena, event))
        return SNAG_FULL;
    snag_value *vars = (snag_value *)(uintptr_t)event->vars; /* ours until it is handed out */
    snag_err err = map_fixed(mapper, raw, arena, vars, event, diag);
    if (!err && event->id.size == 0)
        err = snag_mapper_derive_id(mapper, arena, vars, event);
    else if (!err && mapper->item_json)
        err = snag_mapper_number_id(mapper, arena, vars, event, diag);
    if (!err)
        err = map_kept(mapper, arena, vars, diag);
    return err ? err : screen(mapper, arena, vars, event);
}
