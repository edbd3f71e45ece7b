#include "samples.h"

#include <vx_base/alloc.h>
#include <vx_test/check.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buffer_at[VX_MESSAGE_BYTES_MAX];
static const vx_bytes buffer = { buffer_at, sizeof(buffer_at) };
static size_t size;

static vx_cbytes message(void)
{
    return (vx_cbytes){ buffer_at, size };
}

static void every_sample_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < VX_TEST_WIRE_KINDS; i++) {
        vx_error err = { 0 };

        vx_assert_ok(vx_test_wire_kinds[i].sample(buffer, &size), NULL);
        assert_int_not_equal(size, 0);
        vx_assert_ok(vx_test_wire_kinds[i].check(message(), &err), &err);
    }
}

static void a_buffer_one_byte_too_small_is_refused_and_not_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < VX_TEST_WIRE_KINDS; i++) {
        size_t short_size = 99;
        uint8_t *small;

        vx_assert_ok(vx_test_wire_kinds[i].sample(buffer, &size), NULL);
        small = malloc(size);
        assert_non_null(small);
        vx_assert_status(vx_test_wire_kinds[i].sample((vx_bytes){ small, size - 1 }, &short_size),
                         VX_ERR_LIMIT, NULL);
        assert_int_equal(short_size, 99);
        vx_assert_ok(vx_test_wire_kinds[i].sample((vx_bytes){ small, size }, &short_size), NULL);
        assert_int_equal(short_size, size);
        assert_memory_equal(small, buffer_at, size);
        free(small);
    }
}

static void a_hello_keeps_every_field(void **state)
{
    vx_wire_hello hello = vx_test_hello();
    vx_wire_hello back;

    (void)state;
    memset(hello.host, 'h', sizeof(hello.host) - 1);
    hello.blas[0] = (char)0xc3; /* any byte but control characters, UTF-8 or not */
    vx_assert_ok(vx_wire_hello_encode(&hello, buffer, &size), NULL);
    vx_assert_ok(vx_wire_hello_decode(message(), &back, NULL), NULL);
    assert_int_equal(back.role, VX_WIRE_ROLE_WORKER);
    assert_int_equal(back.slot, VX_WORKERS_MAX - 1);
    assert_memory_equal(back.token, hello.token, sizeof(hello.token));
    assert_true(vx_digest_equal(back.config, hello.config));
    assert_string_equal(back.host, hello.host);
    assert_string_equal(back.blas, hello.blas);
    assert_string_equal(back.version, hello.version);
    assert_true(back.pid == UINT32_MAX);
    assert_true(back.states[0] == 41 && back.states[1] == VX_ROUNDS_MAX);
    assert_string_equal(back.cpus, "0-3,8");
    assert_true(back.threads == VX_WIRE_THREADS_MAX && back.node == 2);
}

static void a_hello_without_a_digest_has_the_zero_digest(void **state)
{
    vx_wire_hello hello = vx_test_hello();
    vx_wire_hello back;

    (void)state;
    hello.role = VX_WIRE_ROLE_OBSERVER;
    hello.slot = UINT32_MAX;
    hello.config = (vx_digest){ { 0 } };
    vx_assert_ok(vx_wire_hello_encode(&hello, buffer, &size), NULL);
    vx_assert_ok(vx_wire_hello_decode(message(), &back, NULL), NULL);
    assert_true(vx_digest_is_zero(back.config));
    assert_int_equal(back.slot, UINT32_MAX);
}

static void a_welcome_carries_the_largest_job_inside_the_message(void **state)
{
    vx_wire_welcome welcome = vx_test_welcome();
    vx_wire_welcome back;
    uint8_t *job = malloc(VX_JOB_TEXT_MAX);

    (void)state;
    assert_non_null(job);
    for (size_t i = 0; i < VX_JOB_TEXT_MAX; i++)
        job[i] = (uint8_t)(i * i >> 3);
    welcome.job = (vx_cbytes){ job, VX_JOB_TEXT_MAX };
    vx_assert_ok(vx_wire_welcome_encode(&welcome, buffer, &size), NULL);
    vx_assert_ok(vx_wire_welcome_decode(message(), &back, NULL), NULL);
    assert_int_equal(back.job.size, VX_JOB_TEXT_MAX);
    assert_memory_equal(back.job.at, job, VX_JOB_TEXT_MAX);
    assert_true(back.job.at > buffer_at && back.job.at + back.job.size <= buffer_at + size);
    assert_true(back.round == VX_ROUNDS_MAX && back.dimension == VX_DIMENSION_MAX);
    assert_int_equal(back.slot, 3);
    assert_true(back.epoch == UINT32_MAX);
    assert_int_equal(back.incarnation, 9);
    assert_int_equal(back.workers, 4);
    assert_int_equal(back.heartbeat_ms, 2000);
    assert_true(back.heartbeat_timeout_ms == UINT32_MAX);
    assert_true(back.state == VX_ROUNDS_MAX && back.state_follows);
    welcome.job.size++;
    vx_assert_status(vx_wire_welcome_encode(&welcome, buffer, &size), VX_ERR_LIMIT, NULL);
    free(job);
}

