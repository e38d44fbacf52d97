/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/avro_source.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec/avro.h"

enum {
    FRAME_BYTES = 5,
    SINGLE_BYTES = 10,
    PROGRAMS_MAX = 256 /* schemas of one topic kept at a time; past it the oldest is compiled again */
};

/* A registry's schema. One that cannot be compiled is remembered, too, with the reason. */
typedef struct known {
    uint32_t id;
    snag_avro_program *program; /* NULL = it failed */
    snag_diag why;
} known;

struct snag_avro_source {
    const snag_paths *paths;
    snag_avro_list list;     /* of the record read last */
    snag_avro_program *file; /* of the schema file, or NULL */
    snag_schema_fetch *fetch;
    void *fetch_context;
    known *known[PROGRAMS_MAX];
    uint32_t known_count;
    uint32_t known_oldest;
    known *last; /* nearly always the next one's, too */
};

/* --- the schema file --------------------------------------------------------------------------- */

static snag_err open_file(snag_str base_dir, snag_str name, FILE **out, snag_diag *diag)
{
    char path[4096];
    bool absolute = name.size > 0 && name.data[0] == '/';
    snag_buf buf = snag_buf_on(path, sizeof path - 1);
    if (!absolute && base_dir.size > 0) {
        snag_buf_str_put(&buf, base_dir);
        snag_buf_byte(&buf, '/');
    }
    snag_buf_str_put(&buf, name);
    path[buf.size] = '\0';
    *out = buf.full ? NULL : fopen(path, "rb");
    if (!*out)
        return snag_fail(diag, SNAG_IO, "cannot read the schema file %s", path);
    return SNAG_OK;
}

static snag_err load_file(snag_avro_source *avro, snag_str base_dir, snag_str name, snag_diag *diag)
{
    FILE *file;
    snag_err err = open_file(base_dir, name, &file, diag);
    if (err)
        return err;
    size_t room = SNAG_RECORD_BYTES_MAX + 1;
    char *text = malloc(room);
    if (!text) {
        fclose(file);
        return snag_fail(diag, SNAG_MEMORY, "no memory for the schema file");
    }
    size_t size = fread(text, 1, room, file);
    if (ferror(file))
        err = snag_fail(diag, SNAG_IO, "cannot read the schema file %.*s", SNAG_FMT(name));
    else
        err = snag_avro_compile(&avro->file, snag_str_of(text, size), avro->paths, diag);
    fclose(file);
    free(text);
    return err;
}

snag_err snag_avro_source_new(snag_avro_source **out, const snag_source_spec *source,
                              snag_str base_dir, const snag_decoder_options *options,
                              const snag_paths *paths, snag_diag *diag)
{
    snag_err err = SNAG_OK;
    snag_avro_source *avro = calloc(1, sizeof *avro);
    *out = NULL;
    if (!avro)
        return snag_fail(diag, SNAG_MEMORY, "no memory for an Avro source");
    avro->paths = paths;
    avro->fetch = options->fetch;
    avro->fetch_context = options->fetch_context;
    if (source->schema_file.size > 0)
        err = load_file(avro, base_dir, source->schema_file, diag);
    else if (!options->fetch)
        err = snag_fail(diag, SNAG_CONFIG, "the avro source %.*s needs a schema file or a registry",
                        SNAG_FMT(source->name));
    if (err)
        snag_avro_source_free(avro);
    else
        *out = avro;
    return err;
}

void snag_avro_source_free(snag_avro_source *avro)
{
    if (!avro)
        return;
    for (uint32_t i = 0; i < avro->known_count; i++) {
        snag_avro_program_free(avro->known[i]->program);
        free(avro->known[i]);
    }
    snag_avro_program_free(avro->file);
    free(avro);
}

/* --- the registry's schemas -------------------------------------------------------------------- */

static known *find_known(snag_avro_source *avro, uint32_t id)
{
    if (avro->last && avro->last->id == id)
        return avro->last;
    for (uint32_t i = 0; i < avro->known_count; i++)
        if (avro->known[i]->id == id)
            return avro->last = avro->known[i];
    return NULL;
}

