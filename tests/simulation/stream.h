#ifndef VX_SIMULATION_STREAM_H
#define VX_SIMULATION_STREAM_H
#include "loop.h"

/* Members of the reactor's table for streams and polls, on the sockets of net.h. */
int sim_uv_tcp_init(uv_loop_t *loop, uv_tcp_t *tcp);
int sim_uv_tcp_open(uv_tcp_t *tcp, uv_os_sock_t fd);
int sim_uv_tcp_nodelay(uv_tcp_t *tcp, int enable);
int sim_uv_tcp_connect(uv_connect_t *request, uv_tcp_t *tcp, const struct sockaddr *address,
                       uv_connect_cb connected);
int sim_uv_tcp_getpeername(const uv_tcp_t *tcp, struct sockaddr *name, int *size);
int sim_uv_read_start(uv_stream_t *uv, uv_alloc_cb room, uv_read_cb read);
int sim_uv_read_stop(uv_stream_t *uv);
int sim_uv_write(uv_write_t *request, uv_stream_t *uv, const uv_buf_t buffers[], unsigned count,
                 uv_write_cb written);
int sim_uv_shutdown(uv_shutdown_t *request, uv_stream_t *uv, uv_shutdown_cb done);
int sim_uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd);
int sim_uv_poll_start(uv_poll_t *poll, int events_wanted, uv_poll_cb ready);
int sim_uv_poll_stop(uv_poll_t *poll);

/* A stream's handle is closing: callbacks of its requests with UV_ECANCELED. */
void sim_stream_cancel(sim_handle *handle);

/* A frame that a program hands to its socket, before any of it is on its way. */
typedef void (*sim_frame_watch)(sim_process *process, struct sim_socket *socket,
                                const uint8_t *frame, size_t size);
void sim_frame_watch_install(sim_frame_watch watch);

/* How many bytes one read gives at most; 0 = as many as there are. */
void sim_read_pieces(size_t bytes_max);
#endif
