#include "exchange_private.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_base/sum.h>

#include "space.h"

#define BUCKET     ((size_t)1 << 15) /* numbers: 128 KiB, still in a cache when they are added */
#define LINE       ((size_t)64)
#define YIELDS     200
#define NAP_NS     20000L
#define NAP_NS_MAX 500000L

/*
 * What a rank tells the others, in a line of the window. It alone writes it. The counters only
 * grow, from round to round too, so that none is ever set back under the eyes of another rank.
 *
 * complete: numbers that it has computed: d of each round before, and those of this round. The
 *   release store in tell() comes after the writes to them, and pairs with the acquire load in
 *   reached(): whoever sees the count sees the numbers. Rank 0 chooses `sum` before its first such
 *   store of the round, so the same pair shows it to whoever may add.
 * ended: rounds in which it has added all its slices. The release store in finish() comes after its
 *   reads of the parts and its writes to the sum; it pairs with the acquire load of rank 0 in
 *   reached(), before the sum is used and the next round is commanded.
 *
 * Nobody writes what another still reads: rank 0 ends a round after it has seen `ended` of all, and
 * a rank begins the next one after a message of rank 0 that follows its end.
 */
typedef struct head {
    _Atomic uint64_t complete, ended;
    int sum; /* which of the two; rank 0's */
} head;

_Static_assert(sizeof(head) <= LINE, "a head is one line of the cache");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(long long) == sizeof(uint64_t),
               "an atomic with a lock works in one process only");

struct vx_memory {
    MPI_Comm comm; /* borrowed */
    MPI_Win window;
    size_t rank, size, dimension;
    head *heads[VX_BLOCKS_MAX];
    const float *parts[VX_BLOCKS_MAX];
    float *sums[2];
    uint64_t rounds;
    size_t left; /* buckets from here on are added, as far as they are this rank's */
};

vx_status vx_memory_create(MPI_Comm comm, size_t dimension, vx_memory **ret)
{
    vx_memory *self = vx_calloc(1, sizeof(*self));
    int rank = 0;
    int size = 0;

    if (self == NULL)
        return VX_ERR_NOMEM;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    VX_ASSERT(size <= VX_BLOCKS_MAX);
    self->rank = (size_t)rank;
    self->size = (size_t)size;
    self->dimension = dimension;
    self->window = MPI_WIN_NULL;
    *ret = self;
    return VX_OK;
}

/* Bytes of a vector, so that what follows it begins with a line. */
static size_t room_of(size_t dimension)
{
    return (dimension * sizeof(float) + LINE - 1) / LINE * LINE;
}

/* Of one rank. */
static size_t bytes_of(size_t dimension, size_t rank)
{
    return 2 * LINE + (rank == 0 ? 3 : 1) * room_of(dimension);
}

uint64_t vx_memory_bytes(size_t dimension, size_t ranks)
{
    uint64_t bytes = 0;

    for (size_t r = 0; r < ranks; r++)
        bytes += bytes_of(dimension, r);
    return bytes;
}

/* Where each rank's memory begins here. MPI promises no alignment: each rank has a line more than
 * it needs, and says how much of it stays empty. */
static void look(vx_memory *self, char *own)
{
    uint64_t skip[VX_BLOCKS_MAX];
    size_t room = room_of(self->dimension);

    skip[self->rank] = (LINE - (uintptr_t)own % LINE) % LINE;
    MPI_Allgather(MPI_IN_PLACE, 1, MPI_UINT64_T, skip, 1, MPI_UINT64_T, self->comm);
    for (size_t r = 0; r < self->size; r++) {
        MPI_Aint bytes = 0;
        int unit = 0;
        char *at = NULL;

        MPI_Win_shared_query(self->window, (int)r, &bytes, &unit, &at);
        at += skip[r];
        self->heads[r] = (head *)(void *)at;
        self->parts[r] = (const float *)(void *)(at + LINE);
        for (size_t i = 0; r == 0 && i < 2; i++)
            self->sums[i] = (float *)(void *)(at + LINE + (i + 1) * room);
    }
}

