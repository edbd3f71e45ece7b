#include <vx_agent/agent.h>

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "rendezvous.h"

_Static_assert(sizeof(((vx_error *)0)->message) == 400, "the verdict carries a whole message");

int vx_agent_run(const vx_agent_options *options, int argc, char **argv, const char *program)
{
    vx_bootstrap bootstrap = { 0 };
    vx_error err = { 0 };
    int rank = 0;
    vx_status status = VX_OK;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* no agent outlives its launcher */
    status = vx_rendezvous(&options->source, &argc, &argv, &bootstrap, &rank, &err);
    if (status != VX_OK) /* rank 0 has said why; only its exit code is to end mpirun */
        return rank == 0 ? vx_status_exit_code(status) : 0;
    return vx_supervise(&bootstrap, program);
}
