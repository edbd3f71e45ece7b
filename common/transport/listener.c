#include "conn_private.h"

#include <netdb.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define BACKLOG  1024
#define PAUSE_MS 200 /* after a failed accept: descriptors may be back by then */

struct vx_listener {
    uv_tcp_t tcp;
    uv_timer_t pause;
    unsigned open_handles;
    vx_listener_accept accept;
    void *owner;
    vx_endpoint endpoint;
};

vx_status vx_endpoint_resolve(uv_loop_t *loop, const vx_endpoint *endpoint, bool passive,
                              struct sockaddr_storage *ret_address, vx_error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) };
    uv_getaddrinfo_t request;
    char port[8];
    int result = 0;

    memcpy(port, "0", 2);
    result = uv_getaddrinfo(loop, &request, NULL, endpoint->host, port, &hints);
    if (result != 0)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s: %s", endpoint->host, uv_strerror(result));
    memcpy(ret_address, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
    if (ret_address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)ret_address)->sin6_port = htons(endpoint->port);
    else
        ((struct sockaddr_in *)(void *)ret_address)->sin_port = htons(endpoint->port);
    uv_freeaddrinfo(request.addrinfo);
    return VX_OK;
}

static void on_pause_over(uv_timer_t *timer);

static void on_connection(uv_stream_t *stream, int result)
{
    vx_listener *listener = stream->data;
    vx_conn *conn = NULL;

    if (result == 0 && vx_conn_create(stream->loop, &conn) == VX_OK) {
        if (uv_accept(stream, (uv_stream_t *)vx_conn_tcp(conn)) == 0) {
            vx_conn_established(conn);
            listener->accept(listener->owner, conn);
            return;
        }
        vx_conn_close(conn, VX_ERR_UNAVAILABLE, "accept failed");
    }
    /* Out of descriptors or memory: libuv does not ask again until we try. */
    if (!uv_is_closing((uv_handle_t *)&listener->pause))
        uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
}

static void on_pause_over(uv_timer_t *timer)
{
    vx_listener *listener = timer->data;

    if (uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection) != 0)
        uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
    vx_listener *listener = handle->data;

    if (--listener->open_handles == 0)
        vx_free(listener);
}

void vx_listener_close(vx_listener *listener)
{
    if (listener == NULL || uv_is_closing((uv_handle_t *)&listener->tcp))
        return;
    uv_close((uv_handle_t *)&listener->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&listener->pause, on_handle_closed);
}

static void read_real_port(vx_listener *listener)
{
    struct sockaddr_storage address;
    int size = (int)sizeof(address);

    if (uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &size) != 0)
        return;
    listener->endpoint.port =
        ntohs(address.ss_family == AF_INET6
                  ? ((const struct sockaddr_in6 *)(const void *)&address)->sin6_port
                  : ((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

vx_status vx_listener_create(uv_loop_t *loop, const vx_endpoint *endpoint,
                             vx_listener_accept accept, void *owner, vx_listener **ret_listener,
                             vx_error *err)
{
    struct sockaddr_storage address;
    vx_listener *listener = NULL;
    char text[VX_ENDPOINT_TEXT_SIZE];
    vx_status status = vx_endpoint_resolve(loop, endpoint, true, &address, err);
    int result = 0;

    if (status != VX_OK)
        return status;
    listener = vx_calloc(1, sizeof(*listener));
    if (listener == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    listener->accept = accept;
    listener->owner = owner;
    listener->endpoint = *endpoint;
    uv_tcp_init(loop, &listener->tcp);
    uv_timer_init(loop, &listener->pause);
    listener->tcp.data = listener->pause.data = listener;
    listener->open_handles = 2;
    result = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)&address, 0);
    if (result == 0)
        result = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    if (result != 0) {
        vx_listener_close(listener);
        return vx_fail(err, result == UV_EADDRINUSE ? VX_ERR_BUSY : VX_ERR_UNAVAILABLE, "%s: %s",
                       vx_endpoint_text(endpoint, text),
                       result == UV_EADDRINUSE ? "the port is in use by another process"
                                               : uv_strerror(result));
    }
    read_real_port(listener);
    *ret_listener = listener;
    return VX_OK;
}

vx_endpoint vx_listener_endpoint(const vx_listener *listener)
{
    return listener->endpoint;
}
