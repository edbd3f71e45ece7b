#include <vx_wire/wire.h>

#include <string.h>

#include <vexil.pb-c.h>

#include "codec.h"
#include "field.h"

#define SLOT_NONE UINT32_MAX /* VX_FRAME_SLOT_NONE of the transport room */

vx_status vx_wire_hello_encode(const vx_wire_hello *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Hello message = VX__HELLO__INIT;
    uint64_t states[VX_WIRE_STATES_MAX];

    message.role = (Vx__Role)value->role;
    message.slot = value->slot;
    message.token = vx_field_of_bytes(value->token, sizeof(value->token));
    message.config = vx_field_of_digest(&value->config);
    message.version = vx_field_of_text(value->version, sizeof(value->version));
    message.host = vx_field_of_text(value->host, sizeof(value->host));
    message.blas = vx_field_of_text(value->blas, sizeof(value->blas));
    message.pid = value->pid;
    message.cpus = vx_field_of_text(value->cpus, sizeof(value->cpus));
    message.threads = value->threads;
    message.node = value->node;
    for (size_t i = 0; i < VX_WIRE_STATES_MAX; i++)
        if (value->states[i] != 0)
            states[message.n_states++] = value->states[i];
    message.states = states;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

static vx_status take_identity(const Vx__Hello *message, vx_wire_hello *hello, vx_error *err)
{
    uint32_t role = (uint32_t)message->role;

    if (vx_field_range(role, 1, VX_WIRE_ROLE_MAX - 1, "role", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    hello->role = (vx_wire_role)role;
    hello->slot = message->slot;
    hello->pid = message->pid;
    if (role != VX_WIRE_ROLE_WORKER && message->slot != SLOT_NONE)
        return vx_fail(err, VX_ERR_PROTOCOL, "only a worker has a slot");
    if (role == VX_WIRE_ROLE_WORKER &&
        vx_field_range(message->slot, 0, VX_WORKERS_MAX - 1, "slot", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    if (message->token.len != sizeof(hello->token))
        return vx_fail(err, VX_ERR_PROTOCOL, "token of %zu bytes", message->token.len);
    memcpy(hello->token, message->token.data, sizeof(hello->token));
    return vx_field_digest(message->config, "config", &hello->config, err);
}

static vx_status take_states(const Vx__Hello *message, vx_wire_hello *hello, vx_error *err)
{
    if (vx_field_range(message->n_states, 0, VX_WIRE_STATES_MAX, "number of states", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    for (size_t i = 0; i < message->n_states; i++) {
        if (vx_field_range(message->states[i], 1, VX_ROUNDS_MAX, "state", err) != VX_OK)
            return VX_ERR_PROTOCOL;
        hello->states[i] = message->states[i];
    }
    return VX_OK;
}

static vx_status take_hello(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                            vx_error *err)
{
    const Vx__Hello *message = (const Vx__Hello *)base;
    vx_wire_hello hello = { 0 };

    (void)bytes;
    if (take_identity(message, &hello, err) != VX_OK ||
        take_states(message, &hello, err) != VX_OK ||
        vx_field_name(message->version, "version", hello.version, sizeof(hello.version), err) !=
            VX_OK ||
        vx_field_name(message->host, "host", hello.host, sizeof(hello.host), err) != VX_OK ||
        vx_field_name(message->blas, "blas", hello.blas, sizeof(hello.blas), err) != VX_OK ||
        vx_field_name(message->cpus, "cpus", hello.cpus, sizeof(hello.cpus), err) != VX_OK ||
        vx_field_range(message->threads, 0, VX_WIRE_THREADS_MAX, "threads", err) != VX_OK ||
        vx_field_range(message->node, 0, VX_WIRE_THREADS_MAX, "node", err) != VX_OK)
        return VX_ERR_PROTOCOL;
    hello.threads = message->threads;
    hello.node = message->node;
    *(vx_wire_hello *)ret_value = hello;
    return VX_OK;
}

vx_status vx_wire_hello_decode(vx_cbytes message, vx_wire_hello *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__hello__descriptor, message, take_hello, ret_value, err);
}

vx_status vx_wire_welcome_encode(const vx_wire_welcome *value, vx_bytes buffer, size_t *ret_size)
{
    Vx__Welcome message = VX__WELCOME__INIT;

    if (value->job.size > VX_JOB_TEXT_MAX)
        return VX_ERR_LIMIT;
    message.slot = value->slot;
    message.epoch = value->epoch;
    message.incarnation = value->incarnation;
    message.workers = value->workers;
    message.round = value->round;
    message.dimension = value->dimension;
    message.heartbeat_ms = value->heartbeat_ms;
    message.heartbeat_timeout_ms = value->heartbeat_timeout_ms;
    message.config = vx_field_of_digest(&value->config);
    message.job = vx_field_of_bytes(value->job.at, value->job.size);
    message.state = value->state;
    message.state_follows = value->state_follows;
    return vx_codec_pack(&message.base, buffer, ret_size);
}

/* The text as it stands in the undecoded message: the copy in the arena goes with the arena. Equal
 * bytes earlier in the message would do as well. */
static vx_cbytes find_job(ProtobufCBinaryData job, vx_cbytes bytes)
{
    if (job.len == 0)
        return (vx_cbytes){ bytes.at, 0 };
    return (vx_cbytes){ memmem(bytes.at, bytes.size, job.data, job.len), job.len };
}

static vx_status check_welcome(const Vx__Welcome *message, vx_error *err)
{
    if (vx_field_range(message->workers, 1, VX_WORKERS_MAX, "workers", err) != VX_OK ||
        vx_field_range(message->round, 0, VX_ROUNDS_MAX, "round", err) != VX_OK ||
        vx_field_range(message->dimension, 0, VX_DIMENSION_MAX, "dimension", err) != VX_OK ||
        vx_field_range(message->heartbeat_ms, 1, UINT32_MAX, "heartbeat", err) != VX_OK ||
        vx_field_range(message->heartbeat_timeout_ms, message->heartbeat_ms, UINT32_MAX,
                       "heartbeat timeout", err) != VX_OK ||
        vx_field_range(message->job.len, 0, VX_JOB_TEXT_MAX, "size of the job", err) != VX_OK ||
        vx_field_range(message->state, message->state_follows ? 1 : 0, VX_ROUNDS_MAX, "state",
                       err) != VX_OK)
        return VX_ERR_PROTOCOL;
    if (message->slot != SLOT_NONE)
        return vx_field_range(message->slot, 0, message->workers - 1, "slot", err);
    return VX_OK;
}

static vx_status take_welcome(const ProtobufCMessage *base, vx_cbytes bytes, void *ret_value,
                              vx_error *err)
{
    const Vx__Welcome *message = (const Vx__Welcome *)base;
    vx_wire_welcome welcome = {
        .slot = message->slot,
        .epoch = message->epoch,
        .incarnation = message->incarnation,
        .workers = message->workers,
        .round = message->round,
        .dimension = message->dimension,
        .heartbeat_ms = message->heartbeat_ms,
        .heartbeat_timeout_ms = message->heartbeat_timeout_ms,
        .job = find_job(message->job, bytes),
        .state = message->state,
        .state_follows = message->state_follows != 0,
    };

    if (check_welcome(message, err) != VX_OK ||
        vx_field_digest(message->config, "config", &welcome.config, err) != VX_OK)
        return VX_ERR_PROTOCOL;
    *(vx_wire_welcome *)ret_value = welcome;
    return VX_OK;
}

vx_status vx_wire_welcome_decode(vx_cbytes message, vx_wire_welcome *ret_value, vx_error *err)
{
    return vx_codec_unpack(&vx__welcome__descriptor, message, take_welcome, ret_value, err);
}
