#include <vx_worker_app/worker.h>

#include <string.h>

#include <vx_base/alloc.h>

#include "client.h"
#include "create.h"

typedef struct evaluator {
    vx_client client;
    vx_task task;
    float *initial; /* (d) */
    bool due;       /* the server that has welcomed us does not know the model */
    vx_task_result result;
    uint64_t elapsed_ns;
} evaluator;

static vx_status set_up(vx_client *client, vx_error *err)
{
    evaluator *self = client->owner;
    vx_status status = vx_app_create_evaluator(client, &self->task, err);
    size_t dimension = 0;

    if (status != VX_OK)
        return status;
    dimension = vx_model_dimension(self->task.model);
    status = vx_client_take_theta(client, dimension, err);
    if (status != VX_OK)
        return status;
    self->initial = vx_aligned_calloc(dimension, sizeof(float));
    if (self->initial == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", dimension);
    vx_model_initialise(self->task.model, self->task.job->seed,
                        (vx_vecf){ self->initial, dimension });
    return VX_OK;
}

/* A link that breaks takes with it what was on its way: whoever welcomes us says whether it knows
 * the model. */
static void tell_model(vx_client *client)
{
    static vx_wire_tensor tensors[VX_TENSORS_MAX];
    static uint8_t buffer[VX_MESSAGE_BYTES_MAX];
    evaluator *self = client->owner;
    vx_wire_model model = { .dimension = client->dimension, .tensors = tensors };
    size_t size = 0;

    if (!self->due || !client->session.ready || client->session.link != VX_SESSION_UP)
        return;
    self->due = false;
    model.tensors_count = vx_model_tensor_count(self->task.model);
    for (size_t i = 0; i < model.tensors_count; i++) {
        vx_model_tensor tensor = vx_model_tensor_at(self->task.model, i);

        memcpy(tensors[i].name, tensor.name, sizeof(tensors[i].name));
        tensors[i].rank = tensor.rank;
        tensors[i].is_weight = tensor.is_weight;
        for (size_t k = 0; k < tensor.rank; k++)
            tensors[i].shape[k] = tensor.shape[k];
    }
    if (vx_wire_model_encode(&model, (vx_bytes){ buffer, sizeof(buffer) }, &size) != VX_OK) {
        vx_fail(&client->error, VX_ERR_LIMIT, "the model's tensors do not fit into a message");
        vx_session_end(&client->session, VX_ERR_LIMIT);
        return;
    }
    vx_client_send_message(client, VX_WIRE_MODEL, 0, (vx_cbytes){ buffer, size });
    vx_client_send_vector(client, VX_WIRE_PARAMETERS, 0, self->initial, client->dimension,
                          (vx_cbytes){ NULL, 0 });
}

static vx_status welcomed(vx_client *client, const vx_wire_welcome *welcome, vx_error *err)
{
    evaluator *self = client->owner;

    (void)err;
    self->due = welcome->dimension == 0;
    tell_model(client);
    return VX_OK;
}

static void compute(vx_client *client)
{
    evaluator *self = client->owner;
    uint64_t began = vx_clock_monotonic_ns(&client->clock);

    client->work_status = vx_task_evaluate(
        &self->task, (vx_cvecf){ client->theta[client->computing], client->dimension },
        &self->result);
    self->elapsed_ns = vx_clock_monotonic_ns(&client->clock) - began;
}

static void send_result(vx_client *client)
{
    evaluator *self = client->owner;
    const vx_task_result *result = &self->result;
    vx_wire_evaluation message = { .nll = result->nll,
                                   .accuracy = result->accuracy,
                                   .deviance = result->deviance,
                                   .count = result->count,
                                   .elapsed_ns = self->elapsed_ns };
    uint8_t buffer[64];
    size_t size = 0;

    if (client->work_status != VX_OK) {
        vx_fail(&client->error, client->work_status, "the evaluation failed");
        vx_session_end(&client->session, client->work_status);
        return;
    }
    if (vx_wire_evaluation_encode(&message, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK)
        vx_client_send_message(client, VX_WIRE_EVALUATION, client->session.computed,
                               (vx_cbytes){ buffer, size });
}

vx_status vx_evaluator_run(const vx_bootstrap *bootstrap, vx_error *err)
{
    static const vx_client_hooks hooks = {
        .role = VX_WIRE_ROLE_EVALUATOR,
        .vectors = VX_WIRE_EVALUATE,
        .set_up = set_up,
        .ready = tell_model,
        .compute = compute,
        .send = send_result,
        .welcomed = welcomed,
    };
    evaluator *self = vx_calloc(1, sizeof(*self));
    vx_status status = VX_ERR_NOMEM;

    if (self == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = vx_client_run(&self->client, &hooks, self, bootstrap, err);
    vx_task_destroy(&self->task);
    vx_free(self->initial);
    vx_free(self);
    return status;
}
