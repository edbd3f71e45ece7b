#ifndef VX_SIMULATION_FAULTS_H
#define VX_SIMULATION_FAULTS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "scenario.h"

/* Makes the faults that the scenario switches on, until its faults end. */
void sim_faults_begin(const sim_scenario *scenario, const sim_model *model);
/* Everything is whole again: links, hosts, paused programs, disk. */
void sim_faults_end(void);

bool sim_signal_fault(sim_fault fault); /* to the server. False: there is none that hears it */

void sim_fault_done(sim_fault fault); /* counts it */
uint64_t sim_fault_count(sim_fault fault);
const char *sim_fault_name(sim_fault fault);
void sim_fault_flip(uint8_t *at, size_t size); /* one bit of a frame on its way */
#endif
