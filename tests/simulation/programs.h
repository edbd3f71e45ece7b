#ifndef VX_SIMULATION_PROGRAMS_H
#define VX_SIMULATION_PROGRAMS_H
#include "model.h"
#include "process.h"
#include "scenario.h"

/*
 * The programs of a job and who keeps them running: the server under a supervisor that starts it
 * again with --resume, one agent a slot as worker/agent has it, a launcher that starts an agent
 * again while the run is not over. The evaluator is the server's child.
 */
#define SIM_PORT 7000

void sim_programs_begin(const sim_scenario *scenario, const sim_model *model);
sim_process *sim_server(void);          /* NULL while there is none */
sim_process *sim_worker(unsigned slot); /* NULL while there is none */
sim_process *sim_evaluator(void);       /* NULL while there is none */
bool sim_is_server(const sim_process *process);
int sim_slot_of(const sim_process *process); /* -1: no worker */
bool sim_run_is_done(void);                  /* the server ended with success */
bool sim_all_ended(void);                    /* and so has every other program */
unsigned sim_server_starts(void);
const char *sim_server_log(void); /* a file of the machine, while HUP may come */
sim_host *sim_server_host(void);
sim_host *sim_worker_host(unsigned slot);
/* A worker that was stopped on purpose is started again after so long. */
void sim_worker_away(unsigned slot, uint64_t delay_ns);
void sim_worker_begin(unsigned slot); /* an honest worker takes the slot of the byzantine one */
#endif
