#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "document_text.h"
#include "table.h"

static char *print_table(const char *document)
{
    json_t *root = parse_document(document);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    vx_ctl_table_print(out, root);
    (void)fclose(out);
    json_decref(root);
    return text;
}

static void a_status_has_a_head_and_a_line_a_slot(void **state)
{
    char *text = print_table(status_text);

    (void)state; /* refused = duplicate + stale + malformed + over_quota + nonfinite = 1 + 2 + 1 */
    assert_string_equal(
        text, "job       fashion-mnist\n"
              "state     training\n"
              "round     412/1000  41.2%\n"
              "rate      118.3 rounds/s  eta 5s\n"
              "loss      0.431\n"
              "test      accuracy 0.8610  nll 0.4123  (10000 observations, round 400)\n"
              "workers   8/8\n"
              "\n"
              "slot state  inc accepted   late refused    v_i weight     norm host:pid\n"
              "   0 live     2      412      4       4 0.9123 0.1250    1.235 node1:4711\n"
              "   1 absent   0        0      0       0      -      -        - - *\n"
              "* the job injects faults into this worker\n");
    free(text);
}

static char *print_suspects(const char *slots)
{
    json_t *root = json_loads(slots, 0, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    vx_ctl_suspects_print(out, root);
    (void)fclose(out);
    json_decref(root);
    return text;
}

static void a_minority_that_the_rule_leaves_out_is_named(void **state)
{
    static const struct {
        const char *slots, *text;
    } cases[] = {
        { "[]", "" },
        { "[{\"slot\":0,\"weight\":0.5},{\"slot\":1,\"weight\":0.4},{\"slot\":2,\"weight\":0.1}]",
          "suspects  slot 2 weight 0.100 of 0.333\n" },
        { "[{\"slot\":0,\"weight\":1},{\"slot\":1,\"weight\":0},{\"slot\":2,\"weight\":0}]", "" },
        { "[{\"slot\":0,\"weight\":null},{\"slot\":1,\"weight\":null},"
          "{\"slot\":2,\"weight\":null,\"nonfinite\":7}]",
          "suspects  slot 2 7 refused\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = print_suspects(cases[i].slots);

        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void a_held_run_says_since_when_and_why(void **state)
{
    char *text = print_table("{\"format\":1,\"job\":\"j\",\"state\":\"held\",\"round\":3,"
                             "\"rounds\":9,\"percent\":33.3,\"rate\":5.0,\"eta_s\":1,\"live\":2,"
                             "\"workers\":4,\"since_s\":75,\"message\":\"missing slots: 1 and 2\","
                             "\"slots\":[]}");

    (void)state;
    assert_string_equal(
        text, "job       j\n"
              "state     held for 1m15s: missing slots: 1 and 2\n"
              "round     3/9  33.3%\n"
              "rate      -\n"
              "loss      -\n"
              "workers   2/4\n"
              "\n"
              "slot state  inc accepted   late refused    v_i weight     norm host:pid\n");
    free(text);
}

static void a_result_has_a_line_for_each_thing_that_exists(void **state)
{
    vx_ctl_result result = {
        .state = "done",
        .rounds = 1000,
        .rounds_total = 1000,
        .seconds = 12.34,
        .digest = "0123456789abcdef0123456789abcdef",
        .test = { .present = true, .round = 1000, .count = 10000, .nll = 0.4, .accuracy = 0.87 }
    };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    vx_ctl_result_print(out, &result, "runs/a");
    (void)fclose(out);
    assert_string_equal(text,
                        "state     done\n"
                        "rounds    1000/1000\n"
                        "test      accuracy 0.8700  nll 0.4000  (10000 observations, round 1000)\n"
                        "digest    0123456789abcdef0123456789abcdef\n"
                        "seconds   12.3\n"
                        "run dir   runs/a\n");
    free(text);
}

static void a_run_that_failed_at_its_start_has_no_digest(void **state)
{
    vx_ctl_result result = { .state = "failed",
                             .reason = "no evaluator",
                             .rounds_total = 9,
                             .seconds = nan(""),
                             .digest = "00000000000000000000000000000000" };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    vx_ctl_result_print(out, &result, "runs/a");
    (void)fclose(out);
    assert_string_equal(text, "state     failed: no evaluator\n"
                              "rounds    0/9\n"
                              "run dir   runs/a\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_has_a_head_and_a_line_a_slot),
        cmocka_unit_test(a_minority_that_the_rule_leaves_out_is_named),
        cmocka_unit_test(a_held_run_says_since_when_and_why),
        cmocka_unit_test(a_result_has_a_line_for_each_thing_that_exists),
        cmocka_unit_test(a_run_that_failed_at_its_start_has_no_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
