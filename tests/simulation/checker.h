#ifndef VX_SIMULATION_CHECKER_H
#define VX_SIMULATION_CHECKER_H
#include "model.h"
#include "process.h"
#include "scenario.h"

typedef struct sim_membership {
    uint64_t given_away, returned, lent; /* shards */
    uint64_t old;                        /* gradients of earlier rounds that entered one */
} sim_membership;

/*
 * Holds the promises I1 to I10 against what it sees: every frame that a program sends, every work
 * item of the server, the server's own state after every event, exit codes, what is on the disk.
 * Ends the world with a violation.
 */
void sim_checker_begin(const sim_scenario *scenario, const sim_model *model);
void sim_checker_event(void); /* after every event */
void sim_checker_end(void);   /* the world has ended */

void sim_checker_server_started(const sim_process *process);
void sim_checker_server_ended(const sim_process *process);
void sim_checker_worker_ended(const sim_process *process);
void sim_checker_evaluator_ended(const sim_process *process);
/* The server, just now. False: it need not hear it, it ends already or has not begun. */
bool sim_checker_signalled(const sim_process *process, int number);
bool sim_checker_server_recovers(void);   /* it is at work on what was recorded */
uint64_t sim_checker_anew(void);          /* recorded rounds that were made anew, as stated */
uint64_t sim_checker_momentum_lost(void); /* gradients whose momentum began anew */
uint64_t sim_checker_committed(void); /* commits seen, rounds that were done again counted anew */
sim_membership sim_checker_membership(void);
bool sim_checker_all_included(void); /* every slot was in every round */
vx_digest sim_checker_digest(void);  /* of the last parameters committed */
#endif
