#include "server_private.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

/* Control frames: this many a second besides heartbeats, saved up for at most a minute. Far above
 * what an honest peer sends, also when it or the server stood still. */
#define CONTROL_A_SECOND 20.0
#define CONTROL_SECONDS  60.0

/* Types that each role may send once it is welcome. */
static bool may_send(const vx_peer *peer, uint16_t type)
{
    if (peer->stage == VX_PEER_GREETING)
        return type == VX_WIRE_HELLO;
    if (type == VX_WIRE_HEARTBEAT || type == VX_WIRE_LEAVE)
        return true;
    if (peer->stage != VX_PEER_WELCOMED)
        return false;
    switch (peer->hello.role) {
    case VX_WIRE_ROLE_WORKER:
        return type == VX_WIRE_GRADIENT;
    case VX_WIRE_ROLE_EVALUATOR:
        return type == VX_WIRE_MODEL || type == VX_WIRE_PARAMETERS || type == VX_WIRE_EVALUATION;
    case VX_WIRE_ROLE_OBSERVER:
        return type == VX_WIRE_REQUEST;
    case VX_WIRE_ROLE_MAX:
        break;
    }
    return false;
}

static vx_status on_header(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err)
{
    vx_peer *peer = owner;
    const vx_server *server = peer->server;

    (void)conn;
    if (!may_send(peer, header->type))
        return vx_fail(err, VX_ERR_PROTOCOL, "a %s frame at the wrong time",
                       vx_wire_type_name(header->type));
    if (peer->stage == VX_PEER_WELCOMED &&
        (header->job != server->job_id || header->epoch != server->epoch ||
         header->slot != peer->slot || header->incarnation != peer->incarnation))
        return vx_fail(
            err, VX_ERR_PROTOCOL,
            "frame of epoch %u slot %u incarnation %u on the connection of epoch %u slot %u "
            "incarnation %u",
            header->epoch, header->slot, header->incarnation, server->epoch, peer->slot,
            peer->incarnation);
    if (header->type == VX_WIRE_GRADIENT)
        return vx_gradient_header(peer, header, ret_payload, err);
    if (header->type == VX_WIRE_PARAMETERS)
        return vx_evaluator_header(peer, header, ret_payload, err);
    if (header->payload_size != 0)
        return vx_fail(err, VX_ERR_PROTOCOL, "a %s frame with a payload",
                       vx_wire_type_name(header->type));
    return VX_OK;
}

static vx_status take_leave(vx_peer *peer, vx_cbytes message, vx_error *err)
{
    vx_server *server = peer->server;
    vx_wire_leave leave = { 0 };
    vx_status status = vx_wire_leave_decode(message, &leave, err);
    char text[VX_LOG_QUOTE_SIZE];

    if (status != VX_OK)
        return status;
    peer->left = true;
    vx_log_event(&server->log, VX_LOG_INFO, "peer.leave", "slot=%u host=\"%s\" why=%s", peer->slot,
                 peer->hello.host, vx_log_quote(leave.text, text));
    text[strlen(text) - 1] = '\0'; /* JSON has quotes of its own */
    vx_journal_event(server->journal, server->round.number, "worker.leave", "s:I, s:s, s:s", "slot",
                     (long long)peer->slot, "host", peer->hello.host, "why", text + 1);
    vx_conn_finish(peer->conn, VX_OK, "left");
    return VX_OK;
}

/* A flood costs the loop its time: the others would wait. */
static bool over_quota(vx_peer *peer)
{
    const vx_server *server = peer->server;
    double a_second = CONTROL_A_SECOND + 4.0 / server->job->workers.heartbeat_s;
    uint64_t now_ns = vx_server_now(server);

    peer->control_left += peer->control_ns == 0 ? a_second * CONTROL_SECONDS
                                                : a_second * (double)(now_ns - peer->control_ns) /
                                                      (double)VX_NS_PER_S;
    if (peer->control_left > a_second * CONTROL_SECONDS)
        peer->control_left = a_second * CONTROL_SECONDS;
    peer->control_ns = now_ns;
    peer->control_left -= 1.0;
    return peer->control_left < 0.0;
}

static vx_status on_frame(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err)
{
    vx_peer *peer = owner;

    (void)conn;
    if (peer->stage == VX_PEER_CLOSING)
        return VX_OK;
    if (header->payload_size == 0 && over_quota(peer))
        return vx_fail(err, VX_ERR_LIMIT, "a flood of control frames");
    if (peer->slot != VX_FRAME_SLOT_NONE && peer->stage == VX_PEER_WELCOMED)
        peer->server->roster.slots[peer->slot].last_seen_ns = vx_server_now(peer->server);
    switch (header->type) {
    case VX_WIRE_HELLO:
        return vx_peer_hello(peer, message, err);
    case VX_WIRE_GRADIENT:
        return vx_gradient_frame(peer, header, message, payload, err);
    case VX_WIRE_MODEL:
    case VX_WIRE_PARAMETERS:
    case VX_WIRE_EVALUATION:
        return vx_evaluator_frame(peer, header, message, err);
    case VX_WIRE_LEAVE:
        return take_leave(peer, message, err);
    case VX_WIRE_REQUEST:
        vx_peer_request(peer, message);
        return VX_OK;
    default:
        return VX_OK; /* heartbeat */
    }
}

