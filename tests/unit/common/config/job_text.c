#include "job_text.h"

#include <string.h>

vx_status parse_job_with(const char *text, const char *const *overrides, size_t count,
                         vx_job **ret_job, vx_error *err)
{
    vx_cbytes bytes = { (const uint8_t *)text, strlen(text) };

    return vx_job_parse(bytes, "job.yaml", "/run/job", overrides, count, ret_job, err);
}

vx_status parse_job(const char *text, vx_job **ret_job, vx_error *err)
{
    return parse_job_with(text, NULL, 0, ret_job, err);
}
