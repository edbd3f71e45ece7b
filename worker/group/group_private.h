#ifndef VX_GROUP_GROUP_PRIVATE_H
#define VX_GROUP_GROUP_PRIVATE_H
#include <mpi.h>

#include <vx_bootstrap/bootstrap.h>
#include <vx_group/group.h>
#include <vx_task/task.h>

#include "exchange.h"

typedef enum vx_group_word {
    VX_GROUP_SET_UP,   /* size: of the job's text, which follows */
    VX_GROUP_SHARDS,   /* size: numbers of shards, which follow */
    VX_GROUP_GRADIENT, /* of round; the parameters are there */
    VX_GROUP_STOP
} vx_group_word;

typedef struct vx_group_command {
    uint64_t word, round, size;
} vx_group_command;

typedef struct vx_group {
    int rank, size;
    MPI_Comm commands;    /* all ranks, rank 0 leads */
    MPI_Comm node, heads; /* ranks of this host; the first one of each host, or MPI_COMM_NULL */
    int node_rank, node_size;
    int hosts;
    MPI_Win window;   /* of theta, once a host; or MPI_WIN_NULL */
    float *own_theta; /* (d) owned: where there is no window */
    float *theta;     /* (d) borrowed from one of the two */
    size_t dimension;
    vx_exchange *exchange;  /* has the vectors that are added */
    vx_bootstrap bootstrap; /* the token is there on rank 0 alone */
    vx_task task;           /* of the others; rank 0's is its worker's */
} vx_group;

/* command.c: what passes between the leader and the others, all collective. */

/* Tells the others what is next. Rank 0 alone. */
void vx_group_lead(vx_group *group, vx_group_command command);
/* Waits for it, asleep. The others alone. */
vx_group_command vx_group_await(vx_group *group);
/* The same for `size` bytes (up to INT_MAX) of rank 0 of comm to all of it; rank 0 waits too. */
void vx_group_tell(MPI_Comm comm, void *at, size_t size);
/* Bytes of rank 0 to everybody, however many. */
void vx_group_spread(MPI_Comm comm, void *at, size_t size);
/* Everybody has tried something: VX_OK when all have managed, else what the first rank that has not
 * says, on each of them. */
VX_MUST_CHECK vx_status vx_group_agree(vx_group *group, vx_status status, const vx_error *why,
                                       vx_error *err);

/* vectors.c: the parameters and what is added, of all ranks; collective. */

/*
 * Takes the memory of group->dimension numbers: in windows that the ranks of a host share, where
 * every host has room for its own. Else no rank has one: then parameters are each rank's own, sums
 * go by messages, and a rank of each host that lacks room says so on standard error. The bits are
 * the same. VX_ERR_NOMEM, on all ranks.
 */
VX_MUST_CHECK vx_status vx_group_take_vectors(vx_group *group, vx_error *err);
/* Rank 0 alone, before its command, and what all do after it. */
void vx_group_put_theta(vx_group *group, vx_cvecf theta);
void vx_group_get_theta(vx_group *group);
void vx_group_leave_vectors(vx_group *group); /* also when they were not taken */

/* round.c: what both do, the leader after its command. */
VX_MUST_CHECK vx_status vx_group_set_up(vx_group *group, vx_cbytes job, vx_task *ret_task,
                                        vx_error *err);
VX_MUST_CHECK vx_status vx_group_take_shards(vx_group *group, vx_task *task, const uint32_t *shards,
                                             size_t count, vx_error *err);
/* ret_gradient (d), a sum of the exchange, and ret_about of rank 0; elsewhere they are NULL. */
void vx_group_gradient(vx_group *group, vx_task *task, uint64_t round, float *ret_gradient,
                       vx_task_gradient *ret_about);
void vx_group_take_down(vx_group *group);

/*
 * patience.c: a host that is cut off and a rank that is stopped leave the others waiting in MPI for
 * ever, while the leader's session goes on as if nothing were. So what is expected has a bound, in
 * seconds: when it is passed the process says so and kills its parent, which is the launcher (or
 * its daemon on this host), and ends. The agent then starts all of them again. By bootstrap.group_s
 * when that is not 0:
 * the start: 600, or group_s if that is more. Only when a launcher has set its environment;
 * a gradient: group_s, else 600 or twice workers.deadline_s, the larger;
 * the end: 30.
 * Each takes the place of the one before; for one thread at a time.
 */
void vx_group_know_launcher(void); /* it is our parent now; before anything else */
void vx_group_expect_start(const vx_group *group);
void vx_group_expect_gradient(const vx_group *group, const vx_task *task);
void vx_group_expect_end(const vx_group *group);
void vx_group_expect_nothing(void);
#endif
