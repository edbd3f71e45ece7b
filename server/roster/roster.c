#include <vx_roster/roster.h>

#include <math.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

const char *vx_slot_state_name(vx_slot_state state)
{
    static const char *const names[VX_SLOT_STATE_MAX] = {
        [VX_SLOT_ABSENT] = "absent",
        [VX_SLOT_LIVE] = "live",
        [VX_SLOT_LOST] = "lost",
        [VX_SLOT_LEFT] = "left",
    };

    VX_ASSERT(state < VX_SLOT_STATE_MAX);
    return names[state];
}

vx_status vx_roster_create(size_t count, vx_roster *ret_roster)
{
    vx_slot *slots = NULL;

    VX_ASSERT(count >= 1);
    VX_ASSERT(count <= VX_WORKERS_MAX);
    slots = vx_calloc(count, sizeof(*slots));
    if (slots == NULL)
        return VX_ERR_NOMEM;
    for (size_t i = 0; i < count; i++)
        slots[i] = (vx_slot){ .expected = true,
                              .nll = nan(""),
                              .norm = nan(""),
                              .reconstruction = nan(""),
                              .weight = nan("") };
    *ret_roster = (vx_roster){ .count = count, .slots = slots };
    return VX_OK;
}

void vx_roster_destroy(vx_roster *roster)
{
    vx_free(roster->slots);
    *roster = (vx_roster){ 0 };
}

/* The counts follow from the slots; n is at most VX_WORKERS_MAX. */
static void recount(vx_roster *roster)
{
    roster->live = roster->collected = roster->outstanding = roster->refused = 0;
    for (size_t i = 0; i < roster->count; i++) {
        const vx_slot *slot = &roster->slots[i];

        roster->live += slot->state == VX_SLOT_LIVE;
        roster->collected += slot->collected;
        roster->refused += slot->answered && !slot->collected;
        roster->outstanding += slot->state == VX_SLOT_LIVE && slot->expected && !slot->answered;
        VX_ASSERT(slot->answered || !slot->collected);
    }
}

uint32_t vx_roster_join(vx_roster *roster, size_t slot, uint64_t now_ns)
{
    vx_slot *entry = &roster->slots[slot];

    VX_ASSERT(slot < roster->count);
    VX_ASSERT(entry->state != VX_SLOT_LIVE);
    entry->state = VX_SLOT_LIVE;
    entry->incarnation++;
    entry->last_seen_ns = now_ns;
    recount(roster);
    return entry->incarnation;
}

void vx_roster_part(vx_roster *roster, size_t slot, vx_slot_state how)
{
    VX_ASSERT(slot < roster->count);
    VX_ASSERT(how == VX_SLOT_LOST || how == VX_SLOT_LEFT);
    VX_ASSERT(roster->slots[slot].state == VX_SLOT_LIVE);
    roster->slots[slot].state = how;
    recount(roster);
}

void vx_roster_begin_round(vx_roster *roster, const bool *expected)
{
    for (size_t i = 0; i < roster->count; i++) {
        vx_slot *slot = &roster->slots[i];

        slot->answered = slot->collected = false;
        slot->expected = expected == NULL || expected[i];
    }
    recount(roster);
}

void vx_roster_expect(vx_roster *roster, size_t slot, bool expected)
{
    VX_ASSERT(slot < roster->count);
    roster->slots[slot].expected = expected;
    recount(roster);
}

void vx_roster_commit_round(vx_roster *roster, uint64_t round)
{
    for (size_t i = 0; i < roster->count; i++) {
        vx_slot *slot = &roster->slots[i];

        if (!slot->collected)
            continue;
        VX_ASSERT(slot->of_round <= round);
        VX_ASSERT(slot->of_round >= slot->entered); /* no gradient enters twice */
        slot->entered = slot->of_round + 1;
        slot->nameless = false;
    }
}

vx_judgement vx_roster_judge(const vx_roster *roster, size_t slot, uint64_t round, uint64_t current,
                             bool collecting)
{
    const vx_slot *entry = &roster->slots[slot];

    VX_ASSERT(slot < roster->count);
    if (round > current)
        return VX_JUDGED_MALFORMED;
    if (round < entry->last_answer)
        return round + 1 == entry->last_answer ? VX_JUDGED_DUPLICATE : VX_JUDGED_STALE;
    if (round < entry->entered)
        return VX_JUDGED_STALE; /* of before this start of the server */
    if (round < entry->draws_since)
        return VX_JUDGED_STALE;
    if (collecting && current - round <= roster->staleness && entry->answered)
        return VX_JUDGED_DUPLICATE; /* with an older one */
    if (collecting && current - round <= roster->staleness)
        return entry->expected ? VX_JUDGED_ACCEPTED : VX_JUDGED_OVER_QUOTA;
    if (round == current)
        return VX_JUDGED_LATE;
    return round + 1 == current ? VX_JUDGED_LATE : VX_JUDGED_STALE;
}

void vx_roster_charge(vx_roster *roster, size_t slot, uint64_t round, vx_judgement judgement)
{
    vx_slot *entry = &roster->slots[slot];
    uint64_t sum = 0;

    VX_ASSERT(slot < roster->count);
    VX_ASSERT(judgement < VX_JUDGED_MAX);
    entry->received++;
    entry->judged[judgement]++;
    if (judgement == VX_JUDGED_ACCEPTED || judgement == VX_JUDGED_NONFINITE) {
        VX_ASSERT(!entry->answered);
        entry->answered = true;
        entry->collected = judgement == VX_JUDGED_ACCEPTED;
        entry->of_round = round;
        entry->last_answer = round + 1;
    }
    for (size_t i = 0; i < VX_JUDGED_MAX; i++)
        sum += entry->judged[i];
    VX_ASSERT(sum == entry->received);
    recount(roster);
}
