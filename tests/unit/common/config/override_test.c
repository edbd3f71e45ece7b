#include "job_text.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char with_faults[] = JOB_SMALL "allow_fault_injection: true\n"
                                            "faults:\n"
                                            "  - {slots: [1], kind: zero}\n"
                                            "  - {slots: [2], kind: nan}\n";

static vx_job *must_set(const char *text, const char *const *overrides, size_t count)
{
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(parse_job_with(text, overrides, count, &job, &err), &err);
    return job;
}

static void overrides_replace_add_and_the_last_wins(void **state)
{
    static const char *const overrides[] = {
        "rounds=5",
        "rounds=7",
        "seed=9",
        "model={family: mlp, widths: [3], activation: tanh}",
        "limits.log_level=debug",
        "model.widths=[64,32]",
        "data.train_features=/x=y",
    };
    vx_job *job = must_set(JOB_SMALL, overrides, COUNT_OF(overrides));
    (void)state;

    assert_int_equal(job->rounds, 7);
    assert_int_equal(job->seed, 9);
    assert_int_equal(job->model.family, VX_JOB_FAMILY_MLP);
    assert_int_equal(job->model.activation, VX_JOB_ACTIVATION_TANH);
    assert_int_equal(job->model.widths_count, 2);
    assert_int_equal(job->model.widths[1], 32);
    assert_int_equal(job->limits.log_level, VX_LOG_DEBUG);
    assert_string_equal(job->data.train_features, "/x=y");
    vx_job_destroy(job);
}

static void elements_of_lists_can_be_changed_and_appended(void **state)
{
    static const char *const overrides[] = {
        "faults[0].scale=5",   "faults[1].slots[1]=3", "faults[2].kind=crash",
        "faults[2].slots=[0]", "faults[1].slots[0]=0",
    };
    vx_job *job = must_set(with_faults, overrides, COUNT_OF(overrides));
    (void)state;

    assert_int_equal(job->faults_count, 3);
    vx_assert_close(job->faults[0].scale, 5, 0, 0);
    assert_int_equal(job->faults[1].slots_count, 2);
    assert_int_equal(job->faults[1].slots[0], 0);
    assert_int_equal(job->faults[1].slots[1], 3);
    assert_int_equal(job->faults[2].kind, VX_JOB_FAULT_CRASH);
    vx_job_destroy(job);
}

static void a_list_can_be_emptied(void **state)
{
    static const char *const overrides[] = { "faults=[]", "allow_fault_injection=false" };
    vx_job *job = must_set(with_faults, overrides, COUNT_OF(overrides));
    (void)state;

    assert_int_equal(job->faults_count, 0);
    vx_job_destroy(job);
}

static void a_required_key_may_come_from_an_override_alone(void **state)
{
    static const char *const overrides[] = { "workers.count=3", "optimiser.step_size=1" };
    vx_job *job = must_set(JOB_HEAD JOB_MODEL, overrides, COUNT_OF(overrides));
    (void)state;

    assert_int_equal(job->workers.count, 3);
    vx_job_destroy(job);
}

