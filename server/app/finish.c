#include "server_private.h"

#include <signal.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define FINISH_EVALUATION_MS 300000
#define FINISH_GOODBYE_MS    5000

/*
 * The end of a run, in this order: checkpoint of what is committed and not saved, last evaluation,
 * word to everybody, connections closed, result.json. Each step waits for the one before it with a
 * bound; vx_server_finish_step goes on when something has come.
 */
static void close_timer(uv_timer_t *timer)
{
    if (!vx_uv->is_closing((uv_handle_t *)timer))
        vx_uv->close((uv_handle_t *)timer, NULL);
}

static const char *state_name(const vx_server *server)
{
    if (server->outcome == VX_OK)
        return "done";
    return server->outcome == VX_ERR_INTERRUPTED ? "stopped" : "failed";
}

static void say_goodbye(vx_server *server)
{
    vx_wire_stop stop = { .reason = server->outcome == VX_OK                ? VX_WIRE_STOP_DONE
                                    : server->outcome == VX_ERR_INTERRUPTED ? VX_WIRE_STOP_STOPPED
                                                                            : VX_WIRE_STOP_FAILED };
    uint8_t buffer[512];
    size_t size = 0;
    vx_peer *next = NULL;

    snprintf(stop.text, sizeof(stop.text), "%.255s", server->outcome_error.message);
    VX_ASSERT(vx_wire_stop_encode(&stop, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK);
    for (vx_peer *peer = server->peers; peer != NULL; peer = next) {
        next = peer->next;
        if (peer->stage == VX_PEER_WELCOMED && peer->hello.role != VX_WIRE_ROLE_OBSERVER)
            vx_peer_send(peer, VX_WIRE_STOP, server->round.number, (vx_cbytes){ buffer, size });
        else if (peer->stage == VX_PEER_WAITING)
            vx_peer_refuse(peer, VX_WIRE_REFUSED_OVER, false, "the run is over");
        peer->stage = VX_PEER_CLOSING;
        vx_conn_finish(peer->conn, VX_OK, "the run is over");
    }
}

static void write_result(vx_server *server)
{
    vx_run_summary summary;
    vx_error err = { 0 };
    vx_status status = VX_OK;

    vx_server_summary(server, state_name(server), &summary);
    summary.message = server->outcome == VX_OK ? "" : server->outcome_error.message;
    vx_journal_event(server->journal, server->round.number, "server.stop", "s:s, s:s, s:I", "state",
                     summary.state, "why", server->outcome_error.message, "lines_lost",
                     (long long)vx_journal_lines_lost(server->journal));
    status = vx_result_write(server->options.run_dir, &summary, &server->roster, &err);
    if (status == VX_OK)
        status = vx_journal_status(server->journal, &err);
    if (status != VX_OK && server->outcome == VX_OK) {
        server->outcome = status;
        server->outcome_error = err;
    }
    vx_server_remove_card(server);
}

static void on_goodbye_late(uv_timer_t *timer)
{
    vx_server *server = timer->data;

    for (vx_peer *peer = server->peers; peer != NULL; peer = peer->next)
        vx_conn_close(peer->conn, VX_ERR_UNAVAILABLE, "did not close in time");
    if (server->evaluator_alive)
        vx_uv->process_kill(&server->evaluator_process, SIGKILL);
}

static void on_evaluation_late(uv_timer_t *timer)
{
    vx_server *server = timer->data;

    vx_log_event(&server->log, VX_LOG_WARN, "evaluation.late",
                 "the last evaluation did not come in time");
    server->evaluate_next = UINT64_MAX;
    server->evaluating = false;
    vx_server_finish_step(server);
}

void vx_server_finish(vx_server *server, vx_status outcome, const vx_error *err)
{
    if (server->finishing)
        return;
    server->finishing = true;
    server->outcome = outcome;
    if (err != NULL)
        server->outcome_error = *err;
    server->state_since_ns = vx_server_now(server);
    vx_uv->timer_stop(&server->start_timer);
    vx_uv->timer_stop(&server->deadline_timer);
    vx_uv->timer_stop(&server->stall_timer);
    vx_uv->timer_stop(&server->retry_timer);
    vx_log_event(&server->log, VX_LOG_INFO, "server.finish", "state=%s round=%llu why=\"%s\"",
                 state_name(server), (unsigned long long)server->round.number,
                 server->outcome_error.message);
    /* While it may be rewound, momentum is missing that an earlier checkpoint has; the ledger has
     * the rounds since. After the last round nobody needs it. */
    if (server->ready && (!server->may_rewind || outcome == VX_OK) && server->round.number > 0 &&
        server->saved_rounds != server->round.number &&
        (outcome == VX_OK || outcome == VX_ERR_INTERRUPTED))
        server->last_save_waits = true;
    if (server->ready && outcome == VX_OK &&
        !(server->test.known && server->test.round == server->round.number) &&
        (server->evaluator != NULL || server->evaluator_alive)) {
        vx_evaluator_due(server, server->round.number);
        vx_uv->timer_start(&server->finish_timer, on_evaluation_late, FINISH_EVALUATION_MS, 0);
    } else {
        server->evaluate_next = UINT64_MAX;
        server->evaluating = false;
    }
    vx_server_work(server);
    vx_server_finish_step(server);
}

void vx_server_fail(vx_server *server, vx_status status, const vx_error *err)
{
    vx_server_finish(server, status, err);
    if (server->outcome != VX_OK && server->outcome != VX_ERR_INTERRUPTED)
        return;
    server->outcome = status;
    server->outcome_error = *err;
}

static void close_rest(vx_server *server)
{
    uv_signal_t *signals[] = { &server->sigint, &server->sigterm, &server->sigusr1,
                               &server->sigusr2, &server->sighup };

    close_timer(&server->start_timer);
    close_timer(&server->deadline_timer);
    close_timer(&server->heartbeat_timer);
    close_timer(&server->finish_timer);
    close_timer(&server->retry_timer);
    close_timer(&server->stall_timer);
    write_result(server);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) /* not before */
        vx_uv->close((uv_handle_t *)signals[i], NULL);
    /* They ask for something that there is no more, and end nobody while the rest is put away. */
    (void)signal(SIGUSR2, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

void vx_server_finish_step(vx_server *server)
{
    if (!server->finishing || server->working != VX_WORK_NONE || vx_saver_busy(server))
        return;
    if (server->last_save_waits) {
        server->last_save_waits = false;
        if (server->saved_rounds != server->round.number) {
            vx_saver_last(server);
            return;
        }
    }
    if (server->evaluating || server->evaluate_next != UINT64_MAX)
        return;
    if (!server->finished) {
        server->finished = true;
        vx_address_close(server);
        say_goodbye(server);
        vx_uv->timer_start(&server->finish_timer, on_goodbye_late, FINISH_GOODBYE_MS, 1000);
    }
    if (server->peers != NULL || server->evaluator_running)
        return;
    if (!vx_uv->is_closing((uv_handle_t *)&server->finish_timer))
        close_rest(server);
}
