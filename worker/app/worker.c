#include <vx_worker_app/worker.h>

#include <signal.h>
#include <string.h>
#include <time.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_linalg/blas.h>

#include "client.h"
#include "place.h"

typedef struct worker {
    vx_client client;
    vx_worker_crew crew;
    vx_bootstrap own; /* what a worker of one process is made from */
    vx_task task;
    float *gradient[2]; /* (d): one may still be on its way while the next is computed; the crew's
                           where it lends them, else owned */
    int at;
    vx_task_gradient about;
    /* Which state of momentum the server wants this worker to go on with. It is taken up when
     * nothing is being computed. */
    bool state_due;
    uint64_t state_label;
    bool state_follows, state_complete;
    float *state; /* (d), owned: comes from the server */
    /* What the server has told to draw from. `told` belongs to the computation while there is one;
     * what comes meanwhile is taken up after it. */
    bool shards_due; /* not told since the welcome */
    bool shards_came;
    vx_wire_shards told, coming;
    bool unjudged; /* the verdict on what was sent last decides what the next is made of */
    uint64_t sent;
} worker;

static void update_block(vx_client *client)
{
    const worker *self = client->owner;

    vx_session_block(&client->session, self->state_due || self->unjudged || self->shards_due);
}

static vx_status set_up(vx_client *client, vx_error *err)
{
    worker *self = client->owner;
    vx_cbytes job = { client->job_text.at, client->job_text.size };
    vx_status status = self->crew.set_up(self->crew.owner, job, &self->task, err);
    size_t dimension = 0;

    if (status != VX_OK)
        return status;
    dimension = vx_model_dimension(self->task.model);
    if (dimension != client->dimension)
        return vx_fail(
            err, VX_ERR_DATA,
            "%s gives a model of %zu parameters, the server's test data one of %zu: features or "
            "classes differ; set data.classes (or data.svmlight.features) or mend the files",
            self->task.job->data.train_features, dimension, client->dimension);
    for (int i = 0; i < 2; i++) {
        self->gradient[i] = self->crew.lend != NULL ? self->crew.lend(self->crew.owner, i)
                                                    : vx_aligned_calloc(dimension, sizeof(float));
        if (self->gradient[i] == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", dimension);
    }
    return VX_OK;
}

static void take_up_shards(vx_client *client)
{
    worker *self = client->owner;

    if (!self->shards_came || client->working)
        return;
    self->shards_came = false;
    self->told = self->coming;
}

static vx_status shards_arrived(vx_client *client, vx_cbytes message, vx_error *err)
{
    static vx_wire_shards shards; /* the loop thread's */
    worker *self = client->owner;
    const vx_wire_shards *before = self->shards_came ? &self->coming : &self->told;
    vx_status status = vx_wire_shards_decode(message, &shards, err);

    if (status != VX_OK)
        return status;
    if (before->count != shards.count ||
        memcmp(before->shards, shards.shards, shards.count * sizeof(*shards.shards)) != 0) {
        vx_session_forget(&client->session); /* what is at hand was drawn from others */
        if (!self->shards_due)               /* and what was wanted was to be */
            vx_session_replacing(&client->session);
    }
    self->coming = shards;
    self->shards_came = true;
    self->shards_due = false;
    update_block(client);
    take_up_shards(client);
    return VX_OK;
}

/* Before the server asks for a gradient: its state comes before its parameters. */
static void take_up_state(vx_client *client)
{
    worker *self = client->owner;
    vx_momentum *momentum = NULL;
    uint64_t before = 0;

    if (!self->state_due || client->working || !client->session.ready)
        return; /* the task is the pool's now, or not there yet */
    momentum = self->task.momentum;
    if (momentum == NULL)
        return;
    if (self->state_follows && !self->state_complete)
        return;
    self->state_due = false;
    update_block(client);
    before = vx_momentum_base(momentum);
    if (self->state_follows)
        vx_momentum_restore(momentum, self->state_label,
                            (vx_cvecf){ self->state, client->dimension });
    else if (!vx_momentum_rebase(momentum, self->state_label)) {
        vx_log_event(&client->log, VX_LOG_WARN, "momentum.lost", "slot=%u wanted=%llu held=%llu",
                     client->bootstrap->slot, (unsigned long long)self->state_label,
                     (unsigned long long)before);
        (void)vx_momentum_rebase(momentum, 0); /* always possible */
    }
    /* What was made from a state that is replaced cannot become the next one, if its label is the
     * same or not. */
    if (self->state_follows || vx_momentum_base(momentum) != before)
        vx_session_forget(&client->session);
}

static void tell_states(vx_client *client, vx_wire_hello *hello)
{
    const worker *self = client->owner;

    if (!client->session.ready || self->task.momentum == NULL)
        return;
    hello->states[0] = vx_momentum_base(self->task.momentum);
    if (!client->working) /* else the other one is being made, and is told by nobody */
        hello->states[1] = vx_momentum_other(self->task.momentum);
}

static vx_status welcomed(vx_client *client, const vx_wire_welcome *welcome, vx_error *err)
{
    worker *self = client->owner;

    self->state_due = true;
    self->state_label = welcome->state;
    self->state_follows = welcome->state_follows;
    self->state_complete = false;
    self->unjudged = false; /* the label says what became of it */
    self->shards_due = true;
    update_block(client);
    if (welcome->state_follows && self->state == NULL)
        self->state = vx_aligned_calloc(client->dimension, sizeof(float));
    if (welcome->state_follows && self->state == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for %zu parameters", client->dimension);
    take_up_state(client);
    return VX_OK;
}

static float *state_room(vx_client *client, uint64_t label)
{
    worker *self = client->owner;

    if (!self->state_due || !self->state_follows || label != self->state_label)
        return NULL;
    self->state_complete = false; /* it may have come before */
    return self->state;
}

static void state_arrived(vx_client *client)
{
    worker *self = client->owner;

    self->state_complete = true;
    take_up_state(client);
}

static void take_verdict(vx_client *client, uint64_t round, vx_wire_verdict verdict)
{
    worker *self = client->owner;

    if (!self->unjudged || round != self->sent)
        return;
    VX_ASSERT(!client->working); /* blocked until now */
    if (verdict == VX_WIRE_ACCEPTED)
        vx_momentum_accept(self->task.momentum, round);
    self->unjudged = false;
    update_block(client);
}

static void take_up(vx_client *client)
{
    take_up_shards(client);
    take_up_state(client);
}

static void ready(vx_client *client)
{
    const worker *self = client->owner;
    const vx_place *place = vx_app_place();

    client->session.staleness = self->task.job->workers.staleness;
    vx_log_event(&client->log, VX_LOG_INFO, "worker.ready",
                 "slot=%u cpus=%s cores=%u node=%d threads=%d", client->bootstrap->slot,
                 place->cores > 0 ? place->cpus : "?", place->cores, place->node,
                 vx_blas_threads());
}

static void compute(vx_client *client)
{
    worker *self = client->owner;
    size_t d = client->dimension;
    struct timespec delay = { 0, 0 };

    client->work_status = self->crew.take_shards(self->crew.owner, &self->task, self->told.shards,
                                                 self->told.count, &client->error);
    if (client->work_status != VX_OK)
        return;
    self->at = 1 - self->at;
    self->crew.gradient(
        self->crew.owner, &self->task, (vx_cvecf){ client->theta[client->computing], d },
        client->session.working_on, (vx_vecf){ self->gradient[self->at], d }, &self->about);
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
                               self->about.effect.any, self->about.effect.altered };
    uint8_t buffer[64];
    size_t size = 0;

    if (client->work_status != VX_OK) {
        vx_session_end(&client->session, client->work_status);
        return;
    }
    if (vx_wire_gradient_encode(&about, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK)
        vx_client_send_vector(client, VX_WIRE_GRADIENT, client->session.computed,
                              self->gradient[self->at], client->dimension,
                              (vx_cbytes){ buffer, size });
    self->sent = client->session.computed;
    self->unjudged = true;
    update_block(client);
}

/* ---- a worker of one process ---- */

static vx_status set_up_alone(void *owner, vx_cbytes job, vx_task *ret_task, vx_error *err)
{
    return vx_worker_create_task(owner, &(vx_worker_part){ 0 }, job, ret_task, err);
}

static vx_status take_shards_alone(void *owner, vx_task *task, const uint32_t *shards, size_t count,
                                   vx_error *err)
{
    (void)owner;
    return vx_task_take_shards(task, shards, count, err);
}

static void gradient_alone(void *owner, vx_task *task, vx_cvecf theta, uint64_t round,
                           vx_vecf ret_gradient, vx_task_gradient *ret_about)
{
    (void)owner;
    vx_task_gradient_at(task, theta, round, ret_gradient, ret_about);
}

vx_status vx_worker_run(const vx_bootstrap *bootstrap, const vx_worker_crew *crew, vx_error *err)
{
    static const vx_client_hooks hooks = {
        .role = VX_WIRE_ROLE_WORKER,
        .vectors = VX_WIRE_PARAMETERS,
        .set_up = set_up,
        .ready = ready,
        .compute = compute,
        .send = send_gradient,
        .greet = tell_states,
        .welcomed = welcomed,
        .verdict = take_verdict,
        .state_room = state_room,
        .state = state_arrived,
        .shards = shards_arrived,
        .idle = take_up,
    };
    worker *self = vx_calloc(1, sizeof(*self));
    vx_status status = VX_ERR_NOMEM;

    if (self == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    self->own = *bootstrap;
    self->crew = crew != NULL ? *crew
                              : (vx_worker_crew){ &self->own, set_up_alone, take_shards_alone,
                                                  gradient_alone, NULL };
    status = vx_client_run(&self->client, &hooks, self, bootstrap, err);
    vx_task_destroy(&self->task);
    for (int i = 0; self->crew.lend == NULL && i < 2; i++)
        vx_free(self->gradient[i]);
    vx_free(self->state);
    vx_free(self);
    return status;
}
