#include <vx_roster/assignment.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/limits.h>

vx_status vx_assignment_create(size_t count, vx_assignment *ret_assignment)
{
    vx_assigned *slots = NULL;

    VX_ASSERT(count >= 1);
    VX_ASSERT(count <= VX_WORKERS_MAX);
    slots = vx_calloc(count, sizeof(*slots));
    if (slots == NULL)
        return VX_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        slots[i] = (vx_assigned){ .owner = (uint32_t)i, .version = 1, .load = 1 };
    *ret_assignment = (vx_assignment){ .count = count, .slots = slots };
    return VX_OK;
}

void vx_assignment_destroy(vx_assignment *assignment)
{
    vx_free(assignment->slots);
    *assignment = (vx_assignment){ 0 };
}

/* The only writer of owner. */
static void give(vx_assignment *assignment, size_t shard, uint32_t to)
{
    vx_assigned *slots = assignment->slots;
    uint32_t from = slots[shard].owner;

    VX_ASSERT(to < assignment->count);
    VX_ASSERT(slots[from].load > 0);
    slots[from].load--;
    slots[from].version++;
    slots[to].load++;
    slots[to].version++;
    slots[shard].owner = to;
}

/* count: nobody is live. */
static size_t least_loaded(const vx_assignment *assignment, const vx_presence *slots)
{
    size_t least = assignment->count;

    for (size_t i = 0; i < assignment->count; i++)
        if (slots[i] == VX_PRESENCE_LIVE &&
            (least == assignment->count ||
             assignment->slots[i].load < assignment->slots[least].load))
            least = i;
    return least;
}

/* Before anything is given away, so that loads are those of the slots that stay. */
static size_t give_back(vx_assignment *assignment, const vx_presence *slots,
                        vx_shard_move *ret_moves)
{
    size_t moves = 0;

    for (uint32_t i = 0; i < assignment->count; i++) {
        uint32_t from = assignment->slots[i].owner;

        assignment->slots[i].lent = false;
        if (slots[i] != VX_PRESENCE_LIVE || from == i)
            continue;
        give(assignment, i, i);
        ret_moves[moves++] = (vx_shard_move){ i, from, i };
    }
    return moves;
}

size_t vx_assignment_border(vx_assignment *assignment, const vx_presence *slots,
                            vx_shard_move *ret_moves)
{
    size_t moves = give_back(assignment, slots, ret_moves);

    for (uint32_t i = 0; i < assignment->count; i++) {
        uint32_t from = assignment->slots[i].owner;
        size_t to;

        if (slots[from] != VX_PRESENCE_OVERDUE)
            continue;
        to = least_loaded(assignment, slots);
        if (to == assignment->count)
            break;
        give(assignment, i, (uint32_t)to);
        assignment->reassigned++;
        ret_moves[moves++] = (vx_shard_move){ i, from, (uint32_t)to };
    }
    VX_ASSERT(moves <= assignment->count);
    return moves;
}

void vx_assignment_restore(vx_assignment *assignment, const uint32_t *owners)
{
    for (size_t i = 0; i < assignment->count; i++) {
        assignment->slots[i].lent = false;
        if (assignment->slots[i].owner != owners[i])
            give(assignment, i, owners[i]);
    }
}

void vx_assignment_lend(vx_assignment *assignment, size_t slot)
{
    VX_ASSERT(slot < assignment->count);
    VX_ASSERT(assignment->slots[slot].load == 0);
    if (!assignment->slots[slot].lent)
        assignment->slots[slot].version++;
    assignment->slots[slot].lent = true;
}

bool vx_assignment_has_any(const vx_assignment *assignment, size_t slot)
{
    VX_ASSERT(slot < assignment->count);
    return assignment->slots[slot].load > 0 || assignment->slots[slot].lent;
}

static bool draws(const vx_assignment *assignment, size_t slot, size_t shard)
{
    return assignment->slots[shard].owner == slot ||
           (shard == slot && assignment->slots[slot].lent);
}

size_t vx_assignment_shards(const vx_assignment *assignment, size_t slot, uint32_t *ret_shards)
{
    size_t count = 0;

    VX_ASSERT(slot < assignment->count);
    for (size_t i = 0; i < assignment->count; i++)
        if (draws(assignment, slot, i))
            ret_shards[count++] = (uint32_t)i;
    return count;
}

void vx_assignment_commit_round(vx_assignment *assignment, const bool *included)
{
    for (size_t i = 0; i < assignment->count; i++) {
        vx_assigned *shard = &assignment->slots[i];
        bool used = included[shard->owner] || (shard->lent && included[i]);

        shard->idle_rounds += !used;
    }
}
