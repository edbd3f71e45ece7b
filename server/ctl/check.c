#include "commands.h"

#include <stdio.h>

#include <vx_base/alloc.h>
#include <vx_config/job.h>
#include <vx_plan/plan.h>

#include "tool.h"

static vx_status print_job(const vx_job *job, bool json, vx_error *err)
{
    vx_bytes text = { 0 };
    vx_status status = json ? vx_job_print_json(job, true, &text) : vx_job_print_yaml(job, &text);

    if (status != VX_OK)
        return vx_fail(err, status, "printing the job: %s", vx_status_text(status));
    (void)fwrite(text.at, 1, text.size, stdout);
    if (text.size == 0 || text.at[text.size - 1] != '\n')
        (void)fputs("\n", stdout);
    vx_free(text.at);
    return VX_OK;
}

int vx_ctl_check(const vx_ctl_options *options)
{
    vx_job *job = NULL;
    vx_error err = { 0 };
    vx_status status = vx_job_load(options->job, (const char *const *)options->overrides.at,
                                   options->overrides.count, &job, &err);

    if (status == VX_OK)
        status = vx_plan_check(job, &err);
    if (status == VX_OK)
        status = print_job(job, options->json, &err);
    if (status == VX_OK && !options->json)
        vx_ctl_tool_model(options->job, (const char *const *)options->overrides.at,
                          options->overrides.count);
    vx_job_destroy(job);
    return status == VX_OK ? 0 : vx_ctl_complain(&err);
}
