#include <vx_transport/reactor.h>

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int socket_listen(const struct addrinfo *address, int backlog)
{
    int on = 1;
    int off = 0;
    int error;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);

    if (fd < 0)
        return -1;
    /* What the machine's default is, "::" is every address, also those of IPv4. */
    if (address->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int socket_port(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

static int socket_accept(int fd)
{
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void socket_close(int fd)
{
    close(fd);
}

static const vx_reactor libuv = {
    .loop_init = uv_loop_init,
    .loop_close = uv_loop_close,
    .run = uv_run,
    .now = uv_now,
    .update_time = uv_update_time,
    .close = uv_close,
    .is_closing = uv_is_closing,
    .timer_init = uv_timer_init,
    .timer_start = uv_timer_start,
    .timer_stop = uv_timer_stop,
    .timer_again = uv_timer_again,
    .timer_set_repeat = uv_timer_set_repeat,
    .timer_get_repeat = uv_timer_get_repeat,
    .tcp_init = uv_tcp_init,
    .tcp_open = uv_tcp_open,
    .tcp_nodelay = uv_tcp_nodelay,
    .tcp_connect = uv_tcp_connect,
    .tcp_getpeername = uv_tcp_getpeername,
    .read_start = uv_read_start,
    .read_stop = uv_read_stop,
    .write = uv_write,
    .shutdown = uv_shutdown,
    .getaddrinfo = uv_getaddrinfo,
    .freeaddrinfo = uv_freeaddrinfo,
    .cancel = uv_cancel,
    .queue_work = uv_queue_work,
    .signal_init = uv_signal_init,
    .signal_start = uv_signal_start,
    .spawn = uv_spawn,
    .process_kill = uv_process_kill,
    .poll_init = uv_poll_init,
    .poll_start = uv_poll_start,
    .poll_stop = uv_poll_stop,
    .socket_listen = socket_listen,
    .socket_port = socket_port,
    .socket_accept = socket_accept,
    .socket_close = socket_close,
};

const vx_reactor *vx_uv = &libuv;

void vx_reactor_install(const vx_reactor *reactor)
{
    vx_uv = reactor != NULL ? reactor : &libuv;
}
