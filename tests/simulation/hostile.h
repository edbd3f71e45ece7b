#ifndef VX_SIMULATION_HOSTILE_H
#define VX_SIMULATION_HOSTILE_H
#include <stdbool.h>

#include "scenario.h"

/* Clients that keep no contract; they live on hosts of their own and speak to the server's port. */
bool sim_hostile_stranger(void);
bool sim_hostile_impostor(unsigned slot);
void sim_hostile_byzantine(const sim_scenario *scenario); /* takes the place of a worker */
void sim_hostile_end(void); /* all of them close, but the byzantine one, which turns honest */
#endif
