#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

char *vx_probe_find(const char *name)
{
    char own[VX_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *folder = NULL;
    char *path = NULL;

    if (size <= 0)
        return vx_strdup(name);
    own[size] = '\0';
    folder = vx_path_folder(own);
    path = folder != NULL ? vx_path_join(folder, name) : NULL;
    vx_free(folder);
    if (path != NULL && access(path, X_OK) != 0) {
        vx_free(path);
        path = vx_strdup(name);
    }
    return path;
}

static bool is_in_path(const char *name)
{
    const char *path = getenv("PATH");
    char *folders = vx_strdup(path != NULL ? path : "");
    char *save = NULL;
    bool found = false;

    for (char *folder = folders != NULL ? strtok_r(folders, ":", &save) : NULL;
         folder != NULL && !found; folder = strtok_r(NULL, ":", &save)) {
        char *file = vx_path_join(folder, name);

        found = file != NULL && access(file, X_OK) == 0;
        vx_free(file);
    }
    vx_free(folders);
    return found;
}

void vx_probe_print(const char *run_dir, uint32_t ranks)
{
    const char *name = ranks > 1 ? "vexil-compute-mpi" : "vexil-compute";
    char *program = vx_probe_find(name);
    bool there = program != NULL && strchr(program, '/') != NULL;
    char host[VX_NAME_MAX] = "";

    if (!there && ranks <= 1) /* a group's is taken from beside us alone */
        there = is_in_path(name);
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof(host), "unknown");
    fprintf(stdout, "vexil-worker-probe %s %s %s %s %s\n", host, VX_VERSION,
            run_dir != NULL && vx_file_exists(run_dir) ? "yes" : "no", name, there ? "yes" : "no");
    vx_free(program);
}
