/* SPDX-License-Identifier: Apache-2.0
 *
 * A source put together by hand, and records decoded through it.
 */
#ifndef SNAG_TESTS_MAPPING_FIXTURE_H
#define SNAG_TESTS_MAPPING_FIXTURE_H

#include <stdlib.h>

#include "check.h"
#include "codec/codec.h"

enum { KEPT_MAX = 8, PATHS_MAX = 4 };

/* A source put together by hand, as the config would. */
typedef struct fixture {
    snag_source_spec source;
    snag_mapping kept[KEPT_MAX];
    snag_str paths[SNAG_VAR_KEPT + KEPT_MAX][PATHS_MAX];
    snag_decoder *decoder;
    snag_decoder_options options;
    snag_arena arena;
    _Alignas(16) unsigned char block[1 << 16];
    snag_event event;
    snag_diag diag;
} fixture;

static inline void map_name(fixture *f, snag_mapping *mapping, uint32_t row, const char *name, snag_kind as,
                     const char *path)
{
    if (mapping->path_count == 0)
        *mapping = (snag_mapping){
            .name = snag_str_from(name), .as = as, .paths = f->paths[row], .used = true};
    f->paths[row][mapping->path_count++] = snag_str_from(path);
}

static inline void map_fixed(fixture *f, uint32_t var, const char *name, const char *path)
{
    map_name(f, &f->source.fixed[var], var, name, var == SNAG_VAR_TIME ? SNAG_KIND_TIME : SNAG_KIND_TEXT,
             path);
}

static inline uint32_t map_kept(fixture *f, const char *name, snag_kind as, const char *path)
{
    uint32_t i = f->source.kept_count++;
    map_name(f, &f->kept[i], SNAG_VAR_KEPT + i, name, as, path);
    return SNAG_VAR_KEPT + i;
}

static inline fixture *new_fixture(snag_format format)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->source.name = SNAG_STR("test");
    f->source.format = format;
    f->source.kept = f->kept;
    f->source.max_skew_ms = 300000;
    f->options.now_ms = SNAG_NEVER;
    snag_arena_init(&f->arena, f->block, sizeof f->block);
    return f;
}

/* id, ts, type, [user, anon] */
static inline fixture *plain_fixture(void)
{
    fixture *f = new_fixture(SNAG_FORMAT_JSON);
    map_fixed(f, SNAG_VAR_ID, "id", "id");
    map_fixed(f, SNAG_VAR_TIME, "time", "ts");
    map_fixed(f, SNAG_VAR_TYPE, "type", "type");
    map_fixed(f, SNAG_VAR_CUSTOMER, "customer", "user");
    map_fixed(f, SNAG_VAR_CUSTOMER, "customer", "anon");
    return f;
}

static inline void free_fixture(fixture *f)
{
    snag_decoder_free(f->decoder);
    free(f);
}

static inline snag_err decode_raw(fixture *f, const snag_raw *raw)
{
    snag_err err = SNAG_OK;
    if (!f->decoder)
        err = snag_decoder_new(&f->decoder, &f->source, SNAG_STR("."), &f->options, &f->diag);
    assert_int_equal(err, SNAG_OK);
    snag_arena_reset(&f->arena);
    f->diag.text[0] = '\0';
    err = snag_decode(f->decoder, raw, &f->arena, &f->event, &f->diag);
    if (err && err != SNAG_FULL)
        assert_true(f->diag.text[0] != '\0');
    return err;
}

static inline snag_err decode(fixture *f, const char *text)
{
    snag_raw raw = {.stamp_ms = SNAG_TIME_NONE, .value = snag_str_from(text)};
    return decode_raw(f, &raw);
}

#define CHECK_STR(got, want)                                                          \
    do {                                                                              \
        snag_str check_str_ = (got);                                                  \
        if (!snag_str_equal(check_str_, snag_str_from(want)))                         \
            fail_msg("got \"%.*s\", want \"%s\"", SNAG_FMT(check_str_), (want));      \
    } while (0)

#define CHECK_ERR(f, text, want, words) check_err((f), (text), (want), (words), __LINE__)
static inline void check_err(fixture *f, const char *text, snag_err want, const char *words, int line)
{
    snag_err err = decode(f, text);
    if (err != want || !strstr(f->diag.text, words))
        fail_msg("line %d: %s: %s \"%s\", want %s \"%s\"", line, text, snag_err_name(err), f->diag.text,
                 snag_err_name(want), words);
}

#endif
