#ifndef VX_TRANSPORT_NET_H
#define VX_TRANSPORT_NET_H
#include <vx_test/check.h>
#include <vx_transport/conn.h>

/*
 * A loop with a listener on 127.0.0.1 and one connection to it: the server's end is always a
 * vx_conn, the client's is one too (net_dial) or a plain socket (net_raw).
 */
typedef enum net_act { NET_GO_ON, NET_CLOSE, NET_FINISH, NET_REFUSE, NET_GIVE_NOTHING } net_act;

typedef struct net_side {
    vx_conn *conn; /* NULL before it starts and after on_close */
    unsigned headers, frames, sent, closes;
    vx_error why; /* of the last on_close */
    vx_frame_header header;
    uint8_t *message; /* of the last frame; VX_MESSAGE_BYTES_MAX */
    uint8_t *payload; /* given to every frame; VX_CHUNK_BYTES_MAX and one guard byte */
    uint8_t *payload_seen;
    size_t payload_size;
    bool echo; /* sends back each frame with cookie 1 */
    net_act on_header, on_frame, on_sent;
    uint64_t timeout_ms; /* set when it starts */
} net_side;

typedef struct vx_test_net {
    uv_loop_t loop;
    vx_listener *listener;
    vx_endpoint endpoint;
    net_side server, client;
    net_act on_accept;
    unsigned accepts;
    unsigned dones; /* of dials */
    vx_error dial_error;
} vx_test_net;

extern const vx_conn_events net_events;
#define NET_GUARD 0xa5

vx_test_net *net_create(void);
void net_destroy(vx_test_net *net); /* closes all; fails when a handle is left */

int net_raw(vx_test_net *net);   /* a blocking socket; the server's end has started on return */
void net_dial(vx_test_net *net); /* both ends have started on return */
void net_on_accept(void *owner, vx_conn *conn);                      /* owner: net */
void net_on_dialed(void *owner, vx_conn *conn, const vx_error *err); /* owner: net */
void net_raw_send(int fd, const void *at, size_t size);
void net_raw_reset(int fd);      /* closes with a reset */
void net_turn(vx_test_net *net); /* one turn of the loop, without waiting */

/* Runs the loop until the condition holds; fails after 10 s. */
#define net_until(net, condition)                                                                  \
    do {                                                                                           \
        uint64_t net_end_ms = net_now_ms() + 10000;                                                \
        while (!(condition)) {                                                                     \
            net_pause(net);                                                                        \
            if (net_now_ms() > net_end_ms)                                                         \
                fail_msg("never came true: %s", #condition);                                       \
        }                                                                                          \
    } while (0)
void net_pause(vx_test_net *net); /* a turn, then 0.1 ms of sleep */
uint64_t net_now_ms(void);
void net_run_for(vx_test_net *net, uint64_t milliseconds);

/* A frame as bytes in new memory; the caller frees. Its numbers follow from seed. */
uint8_t *net_frame_bytes(size_t message_size, size_t payload_size, unsigned seed, size_t *ret_size);
void net_fill(uint8_t *at, size_t size, unsigned seed);
unsigned net_count_fds(void);
#endif
