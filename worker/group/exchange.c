#include "exchange.h"

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_base/sum.h>

#define BUCKET_MIN                                                                                 \
    ((size_t)1 << 16)                /* numbers: 256 KiB; smaller ones cost more than they carry   \
                                      */
#define BUCKET_MAX ((size_t)1 << 20) /* 4 MiB: the first of a large layer leave early */
#define SLICE_UNIT 16                /* numbers: a line of the cache */

typedef struct bucket {
    size_t from, count, slice; /* slice: numbers of each rank but the last ones */
    size_t room;               /* where in the scratch its slices come in */
    MPI_Request scatter, gather;
} bucket;

struct vx_exchange {
    MPI_Comm scatters, gathers; /* calls of one communicator are in one order on all ranks */
    int rank, size;
    size_t dimension;
    vx_exchange_mode mode;
    bucket *buckets; /* (buckets_max) */
    size_t buckets_max, posted, added, arrived;
    float *scratch; /* (d and a little) */
    size_t used;
    const float *part;
    float *sum;
    size_t low;  /* all from here on is complete */
    size_t left; /* all below is not in a bucket yet */
};

vx_status vx_exchange_create(MPI_Comm comm, size_t dimension, vx_exchange_mode mode,
                             vx_exchange **ret_exchange)
{
    vx_exchange *self = vx_calloc(1, sizeof(*self));
    size_t spare = 0;

    if (self == NULL)
        return VX_ERR_NOMEM;
    self->dimension = dimension;
    self->mode = mode;
    self->buckets_max = dimension / BUCKET_MIN + 2;
    MPI_Comm_rank(comm, &self->rank);
    MPI_Comm_size(comm, &self->size);
    VX_ASSERT(self->size <= VX_BLOCKS_MAX);
    spare = self->buckets_max * SLICE_UNIT * (size_t)self->size;
    self->buckets = vx_calloc(self->buckets_max, sizeof(*self->buckets));
    self->scratch = vx_aligned_calloc(dimension + spare, sizeof(float));
    if (self->buckets == NULL || self->scratch == NULL) {
        vx_free(self->buckets);
        vx_free(self->scratch);
        vx_free(self);
        return VX_ERR_NOMEM;
    }
    self->scatters = self->gathers = MPI_COMM_NULL;
    *ret_exchange = self;
    return VX_OK;
}

void vx_exchange_connect(vx_exchange *self, MPI_Comm comm)
{
    MPI_Comm_dup(comm, &self->scatters);
    MPI_Comm_dup(comm, &self->gathers);
}

vx_exchange *vx_exchange_destroy(vx_exchange *self)
{
    if (self == NULL)
        return NULL;
    if (self->scatters != MPI_COMM_NULL) {
        MPI_Comm_free(&self->scatters);
        MPI_Comm_free(&self->gathers);
    }
    vx_free(self->buckets);
    vx_free(self->scratch);
    vx_free(self);
    return NULL;
}

void vx_exchange_begin(vx_exchange *self, const float *part, float *sum)
{
    self->part = part;
    self->sum = sum;
    self->low = self->left = self->dimension;
    self->posted = self->added = self->arrived = self->used = 0;
}

/* How many numbers of a bucket are rank r's, and where they begin in it. */
static size_t slice_of(const bucket *b, size_t r, size_t *ret_from)
{
    size_t from = r * b->slice < b->count ? r * b->slice : b->count;

    *ret_from = from;
    return b->count - from < b->slice ? b->count - from : b->slice;
}

static void post(vx_exchange *self, size_t from, size_t count)
{
    int send[VX_BLOCKS_MAX], send_at[VX_BLOCKS_MAX], take[VX_BLOCKS_MAX], take_at[VX_BLOCKS_MAX];
    size_t g = (size_t)self->size;
    size_t unit = (count + g - 1) / g;
    bucket *b = &self->buckets[self->posted];
    size_t begin = 0;
    size_t mine = 0;

    VX_ASSERT(self->posted < self->buckets_max);
    self->posted++;
    *b = (bucket){ .from = from,
                   .count = count,
                   .slice = (unit + SLICE_UNIT - 1) / SLICE_UNIT * SLICE_UNIT,
                   .room = self->used,
                   .gather = MPI_REQUEST_NULL };
    mine = slice_of(b, (size_t)self->rank, &begin);
    for (size_t r = 0; r < g; r++) {
        send[r] = (int)slice_of(b, r, &begin);
        send_at[r] = (int)begin;
        take[r] = (int)mine;
        take_at[r] = (int)(r * b->slice);
    }
    self->used += g * b->slice;
    MPI_Ialltoallv(self->part + from, send, send_at, MPI_FLOAT, self->scratch + b->room, take,
                   take_at, MPI_FLOAT, self->scatters, &b->scatter);
}

/* The slices of a bucket have come: their sum leaves. */
static void add(vx_exchange *self, bucket *b)
{
    const float *parts[VX_BLOCKS_MAX];
    int take[VX_BLOCKS_MAX], take_at[VX_BLOCKS_MAX];
    float *at = self->scratch + b->room;
    size_t begin = 0;
    size_t mine = slice_of(b, (size_t)self->rank, &begin);

    for (size_t r = 0; r < (size_t)self->size; r++) {
        parts[r] = at + r * b->slice;
        take[r] = (int)slice_of(b, r, &begin);
        take_at[r] = (int)begin;
    }
    vx_sum_parts_f32(parts, (size_t)self->size, mine, at);
    MPI_Igatherv(at, (int)mine, MPI_FLOAT, self->rank == 0 ? self->sum + b->from : NULL, take,
                 take_at, MPI_FLOAT, 0, self->gathers, &b->gather);
}

/* Goes on with what is on its way, waiting for nothing. */
static void progress(vx_exchange *self)
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

static void post_from(vx_exchange *self, size_t low, size_t least)
{
    while (self->left - low >= least) {
        size_t count = self->left - low < BUCKET_MAX ? self->left - low : BUCKET_MAX;

        self->left -= count;
        post(self, self->left, count);
    }
}

void vx_exchange_announce(vx_exchange *self, size_t from, size_t count)
{
    /* What does not join the end waits for the last call: no network does that. */
    if (from + count == self->low)
        self->low = from;
    if (self->mode == VX_EXCHANGE_AFTER)
        return;
    post_from(self, self->low, BUCKET_MIN);
    progress(self);
}

void vx_exchange_end(vx_exchange *self)
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
