#include <math.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "document.h"
#include "document_text.h"

static void a_status_document_becomes_a_report(void **state)
{
    json_t *root = parse_document(status_text);
    vx_ctl_report report;

    (void)state;
    vx_ctl_report_read(root, &report);
    assert_string_equal(report.job, "fashion-mnist");
    assert_string_equal(report.state, "training");
    assert_int_equal(report.round, 412);
    assert_int_equal(report.rounds, 1000);
    assert_int_equal(report.live, 8);
    vx_assert_close(report.loss, 0.431, 1e-15, 0);
    assert_true(report.test.present);
    assert_int_equal(report.test.round, 400);
    vx_assert_close(report.test.accuracy, 0.861, 1e-15, 0);
    json_decref(root);
}

static void what_is_missing_or_null_or_of_another_type_has_no_value(void **state)
{
    json_t *root = parse_document("{\"format\":1,\"loss\":null,\"rate\":\"fast\",\"round\":-3,"
                                  "\"state\":7,\"test\":null}");
    vx_ctl_report report;

    (void)state;
    vx_ctl_report_read(root, &report);
    assert_true(isnan(report.loss) && isnan(report.rate) && isnan(report.eta_s));
    assert_int_equal(report.round, 0);
    assert_string_equal(report.state, "");
    assert_false(report.test.present);
    json_decref(root);
}

static void a_text_holds_nothing_that_a_terminal_obeys(void **state)
{
    json_t *root = parse_document("{\"format\":1,\"message\":\"a\\u001b[2Jb\\u009bc\\u007f\\n\","
                                  "\"job\":\"gr\\u00fcn\"}");
    vx_ctl_report report;

    (void)state;
    vx_ctl_report_read(root, &report);
    assert_string_equal(report.message, "a?[2Jb??c??");
    assert_string_equal(report.job, "gr\303\274n");
    json_decref(root);
}

static void a_long_text_is_cut_between_characters(void **state)
{
    json_t *root = parse_document("{\"format\":1,\"a\":\"xxxx\\u00fc\"}");
    char text[6];

    (void)state;
    vx_ctl_json_text(root, "a", text, sizeof(text));
    assert_string_equal(text, "xxxx");
    json_decref(root);
}

static void other_bytes_are_refused_with_their_name(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "", "server.json:-1: '[' or '{' expected near end of file" },
        { "[1]", "server.json: expected a JSON object with \"format\": 1" },
        { "{\"format\":2}", "server.json: expected a JSON object with \"format\": 1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vx_cbytes text = { (const uint8_t *)cases[i].text, strlen(cases[i].text) };
        json_t *root = NULL;
        vx_error err = { 0 };

        vx_assert_status(vx_ctl_document_parse(text, "server.json", &root, &err), VX_ERR_DATA,
                         &err);
        if (i > 0) /* the first one's text is the library's */
            assert_string_equal(err.message, cases[i].message);
        assert_null(root);
    }
}

static void the_outcome_does_not_say_the_same_twice(void **state)
{
    static const struct {
        vx_ctl_result result;
        const char *outcome;
    } cases[] = {
        { { .state = "done" }, "done" },
        { { .state = "failed", .reason = "no evaluator" }, "failed: no evaluator" },
        { { .state = "stopped", .reason = "stopped at round 3 of 9" }, "stopped at round 3 of 9" },
    };
    char text[VX_CTL_OUTCOME_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(vx_ctl_result_outcome(&cases[i].result, text), cases[i].outcome);
}

static void result_json_is_read_from_the_run_directory(void **state)
{
    static const char text[] =
        "{\"format\":1,\"state\":\"done\",\"reason\":\"\",\"job\":\"j\",\"epoch\":2,\"rounds\":9,"
        "\"rounds_total\":9,\"seconds\":12.5,"
        "\"parameters_digest\":\"0123456789abcdef0123456789abcdef\",\"test\":null}";
    char *folder = vx_test_folder_create();
    char *path = vx_path_join(folder, "result.json");
    vx_ctl_result result;
    json_t *root = NULL;

    (void)state;
    vx_assert_status(vx_ctl_result_load(folder, &result, &root, NULL), VX_ERR_NOT_FOUND, NULL);
    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)text, sizeof(text) - 1 }, 0644, NULL),
        NULL);
    vx_assert_ok(vx_ctl_result_load(folder, &result, &root, NULL), NULL);
    assert_string_equal(result.state, "done");
    assert_int_equal(result.epoch, 2);
    assert_string_equal(result.digest, "0123456789abcdef0123456789abcdef");
    vx_assert_close(result.seconds, 12.5, 0, 0);
    assert_string_equal(json_string_value(json_object_get(root, "job")), "j");
    json_decref(root);
    vx_free(path);
    vx_test_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_document_becomes_a_report),
        cmocka_unit_test(what_is_missing_or_null_or_of_another_type_has_no_value),
        cmocka_unit_test(a_text_holds_nothing_that_a_terminal_obeys),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(other_bytes_are_refused_with_their_name),
        cmocka_unit_test(the_outcome_does_not_say_the_same_twice),
        cmocka_unit_test(result_json_is_read_from_the_run_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
