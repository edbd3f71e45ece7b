#ifndef VX_TEST_CHAOS_LINK_H
#define VX_TEST_CHAOS_LINK_H
#include <netinet/in.h>

#include <uv.h>

#include "chaos_flow.h"

typedef struct vx_chaos_link vx_chaos_link;

/* The connections of the proxy. */
typedef struct vx_chaos_hub {
    uv_loop_t *loop;
    struct sockaddr_in server;
    vx_chaos_plan plan;
    uint64_t seed;
    vx_chaos_link *links; /* list */
    uint64_t accepted;    /* so far: the number of the next one */
    bool is_ending;
} vx_chaos_hub;

void vx_chaos_link_accept(vx_chaos_hub *hub, uv_stream_t *listener);
void vx_chaos_hub_pump(vx_chaos_hub *hub); /* after a rule has changed */
/* An act on the connections of now: cut, freeze, stats. */
void vx_chaos_hub_act(vx_chaos_hub *hub, const vx_chaos_rule *rule);
void vx_chaos_hub_close(vx_chaos_hub *hub);
#endif
