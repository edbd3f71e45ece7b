#include <vx_agent/agent.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/program.h>

#include "folder.h"
#include "launcher.h"
#include "rendezvous.h"

/* What Open MPI may put into files for a rank, or for mpirun: 4 MiB of messages, and a little. */
#define SHARED_OF_PROCESS ((uint64_t)5 << 20)

/* An allocation of a batch system is for the agents; ranks are on the host of theirs. */
static void stay_on_this_host(void)
{
    static const char *const allocations[] = { "SLURM_JOBID",  "SLURM_JOB_ID", "PBS_JOBID",
                                               "LSB_JOBID",    "JOB_ID",       "SLURM_NODELIST",
                                               "PBS_NODEFILE", "PE_HOSTFILE" };

    for (size_t i = 0; i < sizeof(allocations) / sizeof(allocations[0]); i++)
        unsetenv(allocations[i]);
}

/* In /dev/shm where there is room for all workers of this host, which start at the same time. */
static vx_status make_folder(const vx_bootstrap *bootstrap, vx_folder *ret_folder, vx_error *err)
{
    uint64_t processes = (uint64_t)bootstrap->local_workers * (bootstrap->ranks + 1);
    uint64_t least = processes * SHARED_OF_PROCESS;
    vx_status status = vx_folder_create(least, ret_folder, err);

    if (status == VX_OK && !vx_folder_is_in_memory(ret_folder->path))
        fprintf(stderr,
                "vexil-worker: slot %u: /dev/shm has no room for %" PRIu64 " bytes, which Open MPI "
                "may want for its files here: they go to %s; give it more (docker run --shm-size, "
                "mount -o remount,size=)\n",
                bootstrap->slot, least, ret_folder->path);
    return status;
}

static vx_status run_group(const vx_bootstrap *bootstrap, const char *launcher, int *ret_code,
                           vx_error *err)
{
    bool bare = vx_launcher_is_bare(launcher);
    vx_launcher_kind kind = VX_LAUNCHER_OPEN_MPI;
    vx_launcher_command command = { 0 };
    vx_folder folder = { 0 };
    vx_agent_child child = { command.words, STDIN_FILENO, SIGTERM, NULL };
    char *program = NULL;
    vx_status status = vx_launcher_ask(launcher, &kind, err);

    if (status != VX_OK)
        return status;
    program = vx_program_or_name(kind == VX_LAUNCHER_OPEN_MPI ? "vexil-compute-mpi"
                                                              : "vexil-compute-mpich");
    if (program == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    if (strchr(program, '/') == NULL) {
        status = vx_fail(err, VX_ERR_UNAVAILABLE,
                         "%s is of %s, but %s is not beside vexil-worker: build it, or name "
                         "another launcher with --group-launcher",
                         launcher, kind == VX_LAUNCHER_OPEN_MPI ? "Open MPI" : "MPICH", program);
        goto out;
    }
    /* MPICH's ranks take the names from their files before anything can happen to them. */
    if (bare && kind == VX_LAUNCHER_OPEN_MPI)
        status = make_folder(bootstrap, &folder, err);
    if (status == VX_OK)
        status = vx_launcher_words(launcher, kind, geteuid() == 0, bootstrap->ranks, folder.path,
                                   program, &command, err);
    if (status != VX_OK)
        goto out;
    if (bare)
        stay_on_this_host();
    child.folder = folder.path;
    *ret_code = vx_supervise_child(bootstrap, &child);
out:
    vx_launcher_words_clear(&command);
    vx_folder_destroy(&folder);
    vx_free(program);
    return status;
}

static vx_status run_alone(const vx_bootstrap *bootstrap, int *ret_code, vx_error *err)
{
    char *program = vx_program_or_name("vexil-compute");

    if (program == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    *ret_code = vx_supervise(bootstrap, program);
    vx_free(program);
    return VX_OK;
}

int vx_agent_run(const vx_agent_options *options, int argc, char **argv)
{
    const char *launcher = options->launcher != NULL ? options->launcher : "mpirun";
    vx_bootstrap bootstrap = { 0 };
    vx_error err = { 0 };
    char host[256] = "";
    int code = 0;
    int rank = 0;
    vx_status status = VX_OK;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* no agent outlives its launcher */
    status =
        vx_rendezvous(&options->source, options->bind_cores, &argc, &argv, &bootstrap, &rank, &err);
    if (status != VX_OK) /* rank 0 has said why; only its exit code is to end mpirun */
        return rank == 0 ? vx_status_exit_code(status) : 0;
    status = bootstrap.ranks > 1 ? run_group(&bootstrap, launcher, &code, &err)
                                 : run_alone(&bootstrap, &code, &err);
    if (status == VX_OK)
        return code;
    (void)gethostname(host, sizeof(host) - 1);
    fprintf(stderr, "vexil-worker: slot %u on %s: %s\n", bootstrap.slot, host, err.message);
    /* What passes (no memory, a full disk) is of this slot alone; another code ends all of them. */
    return vx_supervise_restarts(vx_status_exit_code(status)) ? 0 : vx_status_exit_code(status);
}
