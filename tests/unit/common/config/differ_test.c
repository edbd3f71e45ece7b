#include "job_text.h"

#include <string.h>

static const char faults[] = JOB_SMALL "allow_fault_injection: true\n"
                                       "faults:\n"
                                       "  - {slots: [1], kind: zero}\n"
                                       "  - {slots: [2], kind: scale, scale: 3}\n";

static const char wide[] = JOB_HEAD JOB_WORKERS JOB_OPTIMISER "model: {family: mlp, widths: [4]}\n";

static void expect(const char *text, const char *override, const char *expected)
{
    const char *const overrides[] = { override };
    char difference[VX_DIFFERENCE_SIZE] = "?";
    vx_job *job = NULL;
    vx_job *earlier = NULL;
    vx_error err = { 0 };

    vx_assert_ok(parse_job_with(text, overrides, override != NULL, &job, &err), &err);
    vx_assert_ok(parse_job(text, &earlier, &err), &err);
    vx_assert_ok(vx_job_difference(job, earlier, difference), NULL);
    assert_string_equal(difference, expected);
    vx_job_destroy(job);
    vx_job_destroy(earlier);
}

static void the_first_key_that_differs_is_named_with_both_values(void **state)
{
    (void)state;
    expect(JOB_SMALL, NULL, "");
    expect(JOB_SMALL, "seed=7", "seed is 7, was 1");
    expect(JOB_SMALL, "aggregation.flag.lambda=0.25", "aggregation.flag.lambda is 0.25, was 0");
    expect(JOB_SMALL, "optimiser.step_size=0.2", "optimiser.step_size is 0.2, was 0.1");
    expect(faults, "faults[1].scale=4", "faults.scale is 4, was 3");
}

static void ranks_of_a_worker_make_no_other_job_but_blocks_do(void **state)
{
    static const char four_blocks[] =
        JOB_HEAD JOB_MODEL JOB_OPTIMISER "workers: {count: 4, blocks: 4}\n";

    (void)state;
    expect(four_blocks, "workers.ranks=2", "");
    expect(four_blocks, "workers.blocks=2", "workers.blocks is 2, was 4");
    expect(JOB_SMALL, "workers.ranks=2", "workers.blocks is 2, was 1"); /* their default */
}

static void a_list_that_became_longer_or_shorter_is_named(void **state)
{
    (void)state;
    expect(faults, "faults=[]", "faults differs");
    expect(faults, "faults=[{slots: [1], kind: zero}]", "faults differs");
    expect(faults, "faults[2]={slots: [3], kind: zero}", "faults differs");
    expect(faults, "faults[0].slots=[1, 2]", "faults.slots is [1, 2], was [1]");
    expect(wide, "model.widths=[4, 3]", "model.widths is [4, 3], was [4]");
    expect(JOB_SMALL, "model={family: mlp, widths: [3]}", "model.family is mlp, was linear");
}

/* Only the beginnings of long values are shown, but all of them is compared. */
static void long_values_that_differ_at_their_end_differ(void **state)
{
    char override[300] = "data.test_labels=/";

    (void)state;
    memset(override + strlen(override), 'x', 200);
    for (int i = 0; i < 2; i++) {
        const char *const overrides[] = { override };
        char difference[VX_DIFFERENCE_SIZE];
        vx_job *jobs[2] = { NULL, NULL };
        vx_error err = { 0 };

        for (int k = 0; k < 2; k++) {
            override[217] = k == i ? 'y' : 'x';
            vx_assert_ok(parse_job_with(JOB_SMALL, overrides, 1, &jobs[k], &err), &err);
        }
        vx_assert_ok(vx_job_difference(jobs[0], jobs[1], difference), NULL);
        assert_memory_equal(difference, "data.test_labels is ", 20);
        vx_job_destroy(jobs[0]);
        vx_job_destroy(jobs[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_key_that_differs_is_named_with_both_values),
        cmocka_unit_test(ranks_of_a_worker_make_no_other_job_but_blocks_do),
        cmocka_unit_test(a_list_that_became_longer_or_shorter_is_named),
        cmocka_unit_test(long_values_that_differ_at_their_end_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
