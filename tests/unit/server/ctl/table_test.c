#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_text.h"
#include "doubts.h"
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
    assert_string_equal(text,
                        "job       fashion-mnist\n"
                        "state     training\n"
                        "round     412/1000  41.2%\n"
                        "rate      118.3 rounds/s  eta 5s\n"
                        "loss      0.431\n"
                        "test      accuracy 0.8610  nll 0.4123  (10000 observations, round 400)\n"
                        "workers   8/8\n"
                        "refused       slot 0 (4, 1 not finite)\n"
                        "\n"
                        "slot state   inc accepted late refused   v_i weight     norm host:pid\n"
                        "   0 live      2      412    4       4 0.912 0.1250     1.23 node1:4711\n"
                        "   1 absent*   0        0    0       0     -      -        - -\n"
                        "* injects faults, as its job says\n");
    free(text);
}

static void a_status_says_where_the_server_is(void **state)
{
    char *text = print_table("{\"format\":1,\"job\":\"j\",\"state\":\"starting\",\"round\":0,"
                             "\"rounds\":9,\"live\":0,\"workers\":4,\"slots\":[],"
                             "\"endpoints\":[\"tcp://10.0.0.5:7\",\"tcp://[fd00::5]:7\"]}");

    (void)state;
    assert_non_null(strstr(text, "\nserver    tcp://10.0.0.5:7  tcp://[fd00::5]:7\nround "));
    free(text);
}

#define PLACED(state, host, cpus, threads, node)                                                   \
    "{\"state\":\"" state "\",\"host\":\"" host "\",\"cpus\":\"" cpus "\",\"threads\":" threads    \
    ",\"node\":" node "}"

static void a_status_says_on_which_cores_workers_compute(void **state)
{
    static const char head[] = "{\"format\":1,\"job\":\"j\",\"state\":\"starting\",\"slots\":[";
    static const char two[] = PLACED("live", "a", "0-1", "2", "0");
    static const char lost[] = PLACED("lost", "a", "0-1", "2", "0");
    static const char one[] = PLACED("live", "b", "0-1", "1", "null");
    char document[1024];
    char *text = NULL;

    (void)state;
    snprintf(document, sizeof(document), "%s%s,%s,%s,%s,%s,{\"state\":\"live\"}]}", head, two, two,
             lost, two, one);
    text = print_table(document);
    assert_non_null(strstr(text, "\nworkers   0/0\n"
                                 "cores     0-1 of a, NUMA node 0, 2 BLAS threads: slot 0-1,3\n"
                                 "cores     0-1 of b, 1 BLAS thread: slot 4\n"));
    free(text);
}

static void many_places_are_cut(void **state)
{
    char document[4096];
    size_t used =
        (size_t)snprintf(document, sizeof(document), "%s",
                         "{\"format\":1,\"job\":\"j\",\"state\":\"starting\",\"slots\":[");
    char *text = NULL;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        used += (size_t)snprintf(document + used, sizeof(document) - used,
                                 "%s{\"state\":\"live\",\"host\":\"h\",\"cpus\":\"%d\","
                                 "\"threads\":1,\"node\":0}",
                                 i > 0 ? "," : "", i);
    (void)snprintf(document + used, sizeof(document) - used, "]}");
    text = print_table(document);
    for (const char *at = text; (at = strstr(at, "\ncores ")) != NULL; at++)
        lines++;
    assert_int_equal(lines, 9);
    assert_non_null(strstr(text, "cores     ... more: see --json\n"));
    free(text);
}

static void a_held_run_says_since_when_and_why(void **state)
{
    char *text = print_table(
        "{\"format\":1,\"job\":\"j\",\"state\":\"held\",\"round\":3,"
        "\"rounds\":9,\"percent\":33.3,\"rate\":5.0,\"eta_s\":1,\"live\":2,"
        "\"workers\":4,\"ranks\":2,\"since_s\":75,\"message\":\"missing slots: 1 and 2\","
        "\"slots\":[]}");

    (void)state;
    assert_string_equal(text,
                        "job       j\n"
                        "state     held for 1m15s: missing slots: 1 and 2\n"
                        "round     3/9  33.3%\n"
                        "rate      -\n"
                        "loss      -\n"
                        "workers   2/4, 2 ranks each\n"
                        "\n"
                        "slot state   inc accepted late refused   v_i weight     norm host:pid\n");
    free(text);
}

static void a_table_of_large_numbers_and_long_names_fits_a_terminal(void **state)
{
    char *text =
        print_table("{\"format\":1,\"job\":\"j\",\"state\":\"training\",\"slots\":["
                    "{\"slot\":1023,\"state\":\"absent\",\"incarnation\":999,\"accepted\":99999999,"
                    "\"late\":9999,\"stale\":9999999,\"reconstruction\":0.5,\"weight\":0.5,"
                    "\"norm\":1.23456e-30,\"host\":\"a-host-with-quite-a-long-name.example.org\","
                    "\"pid\":4194304,\"injected\":true}]}");

    (void)state;
    assert_non_null(strstr(text, " a-host-with:4194304\n"));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 80);
    free(text);
}

