#include "samples.h"

#include <vx_test/check.h>

#include <math.h>
#include <string.h>

static uint8_t buffer_at[VX_MESSAGE_BYTES_MAX];
static const vx_bytes buffer = { buffer_at, sizeof(buffer_at) };
static size_t size;
static vx_error err;

static vx_cbytes message(void)
{
    return (vx_cbytes){ buffer_at, size };
}

#define REFUSE(kind, value, back, word)                                                            \
    do {                                                                                           \
        vx_assert_ok(vx_wire_##kind##_encode((value), buffer, &size), NULL);                       \
        vx_assert_status(vx_wire_##kind##_decode(message(), (back), &err), VX_ERR_PROTOCOL, &err); \
        if (strstr(err.message, (word)) == NULL)                                                   \
            fail_msg("'%s' does not say '%s'", err.message, (word));                               \
    } while (0)

static void a_hello_with_a_wrong_role_or_slot_is_refused(void **state)
{
    vx_wire_hello good = vx_test_hello();
    vx_wire_hello hello = good;
    vx_wire_hello back = { .pid = 77 };

    (void)state;
    hello.role = (vx_wire_role)0;
    REFUSE(hello, &hello, &back, "role 0 is outside 1..3");
    hello.role = VX_WIRE_ROLE_MAX;
    REFUSE(hello, &hello, &back, "role 4");
    hello.role = (vx_wire_role)-1;
    REFUSE(hello, &hello, &back, "role");
    hello = good;
    hello.slot = VX_WORKERS_MAX;
    REFUSE(hello, &hello, &back, "slot 1024 is outside 0..1023");
    hello.slot = UINT32_MAX;
    REFUSE(hello, &hello, &back, "slot");
    hello.role = VX_WIRE_ROLE_EVALUATOR;
    hello.slot = 0;
    REFUSE(hello, &hello, &back, "only a worker has a slot");
    assert_int_equal(back.pid, 77);
}

static void a_name_with_a_control_character_is_refused(void **state)
{
    vx_wire_hello hello = vx_test_hello();
    vx_wire_hello back;

    (void)state;
    hello.host[2] = '\n';
    REFUSE(hello, &hello, &back, "host with a control character");
    hello = vx_test_hello();
    hello.version[0] = 0x7f;
    REFUSE(hello, &hello, &back, "version");
    hello = vx_test_hello();
    memset(hello.blas, 'b', sizeof(hello.blas));
    REFUSE(hello, &hello, &back, "blas of 64 bytes, the limit is 63");
    hello = vx_test_hello();
    hello.cpus[1] = '\t';
    REFUSE(hello, &hello, &back, "cpus with a control character");
    hello = vx_test_hello();
    hello.threads = VX_WIRE_THREADS_MAX + 1;
    REFUSE(hello, &hello, &back, "threads 65537 is outside 0..65536");
    hello = vx_test_hello();
    hello.node = UINT32_MAX;
    REFUSE(hello, &hello, &back, "node 4294967295 is outside");
}

/* The bytes of a field by hand: its key, its length, its content. */
static void put_field(uint8_t key, const void *at, uint8_t length)
{
    buffer_at[size++] = key;
    buffer_at[size++] = length;
    memcpy(buffer_at + size, at, length);
    size += length;
}

static void tokens_and_digests_of_other_sizes_are_refused(void **state)
{
    static const uint8_t zeros[64] = { 0 };

    (void)state;
    for (uint8_t token = 0; token <= 64; token++) {
        for (uint8_t digest = 0; digest <= 32; digest++) {
            bool good = token == VX_TOKEN_BYTES && (digest == 0 || digest == VX_DIGEST_BYTES);
            vx_wire_hello back;

            size = 0;
            buffer_at[size++] = 1 << 3; /* role: worker; the slot is 0 */
            buffer_at[size++] = 1;
            put_field(3 << 3 | 2, zeros, token);
            put_field(4 << 3 | 2, zeros, digest);
            vx_assert_status(vx_wire_hello_decode(message(), &back, NULL),
                             good ? VX_OK : VX_ERR_PROTOCOL, NULL);
        }
    }
}

static void an_embedded_zero_ends_no_name_and_is_a_space_in_a_text(void **state)
{
    vx_wire_leave leave;
    vx_wire_model model = { .dimension = 0 };
    vx_wire_tensor tensor;

    (void)state;
    size = 0;
    put_field(1 << 3 | 2, "a\0b", 3);
    vx_assert_ok(vx_wire_leave_decode(message(), &leave, NULL), NULL);
    assert_string_equal(leave.text, "a b");
    size = 0;
    buffer_at[size++] = 1 << 3; /* dimension 1 */
    buffer_at[size++] = 1;
    put_field(2 << 3 | 2,
              "\x0a\x03"
              "a\0b",
              5); /* one tensor, its name only */
    model.tensors = &tensor;
    vx_assert_status(vx_wire_model_decode(message(), &model, &err), VX_ERR_PROTOCOL, &err);
    assert_non_null(strstr(err.message, "control character"));
}

static void a_welcome_outside_its_limits_is_refused(void **state)
{
    const vx_wire_welcome good = vx_test_welcome();
    vx_wire_welcome back;
    vx_wire_welcome welcome = good;

    (void)state;
    welcome.workers = 0;
    REFUSE(welcome, &welcome, &back, "workers 0");
    welcome.workers = VX_WORKERS_MAX + 1;
    REFUSE(welcome, &welcome, &back, "workers 1025");
    welcome = good;
    welcome.slot = 4;
    REFUSE(welcome, &welcome, &back, "slot 4 is outside 0..3");
    welcome = good;
    welcome.round = VX_ROUNDS_MAX + 1;
    REFUSE(welcome, &welcome, &back, "round");
    welcome = good;
    welcome.dimension = VX_DIMENSION_MAX + 1;
    REFUSE(welcome, &welcome, &back, "dimension 4294967297");
    welcome = good;
    welcome.heartbeat_ms = 0;
    REFUSE(welcome, &welcome, &back, "heartbeat 0");
    welcome = good;
    welcome.heartbeat_timeout_ms = 1999;
    REFUSE(welcome, &welcome, &back, "heartbeat timeout 1999");
}

static void codes_outside_their_lists_are_refused(void **state)
{
    const int codes[] = { 0, -1, 8, 100, INT32_MAX, INT32_MIN };

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        vx_wire_refusal refusal = { .code = (vx_wire_refusal_code)codes[i] };
        vx_wire_verdict verdict = (vx_wire_verdict)codes[i];
        vx_wire_stop stop = { .reason = (vx_wire_stop_reason)codes[i] };
        vx_wire_request request = (vx_wire_request)codes[i];
        vx_wire_verdict verdict_back = VX_WIRE_LATE;
        vx_wire_request request_back = VX_WIRE_REQUEST_STOP;

        REFUSE(refusal, &refusal, &refusal, "refusal");
        REFUSE(verdict, &verdict, &verdict_back, "verdict");
        REFUSE(stop, &stop, &stop, "reason");
        REFUSE(request, &request, &request_back, "request");
        assert_int_equal(verdict_back, VX_WIRE_LATE);
        assert_int_equal(request_back, VX_WIRE_REQUEST_STOP);
    }
}

static void shards_that_do_not_ascend_or_do_not_exist_are_refused(void **state)
{
    const vx_wire_shards wrong[] = {
        { 0, { 0 } },          { 2, { 3, 3 } }, { 3, { 1, 5, 4 } }, { 1, { VX_WORKERS_MAX } },
        { 1, { UINT32_MAX } },
    };
    static vx_wire_shards back;

    (void)state;
    REFUSE(shards, &wrong[0], &back, "number of shards 0");
    REFUSE(shards, &wrong[1], &back, "shard 3");
    REFUSE(shards, &wrong[2], &back, "shard 4");
    REFUSE(shards, &wrong[3], &back, "shard 1024");
    REFUSE(shards, &wrong[4], &back, "shard 4294967295");
    assert_int_equal(back.count, 0);
}

static void models_that_do_not_add_up_are_refused(void **state)
{
    static vx_wire_tensor tensors[VX_TENSORS_MAX];
    static vx_wire_tensor tensors_back[VX_TENSORS_MAX];
    vx_wire_model model = vx_test_model(tensors);
    vx_wire_model back = { .tensors = tensors_back };

    (void)state;
    model.dimension = 18;
    REFUSE(model, &model, &back, "do not make up the dimension");
    model.dimension = 0;
    REFUSE(model, &model, &back, "dimension 0");
    model.dimension = VX_DIMENSION_MAX + 1;
    REFUSE(model, &model, &back, "dimension");
    model = vx_test_model(tensors);
    model.tensors_count = 0;
    REFUSE(model, &model, &back, "count of tensors 0");
    model = vx_test_model(tensors);
    tensors[1].shape[0] = 0;
    REFUSE(model, &model, &back, "extent 0");
    model = vx_test_model(tensors);
    tensors[0].name[0] = '\0';
    REFUSE(model, &model, &back, "without a name");
    model = vx_test_model(tensors);
    memcpy(tensors[1].name, tensors[0].name, sizeof(tensors[0].name));
    REFUSE(model, &model, &back, "two tensors are named 'layer0.weight'");
    assert_int_equal(back.tensors_count, 0);
}

static void shapes_whose_product_overflows_are_refused(void **state)
{
    static const uint64_t shapes[][VX_TENSOR_RANK_MAX] = {
        { 1ULL << 33, 1, 1, 1 },
        { 1ULL << 32, 2, 1, 1 },
        { 1ULL << 32, 1ULL << 32, 1, 1 },                 /* 0 modulo 2^64 */
        { 1ULL << 16, 1ULL << 16, 1ULL << 16, 1u << 16 }, /* 0 modulo 2^64 */
        { 1, 1, 1, UINT64_MAX },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX }, /* 1 modulo 2^64 */
    };
    vx_wire_tensor tensor = { "t", VX_TENSOR_RANK_MAX, { 0 }, false };
    vx_wire_tensor tensor_back;
    vx_wire_model model = { 1, 1, &tensor };
    vx_wire_model back = { .tensors = &tensor_back };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        memcpy(tensor.shape, shapes[i], sizeof(tensor.shape));
        REFUSE(model, &model, &back, "extent");
    }
}

