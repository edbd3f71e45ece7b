/*
 * chaos_proxy --to PLACE [--listen PLACE] [--seed N] [--seconds N]: passes TCP connections of one
 * place on to another and does to their frames what the lines on its standard input say (see
 * chaos_rule.h). A place is PORT of 127.0.0.1, or ADDRESS:PORT. Prints what it does, one JSON
 * object a line; the first one tells its port. Ends when its input ends, on "quit", SIGTERM, or
 * after --seconds (600).
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/assert.h>

#include "chaos_link.h"

#define BACKLOG   1024
#define LINE_SIZE 512

typedef struct proxy {
    uv_loop_t loop;
    vx_chaos_hub hub;
    uv_tcp_t listener;
    uv_pipe_t input;
    uv_timer_t limit;
    uv_signal_t sigterm;
    char line[LINE_SIZE];
    size_t used;
} proxy;

typedef struct options {
    struct sockaddr_in listen, to;
    uint64_t seed, seconds;
} options;

static void close_if_open(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void finish(proxy *self)
{
    if (self->hub.is_ending)
        return;
    vx_chaos_hub_close(&self->hub);
    close_if_open((uv_handle_t *)&self->listener);
    close_if_open((uv_handle_t *)&self->input);
    close_if_open((uv_handle_t *)&self->limit);
    close_if_open((uv_handle_t *)&self->sigterm);
}

static void obey(proxy *self, const char *line)
{
    vx_chaos_rule rule;
    vx_error err = { 0 };
    vx_status status = vx_chaos_rule_parse(line, &rule, &err);
    bool acts = status == VX_OK && rule.verb == VX_CHAOS_CUT && rule.after == VX_CHAOS_ANY &&
                !vx_chaos_rule_selects(&rule);

    if (status == VX_OK) {
        if (rule.verb == VX_CHAOS_QUIT)
            finish(self);
        else if (acts || rule.verb == VX_CHAOS_FREEZE || rule.verb == VX_CHAOS_STATS)
            vx_chaos_hub_act(&self->hub, &rule);
        else if (rule.verb == VX_CHAOS_RELEASE)
            vx_chaos_plan_release(&self->hub.plan, &rule);
        else if (rule.verb == VX_CHAOS_CLEAR)
            self->hub.plan.count = 0;
        else
            status = vx_chaos_plan_add(&self->hub.plan, &rule);
    }
    vx_chaos_say("rule", ",\"ok\":%s,\"rules\":%u,\"why\":\"%s\"",
                 status == VX_OK ? "true" : "false", self->hub.plan.count,
                 status == VX_OK ? "" : err.message);
    vx_chaos_hub_pump(&self->hub);
}

/* A line is echoed in errors only: as text that needs no escape in JSON. */
static bool is_plain(const char *line)
{
    return line[strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             " .+-")] == '\0';
}

static void take_input(proxy *self, const char *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (at[i] != '\n' && self->used + 1 < sizeof(self->line)) {
            self->line[self->used++] = at[i];
            continue;
        }
        self->line[self->used] = '\0';
        self->used = 0;
        obey(self, is_plain(self->line) ? self->line : "?");
    }
}

static void on_input_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    static char room[4096];

    (void)handle;
    (void)suggested;
    *ret_buffer = uv_buf_init(room, sizeof(room));
}

static void on_input(uv_stream_t *stream, ssize_t result, const uv_buf_t *buffer)
{
    proxy *self = stream->data;

    if (result < 0)
        finish(self);
    else
        take_input(self, buffer->base, (size_t)result);
}

static void on_connection(uv_stream_t *listener, int status)
{
    proxy *self = listener->data;

    if (status == 0)
        vx_chaos_link_accept(&self->hub, listener);
}

static void on_limit(uv_timer_t *timer)
{
    finish(timer->data);
}

static void on_sigterm(uv_signal_t *handle, int number)
{
    (void)number;
    finish(handle->data);
}

