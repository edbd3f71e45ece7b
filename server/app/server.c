#include "server_private.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_linalg/blas.h>
#include <vx_plan/plan.h>

uint64_t vx_server_now(const vx_server *server)
{
    return vx_clock_monotonic_ns(&server->clock);
}

vx_frame_header vx_server_header(const vx_server *server, const vx_peer *peer, vx_wire_type type,
                                 uint64_t round)
{
    return (vx_frame_header){
        .type = (uint16_t)type,
        .job = server->job_id,
        .epoch = server->epoch,
        .slot = peer->slot,
        .incarnation = peer->incarnation,
        .round = round,
    };
}

void vx_server_summary(vx_server *server, const char *state, vx_run_summary *ret_summary)
{
    double rounds = server->phases_count > 0 ? (double)server->phases_count : 1.0;
    const vx_phases *sum = &server->phases_sum;
    uint64_t left = server->round.rounds - server->round.number;
    uint64_t now = vx_server_now(server);

    vx_waiting_describe(server);
    *ret_summary = (vx_run_summary){
        .job = server->job->name,
        .state = state,
        .message = server->message,
        .epoch = server->epoch,
        .round = server->round.number,
        .rounds = server->round.rounds,
        .dimension = server->dimension,
        .ranks = server->job->workers.ranks,
        .loss = server->loss,
        .rate = server->rate > 0.0 ? server->rate : nan(""),
        .eta_s = server->rate > 0.0 ? (double)left / server->rate : nan(""),
        .since_s = (double)(now - server->state_since_ns) / (double)VX_NS_PER_S,
        .seconds = (double)(now - server->started_ns) / (double)VX_NS_PER_S,
        .parameters = server->parameters_digest,
        .test = server->test,
        .shards = &server->assignment,
        .endpoints = server->address.texts,
        .endpoints_count = server->address.advertised_count,
        .phases_mean = { sum->wait_ms / rounds, sum->check_ms / rounds, sum->aggregate_ms / rounds,
                         sum->step_ms / rounds, sum->record_ms / rounds,
                         sum->broadcast_ms / rounds },
        .blas = vx_blas_core(),
        .libuv = uv_version_string(),
    };
}

static void on_start_timeout(uv_timer_t *timer)
{
    vx_server *server = timer->data;
    vx_error err = { 0 };

    if (!server->ready) {
        vx_fail(&err, VX_ERR_UNAVAILABLE, "the evaluator did not tell the model in %.0f s",
                server->job->workers.start_timeout_s);
        vx_server_finish(server, err.code, &err);
        return;
    }
    vx_server_census(server, VX_ROUND_EV_START_TIMEOUT);
}

const char *vx_server_state_name(const vx_server *server)
{
    if (server->finishing)
        return server->evaluating ? "evaluating" : "stopping";
    if (server->record_waits)
        return "held";
    switch (server->round.state) {
    case VX_ROUND_STARTING:
        return "starting";
    case VX_ROUND_HELD:
        return "held";
    case VX_ROUND_COLLECTING:
    case VX_ROUND_AGGREGATING:
        return server->round.number < server->replay_until ? "replaying" : "training";
    case VX_ROUND_ENDED:
    case VX_ROUND_STATE_MAX:
        break;
    }
    return "done";
}

/* Who waits for the model does not know the job's heartbeats yet. */
static uint64_t heartbeat_ms(const vx_server *server)
{
    uint64_t ms = vx_milliseconds(server->job->workers.heartbeat_s);

    return server->ready || ms < VX_WIRE_GREETING_BEAT_MS ? ms : VX_WIRE_GREETING_BEAT_MS;
}

