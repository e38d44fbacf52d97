/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of wrong pipeline files, that the shipped ones are right, and the manual.
 *
 * tests/golden/wrong/NAME.yaml end in "# expect: LINE:COLUMN: words", one for each finding, in order.
 * SNAG_BLESS=1 writes them anew; the review is the diff.
 */
#include "unit/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"

enum { TEXT_BYTES = 1 << 18 };

static const char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

#define CHECK_STR(got, want)                                                               \
    do {                                                                                   \
        snag_str check_got_ = (got);                                                       \
        if (!snag_str_equal(check_got_, snag_str_from(want)))                              \
            fail_msg("got \"%.*s\", want \"%s\"", SNAG_FMT(check_got_), want);             \
    } while (0)

#define SOURCE                                                                             \
    "pipeline: care\n"                                                                     \
    "sources: { calls: { topic: calls, format: segment, keep: { line: properties.line, "   \
    "call: properties.callId, spare: properties.spare } } }\n"

/* --- findings ------------------------------------------------------------------------------------------ */

static void test_error_print(void **state)
{
    (void)state;
    char text[1024];
    snag_config config;
    snag_buf buf = snag_buf_on(text, sizeof text);
    assert_int_equal(snag_config_parse(&config, SNAG_STR(SOURCE "rules:\n  é: { event: A }\n"),
                                       "x/y.yaml", no_environment),
                     SNAG_CONFIG);
    assert_int_equal(config.error_count, 2);
    CHECK_STR(config.base_dir, "x");
    snag_config_error_print(&buf, &config, &config.errors[0]);
    CHECK_BUF(&buf, "x/y.yaml:4:3: \"é\": the name of a rule is 1 to 64 letters, digits, - and _, "
                    "beginning with a letter\n"
                    "     4 |   é: { event: A }\n"
                    "       |   ^\n");
    snag_config_free(&config);
}

/* A tab in a file of ours would be a fault to the tidy test. */
static void test_tab(void **state)
{
    (void)state;
    snag_config config;
    assert_int_equal(snag_config_parse(&config, SNAG_STR("pipeline: care\nrules:\n\tstuck: {}\n"),
                                       "x.yaml", no_environment),
                     SNAG_CONFIG);
    assert_int_equal(config.errors[0].diag.line, 3);
    assert_string_equal(config.errors[0].diag.text, "indented with a tab; YAML wants blanks");
    snag_config_free(&config);
}

static void test_file_missing(void **state)
{
    (void)state;
    snag_config config;
    snag_diag diag;
    assert_int_equal(snag_config_load(&config, "no/such/file.yaml", no_environment, &diag), SNAG_IO);
    assert_non_null(strstr(diag.text, "no/such/file.yaml"));
    snag_config_free(&config);
}

/* More findings than are kept: their number is told, and memory holds. */
static void test_many_findings(void **state)
{
    (void)state;
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    snag_buf buf = snag_buf_on(text, TEXT_BYTES);
    snag_config config;
    snag_buf_str_put(&buf, SNAG_STR(SOURCE));
    for (int i = 0; i < 1000; i++)
        snag_buf_printf(&buf, "x%d: 1\n", i);
    assert_int_equal(snag_config_parse(&config, snag_buf_str(&buf), "x.yaml", no_environment), SNAG_CONFIG);
    assert_in_range(config.error_count, 100, 500);
    assert_non_null(strstr(config.errors[config.error_count - 1].diag.text, "more findings"));
    snag_config_free(&config);
    memset(text, '\n', TEXT_BYTES);
    assert_int_equal(
        snag_config_parse(&config, snag_str_of(text, TEXT_BYTES), "x.yaml", no_environment),
        SNAG_CONFIG);
    snag_config_free(&config);
    free(text);
}

/* The largest files still have room: much expression text, then the most keys there may be. */
static void test_large(void **state)
{
    (void)state;
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    snag_buf buf = snag_buf_on(text, TEXT_BYTES);
    snag_config config;
    static const char *const pers[] = {"customer", "line", "call", "spare"}; /* one cell holds some thirty */
    snag_buf_str_put(&buf, SNAG_STR(SOURCE "rules:\n"));
    for (int i = 0; i < 120; i++) {
        snag_buf_printf(&buf, "  r%d: { event: E%d, per: %s, count: 1, until: U, where: \"line == '0'", i, i,
                        pers[i % 4]);
        for (int k = 0; k < 125; k++)
            snag_buf_printf(&buf, " || line=='%d'", k);
        snag_buf_str_put(&buf, SNAG_STR("\" }\n"));
    }
    assert_true(!buf.full && buf.size > TEXT_BYTES / 2);
    assert_int_equal(snag_config_parse(&config, snag_buf_str(&buf), "x.yaml", no_environment), SNAG_OK);
    assert_int_equal(config.pipeline.rule_count, 120);
    snag_config_free(&config);
    buf.size = 0;
    snag_buf_str_put(&buf, SNAG_STR("pipeline: ["));
    while (buf.size + 2 < TEXT_BYTES)
        snag_buf_str_put(&buf, SNAG_STR("a,"));
    assert_int_equal(snag_config_parse(&config, snag_buf_str(&buf), "x.yaml", no_environment), SNAG_CONFIG);
    snag_config_free(&config);
    free(text);
}

