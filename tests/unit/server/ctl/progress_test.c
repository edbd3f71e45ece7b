#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_text.h"
#include "progress.h"

static vx_ctl_report training(void)
{
    json_t *root = parse_document(status_text);
    vx_ctl_report report;

    vx_ctl_report_read(root, &report);
    json_decref(root);
    return report;
}

static void a_line_says_all_that_matters(void **state)
{
    vx_ctl_report report = training();
    char text[VX_CTL_PROGRESS_SIZE];

    (void)state;
    assert_string_equal(
        vx_ctl_progress_line(&report, text),
        "round 412/1000  41.2%  loss 0.431  test 0.861  8/8 workers  118.3/s  eta 5s");
}

static void a_line_of_a_long_run_fits_a_terminal(void **state)
{
    vx_ctl_report report = training();
    char text[VX_CTL_PROGRESS_SIZE];

    (void)state;
    report.round = 41200;
    report.rounds = 100000;
    report.live = report.workers = 64;
    report.rate = 1118.3;
    report.eta_s = 3000;
    assert_string_equal(
        vx_ctl_progress_line(&report, text),
        "round 41200/100000  loss 0.431  test 0.861  64/64 workers  1118.3/s  eta 50m00s");
    assert_in_range(strlen(text), 70, 79);
}

static void numbers_that_do_not_exist_are_dashes(void **state)
{
    vx_ctl_report report = training();
    char text[VX_CTL_PROGRESS_SIZE];

    (void)state;
    report.loss = report.rate = report.eta_s = nan("");
    report.test.present = false;
    assert_string_equal(vx_ctl_progress_line(&report, text),
                        "round 412/1000  41.2%  loss -  8/8 workers  -/s  eta -");
}

static void small_and_huge_numbers_stay_readable(void **state)
{
    vx_ctl_report report = training();
    char text[VX_CTL_PROGRESS_SIZE];

    (void)state;
    report.loss = 1.23e15;
    report.rate = 0.0123;
    report.eta_s = 47800;
    report.test.accuracy = nan(""); /* a likelihood without classes */
    assert_string_equal(vx_ctl_progress_line(&report, text),
                        "round 412/1000  loss 1.23e+15  test nll 0.4123  8/8 workers  0.012/s  "
                        "eta 13h16m");
    report.loss = 0.00012345;
    assert_non_null(strstr(vx_ctl_progress_line(&report, text), "loss 0.000123 "));
}

static void a_held_round_shows_the_servers_message(void **state)
{
    vx_ctl_report report = training();
    char text[VX_CTL_PROGRESS_SIZE];

    (void)state;
    (void)snprintf(report.state, sizeof(report.state), "held");
    (void)snprintf(report.message, sizeof(report.message), "missing slots: 0, 1 and 2");
    report.live = 5;
    assert_string_equal(vx_ctl_progress_line(&report, text),
                        "round 412/1000  41.2%  5/8 workers  held: missing slots: 0, 1 and 2");
}

static void durations_have_two_units_at_most(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        { 0, "0s" },
        { 4.97, "5s" },
        { 59.6, "1m00s" },
        { 200, "3m20s" },
        { 7500, "2h05m" },
        { 3 * 86400 + 4 * 3600, "3d04h" },
        { 86400.0 * 1000, "-" },
        { -1, "-" },
    };
    char text[VX_CTL_DURATION_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(vx_ctl_duration(cases[i].seconds, text), cases[i].text);
    assert_string_equal(vx_ctl_duration(nan(""), text), "-");
    assert_string_equal(vx_ctl_duration(HUGE_VAL, text), "-");
}

/* Shows the document at each time, then ends. Returns what was written. */
static char *show(vx_ctl_progress progress, const uint64_t *times_ms, size_t count)
{
    json_t *root = parse_document(status_text);
    vx_ctl_report report;
    char *text = NULL;
    size_t size = 0;

    progress.out = open_memstream(&text, &size);
    progress.run_dir = "runs/r";
    for (size_t i = 0; i < count; i++) {
        vx_ctl_report_read(root, &report);
        report.round += i;
        vx_ctl_progress_show(&progress, times_ms[i], root, &report);
    }
    vx_ctl_progress_end(&progress);
    (void)fclose(progress.out);
    json_decref(root);
    return text;
}

