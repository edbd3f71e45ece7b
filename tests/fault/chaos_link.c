#include "chaos_link.h"

#include <inttypes.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#define READ_SIZE   (64u * 1024u)
#define QUEUED_HIGH (4u << 20) /* bytes of a direction above which its source is not read */

/* A socket, and the flow of what is read from it. */
typedef struct end {
    vx_chaos_link *link;
    struct end *other;
    uv_tcp_t tcp;
    uv_timer_t wake;
    uv_write_t write; /* of this end's flow, to the other end */
    uv_shutdown_t shutdown;
    vx_chaos_flow flow;
    size_t writing; /* bytes under way to the other end */
    bool is_reading, is_over, was_reset;
    uint8_t buffer[READ_SIZE];
} end;

struct vx_chaos_link {
    vx_chaos_hub *hub;
    vx_chaos_link *next;
    end client, server; /* flows: up, down */
    uv_connect_t connect;
    unsigned handles;
    bool is_connected, is_frozen, is_closing;
};

static void pump(end *from);

static void unlink_from_hub(vx_chaos_link *link)
{
    vx_chaos_link **at = &link->hub->links;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
}

static void after_close(uv_handle_t *handle)
{
    vx_chaos_link *link = handle->data;

    if (--link->handles > 0)
        return;
    unlink_from_hub(link);
    vx_chaos_flow_release(&link->client.flow);
    vx_chaos_flow_release(&link->server.flow);
    vx_free(link);
}

static void say_counts(const char *event, const vx_chaos_link *link, const char *why)
{
    const vx_chaos_flow *up = &link->client.flow;
    const vx_chaos_flow *down = &link->server.flow;

    vx_chaos_say(
        event,
        ",\"conn\":%" PRIu64 ",\"slot\":%lld,\"up\":%" PRIu64 ",\"down\":%" PRIu64
        ",\"frames_up\":%" PRIu64 ",\"frames_down\":%" PRIu64 ",\"queued\":%zu,\"why\":\"%s\"",
        up->place.conn, up->place.slot == VX_CHAOS_ANY ? -1LL : (long long)up->place.slot,
        up->bytes_out, down->bytes_out, up->frames, down->frames, up->queued + down->queued, why);
}

static void close_socket(uv_tcp_t *tcp, bool reset)
{
    if (!reset || uv_tcp_close_reset(tcp, after_close) != 0)
        uv_close((uv_handle_t *)tcp, after_close);
}

static void close_link(vx_chaos_link *link, bool reset, const char *why)
{
    if (link->is_closing)
        return;
    link->is_closing = true;
    say_counts("close", link, why);
    close_socket(&link->client.tcp, reset);
    close_socket(&link->server.tcp, reset && link->is_connected);
    uv_close((uv_handle_t *)&link->client.wake, after_close);
    uv_close((uv_handle_t *)&link->server.wake, after_close);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    vx_chaos_link *link = handle->data;
    end *from = handle == (uv_handle_t *)&link->client.tcp ? &link->client : &link->server;

    (void)suggested;
    *ret_buffer = uv_buf_init((char *)from->buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t result, const uv_buf_t *buffer)
{
    vx_chaos_link *link = stream->data;
    end *from = stream == (uv_stream_t *)&link->client.tcp ? &link->client : &link->server;
    vx_status status = VX_OK;
    uint64_t now_ns = uv_hrtime();

    if (link->is_closing || (link->is_frozen && result >= 0))
        return;
    if (result < 0) {
        (void)uv_read_stop(stream);
        from->is_reading = false;
        from->was_reset = result != UV_EOF;
        status = vx_chaos_flow_end(&from->flow, now_ns);
    } else {
        status = vx_chaos_flow_take(
            &from->flow, (vx_cbytes){ (const uint8_t *)buffer->base, (size_t)result }, now_ns);
    }
    link->server.flow.place.slot = link->client.flow.place.slot;
    if (status != VX_OK)
        close_link(link, true, vx_status_text(status));
    else
        pump(from);
}

static void read_or_not(end *from)
{
    bool want = !from->flow.has_ended && from->flow.queued < QUEUED_HIGH;

    if (want == from->is_reading)
        return;
    from->is_reading = want;
    if (!want)
        (void)uv_read_stop((uv_stream_t *)&from->tcp);
    else if (uv_read_start((uv_stream_t *)&from->tcp, on_room, on_read) != 0)
        close_link(from->link, true, "cannot read");
}

static void on_written(uv_write_t *write, int status)
{
    end *from = write->data;
    size_t size = from->writing;

    from->writing = 0;
    if (from->link->is_closing)
        return;
    if (status != 0) {
        close_link(from->link, true, "the receiver is gone");
        return;
    }
    vx_chaos_flow_sent(&from->flow, size, uv_hrtime());
    pump(from);
}

static void send_piece(end *from, vx_cbytes bytes)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.at, (unsigned)bytes.size);

    from->writing = bytes.size;
    from->write.data = from;
    if (uv_write(&from->write, (uv_stream_t *)&from->other->tcp, &buffer, 1, on_written) != 0)
        close_link(from->link, true, "the receiver is gone");
}

