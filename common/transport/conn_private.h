#ifndef VX_TRANSPORT_CONN_PRIVATE_H
#define VX_TRANSPORT_CONN_PRIVATE_H
#include <vx_transport/conn.h>
#include <vx_transport/reactor.h>

#include "reader.h"

typedef enum vx_conn_state {
    VX_CONN_FRESH,     /* not started */
    VX_CONN_OPEN,      /* reads and sends */
    VX_CONN_FINISHING, /* sends what waits, discards what comes */
    VX_CONN_CLOSING,   /* the handles are being closed */
    VX_CONN_STATE_MAX
} vx_conn_state;

#define VX_SEND_INLINE_BYTES 1024

typedef struct vx_send {
    uv_write_t request;
    struct vx_send *next;   /* in the list of idle ones */
    uint8_t *large_message; /* owned: a message that does not fit inline */
    void *cookie;
    uint64_t size;
    uint8_t head[VX_FRAME_HEADER_SIZE + VX_SEND_INLINE_BYTES];
} vx_send;

struct vx_conn {
    uv_tcp_t tcp;
    uv_timer_t timer; /* of silence; in FINISHING the bound of that state */
    uv_shutdown_t shutdown;
    unsigned handles; /* not closed yet; the last one frees the connection */
    vx_conn_state state;
    const vx_conn_events *events; /* borrowed; NULL while FRESH */
    void *owner;
    vx_reader reader;
    uint8_t *message; /* owned, VX_MESSAGE_BYTES_MAX */
    vx_send *idle;    /* owned */
    size_t waiting;   /* sends that on_sent has not come for */
    uint64_t silence_due_ms;
    bool is_grace_used; /* one more wait after our own loop stood still; back with each frame */
    uint64_t discarded; /* bytes, in FINISHING */
    bool is_flushed;    /* in FINISHING: all is sent, our side is shut down */
    bool is_peer_done;  /* the peer will send no more */
    vx_conn_counters counters;
    vx_error why; /* of the close */
    char peer[64];
};

/* Neither connected nor started; vx_conn_close frees it, later. */
VX_MUST_CHECK vx_status vx_conn_create(uv_loop_t *loop, vx_conn **ret_conn);
void vx_conn_connected(vx_conn *conn); /* sets the socket's options, learns the peer's name */

/* Why may point into *conn. */
void vx_conn_close_with(vx_conn *conn, const vx_error *why);
void vx_conn_after_shutdown(uv_shutdown_t *request, int status);
void vx_send_free_all(vx_conn *conn);

/* libuv writes without MSG_NOSIGNAL: a peer that goes away must not end the process. */
void vx_transport_ignore_sigpipe(void);
#endif
