#ifndef VX_GROUP_EXCHANGE_H
#define VX_GROUP_EXCHANGE_H
#include <stdbool.h>
#include <stddef.h>

#include <mpi.h>

#include <vx_base/status.h>

/*
 * The sum of the vectors of all ranks, to rank 0, in one order, while they are still being
 * computed. A vector is made from its end to its beginning. Each part that is complete and large
 * enough is a bucket: rank r gets the r-th slice of it from everybody (MPI_Ialltoallv), adds them
 * by the tree of vx_base/sum.h, and sends the sum to rank 0 (MPI_Igatherv). Each number is added in
 * the same order wherever the buckets are cut. Every rank cuts the same ones. One thread at a time.
 */
typedef struct vx_exchange vx_exchange;

typedef enum vx_exchange_mode {
    VX_EXCHANGE_OVERLAPPED, /* buckets leave while the rest is computed */
    VX_EXCHANGE_AFTER,      /* they leave when all is computed: to compare */
} vx_exchange_mode;

/* Takes all memory, for vectors of `dimension` numbers. VX_ERR_NOMEM, on this rank alone: then no
 * rank may go on. */
VX_MUST_CHECK vx_status vx_exchange_create(MPI_Comm comm, size_t dimension, vx_exchange_mode mode,
                                           vx_exchange **ret_exchange);
void vx_exchange_connect(vx_exchange *self, MPI_Comm comm); /* collective, once */
vx_exchange *vx_exchange_destroy(vx_exchange *self);        /* collective; takes NULL */

/* part (d) is filled from now on; sum (d), of rank 0, NULL elsewhere. Both stay until the end. */
void vx_exchange_begin(vx_exchange *self, const float *part, float *sum);
/* Numbers from .. from + count of part have their last value. Sends what has become enough, and
 * lets MPI go on with what is on its way. */
void vx_exchange_announce(vx_exchange *self, size_t from, size_t count);
/* All numbers have. Waits until sum is complete on rank 0, and part is free. */
void vx_exchange_end(vx_exchange *self);
#endif
