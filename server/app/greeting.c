#include "server_private.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

/* Who it says it is: that helps to find a host with another build or job among many. */
static void tell_refused(const vx_peer *peer, vx_wire_refusal_code code, const char *text)
{
    const vx_server *server = peer->server;
    const char *name = vx_wire_refusal_name(code);
    const vx_wire_hello *hello = &peer->hello;

    if (hello->role != VX_WIRE_ROLE_WORKER || hello->host[0] == '\0') {
        vx_log_event(&server->log, VX_LOG_WARN, "peer.refused", "peer=%s code=%s why=\"%s\"",
                     vx_conn_peer(peer->conn), name, text);
        vx_journal_event(server->journal, server->round.number, "peer.refused", "s:s, s:s, s:s",
                         "peer", vx_conn_peer(peer->conn), "code", name, "why", text);
        return;
    }
    vx_log_event(&server->log, VX_LOG_WARN, "peer.refused",
                 "peer=%s slot=%u host=\"%s\" code=%s why=\"%s\"", vx_conn_peer(peer->conn),
                 hello->slot, hello->host, name, text);
    vx_journal_event(server->journal, server->round.number, "peer.refused",
                     "s:s, s:I, s:s, s:s, s:s", "peer", vx_conn_peer(peer->conn), "slot",
                     (long long)hello->slot, "host", hello->host, "code", name, "why", text);
}

void vx_peer_refuse(vx_peer *peer, vx_wire_refusal_code code, bool retry, const char *text)
{
    vx_server *server = peer->server;
    vx_wire_refusal refusal = { .code = code, .retry = retry };
    uint8_t buffer[512];
    size_t size = 0;

    snprintf(refusal.text, sizeof(refusal.text), "%s", text);
    if (vx_wire_refusal_encode(&refusal, (vx_bytes){ buffer, sizeof(buffer) }, &size) == VX_OK)
        vx_peer_send(peer, VX_WIRE_REFUSAL, 0, (vx_cbytes){ buffer, size });
    if (vx_door_may_tell(server))
        tell_refused(peer, code, text);
    peer->stage = VX_PEER_CLOSING;
    vx_conn_finish(peer->conn, VX_OK, "refused");
}

static const uint8_t *expected_token(const vx_server *server, const vx_wire_hello *hello)
{
    if (hello->role == VX_WIRE_ROLE_EVALUATOR)
        return server->evaluator_token;
    if (hello->role == VX_WIRE_ROLE_OBSERVER)
        return server->observer_token;
    return hello->slot < server->roster.count ? server->slot_tokens[hello->slot] : NULL;
}

/* Refuses a hello that does not fit; true when it is good. */
static bool hello_fits(vx_peer *peer)
{
    vx_server *server = peer->server;
    const vx_wire_hello *hello = &peer->hello;
    const uint8_t *token = expected_token(server, hello);
    char text[256];
    char ours[VX_DIGEST_TEXT_SIZE];
    char theirs[VX_DIGEST_TEXT_SIZE];

    VX_ASSERT(server != NULL);
    if (token == NULL) {
        snprintf(text, sizeof(text), "slot %u: this job has slots 0 to %zu", hello->slot,
                 server->roster.count - 1);
        vx_peer_refuse(peer, VX_WIRE_REFUSED_SLOT, false, text);
        return false;
    }
    if (!vx_bytes_equal_constant_time(token, hello->token, VX_TOKEN_BYTES)) {
        vx_peer_refuse(peer, VX_WIRE_REFUSED_TOKEN, false,
                       "the token is not the one of this slot and run");
        return false;
    }
    if (strcmp(hello->version, VX_VERSION) != 0) {
        snprintf(text, sizeof(text), "version %s: the server is version %s", hello->version,
                 VX_VERSION);
        vx_peer_refuse(peer, VX_WIRE_REFUSED_VERSION, false, text);
        return false;
    }
    if (!vx_digest_is_zero(hello->config) && !vx_digest_equal(hello->config, server->config)) {
        snprintf(text, sizeof(text), "config digest %s: the server's job has %s",
                 vx_digest_text(hello->config, theirs), vx_digest_text(server->config, ours));
        vx_peer_refuse(peer, VX_WIRE_REFUSED_CONFIG, false, text);
        return false;
    }
    if (server->finishing && hello->role != VX_WIRE_ROLE_OBSERVER &&
        !(hello->role == VX_WIRE_ROLE_EVALUATOR && vx_evaluator_is_awaited(server))) {
        vx_peer_refuse(peer, VX_WIRE_REFUSED_OVER, false, "the run is over");
        return false;
    }
    return true;
}

