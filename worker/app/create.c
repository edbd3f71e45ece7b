#include "create.h"

vx_status vx_app_create_task(const vx_client *client, bool worker, vx_task *ret_task, vx_error *err)
{
    const vx_bootstrap *bootstrap = client->bootstrap;
    vx_task_place place = { .slot = bootstrap->slot,
                            .data_dir = bootstrap->data_dir,
                            .local_workers = bootstrap->local_workers };
    vx_job *job = NULL;
    vx_status status = vx_job_parse((vx_cbytes){ client->job_text.at, client->job_text.size },
                                    "job.yaml (from the server)", "/", NULL, 0, &job, err);

    if (status != VX_OK)
        return status;
    return worker ? vx_task_create_worker(job, &place, ret_task, err)
                  : vx_task_create_evaluator(job, &place, ret_task, err);
}