static void an_error_blames_the_override(void **state)
{
    static const struct {
        const char *override, *message;
    } cases[] = {
        { "rounds=abc", "--set rounds=abc: rounds: expected a whole number from 1 to "
                        "281474976710656, found \"abc\"" },
        { "rounds=", "--set rounds=: rounds: expected a whole number from 1 to 281474976710656, "
                     "found nothing" },
        { "rounds", "--set rounds: expected section.key=value" },
        { "=5", "--set =5: expected section.key=value" },
        { "", "--set : expected section.key=value" },
        { "data.=5", "--set data.=5: data: expected section.key=value" },
        { "rounds.x=3", "--set rounds.x=3: rounds: expected no key below this one" },
        { "rounds[0]=3", "--set rounds[0]=3: rounds: expected no index: this is not a list" },
        { "agregation.rule=mean", "--set agregation.rule=mean: expected a known key, found "
                                  "\"agregation\"; did you mean aggregation" },
        { "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk=1",
          "--set kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk=1: expected a known key, found "
          "\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...\"" },
        { "byzantine=1", "--set byzantine=1: expected a known key, found \"byzantine\"; did you "
                         "mean aggregation.byzantine" },
        { "faults.kind=zero", "--set faults.kind=zero: faults: expected an index, like [0]" },
        { "faults[x]=1", "--set faults[x]=1: faults: expected the number of an element in [ ]" },
        { "faults[12345678]=1",
          "--set faults[12345678]=1: faults: expected the number of an element in [ ]" },
        { "faults[5].kind=zero",
          "--set faults[5].kind=zero: faults: expected an element up to [2], found [5]" },
        { "faults[0]kind=zero", "--set faults[0]kind=zero: faults[0]: expected section.key=value" },
        { "faults[2].kind=zero", "--set faults[2].kind=zero: faults[2].slots: expected a list of "
                                 "1 to 1024, found no such key" },
        { "faults[0].slots=3",
          "--set faults[0].slots=3: faults[0].slots: expected a list of 1 to 1024, found \"3\"" },
        { "faults[0].slots[0]=9", "--set faults[0].slots[0]=9: faults[0].slots[0]: expected a slot "
                                  "below workers.max_workers (4), found 9" },
        { "workers={count: 2, quorum: 3}", "--set workers={count: 2, quorum: 3}: workers.quorum: "
                                           "expected at most workers.count (2), found 3" },
        { "aggregation.byzantine=4", "--set aggregation.byzantine=4: aggregation.byzantine: "
                                     "expected less than workers.count (4), found 4" },
        { "model={family: linear, depth: 3}",
          "--set model={family: linear, depth: 3}: model: expected a known key, found \"depth\"" },
        { "rounds=*x", "--set rounds=*x: expected plain YAML, found an alias (*)" },
        { "rounds=&x 1", "--set rounds=&x 1: expected plain YAML, found an anchor (&)" },
        { "rounds=!!int 1", "--set rounds=!!int 1: expected plain YAML, found a tag (!)" },
        { "model.widths=[1, 2", "--set model.widths=[1, 2: expected YAML: did not find expected "
                                "',' or ']' while parsing a flow sequence" },
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vx_job *job = NULL;
        vx_error err = { 0 };

        vx_assert_status(parse_job_with(with_faults, &cases[i].override, 1, &job, &err),
                         VX_ERR_CONFIG, &err);
        assert_string_equal(err.message, cases[i].message);
        assert_null(job);
    }
}

static void among_several_overrides_the_wrong_one_is_blamed(void **state)
{
    static const char *const overrides[] = { "rounds=3", "data.batch=0", "seed=4" };
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    vx_assert_status(parse_job_with(JOB_SMALL, overrides, 3, &job, &err), VX_ERR_CONFIG, &err);
    assert_string_equal(err.message, "--set data.batch=0: data.batch: expected a whole number from "
                                     "1 to 1000000000, found \"0\"");
}

static void a_long_override_is_cut_in_the_message(void **state)
{
    static char text[2000] = "name=";
    const char *const overrides[] = { text };
    vx_job *job = NULL;
    vx_error err = { 0 };
    (void)state;

    memset(text + 5, 'X', sizeof(text) - 6);
    vx_assert_status(parse_job_with(JOB_SMALL, overrides, 1, &job, &err), VX_ERR_CONFIG, &err);
    assert_non_null(
        strstr(err.message, "XXX...: name: expected 1 to 63 of a-z, 0-9 and -, found "));
    assert_true(strlen(err.message) < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overrides_replace_add_and_the_last_wins),
        cmocka_unit_test(elements_of_lists_can_be_changed_and_appended),
        cmocka_unit_test(a_list_can_be_emptied),
        cmocka_unit_test(a_required_key_may_come_from_an_override_alone),
        cmocka_unit_test(an_error_blames_the_override),
        cmocka_unit_test(among_several_overrides_the_wrong_one_is_blamed),
        cmocka_unit_test(a_long_override_is_cut_in_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