static void on_heartbeat(uv_timer_t *timer)
{
    vx_server *server = timer->data;
    vx_peer *next = NULL;

    vx_uv->timer_set_repeat(timer, heartbeat_ms(server)); /* from the next one on */

    for (vx_peer *peer = server->peers; peer != NULL; peer = next) {
        next = peer->next;
        if (peer->stage == VX_PEER_WELCOMED || peer->stage == VX_PEER_WAITING)
            vx_peer_send(peer, VX_WIRE_HEARTBEAT, server->round.number, (vx_cbytes){ NULL, 0 });
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    vx_server *server = handle->data;

    server->signals++;
    vx_log_event(&server->log, VX_LOG_INFO, "signal", "number=%d count=%u", number,
                 server->signals);
    if (server->signals > 1)
        _exit(128 + number); /* the second one: at once; what is committed and saved stays */
    vx_server_census(server, VX_ROUND_EV_STOP);
}

/* A notice of preemption: a checkpoint now, then the end, while there is time. */
static void on_drain(uv_signal_t *handle, int number)
{
    vx_server *server = handle->data;

    vx_log_event(&server->log, VX_LOG_INFO, "signal", "number=%d drain=true", number);
    vx_server_census(server, VX_ROUND_EV_STOP);
}

static void on_dump(uv_signal_t *handle, int number)
{
    vx_server *server = handle->data;

    vx_log_event(&server->log, VX_LOG_INFO, "signal", "number=%d dump=status.json", number);
    vx_server_dump(server);
}

static void on_reopen(uv_signal_t *handle, int number)
{
    vx_server *server = handle->data;
    vx_error err = { 0 };
    vx_status status = vx_server_reopen_log(server, &err);

    if (status != VX_OK)
        vx_log_event(&server->log, VX_LOG_ERROR, "log.reopen", "why=\"%s\"", err.message);
    vx_log_event(&server->log, VX_LOG_INFO, "signal", "number=%d reopened=%s", number,
                 status == VX_OK ? "true" : "false");
}

static vx_status load_job(vx_server *server, vx_error *err)
{
    vx_status status = vx_job_load(server->options.job, server->options.overrides,
                                   server->options.overrides_count, &server->job, err);

    if (status == VX_OK)
        status = vx_plan_check(server->job, err);
    if (status == VX_OK)
        status = vx_job_pin(server->job, err);
    if (status == VX_OK)
        status = vx_job_print_yaml(server->job, &server->job_text);
    if (status == VX_OK && server->job_text.size > VX_JOB_TEXT_MAX)
        status = vx_fail(err, VX_ERR_CONFIG,
                         "%s: the resolved job has %zu bytes, at most %u are possible",
                         server->options.job, server->job_text.size, VX_JOB_TEXT_MAX);
    if (status == VX_OK)
        status = vx_job_digest(server->job, &server->config);
    server->job_id = vx_load_u64(server->config.at);
    return status;
}

static void start_timers(vx_server *server)
{
    uint64_t beat_ms = heartbeat_ms(server);
    uint64_t start_ms = (uint64_t)(server->job->workers.start_timeout_s * 1000.0);
    uv_timer_t *timers[] = { &server->start_timer,     &server->deadline_timer,
                             &server->heartbeat_timer, &server->finish_timer,
                             &server->retry_timer,     &server->stall_timer };
    const struct {
        uv_signal_t *handle;
        uv_signal_cb arrived;
        int number;
    } signals[] = {
        { &server->sigint, on_signal, SIGINT },  { &server->sigterm, on_signal, SIGTERM },
        { &server->sigusr1, on_drain, SIGUSR1 }, { &server->sigusr2, on_dump, SIGUSR2 },
        { &server->sighup, on_reopen, SIGHUP },
    };

    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        vx_uv->timer_init(&server->loop, timers[i]);
        timers[i]->data = server;
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        vx_uv->signal_init(&server->loop, signals[i].handle);
        signals[i].handle->data = server;
        vx_uv->signal_start(signals[i].handle, signals[i].arrived, signals[i].number);
    }
    vx_uv->timer_start(&server->heartbeat_timer, on_heartbeat, beat_ms, beat_ms);
    vx_uv->timer_start(&server->start_timer, on_start_timeout, start_ms, start_ms);
    vx_uv->timer_start(&server->stall_timer, vx_waiting_on_start, start_ms / 10 + 1,
                       start_ms / 10 + 1); /* until the first round takes it */
}

