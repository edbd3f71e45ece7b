/* A job file: it gives a message of one line, or a job that means the same after printing. */
#include "fuzz.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_config/job.h>

static vx_status parse(vx_cbytes text, vx_job **ret_job, vx_error *err)
{
    return vx_job_parse(text, "job.yaml", "/run/job", NULL, 0, ret_job, err);
}

static vx_digest digest_of(const vx_job *job)
{
    vx_digest digest;
    vx_status status = vx_job_digest(job, &digest);

    VX_ASSERT(status == VX_OK);
    return digest;
}

static void check_printed(const vx_job *job)
{
    vx_bytes text = { NULL, 0 };
    vx_job *again = NULL;
    vx_status status = vx_job_print_yaml(job, &text);

    VX_ASSERT(status == VX_OK);
    status = parse((vx_cbytes){ text.at, text.size }, &again, NULL);
    VX_ASSERT(status == VX_OK);
    VX_ASSERT(vx_digest_equal(digest_of(job), digest_of(again)));
    vx_job_destroy(again);
    vx_free(text.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    vx_job *job = NULL;
    vx_error err = { 0 };
    vx_status status = parse((vx_cbytes){ at, size }, &job, &err);

    if (status == VX_OK) {
        check_printed(job);
        vx_job_destroy(job);
        return 0;
    }
    VX_ASSERT(job == NULL);
    VX_ASSERT(status == VX_ERR_CONFIG);
    VX_ASSERT(err.code == status && strncmp(err.message, "job.yaml", 8) == 0);
    VX_ASSERT(strchr(err.message, '\n') == NULL);
    return 0;
}
