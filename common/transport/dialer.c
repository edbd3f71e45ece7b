#include "conn_private.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/descriptors.h>

/*
 * Resolves, then tries one address after the other; each gets an equal share of the time that is
 * left. The outcome is decided once; done is told when the timer's handle has closed, so never from
 * inside a call. The dialer is freed when no request needs it any more.
 */
struct vx_dialer {
    uv_timer_t timer;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    unsigned pending; /* handles and requests that refer to this */
    bool is_decided;
    bool is_numeric;
    vx_conn *conn; /* being connected; the outcome when that is good */
    struct sockaddr_storage numeric;
    struct addrinfo *next; /* into resolve.addrinfo */
    uint64_t due_ms;
    vx_dialer_done done;
    void *owner;
    vx_endpoint endpoint;
    vx_error why;
};

static void unref(vx_dialer *dialer)
{
    VX_ASSERT(dialer->pending > 0);
    if (--dialer->pending > 0)
        return;
    vx_uv->freeaddrinfo(dialer->resolve.addrinfo);
    vx_free(dialer);
}

static void on_decided(uv_handle_t *handle)
{
    vx_dialer *dialer = handle->data;

    dialer->done(dialer->owner, dialer->conn, dialer->conn != NULL ? NULL : &dialer->why);
    unref(dialer);
}

static void decide(vx_dialer *dialer)
{
    VX_ASSERT(!dialer->is_decided);
    dialer->is_decided = true;
    vx_uv->close((uv_handle_t *)&dialer->timer, on_decided);
}

static void drop_attempt(vx_dialer *dialer)
{
    if (dialer->conn != NULL)
        vx_conn_close(dialer->conn, VX_OK, "not connected");
    dialer->conn = NULL;
}

static void fail(vx_dialer *dialer, vx_status code, const char *what)
{
    char text[VX_ENDPOINT_TEXT_SIZE];

    (void)vx_fail(&dialer->why, code, "%s: %s", vx_endpoint_text(&dialer->endpoint, text), what);
}

static void on_time(uv_timer_t *timer);
static void on_connect(uv_connect_t *request, int result);

static unsigned count_left(const vx_dialer *dialer)
{
    unsigned count = dialer->is_numeric ? 1 : 0;

    for (const struct addrinfo *at = dialer->next; at != NULL; at = at->ai_next)
        count++;
    return count;
}

static bool connect_to(vx_dialer *dialer, const struct sockaddr *address)
{
    char text[VX_ERRNO_TEXT_SIZE];
    int result;

    if (vx_conn_create(dialer->timer.loop, &dialer->conn) != VX_OK) {
        fail(dialer, VX_ERR_NOMEM, "no memory for a connection");
        return false;
    }
    result = vx_uv->tcp_connect(&dialer->connect, &dialer->conn->tcp, address, on_connect);
    if (result == 0) {
        dialer->pending++;
        return true;
    }
    fail(dialer, VX_ERR_UNAVAILABLE,
         vx_descriptors_ran_out(-result) ? vx_errno_text(-result, text) : uv_strerror(result));
    drop_attempt(dialer);
    return false;
}

static void try_next(vx_dialer *dialer)
{
    unsigned left;

    while ((left = count_left(dialer)) > 0) {
        const struct sockaddr *address = (const struct sockaddr *)&dialer->numeric;
        uint64_t now_ms = vx_uv->now(dialer->timer.loop);

        if (!dialer->is_numeric) {
            address = dialer->next->ai_addr;
            dialer->next = dialer->next->ai_next;
        }
        dialer->is_numeric = false;
        if (connect_to(dialer, address)) {
            uint64_t left_ms = dialer->due_ms > now_ms ? dialer->due_ms - now_ms : 0;

            (void)vx_uv->timer_start(&dialer->timer, on_time, left_ms / left, 0);
            return;
        }
    }
    decide(dialer);
}

