#include "conn_private.h"

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

struct vx_dialer {
    uv_connect_t connect;
    uv_timer_t timer;
    vx_conn *conn;
    vx_dialer_done done;
    void *owner;
    vx_endpoint endpoint;
    int result; /* 1 = not known yet */
    bool cancelled, timed_out, connected;
};

static void tell(vx_dialer *dialer)
{
    vx_error err = { 0 };
    char text[VX_ENDPOINT_TEXT_SIZE];

    if (dialer->connected) {
        vx_conn_established(dialer->conn);
        dialer->done(dialer->owner, dialer->conn, NULL);
        return;
    }
    vx_fail(&err, dialer->cancelled ? VX_ERR_INTERRUPTED : VX_ERR_UNAVAILABLE, "%s: %s",
            vx_endpoint_text(&dialer->endpoint, text),
            dialer->cancelled   ? "cancelled"
            : dialer->timed_out ? "no answer in time"
                                : uv_strerror(dialer->result));
    dialer->done(dialer->owner, NULL, &err);
}

static void on_timer_closed(uv_handle_t *handle)
{
    vx_dialer *dialer = handle->data;

    tell(dialer);
    vx_free(dialer);
}

static void on_connect(uv_connect_t *connect, int result)
{
    vx_dialer *dialer = connect->data;

    dialer->result = result;
    dialer->connected = result == 0 && !dialer->cancelled && !dialer->timed_out;
    if (!dialer->connected)
        vx_conn_close(dialer->conn, VX_ERR_UNAVAILABLE, "not connected");
    uv_close((uv_handle_t *)&dialer->timer, on_timer_closed);
}

/* Closing the handle makes on_connect come with UV_ECANCELED. */
static void on_timeout(uv_timer_t *timer)
{
    vx_dialer *dialer = timer->data;

    dialer->timed_out = true;
    vx_conn_close(dialer->conn, VX_ERR_UNAVAILABLE, "no answer in time");
}

vx_status vx_dial(uv_loop_t *loop, const vx_endpoint *endpoint, uint64_t timeout_ms,
                  vx_dialer_done done, void *owner, vx_dialer **ret_dialer, vx_error *err)
{
    struct sockaddr_storage address;
    vx_dialer *dialer = NULL;
    vx_status status = vx_endpoint_resolve(loop, endpoint, false, &address, err);
    int result = 0;

    if (status != VX_OK)
        return status;
    dialer = vx_calloc(1, sizeof(*dialer));
    if (dialer == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    status = vx_conn_create(loop, &dialer->conn);
    if (status != VX_OK) {
        vx_free(dialer);
        return vx_fail(err, status, "out of memory");
    }
    dialer->done = done;
    dialer->owner = owner;
    dialer->endpoint = *endpoint;
    dialer->connect.data = dialer;
    result = uv_tcp_connect(&dialer->connect, vx_conn_tcp(dialer->conn),
                            (const struct sockaddr *)&address, on_connect);
    if (result != 0) {
        vx_conn_close(dialer->conn, VX_ERR_UNAVAILABLE, "not connected");
        vx_free(dialer);
        return vx_fail(err, VX_ERR_UNAVAILABLE, "%s: %s", endpoint->host, uv_strerror(result));
    }
    uv_timer_init(loop, &dialer->timer);
    dialer->timer.data = dialer;
    uv_timer_start(&dialer->timer, on_timeout, timeout_ms, 0);
    *ret_dialer = dialer;
    return VX_OK;
}

void vx_dialer_cancel(vx_dialer *dialer)
{
    if (dialer->cancelled || uv_is_closing((uv_handle_t *)&dialer->timer)) {
        dialer->cancelled = true;
        return;
    }
    dialer->cancelled = true;
    vx_conn_close(dialer->conn, VX_ERR_INTERRUPTED, "cancelled");
}