static void pass_end(end *from)
{
    if (from->is_over)
        return;
    from->is_over = true;
    if (from->was_reset)
        close_link(from->link, true, "reset by an end");
    else if (from->other->is_over)
        close_link(from->link, false, "both ends have ended");
    else
        (void)uv_shutdown(&from->shutdown, (uv_stream_t *)&from->other->tcp, NULL);
}

static void on_wake(uv_timer_t *timer)
{
    vx_chaos_link *link = timer->data;

    pump(timer == &link->client.wake ? &link->client : &link->server);
}

/* Does what is due in this direction. */
static void pump(end *from)
{
    vx_chaos_link *link = from->link;
    vx_chaos_action action;
    uint64_t now_ns = uv_hrtime();

    if (link->is_closing || !link->is_connected || link->is_frozen || from->writing > 0)
        return;
    (void)uv_timer_stop(&from->wake);
    action = vx_chaos_flow_next(&from->flow, now_ns);
    switch (action.what) {
    case VX_CHAOS_DO_NOTHING:
        break;
    case VX_CHAOS_DO_WAIT:
        uv_update_time(link->hub->loop);
        (void)uv_timer_start(&from->wake, on_wake, (action.wake_ns - now_ns) / 1000000 + 1, 0);
        break;
    case VX_CHAOS_DO_SEND:
        send_piece(from, action.bytes);
        break;
    case VX_CHAOS_DO_CUT:
        close_link(link, action.reset, "cut");
        return;
    case VX_CHAOS_DO_END:
        pass_end(from);
        break;
    }
    if (!link->is_closing)
        read_or_not(from);
}

static void on_connected(uv_connect_t *connect, int status)
{
    vx_chaos_link *link = connect->data;

    if (link->is_closing)
        return;
    if (status != 0) {
        close_link(link, true, "the server cannot be reached");
        return;
    }
    link->is_connected = true;
    (void)uv_tcp_nodelay(&link->server.tcp, 1);
    read_or_not(&link->client);
    read_or_not(&link->server);
}

static void init_end(vx_chaos_link *link, end *from, end *other, vx_chaos_way way)
{
    vx_chaos_hub *hub = link->hub;
    vx_chaos_place place = { hub->accepted, VX_CHAOS_ANY, way };

    from->link = link;
    from->other = other;
    (void)uv_tcp_init(hub->loop, &from->tcp);
    (void)uv_timer_init(hub->loop, &from->wake);
    from->tcp.data = link;
    from->wake.data = link;
    link->handles += 2;
    vx_chaos_flow_init(&from->flow, &hub->plan, place, hub->seed);
}

void vx_chaos_link_accept(vx_chaos_hub *hub, uv_stream_t *listener)
{
    vx_chaos_link *link = vx_calloc(1, sizeof(*link));

    VX_ASSERT(link != NULL); /* a tool of the tests */
    link->hub = hub;
    init_end(link, &link->client, &link->server, VX_CHAOS_UP);
    init_end(link, &link->server, &link->client, VX_CHAOS_DOWN);
    link->next = hub->links;
    hub->links = link;
    vx_chaos_say("accept", ",\"conn\":%" PRIu64, hub->accepted++);
    link->connect.data = link;
    if (uv_accept(listener, (uv_stream_t *)&link->client.tcp) != 0 ||
        uv_tcp_connect(&link->connect, &link->server.tcp, (const struct sockaddr *)&hub->server,
                       on_connected) != 0) {
        close_link(link, false, "cannot begin");
        return;
    }
    (void)uv_tcp_nodelay(&link->client.tcp, 1);
}

void vx_chaos_hub_pump(vx_chaos_hub *hub)
{
    vx_chaos_link *next = NULL;

    for (vx_chaos_link *link = hub->links; link != NULL; link = next) {
        next = link->next;
        pump(&link->client);
        pump(&link->server);
    }
}

static void freeze(vx_chaos_link *link)
{
    link->is_frozen = true;
    say_counts("freeze", link, "");
}

void vx_chaos_hub_act(vx_chaos_hub *hub, const vx_chaos_rule *rule)
{
    for (vx_chaos_link *link = hub->links; link != NULL; link = link->next) {
        if (link->is_closing || (!vx_chaos_rule_covers(rule, &link->client.flow.place) &&
                                 !vx_chaos_rule_covers(rule, &link->server.flow.place)))
            continue;
        if (rule->verb == VX_CHAOS_CUT)
            close_link(link, rule->reset, "cut");
        else if (rule->verb == VX_CHAOS_FREEZE)
            freeze(link);
        else
            say_counts("stats", link, "");
    }
}

void vx_chaos_hub_close(vx_chaos_hub *hub)
{
    hub->is_ending = true;
    for (vx_chaos_link *link = hub->links; link != NULL; link = link->next)
        close_link(link, false, "the proxy ends");
}