static vx_status take_memory(vx_server *server, vx_error *err)
{
    size_t slots = server->job->workers.max_workers;
    vx_status status = vx_roster_create(slots, &server->roster);

    server->slot_peers = vx_calloc(slots, sizeof(vx_peer *));
    server->present = vx_calloc(slots, sizeof(bool));
    server->age = vx_calloc(slots, sizeof(*server->age));
    server->tensors = vx_calloc(VX_TENSORS_MAX, sizeof(*server->tensors));
    if (status != VX_OK || server->slot_peers == NULL || server->present == NULL ||
        server->age == NULL || server->tensors == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    if (vx_shards_create(server) != VX_OK)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    for (size_t i = server->job->workers.count; i < slots; i++)
        vx_roster_expect(&server->roster, i, false);
    return VX_OK;
}

/* Everything up to the moment in which peers may come. */
static vx_status prepare(vx_server *server, vx_error *err)
{
    const vx_job_workers *workers = NULL;
    vx_status status = load_job(server, err);

    if (status == VX_OK)
        status = take_memory(server, err);
    if (status == VX_OK)
        status = vx_server_open_run_dir(server, err);
    if (status != VX_OK)
        return status;
    workers = &server->job->workers;
    vx_round_init(&server->round, 0, server->job->rounds, server->roster.count,
                  server->job->workers.quorum);
    vx_pace_init(&server->pace, 1000.0 * fmin(workers->deadline_least_s, workers->deadline_s),
                 1000.0 * workers->deadline_s, workers->deadline_spread);
    vx_door_measure(server);
    if (vx_uv->loop_init(&server->loop) != 0)
        return vx_fail(err, VX_ERR_SYSTEM, "no event loop: too few descriptors (ulimit -n)?");
    server->loop_ready = true;
    status = vx_address_open(server, err);
    return status == VX_OK ? vx_server_write_card(server, err) : status;
}

static void release(vx_server *server)
{
    if (server->loop_ready) {
        vx_address_close(server);
        vx_uv->run(&server->loop, UV_RUN_DEFAULT);
        VX_ASSERT(vx_uv->loop_close(&server->loop) == 0);
    }
    vx_snapshots_destroy(server);
    vx_saver_destroy(server);
    vx_recover_done(server);
    vx_ledger_close(server->ledger);
    vx_aggregator_destroy(server->aggregator);
    vx_optimiser_destroy(server->optimiser);
    vx_journal_close(server->journal);
    vx_roster_destroy(&server->roster);
    vx_shards_destroy(server);
    vx_job_destroy(server->job);
    vx_free(server->job_text.at);
    vx_free(server->slot_tokens);
    vx_free(server->slot_peers);
    vx_free(server->present);
    vx_free(server->age);
    vx_free(server->tensors);
    vx_free(server->theta);
    vx_free(server->update);
    vx_free(server->rows);
    vx_free(server->state_rows);
    vx_free(server->state_held);
    vx_free(server->row_busy);
    vx_free(server->record_slots);
    vx_free(server->replayed_slots);
    vx_free(server->expected);
    vx_free(server->recovered);
    vx_free(server->recovered_old);
    if (server->log_fd >= 0)
        close(server->log_fd);
    vx_file_close(server->lock_fd);
    vx_free(server);
}

static void tell_place(vx_server *server)
{
    const vx_place *place = &server->options.place;

    if (place->cores == 0)
        return;
    vx_log_event(&server->log, VX_LOG_INFO, "server.place",
                 "cpus=%s cores=%u processors=%u node=%d blas_threads=1", place->cpus, place->cores,
                 place->processors, place->node);
    vx_journal_event(server->journal, server->round.number, "server.place", "s:s, s:I, s:I", "cpus",
                     place->cpus, "cores", (long long)place->cores, "node", (long long)place->node);
}

vx_status vx_server_run(const vx_server_options *options, vx_error *err)
{
    vx_server *server = vx_calloc(1, sizeof(*server));
    vx_status status = VX_OK;

    if (server == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    server->options = *options;
    server->clock = vx_clock_system();
    server->lock_fd = server->log_fd = -1;
    server->log = vx_log_to(STDERR_FILENO, VX_LOG_INFO, "vexild");
    server->started_ns = server->state_since_ns = vx_server_now(server);
    server->started_realtime_ns = vx_clock_realtime_ns(&server->clock);
    server->evaluate_next = server->saved_rounds = UINT64_MAX;
    server->loss = nan("");
    vx_blas_set_threads(1);
    signal(SIGPIPE, SIG_IGN);
    status = prepare(server, err);
    if (status == VX_OK) {
        start_timers(server);
        vx_log_event(&server->log, VX_LOG_INFO, "server.start",
                     "job=%s epoch=%u endpoint=%s workers=%llu slots=%zu", server->job->name,
                     server->epoch, server->address.text[0],
                     (unsigned long long)server->job->workers.count, server->roster.count);
        vx_journal_event(server->journal, server->round.number, "server.start", "s:s, s:s",
                         "version", VX_VERSION, "endpoint", server->address.text[0]);
        vx_address_tell(server);
        tell_place(server);
        status = vx_evaluator_start(server, err);
        if (status != VX_OK)
            vx_server_finish(server, status, err);
        vx_uv->run(&server->loop, UV_RUN_DEFAULT);
        status = server->outcome;
        if (status != VX_OK && err != NULL)
            *err = server->outcome_error;
    } else {
        vx_server_remove_card(server);
    }
    release(server);
    return status;
}
