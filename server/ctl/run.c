#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vx_base/assert.h>
#include <vx_base/clock.h>

#define TICK_MS        200 /* between two looks at the server */
#define START_TICK_MS  20  /* until it is up */
#define ANSWER_MS      1000
#define START_SLACK_MS 60000

static uint64_t now_ms(void)
{
    vx_clock clock = vx_clock_system();

    return vx_clock_monotonic_ns(&clock) / VX_NS_PER_MS;
}

static sigset_t held_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    return set;
}

void vx_ctl_run_hold_signals(void)
{
    sigset_t set = held_signals();

    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

vx_status vx_ctl_run_start_server(vx_ctl_run *run, vx_error *err)
{
    vx_ctl_server_command command = {
        .job = run->job_path,
        .run_dir = run->run_dir,
        .log = run->server_log,
        .address = &run->address,
        .overrides = &run->options->overrides,
        .resume = run->options->resume,
    };
    vx_ctl_argv argv = { 0 };
    vx_status status = VX_OK;

    vx_ctl_launch_server(&argv, &command);
    status = vx_ctl_argv_status(&argv, err);
    if (status == VX_OK) /* our standard output is for reports only */
        status = vx_ctl_child_start(run->vexild, argv.at, STDERR_FILENO, STDERR_FILENO,
                                    &run->server, err);
    vx_ctl_argv_clear(&argv);
    run->begun_ms = now_ms();
    return status;
}

static vx_status open_workers_log(vx_ctl_run *run, int *ret_fd, vx_error *err)
{
    int fd = open(run->workers_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct stat stat = { 0 };

    if (fd < 0 || fstat(fd, &stat) != 0)
        return vx_fail(err, VX_ERR_IO, "%s: %s", run->workers_log, strerror(errno));
    run->workers_log_from = (uint64_t)stat.st_size;
    *ret_fd = fd;
    return VX_OK;
}

vx_ctl_workers_command vx_ctl_run_workers(const vx_ctl_run *run)
{
    return (vx_ctl_workers_command){
        .mpirun = run->options->mpirun != NULL ? run->options->mpirun : "mpirun",
        .machine = &run->machine,
        .n = run->job->workers.count,
        .threads = run->job->workers.blas_threads * run->job->workers.ranks,
        .ranks = run->job->workers.ranks,
        .worker = run->vexil_worker,
        .run_dir = run->run_dir,
        .group_launcher = run->options->group_launcher,
        .group_timeout = run->options->group_timeout,
        .hostfile = run->options->hostfile,
        .oversubscribe = run->options->oversubscribe,
        .mpi_major = run->mpi_major,
        .more = &run->options->mpirun_args,
    };
}

static vx_status start_workers(vx_ctl_run *run, vx_error *err)
{
    vx_ctl_workers_command command = vx_ctl_run_workers(run);
    vx_ctl_argv argv = { 0 };
    int fd = -1;
    vx_status status = VX_OK;

    vx_ctl_launch_workers(&argv, &command);
    status = vx_ctl_argv_status(&argv, err);
    if (status == VX_OK)
        status = open_workers_log(run, &fd, err);
    if (status == VX_OK)
        status = vx_ctl_child_start(run->mpirun, argv.at, fd, fd, &run->workers, err);
    if (fd >= 0)
        (void)close(fd);
    vx_ctl_argv_clear(&argv);
    return status;
}

static void say_start(const vx_ctl_run *run)
{
    char endpoint[VX_ENDPOINT_TEXT_SIZE];

    if (run->options->quiet || run->options->json)
        return;
    (void)printf("run %s  server %s  %llu workers", run->run_dir,
                 vx_endpoint_text(&run->where.endpoints[0], endpoint),
                 (unsigned long long)run->job->workers.count);
    if (run->options->hostfile != NULL)
        (void)printf(" on %zu hosts", run->hosts.count);
    (void)printf("\n");
    (void)fflush(stdout);
}

/* A server.json of another process is an older server's. */
static void start_workers_when_up(vx_ctl_run *run)
{
    uint64_t bound_ms = (uint64_t)(run->job->workers.start_timeout_s * 1000.0) + START_SLACK_MS;
    vx_status status = vx_ctl_server_load(run->run_dir, &run->where, NULL);

    if (status != VX_OK || run->where.pid != (uint64_t)run->server.pid) {
        run->start_failed = now_ms() - run->begun_ms > bound_ms;
        if (run->start_failed)
            (void)vx_fail(&run->why, VX_ERR_UNAVAILABLE, "the server is not up after %llu s",
                          (unsigned long long)(bound_ms / 1000));
        return;
    }
    run->is_up = true;
    status = vx_ctl_token_load(run->run_dir, run->token, &run->why);
    if (status == VX_OK)
        say_start(run);
    if (status == VX_OK)
        status = start_workers(run, &run->why);
    run->start_failed = status != VX_OK;
}

static unsigned terminal_columns(void)
{
    struct winsize size = { 0 };

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* A server that does not answer now is asked again at the next tick. */
static void observe(vx_ctl_run *run)
{
    vx_cbytes document;
    json_t *root = NULL;
    vx_status status = VX_OK;

    if (run->observer == NULL)
        status = vx_ctl_observer_connect(&run->where, run->token, ANSWER_MS, &run->observer, NULL);
    if (status == VX_OK)
        status =
            vx_ctl_observer_ask(run->observer, VX_WIRE_REQUEST_STATUS, ANSWER_MS, &document, NULL);
    if (status == VX_OK)
        status = vx_ctl_document_parse(document, "status", &root, NULL);
    if (status == VX_OK) {
        vx_ctl_report_read(root, &run->report);
        run->progress.columns = terminal_columns();
        vx_ctl_progress_show(&run->progress, now_ms(), root, &run->report);
        json_decref(root);
    } else {
        run->observer = vx_ctl_observer_destroy(run->observer);
    }
    run->observed_ms = now_ms();
}

/* Sleeps until a signal or the next tick; counts the signals that ask us to stop. */
static void wait_for_news(vx_ctl_run *run)
{
    sigset_t set = held_signals();
    uint64_t tick_ms = run->is_up ? TICK_MS : START_TICK_MS;
    uint64_t spent_ms = now_ms() - run->observed_ms;
    uint64_t wait_ms = run->is_up && spent_ms < tick_ms ? tick_ms - spent_ms : START_TICK_MS;
    struct timespec left = { .tv_nsec = (long)(wait_ms * VX_NS_PER_MS) };
    int signal = sigtimedwait(&set, NULL, &left);

    while (signal > 0) {
        if (signal != SIGCHLD && run->signals++ == 0)
            run->first_signal = signal;
        left.tv_nsec = 0;
        signal = sigtimedwait(&set, NULL, &left);
    }
}

static vx_ctl_life life_of(vx_ctl_child *child)
{
    if (child->pid == 0)
        return VX_CTL_LIFE_NONE;
    return vx_ctl_child_poll(child) ? VX_CTL_LIFE_ENDED : VX_CTL_LIFE_RUNNING;
}

static bool needs_nobody(const vx_ctl_report *report)
{
    return strcmp(report->state, "evaluating") == 0 || strcmp(report->state, "stopping") == 0 ||
           strcmp(report->state, "done") == 0;
}

static vx_ctl_view look(vx_ctl_run *run)
{
    vx_ctl_view view = {
        .server = life_of(&run->server),
        .workers = life_of(&run->workers),
        .signals = run->signals,
        .server_needs_nobody = needs_nobody(&run->report),
        .start_failed = run->start_failed,
    };

    view.server_crashed = run->server.signal != 0;
    view.workers_failed = view.workers == VX_CTL_LIFE_ENDED && run->workers.exit_code != 0;
    view.now_ms = now_ms();
    return view;
}

static void say_stopping(vx_ctl_run *run)
{
    vx_ctl_progress_end(&run->progress);
    if (run->supervisor.reason == VX_CTL_REASON_SIGNAL)
        (void)fputs("vexil: stopping: the server finishes its round and writes a checkpoint; "
                    "once more ends everything at once\n",
                    stderr);
}

static void perform(vx_ctl_run *run, unsigned actions)
{
    if ((actions & VX_CTL_ACT_TERM_SERVER) != 0) {
        say_stopping(run);
        run->observer = vx_ctl_observer_destroy(run->observer); /* the server would wait for it */
        vx_ctl_child_signal(&run->server, SIGTERM);
    }
    if ((actions & VX_CTL_ACT_KILL_SERVER) != 0)
        vx_ctl_child_kill(&run->server);
    if ((actions & VX_CTL_ACT_TERM_WORKERS) != 0)
        vx_ctl_child_signal(&run->workers, SIGTERM);
    if ((actions & VX_CTL_ACT_KILL_WORKERS) != 0)
        vx_ctl_child_kill(&run->workers);
}

void vx_ctl_run_loop(vx_ctl_run *run)
{
    unsigned actions = 0;

    VX_ASSERT(run->server.pid > 0);
    while ((actions & VX_CTL_ACT_LEAVE) == 0) {
        vx_ctl_view view;

        wait_for_news(run);
        view = look(run);
        actions = vx_ctl_supervisor_step(&run->supervisor, &view);
        perform(run, actions);
        if (view.server != VX_CTL_LIFE_RUNNING || run->supervisor.reason != VX_CTL_REASON_NONE)
            continue;
        if (!run->is_up && !run->start_failed)
            start_workers_when_up(run);
        else if (run->is_up && now_ms() - run->observed_ms >= TICK_MS)
            observe(run);
    }
    run->observer = vx_ctl_observer_destroy(run->observer);
    vx_ctl_progress_end(&run->progress);
}
