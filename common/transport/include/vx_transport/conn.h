#ifndef VX_TRANSPORT_CONN_H
#define VX_TRANSPORT_CONN_H
#include <stdbool.h>

#include <uv.h>

#include <vx_transport/frame.h>

/*
 * A stream of frames over TCP on a libuv loop. Lifetime:
 *  1. A connection is made by a listener or a dialer, which hands it over with vx_conn_start.
 *  2. From start on, on_close is called exactly once, whatever happens, never from inside a call of
 * ours; after it the connection is gone and must not be used.
 *  3. vx_conn_close and vx_conn_finish may be called at any time, more than once, also from the
 * callbacks.
 *  4. A payload that is sent stays borrowed until on_sent with its cookie; on_sent comes for every
 * accepted send, before on_close, also when the connection breaks.
 *  5. Memory of the receiving side is given by on_header; the bytes go from the socket straight
 * into it.
 *  6. All calls and callbacks are on the loop's thread; no call below runs a callback of the
 * caller.
 *  7. Memory: one fixed buffer for received messages; a send takes its record from those that the
 * connection has made before, so that steady traffic allocates nothing.
 * Listening and dialling ignore SIGPIPE in the whole process, unless it is handled already.
 */
typedef struct vx_conn vx_conn;

typedef struct vx_conn_events {
    /* A header that decodes has come; called for every frame. Says where its payload goes:
     * *ret_payload with room for header->payload_size bytes (not used when that is 0), borrowed
     * until on_frame or close. Any status but VX_OK closes the connection with that status; NULL
     * closes it with VX_ERR_PROTOCOL. */
    vx_status (*on_header)(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err);
    /* A whole frame with a good CRC has come; message is borrowed for the call. Any status but
     * VX_OK closes, unless the callback has called vx_conn_finish or vx_conn_close itself. */
    vx_status (*on_frame)(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err);
    void (*on_sent)(void *owner, vx_conn *conn,
                    void *cookie); /* may be NULL when no cookie is used */
    /* why->code: VX_OK = we closed or the peer ended the stream between frames ("peer closed");
     * VX_ERR_UNAVAILABLE = broken or silent too long; VX_ERR_PROTOCOL ... = it or
     * on_header/on_frame refused the bytes. */
    void (*on_close)(void *owner, vx_conn *conn, const vx_error *why);
} vx_conn_events;

void vx_conn_start(vx_conn *conn, const vx_conn_events *events, void *owner);
void vx_conn_set_owner(vx_conn *conn, const vx_conn_events *events,
                       void *owner); /* hand on, e.g. after hello */

typedef struct vx_frame {
    vx_frame_header header; /* sizes are set by send; body_crc too unless crc_ready */
    bool crc_ready;         /* header.body_crc is right already */
    vx_cbytes message;      /* copied during send */
    vx_cbytes payload;      /* borrowed until on_sent(cookie) */
    void *cookie;           /* NULL: no on_sent for this frame */
} vx_frame;

/* Queues a frame. VX_ERR_LIMIT: VX_CONN_SENDS_MAX frames wait already (a peer that does not read:
 * the caller closes), or the message or payload is larger than a frame may be. VX_ERR_UNAVAILABLE:
 * not started, finishing or closing. VX_ERR_NOMEM. On an error nothing is queued and on_sent does
 * not come. Messages of up to 1 KiB need no allocation. */
#define VX_CONN_SENDS_MAX 4096
VX_MUST_CHECK vx_status vx_conn_send(vx_conn *conn, const vx_frame *frame);
size_t vx_conn_sends_waiting(const vx_conn *conn);

/* Closes when no whole frame has come for so long (0 = never); counts anew from this call and from
 * each frame, and once more when this process itself stood still meanwhile. For a started
 * connection. */
void vx_conn_set_timeout(vx_conn *conn, uint64_t milliseconds);

void vx_conn_close(vx_conn *conn, vx_status why,
                   const char *detail); /* at once; waiting sends are dropped */
