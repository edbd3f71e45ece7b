#include "create.h"

#include <inttypes.h>

#include <vx_worker_app/worker.h>

#include "place.h"

static vx_status parse(vx_cbytes text, vx_job **ret_job, vx_error *err)
{
    return vx_job_parse(text, "job.yaml (from the server)", "/", NULL, 0, ret_job, err);
}

vx_status vx_worker_create_task(const vx_bootstrap *bootstrap, const vx_worker_part *part,
                                vx_cbytes text, vx_task *ret_task, vx_error *err)
{
    uint32_t ranks = bootstrap->ranks > 0 ? bootstrap->ranks : 1;
    vx_task_place place = { .slot = bootstrap->slot,
                            .data_dir = bootstrap->data_dir,
                            .local_workers =
                                bootstrap->local_workers * (part->local > 0 ? part->local : ranks),
                            .cores = vx_app_place()->cores,
                            .rank = part->rank,
                            .ranks = ranks,
                            .shares = part->shares,
                            .shared = part->shared,
                            .others_check = part->local > 1 && !part->shares };
    vx_job *job = NULL;
    vx_status status = parse(text, &job, err);

    if (status != VX_OK)
        return status;
    if (job->workers.ranks != ranks) {
        status = vx_fail(err, VX_ERR_CONFIG,
                         "workers.ranks of the server's job is %" PRIu64
                         ", but this worker was started with --ranks %u",
                         job->workers.ranks, ranks);
        vx_job_destroy(job);
        return status;
    }
    return vx_task_create_worker(job, &place, ret_task, err);
}

vx_status vx_app_create_evaluator(const vx_client *client, vx_task *ret_task, vx_error *err)
{
    const vx_bootstrap *bootstrap = client->bootstrap;
    vx_task_place place = { .slot = bootstrap->slot,
                            .data_dir = bootstrap->data_dir,
                            .local_workers = bootstrap->local_workers };
    vx_job *job = NULL;
    vx_status status = parse((vx_cbytes){ client->job_text.at, client->job_text.size }, &job, err);

    return status == VX_OK ? vx_task_create_evaluator(job, &place, ret_task, err) : status;
}
