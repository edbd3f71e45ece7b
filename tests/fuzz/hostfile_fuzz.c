/* A host file, and the same bytes as what mpirun prints. */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>

#include "hostfile.h"
#include "mpirun.h"

static void check_hosts(vx_cbytes text)
{
    vx_ctl_hostfile hosts = { 0 };
    vx_error err = { 0 };
    vx_status status = vx_ctl_hostfile_parse(text, "hosts", &hosts, &err);

    VX_ASSERT(status == VX_OK || status == VX_ERR_CONFIG || status == VX_ERR_LIMIT);
    VX_ASSERT((status == VX_OK) == (hosts.count > 0));
    for (size_t i = 0; i < hosts.count; i++) {
        VX_ASSERT(hosts.at[i].name[0] != '\0' && hosts.at[i].name[0] != '-');
        VX_ASSERT(strlen(hosts.at[i].name) < VX_CTL_HOST_SIZE && hosts.at[i].line > 0);
        VX_ASSERT(vx_ctl_host_bare(&hosts.at[i])[0] != '\0');
    }
    vx_ctl_hostfile_clear(&hosts);
}

static void check_words(vx_cbytes text)
{
    static FILE *nowhere;
    unsigned major = 0;
    vx_error err = { 0 };
    vx_status status = vx_ctl_mpirun_version_parse(text, "mpirun", &major, &err);

    VX_ASSERT((status == VX_OK) == (major > 0));
    status = vx_ctl_mpirun_judge(text, "/run", &err);
    VX_ASSERT(status == VX_OK || err.message[0] != '\0');
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    if (nowhere != NULL)
        vx_ctl_mpirun_words_print(nowhere, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    check_hosts((vx_cbytes){ at, size });
    check_words((vx_cbytes){ at, size });
    return 0;
}
