#include "samples.h"

#include <math.h>
#include <string.h>

#include <vx_base/assert.h>

static uint8_t scratch[VX_MESSAGE_BYTES_MAX];

/* What was decoded is encoded, and decoded into again. */
#define PASS_ON(kind, value, again)                                                                \
    do {                                                                                           \
        size_t size_ = 0;                                                                          \
                                                                                                   \
        VX_ASSERT(vx_wire_##kind##_encode(value, (vx_bytes){ scratch, sizeof(scratch) },           \
                                          &size_) == VX_OK);                                       \
        VX_ASSERT(vx_wire_##kind##_decode((vx_cbytes){ scratch, size_ }, again, NULL) == VX_OK);   \
    } while (0)

static void check_chars(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    VX_ASSERT(length < size);
    for (size_t i = 0; i < length; i++)
        VX_ASSERT((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    for (size_t i = length; i < size; i++)
        VX_ASSERT(text[i] == '\0');
}

vx_wire_hello vx_test_hello(void)
{
    vx_wire_hello hello = { .role = VX_WIRE_ROLE_WORKER,
                            .slot = VX_WORKERS_MAX - 1,
                            .config = vx_digest_of("job", 3),
                            .version = "0.1.0",
                            .host = "node-17.cluster",
                            .blas = "SkylakeX",
                            .pid = UINT32_MAX,
                            .states = { 41, VX_ROUNDS_MAX },
                            .cpus = "0-3,8",
                            .threads = VX_WIRE_THREADS_MAX,
                            .node = 2 };

    for (size_t i = 0; i < sizeof(hello.token); i++)
        hello.token[i] = (uint8_t)(7 * i);
    return hello;
}

static vx_status sample_hello(vx_bytes buffer, size_t *ret_size)
{
    vx_wire_hello hello = vx_test_hello();

    return vx_wire_hello_encode(&hello, buffer, ret_size);
}

static vx_status check_hello(vx_cbytes message, vx_error *err)
{
    vx_wire_hello hello;
    vx_wire_hello again;
    vx_status status;

    memset(&hello, 0, sizeof(hello));
    memset(&again, 0, sizeof(again));
    status = vx_wire_hello_decode(message, &hello, err);
    if (status != VX_OK)
        return status;
    VX_ASSERT(hello.role >= 1 && hello.role < VX_WIRE_ROLE_MAX);
    VX_ASSERT(hello.role == VX_WIRE_ROLE_WORKER ? hello.slot < VX_WORKERS_MAX
                                                : hello.slot == UINT32_MAX);
    check_chars(hello.version, sizeof(hello.version));
    check_chars(hello.host, sizeof(hello.host));
    check_chars(hello.blas, sizeof(hello.blas));
    PASS_ON(hello, &hello, &again);
    VX_ASSERT(memcmp(&hello, &again, sizeof(hello)) == 0);
    return VX_OK;
}

vx_wire_welcome vx_test_welcome(void)
{
    static const char job[] = "name: sample\nworkers:\n  count: 4\n";

    return (vx_wire_welcome){ .slot = 3,
                              .epoch = UINT32_MAX,
                              .incarnation = 9,
                              .workers = 4,
                              .round = VX_ROUNDS_MAX,
                              .dimension = VX_DIMENSION_MAX,
                              .heartbeat_ms = 2000,
                              .heartbeat_timeout_ms = UINT32_MAX,
                              .state = VX_ROUNDS_MAX,
                              .state_follows = true,
                              .config = vx_digest_of("job", 3),
                              .job = { (const uint8_t *)job, sizeof(job) - 1 } };
}

static vx_status sample_welcome(vx_bytes buffer, size_t *ret_size)
{
    vx_wire_welcome welcome = vx_test_welcome();

    return vx_wire_welcome_encode(&welcome, buffer, ret_size);
}

static vx_status check_welcome(vx_cbytes message, vx_error *err)
{
    vx_wire_welcome welcome = { 0 };
    vx_wire_welcome again = { 0 };
    vx_status status = vx_wire_welcome_decode(message, &welcome, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(welcome.workers >= 1 && welcome.workers <= VX_WORKERS_MAX);
    VX_ASSERT(welcome.slot < welcome.workers || welcome.slot == UINT32_MAX);
    VX_ASSERT(welcome.round <= VX_ROUNDS_MAX && welcome.dimension <= VX_DIMENSION_MAX);
    VX_ASSERT(welcome.heartbeat_ms > 0);
    VX_ASSERT(welcome.heartbeat_timeout_ms >= welcome.heartbeat_ms);
    VX_ASSERT(welcome.job.size <= VX_JOB_TEXT_MAX && welcome.job.size <= message.size);
    VX_ASSERT(welcome.job.at >= message.at);
    VX_ASSERT(welcome.job.at + welcome.job.size <= message.at + message.size);
    PASS_ON(welcome, &welcome, &again);
    VX_ASSERT(again.job.size == welcome.job.size);
    VX_ASSERT(memcmp(again.job.at, welcome.job.at, welcome.job.size) == 0);
    VX_ASSERT(again.slot == welcome.slot && again.epoch == welcome.epoch);
    VX_ASSERT(again.incarnation == welcome.incarnation && again.workers == welcome.workers);
    VX_ASSERT(again.heartbeat_ms == welcome.heartbeat_ms);
    VX_ASSERT(again.heartbeat_timeout_ms == welcome.heartbeat_timeout_ms);
    VX_ASSERT(again.round == welcome.round && again.dimension == welcome.dimension);
    VX_ASSERT(vx_digest_equal(again.config, welcome.config));
    VX_ASSERT(again.state == welcome.state && again.state_follows == welcome.state_follows);
    VX_ASSERT(welcome.state <= VX_ROUNDS_MAX && (welcome.state > 0 || !welcome.state_follows));
    return VX_OK;
}

static vx_status sample_refusal(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_refusal refusal = { VX_WIRE_REFUSED_PROTOCOL, true, "the slot is held" };

    return vx_wire_refusal_encode(&refusal, buffer, ret_size);
}

static vx_status check_refusal(vx_cbytes message, vx_error *err)
{
    vx_wire_refusal refusal = { 0 };
    vx_wire_refusal again = { 0 };
    vx_status status = vx_wire_refusal_decode(message, &refusal, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(refusal.code >= 1 && refusal.code < VX_WIRE_REFUSED_MAX);
    check_chars(refusal.text, sizeof(refusal.text));
    PASS_ON(refusal, &refusal, &again);
    VX_ASSERT(refusal.code == again.code && refusal.retry == again.retry);
    VX_ASSERT(memcmp(refusal.text, again.text, sizeof(again.text)) == 0);
    return VX_OK;
}

vx_wire_model vx_test_model(vx_wire_tensor tensors[VX_TENSORS_MAX])
{
    tensors[0] = (vx_wire_tensor){ "layer0.weight", 2, { 3, 4 }, true };
    tensors[1] = (vx_wire_tensor){ "layer0.bias", 1, { 5 }, false };
    return (vx_wire_model){ .dimension = 17, .tensors_count = 2, .tensors = tensors };
}

bool vx_test_is_same_tensor(const vx_wire_tensor *a, const vx_wire_tensor *b)
{
    return memcmp(a->name, b->name, sizeof(a->name)) == 0 && a->rank == b->rank &&
           memcmp(a->shape, b->shape, sizeof(a->shape)) == 0 && a->is_weight == b->is_weight;
}

static vx_status sample_model(vx_bytes buffer, size_t *ret_size)
{
    static vx_wire_tensor tensors[VX_TENSORS_MAX];
    vx_wire_model model = vx_test_model(tensors);

    return vx_wire_model_encode(&model, buffer, ret_size);
}

static vx_status check_model(vx_cbytes message, vx_error *err)
{
    static vx_wire_tensor tensors[VX_TENSORS_MAX];
    static vx_wire_tensor tensors_again[VX_TENSORS_MAX];
    vx_wire_model model = { .tensors = tensors };
    vx_wire_model again = { .tensors = tensors_again };
    uint64_t sum = 0;
    vx_status status = vx_wire_model_decode(message, &model, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(model.tensors == tensors && model.tensors_count <= VX_TENSORS_MAX);
    VX_ASSERT(model.dimension >= 1 && model.dimension <= VX_DIMENSION_MAX);
    for (size_t i = 0; i < model.tensors_count; i++) {
        uint64_t product = 1;

        check_chars(tensors[i].name, sizeof(tensors[i].name));
        VX_ASSERT(tensors[i].name[0] != '\0' && tensors[i].rank <= VX_TENSOR_RANK_MAX);
        for (size_t k = 0; k < tensors[i].rank; k++)
            product *= tensors[i].shape[k];
        VX_ASSERT(product >= 1 && product <= VX_DIMENSION_MAX);
        sum += product;
    }
    VX_ASSERT(sum == model.dimension);
    PASS_ON(model, &model, &again);
    VX_ASSERT(again.tensors_count == model.tensors_count);
    for (size_t i = 0; i < model.tensors_count; i++)
        VX_ASSERT(vx_test_is_same_tensor(&tensors[i], &tensors_again[i]));
    return VX_OK;
}

static bool is_same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static vx_status sample_gradient(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_gradient gradient = { 2.302585, INT64_MAX, 123456789, true, true };

    return vx_wire_gradient_encode(&gradient, buffer, ret_size);
}

static vx_status check_gradient(vx_cbytes message, vx_error *err)
{
    vx_wire_gradient gradient = { 0 };
    vx_wire_gradient again = { 0 };
    vx_status status = vx_wire_gradient_decode(message, &gradient, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(gradient.samples <= INT64_MAX && gradient.compute_ns <= INT64_MAX);
    PASS_ON(gradient, &gradient, &again);
    VX_ASSERT(is_same_number(gradient.nll, again.nll));
    VX_ASSERT(gradient.samples == again.samples && gradient.compute_ns == again.compute_ns);
    VX_ASSERT(gradient.injected == again.injected && gradient.altered == again.altered);
    return VX_OK;
}

static vx_status sample_verdict(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_verdict verdict = VX_WIRE_OVER_QUOTA;

    return vx_wire_verdict_encode(&verdict, buffer, ret_size);
}

static vx_status check_verdict(vx_cbytes message, vx_error *err)
{
    vx_wire_verdict verdict = VX_WIRE_VERDICT_MAX;
    vx_wire_verdict again = VX_WIRE_VERDICT_MAX;
    vx_status status = vx_wire_verdict_decode(message, &verdict, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(verdict >= 1 && verdict < VX_WIRE_VERDICT_MAX);
    PASS_ON(verdict, &verdict, &again);
    VX_ASSERT(verdict == again);
    return VX_OK;
}

static vx_status sample_evaluation(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_evaluation evaluation = { 0.25, 0.9375, 10000, 5000000000, 1.5 };

    return vx_wire_evaluation_encode(&evaluation, buffer, ret_size);
}

static vx_status check_evaluation(vx_cbytes message, vx_error *err)
{
    vx_wire_evaluation evaluation = { 0 };
    vx_wire_evaluation again = { 0 };
    vx_status status = vx_wire_evaluation_decode(message, &evaluation, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(isnan(evaluation.accuracy) ||
              (evaluation.accuracy >= 0.0 && evaluation.accuracy <= 1.0));
    VX_ASSERT(evaluation.count <= INT64_MAX && evaluation.elapsed_ns <= INT64_MAX);
    PASS_ON(evaluation, &evaluation, &again);
    VX_ASSERT(is_same_number(evaluation.accuracy, again.accuracy));
    VX_ASSERT(is_same_number(evaluation.nll, again.nll));
    VX_ASSERT(is_same_number(evaluation.deviance, again.deviance));
    VX_ASSERT(evaluation.count == again.count && evaluation.elapsed_ns == again.elapsed_ns);
    return VX_OK;
}

static vx_status sample_stop(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_stop stop = { VX_WIRE_STOP_FAILED, "the disk is full" };

    return vx_wire_stop_encode(&stop, buffer, ret_size);
}

static vx_status check_stop(vx_cbytes message, vx_error *err)
{
    vx_wire_stop stop = { 0 };
    vx_wire_stop again = { 0 };
    vx_status status = vx_wire_stop_decode(message, &stop, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(stop.reason >= 1 && stop.reason < VX_WIRE_STOP_MAX);
    check_chars(stop.text, sizeof(stop.text));
    PASS_ON(stop, &stop, &again);
    VX_ASSERT(stop.reason == again.reason);
    VX_ASSERT(memcmp(stop.text, again.text, sizeof(again.text)) == 0);
    return VX_OK;
}

static vx_status sample_leave(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_leave leave = { "SIGTERM" };

    return vx_wire_leave_encode(&leave, buffer, ret_size);
}

static vx_status check_leave(vx_cbytes message, vx_error *err)
{
    vx_wire_leave leave = { 0 };
    vx_wire_leave again = { 0 };
    vx_status status = vx_wire_leave_decode(message, &leave, err);

    if (status != VX_OK)
        return status;
    check_chars(leave.text, sizeof(leave.text));
    PASS_ON(leave, &leave, &again);
    VX_ASSERT(memcmp(leave.text, again.text, sizeof(again.text)) == 0);
    return VX_OK;
}

static vx_status sample_request(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_request request = VX_WIRE_REQUEST_STOP;

    return vx_wire_request_encode(&request, buffer, ret_size);
}

static vx_status check_request(vx_cbytes message, vx_error *err)
{
    vx_wire_request request = VX_WIRE_REQUEST_MAX;
    vx_wire_request again = VX_WIRE_REQUEST_MAX;
    vx_status status = vx_wire_request_decode(message, &request, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(request >= 1 && request < VX_WIRE_REQUEST_MAX);
    PASS_ON(request, &request, &again);
    VX_ASSERT(request == again);
    return VX_OK;
}

static vx_status sample_shards(vx_bytes buffer, size_t *ret_size)
{
    const vx_wire_shards shards = { 3, { 0, 300, VX_WORKERS_MAX - 1 } };

    return vx_wire_shards_encode(&shards, buffer, ret_size);
}

static vx_status check_shards(vx_cbytes message, vx_error *err)
{
    vx_wire_shards shards = { 0 };
    vx_wire_shards again = { 0 };
    vx_status status = vx_wire_shards_decode(message, &shards, err);

    if (status != VX_OK)
        return status;
    VX_ASSERT(shards.count >= 1 && shards.count <= VX_WORKERS_MAX);
    for (size_t i = 0; i < shards.count; i++) {
        VX_ASSERT(shards.shards[i] < VX_WORKERS_MAX);
        VX_ASSERT(i == 0 || shards.shards[i] > shards.shards[i - 1]);
    }
    PASS_ON(shards, &shards, &again);
    VX_ASSERT(memcmp(&shards, &again, sizeof(again)) == 0);
    return VX_OK;
}

const vx_test_wire_kind vx_test_wire_kinds[VX_TEST_WIRE_KINDS] = {
    { "hello", sample_hello, check_hello },
    { "welcome", sample_welcome, check_welcome },
    { "refusal", sample_refusal, check_refusal },
    { "model", sample_model, check_model },
    { "gradient", sample_gradient, check_gradient },
    { "verdict", sample_verdict, check_verdict },
    { "evaluation", sample_evaluation, check_evaluation },
    { "stop", sample_stop, check_stop },
    { "leave", sample_leave, check_leave },
    { "request", sample_request, check_request },
    { "shards", sample_shards, check_shards },
};
