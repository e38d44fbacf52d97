/* SPDX-License-Identifier: Apache-2.0
 *
 * Survey: what records look like to somebody who has never seen them. Which names there are, of what kind,
 * how often, how many different values; and from that the likely id, time, type and customer.
 *
 *     lines --> paths ("properties.callId": text, on all, 5,000 different) --> format and mapping
 */
#ifndef SNAG_CLI_SURVEY_H
#define SNAG_CLI_SURVEY_H

#include "base/arena.h"
#include "event/source.h"

enum { SNAG_SURVEY_PATHS_MAX = 128, SNAG_SURVEY_SEEN = 1 << 16 };

typedef struct snag_survey_path {
    char *path; /* as in a mapping: steps joined by dots */
    uint64_t count;   /* records that have it, and not null */
    uint64_t texts;
    uint64_t ints;
    uint64_t doubles;
    uint64_t bools;
    uint64_t large;   /* of ints, those past 63 bits */
    uint64_t times;   /* texts or numbers that can be a time */
    uint64_t digits;  /* texts of digits that can be one: if the name says so */
    uint64_t *seen;   /* hashes of the different values, up to half of SNAG_SURVEY_SEEN */
    uint32_t different;
    bool many;        /* more than that */
    bool repeats;     /* some value came twice */
} snag_survey_path;

typedef struct snag_survey {
    snag_survey_path paths[SNAG_SURVEY_PATHS_MAX];
    uint32_t count;
    uint64_t records;
    uint64_t unreadable;
    void *block; /* of one record's values */
    snag_arena arena;
    struct snag_json *json;
} snag_survey;

SNAG_MUST_CHECK snag_err snag_survey_init(snag_survey *survey, snag_diag *diag);
void snag_survey_finish(snag_survey *survey);
void snag_survey_line(snag_survey *survey, snag_str line);

/* What the records most likely are. Paths are -1 where none is needed (the format says it) or found. */
typedef struct snag_survey_guess {
    snag_format format;
    int id;
    int time;
    int type;
    int customer;
} snag_survey_guess;

/* False: what stands in diag could not be found. */
bool snag_survey_guess_of(const snag_survey *survey, snag_survey_guess *guess, snag_diag *diag);
/* The path of this name; -1: none. */
int snag_survey_find(const snag_survey *survey, const char *path);

#endif