static void expect_doubts(const char *slots, const char *expected)
{
    json_t *list = json_loads(slots, 0, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(list);
    vx_ctl_doubts_print(out, list);
    (void)fclose(out);
    assert_string_equal(text, expected);
    json_decref(list);
    free(text);
}

static void slots_of_little_weight_and_refused_ones_are_named(void **state)
{
    (void)state;
    expect_doubts("[{\"slot\":0,\"weight\":0.49},{\"slot\":1,\"weight\":0.49},"
                  "{\"slot\":2,\"weight\":0.02},{\"slot\":3,\"weight\":null,\"nonfinite\":30}]",
                  "least weight  slot 2 (0.02) of 0.333\n"
                  "refused       slot 3 (30, 30 not finite)\n");
    expect_doubts("[{\"slot\":0,\"malformed\":1},{\"slot\":1,\"stale\":2},{\"slot\":2,"
                  "\"over_quota\":3},{\"slot\":3,\"duplicate\":1},{\"slot\":4,\"stale\":1}]",
                  "refused       slot 0 (1), slot 1 (2), slot 2 (3), 2 more\n");
}

static void a_rule_that_weighs_alike_or_selects_a_few_doubts_nobody(void **state)
{
    (void)state;
    expect_doubts("[{\"slot\":0,\"weight\":0.4},{\"slot\":1,\"weight\":0.3},"
                  "{\"slot\":2,\"weight\":0.3}]",
                  "");
    expect_doubts("[{\"slot\":0,\"weight\":0},{\"slot\":1,\"weight\":1},"
                  "{\"slot\":2,\"weight\":0}]",
                  "");
    expect_doubts("[{\"slot\":0,\"weight\":null}]", "");
    expect_doubts("[]", "");
}

static void expect_result(const vx_ctl_result *result, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    vx_ctl_result_print(out, result, NULL, "runs/a");
    (void)fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void a_result_has_a_line_for_each_thing_that_exists(void **state)
{
    vx_ctl_result result = { .state = "done",
                             .rounds = 1000,
                             .rounds_total = 1000,
                             .seconds = 12.34,
                             .digest = "0123456789abcdef0123456789abcdef",
                             .test = { .present = true,
                                       .round = 1000,
                                       .count = 10000,
                                       .nll = 0.4,
                                       .accuracy = 0.87,
                                       .deviance = nan("") } };

    (void)state;
    expect_result(&result,
                  "state     done\n"
                  "rounds    1000/1000\n"
                  "test      accuracy 0.8700  nll 0.4000  (10000 observations, round 1000)\n"
                  "digest    0123456789abcdef0123456789abcdef\n"
                  "seconds   12.3\n"
                  "run dir   runs/a\n");
}

static void a_likelihood_without_classes_has_a_deviance(void **state)
{
    vx_ctl_result result = { .state = "done",
                             .rounds = 9,
                             .rounds_total = 9,
                             .seconds = 1,
                             .digest = "0123456789abcdef0123456789abcdef",
                             .test = { .present = true,
                                       .round = 9,
                                       .count = 50,
                                       .nll = 1.5,
                                       .accuracy = nan(""),
                                       .deviance = 1.0625 } };

    (void)state;
    expect_result(&result, "state     done\n"
                           "rounds    9/9\n"
                           "test      deviance 1.062  nll 1.5000  (50 observations, round 9)\n"
                           "digest    0123456789abcdef0123456789abcdef\n"
                           "seconds   1.0\n"
                           "run dir   runs/a\n");
}

static void a_run_that_failed_at_its_start_has_no_digest(void **state)
{
    vx_ctl_result result = { .state = "failed",
                             .reason = "no evaluator",
                             .rounds_total = 9,
                             .seconds = nan(""),
                             .digest = "00000000000000000000000000000000" };

    (void)state;
    expect_result(&result, "state     failed: no evaluator\n"
                           "rounds    0/9\n"
                           "run dir   runs/a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_has_a_head_and_a_line_a_slot),
        cmocka_unit_test(a_status_says_where_the_server_is),
        cmocka_unit_test(a_status_says_on_which_cores_workers_compute),
        cmocka_unit_test(many_places_are_cut),
        cmocka_unit_test(a_held_run_says_since_when_and_why),
        cmocka_unit_test(a_table_of_large_numbers_and_long_names_fits_a_terminal),
        cmocka_unit_test(slots_of_little_weight_and_refused_ones_are_named),
        cmocka_unit_test(a_rule_that_weighs_alike_or_selects_a_few_doubts_nobody),
        cmocka_unit_test(a_result_has_a_line_for_each_thing_that_exists),
        cmocka_unit_test(a_likelihood_without_classes_has_a_deviance),
        cmocka_unit_test(a_run_that_failed_at_its_start_has_no_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
