/* SPDX-License-Identifier: Apache-2.0
 *
 * Headlines: what steers a terminal or turns the text around is not let through, and figures are a person's.
 */
#include "engine/headline.h"

#include "check.h"

enum { ROOM = 1 << 16 };

static void check_render(const char *template, const snag_headline_facts *facts, const char *want)
{
    static char block[ROOM];
    snag_arena arena;
    snag_item item = {0};
    snag_signal_spec spec = {.headline = snag_str_from(template)};
    snag_arena_init(&arena, block, sizeof block);
    snag_str got = snag_headline_render(&spec, &item, facts, &arena);
    if (!snag_str_equal(got, snag_str_from(want)))
        fail_msg("%s: got \"%.*s\", want \"%s\"", template, SNAG_FMT(got), want);
}

static void test_steering(void **state)
{
    static const struct {
        const char *customer;
        const char *want;
    } rows[] = {{"a\x1b[2Jb", "a [2Jb"},
                {"a\xC2\x9B" "2Jb", "a 2Jb"},                 /* C1: a terminal's CSI */
                {"a\xC2\x80\xC2\x9F" "b", "a  b"},
                {"a\xE2\x80\xAE" "b\xE2\x80\xAC", "a b "},    /* U+202E, U+202C */
                {"\xE2\x81\xA6" "a\xE2\x81\xA9" "b", " a b"}, /* U+2066, U+2069 */
                {"\xE2\x80\x8F" "a\xD8\x9C" "b", " a b"},     /* U+200F, U+061C */
                {"\xE2\x80\xA8" "a", " a"},                   /* U+2028 */
                {"\xC2\xA0\xC3\xA9\xE2\x80\xA6\xE2\x81\xA5\xE2\x81\xAA\xF0\x9F\x98\x80",
                 "\xC2\xA0\xC3\xA9\xE2\x80\xA6\xE2\x81\xA5\xE2\x81\xAA\xF0\x9F\x98\x80"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_headline_facts facts = {.customer = snag_str_from(rows[i].customer)};
        check_render("{customer}", &facts, rows[i].want);
    }
}

static void test_figures(void **state)
{
    snag_headline_facts facts = {.observed = 5000, .attempts = -1, .value = -1, .usual = 12340};
    (void)state;
    check_render("{observed} in a week, {usual} is usual", &facts, "5000 in a week, 12340 is usual");
    facts = (snag_headline_facts){.attempts = -1, .value = 999.987, .usual = -1};
    check_render("Score {value}", &facts, "Score 999.99");
    facts = (snag_headline_facts){.attempts = 3, .value = 1.0 / 3, .usual = 0.125};
    check_render("{value}, {usual} is usual", &facts, "33.33%, 12.5% is usual");
}

/* Words of our own, each where it holds and where it does not. */
static void test_own(void **state)
{
    const snag_contribution parts[] = {{SNAG_STR("a"), 4}, {SNAG_STR("b"), 0.0001}, {SNAG_STR("c"), 1}};
    snag_headline_facts facts = {.level = 1, .within_ms = 3000, .ran_ms = -1, .observed = -1, .value = 5,
                                 .usual = -1, .attempts = -1, .newest = SNAG_STR("$dead")};
    (void)state;
    check_render("in {.within|72h}.", &facts, "in 72h.");
    facts.level = 2;
    check_render("in {.within|1s}.", &facts, "in 3s.");
    facts.within = SNAG_STR("6 business days");
    check_render("in {.within|1s}.", &facts, "in 6 business days.");
    check_render("in {.ran|1000ms}", &facts, "in 1000ms");
    facts.ran_ms = 1000;
    check_render("in {.ran|1000ms}", &facts, "in 1000ms");
    facts.ran_ms = 1001;
    check_render("in {.ran|1000ms}", &facts, "in 1s1ms");
    check_render("{.found|0}No B", &facts, "No B");
    facts.untimed = true;
    check_render("{.found|0}No B", &facts, "$dead, found by its source");
    facts.observed = 4;
    check_render("{.found|4}A {observed}", &facts, "A 4");
    facts.observed = 3;
    check_render("{.found|4}A {observed}", &facts, "$dead, found by its source");
    check_render("Score {value} from {.parts|a, b and c}", &facts, "Score 5 from a, b and c");
    facts.contributions = parts;
    facts.contribution_count = 3;
    check_render("Score {value} from {.parts|a, b and c}", &facts, "Score 5 from a and c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steering), cmocka_unit_test(test_figures),
                                       cmocka_unit_test(test_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
