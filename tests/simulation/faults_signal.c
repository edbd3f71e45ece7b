#include <signal.h>
#include <unistd.h>

#include "checker.h"
#include "faults.h"
#include "process.h"
#include "programs.h"
#include "world.h"

#define WATCHES 1000 /* in a row, for a recovery */

static bool watches_recovery;

static bool send_one(int number)
{
    if (sim_server() == NULL)
        return false;
    sim_process_signal(sim_server(), number);
    return true;
}

static void on_signal_time(void *unused, uint64_t number)
{
    (void)unused;
    if (sim_server() != NULL)
        sim_process_signal(sim_server(), (int)number);
}

static bool stop_twice(void)
{
    int second = sim_below(SIM_DICE_FAULTS, 2) == 0 ? SIGTERM : SIGINT;
    bool at_once = sim_below(SIM_DICE_FAULTS, 2) == 0;

    if (sim_server() == NULL)
        return false;
    sim_process_signal(sim_server(), SIGTERM);
    if (at_once && sim_server() != NULL)
        sim_process_signal(sim_server(), second);
    else
        sim_after(sim_magnitude(SIM_DICE_FAULTS, 10 * SIM_US, 500 * SIM_MS), on_signal_time, NULL,
                  (uint64_t)second);
    return true;
}

/* A recovery is short: it is waited for. */
static void on_watch_recovery(void *unused, uint64_t tries)
{
    if (sim_run_is_done() || tries == 0) {
        watches_recovery = false;
    } else if (!sim_checker_server_recovers()) {
        sim_after(sim_magnitude(SIM_DICE_FAULTS, 50 * SIM_US, 5 * SIM_MS), on_watch_recovery,
                  unused, tries - 1);
    } else {
        watches_recovery = false;
        sim_process_signal(sim_server(), sim_below(SIM_DICE_FAULTS, 2) == 0 ? SIGTERM : SIGUSR1);
        sim_fault_done(SIM_FAULT_STOP_RECOVERY);
    }
}

static bool stop_recovery(void)
{
    if (!watches_recovery) {
        watches_recovery = true;
        on_watch_recovery(NULL, WATCHES);
    }
    return false; /* counted when it comes */
}

static bool ask_for_dump(sim_process *server)
{
    if (server == NULL)
        return false;
    sim_process_signal(server, SIGUSR2);
    return sim_checker_signalled(server, SIGUSR2);
}

/* The log has been moved away before the server comes to hear it. */
static bool hang_up(sim_process *server)
{
    if (server == NULL)
        return false;
    sim_process_signal(server, SIGHUP);
    return sim_checker_signalled(server, SIGHUP) && unlink(sim_server_log()) == 0;
}

bool sim_signal_fault(sim_fault fault)
{
    if (fault == SIM_FAULT_STOP_SERVER)
        return send_one(SIGTERM);
    if (fault == SIM_FAULT_INTERRUPT_SERVER)
        return send_one(SIGINT);
    if (fault == SIM_FAULT_DRAIN_SERVER)
        return send_one(SIGUSR1);
    if (fault == SIM_FAULT_DUMP_SERVER)
        return ask_for_dump(sim_server());
    if (fault == SIM_FAULT_HANGUP_SERVER)
        return hang_up(sim_server());
    if (fault == SIM_FAULT_STOP_TWICE)
        return stop_twice();
    return fault == SIM_FAULT_STOP_RECOVERY && stop_recovery();
}
