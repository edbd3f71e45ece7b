#ifndef VX_SIMULATION_HOSTILE_PRIVATE_H
#define VX_SIMULATION_HOSTILE_PRIVATE_H
#include <vx_transport/frame.h>

#include "hostile.h"
#include "net.h"

typedef enum sim_hostile_kind {
    SIM_HOSTILE_GARBAGE,
    SIM_HOSTILE_SILENT,
    SIM_HOSTILE_DRIP, /* a byte now and then */
    SIM_HOSTILE_WRONG_HELLO,
    SIM_HOSTILE_WILD_HEADER,
    SIM_HOSTILE_IMPOSTOR,
    SIM_HOSTILE_BYZANTINE,
    SIM_HOSTILE_MAX
} sim_hostile_kind;

typedef struct sim_hostile {
    struct sim_hostile *next;
    sim_hostile_kind kind;
    unsigned slot;
    sim_socket *socket; /* NULL: closed */
    /* the byzantine one */
    bool over;
    vx_frame_header identity;
    uint64_t round;
    uint8_t rx[16384];
    size_t rx_size;
} sim_hostile;

sim_hostile *sim_hostile_new(sim_hostile_kind kind, unsigned slot);
uint64_t sim_hostile_roll(uint64_t bound);
void sim_hostile_say(sim_hostile *self, const uint8_t *at, size_t size);
void sim_hostile_close(sim_hostile *self);
/* Writes a frame with sizes and CRCs that fit; frame has room. Returns its size. */
size_t sim_hostile_frame(uint8_t *frame, vx_frame_header header, vx_cbytes message,
                         vx_cbytes payload);
size_t sim_hostile_hello(uint8_t *frame, unsigned slot); /* with the token of that slot */
void sim_byzantine_end(sim_hostile *self);
#endif
