#include <vx_worker_app/worker.h>

#include <signal.h>
#include <time.h>

#include <vx_base/alloc.h>

#include "client.h"
#include "task.h"

typedef struct worker {
    vx_client client;
    vx_task task;
    float *gradient[2]; /* (d): one may still be on its way while the next is computed */
    int at;
    vx_task_gradient about;
} worker;

static vx_status set_up(vx_client *client, vx_error *err)
{
    worker *self = client->owner;
    vx_status status =
        vx_task_create_worker((vx_cbytes){ client->job_text.at, client->job_text.size },
                              client->bootstrap, &self->task, err);
    size_t dimension = 0;

    if (status != VX_OK)
        return status;
    dimension = vx_model_dimension(self->task.model);
    if (dimension != client->dimension)
        return vx_fail(
            err, VX_ERR_DATA,
            "%s gives a model of %zu parameters, the server's test data one of %zu: features or "
            "classes differ; set data.classes or mend the files",
            self->task.job->data.train_features, dimension, client->dimension);
    for (int i = 0; i < 2; i++) {
        self->gradient[i] = vx_aligned_calloc(dimension, sizeof(float));
        if (self->gradient[i] == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", dimension);
    }
    return VX_OK;
}

static void ready(vx_client *client)
{
    vx_log_event(&client->log, VX_LOG_INFO, "worker.ready", "slot=%u", client->bootstrap->slot);
}

static void compute(vx_client *client)
{
    worker *self = client->owner;
    size_t d = client->dimension;
    struct timespec delay = { 0, 0 };

    self->at = 1 - self->at;
    vx_task_gradient_at(&self->task, (vx_cvecf){ client->theta[client->computing], d },
                        client->session.working_on, (vx_vecf){ self->gradient[self->at], d },
                        &self->about);
    if (self->about.effect.crash)
        raise(SIGKILL); /* an injected fault */
    delay.tv_sec = (time_t)self->about.effect.delay_s;
    delay.tv_nsec = (long)((self->about.effect.delay_s - (double)delay.tv_sec) * 1e9);
    if (self->about.effect.delay_s > 0.0)
        nanosleep(&delay, NULL);
}

static void send_gradient(vx_client *client)
{
    worker *self = client->owner;
    vx_wire_gradient about = { self->about.nll, self->about.samples, self->about.compute_ns,
                               self->about.effect.any };
    uint8_t buffer[64];
    size_t size = 0;

    if (vx_wire_gradient_encode(&about, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK)
        vx_client_send_vector(client, VX_WIRE_GRADIENT, client->session.computed,
                              self->gradient[self->at], client->dimension,
                              (vx_cbytes){ buffer, size });
}

vx_status vx_worker_run(const vx_bootstrap *bootstrap, vx_error *err)
{
    static const vx_client_hooks hooks = {
        VX_WIRE_ROLE_WORKER, VX_WIRE_PARAMETERS, set_up, ready, compute, send_gradient
    };
    worker *self = vx_calloc(1, sizeof(*self));
    vx_status status = VX_ERR_NOMEM;

    if (self == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = vx_client_run(&self->client, &hooks, self, bootstrap, err);
    vx_task_destroy(&self->task);
    vx_free(self->gradient[0]);
    vx_free(self->gradient[1]);
    vx_free(self);
    return status;
}
