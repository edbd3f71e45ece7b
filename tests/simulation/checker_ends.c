#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "checker_private.h"
#include "net.h"
#include "plant.h"
#include "programs.h"
#include "storage.h"
#include "world.h"

#define EVALUATORS_MAX 5 /* that a server starts one after the other */

/*
 * How programs end. Each code has one reason that must have happened to this very process: a kind
 * of fault that is merely switched on excuses nothing.
 */
static bool had_disk_trouble(const sim_process *process)
{
    return process->disk_errors > 0 || process->disk_full > 0;
}

/* A server ends as an evaluator that could not begin; a full disk ends a run that is to continue
 * only when it could not start, or when it was to stop. */
static bool may_fail_by_disk(const sim_process *process)
{
    bool continues = sim_check.model->job->checkpoint.on_disk_full == VX_JOB_ON_DISK_FULL_CONTINUE;
    unsigned stops = process->heard[SIGTERM] + process->heard[SIGINT] + process->heard[SIGUSR1];

    if (sim_check.life.evaluator_failed || process->disk_errors > 0)
        return true;
    if (process->disk_full == 0)
        return false;
    return !continues || !sim_check.was_ready || stops > 0 ||
           sim_check.last == sim_check.model->rounds;
}

static bool server_may_end_with(const sim_process *process, int code)
{
    unsigned stops = process->heard[SIGTERM] + process->heard[SIGINT];

    if (code == vx_status_exit_code(VX_ERR_INTERRUPTED))
        return stops + process->heard[SIGUSR1] > 0;
    if (code == 128 + SIGTERM || code == 128 + SIGINT)
        return stops > 1 && process->heard[code - 128] > 0;
    if (code == vx_status_exit_code(VX_ERR_IO))
        return may_fail_by_disk(process);
    if (code == vx_status_exit_code(VX_ERR_UNAVAILABLE)) /* nobody tells it the model */
        return !sim_check.was_ready && sim_check.life.evaluators_killed >= EVALUATORS_MAX;
    return false;
}

/* Signals come to a loop at its border, so that the state is the one in which they are heard. */
bool sim_checker_signalled(const sim_process *process, int number)
{
    const vx_server *server = sim_checker_server(process);

    if (server == NULL || server->finishing || process->heard[number] == 0)
        return false;
    sim_check.life.dump_due |= number == SIGUSR2;
    sim_check.life.log_due |= number == SIGHUP;
    return true;
}

bool sim_checker_server_recovers(void)
{
    const vx_server *server = sim_checker_server(sim_server());

    if (server == NULL || server->finishing)
        return false;
    return server->working == VX_WORK_RECOVER || server->working == VX_WORK_FORWARD ||
           (server->ready && server->round.number < server->replay_until);
}

void sim_checker_look_for_finish(const vx_server *server)
{
    sim_life *life = &sim_check.life;

    life->epoch = server->epoch;
    if (!server->finishing || life->finishing)
        return;
    life->finishing = true;
    life->may_save = server->ready && !server->may_rewind;
}

/* Its last word: what it leaves for who reads the folder, and for the server that comes. */
static void check_stopped(const sim_process *process)
{
    sim_check.life.drained = false;
    if (had_disk_trouble(process))
        return;
    sim_checker_look_at_result("stopped");
    if (!sim_check.life.may_save || sim_check.last == 0)
        return;
    sim_checker_look_at_checkpoint();
    sim_check.life.drained = true;
}

static void check_done(void)
{
    if (sim_check.last != sim_check.model->rounds)
        sim_violation("I1", "the server is done after %" PRIu64 " of %" PRIu64 " rounds",
                      sim_check.last, sim_check.model->rounds);
    sim_checker_look_at_result("done");
    if (sim_check.all_included && sim_check.momentum_lost == 0 &&
        !sim_check.scenario->on[SIM_FAULT_BYZANTINE] &&
        !vx_digest_equal(sim_checker_digest(), sim_check.model->clean))
        sim_violation("I6",
                      "every slot was in every round, but the end is not that of a clean run");
}

static void exits_with(const sim_process *process, bool allowed)
{
    if (!allowed)
        sim_violation("I10", "%s ends with exit code %d", process->name, process->exit_code);
}

/* Its end may have been in order before the signal came. */
static void check_killed(const sim_process *process)
{
    const vx_server *server = sim_checker_last_sight(process);
    int number = process->exit_signal;

    sim_check.over |=
        server != NULL ? server->finishing && !server->card_written : sim_check.life.finishing;
    exits_with(process, !sim_check.life.finishing || (number != SIGHUP && number != SIGUSR2));
}

void sim_checker_server_ended(const sim_process *process)
{
    int code = process->exit_code;

    sim_check.life.drained = false;
    if (process->exit_signal != 0) {
        check_killed(process);
        return;
    }
    exits_with(process, code == 0 || server_may_end_with(process, code));
    sim_plant_stopped();
    if (code == 128 + SIGTERM || code == 128 + SIGINT)
        return; /* at once */
    sim_check.over = true;
    if (code == 0)
        check_done();
    if (code == vx_status_exit_code(VX_ERR_INTERRUPTED))
        check_stopped(process);
    if (sim_check.life.dump_due && !had_disk_trouble(process))
        sim_checker_look_at_dump();
    if (sim_check.life.log_due)
        sim_checker_look_at_log();
    sim_check.life.in_order = !had_disk_trouble(process);
}

void sim_checker_evaluator_ended(const sim_process *process)
{
    sim_check.life.evaluators_killed += process->exit_signal != 0;
    if (process->exit_signal != 0)
        return;
    if (process->exit_code == 0) {
        exits_with(process, process->told_over);
        return;
    }
    exits_with(process,
               process->exit_code == vx_status_exit_code(VX_ERR_IO) && had_disk_trouble(process));
    sim_check.life.evaluator_failed = true;
}

/* It reads that the server has ended in order: the result is there, and the card is gone. */
static bool has_missed_the_end(void)
{
    return sim_check.over || (sim_server() != NULL && sim_check.life.finishing);
}

void sim_checker_worker_ended(const sim_process *process)
{
    uint64_t patience_ns = sim_check.scenario->patience_s * SIM_S;
    uint64_t alone_since_ns = process->up_ns > process->born_ns ? process->up_ns : process->born_ns;

    if (process->exit_signal != 0)
        return;
    if (process->exit_code == 0)
        exits_with(process,
                   process->told_over || process->heard[SIGTERM] > 0 || has_missed_the_end());
    else
        exits_with(process, process->exit_code == vx_status_exit_code(VX_ERR_UNAVAILABLE) &&
                                sim_now() - alone_since_ns > patience_ns);
}

void sim_checker_end(void)
{
    const char *litter = NULL;

    if (!sim_run_is_done()) {
        if (sim_check.scenario->mode == SIM_MODE_LIVENESS)
            sim_violation("I7",
                          "the faults ended at %.3f s, and %" PRIu64 " of %" PRIu64
                          " rounds are committed at %.3f s",
                          (double)sim_check.scenario->faults_end_ns / (double)SIM_S, sim_check.last,
                          sim_check.model->rounds, (double)sim_now() / (double)SIM_S);
        return;
    }
    if (!sim_all_ended())
        sim_violation("I10", "the run is done, but a program goes on");
    if (sim_net_open_sockets() > 0)
        sim_violation("I10", "sockets are left open");
    /* The last server has swept up what those before it left, unless its disk failed. */
    litter = sim_run_dir_litter();
    if (litter != NULL && sim_check.life.in_order)
        sim_violation("I10", "%s is left in the run directory", litter);
}
