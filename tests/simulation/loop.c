#include "loop.h"

#include <string.h>

#include <vx_base/assert.h>

#include "net.h"
#include "stream.h"
#include "world.h"

typedef struct sim_ready {
    struct sim_ready *next;
    void (*run)(void *subject);
    void *subject;
} sim_ready;

#define TURN_JITTER_NS (30 * SIM_US)

sim_handle *sim_handle_of(const void *uv_handle)
{
    const uv_handle_t *handle = uv_handle;

    return handle->u.reserved[0];
}

sim_loop *sim_loop_of(const uv_loop_t *uv)
{
    return uv->internal_fields;
}

sim_handle *sim_handle_new(uv_loop_t *loop, void *uv_handle, uv_handle_type type)
{
    sim_handle *handle = sim_alloc(sizeof(*handle));
    uv_handle_t *uv = uv_handle;

    handle->loop = sim_loop_of(loop);
    handle->uv = uv;
    handle->next = handle->loop->handles;
    handle->loop->handles = handle;
    uv->loop = loop;
    uv->type = type;
    uv->u.reserved[0] = handle;
    return handle;
}

static int loop_init(uv_loop_t *uv)
{
    sim_loop *loop = sim_alloc(sizeof(*loop));

    memset(uv, 0, sizeof(*uv));
    uv->internal_fields = loop;
    loop->uv = uv;
    loop->process = sim_process_current();
    loop->ready_end = &loop->ready;
    loop->now_ms = sim_now() / SIM_MS;
    VX_ASSERT(loop->process != NULL);
    loop->process->loop = loop;
    return 0;
}

static int loop_close(uv_loop_t *uv)
{
    sim_loop *loop = sim_loop_of(uv);

    if (loop->handles != NULL || loop->requests > 0)
        return UV_EBUSY;
    if (loop->process->loop == loop)
        loop->process->loop = NULL;
    return 0;
}

void sim_loop_post(sim_loop *loop, void (*run)(void *subject), void *subject)
{
    sim_ready *ready = sim_alloc(sizeof(*ready));

    *ready = (sim_ready){ NULL, run, subject };
    *loop->ready_end = ready;
    loop->ready_end = &ready->next;
    if (loop->polling)
        sim_fiber_wake(loop->process->main, sim_below(SIM_DICE_PROGRAMS, TURN_JITTER_NS));
}

static void update_time(uv_loop_t *uv)
{
    sim_loop_of(uv)->now_ms = sim_now() / SIM_MS;
}

static uint64_t loop_now(const uv_loop_t *uv)
{
    return sim_loop_of(uv)->now_ms;
}

static bool is_alive(const sim_loop *loop)
{
    if (loop->requests > 0)
        return true;
    for (const sim_handle *handle = loop->handles; handle != NULL; handle = handle->next)
        if (handle->active || handle->closing)
            return true;
    return false;
}

static sim_handle *first_timer(const sim_loop *loop)
{
    sim_handle *first = NULL;

    for (sim_handle *handle = loop->handles; handle != NULL; handle = handle->next)
        if (handle->active && handle->timer_cb != NULL &&
            (first == NULL || handle->due_ms < first->due_ms ||
             (handle->due_ms == first->due_ms && handle->order < first->order)))
            first = handle;
    return first;
}

static int timer_stop(uv_timer_t *timer)
{
    sim_handle_of(timer)->active = false;
    return 0;
}

static int timer_start(uv_timer_t *timer, uv_timer_cb due, uint64_t timeout_ms, uint64_t repeat_ms)
{
    sim_handle *handle = sim_handle_of(timer);

    if (handle->closing || handle->closed || due == NULL)
        return UV_EINVAL;
    handle->active = true;
    handle->timer_cb = due;
    handle->due_ms = handle->loop->now_ms + timeout_ms;
    handle->repeat_ms = repeat_ms;
    handle->order = handle->loop->orders++;
    return 0;
}

static int timer_again(uv_timer_t *timer)
{
    sim_handle *handle = sim_handle_of(timer);

    if (handle->timer_cb == NULL)
        return UV_EINVAL;
    if (handle->repeat_ms == 0)
        return 0;
    return timer_start(timer, handle->timer_cb, handle->repeat_ms, handle->repeat_ms);
}

static int timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    (void)sim_handle_new(loop, timer, UV_TIMER);
    return 0;
}

static void timer_set_repeat(uv_timer_t *timer, uint64_t repeat_ms)
{
    sim_handle_of(timer)->repeat_ms = repeat_ms;
}

static uint64_t timer_get_repeat(const uv_timer_t *timer)
{
    return sim_handle_of(timer)->repeat_ms;
}

static void run_timers(sim_loop *loop)
{
    for (;;) {
        sim_handle *handle = first_timer(loop);

        if (handle == NULL || handle->due_ms > loop->now_ms)
            return;
        handle->active = false;
        (void)timer_again((uv_timer_t *)handle->uv);
        handle->timer_cb((uv_timer_t *)handle->uv);
    }
}

