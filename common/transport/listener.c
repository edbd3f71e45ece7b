#include "conn_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_transport/interfaces.h>

#define BACKLOG            1024
#define ACCEPTS_A_TURN_MAX 64 /* the loop has others to serve too */
#define RETRY_MS           100

/*
 * A socket of our own under uv_poll_t instead of uv_listen: when the process is out of file
 * descriptors, libuv's accept loop either drops who waits or spins; here it pauses and tries again.
 */
struct vx_listener {
    uv_poll_t poll;
    uv_timer_t retry;
    unsigned handles;
    bool is_closing;
    bool is_strained;
    int fd;
    vx_listener_accept accept;
    vx_listener_strained strained; /* or NULL */
    void *owner;
    vx_endpoint endpoint;
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void resume(vx_listener *listener)
{
    if (!listener->is_closing)
        (void)vx_uv->poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void on_retry(uv_timer_t *timer)
{
    resume(timer->data);
}

static void pause_a_while(vx_listener *listener)
{
    (void)vx_uv->poll_stop(&listener->poll);
    (void)vx_uv->timer_start(&listener->retry, on_retry, RETRY_MS, 0);
}

static void tell_strain(vx_listener *listener, int error)
{
    if (listener->strained != NULL && (error != 0 || listener->is_strained))
        listener->strained(listener->owner, error);
    listener->is_strained = error != 0;
}

static void hand_over(vx_listener *listener, int fd)
{
    vx_conn *conn = NULL;

    if (vx_conn_create(listener->poll.loop, &conn) != VX_OK) {
        vx_uv->socket_close(fd);
        return;
    }
    if (vx_uv->tcp_open(&conn->tcp, fd) != 0) {
        vx_uv->socket_close(fd);
        vx_conn_close(conn, VX_ERR_SYSTEM, "the socket cannot be used");
        return;
    }
    vx_conn_connected(conn);
    listener->accept(listener->owner, conn);
    VX_ASSERT(conn->state != VX_CONN_FRESH); /* the contract of vx_listener_accept */
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    vx_listener *listener = poll->data;

    (void)status; /* accept tells more */
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN_MAX && !listener->is_closing; i++) {
        int fd = vx_uv->socket_accept(listener->fd);

        if (fd >= 0) {
            hand_over(listener, fd);
            continue;
        }
        if (errno == EAGAIN) {
            tell_strain(listener, 0);
            return;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            tell_strain(listener, errno);
            pause_a_while(listener);
            return;
        }
        /* Anything else concerns the one connection that was waiting: see accept(2). */
    }
}

/* Names what there is: a wrong address is most often one of another machine. */
static vx_status fail_address(const vx_endpoint *endpoint, bool ipv6, vx_error *err)
{
    vx_interface_address *list = NULL;
    size_t count = 0;
    bool any = false;
    char text[256];

    if (vx_interfaces_list(&list, &count, NULL) != VX_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        any |= list[i].is_ipv6;
    if (ipv6 && !any)
        (void)vx_fail(err, VX_ERR_UNAVAILABLE,
                      "%s: no interface of this machine has an IPv6 address, the kernel's IPv6 is "
                      "off (ipv6.disable, net.ipv6.conf.all.disable_ipv6): take an IPv4 address",
                      endpoint->host);
    else
        (void)vx_fail(err, VX_ERR_UNAVAILABLE, "%s is not an address of this machine, which has %s",
                      endpoint->host, vx_interfaces_text(list, count, text, sizeof(text)));
    vx_free(list);
    return VX_ERR_UNAVAILABLE;
}

static vx_status fail_bind(const vx_endpoint *endpoint, bool ipv6, int error, vx_error *err)
{
    if (error == EADDRINUSE)
        return vx_fail(err, VX_ERR_BUSY, "port %u of %s is in use", endpoint->port, endpoint->host);
    if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)
        return fail_address(endpoint, ipv6, err);
    return vx_fail(err, VX_ERR_SYSTEM, "cannot listen on port %u of %s: %s", endpoint->port,
                   endpoint->host, strerror(error));
}

static vx_status open_socket(uv_loop_t *loop, const vx_endpoint *endpoint, int *ret_fd,
                             vx_error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    uv_getaddrinfo_t request;
    char port[8];
    bool ipv6 = false;
    int fd = -1;
    int result;

    snprintf(port, sizeof(port), "%u", endpoint->port);
    result = vx_uv->getaddrinfo(loop, &request, NULL, endpoint->host, port, &hints);
    if (result != 0)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s does not resolve: %s", endpoint->host,
                       uv_strerror(result));
    for (struct addrinfo *at = request.addrinfo; at != NULL && fd < 0; at = at->ai_next) {
        ipv6 = at->ai_family == AF_INET6;
        fd = vx_uv->socket_listen(at, BACKLOG);
    }
    result = errno;
    vx_uv->freeaddrinfo(request.addrinfo);
    if (fd < 0)
        return fail_bind(endpoint, ipv6, result, err);
    *ret_fd = fd;
    return VX_OK;
}

vx_status vx_listener_create(uv_loop_t *loop, const vx_endpoint *endpoint,
                             vx_listener_accept accept, void *owner, vx_listener **ret_listener,
                             vx_error *err)
{
    vx_listener *listener = vx_calloc(1, sizeof(*listener));
    vx_status status = VX_OK;
    int result;

    VX_ASSERT(accept != NULL);
    if (listener == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a listener");
    status = open_socket(loop, endpoint, &listener->fd, err);
    if (status != VX_OK)
        goto out;
    result = vx_uv->poll_init(loop, &listener->poll, listener->fd);
    if (result != 0) {
        vx_uv->socket_close(listener->fd);
        status = vx_fail(err, VX_ERR_SYSTEM, "cannot watch a socket: %s", uv_strerror(result));
        goto out;
    }
    (void)vx_uv->timer_init(loop, &listener->retry);
    vx_transport_ignore_sigpipe();
    listener->poll.data = listener;
    listener->retry.data = listener;
    listener->handles = 2;
    listener->accept = accept;
    listener->owner = owner;
    listener->endpoint = *endpoint;
    listener->endpoint.port = (uint16_t)vx_uv->socket_port(listener->fd);
    resume(listener);
    *ret_listener = listener;
    listener = NULL;
out:
    vx_free(listener);
    return status;
}

void vx_listener_on_strained(vx_listener *listener, vx_listener_strained strained)
{
    listener->strained = strained;
}

vx_endpoint vx_listener_endpoint(const vx_listener *listener)
{
    return listener->endpoint;
}

static void after_close(uv_handle_t *handle)
{
    vx_listener *listener = handle->data;

    if (--listener->handles == 0)
        vx_free(listener);
}

void vx_listener_close(vx_listener *listener)
{
    if (listener == NULL || listener->is_closing)
        return;
    listener->is_closing = true;
    vx_uv->close((uv_handle_t *)&listener->poll, after_close);
    vx_uv->close((uv_handle_t *)&listener->retry, after_close);
    vx_uv->socket_close(listener->fd); /* the port is free from here on */
}
