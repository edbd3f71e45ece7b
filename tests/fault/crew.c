/*
 * crew RUN_DIR PROGRAM [SECONDS]: the workers of a run, each under its agent's supervision, without
 * MPI: a process a slot, forked here. PROGRAM is vexil-compute; SECONDS is how long a server may be
 * out of reach. Ends when all have ended, with the first exit code that is not 0.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_agent/agent.h>
#include <vx_base/alloc.h>
#include <vx_base/log.h>

#define SERVER_WAIT_S 30

static pid_t start(vx_bootstrap *entry, size_t count, const char *program)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    entry->local_workers = (uint32_t)count;
    _exit(vx_supervise(entry, program));
}

static int wait_for_all(void)
{
    int wait_status = 0;
    int code = 0;

    while (wait(&wait_status) > 0) {
        int one = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);

        code = code != 0 ? code : one;
    }
    return code;
}

int main(int argc, char **argv)
{
    vx_bootstrap_options options = { .max_restarts = -1, .log_level = VX_LOG_WARN };
    vx_bootstrap *entries = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    vx_status status = VX_OK;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "crew RUN_DIR PROGRAM [SECONDS]\n");
        return vx_status_exit_code(VX_ERR_USAGE);
    }
    options.run_dir = argv[1];
    options.patience_s = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : SERVER_WAIT_S;
    options.reconnect_s = options.patience_s;
    status =
        vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, SERVER_WAIT_S, &entries, &count, &err);
    if (status != VX_OK)
        fprintf(stderr, "crew: %s\n", err.message);
    for (size_t i = 0; status == VX_OK && i < count; i++)
        if (start(&entries[i], count, argv[2]) < 0)
            status = VX_ERR_SYSTEM;
    vx_free(entries);
    return status == VX_OK ? wait_for_all() : vx_status_exit_code(status);
}
