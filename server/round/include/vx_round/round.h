#ifndef VX_ROUND_ROUND_H
#define VX_ROUND_ROUND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The life of a run as a pure state machine: (state, event) -> action. No I/O, no clock, no heap:
 * the server drives it with libuv, tests and a simulator drive it by hand.
 *
 *   starting     waits for the planned slots, or for the least when the start timeout has passed
 *   collecting   parameters are out, gradients come in
 *   held         fewer gradients than the quorum can come now, or fewer workers than the least are
 *                there: waits for workers to return
 *   aggregating  rule and step run; nothing else may touch the rows that are in
 *   ended        done, stopped or failed
 */
typedef enum vx_round_state {
    VX_ROUND_STARTING,
    VX_ROUND_COLLECTING,
    VX_ROUND_HELD,
    VX_ROUND_AGGREGATING,
    VX_ROUND_ENDED,
    VX_ROUND_STATE_MAX
} vx_round_state;
const char *vx_round_state_name(vx_round_state state);

typedef enum vx_round_event_kind {
    VX_ROUND_EV_CENSUS,        /* somebody joined, went, or answered */
    VX_ROUND_EV_START_TIMEOUT, /* the start timeout has passed */
    VX_ROUND_EV_DEADLINE,      /* the round's deadline has passed */
    VX_ROUND_EV_COMMITTED,     /* aggregate and step are done */
    VX_ROUND_EV_FAILED,        /* aggregate or step could not be done */
    VX_ROUND_EV_STOP           /* asked to stop */
} vx_round_event_kind;

/* How many slots are where; comes with every event. */
typedef struct vx_round_census {
    size_t live;        /* connected and welcome */
    size_t collected;   /* gradients of this round that are in and valid */
    size_t outstanding; /* live slots that have not answered this round yet */
    size_t refused;     /* slots that have, with what cannot be used */
} vx_round_census;

typedef struct vx_round_event {
    vx_round_event_kind kind;
    vx_round_census census;
} vx_round_event;

typedef enum vx_round_action {
    VX_ROUND_DO_NOTHING,
    VX_ROUND_DO_PUBLISH,   /* send the parameters of round.number, arm the deadline */
    VX_ROUND_DO_AGGREGATE, /* close the round: rule, step, then VX_ROUND_EV_COMMITTED or _FAILED */
    VX_ROUND_DO_HOLD,      /* say who is missing */
    VX_ROUND_DO_RESUME,    /* enough workers are back: collecting goes on */
    VX_ROUND_DO_ABANDON,   /* a recorded round cannot be made again: it becomes a new one, open to
                              every slot */
    VX_ROUND_DO_FINISH,    /* every round is committed */
    VX_ROUND_DO_STOP,      /* stopped between two rounds */
    VX_ROUND_DO_FAIL       /* no progress is possible; round.failure says why */
} vx_round_action;

typedef struct vx_round {
    vx_round_state state;
    uint64_t number; /* of the round that is being made = rounds committed so far */
    uint64_t rounds; /* of the job */
    size_t slots;
    size_t planned; /* least..slots: the run starts when so many are live */
    size_t least;   /* quorum..planned: with fewer workers no round is closed */
    size_t quorum;  /* 1..slots */
    size_t enough;  /* quorum..slots: with so many gradients a round waits for no more */
    size_t needed;  /* > 0: a recorded round is made again, of exactly so many gradients */
    bool overdue;   /* the deadline has passed */
    bool stop;      /* asked to stop: the round that is being made is the last */
    const char *failure;
} vx_round;

/* planned and enough are slots, least is quorum. */
void vx_round_init(vx_round *round, uint64_t committed, uint64_t rounds, size_t slots,
                   size_t quorum);
/* Of a run that may have more slots than it waits for. */
void vx_round_plan(vx_round *round, size_t planned, size_t least);
/* Before it performs DO_PUBLISH the caller says what the round is: needed = 0, a new one; else a
 * recorded one, which closes with so many gradients and not before. */
void vx_round_replay(vx_round *round, size_t needed);
/* Back to an earlier round, while no round has begun. */
void vx_round_rewind(vx_round *round, uint64_t committed);
/* O(1). The caller performs the action; every action but DO_NOTHING comes once. */
vx_round_action vx_round_step(vx_round *round, vx_round_event event);
#endif