static void a_terminal_line_is_rewritten_and_ended_once(void **state)
{
    static const uint64_t times[] = { 0, 200 };
    char *text =
        show((vx_ctl_progress){ .style = VX_CTL_PROGRESS_TERMINAL, .columns = 20 }, times, 2);

    (void)state;
    assert_string_equal(text, "\rround 412/1000  41.\033[K\rround 413/1000  41.\033[K\n");
    free(text);
}

static void plain_lines_come_at_intervals_without_escape_codes(void **state)
{
    static const uint64_t times[] = { 100, 300, 2099, 2100, 2300 };
    char *text = show((vx_ctl_progress){ .style = VX_CTL_PROGRESS_PLAIN }, times, 5);

    (void)state;
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\r'));
    assert_string_equal(text,
                        "round 412/1000  41.2%  loss 0.431  test 0.861  8/8 workers  118.3/s  "
                        "eta 5s\n"
                        "round 415/1000  41.2%  loss 0.431  test 0.861  8/8 workers  118.3/s  "
                        "eta 5s\n");
    free(text);
}

static void a_plain_line_that_says_the_same_is_rare(void **state)
{
    json_t *root = parse_document(status_text);
    vx_ctl_report report = training();
    char *text = NULL;
    size_t size = 0, lines = 0;
    vx_ctl_progress progress = { .style = VX_CTL_PROGRESS_PLAIN,
                                 .out = open_memstream(&text, &size) };

    (void)state;
    for (uint64_t now_ms = 0; now_ms <= 60000; now_ms += 200)
        vx_ctl_progress_show(&progress, now_ms, root, &report);
    (void)fclose(progress.out);
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 3); /* at 0, 30 and 60 seconds */
    free(text);
    json_decref(root);
}

static void json_reports_are_objects_a_line_without_the_slots(void **state)
{
    static const uint64_t times[] = { 0, 200, 2000 };
    char *text = show((vx_ctl_progress){ .style = VX_CTL_PROGRESS_JSON }, times, 3);
    const size_t first = strcspn(text, "\n") + 1; /* gcc at -O3 takes a pointer to dangle */
    json_t *root = NULL;

    (void)state;
    assert_int_equal(first + strcspn(text + first, "\n") + 1, strlen(text));
    assert_memory_equal(text, "{\"event\":\"progress\",\"run_dir\":\"runs/r\",\"format\":1,", 50);
    root = json_loads(text + first, 0, NULL);
    assert_non_null(root);
    vx_assert_close(json_number_value(json_object_get(root, "percent")), 41.2, 1e-15, 0);
    assert_null(json_object_get(root, "slots"));
    json_decref(root);
    free(text);
}

static void quiet_is_silent(void **state)
{
    static const uint64_t times[] = { 0, 2000 };
    char *text = show((vx_ctl_progress){ .style = VX_CTL_PROGRESS_NONE }, times, 2);

    (void)state;
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_all_that_matters),
        cmocka_unit_test(a_line_of_a_long_run_fits_a_terminal),
        cmocka_unit_test(numbers_that_do_not_exist_are_dashes),
        cmocka_unit_test(small_and_huge_numbers_stay_readable),
        cmocka_unit_test(a_held_round_shows_the_servers_message),
        cmocka_unit_test(durations_have_two_units_at_most),
        cmocka_unit_test(a_terminal_line_is_rewritten_and_ended_once),
        cmocka_unit_test(plain_lines_come_at_intervals_without_escape_codes),
        cmocka_unit_test(a_plain_line_that_says_the_same_is_rare),
        cmocka_unit_test(json_reports_are_objects_a_line_without_the_slots),
        cmocka_unit_test(quiet_is_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
