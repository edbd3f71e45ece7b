#include "probe.h"

#include <stdio.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>
#include <vx_base/program.h>

void vx_probe_print(const char *run_dir, uint32_t ranks)
{
    const char *name = ranks > 1 ? "vexil-compute-mpi" : "vexil-compute";
    char *program = vx_program_beside(name);
    char host[VX_NAME_MAX] = "";

    if (program == NULL && ranks <= 1) /* a group's is taken from beside us alone */
        program = vx_program_in_path(name);
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof(host), "unknown");
    fprintf(stdout, "vexil-worker-probe %s %s %s %s %s\n", host, VX_VERSION,
            run_dir != NULL && vx_file_exists(run_dir) ? "yes" : "no", name,
            program != NULL ? "yes" : "no");
    vx_free(program);
}
