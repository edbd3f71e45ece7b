#include "job_text.h"

#include <string.h>

#include <vx_base/alloc.h>

static const char text[] =
    JOB_HEAD "  augment: [{kind: shift, slots: [1]}]\n"
             "model: {family: mlp, widths: [5, 3], loss: {kind: focal, gamma: 1}, options: "
             "\"\"}\n" JOB_WORKERS "aggregation: {pre: [nnm]}\n"
             "optimiser: {step_size: 1e-1}\n"
             "allow_fault_injection: true\n"
             "faults:\n"
             "  - slots: [1, 2]\n"
             "    kind: sign_flip\n";

/* Whatever comes, there is a job or a message; the sanitizers see the rest. */
static void feed(const char *bytes, size_t size)
{
    vx_job *job = NULL;
    vx_error err = { 0 };
    vx_status status = vx_job_parse((vx_cbytes){ (const uint8_t *)bytes, size }, "job.yaml",
                                    "/run/job", NULL, 0, &job, &err);

    if (status == VX_OK) {
        assert_non_null(job);
    } else {
        assert_int_equal(status, VX_ERR_CONFIG);
        assert_memory_equal(err.message, "job.yaml", 8);
        assert_null(strchr(err.message, '\n'));
    }
    vx_job_destroy(job);
}

static void every_changed_byte_gives_a_job_or_a_message(void **state)
{
    static const char bytes[] = "\x00\xff\x80\n\t\"'[]{}:,-#&*!|>%@`0a ";
    char *copy = vx_malloc(sizeof(text) - 1);
    (void)state;

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        memcpy(copy, text, sizeof(text) - 1);
        for (size_t j = 0; j < sizeof(bytes) - 1; j++) {
            copy[i] = bytes[j];
            feed(copy, sizeof(text) - 1);
        }
        for (int bit = 0; bit < 8; bit++) {
            copy[i] = (char)(text[i] ^ (1 << bit));
            feed(copy, sizeof(text) - 1);
        }
    }
    vx_free(copy);
}

static void every_truncation_gives_a_job_or_a_message(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof(text); size++) {
        char *copy = vx_malloc(size + 1); /* exactly as long, so that reading on is seen */

        memcpy(copy, text, size);
        copy = vx_realloc(copy, size > 0 ? size : 1);
        feed(copy, size);
        vx_free(copy);
    }
}

static void every_cut_of_an_override_gives_a_job_or_a_message(void **state)
{
    static const char full[] = "faults[0].slots[1]={a: [b, 'c'], d: \"e\"}";
    (void)state;

    for (size_t from = 0; from < sizeof(full); from++)
        for (size_t to = from; to < sizeof(full); to++) {
            char *override = vx_strndup(full + from, to - from);
            const char *const overrides[] = { override };
            vx_job *job = NULL;
            vx_error err = { 0 };
            vx_status status = parse_job_with(text, overrides, 1, &job, &err);

            assert_true(status == VX_OK || status == VX_ERR_CONFIG);
            vx_job_destroy(job);
            vx_free(override);
        }
}

/* libyaml takes memory past the hook; all else, libcyaml too, is failed once. */
static void parse_survives_the_failure_of_every_allocation(void **state)
{
    static const char *const overrides[] = { "model.widths=[7]", "limits.connections=5" };
    vx_job *job = NULL;
    int k = 0;
    (void)state;

    for (vx_status status = VX_ERR_NOMEM; status != VX_OK; k++) {
        int left = k;
        vx_error err = { 0 };

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = parse_job_with(text, overrides, 2, &job, &err);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && job == NULL));
        if (status == VX_ERR_NOMEM)
            assert_string_equal(err.message, "job.yaml: out of memory");
    }
    assert_true(k > 20);
    vx_job_destroy(job);
}

static void print_survives_the_failure_of_every_allocation(void **state)
{
    vx_job *job = NULL;
    vx_digest digest;
    (void)state;

    vx_assert_ok(parse_job(text, &job, NULL), NULL);
    for (int k = 0, done = 0; !done; k++) {
        int left = k;
        vx_bytes yaml = { NULL, 0 };
        vx_status status = VX_OK;

        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_job_print_yaml(job, &yaml);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || (status == VX_ERR_NOMEM && yaml.at == NULL));
        done = status == VX_OK;
        vx_free(yaml.at);
        left = k;
        vx_alloc_set_hook(vx_test_fail_at_zero, &left);
        status = vx_job_digest(job, &digest);
        vx_alloc_set_hook(NULL, NULL);
        assert_true(status == VX_OK || status == VX_ERR_NOMEM);
    }
    vx_job_destroy(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_gives_a_job_or_a_message),
        cmocka_unit_test(every_truncation_gives_a_job_or_a_message),
        cmocka_unit_test(every_cut_of_an_override_gives_a_job_or_a_message),
        cmocka_unit_test(parse_survives_the_failure_of_every_allocation),
        cmocka_unit_test(print_survives_the_failure_of_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
