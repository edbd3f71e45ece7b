#ifndef VX_DATA_SHARD_LISTS_H
#define VX_DATA_SHARD_LISTS_H
#include <vx_data/shard.h>

/* Reads the lists of all slots, once. ret_order (count) gets the numbers of wanted[wanted_count],
 * which ascend: list after list, as they stand there, *ret_kept of them. owners (count) is of our
 * own use. The statuses of vx_shard_indices but for a slot without any observation. */
VX_MUST_CHECK vx_status vx_shard_lists(const vx_shard_spec *spec, size_t count,
                                       const uint32_t *wanted, size_t wanted_count,
                                       uint32_t *ret_order, uint32_t *owners, size_t *ret_kept,
                                       vx_error *err);
#endif
