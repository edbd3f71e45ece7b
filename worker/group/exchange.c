#include "exchange_private.h"

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

struct vx_exchange {
    vx_exchange_mode mode;
    size_t dimension;
    size_t low;            /* all from here on is complete */
    vx_messages *messages; /* one of the two */
    vx_memory *memory;
    float *part, *sums[2]; /* borrowed from it */
};

size_t vx_exchange_slice(size_t count, size_t ranks, size_t r, size_t *ret_from)
{
    size_t even = (count + ranks - 1) / ranks;
    size_t slice = (even + VX_EXCHANGE_UNIT - 1) / VX_EXCHANGE_UNIT * VX_EXCHANGE_UNIT;
    size_t from = r * slice < count ? r * slice : count;

    *ret_from = from;
    return count - from < slice ? count - from : slice;
}

vx_status vx_exchange_create(MPI_Comm comm, size_t dimension, vx_exchange_path path,
                             vx_exchange_mode mode, vx_exchange **ret_exchange)
{
    vx_exchange *self = vx_calloc(1, sizeof(*self));
    vx_status status = VX_OK;

    if (self == NULL)
        return VX_ERR_NOMEM;
    self->mode = mode;
    self->dimension = dimension;
    status = path == VX_EXCHANGE_MEMORY ? vx_memory_create(comm, dimension, &self->memory)
                                        : vx_messages_create(comm, dimension, &self->messages);
    if (status != VX_OK) {
        vx_free(self);
        return status;
    }
    *ret_exchange = self;
    return VX_OK;
}

uint64_t vx_exchange_window_bytes(size_t dimension, size_t ranks)
{
    return vx_memory_bytes(dimension, ranks);
}

vx_status vx_exchange_connect(vx_exchange *self, MPI_Comm comm)
{
    if (self->memory != NULL)
        return vx_memory_connect(self->memory, comm, &self->part, self->sums);
    vx_messages_connect(self->messages, comm, &self->part, self->sums);
    return VX_OK;
}

vx_exchange *vx_exchange_destroy(vx_exchange *self)
{
    if (self == NULL)
        return NULL;
    self->memory = vx_memory_destroy(self->memory);
    self->messages = vx_messages_destroy(self->messages);
    vx_free(self);
    return NULL;
}

float *vx_exchange_part(vx_exchange *self)
{
    return self->part;
}

float *vx_exchange_sum(vx_exchange *self, int which)
{
    VX_ASSERT(which == 0 || which == 1);
    return self->sums[which];
}

void vx_exchange_begin(vx_exchange *self, float *sum)
{
    VX_ASSERT(sum == NULL || sum == self->sums[0] || sum == self->sums[1]);
    self->low = self->dimension;
    if (self->memory != NULL)
        vx_memory_begin(self->memory, sum);
    else
        vx_messages_begin(self->messages, sum);
}

void vx_exchange_announce(vx_exchange *self, size_t from, size_t count)
{
    /* What does not join the end waits for the last call: no network does that. */
    if (from + count == self->low)
        self->low = from;
    if (self->mode == VX_EXCHANGE_AFTER)
        return;
    if (self->memory != NULL)
        vx_memory_advance(self->memory, self->low);
    else
        vx_messages_advance(self->messages, self->low);
}

void vx_exchange_end(vx_exchange *self)
{
    if (self->memory != NULL)
        vx_memory_finish(self->memory);
    else
        vx_messages_finish(self->messages);
}
