#ifndef VX_PLAN_PLAN_H
#define VX_PLAN_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vx_aggregate/aggregate.h>
#include <vx_base/status.h>
#include <vx_config/job.h>
#include <vx_optimise/optimise.h>

/*
 * A job file as the options of the rooms that do the work, and the checks that need those rooms:
 * what `vexil check` accepts, vexild can serve.
 */
#define VX_PLAN_PRE_MAX     8 /* pre-aggregators of a chain */
#define VX_PLAN_THREADS_MAX 8 /* that aggregation.threads: 0 takes */

/* pre receives the names that the result's .pre points to: it lives as long as the result. At most
 * VX_PLAN_PRE_MAX names are taken; the functions below refuse a longer chain. The shares are
 * borrowed from the job. */
vx_aggregate_options vx_plan_aggregate_options(const vx_job *job, const char *pre[VX_PLAN_PRE_MAX]);
vx_optimiser_options vx_plan_optimiser_options(const vx_job *job);

/* A tensor of the model. optimiser.l1 holds for weights, as model.l2 does: not for biases, nor for
 * the scales and shifts of a layer that normalises, nor for what a plugin says is none. */
typedef struct vx_plan_tensor {
    size_t numbers;
    bool is_weight;
} vx_plan_tensor;

/* vx_aggregator_create for workers.max_workers rows, vx_optimiser_create. An option that does not
 * fit is VX_ERR_CONFIG with file, line and key of the job; memory and limits keep their own status.
 * tensors: all of them in the order of the parameters, at most VX_TENSORS_MAX; NULL and 0: all
 * parameters are weights. */
VX_MUST_CHECK vx_status vx_plan_aggregator_create(const vx_job *job, size_t dimension,
                                                  vx_aggregator **ret_aggregator, vx_error *err);
VX_MUST_CHECK vx_status vx_plan_optimiser_create(const vx_job *job, size_t dimension,
                                                 const vx_plan_tensor *tensors, size_t count,
                                                 vx_optimiser **ret_optimiser, vx_error *err);

/* Both of them once, with one parameter and workers.count rows: everything that can be said before
 * the data is read. */
VX_MUST_CHECK vx_status vx_plan_check(const vx_job *job, vx_error *err);

/* Contributions that close a round at its deadline: workers.quorum, but never fewer than the rule
 * needs for its f. */
size_t vx_plan_quorum(const vx_job *job, const vx_aggregator *aggregator);
/* With fewer live workers a run is held: workers.min_workers, but never below that quorum. */
size_t vx_plan_least_workers(const vx_job *job, const vx_aggregator *aggregator);
#endif
