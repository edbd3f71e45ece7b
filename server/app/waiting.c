#include "server_private.h"

#include <stdio.h>

/*
 * Who a run waits for, in words: made when somebody asks, so that it is never old.
 */
#define SLOTS_SIZE 250

static void describe_held(vx_server *server)
{
    const vx_round *round = &server->round;
    char missing[SLOTS_SIZE];

    vx_roster_missing_text(&server->roster, vx_server_now(server), missing, sizeof(missing));
    snprintf(server->message, sizeof(server->message),
             "%s; %zu of %zu gradients are in, %zu are needed", missing, server->roster.collected,
             server->roster.count, round->needed > 0 ? round->needed : round->quorum);
}

static void describe_start(vx_server *server)
{
    char absent[SLOTS_SIZE];

    vx_roster_absent_text(&server->roster, vx_server_now(server), absent, sizeof(absent));
    snprintf(server->message, sizeof(server->message), "%s; %zu of %zu workers are here", absent,
             server->roster.live, server->roster.count);
}

void vx_waiting_describe(vx_server *server)
{
    if (server->finishing || server->record_waits)
        return; /* their messages do not age */
    if (server->round.state == VX_ROUND_HELD)
        describe_held(server);
    else if (server->round.state == VX_ROUND_STARTING && server->start_stalls)
        describe_start(server);
}

void vx_waiting_on_start(uv_timer_t *timer)
{
    vx_server *server = timer->data;

    if (!server->ready || server->round.state != VX_ROUND_STARTING)
        return;
    server->start_stalls = true;
    describe_start(server);
    vx_log_event(&server->log, VX_LOG_WARN, "start.stalls", "live=%zu quorum=%zu missing=\"%s\"",
                 server->roster.live, server->round.quorum, server->message);
}

void vx_waiting_failed(vx_server *server, vx_error *err)
{
    const vx_roster *roster = &server->roster;
    char absent[SLOTS_SIZE];

    if (roster->live >= server->round.quorum) {
        vx_fail(err, VX_ERR_UNAVAILABLE, "round %llu: %s", (unsigned long long)server->round.number,
                server->round.failure);
        return;
    }
    vx_roster_absent_text(roster, vx_server_now(server), absent, sizeof(absent));
    vx_fail(err, VX_ERR_UNAVAILABLE, "%s: %zu of %zu, %zu are needed; %s", server->round.failure,
            roster->live, roster->count, server->round.quorum, absent);
}
