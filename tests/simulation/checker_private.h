#ifndef VX_SIMULATION_CHECKER_PRIVATE_H
#define VX_SIMULATION_CHECKER_PRIVATE_H
#include "checker.h"
#include "server_private.h"

#include <vx_transport/frame.h>

struct sim_socket;

/* What is known of the run when so many rounds are committed. */
typedef struct sim_record {
    bool known;
    sim_state state;
    vx_digest digest;
    /* of the round that led here */
    uint32_t included;                  /* slots */
    uint64_t of_round[SIM_WORKERS_MAX]; /* the round that each row was made for */
    bool owners_known;
    uint32_t owners[SIM_WORKERS_MAX]; /* of the shards */
} sim_record;

/* A gradient that a program has sent. */
typedef struct sim_sent {
    bool fits; /* its identity is that of its connection */
    uint32_t epoch;
    uint64_t round;
    float numbers[SIM_DIMENSION_MAX];
} sim_sent;
#define SIM_SENT_KEPT 1024 /* one who floods sends 50 for each time that it is asked */

typedef struct sim_identity {
    uint32_t epoch, slot, incarnation;
} sim_identity;
#define SIM_SOCKETS_MAX 65536

/* One life of the server. */
typedef struct sim_life {
    uint32_t epoch;
    bool finishing, may_save; /* then a checkpoint of what is committed is due */
    bool dump_due, log_due;   /* it has heard USR2, HUP */
    bool evaluator_failed;
    unsigned evaluators_killed;
    bool drained, in_order; /* how it ended: with a checkpoint of everything; on a sound disk */
} sim_life;

/* Who draws from what. A set of shards has one bit each. checker_shards.c */
typedef struct sim_shards {
    uint32_t owners[SIM_WORKERS_MAX]; /* in the round that is collected */
    /* this life of the server */
    uint64_t border;  /* 1 + the round that began last; 0 = none yet */
    uint64_t seen_ns; /* of the last event: what a border has seen is not older */
    uint32_t lent;
    uint32_t now[SIM_WORKERS_MAX];                  /* told last on the connection of the slot */
    uint32_t told[SIM_WORKERS_MAX][SIM_ROUNDS_MAX]; /* with the parameters of the round */
    uint64_t reassigned, idle[SIM_WORKERS_MAX];
    sim_membership seen; /* in every life */
} sim_shards;

typedef struct sim_checker {
    const sim_scenario *scenario;
    const sim_model *model;
    sim_record records[SIM_ROUNDS_MAX + 1];
    sim_record other; /* what the newest one is, if it is not that one; nobody has heard of it */
    uint64_t saved;   /* rounds of the newest checkpoint that was reported */
    uint64_t saved_before;  /* and of the one before it */
    uint64_t anew;          /* rounds that were made anew, and it was stated */
    uint64_t momentum_lost; /* gradients of a worker whose momentum began anew */
    uint64_t seen;          /* rounds, after the last event */
    bool branched;          /* a checkpoint that could not be read has been skipped */
    uint64_t commits;       /* seen */
    bool all_included;
    uint64_t last; /* rounds committed last */
    /* rounds that the ledger has; more than last while recorded ones are made again */
    uint64_t recorded;
    sim_sent sent[SIM_WORKERS_MAX][SIM_SENT_KEPT];
    unsigned sent_count[SIM_WORKERS_MAX];
    sim_identity identities[SIM_SOCKETS_MAX]; /* of the welcome on that socket */
    sim_life life;
    bool was_drained; /* the life before */
    bool over;        /* a server has ended in order, and none has shown itself since */
    sim_shards shards;
    /* this life of the server */
    bool was_ready, counted_at_end;
    uint64_t saved_seen;
    uint64_t included[SIM_WORKERS_MAX], told_round[SIM_WORKERS_MAX];
    sim_base accepted[SIM_WORKERS_MAX]; /* the gradient that was accepted last, or what was there */
    /* the work item that runs */
    bool aggregating, committed;
    bool replaces; /* it makes a recorded round anew: if nobody hears of it, either may be there */
    uint64_t round;
    bool present[SIM_WORKERS_MAX];
    uint64_t of_round[SIM_WORKERS_MAX]; /* of those rows */
    bool can_step;
    sim_state next; /* what the round must lead to */
} sim_checker;

extern sim_checker sim_check;

const vx_server *sim_checker_server(const sim_process *process);     /* NULL: it has no loop now */
const vx_server *sim_checker_last_sight(const sim_process *process); /* of one that has ended */
bool sim_checker_is_hostile(unsigned slot); /* its program may send anything */
/* It may just have become ready, see above. */
void sim_checker_look_for_start(const vx_server *server);
/* Its recovery may just have gone back to its checkpoint, or forward again. */
void sim_checker_look_for_move(const vx_server *server);
void sim_checker_look_for_save(const vx_server *server); /* or have saved a checkpoint */
/* The work item may just have been committed: called before anything of it goes out. */
void sim_checker_look_for_commit(const vx_server *server);
sim_record *sim_checker_set_record(uint64_t rounds, const sim_state *state);
sim_record sim_checker_made(void); /* what the round that was made last leads to */
void sim_checker_set_made(void);
void sim_checker_forget_beyond(uint64_t rounds);
void sim_checker_same_state(const vx_server *server, const sim_state *state, const char *promise,
                            uint64_t rounds);
/* checker_ends.c */
void sim_checker_look_for_finish(const vx_server *server);
/* checker_files.c */
void sim_checker_look_at_documents(void); /* whichever there are, at any moment */
void sim_checker_look_at_result(const char *state);
void sim_checker_look_at_dump(void);
void sim_checker_look_at_checkpoint(void); /* the newest is of the last round */
void sim_checker_look_at_log(void);
bool sim_checker_keeps_updates(void);  /* no recorded round is ever made anew */
bool sim_checker_records_rounds(void); /* a recorded round survives what is not synced */
/* checker_rows.c */
void sim_checker_rows(const vx_server *server); /* a round is about to be made of these rows */
void sim_checker_accepted(const vx_server *server, unsigned slot, uint64_t round);
/* checker_shards.c */
void sim_shards_begin(void);
void sim_shards_server_started(void);
void sim_shards_look_for_border(const vx_server *server); /* a round may just have begun */
void sim_shards_told(const vx_server *server, const vx_frame_header *header,
                     const uint8_t *message); /* a frame to a worker */
/* Told to the slot with the parameters of this round; 0: it was sent none. */
uint32_t sim_shards_of(unsigned slot, uint64_t round);
void sim_shards_rows(const vx_server *server);      /* and what is recorded of them */
void sim_shards_committed(const vx_server *server); /* of what is in sim_check.present */
void sim_shards_event(const vx_server *server);
bool sim_shards_at_home(void); /* each is with its own slot */
/* checker_frames.c */
void sim_checker_frame(sim_process *process, struct sim_socket *socket, const uint8_t *frame,
                       size_t size);
/* A frame of the byzantine program, which sends past the loop. */
void sim_checker_gradient(const struct sim_socket *socket, unsigned slot, const uint8_t *frame,
                          size_t size);
const sim_sent *sim_checker_find_sent(unsigned slot, uint32_t epoch, uint64_t round,
                                      const float *row);
#endif
