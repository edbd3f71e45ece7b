#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <vx_base/clock.h>
#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/files.h>
#include <vx_checkpoint/checkpoint.h>
#include <vx_plan/plan.h>

#include "launch.h"
#include "mpirun.h"
#include "reach.h"
#include "run.h"
#include "table.h"
#include "worker_log.h"

#define STOP_SLACK_S 60 /* beyond a round's deadline: evaluation and checkpoint */

static vx_ctl_progress_style choose_style(const vx_ctl_options *options)
{
    const char *terminal = getenv("TERM");

    if (options->quiet)
        return VX_CTL_PROGRESS_NONE;
    if (options->json)
        return VX_CTL_PROGRESS_JSON;
    if (isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0)
        return VX_CTL_PROGRESS_TERMINAL;
    return VX_CTL_PROGRESS_PLAIN;
}

static vx_status load_job(vx_ctl_run *run, vx_error *err)
{
    const vx_ctl_options *options = run->options;
    vx_status status = VX_OK;

    run->job_path =
        options->job != NULL ? vx_strdup(options->job) : vx_path_join(options->run_dir, "job.yaml");
    if (run->job_path == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    status = vx_job_load(run->job_path, (const char *const *)options->overrides.at,
                         options->overrides.count, &run->job, err);
    return status == VX_OK ? vx_plan_check(run->job, err) : status;
}

static vx_status find_programs(vx_ctl_run *run, vx_error *err)
{
    static const char ours[] = "install vexil whole";
    const char *mpirun = run->options->mpirun != NULL ? run->options->mpirun : "mpirun";
    vx_status status = vx_ctl_launch_find("vexild", true, ours, &run->vexild, err);

    if (status == VX_OK)
        status = vx_ctl_launch_find("vexil-worker", true, ours, &run->vexil_worker, err);
    if (status == VX_OK)
        status =
            vx_ctl_launch_find(mpirun, false, "install the package openmpi-bin", &run->mpirun, err);
    if (status == VX_OK)
        status = vx_ctl_mpirun_version(run->mpirun, mpirun, &run->mpi_major, err);
    run->machine = vx_ctl_machine_here();
    return status == VX_OK ? vx_ctl_launch_environment(run->options->hostfile != NULL, err)
                           : status;
}

/* Options with their values: does one say where to listen? */
static bool says_where(const vx_ctl_argv *address)
{
    for (size_t i = 0; i < address->count; i += 2)
        if (strcmp(address->at[i], "--advertise") != 0)
            return true;
    return false;
}

static vx_status bind_for_hosts(vx_ctl_run *run, vx_error *err)
{
    char *listen = NULL;
    vx_status status = vx_ctl_reach_listen(&run->hosts, run->options->hostfile, &listen, err);

    if (status != VX_OK)
        return status;
    vx_ctl_argv_add(&run->address, "--bind");
    vx_ctl_argv_add(&run->address, listen);
    vx_free(listen);
    return vx_ctl_argv_status(&run->address, err);
}

static vx_status find_hosts(vx_ctl_run *run, vx_error *err)
{
    const vx_ctl_options *options = run->options;
    vx_status status = VX_OK;

    for (size_t i = 0; i < options->address.count; i++)
        vx_ctl_argv_add(&run->address, options->address.at[i]);
    status = vx_ctl_argv_status(&run->address, err);
    if (status != VX_OK || options->hostfile == NULL)
        return status;
    status = vx_ctl_hostfile_load(options->hostfile, &run->hosts, err);
    if (status == VX_OK && run->hosts.counted && !options->oversubscribe &&
        run->hosts.slots < run->job->workers.count)
        return vx_fail(err, VX_ERR_CONFIG,
                       "%s: %llu slots for %llu workers (workers.count): add hosts or slots, or "
                       "give --oversubscribe",
                       options->hostfile, (unsigned long long)run->hosts.slots,
                       (unsigned long long)run->job->workers.count);
    if (status == VX_OK && !says_where(&run->address))
        status = bind_for_hosts(run, err);
    return status;
}

/* Other hosts need the whole path. */
static vx_status name_run_dir_whole(vx_ctl_run *run, vx_error *err)
{
    char whole[PATH_MAX];

    if (realpath(run->run_dir, whole) == NULL)
        return vx_fail(err, VX_ERR_IO, "%s: %s", run->run_dir, strerror(errno));
    vx_free(run->run_dir);
    run->run_dir = vx_strdup(whole);
    return run->run_dir != NULL ? VX_OK : vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
}

static vx_status probe_hosts(vx_ctl_run *run, vx_error *err)
{
    vx_ctl_workers_command command;
    uint64_t timeout_ms = (uint64_t)(run->job->workers.start_timeout_s * 1000.0);
    vx_status status = name_run_dir_whole(run, err);

    if (status != VX_OK)
        return status;
    command = vx_ctl_run_workers(run);
    return vx_ctl_mpirun_probe(run->mpirun, &command, &run->hosts, timeout_ms, stderr, err);
}

static vx_status make_run_dir(vx_ctl_run *run, vx_error *err)
{
    const char *given = run->options->run_dir;
    vx_clock clock = vx_clock_system();
    time_t now = (time_t)(vx_clock_realtime_ns(&clock) / VX_NS_PER_S);
    vx_status status = VX_OK;

    if (given == NULL)
        return vx_ctl_run_create(run->job->name, now, &run->run_dir, err);
    run->run_dir = vx_strdup(given);
    if (run->run_dir == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    status = vx_file_make_folder(given, err);
    return status;
}

static vx_status prepare(vx_ctl_run *run, vx_error *err)
{
    vx_status status = load_job(run, err);

    if (status == VX_OK)
        status = find_programs(run, err);
    if (status == VX_OK)
        status = find_hosts(run, err);
    if (status == VX_OK)
        status = make_run_dir(run, err);
    if (status == VX_OK && run->options->hostfile != NULL)
        status = probe_hosts(run, err);
    if (status != VX_OK)
        return status;
    run->server_log = vx_path_join(run->run_dir, "server.log");
    run->workers_log = vx_path_join(run->run_dir, "workers.log");
    if (run->server_log == NULL || run->workers_log == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "no memory for a path");
    run->progress.run_dir = run->run_dir;
    run->supervisor.server_grace_ms =
        (uint64_t)((run->job->workers.deadline_s + STOP_SLACK_S) * 1000.0);
    return VX_OK;
}

static void clear(vx_ctl_run *run)
{
    char *const texts[] = { run->job_path, run->run_dir,      run->server_log, run->workers_log,
                            run->vexild,   run->vexil_worker, run->mpirun };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        vx_free(texts[i]);
    vx_ctl_argv_clear(&run->address);
    vx_ctl_hostfile_clear(&run->hosts);
    vx_job_destroy(run->job);
}

static bool is_documented(int exit_code)
{
    for (int status = 0; status < VX_STATUS_MAX; status++)
        if (vx_status_exit_code((vx_status)status) == exit_code)
            return true;
    return false;
}

/* result is NULL when this server left none. */
static int exit_code_of(const vx_ctl_run *run, const vx_ctl_result *result)
{
    if (result != NULL && strcmp(result->state, "done") == 0)
        return 0;
    if (run->first_signal != 0)
        return 128 + run->first_signal;
    if (run->supervisor.reason == VX_CTL_REASON_START)
        return vx_status_exit_code(run->why.code);
    if (run->supervisor.reason == VX_CTL_REASON_WORKERS_FAILED &&
        is_documented(run->workers.exit_code))
        return run->workers.exit_code;
    if (run->supervisor.reason == VX_CTL_REASON_NONE && run->server.exit_code != 0)
        return run->server.exit_code;
    return 1;
}

static void say_end_of(const char *what, const vx_ctl_child *child, const char *log)
{
    (void)fflush(stdout);
    if (child->signal != 0)
        (void)fprintf(stderr, "vexil: %s was ended by signal %d (%s); see %s\n", what,
                      child->signal, strsignal(child->signal), log);
    else
        (void)fprintf(stderr, "vexil: %s ended with exit code %d; see %s\n", what, child->exit_code,
                      log);
}

/* What a person should know beside the result. */
static void say_why(const vx_ctl_run *run, bool done)
{
    if (done && run->workers.exit_code != 0 && !run->supervisor.workers_termed)
        say_end_of("the run is done, but mpirun", &run->workers, run->workers_log);
    if (done)
        return;
    switch (run->supervisor.reason) {
    case VX_CTL_REASON_START:
        (void)vx_ctl_complain(&run->why);
        break;
    case VX_CTL_REASON_WORKERS_FAILED:
        say_end_of("mpirun", &run->workers, run->workers_log);
        vx_ctl_worker_log_print(stderr, run->workers_log, run->workers_log_from);
        break;
    case VX_CTL_REASON_WORKERS_GONE:
        (void)fprintf(stderr,
                      "vexil: every worker has ended for good before the run was done; see %s\n",
                      run->workers_log);
        vx_ctl_worker_log_print(stderr, run->workers_log, run->workers_log_from);
        break;
    case VX_CTL_REASON_NONE:
        if (run->server.signal != 0)
            say_end_of("vexild", &run->server, run->server_log);
        break;
    case VX_CTL_REASON_SIGNAL:
        break;
    }
}

static void count_checkpoint(void *context, const vx_checkpoint_entry *entry)
{
    size_t *count = context;

    (void)entry;
    (*count)++;
}

/* Whether a round was committed. The ledger is the server's alone to open; each of its rounds has a
 * row, but for those that were lost with a full disk. */
static bool has_begun(const vx_ctl_run *run)
{
    const vx_files *files = vx_files_current();
    char *rows = vx_path_join(run->run_dir, "metrics.jsonl");
    vx_file_info info = { 0 };
    size_t checkpoints = 0;
    bool found =
        rows == NULL || (files->info_of(files->context, rows, &info) == 0 && info.size > 0);

    vx_free(rows);
    return found ||
           vx_checkpoint_list(run->run_dir, VX_CHECKPOINT_LOOK, count_checkpoint, &checkpoints,
                              NULL) != VX_OK ||
           checkpoints > 0;
}

static void add_option(vx_ctl_argv *argv, const char *option, const char *value)
{
    if (value == NULL)
        return;
    vx_ctl_argv_add(argv, option);
    vx_ctl_argv_add(argv, value);
}

static void say_how_to_resume(const vx_ctl_run *run)
{
    vx_ctl_argv argv = { 0 };
    char *text = NULL;

    vx_ctl_argv_add(&argv, "vexil");
    vx_ctl_argv_add(&argv, "train");
    vx_ctl_argv_add(&argv, "--resume");
    vx_ctl_argv_add(&argv, "--run-dir");
    vx_ctl_argv_add(&argv, run->run_dir);
    for (size_t i = 0; i < run->options->address.count; i++)
        vx_ctl_argv_add(&argv, run->options->address.at[i]);
    add_option(&argv, "--hostfile", run->options->hostfile);
    if (run->options->oversubscribe)
        vx_ctl_argv_add(&argv, "--oversubscribe");
    add_option(&argv, "--mpirun", run->options->mpirun);
    for (size_t i = 0; i < run->options->mpirun_args.count; i++)
        add_option(&argv, "--mpirun-arg", run->options->mpirun_args.at[i]);
    add_option(&argv, "--group-launcher", run->options->group_launcher);
    add_option(&argv, "--group-timeout", run->options->group_timeout);
    text = argv.failed ? NULL : vx_ctl_argv_shell(&argv);
    if (text != NULL)
        (void)fprintf(stderr, "vexil: resume with: %s\n", text);
    vx_free(text);
    vx_ctl_argv_clear(&argv);
}

static void print_result(const vx_ctl_run *run, const vx_ctl_result *result, json_t *root)
{
    if (run->options->json)
        vx_ctl_json_event(stdout, "result", run->run_dir, root, NULL);
    else
        vx_ctl_result_print(stdout, result, root, run->run_dir);
    (void)fflush(stdout);
}

static int report_end(const vx_ctl_run *run)
{
    vx_ctl_result result = { 0 };
    json_t *root = NULL;
    bool known = run->is_up && vx_ctl_result_load(run->run_dir, &result, &root, NULL) == VX_OK &&
                 result.epoch == run->where.epoch; /* else it is an older server's */
    bool done = known && strcmp(result.state, "done") == 0;

    if (known)
        print_result(run, &result, root);
    json_decref(root);
    say_why(run, done);
    if (run->is_up && (!known || strcmp(result.state, "stopped") == 0) && has_begun(run))
        say_how_to_resume(run);
    return exit_code_of(run, known ? &result : NULL);
}

int vx_ctl_train(const vx_ctl_options *options)
{
    vx_ctl_run run = {
        .options = options,
        .progress = { .style = choose_style(options), .out = stdout },
    };
    vx_error err = { 0 };
    int exit_code = 0;
    vx_status status = prepare(&run, &err);

    if (status == VX_OK) {
        vx_ctl_run_hold_signals();
        status = vx_ctl_run_start_server(&run, &err);
    }
    if (status == VX_OK) {
        vx_ctl_run_loop(&run);
        exit_code = report_end(&run);
    } else {
        exit_code = vx_ctl_complain(&err);
    }
    if (!run.is_up && options->run_dir == NULL && run.run_dir != NULL)
        (void)vx_files_current()->remove_folder(
            vx_files_current()->context, run.run_dir); /* when it is as empty as we made it */
    clear(&run);
    return exit_code;
}
