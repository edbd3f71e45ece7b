#ifndef VX_GROUP_EXCHANGE_PRIVATE_H
#define VX_GROUP_EXCHANGE_PRIVATE_H
#include "exchange.h"

#define VX_EXCHANGE_UNIT 16 /* numbers: a line of the cache; slices are multiples of it */

/* Slice r of `count` numbers among `ranks`: how many, and where it begins. */
size_t vx_exchange_slice(size_t count, size_t ranks, size_t r, size_t *ret_from);

/*
 * The two paths. Of both: create takes what can be refused, connect is collective; advance is told
 * that all numbers from `low` on are complete, and never waits; finish that all are, and does.
 */
typedef struct vx_messages vx_messages;
VX_MUST_CHECK vx_status vx_messages_create(MPI_Comm comm, size_t dimension, vx_messages **ret);
void vx_messages_connect(vx_messages *self, MPI_Comm comm, float **ret_part, float *ret_sums[2]);
vx_messages *vx_messages_destroy(vx_messages *self);
void vx_messages_begin(vx_messages *self, float *sum);
void vx_messages_advance(vx_messages *self, size_t low);
void vx_messages_finish(vx_messages *self);

typedef struct vx_memory vx_memory;
VX_MUST_CHECK vx_status vx_memory_create(MPI_Comm comm, size_t dimension, vx_memory **ret);
uint64_t vx_memory_bytes(size_t dimension, size_t ranks);
VX_MUST_CHECK vx_status vx_memory_connect(vx_memory *self, MPI_Comm comm, float **ret_part,
                                          float *ret_sums[2]);
vx_memory *vx_memory_destroy(vx_memory *self);
void vx_memory_begin(vx_memory *self, float *sum);
void vx_memory_advance(vx_memory *self, size_t low);
void vx_memory_finish(vx_memory *self);
#endif
