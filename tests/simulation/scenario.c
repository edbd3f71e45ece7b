#include "scenario.h"

#include "model.h"
#include "world.h"

#define CLEAN_SHARE 0.04
#define FAULT_SHARE 0.22
/* Of the seeds that train a variant with elastic membership or staleness. */
#define MEMBERS_SHARE 0.3
#define FIRST_MEMBERS SIM_FAULT_STAY_AWAY
/* Six kinds, of which four end a server: all together are as likely as two others. */
#define SIGNAL_SHARE 0.07

static bool is_signal(unsigned fault)
{
    return fault >= SIM_FAULT_INTERRUPT_SERVER && fault <= SIM_FAULT_STOP_RECOVERY;
}

/* Of dice of their own, so that the others are what they were. */
static void pick_signals(sim_scenario *scenario)
{
    for (unsigned i = 0; i < SIM_FAULT_MAX; i++) {
        if (!is_signal(i))
            continue;
        scenario->on[i] = sim_chance(SIM_DICE_SIGNALS, SIGNAL_SHARE);
        scenario->mean_ns[i] = sim_magnitude(SIM_DICE_SIGNALS, 60 * SIM_MS, 4 * SIM_S);
    }
}

static void pick_faults(sim_scenario *scenario)
{
    for (unsigned i = 0; i < FIRST_MEMBERS; i++) {
        if (is_signal(i))
            continue;
        scenario->on[i] = sim_chance(SIM_DICE_SCENARIO, FAULT_SHARE);
        scenario->mean_ns[i] = sim_magnitude(SIM_DICE_SCENARIO, 60 * SIM_MS, 4 * SIM_S);
    }
}

static void pick_members_faults(sim_scenario *scenario)
{
    for (unsigned i = FIRST_MEMBERS; i < SIM_FAULT_MAX; i++) {
        scenario->on[i] = sim_chance(SIM_DICE_MEMBERS, 0.6);
        scenario->mean_ns[i] = sim_magnitude(SIM_DICE_MEMBERS, 60 * SIM_MS, 2 * SIM_S);
    }
}

static unsigned pick_variant(void)
{
    unsigned plain = (unsigned)sim_below(SIM_DICE_SCENARIO, SIM_VARIANTS_PLAIN);

    if (!sim_chance(SIM_DICE_MEMBERS, MEMBERS_SHARE))
        return plain;
    return SIM_VARIANTS_PLAIN +
           (unsigned)sim_below(SIM_DICE_MEMBERS, SIM_VARIANTS - SIM_VARIANTS_PLAIN);
}

sim_scenario sim_scenario_of(uint64_t seed, sim_mode mode)
{
    sim_scenario scenario = { .seed = seed, .mode = mode };
    uint64_t spread = 0;

    scenario.variant = pick_variant();
    scenario.clean = sim_chance(SIM_DICE_SCENARIO, CLEAN_SHARE);
    if (!scenario.clean) {
        pick_faults(&scenario);
        pick_signals(&scenario);
        pick_members_faults(&scenario);
    }
    scenario.faults_end_ns = sim_between(SIM_DICE_SCENARIO, 1 * SIM_S, 8 * SIM_S);
    scenario.end_ns = 40 * SIM_S;
    if (mode == SIM_MODE_LIVENESS)
        scenario.end_ns = scenario.faults_end_ns + SIM_LIVENESS_S * SIM_S;
    scenario.byzantine_slot = (unsigned)sim_below(SIM_DICE_SCENARIO, 4);
    scenario.work_low_ns = sim_magnitude(SIM_DICE_SCENARIO, 100 * SIM_US, 30 * SIM_MS);
    spread = sim_magnitude(SIM_DICE_SCENARIO, 1, 20);
    scenario.work_high_ns = scenario.work_low_ns * spread;
    scenario.patience_s = (uint32_t)sim_between(SIM_DICE_SCENARIO, 15, 60);
    return scenario;
}

sim_scenario sim_scenario_clean(sim_scenario scenario)
{
    scenario.clean = true;
    for (unsigned i = 0; i < SIM_FAULT_MAX; i++)
        scenario.on[i] = false;
    return scenario;
}
