#ifndef VX_SESSION_SESSION_H
#define VX_SESSION_SESSION_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/status.h>

/*
 * What a worker does next, as a pure state machine: events change the state, vx_session_next says
 * which action is due. No I/O, no clock, no heap. A driver calls next until it says WAIT.
 *
 * The link (down, dialing, greeting, up) and the computation (idle, working) go on independently: a
 * connection may break while a gradient is computed, and the gradient is sent over the next one, if
 * the server still wants it.
 */
typedef enum vx_session_link {
    VX_SESSION_DOWN,
    VX_SESSION_DIALING,
    VX_SESSION_GREETING, /* connected, hello sent */
    VX_SESSION_UP,       /* welcome */
    VX_SESSION_LINK_MAX
} vx_session_link;

typedef enum vx_session_action {
    VX_SESSION_WAIT,
    VX_SESSION_DIAL,    /* after session.delay_ms */
    VX_SESSION_GREET,   /* send the hello */
    VX_SESSION_SET_UP,  /* load data and model, then vx_session_set_up */
    VX_SESSION_COMPUTE, /* the gradient of session.wanted, then vx_session_computed */
    VX_SESSION_SEND,    /* the gradient of session.computed */
    VX_SESSION_END      /* session.outcome says how */
} vx_session_action;

#define VX_SESSION_NO_ROUND UINT64_MAX

/* How long the server may be out of reach before the worker gives up. */
typedef struct vx_session_patience {
    uint64_t first_ms; /* a server that has never welcomed it */
    uint64_t again_ms; /* one that has */
} vx_session_patience;

typedef struct vx_session {
    vx_session_link link;
    bool acted; /* the link's action has been given out */
    bool setting_up, ready, working, ended;
    bool joined;       /* has been welcomed once */
    bool outdated;     /* what is being computed is no longer wanted */
    bool blocked;      /* nothing is computed until the owner says so */
    uint32_t epoch;    /* of the last welcome */
    uint32_t failures; /* dials in a row that came to nothing */
    uint32_t slot;
    uint32_t delay_ms;
    uint64_t seed;
    uint64_t down_since_ms; /* nothing came from the server since then */
    vx_session_patience patience;
    uint64_t wanted;   /* newest round whose parameters are here */
    uint64_t computed; /* round of the gradient that is at hand */
    uint64_t sent;     /* newest round sent on this link */
    uint64_t working_on;
    uint64_t staleness; /* rounds that a gradient may be behind and still be sent */
    vx_status outcome;
} vx_session;

/* seed and slot make the jitter. */
void vx_session_init(vx_session *session, uint64_t seed, uint32_t slot, uint64_t now_ms,
                     vx_session_patience patience);
vx_session_action vx_session_next(vx_session *session);

void vx_session_connected(vx_session *session);
/* A heartbeat came: a server that lets us wait for the welcome is not out of reach. */
void vx_session_heard(vx_session *session, uint64_t now_ms);
/* Backs off: 100 ms x 2^failures, at most 5 s, half of it random. Gives up when patience is spent.
 */
void vx_session_lost(vx_session *session, uint64_t now_ms);
/* How long the next step of a link that is not up may take: at_most_ms, less when patience ends
 * before; not less than a second. */
uint64_t vx_session_limit_ms(const vx_session *session, uint64_t now_ms, uint64_t at_most_ms);
/* A gradient of another epoch is forgotten, also one that is being computed: its parameters were
 * another server's. */
void vx_session_welcomed(vx_session *session, uint32_t epoch);
void vx_session_set_up(vx_session *session); /* setting up is done */
/* Newer parameters begin to come in, over the ones that were wanted. */
void vx_session_replacing(vx_session *session);
void vx_session_parameters(vx_session *session, uint64_t round);
void vx_session_computed(vx_session *session); /* the gradient of working_on is at hand */
/* While blocked, no computation begins: what it would start from is not known yet. */
void vx_session_block(vx_session *session, bool blocked);
/* The gradient at hand, or being computed, must not be sent: it was made of a state that is gone.
 */
void vx_session_forget(vx_session *session);
void vx_session_end(vx_session *session, vx_status outcome); /* the first outcome stays */
#endif