static void an_empty_job_is_empty(void **state)
{
    vx_wire_welcome welcome = vx_test_welcome();
    vx_wire_welcome back;

    (void)state;
    welcome.job = (vx_cbytes){ NULL, 0 };
    vx_assert_ok(vx_wire_welcome_encode(&welcome, buffer, &size), NULL);
    vx_assert_ok(vx_wire_welcome_decode(message(), &back, NULL), NULL);
    assert_int_equal(back.job.size, 0);
}

static void any_nll_comes_back_bit_for_bit(void **state)
{
    const double values[] = { nan(""), HUGE_VAL, -HUGE_VAL, 0.0, 5e-324, -1.7e308, 0.1 };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const vx_wire_gradient gradient = { values[i], 0, INT64_MAX, false, false };
        vx_wire_gradient back = { 0 };

        vx_assert_ok(vx_wire_gradient_encode(&gradient, buffer, &size), NULL);
        vx_assert_ok(vx_wire_gradient_decode(message(), &back, NULL), NULL);
        assert_memory_equal(&back.nll, &values[i], sizeof(double));
        assert_true(back.compute_ns == INT64_MAX);
        assert_false(back.injected);
    }
}

static void an_accuracy_may_be_missing(void **state)
{
    const vx_wire_evaluation evaluation = { nan(""), nan(""), 0, 0, 12.5 };
    vx_wire_evaluation back = { 0 };

    (void)state;
    vx_assert_ok(vx_wire_evaluation_encode(&evaluation, buffer, &size), NULL);
    vx_assert_ok(vx_wire_evaluation_decode(message(), &back, NULL), NULL);
    assert_true(isnan(back.nll) && isnan(back.accuracy));
    assert_true(back.deviance >= 12.5 && back.deviance <= 12.5);
}

static void as_many_tensors_as_are_allowed_come_back(void **state)
{
    static vx_wire_tensor tensors[VX_TENSORS_MAX];
    static vx_wire_tensor tensors_back[VX_TENSORS_MAX];
    vx_wire_model model = { .tensors = tensors, .tensors_count = VX_TENSORS_MAX };
    vx_wire_model back = { .tensors = tensors_back };
    vx_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < VX_TENSORS_MAX; i++) {
        /* As long as 512 of them fit: 64 KiB / 512 less the framing. */
        snprintf(tensors[i].name, sizeof(tensors[i].name), "%0*zu", 93, i);
        tensors[i].is_weight = i % 2 == 0;
        tensors[i].rank = i % (VX_TENSOR_RANK_MAX + 1);
        for (size_t k = 0; k < tensors[i].rank; k++)
            tensors[i].shape[k] = 20;
        model.dimension += (uint64_t)pow(20, (double)tensors[i].rank);
    }
    vx_assert_ok(vx_wire_model_encode(&model, buffer, &size), NULL);
    vx_assert_ok(vx_wire_model_decode(message(), &back, &err), &err);
    assert_int_equal(back.tensors_count, VX_TENSORS_MAX);
    assert_true(back.dimension == model.dimension);
    for (size_t i = 0; i < VX_TENSORS_MAX; i++)
        assert_true(vx_test_is_same_tensor(&tensors[i], &tensors_back[i]));
}

static void the_largest_dimension_comes_back(void **state)
{
    vx_wire_tensor tensor = { "theta", 4, { 1u << 16, 1, 1u << 16, 1 }, true };
    vx_wire_tensor tensor_back;
    vx_wire_model model = { VX_DIMENSION_MAX, 1, &tensor };
    vx_wire_model back = { .tensors = &tensor_back };

    (void)state;
    vx_assert_ok(vx_wire_model_encode(&model, buffer, &size), NULL);
    vx_assert_ok(vx_wire_model_decode(message(), &back, NULL), NULL);
    assert_true(back.dimension == VX_DIMENSION_MAX);
}

