#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/rng.h>

#include "text.h"

static void expect_number(const char *text)
{
    double got = 0, expected = strtod(text, NULL);

    if (!vx_text_number(text, strlen(text), &got))
        fail_msg("%s is no number", text);
    if (got < expected || got > expected || signbit(got) != signbit(expected))
        fail_msg("%s is %.17g, expected %.17g", text, got, expected);
}

static void numbers_are_those_of_the_c_library(void **state)
{
    static const char *const known[] = {
        "0",
        "-0",
        "+1",
        "1.",
        ".5",
        "-.5e-3",
        "1e22",
        "1e23",
        "1E+5",
        "007",
        "1e-45",
        "1e-400",
        "123456789012345",
        "1234567890123456",
        "0.1",
        "0.3",
        "9e9",
        "3.4e38",
        "1e-22",
        "0.00000000000000000000000000000001",
    };
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);
    (void)state;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        expect_number(known[i]);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        int places = (int)vx_rng_below(&rng, 18);

        if (i % 2 == 0)
            snprintf(text, sizeof(text), "%.*f", places, vx_rng_normal(&rng) * 1000);
        else
            snprintf(text, sizeof(text), "%.*e", places, vx_rng_normal(&rng) * 1e20);
        expect_number(text);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = { "",    "+",    "-",     ".",     "e5",  "1e",   "1e+",
                                       "1 ",  " 1",   "inf",   "nan",   "0x1", "1..2", "--1",
                                       "1,0", "1e39", "-1e39", "1e5.0", "1-" };
    char long_one[130];
    double number = 7;
    (void)state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (vx_text_number(bad[i], strlen(bad[i]), &number))
            fail_msg("%s is taken", bad[i]);
    memset(long_one, '0', sizeof(long_one));
    assert_true(vx_text_number(long_one, 127, &number));
    assert_false(vx_text_number(long_one, 128, &number));
}

static void whole_numbers_end_at_the_largest(void **state)
{
    uint64_t number = 0;
    (void)state;

    assert_true(vx_text_whole("18446744073709551615", 20, UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_false(vx_text_whole("18446744073709551616", 20, UINT64_MAX, &number));
    assert_false(vx_text_whole("11", 2, 10, &number));
    assert_false(vx_text_whole("+1", 2, 10, &number));
    assert_false(vx_text_whole("", 0, 10, &number));
}

static void lines_are_counted_from_one(void **state)
{
    const char text[] = "a\n\nbc";
    vx_lines lines = { .at = text, .end = text + strlen(text) };
    (void)state;

    assert_true(vx_lines_next(&lines) && lines.number == 1 && lines.size == 1);
    assert_true(vx_lines_next(&lines) && lines.number == 2 && lines.size == 0);
    assert_true(vx_lines_next(&lines) && lines.number == 3 && lines.size == 2);
    assert_false(vx_lines_next(&lines));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_c_library),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(whole_numbers_end_at_the_largest),
        cmocka_unit_test(lines_are_counted_from_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
