#include <vx_agent/agent.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/clock.h>
#include <vx_base/descriptors.h>
#include <vx_base/file.h>

#include "folder.h"
#include "launcher.h"

#define BOOTSTRAP_FD    3
#define GRACE_S         5
#define BACKOFF_MS_MAX  10000u
#define HEALTHY_AFTER_S 60 /* a worker that lived so long starts the count of restarts anew */

extern char **environ;

bool vx_supervise_restarts(int exit_code)
{
    static const vx_status final[] = {
        VX_OK,          VX_ERR_USAGE,       VX_ERR_CONFIG,     VX_ERR_DATA, VX_ERR_NOT_FOUND,
        VX_ERR_REFUSED, VX_ERR_UNAVAILABLE, VX_ERR_INTERRUPTED
    };

    for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
        if (vx_status_exit_code(final[i]) == exit_code)
            return false;
    return true;
}

static bool set_by_launcher(const char *entry)
{
    static const char *const prefixes[] = { "OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDRA_", "HYDI_" };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* A worker is no MPI process: what the launcher set for its own would mislead libraries. */
void vx_agent_clean_environment(void)
{
    size_t kept = 0;

    for (size_t i = 0; environ[i] != NULL; i++)
        if (!set_by_launcher(environ[i]))
            environ[kept++] = environ[i];
    environ[kept] = NULL;
    setenv("OPENBLAS_NUM_THREADS", "1",
           1); /* the worker sets its own number once it knows the job */
}

static void become_child(const vx_agent_child *what, int pipe_end, pid_t agent,
                         const sigset_t *old_mask)
{
    prctl(PR_SET_PDEATHSIG, what->death_signal);
    if (getppid() != agent)
        _exit(1); /* the agent died before the line above */
    if (pipe_end != what->fd) {
        if (dup2(pipe_end, what->fd) < 0)
            _exit(71);
        close(pipe_end);
    }
    vx_agent_clean_environment();
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, old_mask, NULL);
    execvp(what->argv[0], what->argv);
    dprintf(STDERR_FILENO, "vexil-worker: %s: %s\n", what->argv[0], strerror(errno));
    _exit(71);
}

static pid_t start_child(const vx_bootstrap *bootstrap, const vx_agent_child *what,
                         const sigset_t *old_mask)
{
    int ends[2] = { -1, -1 };
    pid_t agent = getpid();
    pid_t child = -1;
    vx_error err = { 0 };
    char text[VX_ERRNO_TEXT_SIZE];

    _Static_assert(sizeof(vx_bootstrap) < 65536, "fits a pipe, so that writing it never waits");
    if (pipe(ends) == 0)
        child = fork();
    if (child < 0)
        fprintf(stderr, "vexil-worker: slot %u: cannot start the worker: %s\n", bootstrap->slot,
                vx_errno_text(errno, text));
    if (ends[0] < 0)
        return -1;
    if (child == 0) {
        close(ends[1]);
        become_child(what, ends[0], agent, old_mask);
    }
    close(ends[0]);
    if (child > 0 &&
        vx_file_write_all(ends[1], (vx_cbytes){ (const uint8_t *)bootstrap, sizeof(*bootstrap) },
                          "pipe", &err) != VX_OK)
        fprintf(stderr, "vexil-worker: slot %u: %s\n", bootstrap->slot, err.message);
    close(ends[1]);
    return child;
}

static int code_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Waits for the child, passing signals on. Returns its exit code; *ret_stop = we were asked to end.
 */
static int watch(pid_t child, const sigset_t *watched, bool *stop)
{
    struct timespec tick = { 1, 0 };
    int grace = GRACE_S;

    for (;;) {
        int wait_status = 0;
        int number = 0;

        if (waitpid(child, &wait_status, WNOHANG) == child)
            return code_of(wait_status);
        number = sigtimedwait(watched, NULL, &tick);
        if (number == SIGTERM || number == SIGINT || number == SIGUSR1) {
            *stop = true; /* USR1: a notice of preemption */
            kill(child, number);
        }
        if (*stop && number < 0 && grace-- == 0)
            kill(child, SIGKILL);
    }
}

/* True when a signal asked us to end meanwhile. */
static bool pause_ms(unsigned milliseconds, const sigset_t *watched)
{
    struct timespec left = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000L };
    int number = sigtimedwait(watched, NULL, &left);

    return number == SIGTERM || number == SIGINT || number == SIGUSR1;
}

int vx_supervise_child(const vx_bootstrap *bootstrap, const vx_agent_child *what)
{
    sigset_t watched;
    sigset_t old_mask;
    bool stop = false;
    bool was_restarted = false;
    uint32_t restarts = 0;
    vx_clock clock = vx_clock_system();
    vx_bootstrap again = *bootstrap;
    int code = 0;

    again.patience_s = bootstrap->reconnect_s > bootstrap->patience_s ? bootstrap->reconnect_s
                                                                      : bootstrap->patience_s;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGUSR1);
    sigaddset(&watched, SIGUSR2);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, &old_mask);
    signal(SIGPIPE, SIG_IGN); /* a worker may die before it has read its bootstrap */
    for (;;) {
        uint64_t born = vx_clock_monotonic_ns(&clock);
        unsigned backoff = restarts < 7 ? 100u << restarts : BACKOFF_MS_MAX;
        pid_t child = start_child(was_restarted ? &again : bootstrap, what, &old_mask);

        code = child < 0 ? vx_status_exit_code(VX_ERR_SYSTEM) : watch(child, &watched, &stop);
        vx_folder_empty(what->folder);
        if (was_restarted && code == vx_status_exit_code(VX_ERR_UNAVAILABLE))
            return 0; /* the run was over before it came back */
        if (stop || !vx_supervise_restarts(code))
            return stop ? 0 : code;
        was_restarted = true;
        if (vx_clock_monotonic_ns(&clock) - born >= HEALTHY_AFTER_S * VX_NS_PER_S)
            restarts = 0;
        if (restarts++ >= bootstrap->max_restarts) {
            fprintf(stderr,
                    "vexil-worker: slot %u: ended with %d, restarted %u times: giving up; the "
                    "other slots go on\n",
                    bootstrap->slot, code, bootstrap->max_restarts);
            return 0; /* any other code would make mpirun end the other slots */
        }
        fprintf(stderr, "vexil-worker: slot %u: ended with %d, restart %u of %u in %u ms\n",
                bootstrap->slot, code, restarts, bootstrap->max_restarts, backoff);
        if (pause_ms(backoff, &watched))
            return 0;
    }
}

int vx_supervise(const vx_bootstrap *bootstrap, const char *program)
{
    char word[] = "--worker-fd";
    char number[] = "3";
    char *name = vx_strdup(program);
    char *argv[] = { name, word, number, NULL };
    vx_agent_child child = { argv, BOOTSTRAP_FD, SIGKILL, NULL };
    int code =
        name != NULL ? vx_supervise_child(bootstrap, &child) : vx_status_exit_code(VX_ERR_NOMEM);

    vx_free(name);
    return code;
}
