#include "server_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/descriptors.h>
#include <vx_base/program.h>

#define EVALUATOR_STARTS_MAX 5

bool vx_evaluator_has_told(const vx_server *server)
{
    return server->theta != NULL && server->initial_next == server->dimension * sizeof(float);
}

/* Another one in the place of one that has gone: its process and its connection have both ended,
 * in whatever order. The last evaluation is not waited for when nobody is left to make it. */
static void replace_evaluator(vx_server *server)
{
    vx_error err = { 0 };

    if (server->finished || server->evaluator_running || server->evaluator != NULL ||
        (server->finishing && !vx_evaluator_is_awaited(server)))
        return;
    if (server->evaluator_starts < EVALUATOR_STARTS_MAX &&
        vx_evaluator_start(server, &err) == VX_OK)
        return;
    vx_log_event(&server->log, VX_LOG_ERROR, "evaluator.failed", "starts=%u why=\"%s\"",
                 server->evaluator_starts,
                 err.message[0] != '\0' ? err.message : "it has ended too often");
    server->evaluate_next = UINT64_MAX;
    if (!vx_evaluator_has_told(server)) { /* nobody is left to wait for */
        (void)vx_fail(&err, VX_ERR_UNAVAILABLE,
                      "the evaluator was started %u times and did not tell the model",
                      server->evaluator_starts);
        vx_server_finish(server, err.code, &err);
    }
    vx_server_finish_step(server);
}

static void on_process_closed(uv_handle_t *handle)
{
    vx_server *server = handle->data;

    server->evaluator_running = false;
    replace_evaluator(server);
    vx_server_finish_step(server);
}

static vx_status status_of_exit(int64_t code)
{
    for (int status = VX_ERR_NOMEM; status < VX_STATUS_MAX; status++)
        if (vx_status_exit_code((vx_status)status) == code)
            return (vx_status)status;
    return VX_ERR_SYSTEM;
}

static void on_exit_of_evaluator(uv_process_t *process, int64_t code, int signal)
{
    vx_server *server = process->data;
    vx_error err = { 0 };

    server->evaluator_alive = false;
    vx_uv->close((uv_handle_t *)process, on_process_closed);
    if (server->finishing)
        return;
    if (signal != 0)
        vx_fail(&err, VX_ERR_SYSTEM, "the evaluator was ended by signal %d", signal);
    else
        vx_fail(&err, status_of_exit(code),
                "the evaluator ended with exit code %lld before it told the model",
                (long long)code);
    if (!vx_evaluator_has_told(server) && signal == 0)
        vx_server_finish(server, err.code, &err);
    else
        vx_log_event(&server->log, VX_LOG_WARN, "evaluator.ended", "why=\"%s\"", err.message);
}

vx_status vx_evaluator_start(vx_server *server, vx_error *err)
{
    char *program = vx_program_or_name("vexil-compute");
    char word1[] = "--evaluator";
    char pid[16];
    char word2[] = "--run-dir";
    char *run_dir = vx_strdup(server->options.run_dir);
    char *argv[] = { program, word1, pid, word2, run_dir, NULL };
    uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE },
                                      { .flags = UV_IGNORE },
                                      { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO } };
    uv_process_options_t options = { .exit_cb = on_exit_of_evaluator,
                                     .file = program,
                                     .args = argv,
                                     .stdio = stdio,
                                     .stdio_count = 3 };
    vx_status status = VX_OK;
    char text[VX_ERRNO_TEXT_SIZE];
    int result = 0;

    if (program == NULL || run_dir == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "out of memory to start the evaluator");
        goto out;
    }
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    server->evaluator_process.data = server;
    server->evaluator_starts++;
    result = vx_uv->spawn(&server->loop, &server->evaluator_process, &options);
    server->evaluator_running = true;
    server->evaluator_alive = result == 0;
    if (result != 0) {
        status = vx_fail(err, VX_ERR_SYSTEM, "%s: %s", program, vx_errno_text(-result, text));
        vx_uv->close((uv_handle_t *)&server->evaluator_process, on_process_closed);
    }
out:
    vx_free(program);
    vx_free(run_dir);
    return status;
}