static known *add_known(snag_avro_source *avro, uint32_t id)
{
    known **place = &avro->known[avro->known_oldest];
    if (avro->known_count < PROGRAMS_MAX) {
        place = &avro->known[avro->known_count];
        *place = malloc(sizeof **place);
        if (!*place)
            return NULL;
        avro->known_count++;
    } else {
        snag_avro_program_free((*place)->program);
        avro->known_oldest = (avro->known_oldest + 1) % PROGRAMS_MAX;
    }
    **place = (known){.id = id};
    return avro->last = *place;
}

/* The program of a schema id. Only schemas that were really there are remembered: what the registry says of
 * unknown ids is its client's to remember. */
static snag_err program_of(snag_avro_source *avro, uint32_t id, const snag_avro_program **out,
                           snag_diag *diag)
{
    snag_str text;
    known *entry = find_known(avro, id);
    if (!entry) {
        snag_err err = avro->fetch(avro->fetch_context, id, &text, diag);
        if (err)
            return err;
        entry = add_known(avro, id);
        if (!entry)
            return snag_fail(diag, SNAG_MEMORY, "no memory for an Avro schema");
        if (snag_avro_compile(&entry->program, text, avro->paths, &entry->why))
            entry->program = NULL;
    }
    *out = entry->program;
    if (*out)
        return SNAG_OK;
    return snag_fail(diag, SNAG_BAD_SCHEMA, "schema id %u: %.300s", id, entry->why.text);
}

static snag_err read_framed(snag_avro_source *avro, snag_str record, snag_slot *slots,
                            snag_arena *arena, snag_diag *diag)
{
    const unsigned char *bytes = (const unsigned char *)record.data;
    const snag_avro_program *program;
    if (record.size == 0)
        return snag_fail(diag, SNAG_BAD_TRUNCATED, "the record is empty");
    if (bytes[0] != 0)
        return snag_fail(diag, SNAG_BAD_SYNTAX, "byte 0: expected 00 and a schema id,"
                                                " as a registry frames");
    if (record.size < FRAME_BYTES)
        return snag_fail(diag, SNAG_BAD_TRUNCATED, "the record ends inside its schema id");
    uint32_t id = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 |
                  (uint32_t)bytes[4];
    snag_err err = program_of(avro, id, &program, diag);
    if (err)
        return err;
    snag_str body = snag_str_of(record.data + FRAME_BYTES, record.size - FRAME_BYTES);
    return snag_avro_read(program, avro->paths, body, slots, &avro->list, arena, diag);
}

static bool is_single_object(snag_str record, uint64_t fingerprint)
{
    uint64_t given = 0;
    if (record.size < SINGLE_BYTES || memcmp(record.data, "\xC3\x01", 2) != 0)
        return false;
    for (size_t i = SINGLE_BYTES; i-- > 2;)
        given = given << 8 | (unsigned char)record.data[i];
    return given == fingerprint;
}

snag_err snag_avro_source_read(snag_avro_source *avro, snag_str record, snag_slot *slots,
                               snag_arena *arena, snag_diag *diag)
{
    if (!avro->file)
        return read_framed(avro, record, slots, arena, diag);
    size_t head = is_single_object(record, avro->file->fingerprint) ? SINGLE_BYTES : 0;
    snag_err err =
        snag_avro_read(avro->file, avro->paths, snag_str_of(record.data + head, record.size - head),
                       slots, &avro->list, arena, diag);
    if (!err || err == SNAG_FULL || head > 0 || record.size < FRAME_BYTES || record.data[0] != 0)
        return err;
    memset(slots, 0, avro->paths->slot_count * sizeof *slots);
    snag_diag words;
    snag_err framed = snag_avro_read(
        avro->file, avro->paths, snag_str_of(record.data + FRAME_BYTES, record.size - FRAME_BYTES),
        slots, &avro->list, arena, &words);
    return framed == SNAG_OK || framed == SNAG_FULL ? framed : err;
}

snag_err snag_avro_source_next(void *context, snag_slot *slots, bool *any, snag_arena *arena, snag_diag *diag)
{
    snag_avro_source *avro = context;
    *any = false;
    if (avro->list.item == 0)
        return SNAG_OK;
    return snag_avro_next(&avro->list, avro->paths->items, slots, any, arena, diag);
}
