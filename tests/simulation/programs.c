#include "programs.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <vx_agent/agent.h>
#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/log.h>
#include <vx_server_app/server.h>
#include <vx_worker_app/worker.h>

#include "checker.h"
#include "loop.h"
#include "net.h"
#include "plant.h"
#include "storage.h"
#include "world.h"

typedef struct agent {
    unsigned slot;
    vx_bootstrap bootstrap;
    sim_process *worker;
    unsigned restarts;
    bool due; /* a start is queued */
    uint64_t away_ns;
} agent;

static struct {
    const sim_scenario *scenario;
    const sim_model *model;
    sim_process *server, *evaluator;
    agent agents[SIM_WORKERS_MAX];
    unsigned server_starts;
    bool resume, done;
    char *log_path;
} programs;

sim_host *sim_server_host(void)
{
    return sim_host_at(0);
}

sim_host *sim_worker_host(unsigned slot)
{
    return sim_host_at(1 + slot);
}

sim_process *sim_server(void)
{
    return programs.server;
}

sim_process *sim_worker(unsigned slot)
{
    return programs.agents[slot].worker;
}

sim_process *sim_evaluator(void)
{
    return programs.evaluator;
}

bool sim_is_server(const sim_process *process)
{
    return process != NULL && process == programs.server;
}

int sim_slot_of(const sim_process *process)
{
    for (unsigned i = 0; i < programs.model->workers; i++)
        if (process != NULL && programs.agents[i].worker == process)
            return (int)i;
    return -1;
}

bool sim_run_is_done(void)
{
    return programs.done;
}

const char *sim_server_log(void)
{
    return programs.log_path;
}

unsigned sim_server_starts(void)
{
    return programs.server_starts;
}

bool sim_all_ended(void)
{
    if (!programs.done || programs.server != NULL || programs.evaluator != NULL)
        return false;
    for (unsigned i = 0; i < programs.model->workers; i++)
        if (programs.agents[i].worker != NULL || programs.agents[i].due)
            return false;
    return true;
}

static void say_why(vx_status status, const vx_error *err)
{
    char line[600];
    int size = snprintf(line, sizeof(line), "ends with %s: %s\n", vx_status_name(status),
                        status != VX_OK ? err->message : "");

    sim_note_text(line, (size_t)size);
}

/* ---- the server and its evaluator ---- */

static int run_server(sim_process *process)
{
    char listen[64];
    vx_server_options options = {
        .job = programs.model->job_path,
        .run_dir = SIM_RUN_DIR,
        .bind = listen,
        .resume = programs.resume,
        .log_file = programs.scenario->on[SIM_FAULT_HANGUP_SERVER] ? programs.log_path : NULL,
        .log_level_given = true,
        .log_level = sim_log_level(),
    };
    vx_error err = { 0 };
    vx_status status = VX_OK;

    (void)process;
    snprintf(listen, sizeof(listen), "tcp://10.0.0.%u:%u", 1 + sim_server_host()->index, SIM_PORT);
    status = vx_server_run(&options, &err);
    say_why(status, &err);
    return vx_status_exit_code(status);
}

static void start_server(void *unused, uint64_t again);

static void on_server_exit(sim_process *process)
{
    int code = process->exit_code;

    programs.server = NULL;
    sim_checker_server_ended(process);
    if (process->exit_signal == 0 && code == 0) {
        programs.done = true;
        return;
    }
    sim_after(sim_between(SIM_DICE_PROGRAMS, 100 * SIM_MS, 3 * SIM_S), start_server, NULL, 0);
}

/* As a supervisor asks: a server that died before it had made the run is started, not resumed. */
static bool has_run(void)
{
    bool found = false;

    for (int tries = 0; tries < 5 && !found; tries++)
        found = vx_file_exists(SIM_RUN_DIR "/epoch");
    return found;
}

static void start_server(void *unused, uint64_t again)
{
    (void)unused;
    (void)again;
    if (programs.done || programs.server != NULL)
        return;
    if (sim_server_host()->down) {
        sim_after(SIM_S, start_server, NULL, 0);
        return;
    }
    programs.resume = has_run();
    if (programs.resume)
        sim_plant_restart();
    programs.server_starts++;
    programs.server =
        sim_process_start("vexild", sim_server_host(), run_server, NULL, on_server_exit);
    sim_checker_server_started(programs.server);
}

static vx_bootstrap_options agent_options(void)
{
    return (vx_bootstrap_options){ .run_dir = SIM_RUN_DIR,
                                   .data_dir = programs.model->folder,
                                   .max_restarts = -1,
                                   .patience_s = programs.scenario->patience_s,
                                   .reconnect_s = programs.scenario->patience_s,
                                   .log_level = (int32_t)sim_log_level() };
}