static void control_characters_in_texts_become_spaces(void **state)
{
    const vx_wire_stop stop = { VX_WIRE_STOP_FAILED, "line\nnext\tescape\x1b[31m\x7f." };
    vx_wire_stop back;

    (void)state;
    vx_assert_ok(vx_wire_stop_encode(&stop, buffer, &size), NULL);
    vx_assert_ok(vx_wire_stop_decode(message(), &back, NULL), NULL);
    assert_string_equal(back.text, "line next escape [31m .");
}

static void a_text_without_a_zero_is_not_read_past_its_end(void **state)
{
    vx_wire_leave leave;
    vx_wire_leave back;

    (void)state;
    memset(leave.text, 'x', sizeof(leave.text));
    vx_assert_ok(vx_wire_leave_encode(&leave, buffer, &size), NULL);
    vx_assert_status(vx_wire_leave_decode(message(), &back, NULL), VX_ERR_PROTOCOL, NULL);
    leave.text[sizeof(leave.text) - 1] = '\0';
    vx_assert_ok(vx_wire_leave_encode(&leave, buffer, &size), NULL);
    vx_assert_ok(vx_wire_leave_decode(message(), &back, NULL), NULL);
    assert_string_equal(back.text, leave.text);
}

static void names_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(vx_wire_type_name(VX_WIRE_GRADIENT), "gradient");
    assert_string_equal(vx_wire_type_name(VX_WIRE_DOCUMENT), "document");
    assert_string_equal(vx_wire_type_name(0), "unknown");
    assert_string_equal(vx_wire_type_name(UINT16_MAX), "unknown");
    for (uint16_t type = 1; type < VX_WIRE_TYPE_MAX; type++)
        assert_string_not_equal(vx_wire_type_name(type), "unknown");
    assert_string_equal(vx_wire_refusal_name(VX_WIRE_REFUSED_CONFIG), "config");
    assert_string_equal(vx_wire_refusal_name(VX_WIRE_REFUSED_MAX), "unknown");
    assert_string_equal(vx_wire_verdict_name(VX_WIRE_ACCEPTED), "accepted");
    assert_string_equal(vx_wire_verdict_name((vx_wire_verdict)0), "unknown");
}

static void the_messages_of_a_round_need_no_heap(void **state)
{
    static const size_t kinds[] = { 0, 2, 3, 4, 5, 6, 7, 8, 9 }; /* all but the welcome */
    uint64_t before = vx_alloc_count();

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        vx_assert_ok(vx_test_wire_kinds[kinds[i]].sample(buffer, &size), NULL);
        vx_assert_ok(vx_test_wire_kinds[kinds[i]].check(message(), NULL), NULL);
    }
    assert_true(vx_alloc_count() == before);
}

static void a_large_message_survives_a_heap_that_refuses(void **state)
{
    static const uint8_t job[VX_JOB_TEXT_MAX];
    vx_wire_welcome welcome = vx_test_welcome();
    vx_wire_welcome back;
    vx_error err = { 0 };
    int left = 0;

    (void)state;
    welcome.job = (vx_cbytes){ job, sizeof(job) };
    vx_assert_ok(vx_wire_welcome_encode(&welcome, buffer, &size), NULL);
    vx_alloc_set_hook(vx_test_fail_at_zero, &left);
    vx_assert_status(vx_wire_welcome_decode(message(), &back, &err), VX_ERR_NOMEM, &err);
    vx_alloc_set_hook(NULL, NULL);
    vx_assert_ok(vx_wire_welcome_decode(message(), &back, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_back),
        cmocka_unit_test(a_buffer_one_byte_too_small_is_refused_and_not_written),
        cmocka_unit_test(a_hello_keeps_every_field),
        cmocka_unit_test(a_hello_without_a_digest_has_the_zero_digest),
        cmocka_unit_test(a_welcome_carries_the_largest_job_inside_the_message),
        cmocka_unit_test(an_empty_job_is_empty),
        cmocka_unit_test(any_nll_comes_back_bit_for_bit),
        cmocka_unit_test(an_accuracy_may_be_missing),
        cmocka_unit_test(as_many_tensors_as_are_allowed_come_back),
        cmocka_unit_test(the_largest_dimension_comes_back),
        cmocka_unit_test(control_characters_in_texts_become_spaces),
        cmocka_unit_test(a_text_without_a_zero_is_not_read_past_its_end),
        cmocka_unit_test(names_are_those_of_the_contract),
        cmocka_unit_test(the_messages_of_a_round_need_no_heap),
        cmocka_unit_test(a_large_message_survives_a_heap_that_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