static void on_connect(uv_connect_t *request, int result)
{
    vx_dialer *dialer = request->data;

    if (!dialer->is_decided && result == 0) {
        vx_conn_connected(dialer->conn);
        decide(dialer);
    } else if (!dialer->is_decided) {
        if (result != UV_ECANCELED) /* on_time has said why */
            fail(dialer, VX_ERR_UNAVAILABLE, uv_strerror(result));
        drop_attempt(dialer);
        try_next(dialer);
    }
    unref(dialer);
}

static void on_time(uv_timer_t *timer)
{
    vx_dialer *dialer = timer->data;

    fail(dialer, VX_ERR_UNAVAILABLE, "no answer in time");
    if (dialer->conn != NULL)
        drop_attempt(dialer); /* on_connect goes on */
    else
        decide(dialer);
}

static void on_resolved(uv_getaddrinfo_t *request, int result, struct addrinfo *addresses)
{
    vx_dialer *dialer = request->data;

    (void)addresses; /* request->addrinfo, freed with the dialer */
    if (!dialer->is_decided && result == 0) {
        dialer->next = request->addrinfo;
        try_next(dialer);
    } else if (!dialer->is_decided) {
        char what[128];

        snprintf(what, sizeof(what), "the host does not resolve: %s", uv_strerror(result));
        fail(dialer, VX_ERR_UNAVAILABLE, what);
        decide(dialer);
    }
    unref(dialer);
}

static bool parse_numeric(vx_dialer *dialer)
{
    const vx_endpoint *endpoint = &dialer->endpoint;

    return uv_ip4_addr(endpoint->host, endpoint->port, (struct sockaddr_in *)&dialer->numeric) ==
               0 ||
           uv_ip6_addr(endpoint->host, endpoint->port, (struct sockaddr_in6 *)&dialer->numeric) ==
               0;
}

static void start_resolving(vx_dialer *dialer, uint64_t timeout_ms)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    char port[8];
    int result;

    snprintf(port, sizeof(port), "%u", dialer->endpoint.port);
    result = vx_uv->getaddrinfo(dialer->timer.loop, &dialer->resolve, on_resolved,
                                dialer->endpoint.host, port, &hints);
    if (result != 0) {
        fail(dialer, VX_ERR_UNAVAILABLE, uv_strerror(result));
        decide(dialer);
        return;
    }
    dialer->pending++;
    (void)vx_uv->timer_start(&dialer->timer, on_time, timeout_ms, 0);
}

vx_status vx_dial(uv_loop_t *loop, const vx_endpoint *endpoint, uint64_t timeout_ms,
                  vx_dialer_done done, void *owner, vx_dialer **ret_dialer, vx_error *err)
{
    vx_dialer *dialer = vx_calloc(1, sizeof(*dialer));

    VX_ASSERT(done != NULL);
    if (dialer == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a dialer");
    vx_transport_ignore_sigpipe();
    vx_uv->update_time(loop);
    (void)vx_uv->timer_init(loop, &dialer->timer);
    dialer->timer.data = dialer;
    dialer->resolve.data = dialer;
    dialer->connect.data = dialer;
    dialer->pending = 1;
    dialer->due_ms = vx_uv->now(loop) + timeout_ms;
    dialer->done = done;
    dialer->owner = owner;
    dialer->endpoint = *endpoint;
    dialer->is_numeric = parse_numeric(dialer);
    if (dialer->is_numeric)
        try_next(dialer);
    else
        start_resolving(dialer, timeout_ms);
    *ret_dialer = dialer;
    return VX_OK;
}

void vx_dialer_cancel(vx_dialer *dialer)
{
    if (dialer->is_decided) {
        drop_attempt(dialer); /* connected already, but done has not come yet */
        fail(dialer, VX_ERR_INTERRUPTED, "cancelled");
        return;
    }
    fail(dialer, VX_ERR_INTERRUPTED, "cancelled");
    drop_attempt(dialer);
    if (dialer->resolve.loop != NULL)
        (void)vx_uv->cancel((uv_req_t *)&dialer->resolve);
    decide(dialer);
}