/* Each rank's memory is its own: its pages are on the node of the rank that fills them. */
vx_status vx_memory_connect(vx_memory *self, MPI_Comm comm, float **ret_part, float *ret_sums[2])
{
    size_t bytes = bytes_of(self->dimension, self->rank);
    MPI_Info info = MPI_INFO_NULL;
    char *own = NULL;
    int there = 0;

    self->comm = comm;
    MPI_Info_create(&info);
    MPI_Info_set(info, "alloc_shared_noncontig", "true");
    MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, comm, &own, &self->window);
    MPI_Info_free(&info);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, self->window);
    there = vx_space_take(own, bytes) ? 1 : 0;
    MPI_Allreduce(MPI_IN_PLACE, &there, 1, MPI_INT, MPI_MIN, comm);
    if (there == 0)
        return VX_ERR_SPACE;
    memset(own, 0, bytes); /* the counters too, before anybody looks at them */
    MPI_Win_sync(self->window);
    look(self, own);
    MPI_Barrier(comm);
    MPI_Win_sync(self->window);
    *ret_part = (float *)(void *)((char *)self->heads[self->rank] + LINE);
    for (int i = 0; i < 2; i++)
        ret_sums[i] = self->rank == 0 ? self->sums[i] : NULL;
    return VX_OK;
}

vx_memory *vx_memory_destroy(vx_memory *self)
{
    if (self == NULL)
        return NULL;
    if (self->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(self->window);
        MPI_Win_free(&self->window);
    }
    vx_free(self);
    return NULL;
}

void vx_memory_begin(vx_memory *self, float *sum)
{
    if (self->rank == 0)
        self->heads[0]->sum = sum == self->sums[0] ? 0 : 1;
    self->left = (self->dimension + BUCKET - 1) / BUCKET;
}

static bool reached(const _Atomic uint64_t *counter, uint64_t value)
{
    return atomic_load_explicit(counter, memory_order_acquire) >= value;
}

/* What `complete` of a rank is when all of a bucket and what is above it is there. */
static uint64_t complete_with(const vx_memory *self, size_t bucket)
{
    return self->rounds * self->dimension + (self->dimension - bucket * BUCKET);
}

static void tell(vx_memory *self, size_t low)
{
    uint64_t complete = self->rounds * self->dimension + (self->dimension - low);

    atomic_store_explicit(&self->heads[self->rank]->complete, complete, memory_order_release);
}

/* This rank's slice of a bucket that everybody has completed. */
static void add(vx_memory *self, size_t bucket)
{
    const float *parts[VX_BLOCKS_MAX];
    size_t from = bucket * BUCKET;
    size_t count = self->dimension - from < BUCKET ? self->dimension - from : BUCKET;
    size_t begin = 0;
    size_t mine = vx_exchange_slice(count, self->size, self->rank, &begin);

    for (size_t r = 0; r < self->size; r++)
        parts[r] = self->parts[r] + from + begin;
    vx_sum_parts_f32(parts, self->size, mine, self->sums[self->heads[0]->sum] + from + begin);
}

void vx_memory_advance(vx_memory *self, size_t low)
{
    tell(self, low);
    while (self->left > 0) {
        uint64_t value = complete_with(self, self->left - 1);

        for (size_t r = 0; r < self->size; r++)
            if (!reached(&self->heads[r]->complete, value))
                return;
        add(self, --self->left);
    }
}

/* Gives the core away first: it may be the one that the other rank needs. Then naps, and lets MPI
 * go on with what it may still have to do for another rank. */
static void wait_until(const vx_memory *self, const _Atomic uint64_t *counter, uint64_t value)
{
    struct timespec nap = { 0, NAP_NS };
    int found = 0;

    for (int i = 0; !reached(counter, value); i++) {
        if (i < YIELDS) {
            sched_yield();
            continue;
        }
        i = YIELDS;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, self->comm, &found, MPI_STATUS_IGNORE);
        nanosleep(&nap, NULL);
        nap.tv_nsec = nap.tv_nsec < NAP_NS_MAX / 2 ? 2 * nap.tv_nsec : NAP_NS_MAX;
    }
}

void vx_memory_finish(vx_memory *self)
{
    tell(self, 0);
    while (self->left > 0) {
        uint64_t value = complete_with(self, self->left - 1);

        for (size_t r = 0; r < self->size; r++)
            wait_until(self, &self->heads[r]->complete, value);
        add(self, --self->left);
    }
    self->rounds++;
    atomic_store_explicit(&self->heads[self->rank]->ended, self->rounds, memory_order_release);
    for (size_t r = 0; self->rank == 0 && r < self->size; r++)
        wait_until(self, &self->heads[r]->ended, self->rounds);
}
