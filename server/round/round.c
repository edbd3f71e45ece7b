#include <vx_round/round.h>

#include <vx_base/assert.h>

const char *vx_round_state_name(vx_round_state state)
{
    static const char *const names[VX_ROUND_STATE_MAX] = {
        [VX_ROUND_STARTING] = "starting", [VX_ROUND_COLLECTING] = "collecting",
        [VX_ROUND_HELD] = "held",         [VX_ROUND_AGGREGATING] = "aggregating",
        [VX_ROUND_ENDED] = "ended",
    };

    VX_ASSERT(state < VX_ROUND_STATE_MAX);
    return names[state];
}

/* The only writer of state. */
static vx_round_action enter(vx_round *round, vx_round_state to, vx_round_action action)
{
    static const bool allowed[VX_ROUND_STATE_MAX][VX_ROUND_STATE_MAX] = {
        [VX_ROUND_STARTING][VX_ROUND_COLLECTING] = true,
        [VX_ROUND_STARTING][VX_ROUND_ENDED] = true,
        [VX_ROUND_COLLECTING][VX_ROUND_AGGREGATING] = true,
        [VX_ROUND_COLLECTING][VX_ROUND_HELD] = true,
        [VX_ROUND_COLLECTING][VX_ROUND_ENDED] = true,
        [VX_ROUND_HELD][VX_ROUND_COLLECTING] = true,
        [VX_ROUND_HELD][VX_ROUND_AGGREGATING] = true,
        [VX_ROUND_HELD][VX_ROUND_ENDED] = true,
        [VX_ROUND_AGGREGATING][VX_ROUND_COLLECTING] = true,
        [VX_ROUND_AGGREGATING][VX_ROUND_ENDED] = true,
    };

    VX_ASSERT(round->state < VX_ROUND_STATE_MAX);
    VX_ASSERT(allowed[round->state][to]);
    round->state = to;
    return action;
}

void vx_round_init(vx_round *round, uint64_t committed, uint64_t rounds, size_t slots,
                   size_t quorum)
{
    VX_ASSERT(quorum >= 1);
    VX_ASSERT(quorum <= slots);
    VX_ASSERT(committed <= rounds);
    *round = (vx_round){
        .state = VX_ROUND_STARTING,
        .number = committed,
        .rounds = rounds,
        .slots = slots,
        .planned = slots,
        .least = quorum,
        .quorum = quorum,
        .enough = slots,
    };
}

void vx_round_plan(vx_round *round, size_t planned, size_t least)
{
    VX_ASSERT(round->quorum <= least);
    VX_ASSERT(least <= planned);
    VX_ASSERT(planned <= round->slots);
    round->planned = planned;
    round->least = least;
}

void vx_round_replay(vx_round *round, size_t needed)
{
    VX_ASSERT(round->state == VX_ROUND_COLLECTING);
    VX_ASSERT(needed <= round->slots);
    round->needed = needed;
}

void vx_round_rewind(vx_round *round, uint64_t committed)
{
    VX_ASSERT(round->state == VX_ROUND_STARTING);
    VX_ASSERT(committed <= round->number);
    round->number = committed;
}

static vx_round_action fail(vx_round *round, const char *why)
{
    round->failure = why;
    return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_FAIL);
}

static vx_round_action publish(vx_round *round)
{
    round->overdue = false;
    round->needed = 0;
    return enter(round, VX_ROUND_COLLECTING, VX_ROUND_DO_PUBLISH);
}

/* A new round, or the end. */
static vx_round_action next(vx_round *round)
{
    if (round->number == round->rounds)
        return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_FINISH);
    if (round->stop)
        return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_STOP);
    return publish(round);
}

static vx_round_action step_starting(vx_round *round, vx_round_event event)
{
    if (round->number == round->rounds || round->stop)
        return next(round);
    if (event.kind == VX_ROUND_EV_START_TIMEOUT)
        round->overdue = true;
    if (event.census.live >= round->planned ||
        (round->overdue && event.census.live >= round->least))
        return publish(round);
    if (event.kind == VX_ROUND_EV_START_TIMEOUT)
        return fail(round, "too few workers joined before the start timeout");
    return VX_ROUND_DO_NOTHING;
}