/* Sends what waits, then the end of the stream, and closes once the peer has ended its stream too
 * (so that no reset destroys what it has not read yet), at the latest after 2 s. No more frames are
 * given and none can be sent. */
void vx_conn_finish(vx_conn *conn, vx_status why, const char *detail);

typedef struct vx_conn_counters {
    uint64_t bytes_received, bytes_sent, frames_received, frames_sent;
} vx_conn_counters;
vx_conn_counters vx_conn_get_counters(const vx_conn *conn);
const char *vx_conn_peer(const vx_conn *conn); /* "127.0.0.1:40312", "[::1]:40312" */

/* "tcp://HOST:PORT", HOST a name or an address, [::1] for IPv6; PORT 0..65535. */
typedef struct vx_endpoint {
    char host[256];
    uint16_t port;
} vx_endpoint;
/* VX_ERR_CONFIG. */
VX_MUST_CHECK vx_status vx_endpoint_parse(const char *text, vx_endpoint *ret_endpoint,
                                          vx_error *err);
/* "ADDRESS[:PORT]" as people write it, tcp:// before it or not: a name, an IPv4 address, an IPv6
 * address with or without brackets (with, if a port follows), or ":PORT" with host "". Port 0 when
 * there is none. VX_ERR_CONFIG. */
VX_MUST_CHECK vx_status vx_endpoint_parse_address(const char *text, vx_endpoint *ret_endpoint,
                                                  vx_error *err);
/* Endpoints with commas between them, at most max; *ret_count at least 1. VX_ERR_CONFIG. */
VX_MUST_CHECK vx_status vx_endpoints_parse(const char *text, vx_endpoint *ret_endpoints, size_t max,
                                           size_t *ret_count, vx_error *err);
#define VX_ENDPOINTS_MAX      8 /* of one server */
#define VX_ENDPOINT_TEXT_SIZE 280
char *vx_endpoint_text(const vx_endpoint *endpoint, char text[VX_ENDPOINT_TEXT_SIZE]);

/* Listens; accept gets a connection that is not started yet and must start or close it before it
 * returns. Out of file descriptors: peers wait in the kernel's queue until some are free. */
typedef struct vx_listener vx_listener;
typedef void (*vx_listener_accept)(void *owner, vx_conn *conn);
/* On "::" peers of IPv4 are taken too, wherever the kernel has IPv6. VX_ERR_BUSY: the port is in
 * use (names it); VX_ERR_UNAVAILABLE: the address is not ours (names those that are), is of IPv6
 * where there is none, or does not resolve (this blocks while a name resolves); VX_ERR_SYSTEM;
 * VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_listener_create(uv_loop_t *loop, const vx_endpoint *endpoint,
                                           vx_listener_accept accept, void *owner,
                                           vx_listener **ret_listener, vx_error *err);
/* strained is called with the errno each time that no connection can be taken for want of
 * descriptors or memory (ten times a second), and with 0 once nobody waits any more. */
typedef void (*vx_listener_strained)(void *owner, int error);
void vx_listener_on_strained(vx_listener *listener, vx_listener_strained strained);
vx_endpoint vx_listener_endpoint(const vx_listener *listener); /* with the real port */
void vx_listener_close(vx_listener *listener); /* takes NULL; the port is free at once, the memory
                                                  later on the loop */

/* Connects within timeout_ms; calls done exactly once, later: conn (not started), or NULL with err:
 * VX_ERR_UNAVAILABLE (names the endpoint and why), VX_ERR_INTERRUPTED, VX_ERR_NOMEM. The dialer
 * must not be used after done. Several addresses of a name are tried in turn, the time shared. */
typedef void (*vx_dialer_done)(void *owner, vx_conn *conn, const vx_error *err);
typedef struct vx_dialer vx_dialer;
VX_MUST_CHECK vx_status vx_dial(uv_loop_t *loop, const vx_endpoint *endpoint, uint64_t timeout_ms,
                                vx_dialer_done done, void *owner, vx_dialer **ret_dialer,
                                vx_error *err);
void vx_dialer_cancel(vx_dialer *dialer); /* done comes with VX_ERR_INTERRUPTED; not after done */
#endif