/* Everything that is ready now, in any order; what becomes ready meanwhile waits for the next turn.
 */
static void run_ready(sim_loop *loop)
{
    sim_ready *batch[64];
    size_t count = 0;

    while (loop->ready != NULL && count < sizeof(batch) / sizeof(batch[0])) {
        batch[count++] = loop->ready;
        loop->ready = loop->ready->next;
    }
    if (loop->ready == NULL)
        loop->ready_end = &loop->ready;
    for (size_t i = 0; i < count; i++) {
        size_t pick = i + (count - i > 1 ? sim_below(SIM_DICE_PROGRAMS, count - i) : 0);
        sim_ready *ready = batch[pick];

        batch[pick] = batch[i];
        ready->run(ready->subject);
    }
}

static bool is_closing_any(const sim_loop *loop)
{
    for (const sim_handle *handle = loop->handles; handle != NULL; handle = handle->next)
        if (handle->closing)
            return true;
    return false;
}

static void finish_close(sim_handle *handle)
{
    sim_handle **at = &handle->loop->handles;

    while (*at != handle)
        at = &(*at)->next;
    *at = handle->next;
    handle->closing = false;
    handle->closed = true;
    if (handle->socket != NULL)
        sim_stream_cancel(handle);
    if (handle->close_cb != NULL)
        handle->close_cb(handle->uv);
}

/* Those that are being closed now; those that a callback closes come in the next turn. */
static void run_closings(sim_loop *loop)
{
    sim_handle *batch[64];
    size_t count = 0;

    for (sim_handle *handle = loop->handles; handle != NULL; handle = handle->next)
        if (handle->closing && count < sizeof(batch) / sizeof(batch[0]))
            batch[count++] = handle;
    for (size_t i = 0; i < count; i++)
        finish_close(batch[i]);
}

static void wait_for_events(sim_loop *loop)
{
    sim_handle *timer = first_timer(loop);

    if (loop->ready != NULL || is_closing_any(loop))
        return;
    loop->polling = true;
    if (timer != NULL) {
        uint64_t due_ns = timer->due_ms * SIM_MS;

        sim_fiber_wake(loop->process->main, due_ns > sim_now() ? due_ns - sim_now() : 0);
    }
    sim_fiber_yield();
    loop->polling = false;
}

static int run(uv_loop_t *uv, uv_run_mode mode)
{
    sim_loop *loop = sim_loop_of(uv);

    VX_ASSERT(mode == UV_RUN_DEFAULT);
    while (is_alive(loop)) {
        update_time(uv);
        run_timers(loop);
        wait_for_events(loop);
        update_time(uv);
        run_ready(loop);
        run_closings(loop);
    }
    return 0;
}

static void close_handle(uv_handle_t *uv, uv_close_cb closed)
{
    sim_handle *handle = sim_handle_of(uv);

    VX_ASSERT(!handle->closing && !handle->closed); /* libuv's own assertion */
    handle->closing = true;
    handle->active = false;
    handle->close_cb = closed;
    if (handle->socket != NULL)
        sim_socket_close(handle->socket);
}

static int is_closing(const uv_handle_t *uv)
{
    const sim_handle *handle = sim_handle_of(uv);

    return handle->closing || handle->closed;
}

const vx_reactor *sim_reactor(void)
{
    static const vx_reactor table = {
        .loop_init = loop_init,
        .loop_close = loop_close,
        .run = run,
        .now = loop_now,
        .update_time = update_time,
        .close = close_handle,
        .is_closing = is_closing,
        .timer_init = timer_init,
        .timer_start = timer_start,
        .timer_stop = timer_stop,
        .timer_again = timer_again,
        .timer_set_repeat = timer_set_repeat,
        .timer_get_repeat = timer_get_repeat,
        .tcp_init = sim_uv_tcp_init,
        .tcp_open = sim_uv_tcp_open,
        .tcp_nodelay = sim_uv_tcp_nodelay,
        .tcp_connect = sim_uv_tcp_connect,
        .tcp_getpeername = sim_uv_tcp_getpeername,
        .read_start = sim_uv_read_start,
        .read_stop = sim_uv_read_stop,
        .write = sim_uv_write,
        .shutdown = sim_uv_shutdown,
        .getaddrinfo = sim_uv_getaddrinfo,
        .freeaddrinfo = sim_uv_freeaddrinfo,
        .cancel = sim_uv_cancel,
        .queue_work = sim_uv_queue_work,
        .signal_init = sim_uv_signal_init,
        .signal_start = sim_uv_signal_start,
        .spawn = sim_uv_spawn,
        .process_kill = sim_uv_process_kill,
        .poll_init = sim_uv_poll_init,
        .poll_start = sim_uv_poll_start,
        .poll_stop = sim_uv_poll_stop,
        .socket_listen = sim_socket_listen,
        .socket_port = sim_socket_port,
        .socket_accept = sim_socket_accept,
        .socket_close = sim_socket_close_fd,
    };

    return &table;
}
