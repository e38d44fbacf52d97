/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/nearest.h"
#include "cli/command.h"

typedef struct options {
    bool quiet;
    const char *only;
    int64_t batch;
    int64_t gap_ms;
    int64_t now_ms;
} options;

static const snag_command command = {
    .name = "try", .usage = "snag try", .summary = "A command for this test.", .help = NULL, .run = NULL};

enum { WORDS_MAX = 8 };

static int parse(options *out, const char *const *given, int count, char **argv, int *words)
{
    *out = (options){0};
    const snag_option_row rows[] = {
        {"quiet", SNAG_OPTION_FLAG, &out->quiet, NULL, "says nothing"},
        {"only", SNAG_OPTION_TEXT, &out->only, "WHAT", "only these"},
        {"batch", SNAG_OPTION_INT, &out->batch, "N", "lines a batch"},
        {"gap", SNAG_OPTION_DURATION, &out->gap_ms, "D", "a gap"},
        {"now", SNAG_OPTION_TIME, &out->now_ms, "TIME", "the time"},
    };
    for (int i = 0; i < count; i++)
        argv[i] = (char *)(uintptr_t)given[i];
    return snag_options_parse(&command, rows, sizeof rows / sizeof rows[0], count, argv, words);
}

static void words_and_options_may_mix(void **state)
{
    (void)state;
    options got;
    char *argv[WORDS_MAX];
    int words;
    const char *given[] = {"a.yaml", "--batch", "7", "b", "--only=alerts", "--quiet", "--", "--c"};
    assert_int_equal(parse(&got, given, 8, argv, &words), -1);
    assert_int_equal(words, 3);
    assert_string_equal(argv[0], "a.yaml");
    assert_string_equal(argv[1], "b");
    assert_string_equal(argv[2], "--c");
    assert_int_equal(got.batch, 7);
    assert_string_equal(got.only, "alerts");
    assert_true(got.quiet);
}

static void values_have_types(void **state)
{
    (void)state;
    options got;
    char *argv[WORDS_MAX];
    int words;
    const char *good[] = {"--gap", "1m30s", "--now", "1970-01-01T00:01:00Z"};
    assert_int_equal(parse(&got, good, 4, argv, &words), -1);
    assert_int_equal(got.gap_ms, 90000);
    assert_int_equal(got.now_ms, 60000);
    const char *epoch[] = {"--now=1000000000"};
    assert_int_equal(parse(&got, epoch, 1, argv, &words), -1);
    assert_int_equal(got.now_ms, 1000000000000);
    const char *const bad[][2] = {
        {"--batch", "seven"}, {"--batch", "7x"}, {"--gap", "soon"}, {"--now", "yesterday"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(&got, bad[i], 2, argv, &words), SNAG_EXIT_USAGE);
}

static void wrong_usage_is_refused(void **state)
{
    (void)state;
    options got;
    char *argv[WORDS_MAX];
    int words;
    const char *const bad[] = {"--batsh=7", "--batch", "--quiet=1", "-q", "--"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(parse(&got, &bad[i], 1, argv, &words), SNAG_EXIT_USAGE);
    assert_int_equal(parse(&got, &bad[4], 1, argv, &words), -1);
    const char *stdin_word[] = {"-"};
    assert_int_equal(parse(&got, stdin_word, 1, argv, &words), -1);
    assert_int_equal(words, 1);
}

static snag_str nearest(const char *wanted)
{
    snag_nearest search = {.wanted = snag_str_from(wanted)};
    snag_nearest_offer(&search, SNAG_STR("replay"));
    snag_nearest_offer(&search, SNAG_STR("report"));
    snag_nearest_offer(&search, SNAG_STR("run"));
    return search.best;
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    assert_int_equal(snag_str_distance(SNAG_STR("replay"), SNAG_STR("repaly")), 1);
    assert_int_equal(snag_str_distance(SNAG_STR(""), SNAG_STR("abc")), 3);
    assert_int_equal(snag_str_distance(SNAG_STR("kitten"), SNAG_STR("Sitting")), 3);
    assert_true(snag_str_equal(nearest("relpay"), SNAG_STR("replay")));
    assert_true(snag_str_equal(nearest("runn"), SNAG_STR("run")));
    assert_int_equal(nearest("explain").size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_options_may_mix),
        cmocka_unit_test(values_have_types),
        cmocka_unit_test(wrong_usage_is_refused),
        cmocka_unit_test(the_nearest_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
