/* SPDX-License-Identifier: Apache-2.0
 *
 * Days off from iCalendar files: what is understood, and that nothing else is passed over in silence.
 */
#include "config/ics.h"

#include "check.h"

#define BEGIN "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
#define END "END:VCALENDAR\r\n"
#define EVENT(lines) "BEGIN:VEVENT\r\nUID:1\r\n" lines "END:VEVENT\r\n"
#define ONE(lines) BEGIN EVENT(lines) END

enum { MAX = 4096 };

static int64_t days[MAX];

static void understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t count;
        int64_t first;
        int64_t last;
    } rows[] = {
        {ONE("DTSTART;VALUE=DATE:20260101\r\n"), 1, 20454, 20454},
        {ONE("DTSTART:20260101\r\nSUMMARY:a\r\n b: c\r\nX-WR:1\r\n"), 1, 20454, 20454},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20260104\r\n"), 3, 20454, 20456},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nDURATION:P1W\r\n"), 7, 20454, 20460},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nSTATUS:CANCELLED\r\n"), 0, 0, 0},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY\r\n"), 75, 20454, 47482},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;INTERVAL=10;BYMONTH=1;BYMONTHDAY=1\r\n"), 8,
         20454, 46021},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n"), 2, 20454, 20819},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;UNTIL=20280101T000000Z\r\n"), 3, 20454, 21184},
        {ONE("DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n"), 2, 19782, 21243},
        {ONE("DTSTART;VALUE=DATE:20260101\r\nBEGIN:VALARM\r\nTRIGGER:-PT1H\r\nEND:VALARM\r\n"), 1, 20454,
         20454},
        {BEGIN "BEGIN:VTIMEZONE\r\nTZID:x\r\nBEGIN:STANDARD\r\nDTSTART:16011028T030000\r\nEND:STANDARD\r\n"
               "END:VTIMEZONE\r\n" EVENT("DTSTART;VALUE=DATE:20260101\r\n") END,
         1, 20454, 20454},
        {"\xEF\xBB\xBF" "begin:vcalendar\nbegin:vevent\ndtstart;value=date:20260101\nend:vevent\n"
         "end:vcalendar", 1,
         20454, 20454},
        {BEGIN "CALSCALE:GREGORIAN\r\n" END, 0, 0, 0},
        {BEGIN EVENT("DTSTART:20260101\r\n") END BEGIN EVENT("DTSTART:20260102\r\n") END, 2, 20454, 20455},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_diag diag = {.text = ""};
        uint32_t count = 0;
        if (snag_ics_read(snag_str_from(rows[i].text), days, MAX, &count, &diag) != SNAG_OK)
            fail_msg("row %zu: %u: %s", i, diag.line, diag.text);
        if (count != rows[i].count || (count && (days[0] != rows[i].first ||
                                                 days[count - 1] != rows[i].last)))
            fail_msg("row %zu: %u days, %lld to %lld", i, count, (long long)days[0],
                     count ? (long long)days[count - 1] : 0);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
        const char *words;
    } rows[] = {
        {"", 0, "the file ends before \"END:VCALENDAR\""},
        {"DTSTART:20260101\n", 1, "expected BEGIN:VCALENDAR, not \"DTSTART:20260101\""},
        {BEGIN "no colon\r\n" END, 3, "expected NAME:VALUE, not \"no colon\""},
        {BEGIN EVENT("DTSTART:20260101\r\n"), 6, "the file ends before \"END:VCALENDAR\""},
        {BEGIN EVENT("SUMMARY:x\r\n") END, 6, "an event without DTSTART ends here: \"END:VEVENT\""},
        {ONE("DTSTART:20260101T090000Z\r\n"), 5, "DTSTART: expected a whole day, not \"20260101T090000Z\""},
        {ONE("DTSTART:20260230\r\n"), 5, "DTSTART: expected a whole day, not \"20260230\""},
        {ONE("DTSTART:20260102\r\nDTEND:20260102\r\n"), 7,
         "an event of no day or more than a year ends here: \"END:VEVENT\""},
        {ONE("DTSTART:20260102\r\nDURATION:PT8H\r\n"), 6, "DURATION: expected days, as P2D, not \"PT8H\""},
        {ONE("DTSTART:20260101\r\nRDATE:20270101\r\n"), 6, "not understood: \"RDATE\""},
        {ONE("DTSTART:20260101\r\nEXDATE:20270101\r\n"), 6, "not understood: \"EXDATE\""},
        {ONE("DTSTART:20260101\r\nRECURRENCE-ID:20270101\r\n"), 6, "not understood: \"RECURRENCE-ID\""},
        {ONE("DTSTART:20260525\r\nRRULE:FREQ=YEARLY;BYDAY=-1MO\r\n"), 6,
         "only FREQ=YEARLY with INTERVAL, COUNT, UNTIL and the day itself is understood, not \"BYDAY=-1MO\""},
        {ONE("DTSTART:20260525\r\nRRULE:COUNT=3\r\n"), 6, "a repetition without FREQ=YEARLY: \"COUNT=3\""},
        {ONE("DTSTART:20260525\r\nRRULE:FREQ=YEARLY;BYMONTH=6\r\n"), 7,
         "a repetition on another day than its first: \"BYMONTH\""},
        {BEGIN "BEGIN:VTODO\r\nEND:VTODO\r\n" END, 3, "not understood: a \"VTODO\""},
        {BEGIN "CALSCALE:HEBREW\r\n" END, 3, "a calendar other than GREGORIAN: \"HEBREW\""},
        {BEGIN "END:VEVENT\r\n" END, 3, "nothing that ends here: \"VEVENT\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snag_diag diag = {.text = ""};
        uint32_t count = 0;
        assert_int_equal(snag_ics_read(snag_str_from(rows[i].text), days, MAX, &count, &diag),
                         SNAG_BAD_SYNTAX);
        if (diag.line != rows[i].line || strcmp(diag.text, rows[i].words) != 0)
            fail_msg("row %zu: %u: %s", i, diag.line, diag.text);
    }
    snag_diag diag = {.text = ""};
    uint32_t count = 0;
    assert_int_equal(snag_ics_read(SNAG_STR(ONE("DTSTART:20260101\r\nRRULE:FREQ=YEARLY\r\n")), days, 10,
                                   &count,
                                   &diag), SNAG_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
