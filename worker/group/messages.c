#include "exchange_private.h"

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_base/sum.h>

/* A part that is complete and large enough is a bucket: rank r gets the r-th slice of it from
 * everybody (MPI_Ialltoallv), adds them, and sends the sum to rank 0 (MPI_Igatherv). Every rank
 * cuts the same ones, as all announce the same. */
#define BUCKET_MIN                                                                                 \
    ((size_t)1 << 16)                /* numbers: 256 KiB; smaller ones cost more than they carry   \
                                      */
#define BUCKET_MAX ((size_t)1 << 20) /* 4 MiB: the first of a large layer leave early */

typedef struct bucket {
    size_t from, count, slice; /* slice: numbers of rank 0; nobody has more */
    size_t room;               /* where in the scratch its slices come in */
    MPI_Request scatter, gather;
    /* Counts and places of all ranks; MPI may look at them until scatter and gather are done. */
    int share[VX_BLOCKS_MAX], share_at[VX_BLOCKS_MAX]; /* of the bucket */
    int taken[VX_BLOCKS_MAX], taken_at[VX_BLOCKS_MAX]; /* of what comes to this rank */
} bucket;

struct vx_messages {
    MPI_Comm scatters, gathers; /* calls of one communicator are in one order on all ranks */
    int rank, size;
    size_t dimension;
    bucket *buckets; /* (buckets_max) */
    size_t buckets_max, posted, added, arrived;
    float *scratch; /* (d and a little) */
    size_t used;
    float *part, *sums[2]; /* (d); sums of rank 0 alone */
    float *sum;
    size_t left; /* all below is not in a bucket yet */
};

static bool take_memory(vx_messages *self)
{
    size_t spare = self->buckets_max * VX_EXCHANGE_UNIT * (size_t)self->size;

    self->buckets = vx_calloc(self->buckets_max, sizeof(*self->buckets));
    self->scratch = vx_aligned_calloc(self->dimension + spare, sizeof(float));
    self->part = vx_aligned_calloc(self->dimension, sizeof(float));
    for (int i = 0; self->rank == 0 && i < 2; i++)
        self->sums[i] = vx_aligned_calloc(self->dimension, sizeof(float));
    return self->buckets != NULL && self->scratch != NULL && self->part != NULL &&
           (self->rank != 0 || (self->sums[0] != NULL && self->sums[1] != NULL));
}

vx_status vx_messages_create(MPI_Comm comm, size_t dimension, vx_messages **ret)
{
    vx_messages *self = vx_calloc(1, sizeof(*self));

    if (self == NULL)
        return VX_ERR_NOMEM;
    self->dimension = dimension;
    self->buckets_max = dimension / BUCKET_MIN + 2;
    self->scatters = self->gathers = MPI_COMM_NULL;
    MPI_Comm_rank(comm, &self->rank);
    MPI_Comm_size(comm, &self->size);
    VX_ASSERT(self->size <= VX_BLOCKS_MAX);
    if (!take_memory(self)) {
        (void)vx_messages_destroy(self);
        return VX_ERR_NOMEM;
    }
    *ret = self;
    return VX_OK;
}

void vx_messages_connect(vx_messages *self, MPI_Comm comm, float **ret_part, float *ret_sums[2])
{
    MPI_Comm_dup(comm, &self->scatters);
    MPI_Comm_dup(comm, &self->gathers);
    *ret_part = self->part;
    ret_sums[0] = self->sums[0];
    ret_sums[1] = self->sums[1];
}

vx_messages *vx_messages_destroy(vx_messages *self)
{
    if (self == NULL)
        return NULL;
    if (self->scatters != MPI_COMM_NULL) {
        MPI_Comm_free(&self->scatters);
        MPI_Comm_free(&self->gathers);
    }
    vx_free(self->buckets);
    vx_free(self->scratch);
    vx_free(self->part);
    vx_free(self->sums[0]);
    vx_free(self->sums[1]);
    vx_free(self);
    return NULL;
}

void vx_messages_begin(vx_messages *self, float *sum)
{
    self->sum = sum;
    self->left = self->dimension;
    self->posted = self->added = self->arrived = self->used = 0;
}

static void post(vx_messages *self, size_t from, size_t count)
{
    size_t g = (size_t)self->size;
    bucket *b = &self->buckets[self->posted];
    size_t begin = 0;
    size_t mine = 0;

    VX_ASSERT(self->posted < self->buckets_max);
    self->posted++;
    *b = (bucket){ .from = from,
                   .count = count,
                   .slice = vx_exchange_slice(count, g, 0, &begin),
                   .room = self->used,
                   .gather = MPI_REQUEST_NULL };
    mine = vx_exchange_slice(count, g, (size_t)self->rank, &begin);
    for (size_t r = 0; r < g; r++) {
        b->share[r] = (int)vx_exchange_slice(count, g, r, &begin);
        b->share_at[r] = (int)begin;
        b->taken[r] = (int)mine;
        b->taken_at[r] = (int)(r * b->slice);
    }
    self->used += g * b->slice;
    MPI_Ialltoallv(self->part + from, b->share, b->share_at, MPI_FLOAT, self->scratch + b->room,
                   b->taken, b->taken_at, MPI_FLOAT, self->scatters, &b->scatter);
}

/* The slices of a bucket have come: their sum leaves. */
static void add(vx_messages *self, bucket *b)
{
    const float *parts[VX_BLOCKS_MAX];
    float *at = self->scratch + b->room;
    int mine = b->share[self->rank];

    for (size_t r = 0; r < (size_t)self->size; r++)
        parts[r] = at + r * b->slice;
    vx_sum_parts_f32(parts, (size_t)self->size, (size_t)mine, at);
    MPI_Igatherv(at, mine, MPI_FLOAT, self->rank == 0 ? self->sum + b->from : NULL, b->share,
                 b->share_at, MPI_FLOAT, 0, self->gathers, &b->gather);
}

/* Goes on with what is on its way, waiting for nothing. */
static void progress(vx_messages *self)
{
    int done = 1;

    while (self->added < self->posted) {
        MPI_Test(&self->buckets[self->added].scatter, &done, MPI_STATUS_IGNORE);
        if (done == 0)
            break;
        add(self, &self->buckets[self->added++]);
    }
    while (self->arrived < self->added) {
        MPI_Test(&self->buckets[self->arrived].gather, &done, MPI_STATUS_IGNORE);
        if (done == 0)
            break;
        self->arrived++;
    }
}

static void post_from(vx_messages *self, size_t low, size_t least)
{
    while (self->left - low >= least) {
        size_t count = self->left - low < BUCKET_MAX ? self->left - low : BUCKET_MAX;

        self->left -= count;
        post(self, self->left, count);
    }
}

void vx_messages_advance(vx_messages *self, size_t low)
{
    post_from(self, low, BUCKET_MIN);
    progress(self);
}

void vx_messages_finish(vx_messages *self)
{
    post_from(self, 0, 1);
    while (self->added < self->posted) {
        bucket *b = &self->buckets[self->added++];

        /* Begun in post(). NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker) */
        MPI_Wait(&b->scatter, MPI_STATUS_IGNORE);
        add(self, b);
        progress(self);
    }
    for (; self->arrived < self->added; self->arrived++)
        /* Begun in add(). NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker) */
        MPI_Wait(&self->buckets[self->arrived].gather, MPI_STATUS_IGNORE);
}
