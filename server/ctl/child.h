#ifndef VX_CTL_CHILD_H
#define VX_CTL_CHILD_H
#include <stdbool.h>
#include <sys/types.h>

#include <vx_base/status.h>

/*
 * A program that we run: leader of its own session, so that a terminal's Ctrl-C does not reach it
 * and everything that it starts can be found; it gets SIGTERM when we die.
 */
typedef struct vx_ctl_child {
    pid_t pid; /* 0 = not started */
    bool ended;
    int exit_code; /* 128 + signal when a signal ended it */
    int signal;    /* 0 = it exited */
} vx_ctl_child;

/* program is a path; standard input is /dev/null. out_fd: its standard output, err_fd: its standard
 * error (borrowed). VX_ERR_SYSTEM, VX_ERR_NOT_FOUND. */
VX_MUST_CHECK vx_status vx_ctl_child_start(const char *program, char *const *argv, int out_fd,
                                           int err_fd, vx_ctl_child *ret_child, vx_error *err);

/* Looks whether it has ended. Then waits a moment for what it left behind, kills that, and reaps.
 * True when it is over. */
bool vx_ctl_child_poll(vx_ctl_child *child);

/* Whether a process of its session but itself has this word in its command line: what mpirun's ssh
 * has when it waits for that host. */
bool vx_ctl_child_mentions(const vx_ctl_child *child, const char *word);

void vx_ctl_child_signal(const vx_ctl_child *child, int signal); /* the leader only */
void vx_ctl_child_kill(const vx_ctl_child *child);               /* SIGKILL to its whole session */
#endif