static bool listens(proxy *self, const struct sockaddr_in *address)
{
    struct sockaddr_in bound;
    int size = sizeof(bound);

    if (uv_tcp_bind(&self->listener, (const struct sockaddr *)address, 0) != 0 ||
        uv_listen((uv_stream_t *)&self->listener, BACKLOG, on_connection) != 0 ||
        uv_tcp_getsockname(&self->listener, (struct sockaddr *)&bound, &size) != 0)
        return false;
    vx_chaos_say("listen", ",\"port\":%u", ntohs(bound.sin_port));
    return true;
}

static void open_handles(proxy *self, const options *given)
{
    VX_ASSERT(uv_loop_init(&self->loop) == 0);
    self->hub = (vx_chaos_hub){ .loop = &self->loop, .server = given->to, .seed = given->seed };
    (void)uv_tcp_init(&self->loop, &self->listener);
    (void)uv_pipe_init(&self->loop, &self->input, 0);
    (void)uv_timer_init(&self->loop, &self->limit);
    (void)uv_signal_init(&self->loop, &self->sigterm);
    self->listener.data = self->input.data = self->limit.data = self->sigterm.data = self;
    (void)uv_timer_start(&self->limit, on_limit, given->seconds * 1000, 0);
    (void)uv_signal_start(&self->sigterm, on_sigterm, SIGTERM);
}

static bool number(const char *text, uint64_t most, uint64_t *ret)
{
    char *rest = NULL;
    unsigned long long value = strtoull(text, &rest, 10);

    if (rest == text || *rest != '\0' || value > most)
        return false;
    *ret = value;
    return true;
}

static struct sockaddr_in loopback(void)
{
    struct sockaddr_in place = { .sin_family = AF_INET };

    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return place;
}

static bool place(char *text, struct sockaddr_in *ret_place)
{
    char *colon = strchr(text, ':');
    uint64_t port = 0;

    if (!number(colon != NULL ? colon + 1 : text, 65535, &port))
        return false;
    if (colon != NULL)
        *colon = '\0';
    ret_place->sin_port = htons((uint16_t)port);
    return colon == NULL || inet_pton(AF_INET, text, &ret_place->sin_addr) == 1;
}

static bool parse(int argc, char **argv, options *ret_options)
{
    static const struct option long_options[] = {
        { "to", required_argument, NULL, 't' },
        { "listen", required_argument, NULL, 'l' },
        { "seed", required_argument, NULL, 's' },
        { "seconds", required_argument, NULL, 'e' },
        { NULL, 0, NULL, 0 },
    };
    bool good = true;
    int option = 0;

    *ret_options = (options){ .listen = loopback(), .to = loopback(), .seed = 1, .seconds = 600 };
    while (good && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == 't')
            good = place(optarg, &ret_options->to);
        else if (option == 'l')
            good = place(optarg, &ret_options->listen);
        else if (option == 's')
            good = number(optarg, UINT32_MAX, &ret_options->seed);
        else
            good = option == 'e' && number(optarg, 65535, &ret_options->seconds);
    }
    return good && ret_options->to.sin_port != 0 && optind == argc;
}

int main(int argc, char **argv)
{
    static proxy self;
    options given;
    int code = 0;

    if (!parse(argc, argv, &given)) {
        fputs("usage: chaos_proxy --to PLACE [--listen PLACE] [--seed N] [--seconds N]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    open_handles(&self, &given);
    if (uv_pipe_open(&self.input, STDIN_FILENO) != 0 ||
        uv_read_start((uv_stream_t *)&self.input, on_input_room, on_input) != 0 ||
        !listens(&self, &given.listen)) {
        fputs("chaos_proxy: cannot listen, or standard input is no pipe\n", stderr);
        code = 1;
        finish(&self);
    }
    uv_run(&self.loop, UV_RUN_DEFAULT);
    VX_ASSERT(uv_loop_close(&self.loop) == 0);
    if (code == 0)
        vx_chaos_say("end", ",\"accepted\":%llu", (unsigned long long)self.hub.accepted);
    return code;
}
