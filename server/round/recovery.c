#include <vx_round/recovery.h>

#include <vx_base/assert.h>

vx_recovery vx_recovery_plan(uint64_t checkpoint, uint64_t first, uint64_t end)
{
    VX_ASSERT(first <= end);
    if (first == end || end == checkpoint)
        return (vx_recovery){ .from = checkpoint, .until = checkpoint };
    if (end < checkpoint) /* records that were not durable; the checkpoint holds their outcome */
        return (vx_recovery){ .from = checkpoint, .until = checkpoint, .forget = true };
    if (first > checkpoint)
        return (vx_recovery){
            .from = checkpoint, .until = checkpoint, .forget = true, .lost = end - checkpoint
        };
    return (vx_recovery){ .from = checkpoint, .until = end };
}