static void too_many_tensors_or_axes_are_refused_by_both_sides(void **state)
{
    static vx_wire_tensor tensors[VX_TENSORS_MAX + 1];
    static vx_wire_tensor tensors_back[VX_TENSORS_MAX];
    vx_wire_model model = { VX_TENSORS_MAX + 1, VX_TENSORS_MAX + 1, tensors };
    vx_wire_model back = { .tensors = tensors_back };

    (void)state;
    vx_assert_status(vx_wire_model_encode(&model, buffer, &size), VX_ERR_LIMIT, NULL);
    tensors[0].rank = VX_TENSOR_RANK_MAX + 1;
    model.tensors_count = 1;
    vx_assert_status(vx_wire_model_encode(&model, buffer, &size), VX_ERR_LIMIT, NULL);
    size = 0; /* 513 tensors with a name of one byte, by hand */
    buffer_at[size++] = 1 << 3;
    buffer_at[size++] = 1;
    for (unsigned i = 0; i <= VX_TENSORS_MAX; i++)
        put_field(2 << 3 | 2, "\x0a\x01n", 3);
    vx_assert_status(vx_wire_model_decode(message(), &back, &err), VX_ERR_PROTOCOL, &err);
    assert_non_null(strstr(err.message, "count of tensors 513"));
    size = 0; /* one tensor with five axes */
    buffer_at[size++] = 1 << 3;
    buffer_at[size++] = 1;
    put_field(2 << 3 | 2, "\x0a\x01n\x12\x05\x01\x01\x01\x01\x01", 10);
    vx_assert_status(vx_wire_model_decode(message(), &back, &err), VX_ERR_PROTOCOL, &err);
    assert_non_null(strstr(err.message, "rank 5"));
}