static void on_sent(void *owner, vx_conn *conn, void *cookie)
{
    vx_peer *peer = owner;

    (void)conn;
    if (cookie == peer->document.at) {
        vx_free(peer->document.at);
        peer->document = (vx_bytes){ NULL, 0 };
        return;
    }
    VX_ASSERT(cookie == peer->sending);
    vx_peer_sent(peer);
}

static void unlink_peer(vx_peer *peer)
{
    vx_peer **at = &peer->server->peers;

    while (*at != peer)
        at = &(*at)->next;
    *at = peer->next;
    peer->server->peers_count--;
}

static void part_worker(vx_peer *peer, const vx_error *why)
{
    vx_server *server = peer->server;
    bool graceful = peer->left || server->finishing;

    server->slot_peers[peer->slot] = NULL;
    vx_roster_part(&server->roster, peer->slot, graceful ? VX_SLOT_LEFT : VX_SLOT_LOST);
    if (!graceful)
        vx_journal_event(server->journal, server->round.number, "worker.lost",
                         "s:I, s:I, s:s, s:s, s:s", "slot", (long long)peer->slot, "incarnation",
                         (long long)peer->incarnation, "host", peer->hello.host, "code",
                         vx_status_name(why->code), "why", why->message);
    vx_log_event(&server->log, graceful ? VX_LOG_INFO : VX_LOG_WARN, "worker.gone",
                 "slot=%u incarnation=%u host=\"%s\" why=\"%s\"", peer->slot, peer->incarnation,
                 peer->hello.host, why->message);
}

static void on_close(void *owner, vx_conn *conn, const vx_error *why)
{
    vx_peer *peer = owner;
    vx_server *server = peer->server;
    bool worker = peer->slot != VX_FRAME_SLOT_NONE && server->slot_peers[peer->slot] == peer;

    if (why->code != VX_OK && (worker || vx_door_may_tell(server)))
        vx_log_event(&server->log, VX_LOG_WARN, "peer.closed", "peer=%s why=\"%s\"",
                     vx_conn_peer(conn), why->message);
    vx_peer_drop_snapshot(peer);
    vx_free(peer->document.at);
    unlink_peer(peer);
    if (worker)
        part_worker(peer, why);
    if (server->evaluator == peer) {
        server->evaluator = NULL;
        vx_evaluator_lost(server);
    }
    vx_free(peer->scratch);
    vx_free(peer);
    if (worker)
        vx_server_census(server, VX_ROUND_EV_CENSUS);
    vx_server_work(server);
    vx_server_finish_step(server);
}

void vx_server_on_accept(void *owner, vx_conn *conn)
{
    static const vx_conn_events events = { on_header, on_frame, on_sent, on_close };
    vx_server *server = owner;
    vx_peer *peer = vx_door_has_room(server) ? vx_calloc(1, sizeof(*peer)) : NULL;

    if (peer == NULL) {
        if (vx_door_may_tell(server))
            vx_log_event(&server->log, VX_LOG_WARN, "peer.turned_away", "peer=%s connections=%zu",
                         vx_conn_peer(conn), server->peers_count);
        vx_conn_close(conn, VX_ERR_LIMIT, "too many connections");
        return;
    }
    *peer = (vx_peer){ .server = server, .conn = conn, .slot = VX_FRAME_SLOT_NONE };
    peer->next = server->peers;
    server->peers = peer;
    server->peers_count++;
    vx_conn_start(conn, &events, peer);
    vx_conn_set_timeout(conn, vx_milliseconds(server->job->limits.handshake_s));
}

/* at (d) stays as it is until the peer has it: see momentum.c. */
void vx_peer_send_vector(vx_peer *peer, vx_wire_type type, uint64_t round, const float *at)
{
    size_t total = peer->server->dimension * sizeof(float);

    for (size_t offset = 0; offset < total; offset += VX_CHUNK_BYTES_MAX) {
        size_t left = total - offset;
        vx_frame frame = { .header = vx_server_header(peer->server, peer, type, round),
                           .payload = { (const uint8_t *)at + offset,
                                        left < VX_CHUNK_BYTES_MAX ? left : VX_CHUNK_BYTES_MAX } };

        frame.header.offset = offset;
        if (vx_conn_send(peer->conn, &frame) != VX_OK) {
            vx_conn_close(peer->conn, VX_ERR_LIMIT, "does not read what it is sent");
            return;
        }
    }
}

void vx_peer_send(vx_peer *peer, vx_wire_type type, uint64_t round, vx_cbytes message)
{
    vx_frame frame = { .header = vx_server_header(peer->server, peer, type, round),
                       .message = message };

    if (vx_conn_send(peer->conn, &frame) != VX_OK)
        vx_conn_close(peer->conn, VX_ERR_LIMIT, "does not read what it is sent");
}
