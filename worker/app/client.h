#ifndef VX_WORKER_APP_CLIENT_H
#define VX_WORKER_APP_CLIENT_H
#include <uv.h>

#include <vx_bootstrap/bootstrap.h>
#include <vx_base/log.h>
#include <vx_session/session.h>
#include <vx_transport/conn.h>
#include <vx_transport/reactor.h>
#include <vx_wire/wire.h>

/*
 * The connection of a worker or an evaluator to its server, driven by a session. The role that uses
 * it fills the hooks. All on the loop's thread but the work hook.
 */
typedef struct vx_client vx_client;

typedef struct vx_client_hooks {
    vx_wire_role role;
    vx_wire_type vectors; /* frames that bring theta: parameters or evaluate */
    /* On the pool. Loads data and model from client->job_text; sets client->dimension. */
    vx_status (*set_up)(vx_client *client, vx_error *err);
    /* On the loop, after set_up; sends what the role has to tell. */
    void (*ready)(vx_client *client);
    /* On the pool: client->theta[client->computing] of session.working_on. */
    void (*compute)(vx_client *client);
    void (*send)(vx_client *client); /* the result of session.computed */
    /* The rest may be NULL; all on the loop. */
    void (*greet)(vx_client *client, vx_wire_hello *hello);
    vx_status (*welcomed)(vx_client *client, const vx_wire_welcome *welcome, vx_error *err);
    void (*verdict)(vx_client *client, uint64_t round, vx_wire_verdict verdict);
    float *(*state_room)(vx_client *client, uint64_t label); /* (d); NULL: nobody waits for it */
    void (*state)(vx_client *client);                        /* it is complete */
    vx_status (*shards)(vx_client *client, vx_cbytes message, vx_error *err);
    void (*idle)(vx_client *client); /* set-up or a computation has ended */
} vx_client_hooks;

struct vx_client {
    vx_client_hooks hooks;
    void *owner;
    const vx_bootstrap *bootstrap;
    vx_endpoint endpoints[VX_ENDPOINTS_MAX]; /* of the server, to be tried in this order */
    size_t endpoints_count, endpoint;        /* the one that is tried, or that answered */
    size_t tried;                            /* in this attempt */
    char dial_why[400];                      /* what became of them */
    vx_log log;
    char slot[12]; /* for the log: "3", "evaluator" */
    vx_clock clock;
    uv_loop_t loop;
    uv_timer_t dial_timer, heartbeat_timer;
    uv_signal_t sigterm, sigint, sigusr1;
    uv_work_t work;
    bool working;
    vx_session session;
    vx_conn *conn; /* NULL when the link is down */
    vx_dialer *dialer;
    vx_frame_header identity; /* job, epoch, slot, incarnation of the welcome */
    vx_bytes job_text;        /* owned */
    size_t dimension;         /* 0 = not known yet */
    float *theta[2];          /* (d): one is computed with while the other is filled */
    int computing, filling;
    uint16_t receiving_type;            /* the vector that comes in */
    uint64_t receiving, received_bytes; /* its round */
    float *receiving_at;                /* borrowed (d) */
    const char *complained_of; /* why the server is out of reach; NULL = not since it was here */
    uint64_t complained_ms;
    vx_status work_status;
    vx_error error;
    bool closing;
};

/* Runs until the session ends. err says why when it is not VX_OK. */
VX_MUST_CHECK vx_status vx_client_run(vx_client *client, const vx_client_hooks *hooks, void *owner,
                                      const vx_bootstrap *bootstrap, vx_error *err);
/* (d) floats twice; once. */
VX_MUST_CHECK vx_status vx_client_take_theta(vx_client *client, size_t dimension, vx_error *err);
/* A vector as frames of one type; message goes with the last one. Borrowed until the loop has sent
 * it. */
void vx_client_send_vector(vx_client *client, vx_wire_type type, uint64_t round, const float *at,
                           size_t count, vx_cbytes message);
void vx_client_send_message(vx_client *client, vx_wire_type type, uint64_t round,
                            vx_cbytes message);
/* The first outcome stays; why is for a person, unless it is VX_OK. */
void vx_client_end(vx_client *client, vx_status outcome, const char *why);
uint64_t vx_client_now_ms(const vx_client *client);

/* link.c: says hello on a new connection. */
void vx_link_greet(vx_client *client);
/* Tries the server's endpoints, beginning with the one that answered last. */
void vx_link_dial(vx_client *client, vx_dialer_done done);
/* One did not answer: tries the next one. False: it was the last; client->dial_why names all. */
bool vx_link_dial_next(vx_client *client, vx_dialer_done done, const vx_error *err);
/* The server is out of reach: what ("no connection"; not a copy), and why with its endpoint. Says
 * so, and ends the session when patience is spent or the run directory shows that the run is over.
 */
void vx_link_lost(vx_client *client, const char *what, const char *why);
#endif
