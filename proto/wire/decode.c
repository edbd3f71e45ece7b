#include <vx_wire/wire.h>

#include <stdio.h>
#include <string.h>

#include "vexil.pb-c.h"

#include <vx_base/alloc.h>

/*
 * protobuf-c's decoder takes 40 to 70 times the size of a hostile message. It gets an arena of this
 * size for one decode; beyond it the message is refused.
 */
#define ARENA_BYTES (1024u * 1024u)

typedef struct arena {
    uint8_t *at;
    size_t used;
} arena;

static void *arena_alloc(void *context, size_t size)
{
    arena *memory = context;
    size_t rounded = (size + 15u) & ~(size_t)15u;
    void *result = NULL;

    if (rounded < size || rounded > ARENA_BYTES - memory->used)
        return NULL;
    result = memory->at + memory->used;
    memory->used += rounded;
    return result;
}

static void arena_free(void *context, void *pointer)
{
    (void)context; /* all at once, by close_message */
    (void)pointer;
}

typedef struct opened {
    arena memory;
    ProtobufCAllocator allocator;
    ProtobufCMessage *message;
} opened;

static vx_status open_message(opened *self, const ProtobufCMessageDescriptor *descriptor,
                              vx_cbytes bytes, vx_error *err)
{
    *self = (opened){ .allocator = { arena_alloc, arena_free, NULL } };
    if (bytes.size > VX_MESSAGE_BYTES_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "message of %zu bytes", bytes.size);
    self->memory.at = vx_malloc(ARENA_BYTES);
    if (self->memory.at == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    self->allocator.allocator_data = &self->memory;
    self->message = protobuf_c_message_unpack(descriptor, &self->allocator, bytes.size, bytes.at);
    if (self->message != NULL)
        return VX_OK;
    vx_free(self->memory.at);
    self->memory.at = NULL;
    return vx_fail(err, VX_ERR_PROTOCOL, "%s message does not parse", descriptor->short_name);
}

static void close_message(opened *self)
{
    vx_free(self->memory.at);
}

/* Text into a field of ours; bytes that a terminal would act on become '?'. */
static vx_status take_text(const char *name, const char *from, char *ret_text, size_t size,
                           vx_error *err)
{
    size_t length = strlen(from);

    if (length >= size)
        return vx_fail(err, VX_ERR_PROTOCOL, "%s of %zu bytes: at most %zu", name, length,
                       size - 1);
    for (size_t i = 0; i <= length; i++)
        ret_text[i] = i == length ? '\0' : from[i] >= ' ' && from[i] < 127 ? from[i] : '?';
    return VX_OK;
}

static vx_status take_code(const char *name, uint32_t code, uint32_t max, vx_error *err)
{
    if (code == 0 || code >= max)
        return vx_fail(err, VX_ERR_PROTOCOL, "%s %u is unknown", name, code);
    return VX_OK;
}

static vx_status take_digest(ProtobufCBinaryData from, bool may_lack, vx_digest *ret_digest,
                             vx_error *err)
{
    memset(ret_digest, 0, sizeof(*ret_digest));
    if (from.len == 0 && may_lack)
        return VX_OK;
    if (from.len != VX_DIGEST_BYTES)
        return vx_fail(err, VX_ERR_PROTOCOL, "digest of %zu bytes", from.len);
    memcpy(ret_digest->at, from.data, VX_DIGEST_BYTES);
    return VX_OK;
}

static vx_status take_hello(const Vx__Hello *message, vx_wire_hello *value, vx_error *err)
{
    vx_status status = take_code("role", message->role, VX_WIRE_ROLE_MAX, err);

    if (status == VX_OK && message->token.len != VX_TOKEN_BYTES)
        status = vx_fail(err, VX_ERR_PROTOCOL, "token of %zu bytes", message->token.len);
    if (status == VX_OK)
        status = take_digest(message->config, true, &value->config, err);
    if (status == VX_OK)
        status =
            take_text("version", message->version, value->version, sizeof(value->version), err);
    if (status == VX_OK)
        status = take_text("host", message->host, value->host, sizeof(value->host), err);
    if (status == VX_OK)
        status = take_text("blas", message->blas, value->blas, sizeof(value->blas), err);
    if (status != VX_OK)
        return status;
    value->role = (vx_wire_role)message->role;
    value->slot = message->slot;
    value->pid = message->pid;
    memcpy(value->token, message->token.data, VX_TOKEN_BYTES);
    return VX_OK;
}

vx_status vx_wire_hello_decode(vx_cbytes message, vx_wire_hello *ret_value, vx_error *err)
{
    opened self;
    vx_wire_hello value = { 0 };
    vx_status status = open_message(&self, &vx__hello__descriptor, message, err);

    if (status != VX_OK)
        return status;
    status = take_hello((const Vx__Hello *)self.message, &value, err);
    close_message(&self);
    if (status == VX_OK)
        *ret_value = value;
    return status;
}

static vx_status take_welcome(const Vx__Welcome *message, vx_wire_welcome *value, vx_error *err)
{
    if (message->dimension > VX_DIMENSION_MAX || message->round > VX_ROUNDS_MAX ||
        message->workers == 0 || message->workers > VX_WORKERS_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "welcome with numbers out of range");
    if (message->heartbeat_ms == 0 || message->heartbeat_timeout_ms <= message->heartbeat_ms)
        return vx_fail(err, VX_ERR_PROTOCOL, "welcome with heartbeats of %u and %u ms",
                       message->heartbeat_ms, message->heartbeat_timeout_ms);
    if (message->job.len > VX_JOB_TEXT_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "job of %zu bytes", message->job.len);
    *value = (vx_wire_welcome){
        .slot = message->slot,
        .epoch = message->epoch,
        .incarnation = message->incarnation,
        .workers = message->workers,
        .round = message->round,
        .dimension = message->dimension,
        .heartbeat_ms = message->heartbeat_ms,
        .heartbeat_timeout_ms = message->heartbeat_timeout_ms,
    };
    return take_digest(message->config, false, &value->config, err);
}

/* Where the job's bytes stand in the message itself: the arena with the decoder's copy goes. */
static vx_status borrow_job(ProtobufCBinaryData job, vx_cbytes message, vx_cbytes *ret_job,
                            vx_error *err)
{
    const uint8_t *at = job.len > 0 ? memmem(message.at, message.size, job.data, job.len) : NULL;

    if (job.len > 0 && at == NULL)
        return vx_fail(err, VX_ERR_PROTOCOL, "welcome without its job");
    *ret_job = (vx_cbytes){ at, job.len };
    return VX_OK;
}

vx_status vx_wire_welcome_decode(vx_cbytes message, vx_wire_welcome *ret_value, vx_error *err)
{
    opened self;
    vx_wire_welcome value = { 0 };
    vx_status status = open_message(&self, &vx__welcome__descriptor, message, err);
    const Vx__Welcome *from = NULL;

    if (status != VX_OK)
        return status;
    from = (const Vx__Welcome *)self.message;
    status = take_welcome(from, &value, err);
    if (status == VX_OK)
        status = borrow_job(from->job, message, &value.job, err);
    close_message(&self);
    if (status == VX_OK)
        *ret_value = value;
    return status;
}

vx_status vx_wire_refusal_decode(vx_cbytes message, vx_wire_refusal *ret_value, vx_error *err)
{
    opened self;
    vx_wire_refusal value = { 0 };
    vx_status status = open_message(&self, &vx__refusal__descriptor, message, err);
    const Vx__Refusal *from = NULL;

    if (status != VX_OK)
        return status;
    from = (const Vx__Refusal *)self.message;
    status = take_code("refusal", from->code, VX_WIRE_REFUSED_MAX, err);
    value.code = (vx_wire_refusal_code)from->code;
    value.retry = from->retry != 0;
    if (status == VX_OK)
        status = take_text("text", from->text, value.text, sizeof(value.text), err);
    close_message(&self);
    if (status == VX_OK)
        *ret_value = value;
    return status;
}

static vx_status take_tensor(const Vx__Tensor *from, vx_wire_tensor *tensor, uint64_t *left,
                             vx_error *err)
{
    uint64_t numbers = 1;
    vx_status status =
        take_text("tensor name", from->name, tensor->name, sizeof(tensor->name), err);

    if (status != VX_OK)
        return status;
    if (from->name[0] == '\0' || from->n_shape == 0 || from->n_shape > VX_TENSOR_RANK_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "tensor '%s' of rank %zu", tensor->name,
                       from->n_shape);
    tensor->rank = from->n_shape;
    for (size_t i = 0; i < from->n_shape; i++) {
        if (from->shape[i] == 0 || from->shape[i] > VX_DIMENSION_MAX ||
            numbers > *left / from->shape[i])
            return vx_fail(err, VX_ERR_PROTOCOL, "tensor '%s' is larger than the model",
                           tensor->name);
        tensor->shape[i] = from->shape[i];
        numbers *= from->shape[i];
    }
    *left -= numbers;
    return VX_OK;
}

static vx_status take_model(const Vx__Model *message, vx_wire_model *value, vx_error *err)
{
    uint64_t left = message->dimension;

    if (message->dimension == 0 || message->dimension > VX_DIMENSION_MAX ||
        message->n_tensors > VX_TENSORS_MAX)
        return vx_fail(err, VX_ERR_PROTOCOL, "model of %llu parameters in %zu tensors",
                       (unsigned long long)message->dimension, message->n_tensors);
    for (size_t i = 0; i < message->n_tensors; i++) {
        vx_status status = take_tensor(message->tensors[i], &value->tensors[i], &left, err);

        if (status != VX_OK)
            return status;
    }
    if (left != 0)
        return vx_fail(err, VX_ERR_PROTOCOL, "the tensors lack %llu of the model's parameters",
                       (unsigned long long)left);
    value->dimension = message->dimension;
    value->tensors_count = message->n_tensors;
    return VX_OK;
}

vx_status vx_wire_model_decode(vx_cbytes message, vx_wire_model *ret_value, vx_error *err)
{
    opened self;
    vx_status status = open_message(&self, &vx__model__descriptor, message, err);

    if (status != VX_OK)
        return status;
    status = take_model((const Vx__Model *)self.message, ret_value, err);
    close_message(&self);
    return status;
}

vx_status vx_wire_gradient_decode(vx_cbytes message, vx_wire_gradient *ret_value, vx_error *err)
{
    opened self;
    vx_status status = open_message(&self, &vx__gradient__descriptor, message, err);
    const Vx__Gradient *from = NULL;

    if (status != VX_OK)
        return status;
    from = (const Vx__Gradient *)self.message;
    *ret_value =
        (vx_wire_gradient){ from->nll, from->samples, from->compute_ns, from->injected != 0 };
    close_message(&self);
    return VX_OK;
}

static vx_status decode_code(vx_cbytes message, const char *name, uint32_t max, uint32_t *ret_code,
                             vx_error *err)
{
    opened self;
    vx_status status = open_message(&self, &vx__code__descriptor, message, err);

    if (status != VX_OK)
        return status;
    *ret_code = ((const Vx__Code *)self.message)->code;
    close_message(&self);
    return take_code(name, *ret_code, max, err);
}

vx_status vx_wire_verdict_decode(vx_cbytes message, vx_wire_verdict *ret_value, vx_error *err)
{
    uint32_t code = 0;
    vx_status status = decode_code(message, "verdict", VX_WIRE_VERDICT_MAX, &code, err);

    if (status == VX_OK)
        *ret_value = (vx_wire_verdict)code;
    return status;
}

vx_status vx_wire_request_decode(vx_cbytes message, vx_wire_request *ret_value, vx_error *err)
{
    uint32_t code = 0;
    vx_status status = decode_code(message, "request", VX_WIRE_REQUEST_MAX, &code, err);

    if (status == VX_OK)
        *ret_value = (vx_wire_request)code;
    return status;
}

vx_status vx_wire_evaluation_decode(vx_cbytes message, vx_wire_evaluation *ret_value, vx_error *err)
{
    opened self;
    vx_status status = open_message(&self, &vx__evaluation__descriptor, message, err);
    const Vx__Evaluation *from = NULL;

    if (status != VX_OK)
        return status;
    from = (const Vx__Evaluation *)self.message;
    *ret_value = (vx_wire_evaluation){ from->nll, from->accuracy, from->count, from->elapsed_ns };
    close_message(&self);
    return VX_OK;
}

static vx_status decode_word(vx_cbytes message, uint32_t *ret_reason, char *ret_text, size_t size,
                             vx_error *err)
{
    opened self;
    vx_status status = open_message(&self, &vx__word__descriptor, message, err);
    const Vx__Word *from = NULL;

    if (status != VX_OK)
        return status;
    from = (const Vx__Word *)self.message;
    *ret_reason = from->reason;
    status = take_text("text", from->text, ret_text, size, err);
    close_message(&self);
    return status;
}

vx_status vx_wire_stop_decode(vx_cbytes message, vx_wire_stop *ret_value, vx_error *err)
{
    uint32_t reason = 0;
    vx_status status = decode_word(message, &reason, ret_value->text, sizeof(ret_value->text), err);

    if (status == VX_OK)
        status = take_code("reason", reason, VX_WIRE_STOP_MAX, err);
    ret_value->reason = (vx_wire_stop_reason)reason;
    return status;
}

vx_status vx_wire_leave_decode(vx_cbytes message, vx_wire_leave *ret_value, vx_error *err)
{
    uint32_t reason = 0;

    return decode_word(message, &reason, ret_value->text, sizeof(ret_value->text), err);
}