static int run_evaluator(sim_process *process)
{
    vx_bootstrap_options options = agent_options();
    vx_bootstrap *entry = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    vx_status status =
        vx_bootstrap_read(&options, VX_BOOTSTRAP_EVALUATOR, 10, &entry, &count, &err);

    (void)process;
    if (status == VX_OK)
        status = vx_evaluator_run(entry, &err);
    vx_free(entry);
    say_why(status, &err);
    return vx_status_exit_code(status);
}

static void on_evaluator_exit(sim_process *process)
{
    if (programs.evaluator == process)
        programs.evaluator = NULL;
    sim_checker_evaluator_ended(process);
}

static sim_process *spawn(sim_process *parent, const uv_process_options_t *options)
{
    VX_ASSERT(options->args[1] != NULL && strcmp(options->args[1], "--evaluator") == 0);
    programs.evaluator =
        sim_process_start("evaluator", parent->host, run_evaluator, NULL, on_evaluator_exit);
    programs.evaluator->parent = parent;
    return programs.evaluator;
}

/* ---- the workers and their agents ---- */

static int run_worker(sim_process *process)
{
    const agent *self = process->program;
    vx_bootstrap bootstrap = self->bootstrap;
    vx_error err = { 0 };
    vx_status status = vx_worker_run(&bootstrap, NULL, &err);

    say_why(status, &err);
    return vx_status_exit_code(status);
}

static void launch(void *subject, uint64_t is_new);

static void launch_after(agent *self, uint64_t delay_ns, bool is_new)
{
    self->due = true;
    sim_after(delay_ns, launch, self, is_new);
}

static void on_worker_exit(sim_process *process)
{
    agent *self = process->program;
    int code = process->exit_signal != 0 ? 128 + process->exit_signal : process->exit_code;
    uint64_t backoff_ms = self->restarts < 7 ? 100u << self->restarts : 10000;

    self->worker = NULL;
    sim_checker_worker_ended(process);
    if (self->away_ns > 0) {
        launch_after(self, self->away_ns, true);
        self->away_ns = 0;
        return;
    }
    if (vx_supervise_restarts(code)) {
        self->restarts++;
        launch_after(self, backoff_ms * SIM_MS, false);
    } else if (!programs.done) {
        launch_after(self, SIM_S, true); /* mpirun is started again */
    }
}

static vx_status read_bootstrap(agent *self)
{
    vx_bootstrap_options options = agent_options();
    vx_bootstrap *entries = NULL;
    size_t count = 0;
    vx_error err = { 0 };
    vx_status status = vx_bootstrap_read(&options, VX_BOOTSTRAP_WORKERS, 0, &entries, &count, &err);

    if (status == VX_OK && count <= self->slot)
        status = VX_ERR_DATA;
    if (status == VX_OK)
        self->bootstrap = entries[self->slot];
    self->bootstrap.local_workers = SIM_LOCAL_WORKERS;
    vx_free(entries);
    return status;
}

static void launch(void *subject, uint64_t is_new)
{
    agent *self = subject;
    char name[16];

    self->due = false;
    if (self->worker != NULL || programs.done)
        return;
    if (sim_worker_host(self->slot)->down) {
        launch_after(self, SIM_S, true);
        return;
    }
    if (is_new && read_bootstrap(self) != VX_OK) {
        launch_after(self, 500 * SIM_MS, true);
        return;
    }
    if (is_new)
        self->restarts = 0;
    snprintf(name, sizeof(name), "worker%u", self->slot);
    self->worker =
        sim_process_start(name, sim_worker_host(self->slot), run_worker, self, on_worker_exit);
}

void sim_worker_away(unsigned slot, uint64_t delay_ns)
{
    programs.agents[slot].away_ns = delay_ns;
}

void sim_worker_begin(unsigned slot)
{
    launch_after(&programs.agents[slot], SIM_S, true);
}

/* The folder of the run directory was there before the world. */
static void make_disk(void)
{
    vx_error err = { 0 };

    VX_ASSERT(vx_file_make_folder("/disk", &err) == VX_OK);
    VX_ASSERT(vx_file_sync_folder("/", &err) == VX_OK);
}

void sim_programs_begin(const sim_scenario *scenario, const sim_model *model)
{
    programs.scenario = scenario;
    programs.model = model;
    programs.log_path = vx_path_join(model->folder, "server.log");
    sim_spawn_install(spawn);
    make_disk();
    start_server(NULL, 0);
    for (unsigned slot = 0; slot < model->workers; slot++) {
        programs.agents[slot].slot = slot;
        if (scenario->on[SIM_FAULT_BYZANTINE] && scenario->byzantine_slot == slot)
            continue;
        launch_after(&programs.agents[slot],
                     slot < model->awaited
                         ? sim_between(SIM_DICE_PROGRAMS, 50 * SIM_MS, 500 * SIM_MS)
                         : sim_magnitude(SIM_DICE_MEMBERS, 50 * SIM_MS, 5 * SIM_S),
                     true);
    }
}
