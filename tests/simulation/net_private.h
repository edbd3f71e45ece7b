#ifndef VX_SIMULATION_NET_PRIVATE_H
#define VX_SIMULATION_NET_PRIVATE_H
#include "net.h"

sim_socket *sim_socket_new(sim_host *host, sim_host *peer_host);
uint64_t sim_net_latency(const sim_host *from, const sim_host *to);
void sim_listeners_end(sim_process *process);
sim_socket *sim_sockets(void); /* newest first */
#endif
