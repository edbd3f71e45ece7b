#ifndef VX_CTL_MPIRUN_H
#define VX_CTL_MPIRUN_H
#include <stdint.h>
#include <stdio.h>

#include <vx_base/span.h>
#include <vx_base/status.h>

#include "hostfile.h"
#include "launch.h"

/*
 * The number before the first dot of the version of this mpirun. It is run, with --version, and has
 * to be Open MPI's: VX_ERR_UNAVAILABLE, and the message holds its own words, cleaned.
 */
VX_MUST_CHECK vx_status vx_ctl_mpirun_version(const char *path, const char *name,
                                              unsigned *ret_major, vx_error *err);
VX_MUST_CHECK vx_status vx_ctl_mpirun_version_parse(vx_cbytes text, const char *name,
                                                    unsigned *ret_major, vx_error *err);

/*
 * Starts `vexil-worker --probe` on every host by this mpirun, and waits for at most timeout_ms.
 * VX_ERR_UNAVAILABLE: mpirun could not, or not in that time: its words go to `words`, then which
 * hosts are not known here, or have not answered. VX_ERR_REFUSED: a host has another version of
 * Vexil; VX_ERR_NOT_FOUND: it does not see the run directory; VX_ERR_UNAVAILABLE: it has not the
 * program of a worker; the message names it. Nothing that was started is left.
 */
VX_MUST_CHECK vx_status vx_ctl_mpirun_probe(const char *path, const vx_ctl_workers_command *command,
                                            const vx_ctl_hostfile *hosts, uint64_t timeout_ms,
                                            FILE *words, vx_error *err);
/* The answers of the hosts, as mpirun wrote them. */
VX_MUST_CHECK vx_status vx_ctl_mpirun_judge(vx_cbytes text, const char *run_dir, vx_error *err);

/* What mpirun said, without rules, empty lines and its lists of causes: at most so many lines. */
#define VX_CTL_MPIRUN_LINES_MAX 12
void vx_ctl_mpirun_words_print(FILE *out, vx_cbytes text);
#endif