/* Of exactly the recorded slots; past the deadline it is given up. */
static vx_round_action step_replaying(vx_round *round, vx_round_event event)
{
    const vx_round_census *census = &event.census;
    size_t reachable = census->collected + census->outstanding;

    if (census->collected >= round->needed)
        return enter(round, VX_ROUND_AGGREGATING, VX_ROUND_DO_AGGREGATE);
    if (round->state == VX_ROUND_HELD && round->stop)
        return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_STOP);
    if (event.kind == VX_ROUND_EV_DEADLINE) {
        round->needed = 0;
        if (round->state == VX_ROUND_HELD)
            return enter(round, VX_ROUND_COLLECTING, VX_ROUND_DO_ABANDON);
        return VX_ROUND_DO_ABANDON;
    }
    if (round->state == VX_ROUND_HELD)
        return reachable >= round->needed ? enter(round, VX_ROUND_COLLECTING, VX_ROUND_DO_RESUME)
                                          : VX_ROUND_DO_NOTHING;
    if (reachable < round->needed && round->stop)
        return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_STOP);
    if (reachable < round->needed)
        return enter(round, VX_ROUND_HELD, VX_ROUND_DO_HOLD);
    return VX_ROUND_DO_NOTHING;
}

static bool is_full(const vx_round *round, const vx_round_census *census)
{
    return census->collected >= round->enough ||
           (census->collected >= round->quorum && (census->outstanding == 0 || round->overdue));
}

static vx_round_action step_collecting(vx_round *round, vx_round_event event)
{
    const vx_round_census *census = &event.census;
    size_t reachable = census->collected + census->outstanding;
    /* A worker whose gradient is in counts for this round, also when it has gone. */
    bool short_of_workers = census->live < round->least && reachable < round->least;
    bool possible = reachable >= round->quorum && !short_of_workers;
    size_t awaited = census->live > round->planned ? census->live : round->planned;

    if (event.kind == VX_ROUND_EV_DEADLINE)
        round->overdue = true;
    if (!short_of_workers && is_full(round, census))
        return enter(round, VX_ROUND_AGGREGATING, VX_ROUND_DO_AGGREGATE);
    /* Whoever is away may still come; one that has answered does not answer again. */
    if (census->outstanding == 0 && census->collected < round->quorum &&
        awaited < round->quorum + census->refused)
        return fail(round, "too few of the gradients were finite: the training has diverged");
    if (round->state == VX_ROUND_HELD) {
        if (round->stop)
            return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_STOP);
        if (possible && !round->overdue)
            return enter(round, VX_ROUND_COLLECTING, VX_ROUND_DO_RESUME);
        return VX_ROUND_DO_NOTHING;
    }
    if (!possible && round->stop)
        return enter(round, VX_ROUND_ENDED, VX_ROUND_DO_STOP);
    if (!possible || round->overdue)
        return enter(round, VX_ROUND_HELD, VX_ROUND_DO_HOLD);
    return VX_ROUND_DO_NOTHING;
}

static vx_round_action step_aggregating(vx_round *round, vx_round_event event)
{
    if (event.kind == VX_ROUND_EV_FAILED)
        return fail(round, "the gradients could not be aggregated");
    if (event.kind != VX_ROUND_EV_COMMITTED)
        return VX_ROUND_DO_NOTHING;
    round->number++;
    return next(round);
}

vx_round_action vx_round_step(vx_round *round, vx_round_event event)
{
    VX_ASSERT(event.census.live <= round->slots);
    VX_ASSERT(event.census.outstanding <= event.census.live);
    VX_ASSERT(event.census.collected <= round->slots);
    if (event.kind == VX_ROUND_EV_STOP)
        round->stop = true;
    switch (round->state) {
    case VX_ROUND_STARTING:
        return step_starting(round, event);
    case VX_ROUND_COLLECTING:
    case VX_ROUND_HELD:
        return round->needed > 0 ? step_replaying(round, event) : step_collecting(round, event);
    case VX_ROUND_AGGREGATING:
        return step_aggregating(round, event);
    case VX_ROUND_ENDED:
    case VX_ROUND_STATE_MAX:
        break;
    }
    return VX_ROUND_DO_NOTHING;
}