static void file_read(const char *path, snag_buf *buf)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    buf->size = fread(buf->data, 1, buf->capacity, file);
    assert_true(buf->size < buf->capacity);
    fclose(file);
}

static void findings_print(snag_buf *buf, const snag_config *config)
{
    for (uint32_t i = 0; i < config->error_count; i++) {
        const snag_diag *diag = &config->errors[i].diag;
        snag_buf_printf(buf, "# expect: %u:%u: %s\n", diag->line, diag->column, diag->text);
    }
}

static void wrong_check(const char *path, snag_buf *text, snag_buf *want, snag_buf *got)
{
    static const char mark[] = "# expect: ";
    snag_config config;
    text->size = got->size = 0;
    file_read(path, text);
    text->data[text->size] = '\0';
    const char *expected = strstr(text->data, mark);
    size_t body = expected ? (size_t)(expected - text->data) : text->size;
    snag_err err = snag_config_parse(&config, snag_buf_str(text), path, no_environment);
    findings_print(got, &config);
    *want = snag_buf_on(text->data + body, text->size - body);
    want->size = want->capacity;
    bool same = snag_str_equal(snag_buf_str(want), snag_buf_str(got));
    if (err != SNAG_CONFIG)
        fail_msg("%s is taken as valid", path);
    snag_config_free(&config);
    if (same)
        return;
    if (!getenv("SNAG_BLESS"))
        fail_msg("%s: got\n%.*swant\n%.*s", path, SNAG_FMT(snag_buf_str(got)), SNAG_FMT(snag_buf_str(want)));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(text->data, 1, body, file);
    fwrite(got->data, 1, got->size, file);
    fclose(file);
}

static void each_yaml(const char *folder, void (*check)(const char *path), int least)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[1024];
        size_t size = strlen(entry->d_name);
        if (size < 6 || strcmp(entry->d_name + size - 5, ".yaml") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check(path);
        count++;
    }
    closedir(dir);
    assert_true(count >= least);
}

static void wrong_file(const char *path)
{
    char *block = malloc(3 * TEXT_BYTES);
    assert_non_null(block);
    snag_buf text = snag_buf_on(block, TEXT_BYTES);
    snag_buf got = snag_buf_on(block + TEXT_BYTES, TEXT_BYTES);
    snag_buf want;
    wrong_check(path, &text, &want, &got);
    free(block);
}

static void good_file(const char *path)
{
    snag_config config;
    snag_diag diag;
    if (snag_config_load(&config, path, no_environment, &diag) != SNAG_OK)
        fail_msg("%s: %u:%u: %s", path, config.errors[0].diag.line, config.errors[0].diag.column,
                 config.errors[0].diag.text);
    snag_config_free(&config);
}

static void test_wrong_files(void **state)
{
    (void)state;
    each_yaml("tests/golden/wrong", wrong_file, 60);
}

static void test_shipped(void **state)
{
    (void)state;
    each_yaml("pipelines", good_file, 3);
}

/* --- the manual ---------------------------------------------------------------------------------------- */

static void test_manual(void **state)
{
    (void)state;
    char *block = malloc(TEXT_BYTES);
    assert_non_null(block);
    static const char *const known[] = {"pipeline", "missing", "count", "due", "where", "segment", "bad_time",
                                        "published", "duration", "source", "calendars", "records"};
    snag_str nearest;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        snag_buf buf = snag_buf_on(block, TEXT_BYTES);
        assert_true(snag_manual_print(&buf, snag_str_from(known[i]), &nearest));
        assert_true(buf.size > 0 && !buf.full);
    }
    snag_buf buf = snag_buf_on(block, TEXT_BYTES);
    assert_false(snag_manual_print(&buf, SNAG_STR("sevrity"), &nearest));
    CHECK_STR(nearest, "severity");
    assert_int_equal(buf.size, 0);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_print),
        cmocka_unit_test(test_tab),
        cmocka_unit_test(test_file_missing),
        cmocka_unit_test(test_many_findings),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