static bool place_is_free(vx_peer *peer)
{
    const vx_server *server = peer->server;
    char text[128];

    if (peer->hello.role == VX_WIRE_ROLE_EVALUATOR && server->evaluator != NULL) {
        vx_peer_refuse(peer, VX_WIRE_REFUSED_SLOT, true, "there is an evaluator already");
        return false;
    }
    if (peer->hello.role == VX_WIRE_ROLE_WORKER && server->slot_peers[peer->hello.slot] != NULL) {
        snprintf(text, sizeof(text), "slot %u is held by a live worker (%s pid %u)",
                 peer->hello.slot, server->roster.slots[peer->hello.slot].host,
                 server->roster.slots[peer->hello.slot].pid);
        vx_peer_refuse(peer, VX_WIRE_REFUSED_SLOT, true, text);
        return false;
    }
    return true;
}

static void send_welcome(vx_peer *peer)
{
    const vx_server *server = peer->server;
    const vx_job_workers *workers = &server->job->workers;
    static uint8_t buffer[VX_MESSAGE_BYTES_MAX]; /* the loop thread's */
    vx_wire_welcome welcome = {
        .slot = peer->slot,
        .epoch = server->epoch,
        .incarnation = peer->incarnation,
        .workers = (uint32_t)server->roster.count,
        .round = server->round.number,
        .dimension = vx_evaluator_has_told(server) ? server->dimension : 0,
        .heartbeat_ms = vx_milliseconds(workers->heartbeat_s),
        .heartbeat_timeout_ms = vx_milliseconds(workers->heartbeat_timeout_s),
        .config = server->config,
        .job = { server->job_text.at, server->job_text.size },
    };
    const float *state = NULL;
    size_t size = 0;
    vx_status status = VX_OK;

    if (peer->hello.role == VX_WIRE_ROLE_WORKER)
        vx_momentum_of(server, peer, &welcome.state, &state);
    welcome.state_follows = state != NULL;
    status = vx_wire_welcome_encode(&welcome, (vx_bytes){ buffer, sizeof(buffer) }, &size);

    VX_ASSERT(status == VX_OK); /* the job text was measured at start */
    vx_peer_send(peer, VX_WIRE_WELCOME, server->round.number, (vx_cbytes){ buffer, size });
    if (state != NULL)
        vx_peer_send_vector(peer, VX_WIRE_STATE, welcome.state, state);
    if (state == NULL && welcome.state == 0 && peer->slot != VX_FRAME_SLOT_NONE &&
        server->state_rows != NULL && server->roster.slots[peer->slot].entered > 0)
        vx_journal_event(server->journal, server->round.number, "worker.begins_anew", "s:I", "slot",
                         (long long)peer->slot);
}

static void tell_of_join(vx_peer *peer, const vx_slot *slot)
{
    vx_server *server = peer->server;

    vx_log_event(&server->log, VX_LOG_INFO, "worker.join",
                 "slot=%u incarnation=%u peer=%s host=\"%s\" pid=%u cpus=\"%s\" threads=%u node=%d",
                 peer->slot, peer->incarnation, vx_conn_peer(peer->conn), slot->host, slot->pid,
                 slot->cpus[0] != '\0' ? slot->cpus : "?", slot->threads, (int)slot->node - 1);
    vx_journal_event(server->journal, server->round.number, "worker.join",
                     "s:I, s:I, s:s, s:s, s:I, s:s, s:s, s:I, s:I", "slot", (long long)peer->slot,
                     "incarnation", (long long)peer->incarnation, "peer", vx_conn_peer(peer->conn),
                     "host", slot->host, "pid", (long long)slot->pid, "blas", slot->blas, "cpus",
                     slot->cpus, "threads", (long long)slot->threads, "node",
                     (long long)slot->node - 1);
}

static void join_worker(vx_peer *peer)
{
    vx_server *server = peer->server;
    vx_slot *slot = &server->roster.slots[peer->hello.slot];

    peer->slot = peer->hello.slot;
    peer->incarnation = vx_roster_join(&server->roster, peer->slot, vx_server_now(server));
    server->slot_peers[peer->slot] = peer;
    if (server->round.needed == 0)
        vx_roster_expect(&server->roster, peer->slot, vx_shards_awaits(server, peer->slot));
    slot->pid = peer->hello.pid;
    memcpy(slot->host, peer->hello.host, sizeof(slot->host));
    memcpy(slot->blas, peer->hello.blas, sizeof(slot->blas));
    memcpy(slot->cpus, peer->hello.cpus, sizeof(slot->cpus));
    slot->threads = peer->hello.threads;
    if (slot->threads > 0 && server->job->workers.blas_threads > 0)
        slot->threads = (uint32_t)server->job->workers.blas_threads;
    slot->node = peer->hello.node;
    tell_of_join(peer, slot);
}

