#include <inttypes.h>
#include <string.h>

#include "checker_private.h"
#include "plant.h"
#include "world.h"

/*
 * What a round is made of: gradients that their workers have sent in this epoch, for this round or,
 * where the job allows it, for one of the rounds just before it; each of them once.
 */
static void check_sent(const vx_server *server, unsigned slot)
{
    uint64_t age = server->row.round - sim_check.of_round[slot];

    if (age > sim_check.model->job->workers.staleness)
        sim_violation("I3", "round %" PRIu64 ": the row of slot %u is %" PRIu64 " rounds old",
                      server->row.round, slot, age);
    if (sim_checker_find_sent(slot, server->epoch, sim_check.of_round[slot],
                              server->rows + slot * sim_check.model->dimension) == NULL)
        sim_violation("I3",
                      "round %" PRIu64 ": the row of slot %u is no gradient that its worker "
                      "has sent for it",
                      server->row.round, slot);
}

/* Of the rounds that led here: those that are made again count no more. */
static void check_once(uint64_t round, unsigned slot)
{
    for (uint64_t before = 1; before <= round; before++) {
        const sim_record *record = &sim_check.records[before];

        if (record->known && (record->included >> slot & 1) != 0 &&
            record->of_round[slot] == sim_check.of_round[slot])
            sim_violation("I2",
                          "round %" PRIu64 ": the gradient of slot %u for round %" PRIu64
                          " has entered round %" PRIu64 " already",
                          round, slot, sim_check.of_round[slot], before - 1);
    }
}

void sim_checker_rows(const vx_server *server)
{
    sim_plant_rows(server);
    memcpy(sim_check.present, server->present, sim_check.model->workers * sizeof(bool));
    for (unsigned slot = 0; slot < sim_check.model->workers; slot++) {
        if (!server->present[slot])
            continue;
        sim_check.of_round[slot] = server->row.round - server->age[slot];
        check_sent(server, slot);
        check_once(server->row.round, slot);
        sim_check.shards.seen.old += server->age[slot] > 0;
    }
}

void sim_checker_accepted(const vx_server *server, unsigned slot, uint64_t round)
{
    size_t d = sim_check.model->dimension;

    sim_check.accepted[slot].label = round + 1;
    memcpy(sim_check.accepted[slot].numbers, server->rows + slot * d, d * sizeof(float));
}
