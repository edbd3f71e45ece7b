#ifndef VX_AGENT_RENDEZVOUS_H
#define VX_AGENT_RENDEZVOUS_H
#include <vx_bootstrap/bootstrap.h>

/* A process of a launcher without our MPI (see vx_numbered_find) reads for itself, as its own rank
 * 0. Else rank 0 reads, every rank gets its own entry; MPI is initialised and finalised inside. On
 * failure every rank gets the same status and message. */
vx_status vx_rendezvous(const vx_bootstrap_options *options, bool bind_cores, int *argc,
                        char ***argv, vx_bootstrap *ret_bootstrap, int *ret_rank,
                        vx_error *err) VX_MUST_CHECK;
#endif