void vx_peer_welcome(vx_peer *peer)
{
    vx_server *server = peer->server;
    bool worker = peer->hello.role == VX_WIRE_ROLE_WORKER;

    if (worker && !server->ready) {
        peer->stage = VX_PEER_WAITING;
        return;
    }
    if (!place_is_free(peer))
        return;
    peer->stage = VX_PEER_WELCOMED;
    if (worker) {
        size_t chunk = server->dimension * sizeof(float);

        peer->scratch = vx_malloc(chunk < VX_CHUNK_BYTES_MAX ? chunk : VX_CHUNK_BYTES_MAX);
        if (peer->scratch == NULL) {
            vx_peer_refuse(peer, VX_WIRE_REFUSED_BUSY, true, "the server is out of memory");
            return;
        }
        join_worker(peer);
    }
    if (peer->hello.role == VX_WIRE_ROLE_EVALUATOR)
        server->evaluator = peer;
    vx_conn_set_timeout(peer->conn, vx_milliseconds(server->job->workers.heartbeat_timeout_s));
    send_welcome(peer);
    if (worker) {
        vx_server_offer_parameters(peer);
        vx_server_census(server, VX_ROUND_EV_CENSUS);
    }
    if (peer->hello.role == VX_WIRE_ROLE_EVALUATOR)
        vx_evaluator_try(server);
}

/* It goes into lines and documents as it is. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            *text = '?';
}

vx_status vx_peer_hello(vx_peer *peer, vx_cbytes message, vx_error *err)
{
    vx_status status = vx_wire_hello_decode(message, &peer->hello, err);

    if (status != VX_OK)
        return status;
    make_plain(peer->hello.host);
    make_plain(peer->hello.version);
    make_plain(peer->hello.blas);
    make_plain(peer->hello.cpus);
    if (!hello_fits(peer) || !place_is_free(peer))
        return VX_OK;
    vx_conn_set_timeout(peer->conn, VX_WIRE_GREETING_MS);
    vx_peer_welcome(peer);
    return VX_OK;
}

void vx_server_welcome_waiting(vx_server *server)
{
    vx_peer *next = NULL;

    for (vx_peer *peer = server->peers; peer != NULL; peer = next) {
        next = peer->next;
        if (peer->stage == VX_PEER_WAITING)
            vx_peer_welcome(peer);
    }
}

static void send_status(vx_peer *peer)
{
    vx_server *server = peer->server;
    vx_run_summary summary;
    vx_frame frame = { .header =
                           vx_server_header(server, peer, VX_WIRE_DOCUMENT, server->round.number) };

    if (peer->document.at != NULL)
        return; /* the last one is still on its way */
    vx_server_summary(server, vx_server_state_name(server), &summary);
    if (vx_status_document(&summary, &server->roster, &peer->document) != VX_OK ||
        peer->document.size > VX_DOCUMENT_BYTES_MAX) {
        vx_conn_close(peer->conn, VX_ERR_LIMIT, "the status document is too large");
        return;
    }
    frame.payload = (vx_cbytes){ peer->document.at, peer->document.size };
    frame.cookie = peer->document.at;
    if (vx_conn_send(peer->conn, &frame) != VX_OK) {
        vx_free(peer->document.at);
        peer->document = (vx_bytes){ NULL, 0 };
        vx_conn_close(peer->conn, VX_ERR_LIMIT, "does not read what it is sent");
    }
}

void vx_peer_request(vx_peer *peer, vx_cbytes message)
{
    vx_wire_request request = VX_WIRE_REQUEST_MAX;
    vx_error err = { 0 };
    vx_status status = vx_wire_request_decode(message, &request, &err);

    if (status != VX_OK) {
        vx_conn_close(peer->conn, status, err.message);
        return;
    }
    if (request == VX_WIRE_REQUEST_STOP) {
        vx_log_event(&peer->server->log, VX_LOG_INFO, "stop.requested", "by=observer");
        vx_server_census(peer->server, VX_ROUND_EV_STOP);
    }
    send_status(peer);
}
