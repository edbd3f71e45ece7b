#ifndef VX_CTL_REACH_H
#define VX_CTL_REACH_H
#include <vx_base/status.h>

#include "hostfile.h"

/* Whether the resolver of this machine knows the host. */
bool vx_ctl_reach_knows(const char *host);

/*
 * "tcp://ADDRESS:0": the address of this machine that its packets to the hosts of the file come
 * from, by its routes; nothing is sent. The first host counts whose way leaves this machine; when
 * there is none, 127.0.0.1. New memory. VX_ERR_UNAVAILABLE: no name or no route leads to any
 * host; the message names the first, and path:line.
 */
VX_MUST_CHECK vx_status vx_ctl_reach_listen(const vx_ctl_hostfile *hosts, const char *path,
                                            char **ret_listen, vx_error *err);
#endif
