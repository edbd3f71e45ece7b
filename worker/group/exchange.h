#ifndef VX_GROUP_EXCHANGE_H
#define VX_GROUP_EXCHANGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mpi.h>

#include <vx_base/status.h>

/*
 * The sum of the vectors of all ranks, to rank 0, in the order of vx_base/sum.h, while they are
 * still being computed. A vector is made from its end to its beginning; it is cut into buckets, and
 * rank r adds the r-th slice of each. Each number is added in the same order wherever the buckets
 * are cut, so both paths give the same bits. One thread at a time.
 *
 * No wait has a time limit: ranks die together, so a rank that waits for one that has died is
 * killed by their launcher.
 */
typedef struct vx_exchange vx_exchange;

typedef enum vx_exchange_path {
    VX_EXCHANGE_MEMORY,   /* the vectors are in a window that all ranks, of one host, look into */
    VX_EXCHANGE_MESSAGES, /* buckets are sent; any ranks */
} vx_exchange_path;

typedef enum vx_exchange_mode {
    VX_EXCHANGE_OVERLAPPED, /* buckets are added while the rest is computed */
    VX_EXCHANGE_AFTER,      /* they are when all is computed: to compare */
} vx_exchange_mode;

/* For vectors of `dimension` numbers. VX_ERR_NOMEM, on this rank alone: then no rank may go on. */
VX_MUST_CHECK vx_status vx_exchange_create(MPI_Comm comm, size_t dimension, vx_exchange_path path,
                                           vx_exchange_mode mode, vx_exchange **ret_exchange);
/* Bytes of the window of all ranks together: (ranks + 2) dimension numbers, and a little. */
uint64_t vx_exchange_window_bytes(size_t dimension, size_t ranks);
/* Collective, once. The window is taken here. VX_ERR_SPACE, on all ranks: there is no room for it;
 * then the exchange can only be destroyed, and one by messages be made. Look for room before
 * (space.h): Open MPI tells rank 0 alone what it refuses by itself, and the others wait. */
VX_MUST_CHECK vx_status vx_exchange_connect(vx_exchange *self, MPI_Comm comm);
vx_exchange *vx_exchange_destroy(vx_exchange *self); /* collective; takes NULL */

/* After connect, until destroy, aligned as by vx_aligned_calloc. */
float *vx_exchange_part(vx_exchange *self);           /* (dimension): what this rank adds */
float *vx_exchange_sum(vx_exchange *self, int which); /* (dimension), which 0 or 1; of rank 0 */

/* The part is filled from now on; sum: one of the two of rank 0, NULL elsewhere. Rank 0 has to have
 * ended the round before, and the others to know it: by its command, or a barrier. */
void vx_exchange_begin(vx_exchange *self, float *sum);
/* Numbers from .. from + count of the part have their last value. Tells the others, and adds what
 * can be added without waiting. */
void vx_exchange_announce(vx_exchange *self, size_t from, size_t count);
/* All numbers have. Returns when this rank has nothing more to do for the sum; on rank 0: when the
 * sum is complete. */
void vx_exchange_end(vx_exchange *self);
#endif
