#include <vx_worker_app/worker.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/limits.h>
#include <vx_base/log.h>
#include <vx_tool/tool.h>

static const char help_text[] =
    "Usage: vexil-compute gradient|evaluate|gradcheck|likelihoods|reference ...\n"
    "What a worker computes, without MPI: vexil-worker starts it as its worker, vexild as its\n"
    "evaluator, and vexil for the commands above: see vexil(1), vexil-worker(1).\n";

static vx_status run_child(int fd, vx_error *err)
{
    vx_bootstrap bootstrap;
    char host[VX_NAME_MAX] = "?";
    vx_status status = vx_bootstrap_receive(fd, &bootstrap, err);

    close(fd);
    if (status != VX_OK)
        return status;
    vx_worker_place_take();
    status = vx_worker_run(&bootstrap, NULL, err);
    if (status != VX_OK) {
        (void)gethostname(host, sizeof(host) - 1);
        vx_error_prefix(err, "slot %u on %s", bootstrap.slot, host);
    }
    return status;
}

static vx_status run_evaluator(long server_pid, const char *run_dir, vx_error *err)
{
    vx_bootstrap_options source = { .run_dir = run_dir,
                                    .max_restarts = -1,
                                    .patience_s = 60,
                                    .reconnect_s = 600,
                                    .log_level = VX_LOG_WARN };
    vx_bootstrap *entry = NULL;
    size_t count = 0;
    vx_status status = VX_OK;

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no evaluator outlives its server */
    if (getppid() != server_pid)
        return vx_fail(err, VX_ERR_UNAVAILABLE, "the server ended before its evaluator began");
    status = vx_bootstrap_read(&source, VX_BOOTSTRAP_EVALUATOR, 10, &entry, &count, err);
    if (status == VX_OK)
        status = vx_evaluator_run(entry, err);
    vx_free(entry);
    return status;
}

static vx_status number(const char *name, const char *text, long *ret, vx_error *err)
{
    char *end = NULL;
    long value = 0;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > INT_MAX)
        return vx_fail(err, VX_ERR_USAGE, "%s: expected a number, found '%s'", name, text);
    *ret = value;
    return VX_OK;
}

/* The words are those of our own programs: `--worker-fd FD`, `--evaluator PID --run-dir DIR`. */
static vx_status run(int argc, char **argv, vx_error *err)
{
    long value = 0;
    vx_status status = VX_ERR_USAGE;

    if (argc == 3 && strcmp(argv[1], "--worker-fd") == 0) {
        status = number(argv[1], argv[2], &value, err);
        return status == VX_OK ? run_child((int)value, err) : status;
    }
    if (argc == 5 && strcmp(argv[1], "--evaluator") == 0 && strcmp(argv[3], "--run-dir") == 0) {
        status = number(argv[1], argv[2], &value, err);
        return status == VX_OK ? run_evaluator(value, argv[4], err) : status;
    }
    return vx_fail(err, VX_ERR_USAGE, "wrong use; try vexil-compute --help");
}

/* vexil-compute: worker and evaluator; and tools, see vexil(1). */
int main(int argc, char **argv)
{
    vx_error err = { 0 };
    vx_status status = VX_OK;

    if (argc > 1 && vx_tool_is(argv[1]))
        return vx_tool_main(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help_text, stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("vexil-compute %s\n", VX_VERSION);
        return 0;
    }
    status = run(argc, argv, &err);
    if (status != VX_OK)
        fprintf(stderr, "vexil-worker: %s\n",
                err.message[0] != '\0' ? err.message : vx_status_text(status));
    return vx_status_exit_code(status);
}
