#ifndef VX_CTL_HOSTFILE_H
#define VX_CTL_HOSTFILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

/*
 * The host file that mpirun gets, read beforehand, so that a mistake in it is told with its line:
 * "HOST [slots=N] [max_slots=N] ..." a line, # begins a comment. That is what Open MPI 4.1 and 5
 * both understand.
 */
#define VX_CTL_HOST_SIZE      256
#define VX_CTL_HOSTS_MAX      4096
#define VX_CTL_HOSTFILE_BYTES (1u << 20)

typedef struct vx_ctl_host {
    char name[VX_CTL_HOST_SIZE]; /* as it stands there: "node7", "user@node7", "10.0.0.7" */
    unsigned line;               /* of its first entry */
} vx_ctl_host;

typedef struct vx_ctl_hostfile { /* start with all zero */
    vx_ctl_host *at;             /* owned; each host once, in the order of the file */
    size_t count;
    uint64_t slots; /* of all lines together */
    bool counted;   /* every line says how many; else mpirun counts cores, and we do not know */
} vx_ctl_hostfile;

/* name: of the file, for messages. VX_ERR_CONFIG: no host in it, or a line that is none; the
 * message begins with "name:line: ". VX_ERR_LIMIT, VX_ERR_NOMEM. */
VX_MUST_CHECK vx_status vx_ctl_hostfile_parse(vx_cbytes text, const char *name,
                                              vx_ctl_hostfile *ret_hosts, vx_error *err);
/* VX_ERR_NOT_FOUND, VX_ERR_IO too. */
VX_MUST_CHECK vx_status vx_ctl_hostfile_load(const char *path, vx_ctl_hostfile *ret_hosts,
                                             vx_error *err);
void vx_ctl_hostfile_clear(vx_ctl_hostfile *hosts);

/* What the resolver and a person call the host: its name without "user@". */
const char *vx_ctl_host_bare(const vx_ctl_host *host);
#endif
