#include "server_private.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

vx_status vx_snapshots_create(vx_server *server)
{
    server->chunks =
        (server->dimension * sizeof(float) + VX_CHUNK_BYTES_MAX - 1) / VX_CHUNK_BYTES_MAX;
    for (size_t i = 0; i < VX_SNAPSHOTS; i++) {
        vx_snapshot *snapshot = &server->snapshots[i];

        snapshot->at = vx_aligned_calloc(server->dimension, sizeof(float));
        snapshot->chunk_crc = vx_calloc(server->chunks, sizeof(*snapshot->chunk_crc));
        if (snapshot->at == NULL || snapshot->chunk_crc == NULL)
            return VX_ERR_NOMEM;
    }
    return VX_OK;
}

void vx_snapshots_destroy(vx_server *server)
{
    for (size_t i = 0; i < VX_SNAPSHOTS; i++) {
        vx_free(server->snapshots[i].at);
        vx_free(server->snapshots[i].chunk_crc);
        server->snapshots[i] = (vx_snapshot){ 0 };
    }
}

vx_snapshot *vx_snapshot_free_one(vx_server *server)
{
    for (size_t i = 0; i < VX_SNAPSHOTS; i++) {
        vx_snapshot *snapshot = &server->snapshots[i];

        if (snapshot != server->current && snapshot->holders == 0 && !snapshot->filling)
            return snapshot;
    }
    for (vx_peer *peer = server->peers; peer != NULL; peer = peer->next)
        if (peer->sending != NULL && peer->sending != server->current)
            vx_conn_close(peer->conn, VX_ERR_LIMIT, "does not read the parameters that it is sent");
    return NULL;
}

static size_t chunk_bytes(size_t dimension, size_t chunk)
{
    size_t left = dimension * sizeof(float) - chunk * VX_CHUNK_BYTES_MAX;

    return left < VX_CHUNK_BYTES_MAX ? left : VX_CHUNK_BYTES_MAX;
}

void vx_snapshot_fill(vx_snapshot *snapshot, const float *theta, size_t dimension, uint64_t round)
{
    const uint8_t *bytes = (const uint8_t *)snapshot->at;
    size_t total = dimension * sizeof(float);

    memcpy(snapshot->at, theta, total);
    for (size_t chunk = 0; chunk * VX_CHUNK_BYTES_MAX < total; chunk++)
        snapshot->chunk_crc[chunk] = vx_frame_body_crc(
            (vx_cbytes){ NULL, 0 },
            (vx_cbytes){ bytes + chunk * VX_CHUNK_BYTES_MAX, chunk_bytes(dimension, chunk) });
    snapshot->round = round;
}

void vx_snapshot_send(vx_peer *peer, vx_snapshot *snapshot, vx_wire_type type)
{
    vx_server *server = peer->server;

    VX_ASSERT(peer->sending == NULL);
    VX_ASSERT(!snapshot->filling);
    for (size_t chunk = 0; chunk < server->chunks; chunk++) {
        vx_frame frame = {
            .header = vx_server_header(server, peer, type, snapshot->round),
            .crc_ready = true,
            .payload = { (const uint8_t *)snapshot->at + chunk * VX_CHUNK_BYTES_MAX,
                         chunk_bytes(server->dimension, chunk) },
            .cookie = snapshot,
        };

        frame.header.offset = chunk * VX_CHUNK_BYTES_MAX;
        frame.header.body_crc = snapshot->chunk_crc[chunk];
        if (vx_conn_send(peer->conn, &frame) != VX_OK) {
            vx_conn_close(peer->conn, VX_ERR_LIMIT, "does not read what it is sent");
            return;
        }
        if (peer->sending == NULL)
            snapshot->holders++;
        peer->sending = snapshot;
        peer->chunks_waiting++;
    }
}

void vx_peer_drop_snapshot(vx_peer *peer)
{
    if (peer->sending == NULL)
        return;
    VX_ASSERT(peer->sending->holders > 0);
    peer->sending->holders--;
    peer->sending = NULL;
    peer->chunks_waiting = 0;
}

void vx_peer_sent(vx_peer *peer)
{
    VX_ASSERT(peer->chunks_waiting > 0);
    if (--peer->chunks_waiting > 0)
        return;
    vx_peer_drop_snapshot(peer);
    vx_server_offer_parameters(peer);
    vx_server_work(peer->server);
    vx_evaluator_try(peer->server);
}