static vx_status take_model(vx_peer *peer, vx_cbytes message, vx_error *err)
{
    vx_server *server = peer->server;
    vx_wire_model model = { .tensors = server->tensors };
    vx_status status = VX_OK;

    if (server->ready || server->theta != NULL)
        return vx_fail(err, VX_ERR_PROTOCOL, "the model was told twice");
    status = vx_wire_model_decode(message, &model, err);
    if (status != VX_OK)
        return status;
    server->dimension = model.dimension;
    server->tensors_count = model.tensors_count;
    server->theta = vx_aligned_calloc(server->dimension, sizeof(float));
    if (server->theta == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", server->dimension);
    return VX_OK;
}

vx_status vx_evaluator_header(vx_peer *peer, const vx_frame_header *header, uint8_t **ret_payload,
                              vx_error *err)
{
    vx_server *server = peer->server;
    uint64_t total = server->dimension * sizeof(float);

    if (server->ready || server->theta == NULL || header->offset != server->initial_next ||
        header->payload_size > total - server->initial_next)
        return vx_fail(err, VX_ERR_PROTOCOL, "first parameters that do not fit the model");
    *ret_payload = (uint8_t *)server->theta + header->offset;
    return VX_OK;
}

static vx_status take_parameters(vx_peer *peer, const vx_frame_header *header, vx_error *err)
{
    vx_server *server = peer->server;
    vx_error why = { 0 };
    vx_status status = VX_OK;

    (void)err;
    server->initial_next += header->payload_size;
    if (server->initial_next < server->dimension * sizeof(float))
        return VX_OK;
    status = vx_server_make_ready(server, &why);
    if (status != VX_OK)
        vx_server_finish(server, status, &why);
    return VX_OK;
}

static vx_status take_result(vx_peer *peer, const vx_frame_header *header, vx_cbytes message,
                             vx_error *err)
{
    vx_server *server = peer->server;
    vx_wire_evaluation result = { 0 };
    vx_status status = vx_wire_evaluation_decode(message, &result, err);

    if (status != VX_OK)
        return status;
    if (!server->evaluating || header->round != server->evaluating_round)
        return vx_fail(err, VX_ERR_PROTOCOL, "an evaluation that nobody asked for");
    server->evaluating = false;
    server->evaluator_starts = 1; /* it works */
    server->test = (vx_test_result){ true,         header->round,  result.nll, result.accuracy,
                                     result.count, result.deviance };
    vx_log_event(&server->log, VX_LOG_INFO, "evaluation",
                 "rounds=%llu nll=%.6f accuracy=%.4f deviance=%.6f count=%llu",
                 (unsigned long long)header->round, result.nll, result.accuracy, result.deviance,
                 (unsigned long long)result.count);
    vx_journal_event(server->journal, header->round, "evaluation", "s:f, s:f, s:f, s:I, s:f", "nll",
                     result.nll, "accuracy", result.accuracy, "deviance", result.deviance, "count",
                     (long long)result.count, "seconds",
                     (double)result.elapsed_ns / (double)VX_NS_PER_S);
    vx_evaluator_try(server);
    vx_server_finish_step(server);
    return VX_OK;
}

vx_status vx_evaluator_frame(vx_peer *peer, const vx_frame_header *header, vx_cbytes message,
                             vx_error *err)
{
    if (header->type == VX_WIRE_MODEL)
        return take_model(peer, message, err);
    if (header->type == VX_WIRE_PARAMETERS)
        return take_parameters(peer, header, err);
    return take_result(peer, header, message, err);
}

void vx_evaluator_due(vx_server *server, uint64_t rounds)
{
    if (server->finishing && server->outcome != VX_OK)
        return; /* nobody would wait for it */
    if (server->evaluating && server->evaluating_round == rounds)
        return; /* its result is on the way; it would not be computed twice */
    server->evaluate_next = rounds;
    vx_evaluator_try(server);
}

void vx_evaluator_try(vx_server *server)
{
    vx_peer *peer = server->evaluator;

    if (server->evaluate_next == UINT64_MAX || server->evaluating || peer == NULL ||
        peer->sending != NULL || !server->ready || server->current == NULL)
        return;
    server->evaluate_next = UINT64_MAX;
    server->evaluating = true;
    server->evaluating_round = server->current->round;
    vx_snapshot_send(peer, server->current, VX_WIRE_EVALUATE);
}

void vx_evaluator_lost(vx_server *server)
{
    if (server->evaluating)
        server->evaluate_next = server->round.number; /* again, with a new evaluator */
    server->evaluating = false;
    if (!vx_evaluator_has_told(server)) { /* the next one tells it from the start */
        vx_free(server->theta);
        server->theta = NULL;
        server->initial_next = 0;
    }
    replace_evaluator(server);
}

bool vx_evaluator_is_awaited(const vx_server *server)
{
    return server->evaluating || server->evaluate_next != UINT64_MAX;
}
