#ifndef VX_TRANSPORT_CONN_PRIVATE_H
#define VX_TRANSPORT_CONN_PRIVATE_H
#include <vx_transport/conn.h>

/* A connection that is not started; its tcp handle is initialised and is the caller's to accept
 * into or to connect. */
vx_status vx_conn_create(uv_loop_t *loop, vx_conn **ret_conn) VX_MUST_CHECK;
uv_tcp_t *vx_conn_tcp(vx_conn *conn);
/* The socket is connected: reads the peer's name, switches Nagle off. */
void vx_conn_established(vx_conn *conn);

/* First address of host for port; blocking look-up (numeric addresses and local names at once). */
vx_status vx_endpoint_resolve(uv_loop_t *loop, const vx_endpoint *endpoint, bool passive,
                              struct sockaddr_storage *ret_address, vx_error *err) VX_MUST_CHECK;
#endif
