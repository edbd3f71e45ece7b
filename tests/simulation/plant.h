#ifndef VX_SIMULATION_PLANT_H
#define VX_SIMULATION_PLANT_H
#include <stdint.h>

#include "scenario.h"
#include "server_private.h"

/*
 * Faults that no program may have, made from outside: they show that the checker can fail. Each
 * does nothing unless its plant is on.
 */
void sim_plant_begin(sim_scenario *scenario, sim_plant plant);
void sim_plant_rows(const vx_server *server);        /* seen by the checker */
void sim_plant_rows_behind(const vx_server *server); /* behind its back */
void sim_plant_border(const vx_server *server);      /* a round has begun */
uint64_t sim_plant_miscount(unsigned slot);
size_t sim_plant_leak(void);                       /* bytes more that the server seems to hold */
void sim_plant_frame(uint8_t *frame, size_t size); /* on its way, its CRCs made good again */
bool sim_plant_deaf(unsigned from_host, unsigned to_host); /* nothing passes, ever */
void sim_plant_restart(void);
void sim_plant_stopped(void); /* the server, in order */
#endif
