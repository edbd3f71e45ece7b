#ifndef VX_TRANSPORT_REACTOR_H
#define VX_TRANSPORT_REACTOR_H
#include <uv.h>

/*
 * Every call by which the programs reach the event loop, sockets, pool threads, signals and child
 * processes, as one table. Members are libuv's functions and have libuv's contracts; a process is
 * started with libuv itself, a simulator installs its own before anything else runs.
 *
 * Not in the table: what only computes (uv_ip4_name, uv_strerror, uv_buf_init).
 */
typedef struct vx_reactor {
    int (*loop_init)(uv_loop_t *loop);
    int (*loop_close)(uv_loop_t *loop);
    int (*run)(uv_loop_t *loop, uv_run_mode mode);
    uint64_t (*now)(const uv_loop_t *loop);
    void (*update_time)(uv_loop_t *loop);
    void (*close)(uv_handle_t *handle, uv_close_cb closed);
    int (*is_closing)(const uv_handle_t *handle);

    int (*timer_init)(uv_loop_t *loop, uv_timer_t *timer);
    int (*timer_start)(uv_timer_t *timer, uv_timer_cb due, uint64_t timeout_ms, uint64_t repeat_ms);
    int (*timer_stop)(uv_timer_t *timer);
    int (*timer_again)(uv_timer_t *timer);
    void (*timer_set_repeat)(uv_timer_t *timer, uint64_t repeat_ms);
    uint64_t (*timer_get_repeat)(const uv_timer_t *timer);

    int (*tcp_init)(uv_loop_t *loop, uv_tcp_t *tcp);
    int (*tcp_open)(uv_tcp_t *tcp, uv_os_sock_t socket);
    int (*tcp_nodelay)(uv_tcp_t *tcp, int enable);
    int (*tcp_connect)(uv_connect_t *request, uv_tcp_t *tcp, const struct sockaddr *address,
                       uv_connect_cb connected);
    int (*tcp_getpeername)(const uv_tcp_t *tcp, struct sockaddr *name, int *size);
    int (*read_start)(uv_stream_t *stream, uv_alloc_cb room, uv_read_cb read);
    int (*read_stop)(uv_stream_t *stream);
    int (*write)(uv_write_t *request, uv_stream_t *stream, const uv_buf_t buffers[], unsigned count,
                 uv_write_cb written);
    int (*shutdown)(uv_shutdown_t *request, uv_stream_t *stream, uv_shutdown_cb done);

    int (*getaddrinfo)(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb done,
                       const char *node, const char *service, const struct addrinfo *hints);
    void (*freeaddrinfo)(struct addrinfo *addresses);
    int (*cancel)(uv_req_t *request);

    int (*queue_work)(uv_loop_t *loop, uv_work_t *request, uv_work_cb work, uv_after_work_cb after);

    int (*signal_init)(uv_loop_t *loop, uv_signal_t *signal);
    int (*signal_start)(uv_signal_t *signal, uv_signal_cb arrived, int number);

    int (*spawn)(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options);
    int (*process_kill)(uv_process_t *process, int number);

    int (*poll_init)(uv_loop_t *loop, uv_poll_t *poll, int socket);
    int (*poll_start)(uv_poll_t *poll, int events, uv_poll_cb ready);
    int (*poll_stop)(uv_poll_t *poll);

    /* A listening socket that does not block, on one address; -1 with errno. */
    int (*socket_listen)(const struct addrinfo *address, int backlog);
    int (*socket_port)(int socket); /* of a listening one; 0 = unknown */
    /* The next connection that waits, not blocking, closed on exec; -1 with errno. */
    int (*socket_accept)(int socket);
    void (*socket_close)(int socket);
} vx_reactor;

extern const vx_reactor *vx_uv; /* never NULL */

void vx_reactor_install(const vx_reactor *reactor); /* NULL: libuv */
#endif
