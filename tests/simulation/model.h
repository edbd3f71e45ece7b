#ifndef VX_SIMULATION_MODEL_H
#define VX_SIMULATION_MODEL_H
#include <stdbool.h>
#include <stdint.h>

#include <vx_base/bytes.h>
#include <vx_config/job.h>

/*
 * What is trained, in a few variants, and what must come of it: the same rooms as in the programs
 * (data, likelihood, rule, optimiser), called in a row without network, clock or disk.
 */
#define SIM_VARIANTS_PLAIN 48 /* of a fixed membership */
#define SIM_VARIANTS       84 /* those that follow: elastic, stale, both, in turn */
#define SIM_WORKERS_MAX    6
#define SIM_ROUNDS_MAX     32
#define SIM_DIMENSION_MAX  32
#define SIM_STATES_MAX     2
#define SIM_LOCAL_WORKERS  1000 /* as many as that on a host: one BLAS thread each */

/* The momentum that a worker goes on with, and its label; 0: it begins with this round. */
typedef struct sim_base {
    uint64_t label;
    float numbers[SIM_DIMENSION_MAX];
} sim_base;

/* Parameters and optimiser state when so many rounds are committed. */
typedef struct sim_state {
    float theta[SIM_DIMENSION_MAX];
    float vectors[SIM_STATES_MAX][SIM_DIMENSION_MAX];
    /* of each worker: what it sent last that entered, and 1 + the round it was made for */
    sim_base momentum[SIM_WORKERS_MAX];
} sim_state;

typedef struct sim_model {
    unsigned variant;
    const char *folder; /* with the data files and the job files */
    char *job_path;
    vx_bytes job_text; /* as it stands in the file */
    vx_job *job;
    size_t dimension, states;
    unsigned workers; /* slots */
    unsigned awaited; /* of them; those that follow come and go */
    uint64_t rounds;
    sim_state first;
    vx_digest clean; /* of the parameters at the end when every slot is in every round */
    struct sim_oracle *oracle;
} sim_model;

/* Writes the data files into folder. */
void sim_model_write_data(const char *folder);
/* Writes the job file into folder; folder is borrowed. */
sim_model *sim_model_create(unsigned variant, const char *folder);

/* One byzantine worker can neither steer nor hold it. */
bool sim_model_bears_one(const sim_model *model);
vx_digest sim_model_digest(const sim_model *model, const sim_state *state);
/* What an honest worker sends that draws from these shards, one bit each. */
void sim_model_gradient(const sim_model *model, unsigned slot, uint64_t round, uint32_t shards,
                        const float *theta, const sim_base *base, float *ret_gradient);
/* The state after the round; rows (workers, dimension), each made for round of_round. False: the
 * rule or the step fails. */
bool sim_model_step(const sim_model *model, uint64_t round, const float *rows, const bool *present,
                    const uint64_t *of_round, const sim_state *before, sim_state *ret_after);
#endif
