#include <vx_worker_app/worker.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_tool/tool.h>

static vx_status run_child(int fd, vx_error *err)
{
    vx_bootstrap bootstrap;
    vx_status status = vx_bootstrap_receive(fd, &bootstrap, err);

    close(fd);
    if (status != VX_OK)
        return status;
    status = vx_worker_run(&bootstrap, err);
    if (status != VX_OK)
        vx_error_prefix(err, "slot %u", bootstrap.slot);
    return status;
}

static vx_status run_evaluator(const vx_worker_options *options, vx_error *err)
{
    vx_bootstrap *entry = NULL;
    size_t count = 0;
    vx_status status = VX_OK;

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no evaluator outlives its server */
    if (getppid() != options->server_pid)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "the server ended before its evaluator began");
    status = vx_bootstrap_read(&options->agent, VX_BOOTSTRAP_EVALUATOR, 10, &entry, &count, err);
    if (status == VX_OK)
        status = vx_evaluator_run(entry, err);
    vx_free(entry);
    return status;
}

/* vexil-worker: agent, worker and evaluator, see vexil-worker(1); and tools, see vexil(1). */
int main(int argc, char **argv)
{
    vx_worker_options options;
    vx_error err = { 0 };
    char program[VX_PATH_MAX] = "vexil-worker";
    vx_status status = VX_OK;

    if (argc > 1 && vx_tool_is(argv[1]))
        return vx_tool_main(argc - 1, argv + 1);
    status = vx_worker_options_parse(argc, argv, &options, &err);

    if (status == VX_OK && options.mode == VX_WORKER_MODE_AGENT) {
        ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);

        program[size > 0 ? (size_t)size : strlen(program)] = '\0';
        return vx_agent_run(&options.agent, argc, argv, program);
    }
    if (status == VX_OK && options.mode == VX_WORKER_MODE_CHILD)
        status = run_child(options.fd, &err);
    if (status == VX_OK && options.mode == VX_WORKER_MODE_EVALUATOR)
        status = run_evaluator(&options, &err);
    if (status != VX_OK)
        fprintf(stderr, "vexil-worker: %s\n",
                err.message[0] != '\0' ? err.message : vx_status_text(status));
    return vx_status_exit_code(status);
}