static void counts_beyond_signed_numbers_and_odd_accuracies_are_refused(void **state)
{
    const double accuracies[] = { -0.1, 1.0000001, HUGE_VAL, -HUGE_VAL };
    vx_wire_gradient gradient = { .samples = 1ULL << 63 };
    vx_wire_evaluation evaluation = { .count = UINT64_MAX };

    (void)state;
    REFUSE(gradient, &gradient, &gradient, "samples");
    gradient = (vx_wire_gradient){ .compute_ns = UINT64_MAX };
    REFUSE(gradient, &gradient, &gradient, "compute_ns");
    REFUSE(evaluation, &evaluation, &evaluation, "count");
    for (size_t i = 0; i < sizeof(accuracies) / sizeof(accuracies[0]); i++) {
        evaluation = (vx_wire_evaluation){ .accuracy = accuracies[i] };
        REFUSE(evaluation, &evaluation, &evaluation, "accuracy");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_with_a_wrong_role_or_slot_is_refused),
        cmocka_unit_test(a_name_with_a_control_character_is_refused),
        cmocka_unit_test(tokens_and_digests_of_other_sizes_are_refused),
        cmocka_unit_test(an_embedded_zero_ends_no_name_and_is_a_space_in_a_text),
        cmocka_unit_test(a_welcome_outside_its_limits_is_refused),
        cmocka_unit_test(codes_outside_their_lists_are_refused),
        cmocka_unit_test(shards_that_do_not_ascend_or_do_not_exist_are_refused),
        cmocka_unit_test(models_that_do_not_add_up_are_refused),
        cmocka_unit_test(shapes_whose_product_overflows_are_refused),
        cmocka_unit_test(too_many_tensors_or_axes_are_refused_by_both_sides),
        cmocka_unit_test(counts_beyond_signed_numbers_and_odd_accuracies_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
